"""Participants who have it, of those analysed, by the period in which they were randomised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from adaptive_cart.nouns.records import Booleans, Integers
from adaptive_cart.nouns.summaries.base import none_of
from adaptive_cart.nouns.summaries.by_period import ByPeriod
from adaptive_cart.nouns.summaries.counts import Counts


@dataclass(frozen=True)
class PeriodCounts(ByPeriod, Counts):
    """Responders among those analysed, also by period.

    Attributes
    ----------
    had, seen_in
        ``(trial, arm, period)`` responders, and participants in the analysis.
    open_in
        ``(trial, arm, period)`` whether the arm enrols throughout the period.
    """

    had: Integers
    seen_in: Integers
    open_in: Booleans

    @classmethod
    def of(cls, counts: Counts, by_period: Counts, open_in: Booleans) -> PeriodCounts:
        """The same participants, all together and by period."""
        whole = counts.successes, counts.totals, counts.missing, counts.due
        return cls(*whole, by_period.successes, by_period.totals, open_in)

    @classmethod
    def empty(cls, arms: int, strata: int) -> Self:
        none, nobody = none_of(arms, strata), none_of(arms, 1)
        return cls(none, none, none, none, nobody, nobody, np.ones(nobody.shape, dtype=np.bool_))

    def split(self) -> Counts:
        """The same participants, each period a stratum."""
        return Counts(self.had, self.seen_in, np.zeros_like(self.had), self.seen_in)
