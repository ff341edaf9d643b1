"""Answers from weighed points: what the posteriors that know the calendar have in common.

The posterior of the coefficients of each table is a set of points with weights (importance
sampling). What is asked is worked out at each point, and weighed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Final

import numpy as np

from adaptive_cart.models.draws import MIDDLES
from adaptive_cart.models.periods.adjustment import arms_of
from adaptive_cart.models.periods.over_periods import OverPeriods
from adaptive_cart.nouns.questions import Quantity, Question
from adaptive_cart.nouns.records import Floats, Integers
from adaptive_cart.nouns.summaries import ByPeriod

LOG_POINTS: Final = 12
POINTS: Final = 2**LOG_POINTS


@dataclass
class WeighedPoints(OverPeriods):
    """Posterior of arms over the calendar, as points of the coefficients and their weights.

    Attributes
    ----------
    weights
        ``(table, point)``; those of a table sum to 1.
    """

    seen: ByPeriod
    weights: Floats = field(init=False)
    _kept: dict[Question, Floats] = field(default_factory=dict, init=False)

    closed: ClassVar[tuple[str, ...]] = ("level", "ratio", "odds_ratio")
    exactly = "importance sampling"
    falls = True

    def levels(self, table: int, quantities: Sequence[Quantity], share: Floats) -> list[Floats]:
        """Each of some quantities of arms over periods at the points of a table, ``(point,)``.

        Parameters
        ----------
        share
            Of each period, ``(period,)``.
        """
        raise NotImplementedError  # abstract: every posterior supplies it

    def values(self, question: Question) -> Floats:
        """What a question is about at the points, ``(table, point)``."""
        bare = question.at(0.0).compared_with()
        if bare not in self._kept:
            needed = question.quantities(self.arms)
            shares = self.seen.shares(arms_of(question))
            found: Floats = np.empty((len(shares), POINTS))
            for table, share in enumerate(shares):
                found[table] = question.combine(self.levels(table, needed, share))
            self._kept[bare] = found
        return self._kept[bare]

    # ── what it is asked ──────────────────────────────────────────────────────────────────
    def computed(self, question: Question) -> Floats:
        """Weight of the points at which what is asked is so."""
        holds = question.of.holds(question, self.values(question))
        found: Floats = (self.weights * holds).sum(axis=1)
        return np.clip(found, 0.0, 1.0)

    def mean(self, question: Question) -> Floats:
        """Posterior mean of what is asked about; its median where the mean may not exist."""
        if question.of.heavy:
            return self.quantile(question, 0.5)
        found: Floats = (self.weights * self.values(question)).sum(axis=1)
        return found

    def quantile(self, question: Question, probability: float) -> Floats:
        """Value below which points of this weight lie."""
        values = self.values(question)
        order = values.argsort(axis=1)
        reached = np.take_along_axis(self.weights, order, axis=1).cumsum(axis=1)
        place = np.minimum((reached < probability).sum(axis=1), POINTS - 1)
        rows = np.arange(len(values))
        found: Floats = values[rows, order[rows, place]]
        return found

    def drawn(self, question: Question) -> Floats:
        """Draws of what a question is about: points, each as often as its weight says."""
        return np.take_along_axis(self.values(question), self._taken, axis=1)

    @cached_property
    def _taken(self) -> Integers:
        """Which points draws are, each as often as its weight says, ``(table, draw)``."""
        reached = self.weights.cumsum(axis=1)
        rows = [np.searchsorted(own, MIDDLES * own[-1]) for own in reached]
        return np.minimum(np.array(rows, dtype=np.int64).reshape(len(reached), -1), POINTS - 1)
