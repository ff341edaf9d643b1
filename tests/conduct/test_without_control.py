"""Designs in which no arm is the control, against the slow twin and against plain sums."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.conduct.estimated import alone, estimand_noun, estimand_pair
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.running.run import simulate
from conduct.test_fast_equals_twin import compare, raw_design

GOAL = 0.3
SEVERAL: dict[str, Any] = {
    "name": "two products against one number",
    "arms": {"low": {}, "high": {"allocation": 2}},
    "endpoints": {"dfr": {"type": "landmark", "month": 6}},
    "enrolment": {"max_n": 60, "per_month": 4, "arrivals": "regular"},
    "looks": {"observed": [60]},
    "rules": [
        {
            "name": "efficacy",
            "then": "declare_success",
            "posterior": {"endpoint": "dfr", "arm": "each", "above": GOAL},
            "at_least": 0.95,
        }
    ],
    "scenarios": {"mixed": {"role": "alternative", "dfr": {"low": 0.3, "high": 0.5}}},
}


def single_arm() -> dict[str, Any]:
    """The shipped design without a claim and an event rate, which the twin does not know."""
    raw = raw_design("lupus_single_arm")
    raw["rules"] = [rule for rule in raw["rules"] if rule["name"] != "lasting"]
    del raw["endpoints"]["serious_infection"]
    return raw


@pytest.mark.parametrize("scenario", ["kind", "cruel", "nothing_at_all", "selected"])
def test_a_single_arm_is_its_slow_twin(scenario: str) -> None:
    compare(single_arm(), scenario, 4)


def test_never_infused_participants_take_the_course_said_for_them() -> None:
    raw = single_arm()
    raw["truth"]["cart"]["infusion"]["failure"] = 0.5
    raw["truth"]["not_infused"]["remission"]["probability"] = 0.6
    compare(raw, "kind", 4)


@pytest.mark.parametrize("seen", ["level", "difference"])
def test_what_is_estimated_is_what_success_asks(seen: str) -> None:
    raw = copy.deepcopy(SEVERAL)
    if seen == "difference":
        raw["rules"][0]["posterior"] |= {"arm": "high", "minus": "low", "above": 0.0}
        raw["rules"].append(copy.deepcopy(raw["rules"][0]) | {"name": "other"})
        raw["rules"][1]["posterior"] |= {"arm": "low", "minus": "high"}
    design = Design(**raw)
    found = [(e.question.arm, e.question.minus) for e in Plan.of(design).estimands]
    if seen == "level":
        assert found == [(0, None), (1, None)]
        assert (alone(design), estimand_noun(design), estimand_pair(design)) == (
            True, "probability", "arm",
        )  # fmt: skip
        return
    assert design.experimental_names == ("low", "high")
    assert found == [(0, None), (1, None)]  # success asks two different differences


def test_one_difference_is_the_estimand_of_the_other_arm() -> None:
    raw = copy.deepcopy(SEVERAL)
    raw["rules"][0]["posterior"] |= {"arm": "high", "minus": "low", "above": 0.0}
    raw["rules"].append(copy.deepcopy(raw["rules"][0]) | {"name": "harm", "then": "drop_arm"})
    raw["rules"][1]["posterior"] = {"endpoint": "dfr", "arm": "low", "below": 0.1}
    design = Design(**raw)
    (found,) = Plan.of(design).estimands
    assert (found.question.arm, found.question.minus, found.arm) == (1, 0, "high")
    assert estimand_pair(design) == "high − low"


def test_several_arms_are_randomised_to_each_other_and_each_is_judged_alone() -> None:
    result = simulate(Design(**SEVERAL), trials=2_000, seed=3, jobs=1, engine="simulate")
    measures = result.operating_characteristics
    for arm, n, rate in (("low", 20, 0.3), ("high", 40, 0.5)):
        responders = np.arange(n + 1)
        holds = stats.beta.sf(GOAL, 1 + responders, 1 + n - responders) >= 0.95
        expected = float(stats.binom.pmf(responders, n, rate)[holds].sum())
        row = measures[(measures["measure"] == "arm_success") & (measures["arm"] == arm)].iloc[0]
        assert abs(row["estimate"] - expected) < 4.0 * np.sqrt(expected * (1 - expected) / 2_000)
        share = measures[(measures["measure"] == "arm_share") & (measures["arm"] == arm)].iloc[0]
        assert share["estimate"] == pytest.approx(n / 60)
        true = measures[(measures["measure"] == "estimand") & (measures["arm"] == arm)].iloc[0]
        assert true["estimate"] == pytest.approx(rate)


def test_shares_follow_the_better_arm_and_need_no_control() -> None:
    raw = copy.deepcopy(SEVERAL)
    raw["arms"]["high"] = {}
    raw["randomisation"] = {"method": "response_adaptive", "power": 1.0, "minimum": 0.1}
    raw["enrolment"]["per_month"] = 1
    raw["looks"] = {"observed": [20, 40, 60]}
    raw["scenarios"]["mixed"]["dfr"] = {"low": 0.1, "high": 0.25}
    result = simulate(Design(**raw), trials=300, seed=3, jobs=1)
    shares = result.operating_characteristics.query("measure == 'arm_share'").set_index("arm")
    assert shares.loc["high", "estimate"] > 0.58
    assert shares["estimate"].sum() == pytest.approx(1.0)


def test_the_best_of_two_arms_without_a_control_counts_both() -> None:
    raw = copy.deepcopy(SEVERAL)
    raw["rules"][0]["posterior"] = {"endpoint": "dfr", "arm": "low", "best": True}
    raw["rules"][0]["at_least"] = 0.9
    result = simulate(Design(**raw), trials=400, seed=3, jobs=1)
    success = result.operating_characteristics.query("measure == 'arm_success' and arm == 'low'")
    n, m, draws = np.arange(21), np.arange(41), np.linspace(0.0, 1.0, 2_001)
    pmf = np.outer(stats.binom.pmf(n, 20, 0.3), stats.binom.pmf(m, 40, 0.5))
    middle = 0.5 * (draws[1:] + draws[:-1])
    below = stats.beta.cdf(middle, 1 + m[:, None], 41 - m[:, None])
    mass = np.diff(stats.beta.cdf(draws, 1 + n[:, None], 21 - n[:, None]), axis=1)
    expected = float(pmf[mass @ below.T >= 0.9].sum())
    assert abs(success.iloc[0]["estimate"] - expected) < 4.0 * np.sqrt(expected / 400) + 1e-3
