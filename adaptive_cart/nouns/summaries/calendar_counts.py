"""Participants who have it, of those analysed, also by equal periods of the calendar."""

from __future__ import annotations

from dataclasses import dataclass

from adaptive_cart.nouns.records import Booleans, Integers
from adaptive_cart.nouns.summaries.counts import Counts
from adaptive_cart.nouns.summaries.over_calendar import OverCalendar
from adaptive_cart.nouns.summaries.period_counts import PeriodCounts


@dataclass(frozen=True)
class CalendarCounts(OverCalendar, PeriodCounts):
    """Responders among those analysed, by periods that the calendar bounds too.

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
