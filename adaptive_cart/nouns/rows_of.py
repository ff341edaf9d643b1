"""Rows of an array."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def rows_of(values: npt.NDArray[Any], which: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Some rows of an array, by their positions or by a mask: what ``values[which]`` gives.

    ``take`` copies a row at a time, where an index works out the place of every number: on rows of
    a few numbers it is ten times as fast.
    """
    positions = np.flatnonzero(which) if which.dtype == np.bool_ else which
    found: npt.NDArray[Any] = values.take(positions, axis=0)
    return found


def at_most(values: npt.NDArray[np.float64], limit: float) -> npt.NDArray[np.float64]:
    """The lesser of each number and a limit: what ``np.minimum`` gives.

    Of a whole row of limits it takes half the time or less that a single number takes.
    """
    return np.minimum(values, np.full(values.shape[-1], limit))


def at_least(values: npt.NDArray[np.float64], limit: float) -> npt.NDArray[np.float64]:
    """The greater of each number and a limit, in the same way."""
    return np.maximum(values, np.full(values.shape[-1], limit))
