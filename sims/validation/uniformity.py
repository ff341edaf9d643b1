"""Are these numbers uniform? Simultaneous bands for the distribution function of a sample.

Säilynoja, Bürkner and Vehtari (2022), "Graphical test for discrete uniformity and its applications
in goodness-of-fit evaluation and multiple sample comparison", Statistics and Computing 32:32,
doi:10.1007/s11222-022-10090-6: at each of many points the number of values below is binomial; the
bands are those binomial intervals whose coverage at one point is such that a uniform sample stays
inside all of them with the wanted probability. That coverage is found by simulation.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

POINTS = 100
SIMULATED = 4_000

Floats = npt.NDArray[np.float64]


def points(number: int) -> Floats:
    """Where the distribution function is looked at."""
    steps = min(POINTS, number)
    return np.arange(1, steps) / steps


@lru_cache(maxsize=16)
def _tails(number: int) -> Floats:
    """Smaller tail, both sides, of each number of values below each point, ``(point, number)``."""
    from scipy.stats import binom

    counts, at = np.arange(number + 1), points(number)[:, None]
    below, above = binom.cdf(counts, number, at), binom.sf(counts - 1, number, at)
    return np.minimum(1.0, 2.0 * np.minimum(below, above))


def extremity(values: Floats) -> float:
    """How far the sample strays: the smallest two-sided binomial tail over all points."""
    number = len(values)
    counts = np.searchsorted(np.sort(values), points(number), side="right")
    return float(_tails(number)[np.arange(len(counts)), counts].min())


@lru_cache(maxsize=16)
def simulated(number: int) -> Floats:
    """Extremities of uniform samples of this size, sorted."""
    generator = np.random.default_rng(20221)
    return np.sort([extremity(generator.random(number)) for _ in range(SIMULATED)])


def p_value(values: Floats) -> float:
    """Probability that a uniform sample strays as far somewhere; below 0.05 it leaves the bands."""
    below = np.searchsorted(simulated(len(values)), extremity(values), side="right")
    return float((below + 1) / (SIMULATED + 1))


def bands(number: int, level: float = 0.95) -> tuple[Floats, Floats, Floats]:
    """Points, and lower and upper band of the distribution function there."""
    limit = np.quantile(simulated(number), 1.0 - level)
    inside = _tails(number) > limit
    lower = inside.argmax(axis=1)
    upper = number - inside[:, ::-1].argmax(axis=1)
    return points(number), lower / number, upper / number
