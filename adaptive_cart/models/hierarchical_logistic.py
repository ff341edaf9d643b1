"""DOC."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from adaptive_cart.models import stratum_integrals as si
from adaptive_cart.models.stratum_integrals import (
    Approximation, Floats, HyperGrid, HyperNodes, Integers, Normal, Posterior, StratumPrior,
    ladder, posterior, shared_means, combine,
)

HYPER_REACH: Final = 4.2
HYPER_STEP: Final = 1.2
SHARP_STEP: Final = 1.5
SD_STEP: Final = 0.5
SD_REACH: Final = 8.0
KNEE: Final = 2.0
BLUNT: Final = 0.95
NEGLIGIBLE: Final = 11.5


@dataclass(frozen=True)
class HierarchicalLogistic:
    control_logit: Normal
    effect_mean: Normal
    effect_sd: float

    def posterior(self, successes: npt.ArrayLike, totals: npt.ArrayLike) -> Posterior:
        prior = StratumPrior(
            self.control_logit.mean,
            0.0,
            self.control_logit.sd,
            self.effect_mean.mean,
            self.effect_mean.sd,
            self.effect_sd,
        )
        return posterior(successes, totals, prior, lambda near: hyper_grid(near, prior))


def hyper_grid(near: Approximation, prior: StratumPrior) -> HyperGrid:
    # mean and variance of the log-odds ratio from the counts of a stratum alone
    control = near.precision[:, 0] + prior.control_sd**-2.0
    seen = near.precision[:, 1] > 0.0
    experimental = np.where(seen, near.precision[:, 1], 1.0)
    alone_variance = np.where(seen, 1.0 / control + 1.0 / experimental, np.inf)
    alone = near.linear[:, 1] / experimental
    alone -= (near.linear[:, 0] + prior.control_mean * prior.control_sd**-2.0) / control
    alone = np.where(seen, alone, 0.0)
    knee = KNEE * np.minimum(np.sqrt(alone_variance.min(axis=1)), BLUNT * prior.effect_sd)
    end = np.arcsinh(SD_REACH * prior.effect_sd / knee)
    outer = ladder(end / SD_STEP)
    tables, strata = alone.shape
    lowest = np.full((tables, strata), np.inf)
    highest = np.full((tables, strata), -np.inf)
    inner = np.zeros(tables)
    smallest = knee * np.sinh(0.5 * end / outer)
    for number in np.unique(outer).tolist():
        rows = np.flatnonzero(outer == number)
        effect_sd, weight = sd_nodes(knee[rows], end[rows], number, prior.effect_sd)
        variance = effect_sd[:, :, None] ** 2 + alone_variance[rows, None, :]
        precision = 1.0 / variance
        total = precision.sum(axis=-1) + prior.effect_mean_sd**-2.0
        centre = (precision * alone[rows, None]).sum(axis=-1)
        centre = (centre + prior.effect_mean * prior.effect_mean_sd**-2.0) / total
        fit = precision * (alone[rows, None] - centre[..., None]) ** 2 
        log = -0.5 * (fit.sum(axis=-1) + ((centre - prior.effect_mean) / prior.effect_mean_sd) ** 2)
        log -= 0.5 * np.log(total)
        log += 0.5 * np.log(np.where(precision > 0.0, precision, 1.0)).sum(axis=-1)
        log += np.log(weight)
        log -= log.max(axis=1, keepdims=True)
        reach = np.sqrt(np.maximum(2.0 * (log + NEGLIGIBLE), 0.0))
        for o in range(number):
            given = combine(near.precision[rows], near.linear[rows], prior, effect_sd[:, o])
            width = reach[:, o, None] * np.sqrt(given.effect_variance)
            lowest[rows] = np.minimum(lowest[rows], given.effect_mean - width)
            highest[rows] = np.maximum(highest[rows], given.effect_mean + width)
            ratio = np.sqrt(given.shared.effect_variance) / effect_sd[:, o]
            ratio = np.where(reach[:, o] > 0.0, ratio, 0.0)
            inner[rows] = np.maximum(inner[rows], ratio)
    inner_number = ladder(2 * HYPER_REACH * np.maximum(1 / HYPER_STEP, inner / SHARP_STEP) + 1)

    def place(rows: Integers, outer: int, inner: int) -> HyperNodes:
        effect_sd, weight = sd_nodes(knee[rows], end[rows], outer, prior.effect_sd)
        shared = [
            shared_means(near.precision[rows], near.linear[rows], prior, effect_sd[:, o])
            for o in range(outer)
        ]
        centre = np.stack([each.effect for each in shared], axis=1)
        spread = np.sqrt(np.stack([each.effect_variance for each in shared], axis=1))
        effect = centre[..., None] + spread[..., None] * np.linspace(-HYPER_REACH, HYPER_REACH, inner)
        weight = (weight * spread)[..., None] * np.exp(
            -0.5 * ((effect - prior.effect_mean) / prior.effect_mean_sd) ** 2
        )
        weight /= weight.max(axis=(1, 2), keepdims=True)
        return HyperNodes(
            np.full((rows.size, 1), prior.control_mean), np.full(rows.size, prior.control_sd),
            effect, effect_sd, weight,
        )

    return HyperGrid(
        outer, inner_number, np.full(knee.shape, prior.control_sd), smallest, lowest, highest, place
    )


def sd_nodes(knee, end, number, scale):
    at = (np.arange(number) + 0.5) * (end[:, None] / number)
    effect_sd = knee[:, None] * np.sinh(at)
    return effect_sd, np.cosh(at) * np.exp(-0.5 * (effect_sd / scale) ** 2)
