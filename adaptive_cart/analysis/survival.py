"""The Kaplan-Meier estimate, to stand beside a model (Kaplan and Meier 1958, JASA 53:457)."""

from __future__ import annotations

import numpy as np

from adaptive_cart.nouns.records import Booleans, Floats


def kaplan_meier(months: Floats, event: Booleans) -> tuple[Floats, Floats, Floats, Floats]:
    """Fraction without the event by month, for right-censored times.

    Returns
    -------
    Months at which the fraction steps, from 0 to the end of follow-up, and the fraction from each
    on; months at which follow-up ended without an event, and the fraction there.
    """
    times, fractions = [0.0], [1.0]
    for month in np.unique(months[event]):
        at_risk = int((months >= month).sum())
        falls = int((event & (months == month)).sum())
        times.append(float(month))
        fractions.append(fractions[-1] * (1.0 - falls / at_risk))
    censored = np.sort(months[~event])
    place = np.searchsorted(times, censored, side="right") - 1
    heights = np.array(fractions)[place]
    end = float(months.max()) if len(months) else 0.0
    return (
        np.array([*times, max(end, times[-1])]),
        np.array([*fractions, fractions[-1]]),
        censored,
        heights,
    )
