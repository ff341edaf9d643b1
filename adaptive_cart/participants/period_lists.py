"""Randomisation lists where arms enter and leave: a new list whenever one does by plan.

A list holds the arms that are open when it begins, by their allocation; places of an arm that a
decision closes while it lasts are skipped, as in any other design.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adaptive_cart.design.design import Design
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.counters import Labels, narrow
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.streams import Latents
from adaptive_cart.nouns.windows import Windows, numbered
from adaptive_cart.participants.randomisation import next_slots, randomisation_list


@dataclass(frozen=True)
class Arriving:
    """Who comes to some trials, all ``(row, participant)``.

    Attributes
    ----------
    rows
        ``(row,)`` positions of the trials in the block.
    month, label
        Of arrival; and the stratum.
    later
        Those who are to be randomised; the others have been.
    """

    rows: Integers
    month: Floats
    label: Labels
    later: Booleans


class PeriodLists:
    """The lists of a block of trials, and the places that have been taken.

    Attributes
    ----------
    windows
        When arms open and close, as things stand.
    """

    def __init__(self, design: Design, latents: Latents) -> None:
        assert design.stays is not None
        self.design = design
        self.latents = latents
        self.stays = design.stays
        self._closed = np.full((latents.trials, len(design.arms)), np.inf)
        self.windows: Windows = self.stays.windows(self._closed)
        self._slot = np.full((latents.trials, latents.participants), -1, dtype=np.int32)
        self._kept: dict[tuple[int, int, tuple[int, ...]], Labels] = {}

    def close(self, closed: Floats) -> None:
        """Note the months at which decisions have closed arms, ``(trial, arm)``."""
        self._closed = closed
        self.windows = self.stays.windows(closed)

    def randomise(self, arriving: Arriving, arm: Labels, open_arms: Booleans) -> None:
        """Give those who are to be randomised the next places of the list in force when they come.

        Parameters
        ----------
        arm
            ``(trial, participant)`` of all trials, which is changed.
        open_arms
            ``(row, arm)`` that no decision has closed.
        """
        rows, later = arriving.rows, arriving.later
        windows, starts = self.windows.rows(rows), self._starts(rows)
        number = numbered(starts, arriving.month)
        for list_number in np.unique(number[later]).tolist():
            begins = starts[:, list_number - 1] if list_number else np.zeros(len(rows))
            begun = until(begins)[:, None]
            held = (windows.opens <= begun) & (windows.closes > begun)
            inside = number == list_number
            for arms, own in _alike(held):
                for stratum in range(len(self.design.shares)):
                    here = inside[own] & (arriving.label[own] == stratum)
                    slots = self._list(list_number, stratum, arms)[rows[own]]
                    self._take(rows[own], here, later[own], slots, open_arms[own], arm)

    def _take(
        self,
        rows: Integers,
        here: Booleans,
        later: Booleans,
        slots: Labels,
        open_arms: Booleans,
        arm: Labels,
    ) -> None:
        """Take places of one list of some trials; ``here`` are those who belong to it."""
        taken = self._slot[rows]
        first = np.where(here & ~later, taken, -1).max(axis=1) + 1
        order = next_slots(slots, first.astype(np.int64), open_arms)
        wanted = here & later
        rank = np.clip(np.cumsum(wanted, axis=1) - 1, 0, order.shape[1] - 1)
        slot = np.take_along_axis(order, rank, axis=1)
        self._slot[rows] = np.where(wanted, slot, taken)
        arm[rows] = np.where(wanted, np.take_along_axis(slots, slot, axis=1), arm[rows])

    def _starts(self, rows: Integers) -> Floats:
        """Months at which a new list begins, ``(row, start)``, rising; infinite for no more."""
        opens, closes = self.windows.opens[rows], self.windows.closes[rows]
        by_plan = np.where(closes < self._closed[rows], closes, np.inf)
        entries = np.where(opens > 0.0, opens, np.inf)
        starts = np.sort(np.concatenate([entries, by_plan], axis=1), axis=1)
        again = np.zeros(starts.shape, dtype=np.bool_)
        again[:, 1:] = starts[:, 1:] <= until(starts[:, :-1])
        return np.sort(np.where(again, np.inf, starts), axis=1)

    def _list(self, number: int, stratum: int, arms: tuple[int, ...]) -> Labels:
        """Arms of a list, ``(trial, slot)``, of those open when it begins."""
        key = (number, stratum, arms)
        if key not in self._kept:
            self._kept[key] = self._drawn(number, stratum, arms)
        return self._kept[key]

    def _drawn(self, number: int, stratum: int, arms: tuple[int, ...]) -> Labels:
        rule, latents = self.design.randomisation.by_lists, self.latents
        assert rule is not None
        ratio = tuple(self.design.allocation[arm] for arm in arms)
        block = rule.block_of(ratio)
        slots = latents.participants
        if len(ratio) > 1:  # places of closed arms are skipped: enough for the control and one more
            slots = -(-slots * sum(ratio) // (ratio[0] + min(ratio[1:]))) + 2 * block
        list_name = name_of(number, stratum)
        latents.of(f"assignment:{list_name}", most_blocks(latents))
        places = randomisation_list(latents, ratio, block, list_name, slots)
        return np.array(arms, dtype=narrow(len(self.design.arms)))[places]


def name_of(number: int, stratum: int) -> str:
    """Name of a list; the first of a stratum is called as that of any other design."""
    return f"{stratum}:list:{number}" if number else f"{stratum}"


def most_blocks(latents: Latents) -> int:
    """Blocks that a list can need: the control alone has blocks of one."""
    return latents.participants + 2


def _alike(held: Booleans) -> Iterator[tuple[tuple[int, ...], Integers]]:
    """Sets of arms, and the rows, ``(row, arm)``, that hold just these."""
    patterns, which = np.unique(held, axis=0, return_inverse=True)
    for place, pattern in enumerate(patterns):
        rows: npt.NDArray[np.int64] = np.flatnonzero(which.reshape(-1) == place)
        if pattern.any():  # else the list never begins
            yield tuple(np.flatnonzero(pattern).tolist()), rows
