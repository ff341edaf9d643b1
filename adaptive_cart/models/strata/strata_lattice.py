"""Lattices of the two logits of each stratum, and the sums over them.

At every node of the parameters that strata share, the likelihood of a stratum is summed against its
conditional prior, a product of two normal kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.strata.strata_approximation import Approximation
from adaptive_cart.models.strata.strata_kernels import NARROWEST, normal_kernel
from adaptive_cart.nouns.records import Floats, Integers

FINENESS: Final = 0.8  # lattice steps: posterior standard deviations, at most
COARSEST: Final = 0.5  # logits, at most
FLANK: Final = 1.1  # widths of a kernel on which a likelihood may fall off, at most
NODES_AT_ONCE: Final = 2**17  # numbers held together
# Standard numbers of lattice points and of nodes: tables on grids of equal size go together.
SIZES: Final = np.array(
    [
        *(5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 22, 24, 28, 32),
        *range(40, 65, 8),
        *range(80, 129, 16),
        *range(160, 257, 32),
    ]
    + [64 * k for k in range(5, 17)]
)
MANY: Final = np.unique(np.rint(8 * 1.13 ** np.arange(68)).astype(np.int64) // 4 * 4)  # to 29,000


@dataclass(frozen=True)
class HyperNodes:
    """Nodes of the shared parameters: centres and spreads of the conditional priors, weights."""

    control_centre: Floats  # (table, outer)
    control_sd: Floats  # (table, 1)
    effect_centre: Floats  # (table, outer, inner)
    effect_sd: Floats  # (table, 1, inner or 1)
    weight: Floats  # (table, outer, inner)

    def take(self, at: slice | Integers) -> HyperNodes:
        """Return those of some tables."""
        return HyperNodes(
            self.control_centre[at],
            self.control_sd[at],
            self.effect_centre[at],
            self.effect_sd[at],
            self.weight[at],
        )


@dataclass(frozen=True)
class HyperGrid:
    """How many nodes a table needs, how fine and wide its lattices must be, and where nodes lie.

    ``place`` takes tables that need equal numbers, and these numbers.
    """

    outer: Integers  # (table,)
    inner: Integers  # (table,)
    step: Floats  # (table, stratum)
    lowest: Floats  # (table, 2, stratum) ends of the range of control logits, log-odds ratios
    highest: Floats
    place: Callable[[Integers, int, int], HyperNodes]


def resolution(near: Approximation, control_sd: float, effect_sd: Floats) -> Floats:
    """Largest lattice step (table, stratum) that resolves the posterior of a stratum's logits."""
    control, experimental = near.variance[:, 0], near.variance[:, 1]
    effect = near.effect_variance
    covariance = 0.5 * (control + experimental - effect)
    both = control * experimental - covariance**2
    # the same points are a lattice of logits and one of control logit and log-odds ratio
    step = np.minimum(both / control, np.maximum(both / effect, both / experimental))
    step = np.minimum(FINENESS * np.sqrt(step), COARSEST)
    # a likelihood that is steep where the posterior is does not bear a widened kernel
    slope = near.linear - near.precision * near.mean
    by_effect = np.sqrt(near.precision[:, 1]) + np.abs(slope[:, 1])
    by_control = np.sqrt(near.precision.sum(axis=1)) + np.abs(slope.sum(axis=1))
    wide = np.maximum(effect_sd[:, None], FLANK / np.maximum(by_effect, FLANK))
    wide = np.minimum(wide, np.maximum(control_sd, FLANK / np.maximum(by_control, FLANK)))
    return np.minimum(step, wide / NARROWEST)


def ladder(needed: Floats | Integers, standard: Integers = SIZES) -> Integers:
    """Smallest standard size not below what is needed."""
    at = np.searchsorted(standard, needed)
    sizes: Integers = standard[np.minimum(at, standard.size - 1)].astype(np.int64)
    return sizes


@dataclass(frozen=True)
class Lattice:
    """Where the lattices of tables lie: ``(table, stratum)``, and their sizes ``(table,)``."""

    step: Floats
    control: Floats
    effect: Floats
    rows: Integers
    columns: Integers

    def effects(self, at: Integers, s: Integers) -> Floats:
        """Log-odds ratios of one stratum of each of some tables, ``(asked, column)``."""
        first, step = self.effect[at, s, None], self.step[at, s, None]
        found: Floats = first + step * np.arange(int(self.columns[0]))
        return found

    def take(self, at: slice | Integers) -> Lattice:
        """Return those of some tables."""
        return Lattice(
            self.step[at], self.control[at], self.effect[at], self.rows[at], self.columns[at]
        )


