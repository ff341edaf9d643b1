"""The round trip: a simulated trial, written as a table and read as a real one, is the same trial.

Every look's date, numbers, probabilities and decision have to be those of the simulation to the
last bit: the table is all that the analysis sees.
"""

from __future__ import annotations

import csv
import math
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adaptive_cart.analysis.replay import Replay, replayed
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import Block, LookRecord, run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.participants.population import latents_for
from adaptive_cart.recorded.file import read_participants
from adaptive_cart.recorded.table import participants_table
from checks import columns_of, raw_design
from conduct.test_order_in_time import (
    CRS,
    by_events,
    course_design,
    safety,
    several_arms,
    stopping,
    strata,
)
from results.test_claims import CASES
from test_designs import NAMES, ready

TRIALS = 2
STANDING = ("reason", "rule", "probability", "dropped", "closed", "open_arms", "open_strata",
            "enrolled", "enrolment_stopped", "failed")  # fmt: skip


def simulated(design: Design, scenario: str, trials: int = TRIALS, seed: int = 7) -> Block:
    plan = Plan.of(design)
    targets = (0.1,) * len(plan.estimands)
    latents = latents_for(design, seed, 0, trials)
    return run_block(plan, truths_of(design)[scenario], targets, latents, keep_population=True)


def table(design: Design, block: Block, trial: int, date: float | None = None) -> list[Any]:
    """The participants as known at a date, or at the look that ended the trial."""
    assert block.population is not None
    at = float(block.months[trial]) if date is None else date
    randomised = int(block.randomised[trial].sum())
    if date is not None:
        arrived = int((block.population.arrival[trial] <= date).sum())
        randomised = min(arrived, int(block.standing.enrolled[trial]))
    return participants_table(design, block.population, trial, at, randomised)


def told(design: Design, scenario: str) -> Design:
    """The design, told of the visits and delays of a scenario that has others than it plans."""
    return design.model_copy(update={"follow_up": truths_of(design)[scenario].follow_up})


def as_file(rows: list[Any], path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns_of(rows)))
        writer.writeheader()
        writer.writerows(rows)
    return path


def held_in(block: Block, trial: int) -> list[LookRecord]:
    return [r for r in block.looks if r.held[trial] and r.look <= block.look[trial]]


def same_look(simulated: LookRecord, trial: int, real: LookRecord) -> None:
    assert simulated.look == real.look
    assert simulated.between == real.between
    assert simulated.date[trial] == real.date[0]
    np.testing.assert_array_equal(simulated.randomised[trial], real.randomised[0])
    np.testing.assert_array_equal(simulated.infused[trial], real.infused[0])
    for endpoint, summary in simulated.summaries.items():
        for name, values in summary.columns().items():
            found = real.summaries[endpoint].columns()[name][0]
            np.testing.assert_array_equal(values[trial], found, err_msg=f"{endpoint} {name}")
    for rule, probability in simulated.probabilities.items():
        if rule in real.probabilities:
            np.testing.assert_array_equal(probability[trial], real.probabilities[rule][0])
        else:
            assert np.isnan(probability[trial]).all()
    if simulated.shares is not None and real.shares is not None:
        np.testing.assert_array_equal(simulated.shares[trial], real.shares[0])


def same_end(block: Block, trial: int, replay: Replay) -> None:
    """The look, its date, every number and probability of every look, and the decision."""
    looks = held_in(block, trial)
    assert [look.look for look in looks] == [held.look for held in replay.held]
    for look, held in zip(looks, replay.held, strict=True):
        same_look(look, trial, held.record)
    assert replay.now.look == block.look[trial]
    assert replay.now.date == block.months[trial]
    for name in STANDING:
        mine = getattr(block.standing, name)[trial]
        np.testing.assert_array_equal(mine, getattr(replay.trial.standing, name)[0], err_msg=name)
    for position, won in block.standing.won.items():
        np.testing.assert_array_equal(won[trial], replay.trial.standing.won[position][0])


# ── the round trip ────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", NAMES)
def test_a_simulated_trial_read_back_is_the_same_trial_to_the_last_bit(
    name: str, tmp_path: Path
) -> None:
    design = ready(raw_design(name))
    for scenario in truths_of(design):
        block, known = simulated(design, scenario), told(design, scenario)
        plan = Plan.of(known)
        for trial in range(TRIALS):
            path = as_file(table(known, block, trial), tmp_path / "data.csv")
            same_end(block, trial, replayed(plan, read_participants(path, known)))


