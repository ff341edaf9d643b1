"""Relapses that are known to lie between two months: their log probability and its derivatives.

Of those not cured the probability is exp(-a) (1 - exp(-x)), with a the cumulative hazard at the
first month, b at the last and x = b - a. With w = k (log t - log median) the hazard at t is
log(2) exp(w), so that derivatives by log shape and log median are sums of those by the two w.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from adaptive_cart.models.durability.cure_prior import LN2
from adaptive_cart.nouns.records import Floats

AT_ONCE: Final = 5e-4  # of its month, either side: what is known at its moment lies between these
EARLIEST: Final = -330.0  # log hazard below which its square would be no number
LATEST: Final = 200.0
NARROWEST: Final = 1e-6  # of the hazard at the last month


def log_chance(k: Floats, first: Floats, last: Floats, median: Floats) -> Floats:
    """Log probability, of those not cured, that the relapse lies between two months.

    Parameters
    ----------
    k
        Shape.
    first, last, median
        Log months; the first may be minus infinity.
    """
    w = k * (last - median)
    np.minimum(w, LATEST, out=w)
    hazard = np.exp(w)
    hazard *= LN2
    before = np.exp(-k * (last - first))  # share of the hazard
    lost = -np.expm1(-hazard * -np.expm1(-k * (last - first)))
    found: Floats = np.log(lost) - hazard * before
    return found


@dataclass(frozen=True)
class Sums:
    """Over intervals, (table, point): the log probability and its derivatives by w.

    `first` and `second` are the sums of derivatives, `..._w` of each times its w, `second_ww` times
    both: what derivatives by log shape and log median are made of.
    """

    value: Floats
    first: Floats
    first_w: Floats
    second: Floats
    second_w: Floats
    second_ww: Floats


def sums_between(k: Floats, first: Floats, last: Floats, median: Floats, size: Floats) -> Sums:
    """Sums over groups of intervals, (group, table, 1), at points (table, point)."""
    early = np.clip(k * (first - median), EARLIEST, LATEST)
    late = np.clip(k * (last - median), EARLIEST, LATEST)
    a, b = LN2 * np.exp(early), LN2 * np.exp(late)
    x = np.maximum(b - a, NARROWEST * b)
    u = 1.0 / np.expm1(x)
    v = u * (1.0 + u)
    y = b * late - a * early
    first_w = u * y - a * early
    parts = (
        np.log(-np.expm1(-x)) - a,
        u * x - a,
        first_w,
        u * x - a - v * x * x,
        first_w - v * x * y,
        u * (b * late * late - a * early * early) - a * early * early - v * y * y,
    )
    return Sums(*(np.add.accumulate(size * part, axis=0)[-1] for part in parts))
