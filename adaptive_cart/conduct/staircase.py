"""The boundary of a rule on two counts, without asking about every table.

A further responder multiplies the likelihood of an arm by p / (1 - p), which rises: so whatever the
prior, the posterior moves up, and with it the numbers of responders still to come (Shaked &
Shanthikumar 2007, Stochastic Orders, section 1.C). So a rule holds in each row from one number of
responders on, or up to one, and that number does not fall as the control's responders rise. It is
found by halving, row by row between the rows already known: about as many posteriors as there are
rows and columns, not as there are tables.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from adaptive_cart.nouns.records import Booleans, Integers

Asked = Callable[[Integers, Integers], Booleans]
AT_ONCE = 64  # rows halved together at first: to ask costs more than a few tables more


def turns(beyond: Asked, rows: int, largest: int) -> Integers:
    """In each row, the first number from 0 on that is beyond the boundary.

    Parameters
    ----------
    beyond
        Whether the cells of some rows and numbers are beyond it; it rises along a row and does not
        rise from row to row.
    largest
        Largest number; one more stands where none is beyond.
    """
    found = np.full(rows, largest + 1, dtype=np.int64)
    known = np.zeros(rows, dtype=np.bool_)
    step = 1 << ((rows - 1) // AT_ONCE).bit_length()
    while step:
        new = np.arange(0, rows, step)
        new = new[~known[new]]
        before = np.maximum(new - step, 0)
        low = np.where(known[before], found[before], 0)
        high = np.full(len(new), largest + 1, dtype=np.int64)
        inside = new + step < rows
        high[inside] = np.where(known[new[inside] + step], found[new[inside] + step], largest + 1)
        found[new] = _halved(beyond, new, low, high)
        known[new] = True
        step //= 2
    return found


def _halved(beyond: Asked, rows: Integers, low: Integers, high: Integers) -> Integers:
    """The first number beyond the boundary, known to lie from ``low`` to ``high``, both counted."""
    low, high = low.copy(), high.copy()
    while True:
        open_ = np.flatnonzero(low < high)
        if len(open_) == 0:
            return low
        middle = (low[open_] + high[open_]) // 2
        there = beyond(rows[open_], middle)
        high[open_[there]] = middle[there]
        low[open_[~there]] = middle[~there] + 1
