"""What is still to come by the last look, as far as it can be known now.

Nothing here is of the participants' future: those who are not in yet are as many as are planned,
arrive as enrolment is planned, and nobody leaves any more.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.counters import Labels
from adaptive_cart.nouns.parts import MONTHS_PER_YEAR
from adaptive_cart.nouns.records import Booleans, Floats, Integers


@dataclass(frozen=True)
class Ahead:
    """Who will be in at the last look, and when it will be held.

    Columns are those enrolled, as the snapshot has them, and then those still to be enrolled.

    Attributes
    ----------
    planned
        ``(trial, arm, stratum)`` participants at the last look.
    shares
        ``(stratum,)`` of enrolment, where what is to come is told by arm alone; nothing where every
        stratum has a planned number of its own.
    arrival, arm, stratum
        ``(trial, column)`` calendar month of randomisation, known or expected, and who is whose.
    inside, new
        ``(trial, column)`` who will be in, and who of them is still to be enrolled.
    last
        ``(trial,)`` calendar month of the last look; not a number where events decide.
    events
        How many events the last look waits for; 0 where it waits for none.
    """

    planned: Integers
    shares: Floats | None
    arrival: Floats
    arm: Labels
    stratum: Labels
    inside: Booleans
    new: Booleans
    last: Floats
    events: int

    def reported(self, delay: float) -> Ahead:
        """The same of what takes so many months to be reported."""
        return self if delay == 0.0 else replace(self, last=self.last - delay)

    def still(self, due: Integers) -> Integers:
        """Participants still to be analysed, given how many are due, ``(trial, arm, stratum)``."""
        if self.shares is None:
            return np.maximum(self.planned - due, 0)
        left = np.maximum(self.planned.sum(axis=2) - due.sum(axis=2), 0)
        return by_share(left, self.shares)

    def summed(self, values: Floats) -> Floats:
        """Sum ``(trial, column)`` by ``(trial, arm, stratum)``."""
        _, arms, strata = self.planned.shape
        found = np.empty((len(values), arms, strata))
        for arm in range(arms):
            for stratum in range(strata):
                mine = (self.arm == arm) & (self.stratum == stratum)
                found[:, arm, stratum] = np.where(mine, values, 0.0).sum(axis=1)
        return found


@dataclass(frozen=True)
class Coming:
    """What is still to be seen of an endpoint; every array has the trial first."""

    @property
    def nothing(self) -> Booleans:
        """Trials in which all has been seen, ``(trial,)``."""
        raise NotImplementedError  # abstract: every kind supplies it

    def times(self, factors: Floats) -> Self:
        """Return the same with the rate of events of each arm multiplied, ``(arm,)``."""
        raise NotImplementedError  # supplied where events come at a rate

    def rows(self, trials: Integers) -> Self:
        """Return the same of some trials only."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        kept = {
            name: value.rows(trials)
            if isinstance(value, Waiting)
            else value[trials]
            if isinstance(value, np.ndarray)
            else value
            for name, value in own.items()
        }
        return replace(self, **kept)

    def dated(self, last: Floats, some: Completions) -> Coming:
        """The same, where every completion has a last look of its own.

        By default nothing hangs on when that is.

        Parameters
        ----------
        last
            ``(trial, completion)`` calendar month up to which is seen.
        """
        return self

    def held(self, last: Any, some: Completions) -> Floats:
        """Calendar month at which a last look has seen what it waits for, ``(trial, completion)``.

        Parameters
        ----------
        last
            What it has seen, a row a completion.
        """
        raise NotImplementedError  # supplied where looks may wait for events


@dataclass(frozen=True)
class Numbers(Coming):
    """So many participants are still to be analysed, ``(trial, arm, stratum)``."""

    participants: Integers

    @property
    def nothing(self) -> Booleans:
        """Trials in which all has been seen, ``(trial,)``."""
        found: Booleans = np.all(self.participants == 0, axis=(1, 2))
        return found


