"""What was seen, also by the period in which participants were randomised.

Whoever is counted is told apart once, here; what is counted is the summary's own matter. So any
model can be asked about those who were randomised together.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries.base import Summary
from adaptive_cart.nouns.summaries.changes import Move, Reach


class ByPeriod(Summary):
    """What was seen, also by period.

    Attributes
    ----------
    open_in
        ``(trial, arm, period)`` whether the arm enrols throughout the period.
    """

    open_in: Booleans

    plain: ClassVar[bool] = False
    not_alike: ClassVar[str] = (
        "participants count by the period in which they were randomised, and not alike"
    )
    searched: ClassVar[str] = "no change is searched where participants count by period"

    def periods(self) -> ByPeriod:
        return self

    @abstractmethod
    def split(self) -> Summary:
        """The same participants, each period a stratum."""

    def together(self, arms: Sequence[int]) -> Booleans:
        """Periods in which all of some arms enrol, ``(trial, period)``."""
        return np.logical_and.reduce([self.open_in[:, arm] for arm in arms])

    def compared(self, arms: Sequence[int]) -> Summary:
        """What a comparison of two arms counts: those of both randomised while both enrolled.

        What is said of one arm counts everybody, in the other arms too.
        """
        inside = np.full(self.open_in.shape, len(arms) == 1)
        inside[:, list(arms)] |= self.together(arms)[:, None]
        return self.split().among(inside)

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
        weights = self.split().analysed.sum(axis=1) * inside
        weights = np.where(weights.any(axis=1, keepdims=True), weights, inside)
        found: Floats = weights / weights.sum(axis=1, keepdims=True)
        return found

    @property
    def concurrent(self) -> Integers:
        """Controls analysed who were randomised while each arm enrolled, ``(trial, arm)``."""
        found: Integers = np.einsum("tp,tap->ta", self.split().analysed[:, 0], self.open_in)
        return found

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        whole = super().columns()  # type: ignore[safe-super]  # of what was seen, beside it
        alone = np.zeros_like(self.analysed)
        alone[:, :, 0] = self.concurrent
        return whole | {"concurrent": alone}

    def changes(self, reach: Reach) -> Iterator[tuple[tuple[Move, ...], Self]]:
        """None: whose outcome would change, and so in which period, is not said."""
        yield from ()
