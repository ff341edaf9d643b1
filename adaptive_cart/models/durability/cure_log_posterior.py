"""Log posterior of durability at points of its parameters, with first and second derivatives.

This serves only to find where the lattice has to lie; participants are therefore looked at in a few
groups of neighbours in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from adaptive_cart.models.durability.cure_between import log_chance, sums_between
from adaptive_cart.models.durability.cure_prior import LN2, CurePrior
from adaptive_cart.models.durability.cure_times import Times
from adaptive_cart.nouns.records import Floats, Integers

GROUPS: Final = 8  # groups of participants
SHAPE, MEDIAN, ODDS = 0, 1, 2  # log shape, log median, log odds of the cured fraction
PAIRS: Final = {(0, 0): 0, (0, 1): 1, (1, 1): 2, (0, 2): 3, (1, 2): 4, (2, 2): 5}


@dataclass(frozen=True)
class GroupedTimes:
    """Participants in groups, and the priors, for the stage that places the lattice."""

    prior: CurePrior
    censored: Floats  # (group, table), log months
    censored_size: Floats
    relapsed: Floats
    relapsed_size: Floats
    relapses: Floats  # (table, 1)
    since: Floats | None = None  # (group, table), log months; nothing where relapses are dated

    @classmethod
    def read(cls, prior: CurePrior, times: Times) -> GroupedTimes:
        """Put the participants of each table into groups of neighbours in time."""
        censored, censored_size = grouped(times.censored, times.censorings)
        relapses = times.relapses[:, None].astype(np.float64)
        if times.since is None:
            relapsed, relapsed_size = grouped(times.relapsed, times.relapses)
            return cls(prior, censored, censored_size, relapsed, relapsed_size, relapses)
        # an interval may begin with remission itself: its months are averaged, not their logs
        first, last = (
            grouped(np.where(np.isinf(times.relapsed), 0.0, np.exp(months)), times.relapses)
            for months in (times.since, times.relapsed)
        )
        with np.errstate(divide="ignore"):
            since = np.log(np.where(last[1] > 0.0, first[0], 0.0))
            relapsed = np.log(np.where(last[1] > 0.0, last[0], 1.0))
        return cls(prior, censored, censored_size, relapsed, last[1], relapses, since)

    @property
    def dated(self) -> Floats:
        """Log months at which relapses would lie if they were dated: the middles of intervals."""
        if self.since is None:
            return self.relapsed
        return np.log(0.5 * (np.exp(self.since) + np.exp(self.relapsed)))

    def relapsed_before(self, k: Floats, median: Floats) -> Floats:
        """Log likelihood of the relapses, but for the cured, at shapes and log medians."""
        value = np.zeros_like(median)
        for place, (times, size) in enumerate(zip(self.relapsed, self.relapsed_size, strict=True)):
            if self.since is None:
                w = np.minimum(k * (times[:, None] - median), 200.0)
                value += size[:, None] * (w - LN2 * np.exp(w))
            else:
                first, last = self.since[place, :, None], times[:, None]
                part = np.maximum(log_chance(k, first, last, median), -1e6)
                value += size[:, None] * part
        return value

    @property
    def prior_sd(self) -> tuple[float, float]:
        """Prior standard deviations of log shape and log median."""
        return self.prior.shape[1], self.prior.median_months[1]

    @property
    def centre(self) -> tuple[float, float]:
        """Prior means of log shape and log median."""
        return float(np.log(self.prior.shape[0])), float(np.log(self.prior.median_months[0]))


def grouped(times: Floats, count: Integers) -> tuple[Floats, Floats]:
    """Mean log time and size of at most `GROUPS` groups of neighbours, both (group, table).

    The longest time, which says most about the shape, is a group of its own.
    """
    padded = np.zeros((max(len(times), GROUPS) + 1, times.shape[1]))
    padded[1 : len(times) + 1] = np.where(np.isfinite(times), times, 0.0)
    single = padded[1 : GROUPS + 1]
    edges = np.arange(GROUPS + 1)[:, None]
    many = count > GROUPS
    shared = np.where(edges == GROUPS, count, edges * (count - 1) // (GROUPS - 1))
    edges = np.where(many, shared, np.minimum(edges, count))
    sizes = np.diff(edges, axis=0).astype(np.float64)
    running = np.add.accumulate(padded, axis=0)
    means = np.diff(np.take_along_axis(running, edges, axis=0), axis=0) / np.maximum(sizes, 1.0)
    return np.where(many, means, single), sizes


@dataclass
class Points:
    """Points of the parameter space with the log posterior, its slope and its curvature there.

    Axes: `at` and `slope` (parameter, table, point), `value` (table, point), `bend` (pair of
    parameters, table, point), the negative second derivatives in the order of `PAIRS`.
    """

    at: Floats
    value: Floats
    slope: Floats
    bend: Floats

    def part(self, index: Integers) -> Points:
        """Return one point a table, (table, 1)."""
        pick = index[None]
        return Points(
            np.take_along_axis(self.at, np.broadcast_to(pick, (3, *index.shape)), axis=2),
            np.take_along_axis(self.value, index, axis=1),
            np.take_along_axis(self.slope, np.broadcast_to(pick, (3, *index.shape)), axis=2),
            np.take_along_axis(self.bend, np.broadcast_to(pick, (6, *index.shape)), axis=2),
        )


def log_posterior(data: GroupedTimes, at: Floats) -> Points:
    """Log posterior at points (parameter, table, point), with first and second derivatives.

    To it is added the log width that the median then has, -log(r k^2 + 1 / sigma^2) / 2 for r
    relapses: the maximum over the median becomes, nearly, the integral.  With one relapse and a
    vague shape the two differ by a factor of the shape.
    """
    shape, median, odds = at
    k = np.exp(shape)
    cured = special.expit(odds)
    others = 1.0 - cured
    a, b = data.prior.cured
    # Censored: log q, q = c + (1 - c) S, S = exp(-H), H = ln 2 e^w, w = k (log t - log m).
    size = data.censored_size[:, :, None]
    w = data.censored[:, :, None] - median
    w *= k
    np.minimum(w, 200.0, out=w)
    hazard = np.exp(w)
    hazard *= LN2
    survival = np.exp(-hazard)
    relapsing = 1.0 - survival
    uncured = survival * others
    q = uncured + cured
    np.maximum(q, 1e-250, out=q)
    uncured /= q
    work = np.log(q)
    work *= size
    value = summed_down(work)
    second = 1.0 - uncured
    second *= hazard
    second -= 1.0
    uncured *= hazard
    uncured *= size
    second *= uncured  # d2/dw2
    first = -summed_down(uncured)
    uncured *= w
    first_w = -summed_down(uncured)
    second_0 = summed_down(second)
    second *= w
    second_w = summed_down(second)
    second *= w
    second_ww = summed_down(second)
    relapsing /= q
    np.multiply(relapsing, size, out=work)
    by_cured = summed_down(work)
    work *= relapsing
    by_cured_twice = summed_down(work)
    survival *= hazard
    survival /= q
    survival /= q
    survival *= size
    cross = summed_down(survival)
    survival *= w
    cross_w = summed_down(survival)
    relapses, softplus = data.relapses, np.logaddexp(0.0, odds)
    size = data.relapsed_size[:, :, None]
    if data.since is None:
        # Relapsed: log(1 - c) + log k + w - H.
        w = data.relapsed[:, :, None] - median
        w *= k
        np.minimum(w, 200.0, out=w)
        hazard = np.exp(w)
        hazard *= LN2
        hazard *= size
        sum_w = summed_down(w * size)
        sum_h = summed_down(hazard)
        hazard *= w
        sum_hw = summed_down(hazard)
        hazard *= w
        sum_hww = summed_down(hazard)
        first = first + relapses - sum_h
        first_w = first_w + sum_w - sum_hw
        second_0 = second_0 - sum_h
        second_w = second_w - sum_hw
        second_ww = second_ww - sum_hww
        value = value + relapses * (shape - softplus) + sum_w - sum_h
        by_shape = relapses
    else:
        # Between two months: log(1 - c) + log(S - S).
        between = sums_between(k, data.since[:, :, None], data.relapsed[:, :, None], median, size)
        first = first + between.first
        first_w = first_w + between.first_w
        second_0 = second_0 + between.second
        second_w = second_w + between.second_w
        second_ww = second_ww + between.second_ww
        value = value - relapses * softplus + between.value
        by_shape = np.zeros_like(relapses)
    # Priors, and the width of the median.
    sd_shape, sd_median = data.prior_sd
    z_shape = (shape - data.centre[0]) / sd_shape
    z_median = (median - data.centre[1]) / sd_median
    known = relapses * k * k
    share = known / (known + sd_median**-2)
    value = value - 0.5 * (z_shape * z_shape + z_median * z_median + np.log(known + sd_median**-2))
    value = value + a * odds - (a + b) * softplus
    spread = cured * others
    slope = np.stack(
        [
            first_w + by_shape - z_shape / sd_shape - share,
            -k * first - z_median / sd_median,
            spread * by_cured + a - (relapses + a + b) * cured,
        ]
    )
    bend = np.stack(
        [
            -second_ww - first_w + sd_shape**-2 + 2.0 * share * (1.0 - share),
            k * (second_w + first),
            -k * k * second_0 + sd_median**-2,
            -spread * cross_w,
            k * spread * cross,
            spread
            * (spread * by_cured_twice - (1.0 - 2.0 * cured) * by_cured + (relapses + a + b)),
        ]
    )
    return Points(at, value, slope, bend)


def summed_down(values: Floats) -> Floats:
    """Sum over the first axis, one row after the other also where a row is one number.

    NumPy adds a single column pairwise and several row by row: a table would then differ in its
    last bit with the number of tables beside it.
    """
    if values[:1].size == 1:
        values = np.add.accumulate(values, axis=0)[-1:]
    total: Floats = values.sum(axis=0)
    return total
