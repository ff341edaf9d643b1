"""The mode of a durability posterior, and the ridge of modes given the log shape on either side.

Damped Newton steps with the analytic Hessian, for all tables of a block at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from adaptive_cart.models.durability.cure_log_posterior import (
    MEDIAN,
    ODDS,
    PAIRS,
    SHAPE,
    GroupedTimes,
    Points,
    log_posterior,
    summed_down,
)
from adaptive_cart.models.durability.cure_prior import LIMIT, LN2
from adaptive_cart.nouns.records import Floats, Integers

DROP: Final = 13.0  # the lattice ends where the log density is this far below its maximum
LARGEST_STEP: Final = (1.0, 2.0, 2.0)
OUTWARD: Final = np.array([1.5, 3.2, 5.3, 8.0])  # standard deviations from the mode


@dataclass(frozen=True)
class Ridge:
    """The mode, and modes given the log shape on either side."""

    mode: Floats  # (parameter, table)
    best: Floats  # (table,), log posterior there
    path: Floats  # (parameter, table, point), by rising log shape
    ends: Floats  # (table, 2), of log shape

    def of(self, tables: Integers) -> Ridge:
        """Return the ridges of some of the tables."""
        return Ridge(
            self.mode[:, tables], self.best[tables], self.path[:, tables], self.ends[tables]
        )


def find_ridge(data: GroupedTimes) -> Ridge:
    """Mode of each table, from two starting points, and the stretch of log shape around it."""
    number = len(data.relapses)
    start = np.empty((3, number, 2))
    start[SHAPE], start[MEDIAN] = data.centre
    start[ODDS] = -2.0, 0.7
    points = climb(data, start, (SHAPE, MEDIAN, ODDS), 10)
    mode = points.part(points.value.argmax(axis=1)[:, None])
    sd, follow = conditional(data, mode, SHAPE, (MEDIAN, ODDS), 1.1 * data.prior_sd[0])
    away = sd * np.concatenate([-OUTWARD, OUTWARD])
    start = np.broadcast_to(mode.at, (3, *away.shape)).copy()
    start[SHAPE] += away
    start[MEDIAN] += np.clip(follow[0] * away, -1.0, 1.0)
    start[ODDS] += np.clip(follow[1] * away, -1.5, 1.5)
    steep = (away > 0.0) & (data.relapses > 0.0)
    start[MEDIAN] = np.where(steep, relapses_choose(data, start[SHAPE]), start[MEDIAN])
    sides = climb(data, start, (MEDIAN, ODDS), 5)
    best = np.maximum(mode.value, sides.value.max(axis=1, keepdims=True))
    roots = np.sqrt(2.0 * (best - sides.value))
    half, target = len(OUTWARD), float(np.sqrt(2.0 * DROP))
    shape = sides.at[SHAPE]
    low = _outermost(mode.at[SHAPE], shape[:, :half], roots[:, :half], target)
    high = _outermost(mode.at[SHAPE], shape[:, half:], roots[:, half:], target)
    path = np.concatenate([sides.at[:, :, :half][:, :, ::-1], mode.at, sides.at[:, :, half:]], 2)
    return Ridge(mode.at[:, :, 0], mode.value[:, 0], path, np.concatenate([low, high], axis=1))


def newton_step(
    data: GroupedTimes, bend: Floats, side: list[Floats], free: tuple[int, ...]
) -> list[Floats]:
    """Newton step of the free parameters; pivots are kept positive so that it leads uphill."""
    floor = (0.2 / data.prior_sd[0] ** 2, 0.2 / data.prior_sd[1] ** 2, 0.02)
    matrix = [[bend[PAIRS[min(i, j), max(i, j)]] for j in free] for i in free]
    right = list(side)
    number = len(free)
    pivots = []
    for i in range(number):
        pivot = np.maximum(np.abs(matrix[i][i]), floor[free[i]])
        pivots.append(pivot)
        for j in range(i + 1, number):
            factor = matrix[j][i] / pivot
            for column in range(i + 1, number):
                matrix[j][column] = matrix[j][column] - factor * matrix[i][column]
            right[j] = right[j] - factor * right[i]
    for i in reversed(range(number)):
        for j in range(i + 1, number):
            right[i] = right[i] - matrix[i][j] * right[j]
        right[i] = right[i] / pivots[i]
    return right


def climb(data: GroupedTimes, start: Floats, free: tuple[int, ...], steps: int) -> Points:
    """Go uphill in the free parameters by a fixed number of damped Newton steps."""
    points = log_posterior(data, start)
    damping = np.ones_like(points.value)
    for _ in range(steps):
        step = newton_step(data, points.bend, [points.slope[i] for i in free], free)
        excess = np.ones_like(damping)
        for i, move in zip(free, step, strict=True):
            largest: float | Floats = LARGEST_STEP[i]
            if i == MEDIAN:  # hazards grow exponentially towards shorter medians
                short = np.minimum(2.0, 2.0 * np.exp(-points.at[SHAPE]) + 0.1 * data.prior_sd[1])
                largest = np.where((move < 0.0) & (data.relapses > 0.0), short, 2.0)
            excess = np.maximum(excess, np.abs(move) / largest)
        at = points.at.copy()
        for i, move in zip(free, step, strict=True):
            at[i] += damping * move / excess
        np.clip(at[ODDS], -LIMIT, LIMIT, out=at[ODDS])
        tried = log_posterior(data, at)
        better = tried.value >= points.value - 1e-9
        damping = np.where(better, np.minimum(1.0, 4.0 * damping), 0.25 * damping)
        points = Points(
            np.where(better, tried.at, points.at),
            np.where(better, tried.value, points.value),
            np.where(better, tried.slope, points.slope),
            np.where(better, tried.bend, points.bend),
        )
    return points


def conditional(
    data: GroupedTimes, points: Points, coordinate: int, free: tuple[int, ...], widest: float
) -> tuple[Floats, list[Floats]]:
    """Standard deviation along a coordinate, and how the free ones follow it, at the mode."""
    cross = [-points.bend[PAIRS[min(i, coordinate), max(i, coordinate)]] for i in free]
    follow = newton_step(data, points.bend, cross, free)
    curvature = points.bend[PAIRS[coordinate, coordinate]].copy()
    for side, move in zip(cross, follow, strict=True):
        curvature -= side * move
    return 1.0 / np.sqrt(np.maximum(curvature, widest**-2)), follow


def relapses_choose(data: GroupedTimes, shape: Floats) -> Floats:
    """Log median that the relapses alone would choose at a log shape, (table, point)."""
    k = np.exp(shape)
    size = data.relapsed_size[:, :, None]
    times = data.dated[:, :, None]
    last = np.where(size > 0.0, times, -np.inf).max(axis=0)
    last = np.where(np.isfinite(last), last, 0.0)
    total = summed_down(size * np.exp(np.minimum(k * (times - last), 0.0)))
    chosen = last + np.log(LN2 * total / np.maximum(data.relapses, 1.0) + 1e-300) / k
    return np.where(data.relapses > 0.0, chosen, 0.0)


def _outermost(centre: Floats, positions: Floats, roots: Floats, target: float) -> Floats:
    """Where the root deviance, known at positions going outwards, last passes the target."""
    position = np.concatenate([centre, positions], axis=1)
    root = np.concatenate([np.zeros_like(centre), roots], axis=1)
    inside = root[:, 1:] < target
    number = inside.shape[1]
    last = np.where(inside.any(axis=1), number - inside[:, ::-1].argmax(axis=1), 0)
    last = np.minimum(last, number - 1)[:, None]

    def at(values: Floats, index: Integers) -> Floats:
        return np.take_along_axis(values, index, axis=1)

    low, high = at(root, last), at(root, last + 1)
    share = np.clip((target - low) / np.maximum(high - low, 0.15 * target), 0.0, 2.5)
    return at(position, last) + share * (at(position, last + 1) - at(position, last))
