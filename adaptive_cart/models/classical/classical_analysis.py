"""The tables ``model = "proportions_test"`` and ``model = "logrank_test"``: tests without a prior.

What a rule asks of a test is answered by one less its one-sided p-value, and not by a posterior
probability: of the hypothesis that the quantity is not beyond the value, the test's statistic is
worked out, and Φ of it is compared with the rule's threshold, 0.975 for a level of 0.025. The
estimate is the observed one, and its interval holds the values that are not rejected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field
from scipy.special import ndtr

from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.models.base import AnalysisBase, OneTrial, Posterior, Reference, Statement, Told
from adaptive_cart.models.binary.beta_binomial_analysis import BetaBinomialAnalysis
from adaptive_cart.models.classical.logrank import (
    AtRisk,
    FineIntervals,
    at_risk,
    hazard_ratio,
    logrank,
)
from adaptive_cart.models.classical.proportions import z_of_one, z_of_two
from adaptive_cart.models.hazards.piecewise_exponential_analysis import (
    PiecewiseExponentialAnalysis,
)
from adaptive_cart.models.periods.adjustment import LEFT_OUT, TrendSelection
from adaptive_cart.nouns.questions import ALL, Question, QuestionKind
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.records import pooled as over_strata
from adaptive_cart.nouns.summaries import Counts, Durations, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.prior import Prior

TO_COME = (
    "A posterior from which what is still to come is drawn, where a rule predicts the test; it "
    "decides nothing itself."
)
ONE_LESS_P = "1 − p of the one-sided test that", "1 − p"


@dataclass(frozen=True)
class Tested(Posterior):
    """The tests of a block of trials, asked as a posterior is; every answer is ``(trial,)``."""

    fast_error: ClassVar[float] = 1e-12  # of Φ of a statistic
    open_strata: Booleans | None = None

    def statistic(self, question: Question) -> Floats:
        """The quantity less the question's value, in standard errors, ``(trial,)``."""
        raise NotImplementedError  # abstract: every test supplies it

    def information(self, question: Question) -> tuple[Integers, Integers]:
        """What the arms of a question have, and what all arms have, ``(trial,)`` each."""
        raise NotImplementedError  # abstract: every test supplies it

    def participants(self, question: Question) -> Integers:
        """Participants analysed in each arm of a question, ``(arm, trial)``."""
        raise NotImplementedError  # a test whose information is participants supplies it

    def computed(self, question: Question) -> Floats:
        """One less the one-sided p-value of what a rule asks."""
        z = self.statistic(question)
        found: Floats = ndtr(z if question.above else -z)
        return found

    def where_open(self, open_strata: Booleans) -> Tested:
        """Return the same tests, asked about the strata that are open now."""
        return replace(self, open_strata=open_strata)


@dataclass(frozen=True)
class OfProportions(Tested):
    """z tests of proportions; information is participants analysed."""

    closed: ClassVar[tuple[str, ...]] = ("level",)
    summary: Counts = field(kw_only=True)

    @property
    def arms(self) -> int:
        return self.summary.analysed.shape[1]

    def _of(self, values: Integers, question: Question, arm: int) -> Integers:
        mine = values[:, arm]
        if question.stratum >= 0:
            return mine[:, question.stratum]
        if self.open_strata is not None and question.stratum != ALL:
            mine = mine * self.open_strata
        return over_strata(mine)

    def _table(self, question: Question, arm: int) -> tuple[Integers, Integers]:
        return (
            self._of(self.summary.successes, question, arm),
            self._of(self.summary.totals, question, arm),
        )

    def statistic(self, question: Question) -> Floats:
        successes, totals = self._table(question, question.arm)
        if question.minus is None:
            return z_of_one(successes, totals, question.value)
        control, of_control = self._table(question, question.minus)
        return z_of_two((control, successes), (of_control, totals), question.value)

    def mean(self, question: Question) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            rates = [
                np.divide(*self._table(question, arm))
                for arm in (question.arm, question.minus)
                if arm is not None
            ]
        return rates[0] if len(rates) == 1 else rates[0] - rates[1]

    def information(self, question: Question) -> tuple[Integers, Integers]:
        return self.participants(question).sum(axis=0), self.summary.totals.sum(axis=(1, 2))

    def participants(self, question: Question) -> Integers:
        return np.stack([self._of(self.summary.totals, question, arm) for arm in question.pair])


