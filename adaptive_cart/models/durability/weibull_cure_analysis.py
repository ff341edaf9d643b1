"""The table ``[analysis.ENDPOINT]`` with ``model = "weibull_cure"``, and its answers to rules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import model_validator

from adaptive_cart.models.base import Posterior, Reference, Statement
from adaptive_cart.models.beside_external_analysis import BesideExternal
from adaptive_cart.models.beside_laws_analysis import BesideLaws
from adaptive_cart.models.between_visits import ByIntervals
from adaptive_cart.models.periods.adjustment import LEFT_OUT, TrendSelection
from adaptive_cart.models.ties import Sides, certain, side_of, strictly_inside
from adaptive_cart.nouns.ahead import AtRisk, Coming, over_completions
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.distributions import Beta, Lognormal
from adaptive_cart.nouns.parts import Part
from adaptive_cart.nouns.questions import ALL, OPEN, Quantity, Question, QuestionKind
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Durations, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.durability.weibull_cure import WeibullCure, WeibullCurePosterior
    from adaptive_cart.models.outside_laws import OutsideLaw
    from adaptive_cart.models.prior import Prior
    from adaptive_cart.models.prior_tip import PriorTip
    from adaptive_cart.nouns.external import External
    from adaptive_cart.nouns.prior_truths import PriorTruth, PriorUniforms

# months at which hardly anybody who can relapse has not: the fraction remaining is the cured one
FOR_EVER = 1.0e6
LN2 = math.log(2.0)
FAST_ERROR = 0.002  # what a probability may be wrong by


class WeibullCurePrior(Part):
    """Priors of the cured fraction and of the others' relapse time, the same in every arm."""

    cured: Beta
    median_months: Lognormal
    shape: Lognormal

    @model_validator(mode="after")
    def _everybody(self) -> WeibullCurePrior:
        for key in ("median_months", "shape"):
            if getattr(self, key).cured is not None:
                raise ValueError(f"a prior takes no `cured`; leave it out of '{key}'")
        return self


