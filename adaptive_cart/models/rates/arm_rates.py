"""Yearly rates of arms with priors of their own: questions about mixtures of gamma distributions.

What is asked of one rate, or of two, is a weighted sum over the components of
:mod:`adaptive_cart.models.rates.gamma_poisson`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from scipy import special

from adaptive_cart.models.binary.beta_exact import ExactBeta, exact_above
from adaptive_cart.models.rates.gamma_mixture import GammaMixture, GammaPosterior, updated
from adaptive_cart.models.rates.gamma_poisson import (
    gamma_difference_above,
    gamma_ratio_above,
    log_quantiles,
)
from adaptive_cart.models.ties import as_written
from adaptive_cart.nouns.records import Floats

Answer = Callable[[Floats, Floats, Floats, Floats, float], Floats]

REACH = 8.0  # normal scores beyond which no probability is told apart


@dataclass(frozen=True)
class ArmRates:
    """Poisson events by exposure with a prior of the yearly rate in each arm.

    Every answer is ``(table,)``; nan where neither the prior nor the data bring any exposure.

    Parameters
    ----------
    priors
        By position: the arms, and behind them external data with which arms are compared, in whose
        place nobody of a trial is seen.
    outside
        Position of external data that are told by stratum, and what is known of their rate in each.
    """

    priors: tuple[GammaMixture, ...]
    outside: tuple[tuple[int, tuple[GammaMixture, ...]], ...] = ()

    def in_stratum(self, stratum: int) -> ArmRates:
        """The model by which a question about one stratum is answered; of all where below 0."""
        if stratum < 0 or not self.outside:
            return self
        priors = list(self.priors)
        for place, known in self.outside:
            priors[place] = known[stratum]
        return replace(self, priors=tuple(priors), outside=())

    @property
    def whole(self) -> bool:
        """Whether shapes are whole numbers, so that shares of two rates are fractions."""
        each = (a for prior in self.priors for a in prior.a)
        return all(len(p.weights) == 1 for p in self.priors) and all(a.is_integer() for a in each)

    def of(self, arm: int, events: Floats, years: Floats) -> GammaPosterior:
        """Posterior of an arm's rate."""
        return updated(self.priors[arm], events, years)

    def mean(self, arm: int, events: Floats, years: Floats) -> Floats:
        """Posterior mean of an arm's rate."""
        return self.of(arm, events, years).mean

    def above(self, arm: int, events: Floats, years: Floats, value: float) -> Floats:
        """Probability that an arm's rate lies above a value."""
        weights, shape, rate = self.of(arm, events, years)
        found: Floats = (weights * special.gammaincc(shape, rate * max(value, 0.0))).sum(axis=-1)
        return np.minimum(found, 1.0)

    def logs(
        self, arm: int, events: Floats, years: Floats, scores: Floats
    ) -> tuple[Floats, Floats]:
        """Logarithms of an arm's rate, rising, and normal scores of lying below, (table, knot).

        Of a mixture the logarithms are quantiles of all its components.
        """
        weights, shape, rate = self.of(arm, events, years)
        log = log_quantiles(shape, rate, scores)
        if shape.shape[1] == 1:
            return log[:, 0], np.broadcast_to(scores, log[:, 0].shape)
        log = np.sort(log.reshape(len(log), -1), axis=1)
        at = np.exp(log)[..., None] * rate[:, None]
        lies_above = (weights[:, None] * special.gammaincc(shape[:, None], at)).sum(axis=-1)
        ends = special.ndtr(np.array([-REACH, REACH]))
        found = -special.ndtri(np.clip(lies_above, *ends))
        return log, np.maximum.accumulate(found, axis=1)

    def ratio_above(
        self, arm: tuple[int, Floats, Floats], other: tuple[int, Floats, Floats], value: float
    ) -> Floats:
        """Probability that the rate of an arm is more than a multiple of another's.

        Parameters
        ----------
        arm, other
            Position, events and years.
        """
        limit = max(value, 0.0)
        return _over_pairs(gamma_ratio_above, self.of(*arm), self.of(*other), limit)

    def difference_above(
        self, arm: tuple[int, Floats, Floats], other: tuple[int, Floats, Floats], margin: float
    ) -> Floats:
        """Probability that the rate of an arm exceeds another's by a margin (events a year)."""
        one, two = self.of(*arm), self.of(*other)
        if margin == 0.0:
            return _over_pairs(gamma_ratio_above, one, two, 1.0)
        if margin > 0.0:
            return _over_pairs(gamma_difference_above, one, two, margin)
        return 1.0 - _over_pairs(gamma_difference_above, two, one, -margin)

    def exact_ratio_above(
        self, arms: tuple[int, int], events: Floats, years: Floats, value: float = 1.0
    ) -> Fraction | None:
        """P(rate of the first arm > value times that of the second) as a fraction; or nothing.

        A Beta(A, B) has the share that the first has of both rates, each in units of its own
        exposure. Years are read to twelve digits, so that the order in which they were added up is
        no matter. There is none where a prior is a mixture.

        Parameters
        ----------
        events, years
            ``(2,)`` of the arms.
        """
        priors = [self.priors[arm] for arm in arms]
        if any(len(prior.weights) > 1 for prior in priors):
            return None
        a, b = (as_written(p.a[0]) + int(n) for p, n in zip(priors, events, strict=True))
        exposed_a, exposed_b = (
            as_written(p.b[0]) + Fraction(f"{t:.12g}") for p, t in zip(priors, years, strict=True)
        )
        if exposed_a + exposed_b == 0:
            return None
        share_of_b = ExactBeta(Fraction(1), b, a)
        of_a = exposed_a * as_written(value)
        above = exact_above((share_of_b,), exposed_b / (of_a + exposed_b))
        return None if above is None else 1 - above


def _over_pairs(asked: Answer, one: GammaPosterior, two: GammaPosterior, value: float) -> Floats:
    """Weighted sum of an answer over every pair of components."""
    found = np.zeros(len(one.shape))
    pairs = itertools.product(range(one.shape.shape[1]), range(two.shape.shape[1]))
    for j, k in pairs:
        answer = asked(one.shape[:, j], one.rate[:, j], two.shape[:, k], two.rate[:, k], value)
        found = found + one.weights[:, j] * two.weights[:, k] * answer
    return found
