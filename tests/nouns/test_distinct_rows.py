"""Distinct rows are those of NumPy, whether they are packed or not."""

from __future__ import annotations

import numpy as np
import pytest

from adaptive_cart.nouns.distinct_rows import distinct_rows, each_distinct

GENERATOR = np.random.default_rng(3)
TABLES = {
    "counts": GENERATOR.integers(0, 7, (300, 4)),
    "below zero": GENERATOR.integers(-3, 3, (300, 3)).astype(np.int8),
    "yes and no": GENERATOR.random((200, 5)) < 0.5,
    "one column": GENERATOR.integers(0, 9, (50, 1)),
    "too wide to be packed": GENERATOR.integers(-(2**40), 2**40, (60, 3)).repeat(2, axis=0),
    "at the edges": np.array([[2**63 - 1, 0], [-(2**63), 1], [2**63 - 1, 0]]),
    "all but too wide": GENERATOR.integers(0, 2**30, (60, 2)).repeat(2, axis=0),
    "no rows": np.zeros((0, 3), dtype=np.int64),
    "no columns": np.zeros((4, 0), dtype=np.int64),
    "fractions": GENERATOR.integers(0, 3, (40, 2)) / 2.0,
}


@pytest.mark.parametrize("name", TABLES)
def test_distinct_rows_are_those_of_numpy(name: str) -> None:
    rows = TABLES[name]
    distinct, which = distinct_rows(rows)
    expected, place = np.unique(rows, axis=0, return_inverse=True)
    np.testing.assert_array_equal(distinct, expected)
    assert distinct.dtype == rows.dtype
    np.testing.assert_array_equal(which, place.reshape(-1))
    there = [(row.tolist(), at.tolist()) for row, at in each_distinct(rows)]
    assert there == [
        (row.tolist(), [k for k in range(len(rows)) if rows[k].tolist() == row.tolist()])
        for row in expected
    ]
