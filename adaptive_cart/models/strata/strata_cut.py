"""The posterior of one stratum's risks on its lattice, cut at a threshold.

A sum over a lattice of points on one side of a threshold would jump as the threshold passes them.
The step is therefore band-limited: it is the integral of a sinc function, damped, so that a smooth
density summed against it gives what an integral up to the threshold gives.
"""

from __future__ import annotations

import functools
import math
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.strata.strata_lattice import Block, Reals, pairs, total_of

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FAR: Final = 1e3  # a logit that stands for a chance of nought or one
BLEND: Final = 1.2  # lattice steps over which cuts by row pass into cuts by column
_POINTS: Final = 2048  # of the tabulated cut in a lattice step
_SHIFT: Final = 11  # a power of two of these
_HALF: Final = 32  # lattice steps to either side that it differs from 0 and 1
_LONGEST: Final = 40  # places in a row of lattices as they mostly are
_grid = np.arange(-_HALF * _POINTS, _HALF * _POINTS + 1) / _POINTS
_ripple = 0.5 + special.sici(np.pi * _grid)[0] / np.pi - (_grid > 0.0)
_CUT = ((_grid > 0.0) + _ripple * np.exp(-((_grid / 9.0) ** 2))).astype(np.float32)
_CUT[0], _CUT[-1] = 0.0, 1.0


def place_of(distance: Floats) -> Integers:
    """Where in the tabulated cut a distance of so many steps stands."""
    at = np.clip(distance, -1e5, 1e5)
    at *= _POINTS
    at += _HALF * _POINTS + 0.5
    return at.astype(np.int64)


def cut(place: Integers) -> Reals:
    """Band-limited step, 1 far above the threshold and 0 far below."""
    return _CUT.take(place, mode="clip")


def cuts_along(place: Integers, number: int) -> Reals:
    """Cut at so many places in a row, a lattice step apart: ``(…, number)`` from ``(…,)``.

    Parameters
    ----------
    place
        Of the first, in the tabulated cut.
    """
    if number > _LONGEST:
        return cut(place[..., None] + np.arange(number) * _POINTS)
    # what is a step apart lies side by side here, and far apart in the tabulated cut
    first = np.clip(place >> _SHIFT, -_LONGEST, 2 * _HALF + 1) + _LONGEST
    found: Reals = _windows(number)[place & (_POINTS - 1), first]
    return found


@functools.lru_cache(maxsize=64)
def _windows(number: int) -> Reals:
    return np.lib.stride_tricks.sliding_window_view(_by_phase(), number, axis=-1)


@functools.cache
def _by_phase() -> Reals:
    """Tabulated cut by place within a lattice step, and by lattice step."""
    step = np.arange(-_LONGEST, 2 * _HALF + 1 + _LONGEST)
    return cut(np.arange(_POINTS)[:, None] + step * _POINTS)


def logit_of(chance: Floats, rest: Floats) -> Floats:
    """log(chance / rest), far out where one of them is not positive."""
    inside = (chance > 0.0) & (rest > 0.0)
    ratio = np.where(inside, chance, 1.0) / np.where(inside, rest, 1.0)
    return np.where(inside, np.log(ratio), np.where(chance > 0.0, FAR, -FAR))


def one_stratum(
    block: Block, mass: Floats, rows: Integers, s: int, coefficient: Floats, value: float
) -> Floats:
    """Probability that a risk of one stratum, or a difference, exceeds a value, ``(row,)``.

    Parameters
    ----------
    mass
        ``(table, stratum, row, column)`` posterior of the block's lattices.
    rows, s
        Tables asked about, and the stratum.
    coefficient
        ``(arm,)`` of the control's and the experimental arm's risk.
    """
    step = block.step[rows, s, None]
    control = block.control[rows, s]
    experimental = block.experimental[rows, s]
    share = mass[rows, s]
    if not coefficient.all():
        at = logit_of(np.asarray(value), np.asarray(1.0 - value))
        if coefficient[0]:
            above: Floats = share.sum(axis=-1) * cut(place_of((control - at) / step))
            return above.sum(axis=-1)
        return total_of(share * pairs(cut(place_of((experimental - at) / step)), block.columns))
    # the difference: threshold of the experimental logit by row and of the control logit by column
    rise = logit_of(special.expit(control) + value, special.expit(-control) - value)
    place = place_of((experimental[:, : block.rows] - rise) / step)
    by_row = cuts_along(place, block.columns)
    if value != 0.0:
        fall = logit_of(special.expit(experimental) - value, special.expit(-experimental) + value)
        place = place_of((fall - control[:, :1]) / step)
        # (row + column, row from the last to the first), seen by (row, column)
        last = block.rows - 1
        along = cuts_along(place - last * _POINTS, block.rows)
        size = along.itemsize
        by_column = np.lib.stride_tricks.as_strided(
            along.reshape(len(along), -1)[:, last:],
            by_row.shape,
            (along.strides[0], last * size, block.rows * size),
            writeable=False,
        )
        both = (control[:, :1] + experimental[:, :1]) / step
        both = both + np.arange(2 * block.rows + block.columns - 2)
        blend = special.ndtr(both * (-math.copysign(1.0, value) / BLEND)).astype(np.float32)
        blend = np.lib.stride_tricks.as_strided(
            blend, by_row.shape, (blend.strides[0], 2 * size, size), writeable=False
        )
        by_row -= by_column
        by_row *= blend
        by_row += by_column
    by_row *= share
    return total_of(by_row)
