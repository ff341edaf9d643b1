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

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypeAlias

import numpy as np

from adaptive_cart.nouns.completions import DRAWS
from adaptive_cart.nouns.records import Booleans, Floats, Integers

# -1 below the threshold, 0 on it, 1 above it, nan where it is not known; by rows of the answer
Sides: TypeAlias = Callable[[float, Integers], Floats]


# standard errors of as many independent draws within which quasi-random ones were found to lie
OF_DRAWS: Final = 6.0


@dataclass(frozen=True)
class Error:
    """What a probability may be wrong by, where it lies: least near 0 and 1.

    Attributes
    ----------
    most
        Anywhere.
    slope, least
        Also no more than ``slope`` times the root of p (1 - p), and ``least``, which is all that is
        left at 0 and 1. Without them the error is ``most`` everywhere.
    """

    most: float
    slope: float = math.inf
    least: float = 0.0

    @classmethod
    def of_draws(cls, most: float) -> Error:
        """Of a mean over posterior draws: it falls as that of independent ones, to four of them."""
        return cls(most, OF_DRAWS / math.sqrt(DRAWS), 4.0 / DRAWS)

    @classmethod
    def of_tails(cls, most: float) -> Error:
        """Of a density whose tails are as exact as its middle: it falls to a tenth."""
        return cls(most, 2.0 * most, 0.1 * most)

    def at(self, probability: float) -> float:
        """What a probability may be wrong by; nan where it is."""
        return float(self.of(np.array([probability]))[0])

    def of(self, probability: Floats) -> Floats:
        """What each of these probabilities may be wrong by; nan where it is."""
        if math.isinf(self.slope):
            return np.where(np.isnan(probability), np.nan, self.most)
        inside = np.clip(probability, 0.0, 1.0)
        falling = self.least + self.slope * np.sqrt(inside * (1.0 - inside))
        found: Floats = np.minimum(self.most, falling)
        return found

    def __add__(self, other: Error) -> Error:
        """Of the product of two probabilities, whose errors add up at most."""
        parts = self.most + other.most, self.slope + other.slope, self.least + other.least
        return Error(*parts)


EXACT: Final = Error(0.0)


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


def undecided(probability: Floats, threshold: float, error: Error, sides: Sides) -> Booleans:
    """Which probabilities lie so near to a threshold that their error could reach across it.

    Those whose side is known do not count, however near they are.
    """
    found = np.zeros(len(probability), dtype=np.bool_)
    near = np.flatnonzero(np.abs(probability - threshold) <= error.of(probability))
    if error.most > 0.0 and near.size:
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
