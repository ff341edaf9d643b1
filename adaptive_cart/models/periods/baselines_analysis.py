"""``gamma_poisson`` and ``piecewise_exponential`` over the calendar: ratios of arms, adjusted.

With ``time_trend.model = "periods"`` each period has a baseline of its own; with ``"time_machine"``
its logarithm walks over calendar periods.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from adaptive_cart.models.base import AnalysisBase, Posterior, Reference, Statement
from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
from adaptive_cart.models.hazards.piecewise_exponential_analysis import (
    PiecewiseExponentialAnalysis,
)
from adaptive_cart.models.periods.adjustment import COEFFICIENT_SD, MACHINE, TrendAdjustment
from adaptive_cart.models.periods.baselines_posterior import BaselinesPosterior, CalendarBaselines
from adaptive_cart.models.periods.by_period_analysis import ByPeriodAnalysis, nobody
from adaptive_cart.models.periods.walk import Walk
from adaptive_cart.models.rates.gamma_poisson_analysis import GammaPoissonAnalysis, GammaPrior
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import ByPeriod, Durations, Exposure, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.prior import Prior
    from adaptive_cart.models.prior_tip import PriorTip

    Base = AnalysisBase  # it stands before an analysis, whose methods it calls
else:
    Base = object

EACH_PERIOD = (
    "everybody; those randomised while an arm of a comparison did not enrol help to estimate "
    "the periods (adjusted by period)"
)
SMOOTHLY = (
    "everybody; those randomised while an arm of a comparison did not enrol help to estimate "
    "how the logarithm walks over the calendar (smoothly adjusted)"
)


class BaselinesOverTime(ByPeriodAnalysis, Base):
    """Stands before a model of events and exposure, whose ratios of arms then are adjusted."""

    time_trend: TrendAdjustment | None
    slow: ClassVar[bool] = True
    pairs: ClassVar[bool] = False
    of_baseline: ClassVar[str]  # what a baseline is counted in
    ratio: ClassVar[str]

    # ── what each of them supplies ────────────────────────────────────────────────────────
    def model_of(self, walk: Walk | None) -> CalendarBaselines:
        """The model with its priors."""
        raise NotImplementedError  # abstract: every model supplies it

    def seen(self, summary: Summary) -> tuple[Floats, Floats]:
        """Events and exposure, ``(trial, arm, period, interval)``; periods are strata of it."""
        raise NotImplementedError  # abstract: every model supplies it

    # ── what all of them do ───────────────────────────────────────────────────────────────
    @property
    def calendar_months(self) -> float | None:
        return None if self.time_trend is None else self.time_trend.period_months

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> CalendarBaselines:
        trend = self.time_trend
        walks = trend is not None and trend.model == MACHINE
        return self.model_of(trend.walk if walks and trend is not None else None)

    def posterior(
        self, fitted: CalendarBaselines, summary: Summary, open_strata: Booleans | None
    ) -> Posterior:
        if not isinstance(summary, ByPeriod):  # of nobody: there are no periods
            summary = nobody(summary, fitted.walk is not None)
        return BaselinesPosterior(fitted, summary, *self.seen(summary.split()))

    def error(self, fitted: Any, question: Question, participants: tuple[int, ...]) -> float:
        return self.answered_by.error(question)

    def in_stratum(self, fitted: Any, stratum: int) -> Any:
        return fitted

    def with_prior(self, kind: str, arms: tuple[str, ...]) -> dict[str, Any] | None:
        return None

    def prior_tips(self, fitted: Any, arms: tuple[str, ...]) -> Iterator[PriorTip]:
        from adaptive_cart.models.periods.prior_tips import tips_of_baselines

        return tips_of_baselines(fitted, self.of_baseline, self.ratio.replace("_", " "))

    def _tables(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Each prior: what it is of, the scale of a figure, and its numbers."""
        model = self.fitted((), ())
        yield "baseline", self.of_baseline, {"a": model.a, "b": model.b}
        log_ratio = {"dist": "normal", "mean": model.centre, "sd": model.sd}
        yield self.ratio, "hazard ratio" if "hazard" in self.ratio else "log rate", log_ratio
        if model.walk is not None:
            yield "step", "log rate", {"dist": "half_normal", "sd": model.walk.step_scale}

    def priors(self, fitted: Any, arms: tuple[str, ...]) -> Iterator[Prior]:
        from adaptive_cart.models.prior import of_part

        for part, scale, given in self._tables():
            yield of_part(part, part.replace("_", " "), scale, given)

    def prior_table(self) -> dict[str, Any]:
        return {part: given for part, _, given in self._tables()}


