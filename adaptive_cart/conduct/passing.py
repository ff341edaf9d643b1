"""Alpha that passes from claim to claim, in a block of trials: what each claim holds in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.design.alpha_graph import AlphaGraph
from adaptive_cart.nouns.questions import written
from adaptive_cart.nouns.records import Floats, Integers, any_of

if TYPE_CHECKING:
    from adaptive_cart.design.design import Design


@dataclass(frozen=True)
class Passing:
    """The graph of a design, by positions of its rules.

    Attributes
    ----------
    positions
        Of the rules in the graph.
    table
        ``(set of claims that have held, claim)`` what each holds then.
    """

    graph: AlphaGraph
    positions: tuple[int, ...]
    table: Floats

    @staticmethod
    def of(design: Design) -> Passing | None:
        """What a design passes on; nothing where its claims share no error."""
        graph = design.alpha_graph
        if graph is None:
            return None
        names = [rule.name for rule in design.rules]
        table = np.array([[float(a) for a in amounts] for amounts in graph.by_set])
        return Passing(graph, tuple(names.index(name) for name in graph.names), table)

    def sets(self, noted: Mapping[int, Any]) -> Integers:
        """Which claims have held in each trial, ``(trial,)``, as numbers of bits."""
        found = np.zeros(len(noted[self.positions[0]]), dtype=np.int64)
        for bit, position in enumerate(self.positions):
            found |= any_of(noted[position] > 0).astype(np.int64) << bit
        return found

    def held(self, position: int, sets: Integers) -> Floats:
        """What a claim holds, ``(trial,)``, whether or not it has held itself."""
        claim = self.positions.index(position)
        found: Floats = self.table[sets & ~(1 << claim), claim]
        return found

    def told(self, position: int, held: int) -> str:
        """Say what a claim holds in one trial, and where it came from."""
        claim = self.positions.index(position)
        graph, own = self.graph, float(self.graph.alpha[claim])
        amount = float(graph.held_by(claim, held))
        if amount == 0.0:
            return "it holds none of the family-wise error"
        given = " and ".join(graph.from_whom(claim, held & ~(1 << claim)))
        if amount == own or not given:
            return f"it holds {written(amount)} of the family-wise error, its own share"
        rest = f"{written(own)} its own, the rest" if own else "all of it"
        return f"it holds {written(amount)} of the family-wise error, {rest} passed on by {given}"
