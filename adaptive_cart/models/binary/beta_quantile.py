"""Credible limits of an arm's probability, or of the difference of two arms.

Every table has margins of its own, so that rows cannot be shared. Newton's method on the
probit scale, where the posterior is almost a straight line; halving where it is not.
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.binary.beta_comparison import density_rows
from adaptive_cart.models.binary.beta_mixture import BetaMixture, beta_above, updated
from adaptive_cart.models.binary.beta_nodes import by_size, chunks, grid_for, nodes_of

Table: TypeAlias = npt.NDArray[np.float64]  # (table,)
Counts: TypeAlias = npt.NDArray[np.int64]  # (table,)

NO_MASS: Final = 1e-19  # a node with less is left out
SMALLEST_MARGIN, SMALL_MARGIN = 1e-12, 1e-3  # nearer to 0 is taken for 1e-12; two kinds of grid
QUANTILE_ERROR: Final = 1e-10
NEWTON_STEPS: Final = 12  # three or four are usual


def quantile_of(
    priors: tuple[BetaMixture, ...], counts: tuple[Counts, ...], probability: float
) -> Table:
    """Posterior quantile of a probability (one prior) or of a difference (two priors), (table,)."""
    posteriors = [updated(prior, *counts[2 * k : 2 * k + 2]) for k, prior in enumerate(priors)]
    if len(priors) == 1 and len(priors[0].weights) == 1:
        _, a, b = posteriors[0]
        exact: Table = special.betaincinv(a[:, 0], b[:, 0], probability)
        return exact

    def above_and_density(value: Table, chosen: npt.NDArray[np.int64]) -> tuple[Table, Table]:
        if len(priors) == 2:
            own = tuple(count[chosen] for count in counts)
            return _difference_and_density(priors[0], priors[1], own, value)
        weights, a, b = (part[chosen] for part in posteriors[0])
        p = value[:, None]
        height = np.exp(
            special.xlogy(a - 1.0, p) + special.xlog1py(b - 1.0, -p) - special.betaln(a, b)
        )
        above = (weights * special.betaincc(a, b, p)).sum(axis=-1)
        return above, (weights * height).sum(axis=-1)

    # Newton's method on the probit scale, where the posterior is almost a straight line, from the
    # normal approximation.
    lowest = -1.0 if len(priors) == 2 else 0.0
    quantile: Table
    mean, variance = np.zeros(counts[0].size), np.zeros(counts[0].size)
    for sign, (weights, a, b) in zip((1.0, -1.0), posteriors, strict=False):
        first = (weights * a / (a + b)).sum(axis=-1)
        second = (weights * a * (a + 1.0) / ((a + b) * (a + b + 1.0))).sum(axis=-1)
        mean += sign * first
        variance += np.maximum(second - first**2, 0.0)
    target = special.ndtri(1.0 - probability)
    quantile = np.clip(mean - target * np.sqrt(variance), lowest + 1e-3, 1.0 - 1e-3)
    open_tables = np.arange(quantile.size)
    for _ in range(NEWTON_STEPS):
        above, density = above_and_density(quantile[open_tables], open_tables)
        probit = special.ndtri(above)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            slope = density * math.sqrt(2.0 * math.pi) * np.exp(0.5 * probit**2)
            step = (probit - target) / slope
        quantile[open_tables] += step
        inside = (quantile[open_tables] > lowest) & (quantile[open_tables] < 1.0)
        lost = ~(inside & np.isfinite(step))
        quantile[open_tables[lost]] = np.nan
        open_tables = open_tables[~lost & (np.abs(step) > QUANTILE_ERROR)]
        if not open_tables.size:
            break
    unsolved = np.union1d(open_tables, np.flatnonzero(np.isnan(quantile)))
    if unsolved.size:
        # Posteriors heaped at 0 or at 1 are no straight line: halve [lowest, 1].
        low, high = np.full(unsolved.size, lowest), np.ones(unsolved.size)
        while high[0] - low[0] > QUANTILE_ERROR:
            middle = 0.5 * (low + high)
            too_low = above_and_density(middle, unsolved)[0] > 1.0 - probability
            low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
        quantile[unsolved] = 0.5 * (low + high)
    return quantile


def _difference_and_density(
    upper: BetaMixture, lower: BetaMixture, counts: tuple[Counts, ...], margin: Table
) -> tuple[Table, Table]:
    """P(upper - lower > margin) and the density there, every table with its own margin, (table,).

    Rows cannot be shared between margins; instead, the survival function is worked out only where
    the other arm has mass.
    """
    above, density = np.empty(margin.size), np.empty(margin.size)
    for negative in (False, True):
        tables = np.flatnonzero((margin < 0.0) == negative)
        priors = (lower, upper) if negative else (upper, lower)
        x_top, n_top, x_bottom, n_bottom = (
            count[tables] for count in (counts[2:] + counts[:2] if negative else counts)
        )
        own = np.clip(np.abs(margin[tables]), SMALLEST_MARGIN, 1.0 - SMALLEST_MARGIN)
        # Few distinct grids: one for small margins, one for the others.
        for smallest, chosen in (
            (SMALLEST_MARGIN, np.flatnonzero(own < SMALL_MARGIN)),
            (SMALL_MARGIN, np.flatnonzero(own >= SMALL_MARGIN)),
        ):
            totals = np.stack([n_top[chosen], n_bottom[chosen]], axis=-1)
            for size, sized in by_size(priors, totals):
                grid = grid_for(priors, smallest, size)
                nodes = nodes_of(grid)
                for t in chunks(chosen[sized], grid):
                    mass = density_rows(
                        updated(priors[1], x_bottom[t], n_bottom[t]), nodes, own[t, None]
                    )
                    row, node = np.nonzero(mass > NO_MASS)
                    shift = own[t][row]
                    p, q = shift + (1.0 - shift) * nodes.u[node], (1.0 - shift) * nodes.v[node]
                    log_p, log_q = np.log(p), np.log(q)
                    survival, height = np.zeros_like(mass), np.zeros_like(mass)
                    weights, a, b = updated(priors[0], x_top[t], n_top[t])
                    for k in range(a.shape[1]):
                        w, c, d = weights[row, k], a[row, k], b[row, k]
                        survival[row, node] += w * beta_above(c, d, p, q)
                        constant = special.betaln(a[:, k], b[:, k])[row]
                        height[row, node] += w * np.exp(
                            (c - 1.0) * log_p + (d - 1.0) * log_q - constant
                        )
                    exceeds = np.einsum("tk,tk->t", mass, survival)
                    above[tables[t]] = 1.0 - exceeds if negative else exceeds
                    density[tables[t]] = np.einsum("tk,tk->t", mass, height)
    return above, density
