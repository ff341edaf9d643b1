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
from scipy import special

from adaptive_cart.models.strata.strata_joint import Joint, in_order, mass_of
from adaptive_cart.models.strata.strata_lattice import Block, pairs
from adaptive_cart.models.strata.strata_loops import (
    BELLS,
    FARTHEST,
    HALF,
    LONGEST,
    LOOPS,
    PHASES,
    REACH,
    SHIFT,
)
from adaptive_cart.nouns.records import Floats, Integers

FAR: Final = 690.0  # a logit that stands for a chance of nought or one
BLEND: Final = 1.2  # lattice steps over which cuts by row pass into cuts by column
_grid = np.arange(-HALF * PHASES, HALF * PHASES + 1) / PHASES
_ripple = 0.5 + special.sici(np.pi * _grid)[0] / np.pi - (_grid > 0.0)
_CUT = (_grid > 0.0) + _ripple * np.exp(-((_grid / 9.0) ** 2))
_CUT[0], _CUT[-1] = 0.0, 1.0


def place_of(distance: Floats) -> Integers:
    """Where in the tabulated cut a distance of so many steps stands."""
    at = np.clip(distance, -FARTHEST, FARTHEST)
    at *= PHASES
    at += HALF * PHASES + 0.5
    return at.astype(np.int64)


def cut(place: Integers) -> Floats:
    """Band-limited step, 1 far above the threshold and 0 far below."""
    return _CUT.take(place, mode="clip")


def cuts_along(place: Integers, number: int) -> Floats:
    """Cut at so many places in a row, a lattice step apart: ``(…, number)`` from ``(…,)``.

    Parameters
    ----------
    place
        Of the first, in the tabulated cut.
    """
    if number > LONGEST:
        return cut(place[..., None] + np.arange(number) * PHASES)
    # what is a step apart lies side by side here, and far apart in the tabulated cut
    first = np.clip(place >> SHIFT, -LONGEST, 2 * HALF + 1) + LONGEST
    found: Floats = _windows(number)[place & (PHASES - 1), first]
    return found


@functools.lru_cache(maxsize=64)
def _windows(number: int) -> Floats:
    return np.lib.stride_tricks.sliding_window_view(_by_phase(), number, axis=-1)


@functools.cache
def _by_phase() -> Floats:
    """Tabulated cut by place within a lattice step, and by lattice step."""
    step = np.arange(-LONGEST, 2 * HALF + 1 + LONGEST)
    return cut(np.arange(PHASES)[:, None] + step * PHASES)


@functools.cache
def bell() -> Floats:
    """Normal distribution function about equally spaced points, ``(point, power)``."""
    x = np.arange(-math.ceil(REACH * BELLS), math.ceil(REACH * BELLS) + 1) / BELLS
    density = np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    derivatives: tuple[Floats, ...] = (
        np.ones_like(x),
        -x,
        x**2 - 1.0,
        -(x**3) + 3.0 * x,
        x**4 - 6.0 * x**2 + 3.0,
    )
    found = [special.ndtr(x)]
    found += [density * each / math.factorial(k + 1) for k, each in enumerate(derivatives)]
    return np.ascontiguousarray(np.stack(found, axis=1))


def normal_below(x: Floats, bell: Floats) -> Floats:
    """Normal distribution function, from the nearest tabulated point."""
    x = np.clip(x, -REACH, REACH)
    near = np.floor(x * BELLS + 0.5)
    x -= near / BELLS
    place = near.astype(np.int64) + (len(bell) - 1) // 2
    found: Floats = bell[place, 5]
    for power in range(4, -1, -1):
        found = found * x + bell[place, power]
    return found


def one_stratum(
    block: Block,
    joint: Joint,
    rows: Integers,
    stratum: Integers,
    arms: tuple[float, float],
    value: float,
) -> Floats:
    """Probability that a risk of one stratum, or a difference, exceeds a value, ``(row,)``.

    Parameters
    ----------
    joint
        Posterior of the block's lattices.
    rows, stratum
        Tables asked about, and the stratum that is asked about in each.
    arms
        What the control's and the experimental arm's risk count.
    """
    if all(arms):
        return _difference(block, joint, rows, stratum, value)
    step = block.step[rows, stratum, None]
    share = joint.mass(block, rows, stratum)
    at = FAR if value >= 1.0 else -FAR if value <= 0.0 else math.log(value / (1.0 - value))
    if arms[0]:
        above: Floats = share.sum(axis=-1)
        above *= cut(place_of((block.control.logit[rows, stratum] - at) / step))
        return above.sum(axis=-1)
    beyond = cut(place_of((block.experimental.logit[rows, stratum] - at) / step))
    share *= pairs(beyond, block.columns)
    found: Floats = share.sum(axis=(-1, -2))
    return found


