"""The tables of the two models that know strata, and their answers to rules.

Both speak of one control and one experimental arm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from adaptive_cart.models.base import AnalysisBase, Posterior, Reference, Statement
from adaptive_cart.models.ties import Error, Sides, certain, strictly_inside
from adaptive_cart.nouns.distributions import HalfNormal, Normal
from adaptive_cart.nouns.parts import Part
from adaptive_cart.nouns.questions import OPEN, Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Counts, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.prior import Prior
    from adaptive_cart.models.prior_tip import PriorTip
    from adaptive_cart.nouns.prior_truths import PriorTruth, PriorUniforms


class LogOddsPrior(Normal):
    """Normal prior of log odds, no wider than the lattices reach."""

    sd: Annotated[float, Field(gt=0.0, le=30.0, allow_inf_nan=False)]


class LogisticPrior(Part):
    """Normal priors on the log-odds scale."""

    intercept: LogOddsPrior
    treatment: LogOddsPrior
    stratum: LogOddsPrior
    interaction: LogOddsPrior


class HierarchicalLogisticPrior(Part):
    """Priors of the control logits and of the exchangeable log-odds ratios."""

    control_logit: LogOddsPrior
    effect_mean: LogOddsPrior
    effect_sd: HalfNormal


@dataclass
class StrataPosterior(Posterior):
    """Posterior of risks by stratum, averaged by the shares of enrolment.

    Attributes
    ----------
    inner
        The model's own posterior: ``difference_above``, ``difference_mean``, ``arm_above`` and
        ``arm_mean`` of a weighted average over strata.
    """

    inner: Any
    shares: tuple[float, ...]
    open_strata: Booleans | None

    @property
    def failed(self) -> Booleans | None:
        """Trials whose posterior could not be computed."""
        failed: Booleans = self.inner.failed
        return failed

    def _weights(self, question: Question | Quantity) -> Floats:
        shares = np.array(self.shares, dtype=np.float64)
        if question.stratum >= 0:
            one: Floats = (np.arange(len(shares)) == question.stratum).astype(np.float64)
            return one
        if question.stratum == OPEN and self.open_strata is not None:
            weights = np.where(self.open_strata, shares, 0.0)
            # where nothing is open the trial has ended; any average will do
            none = ~self.open_strata.any(axis=1)
            weights[none] = shares
            return weights / weights.sum(axis=1, keepdims=True)
        return shares

    exactly = "quadrature"
    closed = ("level",)
    fast_error = 0.002
    drawn_error = 0.015
    limit_error = 0.005  # intervals are of draws, which the lattice places
    drawn_seconds = 0.1
    completed_seconds = 3.0  # of seven strata that borrow from each other; fewer take less
    arms = 2

    @classmethod
    def by_place(cls, question: Question, most: float) -> Error:
        """The same everywhere: its lattice ends, and beyond it draws have no tails."""
        return Error(most)

    def __post_init__(self) -> None:
        self._risks: Floats | None = None

    def draw(self, quantity: Quantity) -> Floats:
        from adaptive_cart.models.draws import MIDDLES, ranks

        if self._risks is None:
            self._risks = self.inner.draws(MIDDLES[ranks(1 + 2 * len(self.shares))])
        weights = self._weights(quantity)
        risks = self._risks[:, quantity.arm]
        return (weights[..., None] * risks).sum(axis=1)

    def computed(self, question: Question) -> Floats:
        if question.kind not in self.closed:
            if question.of.inside(question, self.arms) is False:  # so whatever is drawn
                return self._known(np.ones(len(self.inner.failed)))
            return super().computed(question)
        weights = self._weights(question)
        if question.minus is None:
            above = self.inner.arm_above(question.arm, question.value, weights)
        elif question.minus == 0:
            above = self.inner.difference_above(question.value, weights)
        else:  # control minus experimental
            above = 1.0 - self.inner.difference_above(-question.value, weights)
        answer: Floats = above if question.above else 1.0 - above
        return answer

    def sides(self, question: Question) -> Sides:
        if question.kind not in self.closed:
            return super().sides(question)
        lowest = 0.0 if question.minus is None else -1.0
        if lowest < question.value < 1.0:  # then no posterior is certain
            return strictly_inside
        return certain((question.value <= lowest) == question.above)

    def mean(self, question: Question) -> Floats:
        if question.kind not in self.closed:
            return super().mean(question)
        weights = self._weights(question)
        if question.minus is None:
            mean: Floats = self.inner.arm_mean(question.arm, weights)
            return mean
        difference: Floats = self.inner.difference_mean(weights)
        return difference if question.minus == 0 else -difference

    def covers(self, question: Question, level: float) -> Booleans:
        if question.kind not in self.closed:
            return super().covers(question, level)
        weights, value = self._weights(question), question.value
        if question.minus is None:
            found: Booleans = self.inner.arm_covers(question.arm, value, weights, level)
        else:
            value = value if question.minus == 0 else -value
            found = self.inner.difference_covers(value, weights, level)
        return found

    def where_open(self, open_strata: Booleans) -> StrataPosterior:
        return replace(self, open_strata=open_strata)


class _StrataAnalysis(AnalysisBase):
    """What the two models share."""

    beside_control: ClassVar[bool] = True
    reads: ClassVar[str] = "counts"
    answers: ClassVar[tuple[str, ...]] = ("level",)
    by_stratum: ClassVar[bool] = True
    slow: ClassVar[bool] = True
    answered_by: ClassVar[type[Posterior]] = StrataPosterior

    def problems(self, arms: tuple[str, ...], strata: tuple[str, ...]) -> list[tuple[str, str]]:
        if len(arms) > 2:
            return [("model", f"'{self.model}' compares two arms; the design has {len(arms)}")]
        return []

    def prior_tips(self, fitted: Any, arms: tuple[str, ...]) -> Iterator[PriorTip]:
        from adaptive_cart.models.strata.prior_tips import tips_of

        return tips_of(*fitted)

    def posterior(
        self, fitted: Any, summary: Summary, open_strata: Booleans | None
    ) -> StrataPosterior:
        from adaptive_cart.models.strata.strata_remembered import remembered

        assert isinstance(summary, Counts)
        model, shares = fitted
        return StrataPosterior(
            remembered(model, summary.successes, summary.totals), shares, open_strata
        )


class LogisticAnalysis(_StrataAnalysis):
    """Binomial by arm and stratum: treatment, stratum and their interaction on the logit."""

    model: Literal["logistic"]
    prior: LogisticPrior

    title: ClassVar[str] = "Logistic model with strata and interactions"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"y_{ks} \mid \theta_{ks} \sim \mathrm{Binomial}(n_{ks}, \theta_{ks})",
            "In arm k and stratum s, the number with the event is binomial.",
        ),
        Statement(
            r"\logit \theta_{ks} = \alpha + \beta k + \sigma_s + \gamma_s k",
            "On the logit: an intercept, a treatment effect, and for each stratum a shift of its "
            "own and an interaction of its own with treatment; k is nought in the control and one "
            "in the treated arm.",
        ),
        Statement(
            r"\alpha, \beta, \sigma_s, \gamma_s \sim \mathrm{Normal}(m, s)",
            "All are independently normal, each with a mean m and a standard deviation s of its "
            "own.",
        ),
    )

    def priors(self, fitted: Any, arms: tuple[str, ...]) -> Iterator[Prior]:
        from adaptive_cart.models.prior import of_part

        for part, given in self.prior.plain().items():
            scale = "probability" if part == "intercept" else "log odds"
            yield of_part(part, part, scale, given)

    def prior_truths(
        self, fitted: Any, arms: int, strata: int, draws: PriorUniforms
    ) -> PriorTruth | None:
        parts = self.prior
        control = draws.normal("intercept", parts.intercept.mean, parts.intercept.sd)
        control = control + draws.normal("stratum", parts.stratum.mean, parts.stratum.sd, strata)
        effect = draws.normal("treatment", parts.treatment.mean, parts.treatment.sd)
        effect = effect + draws.normal(
            "interaction", parts.interaction.mean, parts.interaction.sd, strata
        )
        return _rates(control, effect)

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> Any:
        from adaptive_cart.models.strata.logistic import Logistic
        from adaptive_cart.models.strata.strata_approximation import Normal

        prior = self.prior
        parts = (prior.intercept, prior.treatment, prior.stratum, prior.interaction)
        model = Logistic(*(Normal(part.mean, part.sd) for part in parts))
        return model, shares

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.strata.logistic_reference import LogisticReference

        model, _ = self.fitted(arms, shares)
        return LogisticReference(arms, strata, shares, model)


class HierarchicalLogisticAnalysis(_StrataAnalysis):
    """Log-odds ratios of the strata, exchangeable around a common mean."""

    model: Literal["hierarchical_logistic"]
    prior: HierarchicalLogisticPrior

    title: ClassVar[str] = "Hierarchical logistic model"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"y_{ks} \mid \theta_{ks} \sim \mathrm{Binomial}(n_{ks}, \theta_{ks})",
            "In arm k and stratum s, the number with the event is binomial.",
        ),
        Statement(
            r"\logit \theta_{ks} = \alpha_s + \delta_s k , \; \alpha_s \sim \mathrm{Normal}(m, s)",
            "On the logit: the control of each stratum by itself, normal, plus the log odds ratio "
            "of the stratum in the treated arm, where k is one; in the control it is nought.",
        ),
        Statement(
            r"\delta_s \sim \mathrm{Normal}(\mu, \tau) , \; \mu \sim \mathrm{Normal}(m_\mu, s_\mu)"
            r" , \; \tau \sim \mathrm{HalfNormal}(s_\tau)",
            "The log odds ratios of the strata are exchangeable: normal around a common mean with "
            "a common standard deviation, which is half normal.",
        ),
    )

    def priors(self, fitted: Any, arms: tuple[str, ...]) -> Iterator[Prior]:
        from adaptive_cart.models.prior import of_logit, of_part

        given, control = self.prior.plain(), self.prior.control_logit
        own = of_part("control_logit", "control_logit", "probability", given["control_logit"])
        yield of_logit(own, control.mean, control.sd)
        yield of_part("effect_mean", "effect_mean", "log odds", given["effect_mean"])
        yield of_part("effect_sd", "effect_sd", "sd (log odds)", given["effect_sd"])

    def prior_truths(
        self, fitted: Any, arms: int, strata: int, draws: PriorUniforms
    ) -> PriorTruth | None:
        given = self.prior
        control = draws.normal("control", given.control_logit.mean, given.control_logit.sd, strata)
        centre = draws.normal("effect_mean", given.effect_mean.mean, given.effect_mean.sd)
        spread = np.abs(draws.normal("effect_sd", 0.0, given.effect_sd.sd))
        return _rates(control, centre + spread * draws.normal("effect", 0.0, 1.0, strata))

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> Any:
        from adaptive_cart.models.strata.hierarchical_logistic import HierarchicalLogistic
        from adaptive_cart.models.strata.strata_approximation import Normal

        prior = self.prior
        control, effect = (
            Normal(part.mean, part.sd) for part in (prior.control_logit, prior.effect_mean)
        )
        model = HierarchicalLogistic(control, effect, prior.effect_sd.sd)
        return model, shares

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.strata.hierarchical_logistic_reference import (
            HierarchicalLogisticReference,
        )

        model, _ = self.fitted(arms, shares)
        return HierarchicalLogisticReference(arms, strata, shares, model)


def _rates(control: Floats, effect: Floats) -> PriorTruth:
    """True probabilities of two arms, from the control's logits and what the other adds."""
    from scipy import special

    from adaptive_cart.nouns.prior_truths import Rates

    return Rates(np.asarray(special.expit(np.stack([control, control + effect], axis=1))))
