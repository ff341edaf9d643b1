"""Relapse times of an early trial as priors of ``weibull_cure`` for the next one.

A few remitters followed for a year say something about durability and must not say too much: who
has not relapsed yet may be cured or slow.  The early posterior, given vague priors, is matched by
the independent priors that a design file holds: a beta for the cured fraction, lognormals for
median relapse time and shape, each with the posterior's mean and variance (of the logarithm).
Independence drops the posterior's correlation between cured fraction and median, so that the prior
is wider in what was learned best, the fraction in remission within the follow-up.

Early data do not always hold up.  The discount is a power prior: the likelihood is raised to the
power 1 - ``skeptical``, as if only that share of every remitter had been seen (Ibrahim & Chen 2000,
Stat Sci 15:46).  With 1 the vague priors come back.

Method: sums over a lattice of 48 x 72 x 64 points in (log shape, log median, angle of the cured
fraction), placed by two coarser ones, from the likelihood written out participant by participant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from adaptive_cart.nouns.parts import ONE_DAY
from adaptive_cart.nouns.records import Booleans, Floats

_LN2 = math.log(2.0)
_SHORTEST = 1e-6  # months
_SIZES = ((24, 36, 32), (36, 54, 48), (48, 72, 64))  # lattices: shape, median, cured
_REACH = 6.0  # prior standard deviations
_DROP = 16.0  # log density below its maximum that is left out


@dataclass(frozen=True)
class DurabilityPriors:
    """Independent priors of ``weibull_cure``.

    Attributes
    ----------
    cured
        a and b of the beta prior of the cured fraction.
    median_months, shape
        Median and sigma of the lognormals of median relapse time and Weibull shape.
    """

    cured: tuple[float, float] = (1.0, 1.0)
    median_months: tuple[float, float] = (12.0, 1.0)
    shape: tuple[float, float] = (1.2, 0.5)


VAGUE = DurabilityPriors()


@dataclass(frozen=True)
class DurabilityMoments:
    """Mean and variance of the cured fraction and of the logarithms of median and shape."""

    cured: tuple[float, float]
    log_median: tuple[float, float]
    log_shape: tuple[float, float]

    def matched(self) -> DurabilityPriors:
        """Independent priors with these moments."""
        mean, variance = self.cured
        size = mean * (1.0 - mean) / variance - 1.0
        return DurabilityPriors(
            (mean * size, (1.0 - mean) * size),
            (math.exp(self.log_median[0]), math.sqrt(self.log_median[1])),
            (math.exp(self.log_shape[0]), math.sqrt(self.log_shape[1])),
        )


def durability_moments(
    months: Floats, relapsed: Booleans, prior: DurabilityPriors = VAGUE, power: float = 1.0
) -> DurabilityMoments:
    """Posterior moments of the cured fraction, median and shape of one arm.

    Parameters
    ----------
    months, relapsed
        ``(remitter,)`` time in remission, and whether it ended in relapse (else censored).
    power
        To which the likelihood is raised.
    """
    if months.shape != relapsed.shape or months.ndim != 1:
        raise ValueError(f"months are {months.shape}, relapsed {relapsed.shape}")
    if not 0.0 <= power <= 1.0:
        raise ValueError(f"power must be between 0 and 1; found {power}")
    soon = relapsed & (months <= _SHORTEST)  # as in the model: one day
    logs_of_months = np.log(np.where(soon, ONE_DAY, np.maximum(months, _SHORTEST)))
    centre = np.log([prior.shape[0], prior.median_months[0]])
    sigma = np.array([prior.shape[1], prior.median_months[1]])
    box = [(m - _REACH * s, m + _REACH * s) for m, s in zip(centre, sigma, strict=True)]
    box.append((0.0, 0.5 * math.pi))
    for sizes in _SIZES:
        edges = [np.linspace(*ends, size + 1) for ends, size in zip(box, sizes, strict=True)]
        shape, median, angle = (0.5 * (side[1:] + side[:-1]) for side in edges)
        logs = _log_density(logs_of_months, relapsed, shape, median, angle, prior, power)
        inside = logs > logs.max() - _DROP
        for axis in range(3):
            found = np.flatnonzero(inside.any(axis=tuple(k for k in range(3) if k != axis)))
            first, last = max(found[0] - 1, 0), min(found[-1] + 2, sizes[axis])
            box[axis] = (float(edges[axis][first]), float(edges[axis][last]))
    weight = np.exp(logs - logs.max())
    weight /= weight.sum()

    def of(values: Floats, axis: int) -> tuple[float, float]:
        mass = weight.sum(axis=tuple(k for k in range(3) if k != axis))
        mean = float(mass @ values)
        return mean, float(mass @ (values - mean) ** 2)

    return DurabilityMoments(of(np.sin(angle) ** 2, 2), of(median, 1), of(shape, 0))


def _log_density(
    log_months: Floats,
    relapsed: Booleans,
    shape: Floats,
    median: Floats,
    angle: Floats,
    prior: DurabilityPriors,
    power: float,
) -> Floats:
    """Log posterior density, ``(log shape, log median, angle)``."""
    a, b = prior.cured
    log_cured, log_others = 2.0 * np.log(np.sin(angle)), 2.0 * np.log(np.cos(angle))
    cured = np.sin(angle) ** 2
    likelihood = np.zeros((len(shape), len(median), len(angle)))
    power_of_time = np.exp(shape)[:, None]
    for month, event in zip(log_months, relapsed, strict=True):
        relative = power_of_time * (month - median)
        hazard = _LN2 * np.exp(np.minimum(relative, 500.0))
        if event:
            likelihood += (shape[:, None] + relative - hazard)[:, :, None] + log_others
        else:
            left = np.exp(-hazard)[:, :, None]
            likelihood += np.log(left + (1.0 - left) * cured)
    # the beta density of the cured fraction times the derivative of sin^2
    logs = power * likelihood + (a - 0.5) * log_cured + (b - 0.5) * log_others
    logs -= (
        0.5 * (((median - math.log(prior.median_months[0])) / prior.median_months[1]) ** 2)[:, None]
    )
    logs -= 0.5 * (((shape - math.log(prior.shape[0])) / prior.shape[1]) ** 2)[:, None, None]
    return logs


def durability_priors(
    months: Floats, relapsed: Booleans, skeptical: float = 0.0, prior: DurabilityPriors = VAGUE
) -> DurabilityPriors:
    """Priors of ``weibull_cure`` from the remitters of an early trial.

    Parameters
    ----------
    months, relapsed
        ``(remitter,)`` time in remission, and whether it ended in relapse.
    skeptical
        How much of the early data is not believed, from 0 to 1.
    """
    if not 0.0 <= skeptical <= 1.0:
        raise ValueError(f"skeptical must be between 0 and 1; found {skeptical}")
    if skeptical == 1.0 or len(months) == 0:
        return prior
    return durability_moments(months, relapsed, prior, 1.0 - skeptical).matched()
