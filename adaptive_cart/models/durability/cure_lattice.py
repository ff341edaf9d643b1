"""Sums over the lattice of a durability posterior: densities, means, and what each parameter is.

The density is analytic and vanishes at the ends of the lattice, so plain sums are integrals
(trapezoidal rule, Trefethen and Weideman 2014, SIAM Review 56:385, doi:10.1137/130932132).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.draws import within_cells
from adaptive_cart.models.durability.cure_partial_sums import tail
from adaptive_cart.models.durability.cure_prior import LN2, CuredScale
from adaptive_cart.nouns.records import Booleans, Floats, Integers

Singles: TypeAlias = npt.NDArray[np.float32]

BLOCK: Final = 16  # tables whose densities are held together
CURED: Final = 48  # lattice points of the cured fraction


@dataclass(frozen=True)
class Summary:
    """Sums over the lattice that every question but `remaining_above` is answered from."""

    failed: Booleans
    points: Floats  # (table, row, column), probability of each shape and median
    points_cured: Floats  # the same, times the mean cured fraction there
    cured: Floats  # (table, lattice point), probability of each cured fraction
    cured_mean: Floats


@dataclass
class Lattice:
    """Lattices of one size, of many tables."""

    tables: Integers
    found: Booleans  # whether the lattice has a place, (table,)
    size: tuple[int, int]  # rows, columns
    shape: Floats  # (table, row), log
    first_median: Floats  # (table, row), log
    median_step: Floats
    first_cured: Floats  # (table,), on the cured fraction's own scale
    cured_step: Floats
    log_odds: Floats  # (table, lattice point) of the cured fraction
    log_likelihood: Singles  # (table, node of the cured fraction, row and column)
    spread: Singles  # (table, node, lattice point)
    log_prior: Singles  # (table, lattice point), with the relapses' log(1 - cured)

    def __post_init__(self) -> None:
        self._summary: Summary | None = None

    @property
    def summary(self) -> Summary:
        """Sums over the lattice, computed when first asked for."""
        if self._summary is None:
            for _ in self.densities():
                pass
        assert self._summary is not None
        return self._summary

    def densities(self) -> Iterator[tuple[slice, Singles]]:
        """Blocks of tables with their densities, (table, row and column, cured), not normalised."""
        summaries = []
        for start in range(0, len(self.tables), BLOCK):
            block = slice(start, min(start + BLOCK, len(self.tables)))
            nodes = self.log_likelihood[block].transpose(0, 2, 1)
            logs = np.matmul(nodes, self.spread[block])
            logs += self.log_prior[block, None]
            logs -= logs.max(axis=(1, 2), keepdims=True)
            np.maximum(logs, -50.0, out=logs)  # numbers too small to be normal are slow
            density = np.exp(logs, out=logs)
            if self._summary is None:
                summaries.append(self._summarise(block, density))
            yield block, density
        if self._summary is None:
            self._summary = Summary(
                *(
                    np.concatenate([getattr(part, name) for part in summaries])
                    for name in Summary.__dataclass_fields__
                )
            )

    def _medians(self, block: slice) -> Floats:
        """Log medians of the lattice, (table, row, column)."""
        steps = np.arange(self.size[1])
        return self.first_median[block, :, None] + self.median_step[block, :, None] * steps

    def _summarise(self, block: slice, density: Singles) -> Summary:
        rows, columns = self.size
        cured = special.expit(self.log_odds[block])
        both = np.stack([np.ones_like(cured), cured], axis=2).astype(np.float32)
        sums = np.matmul(density, both).astype(np.float64)
        points = sums[:, :, 0].reshape(-1, rows, columns)
        points_cured = sums[:, :, 1].reshape(-1, rows, columns)
        marginal = density.sum(axis=1).astype(np.float64)
        total = points.sum(axis=(1, 2), keepdims=True)
        points = points / total
        points_cured = points_cured / total
        marginal = marginal / marginal.sum(axis=1, keepdims=True)
        edges = np.stack(
            [
                points[:, [0, -1]].sum(axis=(1, 2)),
                points[:, :, [0, -1]].sum(axis=(1, 2)),
                marginal[:, [0, -1]].sum(axis=1),
            ]
        )
        mean = points_cured.sum(axis=(1, 2))
        fine = self.found[block] & np.isfinite(mean) & (edges.max(axis=0) < 5e-3)
        return Summary(~fine, points, points_cured, marginal, mean)

    def hazard(self, block: slice, month: float) -> tuple[Floats, Floats]:
        """Log of the cumulative hazard over ln 2 at `month`, and its fall a step of log median."""
        k = np.exp(self.shape[block])
        with np.errstate(divide="ignore"):
            away = np.log(month) - self._medians(block)
        logs = np.clip(k[:, :, None] * away, -700.0, 700.0)
        return logs, k * self.median_step[block]

    def remaining_mean(self, month: float) -> Floats:
        """Posterior mean of the fraction in remission, (table,)."""
        summary = self.summary
        logs, _ = self.hazard(slice(None), month)
        survival = np.exp(-LN2 * np.exp(logs))
        parts = survival * (summary.points - summary.points_cured) + summary.points_cured
        return parts.sum(axis=(1, 2))

    def draws(self, scale: CuredScale, chance: Floats) -> Floats:
        """Draws of log shape, log median and log odds of being cured, (table, parameter, draw).

        A shape is drawn first, of its row a median, and of their point a cured fraction. Rows lie
        where the density does, so that a median is placed between two rows as they are.

        Parameters
        ----------
        chance
            ``(parameter, draw)`` in (0, 1).
        """
        rows, columns = self.size
        drawn = np.full((len(self.tables), 3, chance.shape[1]), np.nan)
        for block, density in self.densities():
            for table in np.arange(block.start, block.stop)[self.found[block]]:
                own = density[table - block.start].reshape(rows, columns, -1)
                points = own.sum(axis=2, dtype=np.float64)
                row = within_cells(points.sum(axis=1), chance[0])
                near = np.clip(np.rint(row), 0, rows - 1).astype(np.int64)
                column = within_cells(points[near], chance[1])
                point = np.clip(np.rint(column), 0, columns - 1).astype(np.int64)
                cured = within_cells(own[near, point], chance[2])
                each = np.arange(rows)
                first = np.interp(row, each, self.first_median[table])
                step = np.interp(row, each, self.median_step[table])
                drawn[table, 0] = np.interp(row, each, self.shape[table])
                drawn[table, 1] = first + step * column
                drawn[table, 2] = scale.log_odds(
                    self.first_cured[table] + self.cured_step[table] * cured
                )
        return drawn

    def cured_above(self, place: Floats) -> Floats:
        """Probability of a cured fraction above a place on its scale, (table,)."""
        return np.clip(
            tail(self.summary.cured, (place - self.first_cured) / self.cured_step), 0.0, 1.0
        )
