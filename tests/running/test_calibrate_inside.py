"""A threshold that is sought for one of several questions, against the design that has it."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import numpy as np
import pytest

from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, EngineError
from adaptive_cart.running.calibrate import calibrate, calibrated_text
from adaptive_cart.running.null_points import null_points
from adaptive_cart.running.region import with_found, with_threshold
from adaptive_cart.running.simulated_error import false_successes, largest_asked

BENEFIT: dict[str, Any] = {
    "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0},
    "at_least": "calibrate",
}
SAFE: dict[str, Any] = {
    "posterior": {"endpoint": "crs3", "arm": "cart", "below": 0.3},
    "at_least": [0.6, 0.8],
}
HIGH: dict[str, Any] = {
    "posterior": {"endpoint": "dfr", "arm": "cart", "above": 0.5},
    "at_least": 0.98,
}
MANY: dict[str, Any] = HIGH | {"at_least": "calibrate"}
CONDITIONS: dict[str, dict[str, Any]] = {
    "all": {"all": [BENEFIT, SAFE]},
    "any": {"any": [BENEFIT, HIGH]},
    "nested": {"any": [{"all": [BENEFIT, SAFE]}, {"all": [MANY, {"any": [SAFE, HIGH]}]}]},
}


def design(condition: dict[str, Any], **more: Any) -> Design:
    rule = {"name": "win", "then": "declare_success", **copy.deepcopy(condition)}
    raw: dict[str, Any] = {
        "name": "several questions",
        "arms": {"soc": {"control": True}, "cart": {}},
        "endpoints": {
            "dfr": {"type": "landmark", "month": 2.0},
            "crs3": {"type": "adverse_event", "within_months": 1.0},
        },
        "enrolment": {"max_n": 40, "per_month": 10.0},
        "looks": {"observed": [20, 40]},
        "rules": [rule],
        "calibration": {"type_one_error": 0.1, "confidence": "estimate"},
        "scenarios": {
            "null": {"dfr": {"soc": 0.4, "cart": 0.4}, "crs3": {"soc": 0.1, "cart": 0.2}},
            "harm": {
                "role": "null",
                "dfr": {"soc": 0.2, "cart": 0.7},
                "crs3": {"soc": 0.1, "cart": 0.3},
            },
        },
    }
    return Design(**(raw | more))


@pytest.mark.parametrize("name", CONDITIONS)
def test_what_is_read_off_at_a_threshold_is_what_the_design_does_with_it(name: str) -> None:
    asked = design(CONDITIONS[name])
    numbers = with_threshold(asked, 0.5)
    points, _ = null_points(numbers, asked)
    some = {point.name: point for point in points if point.false["win"]}
    assert some
    for point in itertools.islice(some.values(), 3):
        reached = largest_asked(numbers, asked, point, 300, 5)
        for threshold in (0.3, 0.8, 0.9, 0.97):
            acts = false_successes(with_threshold(asked, threshold), point, 300, 5)
            assert acts == np.sum(reached >= threshold)


def test_a_stratum_that_is_closed_wins_nothing_by_what_all_strata_share() -> None:
    each = BENEFIT["posterior"] | {"stratum": "each"}
    whole = {"posterior": BENEFIT["posterior"] | {"above": 0.05}, "at_least": 0.7}
    asked = design(
        {"any": [BENEFIT | {"posterior": each}, whole], "looks": ["final"]},
        strata={"worse": 0.5, "better": 0.5},
        scenarios={
            "mixed": {
                "role": "null",
                "dfr": {"soc": 0.3, "cart": {"worse": 0.1, "better": 0.6}},
                "crs3": {"soc": 0.1, "cart": 0.1},
            }
        },
    )
    closes = {
        "name": "close", "then": "close_stratum", "below": 0.6, "looks": [1], "posterior": each,
    }  # fmt: skip
    asked = Design(**{**asked.plain(), "rules": [*asked.plain()["rules"], closes]})
    numbers = with_threshold(asked, 0.5)
    (point,) = (one for one in null_points(numbers, asked)[0] if one.false["win"] == (0,))
    reached = largest_asked(numbers, asked, point, 300, 5)
    for threshold in (0.3, 0.9):
        acts = false_successes(with_threshold(asked, threshold), point, 300, 5)
        assert acts == np.sum(reached >= threshold)


def test_all_is_at_its_error_and_written_where_it_was_asked_for() -> None:
    asked = design(CONDITIONS["all"])
    found = calibrate(asked, trials=400, seed=2, jobs=1)
    text = asked.as_toml()
    written = calibrated_text(text, found)
    assert text.count('"calibrate"') == 1
    assert '"calibrate"' not in written
    success = found.of_success
    assert success is not None
    assert max(success.errors.values()) <= 0.1
    assert with_found(asked, found).rules[0].all[0].at_least == success.threshold  # type: ignore[index]
    # benefit that comes with too much harm is the harder of the two
    assert success.worst == "harm"


def test_it_is_not_enumerated() -> None:
    asked = design({"all": [BENEFIT, HIGH]})
    with pytest.raises(EngineError, match="'win' asks several questions, and the threshold of one"):
        calibrate(asked, engine="exact")


BAD: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "below": (
        {"all": [{"posterior": SAFE["posterior"], "below": "calibrate"}, SAFE]},
        {},
        "rules[0].all[0].below: found",
    ),
    "stop": (
        {"any": [BENEFIT, HIGH], "then": "stop_for_safety"},
        {},
        "rules[0].any[0].at_least: found",
    ),
    "averages": (
        {"all": [BENEFIT, SAFE]},
        {
            "calibration": {"design_prior": "neutral", "false_discovery": 0.1},
            "design_prior": {"neutral": {}},
        },
        "averages are wanted; write a number here",
    ),
    "spend": (
        {"all": [BENEFIT, SAFE]},
        {"calibration": {"type_one_error": 0.1, "spend": [0.05, 0.1]}},
        "calibration.spend spends it by look; write a number here",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_where_it_cannot_be_found_that_is_told(name: str) -> None:
    condition, more, message = BAD[name]
    with pytest.raises(DesignError) as refused:
        design(condition, **more)
    assert message in str(refused.value)
