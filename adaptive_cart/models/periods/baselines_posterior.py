"""Events over the calendar: the posterior of ratios of arms, and of rates or hazards.

The statement is that of ``baseline_cells.py``. With effects of periods every period (and interval)
has a baseline of its own and eta is the logarithm of an arm's ratio to the control; with a random
walk the baseline is that of the latest calendar period and eta has the walk of ``walk.py`` besides.
Ratios are normal beforehand, on the logarithm. Points are laid out as ``laid_points.py`` has it;
each baseline is drawn from its gamma at every point, by ranks of the same sequence. Against 32,768
points of another sequence and 48 values of tau a probability was off by at most 0.0107, by 0.0048
above 0.9; a table takes 2 to 5 milliseconds, and half a millisecond a question.

The rate of an arm over some periods is the mean of its rates there, each period weighing as many of
all arms as were analysed of it; the fraction that remains likewise, and what follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from scipy import special

from adaptive_cart.models.hazards.hazard_curves import Curve
from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
from adaptive_cart.models.periods.baseline_cells import Baselines
from adaptive_cart.models.periods.laid_points import TOGETHER, Fit, Scheme, laid_out
from adaptive_cart.models.periods.walk import Walk
from adaptive_cart.models.periods.weighed_points import POINTS, WeighedPoints
from adaptive_cart.models.rates.gamma_poisson import log_quantiles
from adaptive_cart.nouns.questions import LEVEL, Quantity
from adaptive_cart.nouns.records import Floats, Integers
from adaptive_cart.nouns.summaries import ByPeriod, OverCalendar

KNOTS: Final = np.linspace(
    -4.2, 4.2, 169
)  # normal scores, between which a gamma's quantiles are joined
HALVINGS: Final = 40  # of where a median lies


@dataclass(frozen=True)
class CalendarBaselines:
    """The model with its priors.

    Attributes
    ----------
    a, b
        Of the gamma prior of every baseline: events, and exposure.
    centre, sd
        Of the normal prior of the logarithm of an arm's ratio to the control.
    cuts
        Months at which a hazard changes; none of a rate.
    walk
        How the logarithm may drift; nothing where each period has its own baseline.
    """

    a: float
    b: float
    centre: float
    sd: float
    cuts: tuple[float, ...] = ()
    walk: Walk | None = None

    @property
    def split(self) -> Any:
        """How follow-up is split at the cuts."""
        return PiecewiseExponential(self.cuts, (self.a, self.b), (self.centre, self.sd)).split

    def scheme(self, arms: int, periods: int) -> Scheme:
        """Coefficients: the logarithm of each ratio, and each step of the walk."""
        return _scheme(self, arms, periods)


@lru_cache(maxsize=64)
def _scheme(model: CalendarBaselines, arms: int, periods: int) -> Scheme:
    sizes, prior = np.ones(1), np.ones(1)
    if model.walk is not None:
        sizes, prior = model.walk.sizes(periods=periods)
    steps = 0 if model.walk is None else periods - 1
    rows = np.zeros((len(sizes), arms, periods, arms - 1 + steps))
    for arm in range(1, arms):
        rows[:, arm, :, arm - 1] = 1.0
    if model.walk is not None:
        rows[..., arms - 1 :] = (sizes[:, None, None] * model.walk.path(periods))[:, None]
    precision = np.array([1.0 / model.sd**2] * (arms - 1) + [1.0] * steps)
    centre = np.array([model.centre] * (arms - 1) + [0.0] * steps)
    return Scheme(rows, precision, centre, prior)


class BaselinesPosterior(WeighedPoints):
    """Posterior of ratios of arms, with baselines over the calendar.

    Parameters
    ----------
    events, exposure
        ``(table, arm, period, interval)``, periods as of ``seen``.
    """

    fast_error = 0.012
    drawn_error = 0.012

    def __init__(
        self, model: CalendarBaselines, seen: ByPeriod, events: Floats, exposure: Floats
    ) -> None:
        super().__init__(seen)
        self.model = model
        self._fits: dict[int, tuple[Fit, Baselines, int]] = {}
        self.weights = np.empty((len(events), POINTS), dtype=np.float32)
        if isinstance(seen, OverCalendar):
            events, exposure = (
                np.moveaxis(seen.counted_back(np.moveaxis(part, 2, -1)), -1, 2)
                for part in (events, exposure)
            )
            periods = seen.latest + 1
        else:
            periods = np.full(len(events), events.shape[2])
        for number in np.unique(periods):
            alike = np.flatnonzero(periods == number)
            for first in range(0, len(alike), TOGETHER):
                tables = alike[first : first + TOGETHER]
                had, there = (
                    self._by_baseline(part[tables, :, :number]) for part in (events, exposure)
                )
                cells = Baselines(had, there, model.a, model.b)
                scheme = model.scheme(self.arms, int(number))
                laid = laid_out(cells, scheme, int(number), cells.shape.shape[1])
                for place, (table, (fit, weight)) in enumerate(zip(tables, laid, strict=True)):
                    self._fits[int(table)] = fit, cells, place
                    self.weights[table] = weight

    def _by_baseline(self, values: Floats) -> Floats:
        """Spread what was seen over the baselines, ``(table, cell, baseline)``."""
        tables, arms, periods, intervals = values.shape
        if self.model.walk is not None:
            return values.reshape(tables, arms * periods, intervals).astype(np.float64)
        found = np.zeros((tables, arms, periods, periods, intervals))
        for period in range(periods):
            found[:, :, period, period] = values[:, :, period]
        return found.reshape(tables, arms * periods, periods * intervals)

    # ── at the points of a table ──────────────────────────────────────────────────────────
    def levels(self, table: int, quantities: Sequence[Quantity], share: Floats) -> list[Floats]:
        """Each quantity at the points, ``(point,)``."""
        kept: dict[str, Any] = {}
        return [self._quantity(table, one, share, kept) for one in quantities]

    def _quantity(
        self, table: int, quantity: Quantity, share: Floats, kept: dict[str, Any]
    ) -> Floats:
        if quantity.to is not None:
            return np.exp(
                self._log_ratio(table, quantity.arm) - self._log_ratio(table, quantity.to)
            )
        if "hazards" not in kept:
            kept["hazards"] = self._hazards(table, share)
        weights, by_arm = kept["hazards"]
        hazard = by_arm(quantity.arm)  # (period, interval, point)
        if quantity.name == LEVEL:
            found: Floats = np.einsum("p,pn->n", weights, hazard[:, 0])
            return found
        return _mixed(quantity, Curve(self.model.cuts, hazard), weights)

    def _log_ratio(self, table: int, arm: int) -> Floats:
        """Logarithm of the ratio of an arm to the control, ``(point,)``."""
        found = np.zeros(POINTS)
        if arm:
            for _, own, places in self._fits[table][0].places():
                found[own] = places[:, arm - 1]
        return found

    def _hazards(self, table: int, share: Floats) -> tuple[Floats, Any]:
        """Weights of the periods that count, and what makes an arm's hazards in them."""
        fit, cells, place = self._fits[table]
        share = share[: fit.periods]
        asked = np.flatnonzero(share)
        scheme = self.model.scheme(self.arms, fit.periods)
        used = cells.used(place)
        rows = scheme.flat[:, used].astype(np.float32)
        rate = np.empty((POINTS, cells.shape.shape[1]))
        for tau, own, places in fit.places():
            rate[own] = cells.rate(place, places @ rows[tau].T)
        seen = cells.shape[place] - cells.a
        baseline = standard_gammas(cells.a, seen, fit.proposed[2]) / rate.T
        intervals = len(self.model.cuts) + 1
        baseline = baseline.reshape(-1, intervals, POINTS)
        baseline = baseline[asked] if self.model.walk is None else baseline

        def of_arm(arm: int) -> Floats:
            times = np.empty((len(asked), POINTS))
            for tau, own, places in fit.places():
                times[:, own] = (places @ scheme.rows[tau, arm, asked].astype(np.float32).T).T
            found: Floats = np.exp(times)[:, None] * baseline
            return found

        return share[asked], of_arm


