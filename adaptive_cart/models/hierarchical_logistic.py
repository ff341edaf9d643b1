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
SD_REACH: Final = 5.0
WIDE: Final = 1.5


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
    # variance with which the counts of a stratum alone know its log-odds ratio
    with np.errstate(divide="ignore"):
        alone = 1.0 / (near.precision[:, 0] + prior.control_sd**-2.0) + 1.0 / near.precision[:, 1]
    knee = np.minimum(np.sqrt(alone.min(axis=1)), prior.effect_sd)
    end = np.arcsinh(SD_REACH * prior.effect_sd / knee)
    outer = ladder(end / SD_STEP)
    smallest = knee * np.sinh(0.5 * end / outer)
    tight = combine(near.precision, near.linear, prior, smallest)
    loose = combine(near.precision, near.linear, prior, np.full(knee.shape, WIDE * prior.effect_sd))
    lowest = np.minimum(*(a.effect_mean - si.REACH * np.sqrt(a.effect_variance) for a in (tight, loose)))
    highest = np.maximum(*(a.effect_mean + si.REACH * np.sqrt(a.effect_variance) for a in (tight, loose)))
    mean_sd = np.sqrt(tight.shared.effect_variance)
    inner = ladder(2 * HYPER_REACH * np.maximum(1 / HYPER_STEP, mean_sd / (SHARP_STEP * smallest)) + 1)

    def place(rows: Integers, outer: int, inner: int) -> HyperNodes:
        at = (np.arange(outer) + 0.5) * (end[rows, None] / outer)
        effect_sd = knee[rows, None] * np.sinh(at)
        weight = np.cosh(at) * np.exp(-0.5 * (effect_sd / prior.effect_sd) ** 2)
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
        outer, inner, np.full(knee.shape, prior.control_sd), smallest, lowest, highest, place
    )
