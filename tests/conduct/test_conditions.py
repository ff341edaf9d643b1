"""Rules on several questions: against the slow twin, by hand, and refused where they cannot be."""

from __future__ import annotations

import copy
import itertools
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.results.claims import Claims
from adaptive_cart.results.estimand import true_values
from adaptive_cart.running.exact import enumerate_design
from adaptive_cart.telling.check import described
from adaptive_cart.telling.walkthrough import example
from conduct.test_fast_equals_adaptive_twin import compare
from conduct.test_fast_equals_twin import raw_design

BOTH = """
name = "Benefit and safety together"
[arms.soc]
control = true
[arms.cart]
product = "autologous"
[endpoints.dfr]
type = "landmark"
month = 6
[endpoints.crs3]
type = "adverse_event"
within_months = 1
[enrolment]
max_n = 40
per_month = 4
[looks]
observed = [20, 40]
[[rules]]
name = "safe_benefit"
then = "declare_success"
all = [
  { posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.10 }, at_least = [0.95, 0.8] },
  { any = [{ posterior = { endpoint = "crs3", arm = "cart", below = 0.20 }, at_least = 0.70 },
           { posterior = { endpoint = "crs3", arm = "cart", above = 0.30 }, below = 0.05 }] },
]
[[rules]]
name = "futility"
then = "declare_futility"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }
below = 0.4
looks = [1]
[truth.soc]
remission = { probability = 0.20, onset = { dist = "fixed", value = 2.0 } }
durability = { cured = 0.5, relapse = { dist = "weibull", shape = 1.0, median = 12.0 } }
[truth.cart]
remission = { probability = 0.60, onset = { dist = "fixed", value = 2.0 } }
durability = { cured = 0.8, relapse = { dist = "weibull", shape = 1.0, median = 24.0 } }
events = { crs3 = 0.08 }
[scenarios.null]
cart = { same_as = "soc" }
[scenarios.expected]
[scenarios.toxic]
cart.events.crs3 = 0.40
"""  # noqa: E501

COUNTS = """
name = "Two questions of one count"
[arms.soc]
control = true
[arms.cart]
[endpoints.dfr]
type = "landmark"
month = 6
[enrolment]
max_n = 20
per_month = 4
[looks]
observed = [20]
[[rules]]
name = "large_and_likely"
then = "declare_success"
all = [
  { posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }, at_least = 0.9 },
  { posterior = { endpoint = "dfr", arm = "cart", above = 0.4 }, at_least = 0.6 },
]
[scenarios.null]
dfr = { soc = 0.3, cart = 0.3 }
[scenarios.works]
dfr = { soc = 0.3, cart = 0.6 }
[scenarios.high]
role = "null"
dfr = { soc = 0.7, cart = 0.7 }
"""


def both(**changes: Any) -> dict[str, Any]:
    raw = tomllib.loads(BOTH)
    raw["rules"][0] |= changes
    return raw


@pytest.mark.parametrize("scenario", ["expected", "toxic"])
def test_benefit_and_safety_trial_by_trial(scenario: str) -> None:
    block = compare(both(), scenario, 12)
    won = block.standing.won[0][:, 0] > 0
    assert won.any() == (scenario == "expected"), "never where it harms"
    assert np.isnan(block.standing.probability[won]).all(), "it hung on several"


def test_each_arm_with_a_question_that_all_share() -> None:
    raw = raw_design("products_multiarm")
    own = next(rule["posterior"]["endpoint"] for rule in raw["rules"] if "posterior" in rule)
    raw["rules"] = [
        {
            "name": "good",
            "then": "declare_success",
            "all": [
                {"posterior": {"endpoint": own, "arm": "each", "minus": "soc", "above": 0.0},
                 "at_least": 0.9},
                {"posterior": {"endpoint": own, "arm": "soc", "below": 0.5}, "at_least": 0.5},
            ],
        },
        {
            "name": "poor",
            "then": "drop_arm",
            "any": [
                {"posterior": {"endpoint": own, "arm": "each", "minus": "soc", "above": 0.0},
                 "below": 0.3},
                {"posterior": {"endpoint": own, "arm": "each", "above": 0.2}, "below": 0.05},
            ],
        },
    ]  # fmt: skip
    compare(raw, next(iter(raw["scenarios"])), 3)
    rule = Plan.of(Design(**copy.deepcopy(raw))).rules[0]
    assert [len(part.targets) for part in rule.parts] == [len(rule.targets), 1]


def test_two_questions_of_one_count_are_enumerated() -> None:
    """Over all tables, from scipy alone: 10 of each arm, uniform priors."""
    design = Design(**tomllib.loads(COUNTS))
    rows, true = enumerate_design(design, design.truths)
    measured = {(row[0], row[1]): row[5] for row in rows if row[4] is None}
    grid = (np.arange(4000) + 0.5) / 4000
    for scenario, (p, q) in {"null": (0.3, 0.3), "works": (0.3, 0.6), "high": (0.7, 0.7)}.items():
        total = 0.0
        for x, y in itertools.product(range(11), range(11)):
            better = float((stats.beta.pdf(grid, y + 1, 11 - y)
                            * stats.beta.cdf(grid, x + 1, 11 - x)).mean())  # fmt: skip
            large = float(stats.beta.sf(0.4, y + 1, 11 - y))
            if better >= 0.9 and large >= 0.6:
                total += stats.binom.pmf(x, 10, p) * stats.binom.pmf(y, 10, q)
        assert measured[scenario, "success"] == pytest.approx(total, abs=1e-9)
    # false where either claim is: no difference, or a rate of no more than 0.4
    claims = {name: Claims.of(design, true[name]).false(0) for name in true}
    assert claims == {"null": True, "works": False, "high": True}


