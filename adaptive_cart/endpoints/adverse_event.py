"""An adverse event within a window after infusion: CRS of grade 3 or higher within a month.

Analysed are infused participants (everybody in an arm where nobody is infused, from randomisation)
whose window has passed at the look, and not sooner because an event has already happened. An event
after dropout or death is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from adaptive_cart.endpoints.base import EndpointBase
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.parts import PositiveMonths
from adaptive_cart.nouns.records import Floats, Population, Snapshot
from adaptive_cart.nouns.summaries import Counts


@dataclass(frozen=True)
class Windows:
    """Calendar month at which each window has passed, and who has the event in it."""

    closes: Floats
    event: ParticipantSet


class AdverseEvent(EndpointBase):
    """A binary safety endpoint in a window after infusion."""

    type: Literal["adverse_event"]
    within_months: PositiveMonths

    summary_kind: ClassVar[str] = "counts"
    estimand_kind: ClassVar[str | None] = "level"
    direct_truth: ClassVar[Literal["probability"]] = "probability"
    fed_by: ClassVar[Literal["events"]] = "events"

    def prepare(self, name: str, population: Population) -> Windows:
        course, onset = population.course, population.adverse_events[name]
        if course is None:  # nobody is infused, the window starts at randomisation
            closes = population.arrival + self.within_months
        else:
            opens = course.infused
            if not all(population.infused_arms):
                never = np.array([not infused for infused in population.infused_arms])
                opens = np.where(never[population.arm], 0.0, opens)
            closes = population.arrival + (opens + self.within_months)
        seen = _finite(onset)
        if population.last_seen is not None:
            seen = seen & ParticipantSet.where(onset <= population.last_seen)
        return Windows(closes, seen)

    def summary(self, prepared: Windows, snapshot: Snapshot) -> Counts:
        population = snapshot.population
        passed = (
            ParticipantSet.where(prepared.closes <= until(snapshot.date)[:, None])
            & snapshot.enrolled
        )
        totals = population.tally(passed)
        events = population.tally(passed & prepared.event)
        return Counts(events, totals, np.zeros_like(totals), totals)

    def true_values(self, name: str, population: Population) -> Floats | None:
        windows = self.prepare(name, population)
        analysed = np.isfinite(windows.closes)
        event = windows.event.mask(population.participants)
        return (event & analysed).sum(axis=1) / np.maximum(analysed.sum(axis=1), 1)

    def counts_some(self) -> bool:
        return True

    def counted(self, name: str, population: Population) -> Floats:
        """The infused; everybody where nobody is."""
        return np.isfinite(self.prepare(name, population).closes).mean(axis=1)


def _finite(months: Floats) -> ParticipantSet:
    return ParticipantSet.where(np.isfinite(months))
