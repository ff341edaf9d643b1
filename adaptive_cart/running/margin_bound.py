"""What an enumerated type I error exceeds nowhere on the margins, where no certificate can be had.

A certificate (:mod:`adaptive_cart.running.certificate`) wants a margin that is a straight line of
the two rates, and not too many participants. Of other designs on counts the error is enumerated at
control rates on a line, and between two of them it is bounded by the exponential tilt
(:mod:`adaptive_cart.running.stated_certificate`) from the middle of a tile to its ends. Tiles whose
bound lies far above the largest error found are cut until it does not. Nothing is simulated, so
that the bound is certain; but it is of the margins alone, where the claim is just false.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from adaptive_cart.nouns.records import Floats
from adaptive_cart.running.exact_error import ExactError, false_of
from adaptive_cart.running.null_region import Effect
from adaptive_cart.running.stated_certificate import tilted

FIRST = 500  # tiles, before any is cut
WITHIN = 1e-4  # how far the bound of a tile may lie above the largest error found
CUTS = 7  # rounds of cutting tiles in four
PARTS = 4
ROUNDING = 1e-9


@dataclass(frozen=True)
class MarginBound:
    """What the error exceeds nowhere on the margins of the claims.

    Attributes
    ----------
    found
        The largest error of those that were enumerated.
    tiles
        Into which the control rates were cut, over all margins.
    """

    bound: float
    found: float
    tiles: int


def margin_bound(error: ExactError, limits: tuple[float, float]) -> MarginBound:
    """Bound the error over all control rates between two, at every margin.

    Parameters
    ----------
    error
        Of a design with numbers as thresholds.
    """
    largest, bound, many = 0.0, 0.0, 0
    for effect in error.effects:
        edges = np.linspace(_angle(limits[0]), _angle(limits[1]), FIRST + 1)
        low, high = edges[:-1], edges[1:]
        for cut in range(CUTS + 1):
            at_middle, told = _of_tiles(error, effect, low, high)
            largest = max(largest, float(at_middle.max(initial=0.0)))
            loose = told > largest + WITHIN if cut < CUTS else np.zeros(len(told), dtype=np.bool_)
            bound = max(bound, float(told[~loose].max(initial=0.0)))
            many += int((~loose).sum())
            if not loose.any():
                break
            low, high = _cut(low[loose], high[loose])
    return MarginBound(min(bound + ROUNDING, 1.0), largest, many)


def _of_tiles(
    error: ExactError, effect: Effect, low: Floats, high: Floats
) -> tuple[Floats, Floats]:
    """The error within each tile, and what it is at most anywhere in it, ``(tile,)`` each."""
    arms = len(error.design.compared_names)
    ends = [effect.rates(_rate(angle), arms) for angle in (low, (low + high) / 2.0, high)]
    there = np.logical_or.reduce([held for _, held in ends])
    counted = {
        rule.name: np.logical_or.reduce([false_of(rule, rates) for rates, _ in ends])
        for rule in error.success
    }
    first, middle, last = (rates for rates, _ in ends)
    inside = _between_0_and_1(middle, first, last)
    seen = np.where(there, error.of_rules(inside, counted), 0.0)
    participants = sum(error.looks[-1].analysed)
    told = [
        tilted(float(value), inside[tile], np.stack([first[tile], last[tile]]), participants)
        for tile, value in enumerate(seen)
    ]
    return seen, np.where(there, told, 0.0)


def _between_0_and_1(middle: Floats, first: Floats, last: Floats) -> Floats:
    """The middle of each tile, or an end where a margin has met 0 or 1 in the middle alone.

    Nothing can be said from a rate of 0 or 1 of any other one.
    """
    met = [((rates == 0.0) | (rates == 1.0)).any(axis=1) for rates in (middle, first, last)]
    end = np.where(met[1][:, None], last, first)
    return np.where((met[0] & ~(met[1] & met[2]))[:, None], end, middle)


def _cut(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Each tile in parts of the same width."""
    steps = np.arange(PARTS + 1) / PARTS
    edges = low[:, None] + (high - low)[:, None] * steps
    return edges[:, :-1].ravel(), edges[:, 1:].ravel()


def _angle(rate: float) -> float:
    """A scale on which the spread of a proportion is the same everywhere."""
    return math.asin(math.sqrt(rate))


def _rate(angle: Floats) -> Floats:
    return np.asarray(np.sin(angle) ** 2)
