"""The table ``[analysis.ENDPOINT]`` with ``model = "proportional_odds"``, and its answers to rules.

Every arm has the control's cutpoints, moved by a log odds ratio of its own: its odds to have a
category or a better one are those of the control times one number, whatever the category. Strata
are pooled unless a question names one.

A question about that number is answered by Laplace's method (``log_odds_ratio.py``); all else from
draws of all parameters (``joint_draws.py``). With 4,096 of them a probability was off by at most
0.012, against 262,144 points, in tables of two arms and nobody to 50 participants each; of a third
arm, in the order of which they are not taken, by 0.034 (``OF_LATER``). Laplace's method errs
less towards 0 and 1: by at most 0.0098 times the root of p (1 - p), and 0.0002 beyond 0.9995.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from adaptive_cart.models.base import AnalysisBase, Posterior, Reference, Statement
from adaptive_cart.models.ordinal.by_category import EACH, UNIFORM, OrdinalPosterior, Parameters
from adaptive_cart.models.ordinal.by_category import misfits as misfits_of
from adaptive_cart.models.periods.adjustment import LEFT_OUT, TrendSelection
from adaptive_cart.models.ties import Sides, certain, side_of, strictly_inside
from adaptive_cart.nouns.distributions import Normal
from adaptive_cart.nouns.parts import Part
from adaptive_cart.nouns.questions import Quantity, Question
from adaptive_cart.nouns.ranked import better
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Categories, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.ordinal.cumulative_logit import Tables
    from adaptive_cart.models.ordinal.joint_draws import JointDraws
    from adaptive_cart.models.ordinal.log_odds_ratio import LogOddsRatio
    from adaptive_cart.models.prior import Prior
    from adaptive_cart.models.prior_tip import PriorTip

FIRM = 0.5  # parameter of every category, from which on Laplace's method was off by little
OF_VAGUE = 0.02  # what a probability may be wrong by below that
OF_LATER = 0.04  # the same from draws, of an arm after the first that is not the control


class ProportionalOddsPrior(Part):
    """Priors of the control's probabilities and of every log odds ratio to the control."""

    control: Parameters = Field(
        default=UNIFORM, description="a number by category, `each` for the others"
    )
    log_odds_ratio: Normal = Field(description="of every other arm; above 0 it does better")


@dataclass(frozen=True)
class ProportionalOdds:
    """The priors as written, and the categories, the worst first, where they are known."""

    control: tuple[tuple[str, float], ...]
    log_odds_ratio: tuple[float, float]
    categories: tuple[str, ...] = ()

    def parameters(self, categories: tuple[str, ...]) -> Floats:
        """Dirichlet parameters of the control, ``(category,)``."""
        own = dict(self.control)
        return np.array([own.get(name, own.get(EACH)) for name in categories])


@dataclass(frozen=True)
class _Fit:
    """Distinct tables of a block in some strata: their mode, and which table each trial has."""

    tables: Tables
    found: tuple[Floats, Floats]
    which: Integers


