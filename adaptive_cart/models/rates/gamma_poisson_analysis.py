"""The table ``[analysis.ENDPOINT]`` with ``model = "gamma_poisson"``, and its answers to rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import model_validator

from adaptive_cart.models.base import AnalysisBase, Posterior, Reference, Statement
from adaptive_cart.models.ties import Sides, certain, side_of, strictly_inside
from adaptive_cart.nouns.parts import Part, Worth, worth_something
from adaptive_cart.nouns.questions import OPEN, Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Exposure, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.prior import Prior
    from adaptive_cart.models.rates.gamma_poisson import GammaPoisson


class GammaPrior(Part):
    """A gamma prior by shape ``a`` and rate ``b``."""

    a: Worth
    b: Worth

    @model_validator(mode="after")
    def _worth(self) -> GammaPrior:
        worth_something(self)
        return self


@dataclass(frozen=True)
class RatesPosterior(Posterior):
    """Posterior of independent yearly rates; strata are pooled unless a question names one."""

    model: GammaPoisson
    data: Exposure
    open_strata: Booleans | None

    def _arm(self, question: Question | Quantity, arm: int) -> tuple[Floats, Floats]:
        events = self.data.events[:, arm].astype(np.float64)
        years = self.data.years[:, arm]
        if question.stratum >= 0:
            return events[:, question.stratum], years[:, question.stratum]
        if question.stratum == OPEN and self.open_strata is not None:
            events, years = events * self.open_strata, years * self.open_strata
        return events.sum(axis=1), years.sum(axis=1)

    exactly = "closed form; quadrature of a difference by a margin"
    closed = ("level", "ratio")
    fast_error = 1e-9
    drawn_error = 0.005
    arms_apart = True

    @property
    def arms(self) -> int:
        return self.data.events.shape[1]

    def draw(self, quantity: Quantity) -> Floats:
        from adaptive_cart.models.draws import KNOTS, axis_of, of_distinct, ranks, spread

        rank = ranks(self.data.events[0].size + self.arms)[axis_of(quantity, self.arms)]
        tables = np.stack(self._arm(quantity, quantity.arm), axis=1)

        def work_out(distinct: Floats) -> Floats:
            return np.exp(
                spread(self.model.log_quantiles(distinct[:, 0], distinct[:, 1], KNOTS), KNOTS, rank)
            )

        return of_distinct(tables, work_out)

    def computed(self, question: Question) -> Floats:
        if question.kind not in self.closed:
            return super().computed(question)
        arm = self._arm(question, question.arm)
        if question.minus is None:
            above = self.model.above(*arm, question.value)
        else:
            other = self._arm(question, question.minus)
            compare = self.model.ratio_above if question.of.ratio else self.model.difference_above
            above = compare(*arm, *other, question.value)
        return above if question.above else 1.0 - above

    def sides(self, question: Question) -> Sides:
        """Which side of a threshold the probabilities of some trials lie on."""
        if question.kind not in self.closed:
            return super().sides(question)
        if question.minus is None and question.value <= 0.0:  # every rate is above that
            return certain(question.above)

        def sides(threshold: float, rows: Integers) -> Floats:
            if question.minus is None:
                return strictly_inside(threshold, rows)
            if not 0.0 < threshold < 1.0 or not self._of_shares(question):
                return strictly_inside(threshold, rows)
            value = question.value if question.of.ratio else 1.0
            events, years = (
                np.stack(both, axis=1)[rows]
                for both in zip(
                    self._arm(question, question.arm),
                    self._arm(question, question.minus),
                    strict=True,
                )
            )
            pairs = zip(events, years, strict=True)
            exceeds = [self.model.exact_ratio_above(*k, *t, value=value) for k, t in pairs]
            asked = [p if p is None or question.above else 1 - p for p in exceeds]
            return np.array([side_of(p, threshold) for p in asked])

        return sides

    @staticmethod
    def _of_shares(question: Question) -> bool:
        """Whether two rates are compared as multiples of one another, which may be a fraction."""
        return question.minus is not None and (question.of.ratio or question.value == 0.0)

    def mean(self, question: Question) -> Floats:
        if question.kind != "level":
            return super().mean(question)
        mean = self.model.mean(*self._arm(question, question.arm))
        if question.minus is None:
            return mean
        return mean - self.model.mean(*self._arm(question, question.minus))

    def where_open(self, open_strata: Booleans) -> RatesPosterior:
        return replace(self, open_strata=open_strata)


class GammaPoissonAnalysis(AnalysisBase):
    """Events by patient-years in each arm, one gamma prior of the yearly rate for every arm."""

    model: Literal["gamma_poisson"]
    prior: GammaPrior

    title: ClassVar[str] = "Events by patient-years"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"y_k \mid \lambda_k \sim \mathrm{Poisson}(\lambda_k \, T_k)",
            "In arm k, the number of events in T patient-years is Poisson with the yearly rate "
            "lambda.",
        ),
        Statement(
            r"\lambda_k \sim \mathrm{Gamma}(a, b)",
            "The prior of the rate is gamma with shape a and rate b.",
        ),
    )
    level: ClassVar[str] = "yearly rate"
    reads: ClassVar[str] = "exposure"
    answers: ClassVar[tuple[str, ...]] = RatesPosterior.closed
    answered_by: ClassVar[type[Posterior]] = RatesPosterior

    def priors(self, fitted: GammaPoisson, arms: tuple[str, ...]) -> Iterator[Prior]:
        from adaptive_cart.models.prior import of_part

        yield of_part("", "rate", "events per year", self.prior.plain())

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> GammaPoisson:
        from adaptive_cart.models.rates.gamma_poisson import GammaPoisson

        return GammaPoisson(self.prior.a, self.prior.b)

    def error(
        self, fitted: GammaPoisson, question: Question, participants: tuple[int, ...]
    ) -> float:
        closed = question.kind in self.answered_by.closed
        of_shares = closed and RatesPosterior._of_shares(question)
        return 0.0 if of_shares and fitted.a.is_integer() else self.answered_by.error(question)

    def posterior(
        self, fitted: GammaPoisson, summary: Summary, open_strata: Booleans | None
    ) -> RatesPosterior:
        assert isinstance(summary, Exposure)
        return RatesPosterior(fitted, summary, open_strata)

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.rates.gamma_poisson_reference import GammaPoissonReference

        return GammaPoissonReference(self.fitted(arms, shares), arms)