class RatesOverTime(BaselinesOverTime, GammaPoissonAnalysis):  # type: ignore[misc]  # another is fitted
    """Yearly rates over the calendar."""

    time_trend: TrendAdjustment | None
    answers: ClassVar[tuple[str, ...]] = ("level", "ratio")
    answered_by: ClassVar[type[Posterior]] = BaselinesPosterior
    beside_external: ClassVar[bool] = False
    external_by_stratum: ClassVar[bool] = False
    of_baseline: ClassVar[str] = "events per year"
    ratio: ClassVar[str] = "log_rate_ratio"

    def model_of(self, walk: Walk | None) -> CalendarBaselines:
        assert isinstance(self.prior, GammaPrior)
        return CalendarBaselines(self.prior.a, self.prior.b, 0.0, COEFFICIENT_SD, (), walk)

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.periods.baselines_reference import RatesReference

        return RatesReference(self.fitted(arms, shares), arms)

    def seen(self, summary: Summary) -> tuple[Floats, Floats]:
        assert isinstance(summary, Exposure)
        return summary.events[..., None].astype(np.float64), summary.years[..., None]


class HazardsOverTime(  # type: ignore[misc]  # what is fitted is another model
    BaselinesOverTime, PiecewiseExponentialAnalysis
):
    """Hazards over the calendar."""

    time_trend: TrendAdjustment | None
    answers: ClassVar[tuple[str, ...]] = ("hazard_ratio",)
    knows: ClassVar[tuple[str, ...]] = ("remaining", "median", "restricted_mean")
    answered_by: ClassVar[type[Posterior]] = BaselinesPosterior
    beside_external: ClassVar[bool] = False
    external_by_stratum: ClassVar[bool] = False
    of_baseline: ClassVar[str] = "events per month"
    ratio: ClassVar[str] = "log_hazard_ratio"

    def model_of(self, walk: Walk | None) -> CalendarBaselines:
        baseline, ratio = self.prior.baseline, self.prior.log_hazard_ratio
        assert isinstance(baseline, GammaPrior)
        return CalendarBaselines(
            baseline.a, baseline.b, ratio.mean, ratio.sd, tuple(self.cuts), walk
        )

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.periods.baselines_reference import HazardsReference

        return HazardsReference(self.fitted(arms, shares), arms)

    def seen(self, summary: Summary) -> tuple[Floats, Floats]:
        assert isinstance(summary, Durations)
        one = PiecewiseExponential(tuple(self.cuts), (1.0, 1.0), (0.0, 1.0))
        trials, arms, periods = summary.participants.shape
        events = np.zeros((trials, arms, periods, len(self.cuts) + 1))
        months = np.zeros_like(events)
        for arm in range(arms):
            for period in range(periods):
                members = summary.members(arm, period, None)
                events[:, arm, period], months[:, arm, period] = one.split(
                    summary.months, summary.event, members
                )
        return events, months


PRIOR_OF_PERIODS = r"\lambda_{s} \sim \mathrm{Gamma}(a, b), \; \beta_k \sim \mathrm{Normal}(0, 2.5)"
OF_WALK = (
    Statement(
        r"\gamma_c \sim \mathrm{Normal}(m_c, \tau), \quad m_c = \gamma_{c-1} "
        r"\ \text{or} \ 2\gamma_{c-1} - \gamma_{c-2}",
        "Each calendar period is normal around that after it (first order), or around the line "
        "through the two after it (second order; the first before the latest around nought). "
        "Calendar periods are equally long and counted back from the latest in which anybody "
        "analysed was randomised, which has nought.",
    ),
    Statement(
        r"\tau \sim \text{Half-normal}(\sigma)",
        "The standard deviation of a step is half-normal.",
    ),
)
AVERAGED_RATE = Statement(
    r"\lambda_k = \sum_{s \in S} w_s \lambda_{s} \, e^{\beta_k}",
    "The rate of an arm is averaged over the periods S in which the arms of the comparison "
    "enrolled, each by its share w of those analysed.",
)
AVERAGED_WALK = Statement(
    r"\lambda_k = \sum_{c} w_c \lambda \, e^{\beta_k + \gamma_c}",
    "The rate of an arm is averaged over calendar periods, each by its share w of those analysed "
    "who were randomised while the arms of the comparison enrolled.",
)


