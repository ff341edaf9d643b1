"""What is judged is judged in the order of dates, and what had not happened moves nothing."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from adaptive_cart.conduct.trial import Block
from adaptive_cart.decisions import REASONS
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from checks import tiny_design
from conduct.test_fast_equals_adaptive_twin import compare
from conduct.test_fast_equals_twin import raw_design

FIXED = {"dist": "fixed", "value": 1.0}
CRS = {"endpoint": "crs", "arm": "cells", "above": 0.12}


def safety(name: str, every: int, **keys: Any) -> dict[str, Any]:
    rule = {"name": name, "then": "stop_for_safety", "posterior": CRS, "at_least": 0.9}
    return rule | {"every": every} | keys


def course_design(*rules: dict[str, Any], **tables: Any) -> dict[str, Any]:
    """A course with infusion delays and toxicity, looks by 24 and 36 observed."""
    cells = {
        "infusion": {"failure": 0.1, "delay": {"dist": "lognormal", "median": 1.5, "sigma": 0.6}},
        "remission": {"probability": 0.6, "onset": {"dist": "exponential", "median": 2.0}},
        "durability": {"cured": 1.0},
        "events": {"crs": 0.25},
    }
    raw: dict[str, Any] = {
        "name": "Course",
        "arms": {"usual": {"control": True}, "cells": {"allocation": 2}},
        "endpoints": {
            "free": {"type": "landmark", "month": 6},
            "crs": {"type": "adverse_event", "within_months": 1.0},
        },
        "analysis": {"crs": {"model": "beta_binomial", "prior": {"a": 0.2, "b": 3.8}}},
        "enrolment": {"max_n": 36, "per_month": 3},
        "looks": {"observed": [24, 36]},
        "rules": list(rules),
        "truth": {
            "usual": {
                "remission": {"probability": 0.1},
                "durability": {"cured": 1.0},
                "events": {"crs": 0.0},
            },
            "cells": cells,
        },
        "scenarios": {"toxic": {}},
    }
    raw["truth"]["usual"]["remission"]["onset"] = {"dist": "exponential", "median": 4.0}
    return raw | tables


def several_arms(raw: dict[str, Any]) -> dict[str, Any]:
    """Add a second experimental arm, as toxic as the first."""
    raw["arms"]["others"] = {}
    raw["truth"]["others"] = copy.deepcopy(raw["truth"]["cells"])
    return raw


def strata(raw: dict[str, Any], after_closing: str) -> dict[str, Any]:
    raw["strata"] = {"early": 0.6, "late": 0.4}
    raw["enrolment"]["after_closing"] = after_closing
    return raw


# ── rules with rhythms of their own ───────────────────────────────────────────────────────────
def ends(block: Block) -> list[Any]:
    return [block.months, block.randomised, block.standing.reason, block.look]


def test_the_order_in_which_rules_are_written_decides_only_at_one_date() -> None:
    slow, quick = safety("slow", 16), safety("quick", 4)
    alone = compare(course_design(quick), "toxic", 8)
    assert (alone.standing.reason == REASONS.index("safety")).sum() >= 3
    assert np.isin(alone.infused.sum(axis=1)[alone.look == 1], range(0, 37, 4)).all()
    for rules in ((slow, quick), (quick, slow)):
        block = compare(course_design(*rules), "toxic", 8)
        for mine, other in zip(ends(block), ends(alone), strict=True):
            np.testing.assert_array_equal(mine, other)
    # at one date the rule that is written first is the one that stops
    both = compare(course_design(safety("first", 4), safety("second", 4)), "toxic", 8)
    assert set(both.standing.rule[both.standing.rule >= 0]) == {0}


def test_two_endpoints_with_rhythms_of_their_own() -> None:
    futile = {
        "name": "futile",
        "then": "declare_futility",
        "posterior": {"endpoint": "free", "arm": "cells", "minus": "usual", "above": 0.2},
        "below": 0.3,
        "every": 5,
    }
    block = compare(course_design(futile, safety("quick", 3)), "toxic", 7)
    assert set(block.standing.reason) >= {REASONS.index("futility"), REASONS.index("safety")}


@pytest.mark.parametrize(
    "randomisation",
    [
        {"method": "permuted_blocks"},
        {"method": "response_adaptive", "power": 0.5, "burn_in": 10},
        {"method": "response_adaptive", "power": 0.5, "burn_in": 60},
        {"method": "response_adaptive", "power": 0.5, "burn_in": 10, "control": 0.4},
    ],
)
def test_an_arm_dropped_between_looks_enrols_no_more_from_that_date(
    randomisation: dict[str, Any],
) -> None:
    each = CRS | {"arm": "each"}
    drop = safety("toxic", 2, then="drop_arm", posterior=each, at_least=0.8)
    raw = several_arms(course_design(drop, looks={"enrolled": [12, 30, 36]}))
    block = compare(raw | {"randomisation": randomisation}, "toxic", 5)
    dropped = block.standing.dropped[:, 1:] > 0
    assert dropped.any(axis=1).sum() >= 2


@pytest.mark.parametrize("after_closing", ["redistribute", "keep"])
def test_a_stratum_closed_between_looks_enrols_no_more_from_that_date(after_closing: str) -> None:
    close = safety(
        "toxic", 2, then="close_stratum", posterior=CRS | {"stratum": "each"}, at_least=0.8
    )
    block = compare(strata(course_design(close), after_closing), "toxic", 5)
    assert (block.standing.closed > 0).any(axis=1).sum() >= 2


def test_enrolment_stopped_between_looks_leads_to_the_last_look() -> None:
    enough = safety("enough", 7, then="stop_enrolment", at_least=0.3)
    raw = course_design(enough, safety("quick", 5, at_least=0.97), looks={"observed": [12, 24, 36]})
    block = compare(raw, "toxic", 10)
    stopped = block.standing.enrolment_stopped
    assert stopped.sum() >= 4
    assert (block.look[stopped & (block.standing.reason == REASONS.index("no_success"))] == 3).all()


def test_infusions_are_counted_of_those_who_are_enrolled() -> None:
    enough = safety("enough", 40, then="stop_enrolment", at_least=0.0, looks=[1])
    enrolment = {"max_n": 36, "per_month": 6}
    raw = course_design(
        safety("quick", 3, at_least=0.7, looks=["final"]), enough, enrolment=enrolment
    )
    raw["truth"]["cells"]["events"]["crs"] = 0.5
    raw["looks"] = {"enrolled": [12, 24], "final": "all_observed"}
    block = compare(raw, "toxic", 16)
    between = np.zeros(16, dtype=np.bool_)
    for record in block.looks:
        between |= record.held & record.between & (record.look == 3)
    assert between.sum() >= 3
    assert (block.randomised.sum(axis=1)[between] == 12).all()
    assert (block.infused.sum(axis=1)[between] % 3 == 0).all()


# ── a decision has its effect whether or not it changes anything ──────────────────────────────
def stopping(per_month: float, looks: Sequence[int] = (20, 50, 80)) -> dict[str, Any]:
    raw = tiny_design(
        enrolment={"max_n": 80, "per_month": per_month}, looks={"observed": list(looks)}
    )
    enough = raw["rules"][0] | {"name": "enough", "then": "stop_enrolment", "at_least": 0.0}
    raw["rules"].append(enough | {"looks": [1]})
    raw["rules"][0]["at_least"] = 0.9
    return raw


@pytest.mark.parametrize("per_month", [400, 3])
def test_enrolment_is_stopped_also_where_all_are_in(per_month: float) -> None:
    block = compare(stopping(per_month), "null", 4)
    held = {record.look: record.held for record in block.looks}
    assert not held[2].any()
    assert (held[3] == ~(block.look == 1)).all()


def test_a_look_that_is_skipped_is_as_good_as_not_planned() -> None:
    skipped = compare(stopping(400), "null", 4)
    unplanned = compare(stopping(400, (20, 80)), "null", 4)
    for mine, other in zip(ends(skipped)[:3], ends(unplanned)[:3], strict=True):
        np.testing.assert_array_equal(mine, other)


# ── looks by events ───────────────────────────────────────────────────────────────────────────
def by_events(cured: float = 0.5, **tables: Any) -> dict[str, Any]:
    """Two looks by events, of which the second is out of reach."""
    raw = raw_design("durability_event_driven")
    time = {"dist": "exponential", "median": 3.0, "cured": cured}
    raw["scenarios"] = {"late": {"relapse": {"withdraw_late": time, "consolidate": time}}}
    raw["truth"] = {}
    raw["enrolment"] |= {"max_n": 40}
    raw["looks"] = {"events": [8, 38]}
    del raw["endpoints"]["relapse"]["horizon"]
    return raw | tables


def test_a_number_that_may_never_be_reached_is_refused() -> None:
    words = r"relapse\.horizon: missing \(scenario late\); .*never drop out.*horizon = 36"
    with pytest.raises(DesignError, match=words):
        Design(**by_events())
    for cured in (1.0, 0.01):
        with pytest.raises(DesignError, match="horizon"):
            Design(**by_events(cured))
    one_stratum = by_events(0.0, strata={"first": 0.5, "second": 0.5})
    arms = one_stratum["scenarios"]["late"]["relapse"]
    cured = arms["consolidate"] | {"cured": 0.2}
    arms["consolidate"] = {"first": arms["consolidate"], "second": cured}
    with pytest.raises(DesignError, match="horizon"):
        Design(**one_stratum)
    Design(**by_events(0.0))
    Design(**by_events(truth={"dropout": {"per_year": 0.2}}))
    Design(**by_events(looks={"months": [12, 24]}))


@pytest.mark.parametrize("horizon", [9, None])
def test_a_number_out_of_reach_waits_until_the_last_of_all_has_left(horizon: int | None) -> None:
    raw = by_events(truth={"dropout": {"per_year": 0.3}})
    if horizon:
        raw["endpoints"]["relapse"]["horizon"] = horizon
    block = compare(raw, "late", 8)
    population = block.population
    assert population is not None
    assert population.dropout is not None
    at_last = block.look == 2
    assert at_last.sum() >= 3
    assert (block.randomised.sum(axis=1)[at_last] == 40).all()
    time = np.asarray(population.outcomes["relapse"])
    stay = np.minimum(np.minimum(time, population.dropout), horizon or np.inf)
    left = (population.arrival + stay)[:, :40].max(axis=1)
    np.testing.assert_allclose(block.months[at_last], left[at_last], rtol=1e-12)


def test_who_is_in_when_enrolment_stops_must_have_an_end_of_follow_up() -> None:
    raw = by_events(0.0)
    question = raw["rules"][0]["posterior"]
    enough = {"name": "enough", "then": "stop_enrolment", "posterior": question, "at_least": 0.0}
    raw["rules"].append(enough | {"looks": [1]})
    words = r"rules\[1\]\.then: found 'stop_enrolment'.*no end without endpoints\.relapse\.horizon"
    with pytest.raises(DesignError, match=words):
        Design(**raw)
    raw["endpoints"]["relapse"]["horizon"] = 10
    block = compare(raw, "late", 6)
    assert block.population is not None
    last = block.standing.enrolled - 1
    arrived = np.take_along_axis(block.population.arrival, last[:, None], axis=1)[:, 0]
    at_last = block.look == 2
    np.testing.assert_allclose(block.months[at_last], arrived[at_last] + 10, rtol=1e-12)
    rate = copy.deepcopy(raw)
    rate["endpoints"] = {"relapse": {"type": "event_rate"}}
    rate["analysis"] = {"relapse": {"model": "gamma_poisson", "prior": {"a": 0.5, "b": 5.0}}}
    rate["looks"] = {"months": [12, 24]}
    for rule in rate["rules"]:
        rule["posterior"] = {"endpoint": "relapse", "arm": "consolidate", "above": 0.3}
    rate["scenarios"] = {"late": {"relapse": {"withdraw_late": 0.2, "consolidate": 0.4}}}
    with pytest.raises(DesignError, match=r"'event_rate' has no end"):
        Design(**rate)


def test_the_pipeline_of_a_time_without_horizon_is_followed_to_the_last_event() -> None:
    raw = by_events(0.0, looks={"events": [8, 16]})
    raw["rules"][0] |= {"at_least": 0.6}
    raw["rules"][0].pop("looks", None)
    block = compare(raw, "late", 10)
    assert (block.standing.reason == REASONS.index("success")).any()
    assert block.reversal.any()
