"""The nouns that stages hand to each other; axes and units live here.

Axis 0 is always the trial. ``arm`` 0 is the control. ``stratum`` has length one where a design has
no strata. Calendar time is in months since the trial opened; a participant's own time in months
since that participant's randomisation; what never happens is at infinity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.attendance import Attendance
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.counters import Labels
from adaptive_cart.nouns.course import Course, Spells
from adaptive_cart.nouns.enrolled import Come, Enrolled
from adaptive_cart.nouns.participant_set import WORD, ParticipantSet, kept
from adaptive_cart.nouns.recurrent_events import RecurrentEvents
from adaptive_cart.nouns.scored import Scored
from adaptive_cart.nouns.staged import Staged
from adaptive_cart.nouns.windows import Windows

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]
Outcome = Floats | Booleans | RecurrentEvents | Scored | Staged


def pooled(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Sum over the last axis, which is short: column by column, NumPy being slow at it.

    Read only, since a single column is its own sum.
    """
    total = values[..., 0]
    if values.shape[-1] > 1:
        total = total.copy()
    for place in range(1, values.shape[-1]):
        total += values[..., place]
    total.setflags(write=False)
    return total


def any_of(flags: Booleans) -> Booleans:
    """Whether any is true along the last axis, which is short; read only, in the same way."""
    found: Booleans = flags[..., 0]
    if flags.shape[-1] > 1:
        found = found.copy()
    for place in range(1, flags.shape[-1]):
        found |= flags[..., place]
    found.setflags(write=False)
    return found