def standard_gammas(a: float, seen: Floats, rank: Integers) -> Floats:
    """Points of standard gammas of shape a + seen, ``(baseline, point)``.

    Parameters
    ----------
    seen
        Events of each baseline, ``(baseline,)``.
    rank
        ``(baseline, point)``.
    """
    logs = log_quantiles(a + seen, np.ones(len(seen)), KNOTS)
    found = np.stack([np.interp(_scores(), KNOTS, log) for log in logs])
    return np.exp(np.take_along_axis(found, rank, axis=1))


@lru_cache(maxsize=1)
def _scores() -> Floats:
    """Normal scores of the middles of as many parts of (0, 1) as there are points."""
    found: Floats = special.ndtri((np.arange(POINTS) + 0.5) / POINTS)
    return found


def _mixed(quantity: Quantity, curve: Curve, weights: Floats) -> Floats:
    """A quantity of a fraction that remains, averaged over periods, ``(point,)``.

    Parameters
    ----------
    curve
        ``(period, point)``.
    """
    if quantity.name == "restricted_mean":
        return weights @ curve.restricted_mean(quantity.month)
    if quantity.name == "remaining":
        return weights @ curve.remaining(quantity.month)
    each = curve.median()
    low, high = each.min(axis=0), each.max(axis=0)
    if len(weights) > 1:  # that of a mixture lies between those of its parts
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            above = weights @ curve.remaining(middle) > 0.5
            low, high = np.where(above, middle, low), np.where(above, high, middle)
    found: Floats = 0.5 * (low + high)
    return found