@dataclass(frozen=True)
class OfTimes(Tested):
    """Logrank tests; information is events."""

    closed: ClassVar[tuple[str, ...]] = ("hazard_ratio",)
    summary: Durations = field(kw_only=True)
    counted: dict[Question, AtRisk] = field(default_factory=dict)

    @property
    def arms(self) -> int:
        return self.summary.analysed.shape[1]

    def _risk(self, question: Question) -> AtRisk:
        asked = replace(question, value=1.0, above=True)
        if asked not in self.counted:
            assert question.minus is not None
            seen = self.summary
            members = [
                seen.members(arm, question.stratum, self.open_strata)
                for arm in (question.minus, question.arm)
            ]
            self.counted[asked] = at_risk(seen.months, seen.event, *members)
        return self.counted[asked]

    def statistic(self, question: Question) -> Floats:
        return logrank(self._risk(question), question.value)

    def mean(self, question: Question) -> Floats:
        return hazard_ratio(self._risk(question))

    def information(self, question: Question) -> tuple[Integers, Integers]:
        return self._risk(question).total, self.summary.events.sum(axis=(1, 2))

    def where_open(self, open_strata: Booleans) -> Tested:
        return replace(self, open_strata=open_strata, counted={})


class ClassicalTest(AnalysisBase):
    """What both tests are: without a prior, and so without a reference in PyMC.

    Class attributes
    ----------------
    example
        A posterior from which what is to come can be drawn, as TOML.
    """

    beside_control: ClassVar[bool] = True
    bayesian: ClassVar[bool] = False
    example: ClassVar[str]
    to_come: AnalysisBase | None = None
    time_trend: TrendSelection | None = LEFT_OUT

    @property
    def ahead(self) -> AnalysisBase | None:
        """The posterior that the table names beside the test; it decides nothing itself."""
        return self.to_come

    def to_come_example(self) -> str:
        return self.example

    def problems(self, arms: tuple[str, ...], strata: tuple[str, ...]) -> list[tuple[str, str]]:
        """What of the posterior that completes the trial is wrong, or does not belong there."""
        if self.to_come is None:
            return []
        found = [(f"to_come.{path}", said) for path, said in self.to_come.problems(arms, strata)]
        plain = "what is still to come is drawn from the trial's own participants; leave it out"
        if self.to_come.borrowed(arms):
            found.append(("to_come.prior", f"borrows from external data; {plain}"))
        if self.to_come.over_time() is not self.to_come:
            found.append(("to_come.time_trend", f"deals with the calendar; {plain}"))
        if self.to_come.by_intervals():
            found.append(("to_come.intervals", f"dates events between visits; {plain}"))
        return found

    @classmethod
    def can_be_asked(cls, kind: QuestionKind) -> bool:
        """What it answers itself: without a posterior there is nothing to draw from."""
        return kind.name in cls.answers

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> object:
        """Nothing: a test has no prior to be put in order."""
        return None

    def priors(self, fitted: object, arms: tuple[str, ...]) -> Iterator[Prior]:
        """None."""
        yield from ()

    def error(self, fitted: object, question: Question, participants: tuple[int, ...]) -> float:
        """None: equal proportions are equal to the last bit, so that Φ(0) is 1/2 exactly.

        At no other value is Φ of a root of whole numbers a decimal that can be written.
        """
        return 0.0

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        raise DesignError(
            [
                Problem(
                    "analysis",
                    f"'{self.model}' is a test and has no posterior, so that there is nothing for "
                    f"PyMC to draw from",
                )
            ]
        )


