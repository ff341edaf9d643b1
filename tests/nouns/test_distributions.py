"""Distributions of a time against their definition: the hazard, summed up month by month."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy import integrate

from adaptive_cart.nouns.distributions import EventTime, Piecewise, TimeDistribution
from adaptive_cart.nouns.questions import Question

Hazard = Callable[[float], float]
LN2 = math.log(2.0)
U = np.linspace(0.001, 0.999, 37)


def of(**table: Any) -> EventTime:
    found: EventTime = TypeAdapter(TimeDistribution).validate_python(table)
    return found


def odds(t: float, median: float, shape: float) -> float:
    """Hazard of a time whose odds of an event by month t are (t / median) ** shape."""
    by = (t / median) ** shape
    return shape * by / t / (1.0 + by)


CASES: list[tuple[dict[str, Any], Hazard]] = [
    ({"dist": "exponential", "rate": 0.2}, lambda t: 0.2),
    ({"dist": "weibull", "shape": 1.7, "scale": 5.0}, lambda t: 1.7 / 5.0 * (t / 5.0) ** 0.7),
    ({"dist": "loglogistic", "median": 6.0, "shape": 1.4}, lambda t: odds(t, 6.0, 1.4)),
    ({"dist": "gompertz", "shape": 0.08, "rate": 0.03}, lambda t: 0.03 * math.exp(0.08 * t)),
    ({"dist": "gompertz", "shape": 0.0, "rate": 0.03}, lambda t: 0.03),
    ({"dist": "gompertz", "shape": -0.1, "rate": 0.2}, lambda t: 0.2 * math.exp(-0.1 * t)),
    ({"dist": "gompertz", "shape": 0.08, "median": 9.0},
     lambda t: LN2 * 0.08 / math.expm1(0.72) * math.exp(0.08 * t)),
    ({"dist": "piecewise", "hazards": [0.1, 0.0, 0.04], "cuts": [3.0, 5.0]},
     lambda t: 0.1 if t < 3.0 else 0.0 if t < 5.0 else 0.04),
    ({"dist": "piecewise", "hazards": [0.2, 0.0], "cuts": [3.0]},
     lambda t: 0.2 if t < 3.0 else 0.0),
    ({"dist": "piecewise", "hazards": [0.2], "cuts": []}, lambda t: 0.2),
]  # fmt: skip


def without(hazard: Hazard, months: float) -> float:
    """Probability of no event by a month: the exponential of minus the hazard summed up to it."""
    summed, _ = integrate.quad(hazard, 0.0, months, points=[m for m in (3.0, 5.0) if m < months])
    return math.exp(-summed)


@pytest.mark.parametrize(
    "table",
    [
        {"dist": "lognormal", "median": 1e308, "sigma": 0.3},
        {"dist": "lognormal", "median": 2.0, "sigma": 1e6},
        {"dist": "weibull", "shape": 0.002, "scale": 1e300},
        {"dist": "exponential", "median": 1e308},
        {"dist": "gamma", "shape": 2.0, "scale": 1e308},
        {"dist": "loglogistic", "median": 1e308, "shape": 0.5},
    ],
    ids=lambda table: f"{table['dist']}",
)
@pytest.mark.parametrize("cured", [0.0, 0.3])
def test_what_is_later_than_any_number_counts_as_never(table: dict[str, Any], cured: float) -> None:
    months = of(**table, cured=cured).quantile(np.array([1e-3, 0.5, 0.69, 1.0 - 1e-12]))
    assert not np.isnan(months).any()
    assert months[-1] == np.inf


@pytest.mark.parametrize(("table", "hazard"), CASES)
def test_a_share_u_has_the_event_by_its_quantile(table: dict[str, Any], hazard: Hazard) -> None:
    months = of(**table).quantile(U)
    assert (np.diff(months[np.isfinite(months)]) > 0.0).all()
    for u, month in zip(U, months, strict=True):
        if math.isfinite(month):
            assert without(hazard, month) == pytest.approx(1.0 - u, abs=1e-9)
        else:
            assert without(hazard, 500.0) >= 1.0 - u - 1e-9


@pytest.mark.parametrize(("table", "hazard"), CASES)
def test_true_fractions_and_medians(table: dict[str, Any], hazard: Hazard) -> None:
    time = of(**table)
    for month in (0.5, 3.0, 4.0, 24.0):
        assert time.beyond(month) == pytest.approx(without(hazard, month), abs=1e-9)
    never = without(hazard, 500.0) if math.isinf(time.quantile(np.array([1.0 - 1e-12]))[0]) else 0.0
    assert time.never == time.beyond(math.inf) == pytest.approx(never, abs=1e-9)
    half = float(time.quantile(np.array([0.5]))[0])
    if math.isfinite(half):
        assert without(hazard, half) == pytest.approx(0.5, abs=1e-9)
    # the cured fraction comes on top of those who never have the event
    cured = of(**table, cured=0.25)
    assert cured.never == pytest.approx(0.25 + 0.75 * never, abs=1e-9)
    assert cured.beyond(4.0) == pytest.approx(0.25 + 0.75 * without(hazard, 4.0), abs=1e-9)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"hazards": [0.1], "cuts": [3.0]}, "'hazards' is [0.1]; 2 numbers are expected"),
        ({"hazards": [0.1, 0.2, 0.3], "cuts": [3.0, 3.0]}, "the cuts must be increasing"),
        ({"hazards": [0.0, 0.0], "cuts": [3.0]}, "one above 0 is expected"),
    ],
)
def test_pieces_that_do_not_fit_are_told(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match="piecewise") as caught:
        of(dist="piecewise", **table)
    assert said in str(caught.value)


@pytest.mark.parametrize(("table", "hazard"), [CASES[3], CASES[6], CASES[7]])
def test_at_the_margin_of_a_hazard_ratio_the_hazard_is_multiplied(
    table: dict[str, Any], hazard: Hazard
) -> None:
    question = Question("flare", 1, 0, value=0.7, kind="hazard_ratio")
    moved = question.of.at_margin(question, of(**table))
    assert moved.beyond(7.0) == pytest.approx(without(hazard, 7.0) ** 0.7, abs=1e-9)


def test_pieces_are_said_as_the_file_says_them() -> None:
    time = of(dist="piecewise", hazards=[0.1, 0.04], cuts=[6.0], cured=0.2)
    assert isinstance(time, Piecewise)
    assert time.words() == "piecewise (hazards 0.1, 0.04; cuts 6; cured 0.2)"
