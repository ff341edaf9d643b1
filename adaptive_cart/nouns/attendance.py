"""At which of the planned visits each participant is seen.

Visits are planned at equal distances from randomisation on, and held on their day until follow-up
ends, but for those that are missed. States of a participant are known from these visits alone.
Randomisation itself is seen always; it is visit 0.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.calendar import SAME, TIE, short_of, until

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.intp]

STEP = np.uint64(0x9E3779B97F4A7C15)  # of SplitMix64: Steele, Lea and Flood 2014, OOPSLA 453
MIX = ((30, np.uint64(0xBF58476D1CE4E5B9)), (27, np.uint64(0x94D049BB133111EB)))


@dataclass(frozen=True)
class Attendance(ABC):
    """Visits held; arrays are ``(trial, participant)``, months since randomisation.

    Attributes
    ----------
    every
        Months from one planned visit to the next.
    window
        Months by which a visit may lie off the month for which it stands.
    ends
        Death or dropout, after which nobody is seen; nothing where everybody stays.
    """

    every: float
    window: float
    ends: Floats | None

    @abstractmethod
    def _missed(self, at: Positions | None, number: Integers) -> Booleans:
        """Whether visits are missed.

        Parameters
        ----------
        at
            Flat positions of the participants; everybody, in order, if left out.
        number
            Which visit of each, from 1, ``(position,)``.
        """

    def first_from(self, months: Floats) -> Floats:
        """Month of the first visit held at or after a month of each; infinite where there is none.

        A month that never comes has none.
        """
        visit: Floats = np.full(months.shape, np.inf)
        at = np.flatnonzero(np.isfinite(months))
        if not len(at):
            return visit
        number = np.ceil((months.ravel()[at] - TIE) / self.every)
        held = self._move(at, np.maximum(number, 0.0).astype(np.int64), 1)
        found = np.multiply(held, self.every, dtype=np.float64)
        if self.ends is not None:
            found[found > until(self.ends.ravel()[at])] = np.inf
        visit.ravel()[at] = found
        return visit

    def held_at(self, month: float) -> Booleans | None:
        """Whether the visit planned for a month is held if follow-up goes on; nothing if all are.

        The month is one of a planned visit.
        """
        number = round(month / self.every)
        everybody = np.full(math.prod(self._shape), number, dtype=np.int64)
        missed = self._missed(None, everybody)
        return ~missed.reshape(self._shape) if missed.any() else None

    def last_by(self, months: Floats) -> Floats:
        """Month of the last visit held by a month of each; 0, randomisation, if there is none."""
        by = months if self.ends is None else np.minimum(months, self.ends)
        number = np.floor((by.ravel() + TIE) / self.every)
        held = self._move(None, np.maximum(number, 0.0).astype(np.int64), -1)
        return np.multiply(held, self.every, dtype=np.float64).reshape(by.shape)

    def before(self, months: Floats) -> Floats:
        """Month of the last visit held before a month of each; infinite where that never comes."""
        known = np.isfinite(months)
        sooner = np.where(known, months - SAME, 0.0)
        return np.where(known, self.last_by(sooner), np.inf)

    def missed_by(self, at: tuple[int, int], month: float) -> list[int]:
        """Numbers of the visits that a participant has missed by a month, from 1."""
        number = np.arange(1, int(np.floor((month + TIE) / self.every)) + 1, dtype=np.int64)
        place = np.full(len(number), np.ravel_multi_index(at, self._shape), dtype=np.intp)
        return [int(visit) for visit in number[self._missed(place, number)]]

    def _move(self, at: Positions | None, number: Integers, step: int) -> Integers:
        """From a planned visit of each to the next one held, forwards or backwards, in place."""
        missed = np.flatnonzero(self._missed(at, number) & (number > 0))
        while len(missed):
            number[missed] += step
            again = self._missed(missed if at is None else at[missed], number[missed])
            missed = missed[again & (number[missed] > 0)]
        return number

    def nearest(self, month: float) -> Floats:
        """Month of the visit that stands for a month: the nearest held within the window.

        Of two that are equally near the earlier one; infinite where none is held. Randomisation
        stands for no other month.
        """
        lowest = max(int(np.ceil((month - self.window - TIE) / self.every)), 1)
        highest = int(np.floor((month + self.window + TIE) / self.every))
        by_distance = sorted(
            range(lowest, highest + 1),
            key=lambda number: (round(abs(number * self.every - month), 9), number),
        )
        found = np.full(math.prod(self._shape), np.inf)
        at = np.arange(len(found))
        for number in by_distance:
            held = ~self._missed(at, np.full(len(at), number, dtype=np.int64))
            if self.ends is not None:
                held &= short_of(number * self.every) <= self.ends.ravel()[at]
            found[at[held]] = number * self.every
            at = at[~held]
        return found.reshape(self._shape)

    @property
    @abstractmethod
    def _shape(self) -> tuple[int, ...]:
        """Trials and participants."""


@dataclass(frozen=True)
class DrawnAttendance(Attendance):
    """Each planned visit is missed with one probability, whatever became of the others.

    Attributes
    ----------
    uniform
        The participant's own, from which whether each visit is missed follows: the seed of a
        sequence of random numbers, of which the k-th belongs to the k-th visit.
    missed
        Probability.
    """

    uniform: Floats
    missed: float

    @property
    def _shape(self) -> tuple[int, ...]:
        return self.uniform.shape

    @cached_property
    def _seeds(self) -> npt.NDArray[np.uint64]:
        """Where the sequence of each participant begins."""
        return (self.uniform.ravel() * 2.0**53).astype(np.uint64)

    def _missed(self, at: Positions | None, number: Integers) -> Booleans:
        if self.missed == 0.0:
            return np.zeros(number.shape, dtype=np.bool_)
        bits = number.astype(np.uint64)
        bits *= STEP
        bits += self._seeds if at is None else self._seeds[at]
        for shift, factor in MIX:
            bits ^= bits >> np.uint64(shift)
            bits *= factor
        bits ^= bits >> np.uint64(31)
        bits >>= np.uint64(11)
        found: Booleans = bits < np.uint64(math.ceil(self.missed * 2.0**53))
        return found


@dataclass(frozen=True)
class RecordedAttendance(Attendance):
    """Visits as a participants table has them.

    Attributes
    ----------
    absent
        ``(trial, participant, visit)`` whether each visit was missed, visit 0 first.
    """

    absent: Booleans

    @property
    def _shape(self) -> tuple[int, ...]:
        return self.absent.shape[:2]

    def _missed(self, at: Positions | None, number: Integers) -> Booleans:
        visits = self.absent.shape[2]
        known = number < visits
        everybody = np.arange(len(number)) if at is None else at
        missed: Booleans = (
            known & self.absent.reshape(-1, visits)[everybody, np.where(known, number, 0)]
        )
        return missed
