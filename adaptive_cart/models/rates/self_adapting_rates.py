"""A mixture of gammas that borrows by what the arm's own data say: the self-adapting mixture.

As :mod:`adaptive_cart.models.mixtures` has it, with Poisson likelihoods of the arm's own events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from adaptive_cart.models.mixtures import Adapting
from adaptive_cart.models.rates.gamma_mixture import GammaMixture
from adaptive_cart.nouns.records import Floats

LEAST: Final = 0.01  # of the external rate: rates that are compared are no smaller


@dataclass(frozen=True)
class SelfAdaptingRates(Adapting, GammaMixture):
    """A mixture of gammas whose last part is vague: the arm's own prior.

    Parameters
    ----------
    rates
        The external rate, and those that differ from it clinically, above and below.
    how
        What differs clinically, in words.
    """

    rates: tuple[float, float, float] = (1.0, 2.0, 0.5)
    how: str = ""

    plain: ClassVar[type[GammaMixture]] = GammaMixture

    @staticmethod
    def by_difference(
        informative: GammaMixture, vague: GammaMixture, difference: float
    ) -> SelfAdaptingRates:
        """Mix two priors, where rates that differ by so much differ clinically."""
        rate = informative.centre
        rates = rate, rate + difference, max(rate - difference, LEAST * rate)
        return _mixed(informative, vague, rates, f"a difference of {difference:g}")

    @staticmethod
    def by_ratio(informative: GammaMixture, vague: GammaMixture, ratio: float) -> SelfAdaptingRates:
        """Mix two priors, where rates of which one is so many times the other differ clinically."""
        rate = informative.centre
        rates = rate, rate * ratio, rate / ratio
        return _mixed(informative, vague, rates, f"a ratio of {ratio:g}")

    @property
    def apart(self) -> str:
        """What differs clinically, in words."""
        return self.how

    def log_likelihood_ratio(self, events: Floats, years: Floats) -> Floats:
        """Logarithm of R, ``(table,)``."""
        same, above, below = (events * np.log(rate) - rate * years for rate in self.rates)
        found: Floats = same - np.maximum(above, below)
        return found


def _mixed(
    informative: GammaMixture,
    vague: GammaMixture,
    rates: tuple[float, float, float],
    how: str,
) -> SelfAdaptingRates:
    assert len(vague.weights) == 1
    halves = informative.mixed(vague, 0.5)
    return SelfAdaptingRates(halves.weights, halves.a, halves.b, rates, how)
