"""The table ``[analysis.ENDPOINT]`` with ``model = "normal_visits"``, and its answers to rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from adaptive_cart.models.base import Posterior, Reference, Statement
from adaptive_cart.models.baselines import Baselines, share_beyond
from adaptive_cart.models.beside_external_analysis import BesideExternal, few
from adaptive_cart.models.beside_laws_analysis import BesideLaws
from adaptive_cart.models.completed_scores import Law, completed
from adaptive_cart.models.outside_laws import OutsideLaw
from adaptive_cart.models.periods.adjustment import LEFT_OUT, TrendSelection
from adaptive_cart.models.pooled_strata import PoolsStrata
from adaptive_cart.models.ties import Sides, strictly_inside
from adaptive_cart.models.visits.composition import (
    Composition,
    Contrast,
    axes_of,
    composed,
    drawn,
    drawn_spread,
    expected,
    laws,
)
from adaptive_cart.models.visits.regressions import Regression, regressions
from adaptive_cart.nouns.ahead import Coming
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.questions import ALL, LEVEL, Cut, Quantity, Question, QuestionKind
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.scores_ahead import ScoresAhead
from adaptive_cart.nouns.summaries import Scores, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.prior import Prior

EQUAL = 1e-12  # of their size: sums that differ by less are equal but for rounding


@dataclass(frozen=True)
class Visits:
    """What the strata of a question say: a regression a visit, and the baseline to adjust to.

    Attributes
    ----------
    baseline
        ``(trial,)`` mean of all who were seen at the first visit.
    """

    regressions: tuple[Regression, ...]
    baseline: Floats

    @classmethod
    def of(cls, products: Floats) -> Visits:
        """Fit sums of products, ``(trial, arm, visit, value, value)``."""
        first = products[:, :, 0].sum(axis=1)
        return cls(regressions(products), first[:, 0, 1] / np.maximum(first[:, 0, 0], 1.0))

    def contrast(self, arm: int, minus: int | None) -> Contrast:
        """An arm at the baseline, or an arm less another, where the baseline does not matter."""
        weights = np.zeros(self.regressions[0].number.shape[1])
        weights[arm] += 1.0
        if minus is not None:
            weights[minus] -= 1.0
        return Contrast(weights, self.baseline * float(minus is None))


@dataclass(frozen=True)
class VisitsPosterior(PoolsStrata, BesideLaws):
    """Posterior of mean changes at the last visit, of strata together or of the one asked about."""

    products: Floats
    open_strata: Booleans | None
    outside: tuple[OutsideLaw | None, ...] = ()

    closed = ("level",)
    fast_error = 0.001
    drawn_error = 0.015
    completed_seconds = 0.25

    @property
    def own_arms(self) -> int:
        return self.products.shape[1]

    @property
    def trials(self) -> int:
        return len(self.products)

    def pooled(self, stratum: int) -> Floats:
        """Sums of products in the strata that a question is about, by arm and visit."""
        return self.of_strata(self.products, stratum)

    def visits(self, stratum: int) -> Visits:
        """Of the strata that a question is about; worked out once."""
        if stratum not in self._visits:
            self._visits[stratum] = Visits.of(self.pooled(stratum))
        return self._visits[stratum]

    def composition(self, question: Question) -> tuple[Composition, Floats]:
        """Posterior of the mean score that a question is about, and what a change is counted from.

        Worked out once for all values that are asked of it.
        """
        key = question.stratum, question.arm, question.minus
        visits = self.visits(question.stratum)
        contrast = visits.contrast(question.arm, question.minus)
        if key not in self._compositions:
            self._compositions[key] = composed(visits.regressions, contrast)
        return self._compositions[key], contrast.baseline

    @cached_property
    def _visits(self) -> dict[int, Visits]:
        return {}

    @cached_property
    def _compositions(self) -> dict[tuple[int, int, int | None], Composition]:
        return {}

    def computed(self, question: Question) -> Floats:
        if not self.without_draws(question):
            return super().computed(question)
        law = self.law_of(question.minus)
        if law is not None:
            above = self._above_law(question, law)
        else:
            composition, baseline = self.composition(question)
            above = composition.above(baseline + question.value)
        return above if question.above else 1.0 - above

    def _above_law(self, question: Question, law: OutsideLaw) -> Floats:
        """Probability that an arm's mean change exceeds that of external data by over a value."""
        alone = replace(question, minus=None)
        composition, baseline = self.composition(alone)
        return self.averaged(
            alone, law, composition.sd, lambda value: composition.above(baseline + value)
        )

    def sides(self, question: Question) -> Sides:
        """Nothing is certain; equal data in two arms leave either the larger with one half."""
        of_arms = question.minus is not None and self.law_of(question.minus) is None
        if not self.without_draws(question) or not of_arms or question.value != 0.0:
            return super().sides(question)
        pooled = self.pooled(question.stratum)

        def sides(threshold: float, rows: Integers) -> Floats:
            if threshold != 0.5:
                return strictly_inside(threshold, rows)
            one, other = (pooled[rows, arm] for arm in question.pair)
            near = EQUAL * (np.abs(one) + np.abs(other))
            alike = (np.abs(one - other) <= near).all(axis=(1, 2, 3))
            return np.where(alike, 0.0, np.nan)

        return sides

    def mean(self, question: Question) -> Floats:
        if not self.without_draws(question):
            return super().mean(question)
        law = self.law_of(question.minus)
        if law is not None:
            return self.mean(replace(question, minus=None)) - law.mean
        visits = self.visits(question.stratum)
        contrast = visits.contrast(question.arm, question.minus)
        return expected(visits.regressions, contrast) - contrast.baseline

    def quantile(self, question: Question, probability: float) -> Floats:
        if not self.without_draws(question) or self.law_of(question.minus) is not None:
            return super().quantile(question, probability)
        composition, baseline = self.composition(question)
        return composition.quantile(probability) - baseline

    def draw_own(self, quantity: Quantity) -> Floats:
        if quantity.stratum not in self._drawn:
            visits, rank = self.visits(quantity.stratum), self._ranks(quantity.stratum)
            scores = drawn(visits.regressions, visits.baseline, rank)
            self._drawn[quantity.stratum] = scores - visits.baseline[:, None, None]
        mean = self._drawn[quantity.stratum][:, quantity.arm]
        return mean if quantity.cut is None else self._beyond(quantity.cut, mean, quantity.stratum)

    def unpredictable(self, apart: bool, arms: list[int]) -> Booleans:
        strata = range(self.products.shape[2]) if apart else (ALL,)
        fits = [visit for stratum in strata for visit in self.visits(stratum).regressions]
        return np.logical_or.reduce(
            [~visit.known | (visit.number[:, arms] == 0.0).any(axis=1) for visit in fits]
        )

    def completed(self, summary: Summary, coming: Coming, some: Completions, apart: bool) -> Scores:
        assert isinstance(summary, Scores)
        assert isinstance(coming, ScoresAhead)
        strata = range(self.products.shape[2]) if apart else (ALL,)
        by_stratum = [
            laws(self.visits(stratum).regressions, some.of(self._ranks(stratum)))
            for stratum in strata
        ]
        by_visit = [Law.stacked(own) for own in zip(*by_stratum, strict=True)]
        return completed(summary, coming, some, by_visit)

    def _beyond(self, cut: Cut, mean: Floats, stratum: int) -> Floats:
        """Draws of the proportion beyond a cut, of those of the mean change at the baseline."""
        slope, variance = drawn_spread(self.visits(stratum).regressions, self._ranks(stratum))
        first = self.pooled(stratum)[:, :, 0].sum(axis=1)
        moved, varied = Baselines.of(first).draws(stratum)
        slope = slope - 1.0  # of the change
        return share_beyond(cut, mean + slope * moved, variance + slope**2 * varied)

    def _ranks(self, stratum: int) -> Integers:
        from adaptive_cart.models.draws import LOG_DRAWS, ranks

        axes = axes_of(self.products.shape[3], self.own_arms)
        first = axes * max(stratum + 1, 0)
        return ranks(axes * (1 + self.products.shape[2]), LOG_DRAWS)[first : first + axes]

    @cached_property
    def _drawn(self) -> dict[int, Floats]:
        return {}


