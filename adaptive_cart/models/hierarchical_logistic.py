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
    ladder, posterior, shared_means, combine, resolution,
)

HYPER_REACH: Final = 4.2
HYPER_STEP: Final = 1.2
SHARP_STEP: Final = 1.5
BLUR: Final = 0.85
SD_STEP: Final = 1.05
SD_REACH: Final = 8.0
NEGLIGIBLE: Final = 11.5
FINE: Final[Floats] = (np.arange(48) + 0.5) / 48.0


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
    evidence = Evidence.of(near, prior)
    outer, first, gap, bend = sd_steps(evidence, prior.effect_sd)
    tables, strata = evidence.mean.shape
    lowest = np.full((tables, 2, strata), np.inf)
    highest = np.full((tables, 2, strata), -np.inf)
    ratio = np.zeros((2, tables))
    step = np.full((tables, strata), np.inf)
    for number in np.unique(outer).tolist():
        rows = np.flatnonzero(outer == number)
        effect_sd, weight = sd_nodes(first[rows], gap[rows], bend[rows], number)
        log = evidence.log(effect_sd, rows) + np.log(weight)
        log -= log.max(axis=1, keepdims=True)
        reach = np.sqrt(np.maximum(2.0 * (log + NEGLIGIBLE), 0.0))
        for o in range(number):
            given = combine(near.precision[rows], near.linear[rows], prior, effect_sd[:, o])
            mean = np.stack([given.mean[:, 0], given.effect_mean], axis=1)
            width = np.sqrt(np.stack([given.variance[:, 0], given.effect_variance], axis=1))
            width *= reach[:, o, None, None]
            lowest[rows] = np.minimum(lowest[rows], mean - width)
            highest[rows] = np.maximum(highest[rows], mean + width)
            seen = reach[:, o] > 0.0
            fine = resolution(given, prior.control_sd, effect_sd[:, o])
            step[rows] = np.minimum(step[rows], np.where(seen[:, None], fine, np.inf))
            blur = BLUR * fine.min(axis=1)
            for j, together in enumerate((1, strata)):
                sharp = SHARP_STEP / math.sqrt(together) * effect_sd[:, o]
                here = np.sqrt(given.shared.effect_variance) / np.maximum(sharp, blur * (2.0 / (together + 1.0)))
                ratio[j, rows] = np.maximum(ratio[j, rows], np.where(seen, here, 0.0))
    inner = ladder(2 * HYPER_REACH * np.maximum(1 / HYPER_STEP, ratio) + 1)

    def place(rows: Integers, outer: int, inner: int) -> HyperNodes:
        effect_sd, weight = sd_nodes(first[rows], gap[rows], bend[rows], outer)
        log = evidence.log(effect_sd, rows) + np.log(weight)
        likely = log > log.max(axis=1, keepdims=True) - NEGLIGIBLE
        weight = weight * likely * np.exp(-0.5 * (effect_sd / prior.effect_sd) ** 2)
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
            np.full((rows.size, 1), prior.control_mean), np.full((rows.size, 1), prior.control_sd),
            effect, effect_sd, weight,
        )

    return HyperGrid(
        outer, inner[0], outer, inner[1], step, lowest, highest, place
    )


@dataclass(frozen=True)
class Evidence:
    """What the counts of each stratum alone say about its log-odds ratio, as a normal density."""

    mean: Floats  # (table, stratum)
    variance: Floats  # (table, stratum), infinite where the stratum says nothing
    prior: StratumPrior

    @classmethod
    def of(cls, near: Approximation, prior: StratumPrior) -> Evidence:
        seen = near.precision[:, 1] > 0.0
        control = near.precision[:, 0] + prior.control_sd**-2.0
        experimental = np.where(seen, near.precision[:, 1], 1.0)
        mean = near.linear[:, 1] / experimental
        mean -= (near.linear[:, 0] + prior.control_mean * prior.control_sd**-2.0) / control
        variance = np.where(seen, 1.0 / control + 1.0 / experimental, np.inf)
        return cls(np.where(seen, mean, 0.0), variance, prior)

    def log(self, effect_sd: Floats, rows: Integers | slice) -> Floats:
        """Log density of tau given the data, (table, node), up to a constant."""
        prior = self.prior
        precision = 1.0 / (effect_sd[..., None] ** 2 + self.variance[rows, None])
        total = precision.sum(axis=-1) + prior.effect_mean_sd**-2.0
        centre = (precision * self.mean[rows, None]).sum(axis=-1)
        centre = (centre + prior.effect_mean * prior.effect_mean_sd**-2.0) / total
        misfit = (precision * (self.mean[rows, None] - centre[..., None]) ** 2).sum(axis=-1)
        misfit += ((centre - prior.effect_mean) / prior.effect_mean_sd) ** 2
        misfit += (effect_sd / prior.effect_sd) ** 2
        misfit += np.log(total)
        misfit -= np.log(np.where(precision > 0.0, precision, 1.0)).sum(axis=-1)
        return -0.5 * misfit


def sd_steps(evidence: Evidence, scale: float):
    fine = SD_REACH * scale * FINE**2
    log = evidence.log(np.broadcast_to(fine, (evidence.mean.shape[0], fine.size)), slice(None))
    log -= log.max(axis=1, keepdims=True)
    density = np.exp(log) * FINE
    total = density.sum(axis=1)
    mean = (density * fine).sum(axis=1) / total
    sd = np.sqrt((density * fine**2).sum(axis=1) / total - mean**2)
    seen = log > -NEGLIGIBLE
    last = fine[fine.size - 1 - seen[:, ::-1].argmax(axis=1)]
    first = fine[seen.argmax(axis=1)]
    first = np.where(first < 2.0 * sd, 0.0, first)
    sharp = np.sqrt(evidence.variance.min(axis=1))
    step = np.minimum(SD_STEP * sd, sharp)
    even = (last - first) / step
    bend = 2.0 * sharp
    bent_step = np.minimum(0.5, SD_STEP * sd / np.hypot(bend, mean + 1.5 * sd))
    with np.errstate(invalid="ignore"):
        bent = np.where(np.isfinite(bend), np.arcsinh(last / bend) / bent_step, np.inf)
    straight = even <= bent
    outer = ladder(np.where(straight, even, bent))
    with np.errstate(invalid="ignore"):
        step = np.where(straight, last - first, np.arcsinh(last / bend)) / outer
    return outer, np.where(straight, first, 0.0), step, np.where(straight, 0.0, bend)


def sd_nodes(first: Floats, step: Floats, bend: Floats, number: int):
    at = first[:, None] + (np.arange(number) + 0.5) * step[:, None]
    bent = bend[:, None] > 0.0
    turned = np.where(bent, at, 0.0)
    return np.where(bent, bend[:, None] * np.sinh(turned), at), np.cosh(turned)
