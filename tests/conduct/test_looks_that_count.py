"""Looks count what a protocol counts: a stratum's, another endpoint's, with months, in each arm."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from adaptive_cart.analysis.replay import replayed
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import Block, run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.errors import DesignError, InputError
from adaptive_cart.participants.population import latents_for
from adaptive_cart.recorded.file import read_participants
from adaptive_cart.running.boundaries import boundaries
from adaptive_cart.running.engine import obstacles
from adaptive_cart.telling.check import described
from analysis.test_real_trial_round_trip import same_end, simulated, table
from checks import tiny_design
from conduct.test_fast_equals_adaptive_twin import compare
from conduct.test_order_in_time import course_design

Raw = dict[str, Any]
WEAK = {"dist": "exponential", "median": 4.0}


def trial_of(looks: Raw, seed: int = 0) -> Raw:
    """Two strata, two or three arms that may be dropped, a landmark and a time to an event."""
    drawn = np.random.default_rng(seed)
    drop = {
        "name": "weak",
        "then": "drop_arm",
        "posterior": {"endpoint": "free", "arm": "each", "minus": "usual", "above": 0.0},
        "below": 0.47,
    }
    close = {
        "name": "close",
        "then": "close_stratum",
        "posterior": {
            "endpoint": "free", "arm": "cells", "minus": "usual", "above": 0.0, "stratum": "each"
        },
        "below": 0.35,
    }  # fmt: skip
    raw = course_design(*([drop, close] if seed % 2 else [close]))
    raw["strata"] = {"active": 0.6, "quiet": 0.4}
    raw["endpoints"]["flare"] = {
        "type": "time_to_event",
        "event": ["relapse", "rescue", "death"],
        "horizon": 18.0,
    }
    if seed % 2:
        raw["arms"]["others"] = {}
        raw["truth"]["others"] = copy.deepcopy(raw["truth"]["cells"])
    for arm in raw["arms"]:
        raw["truth"][arm]["durability"] = {"cured": 0.2, "relapse": WEAK}
        raw["truth"][arm] |= {
            "rescue": {"per_year": float(drawn.uniform(0.05, 0.6))},
            "death": {"per_year": 0.05},
            "dropout": {"per_year": 0.1},
        }
    return raw | {"looks": looks}


def of_events(*numbers: int, **keys: Any) -> Raw:
    return {"events": {"endpoint": "flare", "numbers": list(numbers), **keys}}


REACHED: dict[str, Raw] = {
    "events of another endpoint": of_events(4, 9),
    "events in one stratum": of_events(3, 6, stratum="active"),
    "observed in one stratum": {"observed": {"stratum": "quiet", "numbers": [5, 9]}},
    "enrolled in one stratum": {"enrolled": {"stratum": "active", "numbers": [8, 14]}},
    "at least so many in each arm": {"observed": [12, 24], "minimum_in_each_arm": 6},
    "events in each arm": of_events(5, 9) | {"minimum_in_each_arm": 1},
    "the later of two": {"observed": [12, 20], "months": [8.0, 20.0], "whichever": "later"},
    "the earlier of two": {"observed": [12, 20], "months": [8.0, 20.0], "whichever": "earlier"},
    "all at once": of_events(3, 7, stratum="active")
    | {"months": [9.0, 14.0], "whichever": "later", "minimum_in_each_arm": 1},
    "and a final one": {"observed": {"stratum": "active", "numbers": [6, 9]}}
    | {"final": "all_observed"},
}


@pytest.mark.parametrize("looks", REACHED.values(), ids=REACHED)
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_the_twins_trial_by_trial(looks: Raw, seed: int) -> None:
    compare(trial_of(looks, seed), "toxic", 5)


@pytest.mark.parametrize("seed", range(6))
def test_random_looks(seed: int) -> None:
    drawn = np.random.default_rng(1000 + seed)
    scale = ("observed", "enrolled", "events")[seed % 3]
    numbers = np.sort(drawn.choice(np.arange(2, 20), 2, replace=False)).tolist()
    table: Raw = {"numbers": numbers, "stratum": str(drawn.choice(["active", "quiet"]))}
    if scale == "events":
        table["endpoint"] = "flare"
    looks: Raw = {scale: table}
    if drawn.random() < 0.6:
        months = np.sort(drawn.uniform(4.0, 30.0, 2)).tolist()
        looks |= {"months": months, "whichever": str(drawn.choice(["later", "earlier"]))}
    if drawn.random() < 0.6:
        looks["minimum_in_each_arm"] = int(drawn.integers(1, 5))
    compare(trial_of(looks, seed), "toxic", 6)


def ended(block: Block) -> np.ndarray:
    """Months at which each look was held, ``(trial, look)``."""
    return np.stack([np.where(r.held, r.date, np.nan) for r in block.looks], axis=1)


def without_rules(looks: Raw) -> Raw:
    """Nothing ends the trial before its looks do."""
    raw = trial_of(looks)
    raw["rules"][0] |= {"below": 0.0}
    return raw


def test_a_number_out_of_reach_makes_its_look_the_last() -> None:
    for looks in (
        of_events(30, 34, stratum="quiet"),
        {"observed": {"stratum": "quiet", "numbers": [30, 34]}},
        {"observed": [12, 24], "minimum_in_each_arm": 12},
    ):
        block = compare(without_rules(looks), "toxic", 4)
        assert (block.look[block.look == 1].size > 0) or (block.look == 2).all()
    block = compare(without_rules(of_events(30, 34, stratum="quiet")), "toxic", 4)
    assert (block.look == 1).all()


def test_with_months_beside_it_the_month_decides_and_the_trial_goes_on() -> None:
    out = of_events(30, 34, stratum="quiet")
    late = {"months": [60.0, 80.0], "whichever": "later"}
    block = compare(without_rules(out | late), "toxic", 4)
    np.testing.assert_array_equal(ended(block), [[60.0, 80.0]] * 4)
    early = {"months": [6.0, 8.0], "whichever": "earlier"}
    block = compare(without_rules(out | early), "toxic", 4)
    np.testing.assert_array_equal(ended(block), [[6.0, 8.0]] * 4)


def test_that_a_number_is_out_of_reach_is_not_known_before_it_is() -> None:
    # the month has passed long before the last participant leaves follow-up
    looks = of_events(30, 34, stratum="quiet") | {"months": [2.0, 3.0], "whichever": "later"}
    block = compare(without_rules(looks), "toxic", 4)
    assert block.population is not None
    dates = ended(block)
    np.testing.assert_array_equal(dates[:, 0], dates[:, 1])
    assert (dates > block.population.arrival[:, :36].max(axis=1)[:, None]).all()


def test_the_later_is_never_sooner_than_either_and_the_earlier_never_later() -> None:
    months = [8.0, 20.0]
    by_number = ended(compare(without_rules({"observed": [12, 20]}), "toxic", 4))
    for whichever, of in (("later", np.maximum), ("earlier", np.minimum)):
        looks = {"observed": [12, 20], "months": months, "whichever": whichever}
        found = ended(compare(without_rules(looks), "toxic", 4))
        np.testing.assert_allclose(found, of(by_number, months), rtol=1e-12)


@pytest.mark.parametrize("looks", [*REACHED.values(), of_events(30, 34, stratum="quiet")])
@pytest.mark.parametrize("later", [{}, {"months": [2.0, 21.0], "whichever": "later"}])
def test_what_comes_after_a_look_does_not_move_it(looks: Raw, later: Raw) -> None:
    design = Design(**trial_of(looks | (later if "whichever" not in looks else {})))
    plan, trials = Plan.of(design), 40
    block = run_block(
        plan, truths_of(design)["toxic"], (0.1,), latents_for(design, 3, 0, trials), True
    )
    people, flare = block.population, design.endpoints["flare"]
    assert people is not None
    seen: Any = flare.prepare("flare", people)
    everybody, start = np.full(trials, 36), np.zeros(trials)

    def due(look: int, who: Any, events: Any) -> Any:
        return plan.schedule.due(look, who, {"flare": events, "free": None}, everybody, start)[0]

    for look in range(1, len(plan.schedule.at) + 1):
        date = due(look, people, seen)[:, None]

        def delayed(months: Any, date: Any = date) -> Any:
            """What comes after the date of the look comes later still, in the same order."""
            after = np.where(np.isfinite(months), months, 0.0)
            return np.where(months > date, np.where(months < np.inf, 3 * after - 2 * date, months),
                            months)  # fmt: skip

        moved = replace(people, arrival=delayed(people.arrival))
        later_events = replace(
            seen, event_date=delayed(seen.event_date), leaves=delayed(seen.leaves)
        )
        if look == 1 and looks in REACHED.values():
            assert (moved.arrival != people.arrival).any()
        np.testing.assert_array_equal(due(look, moved, later_events), date[:, 0])


def test_a_dropped_arm_needs_no_minimum() -> None:
    raw = trial_of({"observed": [15, 20], "minimum_in_each_arm": 9}, 1)
    raw["rules"] = [raw["rules"][0] | {"below": 0.999, "looks": [1]}]
    raw["looks"]["observed"] = [9, 20]
    raw["looks"]["minimum_in_each_arm"] = 3
    compare(raw, "toxic", 6)


# ── what is said of them ──────────────────────────────────────────────────────────────────────
def problems(looks: Raw, **changes: Any) -> str:
    with pytest.raises(DesignError) as caught:
        Design(**(trial_of(looks) | changes))
    return "\n".join(f"{p.path}: {p.message}" for p in caught.value.problems)


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        ({"observed": [12, 20], "months": [8.0, 20.0]}, 'whichever = "later" or "earlier"'),
        ({"observed": [12, 20], "events": [8, 20]}, "exactly one of observed, enrolled, events"),
        ({"observed": [12, 20], "whichever": "later"}, "looks.whichever: found"),
        (
            {"observed": [12, 20], "months": [8.0], "whichever": "later"},
            "looks.months: found 1 month beside 2 numbers of looks.observed",
        ),
        (
            {"observed": [12, 20], "months": [9.0, 8.0], "whichever": "later"},
            "looks.months: found [9.0, 8.0]; the looks must be increasing",
        ),
        ({"months": [9.0, 12.0], "minimum_in_each_arm": 3}, "looks by months alone count nothing"),
        ({"observed": [9, 12], "minimum_in_each_arm": 19}, "19 in each of 2 arms, beyond max_n"),
        (
            {"observed": {"stratum": "activ", "numbers": [9]}},
            "looks.observed.stratum: found \"activ\" (did you mean 'active'?)",
        ),
        ({"observed": {"numbers": [9]}}, "looks.observed.stratum: missing"),
        ({"observed": {"stratum": "active", "numbers": [9, 40]}}, "found 40, beyond max_n = 36"),
        (of_events(9) | {"events": {"endpoint": "free", "numbers": [9]}}, "need a time_to_event"),
        ({"events": {"endpoint": "flaer", "numbers": [9]}}, "(did you mean 'flare'?)"),
        ({"events": [9, 12]}, "another one's are counted by events = { endpoint"),
    ],
)
def test_looks_that_cannot_be_are_refused(looks: Raw, told: str) -> None:
    assert told in problems(looks)


def test_a_stratum_of_a_design_without_strata_is_refused() -> None:
    assert "the design has no strata" in problems(
        {"observed": {"stratum": "active", "numbers": [9]}}, strata=None, rules=[]
    )


def test_a_number_that_is_waited_for_for_ever_is_refused_and_with_a_month_it_is_not() -> None:
    looks = of_events(9)
    raw = trial_of(looks)
    del raw["endpoints"]["flare"]["horizon"]
    for arm in raw["arms"]:
        raw["truth"][arm] |= {"death": {"per_year": 0.0}, "dropout": {"per_year": 0.0}}
    with pytest.raises(DesignError, match="could wait for ever"):
        Design(**raw)
    with pytest.raises(DesignError, match="could wait for ever"):
        Design(**raw | {"looks": looks | {"months": [20.0], "whichever": "later"}})
    Design(**raw | {"looks": looks | {"months": [20.0], "whichever": "earlier"}})


def test_check_says_what_is_waited_for_and_what_becomes_of_what_is_out_of_reach() -> None:
    text = described(Design(**trial_of(REACHED["all at once"])))
    due = "3 events of flare in active, at least 1 in each open arm, or month 9, whichever is later"
    assert f"1: {due}" in text
    assert "the month decides, and the look is held then, but not before that is certain" in text
    assert "of 36 participants 21.6 are expected in active" in text
    alone = described(Design(**trial_of(of_events(4, 9))))
    assert "makes its look the last, held when the last of all has left follow-up" in alone


def test_such_looks_are_not_enumerated() -> None:
    looks = {"observed": [10, 20], "minimum_in_each_arm": 5}
    design = Design(**tiny_design(looks=looks))
    assert any("minimum_in_each_arm" in words for words in obstacles(design, truths_of(design)))
    assert not boundaries(design)


# ── of a real trial ───────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("looks", REACHED.values(), ids=REACHED)
def test_a_real_trial_holds_the_same_looks(looks: Raw) -> None:
    design = Design(**trial_of(looks))
    block = simulated(design, "toxic", 3)
    for trial in range(3):
        participants = read_participants(table(design, block, trial), design)
        same_end(block, trial, replayed(Plan.of(design), participants))


def test_a_real_trial_is_told_what_its_look_still_waits_for() -> None:
    design = Design(**trial_of(REACHED["all at once"]))
    block = simulated(design, "toxic", 1)
    participants = read_participants(table(design, block, 0, 6.0), design)
    with pytest.raises(InputError) as caught:
        replayed(Plan.of(design), participants)
    text = str(caught.value)
    assert "it needs 3 events of flare in active, at least 1 in each open arm, or month 9" in text
    assert re.search(r"there are \d+ randomised, \d events of flare in active \(usual \d", text)


def test_a_look_that_has_been_held_says_what_there_was() -> None:
    design = Design(**trial_of(of_events(4, 9)))
    block = simulated(design, "toxic", 1)
    notes = replayed(Plan.of(design), read_participants(table(design, block, 0), design)).notes
    told = [note for note in notes if "is due at" in note]
    look, months = block.look[0], block.months[0]
    number = design.looks.at[look - 1]
    due = f"look {look} is due at {number:g} events of flare"
    assert told[0].startswith(f"{due}; by month {months:.2f}: {number:g} events of flare (")


def test_everybody_has_been_followed_when_the_last_who_was_randomised_has() -> None:
    """Also where that is one participant, or nobody; never before now."""
    raw = tiny_design(looks={"enrolled": [10], "final": "all_observed"})
    plan = Plan.of(Design(**raw))
    block = run_block(
        plan, plan.design.truths["null"], (0.5,), latents_for(plan.design, 3, 0, 5),
        keep_population=True,
    )  # fmt: skip
    people, after = block.population, plan.schedule.followed_for
    assert people is not None
    assert after is not None
    randomised, now = np.array([0, 1, 2, 7, 7]), np.array([0.5, 0.5, 0.5, 0.5, 900.0])
    found = plan.schedule.all_observed(people, randomised, now)
    for trial, (number, date) in enumerate(zip(randomised, now, strict=True)):
        months = [people.arrival[trial, j] + after for j in range(number)]
        assert found[trial] == max([date, *months])
    assert (found[1:4] > 0.5).all()


def test_a_month_alone_dates_a_look_whose_number_came_sooner() -> None:
    looks = {"observed": [12, 20], "months": [8.0, 20.0], "whichever": "earlier"}
    schedule = Plan.of(Design(**trial_of(looks))).schedule
    assert schedule.by_calendar(1, float("8.0"))
    assert schedule.by_calendar(2, float("20.0"))
    assert not schedule.by_calendar(1, 7.5)
    assert not schedule.by_calendar(2, 8.0)
