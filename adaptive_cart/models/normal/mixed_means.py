"""Mean changes where the prior of a mean is a mixture, as what is borrowed leaves it.

Each component is a conjugate prior as of :mod:`adaptive_cart.models.normal.normal`, so that the
posterior is a mixture of theirs. With what a :class:`Fit` holds, w_k and N_k what the prior and the
posterior of an arm's mean are worth, the weight of a component is, up to a constant::

    prior weight  prod_k sqrt(w_k / N_k)  steepness ** -1/2  left ** -(freedom / 2)

Of a self-adapting mixture the prior weight is set by the arm's own mean change, whose standard
error is that of the external participants' standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from adaptive_cart.models.normal.normal import Fit, KnownAnew, Normal
from adaptive_cart.nouns.records import Floats


class Adapting(NamedTuple):
    """How an arm's own mean sets the weight of what is borrowed.

    Attributes
    ----------
    arm
        Its position.
    mean, sd
        Of the external participants.
    difference
        Between means that differ clinically.
    """

    arm: int
    mean: float
    sd: float
    difference: float

    def log_ratio(self, number: Floats, change: Floats) -> Floats:
        """Logarithm of how much likelier the arm's mean is at the external one, ``(trial,)``."""
        away = change - self.mean
        other = np.minimum((away - self.difference) ** 2, (away + self.difference) ** 2)
        return np.where(number > 0.0, -0.5 * number * (away**2 - other) / self.sd**2, 0.0)


@dataclass(frozen=True)
class MixedNormal(Normal):
    """Priors by arm of which one at least is a mixture.

    Parameters
    ----------
    mean, worth
        Of one normal with the mean and the variance of the mixture.
    parts, weights
        A prior of all arms a component, and how probable it is beforehand; the last is the vague
        one where the weights adapt.
    adapting
        Nothing where they do not.
    """

    parts: tuple[Normal, ...] = ()
    weights: tuple[float, ...] = ()
    adapting: Adapting | None = None

    def log_weights(self, products: Floats) -> Floats:
        """Logarithms of the prior weights, ``(trial, component)``.

        Parameters
        ----------
        products
            ``(trial, arm, 3, 3)`` as for :meth:`fit`.
        """
        with np.errstate(divide="ignore"):
            logs = np.broadcast_to(np.log(self.weights), (len(products), len(self.weights)))
        if self.adapting is None:
            return logs
        own = products[:, self.adapting.arm]
        number = own[:, 0, 0]
        change = (own[:, 0, 2] - own[:, 0, 1]) / np.maximum(number, 1.0)
        ratio = self.adapting.log_ratio(number, change)[:, None]
        shares = logs[:, :-1] - np.log(1.0 - self.weights[-1])
        return np.concatenate([special.log_expit(ratio) + shares, special.log_expit(-ratio)], 1)

    def fits(self, products: Floats, anew: KnownAnew | None = None) -> tuple[list[Fit], Floats]:
        """Posterior of each component, and their weights, ``(trial, component)``.

        Parameters as of :meth:`fit`.
        """
        found = [part.fit(products, anew) for part in self.parts]
        logs = self.log_weights(products)
        logs = logs + np.stack(
            [_evidence(fit, part) for fit, part in zip(found, self.parts, strict=True)], axis=1
        )
        logs = np.where(np.isfinite(logs), logs, -np.inf)
        largest = logs.max(axis=1, keepdims=True)
        weights = np.exp(logs - np.where(np.isfinite(largest), largest, 0.0))
        total = weights.sum(axis=1, keepdims=True)
        return found, np.where(total > 0.0, weights / np.where(total > 0.0, total, 1.0), np.nan)


def _evidence(fit: Fit, prior: Normal) -> Floats:
    """Logarithm of the probability of the data under one component, but for what all share."""
    worth = np.array(prior.worth)
    known = worth > 0.0
    means = 0.5 * np.log(worth[known] / fit.weight[:, known]).sum(axis=1)
    steep = np.where(np.isfinite(fit.steepness), fit.steepness, 1.0)
    found: Floats = means - 0.5 * np.log(steep) - 0.5 * fit.freedom * np.log(fit.left)
    # before there is a degree of freedom the data say nothing
    return np.where(np.isnan(fit.freedom), 0.0, found)


def mixture_quantile(
    fits: list[Fit], weights: Floats, arm: int, minus: int | None, probability: float
) -> Floats:
    """Value below which a mean, or a difference, lies with this probability, by halving."""
    each = np.stack([fit.quantile(arm, minus, probability) for fit in fits])
    low, high = each.min(axis=0), each.max(axis=0)
    for _ in range(80):
        middle = 0.5 * (low + high)
        reached = sum(
            weights[:, place] * fit.below(arm, minus, middle) for place, fit in enumerate(fits)
        )
        below = reached < probability
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    found: Floats = 0.5 * (low + high)
    return found
