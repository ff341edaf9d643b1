"""True values of times: what is left at a month, the mean of so many months, the median.

The median of a mixture is no average of medians: it is where the average of the fractions that
remain is one half.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.nouns.distributions import EventTime
from adaptive_cart.nouns.records import Floats, Population
from adaptive_cart.results.true_value import Cells

LATEST = 12_000.0  # months: who has not had the event by then never has it
HALVINGS = 60
NEAR = 0.03  # part of a median over which the slope of the fraction remaining is taken
MONTHS = 129  # at which it is known between the medians of strata


@dataclass(frozen=True)
class DirectMedians(Cells):
    """Medians of times that the truth says, by arm and stratum."""

    times: tuple[tuple[EventTime, ...], ...] = field(kw_only=True)

    def with_arms(self, other: DirectMedians) -> DirectMedians:
        """The same, and the medians of other times behind the arms."""
        return replace(super().with_arms(other), times=(*self.times, *other.times))

    def of(self, arm: int, strata: tuple[int, ...] | None = None) -> Floats:
        """Median over some strata in an arm, ``(scramble,)``."""
        chosen = range(len(self.shares)) if strata is None else strata
        if len(chosen) == 1:
            return self.values[:, arm, chosen[0]]
        weights = np.array([self.shares[s] for s in chosen])
        weights = weights / weights.sum()

        def left(month: float) -> float:
            parts = zip(weights, (self.times[arm][s] for s in chosen), strict=True)
            return math.fsum(float(weight) * time.beyond(month) for weight, time in parts)

        if left(math.inf) >= 0.5:
            return np.array([math.inf])
        own = [float(self.values[0, arm, s]) for s in chosen]
        low, high = min(own), min(max(own), LATEST)
        for _ in range(HALVINGS):
            middle = (low + high) / 2.0
            low, high = (middle, high) if left(middle) > 0.5 else (low, middle)
        return np.array([high])


@dataclass(frozen=True)
class SampledMedians(Cells):
    """Medians of times that follow from a course, ``(scramble, arm, stratum)``.

    Attributes
    ----------
    months, left
        Rising, ``(month,)``; fraction that lasts beyond each, ``(scramble, arm, stratum, month)``.
    """

    months: Floats = field(kw_only=True)
    left: Floats = field(kw_only=True)

    def with_arms(self, other: DirectMedians) -> SampledMedians:
        """The same, and the medians of times that are said behind the arms."""
        theirs = [[[t.beyond(month) for month in self.months] for t in by] for by in other.times]
        shape = (len(self.left), *np.shape(theirs))
        left = np.concatenate([self.left, np.broadcast_to(np.array(theirs), shape)], axis=1)
        return replace(super().with_arms(other), left=left)

    def of(self, arm: int, strata: tuple[int, ...] | None = None) -> Floats:
        """Median over some strata in an arm, ``(scramble,)``."""
        chosen = list(range(len(self.shares)) if strata is None else strata)
        if len(chosen) == 1:
            return self.values[:, arm, chosen[0]]
        weights = np.array(self.shares)[chosen][None]
        if self.counted is not None:
            weights = weights * self.counted[:, arm, chosen]
        weights = weights / weights.sum(axis=1, keepdims=True)
        left = (weights[:, :, None] * self.left[:, arm, chosen]).sum(axis=1)
        ends = [np.interp(-0.5, -own, self.months, right=np.inf) for own in left]
        return np.array(ends)


def median_of(endpoint: EndpointBase, month: float, population: Population) -> Floats:
    """Median months until what lasts is lost, ``(trial,)``; infinite where half never lose it.

    That of all trials together, moved in each by what it has left there.
    """

    def left(month: float) -> Floats:
        return endpoint.lasting(population, month)

    if float(left(LATEST).mean()) >= 0.5:
        return np.full(population.trials, np.inf)
    low, high = 0.0, LATEST
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if float(left(middle).mean()) > 0.5 else (low, middle)
        if high - low < 1e-9 * max(high, 1.0):
            break
    lost = float((left(high * (1.0 - NEAR)) - left(high * (1.0 + NEAR))).mean())
    if lost <= 0.0:
        return np.full(population.trials, high)
    return high + (left(high) - 0.5) * 2.0 * NEAR * high / lost


@dataclass(frozen=True)
class OfTimes:
    """How a number of an arm follows from the times to an event.

    Attributes
    ----------
    of_time
        Of a distribution, and a month.
    sampled
        Of an endpoint, a month, and participants who are followed for ever, ``(trial,)``.
    of_strata_pooled
        Whether that of several strata is no average of theirs.
    """

    of_time: Callable[[EventTime, float], float]
    sampled: Callable[[EndpointBase, float, Population], Floats]
    of_strata_pooled: bool = False

    def directly(
        self, times: Sequence[Sequence[EventTime]], shares: tuple[float, ...], month: float
    ) -> Cells:
        """Of times that the truth says, by arm and stratum."""
        values = np.array([[self.of_time(time, month) for time in arm] for arm in times])[None]
        if self.of_strata_pooled:
            return DirectMedians(values, shares, times=tuple(tuple(arm) for arm in times))
        return Cells(values, shares)


_LEFT = OfTimes(
    lambda time, month: time.beyond(month),
    lambda endpoint, month, population: endpoint.lasting(population, month),
)
OF_TIMES: dict[str, OfTimes] = {
    "level": _LEFT,
    "remaining": _LEFT,
    "restricted_mean": OfTimes(
        lambda time, month: time.mean_until(month),
        lambda endpoint, month, population: endpoint.lasting_mean(population, month),
    ),
    "median": OfTimes(lambda time, month: time.half(), median_of, of_strata_pooled=True),
}


def months_about(medians: Floats) -> Floats:
    """Months between which the median of strata together lies, ``(month,)``."""
    known = medians[np.isfinite(medians)]
    low = float(known.min()) if known.size else 1.0
    high = float(known.max()) if known.size == medians.size else LATEST
    return np.geomspace(max(low, 1e-6) * 0.9, high * 1.1, MONTHS)
