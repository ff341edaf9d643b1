"""Participants who have it, of those analysed; and those who count by an earlier month."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.ahead import Numbers
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.early_states import EarlyStates
from adaptive_cart.nouns.records import Floats, Integers, pooled
from adaptive_cart.nouns.summaries.base import by_row, none_of
from adaptive_cart.nouns.summaries.counts import Counts


@dataclass(frozen=True)
class EarlyCounts(Counts):
    """Responders among those analysed, and the states of those who have not reached the month.

    Attributes
    ----------
    waiting, failed, moved
        See :class:`~adaptive_cart.nouns.early_states.EarlyStates`.
    """

    waiting: Integers
    failed: Integers
    moved: Integers

    plain: ClassVar[bool] = False
    foretold: ClassVar[bool] = True

    @classmethod
    def of(cls, counts: Counts, early: EarlyStates) -> EarlyCounts:
        """Those analysed and those who wait, of the same trials."""
        seen = counts.successes, counts.totals, counts.missing, counts.due
        return cls(*seen, early.waiting, early.failed, early.moved)

    @classmethod
    def empty(cls, arms: int, strata: int) -> Self:
        none = none_of(arms, strata)
        waiting = np.zeros((*none.shape, 1, 2), dtype=np.int64)
        moved = np.zeros((1, arms, 1, 2, 3), dtype=np.int64)
        return cls(none, none, none, none, waiting, none, moved)

    @property
    def early(self) -> EarlyStates:
        """Those who wait, and what others did between two months."""
        return EarlyStates(self.waiting, self.failed, self.moved)

    @property
    def by_earlier_month(self) -> Integers:
        """Participants who count by an earlier month, ``(trial, arm, stratum)``."""
        found: Integers = pooled(pooled(self.waiting)) + self.failed
        return found

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        return super().columns() | {"early": self.by_earlier_month}

    def completed_after(
        self, levels: Floats, responding: Integers, coming: Numbers, some: Completions
    ) -> Counts:
        """What may have been seen at the last look, given how many of those who wait respond.

        Parameters
        ----------
        levels
            ``(trial, arm, stratum, completion)`` draws of the probability.
        responding
            Likewise, of the responders among those who wait.
        """
        here = self.by_earlier_month
        new = Numbers(np.maximum(coming.participants - here, 0))
        seen = Counts(self.successes, self.totals + here, self.missing, self.due + here)
        found = seen.completed(levels, new, some)
        return Counts(found.successes + by_row(responding), found.totals, found.missing, found.due)
