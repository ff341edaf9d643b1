"""Months from randomisation to an event; dropout, death, the look and ``horizon`` censor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from adaptive_cart.endpoints.base import EndpointBase
from adaptive_cart.endpoints.direct import DirectTruth, Times
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.parts import PositiveMonths
from adaptive_cart.nouns.records import Floats, Population, Snapshot
from adaptive_cart.nouns.summaries import Durations, SummaryKind


@dataclass(frozen=True)
class Followed:
    """Months each participant is seen if followed to the horizon, and who has the event.

    Attributes
    ----------
    event_date, leaves
        ``(trial, participant)`` calendar months of the event, if it is seen, and of the end of
        follow-up; infinite where there is none.
    """

    months: Floats
    event: ParticipantSet
    event_date: Floats
    leaves: Floats


class TimeToEvent(EndpointBase):
    """A time-to-event endpoint from randomisation."""

    type: Literal["time_to_event"]
    horizon: PositiveMonths | None = None

    gives: ClassVar[SummaryKind] = Durations
    direct: ClassVar[DirectTruth | None] = Times()
    estimand_kind: ClassVar[str | None] = "hazard_ratio"
    looks_by_events: ClassVar[bool] = True

    def describes(self) -> str:
        return "time to the event"

    def called(self, name: str, directly: bool) -> str:
        return f"time to {name}"

    def followed_for(self) -> float | None:
        return self.horizon

    def prepare(self, name: str, population: Population) -> Followed:
        time = np.asarray(population.outcomes[name], dtype=np.float64)
        ends: Floats = np.array(np.inf if self.horizon is None else self.horizon)
        if population.last_seen is not None:
            ends = np.minimum(population.last_seen, ends)
        event = (time <= until(ends)) & np.isfinite(time)
        date = np.where(event, population.arrival + time, np.inf)
        months = np.minimum(time, ends)
        leaves = population.arrival + months
        return Followed(months, ParticipantSet.where(event), date, leaves)

    def ends(self, prepared: Followed, population: Population) -> Floats:
        return prepared.leaves

    def summary(self, prepared: Followed, snapshot: Snapshot) -> Durations:
        population = snapshot.population
        included = snapshot.enrolled
        mask = included.mask(population.participants)
        months = np.where(mask, np.minimum(prepared.months, snapshot.follow_up()), 0.0)
        happened = ParticipantSet.where(prepared.event_date <= until(snapshot.date)[:, None])
        happened = happened & prepared.event & included
        return Durations(
            months,
            happened.mask(population.participants),
            mask,
            population.arm,
            population.label,
            population.tally(included),
            population.tally(happened),
            population.totals(months, included),
        )

    def settled(self, values: npt.NDArray[Any] | None, rescue: Floats) -> npt.NDArray[np.bool_]:
        """Who has had the event."""
        assert values is not None
        return np.isfinite(values)
