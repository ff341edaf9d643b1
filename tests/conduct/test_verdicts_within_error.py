"""A verdict that the error of a posterior probability could turn is counted, and no other.

The twin reads what was asked at every look off ``looks.parquet``, and goes by the words alone: a
trial counts for a rule where a probability lies no further from the threshold in force than the
model's stated error, and no symmetry decides it.
"""

from __future__ import annotations

import copy
import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.models import ANALYSES
from adaptive_cart.models.binary import beta_answers, beta_exact
from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.models.ties import Error, certain, not_known, undecided
from adaptive_cart.nouns.questions import Question
from adaptive_cart.running.exact import enumerate_design
from checks import assert_share, raw_design, tiny_design

STATED = {"hierarchical_logistic": 0.002, "weibull_cure": 0.002}  # as docs/semantics.md has them
Table = dict[str, Any]


def baskets() -> Table:
    """The basket with many looks, so that many verdicts are near their thresholds."""
    raw = raw_design("basket_diseases")
    raw["enrolment"] = {"max_n": 60, "per_month": 8}
    raw["looks"] = {"observed": [24, 36, 48, 60]}
    futility, efficacy = raw["rules"]
    futility |= {"looks": [1, 2, 3], "below": [0.2, 0.3, 0.4]}
    efficacy |= {"looks": [2, 3, 4], "at_least": [0.95, 0.9, 0.85]}
    return raw


def lasting() -> Table:
    """How many are still in remission, by a mixture of cured and not."""
    raw = raw_design("sle_autologous")
    raw["endpoints"]["lasting"] = {"type": "time_to_relapse", "horizon": 36}
    raw["analysis"]["lasting"] = {
        "model": "weibull_cure",
        "prior": {
            "cured": {"dist": "beta", "a": 1, "b": 1},
            "median_months": {"dist": "lognormal", "median": 12, "sigma": 0.8},
            "shape": {"dist": "lognormal", "median": 1, "sigma": 0.3},
        },
    }
    raw["enrolment"]["max_n"] = 60
    raw["looks"] = {"observed": [30, 45, 60]}
    asked = {"endpoint": "lasting", "arm": "cart", "remains_at": 12, "above": 0.6}
    raw["rules"] = [
        {"name": "lasts", "then": "declare_success", "posterior": asked, "at_least": 0.9975},
        {"name": "lapses", "then": "declare_futility", "posterior": asked, "below": 0.97},
    ]
    raw["scenarios"] = {"expected": {}}
    return raw


def by_hand(raw: Table, looks: pd.DataFrame, rule: Table, error: float) -> set[int]:
    """Trials in which a probability of a rule lies within the error of its threshold."""
    threshold = rule.get("at_least", rule.get("below"))
    judged = rule.get("looks", list(range(1, len(raw["looks"]["observed"]) + 1)))
    found = set()
    for row in looks.to_dict("records"):
        asked = row[f"p_{rule['name']}"]
        if np.isnan(asked) or row["look"] not in judged:
            continue
        here = threshold[judged.index(row["look"])] if isinstance(threshold, list) else threshold
        if here - error <= asked <= here + error:
            found.add(int(row["trial"]))
    return found


@pytest.mark.parametrize(
    ("raw", "model", "trials", "fewest"),
    [
        (baskets(), "hierarchical_logistic", 60, 5),
        pytest.param(lasting(), "weibull_cure", 100, 20, marks=pytest.mark.slow),
    ],
)
def test_trials_are_counted_as_by_hand(raw: Table, model: str, trials: int, fewest: int) -> None:
    result = ac.simulate(Design(**copy.deepcopy(raw)), trials=trials, seed=3, jobs=1)
    counted = 0
    for scenario, rule in itertools.product(raw["scenarios"], raw["rules"]):
        mine = result.looks[result.looks.scenario == scenario]
        slow = by_hand(raw, mine, rule, STATED[model])
        rows = result.trials[result.trials.scenario == scenario]
        measure = f"within_error_{rule['name']}"
        assert set(rows.trial[rows[measure]]) == slow, (scenario, measure)
        figure = result.figure(scenario, measure)
        assert figure.estimate == len(slow) / trials
        assert figure.n == trials
        assert figure.mcse == pytest.approx(
            np.sqrt(figure.estimate * (1 - figure.estimate) / trials), abs=1e-12
        )
        counted += len(slow)
    assert counted >= fewest


# ── what is exact never counts ────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", ["hello", "products_multiarm", "goldilocks_allogeneic"])
def test_rules_whose_answers_are_exact_have_no_rows(name: str) -> None:
    """Counts with whole priors: differences, predictive probabilities, the best of several."""
    design = Design(**raw_design(name))
    plan = Plan.of(design)
    assert plan.errors == {rule.name: 0.0 for rule in design.rules}
    result = ac.simulate(design, trials=20, seed=1, jobs=1, engine="simulate")
    assert not result.operating_characteristics.measure.str.startswith("within_error").any()
    assert not [name for name in result.trials if name.startswith("within_error")]