@pytest.mark.parametrize("name", ["hello", "sle_autologous"])
def test_the_table_says_who_has_withdrawn_and_nobody_is_awaited(name: str) -> None:
    raw = raw_design(name)
    raw["truth"] = raw.get("truth", {})
    if name == "sle_autologous":
        for arm in ("soc", "cart"):
            raw["truth"][arm]["dropout"] = {"per_year": 0.3}
    design = Design(**raw)
    block = simulated(design, next(iter(raw["scenarios"])), 1)
    date = float(block.months[0])
    rows = table(design, block, 0)
    participants = read_participants(rows, design)
    assert not participants.unseen(date, 0.0).any()
    assert block.population is not None
    dropout = block.population.dropout
    for place, row in enumerate(rows):
        left = math.inf if dropout is None else float(dropout[0, place])
        dead = float(row["death_month"] or math.inf)
        seen = left < dead and row["randomised_month"] + left <= date
        assert row["withdrawn_month"] == (left if seen else "")
    assert participants.left(date).sum() == sum(row["withdrawn_month"] != "" for row in rows)
    assert participants.left(date).any() == (name == "sle_autologous")


@pytest.mark.parametrize("name", NAMES)
def test_earlier_looks_are_seen_as_they_were_seen_then(name: str) -> None:
    design = ready(raw_design(name))
    several = 0
    for scenario in truths_of(design):
        block, known = simulated(design, scenario, seed=3), told(design, scenario)
        plan = Plan.of(known)
        trial = max(range(TRIALS), key=lambda one: len(held_in(block, one)))
        participants = read_participants(table(known, block, trial), known)
        looks = held_in(block, trial)
        several += len(looks) > 1
        for look in looks:
            found = [replayed(plan, participants, as_of=float(look.date[trial]))]
            if not look.between:  # what comes before a look has no number
                found.append(replayed(plan, participants, look=look.look))
            for replay in found:
                same_look(look, trial, replay.now.record)
    assert several or design.looks.number == 1, "no trial had an earlier look"


@pytest.mark.parametrize("name", ["best", "open strata", "hazard ratio by stratum"])
def test_what_is_open_and_each_stratum_are_asked_of_a_real_trial_too(name: str) -> None:
    text, true = CASES[name]
    design = Design(**tomllib.loads(text), scenarios={"so": true})
    plan = Plan.of(design)
    block = simulated(design, "so", 6)
    compared = []

    def answers(analysis: Any, rule: Any, target: Any) -> float:
        compared.append((target.kind, target.among, analysis.open_arms[0]))
        return float(analysis.fast_probability(rule, target)[0])

    for trial in range(6):
        replay = replayed(plan, read_participants(table(design, block, trial), design))
        same_end(block, trial, replay)
        again, _ = replay.again(answers)
        for rule, probability in replay.now.record.probabilities.items():
            np.testing.assert_array_equal(again.record.probabilities[rule], probability)
    for kind, among, open_arms in compared:  # what PyMC is asked names the arms that are compared
        if kind == "best":
            assert among == tuple(np.flatnonzero(open_arms)[1:])


def test_a_table_of_an_earlier_month_says_the_same_as_a_later_one_cut_to_it() -> None:
    design = Design(**raw_design("sle_autologous"))
    plan = Plan.of(design)
    block = simulated(design, "early_data_do_not_hold_up", 6)
    for trial in range(6):
        month = 26.0
        then = read_participants(table(design, block, trial, month), design)
        later = read_participants(table(design, block, trial, month + 9.0), design)
        one = replayed(plan, then, look=1, as_of=month).now.record
        other = replayed(plan, later, look=1, as_of=month).now.record
        same_look(one, 0, other)


def test_a_stop_between_looks_is_found_where_it_was() -> None:
    raw = raw_design("sle_autologous")
    raw["rules"][0]["every"] = 6
    design = Design(**raw)
    plan = Plan.of(design)
    block = simulated(design, "toxic", 60)
    stopped = [t for t in range(60) if any(r.between and r.held[t] for r in block.looks)]
    assert len(stopped) >= 3
    for trial in stopped:
        replay = replayed(plan, read_participants(table(design, block, trial), design))
        assert replay.now.record.between
        same_end(block, trial, replay)
        again, _ = replay.again(None)
        np.testing.assert_array_equal(
            again.record.probabilities["safety"], replay.now.record.probabilities["safety"]
        )


