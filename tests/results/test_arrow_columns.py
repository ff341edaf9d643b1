"""Columns of Arrow tables are those that PyArrow makes of the same arrays, and come back so."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from adaptive_cart.results.arrow_columns import array_of, column_of, labels_of, positions_of

GENERATOR = np.random.default_rng(5)
ARRAYS = {
    "float64": GENERATOR.normal(size=37),
    "float64 with gaps": np.where(GENERATOR.random(37) < 0.3, np.nan, 1.0),
    "int8": GENERATOR.integers(-100, 100, 37).astype(np.int8),
    "int64": GENERATOR.integers(0, 2**40, 37),
    "bool": GENERATOR.random(37) < 0.5,
    "every other": np.arange(74)[::2],
    "empty": np.empty(0),
    "none": np.zeros(0, dtype=np.bool_),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_a_column_is_that_of_pyarrow(name: str) -> None:
    values = ARRAYS[name]
    own, theirs = column_of(values), pa.array(values)
    assert own.type == theirs.type
    assert own.null_count == 0
    np.testing.assert_array_equal(own.to_numpy(zero_copy_only=False), values)
    back = array_of(theirs)
    assert back.dtype == values.dtype
    np.testing.assert_array_equal(back, values)
    for cut in (pa.chunked_array([theirs]), pa.chunked_array([theirs[:5], theirs[5:]])):
        np.testing.assert_array_equal(array_of(cut), values)
    np.testing.assert_array_equal(array_of(theirs.slice(3, 11)), values[3:14])


def test_what_is_missing_is_left_to_pyarrow() -> None:
    found = array_of(pa.array([1.0, None, 3.0]))
    np.testing.assert_array_equal(found, [1.0, np.nan, 3.0])


def test_text_is_kept_as_positions() -> None:
    words = ("control", "größer", "")
    labels = labels_of(words, np.array([1, 0, -1, 2, 1], dtype=np.int8))
    assert labels.to_pylist() == ["größer", "control", "", "", "größer"]
    assert labels.type == pa.dictionary(pa.int8(), pa.string())
    np.testing.assert_array_equal(positions_of(labels, ["größer", "other"]), [0, -1, -1, -1, 0])
