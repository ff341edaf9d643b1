"""Density and survival of one arm's probability on shared nodes, each count worked out once.

A density is nothing but for the nodes near its arm's own probability, and survival is one before
these and nothing after them. So of each table of counts no more is worked out; and a sum over
several arms goes over the nodes of the density alone.

Sums go over arrays ``(node, table)``, four nodes at a time, so that a table's are the same to the
last bit in any company. ``beta_rows_loops.py`` adds the same in the same order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Counts: TypeAlias = npt.NDArray[np.int64]  # (table,)
Mask: TypeAlias = npt.NDArray[np.bool_]

LANES: Final = 4  # nodes that are added side by side
FAINTEST: Final = -46.0  # exp of it, 1e-20, is nothing beside a probability
AT_ONCE: Final = 2**14  # numbers of a sum that are gone over together, to stay in cache
MOST: Final = 1_023  # participants of an arm whose tables are remembered: 2 MB of places a size
EXPONENTS: Final = 64  # sizes are powers of two below that
LIMIT_BYTES: Final = 256 * 2**20  # of all rows together
ANSWERS: Final = 2**17  # places of a question: 2 MB
QUESTIONS: Final = 24


class Windows(NamedTuple):
    """Rows of some tables: the nodes that each goes over, and what is there, end to end.

    The first node and the number of nodes are multiples of :data:`LANES`.
    """

    first: Integers  # (table,)
    width: Integers  # (table,)
    values: Floats


def window(kept: Mask) -> tuple[Integers, Integers]:
    """From the first node to be kept to the last, ``(table,)`` each, from ``(table, node)``."""
    nodes = kept.shape[1]
    some = kept.any(axis=1)
    first = np.where(some, kept.argmax(axis=1), 0) // LANES * LANES
    last = np.where(some, nodes - kept[:, ::-1].argmax(axis=1), first)
    return first, whole(last - first)


def whole(number: Any) -> Any:
    """So many nodes or more: a multiple of those that are added side by side."""
    return -(-number // LANES) * LANES


def places_in(
    first: Integers, width: Integers, nodes: int
) -> tuple[Integers, Integers, Mask, Floats]:
    """Table and node of everything in some windows, end to end; whether there is such a node; 0."""
    table = np.repeat(np.arange(len(first)), width)
    node = np.arange(len(table)) + np.repeat(first - (width.cumsum() - width), width)
    return table, node, node < nodes, np.zeros(len(table))


class Rows:
    """Rows of one kind, each worked out when it is first asked for.

    Parameters
    ----------
    work_out
        Rows of distinct tables: takes the exponent of their size, their successes and totals.
    before
        What a row is at the nodes before its own. After them it is nought.
    """

    def __init__(self, work_out: Callable[[int, Counts, Counts], Windows], before: float) -> None:
        self._work_out, self._before = work_out, before
        self.kinds = np.full(EXPONENTS, -1)  # which line of the index is of a size
        # slot and one more, by size and by table; 0: unknown
        self.index = np.zeros((0, 1), dtype=np.int32)
        self.places = np.empty((3, 0), dtype=np.int64)  # first node, nodes, start, by slot
        self.values = np.empty(0)
        self._number, self._end = 0, 0
        self.heard: Callable[[int], None] = _by_nobody  # of bytes that have been added
        self.told = 0  # bytes of which has been told

    @property
    def held(self) -> tuple[Integers, npt.NDArray[np.int32], Integers, Floats]:
        """All of it, as compiled loops take it."""
        return self.kinds, self.index, self.places, self.values

    @property
    def held_bytes(self) -> int:
        """Memory held now."""
        return self.index.nbytes + self.places.nbytes + self.values.nbytes

    def of(self, exponent: int, successes: Counts, totals: Counts) -> Integers:
        """Where the rows of these tables of one size are, ``(table,)``."""
        keys = key_of(successes, totals)
        most = int(totals.max(initial=0))
        if most > MOST:  # too large to be found again
            keys, at, which = np.unique(keys, return_index=True, return_inverse=True)
            self._add(self._work_out(exponent, successes[at], totals[at]))
            self._tell()
            return self._number - len(keys) + which.reshape(-1)
        line = self._line(exponent, most)
        slots = line.take(keys)
        unknown = np.flatnonzero(slots == 0)
        if len(unknown):
            new, at = np.unique(keys[unknown], return_index=True)
            at = unknown[at]
            self._add(self._work_out(exponent, successes[at], totals[at]))
            # only now: where work is stopped half way, nothing of it may be taken for known
            line[new] = np.arange(self._number - len(new), self._number) + 1
            slots = line.take(keys)
        self._tell()
        return slots.astype(np.int64) - 1

    def _line(self, exponent: int, most: int) -> npt.NDArray[np.int32]:
        """Slots by table of one size, with room for so many participants."""
        lines, room = self.index.shape
        needed = (most + 1) * (most + 2) // 2
        new = self.kinds[exponent] < 0
        if new or room < needed:
            more = min(MOST, most + most // 4) + 1
            room = max(room, more * (more + 1) // 2) if room < needed else room
            index = np.zeros((lines + new, room), dtype=np.int32)
            index[:lines, : self.index.shape[1]] = self.index
            self.index = index
            if new:
                self.kinds[exponent] = lines
        line: npt.NDArray[np.int32] = self.index[self.kinds[exponent]]
        return line

    def _add(self, new: Windows) -> None:
        """Keep rows, with what is before each and after it."""
        number, more = len(new.first), len(new.values) + 2 * len(new.first)
        self.places = _with_room(self.places, self._number + number)
        self.values = _with_room(self.values, self._end + more)
        after = (new.width + 2).cumsum() - 1
        start = after - new.width
        at = self._end + start
        self.places[:, self._number : self._number + number] = new.first, new.width, at
        own = np.ones(more, dtype=np.bool_)
        own[start - 1] = own[after] = False
        here = self.values[self._end : self._end + more]
        here[own] = new.values
        here[start - 1], here[after] = self._before, 0.0
        self._number += number
        self._end += more

    def _tell(self) -> None:
        more, self.told = self.held_bytes - self.told, self.held_bytes
        self.heard(more)


def _by_nobody(more: int) -> None:
    return None


def key_of(successes: Counts, totals: Counts) -> Counts:
    """Tables of one arm in order: of nobody, then of one participant, and so on."""
    return totals * (totals + 1) // 2 + successes


def _with_room(array: npt.NDArray[Any], number: int) -> npt.NDArray[Any]:
    """Return the array with room for so many along its last axis."""
    held = array.shape[-1]
    if number <= held:
        return array
    larger = np.empty((*array.shape[:-1], max(number, 2 * held)), dtype=array.dtype)
    larger[..., :held] = array
    return larger


class _Kept:
    """Rows of this process by what they are of; those asked for longest ago are forgotten first."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.held_bytes = 0  # of all rows: to add them up takes as long as an answer, where many
        self._rows: dict[Hashable, Rows] = {}
        self._answers: dict[Hashable, tuple[Integers, Floats]] = {}

    def of(self, what: Hashable, make: Callable[[], Rows]) -> Rows:
        """Rows that are kept, or new ones."""
        rows = self._rows.pop(what, None)
        if rows is None:
            rows = make()
            rows.heard = self._more
        self._rows[what] = rows
        return rows

    def _more(self, more: int) -> None:
        self.held_bytes += more

    def answers(self, what: Hashable) -> tuple[Integers, Floats]:
        """Places for tables answered before, and for their answers, of what was asked lately."""
        places = self._answers.pop(what, None)
        if places is None:
            places = np.full(ANSWERS, -1), np.empty(ANSWERS)
        self._answers[what] = places
        if len(self._answers) > QUESTIONS:
            del self._answers[next(iter(self._answers))]
        return places

    def forget(self) -> None:
        """Forget rows until the others fit."""
        while self.held_bytes > LIMIT_BYTES:
            self._drop(next(iter(self._rows)))

    def _drop(self, what: Hashable) -> None:
        rows = self._rows.pop(what)
        rows.heard = _by_nobody
        self.held_bytes -= rows.told

    def clear(self) -> None:
        """Forget everything."""
        for what in list(self._rows):
            self._drop(what)
        self._answers.clear()