@dataclass(frozen=True)
class Years(Coming):
    """So many years of follow-up are still to come, ``(trial, arm, stratum)``.

    Attributes
    ----------
    participants
        Those who are still to be enrolled.
    factor
        ``(trial, arm, stratum)`` what their rate is multiplied by; nothing for one.
    """

    years: Floats
    participants: Integers
    factor: Floats | None = None

    def times(self, factors: Floats) -> Years:
        """Return the same with the rate of each arm multiplied, ``(arm,)``."""
        return replace(self, factor=np.broadcast_to(factors[:, None], self.years.shape))

    @property
    def nothing(self) -> Booleans:
        """Trials in which all has been seen, ``(trial,)``."""
        found: Booleans = np.asarray((self.years <= 0.0).all(axis=(1, 2)))
        return found

    def each(self, completions: int) -> tuple[Floats, Integers]:
        """Years and participants, ``(trial, arm, stratum, completion)``."""
        years, participants = (
            part[..., None] if part.ndim == 3 else part for part in (self.years, self.participants)
        )
        shape = (*years.shape[:3], completions)
        return np.broadcast_to(years, shape), np.broadcast_to(participants, shape)


@dataclass(frozen=True)
class UntilThen(Coming):
    """Those who are followed until a last look that is not dated yet, ``(trial, column)`` each.

    Attributes
    ----------
    opens
        Calendar month from which on each is followed; infinite for who is not.
    new
        Who of them is still to be enrolled.
    arm, stratum
        Who is whose.
    groups
        How many arms there are, and strata.
    """

    opens: Floats
    new: Booleans
    arm: Labels
    stratum: Labels
    groups: tuple[int, int]

    @property
    def nothing(self) -> Booleans:
        """Trials in which all has been seen, ``(trial,)``."""
        found: Booleans = np.asarray(np.isinf(self.opens).all(axis=1))
        return found

    def dated(self, last: Floats, some: Completions) -> Years:
        """So many years, once it is."""
        followed = np.maximum(last[:, :, None] - self.opens[:, None], 0.0) / MONTHS_PER_YEAR
        years = np.empty((len(last), *self.groups, last.shape[1]))
        participants = np.empty(years.shape, dtype=np.int64)
        arrived = self.new[:, None] & (self.opens[:, None] <= last[:, :, None])
        for arm, stratum in np.ndindex(*self.groups):
            mine = ((self.arm == arm) & (self.stratum == stratum))[:, None]
            years[:, arm, stratum] = np.where(mine, followed, 0.0).sum(axis=2)
            participants[:, arm, stratum] = (mine & arrived).sum(axis=2)
        return Years(years, participants)


@dataclass(frozen=True)
class Waiting(Coming):
    """Those whose clock has not begun, and what is known of when others' did.

    All ``(trial, column)`` but ``last``.

    Attributes
    ----------
    wanted, without
        For whom it may begin, and for how many months since randomisation it has not.
    onset, watched
        Of those enrolled: month at which it began, infinite if it has not; months watched, negative
        for everybody else.
    arrival
        Calendar month of randomisation.
    last
        ``(trial,)`` calendar month of the last look.
    horizon
        Months for which the clock runs at most.
    """

    wanted: Booleans
    without: Floats
    onset: Floats
    watched: Floats
    arrival: Floats
    last: Floats
    horizon: float

    @property
    def nothing(self) -> Booleans:
        """Trials in which all has been seen, ``(trial,)``."""
        found: Booleans = np.asarray(~self.wanted.any(axis=1))
        return found

    def drawn(self, arm: Labels, uniform: Floats) -> Floats:
        """Months from randomisation to the beginning, ``(trial, completion, column)``.

        From the product-limit estimate of those of the same arm and trial, given for how long it
        has not begun; infinite for never.

        Parameters
        ----------
        uniform
            ``(completion, column)``.
        """
        found = np.full((len(arm), *uniform.shape), np.inf)
        for trial, own in enumerate(self.onset):
            for group in np.unique(arm[trial, self.wanted[trial]]):
                mine = (arm[trial] == group) & (self.watched[trial] >= 0.0)
                months = np.unique(own[mine & np.isfinite(own)])
                if len(months) == 0:
                    continue
                last = np.minimum(own[mine], self.watched[trial, mine])
                at_risk = (last[:, None] >= months).sum(axis=0)
                begun = (own[mine][:, None] == months).sum(axis=0)
                left = np.concatenate([[1.0], np.cumprod(1.0 - begun / at_risk)])
                who = np.flatnonzero(self.wanted[trial] & (arm[trial] == group))
                passed = np.searchsorted(months, self.without[trial, who], side="right")
                wanted = left[passed] * (1.0 - uniform[:, who])
                # the first month at which so few are left without
                place = np.searchsorted(-left[1:], -wanted, side="left")
                found[trial][:, who] = np.append(months, np.inf)[place]
        return found