@pytest.mark.parametrize("strategy", ["composite", "treatment_policy"])
def test_crossover_is_read_back(strategy: str) -> None:
    raw = raw_design("sle_autologous")
    raw["crossover"] = {"from": "soc", "to": "cart", "after_month": 8, "strategy": strategy}
    raw["truth"]["soc"]["crossover"] = {"probability": 0.7}
    design = Design(**raw)
    block = simulated(design, "expected", 6)
    rows = table(design, block, 0)
    assert any(row["crossover_month"] != "" for row in rows)
    for trial in range(6):
        participants = read_participants(table(design, block, trial), design)
        same_end(block, trial, replayed(Plan.of(design), participants))


def test_what_happens_at_the_very_date_of_a_look_is_in_the_table() -> None:
    # everybody relapses exactly at the landmark month of the one whose month dates the look
    raw = raw_design("sle_autologous")
    fixed = {"dist": "fixed", "value": 8.0}
    raw["truth"]["cart"] |= {
        "infusion": {"failure": 0.0, "delay": {"dist": "fixed", "value": 2.0}},
        "remission": {"probability": 1.0, "onset": {"dist": "fixed", "value": 2.0}},
        "durability": {"cured": 0.0, "relapse": fixed},
    }
    design = Design(**raw)
    block = simulated(design, "expected", 12)
    for trial in range(12):
        participants = read_participants(table(design, block, trial), design)
        same_end(block, trial, replayed(Plan.of(design), participants))


# ── in the order of dates ─────────────────────────────────────────────────────────────────────
EACH = CRS | {"arm": "each"}
DROPS = safety("toxic", 2, then="drop_arm", posterior=EACH, at_least=0.8)
CLOSES = safety("toxic", 2, then="close_stratum", posterior=CRS | {"stratum": "each"}, at_least=0.8)
ENOUGH = safety("enough", 7, then="stop_enrolment", at_least=0.3)
ADAPTIVE = {"method": "response_adaptive", "power": 0.5, "burn_in": 10}


def leaving(horizon: int | None) -> dict[str, Any]:
    raw = by_events(truth={"dropout": {"per_year": 0.3}})
    if horizon is not None:
        raw["endpoints"]["relapse"]["horizon"] = horizon
    return raw


IN_TIME = {
    "two_rhythms": course_design(safety("slow", 16), safety("quick", 4)),
    "one_date": course_design(ENOUGH | {"every": 4}, safety("quick", 4)),
    "drops": several_arms(course_design(DROPS, safety("quick", 5, at_least=0.97))),
    "adaptive": several_arms(course_design(DROPS)) | {"randomisation": ADAPTIVE},
    "redistribute": strata(course_design(CLOSES), "redistribute"),
    "keep": strata(course_design(CLOSES), "keep"),
    "enough": course_design(ENOUGH, safety("quick", 5, at_least=0.97)),
    "all_are_in": stopping(400),
    "unreachable": leaving(9),
}


@pytest.mark.parametrize("name", IN_TIME)
def test_what_is_judged_in_the_order_of_dates_is_read_back(name: str) -> None:
    design = Design(**IN_TIME[name])
    plan = Plan.of(design)
    block = simulated(design, next(iter(design.scenarios)), 5)
    told = []
    for trial in range(5):
        participants = read_participants(table(design, block, trial), design)
        replay = replayed(plan, participants)
        same_end(block, trial, replay)
        told += replay.notes
        if replay.now.record.between:
            again, _ = replay.again(None)
            for rule, asked in replay.now.record.probabilities.items():
                np.testing.assert_array_equal(again.record.probabilities[rule], asked)
    words = {"drops": "is dropped", "keep": "is closed", "enough": "enrolment stops with"}
    if name in words:
        assert any(words[name] in note and "Between looks" in note for note in told)


def test_a_number_out_of_reach_ends_a_trial_when_nobody_is_left() -> None:
    raw = by_events(0.0, truth={"dropout": {"per_year": 0.8}})
    raw["rules"][0]["looks"] = [2]
    design = Design(**raw)
    plan = Plan.of(design)
    block = simulated(design, "late", 16)
    assert block.population is not None
    assert block.population.dropout is not None
    dropped = 0
    for trial in range(16):
        months = float(block.months[trial])
        participants = read_participants(table(design, block, trial), design)
        left = block.population.arrival[trial] + block.population.dropout[trial]
        dropped += bool(np.isclose(left[:40], months, rtol=0.0, atol=1e-9).any())
        same_end(block, trial, replayed(plan, participants))
        # before that somebody was followed, and the trial went on
        cut = read_participants(table(design, block, trial, months - 0.01), design)
        assert not replayed(plan, cut).now.ended
    assert 0 < dropped < 16  # ended by a withdrawal, and by an event
