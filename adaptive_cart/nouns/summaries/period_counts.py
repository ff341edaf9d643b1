"""Participants who have it, of those analysed, by the period in which they were randomised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries.base import none_of
from adaptive_cart.nouns.summaries.changes import Move, Reach
from adaptive_cart.nouns.summaries.counts import Counts


@dataclass(frozen=True)
class PeriodCounts(Counts):
    """Responders among those analysed, also by period.

    Attributes
    ----------
    had, seen_in
        ``(trial, arm, period)`` responders, and participants in the analysis.
    open_in
        ``(trial, arm, period)`` whether the arm enrols throughout the period.
    """

    had: Integers
    seen_in: Integers
    open_in: Booleans

    plain: ClassVar[bool] = False
    not_alike: ClassVar[str] = (
        "participants count by the period in which they were randomised, and not alike"
    )
    searched: ClassVar[str] = "no change is searched where participants count by period"

    @classmethod
    def of(cls, counts: Counts, by_period: Counts, open_in: Booleans) -> PeriodCounts:
        """The same participants, all together and by period."""
        whole = counts.successes, counts.totals, counts.missing, counts.due
        return cls(*whole, by_period.successes, by_period.totals, open_in)

    @classmethod
    def empty(cls, arms: int, strata: int) -> Self:
        none, nobody = none_of(arms, strata), none_of(arms, 1)
        return cls(none, none, none, none, nobody, nobody, np.ones(nobody.shape, dtype=np.bool_))

    def together(self, arms: Sequence[int]) -> Booleans:
        """Periods in which all of some arms enrol, ``(trial, period)``."""
        return np.logical_and.reduce([self.open_in[:, arm] for arm in arms])

    def while_open(self, arms: Sequence[int]) -> tuple[Integers, Integers]:
        """Responders and participants randomised while all of some arms enrol, ``(trial, arm)``."""
        inside = self.together(arms)[:, None]
        return (self.had * inside).sum(axis=2), (self.seen_in * inside).sum(axis=2)

    def shares(self, arms: Sequence[int]) -> Floats:
        """Share of each period among those randomised while arms enrol, ``(trial, period)``.

        Of all arms together. Before anybody has been analysed each such period counts alike; where
        there is none, those do in which the last of the arms enrols, or else the first period.
        """
        inside: Any = self.together(arms)
        own = self.open_in[:, arms[-1]]
        inside = np.where(inside.any(axis=1, keepdims=True), inside, own)
        first = np.arange(inside.shape[1]) == 0
        inside = np.where(inside.any(axis=1, keepdims=True), inside, first)
        weights = self.seen_in.sum(axis=1) * inside
        weights = np.where(weights.any(axis=1, keepdims=True), weights, inside)
        found: Floats = weights / weights.sum(axis=1, keepdims=True)
        return found

    @property
    def concurrent(self) -> Integers:
        """Controls analysed who were randomised while each arm enrolled, ``(trial, arm)``."""
        found: Integers = np.einsum("tp,tap->ta", self.seen_in[:, 0], self.open_in)
        return found

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        whole = super().columns()
        alone = np.zeros_like(whole["analysed"])
        alone[:, :, 0] = self.concurrent
        return whole | {"concurrent": alone}

    def changes(self, reach: Reach) -> Iterator[tuple[tuple[Move, ...], PeriodCounts]]:
        """None: whose outcome would change, and so in which period, is not said."""
        yield from ()
