"""A normal approximation to the risks of strata: it places grids and never enters an answer.

Expectation propagation (Minka 2001, UAI): what the counts of each arm and stratum say about their
logit is replaced by a normal likelihood, so that everything is normal and can be combined.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from adaptive_cart.nouns.records import Floats

SWEEPS: Final = 3  # over the strata; a grid's place need not be better known


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


# Nodes of one logit in posterior standard deviations, closer together in the middle.
_STRETCH: Final[Floats] = np.sinh(0.4 * np.arange(-8, 9))[:, None, None, None]
_STRETCH_SLOPE: Final[Floats] = np.cosh(0.4 * np.arange(-8, 9))[:, None, None, None]


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
    node = logit + sd * _STRETCH  # (node, table, arm, stratum), added node by node
    density = successes * node - totals * softplus(node)
    density -= (node - mean) ** 2 / (2.0 * variance)
    density -= density[8]
    np.exp(density, out=density)
    density *= _STRETCH_SLOPE
    total = density.sum(axis=0)
    density *= _STRETCH
    first = density.sum(axis=0) / total
    density *= _STRETCH
    second = density.sum(axis=0) / total
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
