"""A trial in two parts: against the twin, its numbers, and what is refused."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from adaptive_cart.analysis.replay import replayed
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.first_part import planned_in_parts
from adaptive_cart.errors import CartError, DesignError
from adaptive_cart.nouns.summaries import Counts
from adaptive_cart.participants.population import latents_for
from adaptive_cart.recorded.file import read_participants
from adaptive_cart.results.estimand import target_values, true_values
from adaptive_cart.running.engine import obstacles
from adaptive_cart.sweeps.varying import design_of_size
from adaptive_cart.telling.check import described
from adaptive_cart.telling.walkthrough import example
from analysis.test_real_trial_round_trip import same_end, simulated, table
from conduct.test_fast_equals_adaptive_twin import compare

Raw = dict[str, Any]
NO_CHOICE = {
    "name": "chosen", "then": "choose_arm", "looks": [1], "at_least": 0.0,
    "posterior": {"endpoint": "free", "arm": "each", "best": True},
}  # fmt: skip


def design_of(part: Raw, **tables: Any) -> Raw:
    """Two regimens, of which one is chosen and compared with a control."""
    raw: Raw = {
        "name": "In two parts",
        "arms": {"usual": {"control": True}, "low": {}, "high": {"allocation": 2}},
        "first_part": {"participants": 18, **part},
        "endpoints": {
            "free": {"type": "landmark", "month": 4.0},
            "fever": {"type": "adverse_event", "within_months": 2.0},
        },
        "enrolment": {"max_n": 60, "per_month": 3.0},
        "looks": {"observed": [18, 40], "final": "all_observed"},
        "rules": [
            {
                "name": "harm", "then": "drop_arm", "at_least": 0.9,
                "posterior": {"endpoint": "fever", "arm": "each", "above": 0.3},
            },
            copy.deepcopy(NO_CHOICE),
            {
                "name": "works", "then": "declare_success", "at_least": 0.95,
                "posterior": {"endpoint": "free", "arm": "each", "minus": "usual", "above": 0.0},
            },
        ],
        "scenarios": {
            "one": {
                "free": {"usual": 0.3, "low": 0.5, "high": 0.5},
                "fever": {"usual": 0.1, "low": 0.2, "high": 0.3},
            }
        },
    }  # fmt: skip
    return raw | tables


PARTS: dict[str, Raw] = {
    "does not count": {},
    "counts": {"counts": True, "pause": 2.5},
    "counts for safety": {"counts": ["fever"]},
    "with the control": {"control": True, "counts": True},
}


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_it_is_the_twins_trial_by_trial(part: Raw) -> None:
    compare(design_of(part), "one", 8)


def test_strata_and_arms_that_drop_between_looks_are_the_twins() -> None:
    raw = design_of({"counts": ["fever"]}, strata={"mild": 0.4, "hard": 0.6})
    raw["scenarios"]["one"]["fever"] = {"usual": 0.1, "low": 0.6, "high": 0.7}
    compare(raw, "one", 8)


def test_a_lead_in_of_one_arm_is_the_twins() -> None:
    """A first part of one arm, which a safety rule may end."""
    raw = design_of({"participants": 6})
    del raw["arms"]["high"]
    for by_arm in raw["scenarios"]["one"].values():
        del by_arm["high"]
    raw["looks"]["observed"] = [6, 40]
    raw["rules"] = [
        {
            "name": "harm", "then": "stop_for_safety", "looks": [1], "at_least": 0.5,
            "posterior": {"endpoint": "fever", "arm": "low", "above": 0.3},
        },
        raw["rules"][2],
    ]  # fmt: skip
    compare(raw, "one", 12)


def test_the_best_of_those_for_which_it_holds_is_chosen() -> None:
    """Of two questions, the first puts in order; below, the smallest is the best."""
    raw = design_of({})
    raw["rules"][1] = {
        "name": "chosen", "then": "choose_arm", "looks": [1],
        "all": [
            {"posterior": {"endpoint": "fever", "arm": "each", "above": 0.2}, "below": 0.8},
            {"posterior": {"endpoint": "free", "arm": "each", "above": 0.3}, "at_least": 0.6},
        ],
    }  # fmt: skip
    block = compare(raw, "one", 12)
    assert {tuple(row) for row in block.standing.dropped[:, 1:]} >= {(1, 0), (0, 1)}


def block_of(raw: Raw, trials: int) -> tuple[Design, Any]:
    design = Design(**copy.deepcopy(raw))
    plan, truth = Plan.of(design), design.truths["one"]
    targets = target_values(plan, true_values(design, truth))
    return design, run_block(plan, truth, targets, latents_for(design, 7, 0, trials), True)


def test_another_size_keeps_the_first_part_and_its_look() -> None:
    """Looks at 18 and 40 of 60: with 102, 22 of 42 become 44 of 84, whole blocks of four."""
    moved = design_of_size(Design(**design_of({})), 102, False)
    assert moved.looks.observed == [18, 62]
    assert moved.first_part is not None
    assert moved.first_part.participants == 18


def test_equal_arms_leave_the_first_and_one_arm_goes_on() -> None:
    raw = design_of({})
    del raw["rules"][0]
    raw["scenarios"]["one"]["free"] = {"usual": 0.3, "low": 1.0, "high": 1.0}
    raw["arms"]["high"] = {}
    _, block = block_of(raw, 20)
    assert (block.standing.dropped[:, 1] == 0).all()
    assert (block.standing.dropped[:, 2] == 1).all()


@pytest.mark.parametrize("then", ["at_least", "below"])
def test_of_arms_that_have_done_alike_the_first_written_goes_on(then: str) -> None:
    """Each is the better one with a probability of one half, told by sums in two orders."""
    raw = design_of({"participants": 30})
    raw["rules"][1] = {**NO_CHOICE, then: 0.0 if then == "at_least" else 1.0}
    if then == "below":
        del raw["rules"][1]["at_least"]
    del raw["rules"][0]
    raw["arms"]["high"] = {}
    raw["enrolment"]["max_n"], raw["looks"]["observed"] = 80, [30, 60]
    _, block = block_of(raw, 200)
    first = block.looks[0]
    seen = first.summaries["free"]
    assert isinstance(seen, Counts)
    alike = np.ones(200, dtype=np.bool_)
    for counts in (seen.successes, seen.totals):
        alike &= (counts[:, 1] == counts[:, 2]).all(axis=-1)
    answers = first.probabilities["chosen"][alike]
    assert alike.sum() > 20
    assert len(np.unique(answers)) > 1, "they differ by rounding"
    assert (block.standing.dropped[alike, 1] == 0).all()
    assert (block.standing.dropped[alike, 2] == 1).all()


@pytest.mark.parametrize("counts", [False, True])
def test_numbers_by_part(counts: bool) -> None:
    """Eighteen by 1 : 2; then the control against one regimen, and nobody while it is waited."""
    design, block = block_of(design_of({"counts": counts, "pause": 3.0}), 200)
    people, first = block.population, block.looks[0]
    assert (first.randomised.sum(axis=2) == [0, 6, 12]).all()
    for trial in np.flatnonzero(block.standing.reason >= 0)[:40]:
        arrival = people.arrival[trial]
        assert first.date[trial] == pytest.approx(arrival[17] + 4.0)
        assert arrival[18] > first.date[trial] + 3.0
    second = block.looks[1].held
    chosen = np.where(block.standing.dropped[:, 1] == 1, 2, 1)
    analysed = block.looks[1].summaries["free"].analysed.sum(axis=2)
    own = np.where(chosen == 1, 6, 12)
    going_on = analysed[:, 0] + analysed[np.arange(200), chosen]
    assert (going_on == 22 + (own if counts else 0))[second].all()
    assert (analysed[np.arange(200), 3 - chosen] == 18 - own)[second].all()
    assert design.planned == (11, 16, 33)
    assert [planned_in_parts(design, arm) for arm in (1, 2)] == [(21, 27, 12), (14, 6, 40)]


def test_choosing_the_better_of_two_null_regimens_biases_only_if_they_count() -> None:
    """With true rates alike, the estimate of the arm that was chosen; 2,000 trials, four errors."""
    found = {}
    for counts in (False, True):
        raw = design_of({"counts": counts})
        del raw["rules"][0]
        raw["arms"]["high"] = {}
        raw["scenarios"]["one"]["free"] = {"usual": 0.3, "low": 0.3, "high": 0.3}
        raw["rules"][1]["at_least"] = 0.9999
        raw["analysis"] = {"free": {"model": "beta_binomial", "prior": {"a": 0.01, "b": 0.01}}}
        _, block = block_of(raw, 2000)
        chosen = np.where(block.standing.dropped[:, 1] == 1, 1, 0)
        errors = block.estimate[np.arange(2000), chosen]
        found[counts] = errors.mean() / (errors.std() / np.sqrt(2000))
    assert abs(found[False]) < 4.0
    assert found[True] > 6.0


@pytest.mark.parametrize("part", ["does not count", "with the control"])
def test_a_table_of_participants_is_the_same_trial(part: str) -> None:
    """Read back as a real trial, every look has the same numbers, answers and decisions."""
    design = Design(**design_of(PARTS[part]))
    block = simulated(design, "one", 3)
    for trial in range(3):
        participants = read_participants(table(design, block, trial), design)
        same_end(block, trial, replayed(Plan.of(design), participants))


def test_a_table_with_somebody_in_an_arm_of_the_other_part_is_refused() -> None:
    design = Design(**design_of({}))
    block = simulated(design, "one", 1)
    rows = table(design, block, 0)
    by_month = sorted(rows, key=lambda row: float(row["randomised_month"]))
    assert read_participants(rows, design)
    by_month[4]["arm"] = "usual"
    with pytest.raises(CartError, match="found 'usual'; the first 18 by month of randomisation"):
        read_participants(rows, design)


def test_an_example_says_why_the_control_is_not_asked_about() -> None:
    design = Design(**design_of({}))
    text = example(design, "one", 0).text
    assert "works: not judged, since usual enrols in the second part" in text


def test_check_and_the_engine_say_it() -> None:
    design = Design(**design_of({"counts": ["fever"], "pause": 1.0}))
    text = described(design)
    assert (
        "first part: the first 18 participants, without usual; the second part opens 1 month"
        in text
    )
    assert " after the first look, and in it they count for fever alone" in text
    assert any("the first part has arms" in said for said in obstacles(design, design.truths))


@pytest.mark.parametrize(
    ("part", "tables", "told"),
    [
        ({"participants": 60}, {}, "nobody is left for the second part, since max_n is 60"),
        ({"participants": 20}, {}, "whose participants are 20: write looks.observed = [20, …]"),
        ({"counts": ["fevr"]}, {}, "did you mean 'fever'?"),
        ({"counts": "fever"}, {}, 'first_part.counts: found "fever"; true or false'),
        ({"counts": [3]}, {}, "first_part.counts[0]: found 3; text in quotes is expected"),
        ({}, {"looks": {"months": [8.0, 24.0]}}, "the second part waits until all of the first"),
        ({}, {"randomisation": {"method": "response_adaptive"}}, "shares would begin anew"),
        ({}, {"randomisation": {"block": 4}}, "in the first part 1 : 2 needs a multiple of 3"),
        (
            {},
            {"arms": {"usual": {"control": True}, "low": {"enters": 3.0}, "high": {}}},
            "says when arms begin to enrol",
        ),
        (
            {},
            {"analysis": {"free": {"model": "beta_binomial",
                                   "time_trend": {"model": "periods"}}}},
            "has no periods that an analysis tells apart",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(part: Raw, tables: Raw, told: str) -> None:
    with pytest.raises(DesignError) as caught:
        Design(**design_of(part, **tables))
    assert told in str(caught.value)


def test_a_choice_needs_arms_and_a_prediction_is_refused() -> None:
    raw = design_of({})
    del raw["arms"]["high"]
    for by_arm in raw["scenarios"]["one"].values():
        del by_arm["high"]
    raw["rules"].append({"name": "hopeless", "then": "declare_futility", "below": 0.1,
                         "predictive": {"rule": "works"}})  # fmt: skip
    with pytest.raises(DesignError) as caught:
        Design(**raw)
    assert "there is one experimental arm, and nothing to choose" in str(caught.value)
    assert "how many each arm will have at the last look is not predicted" in str(caught.value)
    raw = design_of({})
    raw["rules"][1]["posterior"] = {"endpoint": "free", "arm": "low", "above": 0.2}
    with pytest.raises(DesignError, match='chooses among the arms: "each" is needed'):
        Design(**raw)
