"""What the event times say about the hazard ratio, for many trials at once.

The model of a time to relapse, death or second event in two arms (0 control, 1 experimental):
proportional hazards over a baseline hazard that is constant between the cuts. The data of a
table are the events and the months at risk by arm and interval, which are sufficient.

Statement
---------
For interval j and arm k, with D_kj events in T_kj months at risk::

    baseline hazard_j   ~ Gamma(a, rate b)                per month, independent over intervals
    log hazard ratio    ~ Normal(mean, sd)                beta, experimental over control
    D_kj                ~ Poisson(hazard_j exp(beta k) T_kj)

The Poisson form has the likelihood of the event times themselves (Holford 1980,
doi:10.2307/2529982; Friedman 1982, doi:10.1214/aos/1176345693).

Method
------
Each baseline hazard is integrated out in closed form (gamma against Poisson), which leaves the
posterior of beta up to a constant, D_j and D_1 being totals over arms and over intervals::

    prior(beta) exp(beta D_1) prod_j (b + T_0j + exp(beta) T_1j) ** -(a + D_j)

Its logarithm is concave, its curvature at least that of the prior. So the mode is found by
Newton steps kept within a bracket that shrinks, and the two ends, where the density has fallen by
exp(-28), by Newton steps from outside, which cannot jump over them. By concavity the mass beyond
an end is below exp(-28) = 7e-13 of the whole. Between the ends lie equal panels of 24
Gauss-Legendre nodes; their number depends on the prior's standard deviation alone (the range is
at most 15 of these), never on the data, so a table's result does not depend on its neighbours.
A question cuts the panel it falls in and integrates the two pieces with 24 nodes of their own:
the answer is smooth in the value asked about and no step on a grid.

Error
-----
The integrand is analytic for |Im beta| < pi, a panel is at most 15 long, hence geometric
convergence (Trefethen 2008, doi:10.1137/060659831, theorem 4.5). Measured against a fine grid of
the formula in extended precision (100 000 nodes and more), over prior sd 0.1 to 10, 0 to 20 000
events, no exposure, one participant, knees of the density anywhere: at most 2e-11 in a probability,
4e-11 posterior sd in a mean. `tests/test_piecewise_exponential.py` holds it to 2e-10 and 1e-9.

Not symmetric
-------------
The gamma prior speaks of the control arm's hazard alone. So exchanging the arms turns the hazard
ratio over exactly only as (a, b) goes to 0, even where the prior mean of beta is 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.rates.gamma_mixture import GammaMixture

__all__ = ["PiecewiseExponential", "Posterior"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

DROP: Final = 28.0  # the density at the ends of the range is exp(-DROP) of that at the mode
PANEL: Final = 15.0  # longest panel, in units of the log hazard ratio
FEWEST_PANELS: Final = 4
NODES: Final = 24
LARGEST: Final = 650.0  # beyond it exp(beta) times the months at risk may overflow
STEPS: Final = 200  # halving a bracket takes some 60; a table that needs more has failed
KNOTS: Final = 401  # values that join a distribution function
FURTHEST: Final = 8.0  # normal scores of its ends
NODES_AT_ONCE: Final = 2**14  # of all tables of a chunk together, to stay in cache

_roots, _root_weights = np.polynomial.legendre.leggauss(NODES)
FRACTIONS: Final[Array] = (_roots + 1.0) / 2.0
WEIGHTS: Final[Array] = _root_weights / 2.0


@dataclass(frozen=True)
class PiecewiseExponential:
    """Proportional hazards over a baseline hazard constant between cuts.

    Parameters
    ----------
    cuts
        months at which the baseline hazard may change, increasing; none for one constant hazard
    baseline
        shape and rate (months) of the gamma prior of every baseline hazard per month
    log_hazard_ratio
        mean and standard deviation of the normal prior of the log hazard ratio
    strata
        each with baseline hazards of its own, and all with one hazard ratio: what is said of
        intervals holds of the intervals of every stratum, those of the first stratum first
    """

    cuts: tuple[float, ...]
    baseline: tuple[float, float]
    log_hazard_ratio: tuple[float, float]
    strata: int = 1

    def __post_init__(self) -> None:
        """Refuse a prior or cuts that do not make a model."""
        edges = (0.0, *self.cuts)
        if not all(math.isfinite(cut) for cut in edges) or any(
            late <= early for early, late in itertools.pairwise(edges)
        ):
            raise ValueError(f"cuts: {self.cuts} found, months above 0 that increase allowed")
        if not all(math.isfinite(value) and value > 0.0 for value in self.baseline):
            raise ValueError(f"baseline: {self.baseline} found, a shape and a rate above 0 allowed")
        mean, sd = self.log_hazard_ratio
        if not (math.isfinite(mean) and math.isfinite(sd) and sd > 0.0):
            raise ValueError(
                f"log_hazard_ratio: {self.log_hazard_ratio} found, a mean and an sd above 0 allowed"
            )

    def split(
        self, durations: npt.ArrayLike, events: npt.ArrayLike, included: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.int64], Array]:
        """Count the events and the months at risk of the included participants by interval.

        Follow-up that ends exactly at a cut, with an event or without, ends in the earlier
        interval.

        Parameters
        ----------
        durations
            (table, participant) months from the start of the clock to event or censoring; whatever
            stands where a participant is not included is ignored
        events
            (table, participant) whether the follow-up ended with the event
        included
            (table, participant) who is counted, such as one arm's participants at a look

        Returns
        -------
        events, time
            (table, interval) each; the time in months

        Raises
        ------
        ValueError
            If shapes differ or an included participant has a negative or unknown duration.
        """
        follow_up = np.asarray(durations, dtype=np.float64)
        ended = np.asarray(events, dtype=np.bool_)
        counted = np.asarray(included, dtype=np.bool_)
        if follow_up.ndim != 2 or not follow_up.shape == ended.shape == counted.shape:
            raise ValueError(
                "durations, events, included: shapes "
                f"{follow_up.shape}, {ended.shape}, {counted.shape} found, "
                "one common (table, participant) allowed"
            )
        tables, participants = follow_up.shape
        intervals = len(self.cuts) + 1
        count = np.empty((tables, intervals), dtype=np.int64)
        time = np.empty((tables, intervals))
        known = bool(np.isfinite(follow_up).all())
        for rows in _chunks(tables, participants):
            # C order, so that a row is always summed in the same way
            if known:  # a product has no branches; it may be a nought with a sign
                remaining = np.multiply(follow_up[rows], counted[rows], order="C")
            else:
                remaining = np.ascontiguousarray(np.where(counted[rows], follow_up[rows], 0.0))
            if not (remaining.min(initial=0.0) >= 0.0 and remaining.max(initial=0.0) < np.inf):
                raise ValueError(
                    "durations: a negative or unknown one found among the included participants, "
                    "months from 0 allowed"
                )
            event = counted[rows] & ended[rows]
            spent, early = np.empty_like(remaining), np.empty_like(event)
            seen = np.zeros(len(remaining), dtype=np.int64)
            for interval, (start, end) in enumerate(
                zip((0.0, *self.cuts), self.cuts, strict=False)
            ):
                np.minimum(remaining, end - start, out=spent)
                time[rows, interval] = spent.sum(axis=-1) + 0.0
                remaining -= spent
                np.less_equal(follow_up[rows], end, out=early)
                early &= event
                so_far = _number(early)
                count[rows, interval] = so_far - seen
                seen = so_far
            time[rows, -1] = remaining.sum(axis=-1) + 0.0
            count[rows, -1] = _number(event) - seen
        return count, time

    def split_intervals(
        self, middles: Array, halves: Array, events: Mask, included: Mask
    ) -> tuple[Array, Array, Array, Array]:
        """Count events that happened within so much of a month, and the months at risk until it.

        The chance of an event between l and r is that of none until l, times 1 - exp(-x), with x
        the cumulative hazard from l to r, and ``1 - exp(-x) = x exp(-x/2) sinh(x/2) / (x/2)``: so
        it is an event that is at risk for half of x, and a factor that is 1 but for the square of
        x. Where an interval goes over a cut each part of it counts for its share, and for half of
        its months.

        Parameters
        ----------
        middles, halves, events, included
            (table, participant) as for :meth:`split`; the middle of the interval, and half of its
            months: 0 for an event that is dated, or for none

        Returns
        -------
        events, time, squares, between
            (table, interval) each; parts of events, months at risk, and of the events that lie
            between two months the sum of the squares of these and their number, by which the
            factor is worked out
        """
        had = included & events
        first, last = middles - halves, middles + halves
        _, time = self.split(np.where(events, first, middles), events, included)
        count, squares, between = (np.empty_like(time) for _ in range(3))
        width = np.where(halves > 0.0, 2.0 * halves, 1.0)
        for place, (start, end) in enumerate(itertools.pairwise((0.0, *self.cuts, np.inf))):
            here = np.clip(np.minimum(last, end) - np.maximum(first, start), 0.0, None)
            dated = (middles <= end) & ((middles > start) | (place == 0))
            share = np.where(halves > 0.0, here / width, dated)
            count[:, place] = np.where(had, share, 0.0).sum(axis=-1)
            wide = had & (halves > 0.0)
            time[:, place] += np.where(wide, here, 0.0).sum(axis=-1) / 2.0
            squares[:, place] = np.where(wide, here**2, 0.0).sum(axis=-1)
            between[:, place] = np.where(wide, share, 0.0).sum(axis=-1)
        return count, time, squares, between

    def baseline_given(self, events: Array, time: Array, ratio: Array, uniform: Array) -> Array:
        """Draws of the baseline hazards given hazard ratios, which leave gamma posteriors.

        Parameters
        ----------
        events, time
            (table, arm, interval)
        ratio
            (table, arm, draw) hazard ratios to the control
        uniform
            (draw, interval)

        Returns
        -------
        (table, draw, interval), a month
        """
        risk = np.einsum("tad,taj->tdj", ratio, time)
        return self.baseline_quantiles(events, time, risk, np.broadcast_to(uniform, risk.shape))

    def baseline_quantiles(self, events: Array, time: Array, risk: Array, uniform: Array) -> Array:
        """Draws of the baseline hazards given the hazard ratios.

        Parameters
        ----------
        events, time
            (table, arm, interval)
        risk, uniform
            (table, draw, interval) months at risk, each times its hazard ratio; what is drawn

        Returns
        -------
        (table, draw, interval), a month
        """
        shape, rate = self.baseline
        drawn: Array = special.gammaincinv(shape + events.sum(axis=1)[:, None], uniform)
        drawn /= rate + risk
        return drawn

    def log_joint(self, events: Array, time: Array, others: Array) -> Array:
        """Logarithm of what is left of the baseline of one table at draws, up to a constant.

        Parameters
        ----------
        events, time
            (arm, interval)
        others
            (interval, draw) months at risk of the other arms, each times its drawn hazard ratio
        """
        shape, rate = self.baseline
        risk = rate + time[0][:, None] + others
        found: Array = -((shape + events.sum(axis=0)) @ np.log(risk))
        return found

    def drawn_hazards(
        self, events: Array, time: Array, ratios: Array, ranks: npt.NDArray[np.int64]
    ) -> Array:
        """Draws of the control's hazard a month in each interval, (table, interval, draw).

        Parameters
        ----------
        events, time
            (table, arm, interval), control first
        ratios
            (table, experimental arm, draw) drawn log hazard ratios to the control
        ranks
            (interval, draw)
        """
        from adaptive_cart.models.hazards.hazard_curves import hazards

        return hazards(self, events, time, ratios, ranks)

    @property
    def of_baseline(self) -> GammaMixture:
        """Prior of a baseline hazard a month."""
        return GammaMixture.single(*self.baseline)

    def next_event(self, hazards: Array, since: Array, burden: Array) -> Array:
        """Month of the event of who has had none until a month, and can bear so much hazard.

        Parameters
        ----------
        hazards
            (…, interval), a month
        since, burden
            (…) months without the event; cumulative hazard from there to the event

        Returns
        -------
        (…) months from the start of the clock
        """
        edges = (0.0, *self.cuts, np.inf)
        month, left = since.copy(), burden.copy()
        found = np.full(since.shape, np.inf)
        with np.errstate(divide="ignore"):
            for place, (start, end) in enumerate(itertools.pairwise(edges)):
                inside = np.maximum(month, start)
                hazard = hazards[..., place]
                here = np.isinf(found) & (inside < end)
                event = inside + left / hazard
                found = np.where(here & (event <= end), event, found)
                if np.isfinite(end):
                    left = np.where(here, left - hazard * (end - inside), left)
        return found

    def posterior(
        self,
        events: npt.ArrayLike,
        time: npt.ArrayLike,
        squares: Array | None = None,
        between: Array | None = None,
    ) -> Posterior:
        """Posterior of the log hazard ratio, experimental over control.

        Parameters
        ----------
        events
            (table, 2, interval) events, control first
        time
            (table, 2, interval) months at risk
        squares, between
            (table, 2, interval) sums of squared months of the intervals in which events happened,
            and how many did; nothing where they are dated

        Raises
        ------
        ValueError
            If the shapes do not fit the cuts, or a number is negative or not finite.
        """
        counts = np.asarray(events, dtype=np.float64)
        months = np.asarray(time, dtype=np.float64)
        intervals = self.strata * (len(self.cuts) + 1)
        for name, found in (("events", counts), ("time", months)):
            if found.ndim != 3 or found.shape[1:] != (2, intervals):
                raise ValueError(
                    f"{name}: shape {found.shape} found, (table, 2, {intervals}) allowed"
                )
            if not np.all((found >= 0.0) & (found < np.inf)):
                raise ValueError(f"{name}: a negative or unknown number found, 0 or more allowed")
        if len(counts) != len(months):
            raise ValueError(f"{len(counts)} tables of events found, {len(months)} of time")
        shape, rate = self.baseline
        mean, sd = self.log_hazard_ratio
        experimental_events = np.zeros(len(counts))
        for interval in range(intervals):  # in a fixed order, one table like many
            experimental_events += counts[:, 1, interval]
        return Posterior(
            _Density(
                slope=experimental_events,
                exponent=np.ascontiguousarray((shape + counts[:, 0] + counts[:, 1]).T),
                control=np.ascontiguousarray((rate + months[:, 0]).T),
                experimental=np.ascontiguousarray(months[:, 1].T),
                mean=mean,
                sd=sd,
                between=None
                if squares is None or between is None
                else np.ascontiguousarray(np.stack([squares, between]).transpose(0, 2, 3, 1)),
            )
        )


@dataclass(frozen=True)
class _Density:
    """Logarithm of the posterior density of beta up to a constant, by table.

    `-(beta - mean)^2 / (2 sd^2) + slope beta
    - sum_j exponent_j log(control_j + exp(beta) experimental_j)`
    """

    slope: Array  # (table,)
    exponent: Array  # (interval, table), as the next two
    control: Array
    experimental: Array
    mean: float
    sd: float
    between: Array | None = None  # (squared months and number, arm, interval, table)

    def take(self, tables: npt.NDArray[np.intp] | slice) -> _Density:
        """Keep these tables only."""

        def own(part: Array) -> Array:  # where tables are in a row, nothing is copied
            kept = part[..., tables]
            return kept if isinstance(tables, slice) else np.ascontiguousarray(kept)

        return _Density(
            self.slope[tables],
            own(self.exponent),
            own(self.control),
            own(self.experimental),
            self.mean,
            self.sd,
            None if self.between is None else own(self.between),
        )

    def log(self, beta: Array) -> Array:
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

    def _of_intervals(self, ratio: Array, between: Array) -> Array:
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

    def derivatives(self, beta: Array) -> tuple[Array, Array]:
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


class Posterior:
    """Posterior of the log hazard ratio of each table, held as its mass by panel.

    Attributes
    ----------
    failed
        (table,) where the quadrature could not be set up, which takes a log hazard ratio beyond
        650 in size (events without any time at risk under a very wide prior); every answer for
        such a table is nan
    """

    failed: Mask

    def __init__(self, density: _Density) -> None:
        self._density = density
        self._panels = _number_of_panels(density.sd)
        self._start, self._width, self._peak, self.failed = _range(density, self._panels)
        tables = len(density.slope)
        self._mass = np.empty((tables, self._panels))
        self._log_mean = np.empty(tables)
        for rows in _chunks(tables, self._panels * NODES):
            beta, weighted = self._weighted(rows)
            by_panel = weighted.reshape(len(beta), self._panels, NODES)
            failed = self.failed[rows, None]
            self._mass[rows] = np.where(failed, 1.0, by_panel.sum(axis=-1))
            # about the start of the range and not about 0, to lose no digits
            offset = (weighted * (beta - self._start[rows, None])).sum(axis=-1)
            self._log_mean[rows] = self._start[rows] + offset / self._mass[rows].sum(axis=-1)
        # one table at a time is summed from the left and from the right, so that a small
        # probability on either side is not the rounding error of the other
        self._below = np.zeros((tables, self._panels + 1))
        self._above = np.zeros((tables, self._panels + 1))
        np.cumsum(self._mass, axis=-1, out=self._below[:, 1:])
        self._above[:, :-1] = np.cumsum(self._mass[:, ::-1], axis=-1)[:, ::-1]

    def hazard_ratio_below(self, value: float) -> Array:
        """Probability that the hazard ratio lies below a value, (table,)."""
        below, above = self._sides(self._log_value(value))
        return self._answer(below / (below + above))

    def hazard_ratio_above(self, value: float) -> Array:
        """Probability that the hazard ratio lies above a value, (table,)."""
        below, above = self._sides(self._log_value(value))
        return self._answer(above / (below + above))

    def log_hazard_ratio_mean(self) -> Array:
        """Posterior mean of the log hazard ratio, (table,)."""
        return self._answer(self._log_mean)

    def hazard_ratio_mean(self) -> Array:
        """Posterior mean of the hazard ratio, (table,)."""
        return self.mean_of_power(np.ones(len(self.failed)))

    def mean_of_power(self, power: Array) -> Array:
        """Posterior mean of a power of the hazard ratio, (table,).

        It is the ratio of two normalising constants, that of the posterior with so many more events
        in the experimental arm over this one, each on a range of its own: under a wide prior the
        mean is made in a tail that hardly counts for the posterior itself. Infinite where it is
        beyond the largest float, nan where the other posterior has failed.

        Parameters
        ----------
        power
            (table,)
        """
        density = self._density
        more = Posterior(
            _Density(
                density.slope + power,
                density.exponent,
                density.control,
                density.experimental,
                density.mean,
                density.sd,
                density.between,
            )
        )
        with np.errstate(over="ignore", invalid="ignore"):  # the latter in failed tables
            mean = np.exp(more.log_constant - self.log_constant)
        return self._answer(np.where(more.failed, np.nan, mean))

    def log_hazard_ratio_interval(self, level: float = 0.95) -> Array:
        """Equal-tailed credible interval of the log hazard ratio, (table, 2)."""
        if not 0.0 < level < 1.0:
            raise ValueError(f"level: {level} found, a probability between 0 and 1 allowed")
        tail = (1.0 - level) / 2.0
        total = self._below[:, -1]
        lower = self._quantile(tail * total)
        upper = self._quantile(total - tail * total)
        return np.stack([self._answer(lower), self._answer(upper)], axis=-1)

    def lattice(self, rows: slice, points: int) -> tuple[Array, Array]:
        """Equally spaced log hazard ratios and the mass that each stands for, (table, point) each.

        No mass where the table has failed.
        """
        low, high = (end[rows, None] for end in self.range())
        beta = low + (high - low) * ((np.arange(points) + 0.5) / points)
        mass = np.exp(self._density.take(rows).log(beta) - self._peak[rows, None])
        failed = self.failed[rows, None]
        mass = np.where(failed, 0.0, mass)
        return beta, mass / np.where(failed, 1.0, mass.sum(axis=-1, keepdims=True))

    @property
    def prior_sd(self) -> float:
        """Standard deviation of the prior of the log hazard ratio."""
        return self._density.sd

    def range(self) -> tuple[Array, Array]:
        """Log hazard ratios beyond which there is no mass to speak of, (table,) each."""
        return self._start, self._start + self._width * self._panels

    def curve(self) -> tuple[Array, Array]:
        """Log hazard ratios, rising, and normal scores of being below them, (table, knot) each."""
        share = np.linspace(0.0, 1.0, KNOTS)
        values = self._start[:, None] + (self._width * self._panels)[:, None] * share
        density = self._density.log(values)
        density -= self._peak[:, None]
        np.exp(density, out=density)
        scores = normal_scores(density)
        return self._answer(values.T).T, np.clip(scores, -FURTHEST, FURTHEST)

    def density(self, values: Array) -> Array:
        """Density at log hazard ratios of each table, (table, value); 0 where it has failed."""
        logs = self._density.log(values) - self._peak[:, None]
        found = np.exp(logs) / self._below[:, -1:]
        return np.where(self.failed[:, None], 0.0, found)

    def log_density(self, table: int, beta: Array) -> Array:
        """Logarithm of the density of one table at some log hazard ratios, up to a constant."""
        return self._density.take(slice(table, table + 1)).log(beta[None])[0]

    def _log_value(self, value: float) -> float:
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"value: {value} found, a hazard ratio above 0 allowed")
        return math.log(value)

    def _answer(self, values: Array) -> Array:
        return np.where(self.failed, np.nan, values)

    @property
    def log_constant(self) -> Array:
        """Logarithm of the integral of the density as it is written, (table,)."""
        return self._peak + np.log(self._below[:, -1])

    def _weighted(self, rows: slice) -> tuple[Array, Array]:
        """Nodes and weighted density, (table, node) each, the density being 1 at the mode."""
        places = (np.arange(self._panels)[:, None] + FRACTIONS).ravel()
        width = self._width[rows, None]
        beta = self._start[rows, None] + width * places
        weighted = self._density.take(rows).log(beta)
        weighted -= self._peak[rows, None]
        np.exp(weighted, out=weighted)
        by_panel = weighted.reshape(-1, self._panels, NODES)  # a view
        by_panel *= WEIGHTS
        by_panel *= width[:, :, None]
        return beta, weighted

    def _piece(self, density: _Density, peak: Array, start: Array, length: Array) -> Array:
        """Mass of a stretch no longer than a panel, (table,)."""
        value = density.log(start[:, None] + length[:, None] * FRACTIONS)
        value -= peak[:, None]
        np.exp(value, out=value)
        value *= WEIGHTS
        mass: Array = value.sum(axis=-1) * length
        return mass

    def _sides(self, log_value: float) -> tuple[Array, Array]:
        """Mass on either side of one value, (table,) each."""
        place = np.clip((log_value - self._start) / self._width, 0.0, float(self._panels))
        panel = np.minimum(place.astype(np.intp), self._panels - 1)
        left = self._start + panel * self._width
        # the value itself, and not its rounded place, wherever it is within the range
        end = self._start + self._panels * self._width
        value = np.clip(log_value, self._start, np.maximum(end, self._start))
        first = np.empty_like(left)
        second = np.empty_like(left)
        for rows in _chunks(len(left), 2 * NODES):
            density, peak = self._density.take(rows), self._peak[rows]
            here = value[rows]
            first[rows] = self._piece(density, peak, left[rows], here - left[rows])
            right = left[rows] + self._width[rows]
            second[rows] = self._piece(density, peak, here, right - here)
        table = np.arange(len(left))
        below = self._below[table, panel] + np.maximum(first, 0.0)
        above = self._above[table, panel + 1] + np.maximum(second, 0.0)
        return below, above

    def _quantile(self, target: Array) -> Array:
        """Value below which the mass is `target`, by Newton steps within a shrinking bracket."""
        tables = len(target)
        panel = np.zeros(tables, dtype=np.intp)
        for edge in range(1, self._panels):
            panel += self._below[:, edge] <= target
        table = np.arange(tables)
        left = self._start + panel * self._width
        wanted = target - self._below[table, panel]
        mass = self._mass[table, panel]
        share = np.divide(wanted, mass, out=np.full(tables, 0.5), where=mass > 0.0)
        value = left + np.clip(share, 0.0, 1.0) * self._width
        tolerance = 1e-13 * np.maximum(self._width, np.abs(left))

        def gap(density: _Density, rows: npt.NDArray[np.intp], at: Array) -> tuple[Array, Array]:
            peak = self._peak[rows]
            found = self._piece(density, peak, left[rows], at - left[rows])
            slope = np.exp(density.log(at[:, None])[:, 0] - peak)
            return wanted[rows] - found, slope

        value, _ = _falling_root(
            self._density, gap, value, left, left + self._width, tolerance, ~self.failed
        )
        return value


def normal_scores(density: Array) -> Array:
    """Normal scores of lying below each of equally spaced knots, (table, knot).

    Parameters
    ----------
    density
        (table, knot), of any scale
    """
    middle = 0.5 * (density[:, 1:] + density[:, :-1])
    below = np.zeros_like(density)
    np.cumsum(middle, axis=1, out=below[:, 1:])
    above = np.zeros_like(density)
    above[:, :-1] = np.cumsum(middle[:, ::-1], axis=1)[:, ::-1]
    total = below[:, -1:]
    # each from its own side, to lose no tail
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below < above, special.ndtri(below / total), -special.ndtri(above / total))


def _beyond_the_middle(x: Array) -> Array:
    """``log(sinh(x/2) / (x/2))``: what an interval says beyond an event at its middle."""
    at = np.maximum(x, 0.01)
    found: Array = np.where(x < 0.01, x * x / 24.0, 0.5 * at + np.log(-np.expm1(-at) / at))
    return found


def _number_of_panels(sd: float) -> int:
    """Panels enough for the longest range that any data can leave, which is the prior's."""
    return max(FEWEST_PANELS, math.ceil(2.0 * math.sqrt(2.0 * DROP) * sd / PANEL))


