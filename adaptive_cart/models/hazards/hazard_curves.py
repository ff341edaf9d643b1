"""What follows from draws of the hazards of an arm, which are constant between cuts.

The fraction that remains, the mean of so many months and the median are closed forms of them.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from adaptive_cart.nouns.records import Floats

LN2 = float(np.log(2.0))


class Curve:
    """A fraction that remains, by hazards that are constant between cuts.

    Parameters
    ----------
    cuts
        Months at which the hazard changes.
    hazard
        ``(..., interval, draw)`` a month.
    """

    def __init__(self, cuts: tuple[float, ...], hazard: Floats) -> None:
        edges = (0.0, *cuts, np.inf)
        self.intervals = list(zip(pairwise(edges), np.moveaxis(hazard, -2, 0), strict=True))

    def remaining(self, month: float | Floats) -> Floats:
        """Fraction without the event at a month, or at one for each draw."""
        gone = np.zeros_like(self.intervals[0][1])
        for (start, end), hazard in self.intervals:
            gone += hazard * np.clip(month - start, 0.0, end - start)
        return np.exp(-gone)

    def restricted_mean(self, month: float) -> Floats:
        """Mean months without the event, of the first so many."""
        total = np.zeros_like(self.intervals[0][1])
        left = np.ones_like(total)
        for (start, end), hazard in self.intervals:
            length = float(np.clip(month - start, 0.0, end - start))
            if length == 0.0:
                break
            gone = hazard * length
            # a hazard next to 0 leaves the whole length
            share = np.where(gone > 1e-12, -np.expm1(-gone) / np.maximum(gone, 1e-300), 1.0)
            total += left * length * share
            left *= np.exp(-gone)
        return total

    def median(self) -> Floats:
        """Months at which half are left."""
        found = np.full_like(self.intervals[0][1], np.nan)
        wanted = np.full_like(found, LN2)
        for (start, end), hazard in self.intervals:
            with np.errstate(divide="ignore"):
                at = start + wanted / hazard
            here = np.isnan(found) & (at <= end)
            found[here] = at[here]
            wanted = wanted - hazard * (end - start) if np.isfinite(end) else wanted
        return found
