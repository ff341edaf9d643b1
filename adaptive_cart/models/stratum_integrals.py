"""Posterior of risks in strata that learn from one another: what both logistic models share.

Statement
---------
For stratum s, with x_as responders of n_as in arm a (0 control, 1 experimental)::

    x_as         ~ Binomial(n_as, expit(logit_as))
    logit_0s     ~ Normal(alpha, control sd)
    logit_1s     = logit_0s + delta_s,   delta_s ~ Normal(beta, effect sd)

alpha and beta (and, in the hierarchical model, the effect sd itself) are shared by the strata;
given them strata are independent. ``logistic.py`` and ``hierarchical_logistic.py`` say what the
shared parameters' priors are and where their nodes lie.

Method
------
1. Expectation propagation (Minka 2001, UAI) gives a normal approximation to everything; it places
   grids and never enters an answer.
2. Each stratum gets a lattice in (control logit, log-odds ratio), with the same step in both,
   fine enough for its posterior; sums over it converge geometrically (Trefethen & Weideman 2014,
   SIAM Review 56:385). The shared parameters get nodes laid out by the model.
3. At every shared node the likelihood is summed against its conditional prior, which is a product
   of two kernels; products over strata, weighted over the nodes, are the joint posterior (the
   exact counterpart of Rue, Martino & Chopin 2009, JRSS B 71:319).
4. A question about one stratum sums its marginal over the lattice against a band-limited step at
   the threshold, so that a cut between lattice points costs no accuracy. An average over several
   strata inverts its characteristic function, which given a node is a product over strata
   (Gil-Pelaez 1951, Biometrika 38:481).

Error
-----
``tests/test_strata_posteriors.py`` holds every probability to 0.002 of brute force, over tables
with empty cells, no and all events, a control of 2%, one participant and 250 a stratum. A table's
answer never depends on the other tables of its batch.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

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

REACH: Final = 4.7
FINENESS: Final = 0.8
COARSEST: Final = 0.5
BLEND: Final = 1.2
FILTER_REACH: Final = 8
FILTER_WIDTH: Final = 3.2
STEEP_REACH: Final = 3.0
FINER: Final = np.array([2, 3, 4, 6, 8, 12, 16, 24, 32])
FREQUENCIES: Final = (10, 12, 16, 24, 48, 96, 192)
BLIND: Final = 3.0
UNSEEN: Final = 2e-2
SPAN: Final = 7.0
BEYOND: Final = 12.0
SWEEPS: Final = 3
SIZES: Final = np.array(
    [
        *(5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 22, 24, 28, 32),
        *range(40, 65, 8),
        *range(80, 129, 16),
        *range(160, 257, 32),
    ]
    + [64 * k for k in range(5, 17)]
)
NODES_AT_ONCE: Final = 2**18
TABLES_AT_ONCE: Final = 2**11
FAR: Final = 1e3
SMALLEST: Final = 1e-25
NARROWEST: Final = 0.85
FLANK: Final = 1.1


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
    """Prior of alpha (control mean), beta (effect mean), and the spread of strata about them."""

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
    """Normal approximation to the posterior."""

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
    """Combine what the strata say about alpha and beta, all being normal, with their prior."""
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
    """Combine normal likelihoods of the logits, (table, arm, stratum), with the prior."""
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
    """Nodes of the shared parameters: centres and spreads of the conditional priors, weights."""

    control_centre: Floats  # (table, outer or 1)
    control_sd: Floats  # (table, outer or 1)
    effect_centre: Floats  # (table, outer, inner)
    effect_sd: Floats  # (table, outer or 1)
    weight: Floats  # (table, outer, inner)


@dataclass(frozen=True)
class HyperGrid:
    """How many nodes a table needs, how fine and wide its lattices must be, and where nodes lie."""

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

    def take(self, at: Integers) -> Lattice:
        return Lattice(
            self.step[at], self.control[at], self.effect[at], self.rows[at], self.columns[at]
        )


def lay_out(near: Approximation, grid: HyperGrid) -> Lattice:
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
        return self.control.shape[-1]

    @property
    def columns(self) -> int:
        return self.effect.shape[-1]

    def take(self, at: slice | Integers) -> Block:
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

    def kernels(self) -> tuple[Floats, Floats]:
        nodes = self.nodes
        step = self.step[..., None]
        by_control = normal_kernel(
            self.control[:, :, None],
            nodes.control_centre[:, None, None],
            nodes.control_sd[:, None],
            step,
        )
        by_control = by_control[:, :, 0]
        # XXX
        groups = nodes.effect_sd.shape[1]
        tables, outer, inner = nodes.effect_centre.shape
        by_effect = normal_kernel(
            self.effect[:, :, None],
            nodes.effect_centre.reshape(tables, 1, groups, -1),
            nodes.effect_sd[:, None],
            step,
        )
        by_effect = by_effect.reshape(tables, -1, outer, inner, self.columns)
        by_control *= np.exp(self.log_control)[:, :, None]
        return by_control, by_effect


def normal_kernel(point: Floats, centre: Floats, sd: Floats, step: Floats) -> Floats:
    """Normal density of lattice points about centres.

    Parameters
    ----------
    point, centre, sd, step
        ``(table, stratum, 1, point)``, ``(table, 1, group, centre)``, ``(table, 1, group)`` and
        ``(table, stratum, 1)``.

    Returns
    -------
    (table, stratum, group, centre, point)
    """
    wide = np.maximum(sd, NARROWEST * step)
    scale = math.sqrt(0.5) / wide
    middle = centre[:, :, :1, :].mean(axis=-1, keepdims=True)
    # exp(-(x - c) ** 2), the square multiplied out: one product of matrices
    x = np.empty((*wide.shape, 3, point.shape[-1]))
    np.multiply(point - middle, scale[..., None], out=x[..., 1, :])
    np.multiply(x[..., 1, :], -x[..., 1, :], out=x[..., 0, :])
    x[..., 2, :] = 1.0
    c = np.empty((*wide.shape, centre.shape[-1], 3))
    np.multiply(centre - middle, scale[..., None], out=c[..., 1])
    np.multiply(c[..., 1], -c[..., 1], out=c[..., 2])
    c[..., 1] *= 2.0
    c[..., 0] = 1.0
    kernel = c @ x
    lost = 1.0 - (sd / wide) ** 2
    narrow = np.nonzero(lost > 0.0)
    sharpened = None
    if narrow[0].size:
        sharpened = sharpen(kernel[narrow], lost[narrow])
    np.exp(kernel, out=kernel)
    if sharpened is not None:
        kernel[narrow] *= sharpened
    if wide.shape[-1] > 1:
        kernel *= scale[..., None, None]
    return kernel


def sharpen(exponent: Floats, lost: Floats) -> Floats:
    """Polynomial."""
    q = lost[:, None, None]
    y = -2.0 * exponent
    found = (q**4 / 384.0) * y
    for factor in (
        -(q**3) / 48.0 - q**4 * (28.0 / 384.0),
        q**2 / 8.0 + q**3 * (15.0 / 48.0) + q**4 * (210.0 / 384.0),
        -q / 2.0 - q**2 * 0.75 - q**3 * (45.0 / 48.0) - q**4 * (420.0 / 384.0),
    ):
        found += factor
        found *= y
    found += 1.0 + q / 2.0 + q**2 * 0.375 + q**3 * (15.0 / 48.0) + q**4 * (105.0 / 384.0)
    return found


def pairs(values: npt.NDArray[Any], columns: int) -> npt.NDArray[Any]:
    """Values by experimental logit (…, row + column), seen by (…, row, column)."""
    return np.lib.stride_tricks.sliding_window_view(values, columns, axis=-1)


def total_of(values: Floats) -> Floats:
    flat: Floats = values.reshape(*values.shape[:-2], -1).sum(axis=-1)
    return flat


def marginals(block: Block) -> tuple[Floats, Floats, Floats]:
    by_control, by_effect = block.kernels()
    likelihood = np.ascontiguousarray(pairs(block.likelihood, block.columns))
    profile = by_control @ likelihood
    level = (by_effect @ profile[..., None])[..., 0]
    scale = level.max(axis=(-1, -2))
    level /= scale[..., None, None]
    rest = np.empty_like(level)
    for s in range(level.shape[1]):
        rest[:, s] = block.nodes.weight
        for other in range(level.shape[1]):
            if other != s:
                rest[:, s] *= level[:, other]
    total = total_of(rest[:, 0] * level[:, 0])
    pull = (rest[..., None, :] @ by_effect)[..., 0, :]
    if by_control.shape[2] == 1:
        pull = pull.sum(axis=2, keepdims=True)
    mass = np.ascontiguousarray(by_control.swapaxes(-1, -2)) @ pull
    mass *= likelihood
    mass /= total_of(mass)[..., None, None]
    return mass, scale, total


_POINTS: Final = 256
_HALF: Final = 32
_grid = np.arange(-_HALF * _POINTS, _HALF * _POINTS + 1) / _POINTS
_ripple = 0.5 + special.sici(np.pi * _grid)[0] / np.pi - (_grid > 0.0)
_CUT: Final[Floats] = (_grid > 0.0) + _ripple * np.exp(-((_grid / 9.0) ** 2))
_CUT[0], _CUT[-1] = 0.0, 1.0
_CUT_RISE: Final[Floats] = np.append(np.diff(_CUT), 0.0)


def place_of(distance: Floats) -> tuple[Integers, Floats]:
    """Whole steps of the tabulated cut, and the rest as a part of one."""
    distance = np.clip(distance, -1e5, 1e5) * _POINTS
    below = np.floor(distance)
    return below.astype(np.int64), distance - below


def cut(place: npt.NDArray[Any], part: Floats) -> Floats:
    """Band-limited step."""
    place = np.clip(place, -_HALF * _POINTS, _HALF * _POINTS)
    place += _HALF * _POINTS
    found = _CUT_RISE.take(place)
    found *= part
    found += _CUT.take(place)
    return found


def logit_of(chance: Floats, rest: Floats) -> Floats:
    """log(chance / rest), far out where one of them is not positive."""
    inside = (chance > 0.0) & (rest > 0.0)
    ratio = np.where(inside, chance, 1.0) / np.where(inside, rest, 1.0)
    return np.where(inside, np.log(ratio), np.where(chance > 0.0, FAR, -FAR))


class Posterior:
    """What the data of many tables say about the risks of their strata.

    Attributes
    ----------
    failed
        ``(table,)`` tables whose posterior could not be computed; their answers are nan.
    """

    def __init__(self, failed: Booleans, strata: int) -> None:
        self.failed = failed
        self._blocks: list[tuple[Block, Floats, Floats, Booleans]] = []
        self._mean = np.full((failed.size, 2, strata), np.nan)
        self._square = np.full((failed.size, 3, strata), np.nan)  # 0 0, 1 1, 0 1

    def _add(self, block: Block) -> None:
        """Work out the joint weights and the moments of tables on grids of one size."""
        tables = block.tables
        mass = np.empty((*block.step.shape, block.rows, block.columns))
        scale = np.empty(block.step.shape)
        faint = np.empty(tables.size, dtype=np.bool_)
        each = block.step.shape[1] * block.columns * max(block.rows, block.nodes.weight[0].size)
        for at in chunks(tables.size, each):
            share, scale[at], total = marginals(block.take(at))
            self.failed[tables[at]] = ~(np.isfinite(total) & (total > 0.0))
            faint[at] = np.minimum(scale[at].min(axis=1), total) < SMALLEST
            mass[at] = share
            chance_0 = special.expit(block.control[at])
            chance_1 = pairs(special.expit(block.experimental[at]), block.columns)
            share_0 = share.sum(axis=-1)
            mean_0 = (share_0 * chance_0).sum(axis=-1)
            square_0 = (share_0 * chance_0**2).sum(axis=-1)
            share *= chance_1
            mean_1 = total_of(share)
            product = (share.sum(axis=-1) * chance_0).sum(axis=-1)
            share *= chance_1
            self._mean[tables[at]] = np.stack([mean_0, mean_1], axis=1)
            self._square[tables[at]] = np.stack([square_0, total_of(share), product], axis=1)
        self._blocks.append((block, mass, scale, faint))

    def difference_above(self, margin: float, weights: npt.ArrayLike) -> Floats:
        """Posterior probability that the weighted risk difference exceeds a margin, ``(table,)``.

        Parameters
        ----------
        weights
            ``(stratum,)`` or ``(table, stratum)``, not negative, summing to one.
        """
        weight = self._weights(weights)
        return self._above(np.stack([-weight, weight], axis=1), margin)

    def difference_mean(self, weights: npt.ArrayLike) -> Floats:
        """Posterior mean of the weighted risk difference, ``(table,)``."""
        weight = self._weights(weights)
        difference = self._mean[:, 1] - self._mean[:, 0]
        mean: Floats = (weight * difference).sum(axis=-1)
        return mean

    def arm_above(self, arm: int, value: float, weights: npt.ArrayLike) -> Floats:
        """Posterior probability that an arm's weighted risk exceeds a value, ``(table,)``."""
        weight = self._weights(weights)
        nothing = np.zeros_like(weight)
        pair = [nothing, weight] if arm else [weight, nothing]
        return self._above(np.stack(pair, axis=1), value)

    def arm_mean(self, arm: int, weights: npt.ArrayLike) -> Floats:
        """Posterior mean of an arm's weighted risk, ``(table,)``."""
        mean: Floats = (self._weights(weights) * self._mean[:, arm]).sum(axis=-1)
        return mean

    def _weights(self, weights: npt.ArrayLike) -> Floats:
        weight = np.asarray(weights, dtype=np.float64)
        shape = (self._mean.shape[0], self._mean.shape[2])
        return np.ascontiguousarray(np.broadcast_to(weight, shape))

    def _above(self, coefficient: Floats, value: float) -> Floats:
        answer = np.full(self.failed.shape, np.nan)
        used = (coefficient != 0.0).any(axis=1)
        alone = used.sum(axis=1) == 1
        for block, mass, scale, faint in self._blocks:
            size = block.rows * block.columns
            here = used[block.tables]
            for s in range(used.shape[1]):
                rows = np.flatnonzero(alone[block.tables] & here[:, s])
                for at in chunks(rows.size, size):
                    of = block.tables[rows[at]]
                    answer[of] = one_stratum(
                        block, mass, rows[at], s, coefficient[of[0], :, s], value
                    )
            rows = np.flatnonzero(~alone[block.tables])
            if rows.size:
                of = block.tables[rows]
                several_strata(
                    block,
                    rows,
                    scale,
                    faint,
                    coefficient[of],
                    value,
                    self._mean[of],
                    self._square[of],
                    answer,
                )
        np.clip(answer, 0.0, 1.0, out=answer)
        answer[self.failed] = np.nan
        return answer