@dataclass(frozen=True)
class ProportionalOddsPosterior(OrdinalPosterior):
    """Posterior of cutpoints that arms share, and of each arm's odds ratio to the control."""

    priors: ProportionalOdds

    closed = ("common_odds_ratio",)
    exactly = "quadrature"
    fast_error = 0.005
    falls = True
    drawn_error = 0.015
    drawn_seconds = 0.002

    @classmethod
    def error(cls, question: Question) -> float:
        if not cls.without_draws(question) and max(question.arm, question.minus or 0) > 1:
            return OF_LATER
        return super().error(question)

    @cached_property
    def _fits(self) -> dict[int, _Fit]:
        return {}

    @cached_property
    def _ratios(self) -> dict[tuple[int, int, int], LogOddsRatio]:
        return {}

    @cached_property
    def _joint(self) -> dict[int, JointDraws]:
        return {}

    def _fit(self, question: Question | Quantity) -> _Fit:
        from adaptive_cart.models.ordinal.cumulative_logit import Normals, Tables, mode

        if question.stratum not in self._fits:
            counts = self.counts(question)
            flat = counts.reshape(len(counts), -1)
            distinct, which = np.unique(flat, axis=0, return_inverse=True)
            mean, sd = self.priors.log_odds_ratio
            others = np.ones(self.arms - 1)
            tables = Tables.of(
                distinct.reshape(-1, *counts.shape[1:]),
                self.priors.parameters(self.data.names),
                Normals(mean * others, sd * others),
            )
            self._fits[question.stratum] = _Fit(tables, mode(tables), which.reshape(-1))
        return self._fits[question.stratum]

    # ── a common odds ratio ───────────────────────────────────────────────────────────────
    def _ratio(self, question: Question) -> tuple[LogOddsRatio, Integers, bool]:
        """Of the later of two arms to the other; each trial's table; whether it is turned over."""
        from adaptive_cart.models.ordinal.log_odds_ratio import log_odds_ratio

        assert question.minus is not None
        later, earlier = max(question.pair), min(question.pair)
        fit, key = self._fit(question), (question.stratum, later, earlier)
        if key not in self._ratios:
            self._ratios[key] = log_odds_ratio(fit.tables, fit.found, later, earlier)
        return self._ratios[key], fit.which, question.arm == earlier

    def computed(self, question: Question) -> Floats:
        if question.kind not in self.closed:
            return super().computed(question)
        if not 0.0 < question.value < math.inf:
            return np.full(len(self.data.counts), float((question.value <= 0.0) == question.above))
        ratio, which, turned = self._ratio(question)
        value = math.log(question.value)
        above = 1.0 - ratio.above(-value) if turned else ratio.above(value)
        return (above if question.above else 1.0 - above)[which]

    def quantile(self, question: Question, probability: float) -> Floats:
        if question.kind not in self.closed:
            return super().quantile(question, probability)
        ratio, which, turned = self._ratio(question)
        found = -ratio.quantile(1.0 - probability) if turned else ratio.quantile(probability)
        return np.exp(found)[which]

    def sides(self, question: Question) -> Sides:
        """On which side of a threshold: nobody seen leaves a symmetric prior as it was."""
        if not question.of.has_value:
            return super().sides(question)
        scores = self.data.scores
        low, high = question.of.range((scores[0], scores[-1]), question.minus is not None)
        if not low < question.value < high:
            return certain((question.value <= low) == question.above)
        untouched = self._untouched(question)

        def sides(threshold: float, rows: Integers) -> Floats:
            side = strictly_inside(threshold, rows)
            even = np.isnan(side) & untouched[rows]
            return np.where(even, side_of(Fraction(1, 2), threshold), side)

        return sides

    def _untouched(self, question: Question) -> Booleans:
        """Trials in which nothing is known of the one arm, whose prior is even about the value."""
        centred = self.priors.log_odds_ratio[0] == 0.0 and question.value == 1.0
        if question.kind not in self.closed or not centred or 0 not in question.pair:
            return np.zeros(len(self.data.counts), dtype=np.bool_)
        nobody: Booleans = self.counts(question)[:, max(question.pair)].sum(axis=-1) == 0
        return nobody

    # ── draws ─────────────────────────────────────────────────────────────────────────────
    def _drawn(self, quantity: Quantity) -> tuple[JointDraws, Integers]:
        from adaptive_cart.models.ordinal.joint_draws import joint_draws

        fit, stratum = self._fit(quantity), quantity.stratum
        if stratum not in self._joint:
            size, sets = fit.found[0].shape[1], self.data.counts.shape[2] + 1
            first = max(stratum + 1, 0) * size
            self._joint[stratum] = joint_draws(fit.tables, fit.found, first, sets * size)
        return self._joint[stratum], fit.which

    def _probabilities(self, place: Floats, arm: int) -> Floats:
        """Probabilities of the categories of an arm, ``(draw, category)``."""
        from adaptive_cart.models.ordinal.cumulative_logit import probabilities

        return probabilities(place, len(self.data.names) - 1, arm)

    def shares(self, quantity: Quantity) -> Iterator[Floats]:
        joint, which = self._drawn(quantity)
        own = [self._probabilities(place, quantity.arm) for place in joint.places()]
        yield from (own[table] for table in which)

    def draw(self, quantity: Quantity) -> Floats:
        joint, which = self._drawn(quantity)
        return joint.of(lambda place: self._made(quantity, place))[which]

    def _made(self, quantity: Quantity, place: Floats) -> Floats:
        """A quantity, of coordinates of one table, ``(draw,)``."""
        if quantity.name in self.closed:
            first = len(self.data.names) - 2  # of the arms, as if the control had one
            own, other = (
                place[:, first + arm] if arm else np.zeros(len(place))
                for arm in (quantity.arm, quantity.to or 0)
            )
            return np.exp(own - other)
        own = self._probabilities(place, quantity.arm)
        if quantity.to is None:
            return self.of_shares(quantity, own)
        return better(own, self._probabilities(place, quantity.to))


