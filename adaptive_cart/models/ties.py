"""On which side of a threshold a probability lies, where floating point cannot tell.

Two arms with the same data are each the better one with probability 1/2, and 2 of 2 against 0 of 2
under uniform priors gives 19/20: what is compared with 0.5 or 0.95 must then be neither above nor
below. A posterior in floating point is off by its stated error and falls on either side by chance.
So an answer that comes that near to a threshold is decided otherwise, exactly where that can be
done, and the number that is handed on lies where the exact one does: on the threshold, or beside it
on the side where it belongs. Plain comparisons are right from there on, wherever they are made.

A threshold, margin or prior parameter is the decimal number that was written, 0.95 is 19/20.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from adaptive_cart.nouns.records import Booleans, Floats, Integers

# -1 below the threshold, 0 on it, 1 above it, nan where it is not known; by rows of the answer
Sides: TypeAlias = Callable[[float, Integers], Floats]


def as_written(value: float) -> Fraction:
    """Return the decimal number that was written for a float."""
    return Fraction(repr(float(value)))


def side_of(exact: Fraction | None, threshold: float) -> float:
    """Where an exact probability lies: -1 below the threshold, 0 on it, 1 above; nan for none."""
    if exact is None:
        return np.nan
    written = as_written(threshold)
    return float((exact > written) - (exact < written))


def strictly_inside(threshold: float, rows: Integers) -> Floats:
    """Sides of probabilities of which it is known only that they are neither 0 nor 1."""
    side = 1.0 if threshold <= 0.0 else -1.0 if threshold >= 1.0 else np.nan
    return np.full(len(rows), side)


def not_known(threshold: float, rows: Integers) -> Floats:
    """Sides of probabilities of which nothing is known but the number."""
    return np.full(len(rows), np.nan)


def certain(holds: bool) -> Sides:
    """Sides of probabilities that are 1, or 0, whatever the data."""

    def sides(threshold: float, rows: Integers) -> Floats:
        return np.full(len(rows), side_of(Fraction(int(holds)), threshold))

    return sides


def undecided(probability: Floats, threshold: float, error: float, sides: Sides) -> Booleans:
    """Which probabilities lie so near to a threshold that their error could reach across it.

    Those whose side is known do not count, however near they are.
    """
    found = np.zeros(len(probability), dtype=np.bool_)
    near = np.flatnonzero(np.abs(probability - threshold) <= error)
    if error > 0.0 and near.size:
        found[near] = np.isnan(sides(threshold, near))
    return found


def settled(probability: Floats, against: Sequence[float], error: float, sides: Sides) -> Floats:
    """Put probabilities near a threshold on the side of it on which they lie.

    Parameters
    ----------
    probability
        ``(trial,)``, off by no more than ``error``.
    against
        The thresholds that it will be compared with.
    sides
        Decides rows that are within the error of a threshold; where it cannot, the answer stays.
    """
    answer = probability
    for threshold in against:
        near = np.flatnonzero(np.abs(answer - threshold) <= error)
        if not near.size:
            continue
        side = sides(threshold, near)
        moved = answer[near]
        moved = np.where(side == 0.0, threshold, moved)
        moved = np.where(side > 0.0, np.maximum(moved, np.nextafter(threshold, np.inf)), moved)
        moved = np.where(side < 0.0, np.minimum(moved, np.nextafter(threshold, -np.inf)), moved)
        answer = answer.copy() if answer is probability else answer
        answer[near] = moved
    return answer
