"""Counts of a trial, and beside them those of external data that are drawn anew with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from adaptive_cart.nouns.ahead import Numbers
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.records import Floats, Integers
from adaptive_cart.nouns.summaries.base import Summary, repeated
from adaptive_cart.nouns.summaries.counts import Counts


@dataclass(frozen=True)
class CountsBeside(Counts):
    """Responders among those analysed, and among the participants of external data.

    Attributes
    ----------
    outside, outside_totals
        ``(trial, external data, stratum)`` responders and participants there; 0 where they are not
        drawn. What is drawn of all strata together stands in the first.
    lent
        ``(trial, number)`` responders in all that are drawn anew, from which priors borrow: of each
        source over all strata, and where any are told by stratum then in each of them.
    """

    outside: Integers
    outside_totals: Integers
    lent: Integers

    plain: ClassVar[bool] = False

    @classmethod
    def of(
        cls, counts: Counts, outside: Integers, totals: Integers, lent: Integers | None = None
    ) -> CountsBeside:
        """Those of the trial, and those drawn with it; ``lent`` where a prior borrows from them."""
        own = counts.successes, counts.totals, counts.missing, counts.due
        return cls(*own, outside, totals, outside[:, :0, 0] if lent is None else lent)

    def in_stratum(self, stratum: int) -> CountsBeside:
        each = 1 + self.totals.shape[2]  # numbers of a source
        columns = self.lent[:, 1 + stratum :: each] if self.lent.shape[1] >= each else self.lent
        own = slice(stratum, stratum + 1) if self.outside.shape[2] > 1 else slice(None)
        beside = self.outside[..., own], self.outside_totals[..., own], columns
        return CountsBeside.of(super().in_stratum(stratum), *beside)

    def completed(self, levels: Floats, coming: Numbers, some: Completions) -> CountsBeside:
        found = super().completed(levels, coming, some)
        beside = (self.outside, self.outside_totals, self.lent)
        return CountsBeside.of(found, *(repeated(part, some.number) for part in beside))


def lent_to(summary: Summary) -> Integers | None:
    """Responders drawn with each trial, from which priors borrow; nothing where none are."""
    if isinstance(summary, CountsBeside) and summary.lent.shape[1]:
        return summary.lent
    return None
