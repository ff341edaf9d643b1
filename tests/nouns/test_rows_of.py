"""Rows of an array, as an index gives them."""

from __future__ import annotations

import numpy as np
import pytest

from adaptive_cart.nouns.rows_of import at_least, at_most, rows_of


@pytest.mark.parametrize("shape", [(7,), (7, 2), (7, 2, 3), (7, 1, 1)])
@pytest.mark.parametrize("kind", [np.int64, np.float64, np.bool_])
def test_rows_are_those_of_an_index(shape, kind):
    values = np.arange(np.prod(shape)).reshape(shape).astype(kind)
    for which in (np.array([4, 0, 4]), np.arange(7) % 3 == 1, np.array([], dtype=np.int64)):
        found = rows_of(values, which)
        assert np.array_equal(found, values[which])
        assert found.dtype == values.dtype
        found[:] = 0
        assert np.array_equal(values, np.arange(np.prod(shape)).reshape(shape).astype(kind))


def test_limits_are_those_of_each_number_by_itself() -> None:
    values = np.random.default_rng(1).normal(size=(7, 13))
    values[0, :4] = [np.inf, -np.inf, 0.5, np.nan]
    for limit in (0.0, 0.5, np.inf):
        lesser = [[x if np.isnan(x) else min(x, limit) for x in row] for row in values]
        greater = [[x if np.isnan(x) else max(x, limit) for x in row] for row in values]
        np.testing.assert_array_equal(at_most(values, limit), lesser)
        np.testing.assert_array_equal(at_least(values, limit), greater)
