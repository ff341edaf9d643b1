"""The table ``[analysis.ENDPOINT]`` with ``model = "beta_binomial"``, and its answers to rules.

A prior is one beta for every arm (``prior = { a, b }``), or one by arm, a beta or a mixture of
betas; an arm that is not named has Beta(1, 1). An arm may also borrow from external data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

import numpy as np
from pydantic import Discriminator, Field, PrivateAttr, Tag

from adaptive_cart.models.arm_priors_analysis import (
    Mixture,
    PriorsOfArms,
    TwoNumbers,
    for_whom,
    form,
)
from adaptive_cart.models.base import AnalysisBase, Posterior, Reference, Statement
from adaptive_cart.models.binary.borrowing import AnyBorrowed, BorrowedCounts
from adaptive_cart.models.periods.adjustment import TrendAdjustment
from adaptive_cart.models.pooled_strata import PoolsStrata
from adaptive_cart.models.posterior import tails, within_tails
from adaptive_cart.models.ties import Sides
from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.external_draws import path_in
from adaptive_cart.nouns.questions import ALL, Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers, pooled
from adaptive_cart.nouns.rows_of import rows_of
from adaptive_cart.nouns.summaries import Counts, Summary
from adaptive_cart.nouns.summaries.counts_beside import CountsBeside, lent_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
    from adaptive_cart.models.binary.external_counts import OutsideCounts
    from adaptive_cart.models.prior import Prior
    from adaptive_cart.models.prior_tip import PriorTip
    from adaptive_cart.nouns.external import External
    from adaptive_cart.nouns.external_draws import Drawn
    from adaptive_cart.nouns.prior_truths import PriorTruth, PriorUniforms


class BetaPrior(TwoNumbers):
    """A beta prior."""

    @staticmethod
    def law() -> type[BetaMixture]:
        from adaptive_cart.models.binary.beta_binomial import BetaMixture

        return BetaMixture


class BetaComponent(BetaPrior):
    """A component of a beta mixture."""

    weight: Annotated[float, Field(gt=0.0, le=1.0)]


class BetaMixturePrior(Mixture):
    """A mixture of betas: a robust meta-analytic-predictive prior."""

    mixture: Annotated[list[BetaComponent], Field(min_length=1)]


ArmPrior = Annotated[
    Annotated[BetaPrior, Tag("written")]
    | Annotated[BetaMixturePrior, Tag("mixture")]
    | Annotated[AnyBorrowed, Tag("external")],
    Discriminator(form),
]


Priors = Annotated[
    Annotated[ArmPrior, Tag("every_arm")] | Annotated[dict[str, ArmPrior], Tag("by_arm")],
    Discriminator(for_whom),
]


ONE: Final = 0  # positions of the arms where there are no others
OTHER: Final = 1
PAIRS: Final = ("level", "ratio", "odds_ratio")  # what is asked of two arms, whatever the others


@dataclass(frozen=True)
class CountsPosterior(PoolsStrata):
    """Posterior of independent binomial arms; strata are pooled unless a question names one."""

    model: BetaBinomial
    successes: Integers
    totals: Integers
    open_strata: Booleans | None

    def _own(self, question: Question | Quantity) -> BetaBinomial:
        """The model of the strata asked about: what an arm borrows may be that of its stratum."""
        return self.model.in_stratum(question.stratum)

    def _table(self, question: Question | Quantity) -> tuple[Integers, Integers]:
        if question.stratum >= 0:
            return self.successes[..., question.stratum], self.totals[..., question.stratum]
        if self.open_strata is None or question.stratum == ALL:
            return pooled(self.successes), pooled(self.totals)
        inside = self.open_strata[:, None, :]
        return pooled(self.successes * inside), pooled(self.totals * inside)

    exactly = "closed form of one arm, quadrature of two or more"
    closed: ClassVar[tuple[str, ...]] = ("level", "ratio", "odds_ratio", "best")
    fast_error = 1e-9  # measured below 1e-11
    drawn_error = 0.005
    arms_apart = True
    begins_anew = True

    @property
    def arms(self) -> int:
        return len(self.model.priors)

    def draw(self, quantity: Quantity) -> Floats:
        from scipy import special

        from adaptive_cart.models.draws import axis_of, of_distinct, ranks, spread

        rank = ranks(self.successes[0].size + self.arms)[axis_of(quantity, self.arms)]
        counts = np.stack([part[:, quantity.arm] for part in self._table(quantity)], axis=1)

        def work_out(distinct: Integers) -> Floats:
            return special.expit(
                spread(*self._own(quantity).logits(quantity.arm, *distinct.T), rank)
            )

        return of_distinct(counts, work_out)

    def computed(self, question: Question) -> Floats:
        if question.kind not in self.closed:
            return super().computed(question)
        from adaptive_cart.models.binary.beta_answers import fast

        return fast(self._own(question), question, *self._table(question))

    def each(self, questions: Sequence[Question], asked: Booleans) -> Floats | None:
        if len(questions) == 1 and asked.all():
            return None
        first = questions[0]
        alike = replace(first, arm=ONE, minus=OTHER)
        if (
            type(self) is not CountsPosterior
            or first.kind not in PAIRS
            or any(
                question.minus is None
                or question.against != first.against
                or replace(question, arm=ONE, minus=OTHER) != alike
                for question in questions
            )
        ):
            return None
        model = self._own(first)
        pairs = np.array([(question.arm, question.minus) for question in questions])
        rows, places = np.nonzero(asked)
        both, start = pairs.T.take(places, axis=1), rows * self.arms
        tables = [np.ascontiguousarray(table) for table in self._table(first)]
        found = np.full(asked.shape, np.nan)
        for pair, here in model.by_priors(both.T):
            # of two arms alone, and of all targets that have their priors together; each arm's
            # counts side by side, as they are gone over
            where = both[:, here] + start[here]
            successes, totals = (table.take(where).T[:, :, None] for table in tables)
            alone = CountsPosterior(pair, successes, totals, None)
            found[rows[here], places[here]] = alone.probability(replace(alike, stratum=ALL))
        return found

    def sides(self, question: Question) -> Sides:
        if question.kind not in self.closed:
            return super().sides(question)
        from adaptive_cart.models.binary.beta_answers import sides_of

        return sides_of(self._own(question), question, *self._table(question))

    def mean(self, question: Question) -> Floats:
        if question.kind != "level":
            return super().mean(question)
        successes, totals = self._table(question)
        model = self._own(question)
        mean = model.mean(question.arm, successes, totals)
        if question.minus is None:
            return mean
        return mean - model.mean(question.minus, successes, totals)

    def limits(self, question: Question, level: float) -> tuple[Floats, Floats]:
        if question.kind != "level":
            return super().limits(question, level)
        model = self._own(question)
        found = model.interval(question.arm, question.minus, *self._table(question), level)
        return found[:, 0], found[:, 1]

    def covers(self, question: Question, level: float) -> Booleans:
        if type(self) is not CountsPosterior or question.kind != "level" or question.minus is None:
            return super().covers(question, level)
        from adaptive_cart.models.binary.beta_tables import met_lately

        priors, arms = self._own(question).priors, (question.arm, question.minus)
        what = "covers", *(priors[arm] for arm in arms), question.value, question.above, level
        tables = self._table(question)
        counts = tuple(table[:, arm] for arm in arms for table in tables)

        def work_out(rows: Integers) -> Booleans:
            asked = self if len(rows) == len(counts[0]) else self.of(self.model, rows)
            return asked._worked_out(question, level)

        return met_lately(what, counts, work_out)

    def _worked_out(self, question: Question, level: float) -> Booleans:
        """Whether the interval covers, by moments where they tell it plainly."""
        from adaptive_cart.models.binary.beta_cover import plainly_covered

        assert question.minus is not None
        priors, arms = self._own(question).priors, [question.arm, question.minus]
        successes, totals = (table[:, arms] for table in self._table(question))
        pair = priors[arms[0]], priors[arms[1]]
        inside, plain = plainly_covered(pair, successes, totals, question.value, tails(level))
        if not plain.all():
            asked = question.compared_with(*tails(level))
            found = self.each([asked], ~plain[:, None])
            answer = self.probability(asked) if found is None else found[:, 0]
            inside = np.where(plain, inside, within_tails(answer, level))
        return inside

    def best(self, question: Question, rows: Integers) -> Floats:
        successes, totals = self._table(question)
        arms = question.compared(self.arms)
        return self._own(question).best(arms, successes[rows], totals[rows], question.lowest)

    def best_of_open(self, order: Question, open_arms: Booleans) -> Floats:
        compared = open_arms.copy()
        compared[:, : order.first] = False
        model, (successes, totals) = self._own(order), self._table(order)
        return model.best_among(compared, successes, totals, order.lowest)

    def of(self, model: BetaBinomial, rows: Integers) -> CountsPosterior:
        """The posterior of some of the trials, by another model."""
        open_strata = None if self.open_strata is None else rows_of(self.open_strata, rows)
        return replace(
            self, model=model, successes=rows_of(self.successes, rows),
            totals=rows_of(self.totals, rows), open_strata=open_strata,
        )  # fmt: skip


class BetaBinomialAnalysis(PriorsOfArms):
    """Independent binomial arms with beta or beta-mixture priors."""

    model: Literal["beta_binomial"]
    prior: Priors | None = None
    time_trend: TrendAdjustment | None = Field(
        default=None,
        description="controls randomised while an arm was not open: they count like all others "
        "(pooled) if left out",
    )

    title: ClassVar[str] = "Independent binomial arms"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"y_k \mid \theta_k \sim \mathrm{Binomial}(n_k, \theta_k)",
            "In arm k, the number of participants with the event, y, is binomial with the number "
            "analysed, n, and the probability theta.",
        ),
        Statement(
            r"\theta_k \sim \sum_{j} w_{kj} \, \mathrm{Beta}(a_{kj}, b_{kj})",
            "The prior of theta in arm k is a mixture of beta distributions with weights w; one "
            "component is the usual beta prior. Arms are independent.",
        ),
    )
    enumerates: ClassVar[bool] = True
    reads: ClassVar[str] = "counts"
    answers: ClassVar[tuple[str, ...]] = CountsPosterior.closed
    answered_by: ClassVar[type[Posterior]] = CountsPosterior
    of_tables: ClassVar[bool] = True
    of_two_counts: ClassVar[bool] = True
    beside_external: ClassVar[bool] = True
    external_redrawn: ClassVar[bool] = True
    external_by_stratum: ClassVar[bool] = True
    _beside: dict[str, OutsideCounts] = PrivateAttr(default_factory=dict)

    def problems(self, arms: tuple[str, ...], strata: tuple[str, ...]) -> list[tuple[str, str]]:
        found = self.of_arms(arms)
        if isinstance(self.prior, BorrowedCounts):
            message = f"an arm borrows, and not all: write prior.{arms[0]} = {{ external = … }}"
            found.append(("prior", message))
        if self.time_trend is not None:
            found += self.time_trend.on_the_logit(self.prior is not None)
            found += self.time_trend.problems()
        return found

    def with_prior(self, kind: str, arms: tuple[str, ...]) -> dict[str, Any] | None:
        written: Any = self.plain().get("prior")
        uniform = {"a": 1.0, "b": 1.0}
        if kind == "vague":
            known = written is None or written == uniform
            return None if known else {"model": self.model, "prior": uniform}
        if not isinstance(self.prior, dict) or arms[0] not in self.prior:
            return None
        if isinstance(
            self.prior[arms[0]], BorrowedCounts
        ):  # what external controls say is of controls
            return None
        return {"model": self.model, "prior": dict.fromkeys(arms, written[arms[0]])}

    def priors(self, fitted: BetaBinomial, arms: tuple[str, ...]) -> Iterator[Prior]:
        from adaptive_cart.models.prior import of_arms

        yield from of_arms(arms, fitted.priors[: len(arms)])

    def expected_of_control(self, fitted: BetaBinomial) -> float | None:
        return float(fitted.priors[0].mean())

    def in_stratum(self, fitted: BetaBinomial, stratum: int) -> BetaBinomial:
        return fitted.in_stratum(stratum)

    def prior_tips(self, fitted: BetaBinomial, arms: tuple[str, ...]) -> Iterator[PriorTip]:
        from adaptive_cart.models.binary.prior_tips import tips_of

        yield from tips_of(fitted, arms)

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> BetaBinomial:
        from adaptive_cart.models.binary.beta_binomial import BetaBinomial
        from adaptive_cart.models.binary.external_counts import after

        given = self.by_arm(arms)
        uniform = BetaPrior(a=1.0, b=1.0)
        priors = [given.get(arm, uniform).as_mixture for arm in arms]
        outside = []
        for name, seen in self._beside.items():
            own = given.get(name, uniform).as_mixture
            if seen.by_stratum:
                outside.append((len(priors), tuple(after(own, part) for part in seen.by_stratum)))
            priors.append(after(own, seen.known))
        borrows = tuple((arms.index(arm), prior) for arm, prior in self.borrowed(arms).items())
        if outside or any(prior.strata or prior.redrawn for _, prior in borrows):
            from adaptive_cart.models.binary.borrowing_analysis import BorrowingBetaBinomial

            return BorrowingBetaBinomial(tuple(priors), borrows=borrows, outside=tuple(outside))
        return BetaBinomial(tuple(priors))

    def prior_truths(
        self, fitted: Any, arms: int, strata: int, draws: PriorUniforms
    ) -> PriorTruth | None:
        from scipy import special

        from adaptive_cart.models.binary.beta_binomial import BetaBinomial
        from adaptive_cart.nouns.prior_truths import Rates

        if not isinstance(fitted, BetaBinomial):  # with the calendar on the logit
            return None
        rates = draws.of_mixtures(fitted.priors, special.betaincinv)
        return Rates.pooled(rates, strata)

    def error(
        self, fitted: BetaBinomial, question: Question, participants: tuple[int, ...]
    ) -> float:
        from adaptive_cart.models.binary.beta_answers import always_decided

        closed = question.kind in self.answered_by.closed and not fitted.redrawn
        exact = closed and always_decided(
            fitted.in_stratum(question.stratum), question, participants
        )
        return 0.0 if exact else self.answered_by.error(question)

    def beside(
        self, external: Mapping[str, External], controlled: bool = True
    ) -> BetaBinomialAnalysis:
        from adaptive_cart.models.binary.external_counts import seen_in

        copy = self.model_copy()
        copy._beside = {name: seen_in(data) for name, data in external.items()}
        return copy

    def counting_early(self, prior: float) -> AnalysisBase:
        from adaptive_cart.models.binary.early_counts_analysis import EarlyBetaBinomialAnalysis

        return EarlyBetaBinomialAnalysis.model_construct(**dict(self), early_prior=prior)

    def posterior(
        self, fitted: BetaBinomial, summary: Summary, open_strata: Booleans | None
    ) -> Posterior:
        from adaptive_cart.models.binary.external_counts import with_outside

        assert isinstance(summary, Counts)
        responders, participants = self.outside(summary)
        whole = CountsPosterior(
            fitted,
            with_outside(np.asarray(summary.successes), responders),
            with_outside(np.asarray(summary.totals), participants),
            open_strata,
        )
        if not fitted.redrawn or lent_to(summary) is None or not len(summary.totals):
            return whole
        from adaptive_cart.models.as_drawn_analysis import posteriors_as_drawn

        parts = tuple((rows, whole.of(model, rows)) for model, rows in fitted.each(summary, ALL))
        return posteriors_as_drawn(parts, len(summary.totals))

    def with_drawn(self, summary: Summary, drawn: Mapping[str, Drawn]) -> CountsBeside:
        assert isinstance(summary, Counts)
        from adaptive_cart.models.binary.external_counts import most_strata

        strata = most_strata([seen.drawn for seen in self._beside.values()])
        outside = np.zeros((len(summary.totals), len(self._beside), strata), dtype=np.int64)
        totals, none = np.zeros_like(outside), np.zeros(len(outside))
        for place, (name, seen) in enumerate(self._beside.items()):
            if name not in drawn:
                continue
            paths = [path_in("responders", stratum) for stratum in seen.strata]
            if not paths or paths[0] not in drawn[name]:  # all together
                outside[:, place, 0] = drawn[name]["responders"]
                totals[:, place, 0] = sum(number for _, number in seen.drawn)
                continue
            outside[:, place] = np.stack([drawn[name][path] for path in paths], axis=1)
            totals[:, place] = [number for _, number in seen.drawn]
        lent = [one.get(path, none) for one in drawn.values() for path in self._lent_paths]
        columns = np.array(lent, dtype=np.int64).reshape(len(lent), len(outside)).T
        return CountsBeside.of(summary, outside, totals, columns)

    @property
    def _lent_paths(self) -> tuple[str, ...]:
        """Numbers of each source that are drawn and may be borrowed: of all strata, then of each.

        None where no prior borrows from what is drawn.
        """
        if not self._borrows_anew:
            return ()
        seen = (one for prior in self.borrowed(("",)).values() for one in prior.seen)
        strata = next((one.strata for one in seen if one.redrawn and one.strata), ())
        return ("responders", *(path_in("responders", stratum) for stratum in strata))

    @property
    def _borrows_anew(self) -> bool:
        return any(prior.redrawn for prior in self.borrowed(()).values())

    def outside(self, summary: Summary) -> tuple[Integers, Integers]:
        from adaptive_cart.models.binary.external_counts import outside_of

        return outside_of(summary, [seen.drawn for seen in self._beside.values()])

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.binary.beta_binomial_reference import BetaBinomialReference

        drawn = tuple(seen.drawn for seen in self._beside.values())
        return BetaBinomialReference(self.fitted(arms, shares), (*arms, *self._beside), drawn=drawn)
