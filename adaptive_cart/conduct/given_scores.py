"""Scores that the design gives to those who left, moved by an amount.

``missing`` of an endpoint says which score who left has at the month: the worst, or one that is
drawn from the control's. Each of an arm is moved by the same amount, and the data are analysed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.moved_missing import counted_in
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Scores, Summary, with_split


@dataclass(frozen=True)
class GivenScores:
    """What was analysed, and of it those whose score was given.

    Attributes
    ----------
    given
        By stratum, or by period where these are told apart.
    counted
        ``(trial, stratum)`` or ``(trial, period)`` those that a question counts.
    """

    seen: Summary
    given: Scores
    counted: Booleans

    @staticmethod
    def of(look: LookAnalysis, target: Question, strata: Sequence[int]) -> GivenScores | None:
        """Of all trials of a look; nothing where no scores are given.

        Parameters
        ----------
        strata
            Those that the question is about.
        """
        endpoint, plan = target.endpoint, look.plan
        snapshot = plan.within(endpoint, look.snapshot)
        given = plan.design.endpoints[endpoint].given(look.prepared[endpoint], snapshot)
        if given is None:
            return None
        seen = look.summary(endpoint)
        counted = counted_in(plan, seen, target, strata)
        return GivenScores(seen, given, counted)

    @property
    def participants(self) -> Integers:
        """To how many a score was given, ``(trial, arm)``."""
        found: Integers = np.where(self.counted[:, None], self.given.analysed, 0).sum(axis=2)
        return found

    def moved(self, amounts: Floats) -> Summary:
        """What would have been analysed, had each been higher by what its arm says, ``(arm,)``."""
        by_period = self.seen.periods()
        if by_period is not None:
            apart = by_period.split()
            assert isinstance(apart, Scores)
            return with_split(by_period, apart.with_moved(self.given, amounts))
        assert isinstance(self.seen, Scores)
        return self.seen.with_moved(self.given, amounts)
