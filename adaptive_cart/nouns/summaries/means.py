"""Values of participants, summed, with the sum of their squares: a mean and a spread."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.external_draws import OF_MEAN, Law
from adaptive_cart.nouns.lost import MissingShift, Unseen
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.records import Floats, Integers, Population
from adaptive_cart.nouns.summaries.base import Summary, none_of
from adaptive_cart.nouns.summaries.changes import Move, Reach

MOST_SHIFT = 300  # hundredths of a standard deviation, before it is given up


@dataclass(frozen=True)
class Means(Summary):
    """A number of each participant analysed, summed, ``(trial, arm, stratum)``.

    Attributes
    ----------
    total, squares
        Sum of the values, and of their squares.
    participants
        Those analysed.
    """

    total: Floats
    squares: Floats
    participants: Integers

    kind: ClassVar[str] = "means"
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    parameter: ClassVar[str] = "mean"
    observed: ClassVar[tuple[str, str]] = ("total", "analysed")
    observed_unit: ClassVar[str] = "mean"
    holds: ClassVar[str] = "the mean so far, and those analysed"
    missing_shift: ClassVar[MissingShift | None] = MissingShift(
        "months in remission of those who left", added=True, amount="months", share=True
    )
    external: ClassVar[tuple[str, ...]] = ("mean", "sd", "participants")
    external_law: ClassVar[Law | None] = OF_MEAN

    @classmethod
    def of(cls, population: Population, values: Floats, members: ParticipantSet) -> Means:
        """Sum the values of a set of participants.

        Parameters
        ----------
        values
            ``(trial, participant)``; outside the set they do not matter.
        """
        total, squares = population.totals_and_squares(values, members)
        return cls(total, squares, population.tally(members))

    @classmethod
    def empty(cls, arms: int, strata: int) -> Means:
        none = none_of(arms, strata)
        return cls(none.astype(float), none.astype(float), none)

    @property
    def analysed(self) -> Integers:
        return self.participants

    def behind(self, outside: Sequence[External]) -> Means:
        table = np.zeros((3, 1, len(outside), self.total.shape[2]))
        for place, data in enumerate(outside):
            if data.has("mean"):
                number, mean, sd = (data.total(key) for key in ("participants", "mean", "sd"))
                squares = (number - 1.0) * sd**2 + number * mean**2
                table[:, 0, place, 0] = number * mean, squares, number
        parts = (self.total, self.squares, self.participants)
        both = (
            np.concatenate([own, np.repeat(more, len(own), axis=0).astype(own.dtype)], axis=1)
            for own, more in zip(parts, table, strict=True)
        )
        return Means(*both)

    def with_share(self, unseen: Unseen, share: Floats) -> Self:
        put = ~np.isnan(share[:, None])
        part = np.where(put, share[:, None], 0.0)
        total = self.total + part * unseen.total
        squares = self.squares + 2.0 * part * unseen.products + part**2 * unseen.squares
        if unseen.own is None or unseen.own_squares is None:
            return replace(self, total=total, squares=squares)
        return replace(
            self,
            total=total + put * unseen.own,
            squares=squares + put * unseen.own_squares,
            participants=self.participants + np.where(put, unseen.participants, 0),
        )

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        return {"analysed": self.participants, "total": self.total, "squares": self.squares}

    @staticmethod
    def heads(unit: str = "") -> dict[str, str]:
        return {"total": f"total {unit}".strip(), "squares": "sum of squares"}

    @staticmethod
    def told(total: Mapping[str, float], unit: str = "") -> str:
        number = total["analysed"]
        if number == 0:
            return "nobody followed so far"
        mean = f"{total['total'] / number:.1f}{f' {unit}' if unit else ''}"
        return f"mean {mean} ({number:.0f} followed)"

    @staticmethod
    def seen(total: Mapping[str, float]) -> str:
        number = total["analysed"]
        return f"{total['total'] / number:.1f} ({number:.0f})" if number else "–"

    @staticmethod
    def short(total: Mapping[str, float], unit: str = "") -> tuple[str, str]:
        return f"{total['total'] / max(total['analysed'], 1.0):.1f}", f"mean {unit}".strip()

    def changes(self, reach: Reach) -> Iterator[tuple[tuple[Move, ...], Means]]:
        """All values of an arm are higher or lower, by so many hundredths of their spread."""
        for size in range(1, MOST_SHIFT + 1):
            for arm, strata, sign in product(reach.arms, reach.strata, (1, -1)):
                here = (0, arm, list(strata))
                number = self.participants[here].sum()
                if number < 2:
                    continue
                mean = self.total[here].sum() / number
                spread = math.sqrt(max(self.squares[here].sum() / number - mean**2, 0.0))
                by = sign * size / 100.0 * spread
                total, squares = self.total.copy(), self.squares.copy()
                for stratum in strata:
                    own = self.participants[:, arm, stratum]
                    squares[:, arm, stratum] += 2.0 * by * total[:, arm, stratum] + own * by**2
                    total[:, arm, stratum] += own * by
                side = "higher" if by > 0.0 else "lower"
                words = f"every value in {{where}} {side} by {abs(by):.3g}"
                yield (
                    (reach.move(arm, strata, words),),
                    replace(self, total=total, squares=squares),
                )
