"""``beta_binomial`` with ``time_trend.model = "concurrent"``: controls who were there together.

A comparison of two arms counts those of both who were randomised while both enrolled; a question
about one arm alone counts everybody in it. Each comparison so has data of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy.typing as npt

from adaptive_cart.models.base import Posterior, Reference, Statement
from adaptive_cart.models.binary.beta_binomial_analysis import (
    BetaBinomialAnalysis,
    CountsPosterior,
)
from adaptive_cart.models.binary.beta_binomial_reference import BetaBinomialReference
from adaptive_cart.models.periods.adjustment import arms_of
from adaptive_cart.models.periods.by_period_analysis import ByPeriodAnalysis
from adaptive_cart.models.ties import Sides
from adaptive_cart.nouns.questions import Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Summary
from adaptive_cart.nouns.summaries.period_counts import PeriodCounts

if TYPE_CHECKING:
    from adaptive_cart.models.binary.beta_binomial import BetaBinomial


@dataclass
class ConcurrentPosterior(Posterior):
    """Posterior of independent binomial arms, of those who were there together."""

    model: BetaBinomial
    counts: PeriodCounts
    _kept: dict[tuple[int, ...], CountsPosterior] = field(default_factory=dict)

    closed: ClassVar[tuple[str, ...]] = ("level", "ratio", "odds_ratio")
    exactly = CountsPosterior.exactly
    fast_error = CountsPosterior.fast_error
    drawn_error = CountsPosterior.drawn_error

    @property
    def arms(self) -> int:
        return len(self.model.priors)

    def of(self, question: Question) -> CountsPosterior:
        """The posterior of those whom a question is about."""
        arms = tuple(sorted(arms_of(question)))
        if arms not in self._kept:
            successes, totals = self.counts.while_open(arms)
            self._kept[arms] = CountsPosterior(
                self.model, successes[..., None], totals[..., None], None
            )
        return self._kept[arms]

    def computed(self, question: Question) -> Floats:
        return self.of(question).computed(question)

    def sides(self, question: Question) -> Sides:
        return self.of(question).sides(question)

    def mean(self, question: Question) -> Floats:
        return self.of(question).mean(question)

    def covers(self, question: Question, level: float) -> Booleans:
        return self.of(question).covers(question, level)

    def quantile(self, question: Question, probability: float) -> Floats:
        return self.of(question).quantile(question, probability)

    def drawn(self, question: Question) -> Floats:
        return self.of(question).drawn(question)

    def draw(self, quantity: Quantity) -> Floats:
        return self.of(Question(quantity.endpoint, quantity.arm)).draw(quantity)

    def where_open(self, open_strata: Booleans) -> Posterior:
        return self  # designs with strata are not analysed by it


@dataclass(frozen=True)
class ConcurrentReference(BetaBinomialReference):
    """The same in PyMC: independent arms, the data those whom a question is about."""

    completes = False

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        return (
            f"{super().statement}\n"
            "of two arms: those randomised while both enrolled; of one: everybody in it"
        )

    def data(
        self,
        summary: Summary,
        trial: int = 0,
        open_strata: Booleans | None = None,
        question: Question | None = None,
    ) -> dict[str, npt.NDArray[Any]]:
        """Responders and participants analysed by arm, of those whom the question is about."""
        if not isinstance(summary, PeriodCounts):
            return super().data(summary, trial, open_strata, question)
        arms = (0, 1) if question is None else arms_of(question)
        successes, totals = summary.while_open(arms)
        return {"successes": successes[trial], "totals": totals[trial]}

    def all_arms(self, stratum: int) -> Question | None:
        """None: no question is about the data of every arm."""
        return None


class ConcurrentAnalysis(ByPeriodAnalysis):
    """Independent binomial arms, of those who were there together."""

    title: ClassVar[str] = "Independent binomial arms, concurrent controls"
    statements: ClassVar[tuple[Statement, ...]] = (
        *BetaBinomialAnalysis.statements,
        Statement(
            r"y_k = \sum_{s \in S} y_{ks}",
            "A comparison of two arms counts the participants of both randomised in the periods S "
            "in which both enrolled, and no others; what is said of one arm counts everybody.",
        ),
    )
    answers: ClassVar[tuple[str, ...]] = ConcurrentPosterior.closed
    answered_by: ClassVar[type[Posterior]] = ConcurrentPosterior
    counted: ClassVar[str] = (
        "those randomised while both arms of a comparison enrolled (concurrent controls)"
    )

    def posterior(
        self, fitted: BetaBinomial, summary: Summary, open_strata: Booleans | None
    ) -> Posterior:
        if not isinstance(summary, PeriodCounts):  # of nobody: there are no periods
            return super().posterior(fitted, summary, open_strata)
        return ConcurrentPosterior(fitted, summary)

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        return ConcurrentReference(self.fitted(arms, shares), arms)
