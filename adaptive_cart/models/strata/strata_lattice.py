"""Lattices of the two logits of each stratum, and the sums over them.

At every node of the parameters that strata share, the likelihood of a stratum is summed against its
conditional prior, a product of two normal kernels. A kernel narrower than the lattice is widened to
what the lattice resolves, and the variance that was added is taken back by a polynomial.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.strata.strata_approximation import Approximation, softplus

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Real = type[np.float32] | type[np.float64]
Reals = npt.NDArray[Any]  # of either

FINENESS: Final = 0.8  # lattice steps: posterior standard deviations, at most
COARSEST: Final = 0.5  # logits, at most
NARROWEST: Final = 0.85  # lattice steps: a kernel with a smaller sd is widened
FLANK: Final = 1.1  # widths of a kernel on which a likelihood may fall off, at most
NODES_AT_ONCE: Final = 2**19  # numbers held together
NEAREST: Final = 2**14  # numbers that are gone over several times in a row
# exponents below it are nothing beside others, and numbers that small are slow to work with
FAINTEST: Final[dict[Real, Any]] = {np.float32: np.float32(-87.0), np.float64: -700.0}
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

    def take(self, at: Integers) -> Lattice:
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
class Block:
    """Tables analysed on grids of the same size."""

    tables: Integers
    mean: Floats  # (table, arm, stratum) of the logits, approximately
    sd: Floats
    step: Floats  # (table, stratum)
    effect: Floats  # (table, stratum, column) log-odds ratio
    control: Floats  # (table, stratum, row) logit
    experimental: Floats  # (table, stratum, row + column)
    log_control: Floats  # log-likelihoods
    likelihood: Floats
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
        rows: int,
        columns: int,
        nodes: HyperNodes,
    ) -> Block:
        """Work out the likelihoods on lattices of one size."""
        step = lattice.step[..., None]
        effect = lattice.effect[..., None] + step * np.arange(columns)
        control = lattice.control[..., None] + step * np.arange(rows)
        first = (lattice.control + lattice.effect)[..., None]
        experimental = first + step * np.arange(rows + columns - 1)
        logs = []
        for arm, logit in enumerate((control, experimental)):
            log = successes[:, arm, :, None] * logit - totals[:, arm, :, None] * softplus(logit)
            logs.append(log - log.max(axis=-1, keepdims=True))
        return cls(
            tables,
            mean,
            sd,
            lattice.step,
            effect,
            control,
            experimental,
            logs[0],
            np.exp(logs[1]),
            nodes,
        )

    @property
    def rows(self) -> int:
        """Control logits of a lattice."""
        return self.control.shape[-1]

    @property
    def columns(self) -> int:
        """Log-odds ratios of a lattice."""
        return self.effect.shape[-1]

    def take(self, at: slice | Integers) -> Block:
        """Return some tables."""
        nodes = self.nodes
        return Block(
            self.tables[at],
            self.mean[at],
            self.sd[at],
            self.step[at],
            self.effect[at],
            self.control[at],
            self.experimental[at],
            self.log_control[at],
            self.likelihood[at],
            HyperNodes(
                nodes.control_centre[at],
                nodes.control_sd[at],
                nodes.effect_centre[at],
                nodes.effect_sd[at],
                nodes.weight[at],
            ),
        )

    def kernels(self, real: Real) -> tuple[Reals, Reals]:
        """Conditional priors at every node, the control's with its likelihood.

        ``(table, stratum, outer, row)`` and ``(table, stratum, outer, inner, column)``.
        """
        nodes = self.nodes
        step = self.step[..., None]
        by_control = normal_kernel(
            self.control, nodes.control_centre[:, None], nodes.control_sd[:, None], step, real
        )
        tables, outer, inner = nodes.effect_centre.shape
        by_effect = normal_kernel(
            self.effect,
            nodes.effect_centre.reshape(tables, 1, -1),
            nodes.effect_sd.reshape(tables, 1, -1),
            step,
            real,
        )
        by_control *= np.exp(self.log_control).astype(real)[:, :, None]
        return by_control, by_effect.reshape(tables, -1, outer, inner, self.columns)


def normal_kernel(point: Floats, centre: Floats, sd: Floats, step: Floats, real: Real) -> Reals:
    """Normal density of lattice points about centres.

    Parameters
    ----------
    point, centre, sd, step
        ``(table, stratum, point)``, ``(table, 1, centre)``, ``(table, 1, centre or 1)`` and
        ``(table, stratum, 1)``.

    Returns
    -------
    (table, stratum, centre, point)
    """
    wide = np.maximum(sd, NARROWEST * step)
    sharp = 0.5 / wide**2
    middle = centre.mean(axis=-1, keepdims=True)
    # -(x - c)^2 / 2 sd^2 - log sd, the square multiplied out: one product of matrices
    x = np.empty((*step.shape[:2], 3, point.shape[-1]), real)
    x[..., 1, :] = point - middle
    np.multiply(x[..., 1, :], x[..., 1, :], out=x[..., 0, :])
    x[..., 2, :] = 1.0
    c = np.empty((*step.shape[:2], centre.shape[-1], 3), real)
    np.negative(sharp, out=c[..., 0], casting="same_kind")
    away = centre - middle
    np.multiply(2.0 * sharp, away, out=c[..., 1], casting="same_kind")
    np.multiply(c[..., 1], -0.5 * away, out=c[..., 2], casting="same_kind")
    norm = np.log(wide)
    c[..., 2] -= norm
    kernel = c @ x
    rows: Reals = kernel.reshape(-1, kernel.shape[-1])
    narrow = np.flatnonzero(np.broadcast_to(wide > sd, kernel.shape[:-1]))
    sharpened = None
    if narrow.size:
        log_wide, lost = (
            np.broadcast_to(each, kernel.shape[:-1]).reshape(-1)[narrow].astype(real)
            for each in (norm, 1.0 - (sd / wide) ** 2)
        )
        sharpened = np.empty((narrow.size, rows.shape[-1]), real)
        for at in pieces(narrow.size, rows.shape[-1]):
            exponent = rows.take(narrow[at], axis=0, out=sharpened[at], mode="clip")
            np.maximum(exponent, FAINTEST[real], out=exponent)
            factor = sharpen(np.add(exponent, log_wide[at, None]), lost[at])
            np.exp(exponent, out=exponent)
            exponent *= factor
    for at in pieces(*rows.shape):
        exponent = rows[at]
        np.maximum(exponent, FAINTEST[real], out=exponent)
        np.exp(exponent, out=exponent)
    if sharpened is not None:
        rows[narrow] = sharpened
    return kernel


def pieces(rows: int, each: int) -> Iterator[slice]:
    """Cut rows of so many numbers into pieces that stay in the nearest cache."""
    at_once = max(1, NEAREST // each)
    for first in range(0, rows, at_once):
        yield slice(first, first + at_once)


def sharpen(exponent: Reals, lost: Reals) -> Reals:
    """Factor that takes back the variance by which a kernel was widened, to fourth order in it."""
    q = lost[:, None]
    square, cube, fourth = q**2, q**3, q**4
    y = -2.0 * exponent
    found = (fourth / 384.0) * y
    for factor in (
        -cube / 48.0 - fourth * (28.0 / 384.0),
        square / 8.0 + cube * (15.0 / 48.0) + fourth * (210.0 / 384.0),
        -q / 2.0 - square * 0.75 - cube * (45.0 / 48.0) - fourth * (420.0 / 384.0),
    ):
        found += factor
        found *= y
    found += 1.0 + q / 2.0 + square * 0.375 + cube * (15.0 / 48.0) + fourth * (105.0 / 384.0)
    return found


def pairs(values: npt.NDArray[Any], columns: int) -> npt.NDArray[Any]:
    """Values by experimental logit (…, row + column), seen by (…, row, column)."""
    return np.lib.stride_tricks.sliding_window_view(values, columns, axis=-1)


def total_of(values: Reals) -> Reals:
    """Sum over the last two axes."""
    flat: Reals = values.reshape(*values.shape[:-2], -1).sum(axis=-1)
    return flat


def marginals(block: Block, real: Real) -> tuple[Reals, Reals, Reals]:
    """Posterior of each stratum's pair of logits, and how far apart the strata pull.

    Returns
    -------
    ``(table, stratum, row, column)``, summing to one; the largest likelihood of each stratum,
    ``(table, stratum)``; their joint likelihood relative to these, ``(table,)``.
    """
    by_control, by_effect = block.kernels(real)
    likelihood = np.ascontiguousarray(pairs(block.likelihood.astype(real), block.columns))
    profile = by_control @ likelihood
    level = (by_effect @ profile[..., None])[..., 0]
    scale = level.max(axis=(-1, -2))
    level /= scale[..., None, None]
    weight = block.nodes.weight.astype(real)
    rest = np.empty_like(level)
    for s in range(level.shape[1]):
        rest[:, s] = weight
        for other in range(level.shape[1]):
            if other != s:
                rest[:, s] *= level[:, other]
    total = total_of(rest[:, 0] * level[:, 0])
    pull = (rest[..., None, :] @ by_effect)[..., 0, :]
    mass = np.ascontiguousarray(by_control.swapaxes(-1, -2)) @ pull
    mass *= likelihood
    mass /= total_of(mass)[..., None, None]
    return mass, scale, total


def chunks(size: int, each: int) -> Iterator[slice]:
    """Cut rows that need ``each`` numbers into pieces that fit the caches."""
    at_once = max(1, NODES_AT_ONCE // each)
    for first in range(0, size, at_once):
        yield slice(first, min(first + at_once, size))
