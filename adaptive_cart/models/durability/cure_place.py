"""Where the lattice of a durability posterior lies: the box that holds all but e^-13 of its height.

Around the mode: the stretch of log shape, for each log shape that of the log median, and over all
of them that of the cured fraction, by signed-root deviance; a coarse scan for the cured fraction,
whose two explanations of a long plateau, cured or slow, may be two ridges.
"""

from __future__ import annotations

from collections.abc import Iterator
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
)
from adaptive_cart.models.durability.cure_prior import (
    LIMIT,
    LN2,
    CuredScale,
    CurePrior,
    cured_scale,
)
from adaptive_cart.models.durability.cure_ridge import (
    DROP,
    Ridge,
    climb,
    conditional,
    find_ridge,
    relapses_choose,
)
from adaptive_cart.models.durability.cure_times import Times
from adaptive_cart.nouns.records import Booleans, Floats, Integers

PLACED: Final = 96  # tables placed together
EXPOSED: Final = 32  # censored participants from which on neighbours share a value
# Rows in log shape, lattice points in log median, and the widest stretch of log shape for them.
LATTICES: Final = ((16, 32, 5.4), (24, 32, 8.5), (32, 48, 12.0), (48, 48, np.inf))
SCANNED: Final = np.linspace(-3.0, 3.0, 19)


@dataclass(frozen=True)
class Place:
    """The box of the lattice: rows of log shape, in each a stretch of log median, one of cured."""

    tables: Integers
    shape_ends: Floats  # (table, 2)
    median_ends: Floats  # (table, row, 2), rows of the lattice
    cured_ends: Floats  # (table, 2), on the cured fraction's own scale
    mode_shape: Floats  # (table,)
    found: Booleans  # (table,)


def places(prior: CurePrior, times: Times) -> Iterator[tuple[Integers, Place, int]]:
    """Tables of one size of lattice and of one sharing of censored times, placed."""
    number = len(times.relapses)
    ridges, groupings = [], []
    for first in range(0, number, PLACED):
        tables = np.arange(first, min(first + PLACED, number))
        groupings.append(GroupedTimes.read(prior, times.of(tables)))
        ridges.append(find_ridge(groupings[-1]))
    if not ridges:
        return
    ridge = Ridge(
        np.concatenate([part.mode for part in ridges], axis=1),
        np.concatenate([part.best for part in ridges]),
        np.concatenate([part.path for part in ridges], axis=1),
        np.concatenate([part.ends for part in ridges]),
    )
    width = ridge.ends[:, 1] - ridge.ends[:, 0]
    widest = np.array([lattice[2] for lattice in LATTICES[:-1]])
    size = (width[:, None] > widest).sum(axis=1)
    sharing = np.maximum(np.log2(np.maximum(times.censorings, 1) / EXPOSED) + 1.0, 0.0)
    sharing = sharing.astype(np.int64)
    scale = cured_scale(*prior.cured)
    for number_of_lattice in np.unique(size):
        for shared in np.unique(sharing[size == number_of_lattice]):
            tables = np.flatnonzero((size == number_of_lattice) & (sharing == shared))
            # Most participants first: those still in a product are then a leading part.
            tables = tables[np.argsort(-times.censorings[tables], kind="stable")]
            parts = []
            for first in range(0, len(tables), PLACED):
                chosen = tables[first : first + PLACED]
                data = GroupedTimes.read(prior, times.of(chosen))
                rows = LATTICES[number_of_lattice][0]
                parts.append(_find_place(data, ridge.of(chosen), scale, rows, chosen))
            ends = [
                np.concatenate([part.shape_ends for part in parts]),
                np.concatenate([part.median_ends for part in parts]),
                np.concatenate([part.cured_ends for part in parts]),
            ]
            found = np.ones(len(tables), dtype=np.bool_)
            for end in ends:
                ascending = np.isfinite(end).all(axis=-1) & (end[..., 0] < end[..., 1])
                found &= ascending.reshape(len(tables), -1).all(axis=1)
            for end in ends:  # any box will do for a table that has failed
                end[~found] = -1.0, 1.0
            mode_shape = np.concatenate([part.mode_shape for part in parts])
            mode_shape = np.where(found, mode_shape, 0.0)
            place = Place(tables, ends[0], ends[1], ends[2], mode_shape, found)
            yield tables, place, int(number_of_lattice)