def lay_out(near: Approximation, grid: HyperGrid) -> Lattice:
    """Place every table's lattices where its posterior lies."""
    width = grid.highest - grid.lowest
    needed = np.ceil(width / grid.step[:, None]).max(axis=2) + 1.0
    rows, columns = ladder(needed[:, 0]), ladder(needed[:, 1])
    # what the standard sizes have to spare goes into a finer step
    count = np.stack([rows, columns], axis=1)[:, :, None] - 1.0
    step = (width / count).max(axis=1)
    first = (grid.lowest + grid.highest - step[:, None] * count) / 2.0
    return Lattice(
        step,
        first[:, 0],
        first[:, 1],
        rows,
        columns,
    )


@dataclass(frozen=True)
class Line:
    """Logits of one arm along the lattices, ``(table, stratum, point)``."""

    logit: Floats
    chance: Floats  # its probability, and what is left to one
    rest: Floats
    likelihood: Floats  # the largest is one

    @classmethod
    def through(cls, successes: Floats, totals: Floats, logit: Floats) -> Line:
        """Work out what the counts of an arm, ``(table, stratum)``, say along a line."""
        small = np.exp(-np.abs(logit))
        smaller = 1.0 / (1.0 + small)
        larger = small * smaller
        above = logit >= 0.0
        log = successes[..., None] * logit
        log -= totals[..., None] * (np.maximum(logit, 0.0) + np.log1p(small))
        log -= log.max(axis=-1, keepdims=True)
        return cls(
            logit,
            np.where(above, smaller, larger),
            np.where(above, larger, smaller),
            np.exp(log, out=log),
        )

    def take(self, at: slice | Integers) -> Line:
        """Return those of some tables."""
        return Line(self.logit[at], self.chance[at], self.rest[at], self.likelihood[at])


@dataclass(frozen=True)
class Block:
    """Tables analysed on grids of the same size."""

    tables: Integers
    mean: Floats  # (table, arm, stratum) of the logits, approximately
    sd: Floats
    lattice: Lattice
    rows: int  # control logits of a lattice
    columns: int  # log-odds ratios of a lattice
    control: Line
    experimental: Line  # its points are row + column
    nodes: HyperNodes

    @classmethod
    def lay(
        cls,
        tables: Integers,
        successes: Floats,
        totals: Floats,
        mean: Floats,
        sd: Floats,
        lattice: Lattice,
        nodes: HyperNodes,
    ) -> Block:
        """Work out the likelihoods on lattices of one size."""
        rows, columns = int(lattice.rows[0]), int(lattice.columns[0])
        step = lattice.step[..., None]
        control = lattice.control[..., None] + step * np.arange(rows)
        first = (lattice.control + lattice.effect)[..., None]
        return cls(
            tables,
            mean,
            sd,
            lattice,
            rows,
            columns,
            Line.through(successes[:, 0], totals[:, 0], control),
            Line.through(
                successes[:, 1], totals[:, 1], first + step * np.arange(rows + columns - 1)
            ),
            nodes,
        )

    @property
    def step(self) -> Floats:
        """Lattice step, ``(table, stratum)``."""
        return self.lattice.step

    def take(self, at: slice | Integers) -> Block:
        """Return some tables."""
        return Block(
            self.tables[at],
            self.mean[at],
            self.sd[at],
            self.lattice.take(at),
            self.rows,
            self.columns,
            self.control.take(at),
            self.experimental.take(at),
            self.nodes.take(at),
        )

    def kernels(self) -> tuple[Floats, Floats]:
        """Conditional priors at every node, the control's with its likelihood.

        ``(table, stratum, row, outer)`` and ``(table, stratum, column, outer, inner)``.
        """
        nodes, lattice = self.nodes, self.lattice
        by_control = normal_kernel(
            lattice.control, self.step, self.rows, nodes.control_centre, nodes.control_sd
        )
        by_control *= self.control.likelihood[..., None]
        tables, outer, inner = nodes.effect_centre.shape
        by_effect = normal_kernel(
            lattice.effect,
            self.step,
            self.columns,
            nodes.effect_centre.reshape(tables, -1),
            nodes.effect_sd.reshape(tables, -1),
        )
        return by_control, by_effect.reshape(tables, -1, self.columns, outer, inner)


def pairs(values: npt.NDArray[Any], columns: int) -> npt.NDArray[Any]:
    """Values by experimental logit (…, row + column), seen by (…, row, column)."""
    return np.lib.stride_tricks.sliding_window_view(values, columns, axis=-1)


def chunks(size: int, each: int) -> Iterator[slice]:
    """Cut rows that need ``each`` numbers into pieces that fit the caches."""
    at_once = max(1, NODES_AT_ONCE // each)
    for first in range(0, size, at_once):
        yield slice(first, min(first + at_once, size))