@dataclass(frozen=True)
class Population:
    """The participants of a block of trials and all that is true of them.

    Attributes
    ----------
    arrival
        ``(trial, participant)`` months since the trial opened, increasing; infinite past ``max_n``.
    arm, stratum
        ``(trial, participant)``.
    arms, strata
        Number of arms and of strata.
    max_n
        Participants that may be randomised.
    infused_arms
        By arm: is the product infused? Windows of adverse events then start at infusion.
    course
        The participant course, where the truth is a course.
    dropout
        ``(trial, participant)`` where the truth has dropout, else nothing.
    outcomes
        By endpoint that does not follow from remission: what its truth has drawn (or its column of
        a participants table holds), ``(trial, participant)``: a response, a value, the month of an
        event (infinite where there is none), events that may happen again and again, scores, or
        responses with the states before them.
    imputations
        By endpoint: latent uniform with which a missing response is drawn.
    visits
        By endpoint that is a score: months at which it is taken.
    crossover_counts
        Whether remission after crossover counts (treatment policy) or not (composite).
    external
        By external data that are drawn anew in every trial, then by key of their table: what was
        drawn there, ``(trial,)``.
    attendance
        The visits at which everybody is seen, where states are known from visits alone; then
        the states of the course are those seen.
    windows
        When each arm opens and closes, where it matters in which period somebody was randomised.
    shared
        The same arrivals, arms and strata as other scenarios have them too, if any do.
    """

    arrival: Floats
    arm: Labels
    stratum: Labels | None
    arms: int
    strata: int
    max_n: int
    infused_arms: tuple[bool, ...]
    course: Course | None = None
    dropout: Floats | None = None
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    imputations: Mapping[str, Floats] = field(default_factory=dict)
    visits: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    crossover_counts: bool = False
    attendance: Attendance | None = None
    windows: Windows | None = None
    external: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)
    shared: Enrolled | None = None

    @cached_property
    def by_period(self) -> Population:
        """The same participants, with the period in which they were randomised as their stratum."""
        assert self.windows is not None
        period = self.windows.period_of(self.arrival)
        return replace(self, stratum=period, strata=self.windows.periods)

    def over_calendar(self, every: float) -> Population:
        """The same participants, whose periods are bounded by the calendar too.

        Parameters
        ----------
        every
            Length of a calendar period in months.
        """
        if every not in self._over_calendar:
            assert self.windows is not None
            came = self.arrival[np.isfinite(self.arrival)]
            windows = self.windows.over_calendar(every, float(came.max(initial=0.0)))
            self._over_calendar[every] = replace(self, windows=windows)
        return self._over_calendar[every]

    @cached_property
    def _over_calendar(self) -> dict[float, Population]:
        return {}

    @property
    def label(self) -> Labels:
        """Stratum of everybody, ``(trial, participant)``; 0 where there are none."""
        if self.stratum is not None:
            return self.stratum
        return np.broadcast_to(np.int8(0), self.arm.shape)

    @property
    def participants(self) -> int:
        """Width of the arrays; a few spare columns past ``max_n`` never arrive."""
        return self.arrival.shape[1]

    @property
    def trials(self) -> int:
        """How many trials the block has."""
        return self.arrival.shape[0]

    @cached_property
    def enrolled(self) -> Enrolled:
        """When participants came, and where they are; other scenarios' too, where it is theirs."""
        own = self.arrival, self.arm, self.stratum
        if self.shared is not None and self.shared.is_of(*own):
            return self.shared
        return Enrolled(*own, self.arms, self.strata)

    @property
    def groups(self) -> tuple[tuple[ParticipantSet, ...], ...]:
        """Members of each arm and stratum."""
        return self.enrolled.groups

    def widened(self, arrival: Floats, imputations: Mapping[str, Floats]) -> Population:
        """The same with all who come beside these, the first of them, of whom nothing is known.

        Where all of it is in arrays, and nobody has a stratum.

        Parameters
        ----------
        arrival, imputations
            Of everybody.
        """

        def wide(part: npt.NDArray[Any], width: int) -> npt.NDArray[Any]:
            found = np.zeros((len(arrival), width), dtype=part.dtype)
            found[:, : part.shape[1]] = part
            return found

        number = arrival.shape[1]
        found = replace(
            self, arrival=arrival, arm=wide(self.arm, number), imputations=imputations,
            outcomes={name: wide(np.asarray(of), number) for name, of in self.outcomes.items()},
            dropout=None if self.dropout is None else wide(self.dropout, number),
        )  # fmt: skip
        found.enrolled.__dict__["groups"] = tuple(
            (ParticipantSet(wide(members.words, -(-number // WORD))),) for (members,) in self.groups
        )
        return found

    def with_columns(self, first: int, seen: Population) -> Population:
        """The same trials with other arms and outcomes of some participants who follow each other.

        Where all of it is in arrays, and nobody has a stratum.

        Parameters
        ----------
        first
            Column of the first of them: a multiple of :data:`WORD`.
        seen
            These alone.
        """

        def put(whole: npt.NDArray[Any], part: npt.NDArray[Any], start: int) -> npt.NDArray[Any]:
            found = whole.copy()
            found[:, start : start + part.shape[1]] = part
            return found

        outcomes = {
            name: put(np.asarray(whole), np.asarray(seen.outcomes[name]), first)
            for name, whole in self.outcomes.items()
        }
        dropout = self.dropout
        if dropout is not None and seen.dropout is not None:
            dropout = put(dropout, seen.dropout, first)
        arm = put(self.arm, seen.arm, first)
        found = replace(self, arm=arm, outcomes=outcomes, dropout=dropout)
        found.enrolled.__dict__["groups"] = tuple(
            (ParticipantSet(put(whole.words, part.words, first // WORD)),)
            for (whole,), (part,) in zip(self.groups, seen.groups, strict=True)
        )
        return found

    def date_of(self, month: float) -> Floats:
        """Calendar date of a month after randomisation, ``(trial, participant)``."""
        if month not in self._dates:
            self._dates[month] = self.arrival + month
        return self._dates[month]

    @cached_property
    def _dates(self) -> dict[float, Floats]:
        return {}

    def visit_for(self, month: float) -> Floats | None:
        """Month of the visit that stands for a month, ``(trial, participant)``.

        Infinite where nobody was seen within the window; nothing where states are known always.
        """
        if self.attendance is None:
            return None
        if month not in self._visits_for:
            self._visits_for[month] = self.attendance.nearest(month)
        return self._visits_for[month]

    @cached_property
    def _visits_for(self) -> dict[float, Floats]:
        return {}

    @cached_property
    def infusion_date(self) -> Floats:
        """Calendar month of infusion, ``(trial, participant)``."""
        assert self.course is not None
        return self.arrival + self.course.infused

    @cached_property
    def last_seen(self) -> Floats | None:
        """Months from randomisation to death or dropout, ``(trial, participant)``, if any."""
        return self.dropout if self.course is None else self.course.gone

    def state(self, name: str, crossover_counts: bool | None = None) -> Spells:
        """Spells in a state of the course that count, by the name that an endpoint has for it.

        Parameters
        ----------
        crossover_counts
            Whether what begins after crossover does; as the design has it if left out.
        """
        assert self.course is not None
        counts = self.crossover_counts if crossover_counts is None else crossover_counts
        return self.course.state(name, counts)

    def not_infused(self, month: float) -> ParticipantSet | None:
        """Those not infused by a month, of arms whose product is; nothing where there are none."""
        if self.course is None or not any(self.infused_arms):
            return None
        infused = np.array(self.infused_arms)[self.arm]
        return ParticipantSet.where(infused & (self.course.infused > until(month)))

    def tally(self, members: ParticipantSet) -> Integers:
        """Count a set by ``(trial, arm, stratum)``."""
        return self.enrolled.tally(members)

    def totals(self, values: Floats, members: ParticipantSet) -> Floats:
        """Sum a quantity over a set by ``(trial, arm, stratum)``."""
        return self._sums(values, members, squares=False)[0]

    def totals_and_squares(self, values: Floats, members: ParticipantSet) -> tuple[Floats, Floats]:
        """Sum a quantity, and its square, over a set by ``(trial, arm, stratum)``."""
        total, squares = self._sums(values, members, squares=True)
        return total, squares

    def _sums(self, values: Floats, members: ParticipantSet, squares: bool) -> list[Floats]:
        shape = (self.trials, self.arms, self.strata)
        sums = [np.empty(shape, dtype=np.float64) for _ in range(1 + squares)]
        for arm, strata in enumerate(self.groups):
            for stratum, group in enumerate(strata):
                mine = kept((members & group).mask(self.participants), values)
                sums[0][:, arm, stratum] = mine.sum(axis=1)
                if squares:
                    sums[1][:, arm, stratum] = np.square(mine, out=mine).sum(axis=1)
        return sums


@dataclass(frozen=True)
class Snapshot:
    """What the calendar allows to be seen at a look.

    Attributes
    ----------
    date
        ``(trial,)`` calendar month of the look.
    randomised
        ``(trial,)`` participants randomised by then.
    population
        The participants; a summary must not use what lies after ``date``.
    left_out
        Participants who are not analysed though they are randomised; nobody, if nothing.
    """

    date: Floats
    randomised: Integers
    population: Population
    left_out: ParticipantSet | None = None

    @cached_property
    def _come(self) -> Come:
        return self.population.enrolled.by(self.date, self.randomised, self.left_out)

    @property
    def enrolled(self) -> ParticipantSet:
        """Those randomised by the look, but for who is not analysed."""
        return self._come.everybody

    @property
    def enrolled_by_group(self) -> Integers:
        """How many they are, ``(trial, arm, stratum)``; read only."""
        return self.tally(self.enrolled)

    def passed(self, month: float) -> ParticipantSet:
        """Those randomised at least ``month`` months before the look."""
        return self._come.passed(month)

    def tally(self, members: ParticipantSet) -> Integers:
        """Count a set by ``(trial, arm, stratum)``; read only.

        Once where these are all who have been randomised, or were so many months before.
        """
        return self._come.tally(members)

    def told_at(self, month: float) -> ParticipantSet:
        """Those of whom a state at a month can be told: the visit for it may come that late."""
        attendance = self.population.attendance
        return self.passed(month if attendance is None else month + attendance.window)

    def reported(self, delay: float) -> Snapshot:
        """What has been reported by the look, of what takes so many months to be.

        Who has been randomised is known at once.
        """
        if delay == 0.0:
            return self
        if delay not in self._reported:
            self._reported[delay] = replace(self, date=self.date - delay)
        return self._reported[delay]

    @cached_property
    def _reported(self) -> dict[float, Snapshot]:
        return {}

    def follow_up(self) -> Floats:
        """Months since randomisation, ``(trial, participant)``; none for later arrivals."""
        months = self.date[:, None] - self.population.arrival
        # a row for the limit: a single number takes twice as long
        return np.maximum(months, np.zeros(months.shape[1]), out=months)

    def known_until(self) -> Floats | None:
        """Months since randomisation of the last visit of each; nothing where there are none."""
        attendance = self.population.attendance
        return None if attendance is None else attendance.last_by(self.follow_up())