class ProportionalOddsAnalysis(AnalysisBase):
    """Cumulative logits with cutpoints that arms share: one odds ratio to the control an arm."""

    model: Literal["proportional_odds"]
    prior: ProportionalOddsPrior
    time_trend: TrendSelection | None = LEFT_OUT

    beside_control: ClassVar[bool] = True
    title: ClassVar[str] = "Proportional odds"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"\logit P(Y_k \leq j) = c_j - \beta_k",
            "In arm k, the log odds of category j or a worse one are a cutpoint that all arms "
            "share less the log odds ratio of the arm, which is nought in the control.",
        ),
        Statement(
            r"p_0 \sim \mathrm{Dirichlet}(a) , \; \beta_k \sim \mathrm{Normal}(m, s)",
            "The control's probabilities, which its cutpoints say, are Dirichlet with a parameter "
            "for each category; every log odds ratio is normal.",
        ),
    )
    level: ClassVar[str] = "mean score"
    reads: ClassVar[str] = "categories"
    answers: ClassVar[tuple[str, ...]] = ProportionalOddsPosterior.closed
    knows: ClassVar[tuple[str, ...]] = ("level", "better", "reaches")
    answered_by: ClassVar[type[Posterior]] = ProportionalOddsPosterior
    slow: ClassVar[bool] = True

    def misfits(self, categories: tuple[str, ...]) -> list[tuple[str, str]]:
        return list(misfits_of("prior.control", self.prior.control, categories))

    def of_categories(
        self, fitted: ProportionalOdds, categories: tuple[str, ...]
    ) -> ProportionalOdds:
        return replace(fitted, categories=categories)

    def priors(self, fitted: ProportionalOdds, arms: tuple[str, ...]) -> Iterator[Prior]:
        """The prior of each of the control's probabilities, and that of an odds ratio."""
        from adaptive_cart.models.prior import of_part

        numbers = fitted.parameters(fitted.categories)
        for name, a in zip(fitted.categories, numbers, strict=True):
            beta: dict[str, Any] = {"dist": "beta", "a": float(a), "b": float(numbers.sum() - a)}
            named = f"probability of {name} in {arms[0]}"
            yield of_part(f"control.{name}", named, "probability", beta)
        given = self.prior.plain()["log_odds_ratio"]
        yield of_part("log_odds_ratio", "log odds ratio", "log odds", given)

    def prior_tips(self, fitted: ProportionalOdds, arms: tuple[str, ...]) -> Iterator[PriorTip]:
        from adaptive_cart.models.ordinal.prior_tips import tips_of_odds

        return tips_of_odds(fitted)

    def error(
        self, fitted: ProportionalOdds, question: Question, participants: tuple[int, ...]
    ) -> float:
        vague = min(number for _, number in fitted.control) < FIRM
        if vague and self.answered_by.without_draws(question):
            return OF_VAGUE
        return super().error(fitted, question, participants)

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> ProportionalOdds:
        prior = self.prior.log_odds_ratio
        return ProportionalOdds(tuple(self.prior.control.items()), (prior.mean, prior.sd))

    def posterior(
        self, fitted: ProportionalOdds, summary: Summary, open_strata: Booleans | None
    ) -> ProportionalOddsPosterior:
        assert isinstance(summary, Categories)
        return ProportionalOddsPosterior(summary, open_strata, fitted)

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.ordinal.proportional_odds_reference import (
            ProportionalOddsReference,
        )

        return ProportionalOddsReference(self.fitted(arms, shares), arms)