class NormalVisitsAnalysis(BesideExternal):
    """Mean changes from baseline at the last of all visits: an unstructured covariance."""

    model: Literal["normal_visits"]
    time_trend: TrendSelection | None = LEFT_OUT

    title: ClassVar[str] = "Change from baseline, all visits"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"(y_{ki1} - b_{ki}, \ldots, y_{kiV} - b_{ki}) \sim "
            r"\mathrm{Normal}(\mu_k + \beta \, (b_{ki} - c), \Sigma)",
            "In arm k, the changes of a participant at all visits are multivariate normal about "
            "the means of the arm, moved at each visit by a slope for each point by which the "
            "baseline b lies above the mean baseline c of all who were seen at the first visit. "
            "All arms share the slopes and the covariance, which is unstructured.",
        ),
        Statement(
            r"p(\mu, \beta, \Sigma) \propto \prod_{j=1}^{V} \sigma_{j}^{-2}",
            "Means, slopes and the coefficients of each visit on those before it have flat priors, "
            "and so has the logarithm of what each visit leaves unexplained, sigma. Who was not "
            "seen at a visit is missing at random, given baseline and the visits before it.",
        ),
    )
    level: ClassVar[str] = "mean change"
    reads: ClassVar[str] = "scores"
    answers: ClassVar[tuple[str, ...]] = VisitsPosterior.closed
    knows: ClassVar[tuple[str, ...]] = ("beyond",)
    answered_by: ClassVar[type[Posterior]] = VisitsPosterior

    @classmethod
    def why_not_beside(cls, kind: QuestionKind, month: float, data: External) -> str:
        if kind.quantity != LEVEL:
            return "whose mean and standard deviation say nothing of how many changed so far"
        return few(data)

    def priors(self, fitted: None, arms: tuple[str, ...]) -> Iterator[Prior]:
        """None to show: they are flat."""
        return iter(())

    def prior_table(self) -> dict[str, Any]:
        return {}

    def flat(self, fitted: None) -> bool:
        return True

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> None:
        return None

    def posterior(
        self, fitted: None, summary: Summary, open_strata: Booleans | None
    ) -> VisitsPosterior:
        assert isinstance(summary, Scores)
        return VisitsPosterior(summary.products, open_strata, self.laws)

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.visits.normal_visits_reference import NormalVisitsReference

        return self.reference_beside(NormalVisitsReference(arms))
