"""Scrambled Sobol points: as even as a lattice, and random enough to have a standard error.

Bit for bit those of ``scipy.stats.qmc.Sobol``, which the tests compare; that module takes a third
of a second to load and makes all dimensions of all points at once. Here the points of one dimension
are made when they are wanted, so that none need be kept.

Direction numbers: Joe & Kuo 2008, SIAM J Sci Comput 30:2635 (``new-joe-kuo-6``). Scrambling: a
random lower triangular matrix of bits and a shift (Matoušek 1998, J Complexity 14:527).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BITS = 30  # of a point: it is a whole number of steps of 2**-30
Steps = npt.NDArray[np.uint32]

# by dimension: a primitive polynomial over two elements, its coefficients as the bits of a number,
# and as many odd numbers as its degree, which the recurrence starts from; the first has neither
_POLYNOMIALS = (
    1, 3, 7, 11, 13, 19, 25, 37, 41, 47, 55, 59, 61, 67, 91, 97, 103, 109, 115, 131, 137, 143,
)  # fmt: skip
_FIRST = (
    (),
    (1,),
    (1, 3),
    (1, 3, 1),
    (1, 1, 1),
    (1, 1, 3, 3),
    (1, 3, 5, 13),
    (1, 1, 5, 5, 17),
    (1, 1, 5, 5, 5),
    (1, 1, 7, 11, 19),
    (1, 1, 5, 1, 1),
    (1, 1, 1, 3, 11),
    (1, 3, 5, 5, 31),
    (1, 3, 3, 9, 7, 49),
    (1, 1, 1, 15, 21, 21),
    (1, 3, 1, 13, 27, 49),
    (1, 1, 1, 15, 7, 5),
    (1, 3, 1, 15, 13, 25),
    (1, 1, 5, 5, 19, 61),
    (1, 3, 7, 11, 23, 15, 103),
    (1, 3, 7, 13, 13, 15, 69),
    (1, 1, 3, 13, 7, 35, 63),
)
MOST_DIMENSIONS = len(_POLYNOMIALS)


def _directions(dimension: int) -> list[int]:
    """Direction numbers of a dimension, each a fraction in steps of ``2**-BITS``."""
    polynomial, odd = _POLYNOMIALS[dimension], list(_FIRST[dimension])
    degree = polynomial.bit_length() - 1
    if degree == 0:
        odd = [1] * BITS
    while len(odd) < BITS:
        new = odd[-degree]
        for back in range(1, degree + 1):
            if polynomial >> (degree - back) & 1:
                new ^= odd[-back] << back
        odd.append(new)
    return [number << (BITS - 1 - place) for place, number in enumerate(odd)]


@dataclass(frozen=True)
class ScrambledSobol:
    """Points of some dimensions, scrambled some times independently.

    Attributes
    ----------
    directions
        ``(scramble, dimension, bit)``.
    shifts
        ``(scramble, dimension)``: the first point of each.
    """

    directions: Steps
    shifts: Steps

    @classmethod
    def of(cls, dimensions: int, seeds: list[int]) -> ScrambledSobol:
        """Scramble by each of the seeds."""
        if not 1 <= dimensions <= MOST_DIMENSIONS:
            raise ValueError(f"{dimensions} dimensions; from 1 to {MOST_DIMENSIONS} are known")
        plain = np.array([_directions(dimension) for dimension in range(dimensions)])
        most_significant_first = np.arange(BITS)[::-1]
        bits = (plain[:, :, None] >> most_significant_first) & 1
        weights = np.left_shift(1, most_significant_first)
        directions = np.empty((len(seeds), dimensions, BITS), dtype=np.uint32)
        shifts = np.empty((len(seeds), dimensions), dtype=np.uint32)
        for place, seed in enumerate(seeds):
            generator = np.random.default_rng(seed).spawn(1)[0]  # as SciPy does
            shift = generator.integers(2, size=(dimensions, BITS), dtype=np.uint32)
            shifts[place] = shift.astype(np.int64) @ weights[::-1]
            shape = (dimensions, BITS, BITS)
            matrix = np.tril(generator.integers(2, size=shape, dtype=np.uint32)).astype(np.int64)
            matrix[:, range(BITS), range(BITS)] = 1
            directions[place] = (bits @ matrix.swapaxes(1, 2) & 1) @ weights
        return cls(directions, shifts)

    def steps(self, dimension: int, chosen: slice, points: int) -> Steps:
        """The first points of one dimension in some scrambles, in steps: ``(scramble, point)``.

        In the order of the Gray code, the next points are those so far in reverse, all of them with
        one direction more (Antonov & Saleev 1979).
        """
        shifts = self.shifts[chosen, dimension]
        found = np.empty((len(shifts), points), dtype=np.uint32)
        found[:, 0] = shifts
        there, bit = 1, 0
        while there < points:
            more = min(there, points - there)
            before = found[:, there - more : there][:, ::-1]
            one_more = self.directions[chosen, dimension, bit, None]
            np.bitwise_xor(before, one_more, out=found[:, there : there + more])
            there, bit = there + more, bit + 1
        return found
