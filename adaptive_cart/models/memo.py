"""What this process has already worked out, so that a table of counts is analysed once.

Ten thousand simulated trials of thirty participants show only a few hundred distinct tables of
counts at a look.  An analysis model therefore encodes a table as one integer and asks the memo for
the answers of a whole block of trials: known keys are found by binary search, unknown ones are
worked out once, together, and kept.

A memo is no part of any result: an answer must be a function of `what` and its key alone, so that
an answer found and an answer worked out anew are the same to the last bit.  Memory is bounded; what
was not asked for longest is forgotten first.  One memo belongs to one process (it is never
pickled) and may be shared by its threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Answers", "Keys", "Memo"]

Keys: TypeAlias = npt.NDArray[np.int64]  # (key,)
Answers: TypeAlias = npt.NDArray[np.float64]  # (key,), or (key, width) where an answer is a row


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
            (table,); repeats are welcome.
        work_out
            Takes distinct keys in rising order, gives an answer or a row of answers for each.
            It may look up other questions in the same memo.

        Returns
        -------
            (table,) or (table, width), freshly allocated.
        """
        with self._lock:
            known = np.zeros(keys.shape, dtype=np.bool_)
            found: Answers | None = None
            collection = self._collections.get(what)
            if collection is not None:
                self._collections[what] = self._collections.pop(what)
                known, slots = collection.find(keys)
                found = collection.answers[slots]
                if known.all():
                    return found
            ordered = np.sort(keys[~known])
            first = np.ones(ordered.shape, dtype=np.bool_)
            first[1:] = ordered[1:] != ordered[:-1]
            unknown = ordered[first]
            new = work_out(unknown)
            self._keep(what, unknown, new)
            if found is None:
                return new[np.searchsorted(unknown, keys)]
            found[~known] = new[np.searchsorted(unknown, keys[~known])]
            return found

    def _keep(self, what: Hashable, keys: Keys, answers: Answers) -> None:
        """Add new answers, forgetting old collections until there is room."""
        # Twice the bytes: storage doubles as it grows.
        need = 2 * answers.nbytes + 16 * keys.size
        if need > self.limit_bytes or keys.size == 0:
            return
        while self._collections and self._held_bytes + need > self.limit_bytes:
            oldest = next(iter(self._collections))
            self._held_bytes -= self._collections.pop(oldest).held_bytes
        collection = self._collections.get(what)
        if collection is None:
            collection = self._collections[what] = _Collection(keys, answers)
        else:
            self._held_bytes -= collection.held_bytes
            collection.add(keys, answers)
        self._held_bytes += collection.held_bytes


class _Collection:
    """Answers to one question: sorted keys, and the slot of each in storage that grows."""

    def __init__(self, keys: Keys, answers: Answers) -> None:
        self.keys = keys
        self.slots = np.arange(keys.size, dtype=np.int64)
        self.answers = answers.copy()

    @property
    def held_bytes(self) -> int:
        return self.keys.nbytes + self.slots.nbytes + self.answers.nbytes

    def find(self, keys: Keys) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
        """Which keys are known, and a slot for each (any slot where unknown)."""
        place = np.searchsorted(self.keys, keys)
        np.minimum(place, self.keys.size - 1, out=place)
        return self.keys[place] == keys, self.slots[place]

    def add(self, keys: Keys, answers: Answers) -> None:
        """Merge keys, none of which is known yet."""
        first, last = self.keys.size, self.keys.size + keys.size
        if last > self.answers.shape[0]:
            larger = np.empty((max(last, 2 * first), *answers.shape[1:]))
            larger[:first] = self.answers[:first]
            self.answers = larger
        self.answers[first:last] = answers
        place = np.searchsorted(self.keys, keys)
        self.keys = np.insert(self.keys, place, keys)
        self.slots = np.insert(self.slots, place, np.arange(first, last))
