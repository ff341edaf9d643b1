"""How many of those who wait will respond, by a chain whose rows are Dirichlet.

Rows are independent, so that what they draw is a Dirichlet-multinomial split of those who wait in a
state: over the three states of the next month, or over none and a response at the last. Such a
split is a product: what each state of the row is worth for so many (a rising factorial over a
factorial), over what the row is worth for all. So it is first asked how many of either group are
not lost, a law of two numbers, and how these split is put to it. Everything is enumerated, exactly.
What is added is positive, and added in order, over arrays whose last axis is the trial; so a
trial's answer is the same in any company.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np

from adaptive_cart.nouns import early_law_loops as loops
from adaptive_cart.nouns.records import Floats, Integers

AT_ONCE: Final = 512  # trials of which the sums are taken together
MOST: Final = 1_000  # participants; of more what a state is worth may be beyond any float
Worths: TypeAlias = tuple[Floats, Floats, Floats]  # of one, of two, of three states


def responders(waiting: Integers, moved: Integers, prior: float) -> Floats:
    """Probability of each number of responders among those of one arm who wait.

    Parameters
    ----------
    waiting, moved
        ``(trial, month, state)``, ``(trial, month, state, state)``; see
        :class:`~adaptive_cart.nouns.early_states.EarlyStates`.
    prior
        What each state of a row is worth beforehand.

    Returns
    -------
    ``(trial, responders)``
    """
    number = waiting.sum(axis=(1, 2))
    found = np.zeros((len(waiting), int(number.max(initial=0)) + 1))
    worths = _worths(prior, int(moved.sum(axis=-1).max(initial=0)) + 1, found.shape[1])
    if loops.pays(*waiting.shape[:2]):
        loops.compiled()[0](waiting, moved, *worths, found)
        return found
    # those of a size together: arrays are smaller
    order = np.lexsort((number, waiting[:, :-1].sum(axis=(1, 2))))
    for rows in np.split(order, range(AT_ONCE, len(order), AT_ONCE)):
        if len(rows):
            by_month, seen = np.moveaxis(waiting[rows], 0, -1), np.moveaxis(moved[rows], 0, -1)
            some = _of_some(np.ascontiguousarray(by_month), np.ascontiguousarray(seen), worths)
            found[rows, : len(some)] = some.T
    return found


def _of_some(waiting: Integers, moved: Integers, worths: Worths) -> Floats:
    """The same, ``(responders, trial)``; the trial is the last axis of everything."""
    months, _, trials = waiting.shape
    came = np.ones((1, 1, trials))  # probability of so many, not in it and in it, from before
    for month in range(months - 1):
        held = _held(came, waiting[month], moved[month], worths, 3)
        total = len(came) - 1 + int(waiting[month].sum(axis=0).max(initial=0))
        came = _spread(held, moved[month], worths[0], total)
    held = _held(came, waiting[-1], moved[-1, :, :2], worths, 2)
    first, second = (_worth(worths[0], moved[-1, state, 1], held.shape[state]) for state in (0, 1))
    found = np.zeros((int(waiting.sum(axis=(0, 1)).max(initial=0)) + 1, trials))
    for out in range(min(len(first), len(found))):
        width = min(len(second), len(found) - out)
        found[out : out + width] += first[out] * (second[:width] * held[out, :width])
    return found


def _held(came: Floats, waiting: Integers, moved: Integers, worths: Worths, states: int) -> Floats:
    """How many of either state are not lost, but for what these are worth.

    Lost is who goes to the last of three states, or to the first of two.

    Parameters
    ----------
    came
        Probability of so many who came from before, ``(not in it, in it, trial)``.
    waiting, moved
        ``(state, trial)``, ``(state, to, trial)`` at this month.

    Returns
    -------
    ``(of those not in it, of those in it, trial)``
    """
    size, trials = came.shape[0], came.shape[-1]
    lost = 2 if states == 3 else 0
    most = [int(waiting[state].max(initial=0)) for state in (0, 1)]
    every = [
        1.0 / _worth_from(worths[states - 1], moved[state].sum(axis=0), waiting[state], 0, size)
        for state in (0, 1)
    ]
    gone = [
        _worth_from(worths[0], moved[state, lost], waiting[state], most[state] + size - 1, size)
        for state in (0, 1)
    ]
    weighted = came * every[0][:, None] * every[1]
    # of those not in it, by who came in it; then of those in it
    given = np.zeros((most[0] + size, size, trials))
    for out in range(size):
        reach = most[0] + out + 1
        given[:reach, : size - out] += (
            _backwards(gone[0], size, out, reach)[:, None] * weighted[out, : size - out]
        )
    found = np.zeros((most[0] + size, most[1] + size, trials))
    for in_ in range(size):
        reach, width = most[1] + in_ + 1, most[0] + size - in_
        found[:width, :reach] += given[:width, in_, None] * _backwards(gone[1], size, in_, reach)
    return found


def _backwards(gone: Floats, size: int, came: int, reach: int) -> Floats:
    """What those who are lost are worth where 0, 1, 2 … are not, of those who wait and came."""
    all_of_them = len(gone) - size + came
    found: Floats = gone[all_of_them - reach + 1 : all_of_them + 1][::-1]
    return found


def _spread(held: Floats, moved: Integers, one: Floats, total: int) -> Floats:
    """Law of who comes to the next month, ``(not in it, in it, trial)``, of who is not lost.

    Parameters
    ----------
    one
        What one state is worth.
    total
        Most that there are together.
    """
    most = [len(held) - 1, held.shape[1] - 1]
    worth = [[_worth(one, moved[state, to], most[state] + 1) for to in (0, 1)] for state in (0, 1)]
    found = np.zeros((total + 1, total + 1, held.shape[-1]))
    for first in range(most[0] + 1):
        reach = min(most[1], total - first) + 1
        for out in range(reach):
            # so many of those not in it, and of those in it who are then not in it
            own = held[first, out:reach] * worth[1][0][out] * worth[1][1][: reach - out]
            for to in range(first + 1):
                share = worth[0][0][to] * worth[0][1][first - to]
                found[to + out, first - to : first - to + len(own)] += share * own
    return found


def _worth(table: Floats, seen: Integers, size: int) -> Floats:
    """What states are worth for 0, 1, … of so many, ``(number, trial)``."""
    # those beyond the table are nobody's
    number = np.minimum(np.arange(size), table.shape[1] - 1)
    found: Floats = table.take(seen * table.shape[1] + number[:, None])
    return found


def _worth_from(table: Floats, seen: Integers, start: Integers, before: int, size: int) -> Floats:
    """The same from a trial's own number on, and nothing for less than nobody.

    Parameters
    ----------
    start
        ``(trial,)``
    before, size
        How many numbers before it, and how many from it on.
    """
    number = start + np.arange(-before, size)[:, None]
    place = np.clip(number, 0, table.shape[1] - 1)
    found: Floats = table.take(seen * table.shape[1] + place)
    if before:
        found[number < 0] = 0.0
    return found


def _worths(prior: float, seen: int, size: int) -> Worths:
    """Rising factorials over factorials, ``(seen, number)``, of the priors and those seen."""
    wide = [1 << max(int(least) - 1, 15).bit_length() for least in (seen, size)]
    return _rising(float(prior), *wide)


@lru_cache(maxsize=16)
def _rising(prior: float, seen: int, size: int) -> Worths:
    # a power of two for each of the number keeps them small; it cancels, and changes no bit
    last, lowest = size - 1, 3.0 * prior
    log = math.lgamma(lowest + last) - math.lgamma(lowest) - math.lgamma(last + 1.0)
    scale = 2.0 ** -max(0, round(log / math.log(2.0) / last))
    one, two, three = (_table(states * prior, seen, size, scale) for states in (1, 2, 3))
    # who would be more than there may be has no mass: it is multiplied with nothing, or divides it
    one[np.isinf(one)] = 0.0
    for table in (two, three):
        np.minimum(table, np.finfo(np.float64).max, out=table)
    return one, two, three


def _table(prior: float, seen: int, size: int, scale: float) -> Floats:
    found, worth = np.ones((seen, size)), prior + np.arange(seen)
    with np.errstate(over="ignore"):
        for number in range(size - 1):
            step = (worth + number) / (number + 1.0)
            found[:, number + 1] = found[:, number] * step * scale
    return found
