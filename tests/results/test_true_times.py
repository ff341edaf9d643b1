"""The median of what lasts in a course, from the fraction that lasts at a month."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from adaptive_cart.results.true_times import median_of


def found(hazards: list[float], never: float = 0.0) -> Any:
    """Medians of exponential times in trials with hazards of their own, some of all without end."""
    rates = np.array(hazards)
    endpoint: Any = SimpleNamespace(
        lasting=lambda population, month: never + (1.0 - never) * np.exp(-rates * month)
    )
    return median_of(endpoint, 0.0, SimpleNamespace(trials=len(rates)))  # type: ignore[arg-type]


def test_the_median_of_a_course_is_that_of_its_times_in_every_trial() -> None:
    assert found([0.05] * 3) == pytest.approx([np.log(2.0) / 0.05] * 3, rel=1e-6)
    hazards = [0.049, 0.05, 0.051]
    assert found(hazards) == pytest.approx(np.log(2.0) / np.array(hazards), rel=1e-3)
    assert found([0.05] * 3, never=0.3) == pytest.approx([np.log(3.5) / 0.05] * 3, rel=1e-6)


def test_where_half_never_lose_it_the_median_is_infinite() -> None:
    assert found([0.05, 0.2], never=0.5).tolist() == [np.inf, np.inf]
