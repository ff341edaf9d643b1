"""What was observed of durability: months in remission, sorted, and shared by neighbours in time.

Sorting comes first, so that neither the order nor the company of participants changes a bit of any
answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from adaptive_cart.models.durability.cure_between import AT_ONCE
from adaptive_cart.nouns.parts import ONE_DAY
from adaptive_cart.nouns.records import Booleans, Floats, Integers

SHORTEST: Final = 1e-6  # months; a relapse sooner is taken for one after a day


@dataclass(frozen=True)
class Times:
    """Log months of the remitters, sorted within a table, empty places infinite.

    `censored` and `relapsed` are (participant, table); `censorings` and `relapses` count them.
    `since` is nothing where relapses are dated; else they lie between `since`, which may be minus
    infinity, and `relapsed`.
    """

    censored: Floats
    relapsed: Floats
    censorings: Integers
    relapses: Integers
    since: Floats | None = None

    @classmethod
    def between(cls, middles: Floats, halves: Floats, events: Booleans, inside: Booleans) -> Times:
        """The same, where relapses lie so many months to either side of a middle.

        One that is known at its moment (0) lies within a thousandth of its month.
        """
        dated = cls.read(middles + np.where(events, halves, 0.0), events, inside)
        told = np.where(middles <= SHORTEST, ONE_DAY, middles)
        known = halves <= 0.0
        first = np.where(known, told * (1.0 - AT_ONCE), np.maximum(middles - halves, 0.0))
        last = np.where(known, told * (1.0 + AT_ONCE), middles + halves)
        had = inside & events
        with np.errstate(divide="ignore"):
            ends = [np.log(np.where(had, month, np.inf)) for month in (first, last)]
        most = len(dated.relapsed)
        if not ends[0].size:
            return replace(dated, since=dated.relapsed)
        order = np.lexsort((ends[0], ends[1]), axis=1)[:, :most]
        since, relapsed = (
            np.ascontiguousarray(np.take_along_axis(end, order, axis=1).T) for end in ends
        )
        return replace(dated, relapsed=relapsed, since=since)

    @classmethod
    def read(cls, months: Floats, events: Booleans, inside: Booleans) -> Times:
        """Sort by time: neither order nor company of participants then changes a bit."""
        told = np.where(events & (months <= SHORTEST), ONE_DAY, np.maximum(months, SHORTEST))
        logs = np.log(np.where(inside, told, 1.0))

        def chosen(which: Booleans) -> tuple[Floats, Integers]:
            count = which.sum(axis=1)
            most = max(int(count.max(initial=0)), 1)
            if logs.shape[1] == 0:
                return np.full((1, len(logs)), np.inf), count
            ordered = np.sort(np.where(which, logs, np.inf), axis=1)[:, :most]
            return np.ascontiguousarray(ordered.T), count

        censored, censorings = chosen(inside & ~events)
        relapsed, relapses = chosen(inside & events)
        return cls(censored, relapsed, censorings, relapses)

    def distinct(self) -> tuple[Integers, Integers]:
        """Positions of the tables that differ, and for every table which of them it equals.

        Where hardly anybody remits most tables are those of nobody.
        """
        parts = [self.censored, self.relapsed] + ([] if self.since is None else [self.since])
        rows = np.concatenate(parts).T.copy()
        known: dict[bytes, int] = {}
        same_as = np.array(
            [known.setdefault(row.tobytes(), len(known)) for row in rows], dtype=np.int64
        )
        first = np.full(len(known), len(rows), dtype=np.int64)
        np.minimum.at(first, same_as, np.arange(len(rows)))
        return first, same_as

    def of(self, tables: Integers) -> Times:
        """Return the times of some of the tables."""
        censorings, relapses = self.censorings[tables], self.relapses[tables]
        most = max(int(censorings.max(initial=0)), 1), max(int(relapses.max(initial=0)), 1)
        return Times(
            self.censored[: most[0], tables],
            self.relapsed[: most[1], tables],
            censorings,
            relapses,
            None if self.since is None else self.since[: most[1], tables],
        )


def shared_values(
    times: Times, mode_shape: Floats, together: int
) -> tuple[Floats, Floats, Integers]:
    """Values that stand for `together` censored times each.

    Neighbours in time form groups of twice as many; two values stand for a group, one standard
    deviation of its hazards, at the mode's shape, on either side of their mean.  The earliest, who
    tell least, need not fill their group.

    Returns
    -------
    log months (value, table), how many the first two values stand for (table,), number of values
    (table,)
    """
    if together == 1:
        return times.censored, np.ones(len(times.relapses)), times.censorings
    k = np.exp(mode_shape)
    group = 2 * together
    number, rest = np.divmod(times.censorings, group)
    number = number + (rest > 0)
    first = np.where(rest > 0, rest, group)
    last = np.take_along_axis(times.censored, times.censorings[None] - 1, axis=0)[0]
    present = np.isfinite(times.censored)
    hazard = np.exp(k * np.where(present, np.minimum(times.censored - last, 0.0), 0.0))
    values = np.zeros((2 * int(number.max()), len(k)))
    for which in range(int(number.max())):
        start = np.zeros_like(first) if which == 0 else first + (which - 1) * group
        size = first if which == 0 else np.full_like(first, group)
        total, square = np.zeros(len(k)), np.zeros(len(k))
        for member in range(group):
            index = np.minimum(start + member, len(hazard) - 1)
            found = np.take_along_axis(hazard, index[None], axis=0)[0]
            found = np.where(member < size, found, 0.0)
            total += found
            square += found * found
        mean = total / size
        sd = np.sqrt(np.maximum(square / size - mean * mean, 0.0))
        values[2 * which] = last + np.log(np.maximum(mean - sd, 1e-3 * mean + 1e-300)) / k
        values[2 * which + 1] = last + np.log(np.maximum(mean + sd, 1e-300)) / k
    return values, 0.5 * first, 2 * number