KEPT: Final = _Kept()


def sums(
    density: Rows,
    own: Integers,
    others: Sequence[tuple[Rows, Integers]],
    below: bool = False,
) -> Floats:
    """Sum over the nodes of a density times the survival of other arms, ``(table,)``.

    Parameters
    ----------
    own, others
        The slot of each table; the survival of other arms, with theirs.
    below
        Take one less survival instead.
    """
    found = np.empty(len(own))
    for tables, widest in alike(density.places[1].take(own)):
        first, width, start = density.places.take(own[tables], axis=1)
        node = np.minimum(np.arange(widest)[:, None], width)  # after them the density is nought
        product = density.values.take(node + start)
        for survival, slots in others:
            other_first, other_width, there = survival.places.take(slots[tables], axis=1)
            place = node + (first - other_first)
            np.maximum(place, -1, out=place)
            np.minimum(place, other_width, out=place)
            place += there
            values = survival.values.take(place)
            if below:
                np.subtract(1.0, values, out=values)
            product *= values
        lanes = product.reshape(-1, LANES, len(tables)).sum(axis=0)
        found[tables] = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
    return found


def alike(width: Integers) -> Iterator[tuple[Integers, int]]:
    """Portions of tables whose rows are about as wide, and the widest one's width."""
    order = np.argsort(-width, kind="stable")
    start = 0
    while start < len(order):
        widest = int(width[order[start]])
        tables = order[start : start + max(1, AT_ONCE // max(widest, 1))]
        start += len(tables)
        yield tables, widest
