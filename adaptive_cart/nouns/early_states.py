"""What months before the last one tell: a chain of states in it, not in it, failed for good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from adaptive_cart.nouns.records import Floats, Integers

AT_ONCE: Final = 128  # trials of which the sums are taken together


@dataclass(frozen=True)
class EarlyStates:
    """Who has not reached the month that is analysed, and what others did between two months.

    Attributes
    ----------
    waiting
        ``(trial, arm, stratum, month, state)`` participants by the last of the months that they
        have reached, not in it (0) or in it (1) then, and not failed for good since.
    failed
        ``(trial, arm, stratum)`` participants who have failed for good before the month analysed.
    moved
        ``(trial, arm, month, state, state)`` participants seen at a month and at the next: not in
        it or in it first; then not in it, in it, or failed for good. At the last month there are
        two: none, and a response.
    """

    waiting: Integers
    failed: Integers
    moved: Integers

    def rows(self, trials: Integers) -> EarlyStates:
        """Return the same of some trials only."""
        return EarlyStates(self.waiting[trials], self.failed[trials], self.moved[trials])


def mass(number: Integers, seen: tuple[Integers, ...], prior: float, most: int) -> Floats:
    """Dirichlet-multinomial probabilities of how a number splits over three states, or two.

    Parameters
    ----------
    number
        ``(trial, …)``
    seen
        By state, ``(trial,)``: those seen to go there.
    prior
        What each state is worth beforehand.
    most
        Largest number.

    Returns
    -------
    ``(trial, …, to the first, to the second)``, or ``(…, to the second)`` where there are two.
    """
    from scipy import special

    total = sum(seen, start=np.zeros_like(seen[0]))
    counts = np.arange(int(total.max(initial=0)) + int(number.max(initial=0)) + most + 1)
    one, every = special.gammaln(prior + counts), special.gammaln(len(seen) * prior + counts)
    ways = special.gammaln(counts + 1.0)
    wide = (slice(None), *[None] * (number.ndim - 1))
    start = ways[number] + every[total][wide] - every[total[wide] + number]
    drawn = np.arange(most + 1)

    def term(own: Integers, more: Integers) -> Floats:
        found: Floats = one[own + more] - one[own] - ways[more]
        return found

    if len(seen) == 2:
        none, response = (own[(*wide, None)] for own in seen)
        rest = number[..., None] - drawn
        found = start[..., None] + term(none, np.maximum(rest, 0)) + term(response, drawn)
    else:
        first, second, third = (own[(*wide, None, None)] for own in seen)
        rest = number[..., None, None] - drawn[:, None] - drawn
        found = start[..., None, None] + term(third, np.maximum(rest, 0))
        found = found + term(first, drawn[:, None]) + term(second, drawn)
    inside: Floats = np.where(rest >= 0, np.exp(found), 0.0)
    return inside


def responders(waiting: Integers, moved: Integers, prior: float) -> Floats:
    """How many of those who wait will respond, by the chain with Dirichlet rows of one arm.

    Rows are independent; what the chain draws at one month is added to those who wait at the next.
    Sums are taken in order, so that a trial's answer is the same in any company.

    Parameters
    ----------
    waiting, moved
        ``(trial, month, state)``, ``(trial, month, state, state)``; one month or two.
    prior
        What each state of a row is worth beforehand.

    Returns
    -------
    ``(trial, responders)``
    """
    number = waiting.sum(axis=(1, 2))
    found = np.zeros((len(waiting), int(number.max(initial=0)) + 1))
    order = np.argsort(number, kind="stable")  # those of a size together: arrays are smaller
    for rows in np.split(order, range(AT_ONCE, len(order), AT_ONCE)):
        if len(rows):
            some = _responders(waiting[rows], moved[rows], prior)
            found[rows, : some.shape[1]] = some
    return found


def _responders(waiting: Integers, moved: Integers, prior: float) -> Floats:
    trials, months, _ = waiting.shape
    most = int(waiting.sum(axis=(1, 2)).max(initial=0))
    came = np.ones((trials, 1, 1))  # probability of so many, not in it and in it, from before
    if months > 1:
        splits = [
            mass(
                waiting[:, 0, state],
                tuple(moved[:, 0, state, to] for to in range(3)),
                prior,
                int(waiting[:, 0, state].max(initial=0)),
            )
            for state in (0, 1)
        ]
        came = _together(splits[0], splits[1])
    rows = [
        mass(
            waiting[:, -1, state, None] + np.arange(came.shape[1 + state]),
            tuple(moved[:, -1, state, to] for to in range(2)),
            prior,
            most,
        )
        for state in (0, 1)
    ]
    given = np.zeros((trials, came.shape[2], most + 1))
    for out in range(came.shape[1]):
        given += came[:, out, :, None] * rows[0][:, out, None, :]
    found = np.zeros((trials, most + 1))
    for first in range(most + 1):
        both = given[:, :, first, None] * rows[1][:, :, : most + 1 - first]
        found[:, first:] += in_order(both, 1)
    return found


def in_order(values: Floats, axis: int) -> Floats:
    """Sum along an axis from its beginning: what is nought at its end changes no bit."""
    found: Floats = np.asarray(np.add.accumulate(values, axis=axis).take(-1, axis=axis))
    return found


def _together(first: Floats, second: Floats) -> Floats:
    """Two groups' numbers in each state added, ``(trial, not in it, in it)``."""
    size = first.shape[1] + second.shape[1] - 1
    found = np.zeros((len(first), size, size))
    width = second.shape[1]
    for x in range(first.shape[1]):
        for y in range(first.shape[2] - x):
            found[:, x : x + width, y : y + width] += first[:, x, y, None, None] * second
    return found
