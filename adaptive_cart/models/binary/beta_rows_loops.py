"""The sums of ``beta_rows.py`` over nodes, table by table in loops, for numba to compile.

The same is added in the same order, so that every bit is the same. A table is found and summed in
one go, without arrays in between.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.binary.beta_rows import Floats, Integers
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
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        for node in range(start, start + ones, 4):
            a += values[node]
            b += values[node + 1]
            c += values[node + 2]
            d += values[node + 3]
        for node in range(ones, min(width, other_places[1, other] - ahead), 4):
            a += values[start + node] * other_values[there + node]
            b += values[start + node + 1] * other_values[there + node + 1]
            c += values[start + node + 2] * other_values[there + node + 2]
            d += values[start + node + 3] * other_values[there + node + 3]
        answer = (a + b) + (c + d)
        found[table] = answer
        keys[place] = both
        answers[place] = answer
    return number


def bests(
    successes: Integers,
    totals: Integers,
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

    All arms have one prior. Parameters and what is returned are as for :func:`differences`,
    successes and totals being ``(table, arm)``.
    """
    tables, arms = found.shape
    own, others = np.empty(arms, dtype=np.int64), np.empty(arms, dtype=np.int64)
    missing = 0
    for table in range(tables):
        total = 0
        for arm in range(arms):
            total += totals[table, arm]
        kind, other_kind = kinds[sizes[total]], other_kinds[sizes[total]]
        known = kind >= 0 and other_kind >= 0
        for arm in range(arms):
            number = totals[table, arm]
            key = number * (number + 1) // 2 + successes[table, arm]
            known = known and key < index.shape[1] and key < other_index.shape[1]
            if known:
                own[arm], others[arm] = index[kind, key] - 1, other_index[other_kind, key] - 1
                known = own[arm] >= 0 and others[arm] >= 0
        if not known:
            unknown[missing] = table
            missing += 1
            continue
        for arm in range(arms):
            start, first = places[2, own[arm]], places[0, own[arm]]
            a, b, c, d = 0.0, 0.0, 0.0, 0.0
            for node in range(0, places[1, own[arm]], 4):
                w, x = values[start + node], values[start + node + 1]
                y, z = values[start + node + 2], values[start + node + 3]
                for other in range(arms):
                    if other == arm:
                        continue
                    there = first + node - other_places[0, others[other]]
                    if there < 0:
                        w, x, y, z = 0.0, 0.0, 0.0, 0.0
                    elif there < other_places[1, others[other]]:
                        there += other_places[2, others[other]]
                        w *= 1.0 - other_values[there]
                        x *= 1.0 - other_values[there + 1]
                        y *= 1.0 - other_values[there + 2]
                        z *= 1.0 - other_values[there + 3]
                a += w
                b += x
                c += y
                d += z
            found[table, arm] = (a + b) + (c + d)
    return missing


LOOPS: Final = Loops(differences, bests, worth=WORTH)
