"""The table ``[analysis.ENDPOINT]`` with ``model = "dirichlet"``, and its answers to rules.

A prior is a table with a number for each category, or ``each`` for those that are not named: the
parameters of one Dirichlet distribution for every arm, or of one by arm; an arm that is not named
has 1 for each category. The posterior adds the participants with each category. Strata are pooled
unless a question names one.

The probability of a category or a better one has a beta posterior, and is answered as those of
``beta_binomial`` are. The probability to do better and the mean score are bilinear and linear in
Dirichlet vectors: their moments are known, and their tails follow from the first six
(``moments.py``) wherever the distribution is near to a beta distribution; the few tables where it
is not are averaged over quasi-random points (``points.py``). Either way a probability is off by
less than ``fast_error``: it was measured in tables from nobody to hundreds of participants.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag

from adaptive_cart.models.arm_priors_analysis import not_of_the_design
from adaptive_cart.models.base import (
    AnalysisBase,
    Posterior,
    Reference,
    Statement,
    tails,
    within_tails,
)
from adaptive_cart.models.ordinal.by_category import EACH, UNIFORM, OrdinalPosterior, Parameters
from adaptive_cart.models.ordinal.by_category import misfits as misfits_of
from adaptive_cart.models.periods.adjustment import LEFT_OUT, TrendSelection
from adaptive_cart.models.ties import Sides, certain, side_of, strictly_inside
from adaptive_cart.nouns.parts import LEAST_WORTH
from adaptive_cart.nouns.questions import ALL, Quantity, Question
from adaptive_cart.nouns.ranked import better, or_better
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Categories, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.prior import Prior
    from adaptive_cart.models.prior_tip import PriorTip


def _shape(value: Any) -> str:
    if not isinstance(value, Mapping) or not value:
        return "every_arm"
    return "by_arm" if all(isinstance(own, Mapping) for own in value.values()) else "every_arm"


Priors = Annotated[
    Annotated[Parameters, Tag("every_arm")] | Annotated[dict[str, Parameters], Tag("by_arm")],
    Discriminator(_shape),
]
FARTHEST = 0.05  # from a beta distribution, of which a tail is made by moments
OFF = 0.2  # of how far it is from one: what a tail by moments is off by, more than twice over


@dataclass(frozen=True)
class DirichletPriors:
    """Dirichlet parameters by arm, as written: of categories, and ``each`` for the others.

    Attributes
    ----------
    categories
        Of the endpoint, the worst first; none where the model is asked without an endpoint.
    """

    by_arm: tuple[tuple[tuple[str, float], ...], ...]
    categories: tuple[str, ...] = ()

    def parameters(self, categories: tuple[str, ...]) -> Floats:
        """Return ``(arm, category)``."""
        tables = [dict(own) for own in self.by_arm]
        return np.array([[own.get(name, own.get(EACH)) for name in categories] for own in tables])


@dataclass(frozen=True)
class DirichletPosterior(OrdinalPosterior):
    """Posterior of independent Dirichlet arms."""

    priors: DirichletPriors

    closed = ("level", "better", "reaches")
    fast_error = 0.0015
    drawn_error = 0.01

    @property
    def _prior(self) -> Floats:
        return self.priors.parameters(self.data.names)

    def _table(self, question: Question | Quantity) -> Floats:
        """Dirichlet parameters, ``(trial, arm, category)``."""
        return self.counts(question) + self._prior

    # ── without draws ─────────────────────────────────────────────────────────────────────
    def computed(self, question: Question) -> Floats:
        if question.kind not in self.closed:
            return super().computed(question)
        if question.kind == "reaches":
            from adaptive_cart.models.binary.beta_answers import fast

            return fast(*self._as_counts(question))
        from adaptive_cart.models.ordinal.moments import beyond

        moments, value = self._moments(question)
        above, away = beyond(moments, np.full(moments.shape[1], value))
        far = np.flatnonzero(away > FARTHEST)
        if far.size:
            above[far] = self._over_points(question, far)
        return above if question.above else 1.0 - above

    def covers(self, question: Question, level: float) -> Booleans:
        """Whether the interval holds a value; points are asked only where that could be in doubt.

        By moments alone a tail is off by up to 0.012 where the distribution is 0.1 to 0.2 from a
        beta distribution, 0.04 where it is 0.4 to 0.8, 0.07 beyond.
        """
        if question.kind not in self.closed or question.kind == "reaches":
            return super().covers(question, level)
        from adaptive_cart.models.ordinal.moments import beyond

        low, high = tails(level)
        moments, value = self._moments(question)
        above, away = beyond(moments, np.full(moments.shape[1], value))
        near = np.minimum(np.abs(above - low), np.abs(above - high)) <= OFF * away
        found = within_tails(above, level)
        doubtful = np.flatnonzero((away > FARTHEST) & near)
        if doubtful.size:
            found[doubtful] = within_tails(self._over_points(question, doubtful), level)
        return found

    def _over_points(self, question: Question, rows: Integers) -> Floats:
        """The same of tables whose distribution is not near to a beta distribution."""
        from adaptive_cart.models.draws import of_distinct
        from adaptive_cart.models.ordinal import points

        table, arms = self._table(question)[rows], list(question.pair)
        weights = np.array(self.data.scores)

        def answer(own: Floats, other: Floats | None) -> float:
            if other is None:
                value = np.full(points.POINTS, question.value)
                return points.linear_beyond(own, weights[:, None], value)
            if question.kind == "better":
                return points.better_beyond(own, other, question.value)
            return points.difference_beyond(own, other, weights, question.value)

        def work_out(distinct: Floats) -> Floats:
            both = distinct.reshape(len(distinct), len(arms), -1)
            found = [answer(each[0], each[1] if len(arms) > 1 else None) for each in both]
            return np.array(found)

        return of_distinct(table[:, arms].reshape(len(rows), -1), work_out)

    def _moments(self, question: Question) -> tuple[Floats, float]:
        """Moments of what is asked about, brought into [0, 1], and the value on that scale."""
        from adaptive_cart.models.ordinal.moments import of_better, of_difference, of_linear

        table = self._table(question)
        own = table[:, question.arm]
        if question.kind == "better":
            assert question.minus is not None
            return of_better(own, table[:, question.minus]), question.value
        scores = np.array(self.data.scores)
        width = scores[-1] - scores[0]
        weights = (scores - scores[0]) / width
        moments = of_linear(own, weights)
        if question.minus is None:
            return moments, (question.value - scores[0]) / width
        other = of_linear(table[:, question.minus], weights)
        return of_difference(moments, other), 0.5 * (question.value / width + 1.0)

    def _as_counts(self, question: Question) -> tuple[Any, Question, Integers, Integers]:
        """The same question of responders: those with the category or a better one."""
        from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture

        assert question.category is not None
        place = question.category.place
        priors = tuple(
            BetaMixture.single(float(own[place:].sum()), max(float(own[:place].sum()), LEAST_WORTH))
            for own in self._prior
        )
        counts = self.counts(question)
        asked = replace(question, kind="level", stratum=ALL, category=None)
        asked = asked.compared_with(*question.against)
        return BetaBinomial(priors), asked, or_better(counts, place), counts.sum(axis=-1)

    def sides(self, question: Question) -> Sides:
        if question.kind not in self.closed:
            return super().sides(question)
        if question.kind == "reaches":
            from adaptive_cart.models.binary.beta_answers import sides_of

            return sides_of(*self._as_counts(question))
        low, high = self._range(question)
        if not low < question.value < high:
            return certain((question.value <= low) == question.above)
        even = self._even(question)

        def sides(threshold: float, rows: Integers) -> Floats:
            side = strictly_inside(threshold, rows)
            return np.where(np.isnan(side) & even[rows], side_of(Fraction(1, 2), threshold), side)

        return sides

    def _range(self, question: Question) -> tuple[float, float]:
        if question.kind == "better":
            return 0.0, 1.0
        low, high = self.data.scores[0], self.data.scores[-1]
        return (low, high) if question.minus is None else (low - high, high - low)

    def _even(self, question: Question) -> Booleans:
        """Tables in which two arms have the same posterior, and are asked which is the better."""
        trials = len(self.data.counts)
        middle = question.of.no_effect if question.minus is not None else None
        if question.value != middle:
            return np.zeros(trials, dtype=np.bool_)
        table = self._table(question)
        same: Booleans = (table[:, question.arm] == table[:, question.minus]).all(axis=-1)
        return same

    def mean(self, question: Question) -> Floats:
        if question.kind not in self.closed:
            return super().mean(question)
        table = self._table(question)
        shares = table / table.sum(axis=-1, keepdims=True)
        if question.kind == "better":
            return better(shares[:, question.arm], shares[:, question.minus])
        values = self.of_shares(question, shares)
        mean: Floats = values[:, question.arm]
        return mean if question.minus is None else mean - values[:, question.minus]

    # ── draws ─────────────────────────────────────────────────────────────────────────────
    def shares(self, quantity: Quantity) -> Iterator[Floats]:
        for own in self._table(quantity)[:, quantity.arm]:
            yield self._vector(quantity, quantity.arm, own)

    def draw(self, quantity: Quantity) -> Floats:
        from adaptive_cart.models.draws import of_distinct

        table = self._table(quantity)
        categories = table.shape[-1]
        arms = [quantity.arm] if quantity.to is None else [quantity.arm, quantity.to]

        def work_out(distinct: Floats) -> Floats:
            return np.array(
                [self._drawn(quantity, own.reshape(len(arms), categories)) for own in distinct]
            )

        return of_distinct(table[:, arms].reshape(len(table), -1), work_out)

    def _drawn(self, quantity: Quantity, table: Floats) -> Floats:
        """Draws of one table, ``(draw,)``."""
        own = self._vector(quantity, quantity.arm, table[0])
        if quantity.to is None:
            return self.of_shares(quantity, own)
        return better(own, self._vector(quantity, quantity.to, table[1]))

    def _vector(self, quantity: Quantity, arm: int, parameters: Floats) -> Floats:
        """Draws of an arm's probabilities, ``(draw, category)``: gamma variables over their sum."""
        from adaptive_cart.models.draws import axis_of, ranks
        from adaptive_cart.models.ordinal.points import dirichlet

        strata, categories = self.data.counts.shape[2:]
        rank = ranks(self.arms * (strata + 1) * categories)
        first = axis_of(replace(quantity, arm=arm), self.arms) * categories
        return dirichlet(parameters, rank[first : first + categories]).T


