"""z statistics of proportions: of one against a value, and of two against a difference.

The variance is that under the hypothesis that is tested: of no difference, the pooled one; of a
difference d, that of the most likely proportions that lie d apart, in closed form (Farrington &
Manning 1990, Stat Med 9:1447); of one arm, that of the value itself. The values that a two-sided
test does not reject are then the score intervals: Wilson's of one proportion, Mee's of a
difference.

The statistic is zero where it cannot be computed: nobody in an arm, or no variance and nothing
beyond it.
"""

from __future__ import annotations

import numpy as np

from adaptive_cart.nouns.records import Floats, Integers

# Of a difference of two quotients and a decimal: each of the three, and each subtraction, is off by
# at most 1.1e-16. Proportions that do differ from the decimal are further away: of four decimals
# and 20,000 participants an arm, by 2.5e-13.
_ROUNDING = 1e-15


def z_of_one(successes: Integers, totals: Integers, value: float) -> Floats:
    """How far the observed proportion lies above a value, in standard errors, ``(trial,)``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = successes / totals - value
        z: Floats = beyond / np.sqrt(value * (1.0 - value) / totals)
    return _told(z)


def z_of_two(
    successes: tuple[Integers, Integers], totals: tuple[Integers, Integers], difference: float = 0.0
) -> Floats:
    """How far the second arm's proportion exceeds the first's by more than a difference.

    Parameters
    ----------
    successes, totals
        ``(trial,)`` of the first arm and of the second.

    Returns
    -------
    ``(trial,)``, in standard errors.
    """
    x0, x1 = (np.asarray(part, dtype=np.float64) for part in successes)
    n0, n1 = (np.asarray(part, dtype=np.float64) for part in totals)
    with np.errstate(divide="ignore", invalid="ignore"):
        if difference == 0.0:
            together = (x0 + x1) / (n0 + n1)
            error = np.sqrt(together * (1.0 - together) * (1.0 / n0 + 1.0 / n1))
            z = (x1 / n1 - x0 / n0) / error
        else:
            p0, p1 = likeliest(x0 / n0, x1 / n1, n0 / n1, difference)
            error = np.sqrt(p0 * (1.0 - p0) / n0 + p1 * (1.0 - p1) / n1)
            beyond = x1 / n1 - x0 / n0 - difference
            z = (
                np.where(np.abs(beyond) < _ROUNDING, 0.0, beyond) / error
            )  # a tie is on neither side
    return _told(z)


def likeliest(
    rate0: Floats, rate1: Floats, ratio: Floats, difference: float
) -> tuple[Floats, Floats]:
    """The most likely two proportions, of those that lie a difference apart.

    Parameters
    ----------
    rate0, rate1
        ``(trial,)`` observed.
    ratio
        ``(trial,)`` participants of the first arm to those of the second.
    difference
        Second less first.
    """
    a = 1.0 + ratio
    b = -(a + rate1 + ratio * rate0 + difference * (ratio + 2.0))
    c = difference**2 + difference * (2.0 * rate1 + a) + rate1 + ratio * rate0
    d = -rate1 * difference * (1.0 + difference)
    v = (b / (3.0 * a)) ** 3 - b * c / (6.0 * a**2) + d / (2.0 * a)
    u = np.where(v < 0.0, -1.0, 1.0) * np.sqrt(
        np.maximum((b / (3.0 * a)) ** 2 - c / (3.0 * a), 0.0)
    )
    share = np.where(u == 0.0, 0.0, v / np.where(u == 0.0, 1.0, u) ** 3)
    angle = (np.pi + np.arccos(np.clip(share, -1.0, 1.0))) / 3.0
    low, high = max(difference, 0.0), min(1.0 + difference, 1.0)
    p1 = np.clip(2.0 * u * np.cos(angle) - b / (3.0 * a), low, high)
    return p1 - difference, p1


def _told(z: Floats) -> Floats:
    return np.where(np.isnan(z), 0.0, z)
