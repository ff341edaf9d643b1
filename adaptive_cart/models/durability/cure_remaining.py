"""The fraction of remitters still in drug-free remission at a month: its own lattice.

Of shape k and median m only the cumulative hazard at that month matters, R = c + (1 - c) S with
S = exp(-ln 2 (month / m)^k). Every row of the lattice in (log k, log m, c) is therefore carried
over to one common lattice in the log hazard, by the polynomial through six neighbours in log m, and
the rows are added: three parameters become two.

Where the log hazard is so high that nobody who can relapse is left, R is c whatever it is, and
where it is so low that nobody has relapsed, R is 1. The posterior is divided smoothly: what lies
beyond is kept as a density of c alone, and as one number, so that the lattice need not reach there.

With a vague prior of the shape, rows of a small shape may be narrower than the common lattice
resolves. The error of adding them on it is known beforehand, by Poisson's sum formula (Trefethen
and Weideman 2014, SIAM Review 56:385, doi:10.1137/130932132). Where it is too large, and where R is
1 so often that two arms may be alike in it, the rows stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.durability.cure_lattice import BLOCK, CURED, Lattice
from adaptive_cart.models.durability.cure_partial_sums import (
    SINGLE_CARDINAL,
    TAPS,
    at_share,
    weight_beyond,
)
from adaptive_cart.nouns.records import Booleans, Floats, Integers

Singles: TypeAlias = npt.NDArray[np.float32]

HAZARDS: Final = 64  # points of the common lattice
TOGETHER: Final = 8 * BLOCK  # tables whose common lattices are held together
SEEN: Final = 1e-7  # of the highest density of shape and median: what the lattice has to hold
NOBODY_LEFT: Final = 3.0  # log of hazard / ln 2 from which on R is c: 1e-6 of the others are left
NOBODY_LOST: Final = -11.0  # and up to which R is 1: 1e-5 of the others have relapsed
RAMP: Final = 8  # lattice points over which the posterior is divided
FEWEST: Final = 4.0  # lattice points of a row on a ramp for it to be sampled by them
NARROWER: Final = 0.7  # a row given the cured fraction, to the row
UNRESOLVED: Final = 1e-4  # error of a probability for which rows may be added
ALL_ALIKE: Final = 1e-3  # probability that R is 1 for which rows may be added
PRODUCT: Final = 2**19  # numbers multiplied in one matrix product, at most
PADDING: Final = 3  # empty lattice points of log m at either end, for the polynomials


@dataclass(frozen=True)
class Remaining:
    """Posterior of the log hazard at a month and of the cured fraction, not normalised.

    Logs of hazards are those of hazard / ln 2. One row holds it, or one for each log shape.
    """

    tables: Integers  # positions in the lattice it comes from
    log_hazard: Floats  # (table, row, point), falling
    highest: Floats  # (table, row), the first of them, however large
    step: Floats  # (table, row), its fall from point to point
    density: Singles  # (table, row, point, lattice point of the cured fraction)
    nobody_left: Floats  # (table, lattice point), density of the cured fraction where R is c
    nobody_lost: Floats  # (table,), mass where R is 1


@dataclass(frozen=True)
class _Rows:
    """A block of tables at a month, row by row, and the common lattice meant for them."""

    logs: Floats  # (table, row, column), log hazard
    first: Floats  # (table, row), the same in the first column, however large
    fall: Floats  # (table, row), from column to column
    density: Singles  # (table, row, column, cured)
    highest: Floats  # (table,), first point of the common lattice
    step: Floats  # (table,)
    cut_low: Booleans  # (table,), whether the posterior is divided there
    cut_high: Booleans
    resolved: Booleans  # (table,), whether the rows may be added

    @classmethod
    def at(cls, lattice: Lattice, block: slice, density: Singles, month: float) -> _Rows:
        """Look where the posterior lies."""
        rows, columns = lattice.size
        logs, fall = lattice.hazard(block, month)
        first = np.exp(lattice.shape[block]) * (np.log(month) - lattice.first_median[block])
        height = np.add.reduce(density, axis=2, dtype=np.float64).reshape(logs.shape)
        seen = height > SEEN * height.max(axis=(1, 2), keepdims=True)
        low = np.where(seen, logs - fall[:, :, None], np.inf).min(axis=(1, 2))
        high = np.where(seen, logs + fall[:, :, None], -np.inf).max(axis=(1, 2))
        cut_low, cut_high = low < NOBODY_LOST, high > NOBODY_LEFT
        low = np.clip(low, NOBODY_LOST, NOBODY_LEFT - 1.0)
        high = np.clip(high, low + 0.01, NOBODY_LEFT)
        step = (high - low) / (HAZARDS - 1 - RAMP * (cut_low.astype(np.int64) + cut_high))
        highest = np.where(cut_high, high + RAMP * step, high)
        # A normal shape of r steps is summed with a relative error of 2 exp(-2 (pi r)^2).
        mass = height.sum(axis=2)
        place = np.arange(columns)
        mean = (height * place).sum(axis=2) / mass
        variance = (height * place * place).sum(axis=2) / mass - mean * mean
        ratio = NARROWER**2 * variance * (fall / step[:, None]) ** 2
        total = mass.sum(axis=1)
        error = (mass * np.exp(-2.0 * np.pi**2 * ratio)).sum(axis=1) * 2.0 / total
        lost = np.where(logs < NOBODY_LOST, height, 0.0).sum(axis=(1, 2)) / total
        return cls(
            logs,
            first,
            fall,
            density.reshape(-1, rows, columns, CURED),
            highest,
            step,
            cut_low,
            cut_high,
            (error < UNRESOLVED) & (lost < ALL_ALIKE),
        )

    def of(self, tables: Integers) -> _Rows:
        """Return the rows of some of the tables."""
        return _Rows(*(getattr(self, name)[tables] for name in self.__dataclass_fields__))

    def beyond(self, at: Floats) -> tuple[Floats, Floats]:
        """Shares of the posterior at log hazards (table, point) counted as R = c and as R = 1."""
        width = (RAMP * self.step)[:, None]
        left = _ramp((at - NOBODY_LEFT) / width) * self.cut_high[:, None]
        return left, _ramp((NOBODY_LOST - at) / width) * self.cut_low[:, None]

    def points_beyond(self) -> tuple[Floats, Floats]:
        """Shares of the points of the rows, likewise, (table, row, column)."""
        flat = self.logs.reshape(len(self.logs), -1)
        left, lost = (part.reshape(self.logs.shape) for part in self.beyond(flat))
        # A row with few points on a ramp: the mass beyond each of some places on it.
        width = (RAMP * self.step)[:, None]
        column = np.arange(self.logs.shape[2])[:, None]
        for cut, start, sign, part in (
            (self.cut_high, NOBODY_LEFT, 1.0, left),
            (self.cut_low, NOBODY_LOST, -1.0, lost),
        ):
            coarse = (cut[:, None] & (FEWEST * self.fall > width)).nonzero()
            ramp_places, ramp_shares = _over_a_ramp()
            places = start + sign * width[coarse[0]] * ramp_places
            places = (self.first[coarse][:, None] - places) / self.fall[coarse][:, None]
            distance = sign * (places[:, None, :] - column)
            part[coarse] = weight_beyond(distance) @ ramp_shares
        return left, lost

    def apart(self, tables: Integers) -> Remaining:
        """Rows left as they are."""
        number = len(self.logs)
        nothing = np.zeros((number, CURED))
        return Remaining(
            tables, self.logs, self.first, self.fall, self.density, nothing, np.zeros(number)
        )

    def added(self, tables: Integers) -> Remaining:
        """Rows carried over to the common lattice and added."""
        number, rows, columns = self.logs.shape
        points = self.highest[:, None] - self.step[:, None] * np.arange(HAZARDS)
        place = (self.first[:, :, None] - points[:, None]) / self.fall[:, :, None]
        inside = (place > -1.0) & (place < columns)
        place = np.clip(place, -1.0, columns - 1e-6)
        index = np.floor(place)
        share = (place - index).astype(np.float32)
        left, lost = self.beyond(points)
        kept = ((1.0 - left - lost) * self.step[:, None])[:, None] / self.fall[:, :, None]
        kept = np.where(inside, kept, 0.0).astype(np.float32)
        taps = [at_share(coefficients, share) * kept for coefficients in SINGLE_CARDINAL]
        left, lost = self.points_beyond()
        # A few rows at a time, so that a product stays in the cache, and in one thread.
        wide = columns + 2 * PADDING
        together = max(PRODUCT // (wide * (HAZARDS + 2) * CURED), 1)
        inner = slice(PADDING, PADDING + columns)
        table, row, point = np.ogrid[:number, :together, :HAZARDS]
        start = ((table * (HAZARDS + 2) + point) * together + row) * wide + PADDING
        carried = np.zeros((number, HAZARDS + 2, CURED), dtype=np.float32)
        padded = np.zeros((number, together, wide, CURED), dtype=np.float32)
        for top in range(0, rows, together):
            some = slice(top, min(top + together, rows))
            held = some.stop - top
            weights = np.zeros((number, HAZARDS + 2, together, wide), dtype=np.float32)
            where = start[:, :held] + index[:, some].astype(np.int64)
            for tap, weight in zip(TAPS, taps, strict=True):
                weights.reshape(-1)[where + int(tap)] = weight[:, some]
            weights[:, HAZARDS, :held, inner] = left[:, some]
            weights[:, HAZARDS + 1, :held, inner] = lost[:, some]
            padded[:, :held, inner] = self.density[:, some]
            carried += np.matmul(
                weights.reshape(number, HAZARDS + 2, -1), padded.reshape(number, -1, CURED)
            )
        sums = carried[:, HAZARDS:].astype(np.float64)
        return Remaining(
            tables,
            points[:, None],
            self.highest[:, None],
            self.step[:, None],
            carried[:, None, :HAZARDS],
            sums[:, 0],
            sums[:, 1].sum(axis=1),
        )


def remaining_at(lattice: Lattice, month: float) -> Iterator[Remaining]:
    """Posterior of the fraction in remission at a month, many tables at a time."""
    waiting: list[Remaining] = []
    for block, density in lattice.densities():
        rows = _Rows.at(lattice, block, density, month)
        for resolved in (True, False):
            chosen = np.flatnonzero(rows.resolved == resolved)
            if not len(chosen):
                continue
            mine = rows if len(chosen) == len(density) else rows.of(chosen)
            tables = chosen + block.start
            if resolved:
                waiting.append(mine.added(tables))
            else:
                yield mine.apart(tables)
        if len(waiting) * BLOCK >= TOGETHER:
            yield _joined(waiting)
            waiting = []
    if waiting:
        yield _joined(waiting)


def _joined(parts: list[Remaining]) -> Remaining:
    names = Remaining.__dataclass_fields__
    return Remaining(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _ramp(place: Floats) -> Floats:
    """Smooth rise from 0 at 0 to 1 at 1."""
    at = np.clip(place, 0.0, 1.0)
    return at**4 * (35.0 - at * (84.0 - at * (70.0 - 20.0 * at)))


@cache
def _over_a_ramp() -> tuple[Floats, Floats]:
    """Quadrature over the slope of a ramp on [0, 1]; found when first wanted."""
    places, shares = special.roots_jacobi(8, 3.0, 3.0)
    return 0.5 + 0.5 * places, shares / shares.sum()
