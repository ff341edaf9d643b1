"""How probable it is that an arm exceeds another by a margin, or that it is the best.

The density of one arm and the survival function of the other are worked out once for each count of
responders, on shared nodes (``beta_rows.py``); a table of counts then costs a product of two rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.binary.beta_mixture import (
    BetaMixture,
    MixturePosterior,
    updated,
)
from adaptive_cart.models.binary.beta_nodes import (
    Grid,
    Nodes,
    exponents_of,
    grid_for,
    lightest_of,
    nodes_of,
)
from adaptive_cart.models.binary.beta_rows import (
    FAINTEST,
    KEPT,
    MOST,
    Rows,
    Windows,
    places_in,
    sums,
    window,
)
from adaptive_cart.models.binary.beta_rows_loops import LOOPS
from adaptive_cart.models.binary.beta_survival import Places, by_incomplete_beta, survival

Table: TypeAlias = npt.NDArray[np.float64]  # (table,)
Counts: TypeAlias = npt.NDArray[np.int64]  # (table,)
TableArm: TypeAlias = npt.NDArray[np.float64]  # (table, arm)
TableNode: TypeAlias = npt.NDArray[np.float64]  # (table, node)


@lru_cache(maxsize=64)
def _sizes(priors: tuple[BetaMixture, ...]) -> Counts:
    """Exponent of the size by the number of participants of all arms."""
    return exponents_of(priors, np.arange(len(priors) * MOST + 1))


def difference_above(
    upper: BetaMixture,
    lower: BetaMixture,
    counts: tuple[Counts, ...],
    margin: float,
) -> Table:
    """P(upper arm - lower arm > margin) for 0 <= margin < 1, (table,)."""

    def grid(exponent: int) -> Grid:
        return grid_for((upper, lower), margin, 2**exponent)

    family = lightest_of((upper, lower)), margin
    with KEPT.lock:
        density = density_of(lower, family, grid, margin)
        above = survival_of(upper, family, grid, margin)
        return _exceeds((upper, lower), density, above, family, counts)


def ratio_above(
    upper: BetaMixture,
    lower: BetaMixture,
    counts: tuple[Counts, ...],
    value: float,
    of_odds: bool,
) -> Table:
    """P(upper arm > value * lower arm) for 0 < value < 1, or of their odds for any, (table,)."""

    def grid(exponent: int) -> Grid:
        # where the other arm's survival has its edge, as a margin has one
        edge = math.exp(-abs(math.log(value))) / 2**exponent if of_odds else 1.0 - value
        return grid_for((upper, lower), edge, 2**exponent)

    family = lightest_of((upper, lower)), value, of_odds
    with KEPT.lock:
        density = density_of(lower, family, grid, 0.0)
        above = _moved_survival_of(upper, family, grid, value, of_odds)
        return _exceeds((upper, lower), density, above, family, counts)


def _exceeds(
    priors: tuple[BetaMixture, BetaMixture],
    density: Rows,
    above: Rows,
    family: Hashable,
    counts: tuple[Counts, ...],
) -> Table:
    """How probable it is that the first arm exceeds what it is compared with, (table,)."""
    both = np.stack(counts)
    answer = np.empty(both.shape[1])
    if LOOPS.pay(answer.size) and both.max(initial=0) <= MOST:
        known = KEPT.answers((*priors, family))

        def fill(tables: Counts, found: Table, unknown: Counts) -> int:
            rows = *density.held, *above.held
            filled: int = LOOPS.compiled[0](tables, _sizes(priors), *rows, *known, found, unknown)
            return filled

        unknown = np.empty(answer.size, dtype=np.int64)
        left = unknown[: fill(both, answer, unknown)]
        if len(left):
            for exponent, t in _by_exponent(priors, both[1, left] + both[3, left]):
                above.of(exponent, *both[:2, left[t]])
                density.of(exponent, *both[2:, left[t]])
            found = np.empty(len(left))
            fill(np.ascontiguousarray(both[:, left]), found, np.empty_like(left))
            answer[left] = found
            KEPT.forget()
    else:
        for exponent, t in _by_exponent(priors, both[1] + both[3]):
            others = [(above, above.of(exponent, *both[:2, t]))]
            answer[t] = sums(density, density.of(exponent, *both[2:, t]), others)
        KEPT.forget()
    return np.clip(answer, 0.0, 1.0)


def _by_exponent(
    priors: tuple[BetaMixture, ...], participants: Counts
) -> Iterator[tuple[int, Counts]]:
    """Tables of about the same size together: its exponent, and which they are."""
    exponents = exponents_of(priors, participants)
    for exponent in sorted(set(exponents.tolist())):
        yield exponent, np.flatnonzero(exponents == exponent)


def _moved(nodes: Nodes, value: float, of_odds: bool) -> tuple[Table, Table]:
    """Logarithms of the probability that is so much larger than at each node, and of the rest."""
    move = math.log(value)
    if of_odds:
        logit = nodes.log_u - nodes.log_v + move
        return special.log_expit(logit), special.log_expit(-logit)
    return nodes.log_u + move, np.log((1.0 - value) + value * nodes.v)


def best_of(
    priors: tuple[BetaMixture, ...],
    successes: npt.NDArray[np.integer[Any]],
    totals: npt.NDArray[np.integer[Any]],
) -> npt.NDArray[np.float64]:
    """P(each arm is the best), (table, arm)."""
    successes, totals = (np.ascontiguousarray(part, dtype=np.int64) for part in (successes, totals))
    if LOOPS.pay(successes.size) and len(set(priors)) == 1 and totals.max(initial=0) <= MOST:
        return best_among(priors[0], successes, totals, np.ones(successes.shape, dtype=np.bool_))
    answer = np.empty(successes.shape)
    lightest = lightest_of(priors)

    def grid(exponent: int) -> Grid:
        return grid_for(priors, 0.0, 2**exponent)

    with KEPT.lock:
        densities = [density_of(prior, (lightest, 0.0), grid, 0.0) for prior in priors]
        survivals = [survival_of(prior, (lightest, 0.0), grid, 0.0) for prior in priors]
        for exponent, t in _by_exponent(priors, totals.sum(axis=1)):
            columns = [(successes[t, arm], totals[t, arm]) for arm in range(len(priors))]
            below = [
                (rows, rows.of(exponent, *column))
                for rows, column in zip(survivals, columns, strict=True)
            ]
            for arm, rows in enumerate(densities):
                others = below[:arm] + below[arm + 1 :]
                own = rows.of(exponent, *columns[arm])
                answer[t, arm] = sums(rows, own, others, below=True)
        KEPT.forget()
    return np.clip(answer, 0.0, 1.0)


@lru_cache(maxsize=64)
def _sizes_among(prior: BetaMixture, arms: int) -> Counts:
    """Exponent of the size by the number of arms compared, and of participants of them all."""
    participants = np.arange(arms * MOST + 1)
    of_each = [exponents_of((prior,) * number, participants) for number in range(arms + 1)]
    return np.stack(of_each)


def best_among(
    prior: BetaMixture, successes: Counts, totals: Counts, compared: npt.NDArray[np.bool_]
) -> TableArm:
    """P(each arm is the best of those compared), by compiled loops; arms have one prior.

    Parameters
    ----------
    successes, totals, compared
        ``(table, arm)``, whole rows of memory; of arms of no more than :data:`MOST` participants.

    Returns
    -------
    (table, arm): nought for arms that are not compared.
    """
    answer = np.empty(successes.shape)
    family, sizes = (lightest_of((prior,)), 0.0), _sizes_among(prior, successes.shape[1])

    def grid(exponent: int) -> Grid:
        return grid_for((prior,), 0.0, 2**exponent)

    with KEPT.lock:
        density = density_of(prior, family, grid, 0.0)
        above = survival_of(prior, family, grid, 0.0)

        def fill(tables: Sequence[Any], found: TableArm, unknown: Counts) -> int:
            rows = *density.held, *above.held
            filled: int = LOOPS.compiled[1](*tables, sizes, *rows, found, unknown)
            return filled

        unknown = np.empty(len(answer), dtype=np.int64)
        left = unknown[: fill((successes, totals, compared), answer, unknown)]
        if len(left):
            some = [np.ascontiguousarray(part[left]) for part in (successes, totals, compared)]
            number = some[2].sum(axis=1)
            exponents = sizes[number, np.where(some[2], some[1], 0).sum(axis=1)]
            for exponent in sorted(set(exponents.tolist())):
                mine = some[2] & (exponents == exponent)[:, None]
                for rows in (density, above):
                    rows.of(exponent, some[0][mine], some[1][mine])
            found = np.empty(some[2].shape)
            fill(some, found, np.empty_like(left))
            answer[left] = found
            KEPT.forget()
    return np.clip(answer, 0.0, 1.0)


# ── rows of one arm ───────────────────────────────────────────────────────────────────────────
def density_of(
    prior: BetaMixture, family: Hashable, grid: Callable[[int], Grid], margin: float
) -> Rows:
    """Posterior density at c = (1 - margin) u times dc/dt and the step, by count.

    Parameters
    ----------
    family
        What the grids depend on besides the size.
    grid
        By the exponent of the size.
    """

    def work_out(exponent: int, successes: Counts, totals: Counts) -> Windows:
        posterior = updated(prior, successes, totals)
        exponents = log_densities(posterior, nodes_of(grid(exponent)), margin)
        kept = np.logical_or.reduce([each > FAINTEST for each in exponents])
        first, width = window(kept)
        table, node, inside, values = places_in(first, width, kept.shape[1])
        at = table[inside], node[inside]
        for weight, each in zip(posterior.weights.T, exponents, strict=True):
            values[inside] += weight[at[0]] * np.exp(each[at])
        return Windows(first, width, values)

    return KEPT.of(("density", prior, family), lambda: Rows(work_out, before=0.0))


def survival_of(
    prior: BetaMixture, family: Hashable, grid: Callable[[int], Grid], margin: float
) -> Rows:
    """P(probability > c + margin) at the nodes, by count; parameters as for :func:`density_of`."""

    def work_out(exponent: int, successes: Counts, totals: Counts) -> Windows:
        return survival(updated(prior, successes, totals), grid(exponent), margin)

    return KEPT.of(("survival", prior, family), lambda: Rows(work_out, before=1.0))


def _moved_survival_of(
    prior: BetaMixture,
    family: Hashable,
    grid: Callable[[int], Grid],
    value: float,
    of_odds: bool,
) -> Rows:
    """P(probability > p) at the nodes moved by a ratio, by count."""

    def work_out(exponent: int, successes: Counts, totals: Counts) -> Windows:
        log_p, log_q = _moved(nodes_of(grid(exponent)), value, of_odds)
        places = Places(np.exp(log_p), np.exp(log_q), log_p, log_q)
        return by_incomplete_beta(updated(prior, successes, totals), places)

    return KEPT.of(("moved", prior, family), lambda: Rows(work_out, before=1.0))


def log_densities(
    posterior: MixturePosterior, nodes: Nodes, margin: npt.NDArray[np.float64] | float
) -> list[TableNode]:
    """Logarithm of the density of each component at c = (1 - margin) u, times dc/dt and the step.

    Returns
    -------
    By component (table, node).
    """
    # With f(c) dc/dy = c^a (1 - c)^(b - 1) (1 - u) / B(a, b); at margin 0, 1 - u is 1 - c, which
    # may lie closer to 0 than a double can say.
    log_c = np.log1p(-margin) + nodes.log_u
    log_complement, edge = nodes.log_v, nodes.log_weight
    if np.all(margin > 0.0):
        log_complement = np.log(margin + (1.0 - margin) * nodes.v)
        edge = nodes.log_weight + nodes.log_v - log_complement
    _, a, b = posterior
    constant = special.betaln(a, b)
    return [
        a[:, k, None] * log_c + b[:, k, None] * log_complement - constant[:, k, None] + edge
        for k in range(a.shape[1])
    ]


def density_rows(
    posterior: MixturePosterior, nodes: Nodes, margin: npt.NDArray[np.float64] | float
) -> TableNode:
    """Posterior density at c = (1 - margin) u times dc/dt and the step, (table, node)."""
    density = np.zeros((len(posterior.weights), nodes.u.size))
    exponents = log_densities(posterior, nodes, margin)
    for weight, exponent in zip(posterior.weights.T, exponents, strict=True):
        density += weight[:, None] * np.exp(exponent)
    return density
