"""Thresholds with a shape over the looks: against group-sequential theory, and against the twin."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import optimize, stats

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.results.calibration import Calibrated
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.exact_error import ExactError
from adaptive_cart.running.region import with_found, with_threshold
from adaptive_cart.running.shapes import Shape, rounded_up
from adaptive_cart.telling.check import described
from checks import raw_design
from twin import enumeration


def two_arms(looks: list[int], error: float, shape: str, **calibration: Any) -> dict[str, Any]:
    raw: dict[str, Any] = copy.deepcopy(raw_design("hello"))
    raw["arms"]["cart"].pop("allocation")
    raw["enrolment"]["max_n"] = looks[-1]
    raw["looks"]["observed"] = looks
    raw["rules"] = raw["rules"][:1]
    raw["rules"][0]["at_least"] = "calibrate"
    raw["calibration"] = {"type_one_error": error, "shape": shape, **calibration}
    return raw


def by_twin(raw: dict[str, Any], thresholds: list[float], rates: Any) -> list[float]:
    tables = copy.deepcopy(raw)
    tables["rules"][0]["at_least"] = thresholds
    tables["scenarios"] = {
        f"point{k}": {"dfr": {"soc": float(rate), "cart": float(rate)}}
        for k, rate in enumerate(rates)
    }
    found = enumeration.enumerate_design(tables)
    return [found[name, "success", None, None] for name in tables["scenarios"]]


# ── theory ────────────────────────────────────────────────────────────────────────────────────
def critical(shares: list[float], error: float, shape: str) -> list[float]:
    """Bounds of z by look with an error, by integrals of the multivariate normal distribution."""
    n = np.array(shares)
    correlation = np.sqrt(np.minimum.outer(n, n) / np.maximum.outer(n, n))
    factors = np.sqrt(1.0 / n) if shape == "obrien_fleming" else np.ones(len(n))
    normal = stats.multivariate_normal(np.zeros(len(n)), correlation)

    def excess(c: float) -> float:
        return float(1.0 - normal.cdf(c * factors, rng=np.random.default_rng(1)) - error)

    return [*(optimize.brentq(excess, 1.0, 4.0, xtol=1e-6) * factors)]


def test_the_integrals_give_published_constants() -> None:
    """Jennison and Turnbull 2000, tables 2.1 and 2.3: two-sided 0.05, two and three looks."""
    assert critical([0.5, 1.0], 0.025, "pocock")[-1] == pytest.approx(2.178, abs=1e-3)
    assert critical([0.5, 1.0], 0.025, "obrien_fleming")[-1] == pytest.approx(1.977, abs=1e-3)
    assert critical([1 / 3, 2 / 3, 1.0], 0.025, "pocock")[-1] == pytest.approx(2.289, abs=2e-3)


@pytest.mark.parametrize("shape", ["pocock", "obrien_fleming"])
@pytest.mark.parametrize(
    "looks", [[150, 300], pytest.param([120, 240, 360], marks=pytest.mark.slow)]
)
def test_many_participants_and_a_flat_prior_give_group_sequential_bounds(
    looks: list[int], shape: str
) -> None:
    """At a control rate of one half, where the normal approximation is best."""
    raw = two_arms(looks, 0.025, shape, null_region={"soc": [0.5, 0.5]})
    found = calibrate(Design(**raw))
    bounds = critical([look / looks[-1] for look in looks], 0.025, shape)
    thresholds = found.by_look.get("efficacy", (found.threshold,) * len(looks))
    for threshold, bound in zip(thresholds, bounds, strict=True):
        assert stats.norm.ppf(threshold) == pytest.approx(bound, abs=0.08)


@pytest.mark.parametrize(("shape", "futility"), [("pocock", 0.96), ("obrien_fleming", 0.9)])
def test_futility_that_does_not_bind_leaves_the_group_sequential_bounds(
    shape: str, futility: float
) -> None:
    """One that binds lowers them, as the integral over those who pass it at the first look says.

    Arms of 7 to 8: differences of proportions then take so many values that none is a step.
    """
    raw = two_arms([150, 300], 0.025, shape, null_region={"soc": [0.5, 0.5]})
    raw["arms"]["soc"]["allocation"], raw["arms"]["cart"]["allocation"] = 7, 8
    raw["rules"].append(
        {"name": "weak", "then": "declare_futility", "below": futility, "looks": [1],
         "posterior": raw["rules"][0]["posterior"]}
    )  # fmt: skip
    assert raw["rules"][0]["posterior"]["above"] == 0.0
    loose = copy.deepcopy(raw)
    loose["calibration"]["futility"] = "not_binding"
    factors = np.array([np.sqrt(2.0), 1.0]) if shape == "obrien_fleming" else np.ones(2)
    both = stats.multivariate_normal(np.zeros(2), [[1.0, np.sqrt(0.5)], [np.sqrt(0.5), 1.0]])
    passes = stats.norm.ppf(futility)

    def excess(c: float) -> float:
        first, last = c * factors
        inside = stats.norm.cdf(first) - stats.norm.cdf(passes)
        lost = both.cdf([first, last]) - both.cdf([passes, last])
        return float(stats.norm.sf(first) + inside - lost - 0.025)

    binding = optimize.brentq(excess, 1.0, 4.0, xtol=1e-6) * factors
    free = np.array(critical([0.5, 1.0], 0.025, shape))
    for tables, bounds in ((raw, binding), (loose, free)):
        found = calibrate(Design(**tables))
        thresholds = found.by_look.get("efficacy", (found.threshold,) * 2)
        assert stats.norm.ppf(thresholds) == pytest.approx(bounds, abs=0.015)
    assert free[-1] - binding[-1] > 0.15


# ── what is written ───────────────────────────────────────────────────────────────────────────
def test_the_written_thresholds_have_the_shape_and_keep_the_error() -> None:
    raw = two_arms([16, 32], 0.05, "obrien_fleming")
    found = calibrate(Design(**raw))
    (thresholds,) = found.by_look.values()
    first, last = thresholds
    assert last == found.threshold
    assert found.must_not_count is not None
    assert found.may_count is not None
    assert found.must_not_count < last < found.may_count
    assert stats.norm.ppf(first) == pytest.approx(stats.norm.ppf(last) * np.sqrt(2.0), abs=2e-2)
    rates = np.linspace(0.02, 0.98, 33)
    assert max(by_twin(raw, [*thresholds], rates)) <= 0.05
    assert max(by_twin(raw, [*thresholds], rates)) <= found.worst_point.error + 1e-9
    control = float(found.worst.split(", ")[0].split()[1])
    at_worst = by_twin(raw, [*thresholds], [control])
    assert at_worst[0] == pytest.approx(found.worst_point.error, abs=1e-5)
    # the next smaller constant does not keep it
    smaller = found.must_not_count - 1e-9
    shape = Shape.of(Design(**raw))
    assert max(by_twin(raw, [shape.at(smaller, 1), smaller], [*rates, control])) > 0.05 - 2e-3


def test_one_number_is_the_default_to_the_last_bit() -> None:
    raw = two_arms([16, 32], 0.05, "pocock")
    plain = two_arms([16, 32], 0.05, "pocock")
    del plain["calibration"]["shape"]
    found, other = calibrate(Design(**raw)), calibrate(Design(**plain))
    assert found.threshold == other.threshold
    assert found.errors == other.errors
    assert found.by_look == {}


def test_simulated_thresholds_of_a_shape_agree_with_the_enumerated_ones() -> None:
    raw = two_arms([16, 32], 0.05, "obrien_fleming", null_region={"soc": [0.4, 0.4]})
    exact = calibrate(Design(**raw))
    drawn = calibrate(Design(**raw), trials=300, seed=2, jobs=1, engine="simulate")
    assert drawn.fresh is not None
    assert drawn.fresh.upper <= 0.05
    (thresholds,) = drawn.by_look.values()
    assert abs(thresholds[-1] - exact.threshold) < 0.03
    true = by_twin(raw, [*thresholds], [0.4])[0]
    assert abs(drawn.fresh.estimate - true) < 5 * drawn.fresh.mcse
    assert thresholds[0] > thresholds[1]


def test_a_rule_that_predicts_another_goes_by_its_last_threshold() -> None:
    raw = two_arms([16, 32], 0.05, "obrien_fleming")
    raw["rules"].append(copy.deepcopy(raw_design("hello")["rules"][1]) | {"looks": [1]})
    found = calibrate(Design(**raw))
    (thresholds,) = found.by_look.values()
    assert max(by_twin(raw, [*thresholds], np.linspace(0.05, 0.95, 13))) <= 0.05


def test_the_file_gets_a_list_and_the_log_tells_it(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "designs" / "hello.toml").read_text()
    text = text.replace("at_least = 0.985", 'at_least = "calibrate"')
    text += '[calibration]\ntype_one_error = 0.025\nshape = "obrien_fleming"\n'
    file = tmp_path / "shaped.toml"
    file.write_text(text)
    done = CliRunner().invoke(main, ["calibrate", str(file)])
    assert done.exit_code == 0, done.output
    kept = Calibrated.of(json.loads((tmp_path / "shaped.calibration.json").read_text()))
    assert kept is not None
    values = [*kept.by_look["efficacy"]]
    assert len(values) == 3
    assert values == sorted(values, reverse=True)
    assert file.read_text() == text.replace('"calibrate"', str(values))
    assert "O'Brien-Fleming-like: " + ", ".join(map(repr, values)) in done.output
    written = ac.load_design(file)
    assert kept.matches(written)
    assert kept.answers(Design(**_asked(text)))
    assert with_found(Design(**_asked(text)), kept).rules[0].at_least == values
    assert "O'Brien-Fleming-like" in described(Design(**_asked(text)))
    proven = ac.worst_case(written).certificate
    assert proven is not None
    assert proven.bound <= 0.025


def _asked(text: str) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(text)


def test_a_shape_needs_planned_numbers() -> None:
    raw = two_arms([16, 32], 0.05, "obrien_fleming")
    raw["looks"] = {"months": [14.0, 24.0]}
    with pytest.raises(DesignError, match="by months: leave it out"):
        Design(**raw)


def test_thresholds_are_rounded_away_from_success() -> None:
    for value in (0.5, 0.9876543, 0.99999876543, 1 - 1e-9):
        assert value <= rounded_up(value) < 1.0
        assert 1.0 - rounded_up(value) == pytest.approx(1.0 - value, rel=0.02)


def test_beside_a_threshold_are_the_nearest_probabilities_of_the_look() -> None:
    numbers = with_threshold(Design(**two_arms([8, 20], 0.05, "obrien_fleming")), 0.5)
    error = ExactError(numbers, {"efficacy"}, (0.0, 1.0))
    asked = np.unique(error.looks[0].asked["efficacy"])  # as the last look would have them
    low, high = asked[len(asked) // 2], asked[len(asked) // 2 + 1]
    found = error.beside("efficacy", 1, low, high)
    assert found == tuple(error.shape.at(float(value), 1) for value in (low, high))
    assert error.beside("efficacy", 1, asked[-1], 2.0)[1] == 1.0
