"""Scores of visits that are missed: against the slow twin, in a table, not before their time."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from adaptive_cart.analysis.replay import replayed
from adaptive_cart.conduct.looks import snapshot_at
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.participants.enrolment import Enrolment
from adaptive_cart.participants.population import followed, latents_for
from adaptive_cart.participants.seen import as_seen
from adaptive_cart.recorded.file import read_participants
from adaptive_cart.telling.check import described
from analysis.test_real_trial_round_trip import held_in, same_end, same_look, simulated, table
from checks import raw_design
from conduct.test_fast_equals_twin import compare
from endpoints.test_composite import LOW, lupus

VISITS = {"visit_every": 1.0, "missed": 0.3, "reporting_delay": 0.5}


def myasthenia(**keys: Any) -> dict[str, Any]:
    raw = copy.deepcopy(raw_design("myasthenia_scores"))
    raw["follow_up"] = {**VISITS, "visit_every": 0.5, **keys}
    return raw


def one_score(missing: str = "at_random") -> dict[str, Any]:
    """A score at the month alone, and nothing else."""
    raw = myasthenia()
    name = "mgadl"
    raw["endpoints"] = {name: raw["endpoints"][name] | {"missing": missing}}
    if missing == "worst_case":
        raw["endpoints"][name]["worst"] = 20.0
    raw["analysis"] = {name: {"model": "normal"}}
    raw["truth"] = {key: value for key, value in raw["truth"].items() if key in (name, "dropout")}
    raw["rules"] = [
        {
            "name": "efficacy",
            "then": "declare_success",
            "posterior": {"endpoint": name, "arm": "cart", "minus": "soc", "below": 0.0},
            "at_least": 0.99,
        }
    ]
    raw["scenarios"] = {"so": {}}
    return raw


@pytest.mark.parametrize(
    "settings", [{"missing": "exclude"}, {"missing": "impute", "sustained_from": 6.0}]
)
def test_states_and_scores_at_visits_that_are_missed_are_the_twins(
    settings: dict[str, Any],
) -> None:
    raw = lupus(["remission", LOW], **settings)
    raw["follow_up"] = dict(VISITS)
    compare(raw, "expected", 4)


def seen_score(raw: dict[str, Any], trials: int, date: float) -> tuple[Any, Any, Any]:
    """The endpoint, the participants as seen, and a snapshot."""
    design = Design(**raw)
    truth = design.truths[next(iter(design.scenarios))]
    latents = latents_for(design, 5, 0, trials)
    everybody = followed(design, truth, latents, Enrolment(design, latents))
    seen = as_seen(everybody, design, truth.follow_up, latents)
    number = seen.arm.shape[1]
    return design, seen, snapshot_at(seen, np.full(trials, date), np.full(trials, number))


def test_a_score_missed_at_the_month_is_missing() -> None:
    raw = one_score()
    _, held, look = seen_score(raw, 4, 60.0)
    attended = {**raw["follow_up"], "missed": 0.0}
    _, everybody, at_all = seen_score({**raw, "follow_up": attended}, 4, 60.0)
    endpoint = Design(**raw).endpoints["mgadl"]
    found = endpoint.summary(endpoint.prepare("mgadl", held), look)
    whole = endpoint.summary(endpoint.prepare("mgadl", everybody), at_all)
    lost = found.missing.sum() - whole.missing.sum()
    share = lost / whole.analysed.sum()
    assert 0.2 < share < 0.4
    assert found.analysed.sum() + lost == whole.analysed.sum()


def test_who_misses_the_month_counts_as_missing_does() -> None:
    _, held, _ = seen_score(one_score("worst_case"), 4, 60.0)
    endpoint = Design(**one_score("worst_case")).endpoints["mgadl"]
    prepared = endpoint.prepare("mgadl", held)
    month = held.attendance.held_at(endpoint.analysed)
    stays = held.last_seen >= endpoint.analysed
    missed = stays & ~month
    assert missed.any()
    assert (prepared.vector[-1][missed] == 20.0).all()
    assert (prepared.vector[-1][stays & month] != 20.0).all()


def test_between_two_visits_a_score_lies_on_the_line_and_not_before_the_later() -> None:
    raw = one_score()
    design, held, _ = seen_score(raw, 6, 60.0)
    endpoint = design.endpoints["mgadl"]
    months = [0.0, *endpoint.visits[: endpoint.place + 1]]
    scored = held.outcomes["mgadl"].values
    prepared = endpoint.prepare("mgadl", held)
    filled = 0
    for at in np.ndindex(held.arm.shape):
        stays = [month <= held.last_seen[at] + 1e-9 for month in months]
        there = [s and np.isfinite(v[at]) for s, v in zip(stays, scored, strict=False)]
        for place in range(1, len(months)):
            later = [i for i in range(place + 1, len(months)) if there[i]]
            if there[place] or not later:
                assert prepared.known[place - 1][at] == months[place]
                continue
            filled += 1
            sooner = max(i for i in range(place) if there[i])
            known = [sooner, later[0]]
            line = np.interp(
                months[place], [months[i] for i in known], [scored[i][at] for i in known]
            )
            assert prepared.vector[place][at] == pytest.approx(line)
            assert prepared.known[place - 1][at] == months[later[0]]
    assert filled > 20


def test_a_look_between_has_not_seen_it() -> None:
    """What is seen at a look is what a table that ends there would hold."""
    raw = one_score()
    design, held, _ = seen_score(raw, 3, 60.0)
    endpoint = design.endpoints["mgadl"]
    prepared = endpoint.prepare("mgadl", held)
    gap = np.argwhere((prepared.known[0] > endpoint.visits[0]) & np.isfinite(held.arrival))
    trial, column = gap[0]
    arrival = held.arrival[trial, column]
    for date, reached in ((arrival + endpoint.visits[0] + 0.01, 0),
                          (arrival + prepared.known[0][trial, column] + 0.01, 2)):  # fmt: skip
        look = snapshot_at(held, np.full(3, date), np.full(3, held.arm.shape[1]))
        assert endpoint._reached(prepared, look)[trial, column] >= reached
        assert endpoint._reached(prepared, look)[trial, column] < reached + 2


@pytest.mark.parametrize("design", ["direct", "course"])
def test_a_table_with_missed_scores_is_read_back_at_every_look(design: str) -> None:
    raw = lupus(["remission", LOW], missing="exclude") | {"follow_up": dict(VISITS)}
    raw = myasthenia() if design == "direct" else raw
    one, scenario = Design(**raw), next(iter(raw["scenarios"]))
    plan, block = Plan.of(one), simulated(one, scenario, 2, seed=3)
    for trial in range(2):
        people = read_participants(table(one, block, trial), one)
        same_end(block, trial, replayed(plan, people))
        for look in held_in(block, trial):
            same_look(look, trial, replayed(plan, people, look=look.look).now.record)


def test_a_score_at_no_planned_visit_is_refused_with_missed_visits() -> None:
    raw = one_score()
    raw["follow_up"] = {"visit_every": 5.0, "missed": 0.1}
    with pytest.raises(DesignError) as refused:
        Design(**raw)
    assert "follow_up.missed: found 0.1; 'mgadl' is scored at month" in str(refused.value)
    assert "visits are planned every 5 months" in str(refused.value)


def test_check_says_so() -> None:
    told = described(Design(**one_score()))
    assert "of which 0.3 are missed" in told
    assert "the score of a visit that is missed is missing" in told
