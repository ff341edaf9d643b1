"""Sums of masses are what ``math.fsum`` makes of them, to the last bit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from adaptive_cart.nouns import exact_sums
from adaptive_cart.nouns.exact_sums import FEW, total_of, totals_of, totals_where


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


def test_sums_over_sets_are_rounded_once():
    rng = np.random.default_rng(4)
    for number in (1, FEW, 1_001):
        for spread in (0.1, 3.0, 30.0):  # of the last ones most sets sum to next to nothing
            rows = np.exp(rng.normal(-10.0, spread, size=(9, number)))
            rows[1] *= rng.choice([-1.0, 1.0], size=number)
            rows[2] = 0.0
            rows[3] *= 1e-290  # below what can be cut into parts
            sets = np.array([rng.random(number) < share for share in (0.0, 0.3, 0.9, 1.1)])
            expected = [[math.fsum(row[chosen]) for chosen in sets] for row in rows]
            assert totals_where(rows, sets).tolist() == expected


def test_a_set_far_below_its_row_is_rounded_once_too():
    masses = np.full((1, 2_001), 1e-3)
    masses[0, :5] = [1e-20, 3.3e-37, 2.0**-60, 1e-60, -(2.0**-60)]
    sets = np.zeros((2, 2_001), dtype=bool)
    sets[0, :5] = sets[1] = True
    expected = [math.fsum(masses[0, :5]), math.fsum(masses[0])]
    assert totals_where(masses, sets).tolist() == [expected]


def test_many_rows_are_the_same_as_few(monkeypatch):
    rng = np.random.default_rng(5)
    rows, sets = rng.random((7, 300)), rng.random((3, 300)) < 0.5
    at_once = totals_where(rows, sets)
    monkeypatch.setattr(exact_sums, "AT_ONCE", 700)
    assert (totals_where(rows, sets) == at_once).all()
