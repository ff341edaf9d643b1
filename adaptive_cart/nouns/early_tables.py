"""What is asked of tables of counts, averaged over how many of those who wait will respond.

Trials with the same numbers of participants share what has been worked out: a table for every
number of responders that may be.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from adaptive_cart.nouns.records import Floats, Integers

CELLS: Final = 2_000_000  # that are looked up at once


def averaged(
    answers: Callable[[Integers, tuple[Integers, ...]], Floats],
    numbers: Integers,
    had: Integers,
    totals: Integers,
    laws: list[Floats],
) -> Floats:
    """Expected answer of each trial, ``(trial,)``.

    Parameters
    ----------
    answers
        Those of some tables with the same numbers, given by their responders, one array an arm.
    numbers
        ``(trial, …)`` what tables must have in common to be answered together.
    had, totals
        ``(trial, arm)`` responders so far, and participants with those who wait.
    laws
        By arm: ``(trial, more)`` probability of so many responders among those who wait.
    """
    tables = _Tables(answers, numbers, had, totals, tuple(law.shape[1] for law in laws))
    found = np.empty(len(had))
    size = max(1, CELLS // math.prod(law.shape[1] for law in laws))
    for rows in np.split(np.arange(len(had)), range(size, len(had), size)):
        found[rows] = expected(tables.of(rows), [law[rows] for law in laws])
    return found


class _Tables:
    """Answers of the tables that may be, by trial; parameters as for :func:`averaged`."""

    def __init__(
        self,
        answers: Callable[[Integers, tuple[Integers, ...]], Floats],
        numbers: Integers,
        had: Integers,
        totals: Integers,
        more: tuple[int, ...],
    ) -> None:
        self._more = more
        shapes, which = np.unique(numbers, axis=0, return_inverse=True)
        which = which.reshape(-1)
        found, start = [], 0
        self._start = np.empty(len(numbers), dtype=np.int64)
        self._first, self._width = np.empty_like(had), np.empty_like(had)
        order = np.argsort(which, kind="stable")
        ends = np.cumsum(np.bincount(which, minlength=len(shapes)))[:-1]
        for shape, rows in zip(shapes, np.split(order, ends), strict=True):
            low = had[rows].min(axis=0)
            # beyond the participants there are none, and no mass
            high = np.minimum(had[rows].max(axis=0) + np.array(more) - 1, totals[rows[0]])
            spans = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
            grid = [part.ravel() for part in np.meshgrid(*spans, indexing="ij")]
            found.append(answers(shape, tuple(grid)))
            self._start[rows], self._width[rows] = start, high - low + 1
            self._first[rows] = had[rows] - low
            start += len(found[-1])
        self._flat = np.concatenate(found) if found else np.zeros(0)

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
