"""The distinct rows of a table of whole numbers, and where each of them is.

Each row is packed into one whole number where that has room for all of them, which is sorted ten
times as fast as rows are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", bound=np.generic)
Positions = npt.NDArray[np.intp]

MOST_PACKED = 2**62


def distinct_rows(rows: npt.NDArray[Number]) -> tuple[npt.NDArray[Number], Positions]:
    """Distinct rows in order, first by the first column, and which of them each row is.

    The same as of ``numpy.unique(rows, axis=0, return_inverse=True)``.

    Parameters
    ----------
    rows
        ``(row, column)``, whole numbers or yes and no.
    """
    key = _packed(rows)
    if key is None:
        distinct, which = np.unique(rows, axis=0, return_inverse=True)
        return distinct, which.reshape(-1)
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return rows[first], inverse.reshape(-1)


def each_distinct(
    rows: npt.NDArray[Number],
) -> Iterator[tuple[npt.NDArray[Number], Positions]]:
    """Each distinct row, in order, and the positions at which it stands."""
    distinct, which = distinct_rows(rows)
    order = np.argsort(which, kind="stable")
    edges = np.searchsorted(which[order], np.arange(len(distinct) + 1))
    for row, (start, stop) in zip(distinct, itertools.pairwise(edges), strict=True):
        yield row, order[start:stop]


def _packed(rows: npt.NDArray[Any]) -> npt.NDArray[np.int64] | None:
    """One number a row, in the same order; nothing where it would not hold all of them."""
    if rows.dtype.kind not in "iub" or rows.size == 0:
        return None
    low = [int(column.min()) for column in rows.T]
    span = [int(column.max()) - least + 1 for column, least in zip(rows.T, low, strict=True)]
    if math.prod(span) > MOST_PACKED or max(map(abs, low)) > MOST_PACKED:
        return None
    key = np.zeros(len(rows), dtype=np.int64)
    for column, least, values in zip(rows.T, low, span, strict=True):
        key *= values
        key += column
        key -= least
    return key
