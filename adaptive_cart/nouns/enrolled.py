"""Who has been enrolled: when, in which stratum, to which arm; and who of them has come by a date.

What becomes of participants has no part in it, so that scenarios of the same participants share it:
of looks at the same dates it is then counted once who has come.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.counters import Labels
from adaptive_cart.nouns.in_order import number_by
from adaptive_cart.nouns.participant_set import ParticipantSet

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Groups: TypeAlias = tuple[tuple[ParticipantSet, ...], ...]  # members, by arm and stratum

DATES: Final = 16  # the latest, at which it is known who has come; most trials have fewer looks


@dataclass(frozen=True, eq=False)
class Enrolled:
    """Participants of a block of trials as they were enrolled; none of its arrays is changed.

    Attributes
    ----------
    arrival, arm, stratum
        ``(trial, participant)``; no stratum where there is one for all.
    arms, strata
        How many there are.
    """

    arrival: Floats
    arm: Labels
    stratum: Labels | None
    arms: int
    strata: int

    def is_of(self, arrival: Floats, arm: Labels, stratum: Labels | None) -> bool:
        """Whether these very arrays say it."""
        return self.arrival is arrival and self.arm is arm and self.stratum is stratum

    @cached_property
    def groups(self) -> Groups:
        """Members of each arm and stratum."""
        arms = tuple(ParticipantSet.where(self.arm == arm) for arm in range(self.arms))
        if self.stratum is None:
            return tuple((members,) for members in arms)
        strata = [ParticipantSet.where(self.stratum == s) for s in range(self.strata)]
        return tuple(tuple(members & stratum for stratum in strata) for members in arms)

    def tally(self, members: ParticipantSet) -> Integers:
        """Count a set by ``(trial, arm, stratum)``."""
        return _tally(members, self.groups)

    def number_by(self, date: Floats) -> Integers:
        """How many have come by a date, both ``(trial,)``; read only."""
        for known, number in self._numbers:
            if _same(known, date):
                return number
        number = number_by(self.arrival, until(date))
        number.setflags(write=False)
        self._numbers.append((date.copy(), number))
        del self._numbers[:-DATES]
        return number

    @cached_property
    def _numbers(self) -> list[tuple[Floats, Integers]]:
        return []

    def by(
        self, date: Floats, randomised: Integers, left_out: ParticipantSet | None = None
    ) -> Come:
        """Those randomised by a date, both ``(trial,)``, but for who is left out."""
        if left_out is not None:
            return Come(self.arrival, self.groups, date, randomised, left_out)
        for known in self._come:
            if _same(known.date, date) and _same(known.randomised, randomised):
                return known
        found = Come(self.arrival, self.groups, date.copy(), randomised.copy())
        self._come.append(found)
        del self._come[:-DATES]
        return found

    @cached_property
    def _come(self) -> list[Come]:
        return []


@dataclass(frozen=True, eq=False)
class Come:
    """Those who have come by a date.

    Of who has been enrolled it has no more than it takes: two that hold each other are freed late.

    Attributes
    ----------
    arrival, groups
        Of everybody, as :class:`Enrolled` has them.
    date, randomised
        ``(trial,)``.
    left_out
        Participants who are not counted though they are randomised; nobody, if nothing.
    """

    arrival: Floats
    groups: Groups
    date: Floats
    randomised: Integers
    left_out: ParticipantSet | None = None

    @cached_property
    def everybody(self) -> ParticipantSet:
        """All of them, but for who is not counted."""
        return self._first(self.randomised)

    def passed(self, month: float) -> ParticipantSet:
        """Those randomised at least ``month`` months before the date."""
        if month not in self._passed:  # endpoints often share a month
            number = number_by(self.arrival, until(self.date), month, self.randomised)
            self._passed[month] = self._first(number)
        return self._passed[month]

    @cached_property
    def _passed(self) -> dict[float, ParticipantSet]:
        return {}

    def tally(self, members: ParticipantSet) -> Integers:
        """Count a set by ``(trial, arm, stratum)``; read only, once where it is one of these."""
        for known, counts in self._tallies:
            if known is members:
                return counts
        counts = _tally(members, self.groups)
        counts.setflags(write=False)
        if members is self.everybody or any(members is own for own in self._passed.values()):
            self._tallies.append((members, counts))
        return counts

    @cached_property
    def _tallies(self) -> list[tuple[ParticipantSet, Integers]]:
        return []

    def _first(self, number: Integers) -> ParticipantSet:
        """The first so many, ``(trial,)``, but for who is not counted."""
        found = ParticipantSet.first(number, self.arrival.shape[1])
        return found if self.left_out is None else found.without(self.left_out)


def _tally(members: ParticipantSet, groups: Groups) -> Integers:
    """Count a set by ``(trial, arm, stratum)``."""
    counts = np.empty((len(members.words), len(groups), len(groups[0])), dtype=np.int64)
    for arm, strata in enumerate(groups):
        for stratum, group in enumerate(strata):
            counts[:, arm, stratum] = (members & group).count()
    return counts


def _same(one: npt.NDArray[np.generic], other: npt.NDArray[np.generic]) -> bool:
    """Whether two arrays, ``(trial,)``, are equal; most that are not differ in the first trial."""
    if one.shape != other.shape or (len(one) and one[0] != other[0]):
        return False
    return bool((one == other).all())
