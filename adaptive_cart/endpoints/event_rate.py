"""Events per patient-year of follow-up, everybody, from randomisation: serious infections.

Follow-up ends at dropout, death or the look; a participant may have several events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from adaptive_cart.endpoints.base import EndpointBase
from adaptive_cart.nouns.parts import MONTHS_PER_YEAR
from adaptive_cart.nouns.records import Floats, Population, Snapshot
from adaptive_cart.nouns.recurrent_events import RecurrentEvents
from adaptive_cart.nouns.summaries import Exposure


@dataclass(frozen=True)
class FollowUp:
    """Months until follow-up ends of itself, and the events."""

    ends: Floats | None
    events: RecurrentEvents


class EventRate(EndpointBase):
    """A rate of recurrent events per patient-year."""

    type: Literal["event_rate"]

    summary_kind: ClassVar[str] = "exposure"
    estimand_kind: ClassVar[str | None] = "level"
    direct_truth: ClassVar[Literal["rate"]] = "rate"
    fed_by: ClassVar[Literal["rates"]] = "rates"

    def prepare(self, name: str, population: Population) -> FollowUp:
        ends = population.dropout if population.course is None else population.last_seen
        return FollowUp(ends, population.recurrent[name])

    def summary(self, prepared: FollowUp, snapshot: Snapshot) -> Exposure:
        population = snapshot.population
        inside = snapshot.enrolled.mask(population.participants)
        months = np.where(inside, snapshot.follow_up(), 0.0)
        if prepared.ends is not None:
            months = np.minimum(months, prepared.ends)
        events = np.where(inside, prepared.events.count(months), 0)
        counts = population.totals(events.astype(np.float64), snapshot.enrolled)
        years = population.totals(months, snapshot.enrolled) / MONTHS_PER_YEAR
        return Exposure(counts.astype(np.int64), years, population.tally(snapshot.enrolled))
