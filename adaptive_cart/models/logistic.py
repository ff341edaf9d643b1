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
    ladder, posterior, resolution,
)

HYPER_REACH: Final = 4.2
HYPER_STEP: Final = 1.2
SHARP_STEP: Final = 1.3
BLUR: Final = 0.85


@dataclass(frozen=True)
class Logistic:
    intercept: Normal
    treatment: Normal
    stratum: Normal
    interaction: Normal

    def posterior(self, successes: npt.ArrayLike, totals: npt.ArrayLike) -> Posterior:
        prior = StratumPrior(
            self.intercept.mean + self.stratum.mean,
            self.intercept.sd,
            self.stratum.sd,
            self.treatment.mean + self.interaction.mean,
            self.treatment.sd,
            self.interaction.sd,
        )
        return posterior(successes, totals, prior, lambda near: hyper_grid(near, prior))


def hyper_grid(near: Approximation, prior: StratumPrior) -> HyperGrid:
    shared = near.shared
    slope = shared.covariance / shared.control_variance
    control_sd = np.sqrt(shared.control_variance)
    effect_sd = np.sqrt(shared.effect_variance - slope * shared.covariance)
    step = resolution(near, prior.control_sd, np.full(slope.shape, prior.effect_sd))
    strata = near.effect_mean.shape[1]
    blur = BLUR * step.min(axis=1)

    def number(posterior_sd: Floats, prior_sd: float, together: int) -> Integers:
        sharp = SHARP_STEP * prior_sd / math.sqrt(together)
        step = np.maximum(sharp, blur * (2.0 / (together + 1.0)))
        return ladder(2 * HYPER_REACH * np.maximum(1 / HYPER_STEP, posterior_sd / step) + 1)

    numbers = [
        number(sd, prior_sd, together)
        for together in (1, strata)
        for sd, prior_sd in ((control_sd, prior.control_sd), (effect_sd, prior.effect_sd))
    ]
    mean = np.stack([near.mean[:, 0], near.effect_mean], axis=1)
    reach = si.REACH * np.sqrt(np.stack([near.variance[:, 0], near.effect_variance], axis=1))

    def place(rows: Integers, outer: int, inner: int) -> HyperNodes:
        control = shared.control[rows, None] + control_sd[rows, None] * np.linspace(
            -HYPER_REACH, HYPER_REACH, outer
        )
        centre = shared.effect[rows, None] + slope[rows, None] * (
            control - shared.control[rows, None]
        )
        effect = centre[:, :, None] + effect_sd[rows, None, None] * np.linspace(
            -HYPER_REACH, HYPER_REACH, inner
        )
        log = -0.5 * ((control - prior.control_mean) / prior.control_mean_sd)[:, :, None] ** 2
        log = log - 0.5 * ((effect - prior.effect_mean) / prior.effect_mean_sd) ** 2
        log -= log.max(axis=(1, 2), keepdims=True)
        return HyperNodes(control, np.full((rows.size, 1), prior.control_sd), effect, np.full((rows.size, 1), prior.effect_sd), np.exp(log))

    return HyperGrid(
        *numbers, step, mean - reach, mean + reach, place
    )
