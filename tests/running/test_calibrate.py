"""Calibrated thresholds keep the type I error, against the exact engine."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.running.calibrate import calibrate, calibrated_text, null_points, with_threshold
from adaptive_cart.running.exact import enumerate_design
from conduct.test_fast_equals_twin import DESIGNS, raw_design


def design(**changes: Any) -> Design:
    raw: dict[str, Any] = copy.deepcopy(raw_design("hello"))
    raw["rules"][0]["at_least"] = "calibrate"
    raw["calibration"] = {"type_one_error": 0.025, "null_region": {"soc": [0.02, 0.30]}}
    return Design(**(raw | changes))


def exact_error(calibrated: Design, rate: float) -> float:
    tables = calibrated.plain()
    tables["scenarios"] = {"null": {"dfr": {"soc": rate, "cart": rate}}}
    one = Design(**tables)
    point = null_points(design())[f"soc {rate:.4g}"](one)
    rows, _ = enumerate_design(one, {"null": point})
    return next(row[5] for row in rows if row[1] == "success")


@pytest.mark.parametrize("futility", [True, False])
def test_worst_error_is_the_wanted_one(futility: bool) -> None:
    written = design()
    if not futility:
        written = design(rules=[rule.plain() for rule in written.rules[:1]])
    trials = 4_000
    found = calibrate(written, trials=trials, seed=5, jobs=1)
    calibrated = with_threshold(written, found.threshold)
    errors = [exact_error(calibrated, rate) for rate in np.linspace(0.02, 0.30, 8)]
    mcse = np.sqrt(0.025 * 0.975 / trials)
    # the worst of eight noisy points is chosen, so that the search errs on the safe side
    assert max(errors) < 0.025 + 3 * mcse
    assert max(errors) > 0.025 - 5 * mcse
    assert all(error <= 0.025 for error in found.errors.values())


def test_it_is_the_same_for_the_same_seed() -> None:
    first, second = (calibrate(design(), trials=500, seed=5, jobs=1) for _ in range(2))
    assert first == second
    assert calibrate(design(), trials=500, seed=6, jobs=1).threshold != first.threshold


def test_null_scenarios_serve_where_there_is_no_region() -> None:
    written = design(calibration={"type_one_error": 0.1})
    assert list(null_points(written)) == ["null"]
    assert calibrate(written, trials=500, jobs=1).errors.keys() == {"null"}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"calibration": None}, "calibration"),
        ({"calibration": {"type_one_error": 0.1, "null_region": {"cart": [0.1, 0.2]}}}, "cart"),
        ({"calibration": {"type_one_error": 0.1, "null_region": {"soc": [0.2, 0.1]}}}, "soc"),
    ],
)
def test_what_cannot_be_calibrated_is_said(change: dict[str, Any], path: str) -> None:
    tables = {key: value for key, value in (design().plain() | change).items() if value is not None}
    with pytest.raises(DesignError) as caught:
        calibrate(Design(**tables), trials=100, jobs=1)
    assert path in str(caught.value)


def test_a_design_without_a_threshold_to_find_is_refused() -> None:
    with pytest.raises(DesignError, match="nothing is to be found"):
        calibrate(Design(**raw_design("hello")), trials=100, jobs=1)


def test_the_file_keeps_its_comments() -> None:
    text = (
        (DESIGNS / "hello.toml").read_text().replace("at_least = 0.985", 'at_least = "calibrate"')
    )
    assert '"calibrate"' in text
    found = calibrate(design(), trials=300, seed=5, jobs=1)
    after = calibrated_text(text, found)
    assert after.replace(repr(found.threshold), '"calibrate"') == text


def test_jobs_change_nothing() -> None:
    one, two = (calibrate(design(), trials=300, seed=5, jobs=jobs) for jobs in (1, 2))
    assert one == two
