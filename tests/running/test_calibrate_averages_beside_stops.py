"""Averages beside stops whose thresholds are searched too, against the twin's enumeration."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest

import adaptive_cart as ac
from adaptive_cart.design.design import Design
from adaptive_cart.report.chapters.thresholds import thresholds
from adaptive_cart.report.document import Heading, Paragraph, Table, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.results.shared_calibration import calibration_of
from adaptive_cart.results.stop_calibration import StopCalibration
from adaptive_cart.running.calibrate import announced, calibrate
from adaptive_cart.running.region import with_found
from adaptive_cart.telling.check import described
from checks import raw_design
from twin import enumeration

WEIGHTS = {"null": 0.5, "expected": 0.3, "large": 0.2}
STOPS = {
    "harm": {"at_most": 0.06, "scenarios": ["expected"]},
    "futility": {"at_most": 0.1, "scenarios": ["expected", "large"]},
}


def small(**wanted: Any) -> dict[str, Any]:
    """Two looks, a safety rule on the rate itself, futility by prediction: all are searched."""
    raw: dict[str, Any] = copy.deepcopy(raw_design("hello"))
    raw["enrolment"]["max_n"] = 24
    raw["looks"]["observed"] = [12, 24]
    harm = {"name": "harm", "then": "stop_for_safety", "at_least": "calibrate",
            "posterior": {"endpoint": "dfr", "arm": "cart", "below": 0.3}}  # fmt: skip
    efficacy, futility = raw["rules"]
    efficacy["at_least"] = futility["below"] = "calibrate"
    futility["looks"] = [1]
    raw["rules"] = [harm, efficacy, futility]
    raw["scenarios"] = {
        "null": {"dfr": {"soc": 0.3, "cart": 0.3}},
        "expected": {"dfr": {"soc": 0.3, "cart": 0.55}},
        "large": {"dfr": {"soc": 0.2, "cart": 0.7}},
    }
    raw["design_prior"] = {"held": {"weights": WEIGHTS}}
    raw["calibration"] = {"design_prior": "held", "false_stop": STOPS, **wanted}
    return raw


def found_in(raw: dict[str, Any], **how: Any) -> StopCalibration:
    """The calibration."""
    found = calibrate(Design(**raw), jobs=1, **how)
    assert isinstance(found, StopCalibration)
    return found


def with_thresholds(raw: dict[str, Any], found: StopCalibration, **other: float) -> dict[str, Any]:
    """The design with what was found, or something else in its place."""
    tables = copy.deepcopy(raw)
    for rule in tables["rules"]:
        key = "at_least" if "at_least" in rule else "below"
        rule[key] = other.get(rule["name"], found.of_rule(rule["name"]))
    return tables


def discovery(rows: Any) -> float:
    """P(the claim is false | success), by the twin."""
    won = {name: w * rows[name, "success", None, None] for name, w in WEIGHTS.items()}
    return float(won["null"] / sum(won.values()))


def test_each_threshold_is_the_least_strict_with_the_others_in_force() -> None:
    raw = small(false_discovery=0.12)
    found = found_in(raw)
    averaged = found.of_averages[0]
    assert averaged is not None
    assert found.of_success is None
    rows = enumeration.enumerate_design(with_thresholds(raw, found))
    told = averaged.averages["false_discovery"].estimate
    assert told == pytest.approx(discovery(rows), abs=1e-10)
    assert told <= 0.12
    assert averaged.must_not_count is not None
    next_ = with_thresholds(raw, found, efficacy=averaged.must_not_count - 1e-9)
    assert discovery(enumeration.enumerate_design(next_)) > 0.12
    for one, measure in zip(found.stops, ("stop_safety", "stop_futility"), strict=True):
        for scenario, error in one.errors.items():
            assert error == pytest.approx(rows[scenario, measure, None, None], abs=1e-12)
        assert max(one.errors.values()) <= STOPS[one.rule]["at_most"]  # type: ignore[operator]
        assert one.must_not_count is not None
        beside = one.must_not_count + (1e-9 if one.rule == "futility" else -1e-9)
        beyond = enumeration.enumerate_design(with_thresholds(raw, found, **{one.rule: beside}))
        worst = max(beyond[scenario, measure, None, None] for scenario in one.errors)
        assert worst > STOPS[one.rule]["at_most"]  # type: ignore[operator]


def test_the_stops_make_a_difference_to_what_is_found() -> None:
    raw = small(false_discovery=0.12)
    alone = copy.deepcopy(raw)
    alone["rules"] = [rule for rule in raw["rules"] if rule["name"] == "efficacy"]
    alone["calibration"].pop("false_stop")
    found = calibrate(Design(**alone), jobs=1).of_averages[0]
    beside = found_in(raw).of_averages[0]
    assert found is not None
    assert beside is not None
    assert beside.threshold < found.threshold  # what stops has taken false successes away


def test_a_type_one_error_is_held_with_the_stops_in_force() -> None:
    raw = small(false_discovery=0.3, type_one_error=0.08)
    found = found_in(raw)
    averaged = found.of_averages[0]
    assert averaged is not None
    assert averaged.success is not None
    assert averaged.threshold == averaged.success.threshold
    certificate = ac.worst_case(with_found(Design(**raw), found)).certificate
    assert certificate is not None
    assert certificate.found <= 0.08 + 1e-9
    assert certificate.found == pytest.approx(averaged.success.worst_point.error, abs=1e-6)


def test_simulated_it_comes_near_to_what_is_enumerated() -> None:
    raw = small(correct_decision=0.68, confidence="estimate")
    raw["rules"] = raw["rules"][:2]  # nothing is predicted
    raw["calibration"]["false_stop"] = {"harm": STOPS["harm"]}
    found = found_in(raw, trials=200, seed=5, engine="simulate")
    averaged = found.of_averages[0]
    assert averaged is not None
    assert averaged.method == "simulated"
    rows = enumeration.enumerate_design(with_thresholds(raw, found))
    true = sum(
        w * (rows[n, "success", None, None] if n != "null" else 1 - rows[n, "success", None, None])
        for n, w in WEIGHTS.items()
    )
    for figure in (averaged.averages["correct_decision"], averaged.fresh["correct_decision"]):
        assert abs(figure.estimate - true) < 5 * figure.mcse
    (one,) = found.stops
    stopped = rows["expected", "stop_safety", None, None]
    assert abs(one.fresh.estimate - stopped) < 5 * math.sqrt(stopped * (1 - stopped) / 2000)


def test_the_log_is_kept_read_back_and_told(tmp_path: Path) -> None:
    raw = small(false_discovery=0.12)
    design, found = Design(**raw), found_in(raw)
    final = with_found(design, found)
    assert found.matches(final)
    assert found.answers(design)
    kept = json.loads(json.dumps(found.plain()))
    assert calibration_of(kept) == found
    assert calibration_of(kept | {"averaged": {"kind": "no such"}}) is None
    text = found.words()
    assert "P(claim false | success) at most 0.12 wanted, over the design prior held" in text
    assert "'harm': threshold" in text
    assert "'futility': threshold" in text
    assert any("P(claim false | success)" in line for line in found.lines())
    assert repr(found.of_rule("efficacy")) in found.short()
    run = ac.simulate(
        final, trials=20, jobs=1, engine="simulate", out=tmp_path / "run", calibration=found
    )
    blocks = thresholds(Evidence(run, Facts(), 0))
    assert [type(block) for block in blocks] == [Heading, Paragraph, Table, Paragraph, Table]
    said = " ".join(plain(block.line) for block in blocks if isinstance(block, Paragraph))
    assert "by a search over the design prior" in said
    assert "searched in turn with those of success" in said


def test_check_says_both() -> None:
    told = described(Design(**small(false_discovery=0.12)))
    assert "P(claim false | success) wanted: at most 0.12; averaged over the design prior" in told
    assert "false stops by harm wanted: at most 0.06 in 'expected'" in told
    stops, success = announced(Design(**small(false_discovery=0.1))).splitlines()
    assert stops.startswith("calibrating harm, futility: the thresholds of rules that stop")
    assert success.startswith("calibrating efficacy: the threshold of a success, or of a claim, ")
