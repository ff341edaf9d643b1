"""The distribution of the fraction in remission at a month, and of its difference in two arms.

The distribution function is computed at 25 values between the extremes of the posterior, and joined
by monotone cubics in its normal score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from adaptive_cart.models.durability.cure_crossing import above
from adaptive_cart.models.durability.cure_lattice import Lattice
from adaptive_cart.models.durability.cure_prior import LN2, CuredScale
from adaptive_cart.models.durability.cure_remaining import Remaining
from adaptive_cart.nouns.records import Floats, Integers

CURVE: Final = 25  # values at which a distribution function is computed
BINS: Final = 128  # of the rough histogram that chooses them
APART: Final = 0.01  # share of the stretch of angles by which values are apart, at least
SOME: Final = 3  # one in so many cured fractions serves for it


@dataclass(frozen=True)
class Curve:
    """How probable it is that the fraction in remission exceeds each of some values.

    Attributes
    ----------
    angles
        Arcsines of the square root of the values, rising, (table, `CURVE`).
    scores
        Normal scores of exceeding them, falling, (table, `CURVE`).
    """

    angles: Floats
    scores: Floats

    @classmethod
    def through(cls, lattice: Lattice, scale: CuredScale, remaining: Remaining) -> Curve:
        """Compute the distribution function where the posterior lies."""
        angles = _about(lattice, remaining)
        exceeds = above(lattice, scale, remaining, np.sin(angles) ** 2)
        return cls(angles, special.ndtri(np.clip(exceeds, 1e-9, 1.0 - 1e-9)))

    def of(self, tables: Integers) -> Curve:
        """Return the curves of some of the tables."""
        return Curve(self.angles[tables], self.scores[tables])

    def quantile(self, score: Floats) -> Floats:
        """Angle below which the fraction is with the probability of a score, (table, score)."""
        return np.clip(_cubic(-self.scores, self.angles, score), 0.0, 0.5 * np.pi)

    def above(self, angle: Floats) -> Floats:
        """Probability of exceeding an angle, (table, angle)."""
        return special.ndtr(_cubic(self.angles, self.scores, angle))


def difference_above(first: Curve, second: Curve, margin: float) -> Floats:
    """Probability that the first fraction exceeds the second by more than a margin, (table,).

    The second's quantiles at equally spaced scores are weighted with the normal density; the first
    must exceed each of them and the margin.
    """
    spaced = np.linspace(-5.0, 5.0, 101)
    weights = np.exp(-0.5 * spaced * spaced)
    weights /= weights.sum()
    quantile = second.quantile(np.broadcast_to(spaced, (len(second.angles), len(spaced))))
    needed = np.sin(quantile) ** 2 + margin
    exceeds = first.above(np.arcsin(np.sqrt(np.clip(needed, 0.0, 1.0))))
    exceeds = np.where(needed >= 1.0, 0.0, np.where(needed < 0.0, 1.0, exceeds))
    return np.clip((exceeds * weights).sum(axis=1), 0.0, 1.0)


def _about(lattice: Lattice, remaining: Remaining) -> Floats:
    """Angles around which the fraction in remission lies, (table, `CURVE`), rising.

    Rough quantiles are enough: the probabilities are then computed at these angles.
    """
    number = len(remaining.tables)
    some = slice(1, None, SOME)  # of the cured fractions
    others = special.expit(-lattice.log_odds[remaining.tables, some]).astype(np.float32)
    hazard = LN2 * np.exp(remaining.log_hazard.reshape(number, -1))
    lost = np.concatenate([np.ones((number, 1)), -np.expm1(-hazard)], axis=1).astype(np.float32)
    angle = np.arccos(np.sqrt(lost[:, :, None] * others[:, None, :])).reshape(number, -1)
    angle = np.concatenate([angle, np.full((number, 1), 0.5 * np.pi, np.float32)], axis=1)
    weight = np.concatenate(
        [
            remaining.nobody_left[:, some].astype(np.float32),
            remaining.density[..., some].reshape(number, -1),
            (remaining.nobody_lost[:, None] / SOME).astype(np.float32),
        ],
        axis=1,
    )
    seen = weight > 1e-5 * weight.max(axis=1, keepdims=True)
    low = np.where(seen, angle, 2.0).min(axis=1).astype(np.float64)
    high = np.where(seen, angle, 0.0).max(axis=1).astype(np.float64)
    step = np.maximum(high - low, 1e-9) / BINS
    place = np.clip((angle - low[:, None]) / step[:, None], 0.0, BINS - 1.0).astype(np.int64)
    place += np.arange(number)[:, None] * BINS
    sums = np.bincount(place.ravel(), weight.ravel().astype(np.float64), number * BINS)
    running = np.add.accumulate(sums.reshape(number, BINS), axis=1)
    running /= np.maximum(running[:, -1:], 1e-300)
    wanted = special.ndtr(np.linspace(-3.6, 3.6, CURVE))
    index = (running[:, None, :] < wanted[:, None]).sum(axis=2)
    index = np.minimum(index, BINS - 1)
    upper = np.take_along_axis(running, index, axis=1)
    lower = np.take_along_axis(running, np.maximum(index - 1, 0), axis=1)
    lower = np.where(index > 0, lower, 0.0)
    share = np.clip((wanted - lower) / np.maximum(upper - lower, 1e-300), 0.0, 1.0)
    found = low[:, None] + step[:, None] * (index + share)
    apart = np.maximum(np.diff(found), APART * (high - low)[:, None] + 1e-9)
    found[:, 1:] = found[:, :1] + np.add.accumulate(apart, axis=1)
    return np.clip(found, 0.0, 0.5 * np.pi)


def _cubic(knots: Floats, values: Floats, at: Floats) -> Floats:
    """Monotone cubics through rising knots (table, knot), straight beyond, at (table, point)."""
    width = np.maximum(np.diff(knots), 1e-12)
    rise = np.diff(values) / width
    inner = (width[:, 1:] * rise[:, :-1] + width[:, :-1] * rise[:, 1:]) / (
        width[:, 1:] + width[:, :-1]
    )
    steepest = 3.0 * np.minimum(np.abs(rise[:, :-1]), np.abs(rise[:, 1:]))
    inner = np.where(rise[:, :-1] * rise[:, 1:] > 0.0, np.clip(inner, -steepest, steepest), 0.0)
    slopes = np.concatenate([rise[:, :1], inner, rise[:, -1:]], axis=1)
    index = (knots[:, None, 1:-1] <= at[:, :, None]).sum(axis=2)

    def pick(array: Floats, where: Integers) -> Floats:
        return np.take_along_axis(array, where, axis=1)

    size = pick(width, index)
    away = (at - pick(knots, index)) / size
    share = np.clip(away, 0.0, 1.0)
    low, high = pick(values, index), pick(values, index + 1)
    start, end = pick(slopes, index) * size, pick(slopes, index + 1) * size
    rest = 1.0 - share
    inside = (
        low * (1.0 + 2.0 * share) * rest * rest
        + high * (3.0 - 2.0 * share) * share * share
        + start * share * rest * rest
        - end * rest * share * share
    )
    return inside + np.minimum(away, 0.0) * start + np.maximum(away - 1.0, 0.0) * end
