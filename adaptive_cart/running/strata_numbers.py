"""How many participants of each arm a look sees in each stratum: every choice, and its probability.

Participants come from the strata at random, by the strata's shares, and each stratum has its own
list of permuted blocks. What is seen of a list is so many whole blocks and the beginning of one, of
which any order is as probable as any other. A look by `observed` sees the first so many who came.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from fractions import Fraction

from adaptive_cart.design.design import Design
from adaptive_cart.design.randomisation import reduced

Numbers = tuple[tuple[int, ...], ...]  # by stratum: of each arm


class NumbersByStratum:
    """The law of the numbers by stratum and arm of a design on one arm or two.

    Attributes
    ----------
    shares
        Of the strata.
    block
        Participants in a block, and ``controls`` of them in the first arm.
    """

    def __init__(self, design: Design) -> None:
        lists = design.randomisation.by_lists
        assert lists is not None
        self.shares = design.shares
        self.arms = len(design.arms)
        self.block = lists.block_of(design.allocation)
        ratio = reduced(design.allocation)
        self.controls = self.block // sum(ratio) * ratio[0]

    @property
    def nobody(self) -> Numbers:
        """Before anybody came."""
        return ((0,) * self.arms,) * len(self.shares)

    def onward(self, before: Numbers, more: int) -> Iterator[tuple[Numbers, float]]:
        """The numbers once so many more have come, with their probabilities."""
        for coming in _compositions(more, len(self.shares)):
            chance = float(math.factorial(more))
            for number, share in zip(coming, self.shares, strict=True):
                chance *= share**number / math.factorial(number)
            lists = [self._of_list(now, number) for now, number in zip(before, coming, strict=True)]
            for found in itertools.product(*lists):
                yield tuple(by_arm for by_arm, _ in found), chance * math.prod(p for _, p in found)

    def _of_list(self, now: tuple[int, ...], more: int) -> list[tuple[tuple[int, ...], float]]:
        """The numbers by arm of one stratum once its list has gone so many places further."""
        if self.arms == 1:
            return [((now[0] + more,), 1.0)]
        found = _further(self.block, self.controls, sum(now), now[0], more)
        return [((first, sum(now) + more - first), chance) for first, chance in found]


@functools.lru_cache(maxsize=10_000)
def _further(
    block: int, controls: int, seen: int, first: int, more: int
) -> list[tuple[int, float]]:
    """How many of the first arm are in a list after so many places more, with probabilities.

    Parameters
    ----------
    controls
        Of the first arm in each block.
    seen, first
        Places of the list that were used, and those of them that were the first arm's.
    """
    used, left = seen % block, controls - (first - controls * (seen // block))
    rest = (block - used) % block
    if used == 0:
        left = 0
    if more < rest:
        return [(first + k, chance) for k, chance in _drawn(rest, left, more)]
    whole, begun = divmod(more - rest, block)
    base = first + left + controls * whole
    return [(base + k, chance) for k, chance in _drawn(block, controls, begun)]


def _drawn(of: int, marked: int, taken: int) -> Iterator[tuple[int, float]]:
    """Marked ones among so many taken without putting back."""
    every = math.comb(of, taken)
    for k in range(max(0, taken - (of - marked)), min(marked, taken) + 1):
        yield k, float(Fraction(math.comb(marked, k) * math.comb(of - marked, taken - k), every))


def _compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """Every way to put so many into so many parts."""
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for others in _compositions(total - first, parts - 1):
            yield (first, *others)