def _difference(
    block: Block, joint: Joint, rows: Integers, stratum: Integers, value: float
) -> Floats:
    """Probability that the experimental arm's risk exceeds the control's by a value, ``(row,)``."""
    if value == 0.0:  # then the log-odds ratio alone decides
        above = cut(
            place_of(block.lattice.effects(rows, stratum) / block.step[rows, stratum, None])
        )
        return in_order(joint.by_effect[rows, stratum] * above)
    control, experimental = block.control, block.experimental
    at = np.empty((rows.size, 2 * block.rows + block.columns - 1))
    (LOOPS.compiled[4] if LOOPS.used else _odds)(
        rows,
        stratum,
        control.chance,
        control.rest,
        experimental.chance,
        experimental.rest,
        value,
        math.exp(FAR),
        at,
    )
    np.log(at, out=at)
    found = np.empty(rows.size)
    loops = LOOPS.used and max(block.rows, block.columns) <= LONGEST
    (LOOPS.compiled[5] if loops else _beyond)(
        rows,
        stratum,
        at,
        control.logit,
        experimental.logit,
        block.step,
        joint.by_control,
        joint.pull,
        experimental.likelihood,
        _by_phase(),
        -math.copysign(1.0, value) / BLEND,
        bell(),
        found,
    )
    return found


def _odds(
    tables: Integers,
    stratum: Integers,
    chance_0: Floats,
    rest_0: Floats,
    chance_1: Floats,
    rest_1: Floats,
    value: float,
    far: float,
    found: Floats,
) -> None:
    """What :func:`strata_loops.odds` fills in, over arrays."""
    at = tables, stratum
    yes = np.concatenate([chance_0[at] + value, chance_1[at] - value], axis=1)
    no = np.concatenate([rest_0[at] - value, rest_1[at] + value], axis=1)
    found[...] = np.where(yes <= 0.0, 1.0 / far, far)
    np.divide(yes, no, out=found, where=(yes > 0.0) & (no > 0.0))


def _beyond(
    rows: Integers,
    stratum: Integers,
    at: Floats,
    logit_0: Floats,
    logit_1: Floats,
    step: Floats,
    by_control: Floats,
    pull: Floats,
    likelihood: Floats,
    cuts: Floats,
    steepness: float,
    bell: Floats,
    found: Floats,
) -> None:
    """What :func:`strata_loops.beyond` fills in, over arrays, and for rows of any length."""
    number, columns = by_control.shape[2], pull.shape[-1]
    own, other, each = logit_0[rows, stratum], logit_1[rows, stratum], step[rows, stratum, None]
    # thresholds of the experimental logit by row, and of the control logit by row + column
    weight = cuts_along(place_of((other[:, :number] - at[:, :number]) / each), columns)
    last = number - 1
    fall = place_of((at[:, number:] - own[:, :1]) / each) - last * PHASES
    # (row + column, row from the last to the first), seen by (row, column)
    along = cuts_along(fall, number)
    size = along.itemsize
    aside = np.lib.stride_tricks.as_strided(
        along.reshape(len(along), -1)[:, last:],
        weight.shape,
        (along.strides[0], last * size, number * size),
        writeable=False,
    )
    both = (own[:, :1] + other[:, :1]) / each + np.arange(2 * number + columns - 2)
    blend = normal_below(both * steepness, bell)
    blend = np.lib.stride_tricks.as_strided(
        blend, weight.shape, (blend.strides[0], 2 * size, size), writeable=False
    )
    weight = (weight - aside) * blend + aside
    mass = mass_of(by_control[rows, stratum], pull[rows, stratum])
    mass *= pairs(likelihood[rows, stratum], columns)
    mass *= weight
    total = np.zeros((len(rows), columns))
    for row in range(number):
        total += mass[:, row]
    found[...] = 0.0
    for column in range(columns):
        found += total[:, column]