class DirichletAnalysis(AnalysisBase):
    """Participants by category in each arm, independent Dirichlet priors."""

    model: Literal["dirichlet"]
    prior: Priors = Field(
        default=UNIFORM,
        description="a number by category, `each` for the others; for every arm, or by arm",
    )
    time_trend: TrendSelection | None = LEFT_OUT

    title: ClassVar[str] = "Independent Dirichlet arms"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"y_k \mid p_k \sim \mathrm{Multinomial}(n_k, p_k)",
            "In arm k, the numbers of participants by category, y, are multinomial with the number "
            "analysed, n, and the probabilities p of the categories.",
        ),
        Statement(
            r"p_k \sim \mathrm{Dirichlet}(a_k)",
            "The prior of the probabilities is Dirichlet with a parameter for each category. Arms "
            "are independent.",
        ),
        Statement(
            r"\theta_{kl} = \sum_{i} p_{ki} \, (\sum_{j < i} p_{lj} + p_{li} / 2)",
            "The probability that a participant of arm k does better than one of arm l, ties half.",
        ),
    )
    level: ClassVar[str] = "mean score"
    reads: ClassVar[str] = "categories"
    answers: ClassVar[tuple[str, ...]] = DirichletPosterior.closed
    answered_by: ClassVar[type[Posterior]] = DirichletPosterior

    @property
    def _one_for_all(self) -> bool:
        return _shape(self.prior) == "every_arm"

    def _tables(self) -> Iterator[tuple[str, dict[str, float]]]:
        """Each table of numbers by category, and its path."""
        prior: Any = self.prior  # what it is, its shape tells
        if self._one_for_all:
            yield "prior", prior
        else:
            yield from ((f"prior.{arm}", own) for arm, own in prior.items())

    def arms_named(self, arms: tuple[str, ...]) -> tuple[str, ...]:
        return arms if self._one_for_all else tuple(self.prior)

    def problems(self, arms: tuple[str, ...], strata: tuple[str, ...]) -> list[tuple[str, str]]:
        return [] if self._one_for_all else not_of_the_design(self.prior, arms)

    def misfits(self, categories: tuple[str, ...]) -> list[tuple[str, str]]:
        tables = self._tables()
        return [fault for path, own in tables for fault in misfits_of(path, own, categories)]

    def of_categories(
        self, fitted: DirichletPriors, categories: tuple[str, ...]
    ) -> DirichletPriors:
        return replace(fitted, categories=categories)

    def priors(self, fitted: DirichletPriors, arms: tuple[str, ...]) -> Iterator[Prior]:
        """The prior of each category's probability: a beta, as of any part of a Dirichlet."""
        from adaptive_cart.models.prior import of_part

        one, names = self._one_for_all, fitted.categories
        known: dict[tuple[float, float], Prior] = {}
        for arm, own in zip(arms, fitted.parameters(names), strict=True):
            for name, a in zip(names, own, strict=True) if arm == arms[0] or not one else ():
                beta = (float(a), float(own.sum() - a))
                part = name if one else f"{arm}.{name}"
                called = f"probability of {name}" if one else f"probability of {name} in {arm}"
                if beta not in known:  # equal ones are drawn as one
                    given: dict[str, Any] = {"dist": "beta", "a": beta[0], "b": beta[1]}
                    known[beta] = of_part(part, called, "probability", given)
                yield replace(known[beta], part=part, name=called)

    def prior_tips(self, fitted: DirichletPriors, arms: tuple[str, ...]) -> Iterator[PriorTip]:
        from adaptive_cart.models.ordinal.prior_tips import tips_of_arms

        return tips_of_arms(fitted, arms)

    def with_prior(self, kind: str, arms: tuple[str, ...]) -> dict[str, Any] | None:
        if kind == "vague":
            known = all(own == UNIFORM for _, own in self._tables())
            return None if known else {"model": self.model, "prior": dict(UNIFORM)}
        if self._one_for_all or arms[0] not in self.prior:
            return None
        return {"model": self.model, "prior": dict.fromkeys(arms, self.prior[arms[0]])}

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> DirichletPriors:
        prior: Any = self.prior
        by_arm = dict.fromkeys(arms, prior) if self._one_for_all else prior
        return DirichletPriors(tuple(tuple(by_arm.get(arm, UNIFORM).items()) for arm in arms))

    def posterior(
        self, fitted: DirichletPriors, summary: Summary, open_strata: Booleans | None
    ) -> DirichletPosterior:
        assert isinstance(summary, Categories)
        return DirichletPosterior(summary, open_strata, fitted)

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.ordinal.dirichlet_reference import DirichletReference

        return DirichletReference(self.fitted(arms, shares), arms)
