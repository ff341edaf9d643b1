"""Responders in each arm: exact posterior probabilities for whole blocks of looks.

A look at a binary endpoint (drug-free remission at a landmark, an adverse event in its window)
sees in every arm a number of participants and a number of them with the event.  Rules ask how
probable it is that one arm's probability exceeds another's by more than a margin, that it exceeds a
fixed value, that the arm is the best; and, for predictive rules, how many of the participants still
to come will have the event.

Model
-----
In each arm, independently of the others::

    successes | probability ~ Binomial(total, probability)
    probability             ~ sum over k of weight_k Beta(a_k, b_k)

One component is the usual beta prior; several make a mixture, such as the robust meta-analytic
predictive prior (Schmidli et al. 2014, Biometrics 70:1023, doi:10.1111/biom.12242).  The posterior
is a mixture again, each component with a_k + successes and b_k + total - successes, its weight
multiplied by the component's beta-binomial marginal likelihood.

Method
------
With f_C the posterior density of one arm, S_T the survival function of the other and m >= 0::

    P(T - C > m) = integral over c in [0, 1 - m] of f_C(c) S_T(c + m) dc

The end points are algebraic (prior parameters may be far below 1, and S_T ends at c = 1 - m), so c
is written as (1 - m) / (1 + exp(-y)) and y as 2 sinh(t): the integrand becomes analytic in a strip
about the real line and decays double exponentially at both ends, where the trapezoidal rule with
equal steps in t converges geometrically (Trefethen & Weideman 2014, SIAM Review 56:385,
doi:10.1137/130932132, section 5; Takahasi & Mori 1974 for the double exponential map).  The step
follows from the Fourier tail of the product of two normal shapes whose precisions in y are at most
a quarter of the posterior sample sizes; the range from the lightest prior parameter.  For m < 0 the
two arms change roles, P(T - C > m) = 1 - P(C - T > -m).  P(best) is the same integral at m = 0 with
the product of the other arms' distribution functions.

A ratio against a value r < 1 is the same integral with S_T(r c), one above 1 that of the exchanged
arms; a ratio of odds moves y by log r. Where r c, or the moved y, comes near to 1 the survival
function has the edge that a margin makes, and the step is as small.

The nodes depend on the priors, the margin and the posterior sample size rounded up to a power of
two, never on the other tables of a block.  Density and survival of each (successes, total) on these
nodes are worked out once, where they are neither 0 nor 1 to within 1e-20; a table of counts then
costs one dot product (``beta_rows.py``; ``beta_rows_loops.py`` for numba).

Error
-----
P(T - C > m) differs by at most 7e-13 from tanh-sinh quadrature with 25 digits (422 random tables,
prior parameters 0.01 to 40, totals 0 to 400, margins 0 to 0.5).  Halving the step and lengthening
the range moves it by less than 4e-13 (prior parameters 0.01 to 2000, totals 0 to 2000, margins 0 to
0.95), so that what remains is rounding: up to 5e-12 where sample sizes reach thousands, from the
logarithm of the beta function.  P(best) agrees with Gauss-Legendre quadrature to 1e-11.
Intervals are solved to 1e-10.  Tests hold all of this to 1e-11 or, for intervals, 1e-9.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.binary.beta_comparison import (
    best_among,
    best_of,
    difference_above,
    ratio_above,
)
from adaptive_cart.models.binary.beta_mixture import (
    BetaMixture,
    logits,
    probability_above,
    updated,
)
from adaptive_cart.models.binary.beta_quantile import quantile_of
from adaptive_cart.models.binary.beta_rows import MOST
from adaptive_cart.models.binary.beta_rows_loops import LOOPS
from adaptive_cart.models.binary.beta_tables import checked_counts, column, remembered
from adaptive_cart.nouns.distinct_rows import each_distinct
from adaptive_cart.nouns.records import Floats

Table: TypeAlias = npt.NDArray[np.float64]  # (table,)
Counts: TypeAlias = npt.NDArray[np.int64]  # (table,)
TableArm: TypeAlias = npt.NDArray[np.integer[Any]]  # (table, arm)
Mask: TypeAlias = npt.NDArray[np.bool_]

__all__ = ["BetaBinomial", "BetaMixture"]


@dataclass(frozen=True)
class BetaBinomial:
    """Independent binomial arms with beta-mixture priors; settings only.

    An arm is asked about by its index, and of counts that are ``(table, arm)``, over all arms; an
    answer is ``(table,)``.

    Parameters
    ----------
    priors
        Of each arm's probability, in the order of the arms, control first.
    """

    priors: tuple[BetaMixture, ...]

    @property
    def redrawn(self) -> bool:
        """Whether it is another in each trial, by what was drawn with it."""
        return False

    def in_stratum(self, stratum: int) -> BetaBinomial:
        """The model of one stratum, or of all together (below 0): here always the same."""
        return self

    def each(self, counts: Any, stratum: int) -> Iterator[tuple[BetaBinomial, Counts]]:
        """The models of some trials, each with the positions of those whose it is: here one."""
        yield self, np.arange(len(counts.totals))

    def mean(self, arm: int, successes: TableArm, totals: TableArm) -> Table:
        """Posterior mean of the arm's probability."""
        checked = self._counts(successes, totals)
        weights, a, b = updated(self.priors[arm], *column(checked, arm))
        mean: Table = (weights * (a / (a + b))).sum(axis=-1)
        return mean

    def above(self, arm: int, successes: TableArm, totals: TableArm, value: float) -> Table:
        """Posterior probability that the arm's probability exceeds `value`.

        Nothing exceeds 1, and everything exceeds what is below 0.
        """
        checked = self._counts(successes, totals)
        if math.isnan(value):
            raise ValueError("value must be a number; found nan")
        prior = self.priors[arm]
        return remembered(
            ("above", prior, float(value)),
            column(checked, arm),
            lambda counts: probability_above(prior, counts, value),
        )

    def logits(self, arm: int, successes: Counts, totals: Counts) -> tuple[Floats, Floats]:
        """Log odds of an arm's probability, and normal scores of being below, (table, knot)."""
        prior = self.priors[arm]
        both = remembered(("logits", prior), (successes, totals), lambda own: logits(prior, own))
        return both[:, : both.shape[1] // 2], both[:, both.shape[1] // 2 :]

    def difference_above(
        self, arm: int, minus: int, successes: TableArm, totals: TableArm, margin: float
    ) -> Table:
        """Posterior probability that one arm's probability exceeds another's by more than `margin`.

        It is a risk difference, and may be negative.
        """
        checked = self._counts(successes, totals)
        self._distinct((arm, minus))
        if math.isnan(margin):
            raise ValueError("margin must be a number; found nan")
        if margin < 0.0:
            # The difference is continuous, so that "above" and "at least" have one probability.
            return 1.0 - self.difference_above(minus, arm, successes, totals, -margin)
        if margin >= 1.0:
            return np.zeros(checked[0].shape[0])
        upper, lower, margin = self.priors[arm], self.priors[minus], float(margin)
        columns = (*column(checked, arm), *column(checked, minus))

        def work_out(counts: tuple[Counts, ...]) -> Table:
            return difference_above(upper, lower, counts, margin)

        if LOOPS.used:  # they take no longer than to remember
            return work_out(columns)
        return remembered(("difference", upper, lower, margin), columns, work_out)

    def ratio_above(
        self,
        arm: int,
        minus: int,
        successes: TableArm,
        totals: TableArm,
        value: float,
        of_odds: bool = False,
    ) -> Table:
        """Posterior probability that an arm's probability is more than `value` times another's.

        Parameters
        ----------
        of_odds
            Compare their odds instead.
        """
        if value == 1.0:
            return self.difference_above(arm, minus, successes, totals, 0.0)
        checked = self._counts(successes, totals)
        self._distinct((arm, minus))
        if not value > 0.0:
            raise ValueError(f"value must be above 0; found {value}")
        if math.isinf(value):
            return np.zeros(checked[0].shape[0])
        if value > 1.0 and not of_odds:
            return 1.0 - self.ratio_above(minus, arm, successes, totals, 1.0 / value)
        upper, lower, value = self.priors[arm], self.priors[minus], float(value)
        return remembered(
            ("ratio", upper, lower, value, of_odds),
            (*column(checked, arm), *column(checked, minus)),
            lambda counts: ratio_above(upper, lower, counts, value, of_odds),
        )

    @cached_property
    def turned(self) -> BetaBinomial:
        """The same of those without the event."""
        return BetaBinomial(tuple(prior.turned for prior in self.priors))

    def by_priors(
        self, places: npt.NDArray[np.intp]
    ) -> Iterator[tuple[BetaBinomial, npt.NDArray[np.intp]]]:
        """Rows of arms by their priors: a model of these alone, and the rows that have them.

        Parameters
        ----------
        places
            ``(row, arm)``, indices of arms.
        """
        kinds = list(dict.fromkeys(self.priors))
        if len(kinds) == 1:
            if len(places):
                yield BetaBinomial((kinds[0],) * places.shape[1]), np.arange(len(places))
            return
        kind = np.array([kinds.index(prior) for prior in self.priors])
        for own, rows in each_distinct(kind[places]):
            yield BetaBinomial(tuple(kinds[place] for place in own)), rows

    def best(
        self, arms: tuple[int, ...], successes: TableArm, totals: TableArm, lowest: bool = False
    ) -> Table:
        """Posterior probability of each of some arms that its probability is the largest of them.

        Parameters
        ----------
        lowest
            Ask for the smallest instead.

        Returns
        -------
            (table, len(arms)), in the order of `arms`.
        """
        if lowest:
            return self.turned.best(arms, np.asarray(totals) - np.asarray(successes), totals)
        checked = self._counts(successes, totals)
        self._distinct(arms)
        if len(arms) == 1:
            return np.ones((checked[0].shape[0], 1))
        if len(arms) == 2:
            first = self.difference_above(*arms, successes, totals, 0.0)
            return np.stack([first, 1.0 - first], axis=-1)
        priors = tuple(self.priors[arm] for arm in arms)
        return best_of(priors, checked[0][:, list(arms)], checked[1][:, list(arms)])

    def best_among(
        self, compared: Mask, successes: TableArm, totals: TableArm, lowest: bool = False
    ) -> Floats:
        """The same of the arms that are compared in each table.

        Parameters
        ----------
        compared, successes, totals
            (table, arm), over all arms.

        Returns
        -------
            (table, arm): 0 for arms that are not compared.
        """
        if lowest:
            return self.turned.best_among(compared, np.asarray(totals) - successes, totals)
        checked = self._counts(successes, totals)
        found = np.zeros(compared.shape)
        arms = np.flatnonzero(compared.any(axis=0))
        kinds = {self.priors[arm] for arm in arms}
        if LOOPS.used and len(kinds) == 1 and checked[1][:, arms].max(initial=0) <= MOST:
            x, n = (part[:, arms].astype(np.int64, order="C") for part in checked)
            mine = np.ascontiguousarray(compared[:, arms])
            found[:, arms] = best_among(kinds.pop(), x, n, mine)
            return found
        numbers = compared.sum(axis=1)
        for number in range(1, compared.shape[1] + 1):
            rows = np.flatnonzero(numbers == number)
            places = np.nonzero(compared[rows])[1].reshape(-1, number)
            for model, here in self.by_priors(places):
                where, every = (rows[here, None], places[here]), tuple(range(number))
                found[where] = model.best(every, checked[0][where], checked[1][where])
        return found

    def predictive_weights(
        self, arm: int, successes: int, totals: int, final_total: int
    ) -> npt.NDArray[np.float64]:
        """Posterior predictive distribution of the arm's final number of successes.

        Parameters
        ----------
        successes, totals
            Observed in this arm now.
        final_total
            Participants analysed at the end; when fewer than `totals`, nobody is still to come.

        Returns
        -------
            (max(final_total, totals) + 1,): the probability of 0, 1, 2 … successes in the end.
        """
        checked = checked_counts(np.array([[successes]]), np.array([[totals]]), 1)
        to_come = max(int(final_total) - int(totals), 0)
        weights, a, b = updated(self.priors[arm], *column(checked, 0))
        future = np.arange(to_come + 1.0)[:, None]
        with np.errstate(divide="ignore"):
            log_mass = (
                np.log(weights)
                + special.betaln(a + future, b + to_come - future)
                - special.betaln(a, b)
                - special.betaln(1.0 + future, 1.0 + to_come - future)
                - math.log1p(to_come)
            )
        mass = np.zeros(int(totals) + to_come + 1)
        mass[int(successes) : int(successes) + to_come + 1] = np.exp(log_mass).sum(axis=-1)
        return mass

    def interval(
        self,
        arm: int,
        minus: int | None,
        successes: TableArm,
        totals: TableArm,
        level: float = 0.95,
    ) -> npt.NDArray[np.float64]:
        """Equal-tailed credible interval of an arm's probability, or of a risk difference.

        Parameters
        ----------
        minus
            The arm that is compared with; without it, the interval is of the arm alone.

        Returns
        -------
            (table, 2): lower and upper limit, to 1e-9.
        """
        checked = self._counts(successes, totals)
        if not 0.0 < level < 1.0:
            raise ValueError(f"level must be between 0 and 1; found {level}")
        priors: tuple[BetaMixture, ...] = (self.priors[arm],)
        columns: tuple[Counts, ...] = column(checked, arm)
        if minus is not None:
            self._distinct((arm, minus))
            priors += (self.priors[minus],)
            columns += column(checked, minus)

        def limit(probability: float) -> Table:
            return remembered(
                ("quantile", priors, probability),
                columns,
                lambda counts: quantile_of(priors, counts, probability),
            )

        limits = [limit(0.5 - 0.5 * level), limit(0.5 + 0.5 * level)]
        return np.stack(limits, axis=-1)

    def _counts(self, successes: TableArm, totals: TableArm) -> tuple[TableArm, TableArm]:
        return checked_counts(np.asarray(successes), np.asarray(totals), len(self.priors))

    def _distinct(self, arms: tuple[int, ...]) -> None:
        known = range(len(self.priors))
        if not arms or len(set(arms)) != len(arms) or any(arm not in known for arm in arms):
            raise ValueError(f"arms must be different ones of {list(known)}; found {list(arms)}")
