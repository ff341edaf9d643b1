"""A number of a simulation with its Monte Carlo error: proportions, means, quantiles over trials.

The interval of a proportion is Wilson's (Wilson 1927), that of a mean the normal one, that of a
quantile by order statistics. Formulas of the standard errors: Morris, White & Crowther 2019, Stat
Med 38:2074, table 6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from adaptive_cart.nouns.records import Floats

Z95 = 1.959963984540054


@dataclass(frozen=True)
class Figure:
    """A number with its Monte Carlo error; ``n`` is how many trials it rests on."""

    estimate: float
    mcse: float
    lower: float
    upper: float
    n: int | None


def exact(value: float) -> Figure:
    """Return a figure without Monte Carlo error."""
    return Figure(value, 0.0, value, value, None)


def proportion(events: int, n: int) -> Figure:
    """Return a proportion of trials with its Wilson interval."""
    if n == 0:
        return Figure(math.nan, math.nan, math.nan, math.nan, 0)
    p = events / n
    centre = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n * n))
    # at 0 and n events the bound is exactly 0 or 1, whatever the rounding of the formula
    lower = 0.0 if events == 0 else max(centre - half, 0.0)
    upper = 1.0 if events == n else min(centre + half, 1.0)
    return Figure(p, math.sqrt(p * (1 - p) / n), lower, upper, n)


def _around(estimate: float, mcse: float, n: int) -> Figure:
    return Figure(estimate, mcse, estimate - Z95 * mcse, estimate + Z95 * mcse, n)


def mean(values: Floats, extra_mcse: float = 0.0) -> Figure:
    """Return a mean over trials; ``extra_mcse`` is that of a number subtracted from it."""
    n = len(values)
    if n == 0:
        return Figure(math.nan, math.nan, math.nan, math.nan, 0)
    spread = float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return _around(float(values.mean()), math.hypot(spread, extra_mcse), n)


def standard_deviation(values: Floats) -> Figure:
    """Return the standard deviation over trials; its error from the fourth central moment."""
    n = len(values)
    if n < 2:
        return Figure(math.nan, math.nan, math.nan, math.nan, n)
    centred = values - values.mean()
    variance = float((centred**2).sum() / (n - 1))
    sd = math.sqrt(variance)
    fourth = float((centred**4).mean())
    mcse = math.sqrt(max(fourth - variance**2, 0.0) / n) / (2 * sd) if sd > 0 else 0.0
    return _around(sd, mcse, n)


def quantile(values: Floats, percent: int) -> Figure:
    """Return a percentile over trials: the smallest value with as many percent at or below it.

    Its interval is between order statistics, by the normal approximation to the binomial number of
    trials below; its error the width of that in standard errors.
    """
    n = len(values)
    if n == 0:
        return Figure(math.nan, math.nan, math.nan, math.nan, 0)
    ordered = np.sort(values)
    expected = n * percent / 100
    half = Z95 * math.sqrt(expected * (1 - percent / 100))

    def order(rank: int) -> float:
        return float(ordered[min(max(rank, 1), n) - 1])

    estimate = order(-(-n * percent // 100))
    lower, upper = order(math.ceil(expected - half)), order(math.ceil(expected + half + 1))
    return Figure(estimate, (upper - lower) / (2 * Z95), lower, upper, n)


def root_mean_square(errors: Floats) -> Figure:
    """Return the root mean squared error over trials."""
    n = len(errors)
    if n < 2:
        return Figure(math.nan, math.nan, math.nan, math.nan, n)
    squares = errors**2
    rmse = math.sqrt(float(squares.mean()))
    spread = float(squares.std(ddof=1)) / math.sqrt(n)
    return _around(rmse, spread / (2 * rmse) if rmse > 0 else 0.0, n)


def ratio(events: Floats, exposure: Floats) -> Figure:
    """Return a ratio of sums over trials; its error by the delta method."""
    n, total = len(events), float(exposure.sum())
    if n < 2 or total == 0.0:
        return Figure(math.nan, math.nan, math.nan, math.nan, n)
    value = float(events.sum()) / total
    residual = events - value * exposure
    return _around(value, float(residual.std(ddof=1)) * math.sqrt(n) / total, n)