def test_of_any_a_claim_is_false_where_all_are() -> None:
    raw = tomllib.loads(COUNTS)
    raw["rules"][0]["any"] = raw["rules"][0].pop("all")
    design = Design(**raw)
    found = {
        name: Claims.of(design, true_values(design, truth)).false(0)
        for name, truth in design.truths.items()
    }
    assert found == {"null": True, "works": False, "high": False}


def test_it_is_told_part_by_part() -> None:
    design = Design(**both())
    told = described(design)
    assert (
        "declare_success if P(cart − soc > 0.10 | dfr) >= 0.95, 0.80 (by look) and "
        "(P(cart < 0.20 | crs3) >= 0.70 or P(cart > 0.30 | crs3) < 0.05)"
    ) in told
    assert "asks about dfr and crs3 together" in told
    story = str(example(design, "expected"))
    assert " and (P(cart < 0.20 | crs3) = " in story


def test_every_part_has_a_column(tmp_path: Path) -> None:
    result = ac.simulate(Design(**both()), trials=40, seed=3, jobs=1, out=tmp_path / "out")
    looks = result.looks
    assert [name for name in looks.columns if name.startswith("p_")] == [
        "p_safe_benefit_1", "p_safe_benefit_2", "p_safe_benefit_3", "p_futility"
    ]  # fmt: skip
    cart = looks[(looks["arm"] == "cart") & (looks["look"] == 2)]
    first, second, third = (cart[f"p_safe_benefit_{n}"] for n in (1, 2, 3))
    held = (first >= 0.8) & ((second >= 0.7) | (third < 0.05))
    trials = result.trials
    won = trials[(trials["rule"] == "safe_benefit") & (trials["look"] == 2)]
    assert set(zip(won["scenario"], won["trial"], strict=True)) == set(
        zip(cart[held]["scenario"], cart[held]["trial"], strict=True)
    )


def test_a_real_trial_is_judged_part_by_part() -> None:
    design = Design(**both())
    story = example(design, "expected", trial=1)
    found = ac.analyze(design, story.participants, fast=True, look=1)
    mine = [rule for rule in found.rules if rule.rule == "safe_benefit"]
    assert len(mine) == 3
    acts = bool(mine[0].holds and (mine[1].holds or mine[2].holds))
    assert [rule.acts for rule in mine] == [acts] * 3
    line = next(line for line in str(story).splitlines() if "safe_benefit" in line)
    for rule in mine:
        assert f"{rule.fast:.4f}" in line


REFUSED = [
    ({"at_least": 0.9}, "rules[0].at_least", "each condition inside `all` has its own"),
    ({"all": []}, "rules[0].all", "an empty list"),
    ({"all": [{"at_least": 0.9}]}, "rules[0].all[0]", "exactly one of posterior, predictive"),
    (
        {"all": [{"posterior": {"endpoint": "dfr", "arm": "crat", "above": 0.1}, "below": 0.9}]},
        "rules[0].all[0].posterior.arm",
        "did you mean 'cart'?",
    ),
    (
        {"all": [{"posterior": {"endpoint": "dfr", "arm": "cart", "above": 0.1},
                  "at_least": "calibrate"}]},
        "calibration",
        'asks for "calibrate": write [calibration]',
    ),
    (
        {"all": [{"posterior": {"endpoint": "dfr", "arm": "cart", "above": 0.1},
                  "at_least": [0.9, 0.8, 0.7]}]},
        "rules[0].all[0].at_least",
        "found 3 values",
    ),
    (
        {"all": [{"predictive": {"rule": "safe_benefit"}, "at_least": 0.9}]},
        "rules[0].all[0].predictive.rule",
        "asks no posterior question",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "path", "says"), REFUSED)
def test_what_makes_no_condition_is_refused(change: dict[str, Any], path: str, says: str) -> None:
    if "all" in change and len(change["all"]) == 1:
        change = {"all": [*change["all"], *both()["rules"][0]["all"][:1]]}
    with pytest.raises(DesignError) as error:
        Design(**both(**change))
    told = {problem.path: problem.message for problem in error.value.problems}
    assert says in told[path]


def test_two_arms_by_name_are_two_rules() -> None:
    raw = raw_design("products_multiarm")
    names = [name for name, arm in raw["arms"].items() if not arm.get("control")]
    asked = [{"posterior": {"endpoint": next(iter(raw["endpoints"])), "arm": name, "above": 0.1},
              "at_least": 0.9} for name in names[:2]]  # fmt: skip
    raw["rules"] = [{"name": "both", "then": "declare_success", "all": asked}]
    with pytest.raises(DesignError, match="belongs to one arm"):
        Design(**raw)
