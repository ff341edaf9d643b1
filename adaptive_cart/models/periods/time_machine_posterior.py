"""Arms and a random walk over the calendar on the logit: the posterior by importance sampling.

Statement: y_kc ~ Binomial(n_kc, p_kc) in arm k and calendar period c, counted back from the latest;
logit p_kc = alpha + beta_k + gamma_c, with beta of the control 0, alpha and all other beta
independently Normal(0, 2.5), and gamma the walk of ``walk.py``. The level of an arm over some
calendar periods is the mean of its p_kc, each weighing as many of all arms as were analysed of it
while the arms of the comparison enrolled.

Given tau, steps of size 1 have Normal(0, 1) priors and the log posterior is concave. At each of
twelve values of tau the mode and the curvature there give a normal approximation and its mass
(Laplace; nested in tau as in Rue, Martino and Chopin 2009, doi:10.1111/j.1467-9868.2008.00700.x).
Points of independent t variables about the modes, as many of each tau as it has of that mass, are
then weighed by the posterior over their density, so that the approximation says where points lie
and not what is answered. They are those of a scrambled Sobol sequence, whose first axis chooses
tau. Where weights are uneven, points of the mean and covariance that they show are proposed anew.
Against 32,768 points of another sequence and 48 values of tau a probability was off by at most
0.0121, by 0.0041 above 0.9; a table takes 2 to 5 milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from scipy import special

from adaptive_cart.models.draws import ranks
from adaptive_cart.models.periods.adjustment import COEFFICIENT_SD as SD
from adaptive_cart.models.periods.walk import Walk
from adaptive_cart.models.periods.weighed_points import LOG_POINTS, POINTS, WeighedPoints
from adaptive_cart.nouns.records import Floats, Integers
from adaptive_cart.nouns.summaries.calendar_counts import CalendarCounts

FREEDOM: Final = 12.0  # degrees, of what is proposed
OLD_SHARE: Final = 0.1  # of points whose tau is from its prior, should Laplace be wrong
UNEVEN: Final = 2.0  # mean square of weights over that of equal ones: more are proposed anew
ROUNDS: Final = 2
LARGE: Final = 80.0  # of a logit, beyond which its exponential is none in single precision
STEPS: Final = 60  # of Newton at most
CLOSE: Final = 1e-7  # of a coefficient
TOGETHER: Final = 32  # tables whose modes are sought at once: memory


@lru_cache(maxsize=32)
def logit_rows(walk: Walk, arms: int, periods: int) -> Floats:
    """Coefficients in each logit, ``(tau, arm, period, coefficient)``: all, each arm, each step."""
    sizes, _ = walk.sizes()
    found = np.zeros((len(sizes), arms, periods, arms + periods - 1))
    found[..., 0] = 1.0
    for arm in range(1, arms):
        found[:, arm, :, arm] = 1.0
    found[..., arms:] = (sizes[:, None, None] * walk.path(periods))[:, None]
    return found


@lru_cache(maxsize=32)
def prior_precision(arms: int, periods: int) -> Floats:
    """Of each coefficient: arms have a wide prior, steps are of size 1."""
    return np.array([1.0 / SD**2] * arms + [1.0] * (periods - 1))


@lru_cache(maxsize=32)
def proposed(size: int) -> tuple[Floats, Floats]:
    """Points of independent t variables, ``(point, coefficient)``, and their log density.

    In the order of an axis of their own, so that the first are those of the smallest tau.
    """
    rank = ranks(size + 1, LOG_POINTS)
    middles = (np.arange(POINTS) + 0.5) / POINTS
    scores = special.stdtrit(FREEDOM, middles)[rank[1:, rank[0].argsort()]].T
    density = -0.5 * (FREEDOM + 1.0) * np.log1p(scores**2 / FREEDOM).sum(axis=1)
    return np.ascontiguousarray(scores, dtype=np.float32), density.astype(np.float32)


@dataclass
class Fit:
    """Where the points of one table lie.

    Attributes
    ----------
    periods
        Calendar periods, from the latest back to the opening.
    mode, root
        ``(tau, coefficient)`` and ``(tau, coefficient, coefficient)``: root of the covariance.
    number
        Points of each tau, ``(tau,)``.
    """

    periods: int
    mode: Floats
    root: Floats
    number: Integers

    def own(self) -> Iterator[tuple[int, slice]]:
        """Of each tau that has any: which points are its."""
        ends = self.number.cumsum()
        for tau, (end, number) in enumerate(zip(ends, self.number, strict=True)):
            if number:
                yield tau, slice(end - number, end)

    def places(self) -> Iterator[tuple[int, slice, Floats]]:
        """Of each tau: which points are its, and their coefficients, ``(point, coefficient)``."""
        scores, _ = proposed(self.mode.shape[1])
        for tau, own in self.own():
            yield tau, own, self.mode[tau] + scores[own] @ self.root[tau].T

    def closer(self, weight: Floats, prior: Floats) -> Fit:
        """Points laid out anew as the weights show: their mean, covariance and share of each tau.

        What the weights show of the points as they were before they were turned and moved is shown
        by those of all tau together.

        Parameters
        ----------
        weight
            ``(point,)``.
        prior
            ``(tau,)``.
        """
        scores, _ = proposed(self.mode.shape[1])
        middle = weight @ scores
        away = scores - middle
        spread = np.linalg.cholesky((away * weight[:, None]).T @ away)
        share = np.zeros(len(prior))
        for tau, own in self.own():
            share[tau] = weight[own].sum()
        mode = self.mode + np.einsum("tij,j->ti", self.root, middle)
        number = numbers_of(share[None], prior)[0]
        return Fit(self.periods, mode, np.matmul(self.root, spread), number)


def numbers_of(mass: Floats, prior: Floats) -> Integers:
    """Points of each tau by its mass, ``(table, tau)``; a part of them by its prior."""
    share = (1.0 - OLD_SHARE) * mass + OLD_SHARE * prior
    ends = np.rint((share / share.sum(axis=1, keepdims=True)).cumsum(axis=1) * POINTS)
    return np.diff(ends.astype(np.int64), axis=1, prepend=0)


@dataclass
class TimeMachinePosterior(WeighedPoints):
    """Posterior of arms and a walk over the calendar."""

    walk: Walk

    fast_error = 0.015
    drawn_error = 0.015

    def __init__(self, walk: Walk, counts: CalendarCounts) -> None:
        super().__init__(counts)
        self.walk = walk
        self._had, self._seen = (
            counts.counted_back(part).astype(np.float32) for part in (counts.had, counts.seen_in)
        )
        self._fits: dict[int, Fit] = {}
        self.weights = np.empty((len(self._had), POINTS), dtype=np.float32)
        periods = counts.latest + 1
        for number in np.unique(periods):
            alike = np.flatnonzero(periods == number)
            for first in range(0, len(alike), TOGETHER):
                self._fit(alike[first : first + TOGETHER], int(number))

    def _fit(self, tables: Integers, periods: int) -> None:
        """Lay out and weigh the points of tables with as many calendar periods."""
        rows = logit_rows(self.walk, self.arms, periods)
        rows = rows.reshape(len(rows), -1, rows.shape[-1])
        had, seen = (
            part[tables, :, :periods].reshape(len(tables), -1).astype(np.float64)
            for part in (self._had, self._seen)
        )
        precision = prior_precision(self.arms, periods)
        mode, root, evidence = modes_of(had, seen, rows, precision)
        _, prior = self.walk.sizes()
        mass = np.exp(evidence - evidence.max(axis=1, keepdims=True)) * prior
        mass /= mass.sum(axis=1, keepdims=True)
        numbers = numbers_of(mass, prior)
        for place, table in enumerate(tables):
            middle, spread = (part[place].astype(np.float32) for part in (mode, root))
            fit = Fit(periods, middle, spread, numbers[place])
            weight = _weighed(fit, rows, precision, prior, had[place], seen[place])
            for _ in range(ROUNDS):
                if float((weight**2).sum()) * POINTS <= UNEVEN:
                    break
                fit = fit.closer(weight, prior)
                weight = _weighed(fit, rows, precision, prior, had[place], seen[place])
            self._fits[int(table)], self.weights[table] = fit, weight

    def levels(self, table: int, arms: Sequence[int], share: Floats) -> list[Floats]:
        """Probability of each arm over calendar periods, ``(point,)``."""
        fit = self._fits[table]
        share = share[: fit.periods]
        used = np.flatnonzero(share)
        rows = logit_rows(self.walk, self.arms, fit.periods)[:, :, used].astype(np.float32)
        found = [np.empty(POINTS, dtype=np.float32) for _ in arms]
        for tau, own, places in fit.places():
            for place, arm in enumerate(arms):
                by_period = special.expit(places @ rows[tau, arm].T)
                # a sum and no product: BLAS may tell of invalid numbers in lanes that it pads
                found[place][own] = (by_period * share[used].astype(np.float32)).sum(axis=1)
        return [values.astype(np.float64) for values in found]


def _weighed(
    fit: Fit, rows: Floats, precision: Floats, prior: Floats, had: Floats, seen: Floats
) -> Floats:
    """Weight of each point of a table, ``(point,)``; they sum to 1."""
    used = np.flatnonzero(seen)
    succeeded, of = had[used].astype(np.float32), seen[used].astype(np.float32)
    _, density = proposed(fit.mode.shape[1])
    log = np.empty(POINTS, dtype=np.float32)
    for tau, own, places in fit.places():
        logit = np.minimum(places @ rows[tau, used].astype(np.float32).T, LARGE)
        known = np.log(prior[tau] / fit.number[tau]) + np.log(np.diag(fit.root[tau])).sum()
        part = np.float32(known) - 0.5 * (places**2) @ precision.astype(np.float32) - density[own]
        part += logit @ succeeded - np.log1p(np.exp(logit)) @ of
        log[own] = part
    weight = np.exp(log - log.max())
    found: Floats = weight / weight.sum()
    return found


def modes_of(
    had: Floats, seen: Floats, rows: Floats, precision: Floats
) -> tuple[Floats, Floats, Floats]:
    """Mode, root of the covariance there, and Laplace's log mass of each table and tau.

    Newton's method, each table by itself, whatever tables stand beside it.

    Parameters
    ----------
    had, seen
        ``(table, cell)``.
    rows
        ``(tau, cell, coefficient)``.
    precision
        Of the prior, ``(coefficient,)``.

    Returns
    -------
    ``(table, tau, coefficient)``, ``(table, tau, coefficient, coefficient)`` and ``(table, tau)``;
    the mass but for a constant of the table.
    """
    found = np.zeros((len(had), len(rows), rows.shape[2]))
    going = np.ones(found.shape[:2], dtype=np.bool_)
    for _ in range(STEPS):
        curvature, slope = _curve(found, had, seen, rows, precision)
        step = np.linalg.solve(curvature, slope[..., None])[..., 0]
        # the curve flattens away from the mode: a long step could pass it by
        longest = np.abs(step).max(axis=-1)
        found = found + np.where(going, 1.0 / np.maximum(longest, 1.0), 0.0)[..., None] * step
        going &= longest >= CLOSE
        if not going.any():
            break
    curvature, _ = _curve(found, had, seen, rows, precision)
    root = np.linalg.cholesky(np.linalg.inv(curvature))
    logit = np.matmul(rows, found[..., None])[..., 0]
    fit = (had[:, None] * logit - seen[:, None] * np.logaddexp(0.0, logit)).sum(axis=-1)
    log = fit - 0.5 * (found**2 * precision).sum(axis=-1)
    spread = np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(axis=-1)
    return found, root, log + spread


def _curve(
    place: Floats, had: Floats, seen: Floats, rows: Floats, precision: Floats
) -> tuple[Floats, Floats]:
    """Curvature and slope of each log posterior, each table and tau by a product of its own."""
    chance = special.expit(np.matmul(rows, place[..., None])[..., 0])
    turned = np.swapaxes(rows, -1, -2)
    left = (had[:, None] - seen[:, None] * chance)[..., None]
    slope = np.matmul(turned, left)[..., 0] - place * precision
    weight = seen[:, None] * chance * (1.0 - chance)
    curvature = np.matmul(turned, weight[..., None] * rows)
    return curvature + np.diag(precision), slope