@dataclass
class DurabilityPosterior(BesideLaws):
    """Posterior of cured fraction and relapse time, arm by arm.

    A question about a stratum is answered from that stratum's own data; one about all strata, or
    about the open ones, from theirs pooled. A question about the fraction remaining is asked at its
    month; one about the arm itself is about the cured fraction.
    """

    model: WeibullCure
    data: Durations
    open_strata: Booleans | None = None
    outside: tuple[OutsideLaw | None, ...] = ()

    def __post_init__(self) -> None:
        self._arms: dict[tuple[int, int], WeibullCurePosterior] = {}
        self._drawn: dict[tuple[int, int], Floats] = {}

    @property
    def failed(self) -> Booleans | None:
        """Trials in which any arm asked for so far could not be computed."""
        found = [arm.failed for arm in self._arms.values()]
        return np.logical_or.reduce(found) if found else None

    def arm(self, arm: int, stratum: int = ALL) -> WeibullCurePosterior:
        """Posterior of one arm, in the strata that a question is about."""
        if (arm, stratum) not in self._arms:
            inside = self.data.members(arm, stratum, self.open_strata)
            self._arms[arm, stratum] = self._remitters(inside)
        return self._arms[arm, stratum]

    def _remitters(self, inside: Booleans) -> WeibullCurePosterior:
        """Posterior of the remitters named, ``(trial, participant)``."""
        return self.model.posterior(self.data.months, self.data.event, inside)

    exactly = "quadrature"
    closed = ("level", "remaining")
    fast_error = FAST_ERROR
    drawn_error = 0.01
    drawn_seconds = 0.1
    completed_seconds = 1.8

    @property
    def own_arms(self) -> int:
        return self.data.participants.shape[1]

    @property
    def trials(self) -> int:
        return len(self.data.months)

    @classmethod
    def without_draws(cls, question: Question) -> bool:
        """Whether a question is about a cured fraction or what remains, or of one arm's median."""
        return super().without_draws(question) or cls._of_one_median(question)

    @staticmethod
    def _of_one_median(question: Question) -> bool:
        return question.kind == "median" and question.minus is None

    @staticmethod
    def _half_left(question: Question) -> Question:
        """The median is later than a month where more than half are left then."""
        return replace(question, kind="remaining", month=question.value, value=0.5)

    def draw_own(self, quantity: Quantity) -> Floats:
        from scipy import special

        shape, median, odds = np.moveaxis(self._parameters(quantity), 1, 0)
        cured: Floats = special.expit(odds)
        if quantity.name == "level":
            return cured
        if quantity.name == "median":
            # of the others so many have to be left that with the cured they are half of all
            with np.errstate(divide="ignore"):
                left = np.clip((0.5 - cured) / (1.0 - cured), 0.0, 1.0)
                return np.exp(median + (np.log(-np.log(left)) - np.log(LN2)) / np.exp(shape))
        with np.errstate(over="ignore"):
            power = np.exp(shape)
            hazard = LN2 * np.exp(power * (np.log(quantity.month) - median))
        if quantity.name == "restricted_mean":
            # the integral of exp(-log 2 (t / median) ** shape) is an incomplete gamma function
            scale = np.exp(median - np.log(LN2) / power + special.gammaln(1.0 + 1.0 / power))
            mean = scale * special.gammainc(1.0 / power, hazard)
            return cured * quantity.month + (1.0 - cured) * np.minimum(mean, quantity.month)
        return cured + (1.0 - cured) * np.exp(-hazard)

    def _parameters(self, quantity: Quantity) -> Floats:
        """Draws of an arm's parameters, ``(trial, parameter, draw)``."""
        from adaptive_cart.models.draws import MIDDLES, axis_of, ranks

        key = quantity.arm, quantity.stratum
        if key not in self._drawn:
            own = 3 * axis_of(quantity, self.own_arms) + np.arange(3)
            rank = ranks(3 * (self.data.participants[0].size + self.own_arms))[own]
            self._drawn[key] = self.arm(*key).draws(MIDDLES[rank])
        return self._drawn[key]

    def computed(self, question: Question) -> Floats:
        if self._of_one_median(question):
            if question.value > 0.0:
                return self.computed(self._half_left(question))
            return self._known(np.full(len(self.data.months), float(question.above)))
        if question.kind not in self.closed:
            return super().computed(question)
        arm = self.arm(question.arm, question.stratum)
        month = question.month if question.kind == "remaining" else FOR_EVER
        law = self.law_of(question.minus)
        if law is not None:
            above = arm.remaining_above_law(law, month, question.value)
        elif question.minus is not None:
            other = self.arm(question.minus, question.stratum)
            above = arm.remaining_difference_above(other, month, question.value)
        elif question.kind == "remaining":
            above = arm.remaining_above(month, question.value)
        else:
            above = arm.cured_above(question.value)
        return above if question.above else 1.0 - above

    def sides(self, question: Question) -> Sides:
        """Which side of a threshold the probabilities of some trials lie on, where that is certain.

        Two arms with the same months in remission have the same posterior.
        """
        if self._of_one_median(question):
            inside = question.value > 0.0
            return self.sides(self._half_left(question)) if inside else certain(question.above)
        if question.kind not in self.closed:
            return super().sides(question)
        lowest = 0.0 if question.minus is None else -1.0
        if not lowest < question.value < 1.0:
            return certain((question.value <= lowest) == question.above)

        def sides(threshold: float, rows: Integers) -> Floats:
            side = strictly_inside(threshold, rows)
            if question.minus is None or question.value != 0.0:
                return side
            if self.law_of(question.minus) is not None:
                return side
            if abs(threshold - 0.5) > FAST_ERROR:
                return side
            alike = self._alike(rows, question)
            return np.where(alike, side_of(Fraction(1, 2), threshold), side)

        return sides

    def _alike(self, rows: Integers, question: Question) -> Booleans:
        """Whether two arms have the same months in remission, and the same relapses."""
        assert question.minus is not None
        data = self.data
        arms = (question.arm, question.minus)
        members = [data.members(arm, question.stratum, self.open_strata) for arm in arms]

        def seen(row: int, mine: Booleans) -> list[tuple[float, ...]]:
            return sorted(zip(*(part[mine[row]].tolist() for part in self._told(row)), strict=True))

        return np.array([seen(row, members[0]) == seen(row, members[1]) for row in rows])

    def _told(self, row: int) -> tuple[Floats, ...]:
        """What is known of each participant of a trial: months, and whether they end in relapse."""
        return self.data.months[row], self.data.event[row].astype(np.float64)

    def mean(self, question: Question) -> Floats:
        if question.kind not in self.closed:
            return super().mean(question)
        if question.kind == "remaining":
            mean = self.arm(question.arm, question.stratum).remaining_mean(question.month)
        else:
            mean = self.arm(question.arm, question.stratum).cured_mean()
        if question.minus is None:
            return mean
        law = self.law_of(question.minus)
        if law is not None:
            return mean - law.mean
        other = self.arm(question.minus, question.stratum)
        if question.kind == "remaining":
            return mean - other.remaining_mean(question.month)
        return mean - other.cured_mean()

    def quantile(self, question: Question, probability: float) -> Floats:
        if question.kind not in self.closed or question.minus is not None:
            return super().quantile(question, probability)
        month = question.month if question.kind == "remaining" else FOR_EVER
        return self.arm(question.arm, question.stratum).remaining_quantile(month, probability)

    def completed(
        self, summary: Summary, coming: Coming, some: Completions, apart: bool
    ) -> Durations:
        assert isinstance(summary, Durations)
        assert isinstance(coming, AtRisk)
        coming = coming.begun(some)
        uniform = some.plain(coming.arm.shape[-1])
        lasting = np.full((len(coming.arm), *uniform.shape), np.inf)
        since = over_completions(coming.since, lasting.shape)
        open_ = over_completions(coming.open, lasting.shape)
        for stratum in range(summary.participants.shape[2]) if apart else (ALL,):
            for arm in range(self.own_arms):
                mine = open_.any(axis=1) & (coming.arm == arm)
                if stratum >= 0:
                    mine &= coming.stratum == stratum
                trial, column = np.nonzero(mine)
                own = some.of(self._parameters(Quantity("", "level", arm, None, stratum)))[trial]
                left = uniform.T[column] ** coming.slower(trial, column)
                lasting[trial, :, column] = _relapse(own, since[trial, :, column], left)
        return summary.followed_on(coming, lasting)

    def where_open(self, open_strata: Booleans) -> DurabilityPosterior:
        other = replace(self, open_strata=open_strata)
        other._arms = {key: arm for key, arm in self._arms.items() if key[-1] != OPEN}
        return other


