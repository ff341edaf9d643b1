"""How many of those who wait will respond, by a chain whose rows are Dirichlet.

Rows are independent, so that what they draw is a Dirichlet-multinomial split of those who wait in a
state: over the three states of the next month, or over none and a response at the last. The law of
the responders is enumerated, exactly: those who come to a month are added to those who wait at it.
A law follows from its first probability by ratios of neighbours, and sums are taken in order, over
arrays whose last axis is the trial; so a trial's answer is the same in any company.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from adaptive_cart.nouns.records import Floats, Integers

AT_ONCE: Final = 512  # trials of which the sums are taken together
TINY: Final = 1e-200  # a first probability below it has no digits to spare: logarithms are taken


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
    # those of a size together: arrays are smaller
    order = np.lexsort((number, waiting[:, :-1].sum(axis=(1, 2))))
    for rows in np.split(order, range(AT_ONCE, len(order), AT_ONCE)):
        if len(rows):
            by_month, seen = np.moveaxis(waiting[rows], 0, -1), np.moveaxis(moved[rows], 0, -1)
            some = _of_some(by_month, seen, prior)
            found[rows, : len(some)] = some.T
    return found


def _of_some(waiting: Integers, moved: Integers, prior: float) -> Floats:
    """The same, ``(responders, trial)``; the trial is the last axis of everything."""
    months, _, trials = waiting.shape
    came = np.ones((1, 1, trials))  # probability of so many, not in it and in it, from before
    for month in range(months - 1):
        came = _stepped(came, waiting[month], moved[month], prior)
    most = int(waiting.sum(axis=(0, 1)).max(initial=0))
    size = len(came)
    waits = [int(waiting[-1, state].max(initial=0)) for state in (0, 1)]
    out, in_ = (
        beta_binomial(
            waiting[-1, state], moved[-1, state, :2], prior, size, waits[state] + size - 1
        )
        for state in (0, 1)
    )
    found, part = np.zeros((most + 1, trials)), np.empty((most + 1, trials))
    given = np.empty((waits[0] + size, trials))
    for came_in in range(size):
        # beyond these there is nobody
        last_out, last_in = waits[0] + size - 1 - came_in, waits[1] + came_in
        reached = given[: min(last_out, most) + 1]
        reached[:] = 0.0
        for came_out in range(size - came_in):
            own = part[: min(len(reached), waits[0] + came_out + 1)]
            np.multiply(came[came_out, came_in], out[came_out, : len(own)], out=own)
            reached[: len(own)] += own
        for response in range(min(last_in, most) + 1):
            own = part[: min(len(reached), most + 1 - response)]
            np.multiply(reached[: len(own)], in_[came_in, response], out=own)
            found[response : response + len(own)] += own
    return found


def _stepped(came: Floats, waiting: Integers, moved: Integers, prior: float) -> Floats:
    """Law of who comes to the next month, ``(not in it, in it, trial)``, from who came to this.

    Parameters
    ----------
    came
        Likewise, of this month.
    waiting, moved
        ``(state, trial)``, ``(state, state, trial)`` at this month.
    """
    size = len(came)
    most = [int(waiting[state].max(initial=0)) + size - 1 for state in (0, 1)]
    total = int(waiting.sum(axis=0).max(initial=0)) + size - 1
    out = [
        split(waiting[0] + more, moved[0], prior, most[0] - (size - 1 - more))
        for more in range(size)
    ]
    trials = came.shape[-1]
    found = np.zeros((total + 1, total + 1, trials))
    for came_in in range(size):
        # no more than so many in either group
        reach = most[0] + 1 - came_in
        given = np.zeros((reach, reach, trials))
        for came_out in range(size - came_in):
            own = out[came_out]
            given[: len(own), : len(own)] += came[came_out, came_in] * own
        own = split(waiting[1] + came_in, moved[1], prior, most[1] - (size - 1 - came_in))
        _together(found, given, own)
    return found


def _together(found: Floats, first: Floats, second: Floats) -> None:
    """Add the law of two groups' numbers in each state together, ``(not in it, in it, trial)``."""
    last = len(found)
    for x in range(len(first)):
        for y in range(len(first) - x):
            for more in range(min(len(second), last - x)):
                width = min(len(second) - more, last - y)
                found[x + more, y : y + width] += first[x, y] * second[more, :width]


def beta_binomial(number: Integers, seen: Integers, prior: float, came: int, most: int) -> Floats:
    """Law of the responders among a number and 0, 1, … more, ``(more, responders, trial)``.

    Parameters
    ----------
    number, seen
        ``(trial,)``, and ``(state, trial)`` those seen to respond in none and in one.
    came
        How many numbers.
    most
        Largest number of responders.
    """
    total = number + np.arange(came)[:, None]
    found = np.empty((came, most + 1, len(number)))
    none, response = seen
    found[:, 0] = _nobody(total, response, none, prior, 2)
    _along(found, total, response + prior, none + prior)
    return found


def split(number: Integers, seen: Integers, prior: float, most: int) -> Floats:
    """How a number splits over three states, ``(to the first, to the second, trial)``.

    Parameters
    ----------
    number, seen
        ``(trial,)``, and ``(state, trial)`` those seen to go to each.
    most
        Largest number.
    """
    first, second, fails = seen
    found = np.empty((most + 1, most + 1, len(number)))
    # to the first or not; then of the rest to the second or not
    start = np.empty((1, most + 1, len(number)))
    start[:, 0] = _nobody(number[None], first, second + fails, prior, 3)
    _along(start, number[None], first + prior, second + fails + 2.0 * prior)
    rest = np.maximum(number - np.arange(most + 1)[:, None], 0)
    found[:, 0] = start[0] * _nobody(rest, second, fails, prior, 2)
    _along(found, rest, second + prior, fails + prior)
    return found


def _nobody(number: Integers, own: Integers, others: Integers, prior: float, states: int) -> Floats:
    """Probability that none of a number goes to a state, of so many that there are."""
    size = int(number.max(initial=0)) + int((own + others).max(initial=0)) + 1
    rest, every = _rising((states - 1) * prior, size), _rising(states * prior, size)
    log = rest[others + number] - rest[others] - every[own + others + number] + every[own + others]
    found: Floats = np.exp(log)
    return found


def _along(found: Floats, total: Integers, own: Floats, others: Floats) -> None:
    """Fill a beta-binomial law from its first probability on, by the ratio of neighbours.

    Parameters
    ----------
    found
        ``(…, k, trial)``, the first ``k`` given.
    total
        ``(…, trial)`` numbers.
    own, others
        ``(trial,)`` parameters.
    """
    left, fewer = total.astype(np.float64), np.empty(total.shape)
    for k in range(found.shape[1] - 1):
        now = np.multiply(found[:, k], left, out=found[:, k + 1])
        left -= 1.0
        np.maximum(left, 0.0, out=left)
        now *= (own + k) / (k + 1.0)
        np.add(left, others, out=fewer)
        now /= fewer


@lru_cache(maxsize=32)
def _rising_to(prior: float, size: int) -> Floats:
    from scipy import special

    found: Floats = special.gammaln(prior + np.arange(size))
    return found


def _rising(prior: float, size: int) -> Floats:
    """Logarithms of the gamma function at a prior and 0, 1, 2 … more."""
    return _rising_to(float(prior), 1 << max(int(size) - 1, 1).bit_length())
