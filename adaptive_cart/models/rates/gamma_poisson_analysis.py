"""The table ``[analysis.ENDPOINT]`` with ``model = "gamma_poisson"``, and its answers to rules.

A prior is one gamma or mixture of gammas for every arm (``prior = { a, b }``), or one by arm, which
may also borrow from external data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag

from adaptive_cart.errors import one_of
from adaptive_cart.models.arm_priors_analysis import (
    Mixture,
    PriorsOfArms,
    TwoNumbers,
    for_whom,
    form,
)
from adaptive_cart.models.as_drawn_analysis import BorrowsAnew
from adaptive_cart.models.base import Posterior, Reference, Statement
from adaptive_cart.models.periods.adjustment import LEFT_OUT, TrendAdjustment
from adaptive_cart.models.pooled_strata import PoolsStrata
from adaptive_cart.models.rates.borrowed_gammas import NUMBERS
from adaptive_cart.models.rates.borrowed_rates import AnyBorrowedRates, BorrowedRates
from adaptive_cart.models.ties import Sides, certain, side_of, strictly_inside
from adaptive_cart.nouns.external import MONTHS, External
from adaptive_cart.nouns.external_draws import beside, seen_beside
from adaptive_cart.nouns.questions import ALL, Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Exposure, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.prior import Prior
    from adaptive_cart.models.prior_tip import PriorTip
    from adaptive_cart.models.rates.arm_rates import ArmRates
    from adaptive_cart.models.rates.gamma_mixture import GammaMixture
    from adaptive_cart.nouns.prior_truths import PriorTruth, PriorUniforms


class GammaPrior(TwoNumbers):
    """A gamma prior by shape ``a`` and rate ``b``."""

    @staticmethod
    def law() -> type[GammaMixture]:
        from adaptive_cart.models.rates.gamma_mixture import GammaMixture

        return GammaMixture


class GammaComponent(GammaPrior):
    """A component of a gamma mixture."""

    weight: Annotated[float, Field(gt=0.0, le=1.0)]


class GammaMixturePrior(Mixture):
    """A mixture of gammas: a robust prior of a yearly rate."""

    mixture: Annotated[list[GammaComponent], Field(min_length=1)]


ArmRatePrior = Annotated[
    Annotated[GammaPrior, Tag("written")]
    | Annotated[GammaMixturePrior, Tag("mixture")]
    | Annotated[AnyBorrowedRates, Tag("external")],
    Discriminator(form),
]


RatePriors = Annotated[
    Annotated[ArmRatePrior, Tag("every_arm")] | Annotated[dict[str, ArmRatePrior], Tag("by_arm")],
    Discriminator(for_whom),
]


@dataclass(frozen=True)
class RatesPosterior(PoolsStrata):
    """Posterior of independent yearly rates; strata are pooled unless a question names one."""

    model: ArmRates
    data: Exposure
    open_strata: Booleans | None

    def _own(self, question: Question | Quantity) -> ArmRates:
        """The model of the strata asked about: external data may be told by stratum."""
        return self.model.in_stratum(question.stratum)

    def _arm(self, question: Question | Quantity, arm: int) -> tuple[int, Floats, Floats]:
        """Position, events and years; nobody of a trial is in external data behind the arms."""
        if arm >= self.data.events.shape[1]:
            none = np.zeros(len(self.data.events))
            return arm, none, none
        parts = self.data.events[:, arm].astype(np.float64), self.data.years[:, arm]
        events, years = (self.of_strata(part, question.stratum, axis=1) for part in parts)
        return arm, events, years

    exactly = "closed form; quadrature of a difference by a margin"
    closed = ("level", "ratio")
    fast_error = 1e-9
    drawn_error = 0.005
    arms_apart = True

    @property
    def arms(self) -> int:
        return len(self.model.priors)

    def draw(self, quantity: Quantity) -> Floats:
        from adaptive_cart.models.draws import KNOTS, axis_of, of_distinct, ranks, spread

        strata = self.data.events.shape[2]
        rank = ranks((strata + 1) * self.arms)[axis_of(quantity, self.arms)]
        tables = np.stack(self._arm(quantity, quantity.arm)[1:], axis=1)

        def work_out(distinct: Floats) -> Floats:
            events, years = distinct.T
            logs, scores = self._own(quantity).logs(quantity.arm, events, years, KNOTS)
            return np.exp(spread(logs, scores, rank))

        return of_distinct(tables, work_out)

    def computed(self, question: Question) -> Floats:
        if question.kind not in self.closed:
            return super().computed(question)
        arm = self._arm(question, question.arm)
        if question.minus is None:
            above = self._own(question).above(*arm, question.value)
        else:
            other = self._arm(question, question.minus)
            model = self._own(question)
            compare = model.ratio_above if question.of.ratio else model.difference_above
            above = compare(arm, other, question.value)
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
            model, value = self._own(question), question.value if question.of.ratio else 1.0
            arms = question.arm, question.minus
            found = [self._arm(question, arm) for arm in arms]
            events, years = (
                np.stack([part[place] for part in found], axis=1)[rows] for place in (1, 2)
            )
            pairs = zip(events, years, strict=True)
            exceeds = [model.exact_ratio_above(arms, k, t, value) for k, t in pairs]
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
        model = self._own(question)
        mean = model.mean(*self._arm(question, question.arm))
        if question.minus is None:
            return mean
        return mean - model.mean(*self._arm(question, question.minus))


class GammaPoissonAnalysis(PriorsOfArms, BorrowsAnew):
    """Events by patient-years in each arm, with gamma priors of the yearly rates."""

    model: Literal["gamma_poisson"]
    prior: RatePriors
    time_trend: TrendAdjustment | None = LEFT_OUT

    title: ClassVar[str] = "Events by patient-years"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"y_k \mid \lambda_k \sim \mathrm{Poisson}(\lambda_k \, T_k)",
            "In arm k, the number of events in T patient-years is Poisson with the yearly rate "
            "lambda.",
        ),
        Statement(
            r"\lambda_k \sim \mathrm{Gamma}(a_k, b_k)",
            "The prior of the rate is gamma with shape a and rate b, to which external events and "
            "years that an arm borrows are added, or a mixture of gammas.",
        ),
    )
    level: ClassVar[str] = "yearly rate"
    reads: ClassVar[str] = "exposure"
    answers: ClassVar[tuple[str, ...]] = RatesPosterior.closed
    answered_by: ClassVar[type[Posterior]] = RatesPosterior
    beside_external: ClassVar[bool] = True
    external_by_stratum: ClassVar[bool] = True
    numbers_drawn: ClassVar[tuple[str, ...]] = NUMBERS

    def problems(self, arms: tuple[str, ...], strata: tuple[str, ...]) -> list[tuple[str, str]]:
        found = self._of_priors(arms)
        if self.time_trend is not None:
            one = isinstance(self.prior, GammaPrior)
            found += self.time_trend.problems()
            found += self.time_trend.on_the_logarithm(one, "prior", "yearly rate")
        return found

    def _of_priors(self, arms: tuple[str, ...]) -> list[tuple[str, str]]:
        """Faults of the priors."""
        if isinstance(self.prior, BorrowedRates):
            message = "an arm borrows, and not all: write a prior of each arm, and there "
            return [("prior", message + f"prior.{arms[0]} = {{ a = …, b = …, external = … }}")]
        found = self.of_arms(arms)
        if not isinstance(self.prior, dict):
            return found
        lacking = [arm for arm in arms if arm not in self.prior]
        if lacking:
            missing = f"missing; {one_of(lacking)} needs a prior {{ a = …, b = … }} too"
            found.append((f"prior.{lacking[0]}", missing))
        return found

    def priors(self, fitted: ArmRates, arms: tuple[str, ...]) -> Iterator[Prior]:
        from adaptive_cart.models.prior import of_arm_rates, of_part

        if isinstance(self.prior, dict | GammaMixturePrior):
            yield from of_arm_rates(arms, fitted.priors[: len(arms)])
        else:
            yield of_part("", "rate", "events per year", self.prior.plain())

    def prior_table(self) -> dict[str, Any]:
        if isinstance(self.prior, GammaMixturePrior):
            return {"every arm": self.prior.as_mixture.words}
        if not isinstance(self.prior, dict):
            return self.prior.plain()
        return {arm: prior.as_mixture.words for arm, prior in self.prior.items()}

    def prior_tips(self, fitted: ArmRates, arms: tuple[str, ...]) -> Iterator[PriorTip]:
        from adaptive_cart.models.rates.prior_tips import tips_of

        yield from tips_of(fitted, arms)

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> ArmRates:
        from adaptive_cart.models.rates.arm_rates import ArmRates
        from adaptive_cart.models.rates.gamma_mixture import after

        self.made_for(arms, shares)
        given = self.by_arm((*arms, *self._beside))
        priors, outside = [given[arm].as_mixture for arm in arms], []
        for name, data in self._beside.items():
            prior = given.get(name)
            if prior is None or not data.has("events"):  # of another endpoint: nobody asks
                priors.append(priors[0])
                continue
            own = prior.as_mixture
            if data.redrawn:  # they are data of each trial
                priors.append(own)
                continue
            if data.strata:
                each = [(data.of("events", s), data.of("months", s)) for s in data.strata]
                known = tuple(after(own, events, months / MONTHS) for events, months in each)
                outside.append((len(priors), known))
            priors.append(after(own, data.total("events"), data.total("months") / MONTHS))
        return ArmRates(tuple(priors), tuple(outside))

    def in_stratum(self, fitted: ArmRates, stratum: int) -> ArmRates:
        return fitted.in_stratum(stratum)

    def prior_truths(
        self, fitted: Any, arms: int, strata: int, draws: PriorUniforms
    ) -> PriorTruth | None:
        from scipy import special

        from adaptive_cart.models.rates.arm_rates import ArmRates
        from adaptive_cart.nouns.prior_truths import LEAST, Rates

        if not isinstance(fitted, ArmRates):  # with baselines over the calendar
            return None
        yearly = draws.of_mixtures(
            fitted.priors, lambda a, b, u: np.asarray(special.gammaincinv(a, u)) / b
        )
        return Rates.pooled(np.maximum(yearly, LEAST), strata)

    def error(self, fitted: ArmRates, question: Question, participants: tuple[int, ...]) -> float:
        closed = question.kind in self.answered_by.closed
        of_shares = closed and RatesPosterior._of_shares(question)
        return 0.0 if of_shares and fitted.whole else self.answered_by.error(question)

    def posterior(
        self, fitted: ArmRates, summary: Summary, open_strata: Booleans | None
    ) -> Posterior:
        assert isinstance(summary, Exposure)
        apart = self.part_by_part(summary, open_strata, self.borrowed(()))
        if apart is not None:
            return apart
        return RatesPosterior(fitted, with_outside(summary, self._beside), open_strata)

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.rates.gamma_poisson_reference import GammaPoissonReference

        names, beside = (*arms, *self._beside), tuple(self._beside.values())
        self.made_for(arms, shares)
        as_data = {name: data.as_data for name, data in self._beside.items()}
        found = GammaPoissonReference(self.beside(as_data).fitted(arms, shares), names, beside)
        return self.reference_as_drawn(found)


def with_outside(summary: Exposure, external: Mapping[str, External]) -> Exposure:
    """Put external data that are drawn anew behind the arms, in their strata where told so.

    Else in the first of them.
    """
    redrawn = [data.redrawn and data.has("events") for data in external.values()]
    if not any(redrawn):
        return summary
    outside = summary.seen_outside()
    if outside is None:  # a real trial: as they were observed
        outside = beside(external, NUMBERS, {})
    more = [(0, 0), (0, len(redrawn)), (0, 0)]
    events, years = np.pad(summary.events, more), np.pad(summary.years, more)
    for place, data in enumerate(external.values()):
        if redrawn[place]:
            arm, told = place - len(redrawn), range(len(data.strata or ()))
            for stratum in told or (ALL,):
                seen = seen_beside(outside, place, NUMBERS, stratum)[:, 0]
                events[:, arm, max(stratum, 0)] = seen
                months = data.asked_in(stratum).total("months")
                years[:, arm, max(stratum, 0)] = months / MONTHS
    return Exposure(events, years, np.pad(summary.participants, more))
