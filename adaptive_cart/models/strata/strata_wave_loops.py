"""Loops of the averages over strata, number by number, for numba to compile.

Over arrays the same is in :mod:`strata_turns`, added in the same order. Where many rows are added,
four at a time are, one after the other: a sum is then read and written a quarter as often.
"""

from __future__ import annotations

import math

import numpy as np

from adaptive_cart.nouns.records import Floats


def turn(
    angles: Floats,
    rate: Floats,
    sine: Floats,
    cosine: Floats,
    weight: Floats,
    found: Floats,
) -> None:
    """Fill characteristic exponentials, ``(table, stratum, 2 (1 + number), point)``.

    Parameters
    ----------
    angles
        ``(table, stratum, fine point)`` exponential of minus the logit: of the points, and then of
        those between them, one part of the way after the other.
    rate
        ``(table, stratum)`` radians of the risk at half the lowest frequency.
    sine, cosine
        Factors of even powers.
    weight
        ``(part of the way, neighbour)`` what counts to a point, the point itself first; neighbours
        are a multiple of four.
    """
    tables, strata, parts, points = found.shape
    number, fine, whole = parts // 2, angles.shape[2], 2.0 * math.pi
    ways, neighbours = weight.shape
    on, aside = np.empty(fine), np.empty(fine)
    raw = np.empty((parts, fine))
    for table in range(tables):
        for s in range(strata):
            half, given = rate[table, s], angles[table, s]
            real, imaginary = raw[1], raw[number + 1]
            for point in range(fine):
                angle = half / (1.0 + given[point])
                angle -= whole * math.floor(angle / whole + 0.5)
                angle *= 0.125
                square = angle * angle
                y = sine[6]
                y = y * square + sine[5]
                y = y * square + sine[4]
                y = y * square + sine[3]
                y = y * square + sine[2]
                y = y * square + sine[1]
                y = y * square + sine[0]
                y *= angle
                x = cosine[7]
                x = x * square + cosine[6]
                x = x * square + cosine[5]
                x = x * square + cosine[4]
                x = x * square + cosine[3]
                x = x * square + cosine[2]
                x = x * square + cosine[1]
                x = x * square + cosine[0]
                x, y = 1.0 - 2.0 * (y * y), 2.0 * (y * x)
                x, y = 1.0 - 2.0 * (y * y), 2.0 * (y * x)
                x, y = 1.0 - 2.0 * (y * y), 2.0 * (y * x)
                real[point], imaginary[point] = x, y
                on[point], aside[point] = 1.0 - 2.0 * (y * y), 2.0 * (y * x)
            for power in range(2, number):
                last, last_aside = raw[power - 1], raw[number + power - 1]
                to, to_aside = raw[power], raw[number + power]
                for point in range(fine):
                    x, y = last[point], last_aside[point]
                    to[point] = x * on[point] - y * aside[point]
                    to_aside[point] = x * aside[point] + y * on[point]
            found[table, s, 0] = 1.0
            found[table, s, number] = 0.0
            for part in range(1, parts):
                if part == number:
                    continue
                wave, row = raw[part], found[table, s, part]
                for point in range(points):
                    row[point] = wave[point] * weight[0, 0]
                for way in range(1, ways):
                    start = points + (way - 1) * (points + neighbours - 1)
                    for neighbour in range(0, neighbours, 4):
                        share = weight[way, neighbour : neighbour + 4]
                        a, b, c, d = share[0], share[1], share[2], share[3]
                        at = start + neighbour
                        first, second = wave[at : at + points], wave[at + 1 : at + 1 + points]
                        at += 2
                        third, fourth = wave[at : at + points], wave[at + 1 : at + 1 + points]
                        for point in range(points):
                            value = row[point] + a * first[point]
                            value += b * second[point]
                            value += c * third[point]
                            row[point] = value + d * fourth[point]


def profiles(
    by_control: Floats, of_control: Floats, of_experimental: Floats, found: Floats
) -> None:
    """Fill sums over rows, ``(table, stratum, outer, 2 (1 + number), column)``.

    Parameters
    ----------
    by_control
        ``(table, stratum, row, outer)`` conditional prior of the control, with its likelihood.
    of_control, of_experimental
        Characteristic exponentials, ``(table, stratum, 2 (1 + number), row)`` and likewise of
        ``row + column``, these with the likelihood.
    """
    tables, strata, outer, parts, columns = found.shape
    number, rows = parts // 2, by_control.shape[2]
    lines = np.empty((4, parts, columns))
    flat = lines.reshape(4, -1)
    first, second, third, fourth = flat[0], flat[1], flat[2], flat[3]
    for table in range(tables):
        for s in range(strata):
            found[table, s] = 0.0
            for begin in range(0, rows, 4):
                together = min(4, rows - begin)
                for each in range(together):
                    row = begin + each
                    for power in range(number):
                        x = of_control[table, s, power, row]
                        y = of_control[table, s, number + power, row]
                        real = of_experimental[table, s, power, row : row + columns]
                        imaginary = of_experimental[table, s, number + power, row : row + columns]
                        to, aside = lines[each, power], lines[each, number + power]
                        for column in range(columns):
                            to[column] = x * real[column] - y * imaginary[column]
                            aside[column] = x * imaginary[column] + y * real[column]
                for node in range(outer):
                    sums = found[table, s, node].reshape(-1)
                    if together == 4:
                        a = by_control[table, s, begin, node]
                        b = by_control[table, s, begin + 1, node]
                        c = by_control[table, s, begin + 2, node]
                        d = by_control[table, s, begin + 3, node]
                        for place in range(parts * columns):
                            value = sums[place] + a * first[place]
                            value += b * second[place]
                            value += c * third[place]
                            sums[place] = value + d * fourth[place]
                    else:
                        for each in range(together):
                            share, line = by_control[table, s, begin + each, node], flat[each]
                            for place in range(parts * columns):
                                sums[place] += share * line[place]


def product(wave: Floats, weight: Floats, found: Floats) -> None:
    """Fill products over strata, summed over all nodes, ``(table, 2 (1 + number))``.

    Parameters
    ----------
    wave
        ``(table, stratum, outer, 2 (1 + number), inner)`` real and imaginary parts.
    weight
        ``(table, outer, inner)``
    """
    tables, strata, outer, parts, inner = wave.shape
    number = parts // 2
    for table in range(tables):
        found[table] = 0.0
        for node in range(outer):
            share = weight[table, node]
            for power in range(number):
                real, imaginary = 0.0, 0.0
                for place in range(inner):
                    x = wave[table, 0, node, power, place]
                    y = wave[table, 0, node, number + power, place]
                    for s in range(1, strata):
                        on = wave[table, s, node, power, place]
                        aside = wave[table, s, node, number + power, place]
                        x, y = x * on - y * aside, x * aside + y * on
                    real += share[place] * x
                    imaginary += share[place] * y
                found[table, power] += real
                found[table, number + power] += imaginary
