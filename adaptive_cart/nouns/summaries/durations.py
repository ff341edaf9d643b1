"""Times to an event, and for how long those without it have been seen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.ahead import AtRisk, over_completions
from adaptive_cart.nouns.counters import Labels
from adaptive_cart.nouns.external import External, Form, Level
from adaptive_cart.nouns.external_draws import Law, of_events
from adaptive_cart.nouns.lost import MissingShift
from adaptive_cart.nouns.questions import OPEN
from adaptive_cart.nouns.questions.words import Parameter
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries.base import Beside, Summary, none_of, repeated
from adaptive_cart.nouns.summaries.changes import Move, Reach, counted

AT_A_MONTH = Form(("remaining", "participants", "month"), Level("a fraction that remains"))
OF_A_MONTH = {"remaining", "month"}  # by which it is known
A_HAZARD = Level("a hazard a month", 1.0, (0.0, math.inf))


@dataclass(frozen=True)
class Durations(Summary):
    """Times to an event with right censoring, participant by participant.

    Attributes
    ----------
    months
        ``(trial, participant)`` time under observation; meaningless outside ``included``.
    event
        ``(trial, participant)``: did it end with the event?
    included
        ``(trial, participant)``: is the participant in the analysis?
    arm, stratum
        ``(trial, participant)``; the stratum is 0 for everybody where a design has none.
    participants, events, exposure
        ``(trial, arm, stratum)`` numbers and months at risk.
    """

    months: Floats
    event: Booleans
    included: Booleans
    arm: Labels
    stratum: Labels
    participants: Integers
    events: Integers
    exposure: Floats

    kind: ClassVar[str] = "durations"
    lasts: ClassVar[bool] = True
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    parameter: ClassVar[str] = "cured fraction"
    observed: ClassVar[tuple[str, str]] = ("events", "months")
    observed_unit: ClassVar[str] = "events a month at risk"
    holds: ClassVar[str] = "the events so far, and the months at risk in which they were seen"
    external: ClassVar[tuple[str, ...]] = ("events", "months")
    external_columns: ClassVar[tuple[str, ...]] = ("events", "months")
    external_level: ClassVar[Level] = A_HAZARD
    external_law: ClassVar[Law | None] = of_events(A_HAZARD)
    missing_shift: ClassVar[MissingShift | None] = MissingShift(
        "hazard of those censored early", added=False, amount="months at risk"
    )

    @classmethod
    def empty(cls, arms: int, strata: int) -> Durations:
        none, nobody = none_of(arms, strata), np.zeros((1, 1), dtype=np.bool_)
        arm = np.zeros((1, 1), dtype=np.int8)
        at_risk = none.astype(float)
        return cls(np.zeros((1, 1)), nobody, nobody, arm, arm, none, none, at_risk)

    @classmethod
    def external_form(cls, data: External) -> Form:
        usual, said = super().external_form(data), {*data.said}
        counted = len(said & OF_A_MONTH) > len(said & {*usual.keys})
        return AT_A_MONTH if counted else usual

    @property
    def analysed(self) -> Integers:
        return self.participants

    def in_the_middle(self) -> Durations:
        """The same, each event at the middle of the interval in which it happened.

        So is what the clock begins with. Where everything is known at its moment that is the same.
        """
        return self

    def earlier(self) -> Floats | None:
        """Months by which clocks begin before they are seen to, ``(trial, participant)``, if any.

        Of times that are in the middle of their intervals.
        """
        return None

    def half_widths(self) -> Floats | None:
        """Half of that interval, ``(trial, participant)``; nothing where events are moments."""
        return None

    def members(self, arm: int, stratum: int, open_strata: Booleans | None) -> Booleans:
        """Who of an arm a question is about, ``(trial, participant)``.

        Parameters
        ----------
        stratum
            Position of a stratum, or ``ALL`` or ``OPEN`` as a question has it.
        open_strata
            ``(trial, stratum)``; nothing where all are open.
        """
        inside: Booleans = self.included & (self.arm == arm)
        if stratum >= 0:
            inside &= self.stratum == stratum
        elif stratum == OPEN and open_strata is not None:
            inside &= np.take_along_axis(open_strata, self.stratum.astype(np.intp), axis=1)
        return inside

    def among(self, inside: Booleans) -> Self:
        trial = np.arange(len(inside))[:, None]
        chosen = inside[trial, self.arm.astype(np.intp), self.stratum.astype(np.intp)]
        return replace(
            self,
            included=self.included & chosen,
            stratum=np.zeros_like(self.stratum),
            participants=np.where(inside, self.participants, 0).sum(axis=2, keepdims=True),
            events=np.where(inside, self.events, 0).sum(axis=2, keepdims=True),
            exposure=np.where(inside, self.exposure, 0.0).sum(axis=2, keepdims=True),
        )

    def followed_on(self, coming: AtRisk, lasting: Floats) -> Durations:
        """The same at the last look, a row a completion.

        Parameters
        ----------
        lasting
            ``(trial, completion, column)`` months from the beginning of the clock to the event of
            those who are still at risk.
        """
        trials, number, columns = lasting.shape
        seen = self.months.shape[1]
        spread = (trials, number, columns)
        open_, began = (over_completions(part, spread) for part in (coming.open, coming.began))
        until_ = over_completions(coming.until, spread)

        def had(values: npt.NDArray[Any], none: Any) -> npt.NDArray[Any]:
            whole = np.full((trials, columns), none, dtype=values.dtype)
            whole[:, :seen] = values
            return np.broadcast_to(whole[:, None], spread)

        before, event_before = had(self.months, 0.0), had(self.event, False)
        if coming.events:
            until_ = np.minimum(until_, _cut(coming, began, lasting, before, event_before, open_))
        months = np.where(open_, np.minimum(lasting, until_), before)
        months = np.maximum(months, before)
        event = np.where(open_, lasting <= until_, event_before)
        included = had(self.included, False) | (open_ & (until_ > 0.0))
        flat = (trials * number, columns)
        rows = [np.ascontiguousarray(part).reshape(flat) for part in (months, event, included)]
        arm, stratum = (
            over_completions(part, spread).reshape(flat) for part in (coming.arm, coming.stratum)
        )
        return Durations.of(rows[0], rows[1], rows[2], arm, stratum, self.participants.shape[1:])

    @classmethod
    def of(
        cls,
        months: Floats,
        event: Booleans,
        included: Booleans,
        arm: Labels,
        stratum: Labels,
        shape: tuple[int, ...],
    ) -> Durations:
        """Durations with their numbers and months at risk by arm and stratum (``shape``)."""
        numbers = np.empty((len(months), *shape), dtype=np.int64)
        events, exposure = numbers.copy(), numbers.astype(np.float64)
        for place in np.ndindex(*shape):
            mine = included & (arm == place[0]) & (stratum == place[1])
            numbers[:, place[0], place[1]] = mine.sum(axis=1)
            events[:, place[0], place[1]] = (mine & event).sum(axis=1)
            exposure[:, place[0], place[1]] = np.where(mine, months, 0.0).sum(axis=1)
        return cls(months, event, included, arm, stratum, numbers, events, exposure)

    def beside(self, outside: Floats) -> Durations:
        return DurationsBeside(**vars(self), outside=outside)

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        return {"analysed": self.participants, "events": self.events, "months": self.exposure}

    @classmethod
    def asked_about(cls, unit: str = "") -> Parameter:
        return Parameter(cls.parameter, of="the {noun} ({endpoint})")

    @staticmethod
    def heads(unit: str = "") -> dict[str, str]:
        return {"months": "months at risk"}

    @staticmethod
    def told(total: Mapping[str, float], unit: str = "") -> str:
        events, number = (f"{total[column]:.0f}" for column in ("events", "analysed"))
        return f"{events} events in {number} followed {total['months']:.1f} months"

    @staticmethod
    def seen(total: Mapping[str, float]) -> str:
        return f"{total['events']:.0f} in {total['months']:.1f} months"

    @staticmethod
    def short(total: Mapping[str, float], unit: str = "") -> tuple[str, str]:
        return f"{total['events']:.0f}/{total['analysed']:.0f}", ""

    def changes(self, reach: Reach) -> Iterator[tuple[tuple[Move, ...], Durations]]:
        """Ends of follow-up become events, or events ends of follow-up: shortest or longest first.

        The least change is looked for in these two orders only.
        """
        lines = []
        for arm, more in product(reach.arms, (True, False)):
            mine = self.members(arm, reach.stratum, reach.open_strata)[0]
            inside = mine & (self.event[0] != more)
            who = np.flatnonzero(inside & (self.months[0] > 0.0))
            by_months = who[np.argsort(self.months[0, who], kind="stable")]
            shortest, longest = (
                ("in those followed shortest", "in those followed longest")
                if more
                else ("without the earliest", "without the latest")
            )
            lines.append((arm, more, shortest, by_months))
            lines.append((arm, more, longest, by_months[::-1]))
        for size in range(1, max((len(who) for *_, who in lines), default=0) + 1):
            for arm, more, which, who in lines:
                if len(who) < size:
                    continue
                event = self.event.copy()
                event[:, who[:size]] = more
                move = Move(arm, None, f"{counted(size if more else -size)}, {which}")
                yield (move,), replace(self, event=event)


@dataclass(frozen=True)
class DurationsBeside(Beside, Durations):
    """Times to an event, and beside them the events of external data."""

    def followed_on(self, coming: AtRisk, lasting: Floats) -> Durations:
        found = super().followed_on(coming, lasting)
        return found.beside(repeated(self.outside, lasting.shape[1]))


@dataclass(frozen=True)
class SeenDurations(Durations):
    """Times to an event that is seen at visits: it happened between two of them.

    Attributes
    ----------
    half
        ``(trial, participant)`` half of the months between the last visit without the event and
        that at which it is seen; 0 where it is known at its moment, or there is none.
    late
        ``(trial, participant)`` the same of what the clock begins with; 0 where that is known at
        its moment.
    moved
        ``(trial, participant)`` months by which the clock has been made to begin sooner.
    """

    half: Floats
    late: Floats
    moved: Floats

    @classmethod
    def seen_since(
        cls, dated: Durations, since: Floats, late: Floats | None = None
    ) -> SeenDurations:
        """Times with the month, on the same clock, of the last visit without the event."""
        fields = vars(dated)
        with np.errstate(invalid="ignore"):
            width = np.where(dated.event, dated.months - np.maximum(since, 0.0), 0.0)
        nothing = np.zeros(dated.months.shape)
        late = nothing if late is None else np.where(dated.included, late, 0.0)
        return cls(**fields, half=np.maximum(width, 0.0) / 2.0, late=late, moved=nothing)

    def in_the_middle(self) -> SeenDurations:
        less = self.half - self.late
        exposure = self.exposure.copy()
        for place in np.ndindex(*exposure.shape[1:]):
            mine = self.included & (self.arm == place[0]) & (self.stratum == place[1])
            exposure[(slice(None), *place)] -= np.where(mine, less, 0.0).sum(axis=1)
        nothing = np.zeros(self.late.shape)
        months = self.months - less
        return replace(self, months=months, exposure=exposure, late=nothing, moved=self.late)

    def earlier(self) -> Floats | None:
        return self.moved

    def half_widths(self) -> Floats | None:
        return self.half

    def beside(self, outside: Floats) -> Durations:
        return SeenDurationsBeside(**vars(self), outside=outside)


@dataclass(frozen=True)
class SeenDurationsBeside(DurationsBeside, SeenDurations):
    """Times to an event seen at visits, and the same beside them."""


def _cut(
    coming: AtRisk,
    began: Floats,
    lasting: Floats,
    before: Floats,
    event_before: Booleans,
    open_: Booleans,
) -> Floats:
    """Months on each clock at the date of the event that the last look waits for."""
    inside = open_ & (lasting <= over_completions(coming.until, lasting.shape))
    with np.errstate(invalid="ignore"):
        past = np.where(event_before, began + before, np.inf)
        dates = np.where(inside, began + lasting, past)
    place = min(coming.events, dates.shape[2]) - 1
    date = np.partition(dates, place, axis=2)[:, :, place : place + 1]
    with np.errstate(invalid="ignore"):
        left: Floats = np.where(np.isinf(date), np.inf, date - began)
    return left
