"""Binomial arms of which some borrow from data that differ by stratum, or from trial to trial.

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

from adaptive_cart.models.base import Posterior
from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.models.binary.beta_binomial_analysis import CountsPosterior
from adaptive_cart.models.binary.borrowing import BorrowedCounts
from adaptive_cart.models.ties import Sides
from adaptive_cart.nouns.distinct_rows import each_distinct
from adaptive_cart.nouns.questions import Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Counts
from adaptive_cart.nouns.summaries.counts_beside import lent_to


@dataclass(frozen=True)
class BorrowingBetaBinomial(BetaBinomial):
    """The model with all strata together and the data as observed, and what else it may be.

    Parameters
    ----------
    borrows
        Position and prior of each arm that borrows.
    """

    borrows: tuple[tuple[int, BorrowedCounts], ...] = field(default=(), compare=False)

    @property
    def redrawn(self) -> bool:
        """Whether it is another in each trial."""
        return any(prior.redrawn for _, prior in self.borrows)

    def in_stratum(self, stratum: int) -> BetaBinomial:
        """The model of one stratum; the same where data are told of all together."""
        if stratum < 0:
            return self
        if stratum not in self._kept:
            self._kept[stratum] = self._with(
                prior.in_stratum(prior.strata[stratum]) if prior.strata else prior
                for _, prior in self.borrows
            )
        return self._kept[stratum]

    def as_drawn(self, responders: tuple[int, ...]) -> BetaBinomial:
        """The model of a trial with which these were drawn."""
        if responders not in self._kept:
            self._kept[responders] = self._with(
                prior.as_drawn(responders) for _, prior in self.borrows
            )
        return self._kept[responders]

    def each(self, counts: Counts, stratum: int) -> Iterator[tuple[BetaBinomial, Integers]]:
        """The models of some trials, each with the trials whose it is."""
        lent = lent_to(counts)
        if not self.redrawn or lent is None:
            yield self.in_stratum(stratum), np.arange(len(counts.totals))
            return
        for row, here in each_distinct(lent):
            yield self.as_drawn(tuple(map(int, row))), here

    def _with(self, priors: Iterator[BorrowedCounts]) -> BetaBinomial:
        found: list[BetaMixture] = list(self.priors)
        for (arm, _), prior in zip(self.borrows, priors, strict=True):
            found[arm] = prior.as_mixture
        return BetaBinomial(tuple(found))

    @cached_property
    def _kept(self) -> dict[Any, BetaBinomial]:
        return {}


@dataclass(frozen=True)
class PosteriorsAsDrawn(Posterior):
    """Posteriors of trials with which different external data were drawn, each answered apart.

    Attributes
    ----------
    parts
        Positions of trials, and their posterior.
    number
        Of all trials.
    """

    parts: tuple[tuple[Integers, Posterior], ...]
    number: int

    exactly = CountsPosterior.exactly
    closed = CountsPosterior.closed
    fast_error = CountsPosterior.fast_error
    drawn_error = CountsPosterior.drawn_error
    arms_apart = True

    @property
    def arms(self) -> int:
        return self.parts[0][1].arms

    def _each(self, answers: Iterator[Any]) -> Any:
        """Put the answers of the parts back in the order of the trials."""
        found: Any = None
        for (rows, _), answer in zip(self.parts, answers, strict=True):
            if found is None:
                found = np.empty((self.number, *answer.shape[1:]), dtype=answer.dtype)
            found[rows] = answer
        return found

    def draw(self, quantity: Quantity) -> Floats:
        found: Floats = self._each(own.draws(quantity) for _, own in self.parts)
        return found

    def computed(self, question: Question) -> Floats:
        found: Floats = self._each(own.computed(question) for _, own in self.parts)
        return found

    def sides(self, question: Question) -> Sides:
        own = [part.sides(question) for _, part in self.parts]
        whose, place = self._whose

        def sides(threshold: float, rows: Integers) -> Floats:
            found = np.empty(len(rows))
            for part, answer in enumerate(own):
                here = whose[rows] == part
                if here.any():
                    found[here] = answer(threshold, place[rows[here]])
            return found

        return sides

    @cached_property
    def _whose(self) -> tuple[Integers, Integers]:
        """By trial: its part, and its position there."""
        whose, place = np.zeros((2, self.number), dtype=np.int64)
        for part, (rows, _) in enumerate(self.parts):
            whose[rows], place[rows] = part, np.arange(len(rows))
        return whose, place

    def mean(self, question: Question) -> Floats:
        found: Floats = self._each(own.mean(question) for _, own in self.parts)
        return found

    def limits(self, question: Question, level: float) -> tuple[Floats, Floats]:
        both = self._each(np.stack(own.limits(question, level), axis=1) for _, own in self.parts)
        return both[:, 0], both[:, 1]

    def best(self, question: Question, rows: Integers) -> Floats:
        every = [np.arange(len(own)) for own, _ in self.parts]
        both = zip(self.parts, every, strict=True)
        found: Floats = self._each(own.best(question, here) for (_, own), here in both)
        return found[rows]

    def best_of_open(self, order: Question, open_arms: Booleans) -> Floats:
        found: Floats = self._each(
            own.best_of_open(order, open_arms[rows]) for rows, own in self.parts
        )
        return found

    def where_open(self, open_strata: Booleans) -> PosteriorsAsDrawn:
        parts = tuple((rows, own.where_open(open_strata[rows])) for rows, own in self.parts)
        return replace(self, parts=parts)
