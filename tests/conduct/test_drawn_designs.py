"""Designs drawn at random: the simulator against its slow twin, and against its own tables."""

from __future__ import annotations

import pytest

from adaptive_cart.analysis.replay import replayed
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.recorded.file import read_participants
from analysis.test_real_trial_round_trip import held_in, same_end, same_look, simulated, table
from conduct.test_fast_equals_twin import compare
from twin.drawn_designs import drawn_design

FEW, MANY = range(30), range(30, 1_500)


def agree(seeds: range) -> None:
    for seed in seeds:
        try:
            compare(drawn_design(seed), "so", 1)
        except AssertionError as error:
            raise AssertionError(f"design {seed}") from error


def read_back(seeds: range) -> None:
    for seed in seeds:
        design = Design(**drawn_design(seed, imputed=False, beside=True))
        plan, block = Plan.of(design), simulated(design, "so", 1, seed=seed)
        participants = read_participants(table(design, block, 0), design)
        try:
            same_end(block, 0, replayed(plan, participants))
            for look in held_in(block, 0):
                found = replayed(plan, participants, look=look.look)
                same_look(look, 0, found.now.record)
        except AssertionError as error:
            raise AssertionError(f"design {seed}") from error


def test_drawn_designs_are_the_twins_trial_by_trial() -> None:
    agree(FEW)


@pytest.mark.slow
def test_many_drawn_designs_are_the_twins_trial_by_trial() -> None:
    agree(MANY)


def test_drawn_designs_are_read_back_at_every_look() -> None:
    read_back(FEW)


@pytest.mark.slow
def test_many_drawn_designs_are_read_back_at_every_look() -> None:
    read_back(MANY)


@pytest.mark.parametrize("when", ["relapse", "no_remission", "rescue"])
def test_crossover_that_is_triggered_is_seen_alike(when: str) -> None:
    drawn = (drawn_design(seed, imputed=False) for seed in range(100, 160))
    crossing = [raw for raw in drawn if "crossover" in raw and "follow_up" in raw][:4]
    assert len(crossing) == 4
    for seed, raw in enumerate(crossing):
        raw["crossover"]["when"] = when
        compare(raw, "so", 1)
        design = Design(**raw)
        block = simulated(design, "so", 1, seed=seed)
        participants = read_participants(table(design, block, 0), design)
        same_end(block, 0, replayed(Plan.of(design), participants))


def test_what_is_drawn_has_visits_delays_and_all_that_they_touch() -> None:
    drawn = [drawn_design(seed) for seed in FEW]
    found = [raw.get("follow_up", {}) for raw in drawn]
    assert sum("visit_every" in one for one in found) >= 10
    assert sum(one.get("missed", 0.0) > 0.0 for one in found) >= 5
    assert sum(one.get("reporting_delay", 0.0) > 0.0 for one in found) >= 5
    assert sum("crossover" in raw for raw in drawn) >= 3
    assert sum(raw.get("crossover", {}).get("when", "month") != "month" for raw in drawn) >= 2
    cart = [raw["truth"].get("cart", {}) for raw in drawn]
    assert sum("redosing" in course for course in cart) >= 3
    assert sum("washout" in course for course in cart) >= 2
    assert sum(raw["endpoints"].get("crs3", {}).get("each_infusion", False) for raw in drawn) >= 2
    assert sum("score" in raw["endpoints"] for raw in drawn) >= 4
    beside = [drawn_design(seed, imputed=False, beside=True) for seed in FEW]
    assert sum("prediction" in raw for raw in beside) >= 4
    by_intervals = [raw.get("analysis", {}) for raw in beside]
    assert sum("relapse" in own for own in by_intervals) >= 3
    assert sum("kept" in own for own in by_intervals) >= 3
    assert {raw["endpoints"]["dfr"]["missing"] for raw in drawn} == {
        "non_response", "exclude", "impute",
    }  # fmt: skip