@dataclass(frozen=True)
class AtRisk(Coming):
    """Those who may still have an event, and until when they are followed.

    All ``(trial, column)``; once the beginning of clocks has been drawn ``(trial, completion,
    column)`` where it makes a difference.

    Attributes
    ----------
    open
        Who may still have one.
    since
        Months that their clock has run without.
    until
        Months at which it stops at the latest.
    began
        Calendar month at which it began; infinite where it never does.
    arm, stratum
        Who is whose.
    events
        How many events the last look waits for; 0 where it waits for none.
    waiting
        Those whose clock has not begun, where there may be some.
    factor
        What the hazard of each is multiplied by; nothing for one.
    """

    open: Booleans
    since: Floats
    until: Floats
    began: Floats
    arm: Labels
    stratum: Labels
    events: int = 0
    waiting: Waiting | None = None
    factor: Floats | None = None

    def times(self, factors: Floats) -> AtRisk:
        """Return the same with the hazard of each arm multiplied, ``(arm,)``."""
        return replace(self, factor=factors[self.arm])

    def slower(self, trial: Integers, column: Integers) -> Floats:
        """By what the cumulative hazard that some can bear is multiplied, ``(participant, 1)``."""
        if self.factor is None:
            return np.ones((len(trial), 1))
        with np.errstate(divide="ignore"):
            found: Floats = 1.0 / self.factor[trial, column][:, None]
        return found

    @property
    def nothing(self) -> Booleans:
        """Trials in which all has been seen, ``(trial,)``."""
        found = np.asarray(~self.open.any(axis=1))
        return found if self.waiting is None else found & self.waiting.nothing

    def begun(self, some: Completions) -> AtRisk:
        """Return the same once it is drawn when the clocks begin that have not."""
        waiting = self.waiting
        if waiting is None:
            return self
        onset = waiting.drawn(self.arm, some.plain(self.arm.shape[1], purpose=1))
        here = waiting.wanted[:, None]
        began = np.where(here, waiting.arrival[:, None] + onset, self.began[:, None])
        last = np.where(np.isnan(waiting.last), np.inf, waiting.last)[:, None, None]
        with np.errstate(invalid="ignore"):
            until = np.minimum(last - began, waiting.horizon)
        until = np.where(here, np.where(np.isfinite(began), until, 0.0), self.until[:, None])
        since = np.broadcast_to(self.since[:, None], until.shape)
        opened = (self.open[:, None] | here) & (until > since)
        return replace(self, open=opened, since=since, until=until, began=began, waiting=None)

    def dated(self, last: Floats, some: Completions) -> AtRisk:
        """The same, with the clocks stopped at that look."""
        begun = self.begun(some)
        shape = (*last.shape, self.arm.shape[1])
        opened, since, until, began = (
            over_completions(part, shape)
            for part in (begun.open, begun.since, begun.until, begun.began)
        )
        until = np.minimum(until, last[:, :, None] - began)
        opened = opened & (until > since)
        return replace(
            begun, open=opened, since=since, until=until, began=began, events=0, waiting=None
        )

    def held(self, last: Any, some: Completions) -> Floats:
        """The month of the event that it waits for; of too few, when the last has left follow-up.

        Not of those whose clock never begins.
        """
        begun = self.begun(some)
        shape = (len(self.arm), some.number, self.arm.shape[1])
        event, inside = (part.reshape(shape) for part in (last.event, last.included))
        began = over_completions(begun.began, shape)
        ends = np.where(inside, began + last.months.reshape(shape), -np.inf)
        at_events = np.where(event & inside, ends, -np.inf).max(axis=2)
        reached = (event & inside).sum(axis=2) >= self.events
        found: Floats = np.where(reached, at_events, ends.max(axis=2))
        return found


def by_share(numbers: Integers, shares: Floats) -> Integers:
    """Split numbers ``(trial, arm)`` over strata by their shares, by largest remainder."""
    exact = numbers[..., None] * shares
    whole = np.floor(exact + 1e-9).astype(np.int64)
    rest = numbers - whole.sum(axis=-1)
    order = np.argsort(whole - exact, axis=-1, kind="stable")
    place = np.argsort(order, axis=-1, kind="stable")
    return whole + (place < rest[..., None])


def over_completions(values: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Spread ``(trial, column)`` over the completions; what has them already stays."""
    return np.broadcast_to(values[:, None] if values.ndim == 2 else values, shape)
