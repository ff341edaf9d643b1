"""The law of the responders, and the sums over tables, trial by trial in loops.

Over arrays they are in :mod:`~adaptive_cart.nouns.early_law` and
:mod:`~adaptive_cart.nouns.early_tables`, which say what they are. Here the same is added in the
same order, so that every bit is the same, but no further than a trial's own numbers reach. In
Python that is slow. Compiled by numba it is the faster by far with two months or more, so it is
done where there is numba, and from when on a process has asked for enough to pay for its start.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np

from adaptive_cart.nouns import compiled as loops
from adaptive_cart.nouns.records import Floats, Integers

PAYS: Final = 100_000  # steps over arrays that take as long as it takes to load compiled loops
THERE = loops.THERE


class _Started:
    """Steps that this process has been asked for; compiled loops are loaded when they are many."""

    steps = 0


def pays(trials: int, months: int = 1) -> bool:
    """Whether compiled loops are used now: loading them takes a second or more, once a process.

    Until then arrays do the same. It is no part of a result which of them does it.
    """
    _Started.steps += trials * months**2
    return THERE and _Started.steps >= PAYS


@lru_cache(maxsize=1)
def compiled() -> tuple[Any, Any]:
    """Both loops of this file, compiled once for a machine and kept."""
    law, average = loops.compiled(laws, averages)
    return law, average


def laws(
    waiting: Integers,
    moved: Integers,
    worth: Floats,
    of_two: Floats,
    of_three: Floats,
    found: Floats,
) -> None:
    """Fill the probability of each number of responders, ``(trial, responders)``, of noughts.

    Parameters
    ----------
    waiting, moved
        ``(trial, month, state)``, ``(trial, month, state, state)``.
    worth, of_two, of_three
        ``(seen, number)`` rising factorials of what one, two and three states are worth beforehand.
    """
    trials, months, _ = waiting.shape
    wide = found.shape[1]
    came, given, held = np.empty((wide, wide)), np.empty((wide, wide)), np.empty((wide, wide))
    own = np.empty(wide)
    for trial in range(trials):
        size = 1
        came[0, 0] = 1.0
        for month in range(months):
            last = month == months - 1
            none, some = waiting[trial, month, 0], waiting[trial, month, 1]
            row, other = moved[trial, month, 0], moved[trial, month, 1]
            total = none + some + size - 1
            high, wider = none + size, some + size
            if last:
                first, second = of_two[row[0] + row[1]], of_two[other[0] + other[1]]
                gone, lost = worth[row[0]], worth[other[0]]
            else:
                first = of_three[row[0] + row[1] + row[2]]
                second = of_three[other[0] + other[1] + other[2]]
                gone, lost = worth[row[2]], worth[other[2]]
            for s in range(high):
                for i in range(size):
                    given[s, i] = 0.0
                for t in range(wider):
                    held[s, t] = 0.0
            for o in range(size):
                each = 1.0 / first[none + o]
                for i in range(size - o):
                    own[i] = came[o, i] * each * (1.0 / second[some + i])
                for s in range(none + o + 1):
                    fails = gone[none + o - s]
                    for i in range(size - o):
                        given[s, i] += fails * own[i]
            for i in range(size):
                for s in range(high - i):
                    value = given[s, i]
                    for t in range(some + i + 1):
                        held[s, t] += value * lost[some + i - t]
            if last:
                mine, theirs = worth[row[1]], worth[other[1]]
                for s in range(high):
                    for t in range(min(wider, total + 1 - s)):
                        found[trial, s + t] += mine[s] * (theirs[t] * held[s, t])
                continue
            stay, go, back, keep = worth[row[0]], worth[row[1]], worth[other[0]], worth[other[1]]
            size = total + 1
            for o in range(size):
                for i in range(size - o):
                    came[o, i] = 0.0
            for s in range(high):
                most = min(wider - 1, total - s)
                for a in range(most + 1):
                    width = most + 1 - a
                    for b in range(width):
                        own[b] = held[s, a + b] * back[a] * keep[b]
                    for to in range(s + 1):
                        share = stay[to] * go[s - to]
                        start = s - to
                        for b in range(width):
                            came[to + a, start + b] += share * own[b]


def averages(
    flat: Floats,
    start: Integers,
    first: Integers,
    width: Integers,
    law: Floats,
    other: Floats,
    most: Integers,
    found: Floats,
) -> None:
    """Fill the expected answers of tables of two arms, ``(trial,)``.

    Parameters
    ----------
    flat
        Answers, table after table.
    start
        ``(trial,)`` where a trial's answers begin.
    first, width
        ``(trial, arm)`` the cell of the responders so far, and how many cells there are.
    law, other
        ``(trial, more)`` by arm.
    most
        ``(trial, arm)`` how many more there may be.
    """
    for trial in range(len(found)):
        wide = width[trial, 1]
        total = 0.0
        for more in range(most[trial, 0] + 1):
            here = start[trial] + min(first[trial, 0] + more, width[trial, 0] - 1) * wide
            inner = 0.0
            for also in range(most[trial, 1] + 1):
                cell = min(first[trial, 1] + also, wide - 1)
                inner += flat[here + cell] * other[trial, also]
            total += inner * law[trial, more]
        found[trial] = total
