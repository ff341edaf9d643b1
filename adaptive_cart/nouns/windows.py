"""When each arm enrols: months by plan, what decisions close, and the periods between.

An arm enrols those who arrive after it has opened and not after it has closed; so whoever arrives
at the very moment of a change is still randomised as before. The control is always open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.calendar import TIE, short_of, until
from adaptive_cart.nouns.counters import Labels, narrow

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Stay:
    """When an arm enrols by plan.

    Attributes
    ----------
    enters, leaves
        Months since the trial opened; 0 and infinite where the arm is there from the beginning, and
        until the end.
    enters_after, leaves_after
        Position of the arm whose end of enrolment it waits for, in place of a month.
    """

    enters: float = 0.0
    leaves: float = np.inf
    enters_after: int | None = None
    leaves_after: int | None = None

    @property
    def always(self) -> bool:
        """Whether it enrols from the opening of the trial to its end."""
        follows = self.enters_after is not None or self.leaves_after is not None
        return not follows and self.enters == 0.0 and np.isinf(self.leaves)


@dataclass(frozen=True)
class Stays:
    """The plan of every arm, the control first; nobody waits for himself, not even by others."""

    arms: tuple[Stay, ...]

    def windows(self, closed: Floats) -> Windows:
        """When arms open and close, given what decisions have closed.

        Parameters
        ----------
        closed
            ``(trial, arm)`` month at which a decision closed it, infinite for none.
        """
        opens, closes = np.zeros(closed.shape), closed.copy()
        for arm in self._in_order():
            stay = self.arms[arm]
            enters: Floats | float = stay.enters
            if stay.enters_after is not None:
                enters = closes[:, stay.enters_after]
            leaves: Floats | float = stay.leaves
            if stay.leaves_after is not None:
                leaves = closes[:, stay.leaves_after]
            opens[:, arm] = enters
            closes[:, arm] = np.maximum(np.minimum(leaves, closed[:, arm]), opens[:, arm])
        return Windows(opens, closes, self._moments())

    def _in_order(self) -> Iterator[int]:
        """Positions of the arms, each after those that it waits for."""
        done: set[int] = set()
        while len(done) < len(self.arms):
            for arm, stay in enumerate(self.arms):
                waits = {stay.enters_after, stay.leaves_after} - {None}
                if arm not in done and waits <= done:
                    done.add(arm)
                    yield arm

    def _moments(self) -> tuple[tuple[int, bool], ...]:
        """What may bound a period: an arm, and whether it opens; what follows another adds none."""
        opening = [
            (arm, True)
            for arm, stay in enumerate(self.arms)
            if stay.enters > 0.0 and stay.enters_after is None
        ]
        return (*opening, *((arm, False) for arm in range(1, len(self.arms))))


@dataclass(frozen=True)
class Windows:
    """When arms open and close in each trial.

    Attributes
    ----------
    opens, closes
        ``(trial, arm)`` months; infinite for never.
    moments
        What may bound a period: an arm, and whether it opens.
    every
        Months after which a calendar period ends and the next begins; these bound periods too.
        Infinite where the calendar bounds none.
    calendar_periods
        How many calendar periods there are until the last participant.
    """

    opens: Floats
    closes: Floats
    moments: tuple[tuple[int, bool], ...]
    every: float = np.inf
    calendar_periods: int = 1

    @cached_property
    def bounds(self) -> Floats:
        """Months between periods, ``(trial, bound)``, rising; infinite where there are fewer."""
        columns = [(self.opens if opens else self.closes)[:, arm] for arm, opens in self.moments]
        columns += [np.full(len(self.opens), end) for end in self._calendar_ends]
        found = np.sort(np.stack(columns, axis=1), axis=1)
        again = np.zeros(found.shape, dtype=np.bool_)
        again[:, 1:] = found[:, 1:] <= until(found[:, :-1])
        return np.sort(np.where(again, np.inf, found), axis=1)

    @property
    def _calendar_ends(self) -> list[float]:
        return [self.every * number for number in range(1, self.calendar_periods)]

    def over_calendar(self, every: float, last: float) -> Windows:
        """The same, periods being bounded by equal calendar periods too.

        Parameters
        ----------
        every
            Length of a calendar period in months.
        last
            Month at which the last participant is randomised.
        """
        number = max(int(np.ceil((last - TIE) / every)), 1)
        return replace(self, every=every, calendar_periods=number)

    @cached_property
    def calendar(self) -> Labels:
        """Calendar period in which each period lies, ``(trial, period)``; the first is 0."""
        begins = np.concatenate([np.zeros((len(self.bounds), 1)), self.bounds], axis=1)
        ends = np.array([self._calendar_ends]).repeat(len(begins), axis=0)
        return numbered(ends, begins + 2.0 * TIE)

    @property
    def periods(self) -> int:
        """Most periods that there can be."""
        return self.bounds.shape[1] + 1

    def period_of(self, month: Floats) -> Labels:
        """Period in which each participant is randomised, ``(trial, participant)``."""
        return numbered(self.bounds, month)

    def enrolling(self, month: Floats) -> Booleans:
        """Arms that enrol those who arrive just after a month, ``(trial,)``: ``(trial, arm)``."""
        then = until(month)[:, None]
        found: Booleans = (self.opens <= then) & (self.closes > then)
        return found

    @cached_property
    def open_in(self) -> Booleans:
        """Whether an arm enrols throughout a period, ``(trial, arm, period)``."""
        none = np.zeros((len(self.bounds), 1))
        begins = np.concatenate([none, self.bounds], axis=1)[:, None]
        ends = np.concatenate([self.bounds, none + np.inf], axis=1)[:, None]
        opened = self.opens[..., None] <= until(begins)
        still = self.closes[..., None] >= short_of(ends)
        return opened & still & np.isfinite(begins)

    def rows(self, trials: npt.NDArray[np.int64]) -> Windows:
        """The same of some trials."""
        return replace(self, opens=self.opens[trials], closes=self.closes[trials])


def numbered(bounds: Floats, month: Floats) -> Labels:
    """How many bounds, ``(trial, bound)``, lie before each month, ``(trial, participant)``."""
    found = np.zeros(month.shape, dtype=narrow(bounds.shape[1]))
    for bound in bounds.T:
        found += month > until(bound)[:, None]
    return found


def of_all(windows: Windows, arms: Sequence[int]) -> tuple[float, float]:
    """Month after which all of some arms are open, and until which, in the first trial."""
    chosen = list(arms)
    return float(windows.opens[0, chosen].max()), float(windows.closes[0, chosen].min())
