"""How fast participants are randomised: an intensity, its integral, and the inverse of that.

Arrivals are a Poisson process whose intensity changes over time. Its cumulative intensity at a date
is the number expected by then, and the date by which so many are expected turns the points of a
process of unit rate into arrivals (Çinlar 1975, Introduction to Stochastic Processes, section 4.7).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np

from adaptive_cart.nouns.records import Floats

LAG_POINTS: Final = 256  # equally probable lags that stand for a distribution of them
NEGLIGIBLE: Final = 1e-12  # of the largest intensity: what rounding leaves of none


class Pace:
    """Intensity of randomisation over calendar months."""

    def date(self, expected: Floats) -> Floats:
        """Month by which so many are expected; the first such, infinite where there is none."""
        raise NotImplementedError

    def expected(self, date: Floats) -> Floats:
        """Number expected by a month; months before the opening count as the opening."""
        raise NotImplementedError

    def month_of(self, number: float) -> float:
        """Month by which one number is expected."""
        return float(self.date(np.array([float(number)]))[0])

    def expected_by(self, month: float) -> float:
        """Number expected by one month."""
        return float(self.expected(np.array([max(float(month), 0.0)]))[0])


@dataclass(frozen=True)
class Steady(Pace):
    """``plateau`` a month, reached linearly over ``ramp_months``."""

    plateau: float
    ramp_months: float = 0.0

    def date(self, expected: Floats) -> Floats:
        """The inverse: plateau * t^2 / (2 ramp) in the ramp, plateau * (t - ramp / 2) after it."""
        if self.ramp_months == 0.0:
            return expected / self.plateau
        during = np.sqrt(expected * (2.0 * self.ramp_months / self.plateau))
        after = expected / self.plateau + self.ramp_months / 2.0
        return np.where(during < self.ramp_months, during, after)

    def expected(self, date: Floats) -> Floats:
        """The integral of the intensity."""
        if self.ramp_months == 0.0:
            return date * self.plateau
        during = self.plateau * date**2 / (2.0 * self.ramp_months)
        return np.where(
            date < self.ramp_months, during, self.plateau * (date - self.ramp_months / 2.0)
        )


@dataclass(frozen=True)
class Stretch:
    """An intensity that is a straight line from one month to another, and nought elsewhere."""

    begins: float
    ends: float
    rate: float
    slope: float = 0.0

    def scaled(self, factor: float) -> Stretch:
        """The same months, another intensity."""
        return Stretch(self.begins, self.ends, self.rate * factor, self.slope * factor)

    def later(self, months: float) -> Stretch:
        """The same intensity, so many months later."""
        return Stretch(self.begins + months, self.ends + months, self.rate, self.slope)

    def until(self, month: float) -> Stretch | None:
        """What of it lies before a month."""
        if self.begins >= month:
            return None
        return Stretch(self.begins, min(self.ends, month), self.rate, self.slope)


@dataclass(frozen=True)
class Pieces(Pace):
    """An intensity of straight lines, one after the other; the last goes on without end.

    Attributes
    ----------
    begins
        Months at which the lines begin; the first is 0.
    rate, slope
        Of each: its intensity where it begins, and by how much that rises a month.
    """

    begins: tuple[float, ...]
    rate: tuple[float, ...]
    slope: tuple[float, ...]

    @classmethod
    def of(cls, stretches: Iterable[Stretch], holds: Iterable[tuple[float, float]] = ()) -> Self:
        """The sum of stretches, nought in the holds (from a month, until another)."""
        each = list(stretches)
        stops = list(holds)
        edges = {0.0, *(s.begins for s in each), *(s.ends for s in each if np.isfinite(s.ends))}
        edges |= {edge for hold in stops for edge in hold}
        begins = np.array(sorted(edges))
        first = np.searchsorted(begins, [s.begins for s in each])
        last = np.searchsorted(begins, [s.ends for s in each])  # past the end: without end
        # what begins and ends at each edge: of the slopes, and of the lines' values at month 0
        slopes, values = np.zeros(len(begins) + 1), np.zeros(len(begins) + 1)
        slope = np.array([s.slope for s in each])
        value = np.array([s.rate - s.slope * s.begins for s in each])
        for place, sign in ((first, 1.0), (last, -1.0)):
            np.add.at(slopes, place, sign * slope)
            np.add.at(values, place, sign * value)
        rising = np.cumsum(slopes)[:-1]
        rate = np.cumsum(values)[:-1] + rising * begins
        none = np.maximum(rate, 0.0) <= NEGLIGIBLE * max(float(rate.max(initial=0.0)), 1e-300)
        rate = np.where(none, 0.0, rate)
        rising = np.where(none & (np.abs(rising) <= NEGLIGIBLE * rate.max()), 0.0, rising)
        held = np.zeros(len(begins), dtype=np.bool_)
        for start, end in stops:
            held |= (begins >= start) & (begins < end)
        rate, rising = np.where(held, 0.0, rate), np.where(held, 0.0, rising)
        return cls(tuple(begins.tolist()), tuple(rate.tolist()), tuple(rising.tolist()))

    @cached_property
    def _arrays(self) -> tuple[Floats, Floats, Floats, Floats]:
        begins, rate, slope = (np.array(part) for part in (self.begins, self.rate, self.slope))
        months = np.diff(begins)
        each = rate[:-1] * months + slope[:-1] * months**2 / 2.0
        return begins, rate, slope, np.concatenate([[0.0], np.cumsum(each)])

    def date(self, expected: Floats) -> Floats:
        """In the line that reaches it: the positive root of rate * x + slope * x^2 / 2."""
        begins, rate, slope, reached = self._arrays
        line = np.maximum(np.searchsorted(reached, expected, side="left") - 1, 0)
        more = expected - reached[line]
        b, a = rate[line], slope[line]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            x = 2.0 * more / (b + np.sqrt(b * b + 2.0 * a * more))
        x = np.where(more <= 0.0, 0.0, np.where(np.isfinite(x), x, np.inf))
        return begins[line] + x

    def expected(self, date: Floats) -> Floats:
        """The integral of the intensity."""
        begins, rate, slope, reached = self._arrays
        line = np.maximum(np.searchsorted(begins, date, side="right") - 1, 0)
        x = np.maximum(date - begins[line], 0.0)
        return reached[line] + rate[line] * x + slope[line] * x * x / 2.0


def lagged(stretches: Iterable[Stretch], lags: Floats) -> list[Stretch]:
    """The intensity of what comes a lag later, each of several lags being equally probable.

    Points of a Poisson process that are moved independently are a Poisson process again, of the
    intensity's convolution with the lag (Kingman 1993, Poisson Processes, section 5.1).
    """
    share = 1.0 / len(lags)
    return [s.scaled(share).later(float(lag)) for s in stretches for lag in lags]
