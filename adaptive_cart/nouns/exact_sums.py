"""Sums of many masses, as exact as ``math.fsum`` and many times as fast.

``math.fsum`` takes numbers one by one. Here halves of an array are added to each other, and what
each addition rounds off is kept beside it (Knuth's two-sum, The Art of Computer Programming 2,
4.2.2), until few are left for ``math.fsum``. What is lost in all is of the order of 1e-32 of the
sum, so that the same number comes out unless the true sum lies that close to halfway between two.

Many sums of the same masses are products of matrices: each mass is cut into a multiple of a power
of two so large that no addition of such is rounded, a multiple of a smaller one, and a rest (Rump,
Ogita & Oishi 2008, SIAM J Sci Comput 31:189, section 3). How much the sum of the rests is wrong at
most is known; where that could turn a bit, the masses are added as above.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

FEW = 64  # numbers that math.fsum adds as quickly
AT_ONCE = 262_144  # numbers that are cut at once, which stay in the cache
SMALLEST = -700  # power of two: rows that sum to less are added one by one


def total_of(masses: Floats) -> float:
    """Sum of all numbers of an array of finite numbers, rounded once."""
    return totals_of(np.ravel(masses)[None])[0]


def totals_of(masses: Floats) -> list[float]:
    """Sum of each row, ``(row, number)``, rounded once."""
    given = np.asarray(masses, dtype=np.float64)
    if not given.any():
        return [0.0] * len(given)
    size = FEW
    while size < given.shape[1]:
        size *= 2
    sums = np.zeros((len(given), size))
    sums[:, : given.shape[1]] = given
    lost = np.zeros((len(given), FEW))
    while sums.shape[1] > FEW:
        half = sums.shape[1] // 2
        one, other = sums[:, :half], sums[:, half:]
        both = one + other
        of_other = both - one
        rounded_off = both - of_other
        np.subtract(one, rounded_off, out=rounded_off)
        np.subtract(other, of_other, out=of_other)
        rounded_off += of_other
        if sums.shape[1] < size:
            rounded_off += lost[:, :half]
            rounded_off += lost[:, half:]
        sums, lost = both, rounded_off
    return [math.fsum(row) for row in np.concatenate([sums, lost], axis=1).tolist()]


def totals_where(masses: Floats, sets: Booleans) -> Floats:
    """Sums of each row over sets of its numbers, each rounded once, ``(row, set)``.

    Parameters
    ----------
    masses
        Finite ones, ``(row, number)``.
    sets
        Which numbers belong to each set, ``(set, number)``.
    """
    found = np.empty((len(masses), len(sets)))
    of_sets = np.ascontiguousarray(sets.T, dtype=np.float64)
    rows = max(1, AT_ONCE // max(1, masses.shape[1]))
    for first in range(0, len(masses), rows):
        chosen = slice(first, first + rows)
        found[chosen] = _totals_of_few(masses[chosen], sets, of_sets)
    return found


def _totals_of_few(masses: Floats, sets: Booleans, of_sets: Floats) -> Floats:
    number = masses.shape[1]
    size = np.abs(masses).sum(axis=1, keepdims=True)
    power = np.frexp(size)[1] + 1  # no sum of a row is above 2**power
    sums = []
    rest, cut, left = masses, np.empty_like(masses), np.empty_like(masses)
    for _ in range(2):
        large = np.ldexp(1.5, np.maximum(power, SMALLEST))
        np.add(rest, large, out=cut)
        cut -= large
        sums.append(cut @ of_sets)  # multiples of 2**(power - 52) below 2**(power + 1)
        rest = np.subtract(rest, cut, out=left)
        power += number.bit_length() - 52
    of_rest = rest @ of_sets
    # whatever the order of adding: as many roundings as numbers, each of a part of the sum
    wrong = 4.0 * number * np.finfo(np.float64).eps * (np.abs(rest, out=cut) @ of_sets)
    high = sums[0] + sums[1]
    of_second = high - sums[0]
    low = (sums[0] - (high - of_second)) + (sums[1] - of_second) + of_rest
    wrong += 4.0 * np.finfo(np.float64).eps * np.abs(low)
    totals = high + low
    for row, column in np.argwhere(high + (low - wrong) != high + (low + wrong)):
        totals[row, column] = total_of(masses[row, sets[column]])
    return np.asarray(totals)
