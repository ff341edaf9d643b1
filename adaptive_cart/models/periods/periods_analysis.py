"""``beta_binomial`` with ``time_trend.model = "periods"``: arms and periods on the logit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from adaptive_cart.models.base import Posterior, Reference, Statement
from adaptive_cart.models.periods.adjustment import COEFFICIENT_SD
from adaptive_cart.models.periods.by_period_analysis import LogisticByPeriodAnalysis, nobody
from adaptive_cart.models.periods.period_posterior import PeriodPosterior
from adaptive_cart.nouns.records import Booleans
from adaptive_cart.nouns.summaries import Summary
from adaptive_cart.nouns.summaries.period_counts import PeriodCounts

if TYPE_CHECKING:
    from adaptive_cart.models.prior import Prior

NORMAL: dict[str, Any] = {"dist": "normal", "mean": 0.0, "sd": COEFFICIENT_SD}
COEFFICIENTS = (
    ("intercept", "probability"),
    ("arm", "log odds"),
    ("period", "log odds"),
)


class PeriodsAnalysis(LogisticByPeriodAnalysis):
    """Binomial by arm and period of randomisation: arms and periods on the logit."""

    title: ClassVar[str] = "Logistic model with periods"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"y_{ks} \mid \theta_{ks} \sim \mathrm{Binomial}(n_{ks}, \theta_{ks})",
            "In arm k, among those randomised in period s, the number with the event is binomial. "
            "A period ends when any arm enters or stops enrolling.",
        ),
        Statement(
            r"\logit \theta_{ks} = \alpha + \beta_k + \gamma_s",
            "On the logit: an intercept, an effect of each arm, nought in the control, and an "
            "effect of each period, nought in the first, that all arms share.",
        ),
        Statement(
            r"\alpha, \beta_k, \gamma_s \sim \mathrm{Normal}(0, 2.5)",
            "All are independently normal around nought with a standard deviation of 2.5.",
        ),
        Statement(
            r"\theta_k = \sum_{s \in S} w_s \theta_{ks}",
            "The probability of an arm is averaged over the periods S in which the arms of the "
            "comparison enrolled, each by its share w of those analysed.",
        ),
    )
    answers: ClassVar[tuple[str, ...]] = PeriodPosterior.closed
    answered_by: ClassVar[type[Posterior]] = PeriodPosterior
    counted: ClassVar[str] = (
        "everybody; those randomised while an arm of a comparison did not enrol help to estimate "
        "the effects of the periods (adjusted by period)"
    )

    def priors(self, fitted: Any, arms: tuple[str, ...]) -> Iterator[Prior]:
        from adaptive_cart.models.prior import of_part

        for part, scale in COEFFICIENTS:
            yield of_part(part, part, scale, NORMAL)

    def prior_table(self) -> dict[str, Any]:
        return {part: NORMAL for part, _ in COEFFICIENTS}

    def posterior(
        self, fitted: Any, summary: Summary, open_strata: Booleans | None
    ) -> PeriodPosterior:
        if not isinstance(summary, PeriodCounts):  # of nobody: there are no periods
            summary = nobody(summary, calendar=False)
            assert isinstance(summary, PeriodCounts)
        return PeriodPosterior(summary)

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.periods.periods_reference import PeriodsReference

        return PeriodsReference(arms)