def test_what_is_decided_by_symmetry_does_not_count() -> None:
    near = np.array([0.5, 0.5005, 0.4, np.nan])
    tie = np.array([0.0, np.nan, np.nan, np.nan])
    found = undecided(near, 0.5, Error(0.002), lambda threshold, rows: tie[rows])
    assert found.tolist() == [False, True, False, False]
    assert not undecided(near, 0.5, Error(0.0), not_known).any()
    assert not undecided(np.array([1.0, 1.0]), 0.999, Error(0.002), certain(True)).any()


def test_a_question_that_no_data_can_turn_is_certain() -> None:
    """A hazard ratio above 0, a rate above 0, a share below 2: whatever the threshold."""
    raw = baskets()
    raw["rules"][1]["posterior"]["above"] = -1.0
    raw["rules"][1]["at_least"] = [0.999, 0.9995, 0.9985]
    del raw["rules"][0]
    raw["looks"]["observed"] = [24, 36, 48, 60]
    design = Design(**raw)
    result = ac.simulate(design, trials=20, seed=1, jobs=1, scenarios=["null"])
    assert result.figure("null", "within_error_efficacy").estimate == 0.0
    assert result.figure("null", "success").estimate == 1.0


# ── counts: where there is no fraction ────────────────────────────────────────────────────────
PRIORS = {
    "whole": BetaMixture((1.0,), (1.0,), (2.0,)),
    "fractional": BetaMixture((1.0,), (0.5,), (0.5,)),
    "robust": BetaMixture((0.8, 0.2), (2.0, 1.0), (9.0, 1.0)),
}


@pytest.mark.parametrize("pair", list(itertools.product(PRIORS, PRIORS)))
@pytest.mark.parametrize("question", [
    Question("dfr", 1, value=0.3),
    Question("dfr", 1, 0),
    Question("dfr", 1, 0, value=0.1),
    Question("dfr", 1, 0, value=-0.2),
    Question("dfr", 1, kind="best"),
    Question("dfr", 2, kind="best"),
])  # fmt: skip
def test_counts_are_exact_where_every_table_has_its_fraction(
    pair: tuple[str, str], question: Question, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every table of three small arms is tried, the limits made small too."""
    monkeypatch.setattr(beta_exact, "MOST_TERMS", 14)
    monkeypatch.setattr(beta_exact, "MOST_STEPS", 60)
    arm, other = (PRIORS[name] for name in pair)
    model = BetaBinomial((other, arm, other))
    arms = question.compared(3)
    if question.kind != "best":
        arms = tuple(arm for arm in (question.arm, question.minus) if arm is not None)
    told = set()
    for size in [(2, 2, 2), (5, 4, 3), (3, 9, 1), (9, 3, 9)]:
        tables = itertools.product(*(range(size[arm] + 1) for arm in arms))
        totals = tuple(size[arm] for arm in arms)
        answers = [
            beta_answers.exact_answer(model, question, arms, (*seen, *totals)) for seen in tables
        ]
        known = beta_answers.always_decided(model, question, size)
        # symmetric tables have an answer where the others have none
        assert known == all(answer is not None for answer in answers), (size, question)
        told.add(known)
    assert told


def jeffreys() -> Table:
    raw = tiny_design(
        looks={"observed": [8, 16, 24]},
        analysis={"dfr": {"model": "beta_binomial", "prior": {"a": 0.5, "b": 0.5}}},
        scenarios={"null": {"dfr": {"soc": 0.4, "cart": 0.6}}},
    )
    raw["rules"][0]["at_least"] = 0.9
    asked = {**raw["rules"][0]["posterior"], "above": 0.1}
    raw["rules"].append(
        {"name": "futility", "then": "declare_futility", "posterior": asked, "below": 0.3}
    )
    return raw


def test_enumerated_trials_count_as_simulated_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an error so large that it matters; that of the model is 1e-9."""
    monkeypatch.setattr(ANALYSES["beta_binomial"], "error", lambda *asked: 0.05)
    design = Design(**jeffreys())
    rows, _ = enumerate_design(design, truths_of(design))
    exact = {row[1]: row[5] for row in rows if row[1].startswith("within_error")}
    assert exact.keys() == {"within_error_efficacy", "within_error_futility"}
    result = ac.simulate(design, trials=4000, seed=5, jobs=1, engine="simulate")
    for measure, probability in exact.items():
        assert 0.05 < probability < 0.9
        assert_share(result.trials[measure].to_numpy(), probability, measure)
