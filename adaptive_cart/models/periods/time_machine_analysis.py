"""``beta_binomial`` with ``time_trend.model = "time_machine"``: a random walk over the calendar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from adaptive_cart.models.base import Posterior, Reference, Statement
from adaptive_cart.models.periods.by_period_analysis import (
    LogisticByPeriodAnalysis,
    WalkingAnalysis,
    nobody,
)
from adaptive_cart.models.periods.periods_analysis import NORMAL
from adaptive_cart.models.periods.time_machine_posterior import TimeMachinePosterior
from adaptive_cart.models.periods.walk import Walk
from adaptive_cart.nouns.records import Booleans
from adaptive_cart.nouns.summaries import Summary
from adaptive_cart.nouns.summaries.calendar_counts import CalendarCounts

if TYPE_CHECKING:
    from adaptive_cart.models.prior import Prior
    from adaptive_cart.models.prior_tip import PriorTip


class TimeMachineAnalysis(WalkingAnalysis, LogisticByPeriodAnalysis):
    """Binomial by arm and calendar period: arms and a random walk on the logit."""

    title: ClassVar[str] = "Logistic model with a random walk over the calendar"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"y_{kc} \mid \theta_{kc} \sim \mathrm{Binomial}(n_{kc}, \theta_{kc})",
            "In arm k, among those randomised in calendar period c, the number with the event is "
            "binomial. Calendar periods are equally long and counted back from the latest in which "
            "anybody analysed was randomised.",
        ),
        Statement(
            r"\logit \theta_{kc} = \alpha + \beta_k + \gamma_c",
            "On the logit: an intercept, an effect of each arm, nought in the control, and an "
            "effect of each calendar period, nought in the latest, that all arms share.",
        ),
        Statement(
            r"\alpha, \beta_k \sim \mathrm{Normal}(0, 2.5)",
            "The intercept and the arms are independently normal around nought with a standard "
            "deviation of 2.5.",
        ),
        Statement(
            r"\gamma_c \sim \mathrm{Normal}(m_c, \tau), \quad m_c = \gamma_{c-1} "
            r"\ \text{or} \ 2\gamma_{c-1} - \gamma_{c-2}",
            "Each calendar period is normal around that after it (first order), or around the line "
            "through the two after it (second order; the first before the latest around nought).",
        ),
        Statement(
            r"\tau \sim \text{Half-normal}(s)",
            "The standard deviation of a step is half-normal.",
        ),
        Statement(
            r"\theta_k = \sum_{c} w_c \theta_{kc}",
            "The probability of an arm is averaged over calendar periods, each by its share w of "
            "those analysed who were randomised while the arms of the comparison enrolled.",
        ),
    )
    answers: ClassVar[tuple[str, ...]] = TimeMachinePosterior.closed
    answered_by: ClassVar[type[Posterior]] = TimeMachinePosterior
    counted: ClassVar[str] = (
        "everybody; those randomised while an arm of a comparison did not enrol help to estimate "
        "how the logit walks over the calendar (smoothly adjusted)"
    )

    def priors(self, fitted: Walk, arms: tuple[str, ...]) -> Iterator[Prior]:  # type: ignore[override]
        from adaptive_cart.models.prior import of_part

        yield of_part("intercept", "intercept", "probability", NORMAL)
        yield of_part("arm", "arm", "log odds", NORMAL)
        yield of_part("step", "step", "log odds", self._step())

    def prior_tips(self, fitted: Walk, arms: tuple[str, ...]) -> Iterator[PriorTip]:  # type: ignore[override]
        from adaptive_cart.models.periods.prior_tips import tip_of_walk

        yield tip_of_walk(fitted, lambda walk: walk)

    def prior_table(self) -> dict[str, Any]:
        return {"intercept": NORMAL, "arm": NORMAL, "step": self._step()}

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> Walk:  # type: ignore[override]
        return self.walk

    def posterior(  # type: ignore[override]
        self, fitted: Walk, summary: Summary, open_strata: Booleans | None
    ) -> TimeMachinePosterior:
        if not isinstance(summary, CalendarCounts):  # of nobody: there are no periods
            summary = nobody(summary, calendar=True)
            assert isinstance(summary, CalendarCounts)
        return TimeMachinePosterior(fitted, summary)

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.periods.time_machine_reference import TimeMachineReference

        return TimeMachineReference(arms, self.walk)
