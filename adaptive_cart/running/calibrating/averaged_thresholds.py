"""Which of the attainable thresholds keeps what is wanted on average over a design prior.

A higher threshold lets a part of the false and of the true successes through that a lower one does,
and no others: both probabilities fall as it rises. What is wanted is made of the two,

    false discovery   F / (F + T)
    correct decision  T + (1 - w) - F         w: weight of the truths in which the claim is true
    expected loss     a F + b (w - T)

and need not fall. So a stretch of thresholds is looked into wherever what is known at its two ends
leaves room in it for what is wanted, and left out where it leaves none: what is found is what
trying every threshold would find.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

SLACK = 1e-12  # rounding of an enumerated probability


@dataclass(frozen=True)
class Wanted:
    """What is wanted on average.

    Attributes
    ----------
    false_discovery
        At most; nothing where it is not asked for.
    correct_decision
        At least; likewise.
    false_success, missed
        What a false success and a true claim that is missed cost; nothing where the expected loss
        is not to be made small.
    true
        Weight of the truths in which the claim is true.
    """

    false_discovery: float | None
    correct_decision: float | None
    false_success: float | None
    missed: float | None
    true: float

    @property
    def minimises(self) -> bool:
        """Whether the threshold with the smallest expected loss is wanted, or the smallest one."""
        return self.false_success is not None

    def discovery(self, false: float, true: float) -> float:
        """P(the claim is false | success); not a number where there is no success."""
        return false / (false + true) if false + true > 0.0 else math.nan

    def correct(self, false: float, true: float) -> float:
        """P(a success that is true, or none where the claim is false)."""
        return true + 1.0 - self.true - false

    def loss(self, false: float, true: float) -> float:
        """Expected loss; 0 where none is asked for."""
        if self.false_success is None or self.missed is None:
            return 0.0
        return self.false_success * false + self.missed * (self.true - true)

    def kept(self, false: float, true: float) -> bool:
        """Whether both probabilities of success keep what is wanted."""
        return not self.broken(false, true)

    def broken(self, false: float, true: float) -> list[str]:
        """Names of what is not kept."""
        found = []
        most, least = self.false_discovery, self.correct_decision
        if most is not None and not self.discovery(false, true) <= most + SLACK:
            found.append("false_discovery")
        if least is not None and self.correct(false, true) < least - SLACK:
            found.append("correct_decision")
        return found


@dataclass(frozen=True)
class Chances:
    """Weighted probabilities of a success that is false, and of one that is true."""

    false: float
    true: float


class NotMonotone(Exception):
    """A higher threshold let more successes through: what lies between is not known."""


def best(at: Callable[[int], Chances], number: int, wanted: Wanted, first: int = 0) -> int | None:
    """Place of the threshold that is wanted among all attainable ones; nothing where none is.

    Parameters
    ----------
    at
        Probabilities of success by place, thresholds rising.
    number
        How many there are.
    first
        Place below which none may be taken.

    Returns
    -------
    The first that keeps what is wanted; where a loss is to be small, of these the one with the
    smallest, the first of equal ones.
    """
    if first >= number:
        return None
    try:
        return _search(at, number, wanted, first)
    except NotMonotone:
        found = None
        for place in range(first, number):
            if _better(at, place, found, wanted):
                found = place
        return found


def _search(at: Callable[[int], Chances], number: int, wanted: Wanted, first: int) -> int | None:
    found: int | None = None
    stretches = [(first, number - 1)]
    while stretches:  # the leftmost first
        low, high = stretches.pop()
        if not _room(at(low), at(high), wanted, None if found is None else at(found)):
            continue
        if high - low <= 1:
            for place in dict.fromkeys((low, high)):
                if _better(at, place, found, wanted):
                    found = place
        else:
            middle = (low + high) // 2
            stretches += [(middle, high), (low, middle)]
        if found is not None and not wanted.minimises:
            return found
    return found


def _room(low: Chances, high: Chances, wanted: Wanted, found: Chances | None) -> bool:
    """Whether a threshold between two may keep what is wanted, and lose less than one found."""
    if high.false > low.false + 1e-9 or high.true > low.true + 1e-9:
        raise NotMonotone
    least, most = wanted.false_discovery, wanted.correct_decision
    if least is not None:
        best_of = wanted.discovery(high.false, low.true)
        if not best_of <= least + SLACK:
            return False
    if most is not None and wanted.correct(high.false, low.true) < most - SLACK:
        return False
    if found is None or not wanted.minimises:
        return True
    return wanted.loss(high.false, low.true) < wanted.loss(found.false, found.true) - SLACK


def _better(at: Callable[[int], Chances], place: int, found: int | None, wanted: Wanted) -> bool:
    here = at(place)
    if not wanted.kept(here.false, here.true):
        return False
    if found is None:
        return True
    if not wanted.minimises or place == found:
        return False
    before = at(found)
    return wanted.loss(here.false, here.true) < wanted.loss(before.false, before.true) - SLACK
