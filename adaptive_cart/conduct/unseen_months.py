"""Months in remission that were not seen of those who left alive before their horizon.

A share of them, the same of each participant of an arm, is counted on top of the months that were
seen. Who leaves is analysed with none of them (``not_in_remission``), or is left out (``exclude``):
then they are put in again, with the months that were seen and the share of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.moved_missing import counted_in
from adaptive_cart.nouns.lost import Unseen
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Summary, with_split


@dataclass(frozen=True)
class UnseenMonths:
    """What was seen of an endpoint of months, and what was not of those who left.

    Attributes
    ----------
    seen
        As it is analysed.
    unseen
        By stratum, or by period where these are told apart.
    counted
        ``(trial, stratum)`` or ``(trial, period)`` those that a question counts.
    """

    seen: Summary
    unseen: Unseen
    counted: Booleans

    @staticmethod
    def of(look: LookAnalysis, target: Question, strata: Sequence[int]) -> UnseenMonths | None:
        """Of all trials of a look; nothing where none of the months could be missing.

        Parameters
        ----------
        strata
            Those that the question is about.
        """
        endpoint, plan = target.endpoint, look.plan
        seen = look.summary(endpoint)
        unseen = plan.unseen(endpoint, look.prepared[endpoint], look.snapshot)
        if unseen is None:
            return None
        counted = counted_in(plan, seen, target, strata)
        return UnseenMonths(seen, unseen, counted)

    @property
    def left_out(self) -> bool:
        """Whether who left is left out of the analysis."""
        return self.unseen.own is not None

    @property
    def participants(self) -> Integers:
        """Whose months they are, ``(trial, arm)``."""
        return self._summed(self.unseen.participants).astype(np.int64)

    @property
    def amount(self) -> Floats:
        """How many months were not seen, ``(trial, arm)``."""
        return self._summed(self.unseen.total)

    @property
    def as_read(self) -> float:
        """The share that stands for how the design reads them."""
        return np.nan if self.left_out else 0.0

    def with_share(self, share: Floats) -> Summary:
        """What would have been analysed, had a share of them counted.

        Parameters
        ----------
        share
            ``(arm,)``; :attr:`as_read` of an arm that is to stay as it is.
        """
        by_period = self.seen.periods()
        if by_period is not None:
            return with_split(by_period, by_period.split().with_share(self.unseen, share))
        return self.seen.with_share(self.unseen, share)

    def from_where(self, group: Sequence[int]) -> Floats:
        """The share from which the nearest is counted, of some arms together, ``(trial,)``.

        That with which those who left would on average have as many months as the others of their
        arm, from none to all; where they are not left out, none.
        """
        if self.unseen.own is None:
            return np.zeros(len(self.counted))
        by_period = self.seen.periods()
        apart = self.seen if by_period is None else by_period.split()
        columns = apart.columns()
        number = np.maximum(self._summed(columns["analysed"]), 1.0)
        expected = self.participants * self._summed(columns["total"]) / number
        wanted = (expected - self._summed(self.unseen.own))[:, group].sum(axis=1)
        months = self.amount[:, group].sum(axis=1)
        return np.clip(wanted / np.where(months > 0.0, months, np.inf), 0.0, 1.0)

    def _summed(self, values: Floats | Integers) -> Floats:
        found: Floats = np.where(self.counted[:, None], values, 0.0).sum(axis=2)
        return found
