"""Further claims: judged once, at the end, of targets for which what they require has held."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.participants.population import latents_for
from adaptive_cart.report.chapters.further_claims import further_claims
from adaptive_cart.report.document import Table, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.results.result import Result
from adaptive_cart.results.tables import summary
from adaptive_cart.telling.check import described
from adaptive_cart.telling.walkthrough import example
from conduct.test_conditions import both
from conduct.test_fast_equals_adaptive_twin import compare
from conduct.test_fast_equals_twin import raw_design

LARGE = {
    "name": "large",
    "then": "claim",
    "requires": ["safe_benefit"],
    "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.25},
    "at_least": [0.9, 0.7],
    "followed_up": True,
}
SAFE = {
    "name": "safe",
    "then": "claim",
    "requires": ["large"],
    "posterior": {"endpoint": "crs3", "arm": "cart", "below": 0.20},
    "at_least": 0.8,
}


def gated(*claims: dict[str, Any]) -> dict[str, Any]:
    raw = both()
    raw["rules"] = [*(copy.deepcopy(c) for c in claims or (SAFE, LARGE)), *raw["rules"]]
    return raw


def test_claims_trial_by_trial() -> None:
    """The claim written first requires the one written second; both come after the other rules."""
    block = compare(gated(), "expected", 16)
    large, safe = block.standing.noted[1][:, 0], block.standing.noted[0][:, 0]
    won = block.standing.noted[2][:, 0] > 0
    assert (large > 0).any()
    assert won[large > 0].all()
    assert (large > 0)[safe > 0].all()
    assert (block.look[large > 0] == large[large > 0]).all()


def test_claims_of_each_arm() -> None:
    raw = raw_design("products_multiarm")
    own = next(rule["posterior"]["endpoint"] for rule in raw["rules"] if "posterior" in rule)
    asked = {"endpoint": own, "arm": "each", "minus": "soc", "above": 0.0}
    raw["rules"] = [
        {"name": "good", "then": "declare_success", "posterior": asked, "at_least": 0.9},
        {"name": "poor", "then": "drop_arm", "posterior": asked, "below": 0.3},
        {"name": "large", "then": "claim", "requires": ["good"],
         "posterior": asked | {"above": 0.15}, "at_least": 0.7},
        {"name": "poor_indeed", "then": "claim", "requires": ["poor"],
         "posterior": asked | {"above": 0.1}, "below": 0.2},
    ]  # fmt: skip
    block = compare(raw, next(iter(raw["scenarios"])), 3)
    noted = block.standing.noted
    assert not (noted[2] > 0)[noted[0] == 0].any()
    assert not (noted[3] > 0)[noted[1] == 0].any()


def test_claims_move_nothing_else() -> None:
    with_, without = Design(**gated()), Design(**both())
    truth = with_.truths["expected"]
    blocks = [
        run_block(Plan.of(d), truth, (0.1,), latents_for(d, 5, 0, 40)) for d in (with_, without)
    ]
    assert (blocks[0].months == blocks[1].months).all()
    assert (blocks[0].standing.reason == blocks[1].standing.reason).all()
    assert (blocks[0].reversal == blocks[1].reversal).all()


def test_measures_count_what_the_trials_hold(tmp_path: Path) -> None:
    raw = gated()
    raw["scenarios"]["small"] = {"cart": {"remission": {"probability": 0.42}}}
    result = ac.simulate(Design(**raw), trials=80, seed=3, jobs=1, out=tmp_path / "out")
    trials = result.trials
    for scenario, false in (("expected", False), ("small", True)):
        own = trials[trials["scenario"] == scenario]
        claimed = own["claimed_large"] > 0
        assert result.figure(scenario, "claimed_large").estimate == claimed.mean()
        assert (own["false_claim_large"] == (claimed & false)).all()
        assert result.figure(scenario, "false_claim_large").estimate == (claimed & false).mean()
        any_false = (own["false_success"] == 1) | (own["false_claim_large"] == 1)
        any_false |= own["false_claim_safe"] == 1
        assert result.figure(scenario, "any_false_claim").estimate == any_false.mean()
        assert result.figure(scenario, "claimed_final_large").estimate == (
            own["claimed_final_large"].mean()
        )
        assert (own["claimed_safe"] > 0).any()
    assert (trials["claimed_large"] > 0)[trials["claimed_safe"] > 0].all()
    assert "claimed_final_safe" not in trials


@pytest.fixture(scope="module")
def claimed(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Claims of which one is false in one scenario, and one is judged again."""
    raw = gated()
    raw["scenarios"]["small"] = {"cart": {"remission": {"probability": 0.42}}}
    return ac.simulate(
        Design(**raw), trials=300, seed=3, jobs=1, out=tmp_path_factory.mktemp("claims") / "out"
    )


FALSE = {  # what is claimed and not so, by scenario
    "null": ("success", "large"),
    "small": ("large",),
    "expected": (),
    "toxic": ("success", "safe"),
}


