"""The log likelihood of durability on the lattice, many tables at a time.

A product over participants of S + c / (1 - c), at every (log shape, log median) of the lattice and
at 12 values of the cured fraction c. In c it is interpolated by the barycentric formula through
Chebyshev points of c^0.1 (Berrut and Trefethen 2004, SIAM Review 46:501,
doi:10.1137/S0036144502417715, equation 5.4).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import special

from adaptive_cart.models.durability.cure_between import log_chance
from adaptive_cart.models.durability.cure_lattice import BLOCK, CURED, Lattice
from adaptive_cart.models.durability.cure_place import EXPOSED, LATTICES, Place, middles
from adaptive_cart.models.durability.cure_prior import LN2, CuredScale, CurePrior
from adaptive_cart.models.durability.cure_times import Times, shared_values
from adaptive_cart.nouns.records import Floats, Integers

CURED_NODES: Final = 12  # values of the cured fraction at which the likelihood is computed
POWER: Final = 0.1  # the likelihood is interpolated in this power of the cured fraction


def likelihood_on(
    prior: CurePrior, scale: CuredScale, times: Times, place: Place, number: int
) -> Lattice:
    """Log likelihood, with the priors of shape and median, on the lattices of many tables."""
    rows, columns, _ = LATTICES[number]
    tables = len(place.tables)
    steps = middles(columns)
    shape = place.shape_ends[:, :1] + np.diff(place.shape_ends) * middles(rows)
    width = place.median_ends[:, :, 1] - place.median_ends[:, :, 0]
    first_median = place.median_ends[:, :, 0] + width * steps[0]
    # Cured fraction: points where the likelihood is computed, and the way from them to the lattice.
    cured_step = np.diff(place.cured_ends)[:, 0] / CURED
    cured_place = place.cured_ends[:, :1] + np.diff(place.cured_ends) * middles(CURED)
    log_odds = scale.log_odds(cured_place)
    ends = special.expit(scale.log_odds(place.cured_ends)) ** POWER
    nodes = _chebyshev(CURED_NODES)
    cured = (ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * nodes) ** (1.0 / POWER)
    odds = cured / np.maximum(1.0 - cured, 1e-16)
    at = (special.expit(log_odds) ** POWER - ends[:, :1]) / (ends[:, 1:] - ends[:, :1])
    away = at[:, None, :] - nodes[:, None]
    away = np.where(np.abs(away) < 1e-12, 1e-12, away)
    weights = np.where(np.arange(CURED_NODES) % 2 == 0, 1.0, -1.0)
    weights[[0, -1]] *= 0.5
    spread = weights[:, None] / away
    spread /= spread.sum(axis=1, keepdims=True)  # (table, node, lattice point)
    relapses = times.relapses.astype(np.float64)
    score = np.sinh(cured_place)
    log_prior = -0.5 * score * score + np.log(np.cosh(cured_place))
    log_prior -= relapses[:, None] * np.logaddexp(0.0, log_odds)

    together = 1
    while tables and int(times.censorings[0]) // together >= EXPOSED:
        together *= 2
    values, first_size, counts = shared_values(times, place.mode_shape, together)
    log_likelihood = np.empty((tables, CURED_NODES, rows * columns), dtype=np.float32)
    centre_shape, centre_median = np.log(prior.shape[0]), np.log(prior.median_months[0])
    for start in range(0, tables, BLOCK):
        block = slice(start, min(start + BLOCK, tables))
        k = np.exp(shape[block])
        median = place.median_ends[block, :, :1] + width[block][:, :, None] * steps
        part = _censored(k, median, odds[block].T, values[:, block], counts[block],
                         first_size[block], together)  # fmt: skip
        part -= times.censorings[block, None] * np.log1p(odds[block].T)[:, :, None]
        if times.since is None:
            rest = _relapsed(k, median, times.relapsed[:, block], relapses[block])
        else:
            rest = _between(k, median, times.since[:, block], times.relapsed[:, block])
        rest -= 0.5 * (((shape[block] - centre_shape) / prior.shape[1]) ** 2)[:, :, None]
        rest -= 0.5 * ((median - centre_median) / prior.median_months[1]) ** 2
        rest += np.log(width[block])[:, :, None]
        part += rest.reshape(1, len(k), -1)
        part = part.transpose(1, 0, 2)
        part -= part.max(axis=(1, 2), keepdims=True)
        log_likelihood[block] = np.maximum(part, -1e6)
    return Lattice(
        place.tables,
        place.found,
        (rows, columns),
        shape,
        first_median,
        width / columns,
        place.cured_ends[:, 0] + 0.5 * cured_step,
        cured_step,
        log_odds,
        log_likelihood,
        spread.astype(np.float32),
        log_prior.astype(np.float32),
    )


def _censored(
    k: Floats,
    median: Floats,
    odds: Floats,
    values: Floats,
    counts: Integers,
    first_size: Floats,
    together: int,
) -> Floats:
    """Sum over censored participants of log(S + odds), (node, table, point)."""
    tables = len(k)
    points = median.shape[1] * median.shape[2]
    result = np.zeros((len(odds), tables, points))
    product = np.ones_like(result)
    factor = np.empty_like(result)
    if counts[0] == 0:
        return result
    last = np.take_along_axis(values, np.maximum(counts - 1, 0)[None], axis=0)[0]
    last = np.where(np.isfinite(last), last, 0.0)
    scale = np.exp(np.minimum(k[:, :, None] * (last[:, None, None] - median), 600.0)) * -LN2
    waiting = 0
    for value in range(int(counts[0])):
        many = int((counts > value).sum())
        ratio = np.exp(k[:many] * (values[value, :many] - last[:many])[:, None])
        survival = np.exp(scale[:many] * ratio[:, :, None]).reshape(1, many, points)
        np.add(survival, odds[:, :many, None], out=factor[:, :many])
        if value < 2 and together > 1:  # the first group may hold fewer
            np.log(factor[:, :many], out=factor[:, :many])
            factor[:, :many] *= (first_size[:many] / together)[:, None]
            result[:, :many] += factor[:, :many]
            continue
        product[:, :many] *= factor[:, :many]
        waiting += 1
        if waiting == 8 or value == counts[0] - 1:
            np.log(product, out=product)
            result += product
            product[:] = 1.0
            waiting = 0
    result *= together
    return result


def _relapsed(k: Floats, median: Floats, times: Floats, relapses: Floats) -> Floats:
    """Sum over relapses of the log density but for log(1 - cured), (table, row, column)."""
    real = np.isfinite(times)
    last = np.where(real, times, -np.inf).max(axis=0)
    last = np.where(np.isfinite(last), last, 0.0)[:, None]
    total = np.zeros_like(k)
    logs = np.zeros_like(last[:, 0])
    for time, present in zip(times, real, strict=True):
        away = np.where(present, time, 0.0)[:, None] - last
        total += np.where(present[:, None], np.exp(np.minimum(k * away, 0.0)), 0.0)
        logs += np.where(present, time, 0.0)
    w = np.minimum(k[:, :, None] * (last[:, :, None] - median), 200.0)
    hazard = LN2 * np.exp(w) * total[:, :, None]
    number = relapses[:, None]
    straight = number * np.log(k) + k * logs[:, None]
    return straight[:, :, None] - (number * k)[:, :, None] * median - hazard


def _between(k: Floats, median: Floats, first: Floats, last: Floats) -> Floats:
    """Sum over relapses between two months of their log probability but for log(1 - cured)."""
    total = np.zeros_like(median)
    shape = k[:, :, None]
    for early, late in zip(first, last, strict=True):
        here = np.flatnonzero(np.isfinite(late))
        between = early[here, None, None], late[here, None, None]
        total[here] += np.maximum(log_chance(shape[here], *between, median[here]), -1e6)
    return total


def _chebyshev(number: int) -> Floats:
    """Chebyshev points of the second kind on [0, 1]."""
    return 0.5 - 0.5 * np.cos(np.pi * np.arange(number) / (number - 1))
