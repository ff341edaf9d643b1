"""Claims that share the family-wise error, and pass their share on when they hold.

A graph: each claim holds an amount of alpha and says, by weights, to which claims it passes that
amount on once it holds. When claim j has held, the amount of every other claim l and the weights
between the others are (Bretz, Maurer, Brannath & Posch 2009, Stat Med 28:586, algorithm 1; with
looks Maurer & Bretz 2013, Stat Biopharm Res 5:311)

    alpha_l  ←  alpha_l + alpha_j g_jl
    g_lk     ←  (g_lk + g_lj g_jk) / (1 − g_lj g_jl)    for l ≠ k and g_lj g_jl < 1, else 0

What is left does not depend on the order in which claims have held, so that a set of claims that
have held says it all. Numbers are the decimals that are written, and sums of them are exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

MOST = 10  # claims in one graph: 1,024 sets of them
SAME = 1e-9  # what two written amounts may differ by, in parts of the larger one, and be the same

Amounts = tuple[Fraction, ...]
Weights = tuple[Amounts, ...]


def decimal(number: float) -> Fraction:
    """The decimal number that is written."""
    return Fraction(repr(float(number)))


def same_amount(one: float, other: float) -> bool:
    """Whether two amounts of alpha are the same, as far as they are written."""
    return abs(one - other) <= SAME * max(abs(one), abs(other))


def passed_on(alpha: Amounts, weights: Weights, held: int) -> tuple[Amounts, Weights]:
    """Amounts and weights once a claim has held; it keeps nothing and passes nothing on again."""
    everybody = range(len(alpha))
    others = [claim for claim in everybody if claim != held]
    amounts = [Fraction(0)] * len(alpha)
    table = [[Fraction(0)] * len(alpha) for _ in everybody]
    for one in others:
        amounts[one] = alpha[one] + alpha[held] * weights[held][one]
        back = weights[one][held] * weights[held][one]
        for other in others:
            if other != one and back < 1:
                through = weights[one][held] * weights[held][other]
                table[one][other] = (weights[one][other] + through) / (1 - back)
    return tuple(amounts), tuple(tuple(row) for row in table)


@dataclass(frozen=True)
class AlphaGraph:
    """The claims of a design that share its family-wise error.

    Attributes
    ----------
    names
        Of the rules, in the order of the design. A set of them is a number of which each bit, from
        the lowest, stands for one.
    alpha, weights
        What each holds at the start, and what it passes on to each.
    requires
        By claim: those of the graph that must have held before it is asked.
    """

    names: tuple[str, ...]
    alpha: Amounts
    weights: Weights
    requires: tuple[tuple[int, ...], ...]

    @staticmethod
    def of(
        names: Sequence[str],
        alpha: Mapping[str, float],
        passes_to: Mapping[str, Mapping[str, float]],
        requires: Mapping[str, Sequence[str]],
    ) -> AlphaGraph:
        """The graph that a design writes down by names; what is left out is 0."""
        found = tuple(names)
        return AlphaGraph(
            found,
            tuple(decimal(alpha.get(name, 0.0)) for name in found),
            tuple(
                tuple(decimal(passes_to.get(one, {}).get(other, 0.0)) for other in found)
                for one in found
            ),
            tuple(
                tuple(found.index(other) for other in requires.get(name, ()) if other in found)
                for name in found
            ),
        )

    @property
    def total(self) -> Fraction:
        """The family-wise error that is shared."""
        return sum(self.alpha, Fraction(0))

    @cached_property
    def by_set(self) -> tuple[Amounts, ...]:
        """What each claim holds, by the set of claims that have held."""
        graphs: list[tuple[Amounts, Weights]] = [(self.alpha, self.weights)]
        for held in range(1, 2 ** len(self.names)):
            last = held.bit_length() - 1
            alpha, weights = graphs[held - 2**last]
            graphs.append(passed_on(alpha, weights, last))
        return tuple(amounts for amounts, _ in graphs)

    def held_by(self, claim: int, held: int) -> Fraction:
        """What a claim holds once others have held; also of one that has held itself."""
        return self.by_set[held & ~(1 << claim)][claim]

    @cached_property
    def reachable(self) -> tuple[int, ...]:
        """Sets of claims that can have held: each after what it requires, and for some alpha."""
        found, waiting = {0}, [0]
        while waiting:
            held = waiting.pop()
            for claim in range(len(self.names)):
                if self.may_hold(claim, held) and (more := held | 1 << claim) not in found:
                    found.add(more)
                    waiting.append(more)
        return tuple(sorted(found))

    def may_hold(self, claim: int, held: int) -> bool:
        """Whether a claim may be asked once others have held: it is open, and holds some alpha."""
        open_ = all(held >> required & 1 for required in self.requires[claim])
        return not held >> claim & 1 and open_ and self.by_set[held][claim] > 0

    def ways(self, claim: int) -> dict[Fraction, tuple[int, ...]]:
        """Every amount at which a claim can be asked, rising, with the sets that lead to it."""
        found: dict[Fraction, list[int]] = {}
        for held in self.reachable:
            if self.may_hold(claim, held):
                found.setdefault(self.by_set[held][claim], []).append(held)
        return {amount: tuple(found[amount]) for amount in sorted(found)}

    def amounts(self, claim: int) -> tuple[float, ...]:
        """The same amounts as numbers."""
        return tuple(float(amount) for amount in self.ways(claim))

    def from_whom(self, claim: int, held: int) -> list[str]:
        """Names of the claims that have held and passed something on to a claim, by any way."""
        found: list[int] = []
        waiting = [claim]
        while waiting:
            to = waiting.pop()
            for one in range(len(self.names)):
                gives = held >> one & 1 and self.weights[one][to] > 0
                if gives and one != claim and one not in found:
                    found.append(one)
                    waiting.append(one)
        return [self.names[one] for one in sorted(found)]
