"""Times whose hazard drifts with the month of randomisation, and what they are on average.

The hazard at every month is multiplied by one factor, so that the fraction without the event at any
month, and that which never has it, are raised to that power.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from adaptive_cart.nouns.distributions import EventTime
from adaptive_cart.nouns.records import Floats

FRACTIONS: Final = 4001  # without the event, between which a quantile is interpolated
HALVINGS: Final = 60
PANELS, NODES = 24, 16  # of the area under what is left
BELOW_ONE: Final = float(np.nextafter(1.0, 0.0))


def sooner(u: Floats, factor: Floats | float) -> Floats:
    """The uniform at which a time has the quantile that a multiplied hazard has at another."""
    moved: Floats = -np.expm1(np.log1p(-u) / factor)
    return np.minimum(moved, BELOW_ONE)


@dataclass(frozen=True)
class AveragedTime:
    """The time to an event of participants whose hazards are multiples of one.

    Attributes
    ----------
    time
        Its distribution where the factor is 1.
    factors, weights
        Of those participants: what their hazards are multiplied by, and the share of each.
    """

    time: EventTime
    factors: tuple[float, ...]
    weights: tuple[float, ...]

    cured = None

    def left(self, fraction: Floats | float) -> Floats:
        """Fraction without the event where it would be another without a factor."""
        powers = np.power(np.asarray(fraction)[..., None], np.array(self.factors))
        found: Floats = powers @ np.array(self.weights)
        return found

    @property
    def never(self) -> float:
        """Fraction that never has the event."""
        return float(self.left(self.time.never))

    def beyond(self, months: float) -> float:
        """Probability of a time beyond some months; of infinitely many, the fraction without."""
        return float(self.left(self.time.beyond(months)))

    def half(self) -> float:
        """Median months; infinite where half or more never have the event."""
        if self.never >= 0.5:
            return float("inf")
        low, high = 0.0, 1.0
        for _ in range(HALVINGS):
            middle = (low + high) / 2.0
            low, high = (low, middle) if float(self.left(middle)) > 0.5 else (middle, high)
        return float(self.time.quantile(np.array([1.0 - high]))[0])

    def mean_until(self, months: float) -> float:
        """Mean months without the event, of the first so many: the area under what is left."""
        halved = months * 0.5 ** np.arange(PANELS)  # a hazard may begin with nought or endlessly
        cuts = [cut for cut in self.time.changes_at() if cut < months]
        edges = np.unique([0.0, *cuts, *halved])
        node, weight = np.polynomial.legendre.leggauss(NODES)
        half = np.diff(edges)[:, None] / 2.0
        at = edges[:-1, None] + half * (node + 1.0)
        return float((half * weight * self.left(self._alone(at))).sum())

    def _alone(self, months: Floats) -> Floats:
        """Fraction without the event at some months where the factor is 1."""
        low, high = np.zeros(months.shape), np.ones(months.shape)
        for _ in range(HALVINGS):  # as one month is looked for in ``EventTime.beyond``
            middle = (low + high) / 2.0
            later = self.time.quantile(np.minimum(middle, BELOW_ONE)) > months
            low, high = np.where(later, low, middle), np.where(later, middle, high)
        return 1.0 - high

    @cached_property
    def _curve(self) -> tuple[Floats, Floats]:
        """Fractions without a factor, and with all of them: both rise from 0 to 1."""
        near = np.linspace(0.0, 1.0, FRACTIONS) ** 3
        fraction = np.unique(np.concatenate([near, 1.0 - near]))
        return fraction, self.left(fraction)

    def quantile(self, u: Floats) -> Floats:
        """Months at each uniform; infinity for those who never have the event."""
        fraction, left = self._curve
        own = np.interp(1.0 - u, left, fraction)
        months: Floats = self.time.quantile(np.clip(1.0 - own, 0.0, BELOW_ONE))
        return months

    def words(self) -> str:
        """Say it: the distribution, and that its hazard is that of several months."""
        return f"{self.time.words()}, its hazard drifting"
