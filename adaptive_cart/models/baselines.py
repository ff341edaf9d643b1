"""What the baselines of those who are analysed say of the population from which they come.

A model of changes takes the baselines as given. The proportion of participants whose change lies
beyond a value depends on how baselines vary; for that alone they are taken to be normal, with
p(mean, sd ** 2) proportional to 1 / sd ** 2, independent of the model of changes. It is known from
two participants on; where all baselines are equal they stay so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from adaptive_cart.models.draws import KNOTS, SCORES, shuffled, spread
from adaptive_cart.nouns.questions import Cut
from adaptive_cart.nouns.records import Floats

AXES = 2  # of the mean and of the spread


@dataclass(frozen=True)
class Baselines:
    """Baselines of those analysed.

    Attributes
    ----------
    number, mean
        ``(trial,)``
    squares
        ``(trial,)`` sum of squares about their mean.
    """

    number: Floats
    mean: Floats
    squares: Floats

    @classmethod
    def of(cls, sums: Floats) -> Baselines:
        """Those of sums of products of (1, baseline, ...), ``(trial, place, place)``."""
        number, total = sums[:, 0, 0], sums[:, 0, 1]
        raw = sums[:, 1, 1]
        squares = raw - total**2 / np.maximum(number, 1.0)
        mean = total / np.maximum(number, 1.0)
        return cls(number, mean, np.where(squares > 1e-10 * raw, squares, 0.0))

    def draws(self, stratum: int) -> tuple[Floats, Floats]:
        """Draws of the population's mean less that of those analysed, and of its variance.

        Returns
        -------
        ``(trial, draw)`` each; nan where fewer than two are analysed.
        """
        first = AXES * max(stratum + 1, 0)
        freedom = np.where(self.number >= 2.0, self.number - 1.0, np.nan)
        half = np.where(np.isnan(freedom), 1.0, freedom)[:, None] / 2.0
        multiple = 1.0 / (2.0 * special.gammainccinv(half, special.ndtr(KNOTS)))
        known = np.where(np.isnan(freedom), np.nan, 1.0)[:, None]
        variance = spread(multiple, KNOTS, shuffled(first)) * (known * self.squares[:, None])
        away = np.sqrt(variance / np.maximum(self.number, 1.0)[:, None])
        return away * SCORES[shuffled(first + 1)], variance


def share_beyond(cut: Cut, mean: Floats, variance: Floats) -> Floats:
    """Share of a normal distribution beyond a cut."""
    side = 1.0 if cut.lower else -1.0
    with np.errstate(divide="ignore"):
        found: Floats = special.ndtr(side * (cut.value - mean) / np.sqrt(variance))
    return found
