"""The time to the first of several events of a course: by the twin, in a table, its truth."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from adaptive_cart.conduct.looks import snapshot_at
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.summaries import Durations
from adaptive_cart.participants.population import latents_for
from adaptive_cart.recorded.file import read_participants
from adaptive_cart.recorded.table import participants_table
from adaptive_cart.results.estimand import SobolLatents, true_values
from adaptive_cart.results.hazard_ratios import HazardRatios
from adaptive_cart.telling.check import described
from checks import assert_mean, raw_design
from conduct.test_fast_equals_twin import compare

Raw = dict[str, Any]
FIRST: Raw = {
    "flare": {"event": ["relapse", "rescue", "death"], "horizon": 24.0},
    "lost": {"event": ["relapse", "death"], "clock": "remission", "horizon": 18.0},
    "gap": {"event": "relapse", "clock": "remission", "horizon": 36.0},
    "rescued": {"event": "rescue", "clock": "infusion"},
    "reached": {"event": ["remission", "crossover"]},
    "after": {"event": ["relapse", "remission"], "clock": "infusion", "horizon": 9.0},
}
HAZARDS = {
    "model": "piecewise_exponential",
    "prior": {
        "baseline": {"a": 0.5, "b": 5.0},
        "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 1.0},
    },
}


def raw_of(crossover: str = "", **more: Raw) -> Raw:
    """The main design, with times read off its course."""
    raw = copy.deepcopy(raw_design("sle_autologous"))
    raw["endpoints"] |= {n: {"type": "time_to_event", **e} for n, e in (FIRST | more).items()}
    for arm in ("soc", "cart"):
        course = raw["truth"][arm]
        course["remission"]["again"] = {"probability": 0.5}
        course |= {"dropout": {"per_year": 0.1}, "death": {"per_year": 0.05}}
    if crossover:
        raw["crossover"] = {"from": "soc", "to": "cart", "after_month": 6.0, "strategy": crossover}
        raw["truth"]["soc"]["crossover"] = {"probability": 0.7}
    return raw


@pytest.mark.parametrize("crossover", ["", "composite", "treatment_policy"])
def test_it_is_the_twins_participant_by_participant(crossover: str) -> None:
    compare(raw_of(crossover), "expected", 2)


def test_from_remission_to_relapse_it_is_the_time_to_relapse() -> None:
    design = Design(**raw_of("treatment_policy"))
    assert design.endpoints["relapse"].censors_after() == 36.0
    truth = truths_of(design)["expected"]
    block = run_block(Plan.of(design), truth, (0.1,), latents_for(design, 5, 0, 20))
    for look in block.looks:
        for mine, theirs in zip(
            vars(look.summaries["gap"]).values(),
            vars(look.summaries["relapse"]).values(),
            strict=True,
        ):
            np.testing.assert_array_equal(mine, theirs)


def test_a_table_gives_the_same_times_back() -> None:
    design = Design(**raw_of("composite"))
    truth = truths_of(design)["expected"]
    block = run_block(Plan.of(design), truth, (0.1,), latents_for(design, 5, 0, 3), True)
    assert block.population is not None
    look = block.looks[1]
    for trial in np.flatnonzero(look.held):
        number = int(look.randomised[trial].sum())
        date = float(look.date[trial])
        rows = participants_table(design, block.population, int(trial), date, number)
        again = read_participants(rows, design).population(date)
        for name in FIRST:
            endpoint = design.endpoints[name]
            snapshot = snapshot_at(again, np.array([date]), np.array([number]))
            found = endpoint.summary(endpoint.prepare(name, again), snapshot)
            kept = look.summaries[name]
            assert isinstance(found, Durations)
            assert isinstance(kept, Durations)
            np.testing.assert_array_equal(found.events[0], kept.events[trial])
            np.testing.assert_array_equal(found.participants[0], kept.participants[trial])
            np.testing.assert_allclose(found.exposure[0], kept.exposure[trial], rtol=1e-12)


# ── what is true ──────────────────────────────────────────────────────────────────────────────
def primary(**endpoint: Any) -> Raw:
    """A small course with one such time, its looks by events."""
    course: Raw = {
        "remission": {"probability": 0.6, "onset": {"dist": "exponential", "median": 2.0}},
        "durability": {"cured": 0.2, "relapse": {"dist": "exponential", "median": 6.0}},
        "rescue": {"per_year": 0.4},
        "death": {"per_year": 0.1},
        "dropout": {"per_year": 0.1},
    }
    better = copy.deepcopy(course)
    better["durability"]["cured"] = 0.6
    return {
        "name": "Times of a course",
        "arms": {"soc": {"control": True}, "cart": {"product": "in_vivo"}},
        "endpoints": {
            "flare": {"type": "time_to_event", "event": ["relapse", "death"], **endpoint}
        },
        "analysis": {"flare": HAZARDS},
        "enrolment": {"max_n": 60, "per_month": 5},
        "looks": {"events": [10, 20]},
        "rules": [
            {
                "name": "efficacy",
                "then": "declare_success",
                "posterior": {
                    "endpoint": "flare",
                    "arm": "cart",
                    "hazard_ratio_to": "soc",
                    "below": 1.0,
                },
                "at_least": 0.95,
            }
        ],
        "truth": {"soc": course, "cart": better},
        "scenarios": {"works": {}, "null": {"cart": {"same_as": "soc"}}},
    }


@pytest.mark.parametrize("clock", ["randomisation", "infusion", "remission"])
def test_the_true_fraction_is_that_of_participants_followed_to_the_end(clock: str) -> None:
    raw = primary(clock=clock, horizon=12.0)
    for course in raw["truth"].values():
        course["dropout"] = {"per_year": 0.0}
    raw["endpoints"]["flare"]["event"] = ["relapse", "rescue", "death"]
    design = Design(**raw)
    truth = truths_of(design)["works"]
    told = true_values(design, truth, SobolLatents(points=2**12), with_ratios=False)
    block = run_block(Plan.of(design), truth, (0.1,), latents_for(design, 3, 0, 60), True)
    people = block.population
    assert people is not None
    endpoint = design.endpoints["flare"]
    prepared = endpoint.prepare("flare", people)
    for arm in range(2):
        had = np.isfinite(prepared.event_date)
        counted = people.arm == arm
        if clock != "randomisation":
            counted = counted & prepared.seen.mask(people.participants)
        values = 1.0 - had[counted & np.isfinite(people.arrival)].astype(float)
        assert_mean(values, told.by_arm["flare"][arm].value, f"{clock}, arm {arm}")


def test_arms_with_one_course_have_a_hazard_ratio_of_one() -> None:
    design = Design(**primary(horizon=12.0))
    truths = truths_of(design)
    question = Plan.of(design).estimands[0].question
    null = true_values(design, truths["null"], SobolLatents(points=2**8)).quantity(question)
    works = true_values(design, truths["works"], SobolLatents(points=2**8)).quantity(question)
    assert null is not None
    assert works is not None
    assert (null.value, null.mcse) == (1.0, 0.0)
    for clock, alike in (("remission", True), ("infusion", False)):  # a null has no infusion
        later = Design(**primary(clock=clock, horizon=12.0))
        ratio = HazardRatios(later, truths_of(later)["null"], "flare").exact(1, 0, (0,))
        assert (ratio == 1.0) == alike
    assert 0.3 < works.value < 0.9
    assert 0.0 < works.mcse < 0.02


def test_a_look_waits_for_its_events() -> None:
    design = Design(**primary(clock="remission"))
    truth = truths_of(design)["works"]
    block = run_block(Plan.of(design), truth, (0.1,), latents_for(design, 3, 0, 40), True)
    for look, number in zip(block.looks, (10, 20), strict=True):
        seen = look.summaries["flare"]
        assert isinstance(seen, Durations)
        events = seen.events.sum(axis=(1, 2))
        reached = look.held & (events >= number)
        assert reached.any()
        # where they cannot be reached, the look is the last and all have left follow-up
        assert (block.look[look.held & (events < number)] == look.look).all()


# ── bad input, and words ──────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("endpoint", "path", "said"),
    [
        ({"event": "flare"}, "endpoints.flare.event",
         '"crossover", "remission" or a list of one of "relapse"'),
        ({"event": ["relapse", "rescu"]}, "endpoints.flare.event[1]", "did you mean 'rescue'?"),
        ({"event": []}, "endpoints.flare.event", "at least one"),
        ({"event": ["death", "death"]}, "endpoints.flare.event", "each word once"),
        ({"event": ["remission"], "clock": "remission"}, "endpoints.flare.event",
         'clock = "randomisation"'),
        ({"clock": "month"}, "endpoints.flare.clock",
         "allowed: randomisation, infusion, remission"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_what_is_allowed(endpoint: Raw, path: str, said: str) -> None:
    with pytest.raises(DesignError) as caught:
        Design(**primary(**endpoint))
    told = {problem.path: problem.message for problem in caught.value.problems}
    assert path in told, told
    assert said in told[path]


def refused(raw: Raw) -> str:
    with pytest.raises(DesignError) as caught:
        Design(**raw)
    return str(caught.value)


def test_a_hazard_that_it_counts_has_to_be_said() -> None:
    raw = primary(event=["rescue", "death"], horizon=12.0)
    del raw["truth"]["soc"]["rescue"], raw["truth"]["cart"]["death"]
    said = refused(raw)
    assert "truth.soc.rescue: missing" in said
    assert "truth.cart.death: missing" in said
    assert "`rescue = { per_year = … }`, with 0.0 if it never happens" in said


def test_a_clock_of_the_course_has_no_direct_truth() -> None:
    raw = primary(clock="remission", horizon=12.0)
    raw["truth"] = {"flare": {arm: {"dist": "exponential", "rate": 0.1} for arm in raw["arms"]}}
    raw["scenarios"] = {"works": {}}
    assert "only a course dates" in refused(raw)
    del raw["truth"]["flare"]
    assert "directly as" not in refused(raw)


def test_a_look_by_events_must_not_wait_for_ever() -> None:
    raw = primary(clock="remission", horizon=12.0)
    for course in raw["truth"].values():
        del course["dropout"]
        course["death"] = {"per_year": 0.0}
    assert "their time may never begin" in refused(raw)


def test_check_says_what_counts_and_what_censors() -> None:
    raw = primary(clock="infusion", horizon=12.0)
    told = described(Design(**raw))
    assert "time to the first of loss of drug-free remission, death from infusion" in told
    assert "death: composite (an event)" in told
    assert "rescue immunosuppression: treatment policy (follow-up goes on after it)" in told
    raw["endpoints"]["flare"]["event"] = "relapse"
    assert "death: hypothetical (censors; the time had nobody died)" in described(Design(**raw))
