"""Points about the modes of a posterior whose coefficients have normal priors, and their weights.

What is common to every model over the calendar: tables of cells, each with a linear predictor
``rows @ coefficients``; coefficients that are independently normal; a likelihood of the linear
predictors (``Cells``), which a kind of endpoint supplies; and rows that may depend on a scale tau,
which is summed over nodes with prior weights. A model without tau has one node.

Given tau the log posterior is concave. At each node the mode and the curvature there give a normal
approximation and its mass (Laplace; nested in tau as in Rue, Martino and Chopin 2009,
doi:10.1111/j.1467-9868.2008.00700.x). Points of independent t variables about the modes, as many of
each tau as it has of that mass, are then weighed by the posterior over their density, so that the
approximation says where points lie and not what is answered. They are those of a scrambled Sobol
sequence, whose first axis chooses tau. Where weights are uneven, points of the mean and covariance
that they show are proposed anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

import numpy as np
from scipy import special

from adaptive_cart.models.draws import ranks
from adaptive_cart.models.periods.weighed_points import LOG_POINTS, POINTS
from adaptive_cart.nouns.records import Floats, Integers

FREEDOM: Final = 12.0  # degrees, of what is proposed
OLD_SHARE: Final = 0.1  # of points whose tau is from its prior, should Laplace be wrong
UNEVEN: Final = 2.0  # mean square of weights over that of equal ones: more are proposed anew
ROUNDS: Final = 2
LARGE: Final = 80.0  # of a linear predictor, beyond which single precision has no exponential
MANY: Final = 1e5  # events, beyond which single precision does not tell likelihoods apart
STEPS: Final = 60  # of Newton at most
CLOSE: Final = 1e-7  # of a coefficient
TOGETHER: Final = 32  # tables whose modes are sought at once: memory


class Cells(Protocol):
    """Likelihood of some tables, by the linear predictor of each of their cells."""

    def __len__(self) -> int:
        """How many tables there are."""

    def log(self, predictor: Floats) -> Floats:
        """Log likelihood but for a constant, ``(table, tau)``.

        Parameters
        ----------
        predictor
            ``(table, tau, cell)``.
        """

    def curve(self, predictor: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Curvature (of its negative) and slope in the coefficients.

        Parameters
        ----------
        rows
            ``(tau, cell, coefficient)``.

        Returns
        -------
        ``(table, tau, coefficient, coefficient)`` and ``(table, tau, coefficient)``.
        """

    def used(self, table: int) -> Integers:
        """Cells of a table in which anything has been seen."""

    def seen_in_all(self, table: int) -> float:
        """Events of a table, or participants: what its log likelihood is a sum of."""

    def at_points(self, table: int, predictor: Floats) -> Floats:
        """Log likelihood of a table at points, ``(point,)``, in the precision of the predictor.

        Parameters
        ----------
        predictor
            ``(point, used cell)``.
        """


@dataclass(frozen=True)
class Scheme:
    """Coefficients of the linear predictors, and their priors.

    Attributes
    ----------
    rows
        ``(tau, arm, period, coefficient)``.
    precision, centre
        Of the normal prior of each coefficient, ``(coefficient,)``.
    prior
        Weight of each tau, ``(tau,)``.
    """

    rows: Floats
    precision: Floats
    centre: Floats
    prior: Floats

    @property
    def flat(self) -> Floats:
        """The rows of all cells, ``(tau, cell, coefficient)``."""
        return self.rows.reshape(len(self.rows), -1, self.rows.shape[-1])


@lru_cache(maxsize=32)
def proposed(size: int, more: int = 0) -> tuple[Floats, Floats, Integers]:
    """Points of independent t variables, and ranks of what is drawn beside them.

    In the order of an axis of their own, so that the first are those of the smallest tau.

    Parameters
    ----------
    size, more
        Numbers of coefficients, and of axes beside them.

    Returns
    -------
    ``(point, coefficient)``, their log density, ``(point,)``, and ``(axis, point)``.
    """
    rank = ranks(size + 1 + more, LOG_POINTS)
    rank = rank[:, rank[0].argsort()]
    middles = (np.arange(POINTS) + 0.5) / POINTS
    scores = special.stdtrit(FREEDOM, middles)[rank[1 : size + 1]].T
    density = -0.5 * (FREEDOM + 1.0) * np.log1p(scores**2 / FREEDOM).sum(axis=1)
    points: Floats = np.ascontiguousarray(scores, dtype=np.float32)
    return points, density.astype(np.float32), rank[size + 1 :]


