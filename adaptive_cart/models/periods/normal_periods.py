"""Mean changes with effects of periods: least squares and t distributions, exactly.

Statement, of participant i in arm k, randomised in period s, with baseline b and score y::

    y_i - b_i ~ Normal(mean_k + period_s + slope * (b_i - centre), sd)

``centre`` is the mean baseline of all who are analysed; the first period has the effect 0, and all
arms share the others. p(means, periods, slope, sd ** 2) is proportional to 1 / sd ** 2, so that the
posterior is conjugate: every combination that the data tell is a t distribution about its least
squares (Gelman et al., Bayesian Data Analysis, 3rd ed., section 14.2), and the probability of a
difference is one less the one-sided p-value of an analysis of covariance with periods (Lee and
Wason 2020, doi:10.1186/s12874-020-01043-6). The level of an arm over some periods is its mean and
their effects, each period weighing as many of all arms as were analysed of it; no such weight
enters a difference. What the data do not tell, as the difference of two arms that no third has been
open beside, has no posterior (nan).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final, NamedTuple

import numpy as np
from scipy import special

from adaptive_cart.models.normal.normal import ALIKE, ROUNDING, t_below
from adaptive_cart.models.normal.normal_analysis import last_visit, sides_of_symmetric
from adaptive_cart.models.periods.over_periods import OverPeriods
from adaptive_cart.models.ties import Sides
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.summaries import ByPeriod, Scores

NOUGHT: Final = 1e-9  # of an eigenvalue of a correlation matrix: what the data do not tell
OUTSIDE: Final = 1e-6  # of a combination: part that lies in what they do not tell


class Squares(NamedTuple):
    """Least squares in every trial, coefficients being those of arms, of periods and the slope.

    Attributes
    ----------
    scale, known
        ``(trial, coefficient)``, and ``(trial, coefficient, direction)`` what the data tell.
    inverse, best
        Of the scaled coefficients.
    spread, freedom
        Residual standard deviation and degrees of freedom; nan where there are none.
    """

    scale: Floats
    known: Floats
    inverse: Floats
    best: Floats
    spread: Floats
    freedom: Floats


class Equations(NamedTuple):
    """Normal equations in every trial, coefficients being those of arms, of periods and the slope.

    Attributes
    ----------
    matrix, right
        ``(trial, coefficient, coefficient)`` and ``(trial, coefficient)``; nothing of the slope
        where the baselines of all are alike.
    whole, number
        Sum of squares of the changes, and participants, ``(trial,)``.
    """

    matrix: Floats
    right: Floats
    whole: Floats
    number: Floats


def normal_equations(products: Floats) -> Equations:
    """Equations of arms, periods and a slope about the mean baseline of all.

    Parameters
    ----------
    products
        ``(trial, arm, period, 3, 3)`` sums of products of (1, baseline, score).
    """
    number, b, y = (products[..., 0, place] for place in range(3))
    bb, by, yy = products[..., 1, 1], products[..., 1, 2], products[..., 2, 2]
    trials, arms, periods = number.shape
    each = (1, 2)
    everybody = number.sum(axis=each, keepdims=True)
    centre = b.sum(axis=each, keepdims=True) / np.maximum(everybody, 1.0)
    about, change = b - number * centre, y - b
    squares = (bb - 2.0 * centre * b + number * centre**2).sum(axis=each)
    varied = squares > ALIKE * bb.sum(axis=each)
    about = np.where(varied[:, None, None], about, 0.0)
    both = ((by - bb) - centre * change).sum(axis=each) * varied
    size = arms + periods + 1
    matrix, right = np.zeros((trials, size, size)), np.zeros((trials, size))
    own, when = np.arange(arms), arms + np.arange(periods)
    matrix[:, own, own], matrix[:, when, when] = number.sum(axis=2), number.sum(axis=1)
    matrix[:, :arms, arms:-1] = number
    matrix[:, arms:-1, :arms] = number.swapaxes(1, 2)
    matrix[:, -1, :arms] = matrix[:, :arms, -1] = about.sum(axis=2)
    matrix[:, -1, arms:-1] = matrix[:, arms:-1, -1] = about.sum(axis=1)
    matrix[:, -1, -1] = np.where(varied, squares, 0.0)
    right[:, :arms], right[:, arms:-1], right[:, -1] = change.sum(axis=2), change.sum(axis=1), both
    whole = (yy - 2.0 * by + bb).sum(axis=each)
    return Equations(matrix, right, whole, everybody[:, 0, 0])


def least_squares(products: Floats) -> Squares:
    """Fit arms, periods and a slope.

    Parameters
    ----------
    products
        ``(trial, arm, period, 3, 3)`` sums of products of (1, baseline, score).
    """
    matrix, right, whole, everybody = normal_equations(products)
    size = matrix.shape[1]
    diagonal = np.einsum("tii->ti", matrix)
    scale = np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    values, vectors = np.linalg.eigh(matrix / scale[:, :, None] / scale[:, None, :])
    told = values > NOUGHT * size
    known = vectors * told[:, None, :]
    inverse = np.einsum("tid,td,tjd->tij", known, 1.0 / np.where(told, values, 1.0), known)
    best = np.einsum("tij,tj->ti", inverse, right / scale)
    left = np.maximum(whole - (best * right / scale).sum(axis=1), ROUNDING * whole)
    freedom = everybody - told.sum(axis=1)
    freedom = np.where(freedom > 0.0, freedom, np.nan)
    left = np.maximum(left, np.finfo(np.float64).tiny)
    return Squares(scale, known, inverse, best, np.sqrt(left / freedom), freedom)


@dataclass
class PeriodMeansPosterior(OverPeriods):
    """Posterior of mean changes, adjusted for the period of randomisation."""

    seen: ByPeriod

    closed: ClassVar[tuple[str, ...]] = ("level",)
    fast_error = 1e-9
    drawn_error = 0.007

    @cached_property
    def _squares(self) -> Squares:
        apart = self.seen.split()
        assert isinstance(apart, Scores)
        return least_squares(last_visit(apart))

    def _asked(self, question: Question) -> tuple[Floats, Floats]:
        """Centre and scale of the t distribution of a level, or of a difference, ``(trial,)``."""
        fit = self._squares
        asked = np.zeros(fit.best.shape)
        if question.minus is None:
            asked[:, self.arms : -1] = self.seen.shares((question.arm,))
        else:
            asked[:, question.minus] = -1.0
        asked[:, question.arm] = 1.0
        asked /= fit.scale
        told = np.einsum("tid,tjd,tj->ti", fit.known, fit.known, asked)
        outside = np.abs(asked - told).max(axis=1) > OUTSIDE * np.abs(asked).max(axis=1)
        centre = np.where(outside, np.nan, (asked * fit.best).sum(axis=1))
        size = np.einsum("ti,tij,tj->t", asked, fit.inverse, asked)
        return centre, fit.spread * np.sqrt(size)

    def computed(self, question: Question) -> Floats:
        """Tail of the t distribution of what is asked."""
        if not self.without_draws(question):
            return super().computed(question)
        centre, scale = self._asked(question)
        below = t_below(self._squares.freedom, (question.value - centre) / scale)
        return 1.0 - below if question.above else below

    def sides(self, question: Question) -> Sides:
        """Nothing is certain; a posterior that is symmetric about the value is half above it."""
        if not self.without_draws(question):
            return super().sides(question)

        return sides_of_symmetric(question, lambda: self._asked(question))

    def mean(self, question: Question) -> Floats:
        """Posterior mean; with one degree of freedom, which leaves none, the centre."""
        if not self.without_draws(question):
            return super().mean(question)
        return np.where(np.isnan(self._squares.freedom), np.nan, self._asked(question)[0])

    def quantile(self, question: Question, probability: float) -> Floats:
        """Value that what is asked about lies below with this probability."""
        if not self.without_draws(question):
            return super().quantile(question, probability)
        centre, scale = self._asked(question)
        found: Floats = centre + scale * special.stdtrit(self._squares.freedom, probability)
        return found

    def drawn(self, question: Question) -> Floats:
        """Draws of a level, or of a difference: quantiles of its own t distribution."""
        from adaptive_cart.models.draws import KNOTS, ranks, spread

        centre, scale = (part[:, None] for part in self._asked(question))
        scores = special.stdtrit(self._squares.freedom[:, None], special.ndtr(KNOTS))
        return spread(centre + scale * scores, KNOTS, ranks(self.arms)[question.arm])
