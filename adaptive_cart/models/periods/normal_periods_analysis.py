"""``normal`` with ``time_trend.model = "periods"``: mean changes with effects of periods."""

from __future__ import annotations

from typing import Any, ClassVar

from adaptive_cart.models.base import Posterior, Reference, Statement
from adaptive_cart.models.normal.normal_analysis import NormalAnalysis
from adaptive_cart.models.periods.by_period_analysis import ByPeriodAnalysis
from adaptive_cart.models.periods.normal_periods import PeriodMeansPosterior
from adaptive_cart.nouns.records import Booleans
from adaptive_cart.nouns.summaries import ByPeriod, Summary


class NormalPeriodsAnalysis(ByPeriodAnalysis, NormalAnalysis):
    """Mean changes from baseline, adjusted for it and for the period of randomisation."""

    title: ClassVar[str] = "Change from baseline, adjusted for baseline and period"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"y_{ki} - b_{ki} \sim \mathrm{Normal}(\mu_k + \gamma_s + \beta \, (b_{ki} - c), "
            r"\sigma)",
            "In arm k, the change of a participant randomised in period s is normal about the mean "
            "of the arm and an effect of the period, nought in the first, that all arms share, "
            "moved by the slope for each point by which the baseline b lies above the mean "
            "baseline c of all who are analysed. A period ends when any arm enters or stops "
            "enrolling.",
        ),
        Statement(
            r"p(\mu, \gamma, \beta, \sigma^2) \propto \sigma^{-2}",
            "Means, effects of periods, slope and the logarithm of the spread have flat priors.",
        ),
    )
    answers: ClassVar[tuple[str, ...]] = PeriodMeansPosterior.closed
    knows: ClassVar[tuple[str, ...]] = ()
    answered_by: ClassVar[type[Posterior]] = PeriodMeansPosterior
    counted: ClassVar[str] = (
        "everybody; those randomised while an arm of a comparison did not enrol help to estimate "
        "the effects of the periods (adjusted by period)"
    )

    def posterior(self, fitted: Any, summary: Summary, open_strata: Booleans | None) -> Any:
        if not isinstance(summary, ByPeriod):  # of nobody: there are no periods
            return super().posterior(fitted, summary, open_strata)
        return PeriodMeansPosterior(summary)

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.periods.normal_periods_reference import NormalPeriodsReference

        return NormalPeriodsReference(arms)
