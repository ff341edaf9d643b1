"""The density of the log hazard ratio of two arms given a table, and where it has any mass.

It is known up to a constant, once the baseline hazards are integrated out
(``log_ratio_panels.py`` says how, and how the range is found).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.records import Booleans, Floats

DROP: Final = 28.0  # the density at the ends of the range is exp(-DROP) of that at the mode
LARGEST: Final = 650.0  # beyond it exp(beta) times the months at risk may overflow
STEPS: Final = 200  # halving a bracket takes some 60; a table that needs more has failed


@dataclass(frozen=True)
class Density:
    """Logarithm of the posterior density of beta up to a constant, by table.

    `-(beta - mean)^2 / (2 sd^2) + slope beta
    - sum_j exponent_j log(control_j + exp(beta) experimental_j)`
    """

    slope: Floats  # (table,)
    exponent: Floats  # (interval, table), as the next two
    control: Floats
    experimental: Floats
    mean: float
    sd: float
    between: Floats | None = None  # (squared months and number, arm, interval, table)

    def take(self, tables: npt.NDArray[np.intp] | slice) -> Density:
        """Keep these tables only."""

        def own(part: Floats) -> Floats:  # where tables are in a row, nothing is copied
            kept = part[..., tables]
            return kept if isinstance(tables, slice) else np.ascontiguousarray(kept)

        return Density(
            self.slope[tables],
            own(self.exponent),
            own(self.control),
            own(self.experimental),
            self.mean,
            self.sd,
            None if self.between is None else own(self.between),
        )

    def times_power(self, power: Floats) -> Density:
        """Return it times a power of the hazard ratio, (table,): so many more events."""
        return replace(self, slope=self.slope + power)

    def log(self, beta: Floats) -> Floats:
        """Log density at some values of each table, (table, node)."""
        ratio = np.exp(beta)
        total = self.slope[:, None] * beta
        term = (beta - self.mean) / self.sd
        term *= term
        term *= 0.5
        total -= term
        for exponent, control, experimental in zip(
            self.exponent, self.control, self.experimental, strict=True
        ):
            np.multiply(ratio, experimental[:, None], out=term)
            term += control[:, None]
            np.log(term, out=term)
            term *= exponent[:, None]
            total -= term
        return total if self.between is None else total + self._of_intervals(ratio, self.between)

    def _of_intervals(self, ratio: Floats, between: Floats) -> Floats:
        """What is left of the likelihood of intervals, ``log(sinh(x/2) / (x/2))`` of each event.

        Of x, a hazard times the months of an interval, the posterior mean of the square is taken,
        given the hazard ratio, and of the months their mean square.

        Returns
        -------
        (table, node)
        """
        total = np.zeros_like(ratio)
        squares, numbers = between
        for place, exponent in enumerate(self.exponent):
            rate = self.control[place, :, None] + ratio * self.experimental[place, :, None]
            hazard = np.sqrt(exponent * (exponent + 1.0))[:, None] / rate
            for arm, own in enumerate((hazard, ratio * hazard)):
                number = numbers[arm, place, :, None]
                months = np.sqrt(squares[arm, place, :, None] / np.where(number > 0.0, number, 1.0))
                total += number * _beyond_the_middle(own * months)
        return total

    def derivatives(self, beta: Floats) -> tuple[Floats, Floats]:
        """First derivative of the log density and minus the second, (table,) each."""
        ratio = np.exp(beta)
        first = self.slope - (beta - self.mean) / self.sd**2
        curvature = np.full_like(beta, 1.0 / self.sd**2)
        for exponent, control, experimental in zip(
            self.exponent, self.control, self.experimental, strict=True
        ):
            risk = ratio * experimental
            whole = control + risk
            expected = exponent * risk / whole
            first -= expected
            curvature += expected * control / whole
        return first, curvature


def _beyond_the_middle(x: Floats) -> Floats:
    """``log(sinh(x/2) / (x/2))``: what an interval says beyond an event at its middle."""
    at = np.maximum(x, 0.01)
    found: Floats = np.where(x < 0.01, x * x / 24.0, 0.5 * at + np.log(-np.expm1(-at) / at))
    return found


def falling_root(
    density: Density,
    function: Callable[[Density, npt.NDArray[np.intp], Floats], tuple[Floats, Floats]],
    start: Floats,
    lower: Floats,
    upper: Floats,
    tolerance: Floats,
    wanted: Booleans,
) -> tuple[Floats, Booleans]:
    """Root of a falling function of each table, by Newton steps within a shrinking bracket.

    A Newton step is taken if it stays in the bracket and is at most half the step before, otherwise
    the bracket is halved: between two nearly straight stretches of the function Newton steps alone
    go to and fro for ever. A table leaves the iteration when its own step is within tolerance, so
    its root does not depend on who else is in the batch.

    Parameters
    ----------
    function
        of the density of some tables, these tables and a value for each: the function and minus
        its derivative

    Returns
    -------
    root, found
        (table,) each
    """
    value, low, high = start.copy(), lower.copy(), upper.copy()
    found = np.zeros(len(value), dtype=np.bool_)
    before = high - low
    active = np.flatnonzero(wanted)
    for _ in range(STEPS):
        if not len(active):
            break
        here = value[active]
        height, slope = function(density.take(active), active, here)
        low[active] = np.where(height >= 0.0, here, low[active])
        high[active] = np.where(height <= 0.0, here, high[active])
        step = np.divide(height, slope, out=np.full_like(height, np.inf), where=slope > 0.0)
        there = here + step
        taken = (there >= low[active]) & (there <= high[active])
        taken &= np.abs(step) <= before[active] / 2.0
        middle = low[active] + (high[active] - low[active]) / 2.0
        there = np.where(taken, there, middle)
        value[active] = there
        before[active] = np.abs(there - here)
        done = before[active] <= tolerance[active]
        found[active] = done
        active = active[~done]
    return value, found


def range_of(density: Density, panels: int) -> tuple[Floats, Floats, Floats, Booleans]:
    """Start of the range, width of a panel, log density at the mode, failed; (table,) each."""
    sd = density.sd
    tables = len(density.slope)
    mean = np.full(tables, density.mean)
    inside = np.full(tables, abs(density.mean) < LARGEST)
    with np.errstate(over="ignore", invalid="ignore"):
        pull, _ = density.derivatives(np.clip(mean, -LARGEST, LARGEST))
    # the likelihood's pull weakens on the way from the prior mean to the mode
    reach = mean + sd**2 * pull
    lower = np.clip(np.minimum(mean, reach), -LARGEST, LARGEST)
    upper = np.clip(np.maximum(mean, reach), -LARGEST, LARGEST)

    def push(part: Density, _: npt.NDArray[np.intp], at: Floats) -> tuple[Floats, Floats]:
        return part.derivatives(at)

    # the mode is only the origin of the range: a thousandth of a posterior sd is near enough
    begin = np.clip(mean, lower, upper)
    _, curvature = density.derivatives(begin)
    tolerance = np.minimum(1e-3 / np.sqrt(curvature), 1e-3)
    mode, found = falling_root(density, push, begin, lower, upper, tolerance, inside)
    peak = density.log(mode[:, None])[:, 0]
    ends = [_end(density, mode, peak, side) for side in (-1.0, 1.0)]
    failed = ~found | (np.abs(ends[0]) >= LARGEST) | (np.abs(ends[1]) >= LARGEST)
    failed |= ~np.isfinite(peak)
    # a failed table is carried along as a density of 0, which cannot overflow; no answer shows it
    start = np.where(failed, 0.0, ends[0])
    width = np.where(failed, 1.0, (ends[1] - ends[0]) / panels)
    return start, width, np.where(failed, np.inf, peak), failed


def _end(density: Density, mode: Floats, peak: Floats, side: float) -> Floats:
    """Where the log density has fallen by a little more than DROP below the mode, on one side.

    Newton steps for a concave function from beyond its root stay beyond it, so stopping early only
    makes the range longer.
    """
    farthest = density.sd * math.sqrt(2.0 * DROP) + 1e-2 * density.sd
    value = np.clip(mode + side * farthest, -LARGEST, LARGEST)
    active = np.arange(len(value))
    for _ in range(STEPS):
        part = density.take(active)
        here = value[active]
        excess = peak[active] - part.log(here[:, None])[:, 0] - DROP
        far = excess > 0.05 * DROP
        active = active[far]
        if not len(active):
            break
        slope, _ = part.take(np.flatnonzero(far)).derivatives(here[far])
        value[active] = here[far] + excess[far] / slope
    return value
