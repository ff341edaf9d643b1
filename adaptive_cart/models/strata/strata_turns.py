"""Characteristic exponentials of a risk along a lattice.

They are powers of one another. On a lattice that turns fast they are worked out between its points
too, and filtered to it. Sines and cosines are sums of powers of an eighth of the angle, doubled
three times, so that loops and arrays have the same.
"""

from __future__ import annotations

import functools
import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.strata.strata_joint import in_order
from adaptive_cart.models.strata.strata_loops import LOOPS
from adaptive_cart.nouns.records import Floats

REACH: Final = 8  # lattice points that a finer point is interpolated from, to either side
WIDTH: Final = 3.2
SINE: Final = np.array([(-1.0) ** k / math.factorial(2 * k + 1) for k in range(7)])
COSINE: Final = np.array([(-1.0) ** k / math.factorial(2 * k) for k in range(8)])


def turns(
    first: Floats, step: Floats, points: int, rate: Floats, number: int, finer: int
) -> Floats:
    """Real and imaginary parts, ``(table, stratum, 2 (1 + number), point)``.

    The first of each is that of frequency nought; the others are at odd multiples of half the rate.

    Parameters
    ----------
    first, step, points
        ``(table, stratum)`` where a lattice of logits begins and its step; how many points it has.
    rate
        ``(table, stratum)`` radians of the risk at the lowest frequency.
    number, finer
        Frequencies, and the refinement of the lattice.
    """
    angles = first[..., None] + step[..., None] * between(points, finer)
    np.negative(angles, out=angles)
    np.exp(angles, out=angles)
    found = np.empty((*first.shape, 2 * (1 + number), points))
    (LOOPS.compiled[6] if LOOPS.used else _turn)(
        angles, 0.5 * rate, SINE, COSINE, weights(finer), found
    )
    return found


@functools.lru_cache(maxsize=256)
def between(points: int, finer: int) -> Floats:
    """Where points lie, in lattice steps: first those of the lattice, then those between them."""
    ways: list[npt.NDArray[Any]] = [np.arange(points)]
    ways += [np.arange(points + 2 * REACH - 1) - REACH + k / finer for k in range(1, finer)]
    return np.concatenate(ways)


@functools.lru_cache(maxsize=256)
def weights(finer: int) -> Floats:
    """What counts to a point, ``(part of the way, neighbour)``, the point itself first.

    Other points of the lattice count nothing.
    """
    distance = np.arange(2 * REACH) - REACH + np.arange(finer)[:, None] / finer
    found: Floats = np.sinc(distance) * np.exp(-((distance / WIDTH) ** 2))
    found[0] = 0.0
    found[0, 0] = 1.0
    found /= found.sum()
    return found


def _turn(
    angles: Floats, rate: Floats, sine: Floats, cosine: Floats, weight: Floats, found: Floats
) -> None:
    """What :func:`strata_wave_loops.turn` fills in, over arrays."""
    number, points = found.shape[2] // 2, found.shape[3]
    angle = rate[..., None] / (1.0 + angles)
    angle -= 2.0 * math.pi * np.floor(angle / (2.0 * math.pi) + 0.5)  # whole turns off
    angle *= 0.125
    square = angle * angle
    y, x = (np.full(angle.shape, of[-1]) for of in (sine, cosine))
    for sum_, of in ((y, sine), (x, cosine)):
        for part in of[-2::-1]:
            sum_ *= square
            sum_ += part
    y *= angle
    for _ in range(3):
        x, y = 1.0 - 2.0 * (y * y), 2.0 * (y * x)
    raw = np.empty((*found.shape[:3], angles.shape[-1]))
    raw[:, :, 0], raw[:, :, number] = 1.0, 0.0
    on, aside = 1.0 - 2.0 * (y * y), 2.0 * (y * x)
    for power in range(1, number):
        raw[:, :, power], raw[:, :, number + power] = x, y
        x, y = x * on - y * aside, x * aside + y * on
    np.multiply(raw[..., :points], weight[0, 0], out=found)
    neighbours = weight.shape[1]
    for way in range(1, len(weight)):
        start = points + (way - 1) * (points + neighbours - 1)
        for neighbour in range(start, start + neighbours):
            found += weight[way, neighbour - start] * raw[..., neighbour : neighbour + points]
    found[:, :, 0], found[:, :, number] = 1.0, 0.0


def profiles(by_control: Floats, of_control: Floats, of_experimental: Floats) -> Floats:
    """Sums over rows, ``(table, stratum, outer, 2 (1 + number), column)``.

    Parameters
    ----------
    by_control
        ``(table, stratum, row, outer)`` conditional prior of the control, with its likelihood.
    of_control, of_experimental
        Characteristic exponentials, ``(table, stratum, 2 (1 + number), row)`` and likewise of
        ``row + column``, these with the likelihood.
    """
    tables, strata, rows, outer = by_control.shape
    parts, together = of_experimental.shape[2:]
    found = np.empty((tables, strata, outer, parts, together + 1 - rows))
    (LOOPS.compiled[7] if LOOPS.used else _profiles)(by_control, of_control, of_experimental, found)
    return found


def _profiles(
    by_control: Floats, of_control: Floats, of_experimental: Floats, found: Floats
) -> None:
    """What :func:`strata_wave_loops.profiles` fills in, over arrays."""
    number, columns = found.shape[3] // 2, found.shape[-1]
    found[...] = 0.0
    line = np.empty((*found.shape[:2], 1, *found.shape[3:]))
    for row in range(by_control.shape[2]):
        x, y = (
            of_control[:, :, None, :number, row, None],
            of_control[:, :, None, number:, row, None],
        )
        window = of_experimental[:, :, None, :, row : row + columns]
        real, imaginary = window[..., :number, :], window[..., number:, :]
        line[..., :number, :] = x * real - y * imaginary
        line[..., number:, :] = x * imaginary + y * real
        found += by_control[:, :, row, :, None, None] * line


def product(wave: Floats, weight: Floats) -> Floats:
    """Products over strata, summed over all nodes, ``(table, 2 (1 + number))``.

    Parameters
    ----------
    wave
        ``(table, stratum, outer, 2 (1 + number), inner)`` real and imaginary parts.
    weight
        ``(table, outer, inner)``
    """
    found = np.empty((len(wave), wave.shape[3]))
    (LOOPS.compiled[8] if LOOPS.used else _product)(wave, weight, found)
    return found


def _product(wave: Floats, weight: Floats, found: Floats) -> None:
    """What :func:`strata_wave_loops.product` fills in, over arrays."""
    number = wave.shape[3] // 2
    real, imaginary = wave[:, 0, :, :number], wave[:, 0, :, number:]
    for s in range(1, wave.shape[1]):
        x, y = wave[:, s, :, :number], wave[:, s, :, number:]
        real, imaginary = real * x - imaginary * y, real * y + imaginary * x
    found[...] = 0.0
    for node in range(weight.shape[1]):
        for part, to in ((real, found[:, :number]), (imaginary, found[:, number:])):
            to += in_order(part[:, node] * weight[:, node, None])
