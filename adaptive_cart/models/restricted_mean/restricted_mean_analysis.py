"""The table ``[analysis.ENDPOINT]`` with ``model = "restricted_mean"``: mean months of each arm.

Statement, in every arm by itself::

    months     ~ Normal(mean, sd)
    mean       ~ Normal(prior mean, sd / sqrt(worth))
    sd ** 2    ~ scaled inverse chi-squared(sd_worth, prior sd ** 2)

The prior is worth ``worth`` participants of what is known of the mean, and ``sd_worth`` of what is
known of the spread. External data that an arm is compared with are one more arm, of which number,
mean and standard deviation were told. The posterior of a mean is a t distribution (Gelman et al.,
Bayesian Data Analysis, 3rd ed., section 3.3): of one arm its tail, of two the difference of two
(``two_t.py``).

Months in remission are no normal numbers: many participants have none. What is asked about is
their mean, and sums of a few dozen are; the Bayesian bootstrap, which assumes no distribution
(Rubin 1981, Ann Stat 9:130), is what the tests hold the model against.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from adaptive_cart.models.base import Posterior, Reference, Statement
from adaptive_cart.models.beside_external_analysis import BesideExternal
from adaptive_cart.models.periods.adjustment import LEFT_OUT, TrendSelection
from adaptive_cart.models.pooled_strata import PoolsStrata
from adaptive_cart.models.ties import Sides, side_of, strictly_inside
from adaptive_cart.nouns.ahead import Coming, Numbers
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.parts import Months, Part, Positive
from adaptive_cart.nouns.questions import ALL, Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Means, Summary
from adaptive_cart.nouns.summaries.base import by_row, repeated

if TYPE_CHECKING:
    from adaptive_cart.models.prior_tip import PriorTip


class RestrictedMeanPrior(Part):
    """What is believed of the mean and of the standard deviation, and how firmly."""

    mean: Months = Field(description="months")
    worth: Positive = Field(description="participants that it counts for")
    sd: Positive = Field(description="months, of one participant")
    sd_worth: float = Field(ge=1.0, allow_inf_nan=False, description="participants, likewise")


@dataclass(frozen=True)
class RestrictedMeanPosterior(PoolsStrata):
    """Posterior of independent mean months; strata are pooled unless a question names one."""

    prior: RestrictedMeanPrior
    data: Means
    open_strata: Booleans | None

    closed = ("level",)
    fast_error = 1e-6
    drawn_error = 0.005
    arms_apart = True

    @property
    def arms(self) -> int:
        return self.data.total.shape[1]

    def _sums(self, arm: int, stratum: int) -> tuple[Floats, Floats, Floats]:
        """Sum of the months, of their squares, and participants, ``(trial,)`` each."""
        number = self.data.participants.astype(np.float64)
        parts = (part[:, arm] for part in (self.data.total, self.data.squares, number))
        total, squares, many = (self.of_strata(part, stratum, axis=1) for part in parts)
        return total, squares, many

    def t(self, arm: int, stratum: int) -> tuple[Floats, Floats, Floats]:
        """Degrees of freedom, location and scale of an arm's mean, ``(trial,)`` each."""
        total, squares, number = self._sums(arm, stratum)
        prior = self.prior
        freedom, weight = prior.sd_worth + number, prior.worth + number
        location = (prior.worth * prior.mean + total) / weight
        # about the mean of the data first, to lose no digits; then how far the prior is from it
        own = total / np.maximum(number, 1.0)
        about = np.maximum(squares - number * own**2, 0.0)
        apart = prior.worth * number / weight * (own - prior.mean) ** 2
        spread = prior.sd_worth * prior.sd**2 + about + np.where(number > 0.0, apart, 0.0)
        return freedom, location, np.sqrt(spread / freedom / weight)

    def computed(self, question: Question) -> Floats:
        from scipy import special

        from adaptive_cart.models.restricted_mean.two_t import below

        if question.kind not in self.closed:
            return super().computed(question)
        own = self.t(question.arm, question.stratum)
        if question.minus is not None:
            under = below(own, self.t(question.minus, question.stratum), question.value)
            return 1.0 - under if question.above else under
        score = (question.value - own[1]) / own[2]
        tail: Floats = special.stdtr(own[0], -score if question.above else score)
        return tail

    def sides(self, question: Question) -> Sides:
        """On which side of a threshold: data that are alike in two arms leave them alike."""
        if question.kind not in self.closed:
            return super().sides(question)

        def sides(threshold: float, rows: Integers) -> Floats:
            side = strictly_inside(threshold, rows)
            if question.minus is None or question.value != 0.0:
                return side
            mine, theirs = (self._sums(arm, question.stratum) for arm in question.pair)
            alike = np.logical_and.reduce(
                [a[rows] == b[rows] for a, b in zip(mine, theirs, strict=True)]
            )
            return np.where(alike, side_of(Fraction(1, 2), threshold), side)

        return sides

    def mean(self, question: Question) -> Floats:
        if question.kind not in self.closed:
            return super().mean(question)
        mean = self.t(question.arm, question.stratum)[1]
        if question.minus is not None:
            mean = mean - self.t(question.minus, question.stratum)[1]
        return mean

    def completed(self, summary: Summary, coming: Coming, some: Completions, apart: bool) -> Means:
        """Those still to come are drawn as the model has them: normal about a drawn mean.

        Their months enter by their number, sum and spread, which are drawn instead of each.
        """
        assert isinstance(summary, Means)
        assert isinstance(coming, Numbers)
        arms, strata = coming.participants.shape[1:]
        groups = strata if apart else 1
        uniform = some.even(2 * arms * (groups + strata))
        own, new = uniform[: 2 * arms * groups], uniform[2 * arms * groups :]
        shape = (len(self.data.total), arms, strata, some.number)
        total, squares = np.zeros(shape), np.zeros(shape)
        for arm in range(arms):
            for stratum in range(strata):
                group = arm * groups + (stratum if apart else 0)
                level = self._drawn(arm, stratum if apart else ALL, own[2 * group :][:2])
                number = coming.participants[:, arm, stratum].astype(np.float64)[:, None]
                both = new[2 * (arm * strata + stratum) :][:2]
                found = _sums_of_new(*level, number, both)
                total[:, arm, stratum], squares[:, arm, stratum] = found
        extra = np.broadcast_to(coming.participants[..., None], shape)
        had = [repeated(part, some.number) for part in vars(summary).values()]
        return Means(had[0] + by_row(total), had[1] + by_row(squares), had[2] + by_row(extra))

    def _drawn(self, arm: int, stratum: int, uniform: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of an arm, drawn together, ``(trial, completion)`` each."""
        from scipy import special

        freedom, location, scale = (part[:, None] for part in self.t(arm, stratum))
        weight = (self.prior.worth + self._sums(arm, stratum)[2])[:, None]
        sd = scale * np.sqrt(weight * freedom / special.chdtri(freedom, uniform[0]))
        return location + sd / np.sqrt(weight) * special.ndtri(uniform[1]), sd

    def draw(self, quantity: Quantity) -> Floats:
        from scipy import special

        from adaptive_cart.models.draws import KNOTS, axis_of, ranks, spread

        rank = ranks(self.data.total[0].size + self.arms)[axis_of(quantity, self.arms)]
        freedom, location, scale = (
            part[:, None] for part in self.t(quantity.arm, quantity.stratum)
        )
        return spread(location + scale * special.stdtrit(freedom, special.ndtr(KNOTS)), KNOTS, rank)


def _sums_of_new(
    mean: Floats, sd: Floats, number: Floats, uniform: Floats
) -> tuple[Floats, Floats]:
    """Sum of so many normal values and of their squares, ``(trial, completion)`` each."""
    from scipy import special

    own = mean + sd / np.sqrt(np.maximum(number, 1.0)) * special.ndtri(uniform[0])
    spread = np.where(number > 1.0, special.chdtri(np.maximum(number - 1.0, 1.0), uniform[1]), 0.0)
    return number * own, np.where(number > 0.0, number * own**2 + sd**2 * spread, 0.0)


class RestrictedMeanAnalysis(BesideExternal):
    """Mean months in each arm, their standard deviation estimated: t tails."""

    model: Literal["restricted_mean"]
    prior: RestrictedMeanPrior
    time_trend: TrendSelection | None = LEFT_OUT

    reads: ClassVar[str] = "means"
    answers: ClassVar[tuple[str, ...]] = RestrictedMeanPosterior.closed
    answered_by: ClassVar[type[Posterior]] = RestrictedMeanPosterior
    level: ClassVar[str] = "mean"
    title: ClassVar[str] = "Restricted mean time"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"y_{ki} \sim \mathrm{Normal}(\mu_k, \sigma_k)",
            "In arm k, the months of a participant are normal about the mean of the arm.",
        ),
        Statement(
            r"\mu_k \sim \mathrm{Normal}(m, \sigma_k / \sqrt{w})",
            "The mean is normal about m, known as from w participants; the variance is scaled "
            "inverse chi-squared.",
        ),
    )

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> RestrictedMeanPrior:
        return self.prior

    def prior_tips(self, fitted: RestrictedMeanPrior, arms: tuple[str, ...]) -> Iterator[PriorTip]:
        from adaptive_cart.models.restricted_mean.prior_tips import tips_of

        return tips_of(fitted)

    def posterior(
        self, fitted: RestrictedMeanPrior, summary: Summary, open_strata: Booleans | None
    ) -> RestrictedMeanPosterior:
        assert isinstance(summary, Means)
        return RestrictedMeanPosterior(fitted, summary.behind(self.data_beside), open_strata)

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.restricted_mean.restricted_mean_reference import (
            RestrictedMeanReference,
        )

        names = self.names_beside(arms)
        return RestrictedMeanReference(self.prior, names, self.data_beside)
