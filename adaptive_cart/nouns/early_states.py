"""What months before the last one tell: a chain of states in it, not in it, failed for good."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adaptive_cart.nouns.questions import OPEN, Quantity, Question
from adaptive_cart.nouns.records import Booleans, Integers, pooled


@dataclass(frozen=True)
class EarlyStates:
    """Who has not reached the month that is analysed, and what others did between two months.

    Attributes
    ----------
    waiting
        ``(trial, arm, stratum, month, state)`` participants by the last of the months that they
        have reached, not in it (0) or in it (1) then, and not failed for good since.
    failed
        ``(trial, arm, stratum)`` participants who have failed for good before the month analysed.
    moved
        ``(trial, arm, month, state, state)`` participants seen at a month and at the next: not in
        it or in it first; then not in it, in it, or failed for good. At the last month there are
        two: none, and a response.
    """

    waiting: Integers
    failed: Integers
    moved: Integers

    def rows(self, trials: Integers) -> EarlyStates:
        """Return the same of some trials only."""
        return EarlyStates(self.waiting[trials], self.failed[trials], self.moved[trials])

    @property
    def waiting_last(self) -> Integers:
        """Those who wait, ``(trial, arm, month, state, stratum)``: the stratum last."""
        return np.moveaxis(self.waiting, 2, -1)


def about(
    question: Question | Quantity, values: Integers, open_strata: Booleans | None
) -> Integers:
    """Sum over the strata that a question is about; the stratum is the last axis.

    Parameters
    ----------
    open_strata
        ``(trial, stratum)``; nothing where all are.
    """
    if question.stratum >= 0:
        found: Integers = values[..., question.stratum]
        return found
    if question.stratum == OPEN and open_strata is not None:
        shape = (len(values), *[1] * (values.ndim - 2), values.shape[-1])
        values = values * open_strata.reshape(shape)
    return pooled(values)
