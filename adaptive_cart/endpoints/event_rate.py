"""Events per patient-year of follow-up, everybody, from randomisation: serious infections.

Follow-up ends at dropout, death or the look; a participant may have several events.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from adaptive_cart.endpoints.base import EndpointBase
from adaptive_cart.endpoints.direct import DirectTruth, Yearly
from adaptive_cart.endpoints.intercurrent import Circumstances, Handled
from adaptive_cart.nouns.ahead import Ahead, UntilThen, Years
from adaptive_cart.nouns.calendar import short_of
from adaptive_cart.nouns.lost import Lost
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.parts import MONTHS_PER_YEAR
from adaptive_cart.nouns.records import Floats, Population, Snapshot
from adaptive_cart.nouns.recurrent_events import RecurrentEvents
from adaptive_cart.nouns.summaries import Exposure, SummaryKind


@dataclass(frozen=True)
class FollowUp:
    """Months until follow-up ends of itself, and the events."""

    ends: Floats | None
    events: RecurrentEvents


class EventRate(EndpointBase):
    """A rate of recurrent events per patient-year."""

    type: Literal["event_rate"]

    gives: ClassVar[SummaryKind] = Exposure
    direct: ClassVar[DirectTruth | None] = Yearly()
    named_in: ClassVar[Literal["events", "rates", "scores"] | None] = "rates"
    estimand_kind: ClassVar[str | None] = "level"
    harm: ClassVar[bool] = True

    def handled(self, circumstances: Circumstances) -> Iterator[Handled]:
        if not circumstances.directly:
            if circumstances.infused:
                means = "everybody counts, from randomisation on"
                yield Handled("not_infused", "treatment_policy", means)
            yield Handled("rescue", "treatment_policy", "events after it count")
            if circumstances.crossover is not None:
                means = "the own arm's rate goes on, as if nobody had crossed over"
                yield Handled("crossover", "hypothetical", means)
        yield Handled("dropout", "hypothetical", "follow-up ends; the rate had it gone on")
        if not circumstances.directly:
            yield Handled("death", "while_alive", "events and time count until then")

    def describes(self) -> str:
        return "events per patient-year"

    def variable(self, directly: bool) -> str:
        return "events per patient-year of follow-up from randomisation on"

    def true_unit(self) -> str:
        return "events a year"

    def prepare(self, name: str, population: Population) -> FollowUp:
        ends = population.dropout if population.course is None else population.last_seen
        events = population.outcomes[name]
        assert isinstance(events, RecurrentEvents)
        return FollowUp(ends, events)

    def summary(self, prepared: FollowUp, snapshot: Snapshot) -> Exposure:
        population = snapshot.population
        inside = snapshot.enrolled.mask(population.participants)
        months = np.where(inside, snapshot.follow_up(), 0.0)
        if prepared.ends is not None:
            months = np.minimum(months, prepared.ends)
        events = np.where(inside, prepared.events.count(months), 0)
        counts = population.totals(events.astype(np.float64), snapshot.enrolled)
        years = population.totals(months, snapshot.enrolled) / MONTHS_PER_YEAR
        return Exposure(counts.astype(np.int64), years, snapshot.enrolled_by_group)

    def to_come(
        self,
        prepared: FollowUp,
        snapshot: Snapshot,
        summary: Exposure,
        ahead: Ahead,
    ) -> Years | UntilThen:
        """Years from now, or from randomisation, to the last look, of who has not left."""
        population = snapshot.population
        gone = np.zeros(ahead.inside.shape, dtype=np.bool_)
        if prepared.ends is not None:
            gone[:, : population.participants] = prepared.ends <= snapshot.follow_up()
        from_ = np.maximum(ahead.arrival, snapshot.date[:, None])
        if ahead.events:  # they decide when that is
            opens = np.where(ahead.inside & ~gone, from_, np.inf)
            _, arms, strata = ahead.planned.shape
            return UntilThen(opens, ahead.new, ahead.arm, ahead.stratum, (arms, strata))
        months = np.where(ahead.inside & ~gone, ahead.last[:, None] - from_, 0.0)
        years = ahead.summed(np.maximum(months, 0.0)) / MONTHS_PER_YEAR
        arrives = ahead.new & (ahead.arrival <= ahead.last[:, None])
        return Years(years, ahead.summed(arrives.astype(np.float64)).astype(np.int64))

    def lost(self, prepared: FollowUp, snapshot: Snapshot, summary: Exposure) -> Lost | None:
        """Years from withdrawal to the look; none after death, until which events count."""
        population = snapshot.population
        course = population.course
        left = population.dropout if course is None else course.dropout
        if left is None:
            return None
        died = np.inf if course is None else course.death
        followed = snapshot.follow_up()
        gone = (left < short_of(followed)) & (left <= died)
        months = np.where(gone, followed - np.where(gone, left, 0.0), 0.0)
        years = population.totals(months, snapshot.enrolled) / MONTHS_PER_YEAR
        who = population.tally(snapshot.enrolled & ParticipantSet.where(gone))
        return Lost(who, years, Years(years, np.zeros_like(who)))

    def closed_form(self, values: Any, dropout: Floats, course: bool) -> Floats | None:
        return np.array(values, dtype=np.float64)

    def counts_time(self) -> bool:
        return True