def counted(result: Result, scenario: str) -> dict[str, list[float | None]]:
    """By claim, counted from the trials: claimed, falsely, after follow-up, falsely then."""
    own = result.trials[result.trials["scenario"] == scenario]
    large, safe = own["claimed_large"] > 0, own["claimed_safe"] > 0
    again = own["claimed_final_large"]
    false, success = ("large" in FALSE[scenario]), ("success" in FALSE[scenario])
    harm = safe & ("safe" in FALSE[scenario])
    any_ = ((own["reason"] == "success") & success) | (large & false) | harm
    return {
        "large": [large.mean(), (large & false).mean(), again.mean(), (again & false).mean()],
        "safe": [safe.mean(), harm.mean(), None, None],
        "any, success counted in": [None, any_.mean(), None, (any_ | (again & false)).mean()],
    }


def test_the_summary_shows_further_claims_as_the_trials_count_them(claimed: Result) -> None:
    """Line by line: the shares, in their order, are those counted, to the digits shown."""
    block = summary(claimed).split("further claims")[1].split("simulated trials")[0].splitlines()
    scenario, seen = "", 0
    for text in block:
        if found := re.match(r"(\w+) \(\w+\)$", text.strip()):
            scenario = found[1]
        for name, wanted in counted(claimed, scenario).items() if scenario else ():
            if text.startswith(f" {name} "):
                alone = re.sub(r"\d\.\d+ *– *\d\.\d+", "", text)  # without the intervals
                shown = re.findall(r"\d\.\d+", alone)
                known = [share for share in wanted if share is not None]
                assert len(shown) == len(known), text
                for number, share in zip(shown, known, strict=True):
                    assert abs(float(number) - share) <= 0.51 * 10 ** -len(number[2:]), text
                seen += 1
    assert seen == 3 * len(claimed.roles)
    small = counted(claimed, "small")
    assert small["any, success counted in"][3] > small["any, success counted in"][1] > 0.0  # type: ignore[operator]
    assert "is false, at the end or after follow-up" in summary(claimed)


def test_the_report_shows_them_too(claimed: Result) -> None:
    evidence = Evidence(claimed, Facts(), 0)
    (table,) = [one for one in further_claims(evidence) if isinstance(one, Table)]
    assert table.key == "t-further-claims"
    rows = [[plain(cell) for cell in row.cells] for row in table.rows if not row.heading]
    assert len(rows) == 3 * len(claimed.roles)
    for scenario, name, final, false, false_final in (
        (row[0], row[1], row[3], row[4], row[5]) for row in rows
    ):
        wanted = counted(claimed, scenario)[name]
        for text, share in ((final, wanted[2]), (false, wanted[1]), (false_final, wanted[3])):
            assert (text == "") == (share is None)
            if share is not None:
                number = text.split(" ")[0]
                assert abs(float(number) - share) <= 0.51 * 10 ** -len(number[2:])


def test_a_run_with_claims_is_extended(tmp_path: Path) -> None:
    design = Design(**gated())
    for trials in (10, 30):
        longer = ac.simulate(design, trials=trials, seed=3, jobs=1, out=tmp_path / "grown")
    straight = ac.simulate(design, trials=30, seed=3, jobs=1, out=tmp_path / "straight")
    assert longer.trials.equals(straight.trials)


def test_without_further_claims_nothing_is_said_of_them(tmp_path: Path) -> None:
    result = ac.simulate(Design(**both()), trials=20, seed=3, jobs=1, out=tmp_path / "out")
    assert "urther claims" not in summary(result)
    assert further_claims(Evidence(result, Facts(), 0)) == []


def test_after_follow_up_a_claim_needs_what_it_requires_to_hold_still() -> None:
    """Against the posterior of everybody, worked out anew from the records of the block."""
    raw = gated(LARGE)
    design = Design(**raw)
    plan = Plan.of(design)
    block = run_block(plan, design.truths["expected"], (0.1,), latents_for(design, 7, 0, 200))
    final, claimed = block.claimed_final["large"][:, 0], block.standing.noted[0][:, 0] > 0
    won = block.standing.noted[1][:, 0] > 0
    whole = block.randomised.sum(axis=1) == block.analysed.sum(axis=1)
    assert (final == claimed)[whole & (block.look == 2)].all()
    assert not final[~won].any()
    assert not final[block.reversal].any(), "what it requires does not hold any more"
    assert (final != claimed).any()


def test_they_are_told() -> None:
    design = Design(**gated())
    told = described(design)
    assert (
        "judged at the look that ends the trial, after the other rules, if safe_benefit has held "
        "by then, and again when the pipeline has been followed up"
    ) in told
    stories = [str(example(design, name, trial=k)) for k in range(3) for name in ("null",)]
    assert any("large: not judged ('safe_benefit' has not held)" in story for story in stories)


