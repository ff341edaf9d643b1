"""How probable it is that one arm's probability exceeds each of the shared nodes.

The survival function is worked out as it is written, by the incomplete beta function, at the first
node of a table and at its last. From one node to the next it falls by the integral of the density,
over six points of Gauss and Legendre: a step is at most 0.8 standard deviations wide
(``beta_nodes.py``), over which they miss less than 1e-13 of the mass. What all steps come to is
scaled to what lies between the first node and the last, so that the constant of the density, the
least exact number of all, has no part in it. Rounding is left: the incomplete beta function
differs by at most 2e-14 at any node for sizes to 512, and by 1e-13 for sizes to 4,096.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from scipy import special

from adaptive_cart.models.binary.beta_mixture import MixturePosterior, beta_above
from adaptive_cart.models.binary.beta_nodes import STRETCH, Grid, nodes_of
from adaptive_cart.models.binary.beta_rows import (
    FAINTEST,
    Floats,
    Integers,
    Mask,
    Windows,
    alike,
    places_in,
    window,
)

POINTS: Final = 6  # of Gauss and Legendre between two nodes
DEEP: Final = -600.0  # log probability below which the beta tail is its leading power


class Places(NamedTuple):
    """Probabilities asked about, one a node: each, one less it, and their logarithms."""

    p: Floats
    q: Floats
    log_p: Floats
    log_q: Floats


@lru_cache(maxsize=64)
def places_of(grid: Grid, margin: float) -> Places:
    """By how much more than a margin the nodes are."""
    nodes = nodes_of(grid)
    if margin == 0.0:
        return Places(nodes.u, nodes.v, nodes.log_u, nodes.log_v)
    p, q = margin + (1.0 - margin) * nodes.u, (1.0 - margin) * nodes.v
    return Places(p, q, np.log(p), np.log1p(-margin) + nodes.log_v)


@lru_cache(maxsize=64)
def between(grid: Grid, margin: float) -> Floats:
    """What a density needs to know of the points between each node and the next.

    Returns
    -------
    ``(point, 3, step)``: the logarithms of the probability, of one less it, and of the weight.
    """
    points, weights = np.polynomial.legendre.leggauss(POINTS)
    at = np.arange(grid.number - 1) + (1.0 + points[:, None]) / 2.0
    t = grid.low + grid.step * at
    y = STRETCH * np.sinh(t)
    log_u, log_v = special.log_expit(y), special.log_expit(-y)
    log_weight = np.log(grid.step / 2.0 * weights[:, None] * STRETCH * np.cosh(t))
    if margin > 0.0:
        log_p = np.log(margin + (1.0 - margin) * np.exp(log_u))
        # the density is p^(a - 1) q^(b - 1), and p moves by q u dy
        log_weight += log_u - log_p
        log_u, log_v = log_p, np.log1p(-margin) + log_v
    return np.stack([log_u, log_v, log_weight], axis=1)


def survival(posterior: MixturePosterior, grid: Grid, margin: float) -> Windows:
    """P(probability > node + margin) of distinct tables, where it is neither one nor nought."""
    places, steps = places_of(grid, margin), between(grid, margin)
    first, width = window(kept_of(posterior, places))
    found = np.zeros(int(width.sum()))
    start = width.cumsum() - width
    number = np.minimum(width, grid.number - first)  # of nodes that there are
    some = np.flatnonzero(number)
    for among, widest in alike(number[some]):
        tables = some[among]
        begins, numbers = first[tables], number[tables]
        rows = np.zeros((widest, len(tables)))
        for weight, a, b in zip(*(part[tables].T for part in posterior), strict=True):
            rows += weight * _of_one(a, b, places, steps, begins, numbers, widest)
        node = np.arange(widest)[:, None]
        inside = node < numbers
        found[(start[tables] + node)[inside]] = rows[inside]
    return Windows(first, width, found)


def by_incomplete_beta(posterior: MixturePosterior, places: Places) -> Windows:
    """The same at any places, by the incomplete beta function at each."""
    first, width = window(kept_of(posterior, places))
    table, node, inside, values = places_in(first, width, len(places.p))
    at, own = node[inside], table[inside]
    for weight, a, b in zip(*(part.T for part in posterior), strict=True):
        values[inside] += weight[own] * _above(a[own], b[own], places, at)
    return Windows(first, width, values)


def kept_of(posterior: MixturePosterior, places: Places) -> Mask:
    """Where survival is neither one nor nought to within 1e-20, ``(table, node)``."""
    _, a, b = posterior
    kept = np.zeros((len(a), len(places.p)), dtype=np.bool_)
    for own_a, own_b in zip(a.T[:, :, None], b.T[:, :, None], strict=True):
        # on the log odds the density is log-concave: what lies beyond a point is at most the
        # density there over the slope of its logarithm
        density = own_a * places.log_p + own_b * places.log_q - special.betaln(own_a, own_b)
        beyond = own_a * places.q - own_b * places.p  # above 0 where its own mean is larger
        kept |= (density > FAINTEST) | (np.abs(beyond) < 0.5)
        # all of it may lie outside the nodes, before which survival is one, and nought after them
        kept[:, 0] |= beyond[:, 0] < 0.0
        kept[:, -1] |= beyond[:, -1] > 0.0
    return kept


def _of_one(
    a: Floats,
    b: Floats,
    places: Places,
    steps: Floats,
    first: Integers,
    number: Integers,
    widest: int,
) -> Floats:
    """Survival of one component at so many nodes from the first on, ``(node, table)``."""
    begins, ends = (_above(a, b, places, node) for node in (first, first + number - 1))
    if widest == 1:
        return begins[None]
    step = np.arange(widest - 1)[:, None]
    here = np.minimum(first + step, steps.shape[2] - 1)
    constant, falls = special.betaln(a, b), np.zeros(here.shape)
    for log_p, log_q, log_weight in steps:
        logs = log_p.take(here)
        logs *= a
        other = log_q.take(here)
        other *= b
        logs += other
        logs += log_weight.take(here)
        logs -= constant
        falls += np.exp(logs, out=logs)
    falls *= step < number - 1
    beyond = np.zeros((widest, len(a)))
    np.cumsum(falls[::-1], axis=0, out=beyond[1:])
    whole = beyond[-1]
    # what they come to is known: the constant of the density is its least exact number
    scale = (begins - ends) / np.where(whole > 0.0, whole, 1.0)
    found: Floats = beyond[::-1] * scale + ends
    found[0] = begins
    return found


def _above(a: Floats, b: Floats, places: Places, node: Integers) -> Floats:
    """P(Beta(a, b) > the place of a node), a node for each table."""
    p, q, log_p, log_q = (part[node] for part in places)
    above = beta_above(a, b, p, q)
    for value, own in ((log_p, a), (log_q, b)):
        # with Beta(0.01, b) one part in a thousand lies below the smallest double
        deep = np.flatnonzero(value < DEEP)
        if deep.size:
            first = own[deep]
            tail = np.exp(first * value[deep] - np.log(first) - special.betaln(a[deep], b[deep]))
            above[deep] = 1.0 - tail if own is a else tail
    return above
