"""Bounds are written on the side on which they hold."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from adaptive_cart.optimising.confirming import Proof
from adaptive_cart.optimising.found import _proven
from adaptive_cart.results.bounds import at_least, at_most
from adaptive_cart.results.figure import proportion
from adaptive_cart.results.worst_case import Place, Stated, WorstCase
from adaptive_cart.sweeps.confirmed_size import Afresh


@pytest.mark.parametrize("decimals", [4, 6, 9])
def test_a_bound_is_never_told_better_than_it_is(decimals: int) -> None:
    for value in np.random.default_rng(1).uniform(0.0, 1.0, 500):
        step = Decimal(10) ** -decimals
        above, below = Decimal(at_most(value, decimals)), Decimal(at_least(value, decimals))
        assert below <= Decimal(float(value)) <= above
        assert above - below <= 2 * step
    assert (at_most(0.0, 4), at_most(1.0, 4), at_least(1.0, 4)) == ("0.0000", "1.0000", "1.0000")


def test_a_bound_with_confidence_is_rounded_up() -> None:
    place = Place("soc 0.2", {"soc": 0.2}, proportion(20, 1_000))
    stated = Stated(0.0249991, 0.95, 0.02, "soc 0.2", 10, 1_000, 1, 100, 0)
    told = WorstCase(
        "mine", "false_success", "control", None, "here", "simulated", 1_000, 1,
        proportion(20, 1_000), (place,), place, None, None, 0.025, (), "", stated,
    )  # fmt: skip
    assert "nowhere above 0.025000;" in told.words()
    assert (
        "nowhere above 0.025000;" not in replace(told, stated=replace(stated, bound=0.02)).words()
    )


def test_what_fresh_trials_show_is_no_more_than_they_do() -> None:
    size = Afresh(30, {"expected": proportion(81, 100)}, {"expected": 0.79996}, holds=False)
    assert "power at least 0.7999 in expected" in size.words()
    (line,) = _proven(Proof(0.0249991, "", None))
    assert "exceeds 0.025000 nowhere" in line
    (_, line) = _proven(Proof(None, "why", 0.0249991))
    assert "exceeds 0.025000 nowhere" in line
