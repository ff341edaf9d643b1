"""What is said of a threshold that was found."""

from __future__ import annotations

from typing import Any

import pytest

from adaptive_cart.results.calibration import Calibrated, NullPoint
from adaptive_cart.results.figure import proportion

FOUND: dict[str, Any] = {
    "threshold": 0.98, "must_not_count": 0.97, "may_count": 0.99, "target": 0.05,
    "claims": {"efficacy": "cart − soc > 0"}, "margins": {"efficacy": 0.0},
    "region": "control rates 0 to 1", "method": "simulated",
    "points": (NullPoint("soc 0.3", 0.04, 0.002),), "worst": "soc 0.3", "trials": 1000,
    "fresh": proportion(45, 1000), "seed": 1, "notes": (), "scenarios": (), "asked": "a",
    "found": "b",
}  # fmt: skip


@pytest.mark.parametrize("confidence", ["upper", "estimate", "exact"])
def test_that_the_bound_has_chosen_the_threshold_is_said_where_it_has(confidence: str) -> None:
    words = Calibrated(**FOUND, confidence=confidence).words()
    assert "on 1,000 fresh trials 0.0450 there" in words
    assert ("the smallest threshold at which that upper bound" in words) == (confidence == "upper")
