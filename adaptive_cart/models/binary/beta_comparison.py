"""How probable it is that an arm exceeds another by a margin, or that it is the best.

The density of one arm and the survival function of the other are worked out once for each count of
responders, on shared nodes; a table of counts then costs one product of two rows.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.binary.beta_mixture import (
    BetaMixture,
    MixturePosterior,
    beta_above,
    updated,
)
from adaptive_cart.models.binary.beta_nodes import Grid, Nodes, by_size, chunks, grid_for, nodes_of
from adaptive_cart.models.binary.beta_tables import column, remembered

Table: TypeAlias = npt.NDArray[np.float64]  # (table,)
Counts: TypeAlias = npt.NDArray[np.int64]  # (table,)
TableNode: TypeAlias = npt.NDArray[np.float64]  # (table, node)

DEEP: Final = -600.0  # log probability below which the beta tail is its leading power


def difference_above(
    upper: BetaMixture,
    lower: BetaMixture,
    counts: tuple[Counts, ...],
    margin: float,
) -> Table:
    """P(upper arm - lower arm > margin) for 0 <= margin < 1, (table,)."""
    upper_successes, upper_totals, lower_successes, lower_totals = counts
    answer = np.empty(upper_successes.size)
    totals = np.stack([upper_totals, lower_totals], axis=-1)
    for size, tables in by_size((upper, lower), totals):
        grid = grid_for((upper, lower), margin, size)
        for t in chunks(tables, grid):
            density = rows("density", lower, lower_successes[t], lower_totals[t], grid, margin)
            survival = rows("survival", upper, upper_successes[t], upper_totals[t], grid, margin)
            answer[t] = np.einsum("tk,tk->t", density, survival)
    return np.clip(answer, 0.0, 1.0)


def ratio_above(
    upper: BetaMixture,
    lower: BetaMixture,
    counts: tuple[Counts, ...],
    value: float,
    of_odds: bool,
) -> Table:
    """P(upper arm > value * lower arm) for 0 < value < 1, or of their odds for any, (table,)."""
    upper_successes, upper_totals, lower_successes, lower_totals = counts
    answer = np.empty(upper_successes.size)
    totals = np.stack([upper_totals, lower_totals], axis=-1)
    for size, tables in by_size((upper, lower), totals):
        # where the other arm's survival has its edge, as a margin has one
        edge = math.exp(-abs(math.log(value))) / size if of_odds else 1.0 - value
        grid = grid_for((upper, lower), edge, size)
        at = partial(_survival_at, upper, *_moved(nodes_of(grid), value, of_odds))
        for t in chunks(tables, grid):
            density = rows("density", lower, lower_successes[t], lower_totals[t], grid, 0.0)
            survival = remembered(
                ("moved", upper, grid, value, of_odds),
                (upper_successes[t], upper_totals[t]),
                at,
            )
            answer[t] = np.einsum("tk,tk->t", density, survival)
    return np.clip(answer, 0.0, 1.0)


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
    answer = np.empty(successes.shape)
    arms = range(len(priors))
    for size, tables in by_size(priors, totals.astype(np.int64)):
        grid = grid_for(priors, 0.0, size)
        for t in chunks(tables, grid):
            columns = [column((successes[t], totals[t]), arm) for arm in arms]
            below = [1.0 - rows("survival", priors[arm], *columns[arm], grid, 0.0) for arm in arms]
            for arm in arms:
                product = rows("density", priors[arm], *columns[arm], grid, 0.0)
                for other in arms:
                    if other != arm:
                        product *= below[other]
                answer[t, arm] = product.sum(axis=-1)
    return np.clip(answer, 0.0, 1.0)


def rows(
    kind: Literal["density", "survival"],
    prior: BetaMixture,
    successes: Counts,
    totals: Counts,
    grid: Grid,
    margin: float,
) -> TableNode:
    """Density or survival rows of one arm's counts, each worked out once per process."""

    def work_out(counts: tuple[Counts, ...]) -> TableNode:
        posterior = updated(prior, counts[0], counts[1])
        if kind == "density":
            return density_rows(posterior, nodes_of(grid), margin)
        return survival_rows(posterior, nodes_of(grid), margin)

    return remembered((kind, prior, grid, margin), (successes, totals), work_out)


def density_rows(
    posterior: MixturePosterior, nodes: Nodes, margin: npt.NDArray[np.float64] | float
) -> TableNode:
    """Posterior density at c = (1 - margin) u times dc/dt and the step, (table, node)."""
    # With f(c) dc/dy = c^a (1 - c)^(b - 1) (1 - u) / B(a, b); at margin 0, 1 - u is 1 - c, which
    # may lie closer to 0 than a double can say.
    log_c = np.log1p(-margin) + nodes.log_u
    log_complement, edge = nodes.log_v, nodes.log_weight
    if np.all(margin > 0.0):
        log_complement = np.log(margin + (1.0 - margin) * nodes.v)
        edge = nodes.log_weight + nodes.log_v - log_complement
    weights, a, b = posterior
    density = np.zeros((a.shape[0], nodes.u.size))
    for k in range(a.shape[1]):
        constant = special.betaln(a[:, k], b[:, k])[:, None]
        exponent = a[:, k, None] * log_c + b[:, k, None] * log_complement - constant + edge
        density += weights[:, k, None] * np.exp(exponent)
    return density


def survival_rows(posterior: MixturePosterior, nodes: Nodes, margin: float) -> TableNode:
    """P(probability > c + margin) at the nodes, (table, node)."""
    p, q = margin + (1.0 - margin) * nodes.u, (1.0 - margin) * nodes.v
    weights, a, b = posterior
    survival = np.zeros((a.shape[0], p.size))
    for k in range(a.shape[1]):
        above = beta_above(a[:, k, None], b[:, k, None], p, q)
        if margin == 0.0:
            _replace_deep_tails(above, a[:, k, None], b[:, k, None], nodes)
        survival += weights[:, k, None] * above
    return survival


def _survival_at(
    prior: BetaMixture, log_p: Table, log_q: Table, counts: tuple[Counts, ...]
) -> TableNode:
    """P(probability > p) where p and 1 - p have these logarithms, (table, node)."""
    weights, a, b = updated(prior, counts[0], counts[1])
    survival = np.zeros((a.shape[0], log_p.size))
    p, q = np.exp(log_p), np.exp(log_q)
    for k in range(a.shape[1]):
        above = beta_above(a[:, k, None], b[:, k, None], p, q)
        _replace_deep(above, a[:, k, None], b[:, k, None], log_p, log_q)
        survival += weights[:, k, None] * above
    return survival


def _replace_deep_tails(
    above: TableNode, a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], nodes: Nodes
) -> None:
    """Work out survival anew, in place, where u or 1 - u underflow, by the leading power.

    With Beta(0.01, b) one part in a thousand of the mass lies below the smallest double.
    """
    _replace_deep(above, a, b, nodes.log_u, nodes.log_v)


def _replace_deep(above: TableNode, a: TableNode, b: TableNode, log_p: Table, log_q: Table) -> None:
    """The same, by the logarithms of the probability and of one less it."""
    for deep, value, first in (
        (np.flatnonzero(log_p < DEEP), log_p, a),
        (np.flatnonzero(log_q < DEEP), log_q, b),
    ):
        if deep.size:
            tail = np.exp(first * value[deep] - np.log(first) - special.betaln(a, b))
            above[:, deep] = 1.0 - tail if first is a else tail