class RatesByPeriod(RatesOverTime):
    """Events by patient-years: each period has a rate of its own."""

    title: ClassVar[str] = "Events by patient-years, adjusted by period"
    counted: ClassVar[str] = EACH_PERIOD
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"y_{ks} \sim \mathrm{Poisson}(\lambda_{s} \, e^{\beta_k} \, T_{ks})",
            "In arm k, of those randomised in period s, the number of events in T patient-years is "
            "Poisson. Each period has a rate lambda of its own, that of the control; beta, nought "
            "in the control, is the logarithm of the ratio of the arm, the same in all periods. A "
            "period ends when any arm enters or stops enrolling.",
        ),
        Statement(
            PRIOR_OF_PERIODS,
            "The rate of each period is gamma with shape a and rate b; the logarithm of the ratio "
            "of each arm is normal around nought with a standard deviation of 2.5.",
        ),
        AVERAGED_RATE,
    )


class RatesByMachine(RatesOverTime):
    """Events by patient-years: the logarithm of the rate walks over the calendar."""

    title: ClassVar[str] = "Events by patient-years, with a random walk over the calendar"
    counted: ClassVar[str] = SMOOTHLY
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"y_{kc} \sim \mathrm{Poisson}(\lambda \, e^{\beta_k + \gamma_c} \, T_{kc})",
            "In arm k, of those randomised in calendar period c, the number of events in T "
            "patient-years is Poisson. Lambda is the rate of the control in the latest calendar "
            "period; beta, nought in the control, is the logarithm of the ratio of the arm; gamma "
            "is an effect of the calendar period that all arms share.",
        ),
        Statement(
            r"\lambda \sim \mathrm{Gamma}(a, b), \; \beta_k \sim \mathrm{Normal}(0, 2.5)",
            "The rate of the control is gamma with shape a and rate b; the logarithm of the ratio "
            "of each arm is normal around nought with a standard deviation of 2.5.",
        ),
        *OF_WALK,
        AVERAGED_WALK,
    )


class HazardsByPeriod(HazardsOverTime):
    """Proportional hazards: each period has baseline hazards of its own."""

    title: ClassVar[str] = "Piecewise exponential model, adjusted by period"
    counted: ClassVar[str] = EACH_PERIOD
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"D_{ksj} \sim \mathrm{Poisson}(\lambda_{sj} \, e^{\beta_k} \, T_{ksj})",
            "In arm k, of those randomised in period s, the events D in T months at risk in "
            "interval j are Poisson. Each period has baseline hazards of its own, those of the "
            "control; beta, nought in the control, is the log hazard ratio of the arm, the same in "
            "all periods. A period ends when any arm enters or stops enrolling.",
        ),
        Statement(
            r"\lambda_{sj} \sim \mathrm{Gamma}(a, b) , \; \beta_k \sim \mathrm{Normal}(m, v)",
            "The baseline hazard of each period and interval is gamma with shape a and rate b, a "
            "log hazard ratio normal.",
        ),
    )


class HazardsByMachine(HazardsOverTime):
    """Proportional hazards: the logarithm of the baseline walks over the calendar."""

    title: ClassVar[str] = "Piecewise exponential model, with a random walk over the calendar"
    counted: ClassVar[str] = SMOOTHLY
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"D_{kcj} \sim \mathrm{Poisson}(\lambda_j \, e^{\beta_k + \gamma_c} \, T_{kcj})",
            "In arm k, of those randomised in calendar period c, the events D in T months at risk "
            "in interval j are Poisson. Lambda is the hazard of the control in the latest calendar "
            "period; beta, nought in the control, is the log hazard ratio of the arm; gamma is an "
            "effect of the calendar period that all arms and intervals share.",
        ),
        Statement(
            r"\lambda_j \sim \mathrm{Gamma}(a, b) , \; \beta_k \sim \mathrm{Normal}(m, v)",
            "The baseline hazard of each interval is gamma with shape a and rate b, a log hazard "
            "ratio normal.",
        ),
        *OF_WALK,
    )
