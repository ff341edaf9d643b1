"""Response-adaptive shares over time: as a look sets them, and as arms enter and leave after it.

Between looks nothing is learned. What an arm had that stops enrolling goes to the others in
proportion; an arm that enters begins with as much as each would have if all had the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from adaptive_cart.design.randomisation import ResponseAdaptive
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.windows import Windows
from adaptive_cart.participants.randomisation import (
    adaptive_shares,
    equal_shares,
    shares_kept_above,
    shares_of_open,
)


@dataclass(frozen=True)
class Shares:
    """Shares of a block of trials as they were last set.

    Attributes
    ----------
    values
        ``(trial, arm)`` of those who arrive after ``since``, until an arm enters or stops.
    since
        ``(trial,)`` calendar month.
    learned
        ``(trial,)`` whether the data have had a part in them; until then all open arms have the
        same.
    """

    values: Floats
    since: Floats
    learned: Booleans

    @classmethod
    def at_start(cls, windows: Windows) -> Shares:
        """Equal shares of the arms that enrol from the opening of the trial on."""
        opening = np.zeros(len(windows.opens))
        values = equal_shares(windows.enrolling(opening))
        return cls(values, opening, np.zeros(len(values), dtype=np.bool_))

    def rows(self, trials: Integers) -> Shares:
        """The same of some trials."""
        return Shares(self.values[trials], self.since[trials], self.learned[trials])

    def replaced(self, trials: Integers, now: Shares) -> Shares:
        """The same with those of some trials, by position, set anew."""
        values, since, learned = self.values.copy(), self.since.copy(), self.learned.copy()
        values[trials], since[trials] = now.values[trials], now.since[trials]
        learned[trials] = now.learned[trials]
        return Shares(values, since, learned)

    def steps(self, windows: Windows, rule: ResponseAdaptive) -> Iterator[tuple[Floats, Floats]]:
        """What comes after they were set, in order: a month, ``(trial,)``, and shares from then on.

        Infinite where nothing changes.
        """
        values, before = self.values, windows.enrolling(self.since)
        months = np.concatenate([windows.opens, windows.closes], axis=1)
        month = self.since
        while True:  # every trial's next month together
            ahead = np.where(months > until(month)[:, None], months, np.inf)
            month = ahead.min(axis=1)
            if np.isinf(month).all():
                return
            now = windows.enrolling(month)
            changed = np.isfinite(month) & (now != before).any(axis=1)
            rows = np.flatnonzero(changed)
            if len(rows):
                own = values[rows], before[rows], now[rows]
                values = values.copy()
                values[rows] = moved_shares(*own, rule, self.learned[rows])
                before = np.where(changed[:, None], now, before)
                yield np.where(changed, month, np.inf), values

    def at(self, month: Floats, windows: Windows, rule: ResponseAdaptive) -> Shares:
        """Shares of those who arrive after a month, ``(trial,)``, if no look sets them anew."""
        values = self.values
        for changed, after in self.steps(windows, rule):
            values = np.where((changed <= until(month))[:, None], after, values)
        return replace(self, values=values, since=np.maximum(month, self.since))


def renewed_shares(
    shares: Shares,
    renewed: Booleans,
    best: Floats,
    compared: Booleans,
    windows: Windows,
    rule: ResponseAdaptive,
    controls: int,
) -> Shares:
    """Shares that a look sets, from the probabilities that each arm is the best.

    Parameters
    ----------
    shares
        In force after the look if it sets none.
    renewed
        ``(trial,)`` where it does.
    best, compared
        ``(trial, arm)`` P(it is the best of the experimental arms that are compared), and those
        that are: they have entered before the look, and enrol after it.
    windows
        When arms enrol as things stand after the look; one that enters at its very date begins as
        any that enters.
    controls
        How many of the first arms are the control: 0 where none is.
    """
    best = np.where(renewed[:, None], best, 0.0)
    values = adaptive_shares(best, compared, rule.power, rule.minimum, rule.fixed, controls)
    learned = shares.learned | renewed
    now = windows.enrolling(shares.since)
    enters = renewed & (now != compared).any(axis=1)
    if enters.any():
        moved = moved_shares(values, compared, now, rule, learned)
        values = np.where(enters[:, None], moved, values)
    if rule.fixed is not None:
        values[:, 0] = np.where(now[:, 1:].any(axis=1), values[:, 0], 1.0)
    return Shares(np.where(renewed[:, None], values, shares.values), shares.since, learned)


def moved_shares(
    values: Floats, before: Booleans, now: Booleans, rule: ResponseAdaptive, learned: Booleans
) -> Floats:
    """Shares when arms enter or stop enrolling between looks, ``(trial, arm)``.

    Parameters
    ----------
    values
        Until then.
    before, now
        ``(trial, arm)`` arms that enrol until then, and from then on.
    learned
        ``(trial,)`` whether the data have had a part in the shares.

    Notes
    -----
    An arm that enters has one part in as many as there are arms; the others are scaled to make
    room, none below the least share. A fixed share of the control stays, and the experimental arms
    divide the rest.
    """
    control = rule.fixed
    held = shares_of_open(values, before & now, control)
    room, sharing = 1.0, now.copy()
    if control is not None:
        room, sharing[:, 0] = 1.0 - control, False
    number = np.maximum(sharing.sum(axis=1, keepdims=True), 1)
    enters = now & ~before
    entering = np.where(enters, room / number, 0.0)
    left = room - entering.sum(axis=1, keepdims=True)
    values = np.where(enters, entering, np.where(sharing, held * (left / room), 0.0))
    values = shares_kept_above(values, sharing, rule.minimum, room)
    if control is not None:  # with nobody else there, everybody goes to the control
        values[:, 0] = np.where(sharing.any(axis=1), control, 1.0)
    return np.where(learned[:, None], values, equal_shares(now))