def test_a_real_trial_makes_them_at_its_end() -> None:
    design = Design(**gated())
    plan = Plan.of(design)
    block = run_block(plan, design.truths["expected"], (0.1,), latents_for(design, 0, 0, 12))
    trial = int(np.flatnonzero(block.standing.noted[1][:, 0] > 0)[0])
    story = example(design, "expected", trial=trial)
    found = ac.analyze(design, story.participants, fast=True)
    made = {rule.rule: rule.holds for rule in found.rules}
    assert made["large"] is True
    again = "'large' (claimed) of cart, to be judged again when the pipeline has been followed up"
    assert again in " ".join(found.decision.actions)
    still = "still" if block.claimed_final["large"][trial, 0] else "no more"
    assert f"'large' of cart is claimed {still}." in str(story)


@pytest.mark.parametrize(
    ("change", "path", "says"),
    [
        ({"requires": ["safe_benefot"]}, "rules[0].requires[0]", "did you mean 'safe_benefit'?"),
        ({"requires": ["large"]}, "rules[0].requires[0]", "in a circle: large → large"),
        ({"looks": [1]}, "rules[0].looks", "judged once"),
        ({"every": 5}, "rules[0].every", "judged once"),
        ({"then": "stop_for_safety"}, "rules[0].requires", "only a further claim"),
        ({"at_least": "calibrate"}, "rules[0].at_least", "declares success"),
    ],
)
def test_what_cannot_be_claimed_is_refused(change: dict[str, Any], path: str, says: str) -> None:
    with pytest.raises(DesignError) as error:
        Design(**gated(LARGE | change))
    told = {problem.path: problem.message for problem in error.value.problems}
    assert says in told[path]


def test_gates_in_a_circle_are_all_told_at_once() -> None:
    first, second = LARGE | {"requires": ["safe"]}, SAFE | {"requires": ["large"]}
    with pytest.raises(DesignError) as error:
        Design(**gated(second, first))
    told = [problem.path for problem in error.value.problems]
    assert told == ["rules[0].requires[0]", "rules[1].requires[0]"]


def test_after_follow_up_the_best_is_sought_among_the_arms_open_when_it_was_declared() -> None:
    """A claim that always holds is made after follow-up just where the success stands."""
    raw = both()
    raw["arms"]["other"] = raw["arms"]["cart"]
    raw["truth"]["other"] = raw["truth"]["cart"]
    raw["multiarm"] = {"ends": "first_success"}
    question = {"endpoint": "dfr", "arm": "each", "best": True}
    low = {"endpoint": "crs3", "arm": "each", "below": 0.99}
    raw["rules"] = [
        {"name": "top", "then": "declare_success", "posterior": question, "at_least": [0.8, 0.6]},
        {"name": "safe", "then": "claim", "requires": ["top"], "posterior": low,
         "at_least": 0.01, "followed_up": True},
    ]  # fmt: skip
    design = Design(**raw)
    plan = Plan.of(design)
    truth = design.truths[next(iter(design.truths))]
    block = run_block(plan, truth, (0.1,) * len(plan.estimands), latents_for(design, 5, 0, 100))
    won = (block.standing.noted[0] > 0).any(axis=1)
    stands = block.claimed_final["safe"].any(axis=1)
    assert (stands == (won & ~block.reversal)).all()
    assert (won & ~stands).any()
    assert stands.any()


def test_a_claim_not_made_at_the_end_opens_no_gate_after_follow_up() -> None:
    safe = SAFE | {"at_least": 0.01, "followed_up": True}
    safe["posterior"] = SAFE["posterior"] | {"below": 0.99}
    design = Design(**gated(safe, LARGE))
    plan = Plan.of(design)
    block = run_block(plan, design.truths["expected"], (0.1,), latents_for(design, 7, 0, 200))
    large, final = block.standing.noted[1][:, 0] > 0, block.claimed_final
    assert (final["large"][:, 0] & ~large).any()
    assert (final["safe"][:, 0] == (final["large"][:, 0] & large)).all()


def test_a_gate_of_any_stratum_is_told() -> None:
    raw = raw_design("enrichment_biomarker")
    claim = {"name": "low", "then": "claim", "requires": ["enrich"], "at_least": 0.5}
    asked = {"endpoint": "infection", "arm": "cart", "below": 0.3}
    raw["rules"].append(claim | {"posterior": asked})
    assert "if enrich has held by then of any stratum" in described(Design(**raw))
    of_each = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0, "stratum": "each"}
    raw["rules"][-1]["posterior"] = of_each
    assert "of any stratum" not in described(Design(**raw))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"minus": "soc", "above": 0.0, "stratum": "open"}, 'write a stratum, stratum = "each"'),
        ({"best": True}, "write `minus`"),
        ({"among_best": 1}, "write `minus`"),
    ],
)
def test_a_claim_about_what_is_open_is_refused(asked: dict[str, Any], says: str) -> None:
    raw = both()
    raw["strata"] = {"x": 0.5, "y": 0.5}
    raw["rules"].append(LARGE | {"posterior": {"endpoint": "dfr", "arm": "cart"} | asked})
    with pytest.raises(DesignError) as error:
        Design(**raw)
    told = {problem.path: problem.message for problem in error.value.problems}
    assert says in told[f"rules[{len(raw['rules']) - 1}].posterior.{list(asked)[-1]}"]
