"""Bounds of an error that is a polynomial in rates, by what it is in Bernstein form.

Of n participants let each respond with one rate or another, independently. The probability of an
event that depends on the number of responders alone is a polynomial in the rate. Over an interval
of rates its Bernstein coefficients are probabilities too: coefficient k is that of a trial in which
k of the n, drawn at random, have the rate of the upper end and the others that of the lower. Every
rate between the ends is a mixture of these trials, so that the polynomial lies between the smallest
and the largest coefficient; the first and the last are its values at the ends. Halving the interval
(de Casteljau) brings the coefficients as near to it as is wanted (Farouki 2012, Comput Aided Geom
Des 29:379, sections 3 and 5).

Every step is a sum of products of numbers that are not negative, so that rounding changes a result
by a small multiple of itself: :func:`rounding` bounds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np

from adaptive_cart.nouns.records import Floats

UNIT = 2.0**-53  # what one rounding changes, of a number
HALVINGS = 40  # of an interval, at most
AT_ONCE = 2_000_000  # coefficients that are halved together


@dataclass(frozen=True)
class Bounds:
    """What a polynomial is known to be at most over a box of the unit interval or square.

    Attributes
    ----------
    upper
        It is nowhere larger (but for rounding).
    found
        The largest value seen, and ``at`` which place, ``(axis,)``.
    boxes
        How many intervals, or boxes, were looked at.
    halvings
        How often the smallest of them was halved.
    """

    upper: float
    found: float
    at: tuple[float, ...]
    boxes: int
    halvings: int


def largest(coefficients: Floats, within: float, enough: float = -1.0) -> Bounds:
    """Bound a polynomial over the unit interval, or square, from above.

    Parameters
    ----------
    coefficients
        Bernstein coefficients, an axis for each variable.
    within
        How far the bound may lie above the largest value, at most.
    enough
        A value found elsewhere: where a box is known to stay below it, nobody looks further.
    """
    dimensions = coefficients.ndim
    boxes = coefficients[None]
    corners = np.zeros((1, dimensions))
    found, at, looked = enough, (np.nan,) * dimensions, 0
    upper, size = -1.0, np.ones(dimensions)
    halved = 0
    while True:
        looked += len(boxes)
        for corner in np.ndindex(*(2,) * dimensions):
            values = boxes[(slice(None), *(-corner_axis for corner_axis in corner))]
            place = int(values.argmax())
            if values[place] > found:
                found = float(values[place])
                at = tuple(float(v) for v in corners[place] + size * np.array(corner))
        tops = boxes.reshape(len(boxes), -1).max(axis=1)
        loose = tops > found + within
        upper = max([upper, *tops[~loose]])
        if not loose.any() or halved == HALVINGS * dimensions:
            upper = max([upper, *tops[loose]])
            return Bounds(float(max(upper, found)), found, at, looked, halved)
        axis = halved % dimensions
        boxes, corners = _halves(boxes[loose], corners[loose], size, axis)
        size[axis] /= 2.0
        halved += 1


def _halves(boxes: Floats, corners: Floats, size: Floats, axis: int) -> tuple[Floats, Floats]:
    """Coefficients over both halves of every box along an axis, with their lower corners."""
    some = max(AT_ONCE // boxes[0].size, 1)
    halves = [halved(boxes[first : first + some], axis + 1) for first in range(0, len(boxes), some)]
    lower = np.concatenate([low for low, _ in halves])
    upper = np.concatenate([high for _, high in halves])
    moved = corners.copy()
    moved[:, axis] += size[axis] / 2.0
    return np.concatenate([lower, upper]), np.concatenate([corners, moved])


def halved(coefficients: Floats, axis: int = 0) -> tuple[Floats, Floats]:
    """Coefficients over the lower and the upper half of an interval (de Casteljau)."""
    rest = np.moveaxis(coefficients, axis, 0).copy()
    lower, upper = np.empty_like(rest), np.empty_like(rest)
    degree = len(rest) - 1
    for step in range(degree + 1):
        lower[step], upper[degree - step] = rest[0], rest[-1]
        rest = (rest[:-1] + rest[1:]) / 2.0
    return np.moveaxis(lower, 0, axis), np.moveaxis(upper, 0, axis)


# ── participants ──────────────────────────────────────────────────────────────────────────────
def with_more(probabilities: Floats, more: int, axis: int) -> Floats:
    """By responders: the same probability where more participants are there and are left out.

    Those who are left out are any of them, so that the one taken away had responded with
    probability responders / participants.
    """
    found = np.moveaxis(probabilities, axis, 0)
    for _ in range(more):
        number = len(found)  # participants, once there is one more
        responders = np.arange(number + 1).reshape(-1, *(1,) * (found.ndim - 1))
        larger = np.zeros((number + 1, *found.shape[1:]))
        larger[1:] = responders[1:] / number * found
        larger[:-1] += (number - responders[:-1]) / number * found
        found = larger
    return np.moveaxis(found, 0, axis)


def responders_by_end(number: int, low: float, high: float) -> Floats:
    """Probability of responders and of how many have the higher rate, ``(responders, high)``.

    Every participant has one of the two rates by the toss of a coin.
    """
    found = np.ones((1, 1))
    for _ in range(number):
        larger = np.zeros((len(found) + 1, len(found) + 1))
        for moved, rate in ((0, low), (1, high)):
            place = slice(moved, moved + len(found))
            larger[1:, place] += rate / 2.0 * found
            larger[:-1, place] += (1.0 - rate) / 2.0 * found
        found = larger
    return found


def along(event: Floats, first: tuple[float, float], other: tuple[float, float]) -> Floats:
    """Bernstein coefficients of an event's probability along a straight line of two rates.

    Parameters
    ----------
    event
        Its probability by responders in both arms, ``(first arm, other arm)``.
    first, other
        Rate of each arm at both ends of the line.
    """
    numbers = [length - 1 for length in event.shape]
    ends = [responders_by_end(n, *rates) for n, rates in zip(numbers, (first, other), strict=True)]
    return _by_end(ends[0].T @ event @ ends[1], sum(numbers))


def between(
    event: Floats,
    first: tuple[float, float],
    low: tuple[float, float],
    high: tuple[float, float],
) -> Floats:
    """Bernstein coefficients over what lies between two straight lines, ``(line, low to high)``.

    Parameters
    ----------
    low, high
        Rate of the other arm at both ends of either line.
    """
    from scipy import signal

    control, other = (length - 1 for length in event.shape)
    ends = responders_by_end(control, *first).T @ event
    found = np.empty((control + other + 1, other + 1))
    lows = [responders_by_end(k, *low) for k in range(other + 1)]
    for k in range(other + 1):
        together = signal.convolve2d(responders_by_end(k, *high), lows[other - k])
        found[:, k] = _by_end(ends @ together, control + other)
    return found


def along_every_stratum(event: Floats, rates: Floats) -> Floats:
    """Bernstein coefficients over one place a stratum, each along its own line of its arms' rates.

    Parameters
    ----------
    event
        Its probability by responders, an axis for each arm of each stratum in turn.
    rates
        ``(end, stratum, arm)`` of every arm at both ends of its stratum's line.
    """
    strata, arms = rates.shape[1:]
    found = event
    for stratum in range(strata):
        # the first axes are this stratum's arms, the last ones the places of those before it
        numbers = [length - 1 for length in found.shape[:arms]]
        lines = [
            responders_by_end(n, *rates[:, stratum, arm].tolist()) for arm, n in enumerate(numbers)
        ]
        shape = found.shape[arms:]
        flat = found.reshape(*found.shape[:arms], -1)
        if arms == 1:
            joint = np.tensordot(lines[0], flat, axes=(0, 0))[:, None]
        else:
            joint = np.tensordot(lines[0], flat, axes=(0, 0))
            joint = np.moveaxis(np.tensordot(lines[1], joint, axes=(0, 1)), 0, 1)
        total = sum(numbers)
        coefficients = np.zeros((total + 1, flat.shape[-1]))
        for row, of_row in enumerate(joint):
            coefficients[row : row + len(of_row)] += of_row
        every = np.array([comb(total, k) / 2**total for k in range(total + 1)])
        found = np.moveaxis((coefficients / every[:, None]).reshape(-1, *shape), 0, -1)
    return found


def _by_end(joint: Floats, number: int) -> Floats:
    """Mean over all choices of those with the higher rate, by how many they are."""
    rows, columns = joint.shape
    found = np.zeros(number + 1)
    for row in range(rows):
        found[row : row + columns] += joint[row]
    every = np.array([comb(number, k) / 2**number for k in range(number + 1)])
    return np.asarray(found / every)


def rounding(participants: int, looks: int, halvings: int) -> float:
    """What rounding can have changed a bound by, relative to it.

    Each participant is added to a table or a law with at most five roundings, and summed over with
    two; so often for each look, and once more to the end. A halving takes one a participant, the
    quotients of binomial coefficients two. Twice that is taken, and participants for the numbers in
    both arms.
    """
    steps = participants * (7 * (looks + 1) + 7 + halvings) + 10
    return 2.0 * steps * UNIT
