"""A rule with ``from`` is silent before so many of the arm that it asks about are analysed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from adaptive_cart.analysis import analyze
from adaptive_cart.analysis.replay import replayed
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.decisions import REASONS
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.recorded.file import read_participants
from adaptive_cart.running.boundaries import boundaries
from adaptive_cart.running.run import simulate
from analysis.test_real_trial_round_trip import same_end, simulated, table
from checks import tiny_design
from conduct.test_fast_equals_adaptive_twin import compare
from conduct.test_order_in_time import CRS, course_design, safety, several_arms, strata

Raw = dict[str, Any]


@pytest.mark.parametrize("least", [2, 6, 12])
def test_it_is_the_twins_trial_by_trial(least: int) -> None:
    quick = safety("quick", 1, at_least=0.8) | {"from": least}
    block = compare(course_design(quick), "toxic", 6)
    stopped = np.flatnonzero(block.standing.reason == REASONS.index("safety"))
    assert len(stopped)
    for record in block.looks:
        asked = ~np.isnan(record.probabilities["quick"][:, 0]) & record.held
        analysed = record.summaries["crs"].analysed[:, 1].sum(axis=1)
        assert (analysed[asked] >= least).all()


def test_without_it_the_trial_stops_sooner() -> None:
    quick = safety("quick", 1, at_least=0.8)
    soon = compare(course_design(quick), "toxic", 8)
    late = compare(course_design(quick | {"from": 9}), "toxic", 8)
    assert (late.months >= soon.months).all()
    assert (late.months > soon.months).any()


def test_those_infused_count_when_their_window_has_passed_and_not_before() -> None:
    # from the sixth infusion on, judged at infusions: six windows have not passed at the sixth
    raw = course_design(safety("quick", 1, at_least=0.0) | {"from": 6})
    block = compare(raw, "toxic", 8)
    stops = [record for record in block.looks if record.held.any()]
    assert all(record.between for record in stops)
    for record in stops:
        infused = record.infused[record.held].sum(axis=(1, 2))
        seen = record.summaries["crs"].analysed[record.held, 1].sum(axis=1)
        assert (seen >= 6).all()
        assert (infused > 6).all()


@pytest.mark.parametrize("after_closing", ["redistribute", "keep"])
def test_of_each_arm_and_each_stratum_its_own_are_counted(after_closing: str) -> None:
    each = CRS | {"arm": "each"}
    drop = safety("toxic", 2, then="drop_arm", posterior=each, at_least=0.8) | {"from": 5}
    compare(several_arms(course_design(drop, looks={"enrolled": [12, 30, 36]})), "toxic", 5)
    close = safety(
        "toxic", 2, then="close_stratum", posterior=CRS | {"stratum": "each"}, at_least=0.8
    ) | {"from": 4}
    compare(strata(course_design(close), after_closing), "toxic", 5)


def test_of_several_questions_each_waits() -> None:
    raw = course_design(
        {
            "name": "harm",
            "then": "stop_for_safety",
            "any": [
                {"posterior": CRS, "at_least": 0.8},
                {
                    "posterior": {"endpoint": "free", "arm": "cells", "below": 0.9},
                    "at_least": 0.8,
                },
            ],
            "every": 2,
            "from": 7,
        }
    )
    block = compare(raw, "toxic", 6)
    judged = [record for record in block.looks if "harm_1" in record.probabilities]
    assert judged
    for record in judged:
        asked = ~np.isnan(record.probabilities["harm_1"][:, 0])
        assert asked.any()
        for name in ("crs", "free"):
            assert (record.summaries[name].analysed[asked, 1].sum(axis=1) >= 7).all()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"then": "claim", "every": None}, "rules[0].from: found 6; a rule that is judged once"),
        ({"from": 37}, "rules[0].from: found 37, beyond max_n = 36"),
        ({"from": 0}, "rules[0].from: found 0"),
    ],
)
def test_what_it_cannot_wait_for_is_refused(change: Raw, told: str) -> None:
    rule = safety("quick", 1) | {"from": 6} | change
    rule = {key: value for key, value in rule.items() if value is not None}
    with pytest.raises(DesignError) as caught:
        Design(**course_design(rule))
    assert any(told in f"{p.path}: {p.message}" for p in caught.value.problems)


def test_a_rule_that_predicts_or_is_predicted_has_none() -> None:
    efficacy = {
        "name": "efficacy",
        "then": "declare_success",
        "posterior": {"endpoint": "free", "arm": "cells", "minus": "usual", "above": 0.0},
        "at_least": 0.95,
    }
    futility = {
        "name": "futility",
        "then": "declare_futility",
        "predictive": {"rule": "efficacy"},
        "below": 0.1,
    }
    Design(**copy.deepcopy(course_design(efficacy, futility)))
    for first, second in ((efficacy | {"from": 3}, futility), (efficacy, futility | {"from": 3})):
        with pytest.raises(DesignError, match=r"leave `?(it out|from)"):
            Design(**copy.deepcopy(course_design(first, second)))


def test_a_real_trial_says_for_how_many_it_waits() -> None:
    raw = course_design(safety("quick", 1, at_least=0.99) | {"from": 9}, looks={"months": [4.0]})
    design = Design(**raw)
    block = simulated(design, "toxic", 1)
    found = analyze(design, table(design, block, 0), look=1, fast=True)
    (rule,) = found.rules
    seen = block.looks[-1].summaries["crs"].analysed[0, 1].sum()
    assert rule.holds is None
    assert not rule.failed
    assert rule.why == (
        f"silent before 9 of cells are infused and their window has passed; there are {seen}"
    )
    assert "not judged (silent before 9 of cells" in rule.reason


def test_a_real_trial_is_judged_as_the_simulated_one() -> None:
    design = Design(**course_design(safety("quick", 1, at_least=0.8) | {"from": 6}))
    block = simulated(design, "toxic", 5)
    for trial in range(5):
        participants = read_participants(table(design, block, trial), design)
        same_end(block, trial, replayed(Plan.of(design), participants))


@pytest.mark.parametrize("engine", ["exact", "simulate"])
def test_silent_at_a_look_is_not_judged_there(engine: str, tmp_path: Path) -> None:
    """Six, nine and twelve are analysed in each arm: from eight on is from the second look on."""
    raw = tiny_design(looks={"observed": [12, 18, 24]})
    success = next(rule for rule in raw["rules"] if rule["then"] == "declare_success")
    success |= {"at_least": 0.9}
    found = []
    for place, change in enumerate(({"from": 8}, {"looks": [2, 3]}, {})):
        again = copy.deepcopy(raw)
        again["rules"] = [success | change]
        run = simulate(
            Design(**again), out=tmp_path / str(place), jobs=1, engine=engine, trials=400, seed=3
        )
        found.append(run.operating_characteristics)
    numbers = ["scenario", "measure", "arm", "look", "estimate", "mcse"]
    pd.testing.assert_frame_equal(found[0][numbers], found[1][numbers])
    assert not found[0][numbers].equals(found[2][numbers])


def test_its_boundaries_are_those_of_the_looks_at_which_it_speaks() -> None:
    raw = tiny_design(looks={"observed": [12, 18, 24]})
    success = next(rule for rule in raw["rules"] if rule["then"] == "declare_success")
    raw["rules"] = [success | {"at_least": 0.9, "from": 8}]
    assert [boundary.look for boundary in boundaries(Design(**raw))] == [2, 3]
