"""Priors of durability in an arm, and the scale on which its cured fraction is laid out.

The lattice of the cured fraction is uniform in arsinh of the normal score of its prior: nearly
normal where the prior speaks, and still wide enough in its tails where the data overrule it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from scipy import special

from adaptive_cart.nouns.records import Floats

LN2: Final = float(np.log(2.0))  # the cumulative hazard at the median
LIMIT: Final = 40.0  # log odds of a cured fraction of nought or one


@dataclass(frozen=True)
class CurePrior:
    """Priors of the cured fraction and of the others' relapse time, for one arm.

    Attributes
    ----------
    cured
        a and b of the beta prior of the cured fraction.
    median_months
        Median and sigma of the lognormal prior of the median relapse time, in months.
    shape
        Median and sigma of the lognormal prior of the Weibull shape.
    """

    cured: tuple[float, float]
    median_months: tuple[float, float]
    shape: tuple[float, float]

    def __post_init__(self) -> None:
        for name in ("cured", "median_months", "shape"):
            pair = getattr(self, name)
            if len(pair) != 2 or not all(np.isfinite(value) and value > 0 for value in pair):
                raise ValueError(f"{name} must be two positive numbers, found {pair!r}")


@dataclass(frozen=True)
class CuredScale:
    """The coordinate of the cured fraction: arsinh of the normal score of its prior."""

    a: float
    b: float
    first: float
    step: float
    log_odds_table: Floats

    def log_odds(self, place: Floats) -> Floats:
        """Log odds of the cured fraction at coordinates."""
        position = np.clip((place - self.first) / self.step, 0.0, len(self.log_odds_table) - 1.001)
        index = position.astype(np.int64)
        low = self.log_odds_table[index]
        return low + (position - index) * (self.log_odds_table[index + 1] - low)

    def place(self, log_odds: Floats) -> Floats:
        """Coordinates of log odds of the cured fraction."""
        low = special.betainc(self.a, self.b, special.expit(log_odds))
        high = special.betainc(self.b, self.a, special.expit(-log_odds))
        score = np.where(
            low < 0.5,
            special.ndtri(np.maximum(low, 1e-34)),
            -special.ndtri(np.maximum(high, 1e-34)),
        )
        return np.arcsinh(score)


def _log_odds_of_tail(a: float, b: float, log_tail: Floats) -> Floats:
    """Log odds of the fraction below which Beta(a, b) has a probability given by its logarithm.

    Below 1e-6 the density is its leading power; elsewhere the inverse of the incomplete beta
    function is checked, since here and there it does not converge, and mended by its neighbours.
    """
    power = (log_tail + np.log(a) + special.betaln(a, b)) / a
    tail = np.exp(log_tail)
    fraction = special.betaincinv(a, b, tail)
    again = special.betainc(a, b, fraction)
    sound = (fraction > 1e-9) & (fraction < 1.0) & (np.abs(again - tail) <= 1e-7 * tail)
    small = power < np.log(1e-6)
    log_odds = np.where(small, power, special.logit(np.where(sound, fraction, 0.5)))
    known = small | sound
    order = np.argsort(log_tail[known], kind="stable")
    mended = np.interp(log_tail, log_tail[known][order], log_odds[known][order])
    return np.where(known, log_odds, mended)


@lru_cache(maxsize=32)
def cured_scale(a: float, b: float) -> CuredScale:
    """Return the scale of a Beta(a, b) prior."""
    ends, points = 3.2, 6401  # normal scores up to 12
    place = np.linspace(-ends, ends, points)
    score = np.sinh(place)
    log_tail = special.log_ndtr(-np.abs(score))
    low, high = _log_odds_of_tail(a, b, log_tail), -_log_odds_of_tail(b, a, log_tail)
    table = np.clip(np.where(score <= 0.0, low, high), -LIMIT, LIMIT)
    return CuredScale(a, b, -ends, 2.0 * ends / (points - 1), table)
