"""A mixture that borrows by what the arm's own data say: the self-adapting mixture prior (SAM).

The informative part, from external data, has the weight w and a vague Beta(1, 1) the rest. With
x of n participants of the arm having the event, w = R / (1 + R), where R is how much likelier that
is at the external rate than at that rate plus or minus the difference that matters clinically,
whichever of the two is the likelier (Yang, Zhao, Nie, Vallejo and Yuan 2023, Biometrics 79:2857,
doi:10.1111/biom.13927). The external rate is the mean of the informative part. Rates that are
compared are kept within 0.01 and 0.99.

So the prior is another one for every table of counts, and what follows from it is no posterior of
one prior. What is asked of it is answered as of a mixture with these weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.binary.beta_mixture import BetaMixture, Counts
from adaptive_cart.models.ties import as_written

LEAST: Final = 0.01  # rates that are compared are no smaller
MOST: Final = 0.99  # and no larger


@dataclass(frozen=True)
class SelfAdapting(BetaMixture):
    """A mixture whose last part is vague, and has the less weight the better the others fit.

    Parameters
    ----------
    weights
        Before there are data: then nothing speaks for or against, and the vague part has one half.
    difference
        Between rates that differ clinically.
    """

    difference: float = 0.1

    adapts: ClassVar[bool] = True

    @staticmethod
    def of(informative: BetaMixture, difference: float) -> SelfAdapting:
        """Mix what external data say with Beta(1, 1)."""
        return SelfAdapting(
            (*(0.5 * weight for weight in informative.weights), 0.5),
            (*informative.a, 1.0),
            (*informative.b, 1.0),
            difference,
        )

    @property
    def words(self) -> str:
        """As a protocol writes it."""
        inner = self.most.words
        inner = inner if len(self.weights) == 2 else f"({inner})"
        return (
            f"w {inner} + (1 − w) Beta(1, 1), w by the arm's own data at a difference of "
            f"{self.difference:g}, one half before any"
        )

    @property
    def most(self) -> BetaMixture:
        """The informative part."""
        shares = tuple(2.0 * weight for weight in self.weights[:-1])
        return BetaMixture(shares, self.a[:-1], self.b[:-1])

    @property
    def turned(self) -> SelfAdapting:
        """The same of one minus the probability."""
        return SelfAdapting(self.weights, self.b, self.a, self.difference)

    @cached_property
    def rates(self) -> tuple[float, ...]:
        """The external rate, and those that differ from it clinically, above and below."""
        same, *others = self._exact_rates
        return float(same), float(others[0]), float(others[1])

    @cached_property
    def _exact_rates(self) -> tuple[Fraction, Fraction, Fraction]:
        shares = [2 * as_written(weight) for weight in self.weights[:-1]]
        rate = sum(
            (
                share * as_written(a) / (as_written(a) + as_written(b))
                for share, a, b in zip(shares, self.a, self.b, strict=False)
            ),
            Fraction(0),
        )
        away = as_written(self.difference)
        return _within(rate), _within(rate + away), _within(rate - away)

    def log_likelihood_ratio(self, successes: Counts, totals: Counts) -> npt.NDArray[np.float64]:
        """Logarithm of R, ``(table,)``."""
        same, above, below = (
            successes * np.log(rate) + (totals - successes) * np.log1p(-rate) for rate in self.rates
        )
        ratio: npt.NDArray[np.float64] = same - np.maximum(above, below)
        return ratio

    def log_weights(self, successes: Counts, totals: Counts) -> npt.NDArray[np.float64]:
        """Logarithms of the weights that the arm's own data give, (table, component)."""
        ratio = self.log_likelihood_ratio(successes, totals)[..., None]
        shares = np.log([2.0 * weight for weight in self.weights[:-1]])
        informative, vague = special.log_expit(ratio), special.log_expit(-ratio)
        return np.concatenate([informative + shares, vague], axis=-1)

    def exact_weights(self, successes: int, total: int) -> tuple[Fraction, ...]:
        """The same as fractions, up to a factor."""
        same, above, below = (
            rate**successes * (1 - rate) ** (total - successes) for rate in self._exact_rates
        )
        shares = (2 * as_written(weight) for weight in self.weights[:-1])
        return (*(share * same for share in shares), max(above, below))


def _within(rate: Fraction) -> Fraction:
    return min(max(rate, as_written(LEAST)), as_written(MOST))
