"""Strata with their own shifts and interactions: the model ``logistic``.

Statement: logit_0s = alpha + sigma_s and logit_1s = alpha + beta + sigma_s + gamma_s, with the
intercept alpha, the treatment effect beta, and for each stratum a shift sigma_s and an interaction
gamma_s, all independently normal; the priors identify them. Method, error and sources:
``strata_posterior.py``. The shared parameters are alpha and beta; their nodes are a grid turned
along the posterior's own axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.strata.strata_approximation import Approximation, Normal, StratumPrior
from adaptive_cart.models.strata.strata_lattice import HyperGrid, HyperNodes, ladder, resolution
from adaptive_cart.models.strata.strata_posterior import Posterior, posterior
from adaptive_cart.nouns.records import Integers

REACH: Final = 4.7  # standard deviations of a logit that its lattice holds
HYPER_REACH: Final = 4.2
HYPER_STEP: Final = 1.2
SHARP_STEP: Final = 1.3
BLUR: Final = 0.75


@dataclass(frozen=True)
class Logistic:
    """Priors of the intercept, the treatment effect, and each stratum's shift and interaction."""

    intercept: Normal
    treatment: Normal
    stratum: Normal
    interaction: Normal

    def posterior(self, successes: npt.ArrayLike, totals: npt.ArrayLike) -> Posterior:
        """Posterior of tables of counts, ``(table, arm, stratum)`` each, control first."""
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
    """Nodes of alpha and beta, in the axes of their approximate posterior."""
    shared = near.shared
    slope = shared.covariance / shared.control_variance
    control_sd = np.sqrt(shared.control_variance)
    effect_sd = np.sqrt(shared.effect_variance - slope * shared.covariance)
    step = resolution(near, prior.control_sd, np.full(slope.shape, prior.effect_sd))
    strata = near.effect_mean.shape[1]
    sharp = SHARP_STEP / math.sqrt(strata)
    blur = BLUR * step.min(axis=1)
    outer = ladder(
        2
        * HYPER_REACH
        * np.maximum(1 / HYPER_STEP, control_sd / np.maximum(sharp * prior.control_sd, blur))
        + 1
    )
    inner = ladder(
        2
        * HYPER_REACH
        * np.maximum(1 / HYPER_STEP, effect_sd / np.maximum(sharp * prior.effect_sd, blur))
        + 1
    )
    mean = np.stack([near.mean[:, 0], near.effect_mean], axis=1)
    reach = REACH * np.sqrt(np.stack([near.variance[:, 0], near.effect_variance], axis=1))

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
        return HyperNodes(
            control,
            np.full((rows.size, 1), prior.control_sd),
            effect,
            np.full((rows.size, 1, 1), prior.effect_sd),
            np.exp(log),
        )

    return HyperGrid(outer, inner, step, mean - reach, mean + reach, place)
