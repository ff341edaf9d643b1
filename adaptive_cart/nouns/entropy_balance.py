"""Weights that make external participants look, on average, like those whom a trial will enrol.

Of all weights with which the means of the covariates are the target's, those that differ least from
equal ones: entropy balancing (Hainmueller 2012, Political Analysis 20:25,
doi:10.1093/pan/mpr025), which is matching-adjusted indirect comparison (Signorovitch et al. 2010)
and, for the odds of being in the trial, a logistic model fitted by moments (Zhao and Percival
2017). They are ``exp(x · lambda)`` with the lambda at which the convex dual, the logarithm of the
sum of ``exp((x - target) · lambda)``, is smallest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from adaptive_cart.nouns.records import Floats

EXACT = 1e-8  # standard deviations by which a weighted mean may miss its target


class NoOverlap(ValueError):
    """No weights give the target."""


@dataclass(frozen=True)
class Balanced:
    """Weights of participants, and how far they were from the target before and are after.

    Attributes
    ----------
    weights
        ``(participant,)``, adding up to 1.
    before, after, target
        Means of the covariates, ``(covariate,)``.
    away, left
        Standardised differences from the target before and after: by the standard deviation of
        the participants as they are.
    """

    weights: Floats
    before: Floats
    after: Floats
    target: Floats
    away: Floats
    left: Floats

    @property
    def effective(self) -> float:
        """Participants that count alike and would tell as much (Kish 1965)."""
        return float(1.0 / (self.weights**2).sum())


def balanced(covariates: Floats, target: Floats) -> Balanced:
    """Find the weights.

    Parameters
    ----------
    covariates
        ``(participant, covariate)``.
    target
        Means to be had, ``(covariate,)``.

    Raises
    ------
    NoOverlap
        If there are none: the target lies outside of what the participants have.
    """
    from scipy import optimize

    before, sd = covariates.mean(axis=0), covariates.std(axis=0, ddof=1)
    scale = np.where(sd > 0.0, sd, 1.0)
    z = (covariates - target) / scale

    def weights_at(slopes: Floats) -> Floats:
        found: Floats = special.softmax(z @ slopes)
        return found

    def dual(slopes: Floats) -> float:
        return float(special.logsumexp(z @ slopes))

    def gradient(slopes: Floats) -> Floats:
        found: Floats = weights_at(slopes) @ z
        return found

    def curvature(slopes: Floats) -> Floats:
        weights = weights_at(slopes)
        mean = weights @ z
        found: Floats = (z * weights[:, None]).T @ z - np.outer(mean, mean)
        return found

    best = optimize.minimize(
        dual, np.zeros(z.shape[1]), jac=gradient, hess=curvature, method="trust-exact",
        options={"gtol": EXACT / 100.0, "maxiter": 500},
    )  # fmt: skip
    weights = weights_at(best.x)
    left = weights @ z
    if not np.isfinite(left).all() or np.abs(left).max() > EXACT:
        raise NoOverlap("no weights give these means")
    after = weights @ covariates
    return Balanced(weights, before, after, target, (before - target) / scale, left)
