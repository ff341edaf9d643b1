"""The summaries that endpoints give and models read, one kind a file.

A new one is a file here, and a line in ``SUMMARIES``.
"""

from __future__ import annotations

from typing import TypeAlias

from adaptive_cart.nouns.summaries.base import Summary
from adaptive_cart.nouns.summaries.by_period import ByPeriod
from adaptive_cart.nouns.summaries.calendar_counts import CalendarCounts
from adaptive_cart.nouns.summaries.categories import Categories
from adaptive_cart.nouns.summaries.counts import Counts
from adaptive_cart.nouns.summaries.durations import Durations, SeenDurations
from adaptive_cart.nouns.summaries.early_counts import EarlyCounts
from adaptive_cart.nouns.summaries.exposure import Exposure
from adaptive_cart.nouns.summaries.means import Means
from adaptive_cart.nouns.summaries.over_calendar import OverCalendar
from adaptive_cart.nouns.summaries.over_periods import over_periods, with_split
from adaptive_cart.nouns.summaries.period_counts import PeriodCounts
from adaptive_cart.nouns.summaries.scores import Scores

SummaryKind: TypeAlias = type[Summary]
SUMMARIES: dict[str, SummaryKind] = {
    "counts": Counts,
    "durations": Durations,
    "exposure": Exposure,
    "means": Means,
    "scores": Scores,
    "categories": Categories,
}

__all__ = [
    "SUMMARIES",
    "ByPeriod",
    "CalendarCounts",
    "Categories",
    "Counts",
    "Durations",
    "EarlyCounts",
    "Exposure",
    "Means",
    "OverCalendar",
    "PeriodCounts",
    "Scores",
    "SeenDurations",
    "Summary",
    "SummaryKind",
    "over_periods",
    "with_split",
]
