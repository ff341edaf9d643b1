"""What external data say of one quantity, where they are no data of the model's own kind.

It is one distribution, independent of the arms and the same in every trial. An arm exceeds it by
more than a value with the probability

    P(own - external > value) = E P(own > external + value) = E P(external < own - value),

the mean over whichever of the two is the narrower, so that what is averaged is never steeper than
what it is averaged over. Over the external one it is a trapezoid sum over the normal scores of its
quantiles, 33 of them from -8.4 to 8.4, of what is analytic, off by less than 0.0002; over the arm's
own a mean over draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from scipy import special

from adaptive_cart.models.draws import MIDDLES, shuffled
from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.records import Floats

END: Final = 8.4
FEW, MANY = 33, 161  # points over which is averaged: MANY also where an arm's own is narrower
LAST_AXIS: Final = 1000  # behind every axis of a model's own


class OutsideLaw:
    """Distribution of a quantity by external data alone."""

    @property
    def mean(self) -> float:
        """Its mean; nan where it has none."""
        raise NotImplementedError  # abstract: every law supplies it

    @property
    def sd(self) -> float:
        """How wide it is: its standard deviation, or a scale where it has none."""
        raise NotImplementedError  # abstract: every law supplies it

    def below(self, value: Floats) -> Floats:
        """Probability that it lies below values."""
        raise NotImplementedError  # abstract: every law supplies it

    def quantile(self, probability: Floats) -> Floats:
        """Value that it lies below with probabilities."""
        raise NotImplementedError  # abstract: every law supplies it

    def in_pymc(self, name: str) -> None:
        """Add the quantity and what was seen of it to the model that is being built."""
        raise NotImplementedError  # abstract: every law supplies it

    @property
    def words(self) -> str:
        """What is assumed, a line of a statement."""
        raise NotImplementedError  # abstract: every law supplies it

    def nodes(self, points: int) -> tuple[Floats, Floats]:
        """Weights of so many normal scores, and quantiles there, ``(node,)`` each."""
        if points not in self._nodes:
            scores = np.linspace(-END, END, points)
            lower, upper = self.quantile(special.ndtr(scores)), self._upper(special.ndtr(-scores))
            weights = np.exp(-0.5 * scores**2)
            values = np.where(scores > 0.0, upper, lower)
            self._nodes[points] = weights / weights.sum(), values
        return self._nodes[points]

    @cached_property
    def _nodes(self) -> dict[int, tuple[Floats, Floats]]:
        return {}

    def _upper(self, beyond: Floats) -> Floats:
        """Value that it lies above with probabilities, also where they are very small."""
        raise NotImplementedError  # abstract: every law supplies it

    def draws(self, place: int) -> Floats:
        """Draws of it, ``(draw,)``, independent of those of arms and of other places."""
        found: Floats = self.quantile(MIDDLES)[shuffled(LAST_AXIS + place)]
        return found

    def exceeded(self, value: float, above: Callable[[float], Floats], points: int = FEW) -> Floats:
        """Probability that an arm exceeds it by more than a value, averaged over it, ``(trial,)``.

        Parameters
        ----------
        above
            Probability that the arm's own lies above a number, ``(trial,)``.
        """
        both = zip(*self.nodes(points), strict=True)
        total: Floats = sum(weight * above(float(node) + value) for weight, node in both)
        return total

    def exceeded_by_draws(self, value: float, own: Floats) -> Floats:
        """The same, averaged over draws of the arm's own, ``(trial, draw)``."""
        found: Floats = self.below(own - value).mean(axis=1)
        return found


@dataclass(frozen=True)
class MeanLaw(OutsideLaw):
    """Of so many normal values with a mean and a standard deviation; priors are flat.

    Attributes
    ----------
    centre, spread, number
        Mean, standard deviation, and participants, two of them at least.
    """

    centre: float
    spread: float
    number: float

    @property
    def mean(self) -> float:
        """Its mean; nan of two participants."""
        return self.centre if self.number > 2.0 else np.nan

    @property
    def sd(self) -> float:
        """Standard error of the mean."""
        return self.spread / float(np.sqrt(self.number))

    def below(self, value: Floats) -> Floats:
        """Probability that it lies below values."""
        found: Floats = special.stdtr(self.number - 1.0, (value - self.centre) / self.sd)
        return found

    def quantile(self, probability: Floats) -> Floats:
        """Value that it lies below with probabilities."""
        found: Floats = self.centre + self.sd * special.stdtrit(self.number - 1.0, probability)
        return found

    def _upper(self, beyond: Floats) -> Floats:
        return 2.0 * self.centre - self.quantile(beyond)

    def in_pymc(self, name: str) -> None:
        """Add the mean, the logarithm of the spread, and their likelihood."""
        import pymc as pm

        mean, log_sd = pm.Flat(name), pm.Flat(f"{name}_log_sd")
        squares = (self.number - 1.0) * self.spread**2 + self.number * (self.centre - mean) ** 2
        log = -self.number * log_sd - 0.5 * squares / pm.math.exp(2.0 * log_sd)
        pm.Potential(f"{name}_seen", log)

    @property
    def words(self) -> str:
        """What is assumed, and what was seen."""
        return (
            f"{self.number:g} participants ~ Normal(mean, sd), mean and log(sd) flat; seen were "
            f"mean {self.centre:g} and sd {self.spread:g}"
        )


@dataclass(frozen=True)
class FractionLaw(OutsideLaw):
    """Of so many of so many participants, with a uniform prior.

    Attributes
    ----------
    having, number
        Participants who have it, and all.
    """

    having: float
    number: float

    @property
    def _beta(self) -> tuple[float, float]:
        return 1.0 + self.having, 1.0 + self.number - self.having

    @property
    def mean(self) -> float:
        """Its mean."""
        return self._beta[0] / sum(self._beta)

    @property
    def sd(self) -> float:
        """Its standard deviation."""
        return float(np.sqrt(self.mean * (1.0 - self.mean) / (sum(self._beta) + 1.0)))

    def below(self, value: Floats) -> Floats:
        """Probability that it lies below values."""
        found: Floats = special.betainc(*self._beta, np.clip(value, 0.0, 1.0))
        return found

    def quantile(self, probability: Floats) -> Floats:
        """Value that it lies below with probabilities."""
        found: Floats = special.betaincinv(*self._beta, probability)
        return found

    def _upper(self, beyond: Floats) -> Floats:
        found: Floats = 1.0 - special.betaincinv(*self._beta[::-1], beyond)
        return found

    def in_pymc(self, name: str) -> None:
        """Add the fraction, and those who have it."""
        import pymc as pm

        fraction = pm.Uniform(name)
        pm.Binomial(f"{name}_seen", int(self.number), fraction, observed=int(self.having))

    @property
    def words(self) -> str:
        """What is assumed, and what was seen."""
        return (
            f"those who have it ~ Binomial({self.number:g}, fraction), fraction uniform; seen were "
            f"{self.having:g}"
        )


def law_of(data: External) -> OutsideLaw | None:
    """What external data say of the quantity that they are of; nothing where nothing is told."""
    if data.has("mean"):
        return MeanLaw(*(data.total(key) for key in ("mean", "sd", "participants")))
    if data.has("remaining"):
        return FractionLaw(data.total("remaining"), data.total("participants"))
    return None
