"""Binomial arms beside external data that differ by stratum, or from trial to trial.

A prior that external data make is an ordinary one once these are known. In one stratum they are
what was seen there; where they are drawn anew, what was drawn with the trial. So there is a model
for each stratum and each set of numbers, and every answer is that of the one that fits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.models.binary.borrowing import BorrowedCounts
from adaptive_cart.nouns.distinct_rows import each_distinct
from adaptive_cart.nouns.records import Integers
from adaptive_cart.nouns.summaries import Counts
from adaptive_cart.nouns.summaries.counts_beside import lent_to


@dataclass(frozen=True)
class BorrowingBetaBinomial(BetaBinomial):
    """The model with all strata together and the data as observed, and what else it may be.

    Parameters
    ----------
    borrows
        Position and prior of each arm that borrows.
    outside
        Position of external data that arms are compared with, and by stratum what is known of their
        rate.
    """

    borrows: tuple[tuple[int, BorrowedCounts], ...] = field(default=(), compare=False)
    outside: tuple[tuple[int, tuple[BetaMixture, ...]], ...] = field(default=(), compare=False)

    @property
    def redrawn(self) -> bool:
        """Whether it is another in each trial."""
        return any(prior.redrawn for _, prior in self.borrows)

    def in_stratum(self, stratum: int) -> BetaBinomial:
        """The model of one stratum; the same where data are told of all together."""
        if stratum < 0:
            return self
        if stratum not in self._kept:
            whole = self._with(
                prior.in_stratum(prior.strata[stratum]) if prior.strata else prior
                for _, prior in self.borrows
            )
            priors = list(whole.priors)
            for place, known in self.outside:
                priors[place] = known[stratum]
            self._kept[stratum] = BetaBinomial(tuple(priors))
        return self._kept[stratum]

    def as_drawn(self, responders: tuple[int, ...]) -> BetaBinomial:
        """The model of a trial with which these were drawn, in all strata and in each."""
        if responders not in self._kept:
            drawn = tuple(
                (arm, prior.as_drawn(prior.numbers(np.array(responders), ("responders",))))
                for arm, prior in self.borrows
            )
            whole = self._with(prior for _, prior in drawn)
            self._kept[responders] = replace(self, priors=whole.priors, borrows=drawn)
        return self._kept[responders]

    def each(self, counts: Counts, stratum: int) -> Iterator[tuple[BetaBinomial, Integers]]:
        """The models of some trials, each with the trials whose it is."""
        lent = lent_to(counts)
        if not self.redrawn or lent is None:
            yield self.in_stratum(stratum), np.arange(len(counts.totals))
            return
        for row, here in each_distinct(lent):
            yield self.as_drawn(tuple(map(int, row))).in_stratum(stratum), here

    def _with(self, priors: Iterator[BorrowedCounts]) -> BetaBinomial:
        found: list[BetaMixture] = list(self.priors)
        for (arm, _), prior in zip(self.borrows, priors, strict=True):
            found[arm] = prior.as_mixture
        return BetaBinomial(tuple(found))

    @cached_property
    def _kept(self) -> dict[Any, BetaBinomial]:
        return {}
