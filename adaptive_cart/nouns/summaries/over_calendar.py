"""What was seen by period of randomisation, where the calendar bounds periods too.

Calendar periods are equally long, and counted back from the latest in which anybody analysed was
randomised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adaptive_cart.nouns.records import Floats, Integers
from adaptive_cart.nouns.summaries.by_period import ByPeriod


class OverCalendar(ByPeriod):
    """What was seen by periods that the calendar bounds too.

    Attributes
    ----------
    calendar
        ``(trial, period)`` calendar period in which each period lies, 0 that of the opening.
    """

    calendar: Integers

    @property
    def latest(self) -> Integers:
        """The latest calendar period in which anybody analysed was randomised, ``(trial,)``.

        That of the opening where nobody has been analysed.
        """
        anybody = self.split().analysed.any(axis=1)
        found: Integers = np.where(anybody, self.calendar, 0).max(axis=1)
        return found

    def counted_back(self, values: Floats | Integers) -> Floats:
        """Sums over the periods of each calendar period, counted back from the latest.

        Parameters
        ----------
        values
            ``(trial, ..., period)``; nothing in those after the latest.

        Returns
        -------
        ``(trial, ..., calendar period)``, as many as the longest trial has.
        """
        latest = self.latest
        back = latest[:, None] - self.calendar
        inside = back[:, :, None] == np.arange(int(latest.max(initial=0)) + 1)
        found: Floats = np.einsum("t...p,tpc->t...c", values, inside.astype(np.float64))
        return found

    def shares(self, arms: Sequence[int]) -> Floats:
        """Share of each calendar period among those randomised while arms enrol, counted back.

        Of all arms together. Where nobody has been analysed of those, the periods count in which
        the last of the arms enrols, or else the latest calendar period.
        """
        analysed: Any = self.split().analysed.sum(axis=1)
        weights = analysed * self.together(arms)
        own = analysed * self.open_in[:, arms[-1]]
        weights = self.counted_back(np.where(weights.any(axis=1, keepdims=True), weights, own))
        latest = np.arange(weights.shape[1]) == 0
        weights = np.where(weights.any(axis=1, keepdims=True), weights, latest)
        found: Floats = weights / weights.sum(axis=1, keepdims=True)
        return found
