"""Scrambled Sobol points are those of SciPy, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import qmc

from adaptive_cart.nouns.sobol_points import BITS, MOST_DIMENSIONS, ScrambledSobol


def test_points_are_those_of_scipy() -> None:
    seeds = [3, 20_070_917]
    own = ScrambledSobol.of(MOST_DIMENSIONS, seeds)
    for scramble, seed in enumerate(seeds):
        points = qmc.Sobol(MOST_DIMENSIONS, bits=BITS, rng=seed).random(2**10)
        for dimension in range(MOST_DIMENSIONS):
            steps = own.steps(dimension, slice(scramble, scramble + 1), 2**10)
            np.testing.assert_array_equal(steps[0] * 2.0**-BITS, points[:, dimension])


def test_any_number_of_points_and_scrambles_is_a_beginning_of_more() -> None:
    own = ScrambledSobol.of(5, [1, 2, 3])
    many = own.steps(4, slice(None), 2**8)
    for number in (1, 2, 3, 100, 255):
        np.testing.assert_array_equal(own.steps(4, slice(1, 3), number), many[1:3, :number])


def test_dimensions_that_are_not_known_are_refused() -> None:
    for dimensions in (0, MOST_DIMENSIONS + 1):
        with pytest.raises(ValueError, match="are known"):
            ScrambledSobol.of(dimensions, [1])
