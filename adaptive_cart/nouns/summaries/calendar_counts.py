"""Participants who have it, of those analysed, also by equal periods of the calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries.counts import Counts
from adaptive_cart.nouns.summaries.period_counts import PeriodCounts


@dataclass(frozen=True)
class CalendarCounts(PeriodCounts):
    """Responders among those analysed, by periods that the calendar bounds too.

    Calendar periods are counted back from the latest in which anybody analysed was randomised.

    Attributes
    ----------
    calendar
        ``(trial, period)`` calendar period in which each period lies, 0 that of the opening.
    """

    calendar: Integers

    @classmethod
    def over(
        cls, counts: Counts, by_period: Counts, open_in: Booleans, calendar: Integers
    ) -> CalendarCounts:
        """The same participants, all together and by period."""
        whole = counts.successes, counts.totals, counts.missing, counts.due
        return cls(*whole, by_period.successes, by_period.totals, open_in, calendar)

    @property
    def latest(self) -> Integers:
        """The latest calendar period in which anybody analysed was randomised, ``(trial,)``.

        That of the opening where nobody has been analysed.
        """
        anybody = self.seen_in.any(axis=1)
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
        back = self.latest[:, None] - self.calendar
        inside = back[:, :, None] == np.arange(int(self.latest.max(initial=0)) + 1)
        found: Floats = np.einsum("t...p,tpc->t...c", values, inside.astype(np.float64))
        return found

    def shares(self, arms: Sequence[int]) -> Floats:
        """Share of each calendar period among those randomised while arms enrol, counted back.

        Of all arms together. Where nobody has been analysed of those, the periods count in which
        the last of the arms enrols, or else the latest calendar period.
        """
        analysed = self.seen_in.sum(axis=1)
        weights = analysed * self.together(arms)
        own = analysed * self.open_in[:, arms[-1]]
        weights = self.counted_back(np.where(weights.any(axis=1, keepdims=True), weights, own))
        latest = np.arange(weights.shape[1]) == 0
        weights = np.where(weights.any(axis=1, keepdims=True), weights, latest)
        found: Floats = weights / weights.sum(axis=1, keepdims=True)
        return found
