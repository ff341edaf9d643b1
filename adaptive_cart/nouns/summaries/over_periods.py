"""Summaries other than counts, also by the period in which participants were randomised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np

from adaptive_cart.nouns.counters import Labels
from adaptive_cart.nouns.records import Booleans, Integers
from adaptive_cart.nouns.summaries.base import Summary
from adaptive_cart.nouns.summaries.by_period import ByPeriod
from adaptive_cart.nouns.summaries.calendar_counts import CalendarCounts
from adaptive_cart.nouns.summaries.categories import Categories
from adaptive_cart.nouns.summaries.counts import Counts
from adaptive_cart.nouns.summaries.durations import Durations
from adaptive_cart.nouns.summaries.exposure import Exposure
from adaptive_cart.nouns.summaries.means import Means
from adaptive_cart.nouns.summaries.over_calendar import OverCalendar
from adaptive_cart.nouns.summaries.period_counts import PeriodCounts
from adaptive_cart.nouns.summaries.scores import Scores


@dataclass(frozen=True)
class Split(ByPeriod):
    """What was seen, and the same with each period as a stratum.

    Attributes
    ----------
    apart
        The same participants, each period a stratum.
    open_in
        ``(trial, arm, period)`` whether the arm enrols throughout the period.
    """

    apart: Summary
    open_in: Booleans

    kept: ClassVar[type[Summary]]  # what was seen, as it is without periods

    def split(self) -> Summary:
        """The same participants, each period a stratum."""
        return self.apart

    @classmethod
    def over(
        cls, whole: Summary, apart: Summary, open_in: Booleans, calendar: Integers | None = None
    ) -> Self:
        """The same participants, all together and by period.

        Parameters
        ----------
        calendar
            Calendar period in which each period lies, where the calendar bounds them too.
        """
        own: dict[str, Any] = {
            one.name: getattr(whole, one.name)
            for one in fields(cls.kept)  # type: ignore[arg-type]  # every kind is a dataclass
        }
        if calendar is not None:
            own["calendar"] = calendar
        return cls(**own, apart=apart, open_in=open_in)


@dataclass(frozen=True)
class PeriodCategories(Split, Categories):
    """Participants by category, also by period."""

    kept: ClassVar[type[Summary]] = Categories


@dataclass(frozen=True)
class PeriodDurations(Split, Durations):
    """Times to an event, also by period."""

    kept: ClassVar[type[Summary]] = Durations


@dataclass(frozen=True)
class PeriodExposure(Split, Exposure):
    """Events and patient-years, also by period."""

    kept: ClassVar[type[Summary]] = Exposure


@dataclass(frozen=True)
class PeriodMeans(Split, Means):
    """Sums of values and of their squares, also by period."""

    kept: ClassVar[type[Summary]] = Means


@dataclass(frozen=True)
class PeriodScores(Split, Scores):
    """Sums of products of scores, also by period."""

    kept: ClassVar[type[Summary]] = Scores


@dataclass(frozen=True)
class CalendarDurations(OverCalendar, PeriodDurations):
    """Times to an event, also by periods that the calendar bounds too."""

    calendar: Integers


@dataclass(frozen=True)
class CalendarExposure(OverCalendar, PeriodExposure):
    """Events and patient-years, also by periods that the calendar bounds too."""

    calendar: Integers


@dataclass(frozen=True)
class CalendarScores(OverCalendar, PeriodScores):
    """Sums of products of scores, also by periods that the calendar bounds too."""

    calendar: Integers


Splitting: TypeAlias = Callable[..., ByPeriod]
SPLITTING: dict[str, Splitting] = {
    Categories.kind: PeriodCategories.over,
    Counts.kind: PeriodCounts.of,
    Durations.kind: PeriodDurations.over,
    Exposure.kind: PeriodExposure.over,
    Means.kind: PeriodMeans.over,
    Scores.kind: PeriodScores.over,
}
OVER_CALENDAR: dict[str, Splitting] = {
    Counts.kind: CalendarCounts.over,
    Durations.kind: CalendarDurations.over,
    Exposure.kind: CalendarExposure.over,
    Scores.kind: CalendarScores.over,
}


def with_split(seen: ByPeriod, apart: Summary) -> ByPeriod:
    """The same trials in the same periods, had others been seen in them.

    Parameters
    ----------
    apart
        Those participants, each period a stratum.
    """
    everybody = np.ones(seen.open_in.shape, dtype=np.bool_)
    calendar = seen.calendar if isinstance(seen, OverCalendar) else None
    return over_periods(apart.among(everybody), apart, seen.open_in, calendar)


def over_periods(
    whole: Summary, apart: Summary, open_in: Booleans, calendar: Labels | None = None
) -> ByPeriod:
    """What was seen, also by period.

    Parameters
    ----------
    apart
        The same participants, each period a stratum.
    open_in
        ``(trial, arm, period)`` whether the arm enrols throughout the period.
    calendar
        ``(trial, period)`` calendar period in which each lies, where the calendar bounds them too.
    """
    if calendar is None:
        return SPLITTING[whole.kind](whole, apart, open_in)
    return OVER_CALENDAR[whole.kind](whole, apart, open_in, calendar)
