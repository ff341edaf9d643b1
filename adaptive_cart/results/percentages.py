"""Probabilities in per cent as prose has them: one way for each case, and one for nothing.

Nothing in n simulated trials is ``0% (at most 0.38%)``, all of them ``100% (at least 99.62%)``: the
bound is that of the 95% Monte Carlo interval. An exact nothing is ``0%``. No other number is
rounded so far that it reads as nothing or as all.
"""

from __future__ import annotations

import math

from adaptive_cart.results.figure import proportion

UNKNOWN = "not defined"
MOST_DECIMALS = 6


def percent(value: float, decimals: int = 1) -> str:
    """Write a probability in per cent; nothing and all are without decimals, and nothing else is.

    Parameters
    ----------
    decimals
        The fewest; there are more where a number would read as 0% or 100%.
    """
    if math.isnan(value):
        return UNKNOWN
    if value in (0.0, 1.0):
        return f"{value:.0%}"
    digits = _decimals(value, decimals)
    if digits > MOST_DECIMALS:
        limit = 10.0**-MOST_DECIMALS
        return f"below {limit:f}%" if value < 0.5 else f"above {100.0 - limit:f}%"
    return f"{100.0 * value:.{digits}f}%".replace("-", "−")


def _decimals(value: float, fewest: int) -> int:
    """How many decimals a share in per cent needs so as not to read as nothing or as all."""
    if value in (0.0, 1.0):
        return fewest
    read = (k for k in range(fewest, MOST_DECIMALS + 1) if round(100.0 * value, k) % 100.0 != 0.0)
    return next(read, MOST_DECIMALS + 1)


def with_interval(estimate: float, lower: float, upper: float, decimals: int = 1) -> str:
    """Write a probability with its Monte Carlo interval; alone where it is exact."""
    if math.isnan(estimate):
        return UNKNOWN
    if math.isnan(lower + upper):
        return percent(estimate, decimals)
    if lower == upper:
        return percent(estimate, max(decimals, 2))
    if estimate == 0.0:
        return f"0% (at most {bound(100.0 * upper, 100.0)}%)"
    if estimate == 1.0:
        return f"100% (at least {bound(100.0 * lower, 100.0)}%)"
    # the same decimals for all three
    digits = max(_decimals(value, decimals) for value in (estimate, lower, upper))
    shown = [percent(value, min(digits, MOST_DECIMALS)) for value in (estimate, lower, upper)]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"


def bound(value: float, whole: float = 1.0) -> str:
    """A bound close to nothing or to the whole, with two digits of what it is away from there.

    Parameters
    ----------
    whole
        What all trials are: 1, or 100 per cent.
    """
    away = min(value, whole - value)
    digits = 0 if away <= 0.0 else max(1 - math.floor(math.log10(away)), 0)
    return f"{value:.{min(digits, MOST_DECIMALS)}f}"


def of_trials(estimate: float, n: float | None, decimals: int = 0) -> str:
    """Write a share of n trials; where it is none or all of them, with the bound of its interval.

    Parameters
    ----------
    n
        How many trials; nothing (or nan) where the share is exact.
    """
    if n is None or math.isnan(n) or estimate not in (0.0, 1.0):
        return percent(estimate, decimals)
    found = proportion(round(estimate * n), int(n))
    return with_interval(found.estimate, found.lower, found.upper)