@dataclass
class Fit:
    """Where the points of one table lie.

    Attributes
    ----------
    periods
        How many there are, of the table.
    mode, root
        ``(tau, coefficient)`` and ``(tau, coefficient, coefficient)``: root of the covariance.
    number
        Points of each tau, ``(tau,)``.
    more
        Axes of what is drawn beside the coefficients.
    """

    periods: int
    mode: Floats
    root: Floats
    number: Integers
    more: int = 0

    @property
    def proposed(self) -> tuple[Floats, Floats, Integers]:
        """Points before they are moved, their log density, and ranks of what is drawn beside."""
        return proposed(self.mode.shape[1], self.more)

    def own(self) -> Iterator[tuple[int, slice]]:
        """Of each tau that has any: which points are its."""
        ends = self.number.cumsum()
        for tau, (end, number) in enumerate(zip(ends, self.number, strict=True)):
            if number:
                yield tau, slice(end - number, end)

    def places(self) -> Iterator[tuple[int, slice, Floats]]:
        """Of each tau: which points are its, and their coefficients, ``(point, coefficient)``."""
        scores = self.proposed[0]
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
        scores = self.proposed[0]
        middle = weight @ scores
        away = scores - middle
        spread = np.linalg.cholesky((away * weight[:, None]).T @ away)
        share = np.zeros(len(prior))
        for tau, own in self.own():
            share[tau] = weight[own].sum()
        mode = self.mode + np.einsum("tij,j->ti", self.root, middle)
        number = numbers_of(share[None], prior)[0]
        return Fit(self.periods, mode, np.matmul(self.root, spread), number, self.more)


def numbers_of(mass: Floats, prior: Floats) -> Integers:
    """Points of each tau by its mass, ``(table, tau)``; a part of them by its prior."""
    share = (1.0 - OLD_SHARE) * mass + OLD_SHARE * prior
    ends = np.rint((share / share.sum(axis=1, keepdims=True)).cumsum(axis=1) * POINTS)
    return np.diff(ends.astype(np.int64), axis=1, prepend=0)


def laid_out(
    cells: Cells, scheme: Scheme, periods: int, more: int = 0
) -> Iterator[tuple[Fit, Floats]]:
    """Lay out and weigh the points of some tables, each by itself.

    Parameters
    ----------
    more
        Axes of what is drawn beside the coefficients.

    Returns
    -------
    Where they lie, and their weights, ``(point,)``, which sum to 1.
    """
    prior = scheme.prior
    mode, root, evidence = modes_of(cells, scheme)
    mass = np.exp(evidence - evidence.max(axis=1, keepdims=True)) * prior
    mass /= mass.sum(axis=1, keepdims=True)
    numbers = numbers_of(mass, prior)
    for table in range(len(cells)):
        kind = np.float32 if cells.seen_in_all(table) <= MANY else np.float64
        middle, spread = (part[table].astype(kind) for part in (mode, root))
        fit = Fit(periods, middle, spread, numbers[table], more)
        weight = _weighed(fit, cells, table, scheme)
        for _ in range(ROUNDS):
            if float((weight**2).sum()) * POINTS <= UNEVEN:
                break
            fit = fit.closer(weight, prior)
            weight = _weighed(fit, cells, table, scheme)
        yield fit, weight


def _weighed(fit: Fit, cells: Cells, table: int, scheme: Scheme) -> Floats:
    """Weight of each point of a table, ``(point,)``; they sum to 1."""
    used = cells.used(table)
    kind = fit.mode.dtype.type
    rows, precision = scheme.flat, scheme.precision.astype(kind)
    centre, density = scheme.centre.astype(kind), fit.proposed[1]
    log = np.empty(POINTS, dtype=kind)
    for tau, own, places in fit.places():
        predictor = np.minimum(places @ rows[tau, used].astype(kind).T, LARGE)
        known = np.log(scheme.prior[tau] / fit.number[tau]) + np.log(np.diag(fit.root[tau])).sum()
        part = kind(known) - 0.5 * ((places - centre) ** 2) @ precision - density[own]
        log[own] = part + cells.at_points(table, predictor)
    weight = np.exp(log - log.max())
    found: Floats = weight / weight.sum()
    return found


def modes_of(cells: Cells, scheme: Scheme) -> tuple[Floats, Floats, Floats]:
    """Mode, root of the covariance there, and Laplace's log mass of each table and tau.

    Newton's method, each table by itself, whatever tables stand beside it.

    Returns
    -------
    ``(table, tau, coefficient)``, ``(table, tau, coefficient, coefficient)`` and ``(table, tau)``;
    the mass but for a constant of the table.
    """
    rows, precision, centre = scheme.flat, scheme.precision, scheme.centre
    found = np.zeros((len(cells), len(rows), rows.shape[2])) + centre
    going = np.ones(found.shape[:2], dtype=np.bool_)

    def curve() -> tuple[Floats, Floats]:
        bent, slope = cells.curve(np.matmul(rows, found[..., None])[..., 0], rows)
        return bent + np.diag(precision), slope - (found - centre) * precision

    for _ in range(STEPS):
        curvature, slope = curve()
        step = np.linalg.solve(curvature, slope[..., None])[..., 0]
        # the curve flattens away from the mode: a long step could pass it by
        longest = np.abs(step).max(axis=-1)
        found = found + np.where(going, 1.0 / np.maximum(longest, 1.0), 0.0)[..., None] * step
        going &= longest >= CLOSE
        if not going.any():
            break
    root = np.linalg.cholesky(np.linalg.inv(curve()[0]))
    log = cells.log(np.matmul(rows, found[..., None])[..., 0])
    log = log - 0.5 * ((found - centre) ** 2 * precision).sum(axis=-1)
    spread = np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(axis=-1)
    return found, root, log + spread
