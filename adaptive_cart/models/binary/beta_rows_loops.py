"""The sums of ``beta_rows.py`` over nodes, table by table in loops, for numba to compile.

The same is added in the same order, so that every bit is the same. A table is found and summed in
one go, without arrays in between.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.binary.beta_rows import Floats, Integers, Mask
from adaptive_cart.nouns.compiled import Loops

Index = npt.NDArray[np.int32]  # (size, table)
WORTH: Final = 300_000  # tables


def differences(
    counts: Integers,
    sizes: Integers,
    kinds: Integers,
    index: Index,
    places: Integers,
    values: Floats,
    other_kinds: Integers,
    other_index: Index,
    other_places: Integers,
    other_values: Floats,
    keys: Integers,
    answers: Floats,
    found: Floats,
    unknown: Integers,
) -> int:
    """Fill the sums of the lower arm's density times the upper one's survival, ``(table,)``.

    Parameters
    ----------
    counts
        ``(4, table)`` successes and totals of the upper arm, and of the lower.
    sizes
        Exponent of the size by the number of participants of both.
    kinds, index, places, values
        Of the density, as :class:`~adaptive_cart.models.binary.beta_rows.Rows` holds them; then of
        the survival.
    keys, answers
        Tables answered before and their answers, each at the one place that it may have: of two
        that want it the later one has it. Their number is a power of two.
    unknown
        ``(table,)`` is filled with the tables whose rows are not known; of these nothing is filled.

    Returns
    -------
    How many these are.
    """
    number = 0
    last = len(keys) - 1
    for table in range(found.shape[0]):
        other_total, total = counts[1, table], counts[3, table]
        other_key = other_total * (other_total + 1) // 2 + counts[0, table]
        key = total * (total + 1) // 2 + counts[2, table]
        both = (key << 31) | other_key
        place = (key * 40_503 ^ other_key * 9_973) & last
        if keys[place] == both:
            found[table] = answers[place]
            continue
        size = sizes[total + other_total]
        kind, other_kind = kinds[size], other_kinds[size]
        if kind < 0 or other_kind < 0 or key >= index.shape[1] or other_key >= other_index.shape[1]:
            unknown[number] = table
            number += 1
            continue
        slot, other = index[kind, key] - 1, other_index[other_kind, other_key] - 1
        if slot < 0 or other < 0:
            unknown[number] = table
            number += 1
            continue
        start, width = places[2, slot], places[1, slot]
        ahead = places[0, slot] - other_places[0, other]
        there = other_places[2, other] + ahead
        ones = min(max(-ahead, 0), width)  # nodes at which survival is still one
        stop = max(min(width, other_places[1, other] - ahead), ones)
        # slices, which start at nought: no place has to be asked whether it is counted from the end
        alone, density = values[start : start + ones], values[start + ones : start + stop]
        survival = other_values[there + ones : there + stop]
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        for node in range(0, len(alone), 4):
            a += alone[node]
            b += alone[node + 1]
            c += alone[node + 2]
            d += alone[node + 3]
        for node in range(0, len(density), 4):
            a += density[node] * survival[node]
            b += density[node + 1] * survival[node + 1]
            c += density[node + 2] * survival[node + 2]
            d += density[node + 3] * survival[node + 3]
        answer = (a + b) + (c + d)
        found[table] = answer
        keys[place] = both
        answers[place] = answer
    return number


def bests(
    successes: Integers,
    totals: Integers,
    compared: Mask,
    sizes: Integers,
    kinds: Integers,
    index: Index,
    places: Integers,
    values: Floats,
    other_kinds: Integers,
    other_index: Index,
    other_places: Integers,
    other_values: Floats,
    found: Floats,
    unknown: Integers,
) -> int:
    """Fill the sums of each arm's density times what is below in all others, ``(table, arm)``.

    All arms have one prior. Of two the second has what the first leaves, one alone is the best, and
    arms that are not compared have nought. What is not told here is as for :func:`differences`.

    Parameters
    ----------
    successes, totals, compared
        ``(table, arm)``; compared are the arms among which the best is asked for.
    sizes
        Exponent of the size by the number of arms compared and that of their participants.
    """
    tables, arms = found.shape
    among, own, others = np.empty((3, arms), dtype=np.int64)
    products = np.empty(256)
    missing = 0
    for table in range(tables):
        number, total = 0, 0
        for arm in range(arms):
            found[table, arm] = 0.0
            if compared[table, arm]:
                among[number] = arm
                total += totals[table, arm]
                number += 1
        if number < 2:
            for place in range(number):
                found[table, among[place]] = 1.0
            continue
        size = sizes[number, total]
        kind, other_kind = kinds[size], other_kinds[size]
        known = kind >= 0 and other_kind >= 0
        for place in range(number):
            total = totals[table, among[place]]
            key = total * (total + 1) // 2 + successes[table, among[place]]
            known = known and key < index.shape[1] and key < other_index.shape[1]
            if known:
                own[place], others[place] = index[kind, key] - 1, other_index[other_kind, key] - 1
                known = own[place] >= 0 and others[place] >= 0
        if not known:
            unknown[missing] = table
            missing += 1
            continue
        if number == 2:  # the density of the second and the survival of the first, as differences
            first, width, start = places[:, own[1]]
            ahead = first - other_places[0, others[0]]
            there = other_places[2, others[0]] + ahead
            ones = min(max(-ahead, 0), width)
            stop = max(min(width, other_places[1, others[0]] - ahead), ones)
            alone, density = values[start : start + ones], values[start + ones : start + stop]
            survival = other_values[there + ones : there + stop]
            a, b, c, d = 0.0, 0.0, 0.0, 0.0
            for node in range(0, len(alone), 4):
                a += alone[node]
                b += alone[node + 1]
                c += alone[node + 2]
                d += alone[node + 3]
            for node in range(0, len(density), 4):
                a += density[node] * survival[node]
                b += density[node + 1] * survival[node + 1]
                c += density[node + 2] * survival[node + 2]
                d += density[node + 3] * survival[node + 3]
            found[table, among[0]] = min(max((a + b) + (c + d), 0.0), 1.0)
            found[table, among[1]] = 1.0 - found[table, among[0]]
            continue
        for place in range(number):
            first, width, start = places[:, own[place]]
            begin = 0  # before the nodes of any other arm nothing is below it
            for other in range(number):
                if other != place:
                    begin = max(begin, other_places[0, others[other]] - first)
            if begin >= width:
                continue
            if width > len(products):
                products = np.empty(2 * width)
            product, density = products[: width - begin], values[start + begin : start + width]
            for node in range(len(product)):
                product[node] = density[node]
            for other in range(number):
                ahead = first + begin - other_places[0, others[other]]
                further = min(width - begin, other_places[1, others[other]] - ahead)
                if other == place or further <= 0:
                    continue
                there = other_places[2, others[other]] + ahead
                inside, survival = products[:further], other_values[there : there + further]
                for node in range(len(inside)):
                    inside[node] *= 1.0 - survival[node]
            a, b, c, d = 0.0, 0.0, 0.0, 0.0
            for node in range(0, len(product), 4):
                a += product[node]
                b += product[node + 1]
                c += product[node + 2]
                d += product[node + 3]
            found[table, among[place]] = (a + b) + (c + d)
    return missing


LOOPS: Final = Loops(differences, bests, worth=WORTH)
