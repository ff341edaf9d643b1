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
  censored at t.  A relapse before 1e-6 month, where f may be infinite, counts as one after a day.
  A relapse known to lie between l and r contributes (1 - c) (S(l) - S(r)); among such, one that is
  known at its moment lies within 0.05% of its month to either side, which moves its log likelihood
  by less than 1e-6 (``cure_between``).

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
4. P(R(month) > value).  The rows of one log k each are carried over to a common lattice in the log
   hazard at the month and added: two parameters are left.  The probability is the sum over one side
   of a curve, which every diagonal of that lattice crosses once; sums over diagonals stay smooth
   whether the hazard, c or both matter.
5. Quantiles and differences of two arms come from the distribution of R at 25 values, joined by
   monotone cubics in the normal score.  Tables that are equal are analysed once.

Where it is done: ``cure_prior`` (the priors; the scale of c), ``cure_times`` (what was observed);
``cure_log_posterior``, ``cure_ridge``, ``cure_place`` (1); ``cure_likelihood`` (2);
``cure_lattice``, ``cure_partial_sums`` (3); ``cure_remaining``, ``cure_crossing`` (4);
``cure_curve`` (5).

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

The common lattice moves these by at most 6e-5 with the first prior, 1.4e-4 with the third, 3e-4
with the fourth and 5e-5 with the fifth (30 tables, months 1 to 60, against the rows left apart); at
an infinite month it gives the cured fraction's own probabilities to 1e-6.  Joining 25 values adds
to differences' probabilities at months 6 and 24, against joining 101, 2e-5 with the first prior,
1.2e-4 with the third and up to 1e-3 with the fourth (13 values:
2e-4, 1.4e-3 and 6e-3).  At a month so early that hardly anybody has relapsed, and with a prior of
the shape as vague as in the last two lines, a difference with margin 0 is not resolved: both
fractions are 1 but for less than is told apart.

A table is `failed` if more than 0.5% of its probability lies in the outermost points of its lattice
in any direction, or no lattice was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.durability.cure_crossing import above
from adaptive_cart.models.durability.cure_curve import CURVE, Curve, difference_above
from adaptive_cart.models.durability.cure_likelihood import likelihood_on
from adaptive_cart.models.durability.cure_place import places
from adaptive_cart.models.durability.cure_prior import CurePrior, cured_scale
from adaptive_cart.models.durability.cure_remaining import remaining_at
from adaptive_cart.models.durability.cure_times import Times
from adaptive_cart.models.outside_laws import MANY, OutsideLaw
from adaptive_cart.nouns.records import Booleans, Floats

__all__ = ["WeibullCure", "WeibullCurePosterior"]


@dataclass(frozen=True)
class WeibullCure(CurePrior):
    """Model of one arm, by its priors: see `CurePrior`."""

    def posterior(
        self,
        durations: npt.ArrayLike,
        relapsed: npt.ArrayLike,
        included: npt.ArrayLike,
        halves: Floats | None = None,
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
        halves
            Nothing where relapses are dated; else months by which a relapse may lie to either side
            of its duration, (table, participant); 0 of one that is known at its moment.

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
        if halves is None:
            return WeibullCurePosterior(self, Times.read(months, events, inside))
        return WeibullCurePosterior(self, Times.between(months, halves, events, inside))


class WeibullCurePosterior:
    """What the remitters of each table say about their arm; every answer is (table,).

    Made by `WeibullCure.posterior`.  Densities are computed block by block when asked for.
    """

    def __init__(self, model: WeibullCure, times: Times) -> None:
        self.model = model
        self._scale = cured_scale(*model.cured)
        first, self._same_as = times.distinct()
        times = times.of(first)
        self._number = len(first)
        with np.errstate(all="ignore"):  # trouble is found in `failed`
            self._lattices = [
                likelihood_on(model, self._scale, times.of(tables), place, number)
                for tables, place, number in places(model, times)
            ]
        self._curves: dict[float, Curve] = {}

    @property
    def tables(self) -> int:
        """Number of tables."""
        return len(self._same_as)

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
        at = np.full((self._number, 1), value)
        parts = []
        for lattice in self._lattices:
            part = np.empty(len(lattice.tables))
            with np.errstate(all="ignore"):
                for remaining in remaining_at(lattice, month):
                    asked = at[: len(remaining.tables)]
                    part[remaining.tables] = above(lattice, self._scale, remaining, asked)[:, 0]
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
        if _checked_month(month) == 0.0:
            return np.ones(self.tables)
        score = np.full((self._number, 1), special.ndtri(probability))
        angle = self._curve(month).quantile(score)[self._same_as, 0]
        return np.sin(angle) ** 2

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
        first = self._curve(month).of(self._same_as)
        return difference_above(first, other._curve(month).of(other._same_as), margin)

    def remaining_above_law(self, law: OutsideLaw, month: float, margin: float) -> Floats:
        """Probability that more remain at `month` than external data say, by over `margin`.

        Parameters
        ----------
        law
            What external data say of the fraction in remission at the month.

        Returns
        -------
        (table,)
        """
        curve = self._curve(_checked_month(month)).of(self._same_as)

        def exceeds(value: float) -> Floats:
            if not 0.0 <= value < 1.0:
                return np.full(self.tables, float(value < 0.0))
            angle = np.full((self.tables, 1), np.arcsin(np.sqrt(value)))
            return curve.above(angle)[:, 0]

        return law.exceeded(margin, exceeds, MANY)

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

    def draws(self, chance: Floats) -> Floats:
        """Draws of log shape, log median and log odds of being cured, (table, parameter, draw).

        Parameters
        ----------
        chance
            ``(parameter, draw)`` in (0, 1).
        """
        drawn = np.full((self._number, *chance.shape), np.nan)
        for lattice in self._lattices:
            with np.errstate(all="ignore"):
                drawn[lattice.tables] = lattice.draws(self._scale, chance)
        return drawn[self._same_as]

    def _gather(self, parts: Sequence[npt.NDArray[np.generic]]) -> Floats:
        """Answers of the lattices in the order of the tables."""
        result = np.full(self._number, np.nan)
        for lattice, part in zip(self._lattices, parts, strict=True):
            result[lattice.tables] = part
        return result[self._same_as]

    def _curve(self, month: float) -> Curve:
        """Distribution of the fraction in remission in each distinct table."""
        if month not in self._curves:
            angles, scores = np.empty((2, self._number, CURVE))
            for lattice in self._lattices:
                with np.errstate(all="ignore"):
                    for remaining in remaining_at(lattice, month):
                        curve = Curve.through(lattice, self._scale, remaining)
                        tables = lattice.tables[remaining.tables]
                        angles[tables], scores[tables] = curve.angles, curve.scores
            self._curves[month] = Curve(angles, scores)
        return self._curves[month]


def _checked_month(month: float) -> float:
    if not month >= 0.0:
        raise ValueError(f"month must not be negative, found {month}")
    return float(month)