def _relapse(parameters: Floats, since: Floats, uniform: Floats) -> Floats:
    """Months to the relapse of who has been in remission so long; infinite for the cured.

    Parameters
    ----------
    parameters
        ``(participant, parameter, draw)`` log shape, log median, log odds of being cured.
    since, uniform
        ``(participant, draw)``.
    """
    from scipy import special

    shape, median, odds = np.moveaxis(parameters, 1, 0)
    cured = special.expit(odds)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        past = np.exp(-LN2 * np.exp(np.exp(shape) * (np.log(since) - median)))
        left = (cured + (1.0 - cured) * past) * uniform - cured  # of the fraction remaining
        hazard = -np.log(left / (1.0 - cured))
        month = np.exp(median + np.log(hazard / LN2) / np.exp(shape))
    found: Floats = np.where(left > 0.0, np.maximum(month, since), np.inf)
    return found


class IntervalDurabilityPosterior(DurabilityPosterior):
    """The same where relapses are known to have happened between two visits."""

    def _remitters(self, inside: Booleans) -> WeibullCurePosterior:
        data, half = self.data, self.data.half_widths()
        half = np.zeros_like(data.months) if half is None else half
        return self.model.posterior(data.months, data.event, inside, half)

    def _told(self, row: int) -> tuple[Floats, ...]:
        half = self.data.half_widths()
        return super()._told(row) if half is None else (*super()._told(row), half[row])


