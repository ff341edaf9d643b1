"""Participants come in order, so that whoever has come by a date are the first so many of them."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FEW: Final = 200  # trials of which a column costs more to ask for than to go over
LINE: Final = 8  # numbers that a cache fetches together


def running_sums(gaps: Floats) -> Floats:
    """Minus the sums of what each trial has up to each place, in the same array.

    A column at a time over all trials, since along a trial every addition waits for the one before.
    The order of additions is the same, whatever the number of trials.

    Parameters
    ----------
    gaps
        ``(trial, place)``; of :func:`room_for` so many, or columns take far longer.
    """
    if len(gaps) < FEW:
        gaps[:] = np.cumsum(gaps * -1.0, axis=1)
        return gaps
    so_far, *others = gaps.T
    # NumPy 2.4.6 writes wrong negatives where they are to lie 64 bytes apart
    np.multiply(so_far, -1.0, out=so_far)
    for own in others:
        np.subtract(so_far, own, out=own)
        so_far = own
    return gaps


def room_for(trials: int, width: int) -> Floats:
    """Room for an array whose columns are quick to go over, ``(trial, place)``.

    An odd number of cache lines lies between two numbers of a column: at a power of two all of them
    would want the same few places of the cache.
    """
    lines = -(-width // LINE) | 1
    return np.empty((trials, lines * LINE))[:, :width]


def number_by(
    moments: Floats, dates: Floats, later: float = 0.0, most: Integers | None = None
) -> Integers:
    """How many moments of each trial are not after its date, ``(trial,)``.

    By halving: of a trial of 300 participants nine moments are looked at, and not all. Often the
    number is the same in all trials, where a look waits for it, and then it is two.

    Parameters
    ----------
    moments
        ``(trial, participant)``, in order within a trial; infinite after the last.
    dates
        ``(trial,)``.
    later
        Months that are added to every moment, before which it does not count.
    most
        ``(trial,)`` no more than so many are counted.
    """
    trials, width = moments.shape
    if not trials:
        return np.zeros(0, dtype=np.int64)
    alike = int((moments[0] + later <= dates[0]).sum())
    if _all_alike(moments, dates, later, alike):
        found = np.full(trials, alike, dtype=np.int64)
        return found if most is None else np.minimum(found, most)
    flat = np.ascontiguousarray(moments).reshape(-1)
    before = np.arange(-1, trials * width - 1, width)  # the place before a trial's first
    if most is not None and most.all() and (flat.take(before + most) + later <= dates).all():
        return most.copy()
    place = before.copy()
    step = 1 << (width.bit_length() - 1)
    last = before + (width if most is None else most)
    while step:
        asked = np.minimum(place + step, last)
        reached = flat.take(asked)
        if later:
            reached += later
        # where it is beyond the last, the last is asked for again, which changes nothing: what has
        # come is counted once, and what has not ends the search there. No choice of one or the
        # other: every other guess of a processor would be wrong
        asked -= place
        asked *= reached <= dates
        place += asked
        step >>= 1
    place -= before
    return place


def _all_alike(moments: Floats, dates: Floats, later: float, number: int) -> bool:
    """Whether it is this number in all trials."""
    if number and not (moments[:, number - 1] + later <= dates).all():
        return False
    return number == moments.shape[1] or not (moments[:, number] + later <= dates).any()
