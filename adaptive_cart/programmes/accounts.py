"""The calendar of a portfolio: which controlled trial starts when, and when all have decided.

Early trials of all candidates start at month 0 and are limited by nothing: they run at the centres
that make the products. A candidate that goes waits for its turn, in the order of early decisions
(of two at the same month, the first in the list). Controlled trials run one after the other
(`sequential`), or as many at once as the capacity has room for (`parallel`): each needs its planned
rate of enrolment, at its highest, for as long as it runs. Where even one needs more than there is,
one runs at a time.
"""

from __future__ import annotations

import heapq
import math

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.nouns.parts import MONTHS_PER_YEAR
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.programmes.tables import Candidates


def at_once(table: Candidates, design: Design) -> float:
    """How many controlled trials run at once; infinite where nothing limits them."""
    if table.start == "sequential":
        return 1
    if table.capacity is None:
        return math.inf
    needed = highest_rate(design) * MONTHS_PER_YEAR
    return max(1, int(table.capacity.participants_per_year / needed + 1e-9))


def highest_rate(design: Design) -> float:
    """Participants a month that a design enrols when it enrols fastest."""
    pace = design.enrolment.pace
    months = np.linspace(0.0, pace.date(np.array([float(design.enrolment.max_n)]))[0], 2_001)
    return float((np.diff(pace.expected(months)) / np.diff(months)).max())


def starts_of(ready: Floats, lasts: Floats, go: Booleans, slots: float) -> Floats:
    """Month at which controlled trials start, ``(portfolio, candidate)``; nan for none.

    Parameters
    ----------
    ready
        ``(portfolio, candidate)`` month of the early decision.
    lasts
        Months that the controlled trial runs.
    """
    found = np.full(ready.shape, np.nan)
    if math.isinf(slots):
        found[go] = ready[go]
        return found
    for portfolio in np.flatnonzero(go.any(axis=1)):
        running: list[float] = []
        waiting = np.flatnonzero(go[portfolio])
        for k in waiting[np.argsort(ready[portfolio, waiting], kind="stable")]:
            start = float(ready[portfolio, k])
            if len(running) >= slots:
                start = max(start, heapq.heappop(running))
            heapq.heappush(running, start + float(lasts[portfolio, k]))
            found[portfolio, k] = start
    return found
