"""Times that begin at a moment of the course: at infusion, at remission.

Analysed are those whose time has begun while they are followed. Right censored at dropout, death,
the look or the horizon (months after the time began).

An event dated like the beginning came within the resolution of the record. It is analysed at half a
month where the dates of a trial are all whole months, else at one day: a Weibull density may be
infinite at 0, and would take such an event for proof that the others never have one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.ahead import Ahead, AtRisk, Waiting
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.lost import Lost
from adaptive_cart.nouns.participant_set import ParticipantSet, kept, or_never
from adaptive_cart.nouns.parts import ONE_DAY
from adaptive_cart.nouns.records import Booleans, Floats, Population, Snapshot
from adaptive_cart.nouns.rows_of import at_least, at_most
from adaptive_cart.nouns.summaries import Durations, SeenDurations

NO_LENGTH = 1e-6  # months; a time that ended sooner was dated like its end
HALF_A_MONTH = 0.5


def _shortest(
    began: Floats, ended: Floats, lasted: Floats, seen: Booleans, horizon: float
) -> Floats | None:
    """Months at which events dated like the beginning are analysed, ``(trial, 1)``.

    Nothing where there are none. (Months are also cut at dates that are equal but for a
    tolerance: what lasts for twice as long as counts as nothing is never cut to that.)

    Parameters
    ----------
    lasted
        ``(trial, participant)`` months between the two, where they are seen to begin.
    """
    soon = lasted <= 2.0 * NO_LENGTH
    soon &= seen
    if horizon > NO_LENGTH and not soon.any():
        return None
    if not (soon & (lasted <= NO_LENGTH)).any():
        return np.full((len(began), 1), min(ONE_DAY, horizon))
    whole = np.ones(len(began), dtype=np.bool_)
    for dates in (began, ended):
        dated = seen & np.isfinite(dates)
        part = np.where(dated, dates, 0.0)
        whole &= (np.abs(part - np.round(part)) < NO_LENGTH).all(axis=1)
    return np.minimum(np.where(whole, HALF_A_MONTH, ONE_DAY), horizon)[:, None]


@dataclass(frozen=True)
class Clocked:
    """Times seen: whose, when on the calendar they began, for how long at most, and the shortest.

    Attributes
    ----------
    began
        ``(trial, participant)`` calendar month, infinite where none is seen to begin.
    months
        ``(trial, participant)`` until the event or the end of follow-up.
    ended
        Whose time ends with the event.
    followed
        ``(trial, participant)`` months from randomisation for which each is followed.
    shortest
        ``(trial, 1)`` months at which an event dated like the beginning is analysed; nothing where
        there is none.
    at_visits
        Whether the event is seen at visits, where there are any: who has none is known to be
        without it up to the last visit only.
    since
        ``(trial, participant)`` months on the clock of the last visit before that at which the
        event is seen; nothing where there are no visits.
    late
        ``(trial, participant)`` half of the months between the visit at which the beginning is seen
        and the last one before it; nothing where it is known at its moment.
    """

    seen: ParticipantSet
    began: Floats
    months: Floats
    ended: ParticipantSet
    shortest: Floats | None
    population: Population
    followed: Floats
    at_visits: bool = True
    since: Floats | None = None
    late: Floats | None = None

    @staticmethod
    def of(
        population: Population,
        began: Floats,
        ended: Floats,
        horizon: float,
        at_visits: bool = True,
        since: Floats | None = None,
        before: Floats | None = None,
    ) -> Clocked:
        """Times from one month of each participant to another, infinite where there is none.

        Parameters
        ----------
        began, ended
            ``(trial, participant)`` months since randomisation.
        horizon
            Months after the beginning from which on nothing is counted; infinite for none.
        at_visits, since
            Whether it is seen at visits, where there are any, and the month since randomisation of
            the last visit without it.
        before
            Month of the last visit before the beginning, where that is seen at visits.
        """
        followed = population.last_seen
        assert followed is not None
        seen = began < followed
        start = kept(seen, began)
        ends = np.minimum(ended, followed)
        months = kept(seen, at_most(ends - start, horizon))
        lasted = ended - start
        happened = seen & (ended <= until(followed))
        happened &= lasted <= until(horizon)
        shortest = _shortest(began, ended, lasted, seen, horizon)
        return Clocked(
            ParticipantSet.where(seen),
            or_never(seen, population.arrival + start),
            months,
            ParticipantSet.where(happened),
            shortest,
            population,
            followed,
            at_visits,
            None if since is None else kept(seen, since - start),
            None if before is None else kept(seen, start - before) / 2.0,
        )

    @cached_property
    def event_date(self) -> Floats:
        """Calendar month of each event, infinite where there is none."""
        had = self.ended.mask(self.population.participants)
        return or_never(had, self.began + self.months)

    @cached_property
    def leaves(self) -> Floats:
        """Calendar month from which on nothing is to be seen of each.

        Of whom the time has not begun it may begin as long as the participant is followed.
        """
        begun = self.seen.mask(self.population.participants)
        until_then = self.population.arrival + self.followed
        return np.where(begun, self.began + self.months, until_then)

    def ends(self) -> Floats:
        """The same, where nobody is waited for whose time never begins."""
        ended = self.began + self.months
        begun = self.seen.mask(self.population.participants)
        return np.where(begun, ended, self.population.arrival)

    def summary(self, snapshot: Snapshot) -> Durations:
        """What is visible at a look."""
        population = snapshot.population
        watched = snapshot.date[:, None] - self.began
        by_now = until(watched)
        included = self.seen & snapshot.enrolled & ParticipantSet.where(by_now >= 0.0)
        ended = included & self.ended & ParticipantSet.where(self.months <= by_now)
        mask = included.mask(population.participants)
        months = kept(mask, np.minimum(self.months, at_least(watched, 0.0)))
        had = ended.mask(population.participants)
        last = snapshot.known_until() if self.at_visits else None
        if last is not None:
            since_began = snapshot.date[:, None] - self.began
            seen = np.maximum(since_began - (snapshot.follow_up() - last), 0.0)
            months = np.where(had, months, np.minimum(months, kept(mask, seen)))
        if self.shortest is not None:
            at_once = had & (months <= NO_LENGTH)
            if at_once.any():
                months = np.where(at_once, self.shortest, months)
        found = Durations(
            months,
            had,
            mask,
            population.arm,
            population.label,
            population.tally(included),
            population.tally(ended),
            population.totals(months, included),
        )
        if self.since is None:
            return found
        return SeenDurations.seen_since(found, self.since, self.late)

    def to_come(
        self, snapshot: Snapshot, summary: Durations, ahead: Ahead, horizon: float
    ) -> AtRisk:
        """Those followed on; the time of others begins as it did for others of their arm."""
        population, now = self.population, snapshot.date[:, None]
        shape, seen = ahead.arrival.shape, slice(0, population.participants)

        def over(values: npt.NDArray[Any], none: Any) -> npt.NDArray[Any]:
            whole = np.full(shape, none, dtype=values.dtype)
            whole[:, seen] = values
            return whole

        earlier = summary.earlier()
        earlier = np.zeros(self.began.shape) if earlier is None else earlier
        began = over(np.where(summary.included, self.began - earlier, np.inf), np.inf)
        ended = self.began + self.months <= until(now)
        open_ = over(summary.included & ~summary.event & ~ended, False)
        since = over(summary.months, 0.0)
        last = np.where(np.isnan(ahead.last), np.inf, ahead.last)[:, None]
        with np.errstate(invalid="ignore"):
            longest = horizon + over(earlier, 0.0)
            until_ = np.where(np.isfinite(began), np.minimum(last - began, longest), 0.0)
        enrolled = ahead.inside & ~ahead.new
        arrival = np.where(ahead.inside, ahead.arrival, 0.0)
        months = np.where(enrolled, now - arrival, 0.0)
        gone = over(self.followed <= until(snapshot.follow_up()), False)
        waiting = Waiting(
            ahead.inside & np.isinf(began) & ~gone,
            months,
            np.where(enrolled, began - arrival, np.inf),
            np.where(enrolled, np.minimum(months, over(self.followed, 0.0)), -1.0),
            arrival,
            ahead.last,
            horizon,
        )
        open_ &= until_ > since
        arm, stratum = ahead.arm, ahead.stratum
        return AtRisk(open_, since, until_, began, arm, stratum, ahead.events, waiting)

    def lost(self, snapshot: Snapshot, summary: Durations, horizon: float) -> Lost | None:
        """Months from the end of follow-up to the look, or to the horizon, of those whose time ran.

        Of whom it had not begun nothing is asked after.
        """
        gone = self.followed <= until(snapshot.follow_up())
        earlier = summary.earlier()
        earlier = np.zeros(self.began.shape) if earlier is None else earlier
        began = np.where(summary.included, self.began - earlier, np.inf)
        longest = np.minimum(snapshot.date[:, None] - began, horizon + earlier)
        return lost_at_risk(snapshot, summary, gone, longest, began)


def lost_at_risk(
    snapshot: Snapshot, summary: Durations, gone: Booleans, longest: Floats, began: Floats
) -> Lost:
    """Months at risk that were not seen of those who left without the event.

    Parameters
    ----------
    gone
        ``(trial, participant)`` whose follow-up ended by the look.
    longest
        ``(trial, participant)`` months on the clock at which it would have ended.
    began
        ``(trial, participant)`` calendar month at which the clock began.
    """
    population = snapshot.population
    open_ = summary.included & ~summary.event & gone & (longest > until(summary.months))
    until_ = np.where(open_, longest, 0.0)
    months = np.where(open_, until_ - summary.months, 0.0)
    arm, stratum = population.arm, population.label
    coming = AtRisk(open_, summary.months, until_, began, arm, stratum)
    who = population.tally(ParticipantSet.where(open_))
    return Lost(who, population.totals(months, snapshot.enrolled), coming)
