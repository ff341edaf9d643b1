"""Answers, yes or no, to tables met lately: each has the one place that its key points to.

Where tables recur this is cheaper than a memo, and where they do not it costs next to nothing:
nothing is sorted, nothing grows, and a table takes the place of whichever was there before.

It is no part of any result: an answer must be a function of the table alone, so that one found and
one worked out anew are the same. A place is one number, a key and its answer together, so that
several threads may share it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from adaptive_cart.models.memo import Keys, scattered
from adaptive_cart.nouns.records import Booleans, Integers

PLACES_LOG: Final = 16  # half a megabyte

Rows: TypeAlias = Integers  # (row,), positions among the keys


class Lately:
    """Answers to one question.

    Parameters
    ----------
    places_log
        So many places, as a power of two.
    """

    def __init__(self, places_log: int = PLACES_LOG) -> None:
        self._places_log = places_log
        self._held = np.full(1 << places_log, -1, dtype=np.int64)

    def answers(self, keys: Keys, work_out: Callable[[Rows], Booleans]) -> Booleans:
        """Answers for all keys, ``(table,)``, of which those that have no place are worked out.

        Parameters
        ----------
        keys
            ``(table,)`` below 2^62, none negative; repeats are welcome.
        work_out
            Takes positions among them.
        """
        places = scattered(keys, self._places_log)
        held = self._held.take(places)
        found = (held & 1).astype(np.bool_)
        held >>= 1
        new = np.flatnonzero(held != keys)
        if len(new):
            found[new] = work_out(new)
            self._held[places[new]] = (keys[new] << 1) | found[new]
        return found