def _find_place(
    data: GroupedTimes, ridge: Ridge, scale: CuredScale, rows: int, tables: Integers
) -> Place:
    """Stretches of the log median in every row and of the cured fraction."""
    knots = np.linspace(0.0, 1.0, rows // 2 + 1)
    low, high = ridge.ends[:, :1], ridge.ends[:, 1:]
    shape = low + (high - low) * knots
    path = ridge.path[SHAPE]
    middle = ridge.mode[SHAPE][:, None]

    def relapses_say(at: Floats) -> Floats:
        beyond = (data.relapses > 0.0) & (at > middle)
        return np.where(beyond, relapses_choose(data, at) - relapses_choose(data, middle), 0.0)

    median = along(shape, path, ridge.path[MEDIAN] - relapses_say(path)) + relapses_say(shape)
    start = np.stack([shape, median, along(shape, path, ridge.path[ODDS])])
    points = climb(data, start, (MEDIAN, ODDS), 2)
    lowest, highest = _median_stretch(data, points)
    cured = _cured_stretch(data, scale, ridge, shape, lowest, highest)
    # Straight lines between every second row: each row is summed for itself.
    place = middles(rows) * (len(knots) - 1)
    index = np.minimum(place.astype(np.int64), len(knots) - 2)
    share = place - index
    ends = np.stack([lowest, highest], axis=2)
    ends = ends[:, index] * (1.0 - share)[:, None] + ends[:, index + 1] * share[:, None]
    found = np.ones(len(tables), dtype=np.bool_)
    return Place(tables, ridge.ends, ends, cured, ridge.mode[SHAPE], found)


def along(position: Floats, knots: Floats, values: Floats) -> Floats:
    """Straight lines through rising knots (table, knot), at positions (table, point)."""
    index = (knots[:, None, 1:-1] <= position[:, :, None]).sum(axis=2)
    low = np.take_along_axis(knots, index, axis=1)
    high = np.take_along_axis(knots, index + 1, axis=1)
    share = np.clip((position - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    first = np.take_along_axis(values, index, axis=1)
    return first + share * (np.take_along_axis(values, index + 1, axis=1) - first)


def _median_stretch(data: GroupedTimes, points: Points) -> tuple[Floats, Floats]:
    """Log medians where the density has dropped, given log shape, the cured fraction following.

    At the upper end it is the density times the median that has: the tail that the mean needs.
    """
    width, follow = conditional(data, points, MEDIAN, (ODDS,), 1.2 * data.prior_sd[1])
    half = width.shape[1]
    up = np.concatenate([np.zeros_like(width), np.ones_like(width)], axis=1)
    sign = 2.0 * up - 1.0
    target = float(np.sqrt(2.0 * DROP))
    at = np.concatenate([points.at, points.at], axis=2)
    start = at[MEDIAN].copy()
    distance = 0.5 * target * np.concatenate([width, width], axis=1)
    top = np.concatenate([points.value, points.value], axis=1)
    turn = np.concatenate([follow[0], follow[0]], axis=1)
    at[ODDS] += np.clip(turn * distance * sign, -1.0, 1.0)
    sd = data.prior_sd[1]
    for _ in range(4):
        at[MEDIAN] = start + sign * distance
        np.clip(at[ODDS], -LIMIT, LIMIT, out=at[ODDS])
        here = log_posterior(data, at)
        value = here.value + up * distance
        stiffness = np.maximum(np.abs(here.bend[PAIRS[ODDS, ODDS]]), 0.02)
        move = here.slope[ODDS] / stiffness
        turn = -here.bend[PAIRS[MEDIAN, ODDS]] / stiffness
        slope = here.slope[MEDIAN] + up + turn * here.slope[ODDS]
        top = np.maximum(top, value)
        reached = value + np.clip(0.5 * here.slope[ODDS] * move, 0.0, 1.5)
        root = np.sqrt(2.0 * np.maximum(top - reached, 1e-3))
        falls = np.maximum(-sign * slope, 0.1 * root / sd)
        change = np.clip((target - root) * root / falls, -0.4 * distance, distance + 0.3 * sd)
        distance = distance + change
        at[ODDS] += np.clip(move + turn * change * sign, -2.0, 2.0)
    ends = start + sign * distance
    return ends[:, :half], ends[:, half:]


def _cured_stretch(
    data: GroupedTimes,
    scale: CuredScale,
    ridge: Ridge,
    shape: Floats,
    lowest: Floats,
    highest: Floats,
) -> Floats:
    """Stretch of the cured fraction, from a coarse scan of all shapes and medians found."""
    every = max((shape.shape[1] - 1) // 4, 1)
    shape, lowest, highest = shape[:, ::every], lowest[:, ::every], highest[:, ::every]
    share = middles(9)
    median = (lowest[:, :, None] + (highest - lowest)[:, :, None] * share).reshape(len(shape), -1)
    shape = np.repeat(shape, len(share), axis=1)
    k = np.exp(shape)
    log_odds = scale.log_odds(SCANNED)
    odds = np.exp(log_odds)[:, None, None]
    value = np.zeros((len(SCANNED), *median.shape))
    for times, size in zip(data.censored, data.censored_size, strict=True):
        if not size.any():
            continue
        hazard = LN2 * np.exp(np.minimum(k * (times[:, None] - median), 200.0))
        part = np.exp(-hazard) + odds
        np.log(part, out=part)
        part *= size[:, None]
        value += part
    relapsed = data.relapsed_before(k, median)
    sd_shape, sd_median = data.prior_sd
    density = data.relapses * shape if data.since is None else 0.0
    relapsed += density - 0.5 * ((shape - data.centre[0]) / sd_shape) ** 2
    relapsed -= 0.5 * ((median - data.centre[1]) / sd_median) ** 2
    relapsed -= 0.5 * np.log(data.relapses * k * k + sd_median**-2)
    value += relapsed
    a, b = data.prior.cured
    censorings = np.add.reduce(data.censored_size, axis=0)[:, None]
    total = a + b + data.relapses + censorings
    profile = value.max(axis=2).T + a * log_odds - total * np.logaddexp(0.0, log_odds)
    centre = scale.place(ridge.mode[ODDS][:, None])
    best = np.maximum(ridge.best[:, None], profile.max(axis=1, keepdims=True))
    roots = np.sqrt(2.0 * (best - profile))
    target = float(np.sqrt(2.0 * DROP))
    ends = []
    for sign in (-1.0, 1.0):
        positions = SCANNED if sign > 0.0 else -SCANNED[::-1]
        root = roots if sign > 0.0 else roots[:, ::-1]
        middle = sign * centre
        inside = (root < target) & (positions > middle)
        number = len(positions)
        last = np.where(inside.any(axis=1), number - 1 - inside[:, ::-1].argmax(axis=1), -1)
        first_beyond = (positions <= middle).sum(axis=1)
        following = np.minimum(np.where(last >= 0, last + 1, first_beyond), number - 1)
        kept = np.maximum(last, 0)[:, None]
        low = np.where(last >= 0, positions[kept[:, 0]], middle[:, 0])
        low_root = np.where(last >= 0, np.take_along_axis(root, kept, axis=1)[:, 0], 0.0)
        high = positions[following]
        high_root = np.take_along_axis(root, following[:, None], axis=1)[:, 0]
        part = np.clip((target - low_root) / np.maximum(high_root - low_root, 1e-9), 0.0, 1.0)
        end = np.where(high > low, low + part * (high - low), low)
        ends.append(sign * (end + 0.04 * (end - middle[:, 0]) + 0.004))
    return np.stack(ends, axis=1)


def middles(number: int) -> Floats:
    """Middles of equal parts of [0, 1]."""
    return (np.arange(number) + 0.5) / number
