"""When a look falls due, and how far everybody is followed when a trial has ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.records import Booleans, Floats, Integers, Population, Snapshot


@dataclass(frozen=True)
class Schedule:
    """The looks of a design, in order.

    Attributes
    ----------
    scale
        ``observed``, ``enrolled``, ``events`` or ``months``.
    at
        The stated numbers, one a look that is not the extra final one.
    followed_for
        Months from randomisation for which the primary endpoint is followed; nothing where that is
        not fixed.
    final
        Whether one more look is held when everybody randomised has been observed.
    """

    scale: str
    at: tuple[float, ...]
    followed_for: float | None
    final: bool
    primary: EndpointBase

    @staticmethod
    def of(design: Design) -> Schedule:
        """Return the schedule of a design."""
        looks, primary = design.looks, design.primary_endpoint
        final = looks.final is not None
        return Schedule(looks.scale, tuple(looks.at), primary.followed_for(), final, primary)

    @property
    def number(self) -> int:
        """How many looks there are, the final one counted in."""
        return len(self.at) + self.final

    def due(
        self,
        look: int,
        population: Population,
        prepared: Any,
        enrolled: Integers,
        before: Floats,
        stopped: Booleans | None = None,
    ) -> tuple[Floats, Booleans]:
        """Calendar month at which a look falls due, and whether it is the trial's last.

        A number of observed participants is reached in order of randomisation: the look waits for
        the landmark month of the n-th, whatever is known of the others by then. A number of events
        that can no longer be reached makes its look the last, when nobody is under follow-up: that
        date is infinite where somebody stays for ever.

        Parameters
        ----------
        look
            Number of the look, from 1.
        prepared
            The primary endpoint's prepared outcomes; looks by events count in them.
        enrolled
            ``(trial,)`` how many will be randomised: ``max_n``, or fewer where enrolment stopped.
        before
            ``(trial,)`` date of the look before; no look is held earlier.
        stopped
            ``(trial,)`` enrolment was stopped by a rule; nowhere if left out.

        Returns
        -------
        ``(trial,)`` each.
        """
        trials = population.trials
        last = np.full(trials, look == self.number)
        if look > len(self.at):
            return np.maximum(self.all_observed(population, enrolled, before), before), last
        at = self.at[look - 1]
        if self.scale == "months":
            date = np.full(trials, float(at))
        elif self.scale == "events":
            date, reached = _event_date(population, prepared, int(at))
            last |= ~reached if stopped is None else ~reached & ~stopped
        else:
            arrival = population.arrival[:, int(at) - 1]
            assert self.scale == "enrolled" or self.followed_for is not None
            date = arrival + (self.followed_for or 0.0) if self.scale == "observed" else arrival
        if stopped is not None and stopped.any():
            # enrolment was stopped: the last look is held when everybody in has been observed
            observed = self.all_observed(population, enrolled, before)
            date = np.where(stopped, observed, date)
        return np.maximum(date, before), last

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
        places = np.arange(population.participants)
        last = np.where(places < randomised[:, None], ends, -np.inf).max(axis=1)
        known = np.isfinite(last)
        return np.where(known, np.maximum(last, now), now), known


def _event_date(population: Population, prepared: Any, number: int) -> tuple[Floats, Booleans]:
    """Calendar month of the ``number``-th event, and whether there are so many.

    Where there are not: the month at which the last of those who will come leaves follow-up.
    """
    dates = np.partition(prepared.event_date, number - 1, axis=1)[:, number - 1]
    reached = np.isfinite(dates)
    if reached.all():
        return dates, reached
    leaves = np.where(np.isfinite(population.arrival), prepared.leaves, -np.inf).max(axis=1)
    return np.where(reached, dates, leaves), reached


def snapshot_at(population: Population, date: Floats, enrolled: Integers) -> Snapshot:
    """What can be seen at a calendar date, ``(trial,)``, where at most ``enrolled`` come in."""
    randomised = (population.arrival <= until(date)[:, None]).sum(axis=1, dtype=np.int64)
    return Snapshot(date, np.minimum(randomised, enrolled), population)
