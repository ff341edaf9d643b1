"""A mixture of gammas that borrows by what the arm's own data say: the self-adapting mixture.

As :mod:`adaptive_cart.models.binary.self_adapting` has it of proportions (Yang, Zhao, Nie, Vallejo
and Yuan 2023, Biometrics 79:2857, doi:10.1111/biom.13927), with Poisson likelihoods: the
informative part has the weight w = R / (1 + R) and the arm's own vague prior the rest. R is how
much likelier the arm's events are at the external rate than at one that differs by what matters
clinically, above or below, whichever of the two is the likelier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from scipy import special

from adaptive_cart.models.rates.gamma_mixture import GammaMixture
from adaptive_cart.nouns.records import Floats

LEAST: Final = 0.01  # of the external rate: rates that are compared are no smaller


@dataclass(frozen=True)
class SelfAdaptingRates(GammaMixture):
    """A mixture whose last part is vague, and has the less weight the better the others fit.

    Parameters
    ----------
    weights
        Before there are data: then nothing speaks for or against, and the vague part has one half.
    rates
        The external rate, and those that differ from it clinically, above and below.
    how
        What differs clinically, in words.
    """

    rates: tuple[float, float, float] = (1.0, 2.0, 0.5)
    how: str = ""

    adapts: ClassVar[bool] = True

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
    def words(self) -> str:
        """As a protocol writes it."""
        shares = tuple(2.0 * weight for weight in self.weights[:-1])
        inner = GammaMixture(shares, self.a[:-1], self.b[:-1]).words
        inner = inner if len(self.weights) == 2 else f"({inner})"
        vague = GammaMixture.single(self.a[-1], self.b[-1]).words
        return (
            f"w {inner} + (1 − w) {vague}, w by the arm's own data at {self.how}, one half before "
            "any"
        )

    def log_likelihood_ratio(self, events: Floats, years: Floats) -> Floats:
        """Logarithm of R, ``(table,)``."""
        same, above, below = (events * np.log(rate) - rate * years for rate in self.rates)
        found: Floats = same - np.maximum(above, below)
        return found

    def log_weights(self, events: Floats, years: Floats) -> Floats:
        """Logarithms of the weights that the arm's own data give, ``(table, component)``."""
        ratio = self.log_likelihood_ratio(events, years)[..., None]
        shares = np.log([2.0 * weight for weight in self.weights[:-1]])
        informative, vague = special.log_expit(ratio), special.log_expit(-ratio)
        return np.concatenate([informative + shares, vague], axis=-1)


def _mixed(
    informative: GammaMixture,
    vague: GammaMixture,
    rates: tuple[float, float, float],
    how: str,
) -> SelfAdaptingRates:
    assert len(vague.weights) == 1
    halves = informative.mixed(vague, 0.5)
    return SelfAdaptingRates(halves.weights, halves.a, halves.b, rates, how)