class ProportionsTestAnalysis(ClassicalTest):
    """The pooled z test of two proportions, and of one against a value; it has no prior."""

    model: Literal["proportions_test"]
    to_come: BetaBinomialAnalysis | None = Field(default=None, description=TO_COME)

    title: ClassVar[str] = "Pooled z test of two proportions"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"z = \frac{x_k / n_k - x_0 / n_0}{\sqrt{r (1 - r) (1 / n_k + 1 / n_0)}}",
            "In arm k, x of n participants have the event; arm 0 is the other arm, and r the "
            "proportion in both together.",
        ),
        Statement(
            r"1 - p = \Phi(z)",
            "What is compared with a threshold: one less the one-sided p-value. There is no prior, "
            "and it is no posterior probability.",
        ),
    )
    information: ClassVar[str] = "participants"
    example: ClassVar[str] = '{ model = "beta_binomial" }'
    reads: ClassVar[str] = "counts"
    answers: ClassVar[tuple[str, ...]] = OfProportions.closed
    of_tables: ClassVar[bool] = True
    of_two_counts: ClassVar[bool] = True
    answered_by: ClassVar[type[Posterior]] = OfProportions
    told: ClassVar[Told] = Told(*ONE_LESS_P, "observed difference", "score confidence interval")

    def posterior(
        self, fitted: object, summary: Summary, open_strata: Booleans | None
    ) -> OfProportions:
        assert isinstance(summary, Counts)
        return OfProportions(open_strata, summary=summary)

    def anew(self, one: OneTrial) -> float:
        from adaptive_cart.models.classical.worked_out_anew import of_proportions

        return of_proportions(one)

    def estimated_anew(self, one: OneTrial) -> float:
        from adaptive_cart.models.classical.worked_out_anew import estimate_of_proportions

        return estimate_of_proportions(one)


class LogrankTestAnalysis(ClassicalTest):
    """The logrank test of the times to an event, with Cox's hazard ratio; it has no prior."""

    model: Literal["logrank_test"]
    to_come: PiecewiseExponentialAnalysis | None = Field(default=None, description=TO_COME)

    title: ClassVar[str] = "Logrank test"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"z = \frac{\sum_t (d_{kt} - d_t s_t)}"
            r"{\sqrt{\sum_t d_t s_t (1 - s_t) (n_t - d_t) / (n_t - 1)}}",
            "At each time t of an event, d of n participants at risk have it, d with the index k "
            "of them in arm k, whose share of those at risk is s.",
        ),
        Statement(
            r"1 - p = \Phi(z)",
            "What is compared with a threshold, minus z where fewer events are asked for: one less "
            "the one-sided p-value. There is no prior, and it is no posterior probability.",
        ),
    )
    information: ClassVar[str] = "events"
    example: ClassVar[str] = (
        '{ model = "piecewise_exponential", prior.baseline = { a = 0.1, b = 1.0 }, '
        'prior.log_hazard_ratio = { dist = "normal", mean = 0.0, sd = 2.0 } }'
    )
    reads: ClassVar[str] = "durations"
    answers: ClassVar[tuple[str, ...]] = OfTimes.closed
    answered_by: ClassVar[type[Posterior]] = OfTimes
    told: ClassVar[Told] = Told(*ONE_LESS_P, "Cox hazard ratio", "score confidence interval")

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> FineIntervals:
        return FineIntervals()

    def posterior(self, fitted: object, summary: Summary, open_strata: Booleans | None) -> OfTimes:
        assert isinstance(summary, Durations)
        return OfTimes(open_strata, summary=summary)

    def anew(self, one: OneTrial) -> float:
        from adaptive_cart.models.classical.worked_out_anew import of_times

        return of_times(one)

    def estimated_anew(self, one: OneTrial) -> float:
        from adaptive_cart.models.classical.worked_out_anew import estimate_of_times

        return estimate_of_times(one)
