"""What this process has already worked out, so that a table of counts is analysed once.

Ten thousand simulated trials of thirty participants show only a few hundred distinct tables of
counts at a look.  An analysis model therefore encodes a table as one integer and asks the memo for
the answers of a whole block of trials: known keys are found in a hash table, all at once,
unknown ones are worked out once, together, and kept.

A memo is no part of any result: an answer must be a function of `what` and its key alone, so that
an answer found and an answer worked out anew are the same to the last bit.  Memory is bounded; what
was not asked for longest is forgotten first.  One memo belongs to one process (it is never
pickled) and may be shared by its threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Answers", "Keys", "Memo", "scattered"]

Keys: TypeAlias = npt.NDArray[np.int64]  # (key,), not negative
Answers: TypeAlias = npt.NDArray[np.float64]  # (key,), or (key, width) where an answer is a row
Places: TypeAlias = npt.NDArray[np.int64]

_EMPTY: Final = -1
_FEWEST_PLACES_LOG: Final = 4
# 2**64 over the golden ratio, odd: neighbouring keys are scattered (Knuth 1998, The Art of Computer
# Programming 3, section 6.4)
_SCATTER: Final = np.uint64(0x9E3779B97F4A7C15)


class Memo:
    """Answers by integer key, one collection for each hashable `what`.

    Parameters
    ----------
    limit_bytes
        Memory for all collections together; beyond it the least recently used ones are forgotten.
    """

    def __init__(self, limit_bytes: int = 256 * 2**20) -> None:
        self.limit_bytes = limit_bytes
        self._collections: dict[Hashable, _Collection] = {}  # least recently used first
        self._held_bytes = 0  # kept up to date: adding it up anew would cost more than an answer
        self._lock = threading.RLock()

    @property
    def held_bytes(self) -> int:
        """Memory held now, in bytes."""
        return self._held_bytes

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._collections.clear()
            self._held_bytes = 0

    def look_up(self, what: Hashable, keys: Keys, work_out: Callable[[Keys], Answers]) -> Answers:
        """Answers for all keys, of which only those not yet known are worked out.

        Parameters
        ----------
        what
            The question, with everything that the answer depends on besides the key.
        keys
            (table,), none negative; repeats are welcome.
        work_out
            Takes distinct keys in rising order, gives an answer or a row of answers for each.
            It may look up other questions in the same memo.

        Returns
        -------
            (table,) or (table, width), freshly allocated.
        """
        with self._lock:
            collection = self._collections.get(what)
            if collection is None:
                unknown = _distinct(keys)
                new = work_out(unknown)
                self._keep(what, unknown, new)
                return new[np.searchsorted(unknown, keys)]
            self._collections[what] = self._collections.pop(what)
            slots = collection.find(keys)
            missing = np.flatnonzero(slots < 0)
            found: Answers = collection.answers.take(slots, axis=0, mode="clip")
            if len(missing):
                asked = keys[missing]
                unknown = _distinct(asked)
                new = work_out(unknown)
                self._keep(what, unknown, new)
                found[missing] = new[np.searchsorted(unknown, asked)]
            return found

    def _keep(self, what: Hashable, keys: Keys, answers: Answers) -> None:
        """Add new answers, forgetting old collections until there is room."""
        if keys.size == 0 or answers.nbytes + 32 * keys.size > self.limit_bytes:
            return
        collection = self._collections.get(what)
        while True:
            held = 0 if collection is None else collection.held_bytes
            collection = collection or _Collection(answers)
            others = self._held_bytes - held
            if others + collection.bytes_with(keys.size) <= self.limit_bytes:
                break
            if not self._collections:
                return
            oldest = next(iter(self._collections))
            self._held_bytes -= self._collections.pop(oldest).held_bytes
            collection = self._collections.get(what)
        self._collections[what] = collection
        collection.add(keys, answers)
        self._held_bytes = others + collection.held_bytes


def scattered(keys: Keys, places_log: int) -> Places:
    """The place of each key among so many, as a power of two."""
    places = keys.view(np.uint64) * _SCATTER
    places >>= np.uint64(64 - places_log)
    return places.view(np.int64)


def _distinct(keys: Keys) -> Keys:
    """Keys in rising order, each once."""
    ordered = np.sort(keys)
    first = np.ones(ordered.shape, dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


class _Collection:
    """Answers to one question in storage that grows, and the slot of each key in a hash table.

    The table has a power of two of places, at least twice as many as keys. A key lies at the first
    place that was free from its own on.
    """

    def __init__(self, alike: Answers) -> None:
        self.number = 0
        self._row_bytes = alike.itemsize * int(np.prod(alike.shape[1:], dtype=np.int64))
        self.answers = np.empty((0, *alike.shape[1:]))
        self._places_log = _FEWEST_PLACES_LOG
        self._clear_places()

    def _clear_places(self) -> None:
        self._keys = np.full(1 << self._places_log, _EMPTY, dtype=np.int64)
        self._slots = np.full(1 << self._places_log, _EMPTY, dtype=np.int64)

    def bytes_with(self, more: int) -> int:
        """Memory once so many keys have been added."""
        return 16 * (1 << self._log_for(more)) + self._rows_for(more) * self._row_bytes

    def _log_for(self, more: int) -> int:
        """Places of the table for so many more keys, as a power of two."""
        return max(self._places_log, (2 * (self.number + more) - 1).bit_length())

    def _rows_for(self, more: int) -> int:
        """Rows of storage for so many more keys: it doubles as it grows."""
        held, wanted = self.answers.shape[0], self.number + more
        return held if wanted <= held else max(wanted, 2 * self.number)

    @property
    def held_bytes(self) -> int:
        return self._keys.nbytes + self._slots.nbytes + self.answers.nbytes

    def find(self, keys: Keys) -> Places:
        """The slot of each key, ``_EMPTY`` where it is unknown."""
        keys = np.ascontiguousarray(keys)
        places = scattered(keys, self._places_log)
        slots = self._slots[places]
        there = self._keys[places]
        # elsewhere only if another key has taken the place
        on = np.flatnonzero((there != keys) & (there != _EMPTY))
        last = len(self._keys) - 1
        while len(on):
            places = (places[on] if len(places) != len(on) else places) + 1 & last
            wanted, there = keys[on], self._keys[places]
            slots[on] = self._slots[places]
            further = (there != wanted) & (there != _EMPTY)
            on, places = on[further], places[further]
        return slots

    def add(self, keys: Keys, answers: Answers) -> None:
        """Add distinct keys, none of which is known yet."""
        first, last = self.number, self.number + keys.size
        if last > self.answers.shape[0]:
            larger = np.empty((self._rows_for(keys.size), *answers.shape[1:]))
            larger[:first] = self.answers[:first]
            self.answers = larger
        self.answers[first:last] = answers
        slots, places_log = np.arange(first, last), self._log_for(keys.size)
        self.number = last
        if places_log > self._places_log:
            full = self._keys != _EMPTY
            keys, slots = np.append(self._keys[full], keys), np.append(self._slots[full], slots)
            self._places_log = places_log
            self._clear_places()
        self._put(keys, slots)

    def _put(self, keys: Keys, slots: Places) -> None:
        """Give every key the first free place from its own on; of several that want it, one."""
        places = scattered(np.ascontiguousarray(keys), self._places_log)
        last = len(self._keys) - 1
        while len(keys):
            free = self._keys[places] == _EMPTY
            self._keys[places[free]] = keys[free]
            mine = free & (self._keys[places] == keys)
            self._slots[places[mine]] = slots[mine]
            more = ~mine
            keys, slots, places = keys[more], slots[more], places[more] + 1 & last
