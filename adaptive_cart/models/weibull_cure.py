r"""How long drug-free remission lasts in an arm: a cured fraction, and relapse for the rest.

What is analysed are the months from first drug-free remission to its loss, in remitters only,
censored at dropout, at the look or at the horizon.  No remitter at all and no relapse at all are
ordinary data: the posterior is then the prior, or leans on it.

The model, one arm at a time
----------------------------
A fraction `cured` c of the remitters never relapses; the others relapse at a Weibull time of median
m months and shape k, so that of them S(t) = exp(-ln 2 (t / m)^k) are still in remission at t, and
R(t) = c + (1 - c) S(t) of all.

* prior: c ~ Beta(a, b), m ~ lognormal(median, sigma), k ~ lognormal(median, sigma), independent;
* likelihood: (1 - c) f(t) for a relapse at t, with f = -S', and c + (1 - c) S(t) for a remitter
  censored at t.  Durations below 1e-6 month count as 1e-6 month.

Mixture cure models: Berkson and Gage (1952), doi:10.1080/01621459.1952.10501187; their Bayesian
form with a Weibull time: Chen, Ibrahim and Sinha (1999), doi:10.1080/01621459.1999.10474196,
section 2 (the "standard" model).

Method
------
Quadrature over a lattice in (log k, log m, c), laid anew for every table of participants.

1. Where.  The mode by damped Newton steps with the analytic Hessian; from it the stretch of log k,
   for each log k that of log m, and over all of them that of c, outside of which the density is
   less than e^-13 of its maximum (signed-root deviance; a coarse scan for c, whose two explanations
   of a long plateau, cured or slow, may be two ridges).  Only the place of the lattice comes from
   this stage, so it may look at participants in groups.
2. What.  The log likelihood at every (log k, log m) of the lattice and at 12 values of c: a product
   over participants of S + c / (1 - c).  In c it is interpolated by the barycentric formula through
   Chebyshev points of c^0.1 (Berrut and Trefethen 2004, doi:10.1137/S0036144502417715, equation
   5.4).  From 32 censored participants on, groups of neighbours in time are replaced by two values
   that have, at the mode's k, the mean and variance of their hazards (groups of 4 up to 63
   participants, 8 up to 127 and so on).
3. How much.  The density is analytic and vanishes at the ends of the lattice, so plain sums are
   integrals (trapezoidal rule, Trefethen and Weideman 2014, doi:10.1137/130932132).  The lattice in
   c is uniform in arsinh of the normal score of its prior.
4. P(R(month) > value) is the sum over one side of a surface.  R rises in both m and c, so along a
   diagonal of the (log m, c) lattice it crosses the value once, and the place of the crossing moves
   by less than a step from one diagonal to the next: sums over diagonals stay smooth whether m, c
   or both matter.  The crossing is found by Newton steps; the partial sum up to it integrates the
   polynomial through six neighbours.

Differences of two arms come from both arms' distributions of R at 13 values, joined by monotone
cubics in the normal score.

Error
-----
Largest difference from sums over dense grids (101 x 361 x 141 points, laid by themselves) in 42
tables of 0 to 80 remitters, none, some or all relapsed, followed for 6 to 48 months; probabilities
at months 1, 6, 24 and 60 and values 0.1 to 0.9, and means as a share of themselves:

==================  ===================  ===============  =============  =======
prior of cured      sigma of the median  sigma of shape   probabilities  means
==================  ===================  ===============  =============  =======
Beta(2, 2)          0.7                  0.3              1.7e-4         5e-5
Beta(20, 20)        0.2                  0.1              7e-5           2e-5
Beta(1, 1)          1.0                  0.7              3.4e-4         1.1e-4
Beta(0.5, 0.5)      1.5                  0.3              6e-4           3e-4
Beta(50, 50)        0.7                  1.5              2.1e-4         3e-4
Beta(0.5, 0.5)      1.5                  1.5              1.5e-3         2e-3
==================  ===================  ===============  =============  =======

Joining 13 values adds 4e-5 to quantiles' and differences' probabilities with the first prior, 6e-4
with the fourth.  A table is `failed` if more than 0.5% of its probability lies in the outermost
points of its lattice in any direction, or no lattice was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = ["WeibullCure", "WeibullCurePosterior"]

Floats: TypeAlias = npt.NDArray[np.float64]
Singles: TypeAlias = npt.NDArray[np.float32]
Integers: TypeAlias = npt.NDArray[np.int64]
Booleans: TypeAlias = npt.NDArray[np.bool_]

LN2: Final = float(np.log(2.0))
SHORTEST: Final = 1e-6  # months
DROP: Final = 13.0  # the lattice ends where the log density is this far below its maximum
GROUPS: Final = 8  # groups of participants that the first stage looks at
PLACED: Final = 96  # tables placed together
BLOCK: Final = 16  # tables whose densities are held together
CURED_NODES: Final = 12  # values of the cured fraction at which the likelihood is computed
CURED: Final = 48  # lattice points of the cured fraction
POWER: Final = 0.1  # the likelihood is interpolated in this power of the cured fraction
EXPOSED: Final = 32  # censored participants from which on neighbours share a value
# Rows in log shape, lattice points in log median, and the widest stretch of log shape for them.
LATTICES: Final = ((16, 32, 5.4), (24, 32, 8.5), (32, 48, 12.0), (48, 48, np.inf))
TAPS: Final = np.arange(-2, 4)  # lattice points that a partial sum interpolates, from the crossing
PADDING: Final = 4  # empty lattice points at either end
CURVE: Final = 13  # values at which a distribution function is computed
LIMIT: Final = 40.0  # log odds of a cured fraction of nought or one


@dataclass(frozen=True)
class WeibullCure:
    """Priors of the cured fraction and of the others' relapse time, for one arm.

    Attributes
    ----------
    cured
        a and b of the beta prior of the cured fraction.
    median_months
        Median and sigma of the lognormal prior of the median relapse time, in months.
    shape
        Median and sigma of the lognormal prior of the Weibull shape.
    """

    cured: tuple[float, float]
    median_months: tuple[float, float]
    shape: tuple[float, float]

    def __post_init__(self) -> None:
        for name in ("cured", "median_months", "shape"):
            pair = getattr(self, name)
            if len(pair) != 2 or not all(np.isfinite(value) and value > 0 for value in pair):
                raise ValueError(f"{name} must be two positive numbers, found {pair!r}")

    def posterior(
        self,
        durations: npt.ArrayLike,
        relapsed: npt.ArrayLike,
        included: npt.ArrayLike,
    ) -> WeibullCurePosterior:
        """Posterior of a batch of tables of remitters.

        Parameters
        ----------
        durations
            Months in remission, until relapse or censoring, (table, participant).
        relapsed
            Whether remission was lost then (else censored), (table, participant).
        included
            Whether the participant is a remitter of this arm, (table, participant); where not, the
            other two are ignored whatever they hold.

        Raises
        ------
        ValueError
            If the shapes differ, or an included duration is negative, infinite or nan.
        """
        months = np.asarray(durations, dtype=np.float64)
        events = np.asarray(relapsed, dtype=np.bool_)
        inside = np.asarray(included, dtype=np.bool_)
        if months.ndim != 2 or months.shape != events.shape or months.shape != inside.shape:
            raise ValueError(
                "durations, relapsed and included must all be (table, participant), found "
                f"{months.shape}, {events.shape} and {inside.shape}"
            )
        if not np.all(np.isfinite(months[inside]) & (months[inside] >= 0.0)):
            raise ValueError("durations of included participants must be finite and not negative")
        return WeibullCurePosterior(self, _Times.read(months, events, inside))


class WeibullCurePosterior:
    """What the remitters of each table say about their arm; every answer is (table,).

    Made by `WeibullCure.posterior`.  Densities are computed block by block when asked for.
    """

    def __init__(self, model: WeibullCure, times: _Times) -> None:
        self.model = model
        self.tables = len(times.relapses)
        self._scale = _cured_scale(*model.cured)
        with np.errstate(all="ignore"):  # trouble is found in `failed`
            self._lattices = [
                _lattice(model, self._scale, times.of(tables), place, number)
                for tables, place, number in _places(model, times)
            ]
        self._curves: dict[float, tuple[Floats, Floats]] = {}

    @property
    def failed(self) -> Booleans:
        """Tables whose posterior could not be computed, (table,)."""
        return self._gather([lattice.summary.failed for lattice in self._lattices]) > 0.5

    def remaining_above(self, month: float, value: float) -> Floats:
        """Probability that more than `value` of the remitters are still in remission at `month`.

        Parameters
        ----------
        month
            Months since remission began; infinity asks about the cured fraction.
        value
            A fraction of the remitters.

        Returns
        -------
        (table,)
        """
        month = _checked_month(month)
        if np.isnan(value):
            raise ValueError("value must be a number")
        if value >= 1.0 or value < 0.0 or month == 0.0:
            return np.full(self.tables, float(value < 0.0 or (month == 0.0 and value < 1.0)))
        parts = []
        for lattice in self._lattices:
            part = np.empty(len(lattice.tables))
            for block, density in lattice.densities():
                at = np.full((len(lattice.tables[block]), 1), value)
                with np.errstate(all="ignore"):
                    part[block] = lattice.above(block, density, month, at)[:, 0]
            parts.append(part)
        return self._gather(parts)

    def remaining_mean(self, month: float) -> Floats:
        """Posterior mean of the fraction still in remission at `month`, (table,)."""
        month = _checked_month(month)
        return self._gather([lattice.remaining_mean(month) for lattice in self._lattices])

    def remaining_quantile(self, month: float, probability: float) -> Floats:
        """Fraction in remission at `month` that the truth is below with `probability`, (table,)."""
        if not 0.0 < probability < 1.0:
            raise ValueError(f"probability must be between 0 and 1, found {probability}")
        angles, scores = self._curve(_checked_month(month))
        score = float(special.ndtri(probability))
        angle = _cubic(-scores, angles, np.full((self.tables, 1), score))[:, 0]
        return np.sin(np.clip(angle, 0.0, 0.5 * np.pi)) ** 2

    def remaining_difference_above(
        self, other: WeibullCurePosterior, month: float, margin: float
    ) -> Floats:
        """Probability that this arm's fraction in remission exceeds the other's by over `margin`.

        Parameters
        ----------
        other
            Posterior of an independent arm in the same tables.
        month
            Months since remission began; infinity asks about the cured fraction.
        margin
            Difference of two fractions.

        Returns
        -------
        (table,)
        """
        if other.tables != self.tables:
            raise ValueError(f"{self.tables} tables cannot be compared with {other.tables}")
        month = _checked_month(month)
        if np.isnan(margin):
            raise ValueError("margin must be a number")
        if month == 0.0:
            return np.full(self.tables, float(margin < 0.0))
        return _difference(self._curve(month), other._curve(month), margin)

    def cured_above(self, value: float) -> Floats:
        """Probability that more than `value` of the remitters are cured, (table,)."""
        if np.isnan(value):
            raise ValueError("value must be a number")
        if value >= 1.0 or value <= 0.0:
            return np.full(self.tables, float(value <= 0.0))
        place = self._scale.place(np.array(special.logit(value)))
        return self._gather([lattice.cured_above(place) for lattice in self._lattices])

    def cured_mean(self) -> Floats:
        """Posterior mean of the cured fraction, (table,)."""
        return self._gather([lattice.summary.cured_mean for lattice in self._lattices])

    def median_above(self, months: float) -> Floats:
        """Probability that the relapse time of those not cured has a median above `months`."""
        if np.isnan(months):
            raise ValueError("months must be a number")
        if months <= 0.0 or months == np.inf:
            return np.full(self.tables, float(months <= 0.0))
        where = float(np.log(months))
        return self._gather([lattice.median_above(where) for lattice in self._lattices])

    def median_mean(self) -> Floats:
        """Posterior mean of the median relapse time of those not cured, in months, (table,)."""
        return self._gather([lattice.summary.median_mean for lattice in self._lattices])

    def _gather(self, parts: Sequence[npt.NDArray[np.generic]]) -> Floats:
        """Answers of the lattices in the order of the tables."""
        result = np.full(self.tables, np.nan)
        for lattice, part in zip(self._lattices, parts, strict=True):
            result[lattice.tables] = part
        return result

    def _curve(self, month: float) -> tuple[Floats, Floats]:
        """Arcsines of the square root of the fraction in remission, and scores of exceeding them.

        Both (table, point); the second is the normal score of P(R > sin^2), falling.
        """
        if month not in self._curves:
            angles = np.empty((self.tables, CURVE))
            scores = np.empty((self.tables, CURVE))
            for lattice in self._lattices:
                for block, density in lattice.densities():
                    with np.errstate(all="ignore"):
                        at = lattice.about(block, density, month)
                        above = lattice.above(block, density, month, np.sin(at) ** 2)
                    angles[lattice.tables[block]] = at
                    scores[lattice.tables[block]] = _scores(above)
            self._curves[month] = angles, scores
        return self._curves[month]


def _checked_month(month: float) -> float:
    if not month >= 0.0:
        raise ValueError(f"month must not be negative, found {month}")
    return float(month)


# --- what was observed --------------------------------------------------------------------------


@dataclass(frozen=True)
class _Times:
    """Log months of the remitters, sorted within a table, empty places infinite.

    `censored` and `relapsed` are (participant, table); `censorings` and `relapses` count them.
    """

    censored: Floats
    relapsed: Floats
    censorings: Integers
    relapses: Integers

    @classmethod
    def read(cls, months: Floats, events: Booleans, inside: Booleans) -> _Times:
        """Sort by time: neither order nor company of participants then changes a bit."""
        logs = np.log(np.maximum(np.where(inside, months, 1.0), SHORTEST))

        def chosen(which: Booleans) -> tuple[Floats, Integers]:
            count = which.sum(axis=1)
            most = max(int(count.max(initial=0)), 1)
            if logs.shape[1] == 0:
                return np.full((1, len(logs)), np.inf), count
            ordered = np.sort(np.where(which, logs, np.inf), axis=1)[:, :most]
            return np.ascontiguousarray(ordered.T), count

        censored, censorings = chosen(inside & ~events)
        relapsed, relapses = chosen(inside & events)
        return cls(censored, relapsed, censorings, relapses)

    def of(self, tables: Integers) -> _Times:
        """Return the times of some of the tables."""
        censorings, relapses = self.censorings[tables], self.relapses[tables]
        most = max(int(censorings.max(initial=0)), 1), max(int(relapses.max(initial=0)), 1)
        return _Times(
            self.censored[: most[0], tables], self.relapsed[: most[1], tables], censorings, relapses
        )


def _grouped(times: Floats, count: Integers) -> tuple[Floats, Floats]:
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


# --- the cured fraction's own scale -------------------------------------------------------------


@dataclass(frozen=True)
class _CuredScale:
    """The coordinate of the cured fraction: arsinh of the normal score of its prior."""

    a: float
    b: float
    first: float
    step: float
    log_odds_table: Floats

    def log_odds(self, place: Floats) -> Floats:
        """Log odds of the cured fraction at coordinates."""
        position = np.clip((place - self.first) / self.step, 0.0, len(self.log_odds_table) - 1.001)
        index = position.astype(np.int64)
        low = self.log_odds_table[index]
        return low + (position - index) * (self.log_odds_table[index + 1] - low)

    def place(self, log_odds: Floats) -> Floats:
        """Coordinates of log odds of the cured fraction."""
        low = special.betainc(self.a, self.b, special.expit(log_odds))
        high = special.betainc(self.b, self.a, special.expit(-log_odds))
        score = np.where(
            low < 0.5,
            special.ndtri(np.maximum(low, 1e-34)),
            -special.ndtri(np.maximum(high, 1e-34)),
        )
        return np.arcsinh(score)


def _log_odds_of_tail(a: float, b: float, log_tail: Floats) -> Floats:
    """Log odds of the fraction below which Beta(a, b) has a probability given by its logarithm.

    Below 1e-6 the density is its leading power; elsewhere the inverse of the incomplete beta
    function is checked, since here and there it does not converge, and mended by its neighbours.
    """
    power = (log_tail + np.log(a) + special.betaln(a, b)) / a
    tail = np.exp(log_tail)
    fraction = special.betaincinv(a, b, tail)
    again = special.betainc(a, b, fraction)
    sound = (fraction > 1e-9) & (fraction < 1.0) & (np.abs(again - tail) <= 1e-7 * tail)
    small = power < np.log(1e-6)
    log_odds = np.where(small, power, special.logit(np.where(sound, fraction, 0.5)))
    known = small | sound
    order = np.argsort(log_tail[known], kind="stable")
    mended = np.interp(log_tail, log_tail[known][order], log_odds[known][order])
    return np.where(known, log_odds, mended)


@lru_cache(maxsize=32)
def _cured_scale(a: float, b: float) -> _CuredScale:
    ends, points = 3.2, 6401  # normal scores up to 12
    place = np.linspace(-ends, ends, points)
    score = np.sinh(place)
    log_tail = special.log_ndtr(-np.abs(score))
    low, high = _log_odds_of_tail(a, b, log_tail), -_log_odds_of_tail(b, a, log_tail)
    table = np.clip(np.where(score <= 0.0, low, high), -LIMIT, LIMIT)
    return _CuredScale(a, b, -ends, 2.0 * ends / (points - 1), table)


# --- stage 1: where the posterior is ------------------------------------------------------------

SHAPE, MEDIAN, ODDS = 0, 1, 2  # log shape, log median, log odds of the cured fraction
PAIRS: Final = {(0, 0): 0, (0, 1): 1, (1, 1): 2, (0, 2): 3, (1, 2): 4, (2, 2): 5}
LARGEST_STEP: Final = (1.0, 2.0, 2.0)
OUTWARD: Final = np.array([1.5, 3.2, 5.3, 8.0])  # standard deviations from the mode


@dataclass(frozen=True)
class _Grouping:
    """Participants in groups, and the priors, for the stage that places the lattice."""

    model: WeibullCure
    censored: Floats  # (group, table), log months
    censored_size: Floats
    relapsed: Floats
    relapsed_size: Floats
    relapses: Floats  # (table, 1)

    @classmethod
    def read(cls, model: WeibullCure, times: _Times) -> _Grouping:
        censored, censored_size = _grouped(times.censored, times.censorings)
        relapsed, relapsed_size = _grouped(times.relapsed, times.relapses)
        relapses = times.relapses[:, None].astype(np.float64)
        return cls(model, censored, censored_size, relapsed, relapsed_size, relapses)

    @property
    def prior_sd(self) -> tuple[float, float]:
        return self.model.shape[1], self.model.median_months[1]

    @property
    def centre(self) -> tuple[float, float]:
        return float(np.log(self.model.shape[0])), float(np.log(self.model.median_months[0]))


@dataclass
class _Points:
    """Points of the parameter space with the log posterior, its slope and its curvature there.

    Axes: `at` and `slope` (parameter, table, point), `value` (table, point), `bend` (pair of
    parameters, table, point), the negative second derivatives in the order of `PAIRS`.
    """

    at: Floats
    value: Floats
    slope: Floats
    bend: Floats

    def part(self, index: Integers) -> _Points:
        """Return one point a table, (table, 1)."""
        pick = index[None]
        return _Points(
            np.take_along_axis(self.at, np.broadcast_to(pick, (3, *index.shape)), axis=2),
            np.take_along_axis(self.value, index, axis=1),
            np.take_along_axis(self.slope, np.broadcast_to(pick, (3, *index.shape)), axis=2),
            np.take_along_axis(self.bend, np.broadcast_to(pick, (6, *index.shape)), axis=2),
        )


def _derivatives(data: _Grouping, at: Floats) -> _Points:
    """Log posterior at points (parameter, table, point), with first and second derivatives.

    To it is added the log width that the median then has, -log(r k^2 + 1 / sigma^2) / 2 for r
    relapses: the maximum over the median becomes, nearly, the integral.  With one relapse and a
    vague shape the two differ by a factor of the shape.
    """
    shape, median, odds = at
    k = np.exp(shape)
    cured = special.expit(odds)
    others = 1.0 - cured
    a, b = data.model.cured
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
    value = _down(work)
    second = 1.0 - uncured
    second *= hazard
    second -= 1.0
    uncured *= hazard
    uncured *= size
    second *= uncured  # d2/dw2
    first = -_down(uncured)
    uncured *= w
    first_w = -_down(uncured)
    second_0 = _down(second)
    second *= w
    second_w = _down(second)
    second *= w
    second_ww = _down(second)
    relapsing /= q
    np.multiply(relapsing, size, out=work)
    by_cured = _down(work)
    work *= relapsing
    by_cured_twice = _down(work)
    survival *= hazard
    survival /= q
    survival /= q
    survival *= size
    cross = _down(survival)
    survival *= w
    cross_w = _down(survival)
    # Relapsed: log(1 - c) + log k + w - H.
    size = data.relapsed_size[:, :, None]
    w = data.relapsed[:, :, None] - median
    w *= k
    np.minimum(w, 200.0, out=w)
    hazard = np.exp(w)
    hazard *= LN2
    hazard *= size
    sum_w = _down(w * size)
    sum_h = _down(hazard)
    hazard *= w
    sum_hw = _down(hazard)
    hazard *= w
    sum_hww = _down(hazard)
    relapses = data.relapses
    first = first + relapses - sum_h
    first_w = first_w + sum_w - sum_hw
    second_0 = second_0 - sum_h
    second_w = second_w - sum_hw
    second_ww = second_ww - sum_hww
    # Priors, and the width of the median.
    softplus = np.logaddexp(0.0, odds)
    sd_shape, sd_median = data.prior_sd
    z_shape = (shape - data.centre[0]) / sd_shape
    z_median = (median - data.centre[1]) / sd_median
    known = relapses * k * k
    share = known / (known + sd_median**-2)
    value = value + relapses * (shape - softplus) + sum_w - sum_h
    value = value - 0.5 * (z_shape * z_shape + z_median * z_median + np.log(known + sd_median**-2))
    value = value + a * odds - (a + b) * softplus
    spread = cured * others
    slope = np.stack(
        [
            first_w + relapses - z_shape / sd_shape - share,
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
    return _Points(at, value, slope, bend)


def _solve(
    data: _Grouping, bend: Floats, side: list[Floats], free: tuple[int, ...]
) -> list[Floats]:
    """Newton step of the free parameters; pivots are kept positive so that it leads uphill."""
    floor = (0.2 / data.prior_sd[0] ** 2, 0.2 / data.prior_sd[1] ** 2, 0.02)
    matrix = [[bend[PAIRS[min(i, j), max(i, j)]] for j in free] for i in free]
    right = list(side)
    number = len(free)
    pivots = []
    for i in range(number):
        pivot = np.maximum(np.abs(matrix[i][i]), floor[free[i]])
        pivots.append(pivot)
        for j in range(i + 1, number):
            factor = matrix[j][i] / pivot
            for column in range(i + 1, number):
                matrix[j][column] = matrix[j][column] - factor * matrix[i][column]
            right[j] = right[j] - factor * right[i]
    for i in reversed(range(number)):
        for j in range(i + 1, number):
            right[i] = right[i] - matrix[i][j] * right[j]
        right[i] = right[i] / pivots[i]
    return right


def _climb(data: _Grouping, start: Floats, free: tuple[int, ...], steps: int) -> _Points:
    """Go uphill in the free parameters by a fixed number of damped Newton steps."""
    points = _derivatives(data, start)
    damping = np.ones_like(points.value)
    for _ in range(steps):
        step = _solve(data, points.bend, [points.slope[i] for i in free], free)
        excess = np.ones_like(damping)
        for i, move in zip(free, step, strict=True):
            largest: float | Floats = LARGEST_STEP[i]
            if i == MEDIAN:  # hazards grow exponentially towards shorter medians
                short = np.minimum(2.0, 2.0 * np.exp(-points.at[SHAPE]) + 0.1 * data.prior_sd[1])
                largest = np.where((move < 0.0) & (data.relapses > 0.0), short, 2.0)
            excess = np.maximum(excess, np.abs(move) / largest)
        at = points.at.copy()
        for i, move in zip(free, step, strict=True):
            at[i] += damping * move / excess
        np.clip(at[ODDS], -LIMIT, LIMIT, out=at[ODDS])
        tried = _derivatives(data, at)
        better = tried.value >= points.value - 1e-9
        damping = np.where(better, np.minimum(1.0, 4.0 * damping), 0.25 * damping)
        points = _Points(
            np.where(better, tried.at, points.at),
            np.where(better, tried.value, points.value),
            np.where(better, tried.slope, points.slope),
            np.where(better, tried.bend, points.bend),
        )
    return points


def _conditional(
    data: _Grouping, points: _Points, coordinate: int, free: tuple[int, ...], widest: float
) -> tuple[Floats, list[Floats]]:
    """Standard deviation along a coordinate, and how the free ones follow it, at the mode."""
    cross = [-points.bend[PAIRS[min(i, coordinate), max(i, coordinate)]] for i in free]
    follow = _solve(data, points.bend, cross, free)
    curvature = points.bend[PAIRS[coordinate, coordinate]].copy()
    for side, move in zip(cross, follow, strict=True):
        curvature -= side * move
    return 1.0 / np.sqrt(np.maximum(curvature, widest**-2)), follow


def _ridge(data: _Grouping, shape: Floats) -> Floats:
    """Log median that the relapses alone would choose at a log shape, (table, point)."""
    k = np.exp(shape)
    size = data.relapsed_size[:, :, None]
    times = data.relapsed[:, :, None]
    last = np.where(size > 0.0, times, -np.inf).max(axis=0)
    last = np.where(np.isfinite(last), last, 0.0)
    total = _down(size * np.exp(np.minimum(k * (times - last), 0.0)))
    chosen = last + np.log(LN2 * total / np.maximum(data.relapses, 1.0) + 1e-300) / k
    return np.where(data.relapses > 0.0, chosen, 0.0)


def _outermost(centre: Floats, positions: Floats, roots: Floats, target: float) -> Floats:
    """Where the root deviance, known at positions going outwards, last passes the target."""
    position = np.concatenate([centre, positions], axis=1)
    root = np.concatenate([np.zeros_like(centre), roots], axis=1)
    inside = root[:, 1:] < target
    number = inside.shape[1]
    last = np.where(inside.any(axis=1), number - inside[:, ::-1].argmax(axis=1), 0)
    last = np.minimum(last, number - 1)[:, None]

    def at(values: Floats, index: Integers) -> Floats:
        return np.take_along_axis(values, index, axis=1)

    low, high = at(root, last), at(root, last + 1)
    share = np.clip((target - low) / np.maximum(high - low, 0.15 * target), 0.0, 2.5)
    return at(position, last) + share * (at(position, last + 1) - at(position, last))


@dataclass(frozen=True)
class _Ridge:
    """The mode, and modes given the log shape on either side: first answer to `where`."""

    mode: Floats  # (parameter, table)
    best: Floats  # (table,), log posterior there
    path: Floats  # (parameter, table, point), by rising log shape
    ends: Floats  # (table, 2), of log shape

    def of(self, tables: Integers) -> _Ridge:
        return _Ridge(
            self.mode[:, tables], self.best[tables], self.path[:, tables], self.ends[tables]
        )


def _find_ridge(data: _Grouping) -> _Ridge:
    """Mode of each table, from two starting points, and the stretch of log shape around it."""
    number = len(data.relapses)
    start = np.empty((3, number, 2))
    start[SHAPE], start[MEDIAN] = data.centre
    start[ODDS] = -2.0, 0.7
    points = _climb(data, start, (SHAPE, MEDIAN, ODDS), 10)
    mode = points.part(points.value.argmax(axis=1)[:, None])
    sd, follow = _conditional(data, mode, SHAPE, (MEDIAN, ODDS), 1.1 * data.prior_sd[0])
    away = sd * np.concatenate([-OUTWARD, OUTWARD])
    start = np.broadcast_to(mode.at, (3, *away.shape)).copy()
    start[SHAPE] += away
    start[MEDIAN] += np.clip(follow[0] * away, -1.0, 1.0)
    start[ODDS] += np.clip(follow[1] * away, -1.5, 1.5)
    steep = (away > 0.0) & (data.relapses > 0.0)
    start[MEDIAN] = np.where(steep, _ridge(data, start[SHAPE]), start[MEDIAN])
    sides = _climb(data, start, (MEDIAN, ODDS), 5)
    best = np.maximum(mode.value, sides.value.max(axis=1, keepdims=True))
    roots = np.sqrt(2.0 * (best - sides.value))
    half, target = len(OUTWARD), float(np.sqrt(2.0 * DROP))
    shape = sides.at[SHAPE]
    low = _outermost(mode.at[SHAPE], shape[:, :half], roots[:, :half], target)
    high = _outermost(mode.at[SHAPE], shape[:, half:], roots[:, half:], target)
    path = np.concatenate([sides.at[:, :, :half][:, :, ::-1], mode.at, sides.at[:, :, half:]], 2)
    return _Ridge(mode.at[:, :, 0], mode.value[:, 0], path, np.concatenate([low, high], axis=1))


def _along(position: Floats, knots: Floats, values: Floats) -> Floats:
    """Straight lines through rising knots (table, knot), at positions (table, point)."""
    index = (knots[:, None, 1:-1] <= position[:, :, None]).sum(axis=2)
    low = np.take_along_axis(knots, index, axis=1)
    high = np.take_along_axis(knots, index + 1, axis=1)
    share = np.clip((position - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    first = np.take_along_axis(values, index, axis=1)
    return first + share * (np.take_along_axis(values, index + 1, axis=1) - first)


@dataclass(frozen=True)
class _Place:
    """The box of the lattice: rows of log shape, in each a stretch of log median, one of cured."""

    tables: Integers
    shape_ends: Floats  # (table, 2)
    median_ends: Floats  # (table, row, 2), rows of the lattice
    cured_ends: Floats  # (table, 2), on the cured fraction's own scale
    mode_shape: Floats  # (table,)
    found: Booleans  # (table,)


def _middles(number: int) -> Floats:
    """Middles of equal parts of [0, 1]."""
    return (np.arange(number) + 0.5) / number


def _find_place(
    data: _Grouping, ridge: _Ridge, scale: _CuredScale, rows: int, tables: Integers
) -> _Place:
    """Stretches of the log median in every row and of the cured fraction."""
    knots = np.linspace(0.0, 1.0, rows // 2 + 1)
    low, high = ridge.ends[:, :1], ridge.ends[:, 1:]
    shape = low + (high - low) * knots
    path = ridge.path[SHAPE]
    middle = ridge.mode[SHAPE][:, None]

    def relapses_say(at: Floats) -> Floats:
        beyond = (data.relapses > 0.0) & (at > middle)
        return np.where(beyond, _ridge(data, at) - _ridge(data, middle), 0.0)

    median = _along(shape, path, ridge.path[MEDIAN] - relapses_say(path)) + relapses_say(shape)
    start = np.stack([shape, median, _along(shape, path, ridge.path[ODDS])])
    points = _climb(data, start, (MEDIAN, ODDS), 2)
    lowest, highest = _median_stretch(data, points)
    cured = _cured_stretch(data, scale, ridge, shape, lowest, highest)
    # Straight lines between every second row: each row is summed for itself.
    place = _middles(rows) * (len(knots) - 1)
    index = np.minimum(place.astype(np.int64), len(knots) - 2)
    share = place - index
    ends = np.stack([lowest, highest], axis=2)
    ends = ends[:, index] * (1.0 - share)[:, None] + ends[:, index + 1] * share[:, None]
    found = np.ones(len(tables), dtype=np.bool_)
    return _Place(tables, ridge.ends, ends, cured, ridge.mode[SHAPE], found)


def _median_stretch(data: _Grouping, points: _Points) -> tuple[Floats, Floats]:
    """Log medians where the density has dropped, given log shape, the cured fraction following.

    At the upper end it is the density times the median that has: the tail that the mean needs.
    """
    width, follow = _conditional(data, points, MEDIAN, (ODDS,), 1.2 * data.prior_sd[1])
    half = width.shape[1]
    up = np.concatenate([np.zeros_like(width), np.ones_like(width)], axis=1)
    sign = 2.0 * up - 1.0
    target = float(np.sqrt(2.0 * DROP))
    at = np.concatenate([points.at, points.at], axis=2)
    start = at[MEDIAN].copy()
    distance = 0.5 * target * np.concatenate([width, width], axis=1)
    top = np.concatenate([points.value, points.value], axis=1)
    turn = np.concatenate([follow[0], follow[0]], axis=1)
    at[ODDS] += np.clip(turn * distance * sign, -1.0, 1.0)
    sd = data.prior_sd[1]
    for _ in range(4):
        at[MEDIAN] = start + sign * distance
        np.clip(at[ODDS], -LIMIT, LIMIT, out=at[ODDS])
        here = _derivatives(data, at)
        value = here.value + up * distance
        stiffness = np.maximum(np.abs(here.bend[PAIRS[ODDS, ODDS]]), 0.02)
        move = here.slope[ODDS] / stiffness
        turn = -here.bend[PAIRS[MEDIAN, ODDS]] / stiffness
        slope = here.slope[MEDIAN] + up + turn * here.slope[ODDS]
        top = np.maximum(top, value)
        reached = value + np.clip(0.5 * here.slope[ODDS] * move, 0.0, 1.5)
        root = np.sqrt(2.0 * np.maximum(top - reached, 1e-3))
        falls = np.maximum(-sign * slope, 0.1 * root / sd)
        change = np.clip((target - root) * root / falls, -0.4 * distance, distance + 0.3 * sd)
        distance = distance + change
        at[ODDS] += np.clip(move + turn * change * sign, -2.0, 2.0)
    ends = start + sign * distance
    return ends[:, :half], ends[:, half:]


SCANNED: Final = np.linspace(-3.0, 3.0, 19)


def _cured_stretch(
    data: _Grouping,
    scale: _CuredScale,
    ridge: _Ridge,
    shape: Floats,
    lowest: Floats,
    highest: Floats,
) -> Floats:
    """Stretch of the cured fraction, from a coarse scan of all shapes and medians found."""
    every = max((shape.shape[1] - 1) // 4, 1)
    shape, lowest, highest = shape[:, ::every], lowest[:, ::every], highest[:, ::every]
    share = _middles(9)
    median = (lowest[:, :, None] + (highest - lowest)[:, :, None] * share).reshape(len(shape), -1)
    shape = np.repeat(shape, len(share), axis=1)
    k = np.exp(shape)
    log_odds = scale.log_odds(SCANNED)
    odds = np.exp(log_odds)[:, None, None]
    value = np.zeros((len(SCANNED), *median.shape))
    for times, size in zip(data.censored, data.censored_size, strict=True):
        if not size.any():
            continue
        hazard = LN2 * np.exp(np.minimum(k * (times[:, None] - median), 200.0))
        part = np.exp(-hazard) + odds
        np.log(part, out=part)
        part *= size[:, None]
        value += part
    relapsed = np.zeros_like(median)
    for times, size in zip(data.relapsed, data.relapsed_size, strict=True):
        w = np.minimum(k * (times[:, None] - median), 200.0)
        relapsed += size[:, None] * (w - LN2 * np.exp(w))
    sd_shape, sd_median = data.prior_sd
    relapsed += data.relapses * shape - 0.5 * ((shape - data.centre[0]) / sd_shape) ** 2
    relapsed -= 0.5 * ((median - data.centre[1]) / sd_median) ** 2
    relapsed -= 0.5 * np.log(data.relapses * k * k + sd_median**-2)
    value += relapsed
    a, b = data.model.cured
    censorings = np.add.reduce(data.censored_size, axis=0)[:, None]
    total = a + b + data.relapses + censorings
    profile = value.max(axis=2).T + a * log_odds - total * np.logaddexp(0.0, log_odds)
    centre = scale.place(ridge.mode[ODDS][:, None])
    best = np.maximum(ridge.best[:, None], profile.max(axis=1, keepdims=True))
    roots = np.sqrt(2.0 * (best - profile))
    target = float(np.sqrt(2.0 * DROP))
    ends = []
    for sign in (-1.0, 1.0):
        positions = SCANNED if sign > 0.0 else -SCANNED[::-1]
        root = roots if sign > 0.0 else roots[:, ::-1]
        middle = sign * centre
        inside = (root < target) & (positions > middle)
        number = len(positions)
        last = np.where(inside.any(axis=1), number - 1 - inside[:, ::-1].argmax(axis=1), -1)
        first_beyond = (positions <= middle).sum(axis=1)
        following = np.minimum(np.where(last >= 0, last + 1, first_beyond), number - 1)
        kept = np.maximum(last, 0)[:, None]
        low = np.where(last >= 0, positions[kept[:, 0]], middle[:, 0])
        low_root = np.where(last >= 0, np.take_along_axis(root, kept, axis=1)[:, 0], 0.0)
        high = positions[following]
        high_root = np.take_along_axis(root, following[:, None], axis=1)[:, 0]
        part = np.clip((target - low_root) / np.maximum(high_root - low_root, 1e-9), 0.0, 1.0)
        end = np.where(high > low, low + part * (high - low), low)
        ends.append(sign * (end + 0.04 * (end - middle[:, 0]) + 0.004))
    return np.stack(ends, axis=1)


def _places(model: WeibullCure, times: _Times) -> Iterator[tuple[Integers, _Place, int]]:
    """Tables of one size of lattice and of one sharing of censored times, placed."""
    number = len(times.relapses)
    ridges, groupings = [], []
    for first in range(0, number, PLACED):
        tables = np.arange(first, min(first + PLACED, number))
        groupings.append(_Grouping.read(model, times.of(tables)))
        ridges.append(_find_ridge(groupings[-1]))
    if not ridges:
        return
    ridge = _Ridge(
        np.concatenate([part.mode for part in ridges], axis=1),
        np.concatenate([part.best for part in ridges]),
        np.concatenate([part.path for part in ridges], axis=1),
        np.concatenate([part.ends for part in ridges]),
    )
    width = ridge.ends[:, 1] - ridge.ends[:, 0]
    widest = np.array([lattice[2] for lattice in LATTICES[:-1]])
    size = (width[:, None] > widest).sum(axis=1)
    sharing = np.maximum(np.log2(np.maximum(times.censorings, 1) / EXPOSED) + 1.0, 0.0)
    sharing = sharing.astype(np.int64)
    scale = _cured_scale(*model.cured)
    for number_of_lattice in np.unique(size):
        for shared in np.unique(sharing[size == number_of_lattice]):
            tables = np.flatnonzero((size == number_of_lattice) & (sharing == shared))
            # Most participants first: those still in a product are then a leading part.
            tables = tables[np.argsort(-times.censorings[tables], kind="stable")]
            parts = []
            for first in range(0, len(tables), PLACED):
                chosen = tables[first : first + PLACED]
                data = _Grouping.read(model, times.of(chosen))
                rows = LATTICES[number_of_lattice][0]
                parts.append(_find_place(data, ridge.of(chosen), scale, rows, chosen))
            ends = [
                np.concatenate([part.shape_ends for part in parts]),
                np.concatenate([part.median_ends for part in parts]),
                np.concatenate([part.cured_ends for part in parts]),
            ]
            found = np.ones(len(tables), dtype=np.bool_)
            for end in ends:
                ascending = np.isfinite(end).all(axis=-1) & (end[..., 0] < end[..., 1])
                found &= ascending.reshape(len(tables), -1).all(axis=1)
            for end in ends:  # any box will do for a table that has failed
                end[~found] = -1.0, 1.0
            mode_shape = np.concatenate([part.mode_shape for part in parts])
            mode_shape = np.where(found, mode_shape, 0.0)
            place = _Place(tables, ends[0], ends[1], ends[2], mode_shape, found)
            yield tables, place, int(number_of_lattice)


# --- stage 2: the log likelihood on the lattice -------------------------------------------------


def _shared(times: _Times, mode_shape: Floats, together: int) -> tuple[Floats, Floats, Integers]:
    """Values that stand for `together` censored times each.

    Neighbours in time form groups of twice as many; two values stand for a group, one standard
    deviation of its hazards, at the mode's shape, on either side of their mean.  The earliest, who
    tell least, need not fill their group.

    Returns
    -------
    log months (value, table), how many the first two values stand for (table,), number of values
    (table,)
    """
    if together == 1:
        return times.censored, np.ones(len(times.relapses)), times.censorings
    k = np.exp(mode_shape)
    group = 2 * together
    number, rest = np.divmod(times.censorings, group)
    number = number + (rest > 0)
    first = np.where(rest > 0, rest, group)
    last = np.take_along_axis(times.censored, times.censorings[None] - 1, axis=0)[0]
    present = np.isfinite(times.censored)
    hazard = np.exp(k * np.where(present, np.minimum(times.censored - last, 0.0), 0.0))
    values = np.zeros((2 * int(number.max()), len(k)))
    for which in range(int(number.max())):
        start = np.zeros_like(first) if which == 0 else first + (which - 1) * group
        size = first if which == 0 else np.full_like(first, group)
        total, square = np.zeros(len(k)), np.zeros(len(k))
        for member in range(group):
            index = np.minimum(start + member, len(hazard) - 1)
            found = np.take_along_axis(hazard, index[None], axis=0)[0]
            found = np.where(member < size, found, 0.0)
            total += found
            square += found * found
        mean = total / size
        sd = np.sqrt(np.maximum(square / size - mean * mean, 0.0))
        values[2 * which] = last + np.log(np.maximum(mean - sd, 1e-3 * mean + 1e-300)) / k
        values[2 * which + 1] = last + np.log(np.maximum(mean + sd, 1e-300)) / k
    return values, 0.5 * first, 2 * number


def _chebyshev(number: int) -> Floats:
    """Chebyshev points of the second kind on [0, 1]."""
    return 0.5 - 0.5 * np.cos(np.pi * np.arange(number) / (number - 1))


def _lattice(
    model: WeibullCure, scale: _CuredScale, times: _Times, place: _Place, number: int
) -> _Lattice:
    """Log likelihood, with the priors of shape and median, on the lattices of many tables."""
    rows, columns, _ = LATTICES[number]
    tables = len(place.tables)
    steps = _middles(columns)
    shape = place.shape_ends[:, :1] + np.diff(place.shape_ends) * _middles(rows)
    width = place.median_ends[:, :, 1] - place.median_ends[:, :, 0]
    first_median = place.median_ends[:, :, 0] + width * steps[0]
    # Cured fraction: points where the likelihood is computed, and the way from them to the lattice.
    cured_step = np.diff(place.cured_ends)[:, 0] / CURED
    cured_place = place.cured_ends[:, :1] + np.diff(place.cured_ends) * _middles(CURED)
    log_odds = scale.log_odds(cured_place)
    ends = special.expit(scale.log_odds(place.cured_ends)) ** POWER
    nodes = _chebyshev(CURED_NODES)
    cured = (ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * nodes) ** (1.0 / POWER)
    odds = cured / np.maximum(1.0 - cured, 1e-16)
    at = (special.expit(log_odds) ** POWER - ends[:, :1]) / (ends[:, 1:] - ends[:, :1])
    away = at[:, None, :] - nodes[:, None]
    away = np.where(np.abs(away) < 1e-12, 1e-12, away)
    weights = np.where(np.arange(CURED_NODES) % 2 == 0, 1.0, -1.0)
    weights[[0, -1]] *= 0.5
    spread = weights[:, None] / away
    spread /= spread.sum(axis=1, keepdims=True)  # (table, node, lattice point)
    relapses = times.relapses.astype(np.float64)
    score = np.sinh(cured_place)
    log_prior = -0.5 * score * score + np.log(np.cosh(cured_place))
    log_prior -= relapses[:, None] * np.logaddexp(0.0, log_odds)

    together = 1
    while tables and int(times.censorings[0]) // together >= EXPOSED:
        together *= 2
    values, first_size, counts = _shared(times, place.mode_shape, together)
    log_likelihood = np.empty((tables, CURED_NODES, rows * columns), dtype=np.float32)
    centre_shape, centre_median = np.log(model.shape[0]), np.log(model.median_months[0])
    for start in range(0, tables, BLOCK):
        block = slice(start, min(start + BLOCK, tables))
        k = np.exp(shape[block])
        median = place.median_ends[block, :, :1] + width[block][:, :, None] * steps
        part = _censored(k, median, odds[block].T, values[:, block], counts[block],
                         first_size[block], together)  # fmt: skip
        part -= times.censorings[block, None] * np.log1p(odds[block].T)[:, :, None]
        rest = _relapsed(k, median, times.relapsed[:, block], relapses[block])
        rest -= 0.5 * (((shape[block] - centre_shape) / model.shape[1]) ** 2)[:, :, None]
        rest -= 0.5 * ((median - centre_median) / model.median_months[1]) ** 2
        rest += np.log(width[block])[:, :, None]
        part += rest.reshape(1, len(k), -1)
        part = part.transpose(1, 0, 2)
        part -= part.max(axis=(1, 2), keepdims=True)
        log_likelihood[block] = np.maximum(part, -1e6)
    return _Lattice(
        place.tables,
        place.found,
        (rows, columns),
        shape,
        first_median,
        width / columns,
        place.cured_ends[:, 0] + 0.5 * cured_step,
        cured_step,
        log_odds,
        log_likelihood,
        spread.astype(np.float32),
        log_prior.astype(np.float32),
    )


def _censored(
    k: Floats,
    median: Floats,
    odds: Floats,
    values: Floats,
    counts: Integers,
    first_size: Floats,
    together: int,
) -> Floats:
    """Sum over censored participants of log(S + odds), (node, table, point)."""
    tables = len(k)
    points = median.shape[1] * median.shape[2]
    result = np.zeros((len(odds), tables, points))
    product = np.ones_like(result)
    factor = np.empty_like(result)
    if counts[0] == 0:
        return result
    last = np.take_along_axis(values, np.maximum(counts - 1, 0)[None], axis=0)[0]
    last = np.where(np.isfinite(last), last, 0.0)
    scale = np.exp(np.minimum(k[:, :, None] * (last[:, None, None] - median), 600.0)) * -LN2
    waiting = 0
    for value in range(int(counts[0])):
        many = int((counts > value).sum())
        ratio = np.exp(k[:many] * (values[value, :many] - last[:many])[:, None])
        survival = np.exp(scale[:many] * ratio[:, :, None]).reshape(1, many, points)
        np.add(survival, odds[:, :many, None], out=factor[:, :many])
        if value < 2 and together > 1:  # the first group may hold fewer
            np.log(factor[:, :many], out=factor[:, :many])
            factor[:, :many] *= (first_size[:many] / together)[:, None]
            result[:, :many] += factor[:, :many]
            continue
        product[:, :many] *= factor[:, :many]
        waiting += 1
        if waiting == 8 or value == counts[0] - 1:
            np.log(product, out=product)
            result += product
            product[:] = 1.0
            waiting = 0
    result *= together
    return result


def _relapsed(k: Floats, median: Floats, times: Floats, relapses: Floats) -> Floats:
    """Sum over relapses of the log density but for log(1 - cured), (table, row, column)."""
    real = np.isfinite(times)
    last = np.where(real, times, -np.inf).max(axis=0)
    last = np.where(np.isfinite(last), last, 0.0)[:, None]
    total = np.zeros_like(k)
    logs = np.zeros_like(last[:, 0])
    for time, present in zip(times, real, strict=True):
        away = np.where(present, time, 0.0)[:, None] - last
        total += np.where(present[:, None], np.exp(np.minimum(k * away, 0.0)), 0.0)
        logs += np.where(present, time, 0.0)
    w = np.minimum(k[:, :, None] * (last[:, :, None] - median), 200.0)
    hazard = LN2 * np.exp(w) * total[:, :, None]
    number = relapses[:, None]
    straight = number * np.log(k) + k * logs[:, None]
    return straight[:, :, None] - (number * k)[:, :, None] * median - hazard


# --- stage 3: sums over the lattice -------------------------------------------------------------


def _partial_weights() -> Floats:
    """Coefficients of the weight that each of six neighbours has in a sum from a crossing on.

    The crossing lies at t in [0, 1] between the third and the fourth; the weight is a polynomial in
    t, (tap, power), the integral from t on of the pieces of polynomials through six points.
    """
    cardinal = []
    for tap in TAPS:
        polynomial = np.array([1.0])
        for other in TAPS:
            if other != tap:
                polynomial = np.convolve(polynomial, np.array([-other, 1.0]) / (tap - other))
        cardinal.append(np.concatenate([[0.0], polynomial / np.arange(1, len(TAPS) + 1)]))
    whole = [float(integral.sum()) for integral in cardinal]
    weights = np.array([-integral for integral in cardinal])
    weights[:, 0] += whole + np.concatenate([[0.0], np.cumsum(whole)[:-1]])
    return weights


WEIGHTS: Final = _partial_weights()
SINGLE_WEIGHTS: Final = WEIGHTS.astype(np.float32)


def _tail(density: Floats, position: Floats) -> Floats:
    """Sum of equally spaced densities (..., point) from a position (...) on, in steps."""
    number = density.shape[-1]
    padding = [(0, 0)] * (density.ndim - 1) + [(PADDING, PADDING)]
    padded = np.pad(density, padding)
    running = np.add.accumulate(padded, axis=-1)
    position = np.clip(position, -1.0, number - 0.001)
    index = np.floor(position).astype(np.int64)
    share = position - index
    base = (index + PADDING)[..., None]
    total = running[..., -1] - np.take_along_axis(running, base + TAPS[-1], axis=-1)[..., 0]
    for tap, coefficients in zip(TAPS, WEIGHTS, strict=True):
        weight = np.full_like(share, coefficients[-1])
        for coefficient in coefficients[-2::-1]:
            weight = weight * share + coefficient
        total = total + weight * np.take_along_axis(padded, base + tap, axis=-1)[..., 0]
    return total


@dataclass(frozen=True)
class _Summary:
    """Sums over the lattice that every question but `remaining_above` is answered from."""

    failed: Booleans
    points: Floats  # (table, row, column), probability of each shape and median
    points_cured: Floats  # the same, times the mean cured fraction there
    cured: Floats  # (table, lattice point), probability of each cured fraction
    cured_mean: Floats
    median_mean: Floats


@dataclass
class _Lattice:
    """Lattices of one size, of many tables."""

    tables: Integers
    found: Booleans  # whether the lattice has a place, (table,)
    size: tuple[int, int]  # rows, columns
    shape: Floats  # (table, row), log
    first_median: Floats  # (table, row), log
    median_step: Floats
    first_cured: Floats  # (table,), on the cured fraction's own scale
    cured_step: Floats
    log_odds: Floats  # (table, lattice point) of the cured fraction
    log_likelihood: Singles  # (table, node of the cured fraction, row and column)
    spread: Singles  # (table, node, lattice point)
    log_prior: Singles  # (table, lattice point), with the relapses' log(1 - cured)

    def __post_init__(self) -> None:
        self._summary: _Summary | None = None

    @property
    def summary(self) -> _Summary:
        """Sums over the lattice, computed when first asked for."""
        if self._summary is None:
            for _ in self.densities():
                pass
        assert self._summary is not None
        return self._summary

    def densities(self) -> Iterator[tuple[slice, Singles]]:
        """Blocks of tables with their densities, (table, row, column, cured), not normalised.

        The array is laid out by diagonals (see `_diagonals`) and overwritten by the next block.
        """
        rows, columns = self.size
        diagonals = columns + CURED - 1
        store = np.zeros((BLOCK, rows, columns + 2 * PADDING, diagonals), dtype=np.float32)
        summaries = []
        for start in range(0, len(self.tables), BLOCK):
            block = slice(start, min(start + BLOCK, len(self.tables)))
            number = block.stop - block.start
            nodes = self.log_likelihood[block].transpose(0, 2, 1)
            logs = np.matmul(nodes, self.spread[block])
            logs += self.log_prior[block, None]
            logs -= logs.max(axis=(1, 2), keepdims=True)
            np.maximum(logs, -50.0, out=logs)  # numbers too small to be normal are slow
            density = np.exp(logs, out=logs)
            if self._summary is None:
                summaries.append(self._summarise(block, density))
            view = _by_cured(store[:number], columns)
            view[...] = density.reshape(number, rows, columns, CURED)
            yield block, store[:number]
        if self._summary is None:
            self._summary = _Summary(
                *(
                    np.concatenate([getattr(part, name) for part in summaries])
                    for name in _Summary.__dataclass_fields__
                )
            )

    def _medians(self, block: slice) -> Floats:
        """Log medians of the lattice, (table, row, column)."""
        steps = np.arange(self.size[1])
        return self.first_median[block, :, None] + self.median_step[block, :, None] * steps

    def _summarise(self, block: slice, density: Singles) -> _Summary:
        rows, columns = self.size
        cured = special.expit(self.log_odds[block])
        both = np.stack([np.ones_like(cured), cured], axis=2).astype(np.float32)
        sums = np.matmul(density, both).astype(np.float64)
        points = sums[:, :, 0].reshape(-1, rows, columns)
        points_cured = sums[:, :, 1].reshape(-1, rows, columns)
        marginal = density.sum(axis=1).astype(np.float64)
        total = points.sum(axis=(1, 2), keepdims=True)
        points = points / total
        points_cured = points_cured / total
        marginal = marginal / marginal.sum(axis=1, keepdims=True)
        medians = np.exp(self._medians(block))
        edges = np.stack(
            [
                points[:, [0, -1]].sum(axis=(1, 2)),
                points[:, :, [0, -1]].sum(axis=(1, 2)),
                marginal[:, [0, -1]].sum(axis=1),
            ]
        )
        mean = points_cured.sum(axis=(1, 2))
        fine = self.found[block] & np.isfinite(mean) & (edges.max(axis=0) < 5e-3)
        return _Summary(
            ~fine, points, points_cured, marginal, mean, (points * medians).sum(axis=(1, 2))
        )

    def _hazard(self, block: slice, month: float) -> tuple[Floats, Floats]:
        """Log of the cumulative hazard over ln 2 at `month`, and its fall a step of log median."""
        k = np.exp(self.shape[block])
        with np.errstate(divide="ignore"):
            away = np.log(month) - self._medians(block)
        logs = np.clip(k[:, :, None] * away, -700.0, 700.0)
        return logs, k * self.median_step[block]

    def remaining_mean(self, month: float) -> Floats:
        """Posterior mean of the fraction in remission, (table,)."""
        summary = self.summary
        logs, _ = self._hazard(slice(None), month)
        survival = np.exp(-LN2 * np.exp(logs))
        parts = survival * (summary.points - summary.points_cured) + summary.points_cured
        return parts.sum(axis=(1, 2))

    def cured_above(self, place: Floats) -> Floats:
        """Probability of a cured fraction above a place on its scale, (table,)."""
        return np.clip(
            _tail(self.summary.cured, (place - self.first_cured) / self.cured_step), 0.0, 1.0
        )

    def median_above(self, where: float) -> Floats:
        """Probability of a log median above `where`, (table,)."""
        position = (where - self.first_median) / self.median_step
        return np.clip(_tail(self.summary.points, position).sum(axis=1), 0.0, 1.0)

    def about(self, block: slice, density: Singles, month: float) -> Floats:
        """Angles around which the fraction in remission lies, (table, `CURVE`), rising.

        The angle of a fraction is the arcsine of its square root.  Rough quantiles are enough: the
        probabilities are then computed at these angles.
        """
        weight = _by_cured(density, self.size[1])[..., 1::3]
        number = len(weight)
        others = special.expit(-self.log_odds[block, 1::3]).astype(np.float32)
        logs, _ = self._hazard(block, month)
        lost = -np.expm1(-LN2 * np.exp(logs)).astype(np.float32)
        angle = np.arccos(np.sqrt(lost[..., None] * others[:, None, None, :])).reshape(number, -1)
        weight = weight.reshape(number, -1)
        seen = weight > 1e-5 * weight.max(axis=1, keepdims=True)
        low = np.where(seen, angle, 2.0).min(axis=1).astype(np.float64)
        high = np.where(seen, angle, 0.0).max(axis=1).astype(np.float64)
        bins = 128
        step = np.maximum(high - low, 1e-9) / bins
        place = np.clip((angle - low[:, None]) / step[:, None], 0.0, bins - 1.0).astype(np.int64)
        place += np.arange(number)[:, None] * bins
        sums = np.bincount(place.ravel(), weight.ravel().astype(np.float64), number * bins)
        running = np.add.accumulate(sums.reshape(number, bins), axis=1)
        running /= np.maximum(running[:, -1:], 1e-300)
        wanted = special.ndtr(np.linspace(-3.6, 3.6, CURVE))
        index = (running[:, None, :] < wanted[:, None]).sum(axis=2)
        index = np.minimum(index, bins - 1)
        above = np.take_along_axis(running, index, axis=1)
        below = np.where(
            index > 0, np.take_along_axis(running, np.maximum(index - 1, 0), axis=1), 0.0
        )
        share = np.clip((wanted - below) / np.maximum(above - below, 1e-300), 0.0, 1.0)
        found = low[:, None] + step[:, None] * (index + share)
        apart = np.maximum(np.diff(found), 0.02 * (high - low)[:, None] + 1e-9)
        found[:, 1:] = found[:, :1] + np.add.accumulate(apart, axis=1)
        return np.clip(found, 0.0, 0.5 * np.pi)

    def above(self, block: slice, density: Singles, month: float, values: Floats) -> Floats:
        """Probability that the fraction in remission exceeds values (table, value), likewise.

        A fraction R exceeds v where the uncured have lost F < (1 - v) / (1 - c).
        """
        rows, columns = self.size
        number, _, width, diagonals = density.shape
        running = density.copy()
        for column in range(PADDING + 1, width):
            running[:, :, column] += running[:, :, column - 1]
        totals = running[:, :, -1]
        total = totals.sum(axis=(1, 2), dtype=np.float64)
        matters = totals > 1e-7 * total[:, None, None]
        logs, fall = self._hazard(block, month)
        lost = -np.expm1(-LN2 * np.exp(logs))
        single = lost.astype(np.float32)[..., None]
        flat_logs, flat_lost = logs.astype(np.float32).reshape(-1), single.reshape(-1)
        flat_fall = fall.astype(np.float32).reshape(-1)
        flat_density, flat_running = density.reshape(-1), running.reshape(-1)
        flat_totals = np.ascontiguousarray(totals).reshape(-1)
        per_uncured = np.exp(np.logaddexp(0.0, self.log_odds[block]))
        offset = np.arange(diagonals) - columns  # of the cured fraction before the crossing
        padded = np.full((number, 2 * columns + CURED - 2), -1.0, dtype=np.float32)
        padded[:, columns - 1 + CURED :] = np.inf
        by_diagonal = np.lib.stride_tricks.as_strided(
            padded,
            (number, 1, columns, diagonals),
            (padded.strides[0], 0, padded.strides[1], padded.strides[1]),
        )
        result = np.empty(values.shape)
        for which in range(values.shape[1]):
            bounds = ((1.0 - values[:, which, None]) * per_uncured).astype(np.float32)
            padded[:, columns - 1 : columns - 1 + CURED] = bounds
            # Along a diagonal, how many lattice points come before the crossing.
            before = (single >= by_diagonal).view(np.uint8).sum(axis=2, dtype=np.uint8)
            before = before.astype(np.int64)
            cured = before + offset
            whole = (before == 0) | (cured < 0)
            crossed = matters & ~whole & (before < columns) & (cured < CURED - 1)
            line = np.flatnonzero(crossed)
            row = line // diagonals
            table = row // rows
            before, cured = before.reshape(-1)[line], cured.reshape(-1)[line]
            at = row * columns + before - 1
            stencil = np.clip(cured - 1, 0, CURED - 4)
            bound = bounds.reshape(-1)
            start = table * CURED + stencil
            share = _crossing(
                flat_logs[at],
                flat_fall[row],
                flat_lost[at],
                flat_lost[at + 1],
                [bound[start], bound[start + 1], bound[start + 2], bound[start + 3]],
                (cured - stencil).astype(np.float32),
            )
            base = (row * width + before + (PADDING - 1)) * diagonals + line % diagonals
            tail = flat_totals[line] - flat_running[base + int(TAPS[-1]) * diagonals]
            for tap, coefficients in zip(TAPS, SINGLE_WEIGHTS, strict=True):
                weight = coefficients[-1] * share
                for coefficient in coefficients[-2:0:-1]:
                    weight += coefficient
                    weight *= share
                weight += coefficients[0]
                weight *= flat_density[base + int(tap) * diagonals]
                tail += weight
            sums = np.where(whole, totals, np.float32(0.0)).sum(axis=(1, 2), dtype=np.float64)
            sums += np.bincount(table, tail.astype(np.float64), number)
            result[:, which] = sums / total
        return np.clip(result, 0.0, 1.0)


def _crossing(
    log_hazard: Singles,
    step: Singles,
    lost_0: Singles,
    lost_1: Singles,
    bounds: list[Singles],
    place: Singles,
) -> Singles:
    """Where between two lattice points of a diagonal the lost fraction falls below its bound.

    Parameters
    ----------
    log_hazard, step
        Log of the cumulative hazard over ln 2 at the first point, and its fall to the second.
    lost_0, lost_1
        Lost fraction of the uncured at both points.
    bounds
        Bounds at four neighbours on the diagonal; the first point is number `place` of them.

    Returns
    -------
    Share of the way, in [0, 1].
    """
    b0 = bounds[0]
    b1 = bounds[1] - b0
    b2 = np.float32(0.5) * (bounds[2] - bounds[1] - b1)
    b3 = (bounds[3] - b0 + np.float32(3.0) * (bounds[1] - bounds[2])) / np.float32(6.0)
    first = np.where(place == 0.0, b0, np.where(place == 1.0, bounds[1], bounds[2]))
    second = np.where(place == 0.0, bounds[1], np.where(place == 1.0, bounds[2], bounds[3]))
    gap_0 = np.maximum(lost_0 - first, np.float32(0.0))
    gap_1 = np.minimum(lost_1 - second, np.float32(0.0))
    share = gap_0 / np.maximum(gap_0 - gap_1, np.float32(1e-30))
    # Compare hazards, nearly straight in log median; where the cured alone exceed the value within
    # the step there is no such hazard, and the lost fractions themselves are compared.
    straight = second < 0.999
    one, two, three, six = np.float32(1.0), np.float32(2.0), np.float32(3.0), np.float32(6.0)
    least, most = np.float32(1e-30), np.float32(1.0 - 1e-6)
    ln2 = np.float32(LN2)
    for _ in range(2):
        z = place + share
        bound = b0 + z * (b1 + (z - one) * (b2 + (z - two) * b3))
        slope = b1 + (two * z - one) * b2 + (three * z * z - six * z + two) * b3
        log_now = log_hazard - share * step
        held = np.clip(bound, least, most)
        needed = -np.log1p(-held)
        gradient = step + slope / ((one - held) * needed)
        by_hazard = (log_now - np.log(needed / ln2)) / np.maximum(gradient, least)
        hazard = np.minimum(ln2 * np.exp(np.clip(log_now, -50.0, 50.0)), np.float32(60.0))
        survival = np.exp(-hazard)
        gradient = survival * hazard * step + slope
        by_fraction = (one - survival - bound) / np.maximum(gradient, least)
        move = np.where(straight, by_hazard, by_fraction)
        share = np.clip(share + move, np.float32(0.0), one)
    return share


def _by_cured(store: Singles, columns: int) -> Singles:
    """View of an array laid out by diagonals as (table, row, column, cured)."""
    base = store[:, :, PADDING:, columns - 1 :]
    strides = (*store.strides[:2], store.strides[2] - store.strides[3], store.strides[3])
    shape = (*store.shape[:2], columns, CURED)
    return np.lib.stride_tricks.as_strided(base, shape=shape, strides=strides)


def _scores(above: Floats) -> Floats:
    return special.ndtri(np.clip(above, 1e-9, 1.0 - 1e-9))


def _cubic(knots: Floats, values: Floats, at: Floats) -> Floats:
    """Monotone cubics through rising knots (table, knot), straight beyond, at (table, point)."""
    width = np.maximum(np.diff(knots), 1e-12)
    rise = np.diff(values) / width
    inner = (width[:, 1:] * rise[:, :-1] + width[:, :-1] * rise[:, 1:]) / (
        width[:, 1:] + width[:, :-1]
    )
    steepest = 3.0 * np.minimum(np.abs(rise[:, :-1]), np.abs(rise[:, 1:]))
    inner = np.where(rise[:, :-1] * rise[:, 1:] > 0.0, np.clip(inner, -steepest, steepest), 0.0)
    slopes = np.concatenate([rise[:, :1], inner, rise[:, -1:]], axis=1)
    index = (knots[:, None, 1:-1] <= at[:, :, None]).sum(axis=2)

    def pick(array: Floats, where: Integers) -> Floats:
        return np.take_along_axis(array, where, axis=1)

    size = pick(width, index)
    away = (at - pick(knots, index)) / size
    share = np.clip(away, 0.0, 1.0)
    low, high = pick(values, index), pick(values, index + 1)
    start, end = pick(slopes, index) * size, pick(slopes, index + 1) * size
    rest = 1.0 - share
    inside = (
        low * (1.0 + 2.0 * share) * rest * rest
        + high * (3.0 - 2.0 * share) * share * share
        + start * share * rest * rest
        - end * rest * share * share
    )
    return inside + np.minimum(away, 0.0) * start + np.maximum(away - 1.0, 0.0) * end


def _difference(
    first: tuple[Floats, Floats], second: tuple[Floats, Floats], margin: float
) -> Floats:
    """Probability that the first fraction exceeds the second by more than a margin, (table,).

    Both are curves of angles and normal scores.  The second's quantiles at equally spaced scores
    are weighted with the normal density; the first must exceed each of them and the margin.
    """
    angles, scores = second
    spaced = np.linspace(-5.0, 5.0, 101)
    weights = np.exp(-0.5 * spaced * spaced)
    weights /= weights.sum()
    at = np.broadcast_to(spaced, (len(angles), len(spaced)))
    quantile = np.clip(_cubic(-scores, angles, at), 0.0, 0.5 * np.pi)
    needed = np.sin(quantile) ** 2 + margin
    angle = np.arcsin(np.sqrt(np.clip(needed, 0.0, 1.0)))
    exceeds = special.ndtr(_cubic(*first, angle))
    exceeds = np.where(needed >= 1.0, 0.0, np.where(needed < 0.0, 1.0, exceeds))
    return np.clip((exceeds * weights).sum(axis=1), 0.0, 1.0)


def _down(values: Floats) -> Floats:
    """Sum over the first axis, one row after the other also where a row is one number.

    NumPy adds a single column pairwise and several row by row: a table would then differ in its
    last bit with the number of tables beside it.
    """
    if values[:1].size == 1:
        values = np.add.accumulate(values, axis=0)[-1:]
    total: Floats = values.sum(axis=0)
    return total
