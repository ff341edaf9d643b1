"""States seen at visits, and data that are late: the simulator against its slow twin, and alone."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import pytest

from adaptive_cart.conduct.looks import snapshot_at
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.course import Course
from adaptive_cart.nouns.records import Population
from adaptive_cart.participants.enrolment import Enrolment
from adaptive_cart.participants.population import followed, latents_for
from adaptive_cart.participants.seen import as_seen
from checks import raw_design
from conduct.test_fast_equals_twin import SEED, compare

VISITS = {"visit_every": 1.5, "window": 1.0, "missed": 0.2, "reporting_delay": 0.7,
          "adjudication_delay": {"dfr": 1.25}}  # fmt: skip


def with_visits(name: str = "sle_autologous", **keys: Any) -> dict[str, Any]:
    raw = raw_design(name)
    raw["follow_up"] = {**VISITS, **keys}
    return raw


@pytest.mark.parametrize("missing", ["non_response", "exclude", "impute"])
def test_a_course_seen_at_visits_is_the_twins(missing: str) -> None:
    raw = with_visits()
    raw["endpoints"]["dfr"]["missing"] = raw["endpoints"]["remission"]["missing"] = missing
    compare(raw, "rapid_waning", 5)


def crossing(strategy: str) -> dict[str, Any]:
    raw = with_visits(visit_every=1.0, window=0.5)
    raw["crossover"] = {"from": "soc", "to": "cart", "after_month": 6, "strategy": strategy}
    raw["truth"]["soc"]["crossover"] = {"probability": 0.7}
    raw["truth"]["cart"]["remission"]["again"] = {"probability": 0.6, "at_most": 3}
    return raw


@pytest.mark.parametrize("strategy", ["composite", "treatment_policy"])
def test_crossover_and_remission_that_comes_again(strategy: str) -> None:
    compare(crossing(strategy), "rapid_waning", 4)


def short_spells() -> dict[str, Any]:
    """Remissions that often begin and end between two visits, and come back."""
    raw = with_visits(visit_every=2.0, missed=0.35)
    raw["truth"]["cart"]["remission"]["again"] = {"probability": 0.9, "at_most": 3}
    raw["truth"]["cart"]["durability"] = {
        "cured": 0.0, "relapse": {"dist": "exponential", "median": 1.0},
    }  # fmt: skip
    raw["truth"]["cart"]["rescue"] = {"per_year": 0.8}
    raw["scenarios"] = {"short": {}}
    return raw


def test_spells_between_two_visits_are_not_seen() -> None:
    compare(short_spells(), "short", 4)


TIMES = {
    "flare": {"type": "time_to_event", "event": ["relapse", "rescue", "death"]},
    "rescue": {"type": "time_to_event", "event": ["rescue", "death"], "horizon": 20},
    "loss": {"type": "time_to_event", "event": "relapse", "clock": "infusion", "horizon": 18},
    "kept": {"type": "time_to_event", "event": ["relapse", "rescue"], "clock": "remission"},
    "reached": {"type": "time_to_event", "event": "remission"},
}


def test_times_end_at_the_visit_at_which_it_is_seen() -> None:
    raw = short_spells()
    raw["endpoints"] |= copy.deepcopy(TIMES)
    raw["follow_up"]["adjudication_delay"] = 0.4
    compare(raw, "short", 3)


def test_a_scenario_has_visits_and_delays_of_its_own() -> None:
    raw = with_visits()
    own = {"missed": 0.5, "visit_every": 3.0, "adjudication_delay": {"crs3": 2.0}}
    raw["scenarios"]["rapid_waning"]["follow_up"] = own
    compare(raw, "rapid_waning", 3)
    compare(raw, "expected", 2)
    del raw["follow_up"]  # the design plans none
    compare(raw, "rapid_waning", 3)


def test_direct_truths_and_delays_alone() -> None:
    raw = with_visits("hello", visit_every=1.0, window=0.5)
    raw["enrolment"]["max_n"], raw["looks"]["observed"] = 48, [18, 30, 48]
    compare(raw, "expected", 4)
    raw["follow_up"] = {"reporting_delay": 3.0}
    compare(raw, "expected", 4)


# ── what comes later is not known ─────────────────────────────────────────────────────────────
def later_anew(course: Course, since: Any) -> Course:
    """The same course up to a month of each participant, and something else after it."""
    random = np.random.default_rng(5)

    def anew(months: Any) -> Any:
        other = np.maximum(since, 0.0) + 1e-6 + random.exponential(4.0, since.shape)
        other[random.random(since.shape) < 0.2] = np.inf
        return np.where(months <= since, months, other)

    spells = tuple(s._replace(began=anew(s.began), ended=anew(s.ended)) for s in course.spells)
    events = {name: anew(getattr(course, name)) for name in ("infused", "rescue", "death")}
    return Course(**events, dropout=anew(course.dropout), spells=spells)


def test_what_is_not_reported_by_a_look_changes_nothing() -> None:
    raw = short_spells()
    raw["endpoints"] |= copy.deepcopy(TIMES)
    raw["endpoints"]["remission"]["missing"] = "impute"
    design = Design(**raw)
    plan, truth = Plan.of(design), design.truths["short"]
    latents = latents_for(design, SEED, 0, 30)
    everybody = followed(design, truth, latents, Enrolment(design, latents))
    date = np.full(30, 31.0)
    moved = 0
    for name, endpoint in design.endpoints.items():

        def looked_at(population: Population, name: str = name, endpoint: Any = endpoint) -> Any:
            seen = as_seen(population, design, truth.follow_up, latents)
            snapshot = snapshot_at(seen, date, np.full(30, 90))
            return plan.summary(name, endpoint.prepare(name, seen), snapshot).columns()

        before = looked_at(everybody)
        for sooner in (0.0, 1.0):  # what is reported just by the look would count
            since = date[:, None] - plan.delay(name) - everybody.arrival - sooner
            assert everybody.course is not None
            course = later_anew(everybody.course, since)
            after = looked_at(dataclasses.replace(everybody, course=course, dropout=course.dropout))
            for column, values in before.items():
                if sooner:
                    moved += not np.array_equal(values, after[column])
                else:
                    np.testing.assert_array_equal(values, after[column], err_msg=f"{name} {column}")
    assert moved >= 10


def test_visits_and_delays_that_fit_nothing_are_refused() -> None:
    raw = with_visits(window=0.0, adjudication_delay={"dfrr": 1.0})
    raw["follow_up"]["visit_every"] = 5.0
    raw["scenarios"]["null"]["follow_up"] = {"window": 2.0, "missed": 1.5}
    with pytest.raises(DesignError) as refused:
        Design(**raw)
    told = str(refused.value)
    assert "adjudication_delay.dfrr: no endpoint of this design (did you mean 'dfr'?)" in told
    assert "the visit nearest month 12 of 'dfr' is at month 10: at least 2 is expected" in told
    raw = with_visits()
    raw["scenarios"]["null"]["follow_up"] = {"window": 2.0, "missed": 1.5}
    with pytest.raises(DesignError) as refused:
        Design(**raw)
    assert "scenarios.null.follow_up.window: the window is the protocol's" in str(refused.value)
    assert "scenarios.null.follow_up.missed" in str(refused.value)
    raw = raw_design("sle_autologous") | {"follow_up": {"missed": 0.1, "window": 0.5}}
    with pytest.raises(DesignError, match=r"no visits are planned; write `visit_every = 1.0`"):
        Design(**raw)
