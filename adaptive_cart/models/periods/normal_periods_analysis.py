"""``normal`` adjusted for the calendar: mean changes by period, or with a random walk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from adaptive_cart.models.base import Posterior, Reference, Statement
from adaptive_cart.models.normal.normal_analysis import NormalAnalysis
from adaptive_cart.models.periods.by_period_analysis import ByPeriodAnalysis, WalkingAnalysis
from adaptive_cart.models.periods.normal_machine import MachineMeansPosterior
from adaptive_cart.models.periods.normal_periods import PeriodMeansPosterior
from adaptive_cart.nouns.records import Booleans
from adaptive_cart.nouns.summaries import ByPeriod, OverCalendar, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.prior import Prior


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


class NormalMachineAnalysis(WalkingAnalysis, NormalPeriodsAnalysis):
    """Mean changes from baseline, adjusted for it and by a random walk over the calendar."""

    title: ClassVar[str] = "Change from baseline, with a random walk over the calendar"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"y_{ki} - b_{ki} \sim \mathrm{Normal}(\mu_k + \gamma_c + \beta \, (b_{ki} - m), "
            r"\sigma)",
            "In arm k, the change of a participant randomised in calendar period c is normal about "
            "the mean of the arm and an effect of the calendar period, nought in the latest, that "
            "all arms share, moved by the slope for each point by which the baseline b lies above "
            "the mean baseline m of all who are analysed. Calendar periods are equally long and "
            "counted back from the latest in which anybody analysed was randomised.",
        ),
        Statement(
            r"\gamma_c \sim \mathrm{Normal}(g_c, \tau), \quad g_c = \gamma_{c-1} "
            r"\ \text{or} \ 2\gamma_{c-1} - \gamma_{c-2}",
            "Each calendar period is normal around that after it (first order), or around the line "
            "through the two after it (second order; the first before the latest around nought).",
        ),
        Statement(
            r"\tau \sim \text{Half-normal}(s), \quad p(\mu, \beta, \sigma^2) \propto \sigma^{-2}",
            "The standard deviation of a step, in points of the score, is half-normal. Means, "
            "slope and the logarithm of the spread have flat priors.",
        ),
    )
    answered_by: ClassVar[type[Posterior]] = MachineMeansPosterior
    counted: ClassVar[str] = (
        "everybody; those randomised while an arm of a comparison did not enrol help to estimate "
        "how the mean walks over the calendar (smoothly adjusted)"
    )

    def priors(self, fitted: Any, arms: tuple[str, ...]) -> Iterator[Prior]:
        from adaptive_cart.models.prior import of_part

        yield of_part("step", "step", "mean change", self._step())

    def prior_table(self) -> dict[str, Any]:
        return {"step": self._step()}

    def posterior(self, fitted: Any, summary: Summary, open_strata: Booleans | None) -> Any:
        if not isinstance(summary, OverCalendar):  # of nobody: there are no periods
            return super().posterior(fitted, summary, open_strata)
        return MachineMeansPosterior(self.walk, summary)

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.periods.normal_periods_reference import NormalMachineReference

        return NormalMachineReference(arms, self.walk)
