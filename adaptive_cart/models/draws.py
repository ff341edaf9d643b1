"""Posterior draws: one set of stratified quasi-random numbers for all questions of a look.

Where a model has no closed form or quadrature for what is asked, the answer is a mean over draws
of the numbers of each arm. Draw k of every parameter belongs together: parameters have the axes of
one scrambled Sobol sequence (Owen 1998, doi:10.1006/jcom.1998.0487), each axis with one point in
every 4,096th part of (0, 1), moved to its middle. So a single parameter is all but exact, and
functions of several converge faster than with random numbers. The points are the same for every
table, look and trial: an answer depends on its own table alone, and what two questions have in
common they draw alike.

What is left of error was measured against the answers without draws, in tables from nobody to
hundreds of participants, no event to all events, and priors from vague to firm: a probability about
one parameter is off by at most 2e-4, about two by 0.003, about three by 0.004. Where draws come
from a lattice (cure 0.008, strata 0.011) or are weighted (hazard ratios to a common control: 0.007;
0.03 where a prior sd of 10 is left as it was by the data) its own error comes in. ``drawn_error``
says it of each model, and ``tests/models/test_draws.py`` holds them to it.

A model supplies its parameters' quantiles by distribution function (:func:`spread`), or by sums
over a lattice (:func:`within_cells`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.nouns.completions import DRAWS, LOG_DRAWS
from adaptive_cart.nouns.distinct_rows import distinct_rows
from adaptive_cart.nouns.questions import Quantity
from adaptive_cart.nouns.records import Floats, Integers
from adaptive_cart.nouns.sobol_points import MOST_DIMENSIONS, ScrambledSobol

__all__ = ["DRAWS", "KNOTS", "LOG_DRAWS", "MIDDLES", "SCORES", "axis_of", "of_distinct", "ranks",
           "shuffled", "spread", "within_cells"]  # fmt: skip

Number = TypeVar("Number", np.float64, np.int64)
SEED: Final = 1998
MIDDLES: Final[Floats] = (np.arange(DRAWS) + 0.5) / DRAWS
SCORES: Final[Floats] = special.ndtri(MIDDLES)
# normal scores between which a distribution function is joined; the ends are beyond all draws
KNOTS: Final[Floats] = np.linspace(-4.0, 4.0, 161)


@lru_cache(maxsize=16)
def ranks(axes: int, log_draws: int = LOG_DRAWS) -> Integers:
    """Which of the parts of (0, 1) each draw takes of each axis, ``(axis, draw)``."""
    order = _points(axes, log_draws).argsort(axis=0, kind="stable")
    found: Integers = order.argsort(axis=0, kind="stable").T
    return found


def _points(axes: int, log_draws: int) -> npt.NDArray[np.uint32] | Floats:
    """Scrambled Sobol points, ``(draw, axis)``, of any scale."""
    if axes > MOST_DIMENSIONS:
        from scipy.stats import qmc  # slow to import

        points: Floats = qmc.Sobol(axes, rng=np.random.default_rng(SEED)).random_base2(log_draws)
        return points
    sobol = ScrambledSobol.of(axes, [SEED])
    number = 2**log_draws
    return np.stack([sobol.steps(axis, slice(0, 1), number)[0] for axis in range(axes)], axis=1)


@lru_cache(maxsize=64)
def shuffled(axis: int) -> Integers:
    """Ranks of a parameter without an axis of the sequence: as even by itself, in random order.

    For what only some questions need, so that the draws of all others stay as they are.
    """
    found: Integers = np.random.default_rng([SEED, axis]).permutation(DRAWS)
    return found


def axis_of(quantity: Quantity, arms: int) -> int:
    """Axis of an arm's parameter: all strata together (or those open) first, then one by one."""
    return max(quantity.stratum + 1, 0) * arms + quantity.arm


def spread(values: Floats, scores: Floats, rank: Integers) -> Floats:
    """Draws of a parameter of each table from its distribution function.

    Parameters
    ----------
    values
        ``(table, knot)``, rising.
    scores
        Normal scores of the probability below them, ``(knot,)`` or ``(table, knot)``, rising.
    rank
        ``(draw,)``.

    Returns
    -------
    ``(table, draw)``
    """
    scores = np.broadcast_to(scores, values.shape)
    found = [np.interp(SCORES, own, value) for own, value in zip(scores, values, strict=True)]
    return np.array(found).reshape(len(values), DRAWS)[:, rank]


def within_cells(mass: Floats, chance: Floats) -> Floats:
    """Places on a lattice, in steps, of draws from densities known at its points.

    A cell reaches half a step to either side of its point. Its share and the slope of the density
    in it come from the neighbours, so that the error falls with the fourth power of the step.

    Parameters
    ----------
    mass
        ``(draw, point)``, or ``(point,)`` where all draws have one density; of any scale.
    chance
        ``(draw,)`` in (0, 1).

    Returns
    -------
    ``(draw,)``
    """
    mass = np.atleast_2d(np.maximum(mass, 0.0)).astype(np.float64)
    padded = np.pad(mass, [(0, 0), (1, 1)])
    left, right = padded[:, :-2], padded[:, 2:]
    cell = np.maximum(mass + (left - 2.0 * mass + right) / 24.0, 0.0)
    reached = np.add.accumulate(cell, axis=1)
    wanted = chance * reached[:, -1]
    point = np.minimum((reached <= wanted[:, None]).sum(axis=1), mass.shape[1] - 1)
    row = np.arange(len(point)) if len(mass) > 1 else np.zeros(len(point), dtype=np.int64)
    share, own = cell[row, point], mass[row, point]
    rest = (wanted - reached[row, point] + share) / np.where(share > 0.0, share, 1.0)
    slope = (right - left)[row, point] / (2.0 * np.where(own > 0.0, own, 1.0))
    slope = np.clip(slope, -2.0, 2.0)
    away = np.clip(rest, 0.0, 1.0) - 0.5 + slope / 8.0
    # the root of the cell's own distribution function, written so that no slope divides by 0
    offset = 2.0 * away / (1.0 + np.sqrt(np.maximum(1.0 + 2.0 * slope * away, 0.0)))
    found: Floats = point + np.clip(offset, -0.5, 0.5)
    return found


def of_distinct(
    tables: npt.NDArray[Number], work_out: Callable[[npt.NDArray[Number]], Floats]
) -> Floats:
    """Draws of tables ``(trial, number)``, each distinct one worked out once."""
    distinct, which = distinct_rows(tables)
    return work_out(distinct)[which]
