"""Models of times that take the intervals between visits, in which states begin and are lost.

An event that is seen at a visit happened between that visit and the last one held before it, and so
did what its clock begins with where that is a remission. The event is analysed by its interval; the
beginning is put at the middle of its own, so that months run from there.
"""

from __future__ import annotations

from pydantic import Field

from adaptive_cart.models.base import AnalysisBase
from adaptive_cart.nouns.summaries import Durations, Summary


class ByIntervals(AnalysisBase):
    """An analysis that can take events for what visits tell of them."""

    intervals: bool | None = Field(
        default=None,
        description="with visits: an event happened between two of them, and not at the second",
    )

    def by_intervals(self) -> bool:
        """Whether the table asks for it."""
        return bool(self.intervals)

    def dated(self, summary: Summary) -> Summary:
        """Times between the middles of their intervals, where the table asks for them."""
        assert isinstance(summary, Durations)
        return summary.in_the_middle() if self.intervals else summary