class WeibullCureAnalysis(ByIntervals, BesideExternal):
    """By arm: a cured fraction, and a Weibull relapse time for the rest."""

    model: Literal["weibull_cure"]
    prior: WeibullCurePrior
    time_trend: TrendSelection | None = LEFT_OUT

    title: ClassVar[str] = "Weibull model with a cured fraction"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"R_k(t) = c_k + (1 - c_k) \, \exp ( - \log 2 \, (t / m_k)^{h_k} )",
            "In arm k, the fraction of remitters still in remission t months after its onset: the "
            "cured fraction c, and of the others those whose Weibull time with median m and shape "
            "h is longer than t.",
        ),
        Statement(
            r"c_k \sim \mathrm{Beta}(a, b) , \; m_k \sim \mathrm{Lognormal}(\mu_m, \sigma_m) , \; "
            r"h_k \sim \mathrm{Lognormal}(\mu_h, \sigma_h)",
            "The cured fraction is beta, median and shape are lognormal, all independent.",
        ),
        Statement(
            r"L = \prod_{i} ( - R_k'(t_i) )^{d_i} \, R_k(t_i)^{1 - d_i}",
            "A relapse contributes the density, a censored remitter the fraction remaining.",
        ),
    )
    of_level: ClassVar[str] = "never relapsing"
    slow: ClassVar[bool] = True
    cures: ClassVar[bool] = True
    reads: ClassVar[str] = "durations"
    answers: ClassVar[tuple[str, ...]] = ("level", "remaining")
    knows: ClassVar[tuple[str, ...]] = ("median", "restricted_mean")
    answered_by: ClassVar[type[Posterior]] = DurabilityPosterior

    @classmethod
    def why_not_beside(cls, kind: QuestionKind, month: float, data: External) -> str:
        if not data.has("remaining"):
            return (
                "whose events and months at risk say a hazard, and not how many never have the "
                "event; write how many of the participants were without it at a month: remaining, "
                "participants, month"
            )
        if kind.name != "remaining" or month != data.month:
            return (
                f"whose participants were counted at month {data.month:g}, which says nothing of "
                f"{kind.asked_for}{f' at month {month:g}' if month else ''}; ask remains_at = "
                f"{data.month:g}"
            )
        return ""

    def priors(self, fitted: WeibullCure, arms: tuple[str, ...]) -> Iterator[Prior]:
        from adaptive_cart.models.prior import of_part

        scales = {"cured": "probability", "median_months": "months", "shape": "shape"}
        for part, given in self.prior.plain().items():
            yield of_part(part, part, scales[part], given)

    def prior_truths(
        self, fitted: Any, arms: int, strata: int, draws: PriorUniforms
    ) -> PriorTruth | None:
        from scipy import special

        from adaptive_cart.nouns.prior_truths import CuredFractions

        given = self.prior
        u = draws.uniform("cured", arms)
        cured = np.asarray(special.betaincinv(given.cured.a, given.cured.b, u))
        return CuredFractions(
            np.clip(cured, 0.0, 1.0 - 1e-16),
            draws.lognormal("median", given.median_months.median, given.median_months.sigma, arms),
            draws.lognormal("shape", given.shape.median, given.shape.sigma, arms),
        )

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> WeibullCure:
        from adaptive_cart.models.durability.weibull_cure import WeibullCure

        prior = self.prior
        return WeibullCure(
            (prior.cured.a, prior.cured.b),
            (prior.median_months.median, prior.median_months.sigma),
            (prior.shape.median, prior.shape.sigma),
        )

    def prior_tips(self, fitted: WeibullCure, arms: tuple[str, ...]) -> Iterator[PriorTip]:
        from adaptive_cart.models.durability.prior_tips import tips_of

        return tips_of(fitted)

    def posterior(
        self, fitted: WeibullCure, summary: Summary, open_strata: Booleans | None
    ) -> DurabilityPosterior:
        assert isinstance(summary, Durations)
        kind = IntervalDurabilityPosterior if self.intervals else DurabilityPosterior
        return kind(fitted, summary, open_strata, self.laws)

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.durability.interval_cure_reference import IntervalCureReference
        from adaptive_cart.models.durability.weibull_cure_reference import WeibullCureReference

        kind = IntervalCureReference if self.intervals else WeibullCureReference
        return self.reference_beside(kind(self.fitted(arms, shares), arms))
