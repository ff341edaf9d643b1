"""What is asked of tables of counts, averaged over how many of those who wait will respond.

Trials with the same numbers of participants share what has been worked out: a table for every
number of responders that may be.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from adaptive_cart.nouns import early_law_loops as loops
from adaptive_cart.nouns.records import Floats, Integers

CELLS: Final = 2_000_000  # that are looked up at once
Box: TypeAlias = tuple[slice, ...]  # of responders, an arm each
Answers: TypeAlias = Callable[[tuple[int, ...], Box], Floats]


def averaged(
    answers: Answers,
    numbers: Integers,
    had: Integers,
    totals: Integers,
    laws: list[Floats],
) -> Floats:
    """Expected answer of each trial, ``(trial,)``.

    Parameters
    ----------
    answers
        Those of all tables with some numbers whose responders lie between two, in each arm.
    numbers
        ``(trial, …)`` what tables must have in common to be answered together.
    had, totals
        ``(trial, arm)`` responders so far, and participants with those who wait.
    laws
        By arm: ``(trial, more)`` probability of so many responders among those who wait.
    """
    tables = _Tables(answers, numbers, had, totals, tuple(law.shape[1] for law in laws))
    found = np.empty(len(had))
    if len(laws) == 2 and loops.pays(len(had)):
        loops.compiled()[1](*tables.cells, *laws, np.stack([_most(law) for law in laws], 1), found)
        return found
    size = max(1, CELLS // math.prod(law.shape[1] for law in laws))
    for rows in np.split(np.arange(len(had)), range(size, len(had), size)):
        found[rows] = expected(tables.of(rows), [law[rows] for law in laws])
    return found


class _Tables:
    """Answers of the tables that may be, by trial; parameters as for :func:`averaged`."""

    def __init__(
        self,
        answers: Answers,
        numbers: Integers,
        had: Integers,
        totals: Integers,
        more: tuple[int, ...],
    ) -> None:
        self._more = more
        key = numbers[:, 0]
        for column in numbers.T[1:]:
            key = key * (int(numbers.max(initial=0)) + 1) + column
        order = np.argsort(key, kind="stable")
        starts = np.flatnonzero(np.diff(key[order], prepend=-1))
        which = np.zeros(len(key), dtype=np.int64)
        which[starts[1:]] = 1
        which = np.cumsum(which)  # of the trials in order
        low = np.minimum.reduceat(had[order], starts) if len(starts) else had[:0]
        high = np.maximum.reduceat(had[order], starts) if len(starts) else had[:0]
        # beyond the participants there are none, and no mass
        high = np.minimum(high + np.array(more) - 1, totals[order[starts]])
        found, place = [], [0]
        for shape, first, last in zip(numbers[order[starts]], low, high, strict=True):
            box = tuple(slice(a, b + 1) for a, b in zip(first.tolist(), last.tolist(), strict=True))
            found.append(answers(tuple(shape.tolist()), box).ravel())
            place.append(place[-1] + len(found[-1]))
        self._start = np.empty(len(key), dtype=np.int64)
        self._first, self._width = np.empty_like(had), np.empty_like(had)
        self._start[order] = np.array(place)[which]
        self._width[order] = (high - low + 1)[which]
        self._first[order] = had[order] - low[which]
        self._flat = np.concatenate(found) if found else np.zeros(0)

    @property
    def cells(self) -> tuple[Floats, Integers, Integers, Integers]:
        """All answers; where a trial's begin; by arm, its cell among them and their number."""
        return self._flat, self._start, self._first, self._width

    def of(self, rows: Integers) -> Floats:
        """Of some trials, ``(row, more in the first arm, more in the second)``."""
        place = self._start[rows].reshape(-1, *[1] * len(self._more))
        for arm, more in enumerate(self._more):
            cell = self._first[rows, arm, None] + np.arange(more)
            cell = np.minimum(cell, self._width[rows, arm, None] - 1)
            later = self._width[rows, arm + 1 :].prod(axis=1)[:, None]
            axes = [1] * len(self._more)
            axes[arm] = more
            place = place + (cell * later).reshape(-1, *axes)
        return self._flat[place]


def _most(law: Floats) -> Integers:
    """The largest number of each trial that has a probability, ``(trial,)``."""
    most: Integers = law.shape[1] - 1 - np.argmax(law[:, ::-1] > 0.0, axis=1)
    return most


def expected(values: Floats, laws: list[Floats]) -> Floats:
    """Expected value under independent laws, in order: what is nought at its end changes no bit.

    Parameters
    ----------
    values
        ``(trial, …)``, an axis a law.
    laws
        ``(trial, more)``.
    """
    for law in reversed(laws):
        total = np.zeros(values.shape[:-1])
        for more in range(law.shape[1]):
            total += values[..., more] * law[:, more].reshape(-1, *[1] * (total.ndim - 1))
        values = total
    return values


def cells(box: Box) -> tuple[Integers, ...]:
    """Responders of every table of a box, one array an arm."""
    spans = [np.arange(side.start, side.stop) for side in box]
    return tuple(part.ravel() for part in np.meshgrid(*spans, indexing="ij"))
