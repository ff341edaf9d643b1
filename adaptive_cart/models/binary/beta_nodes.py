"""Nodes for integrals over one arm's probability, shared by all tables of about the same size.

c = (1 - margin) / (1 + exp(-y)) with y = 2 sinh(t), at equal steps of t. The method and its
error are in ``beta_binomial.py``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.binary.beta_mixture import BetaMixture

STRETCH: Final = 2.0  # y = STRETCH * sinh(t); the normal shapes never get narrower than at y = 0
NORMAL_STEP: Final = 0.8  # step / standard deviation: error 2 exp(-2 (pi / 0.8)^2) = 8e-14
EDGE_STEP: Final = 0.25  # largest step in y out to the edge of a density near 0 or 1
NEGLECTED: Final = 32.0  # mass beyond the last nodes: exp(-32) = 1e-14
CHUNK: Final = 2**18  # table-node products held at once


class Grid(NamedTuple):
    """Nodes t = low + step * k, k < number, of the trapezoidal rule."""

    low: float
    step: float
    number: int


class Nodes(NamedTuple):
    """What every density and survival function needs to know of the nodes, each (node,)."""

    log_weight: npt.NDArray[np.float64]  # log of step * dy/dt
    u: npt.NDArray[np.float64]  # 1 / (1 + exp(-y))
    v: npt.NDArray[np.float64]  # 1 - u
    log_u: npt.NDArray[np.float64]
    log_v: npt.NDArray[np.float64]


@lru_cache(maxsize=64)
def nodes_of(grid: Grid) -> Nodes:
    """What is needed of the nodes of a grid."""
    t = grid.low + grid.step * np.arange(grid.number)
    y = STRETCH * np.sinh(t)
    log_weight = np.log(grid.step * STRETCH * np.cosh(t))
    log_u, log_v = special.log_expit(y), special.log_expit(-y)
    return Nodes(log_weight, np.exp(log_u), np.exp(log_v), log_u, log_v)


@lru_cache(maxsize=4096)
def grid_for(priors: tuple[BetaMixture, ...], margin: float, size: int) -> Grid:
    """Nodes for the arms of one comparison whose posterior sample sizes add up to `size` at most.

    A density that goes like u^a near 0, a < 1, and holds a sample size of `size`, has less than
    (size * u)^a of its mass below u; the same near 1.
    """
    lightest_a, lightest_b = lightest_of(priors)
    reach = math.log(size)
    low = -math.asinh((reach + NEGLECTED / lightest_a) / STRETCH)
    high = math.asinh((reach + NEGLECTED / lightest_b) / STRETCH)
    # Densities near 0 and 1 have an edge at |y| = log(size), and the shift by a margin one at
    # log(margin); there the step in y is wider than at y = 0.
    edge = max(reach, -math.log(margin)) if margin > 0.0 else reach
    step = min(
        NORMAL_STEP * 2.0 / math.sqrt(size) / STRETCH,
        EDGE_STEP / math.hypot(STRETCH, edge),
    )
    return Grid(low, step, math.ceil((high - low) / step) + 1)


def lightest_of(priors: tuple[BetaMixture, ...]) -> tuple[float, float]:
    """Return the lightest tails of any arm, whichever is integrated: nodes grow with their log."""
    return (
        min(1.0, *(a for prior in priors for a in prior.a)),
        min(1.0, *(b for prior in priors for b in prior.b)),
    )


def by_size(
    priors: tuple[BetaMixture, ...], totals: npt.NDArray[np.int64]
) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Tables grouped by posterior sample size, rounded up to a power of two.

    Parameters
    ----------
    priors, totals
        Of the arms compared; totals are (table, arm).

    Returns
    -------
        Pairs of a size and the indices of its tables.
    """
    exponents = exponents_of(priors, totals.sum(axis=-1))
    for exponent in sorted(set(exponents.tolist())):
        yield 2 ** int(exponent), np.flatnonzero(exponents == exponent)


def exponents_of(
    priors: tuple[BetaMixture, ...], participants: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Exponents of posterior sample sizes, rounded up to powers of two, of so many participants."""
    prior_size = sum(max(a + b for a, b in zip(p.a, p.b, strict=True)) for p in priors)
    return np.frexp(participants + max(prior_size, 8.0))[1].astype(np.int64)


def chunks(tables: npt.NDArray[np.int64], grid: Grid) -> Iterator[npt.NDArray[np.int64]]:
    """Tables in portions whose rows fit into a processor's cache."""
    portion = max(1, CHUNK // grid.number)
    for start in range(0, tables.size, portion):
        yield tables[start : start + portion]
