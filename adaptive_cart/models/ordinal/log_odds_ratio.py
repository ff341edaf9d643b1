"""The posterior of a log odds ratio of a cumulative logit model, by Laplace's method.

Its marginal density is taken at nodes (Tierney and Kadane 1986, J Am Stat Assoc 81:82): there it is
the posterior at its mode given the log odds ratio, over the root of the determinant of the Hessian
of all the rest. Between the nodes its logarithm is a cubic spline. Where every second node would
have said something else, there are twice as many. Where there are few participants the density at a
node is Laplace's times the mean importance of points of t variables about the mode there.

Error, against sums over a lattice of all cutpoints (two to five categories, nobody to 150
participants an arm, prior sd 0.8 to 10): at most 0.004 where the control's prior is worth 0.5 or
more in each category, 0.011 where it is worth 0.2. Without the correction it was 0.008 with seven
participants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from adaptive_cart.models.ordinal.cumulative_logit import (
    Tables,
    derivatives,
    log_posterior,
    no_longer,
)
from adaptive_cart.nouns.records import Floats

PROFILE_STEPS: Final = 3  # to the mode given a log odds ratio, from where the Hessian expects it
REACH: Final = 6.4  # standard deviations from the mode
INTERVALS: Final = 16  # between nodes
MOST: Final = 128  # of them
FEW: Final = 30  # participants of all arms, below which the method is corrected
LOG_POINTS: Final = 7  # of the correction
FREEDOM: Final = 6.0  # degrees, of what they are drawn from
APART: Final = 0.01  # of distribution functions, by all the nodes and by half of them
POINTS: Final[Floats] = np.linspace(-REACH, REACH, 2 * MOST + 1)


@dataclass(frozen=True)
class LogOddsRatio:
    """Marginal posterior of a log odds ratio of each table.

    Attributes
    ----------
    middle, scale
        ``(table,)``: mode and standard deviation, about.
    below
        ``(table, point)``: probability below each point of ``POINTS``, in standard deviations
        from the mode.
    """

    middle: Floats
    scale: Floats
    below: Floats

    def above(self, value: float) -> Floats:
        """Probability that it exceeds a value, ``(table,)``."""
        at = (value - self.middle) / self.scale
        place = np.clip((at + REACH) / (POINTS[1] - POINTS[0]), 0.0, len(POINTS) - 1.0)
        left = np.minimum(place.astype(np.int64), len(POINTS) - 2)
        row, part = np.arange(len(place)), place - left
        below = (1.0 - part) * self.below[row, left] + part * self.below[row, left + 1]
        found: Floats = 1.0 - below
        return found

    def quantile(self, probability: float) -> Floats:
        """Value below which it lies with a probability, ``(table,)``."""
        right = np.clip((self.below < probability).sum(axis=1), 1, len(POINTS) - 1)
        row = np.arange(len(right))
        low, high = self.below[row, right - 1], self.below[row, right]
        part = (probability - low) / np.where(high > low, high - low, 1.0)
        place = right - 1 + np.clip(part, 0.0, 1.0)
        found: Floats = self.middle + self.scale * (place * (POINTS[1] - POINTS[0]) - REACH)
        return found


def log_odds_ratio(tables: Tables, found: tuple[Floats, Floats], arm: int, to: int) -> LogOddsRatio:
    """Posterior of the log odds ratio of an arm to another one, which is not the later arm.

    Parameters
    ----------
    found
        Mode and covariance.
    """
    place, covariance = found
    contrast = _contrast(tables, place.shape[1], arm, to)
    with_it = covariance @ contrast
    scale = np.sqrt(with_it @ contrast)
    below = np.empty((len(place), len(POINTS)))
    rows, intervals = np.arange(len(place)), INTERVALS
    while rows.size:
        own = tables.rows(rows)
        log = _density(own, place[rows], with_it[rows] / scale[rows, None], arm, to, intervals)
        below[rows], half = _distribution(log), _distribution(log[:, ::2])
        apart = np.abs(below[rows] - half).max(axis=1) > APART
        intervals *= 2
        rows = rows[apart] if intervals <= MOST else rows[:0]
    return LogOddsRatio(place @ contrast, scale, below)


def _contrast(tables: Tables, size: int, arm: int, to: int) -> Floats:
    found = np.zeros(size)
    found[tables.cutpoints + arm - 1] = 1.0
    if to:
        found[tables.cutpoints + to - 1] = -1.0
    return found


def _density(
    tables: Tables, place: Floats, move: Floats, arm: int, to: int, intervals: int
) -> Floats:
    """Logarithm of the marginal density at the nodes, but for a constant, ``(table, node)``."""
    size, nodes = place.shape[1], np.linspace(-REACH, REACH, intervals + 1)
    own = tables.cutpoints + arm - 1
    # what is left free: all but the arm, which moves with the arm that it is compared with
    free = np.delete(np.eye(size), own, axis=1)
    if to:
        free[own] = free[tables.cutpoints + to - 1]
    at = (place[:, None] + move[:, None] * nodes[:, None]).reshape(-1, size)
    repeated = tables.repeated(len(nodes))
    for _ in range(PROFILE_STEPS):
        gradient, hessian = derivatives(repeated, at)
        inside, slope = free.T @ hessian @ free, (gradient @ free)[..., None]
        step = np.linalg.solve(inside, slope)[..., 0].astype(np.float64, copy=False)
        at = at + no_longer(step) @ free.T
    inside = free.T @ derivatives(repeated, at)[1] @ free
    found: Floats = log_posterior(repeated, at) - 0.5 * np.linalg.slogdet(inside)[1]
    few = np.flatnonzero(repeated.participants < FEW)
    if few.size:
        found[few] += _beyond_laplace(repeated.rows(few), at[few], inside[few], free)
    return found.reshape(-1, len(nodes))


def _beyond_laplace(tables: Tables, at: Floats, inside: Floats, free: Floats) -> Floats:
    """Logarithm of what Laplace's method misses: the mean importance of points about the mode.

    Parameters
    ----------
    at, inside
        Modes given the log odds ratio, and what the Hessian there is of all the rest.
    """
    from scipy import stats

    from adaptive_cart.models.draws import ranks

    chance = (ranks(free.shape[1], LOG_POINTS) + 0.5) / 2**LOG_POINTS
    scores = special.stdtrit(FREEDOM, chance)
    proposed = stats.t.logpdf(scores, FREEDOM).sum(axis=0) - stats.norm.logpdf(0.0) * len(scores)
    root = np.linalg.inv(np.linalg.cholesky(inside)).transpose(0, 2, 1)
    top, total = log_posterior(tables, at), np.zeros(len(at))
    for score, own in zip(scores.T, proposed, strict=True):
        total += np.exp(log_posterior(tables, at + (root @ score) @ free.T) - top - own)
    found: Floats = np.log(total / len(proposed))
    return found


def _distribution(log: Floats) -> Floats:
    """Distribution functions at ``POINTS``, ``(table, point)``, from log densities at nodes."""
    from scipy.interpolate import CubicSpline

    fine = CubicSpline(np.linspace(-REACH, REACH, log.shape[1]), log, axis=1)(POINTS)
    density = np.exp(fine - fine.max(axis=1, keepdims=True))
    cells = 0.5 * (density[:, 1:] + density[:, :-1])
    below = np.add.accumulate(np.pad(cells, [(0, 0), (1, 0)]), axis=1)
    found: Floats = below / below[:, -1:]
    return found
