"""The participants of a real trial, as far as they are known, made what a look can see.

**What is known, and until when.** The absence of a record is not an event. Follow-up ends with
death, with withdrawal (``withdrawn_month``) or with the date of the look. Visits rarely fall on the
day: who is alive, has not withdrawn and was last seen within the visit window before the look's
date, or has missed no visit that the design plans, counts as followed to it; and a visit within the
window before a month at which an endpoint is known (the month of a landmark, a horizon) counts as
one at that month.

Who was last seen earlier, and has neither died nor withdrawn nor reached the end of what is asked,
is under follow-up and *last seen before the cut*. Times are censored at the last contact, follow-up
for rates ends there, and a landmark that lies after it is missing. Whoever analyses the trial asks
what would follow if they had been followed all the same (:class:`Silence`), and does not decide
where that differs.

The table may know more than a look could: it is cut by the code that cuts a simulated trial, which
uses nothing after the look's date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.design.design import Design
from adaptive_cart.nouns.attendance import Attendance, RecordedAttendance
from adaptive_cart.nouns.calendar import short_of, until
from adaptive_cart.nouns.counters import Labels
from adaptive_cart.nouns.records import Booleans, Floats, Population
from adaptive_cart.nouns.streams import padded
from adaptive_cart.recorded.table import course_of

WINDOW = 0.5  # months; a visit that was due falls within a fortnight of its day


def window_of(design: Design, typed: float | None = None) -> float:
    """Months by which a visit may come before its day: as typed, else by the plan, else half."""
    if typed is not None:
        return typed
    plan = design.follow_up
    return WINDOW if plan is None or not plan.at_visits else plan.visit_window


@dataclass(frozen=True)
class Silence:
    """How participants are read who were last seen before the cut.

    Attributes
    ----------
    followed
        Arms in which they are taken to have been followed to it: what was last known of them lasts.
        In the others follow-up ends at the last contact.
    respond
        Whether an outcome that is left blank is then a response.
    left
        Arms in which those who were seen within the window before the cut are taken to have left at
        that contact. In the others they count as followed.
    """

    followed: frozenset[int] = frozenset()
    respond: bool = True
    left: frozenset[int] = frozenset()


LEFT = Silence()


@dataclass(frozen=True)
class Participants:
    """A participants table, checked, in order of randomisation; arrays are ``(participant,)``.

    Attributes
    ----------
    names
        Identifiers, as written.
    arm, stratum
        Positions; no stratum where the design has none.
    randomised, last_contact, withdrawn
        Calendar month; months since randomisation of the last contact and of a known withdrawal,
        infinite where there is none.
    months
        By column of the course: months since randomisation, infinite where blank.
    outcomes
        By endpoint with a column of its own: what it holds, as its kind of truth reads it.
    blank
        By the same: whose is blank because it is not known, and nothing else has settled it.
    has_course
        Whether any endpoint is worked out from the course, or anything of it is recorded.
    infused_arms
        By arm: is the product infused?
    digest
        SHA-256 of the file, or of the table as it would be written.
    notes
        What a reader of the analysis should know.
    resolution
        Months to which moments are known: a day where all are whole days, else nothing. What lies
        that near is no sooner and no later.
    opened
        The day on which the trial opened, where the table has dates.
    says_who_left
        Whether the table has a column for those who have withdrawn.
    missed
        ``(participant, visit)`` whether a planned visit was not held, visit 0 first; nothing where
        the design plans none.
    """

    design: Design
    source: str
    digest: str
    names: tuple[str, ...]
    arm: Labels
    stratum: Labels | None
    randomised: Floats
    last_contact: Floats
    withdrawn: Floats
    months: Mapping[str, Floats]
    outcomes: Mapping[str, npt.NDArray[Any]]
    blank: Mapping[str, Booleans]
    has_course: bool
    infused_arms: tuple[bool, ...]
    notes: tuple[str, ...] = field(default=())
    resolution: float = 0.0
    opened: datetime | None = None
    says_who_left: bool = True
    missed: Booleans | None = None

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def reach(self) -> float:
        """Calendar month up to which the table knows of anything.

        What was seen at the last contact has been reported, so that it has taken as long as that.
        """
        known = float((self.randomised + self.last_contact).max()) + self.delay
        if not self.delay:
            return known
        infused = self.months["infused_month"]
        at_once = self.randomised + np.where(np.isfinite(infused), infused, 0.0)
        return max(known, float(at_once.max()))

    @property
    def delay(self) -> float:
        """Months until what is seen is in the table; who is in, and infused, is known at once."""
        plan = self.design.follow_up
        return 0.0 if plan is None else plan.reporting_delay

    @property
    def width(self) -> int:
        """Columns of the arrays in a population; what is past the participants never arrives."""
        return max(padded(self.design.enrolment.max_n), len(self))

    @cached_property
    def _awaits(self) -> Floats:
        """Month of the first outcome that a participant's row leaves blank, infinite for none."""
        months = np.full(len(self), np.inf)
        for name, blank in self.blank.items():
            known = self.design.endpoints[name].known_after()
            if known is not None:
                months = np.where(blank, np.minimum(months, known), months)
        return months

    def reached(self, window: float) -> Floats:
        """Months since randomisation that the last contact speaks for.

        A visit within the window before a month at which an endpoint is known is one at that month.
        """
        window = max(window, self.resolution)
        ends = {endpoint.followed_for() for endpoint in self.design.endpoints.values()}
        found = self.last_contact.copy()
        for month in sorted(end for end in ends if end is not None):
            close = (self.last_contact < month) & (self.last_contact + window >= month)
            found = np.where(close & (self._awaits > month), month, found)
        return found

    def _reported(self, date: float) -> float:
        """The date up to which what has happened is in the table at a date."""
        return date - self.delay if self.delay else date

    def left(self, date: float) -> Booleans:
        """Participants who are known to have withdrawn by a date."""
        left: Booleans = self.randomised + self.withdrawn <= until(self._reported(date))
        return left

    def unseen(self, date: float, window: float = WINDOW) -> Booleans:
        """Participants under follow-up at a date and last seen before it.

        They have neither died nor withdrawn, nor reached the end of what every endpoint asks.
        """
        since = self._reported(date) - self.randomised
        seen = until(self.last_contact + max(window, self.resolution)) >= since
        seen |= short_of(self._next_visit(window)) > since
        seen &= (self._awaits > since) | (until(self.last_contact + self.resolution) >= since)
        there = (until(since) >= 0.0) & ~np.isfinite(self.months["death_month"])
        there &= ~np.isfinite(self.withdrawn)
        unseen: Booleans = there & ~seen & ~self._complete(window)
        return unseen

    def assumed(self, date: float, window: float) -> Booleans:
        """Participants who were last seen before a date and count as followed to it all the same.

        They were seen within the window before it, or have missed no visit. Who has withdrawn is
        not among them.
        """
        since = self._reported(date) - self.randomised
        last = until(self.last_contact + self.resolution) < since
        there = (until(since) >= 0.0) & ~np.isfinite(self.months["death_month"])
        found: Booleans = last & there & ~np.isfinite(self.withdrawn)
        return found & ~self.unseen(date, window) & ~self._complete(0.0)

    def _next_visit(self, window: float) -> Floats:
        """Month of the first planned visit that the last contact does not stand for.

        That month has no visit where none is planned any more: -inf.
        """
        planned = {m for e in self.design.endpoints.values() for m in e.planned_visits()}
        found = np.full(len(self), -np.inf)
        for month in sorted(planned, reverse=True):
            found = np.where(self.last_contact + window < month, month, found)
        plan = self.design.follow_up
        if plan is None or plan.visit_every is None:
            return found
        early = min(window, plan.visit_every / 2.0)  # nearer to the next one it is that
        held = np.floor(until(self.last_contact + early) / plan.visit_every)
        return np.maximum(found, (held + 1.0) * plan.visit_every)

    def _told(self, window: float) -> Floats:
        """Months since randomisation up to which a participant's row itself tells something."""
        found = self.reached(0.0)
        for name, blank in self.blank.items():
            known = self.design.endpoints[name].known_after()
            if known is not None:
                near = ~blank & (found < known) & (self.last_contact + window >= known)
                found = np.where(near, known, found)
        return found

    def _complete(self, window: float) -> Booleans:
        """Participants of whom no endpoint has anything to learn any more."""
        complete = np.ones(len(self), dtype=np.bool_)
        reached = self.reached(window)
        for name, endpoint in self.design.endpoints.items():
            end = endpoint.followed_for()
            known = reached >= (np.inf if end is None else end)
            known |= endpoint.settled(self.outcomes.get(name), self.months)
            complete &= known
        return complete

    def population(
        self,
        date: float,
        window: float = WINDOW,
        trials: int = 1,
        uniforms: Mapping[str, Floats] | None = None,
        silence: Silence = LEFT,
    ) -> Population:
        """The participants as a block of equal trials, as what is known at a date has them.

        Parameters
        ----------
        date
            Calendar month of the look.
        window
            Months by which a visit may come before the day for which it stands.
        trials
            How often the trial stands in the block.
        uniforms
            By endpoint that imputes: ``(trial, participant)`` with which responses are drawn.
        silence
            How those are read who were last seen before the cut.
        """
        width = self.width

        def block(values: npt.NDArray[Any], fill: Any) -> npt.NDArray[Any]:
            row = np.full(width, fill, dtype=values.dtype)
            row[: len(self)] = values
            return np.tile(row, (trials, 1))

        unseen = self.unseen(date, window)
        taken = unseen & np.isin(self.arm, list(silence.followed))
        ends = self._dropout(unseen & ~taken, window)
        if silence.left:
            gone = self.assumed(date, window) & np.isin(self.arm, list(silence.left))
            ends = np.where(gone, np.minimum(ends, self._told(window)), ends)
        dropped = block(ends, np.inf)
        course = None
        if self.has_course:
            months = {name: block(values, np.inf) for name, values in self.months.items()}
            course = course_of(months, dropped, self.design.crossover is not None)
        crossover = self.design.crossover
        outcomes = {
            name: direct.recorded(values, block, taken & self.blank[name] & silence.respond)
            for name, values in self.outcomes.items()
            if (direct := self.design.endpoints[name].direct) is not None
        }
        return Population(
            arrival=block(self.randomised, np.inf),
            arm=block(self.arm, 0),
            stratum=None if self.stratum is None else block(self.stratum, 0),
            arms=len(self.design.arm_names),
            strata=len(self.design.shares),
            max_n=self.design.enrolment.max_n,
            infused_arms=self.infused_arms if self.has_course else (False,) * len(self.design.arms),
            course=course,
            dropout=dropped,
            outcomes=outcomes,
            imputations=uniforms or {},
            visits={name: endpoint.taken_at() for name, endpoint in self.design.endpoints.items()},
            crossover_counts=crossover is not None and crossover.ignored,
            attendance=self._attendance(dropped if course is None else course.gone),
        )

    def _attendance(self, ends: Floats) -> Attendance | None:
        """Visits held by everybody, ``(trial, participant)``, until follow-up ends."""
        plan = self.design.follow_up
        if plan is None or plan.visit_every is None or self.missed is None:
            return None
        absent = np.zeros((self.width, self.missed.shape[1]), dtype=np.bool_)
        absent[: len(self)] = self.missed
        every = np.broadcast_to(absent, (len(ends), *absent.shape))
        return RecordedAttendance(plan.visit_every, plan.visit_window, ends, every)

    def _dropout(self, unseen: Booleans, window: float) -> Floats:
        """Months since randomisation at which follow-up ends before death or the look."""
        reached = self.reached(window)
        dropout = np.where(unseen, reached, np.inf)
        return np.where(np.isfinite(self.withdrawn), np.minimum(self.withdrawn, reached), dropout)
