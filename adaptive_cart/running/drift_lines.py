"""Truths along a line of levels of the control, by the kind of what is seen of an endpoint."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from adaptive_cart.nouns.external import MONTHS, External
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.simulated_drift import SCORE


@dataclass(frozen=True)
class Levels:
    """How the control's level is told, and how a truth has it.

    Attributes
    ----------
    unit
        What a level is, in words.
    by_factors
        Whether the control drifts by a factor, and not by a difference.
    observed
        Level of external data, and how far the line goes to either side where nobody says.
    truth
        Of an arm, from its truth in the alternative, the level there, and the level wanted.
    """

    unit: str
    by_factors: bool
    observed: Callable[[Sequence[External]], tuple[float, float]]
    truth: Callable[[Any, float, float], Any]

    def line(
        self, seen: Sequence[External], region: tuple[float, float] | None, points: int
    ) -> tuple[float, Floats]:
        """Level of the external data, and levels of the line, which has it where it lies inside."""
        at, reach = self.observed(seen)
        if self.by_factors:
            low, high = region or (at / reach, at * reach)
            line = np.geomspace(low, high, points)
        else:
            low, high = region or (at - reach, at + reach)
            line = np.linspace(low, high, points)
        if low < at < high:
            line[1 + int(np.abs(line[1:-1] - at).argmin())] = at
        return at, line

    def never_happened(self, seen: Sequence[External]) -> bool:
        """Whether the external level is 0, which no factor moves."""
        return self.by_factors and self.observed(seen)[0] <= 0.0


def _rate(seen: Sequence[External]) -> tuple[float, float]:
    events = math.fsum(one.total("events") for one in seen)
    return events / (math.fsum(one.total("months") for one in seen) / MONTHS), 2.5


def _mean(seen: Sequence[External]) -> tuple[float, float]:
    number, mean, sd = (
        np.array([one.total(key) for one in seen]) for key in ("participants", "mean", "sd")
    )
    return float(number @ mean / number.sum()), float(number @ sd / number.sum())


def _a_rate(told: Any, before: float, level: float) -> Any:
    return float(level)


def _times(told: Any, before: float, level: float) -> Any:
    return {"dist": "exponential", "median": 12.0 * math.log(2.0) / level}


def _changes(told: Any, before: float, level: float) -> Any:
    found = copy.deepcopy(dict(told))
    found["change"] = [change + level - before for change in found["change"]]
    return found


A_YEAR: Final = "rate a year"
LEVELS: Final[Mapping[str, Levels]] = {
    "exposure": Levels(A_YEAR, True, _rate, _a_rate),
    "durations": Levels(A_YEAR, True, _rate, _times),
    "scores": Levels(SCORE, False, _mean, _changes),
    "means": Levels(SCORE, False, _mean, _changes),
}
