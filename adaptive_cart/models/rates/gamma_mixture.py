"""One arm's yearly rate: a mixture of gamma distributions, before and after the data.

Under Poisson events each component stays a gamma, with a + events and b + years; its weight is
multiplied by its marginal likelihood, which is negative binomial.
"""

from __future__ import annotations

from typing import ClassVar, Final, NamedTuple

import numpy as np
from scipy import special

from adaptive_cart.models.mixtures import TwoNumberMixture
from adaptive_cart.nouns.records import Floats, Integers

SAME: Final = 1e-9  # probabilities that differ by less, relatively, are equal
LEFT_OUT: Final = 1e-13  # probability of numbers of events that are not looked at
FAR: Final = 20_000  # numbers of events; a prior that expects more is looked at another way
AT_ONCE: Final = 2_000_000  # numbers of events of all tables together


class GammaMixture(TwoNumberMixture):
    """Prior of one arm's rate: a mixture of gamma distributions.

    Its parameters are the shape and the rate of each: prior events, and the years they were seen
    in.
    """

    law: ClassVar[str] = "Gamma"

    @property
    def centre(self) -> float:
        """Mean logarithm of the rate, as a rate."""
        a, b = np.array(self.a), np.array(self.b)
        return float(np.exp(np.array(self.weights) @ (special.digamma(a) - np.log(b))))

    def mixed(self, other: GammaMixture, weight: float) -> GammaMixture:
        """Mix it, with this weight, with another one that has the rest."""
        return GammaMixture(
            (*(weight * own for own in self.weights), *((1.0 - weight) * w for w in other.weights)),
            self.a + other.a,
            self.b + other.b,
        )


class GammaPosterior(NamedTuple):
    """Posterior mixtures of one arm, each ``(table, component)``."""

    weights: Floats
    shape: Floats
    rate: Floats

    @property
    def mean(self) -> Floats:
        """Of the rate, ``(table,)``."""
        found: Floats = (self.weights * self.shape / self.rate).sum(axis=-1)
        return found

    @property
    def variance(self) -> Floats:
        """Of the rate, ``(table,)``."""
        means = self.shape / self.rate
        spread = means / self.rate + (means - self.mean[:, None]) ** 2
        found: Floats = (self.weights * spread).sum(axis=-1)
        return found


def updated(prior: GammaMixture, events: Floats, years: Floats) -> GammaPosterior:
    """Posterior mixture of one arm; nan where neither prior nor data bring any exposure."""
    a, b = np.array(prior.a), np.array(prior.b)
    shape = a + events[:, None]
    rate = b + years[:, None]
    rate = np.where(rate > 0.0, rate, np.nan)
    if len(prior.weights) == 1:
        return GammaPosterior(np.ones_like(shape), shape, rate)
    logs = prior.log_weights(events, years) + special.gammaln(shape) - special.gammaln(a)
    logs = logs + special.xlogy(a, b) - shape * np.log(rate)
    weights = np.exp(logs - logs.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return GammaPosterior(weights, shape, rate)


def after(prior: GammaMixture, events: float, years: float) -> GammaMixture:
    """What is left of a prior by so many events in so many years."""
    weights, shape, rate = (
        tuple(map(float, part[0]))
        for part in updated(prior, np.array([float(events)]), np.array([float(years)]))
    )
    return GammaMixture(weights, shape, rate)


def conflict(prior: GammaMixture, events: Floats, years: Floats) -> Floats:
    """Probability of a number of events that is no likelier than the one seen, ``(table,)``.

    The prior predictive p-value (Box 1980, Journal of the Royal Statistical Society A 143:383), in
    the years that were seen; nan where there were none.
    """
    found = np.full(len(events), np.nan)
    from scipy import stats  # slow to import

    rows = np.flatnonzero(years > 0.0)
    if not len(rows):
        return found
    weights, a, b = (np.array(part) for part in (prior.weights, prior.a, prior.b))
    chance = b / (b + years[rows, None])  # of the negative binomial of each component
    most = stats.nbinom.isf(LEFT_OUT, a, chance).max(axis=-1)
    most = np.maximum(most, events[rows])
    far = np.flatnonzero(most > FAR)
    if len(far):  # tails without end: as far as anything is likelier than what was seen
        most[far] = _likeliest_until(weights, a, chance[far], events[rows[far]])
    most = most.astype(np.int64) + 1
    for part in _parts(most):
        number = np.arange(most[part].max() + 1)
        mass = np.zeros((len(part), len(number)))
        for weight, shape, share in zip(weights, a, chance[part].T, strict=True):
            mass += weight * stats.nbinom.pmf(number, shape, share[:, None])
        seen = np.take_along_axis(mass, events[rows[part], None].astype(np.int64), axis=1)
        likelier = mass > seen * (1.0 + SAME)
        found[rows[part]] = np.clip(1.0 - (mass * likelier).sum(axis=1), 0.0, 1.0)
    return found


def _likeliest_until(weights: Floats, a: Floats, chance: Floats, events: Floats) -> Floats:
    """Number of events beyond which none is likelier than the one seen, ``(table,)``.

    Beyond the largest mode of any component their probabilities fall.
    """
    from scipy import stats

    modes = np.where(a > 1.0, (a - 1.0) * (1.0 - chance) / chance, 0.0)
    until = np.maximum(np.ceil(modes.max(axis=-1)), events) + 1.0
    seen = stats.nbinom.pmf(events[:, None], a, chance) @ weights
    while True:
        more = (stats.nbinom.pmf(until[:, None], a, chance) @ weights > seen) & (until < AT_ONCE)
        if not more.any():
            found: Floats = until
            return found
        until[more] = np.ceil(1.5 * until[more])


def _parts(most: Integers) -> list[Integers]:
    """Tables in turn, those that need as many numbers of events together."""
    order = np.argsort(most, kind="stable")
    found, first = [], 0
    while first < len(order):
        last = first + 1
        while last < len(order) and (last - first + 1) * most[order[last]] <= AT_ONCE:
            last += 1
        found.append(order[first:last])
        first = last
    return found


def equivalent_years(posterior: GammaPosterior) -> Floats:
    """Years that a gamma with the same mean and variance is worth, ``(table,)``."""
    found: Floats = posterior.mean / posterior.variance
    return found
