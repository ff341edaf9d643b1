"""Posterior of risk differences in strata that learn from one another.

DOCSTRING
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = [
    "Approximation",
    "HyperGrid",
    "HyperNodes",
    "Normal",
    "Posterior",
    "StratumPrior",
    "ladder",
    "posterior",
    "shared_means",
]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

REACH: Final = 5.0
FINENESS: Final = 0.8
COARSEST: Final = 0.5
BLEND: Final = 1.2
TAPER: Final = (2.2, 4.0)
FREQUENCIES: Final = 14
SPAN: Final = 8.0
BEYOND: Final = 10.0
SWEEPS: Final = 3
SIZES: Final = np.array(
    [*range(8, 33, 4), *range(40, 65, 8), *range(80, 129, 16), *range(160, 257, 32)]
    + [64 * k for k in range(5, 17)]
)
BYTES_AT_ONCE: Final = 2**21
TABLES_AT_ONCE: Final = 2**11
FAR: Final = 1e3


@dataclass(frozen=True)
class Normal:
    """A normal prior by mean and standard deviation."""

    mean: float
    sd: float

    def __post_init__(self) -> None:
        """Refuse what is no normal distribution."""
        if not (math.isfinite(self.mean) and math.isfinite(self.sd) and self.sd > 0.0):
            raise ValueError(f"{self} found, a finite mean and an sd above 0 allowed")


@dataclass(frozen=True)
class StratumPrior:
    control_mean: float
    control_mean_sd: float
    control_sd: float
    effect_mean: float
    effect_mean_sd: float
    effect_sd: float


@dataclass(frozen=True)
class SharedMeans:
    """Normal approximation to alpha and beta."""

    control: Floats  # (table,)
    effect: Floats
    control_variance: Floats
    covariance: Floats
    effect_variance: Floats


@dataclass(frozen=True)
class Approximation:
    """Normal approximation to the posterior"""

    precision: Floats  # (table, arm, stratum) what the counts alone say about each logit
    linear: Floats  # (table, arm, stratum)
    shared: SharedMeans
    mean: Floats  # (table, arm, stratum) of logits
    variance: Floats
    effect_mean: Floats  # (table, stratum) log-odds ratio
    effect_variance: Floats


def shared_means(
    precision: Floats, linear: Floats, prior: StratumPrior, effect_sd: Floats
) -> SharedMeans:
    """TODO."""
    spread = effect_sd[:, None] ** 2
    control_spread = prior.control_sd**2
    shrink = 1.0 / (1.0 + spread * precision[:, 1])
    known = precision[:, 1] * shrink  # about control logit + beta
    total = 1.0 / control_spread + precision[:, 0] + known
    pull = linear[:, 0] + linear[:, 1] * shrink
    share = 1.0 / (control_spread * total)
    cc = ((1.0 - share) / control_spread).sum(axis=1)
    ce = (known * share).sum(axis=1)
    ee = (known * (1.0 - known / total)).sum(axis=1) + prior.effect_mean_sd**-2.0
    c = (pull * share).sum(axis=1)
    e = (linear[:, 1] * shrink - pull * known / total).sum(axis=1)
    e += prior.effect_mean * prior.effect_mean_sd**-2.0
    if prior.control_mean_sd == 0.0:
        nothing = np.zeros_like(ee)
        effect = (e - ce * prior.control_mean) / ee
        return SharedMeans(nothing + prior.control_mean, effect, nothing, nothing, 1.0 / ee)
    cc += prior.control_mean_sd**-2.0
    c += prior.control_mean * prior.control_mean_sd**-2.0
    determinant = cc * ee - ce * ce
    return SharedMeans(
        (ee * c - ce * e) / determinant,
        (cc * e - ce * c) / determinant,
        ee / determinant,
        -ce / determinant,
        cc / determinant,
    )


def combine(
    precision: Floats, linear: Floats, prior: StratumPrior, effect_sd: Floats
) -> Approximation:
    """TODO."""
    shared = shared_means(precision, linear, prior, effect_sd)
    spread = effect_sd[:, None] ** 2
    shrink = 1.0 / (1.0 + spread * precision[:, 1])
    known = precision[:, 1] * shrink
    total = prior.control_sd**-2.0 + precision[:, 0] + known
    by_control = prior.control_sd**-2.0 / total
    by_effect = -known / total

    def variance(control: Floats, effect: Floats) -> Floats:
        return (
            control * control * shared.control_variance[:, None]
            + 2.0 * control * effect * shared.covariance[:, None]
            + effect * effect * shared.effect_variance[:, None]
        )

    mean_0 = (linear[:, 0] + linear[:, 1] * shrink) / total
    mean_0 += by_control * shared.control[:, None] + by_effect * shared.effect[:, None]
    mean_1 = shrink * (mean_0 + shared.effect[:, None] + spread * linear[:, 1])
    variance_0 = 1.0 / total + variance(by_control, by_effect)
    variance_1 = 1.0 / total + variance(by_control, 1.0 + by_effect)
    variance_1 = shrink * spread + shrink**2 * variance_1
    rest = 1.0 - shrink
    effect_variance = shrink * spread + rest**2 / total
    effect_variance += variance(-rest * by_control, shrink - rest * by_effect)
    return Approximation(
        precision,
        linear,
        shared,
        np.stack([mean_0, mean_1], axis=1),
        np.stack([variance_0, variance_1], axis=1),
        mean_1 - mean_0,
        effect_variance,
    )


_STRETCH: Final[Floats] = np.sinh(0.4 * np.arange(-8, 9))
_STRETCH_SLOPE: Final[Floats] = np.cosh(0.4 * np.arange(-8, 9))


def softplus(logit: Floats) -> Floats:
    """log(1 + exp(logit)), without overflow."""
    return np.maximum(logit, 0.0) + np.log1p(np.exp(-np.abs(logit)))


def moments(
    successes: Floats, totals: Floats, mean: Floats, variance: Floats
) -> tuple[Floats, Floats]:
    """Mean and variance of a logit given its counts and a normal prior."""
    share = (successes + 0.5) / (totals + 1.0)
    weight = totals * share * (1.0 - share)
    logit = (weight * special.logit(share) + mean / variance) / (weight + 1.0 / variance)
    for _ in range(8):
        share = special.expit(logit)
        slope = successes - totals * share - (logit - mean) / variance
        curvature = totals * share * (1.0 - share) + 1.0 / variance
        logit = logit + np.clip(slope / curvature, -2.0, 2.0)
    share = special.expit(logit)
    sd = 1.0 / np.sqrt(totals * share * (1.0 - share) + 1.0 / variance)
    node = logit[..., None] + sd[..., None] * _STRETCH
    log_density = successes[..., None] * node - totals[..., None] * softplus(node)
    log_density -= (node - mean[..., None]) ** 2 / (2.0 * variance[..., None])
    log_density -= log_density[..., 8:9]
    density = np.exp(log_density) * _STRETCH_SLOPE
    total = density.sum(axis=-1)
    first = (density * _STRETCH).sum(axis=-1) / total
    second = (density * _STRETCH**2).sum(axis=-1) / total
    return logit + sd * first, sd**2 * (second - first**2)


def approximate(successes: Floats, totals: Floats, prior: StratumPrior) -> Approximation:
    """Expectation propagation."""
    effect_sd = np.full(totals.shape[0], prior.effect_sd)
    precision = np.zeros_like(totals)
    linear = np.zeros_like(totals)
    for _ in range(SWEEPS):
        now = combine(precision, linear, prior, effect_sd)
        rest_precision = 1.0 / now.variance - precision
        rest_linear = now.mean / now.variance - linear
        mean, variance = moments(
            successes, totals, rest_linear / rest_precision, 1.0 / rest_precision
        )
        seen = totals > 0.0
        precision = np.where(seen, np.maximum(1.0 / variance - rest_precision, 0.0), 0.0)
        linear = np.where(seen, mean / variance - rest_linear, 0.0)
    return combine(precision, linear, prior, effect_sd)


@dataclass(frozen=True)
class HyperNodes:
    control_centre: Floats  # (table, outer or 1)
    control_sd: Floats  # (table,)
    effect_centre: Floats  # (table, outer, inner)
    effect_sd: Floats  # (table, outer or 1)
    weight: Floats  # (table, outer, inner)


@dataclass(frozen=True)
class HyperGrid:
    outer: Integers  # (table,)
    inner: Integers  # (table,)
    control_sd: Floats  # (table,)
    effect_sd: Floats  # (table,) the smallest
    lowest: Floats  # (table, stratum) ends of effect
    highest: Floats
    place: Callable[[Integers, int, int], HyperNodes]


def ladder(needed: Floats) -> Integers:
    """Smallest standard size not below what is needed."""
    at = np.searchsorted(SIZES, needed)
    sizes: Integers = SIZES[np.minimum(at, SIZES.size - 1)].astype(np.int64)
    return sizes


@dataclass(frozen=True)
class Lattice:
    step: Floats
    control: Floats
    effect: Floats
    rows: Integers
    columns: Integers


def lay_out(near: Approximation, grid: HyperGrid) -> Lattice:
    control, experimental = near.precision[:, 0], near.precision[:, 1]
    by_stratum = grid.control_sd[:, None] ** -2.0
    by_effect = grid.effect_sd[:, None] ** -2.0
    given_effect = np.minimum(
        (control + experimental + by_stratum) ** -0.5, (experimental + by_effect) ** -0.5
    )
    given_logit = np.minimum(
        (control + by_stratum + by_effect) ** -0.5, (experimental + by_effect) ** -0.5
    )
    step = np.minimum(FINENESS * np.maximum(given_effect, given_logit), COARSEST)
    width = 2.0 * REACH * np.sqrt(near.variance[:, 0])
    effect_width = grid.highest - grid.lowest
    rows = ladder(np.ceil(width / step).max(axis=1) + 1.0)
    columns = ladder(np.ceil(effect_width / step).max(axis=1) + 1.0)
    step = np.maximum(width / (rows[:, None] - 1.0), effect_width / (columns[:, None] - 1.0))
    return Lattice(
        step,
        near.mean[:, 0] - step * (rows[:, None] - 1.0) / 2.0,
        (grid.lowest + grid.highest) / 2.0 - step * (columns[:, None] - 1.0) / 2.0,
        rows,
        columns,
    )


@dataclass(frozen=True)
class Block:
    tables: Integers
    successes: Floats
    totals: Floats
    step: Floats
    control: Floats
    effect: Floats
    rows: int
    columns: int
    nodes: HyperNodes

    def logits(self) -> tuple[Floats, Floats]:
        step = self.step[..., None]
        control = self.control[..., None] + step * np.arange(self.rows)
        first = (self.control + self.effect)[..., None]
        return control, first + step * np.arange(self.rows + self.columns - 1)

    def kernels(self, control: Floats, experimental: Floats) -> tuple[Floats, Floats, Floats]:
        x, n = self.successes[..., None], self.totals[..., None]
        log_0 = x[:, 0] * control - n[:, 0] * softplus(control)
        log_1 = x[:, 1] * experimental - n[:, 1] * softplus(experimental)
        log_0 -= log_0.max(axis=-1, keepdims=True)
        log_1 -= log_1.max(axis=-1, keepdims=True)
        nodes = self.nodes
        by_control = control[:, :, None, :] - nodes.control_centre[:, None, :, None]
        by_control /= nodes.control_sd[:, None, None, None]
        by_control *= by_control
        by_control *= -0.5
        by_control += log_0[:, :, None, :]
        np.exp(by_control, out=by_control)
        effect = self.effect[..., None] + self.step[..., None] * np.arange(self.columns)
        by_effect = effect[:, :, None, None, :] - nodes.effect_centre[:, None, :, :, None]
        by_effect *= math.sqrt(0.5) / nodes.effect_sd[:, None, :, None, None]
        by_effect *= by_effect
        np.negative(by_effect, out=by_effect)
        np.exp(by_effect, out=by_effect)
        if nodes.effect_sd.shape[1] > 1:
            by_effect /= nodes.effect_sd[:, None, :, None, None]
        return by_control, np.exp(log_1), by_effect


def pairs(values: Floats, columns: int) -> Floats:
    """Values by experimental logit (…, row + column), seen by (…, row, column)."""
    return np.lib.stride_tricks.sliding_window_view(values, columns, axis=-1)


def row_sum(values: Floats) -> Floats:
    flat: Floats = values.reshape(*values.shape[:-2], -1).sum(axis=-1)
    return flat


def marginals(block: Block) -> tuple[Floats, Floats]:
    control, experimental = block.logits()
    by_control, likelihood, by_effect = block.kernels(control, experimental)
    likelihood = np.ascontiguousarray(pairs(likelihood, block.columns))
    profile = by_control @ likelihood
    level = (by_effect @ profile[..., None])[..., 0]
    level /= level.max(axis=(-1, -2), keepdims=True)
    rest = np.empty_like(level)
    for s in range(level.shape[1]):
        rest[:, s] = block.nodes.weight
        for other in range(level.shape[1]):
            if other != s:
                rest[:, s] *= level[:, other]
    total = row_sum(rest[:, 0] * level[:, 0])
    pull = (rest[..., None, :] @ by_effect)[..., 0, :]
    if by_control.shape[2] == 1:
        pull = pull.sum(axis=2, keepdims=True)
    mass = np.ascontiguousarray(by_control.swapaxes(-1, -2)) @ pull
    mass *= likelihood
    mass /= row_sum(mass)[..., None, None]
    return mass, total


_POINTS: Final = 512
_HALF: Final = 32
_grid = np.arange(-_HALF * _POINTS, _HALF * _POINTS + 1) / _POINTS
_ripple = 0.5 + special.sici(np.pi * _grid)[0] / np.pi - (_grid > 0.0)
_CUT: Final[Floats] = (_grid > 0.0) + _ripple * np.exp(-((_grid / 9.0) ** 2))
_CUT_RISE: Final[Floats] = np.append(np.diff(_CUT), 0.0)


def cut(distance: Floats) -> Floats:
    """Band-limited step."""
    place = np.clip(distance, -float(_HALF), float(_HALF))
    place += _HALF
    place *= _POINTS
    below = place.astype(np.int64)
    place -= below
    place *= _CUT_RISE[below]
    place += _CUT[below]
    return place


def logit_of(chance: Floats, rest: Floats) -> Floats:
    """log(chance / rest), far out where one of them is not positive."""
    inside = (chance > 0.0) & (rest > 0.0)
    ratio = np.where(inside, chance, 1.0) / np.where(inside, rest, 1.0)
    return np.where(inside, np.log(ratio), np.where(chance > 0.0, FAR, -FAR))


class Posterior:
    def __init__(self, failed: Booleans, blocks: list[Block], mass: list[Floats], strata: int):
        self.failed = failed
        self._blocks = blocks
        self._mass = mass
        self._means = np.full((failed.size, 2, strata), np.nan)
        for block, share in zip(blocks, mass, strict=True):
            control, experimental = block.logits()
            share_0 = share.sum(axis=-1)
            mean_0 = (share_0 * special.expit(control)).sum(axis=-1)
            mean_1 = row_sum(share * pairs(special.expit(experimental), block.columns))
            self._means[block.tables] = np.stack([mean_0, mean_1], axis=1)
        self._means[failed] = np.nan

    def difference_above(self, margin: float, weights: npt.ArrayLike) -> Floats:
        weight = self._weights(weights)
        return self._above(np.stack([-weight, weight], axis=1), margin)

    def difference_mean(self, weights: npt.ArrayLike) -> Floats:
        weight = self._weights(weights)
        difference = self._means[:, 1] - self._means[:, 0]
        mean: Floats = (weight * difference).sum(axis=-1)
        return mean

    def arm_above(self, arm: int, value: float, weights: npt.ArrayLike) -> Floats:
        weight = self._weights(weights)
        nothing = np.zeros_like(weight)
        pair = [nothing, weight] if arm else [weight, nothing]
        return self._above(np.stack(pair, axis=1), value)

    def arm_mean(self, arm: int, weights: npt.ArrayLike) -> Floats:
        mean: Floats = (self._weights(weights) * self._means[:, arm]).sum(axis=-1)
        return mean

    def _weights(self, weights: npt.ArrayLike) -> Floats:
        weight = np.asarray(weights, dtype=np.float64)
        shape = (self._means.shape[0], self._means.shape[2])
        return np.ascontiguousarray(np.broadcast_to(weight, shape))

    def _above(self, coefficient: Floats, value: float) -> Floats:
        answer = np.full(self.failed.shape, np.nan)
        for block, mass in zip(self._blocks, self._mass, strict=True):
            here = coefficient[block.tables]
            used = (here != 0.0).any(axis=1)
            alone = used.sum(axis=1) == 1
            found = np.empty(alone.shape)
            for s in range(used.shape[1]):
                rows = np.flatnonzero(alone & used[:, s])
                if rows.size:
                    found[rows] = one_stratum(block, mass, rows, s, here[rows, :, s], value)
            rows = np.flatnonzero(~alone)
            if rows.size:
                found[rows] = several_strata(block, mass, rows, here[rows], value)
            answer[block.tables] = found
        np.clip(answer, 0.0, 1.0, out=answer)
        answer[self.failed] = np.nan
        return answer


def one_stratum(
    block: Block, mass: Floats, rows: Integers, s: int, coefficient: Floats, value: float
) -> Floats:
    control, experimental = block.logits()
    step = block.step[rows, s, None]
    control = control[rows, s]
    experimental = experimental[rows, s]
    share = mass[rows, s]
    arms = tuple(coefficient[0] != 0.0)
    if arms == (True, False):
        at = logit_of(np.float64(value), np.float64(1.0 - value))
        return (share.sum(axis=-1) * cut((control - at) / step)).sum(axis=-1)
    if arms == (False, True):
        at = logit_of(np.float64(value), np.float64(1.0 - value))
        return row_sum(share * pairs(cut((experimental - at) / step), block.columns))
    # the difference: threshold of the experimental logit by row and of the control logit by column
    rise = logit_of(special.expit(control) + value, special.expit(-control) - value)
    fall = logit_of(special.expit(experimental) - value, special.expit(-experimental) + value)
    by_row = cut(pairs(experimental / step, block.columns) - (rise / step)[..., None])
    if value == 0.0:
        return row_sum(share * by_row)
    by_column = cut(pairs(fall / step, block.columns) - (control / step)[..., None])
    both = (control[:, :1] + experimental[:, :1]) / step
    both = both + np.arange(2 * block.rows + block.columns - 2)
    blend = special.ndtr(both * (-math.copysign(1.0, value) / BLEND))
    size = blend.itemsize
    blend = np.lib.stride_tricks.as_strided(
        blend, by_row.shape, (blend.strides[0], 2 * size, size), writeable=False
    )
    by_row -= by_column
    by_row *= blend
    by_row += by_column
    return row_sum(share * by_row)


def taper(frequency: Floats) -> Floats:
    """TODO."""
    low, high = TAPER
    x = np.clip((high - np.abs(frequency)) / (high - low), 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def several_strata(
    block: Block, mass: Floats, rows: Integers, coefficient: Floats, value: float
) -> Floats:
    if rows.size < block.tables.size:
        nodes = block.nodes
        nodes = HyperNodes(
            nodes.control_centre[rows],
            nodes.control_sd[rows],
            nodes.effect_centre[rows],
            nodes.effect_sd[rows],
            nodes.weight[rows],
        )
        block = Block(
            block.tables[rows],
            block.successes[rows],
            block.totals[rows],
            block.step[rows],
            block.control[rows],
            block.effect[rows],
            block.rows,
            block.columns,
            nodes,
        )
        mass = mass[rows]
    columns = block.columns
    control, experimental = block.logits()
    by_control, likelihood, by_effect = block.kernels(control, experimental)
    weight = block.nodes.weight
    tables, strata = control.shape[:2]
    outer, inner = weight.shape[1:]
    # the quantity asked about is the sum of these over strata
    part_0 = coefficient[:, 0, :, None] * special.expit(control)
    part_1 = coefficient[:, 1, :, None] * special.expit(experimental)
    part = part_0[..., None] + pairs(part_1, columns)
    pair = pairs(likelihood, columns)
    profile = by_control @ np.ascontiguousarray(pair)
    level = (by_effect @ profile[..., None])[..., 0]
    profile = by_control @ (pair * part)
    first = (by_effect @ profile[..., None])[..., 0]
    scale = level.max(axis=(-1, -2), keepdims=True)
    level /= scale
    first /= scale
    joint = weight * level.prod(axis=1)
    total = row_sum(joint)
    joint /= total[:, None, None]
    given = first / np.where(level > 0.0, level, 1.0)
    means = row_sum(joint[:, None] * given)
    mean = means.sum(axis=-1)
    # variance: between nodes, of the sum, plus within, stratum by stratum
    spread = row_sum(mass * (part - means[..., None, None]) ** 2)
    spread -= row_sum(joint[:, None] * (given - means[..., None, None]) ** 2)
    variance = spread.sum(axis=-1)
    variance += row_sum(joint * (given.sum(axis=1) - mean[:, None, None]) ** 2)
    sd = np.sqrt(variance)
    away = (value - mean) / sd
    near = np.clip(away, -BEYOND, BEYOND)
    value_near = mean + near * sd
    base = 2.0 * math.pi / ((np.abs(near) + SPAN) * sd)
    turn_0 = phases(part_0, base, block.step, coefficient[:, 0, :, None] * dexpit(control))
    turn_1 = phases(part_1, base, block.step, coefficient[:, 1, :, None] * dexpit(experimental))
    turn_1 *= likelihood[..., None]
    turn_0 = turn_0.astype(np.complex64)
    turn_1 = turn_1.astype(np.complex64)
    window = np.lib.stride_tricks.sliding_window_view(turn_1, columns, axis=2).swapaxes(-1, -2)
    turned = turn_0[:, :, :, None, :] * window
    flat = turned.reshape(tables, strata, block.rows, -1).view(np.float32)
    profile = by_control.astype(np.float32) @ flat
    profile = profile.reshape(tables, strata, -1, columns, 2 * FREQUENCIES)
    waves = (by_effect.astype(np.float32) @ profile).view(np.complex64)
    waves /= scale[..., None].astype(np.float32)
    product = waves[:, 0]
    for s in range(1, strata):
        product = product * waves[:, s]
    product = product.astype(np.complex128).reshape(tables, outer * inner, FREQUENCIES)
    wave = np.einsum("tq,tqf->tf", weight.reshape(tables, -1), product) / total[:, None]
    order = np.arange(FREQUENCIES) + 0.5
    back = np.exp(-1j * (value_near * base)[:, None] * order)
    above = 0.5 + ((wave * back).imag / order).sum(axis=-1) / math.pi
    return np.where(np.abs(away) > BEYOND, away < 0.0, above)


def dexpit(logit: Floats) -> Floats:
    chance: Floats = special.expit(logit)
    return chance * (1.0 - chance)


def phases(part: Floats, base: Floats, step: Floats, slope: Floats):
    angle = part * base[:, None, None]
    turn = np.empty((*part.shape, FREQUENCIES), np.complex128)
    once = np.cos(angle) + 1j * np.sin(angle)
    half = 0.5 * angle
    turn[..., 0] = np.cos(half) + 1j * np.sin(half)
    for k in range(1, FREQUENCIES):
        np.multiply(turn[..., k - 1], once, out=turn[..., k])
    order = np.arange(FREQUENCIES) + 0.5
    turn *= taper((slope * (base[:, None] * step)[..., None])[..., None] * order)
    return turn


def posterior(
    successes: npt.ArrayLike,
    totals: npt.ArrayLike,
    prior: StratumPrior,
    hyper_grid: Callable[[Approximation], HyperGrid],
) -> Posterior:
    x, n = np.asarray(successes, np.float64), np.asarray(totals, np.float64)
    tables, _, strata = n.shape
    failed = np.zeros(tables, dtype=np.bool_)
    blocks: list[Block] = []
    mass: list[Floats] = []
    for first in range(0, tables, TABLES_AT_ONCE):
        here = slice(first, first + TABLES_AT_ONCE)
        near = approximate(x[here], n[here], prior)
        grid = hyper_grid(near)
        lattice = lay_out(near, grid)
        sizes = np.stack([lattice.rows, lattice.columns, grid.outer, grid.inner], axis=1)
        for rows, size in _groups(sizes, strata):
            r, c, outer, inner = size
            at = rows + first
            block = Block(
                at, x[at], n[at], lattice.step[rows], lattice.control[rows], lattice.effect[rows],
                r, c, grid.place(rows, outer, inner),
            )
            share, total = marginals(block)
            failed[at] = ~(np.isfinite(total) & (total > 0.0))
            blocks.append(block)
            mass.append(share)
    return Posterior(failed, blocks, mass, strata)


def _groups(sizes: Integers, strata: int) -> Iterator[tuple[Integers, tuple[int, int, int, int]]]:
    classes, member = np.unique(sizes, axis=0, return_inverse=True)
    for number, size in enumerate(classes.tolist()):
        rows, columns, outer, inner = size
        rows_of = np.flatnonzero(member == number)
        bytes_each = 8 * strata * columns * max(outer * inner, rows * FREQUENCIES)
        at_once = max(1, BYTES_AT_ONCE // bytes_each)
        for first in range(0, rows_of.size, at_once):
            yield rows_of[first : first + at_once], (rows, columns, outer, inner)
