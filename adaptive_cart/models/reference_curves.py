"""What follows from a fraction that remains, for the reference models: by plain sums."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from adaptive_cart.nouns.records import Floats

STEPS = 400  # even
EARLIEST, LATEST, HALVINGS = -40.0, 700.0, 70  # log months between which half are gone


def half_gone(gone: Callable[[Floats], Floats], shape: tuple[int, ...]) -> Floats:
    """Months by which half have had the event: halving, in each draw.

    Parameters
    ----------
    gone
        Cumulative hazard by months, ``shape`` each.
    """
    low, high = np.full(shape, EARLIEST), np.full(shape, LATEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        later = gone(np.exp(middle)) < np.log(2.0)
        low, high = np.where(later, middle, low), np.where(later, high, middle)
    return np.exp(high)


def area_under(remaining: Callable[[float], Floats], month: float) -> Floats:
    """Mean months without the event, of the first so many: Simpson's rule."""
    step = month / STEPS
    total = remaining(0.0) + remaining(month)
    for k in range(1, STEPS):
        total = total + (4.0 if k % 2 else 2.0) * remaining(k * step)
    return total * step / 3.0


def next_event(hazard: Floats, cuts: tuple[float, ...], since: Floats, burden: Floats) -> Floats:
    """Months to the event of those who have been without it for so long.

    Parameters
    ----------
    hazard
        ``(draw, interval)`` a month, constant between cuts.
    since, burden
        ``(draw, participant)`` months without it, and the further cumulative hazard that each can
        bear.

    Returns
    -------
    ``(draw, participant)``, infinite for never.
    """
    intervals = list(itertools.pairwise((0.0, *cuts, np.inf)))
    left = burden.copy()
    month = np.full(burden.shape, np.inf)
    for place, (start, end) in enumerate(intervals):
        own = hazard[:, place, None]
        begin = np.maximum(since, start)
        with np.errstate(divide="ignore", invalid="ignore"):
            at = begin + left / own
        here = np.isinf(month) & (begin < end) & (at <= end)
        month[here] = at[here]
        if np.isfinite(end):
            left = left - own * np.clip(end - begin, 0.0, None)
    return month