def _number(members: Mask) -> npt.NDArray[np.int64]:
    """How many of each row are true, eight at a time."""
    found: npt.NDArray[np.int64] = np.bitwise_count(np.packbits(members, axis=-1)).sum(
        axis=-1, dtype=np.int64
    )
    return found


def _chunks(tables: int, nodes: int) -> list[slice]:
    """Cut the table axis so that a chunk's nodes stay in cache."""
    size = max(1, NODES_AT_ONCE // max(nodes, 1))
    return [slice(first, first + size) for first in range(0, tables, size)]


def _falling_root(
    density: _Density,
    function: Callable[[_Density, npt.NDArray[np.intp], Array], tuple[Array, Array]],
    start: Array,
    lower: Array,
    upper: Array,
    tolerance: Array,
    wanted: Mask,
) -> tuple[Array, Mask]:
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


def _range(density: _Density, panels: int) -> tuple[Array, Array, Array, Mask]:
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

    def push(part: _Density, _: npt.NDArray[np.intp], at: Array) -> tuple[Array, Array]:
        return part.derivatives(at)

    # the mode is only the origin of the range: a thousandth of a posterior sd is near enough
    begin = np.clip(mean, lower, upper)
    _, curvature = density.derivatives(begin)
    tolerance = np.minimum(1e-3 / np.sqrt(curvature), 1e-3)
    mode, found = _falling_root(density, push, begin, lower, upper, tolerance, inside)
    peak = density.log(mode[:, None])[:, 0]
    ends = [_end(density, mode, peak, side) for side in (-1.0, 1.0)]
    failed = ~found | (np.abs(ends[0]) >= LARGEST) | (np.abs(ends[1]) >= LARGEST)
    failed |= ~np.isfinite(peak)
    # a failed table is carried along as a density of 0, which cannot overflow; no answer shows it
    start = np.where(failed, 0.0, ends[0])
    width = np.where(failed, 1.0, (ends[1] - ends[0]) / panels)
    return start, width, np.where(failed, np.inf, peak), failed


def _end(density: _Density, mode: Array, peak: Array, side: float) -> Array:
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
