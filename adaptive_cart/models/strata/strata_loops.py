"""Kernels and sums of the posteriors by stratum, number by number in loops, for numba to compile.

Over arrays the same is in :mod:`strata_kernels`, :mod:`strata_joint`, :mod:`strata_cut` and
:mod:`strata_turns`: number by number the same is worked out, and added in the same order, so that
every bit is the same. Exponentials and products of matrices are NumPy's in either case.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from adaptive_cart.models.strata.strata_wave_loops import product, profiles, turn
from adaptive_cart.nouns.compiled import Loops
from adaptive_cart.nouns.records import Floats, Integers

WORTH: Final = 12_000  # tables
PHASES: Final = 2048  # of the tabulated cut in a lattice step
SHIFT: Final = 11  # a power of two of these
HALF: Final = 32  # lattice steps to either side that it differs from 0 and 1
LONGEST: Final = 40  # places in a row of lattices as they mostly are
FARTHEST: Final = 1e5  # lattice steps
REACH: Final = 8.5  # standard deviations beyond which a normal distribution is 0 or 1
BELLS: Final = 16  # points in a standard deviation at which it is tabulated


def seeds(
    first: Floats,
    step: Floats,
    centre: Floats,
    sd: Floats,
    least: Floats,
    stretch: int,
    steepest: float,
    found: Floats,
) -> None:
    """Fill what :func:`fill` begins from, in logarithms, ``(table, stratum, seed, centre)``.

    A lattice is gone along in stretches. At the beginning of each there is a density, and what it
    is multiplied with at the first step; last comes what that is multiplied with at every step.

    Parameters
    ----------
    first, step
        ``(table, stratum)`` of the lattices.
    centre, sd
        ``(table, centre)`` of the normal densities.
    least
        ``(table, stratum)`` the smallest standard deviation that is left as it is.
    stretch, steepest
        Points of a stretch, and the largest logarithm of a step's factor.
    """
    tables, strata, parts, centres = found.shape
    number = parts // 2
    for table in range(tables):
        for s in range(strata):
            each, start, narrowest = step[table, s], first[table, s], least[table, s]
            bend = found[table, s, 2 * number]
            for node in range(centres):
                share = each / max(sd[table, node], narrowest)
                bend[node] = -(share * share)
            for part in range(number):
                density, factor = found[table, s, part], found[table, s, number + part]
                along = float(stretch * part)
                for node in range(centres):
                    away = (start - centre[table, node]) / each + along
                    slope = bend[node] * away
                    density[node] = 0.5 * (slope * away)
                    factor[node] = min(max(slope + 0.5 * bend[node], -steepest), steepest)


def fill(
    seed: Floats,
    first: Floats,
    step: Floats,
    centre: Floats,
    sd: Floats,
    least: Floats,
    stretch: int,
    found: Floats,
) -> None:
    """Fill normal densities, ``(table, stratum, point, centre)``.

    Narrow ones are widened, and what was added to their variance taken back to fourth order.
    Parameters are as for :func:`seeds`, whose exponentials come first.
    """
    tables, strata, points, centres = found.shape
    number = seed.shape[2] // 2
    value, factor, per = np.empty(centres), np.empty(centres), np.empty(centres)
    start, each, part = np.empty(centres), np.empty(centres), np.empty((5, centres))
    a, b, c, d, e = part[0], part[1], part[2], part[3], part[4]
    for table in range(tables):
        for s in range(strata):
            wide, narrow = least[table, s], 0
            for node in range(centres):
                per[node] = 1.0 / max(sd[table, node], wide)
                if sd[table, node] < wide:
                    narrow = node + 1
            for node in range(narrow):
                own = max(sd[table, node], wide)
                share = sd[table, node] / own
                q = 1.0 - share * share
                square = q * q
                cube, fourth = square * q, square * square
                start[node] = (first[table, s] - centre[table, node]) / own
                each[node] = step[table, s] / own
                a[node] = fourth / 384.0
                b[node] = -cube / 48.0 - fourth * (28.0 / 384.0)
                c[node] = square / 8.0 + cube * (15.0 / 48.0) + fourth * (210.0 / 384.0)
                d[node] = -q / 2.0 - square * 0.75 - cube * (45.0 / 48.0) - fourth * (420.0 / 384.0)
                e[node] = (
                    1.0 + q / 2.0 + square * 0.375 + cube * (15.0 / 48.0) + fourth * (105.0 / 384.0)
                )
            bend = seed[table, s, 2 * number]
            for point in range(points):
                row = found[table, s, point]
                if point % stretch == 0:
                    at = point // stretch
                    density, rise = seed[table, s, at], seed[table, s, number + at]
                    for node in range(centres):
                        value[node] = density[node] * per[node]
                        factor[node] = rise[node]
                        row[node] = value[node]
                else:
                    for node in range(centres):
                        value[node] *= factor[node]
                        factor[node] *= bend[node]
                        row[node] = value[node]
                for node in range(narrow):
                    away = start[node] + point * each[node]
                    y = away * away
                    row[node] *= (((a[node] * y + b[node]) * y + c[node]) * y + d[node]) * y + e[
                        node
                    ]


def levels(
    by_effect: Floats,
    by_control: Floats,
    likelihood: Floats,
    weight: Floats,
    profile: Floats,
    rest: Floats,
    scale: Floats,
    total: Floats,
) -> None:
    """Sum each stratum's likelihood at every node, and put together what all others say.

    Parameters
    ----------
    by_effect, by_control
        ``(table, stratum, column, outer, inner)`` and ``(table, stratum, row, outer)`` conditional
        priors, the control's with its likelihood.
    likelihood
        ``(table, stratum, row + column)``
    weight
        ``(table, outer, inner)``
    profile
        ``(table, stratum, outer, column)`` is filled with sums over rows.
    rest
        ``(table, stratum, outer, inner)`` is filled with the weights times the other strata's
        likelihoods, relative to the largest of each.
    scale, total
        ``(table, stratum)``, ``(table,)`` are filled with these largest ones and the sum over all
        nodes.
    """
    tables, strata, columns, outer, inner = by_effect.shape
    rows = by_control.shape[2]
    level = np.empty((strata, outer, inner))
    for table in range(tables):
        for s in range(strata):
            for node in range(outer):
                sums = profile[table, s, node]
                sums[:] = 0.0
                for row in range(rows):
                    share = by_control[table, s, row, node]
                    window = likelihood[table, s, row : row + columns]
                    for column in range(columns):
                        sums[column] += share * window[column]
                found = level[s, node]
                found[:] = 0.0
                for column in range(columns):
                    share = sums[column]
                    given = by_effect[table, s, column, node]
                    for place in range(inner):
                        found[place] += given[place] * share
            largest = 0.0
            for node in range(outer):
                for place in range(inner):
                    largest = max(largest, level[s, node, place])
            scale[table, s] = largest
            for node in range(outer):
                for place in range(inner):
                    level[s, node, place] /= largest
        for s in range(strata):
            for node in range(outer):
                others = rest[table, s, node]
                for place in range(inner):
                    others[place] = weight[table, node, place]
                for other in range(strata):
                    if other != s:
                        for place in range(inner):
                            others[place] *= level[other, node, place]
        total[table] = 0.0
        for node in range(outer):
            for place in range(inner):
                total[table] += rest[table, 0, node, place] * level[0, node, place]


def moments(
    by_control: Floats,
    pull: Floats,
    likelihood: Floats,
    chance_0: Floats,
    chance_1: Floats,
    mean: Floats,
    square: Floats,
) -> None:
    """Fill means of the risks, ``(table, arm, stratum)``, and of products: 0 0, 1 1 and 0 1.

    Parameters
    ----------
    by_control, pull
        ``(table, stratum, row, outer)``, ``(table, stratum, outer, column)``: the posterior is
        their product, summed over outer nodes, times the likelihood.
    likelihood
        ``(table, stratum, row + column)``
    chance_0, chance_1
        ``(table, stratum, row)``, ``(table, stratum, row + column)``
    """
    tables, strata, rows, outer = by_control.shape
    columns = pull.shape[3]
    together = likelihood.shape[2]
    mass = np.empty(columns)
    sums = np.empty((3, together))
    for table in range(tables):
        for s in range(strata):
            sums[:] = 0.0
            for row in range(rows):
                window = likelihood[table, s, row : row + columns]
                plain, once = sums[0, row : row + columns], sums[1, row : row + columns]
                twice = sums[2, row : row + columns]
                mass[:] = 0.0
                for node in range(outer):
                    share, given = by_control[table, s, row, node], pull[table, s, node]
                    for column in range(columns):
                        mass[column] += share * given[column]
                chance = chance_0[table, s, row]
                for column in range(columns):
                    value = mass[column] * window[column]
                    plain[column] += value
                    once[column] += value * chance
                    twice[column] += value * chance * chance
            a, b, c, d, e = 0.0, 0.0, 0.0, 0.0, 0.0
            for point in range(together):
                chance = chance_1[table, s, point]
                a += sums[1, point]
                b += sums[0, point] * chance
                c += sums[2, point]
                d += sums[0, point] * chance * chance
                e += sums[1, point] * chance
            mean[table, 0, s], mean[table, 1, s] = a, b
            square[table, 0, s], square[table, 1, s], square[table, 2, s] = c, d, e


def odds(
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
    """Fill the odds at which risks differ by a value, ``(asked, row and row + column)``.

    Those of the experimental arm by row, and those of the control by row + column.

    Parameters
    ----------
    tables, stratum
        Table and stratum asked about.
    chance_0, rest_0, chance_1, rest_1
        ``(table, stratum, …)`` risks of the control by row and of the experimental arm by
        row + column, and what is left to one.
    far
        Odds that stand for a certain event; one over it for an impossible one.
    """
    rows = chance_0.shape[2]
    for at in range(len(tables)):
        table, s = tables[at], stratum[at]
        chance, rest, to = chance_0[table, s], rest_0[table, s], found[at, :rows]
        for point in range(rows):
            yes, no = chance[point] + value, rest[point] - value
            to[point] = 1.0 / far if yes <= 0.0 else far if no <= 0.0 else yes / no
        chance, rest, to = chance_1[table, s], rest_1[table, s], found[at, rows:]
        for point in range(len(to)):
            yes, no = chance[point] - value, rest[point] + value
            to[point] = 1.0 / far if yes <= 0.0 else far if no <= 0.0 else yes / no


def beyond(
    tables: Integers,
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
    """Fill the posterior of one stratum's lattice beyond a difference of risks, ``(asked,)``.

    Parameters
    ----------
    tables, stratum
        Table and stratum asked about.
    at
        Logarithms of what :func:`odds` fills in.
    logit_0, logit_1, step
        ``(table, stratum, row)``, ``(table, stratum, row + column)``, ``(table, stratum)``
    by_control, pull, likelihood
        As for :func:`moments`.
    cuts
        Tabulated cut, ``(phase, lattice step)``.
    steepness
        How fast cuts by row pass into cuts by column, by lattice steps of both logits together.
    bell
        Normal distribution function about equally spaced points, ``(point, power)``.
    """
    rows, outer = by_control.shape[2:]
    columns = pull.shape[3]
    mass, total = np.empty(columns), np.empty(columns)
    cut, width = cuts.reshape(-1), cuts.shape[1]
    starts, part = np.empty(rows + columns - 1, np.int64), np.empty(2 * rows + columns - 2)
    middle = (len(bell) - 1) // 2
    for asked in range(len(tables)):
        table, s = tables[asked], stratum[asked]
        own, other, each = logit_0[table, s], logit_1[table, s], step[table, s]
        for point in range(rows + columns - 1):
            away = (at[asked, rows + point] - own[0]) / each
            place = int(min(max(away, -FARTHEST), FARTHEST) * PHASES + (HALF * PHASES + 0.5))
            place -= (rows - 1) * PHASES
            first = min(max(place >> SHIFT, -LONGEST), 2 * HALF + 1) + LONGEST
            starts[point] = (place & (PHASES - 1)) * width + first + (rows - 1)
        both = (own[0] + other[0]) / each
        for point in range(2 * rows + columns - 2):
            away = min(max((both + point) * steepness, -REACH), REACH)
            near = math.floor(away * BELLS + 0.5)
            rest = away - near / BELLS
            place = int(near) + middle
            part[point] = (
                (
                    ((bell[place, 5] * rest + bell[place, 4]) * rest + bell[place, 3]) * rest
                    + bell[place, 2]
                )
                * rest
                + bell[place, 1]
            ) * rest + bell[place, 0]
        total[:] = 0.0
        for row in range(rows):
            mass[:] = 0.0
            for node in range(outer):
                share, given = by_control[table, s, row, node], pull[table, s, node]
                for column in range(columns):
                    mass[column] += share * given[column]
            away = (other[row] - at[asked, row]) / each
            place = int(min(max(away, -FARTHEST), FARTHEST) * PHASES + (HALF * PHASES + 0.5))
            first = min(max(place >> SHIFT, -LONGEST), 2 * HALF + 1) + LONGEST
            first += (place & (PHASES - 1)) * width
            ahead = cut[first : first + columns]
            window = likelihood[table, s, row : row + columns]
            blend, places = part[2 * row : 2 * row + columns], starts[row : row + columns]
            for column in range(columns):
                aside = cut[places[column] - row]
                above = (ahead[column] - aside) * blend[column] + aside
                total[column] += mass[column] * window[column] * above
        answer = 0.0
        for column in range(columns):
            answer += total[column]
        found[asked] = answer


def settle(profile: Floats, pull: Floats, by_effect: Floats) -> None:
    """Make the posterior of each stratum sum to one, and fill that of its log-odds ratio.

    Parameters
    ----------
    profile, pull
        ``(table, stratum, outer, column)``; ``pull`` is changed in place.
    by_effect
        ``(table, stratum, column)`` is filled.
    """
    tables, strata, outer, columns = pull.shape
    for table in range(tables):
        for s in range(strata):
            found = by_effect[table, s]
            found[:] = 0.0
            for node in range(outer):
                given, own = profile[table, s, node], pull[table, s, node]
                for column in range(columns):
                    found[column] += own[column] * given[column]
            whole = 0.0
            for column in range(columns):
                whole += found[column]
            for column in range(columns):
                found[column] /= whole
            for node in range(outer):
                own = pull[table, s, node]
                for column in range(columns):
                    own[column] /= whole


LOOPS: Final = Loops(
    seeds,
    fill,
    levels,
    moments,
    odds,
    beyond,
    turn,
    profiles,
    product,
    settle,
    worth=WORTH,
)
