"""A mixture that borrows by what the arm's own data say: the self-adapting mixture prior (SAM).

As :mod:`adaptive_cart.models.mixtures` has it: the arm's own data are x of n participants with the
event, and the vague part is Beta(1, 1). The external rate is the mean of the informative part.
Rates that are compared are kept within 0.01 and 0.99.

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

from adaptive_cart.models.binary.beta_mixture import BetaMixture, Counts
from adaptive_cart.models.mixtures import Adapting
from adaptive_cart.models.ties import as_written

LEAST: Final = 0.01  # rates that are compared are no smaller
MOST: Final = 0.99  # and no larger


@dataclass(frozen=True)
class SelfAdapting(Adapting, BetaMixture):
    """A mixture of betas whose last part is vague: Beta(1, 1).

    Parameters
    ----------
    difference
        Between rates that differ clinically.
    """

    difference: float = 0.1

    plain: ClassVar[type[BetaMixture]] = BetaMixture

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
    def apart(self) -> str:
        """What differs clinically, in words."""
        return f"a difference of {self.difference:g}"

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

    def exact_weights(self, successes: int, total: int) -> tuple[Fraction, ...]:
        """The same as fractions, up to a factor."""
        same, above, below = (
            rate**successes * (1 - rate) ** (total - successes) for rate in self._exact_rates
        )
        shares = (2 * as_written(weight) for weight in self.weights[:-1])
        return (*(share * same for share in shares), max(above, below))


def _within(rate: Fraction) -> Fraction:
    return min(max(rate, as_written(LEAST)), as_written(MOST))
