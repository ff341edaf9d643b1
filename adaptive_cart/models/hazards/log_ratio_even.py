"""Masses and means of the hazard ratio from equal steps, for tables where few of them will do.

The density is that of ``log_ratio_density.py``, of events that are dated. Sums over equal steps h
of a function that is analytic about the real line converge geometrically (Trefethen and Weideman
2014, doi:10.1137/130932132), and so does the mass below x from steps that meet x, if each step
counts for the share of a sinc that lies below x (Stenger 1993, chapter 4)::

    mass below x = h sum_k f(x + k h) (1/2 - Si(pi k) / pi)

Error
-----
With n the sum of the exponents (all events, and the prior's shape of every interval), for y < pi::

    |f(beta + i y)| <= f(beta) M(y),    M(y) = exp(y^2 / (2 sd^2)) cos(y / 2)^-n

since ``|c + t exp(beta + i y)|^2 = (c + u)^2 - 4 c u sin(y/2)^2 >= (c + u)^2 cos(y/2)^2`` with
``u = t exp(beta)``. So the Fourier transform of f at w is at most M(y) exp(-y |w|) of the mass,
and of the whole

* a mass below x is wrong by at most (4 h / (pi^2 y)) M(y) exp(-pi y / h): what lies beyond the
  frequencies that steps can tell apart, and what it is mistaken for below them,
* the whole mass, and a mean of a power over it, by 2 M(y) exp(-2 pi y / h).

Both hold for any y, so that h is the longest step for which some y makes the exponents -27 and -31:
2e-12 times a factor of a hundredth or so, and 7e-14. Beyond both ends the density has fallen by
exp(-28) at least, and the mass with it, since its logarithm is concave. Against a fine grid of the
formula in extended precision the tests hold both to what they hold the panels of
``log_ratio_panels.py`` to. A table that would need more than ``MOST`` steps is left to these.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import reduce
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.hazards.log_ratio_density import DROP, Density
from adaptive_cart.nouns.records import Booleans, Floats

Integers = npt.NDArray[np.intp]
MOST: Final = 160
ROUNDED: Final = 4  # to so many steps, so that many tables have the same number
TABLES_AT_ONCE: Final = 256  # whose densities stay in cache
OF_A_MASS: Final = 27.0
OF_THE_WHOLE: Final = 31.0
NEAREST: Final = 0.05  # posterior sd from the mode, near enough for the origin of a range
TO_THE_MODE: Final = 3  # Newton steps
TO_THE_ENDS: Final = 2
LARGEST: Final = 300.0  # log hazard ratio whose exponential times months stays a number
_steps = np.arange(-MOST, MOST + 1)
BELOW: Final[Floats] = 0.5 - special.sici(math.pi * _steps)[0] / math.pi


class Range(NamedTuple):
    """Where the density of each table has its mass, ``(table,)`` each."""

    low: Floats
    high: Floats
    mode: Floats
    peak: Floats  # log density at the mode
    found: Booleans  # whether all this is so


class Grid(NamedTuple):
    """Some tables that take the same number of steps.

    Attributes
    ----------
    tables
        Their positions.
    beta, value
        ``(step, table)`` log hazard ratios and the density there, 1 at the mode.
    """

    tables: Integers
    beta: Floats
    value: Floats


def range_of(density: Density) -> Range:
    """Where each density has fallen by exp(-DROP) from its mode, by a fixed number of Newton steps.

    Newton steps for the ends of a concave function land on or beyond them, wherever they start: so
    a range may be longer than it need be, and is never too short.
    """
    mode, curvature, settled = _mode(density)
    peak = logs(density, mode[None])[0]
    side = np.array([[-1.0], [1.0]])
    ends = mode + side * (math.sqrt(2.0 * DROP) / np.sqrt(curvature))
    for _ in range(TO_THE_ENDS):
        height, slope = _log_and_slope(density, ends)
        ends = ends + (height - peak + DROP) / -slope
        settled &= (slope * side < 0.0).all(axis=0)
    low, high = ends
    settled &= (low < mode) & (mode < high) & (low > -LARGEST) & (high < LARGEST)
    return Range(low, high, mode, peak, settled)


def higher_end(density: Density, found: Range, power: Floats) -> tuple[Floats, Booleans]:
    """Where the density times a power of the hazard ratio has fallen by exp(-DROP), and if so.

    From its value at the mode of the density itself, which is no more than that at its own mode.
    """
    end, settled = found.high, found.found & (power >= 0.0)
    for _ in range(TO_THE_ENDS):
        height, slope = _log_and_slope(density, end[None])
        excess = height[0] - found.peak + power * (end - found.mode) + DROP
        settled &= slope[0] + power < 0.0
        end = end - excess / (slope[0] + power)
    return end, settled & (end < LARGEST)


def longest_step(total: Floats, sd: float, exponent: float) -> Floats:
    """Longest step whose error has the exponent, ``(table,)``: ``pi y / h - log M(y) = exponent``.

    Parameters
    ----------
    total
        ``(table,)`` sum of the exponents.
    """
    information = total / 4.0 + 1.0 / sd**2
    best = np.minimum(np.sqrt(2.0 * exponent / information), 3.6)
    found = np.zeros_like(total)
    for share in (0.7, 0.85, 1.0):  # any of them is right
        y = np.minimum(share * best, 3.0)
        log_bound = y * y / (2.0 * sd**2) - total * np.log(np.cos(y / 2.0))
        np.maximum(found, y / (exponent + log_bound), out=found)
    found *= math.pi
    return found


class EvenSteps:
    """Masses and means of the log hazard ratio of each table, from equal steps.

    Attributes
    ----------
    settled
        ``(table,)`` where steps are few enough; answers for other tables mean nothing.
    """

    def __init__(self, density: Density) -> None:
        self._density = density
        self._total = _together(density.exponent)
        with np.errstate(all="ignore"):  # a table that is none is not settled
            self.range = range_of(density)
            length = self.range.high - self.range.low
            step = longest_step(self._total, density.sd, OF_A_MASS)
            self._steps, self._step = _rounded(length, step)
        self.settled = self.range.found & (self._steps <= MOST)

    def share(self, log_value: float, above: bool) -> Floats:
        """Share of the mass on one side of a log hazard ratio, ``(table,)``."""
        low, high, step = self.range.low, self.range.high, self._step
        found = np.zeros(len(low))
        here = np.clip(log_value, low, np.maximum(high, low))
        with np.errstate(invalid="ignore"):
            before = np.floor((here - low) / step)
        first = here - before * step
        # places among the shares of steps: so many of them before the value, rising or falling
        side = -1 if above else 1
        for grid in self._grids(first, step, self._steps, self.settled):
            place = np.arange(len(grid.value))[:, None] - before[grid.tables].astype(np.intp)
            own = BELOW[MOST + side * place]
            own *= grid.value
            found[grid.tables] = own.sum(axis=0) / grid.value.sum(axis=0)
        np.clip(found, 0.0, 1.0, out=found)
        found[log_value <= low] = float(above)
        found[log_value >= high] = float(not above)
        return found

    def log_constant(self) -> Floats:
        """Logarithm of the integral of the density as it is written, ``(table,)``."""
        found = self.range.peak.copy()
        number, step = self._for_the_whole(self.range.high)
        for grid in self._grids(self.range.low, step, number, self.settled):
            found[grid.tables] += np.log(grid.value.sum(axis=0) * step[grid.tables])
        return found

    def mean_of_power(self, power: Floats) -> tuple[Floats, Booleans]:
        """Mean of a power of the hazard ratio, and where steps are few enough, ``(table,)`` each.

        Both masses are sums over the same steps, on a range that holds either.
        """
        with np.errstate(all="ignore"):
            high, settled = higher_end(self._density, self.range, power)
        settled &= self.settled & (self._for_the_whole(high)[0] <= MOST)
        found, mode = np.exp(power * self.range.mode), self.range.mode
        for grid in self._whole(high, settled):
            own = grid.beta - mode[grid.tables]
            own *= power[grid.tables]
            np.exp(own, out=own)
            own *= grid.value
            found[grid.tables] *= own.sum(axis=0) / grid.value.sum(axis=0)
        return found, settled

    def take(self, tables: Integers) -> EvenSteps:
        """Keep these tables only, with what is known of them."""
        kept = EvenSteps.__new__(EvenSteps)
        kept._density = self._density.take(tables)
        kept._total, kept.settled = self._total[tables], self.settled[tables]
        low, high, mode, peak, found = self.range
        kept.range = Range(low[tables], high[tables], mode[tables], peak[tables], found[tables])
        kept._steps, kept._step = self._steps[tables], self._step[tables]
        return kept

    def _for_the_whole(self, high: Floats) -> tuple[Floats, Floats]:
        """Number of steps for sums over the whole density, and their length."""
        step = longest_step(self._total, self._density.sd, OF_THE_WHOLE)
        with np.errstate(invalid="ignore"):
            return _rounded(high - self.range.low, 2.0 * step)

    def _whole(self, high: Floats, wanted: Booleans) -> Iterator[Grid]:
        number, step = self._for_the_whole(high)
        return self._grids(self.range.low, step, number, wanted)

    def _grids(
        self, first: Floats, step: Floats, number: Floats, wanted: Booleans
    ) -> Iterator[Grid]:
        """The density of some tables at so many steps from the first one on."""
        order = np.flatnonzero(wanted)
        order = order[np.argsort(number[order], kind="stable")]
        density, numbers = self._density.take(order), number[order].astype(np.intp)
        firsts, steps, peaks = first[order], step[order], self.range.peak[order]
        changes = [0, *(np.flatnonzero(np.diff(numbers)) + 1), len(order)]
        for start, end in pairwise(changes if len(order) else ()):
            counted = np.arange(numbers[start], dtype=np.float64)[:, None]
            for place in range(start, end, TABLES_AT_ONCE):
                rows: slice | Integers = slice(place, min(place + TABLES_AT_ONCE, end))
                if end - place == 1:  # NumPy adds a single column in another order than many
                    rows = np.array([place, place])
                beta = counted * steps[rows]
                beta += firsts[rows]
                value = logs(density.take(rows), beta)
                value -= peaks[rows]
                np.exp(value, out=value)
                yield Grid(order[rows], beta, value)


def logs(density: Density, beta: Floats) -> Floats:
    """Log density at some values of each table, ``(value, table)``: ``Density.log``, turned."""
    ratio = np.exp(beta)
    term = beta - density.mean
    term *= term
    term *= 0.5 / density.sd**2
    total = density.slope * beta
    total -= term
    for exponent, control, experimental in zip(
        density.exponent, density.control, density.experimental, strict=True
    ):
        np.multiply(ratio, experimental, out=term)
        term += control
        np.log(term, out=term)
        term *= exponent
        total -= term
    return total


def _log_and_slope(density: Density, beta: Floats) -> tuple[Floats, Floats]:
    """Log density and its derivative at some values of each table, ``(value, table)`` each."""
    ratio = np.exp(beta)
    away = (beta - density.mean) / density.sd**2
    total = density.slope * beta - 0.5 * (beta - density.mean) * away
    slope = density.slope - away
    for exponent, control, experimental in zip(
        density.exponent, density.control, density.experimental, strict=True
    ):
        risk = ratio * experimental
        whole = risk + control
        total -= exponent * np.log(whole)
        risk /= whole
        risk *= exponent
        slope -= risk
    return total, slope


def _mode(density: Density) -> tuple[Floats, Floats, Booleans]:
    """Near the mode of each table, its curvature there, and whether it is near enough."""
    events, total = density.slope, _together(density.exponent)
    others = np.maximum(total - events, 0.0)
    control, experimental = _together(density.control), _together(density.experimental)
    crude = np.log((events + 0.5) * control / ((others + 0.5) * experimental))
    known, prior = events * others / np.maximum(total, 1e-300), 1.0 / density.sd**2
    crude = np.where(np.isfinite(crude), crude, density.mean)
    value = (known * crude + prior * density.mean) / (known + prior)
    for _ in range(TO_THE_MODE):
        first, curvature = density.derivatives(value)
        value = value + np.clip(first / curvature, -2.0, 2.0)
    first, curvature = density.derivatives(value)
    return value, curvature, np.abs(first) <= NEAREST * np.sqrt(curvature)


def _together(parts: Floats) -> Floats:
    """Sum over intervals, always in their order."""
    return reduce(np.add, parts)


def _rounded(length: Floats, step: Floats) -> tuple[Floats, Floats]:
    """A number of steps at which a range begins and ends, and their length, no longer than given.

    One more than the range takes, since a step that is to meet a value moves all of them.
    """
    number = ROUNDED * np.ceil((length / step + 2.0) / ROUNDED)
    return number, length / (number - 2.0)
