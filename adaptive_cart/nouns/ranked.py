"""Arithmetic of an ordinal outcome, by its categories from the worst to the best."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def better(own: Array, other: Array) -> Array:
    """Probability that a participant of one arm does better than one of another, ties half.

    Parameters
    ----------
    own, other
        ``(..., category)`` probabilities, the worst category first.
    """
    worse = np.add.accumulate(other, axis=-1) - 0.5 * other
    found: Array = (own * worse).sum(axis=-1)
    return found


def or_better(own: Array, place: int) -> Array:
    """Probability of the category in a place, from 0, or a better one."""
    found: Array = own[..., place:].sum(axis=-1)
    return found
