"""Counts of a trial, and beside them those of external data that are drawn anew with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from adaptive_cart.nouns.ahead import Numbers
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.records import Floats, Integers
from adaptive_cart.nouns.summaries.base import repeated
from adaptive_cart.nouns.summaries.counts import Counts


@dataclass(frozen=True)
class CountsBeside(Counts):
    """Responders among those analysed, and among the participants of external data.

    Attributes
    ----------
    outside, outside_totals
        ``(trial, external data)`` responders and participants there; 0 where they are not drawn.
    """

    outside: Integers
    outside_totals: Integers

    plain: ClassVar[bool] = False

    @classmethod
    def of(cls, counts: Counts, outside: Integers, totals: Integers) -> CountsBeside:
        """Those of the trial, and those drawn with it."""
        own = counts.successes, counts.totals, counts.missing, counts.due
        return cls(*own, outside, totals)

    def completed(self, levels: Floats, coming: Numbers, some: Completions) -> CountsBeside:
        found = super().completed(levels, coming, some)
        there = (repeated(part, some.number) for part in (self.outside, self.outside_totals))
        return CountsBeside.of(found, *there)
