"""What is said directly of an arm may be the same as of another: the values typed of that one."""

from __future__ import annotations

import copy
import tomllib
from typing import Any

import pytest

from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truth_with
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import DesignError

SCORE = {"baseline": {"mean": 9, "sd": 3}, "change": [-1, -2], "sd": [2, 2], "correlation": 0.5}
BETTER = {**SCORE, "change": [-2, -4]}
RAW = tomllib.loads("""
name = "Direct truths of every kind"
[arms.soc]
control = true
[arms.low]
[arms.high]
[strata]
mild = 0.4
hard = 0.6
[endpoints.dfr]
type = "landmark"
month = 9
[endpoints.mgadl]
type = "continuous"
visits = [1.0, 3.0]
better = "lower"
[endpoints.flare]
type = "time_to_event"
[endpoints.infections]
type = "event_rate"
[endpoints.door]
type = "ordinal"
month = 9
categories = ["bad", "fair", "good"]
[analysis.flare]
model = "piecewise_exponential"
prior = { baseline = { a = 1, b = 12 }, log_hazard_ratio = { dist = "normal", mean = 0, sd = 1 } }
[enrolment]
max_n = 60
per_month = 5
[looks]
observed = [60]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "high", minus = "soc", above = 0.0 }
at_least = 0.975
[truth.dfr]
soc = 0.1
low = { mild = 0.2, hard = 0.3 }
high = 0.5
[truth.flare]
soc = { dist = "exponential", median = 12 }
low = { dist = "exponential", median = 15 }
high = { dist = "weibull", median = 20, shape = 1.2 }
[truth.infections]
soc = 0.5
low = 0.6
high = 0.7
[truth.door]
soc = { bad = 0.5, fair = 0.3, good = 0.2 }
low = { bad = 0.4, fair = 0.3, good = 0.3 }
high = { bad = 0.2, fair = 0.3, good = 0.5 }
[scenarios.other]
role = "null"
""")
RAW["truth"]["mgadl"] = {"soc": SCORE, "low": {"mild": SCORE, "hard": BETTER}, "high": BETTER}
TYPED: dict[str, Any] = {
    "dfr": 0.1,
    "mgadl": SCORE,
    "flare": {"dist": "exponential", "median": 12},
    "infections": 0.5,
    "door": {"bad": 0.5, "fair": 0.3, "good": 0.2},
}


def design(*, truth: Any = None, scenario: Any = None) -> Design:
    raw = copy.deepcopy(RAW)
    for name, by_arm in (truth or {}).items():
        raw["truth"][name] |= by_arm
    raw["scenarios"]["other"] |= scenario or {}
    return Design(**raw)


def truth_of(**changes: Any) -> Truth:
    return design(**changes).truths["other"]


def refused(**changes: Any) -> dict[str, str]:
    with pytest.raises(DesignError) as error:
        design(**changes)
    return {problem.path: problem.message for problem in error.value.problems}


@pytest.mark.parametrize("arm", ["low", "high"])
@pytest.mark.parametrize("name", TYPED)
def test_it_is_what_is_typed_of_the_other_arm(name: str, arm: str) -> None:
    alike, typed = {name: {arm: {"same_as": "soc"}}}, {name: {arm: TYPED[name]}}
    assert truth_of(scenario=alike).direct != truth_of().direct
    own = truth_of(truth=typed).direct
    assert truth_of(truth=alike).direct == own
    assert truth_of(scenario=alike).direct == own, "in place of what [truth] says, strata and all"


def test_it_follows_what_a_scenario_a_part_or_a_draw_says_of_the_other_arm() -> None:
    alike = {"dfr": {"low": {"same_as": "soc"}, "high": {"same_as": "soc"}}}
    changed = truth_of(truth=alike, scenario={"dfr": {"soc": 0.3}})
    assert changed.direct["dfr"] == ((0.3, 0.3),) * 3
    part = {"mixture": {"newer": {"share": 0.25, "dfr": {"soc": 0.4}}}}
    mixed = truth_of(scenario=alike | part)
    assert mixed.direct["dfr"] == ((0.1, 0.1),) * 3
    assert mixed.mixture is not None
    assert [one.direct["dfr"] for one in mixed.mixture.truths] == [((0.4, 0.4),) * 3]
    drawn = truth_with(design(truth=alike), "other", {("dfr", "soc"): 0.6})
    assert drawn.direct["dfr"] == ((0.6, 0.6),) * 3


def test_an_arm_of_its_own_again() -> None:
    own = truth_of(truth={"dfr": {"high": {"same_as": "soc"}}}, scenario={"dfr": {"high": 0.4}})
    assert own.direct["dfr"][2] == (0.4, 0.4)


def test_what_cannot_be_is_told() -> None:
    both = "`same_as` takes all of it from 'soc'; leave one of the two out"
    where = "scenarios.other.mgadl.high"
    for said, path, message in (
        ({"same_as": "sock"}, f"{where}.same_as", "found \"sock\" (did you mean 'soc'?); the arms"),
        ({"same_as": 3}, f"{where}.same_as", "found 3; the arms are soc, low, high"),
        ({"same_as": "high"}, f"{where}.same_as", "an arm cannot be the same as itself"),
        (
            {"same_as": "soc", "change": [-1, -3]},
            f"{where}.change",
            both,
        ),
    ):
        told = refused(scenario={"mgadl": {"high": said}})
        assert list(told) == [path]
        assert told[path].startswith(message)
    told = refused(
        truth={"mgadl": {"high": {"same_as": "soc"}}},
        scenario={"mgadl": {"high": {"change": [-1, -3]}}},
    )
    assert told == {
        f"{where}.change": "`same_as` takes all of it from 'soc'; leave one of the two out"
    }
    told = refused(
        scenario={"mgadl": {"high": {"same_as": "low"}, "low": {"same_as": "soc"}}},
    )
    assert told == {f"{where}.same_as": "'low' is itself the same as another arm"}
