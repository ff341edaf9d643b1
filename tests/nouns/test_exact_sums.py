"""Sums of masses are what ``math.fsum`` makes of them, to the last bit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from adaptive_cart.nouns.exact_sums import FEW, total_of, totals_of


@pytest.mark.parametrize("number", [0, 1, 2, FEW, FEW + 1, 127, 129, 1_000, 4_097])
def test_sums_are_rounded_once(number):
    rng = np.random.default_rng(number)
    for spread in (0.1, 3.0, 12.0):  # masses of a table go over hundreds of powers of ten
        masses = np.exp(rng.normal(-10.0, spread, size=(40, number)))
        for row in masses:
            assert total_of(row) == math.fsum(row)
            signed = row * rng.choice([-1.0, 1.0], size=number)
            assert total_of(signed) == math.fsum(signed)


def test_what_is_rounded_off_is_kept():
    masses = np.full(1_001, 1e-17)
    masses[0] = 1.0
    assert np.cumsum(masses)[-1] == 1.0  # added one after the other they are lost
    assert total_of(masses) == math.fsum(masses) > 1.0
    assert total_of(masses.reshape(7, 143)) == math.fsum(masses)


def test_rows_are_summed_as_if_each_were_alone():
    rng = np.random.default_rng(3)
    for number in (1, FEW, FEW + 1, 1_001):
        rows = rng.normal(size=(5, number)) * 10.0 ** rng.integers(-12, 3, (5, number))
        rows[2] = 0.0
        assert totals_of(rows) == [math.fsum(row) for row in rows]