def chunks(size: int, each: int) -> Iterator[slice]:
    at_once = max(1, NODES_AT_ONCE // each)
    for first in range(0, size, at_once):
        yield slice(first, min(first + at_once, size))


def one_stratum(
    block: Block, mass: Floats, rows: Integers, s: int, coefficient: Floats, value: float
) -> Floats:
    step = block.step[rows, s, None]
    control = block.control[rows, s]
    experimental = block.experimental[rows, s]
    share = mass[rows, s]
    if not coefficient.all():
        at = logit_of(np.asarray(value), np.asarray(1.0 - value))
        if coefficient[0]:
            above: Floats = share.sum(axis=-1) * cut(*place_of((control - at) / step))
            return above.sum(axis=-1)
        return total_of(share * pairs(cut(*place_of((experimental - at) / step)), block.columns))
    # the difference: threshold of the experimental logit by row and of the control logit by column
    rise = logit_of(special.expit(control) + value, special.expit(-control) - value)
    place, part = place_of((experimental[:, : block.rows] - rise) / step)
    along = np.arange(block.columns) * _POINTS
    by_row = cut(place[..., None] + along, part[..., None])
    if value == 0.0:
        return total_of(share * by_row)
    fall = logit_of(special.expit(experimental) - value, special.expit(-experimental) + value)
    place, part = place_of((fall - control[:, :1]) / step)
    along = np.arange(block.rows)[:, None] * _POINTS
    by_column = cut(pairs(place, block.columns) - along, pairs(part, block.columns))
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
    by_row *= share
    return total_of(by_row)


def several_strata(
    block: Block,
    rows: Integers,
    scale: Floats,
    faint: Booleans,
    coefficient: Floats,
    value: float,
    mean: Floats,
    square: Floats,
    answer: Floats,
) -> None:
    # location and scale of the quantity asked about
    centre = (coefficient * mean).sum(axis=(1, 2))
    within = (coefficient**2 * square[:, :2]).sum(axis=1)
    within += 2.0 * coefficient[:, 0] * coefficient[:, 1] * square[:, 2]
    within -= (coefficient * mean).sum(axis=1) ** 2
    sds = np.sqrt(np.maximum(within, 0.0))
    sd = np.sqrt(0.75 * (sds**2).sum(axis=-1) + 0.25 * sds.sum(axis=-1) ** 2)
    away = (value - centre) / sd
    near = np.clip(away, -BEYOND, BEYOND)
    base = 2.0 * math.pi / ((np.abs(near) + SPAN) * sd)
    at_value = (centre + near * sd) * base
    needed = frequencies(block.mean[rows], block.sd[rows], coefficient, base)
    low = faint[rows]
    kind = np.stack([needed, refinement(block, rows, coefficient, base, needed), low], axis=1)
    kind[np.abs(away) > BEYOND] = -1
    classes, member = np.unique(kind, axis=0, return_inverse=True)
    for which, (number, finer, wide) in enumerate(classes.tolist()):
        if number < 0:
            continue
        at = np.flatnonzero(member == which)
        real = np.float64 if wide else np.float32
        each = mean.shape[2] * block.columns
        each *= max(block.rows * number, block.nodes.weight[0].size, 2 * finer * number)
        for part in chunks(at.size, each):
            here = at[part]
            r = rows[here]
            answer[block.tables[r]] = above(
                block.take(r),
                scale[r],
                real,
                number,
                finer,
                coefficient[here] * base[here, None, None],
                at_value[here],
            )
    out = np.abs(away) > BEYOND
    answer[block.tables[rows[out]]] = away[out] < 0.0


def frequencies(mean: Floats, sd: Floats, coefficient: Floats, base: Floats) -> Integers:
    """How many."""
    needed = np.full(base.shape, FREQUENCIES[-1])
    for number in FREQUENCIES[-2::-1]:
        # where a proportion p turns slower than BLIND radians a posterior sd, p (1 - p) is below
        with np.errstate(divide="ignore", over="ignore"):
            slow = BLIND / ((number - 0.5) * base[:, None, None] * np.abs(coefficient) * sd)
        edge = 0.5 - np.sqrt(np.maximum(0.25 - slow, 0.0))
        edge = special.logit(np.maximum(edge, 1e-300))
        share = special.ndtr((edge - mean) / sd) + special.ndtr((edge + mean) / sd)
        unseen = np.minimum(share, 1.0).prod(axis=(1, 2))
        needed = np.where(unseen < UNSEEN, number, needed)
    return needed


def refinement(
    block: Block, rows: Integers, coefficient: Floats, base: Floats, number: Integers
) -> Integers:
    mean, sd = block.mean[rows], block.sd[rows]
    steepest = np.maximum(np.abs(mean) - STEEP_REACH * sd, 0.0)
    chance = special.expit(steepest)
    turn = np.abs(coefficient) * (chance * (1.0 - chance) * block.step[rows, None])
    turn = turn.max(axis=(1, 2)) * (number * base)
    needed = (turn + math.pi + 0.6) / (2.0 * math.pi)
    return np.where(
        turn < 2.3, 1, FINER[np.minimum(np.searchsorted(FINER, needed), FINER.size - 1)]
    )


def above(
    block: Block,
    scale: Floats,
    real: type,
    number: int,
    finer: int,
    rate_of: Floats,
    at_value: Floats,
) -> Floats:
    columns = block.columns
    by_control, by_effect = block.kernels()
    by_control /= scale[..., None, None]
    by_control = by_control.astype(real)
    by_effect = by_effect.astype(real)
    turn_0 = turns(block.control, block.step, rate_of[:, 0], real, number, finer)
    turn_1 = turns(block.experimental, block.step, rate_of[:, 1], real, number, finer)
    turn_1 *= block.likelihood[..., None].astype(real)
    tables, strata = scale.shape
    outer, inner = block.nodes.weight.shape[1:]
    waves_each = turn_0.shape[-1]
    width = columns * waves_each
    # (row, column, frequency) as a view of (row + column, frequency)
    window = np.lib.stride_tricks.as_strided(
        turn_1, (tables, strata, block.rows, width), turn_1.strides, writeable=False
    )
    turned = np.repeat(turn_0, columns, axis=2).reshape(window.shape)
    turned *= window
    profile = by_control @ turned.view(real)
    profile = profile.reshape(tables, strata, -1, columns, 2 * waves_each)
    wave = (by_effect @ profile).reshape(tables, strata, outer * inner, 2 * waves_each)
    wave = wave.view(turn_0.dtype)
    product = wave[:, 0]
    for s in range(1, strata):
        product = product * wave[:, s]
    weight: npt.NDArray[Any] = block.nodes.weight.reshape(tables, 1, -1).astype(real)
    wave = (weight @ product.view(real)).view(turn_0.dtype)[:, 0].astype(np.complex128)
    order = np.arange(number) + 0.5
    back = np.exp(-1j * at_value[:, None] * order)
    back *= wave[:, 1:]
    back /= wave[:, :1].real
    found: Floats = 0.5 + (back.imag / order).sum(axis=-1) / math.pi
    return found


def turns(logit: Floats, step: Floats, rate: Floats, real: type, number: int, finer: int) -> Floats:
    points = logit.shape[-1]
    reach = FILTER_REACH if finer > 1 else 0
    fine = np.arange((points - 1 + 2 * reach) * finer + 1) / finer - reach
    angle = logit[..., :1] + step[..., None] * fine
    np.negative(angle, out=angle)
    np.exp(angle, out=angle)
    angle += 1.0
    np.divide(0.5 * rate[..., None], angle, out=angle)
    # whole turns off before the precision goes down
    angle -= 2.0 * math.pi * np.rint(angle / (2.0 * math.pi))
    angle = angle.astype(real)
    once = np.empty(angle.shape, np.result_type(real, np.complex64))
    np.cos(angle, out=once.real)
    np.sin(angle, out=once.imag)
    turn = np.empty((*once.shape[:-1], number + 1, once.shape[-1]), once.dtype)
    turn[..., 0, :] = 1.0
    turn[..., 1, :] = once
    once *= once
    done = 1
    while done < number:
        more = min(done, number - done)
        np.multiply(
            turn[..., 1 : 1 + more, :],
            once[..., None, :],
            out=turn[..., 1 + done : 1 + done + more, :],
        )
        once *= once
        done += more
    turn = np.ascontiguousarray(turn.swapaxes(-1, -2))
    if finer == 1:
        return turn
    return (band(points, finer).astype(real) @ turn.view(real)).view(turn.dtype)


@functools.lru_cache(maxsize=256)
def band(points: int, finer: int) -> Floats:
    """(point, finer point) weights."""
    fine = np.arange((points - 1 + 2 * FILTER_REACH) * finer + 1) / finer - FILTER_REACH
    distance = fine - np.arange(points)[:, None]
    weight: Floats = np.sinc(distance) * np.exp(-((distance / FILTER_WIDTH) ** 2))
    weight[np.abs(distance) > FILTER_REACH] = 0.0
    weight /= weight.sum(axis=1, keepdims=True)
    return weight


def posterior(
    successes: npt.ArrayLike,
    totals: npt.ArrayLike,
    prior: StratumPrior,
    hyper_grid: Callable[[Approximation], HyperGrid],
) -> Posterior:
    """Posterior of tables of counts, ``(table, arm, stratum)`` each.

    Tables are grouped by the sizes of their grids, which each table's own data decide.
    """
    x, n = np.asarray(successes, np.float64), np.asarray(totals, np.float64)
    tables, _, strata = n.shape
    found = Posterior(np.zeros(tables, dtype=np.bool_), strata)
    for first in range(0, tables, TABLES_AT_ONCE):
        here = slice(first, first + TABLES_AT_ONCE)
        near = approximate(x[here], n[here], prior)
        grid = hyper_grid(near)
        lattice = lay_out(near, grid)
        sizes = np.stack([lattice.rows, lattice.columns, grid.outer, grid.inner], axis=1)
        classes, member = np.unique(sizes, axis=0, return_inverse=True)
        for number, (r, c, outer, inner) in enumerate(classes.tolist()):
            rows = np.flatnonzero(member == number)
            at = rows + first
            found._add(
                Block.lay(
                    at,
                    x[at],
                    n[at],
                    near.mean[rows],
                    np.sqrt(near.variance[rows]),
                    lattice.take(rows),
                    r,
                    c,
                    grid.place(rows, outer, inner),
                )
            )
    return found
