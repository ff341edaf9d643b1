"""Months to an event, or to the first of several; dropout, the look and ``horizon`` censor.

Without ``event`` what happens is said directly, or stands in its own column: months from
randomisation, and death censors. With it, the time is read off the course: from randomisation, from
infusion (from randomisation in an arm where nobody is infused; who is not infused in another is
left out) or from the first drug-free remission (remitters only) to the first of the events named.
What comes before the time begins does not count. Death censors where it is not among the events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Discriminator, Field, Tag, model_validator

from adaptive_cart.endpoints.base import EndpointBase
from adaptive_cart.endpoints.clocked import Clocked, lost_at_risk
from adaptive_cart.endpoints.direct import DirectTruth, Times
from adaptive_cart.endpoints.intercurrent import Circumstances, Event, Handled
from adaptive_cart.errors import one_of
from adaptive_cart.nouns.ahead import Ahead, AtRisk
from adaptive_cart.nouns.attendance import Attendance
from adaptive_cart.nouns.calendar import short_of, until
from adaptive_cart.nouns.course import DRUG_FREE
from adaptive_cart.nouns.lost import Lost
from adaptive_cart.nouns.participant_set import ParticipantSet, kept, or_never
from adaptive_cart.nouns.parts import PositiveMonths
from adaptive_cart.nouns.records import Floats, Outcome, Population, Snapshot
from adaptive_cart.nouns.summaries import Durations, SeenDurations, SummaryKind


@dataclass(frozen=True)
class Followed:
    """Months each participant is seen if followed to the horizon, and who has the event.

    Attributes
    ----------
    event_date, leaves
        ``(trial, participant)`` calendar months of the event, if it is seen, and of the end of
        follow-up; infinite where there is none.
    since
        ``(trial, participant)`` months to the last visit without the event; nothing without visits.
    """

    months: Floats
    event: ParticipantSet
    event_date: Floats
    leaves: Floats
    since: Floats | None = None


Word: TypeAlias = Literal["relapse", "rescue", "death", "crossover", "remission"]
WORDS: dict[str, str] = {  # of the course, as a sentence has them
    "relapse": "loss of drug-free remission",
    "rescue": "rescue",
    "death": "death",
    "crossover": "crossover",
    "remission": "drug-free remission",
}


def _shape(value: Any) -> str:
    return "several" if isinstance(value, list | tuple) else "one"


Events = Annotated[
    Annotated[Word, Tag("one")] | Annotated[list[Word], Tag("several")], Discriminator(_shape)
]


class TimeToEvent(EndpointBase):
    """The time to an event, or to the first of several that are read off the course."""

    type: Literal["time_to_event"]
    event: Events | None = Field(
        default=None, description="what of the course it is, or a list: the first of these"
    )
    clock: Literal["randomisation", "infusion", "remission"] = Field(
        default="randomisation", description="where the time begins, if the course says the event"
    )
    horizon: PositiveMonths | None = None
    at_once: bool | None = Field(
        default=None,
        description="with visits: its event is known when it happens, and not at the next visit",
    )

    censored_by: ClassVar[str | None] = "horizon"
    gives: ClassVar[SummaryKind] = Durations
    direct: ClassVar[DirectTruth | None] = Times()
    estimand_kind: ClassVar[str | None] = "hazard_ratio"
    looks_by_events: ClassVar[bool] = True

    @model_validator(mode="after")
    def _together(self) -> TimeToEvent:
        if self.event is not None and not self.events:
            raise ValueError("'event' is []; a word or a list of at least one is expected")
        if len(set(self.events)) < len(self.events):
            raise ValueError(f"'event' is {list(self.events)}; each word once is expected")
        if self.at_once is not None and self.event is not None:
            raise ValueError(
                "'at_once' is for an event that is said directly; of a course, relapse and "
                "remission are seen at visits and all else is known at once: leave it out"
            )
        if self.clock != "randomisation" and self.event is None:
            raise ValueError(
                f"'clock' is \"{self.clock}\"; the course says when that is, and 'event' which "
                'event of the course ends the time: write event = "relapse", for example'
            )
        if self.clock == "remission" and "remission" in self.events:
            raise ValueError(
                "'event' is remission, with which the time begins; leave it out, or write "
                'clock = "randomisation"'
            )
        return self

    @property
    def events(self) -> tuple[str, ...]:
        """Words of the course that end the time; none where its own column says the event."""
        if self.event is None:
            return ()
        return (self.event,) if isinstance(self.event, str) else tuple(self.event)

    @property
    def from_course(self) -> bool:
        return self.event is not None

    def needs(self) -> tuple[str, ...]:
        return tuple(word for word in self.events if word in ("rescue", "death"))

    def from_infusion(self) -> bool:
        return self.clock == "infusion"

    # ── in words ──────────────────────────────────────────────────────────────────────────
    def population(self, circumstances: Circumstances) -> str:
        if circumstances.directly or not self.events:
            return super().population(circumstances)
        if self.clock == "remission":
            return "those who reach drug-free remission while they are followed"
        if self.clock == "infusion" and circumstances.infused:
            return "the infused; everybody in an arm where nobody is infused"
        return super().population(circumstances)

    def handled(self, circumstances: Circumstances) -> Iterator[Handled]:
        if not circumstances.directly and self.events:
            yield from self._handled_in_course(circumstances)
        yield Handled("dropout", "hypothetical", "censors; the time had follow-up gone on")
        if circumstances.directly:
            return
        if "death" in self.events:
            yield Handled("death", "composite", "an event")
        else:
            yield Handled("death", "hypothetical", "censors; the time had nobody died")

    def _handled_in_course(self, circumstances: Circumstances) -> Iterator[Handled]:
        if circumstances.infused and self.clock == "infusion":
            means = "the time begins at infusion"
            yield Handled("not_infused", "principal_stratum", means)
        elif circumstances.infused:
            yield Handled("not_infused", "treatment_policy", "part of the strategy of the arm")
        met: list[Event] = ["rescue"]
        met += ["crossover"] if circumstances.crossover is not None else []
        for event in met:
            if event in self.events:
                yield Handled(event, "composite", "an event")
            else:
                yield Handled(event, "treatment_policy", "follow-up goes on after it")

    def describes(self) -> str:
        if not self.events:
            return "time to the event"
        first = "the first of " if len(self.events) > 1 else ""
        return f"time to {first}{one_of([WORDS[word] for word in self.events])}{self._since()}"

    def _since(self) -> str:
        return "" if self.clock == "randomisation" else f" from {self._begins()}"

    def _begins(self) -> str:
        return {"remission": "first drug-free remission"}.get(self.clock, self.clock)

    def called(self, name: str, directly: bool) -> str:
        return f"time to {name}" if directly or not self.events else self.describes()

    def variable(self, directly: bool) -> str:
        if directly or not self.events:
            return ""
        return f"{self.describes()}, in months{'' if self._since() else ' from randomisation'}"

    def without_effect(self, directly: bool, dropout: bool) -> Iterator[tuple[str, str]]:
        if directly and self.event is not None:
            yield "event", "for the reader; the truth is said directly, as the time to the event"

    def direct_refused(self) -> str:
        if self.clock == "randomisation":
            return ""
        return (
            f'its time begins at {self._begins()} (clock = "{self.clock}"), which only a course '
            "dates; give the arms a course, or leave `clock` out"
        )

    def followed_for(self) -> float | None:
        return self.horizon if self.clock == "randomisation" else None

    # ── what happens ──────────────────────────────────────────────────────────────────────
    def between_visits(self) -> bool:
        """Whether the event is a change of state, seen at visits where there are any.

        Rescue, death and crossover are known at their moment, and what is said directly where the
        endpoint says so.
        """
        if self.events:
            return bool({"relapse", "remission"} & set(self.events))
        return not self.at_once

    def as_seen(self, outcome: Outcome, attendance: Attendance) -> Outcome:
        if not self.between_visits():
            return outcome
        return attendance.first_from(np.asarray(outcome, dtype=np.float64))

    def _begun(self, population: Population) -> Floats:
        """Months from randomisation to where the time begins, infinite where it never does."""
        course = population.course
        assert course is not None
        if self.clock == "remission":
            return population.state(DRUG_FREE).first()[0]
        if self.clock == "randomisation":
            return np.zeros(population.arm.shape)
        infused = np.array(population.infused_arms)[population.arm]
        return np.where(infused, course.infused, 0.0)

    def _ended(self, population: Population, begun: Floats) -> Floats:
        """Months from randomisation to the first of the events, not before the time begins."""
        return self._first(self.events, population, begun)

    def _first(self, words: Sequence[str], population: Population, begun: Floats) -> Floats:
        """Months to the first of some events of the course, not before the time begins."""
        course, remissions = population.course, population.state(DRUG_FREE)
        assert course is not None
        months: dict[str, Floats] = {}
        for word in words:
            if word == "relapse":
                months[word] = remissions.next_ended(begun)
            elif word == "remission":
                months[word] = remissions.next_began(begun)
            else:
                dated = {"rescue": course.rescue, "death": course.death}.get(word, course.crossed)
                months[word] = np.full(begun.shape, np.inf) if dated is None else dated
        never = [np.where(at >= short_of(begun), at, np.inf) for at in months.values()]
        first: Floats = np.minimum.reduce(never)
        return first

    def prepare(self, name: str, population: Population) -> Followed | Clocked:
        if name in population.outcomes:
            time = np.asarray(population.outcomes[name], dtype=np.float64)
        else:
            begun = self._begun(population)
            time = self._ended(population, begun)
            if self.clock != "randomisation":
                horizon = np.inf if self.horizon is None else self.horizon
                since = self._since_visit(population, begun, time)
                visits = population.attendance if self.clock == "remission" else None
                before = None if visits is None or since is None else visits.before(begun)
                seen_at = self.between_visits()
                return Clocked.of(population, begun, time, horizon, seen_at, since, before)
        ends: Floats = np.array(np.inf if self.horizon is None else self.horizon)
        if population.last_seen is not None:
            ends = np.minimum(population.last_seen, ends)
        event = (time <= until(ends)) & np.isfinite(time)
        date = or_never(event, population.arrival + time)
        months = np.minimum(time, ends)
        leaves = population.arrival + months
        since = self._since_visit(population, np.zeros(months.shape), time)
        return Followed(months, ParticipantSet.where(event), date, leaves, since)

    def _since_visit(self, population: Population, begun: Floats, time: Floats) -> Floats | None:
        """Month of the last visit without the event, where it is a change of state.

        The month of the event itself where something that is known at its moment came first.
        """
        visits = population.attendance
        if visits is None or not self.between_visits():
            return None
        before = visits.before(time)
        if not self.events:
            return before
        states = [word for word in self.events if word in ("relapse", "remission")]
        changed = self._first(states, population, begun)
        return np.where(changed <= until(time), before, time)

    def ends(self, prepared: Followed | Clocked, population: Population) -> Floats:
        return prepared.ends() if isinstance(prepared, Clocked) else prepared.leaves

    def summary(self, prepared: Followed | Clocked, snapshot: Snapshot) -> Durations:
        if isinstance(prepared, Clocked):
            return prepared.summary(snapshot)
        population = snapshot.population
        included = snapshot.enrolled
        mask = included.mask(population.participants)
        months = kept(mask, np.minimum(prepared.months, snapshot.follow_up()))
        happened = ParticipantSet.where(prepared.event_date <= until(snapshot.date)[:, None])
        happened = happened & prepared.event & included
        had = happened.mask(population.participants)
        last = snapshot.known_until() if self.between_visits() else None
        if last is not None:
            months = np.where(had, months, np.minimum(months, last))
        found = Durations(
            months,
            had,
            mask,
            population.arm,
            population.label,
            population.tally(included),
            population.tally(happened),
            population.totals(months, included),
        )
        return found if prepared.since is None else SeenDurations.seen_since(found, prepared.since)

    def to_come(
        self,
        prepared: Followed | Clocked,
        snapshot: Snapshot,
        summary: Durations,
        ahead: Ahead,
    ) -> AtRisk:
        """Those followed on without the event, and those still to be enrolled."""
        if isinstance(prepared, Clocked):
            return prepared.to_come(snapshot, summary, ahead, self.horizon or np.inf)
        seen, now = snapshot.population.participants, snapshot.date[:, None]
        open_ = ahead.new.copy()
        open_[:, :seen] = summary.included & ~summary.event & (prepared.leaves > until(now))
        since = np.zeros(ahead.arrival.shape)
        since[:, :seen] = summary.months
        last = np.where(np.isnan(ahead.last), np.inf, ahead.last)[:, None]
        until_ = np.where(ahead.inside, last - np.where(ahead.inside, ahead.arrival, 0.0), 0.0)
        if self.horizon is not None:
            until_ = np.minimum(until_, self.horizon)
        open_ &= until_ > since
        arm, stratum = ahead.arm, ahead.stratum
        return AtRisk(open_, since, until_, ahead.arrival, arm, stratum, ahead.events)

    def lost(
        self, prepared: Followed | Clocked, snapshot: Snapshot, summary: Durations
    ) -> Lost | None:
        """Months at risk from the end of follow-up to the look, or to the horizon."""
        horizon = self.horizon or np.inf
        if isinstance(prepared, Clocked):
            return prepared.lost(snapshot, summary, horizon)
        gone = prepared.leaves <= until(snapshot.date)[:, None]
        longest = np.minimum(snapshot.follow_up(), horizon)
        return lost_at_risk(snapshot, summary, gone, longest, snapshot.population.arrival)

    # ── what is true ──────────────────────────────────────────────────────────────────────
    def true_values(self, name: str, population: Population) -> Floats | None:
        """Fraction without an event at the horizon, by trial; nothing where there is none."""
        if population.course is None or self.horizon is None or name in population.outcomes:
            return None
        return self.lasting(population, self.horizon) if self.events else None

    def true_unit(self) -> str:
        return "" if self.horizon is None else f"without an event after {self.horizon:g} months"

    def lasting(self, population: Population, month: float) -> Floats:
        """Fraction of those whose time begins that has no event by a month, ``(trial,)``.

        Had nobody left follow-up: neither dropout nor what else ends it counts.
        """
        begun = self._begun(population)
        starts = np.isfinite(begun)
        with np.errstate(invalid="ignore"):
            months = self._ended(population, begun) - begun
            lasting = starts & ((months > until(month)) | np.isinf(months))
            fraction: Floats = lasting.sum(axis=1) / starts.sum(axis=1)
        return fraction

    def counts_some(self) -> bool:
        return self.clock != "randomisation"

    def counted(self, name: str, population: Population) -> Floats:
        """Those whose time begins while they are followed."""
        if not self.counts_some():
            return super().counted(name, population)
        assert population.last_seen is not None
        return (self._begun(population) < population.last_seen).mean(axis=1)

    # ── in a participants table ───────────────────────────────────────────────────────────
    def settled(
        self, values: npt.NDArray[Any] | None, months: Mapping[str, Floats]
    ) -> npt.NDArray[np.bool_]:
        """Who has had the event."""
        if values is not None:
            return np.isfinite(values)
        never = np.zeros(len(months["rescue_month"]))  # worked out from the course
        begun = {"infusion": months["infused_month"], "remission": months["remission_month"]}.get(
            self.clock, never
        )
        found = [months.get(f"{word}_month", never + np.inf) for word in self.events]
        return np.logical_or.reduce([np.isfinite(at) & (at >= begun) for at in found])
