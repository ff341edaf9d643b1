"""When a look falls due, and how far everybody is followed when a trial has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.design.follow_up import FollowUp
from adaptive_cart.design.look_scales import LookScale
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.records import Booleans, Floats, Integers, Population, Snapshot

if TYPE_CHECKING:
    from adaptive_cart.conduct.plan import Plan


@dataclass(frozen=True)
class Schedule:
    """The looks of a design, in order.

    Attributes
    ----------
    counts
        What looks count, or that they have months.
    at
        The stated numbers, one a look that is not the extra final one.
    followed_for
        Months from randomisation until the primary endpoint is known, the window of its visit and
        the delay of its report counted in; nothing where that is not fixed.
    final
        Whether one more look is held when everybody randomised has been observed.
    counted
        Name of the endpoint whose events are counted.
    stratum
        Position of the stratum in which is counted; nothing where it is in all.
    minimum
        How many of what is counted have to be in each open arm as well; 0 for none.
    months, later
        Months beside the numbers, one a look; and whether the later of the two decides.
    delay
        Months until an event that is counted is known.
    follows_delay
        Months until what is seen of the primary is known.
    """

    counts: LookScale
    at: tuple[float, ...]
    followed_for: float | None
    final: bool
    primary: EndpointBase
    counted: str
    stratum: int | None = None
    minimum: int = 0
    months: tuple[float, ...] = ()
    later: bool = False
    delay: float = 0.0
    follows_delay: float = 0.0

    @staticmethod
    def of(design: Design, follow_up: FollowUp | None = None) -> Schedule:
        """Return the schedule of a design.

        Parameters
        ----------
        follow_up
            Visits and delays; nothing where everything is seen and known at its moment.
        """
        looks, primary = design.looks, design.primary_endpoint
        within = looks.stratum
        counted, followed = looks.endpoint or design.primary, primary.followed_for()
        delays = (0.0, 0.0)
        if follow_up is not None:
            delays = (follow_up.delay(counted), follow_up.delay(design.primary))
            followed = (
                None if followed is None else followed + follow_up.later(design.primary, primary)
            )
        return Schedule(
            looks.counts,
            tuple(looks.at),
            followed,
            looks.final is not None,
            primary,
            counted,
            None if within is None else design.stratum_names.index(within),
            looks.minimum_in_each_arm or 0,
            looks.at_months,
            looks.later,
            *delays,
        )

    @property
    def number(self) -> int:
        """How many looks there are, the final one counted in."""
        return len(self.at) + self.final

    @property
    def in_order(self) -> bool:
        """Whether what is counted comes in the order of randomisation, in everybody."""
        alike = self.stratum is None and not self.minimum
        return alike and self.counts.of_participants

    def due(
        self,
        look: int,
        population: Population,
        prepared: Mapping[str, Any],
        enrolled: Integers,
        before: Floats,
        stopped: Booleans | None = None,
        open_arms: Booleans | None = None,
        pending: Booleans | None = None,
    ) -> tuple[Floats, Booleans]:
        """Calendar month at which a look falls due, and whether it is the trial's last.

        A number of observed participants is reached in order of randomisation: the look waits for
        the landmark month of the n-th, whatever is known of the others by then. A number that can
        no longer be reached makes its look the last, when nobody is left who could add to it (of
        events: when nobody is under follow-up, a date that is infinite where somebody stays for
        ever), unless a month stands beside it: then the month decides, though not before that.

        Parameters
        ----------
        look
            Number of the look, from 1.
        prepared
            Prepared outcomes by endpoint; looks by events count in those of :attr:`counted`.
        enrolled
            ``(trial,)`` how many will be randomised: ``max_n``, or fewer where enrolment stopped.
        before
            ``(trial,)`` date of the look before; no look is held earlier.
        stopped
            ``(trial,)`` enrolment was stopped by a rule; nowhere if left out.
        open_arms
            ``(trial, arm)`` arms that enrol, each of which needs the minimum; all if left out.
        pending
            ``(trial,)`` more may come than the population has, so that nothing is out of reach;
            nowhere if left out.

        Returns
        -------
        ``(trial,)`` each.
        """
        trials = population.trials
        last = np.full(trials, look == self.number)
        if look > len(self.at):
            return np.maximum(self.all_observed(population, enrolled, before), before), last
        if self.counts.by_calendar:
            date = np.full(trials, float(self.at[look - 1]))
        else:
            date, reached = self._number_due(look, population, prepared, open_arms)
            if pending is not None:
                date = np.where(~reached & pending, np.inf, date)
            if self.months:
                date = self._with_month(look, date, reached)
            else:
                last |= ~reached if stopped is None else ~reached & ~stopped
        if stopped is not None and stopped.any():
            # enrolment was stopped: the last look is held when everybody in has been observed
            observed = self.all_observed(population, enrolled, before)
            date = np.where(stopped, observed, date)
        return np.maximum(date, before), last

    def _number_due(
        self,
        look: int,
        population: Population,
        prepared: Mapping[str, Any],
        open_arms: Booleans | None,
    ) -> tuple[Floats, Booleans]:
        """Calendar month at which a number is reached, and whether it is, ``(trial,)`` each.

        Where it is not: the month at which the last of those who will come can add to it no more.
        """
        number = int(self.at[look - 1])
        if self.in_order:
            # arrivals increase: the n-th is the n-th column
            arrival = population.arrival[:, number - 1]
            date = arrival + self._wait if self._wait else arrival
            return date, np.ones(population.trials, dtype=np.bool_)
        moments, over = self._moments(population, prepared)
        date = _nth(moments, number)
        if self.minimum:
            for arm in range(population.arms):
                own = _nth(np.where(population.arm == arm, moments, np.inf), self.minimum)
                needed = True if open_arms is None else open_arms[:, arm]
                date = np.where(needed, np.maximum(date, own), date)
        reached = np.isfinite(date)
        if reached.all():
            return date, reached
        gone = np.where(np.isfinite(population.arrival), over, -np.inf).max(axis=1)
        return np.where(reached, date, gone), reached

    @property
    def _wait(self) -> float:
        """Months from randomisation until a participant counts."""
        assert not self.counts.when_followed or self.followed_for is not None
        return (self.followed_for or 0.0) if self.counts.when_followed else 0.0

    def _moments(
        self, population: Population, prepared: Mapping[str, Any]
    ) -> tuple[Floats, Floats]:
        """Calendar month at which each participant counts, infinite for never, and may no longer.

        ``(trial, participant)`` each.
        """
        if self.counts.of_events:
            counted = prepared[self.counted]
            moments, over = counted.event_date, counted.leaves
            if self.delay:
                moments, over = moments + self.delay, over + self.delay
        else:
            moments = over = population.arrival + self._wait
        if self.stratum is not None:
            moments = np.where(population.label == self.stratum, moments, np.inf)
        return moments, over

    def _with_month(self, look: int, date: Floats, reached: Booleans) -> Floats:
        """When a look with a number and a month is due, ``(trial,)``."""
        month = self.months[look - 1]
        if self.later:
            return np.maximum(date, month)
        return np.where(reached, np.minimum(date, month), month)

    def by_calendar(self, look: int, date: float) -> bool:
        """Whether a month alone dates a look, which is then held whatever has been seen by it."""
        if self.counts.by_calendar:
            return True
        return look <= len(self.months) and date == self.months[look - 1]

    def so_far(self, population: Population, prepared: Mapping[str, Any], date: Floats) -> Integers:
        """How many of what looks count have come by a date, ``(trial, arm)``."""
        moments, _ = self._moments(population, prepared)
        counts = population.tally(ParticipantSet.where(moments <= until(date)[:, None]))
        total: Integers = counts.sum(axis=2)
        return total

    def all_observed(self, population: Population, randomised: Integers, now: Floats) -> Floats:
        """Calendar month at which everybody of ``randomised`` (trial,) has been followed.

        Never before ``now`` (trial,), which it is where follow-up has no fixed end: ``check`` lets
        no look wait for that.
        """
        if self.followed_for is None:
            return now.copy()
        last = np.maximum(randomised - 1, 0)[:, None]
        arrival = np.take_along_axis(population.arrival, last, axis=1)[:, 0]
        return np.maximum(np.where(randomised > 0, arrival + self.followed_for, now), now)

    def followed_up(
        self, population: Population, prepared: Any, randomised: Integers, now: Floats
    ) -> tuple[Floats, Booleans]:
        """Calendar month from which on nothing more is seen of ``randomised`` (trial,).

        Where somebody is followed for ever there is none, and nothing but what is seen ``now``
        (trial,) can be judged; whether there is one comes second.
        """
        if self.followed_for is not None:
            known = np.ones(len(now), dtype=np.bool_)
            return self.all_observed(population, randomised, now), known
        ends = self.primary.ends(prepared, population)
        if ends is None:
            return now.copy(), np.zeros(len(now), dtype=np.bool_)
        ends = ends + self.follows_delay if self.follows_delay else ends
        places = np.arange(population.participants)
        last = np.where(places < randomised[:, None], ends, -np.inf).max(axis=1)
        known = np.isfinite(last)
        return np.where(known, np.maximum(last, now), now), known


def _nth(moments: Floats, number: int) -> Floats:
    """The ``number``-th of each trial's moments, ``(trial,)``; infinite where there are fewer."""
    if number > moments.shape[1]:
        return np.full(len(moments), np.inf)
    nth: Floats = np.partition(moments, number - 1, axis=1)[:, number - 1]
    return nth


def counted_by(
    plan: Plan, population: Population, prepared: Mapping[str, Any], date: Floats
) -> str:
    """Say how many there are by a date of what looks count: ``12 events (soc 7, cart 5)``.

    In the first trial.
    """
    counts = plan.schedule.so_far(population, prepared, date)[0]
    by_arm = ", ".join(
        f"{arm} {int(count)}" for arm, count in zip(plan.design.arm_names, counts, strict=True)
    )
    return f"{int(counts.sum())} {plan.design.looks.what()} ({by_arm})"


def snapshot_at(population: Population, date: Floats, enrolled: Integers) -> Snapshot:
    """What can be seen at a calendar date, ``(trial,)``, where at most ``enrolled`` come in."""
    randomised = population.enrolled.number_by(date)
    return Snapshot(date, np.minimum(randomised, enrolled), population)
