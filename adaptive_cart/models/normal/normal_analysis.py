"""The table ``[analysis.ENDPOINT]`` with ``model = "normal"``, and its answers to rules."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from adaptive_cart.models.arm_priors_analysis import PriorsOfArms
from adaptive_cart.models.as_drawn_analysis import BorrowsAnew
from adaptive_cart.models.base import Posterior, Reference, Statement
from adaptive_cart.models.baselines import share_beyond
from adaptive_cart.models.completed_scores import Law, completed
from adaptive_cart.models.normal.borrowed_means import (
    NOTHING,
    NUMBERS,
    BorrowedMeans,
    Known,
    MixedMeans,
)
from adaptive_cart.models.normal.mixed_means import Adapting, MixedNormal, mixture_quantile
from adaptive_cart.models.normal.normal import Fit, KnownAnew, Normal
from adaptive_cart.models.normal.written_priors import ArmMeanPrior, SpreadPrior
from adaptive_cart.models.periods.adjustment import LEFT_OUT, ScoreAdjustment
from adaptive_cart.models.pooled_strata import PoolsStrata
from adaptive_cart.models.ties import Sides, strictly_inside
from adaptive_cart.nouns.ahead import Coming
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.external_draws import seen_beside
from adaptive_cart.nouns.questions import ALL, Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.scores_ahead import ScoresAhead
from adaptive_cart.nouns.summaries import Scores, Summary
from adaptive_cart.nouns.summaries.base import repeated

if TYPE_CHECKING:
    from adaptive_cart.models.prior import Prior
    from adaptive_cart.models.prior_tip import PriorTip

EQUAL = (
    1e-12  # of the scale: posteriors whose centre is that near to a value are symmetric about it
)


@dataclass(frozen=True)
class MeansPosterior(PoolsStrata):
    """Posterior of mean changes; strata are pooled unless a question names one."""

    model: Normal
    products: Floats
    open_strata: Booleans | None
    anew: KnownAnew | None = None
    anew_in: tuple[KnownAnew | None, ...] = ()  # of a question about a stratum, where they differ

    closed = ("level",)
    fast_error = 1e-9
    drawn_error = 0.007
    completed_seconds = 0.03

    @property
    def arms(self) -> int:
        return self.products.shape[1]

    def fit(self, stratum: int) -> Fit:
        """Of the strata that a question is about; worked out once."""
        if stratum not in self._fits:
            model = self.model.in_stratum(stratum)
            anew = self.anew_in[stratum] if self.anew_in and stratum >= 0 else self.anew
            self._fits[stratum] = model.fit(self.of_strata(self.products, stratum), anew)
        return self._fits[stratum]

    @cached_property
    def _fits(self) -> dict[int, Fit]:
        return {}

    def computed(self, question: Question) -> Floats:
        if not self.without_draws(question):
            return super().computed(question)
        below = self.fit(question.stratum).below(question.arm, question.minus, question.value)
        return 1.0 - below if question.above else below

    def sides(self, question: Question) -> Sides:
        """Nothing is certain; a posterior that is symmetric about the value is half above it."""
        if not self.without_draws(question):
            return super().sides(question)

        return sides_of_symmetric(
            question, lambda: self.fit(question.stratum).of(*_asked(question))
        )

    def mean(self, question: Question) -> Floats:
        """Posterior mean; with one degree of freedom, which leaves none, the centre."""
        if not self.without_draws(question):
            return super().mean(question)
        fit = self.fit(question.stratum)
        centre, _ = fit.of(question.arm, question.minus)
        return np.where(fit.unknown, np.nan, centre)

    def quantile(self, question: Question, probability: float) -> Floats:
        if not self.without_draws(question):
            return super().quantile(question, probability)
        fit = self.fit(question.stratum)
        return fit.quantile(question.arm, question.minus, probability)

    def draw(self, quantity: Quantity) -> Floats:
        fit = self.fit(quantity.stratum)
        sd, slope, means = self.parameters(quantity.stratum)
        drawn = means(quantity.arm)
        if quantity.cut is not None:  # of the population from which those analysed come
            moved, varied = fit.baselines.draws(quantity.stratum)
            mean, variance = drawn + slope * moved, sd**2 + slope**2 * varied
            drawn = share_beyond(quantity.cut, mean, variance)
        return np.where(fit.unknown[:, None], np.nan, drawn)

    def unpredictable(self, apart: bool, arms: list[int]) -> Booleans:
        strata = range(self.products.shape[2]) if apart else (ALL,)
        fits = [self.fit(stratum) for stratum in strata]
        unknown = [fit.unknown | np.isnan(fit.location[:, arms]).any(axis=1) for fit in fits]
        return np.logical_or.reduce(unknown)

    def completed(self, summary: Summary, coming: Coming, some: Completions, apart: bool) -> Scores:
        assert isinstance(summary, Scores)
        assert isinstance(coming, ScoresAhead)
        strata = range(self.products.shape[2]) if apart else (ALL,)
        law = Law.stacked([self._law(stratum, some) for stratum in strata])
        now = Scores(last_visit(summary)[..., None, :, :], summary.missing)
        found = completed(now, coming.last_visit(), some, [law])
        outside = summary.seen_outside()
        return found if outside is None else found.beside(repeated(outside, some.number))

    def _law(self, stratum: int, some: Completions) -> Law:
        """Draws of the regression of the score on the baseline, all strata of a question alike."""
        fit = self.fit(stratum)
        sd, slope, means = self.parameters(stratum)
        centre = fit.baselines.mean[:, None]
        own = [some.of(means(arm) - slope * centre)[:, None] for arm in range(self.arms)]
        known = [np.where(np.isnan(each), 0.0, each) for each in own]  # as good as any other mean
        return Law(
            np.stack(known, axis=1), some.of(slope + 1.0)[:, None, None], some.of(sd)[:, None]
        )

    def parameters(self, stratum: int) -> tuple[Floats, Floats, Callable[[int], Floats]]:
        """Draws of the standard deviation and of the slope, ``(trial, draw)``, and of each mean."""
        if stratum not in self._parameters:
            self._parameters[stratum] = self._drawn_parameters(stratum)
        return self._parameters[stratum]

    @cached_property
    def _parameters(self) -> dict[int, tuple[Floats, Floats, Callable[[int], Floats]]]:
        return {}

    def _drawn_parameters(self, stratum: int) -> tuple[Floats, Floats, Callable[[int], Floats]]:
        return self._of_component(self.fit(stratum), stratum)

    def _of_component(
        self, fit: Fit, stratum: int
    ) -> tuple[Floats, Floats, Callable[[int], Floats]]:
        from scipy import special

        from adaptive_cart.models.draws import KNOTS, SCORES, ranks, spread

        both = self.arms + 2  # the spread and the slope of all
        rank = ranks(both * (1 + self.products.shape[2]))[both * max(stratum + 1, 0) :]
        half = np.where(fit.unknown, 1.0, fit.freedom)[:, None] / 2.0
        variance = fit.left[:, None] / (2.0 * special.gammainccinv(half, special.ndtr(KNOTS)))
        sd = np.sqrt(spread(variance, KNOTS, rank[0]))

        def mean(arm: int) -> Floats:
            return fit.draws(arm, sd, (SCORES[rank[2 + arm]], SCORES[rank[1]]))

        return sd, fit.slopes(sd, SCORES[rank[1]]), mean


@dataclass(frozen=True)
class MixedMeansPosterior(MeansPosterior):
    """Posterior of mean changes where the prior of one is a mixture."""

    model: MixedNormal

    def mixed(self, stratum: int) -> tuple[list[Fit], Floats]:
        """Posterior of each component, and its weight, of the strata that a question is about."""
        if stratum not in self._mixed:
            self._mixed[stratum] = self.model.fits(
                self.of_strata(self.products, stratum), self.anew
            )
        return self._mixed[stratum]

    @cached_property
    def _mixed(self) -> dict[int, tuple[list[Fit], Floats]]:
        return {}

    def computed(self, question: Question) -> Floats:
        if not self.without_draws(question):
            return super().computed(question)
        below = self._over(question, lambda fit: fit.below(*_asked(question), question.value))
        return 1.0 - below if question.above else below

    def _over(self, question: Question, answer: Callable[[Fit], Floats]) -> Floats:
        fits, weights = self.mixed(question.stratum)
        found: Floats = (weights * np.stack([answer(fit) for fit in fits], axis=1)).sum(axis=1)
        return found

    def sides(self, question: Question) -> Sides:
        """Nothing is certain."""
        return strictly_inside if self.without_draws(question) else super().sides(question)

    def mean(self, question: Question) -> Floats:
        if not self.without_draws(question):
            return super().mean(question)
        centre = self._over(question, lambda fit: fit.of(*_asked(question))[0])
        return np.where(self.fit(question.stratum).unknown, np.nan, centre)

    def quantile(self, question: Question, probability: float) -> Floats:
        if not self.without_draws(question):
            return super().quantile(question, probability)
        return mixture_quantile(*self.mixed(question.stratum), *_asked(question), probability)

    def _drawn_parameters(self, stratum: int) -> tuple[Floats, Floats, Callable[[int], Floats]]:
        """Draws of a component, and then of what it leaves."""
        from adaptive_cart.models.draws import MIDDLES, shuffled

        fits, weights = self.mixed(stratum)
        reached = np.cumsum(np.nan_to_num(weights, nan=1.0), axis=1)
        chance = MIDDLES[shuffled(max(stratum + 1, 0))]
        which = (reached[:, None, :-1] <= chance[None, :, None]).sum(axis=-1)[None]
        drawn = [self._of_component(fit, stratum) for fit in fits]

        def chosen(values: list[Floats]) -> Floats:
            return np.take_along_axis(np.stack(values), which, axis=0)[0]

        sd, slopes, means = zip(*drawn, strict=True)
        return (
            chosen(list(sd)),
            chosen(list(slopes)),
            lambda arm: chosen([mean(arm) for mean in means]),
        )


def _asked(question: Question) -> tuple[int, int | None]:
    return question.arm, question.minus


def sides_of_symmetric(question: Question, law: Callable[[], tuple[Floats, Floats]]) -> Sides:
    """Sides of posteriors that are symmetric: half of one lies above its centre.

    Parameters
    ----------
    law
        Centre and scale of what is asked about, ``(trial,)`` each.
    """

    def sides(threshold: float, rows: Integers) -> Floats:
        if threshold != 0.5:
            return strictly_inside(threshold, rows)
        centre, scale = law()
        away = (centre - question.value)[rows]
        side = np.where(np.abs(away) <= EQUAL * scale[rows], 0.0, np.sign(away))
        return side if question.above else -side

    return sides


class NormalAnalysis(PriorsOfArms, BorrowsAnew):
    """Mean changes from baseline, adjusted for it: arms share the slope and the spread."""

    model: Literal["normal"]
    prior: dict[str, ArmMeanPrior] | None = Field(
        default=None, description="by arm; an arm that is left out has a flat prior"
    )
    spread: SpreadPrior | None = Field(
        default=None, description="prior of the standard deviation; left out, none"
    )
    time_trend: ScoreAdjustment | None = LEFT_OUT

    title: ClassVar[str] = "Change from baseline, adjusted for baseline"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"y_{ki} - b_{ki} \sim \mathrm{Normal}(\mu_k + \beta \, (b_{ki} - c), \sigma)",
            "In arm k, the change of a participant is normal about the mean of the arm, moved by "
            "the slope for each point by which the baseline b lies above the mean baseline c of "
            "all who are analysed.",
        ),
        Statement(
            r"p(\mu, \beta, \sigma^2) \propto \sigma^{-2}",
            "Means, slope and the logarithm of the spread have flat priors, where the table gives "
            "none.",
        ),
    )
    level: ClassVar[str] = "mean change"
    reads: ClassVar[str] = "scores"
    answers: ClassVar[tuple[str, ...]] = MeansPosterior.closed
    knows: ClassVar[tuple[str, ...]] = ("beyond",)
    answered_by: ClassVar[type[Posterior]] = MeansPosterior
    beside_external: ClassVar[bool] = True
    external_by_stratum: ClassVar[bool] = True
    numbers_drawn: ClassVar[tuple[str, ...]] = NUMBERS

    def arms_named(self, arms: tuple[str, ...]) -> tuple[str, ...]:
        return arms  # all have a part in the slope and the spread

    def problems(self, arms: tuple[str, ...], strata: tuple[str, ...]) -> list[tuple[str, str]]:
        mixed = [arm for arm, one in self.borrowed(arms).items() if isinstance(one, MixedMeans)]
        given = [key for key in ("prior", "spread") if getattr(self, key) is not None]
        trend = self.time_trend
        found = [] if trend is None else trend.problems() + trend.on_means(given)
        return (
            found
            + [
                (f"prior.{arm}", f"'{mixed[0]}' has a mixture too; one arm borrows by a mixture")
                for arm in mixed[1:]
            ]
            + self.of_arms(arms)
        )

    def priors(self, fitted: Normal, arms: tuple[str, ...]) -> Iterator[Prior]:
        """Those that are given with a spread; of a flat prior there is nothing to show."""
        from adaptive_cart.models.prior import of_draws

        if fitted.sd_worth == 0.0:
            return
        empty = Scores.empty(len(arms), 1)
        for place, arm in enumerate(arms):
            if arm in (self.prior or {}):
                drawn = self.posterior(replace_flat(fitted, place), empty, None)
                given = (self.prior or {})[arm].known
                words = (self.prior or {})[
                    arm
                ].told_as or f"t around {given.mean:g}, worth {given.worth:g} participants"
                one = of_draws(arm, "mean change", words, drawn.drawn(Question("", place))[0])
                yield replace(one, part=arm, of_arm=True)

    def prior_table(self) -> dict[str, Any]:
        given = {arm: prior.known for arm, prior in (self.prior or {}).items()}
        means: dict[str, Any] = {}
        for arm, one in given.items():
            words = (self.prior or {})[arm].told_as
            if words:
                means[arm] = words
                continue
            means[arm] = {"mean": one.mean, "worth": one.worth}
            if one.freedom > 0.0:
                means[arm] |= {"sd": math.sqrt(one.squares / one.freedom), "of": one.freedom}
        found = {"prior": means, "spread": self.plain().get("spread")}
        return {key: value for key, value in found.items() if value}

    def flat(self, fitted: Normal) -> bool:
        return not fitted.proper

    def prior_tips(self, fitted: Any, arms: tuple[str, ...]) -> Iterator[PriorTip]:
        from adaptive_cart.models.normal.prior_tips import tips_of

        if not isinstance(fitted, MixedNormal):  # whose weights the data set
            yield from tips_of(fitted, arms)

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> Normal:
        self.made_for(arms, shares)
        given = self.prior or {}
        known = [given[arm].known if arm in given else NOTHING for arm in arms]
        mixed = {
            place: prior
            for place, arm in enumerate(arms)
            if isinstance(prior := given.get(arm), BorrowedMeans) and len(prior.parts) > 1
        }
        of_arms, known = known, known + self._outside()
        if not mixed:
            return replace(self._together(known), by_stratum=self._by_stratum(of_arms))
        parts, weights = [], []
        for some in itertools.product(*(prior.parts for prior in mixed.values())):
            each = list(known)
            for place, (_, component) in zip(mixed, some, strict=True):
                each[place] = component
            parts.append(self._together(each))
            weights.append(math.prod(weight for weight, _ in some))
        whole = self._together(known)
        adapting = [
            Adapting(place, *by)
            for place, prior in mixed.items()
            if (by := prior.ratio_by()) is not None
        ]
        return MixedNormal(
            whole.mean,
            whole.worth,
            whole.sd,
            whole.sd_worth,
            tuple(parts),
            tuple(weights),
            adapting[0] if adapting else None,
        )

    def in_stratum(self, fitted: Normal, stratum: int) -> Normal:
        return fitted.in_stratum(stratum)

    def _outside(self, stratum: int = ALL) -> list[Known]:
        """What is known of the external data that arms are compared with, in a stratum or in all.

        What is drawn anew is here as it was observed.
        """
        both = zip(self._of_external(), self._beside.values(), strict=True)
        return [
            own.with_participants(data.asked_in(stratum)) if data.has("mean") else own
            for own, data in both
        ]

    def _by_stratum(self, of_arms: list[Known]) -> tuple[Normal, ...]:
        """Priors of all arms in each stratum; none where no external data are told by stratum."""
        told = [data.strata for data in self._beside.values() if data.has("mean") and data.strata]
        strata = range(len(told[0])) if told else ()
        return tuple(self._together(of_arms + self._outside(stratum)) for stratum in strata)

    def _of_external(self) -> list[Known]:
        """What the table says of the external data that arms are compared with, by itself."""
        given = self.prior or {}
        return [given[name].known if name in given else NOTHING for name in self._beside]

    @property
    def _redrawn(self) -> list[int]:
        """Positions, among external data, of those that are drawn anew with every trial."""
        pairs = enumerate(self._beside.values())
        return [place for place, data in pairs if data.redrawn and data.has("mean")]

    def _anew(self, fitted: Normal, summary: Scores, stratum: int = ALL) -> KnownAnew | None:
        """What external data say in every trial; nothing where they stay as they are.

        Parameters
        ----------
        stratum
            The one asked about; all of them where it is below 0.
        """
        fitted = fitted.in_stratum(stratum)
        redrawn, outside = self._redrawn, summary.seen_outside()
        lent = self._lent(summary)
        if outside is None or not (redrawn or lent):  # of a real trial as they were observed
            return None
        squares = np.full(len(outside), fitted.sd_worth * fitted.sd**2)
        first, means = len(fitted.mean) - len(self._beside), []
        own, data = self._of_external(), list(self._beside.values())
        for place in redrawn:
            told = stratum if data[place].strata else ALL
            here, seen = data[place].asked_in(told), seen_beside(outside, place, NUMBERS, told)
            found = own[place].with_so_many(here.total("participants"), *seen.T)
            squares += found.squares - own[place].with_participants(here).squares
            means.append(found.mean)
        for prior in lent.values():
            numbers = prior.lent(summary)
            assert numbers is not None
            found = prior.known_anew(numbers)
            squares += found.squares - prior.known.squares
            means.append(found.mean)
        places = (*(first + place for place in redrawn), *lent)
        return KnownAnew(places, np.stack(means, axis=1), squares)

    def _lent(self, summary: Scores) -> dict[int, BorrowedMeans]:
        """By position of an arm: its prior, where that is one normal of what was drawn."""
        arms, _ = self._made_for
        return {
            arms.index(arm): prior
            for arm, prior in self.borrowed(arms).items()
            if not isinstance(prior, MixedMeans) and prior.lent(summary) is not None
        }

    def _together(self, known: list[Known]) -> Normal:
        """Priors of all arms, and of the spread what they say of it together."""
        mean, worth = tuple(one.mean for one in known), tuple(one.worth for one in known)
        spreads = [(one.squares, one.freedom) for one in known if one.freedom > 0.0]
        if not spreads:
            return Normal(
                mean, worth, *((self.spread.sd, self.spread.worth) if self.spread else ())
            )
        if self.spread is not None:
            spreads.append((self.spread.worth * self.spread.sd**2, self.spread.worth))
        squares, freedom = (math.fsum(part) for part in zip(*spreads, strict=True))
        return Normal(mean, worth, math.sqrt(squares / freedom), freedom)

    def posterior(
        self, fitted: Normal, summary: Summary, open_strata: Booleans | None
    ) -> Posterior:
        assert isinstance(summary, Scores)
        mixed = {a: p for a, p in self.borrowed(()).items() if isinstance(p, MixedMeans)}
        apart = self.part_by_part(summary, open_strata, mixed)
        if apart is not None:
            return apart
        products = last_visit(summary)
        outside = len(fitted.mean) - products.shape[1]  # nobody of a trial is in external data
        if outside:
            none = np.zeros((len(products), outside, *products.shape[2:]))
            products = np.concatenate([products, none], axis=1)
        anew = self._anew(fitted, summary)
        if isinstance(fitted, MixedNormal):
            return MixedMeansPosterior(fitted, products, open_strata, anew)
        strata = range(len(fitted.by_stratum) if anew is not None else 0)
        inside = tuple(self._anew(fitted, summary, stratum) for stratum in strata)
        return MeansPosterior(fitted, products, open_strata, anew, inside)

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.normal.normal_reference import NormalReference

        names, beside = (*arms, *self._beside), tuple(self._beside.values())
        found = NormalReference(self._unseeing(arms, shares), names, beside)
        self.made_for(arms, shares)
        return self.reference_as_drawn(found)

    def _unseeing(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> Normal:
        """Priors that have not seen external data which are drawn anew, or told by stratum."""
        unseen = {"mean": None, "sd": None, "participants": None}
        known = {
            name: data.model_copy(update=unseen) if data.differs else data
            for name, data in self._beside.items()
        }
        return self.beside(known).fitted(arms, shares)


def last_visit(summary: Scores) -> Floats:
    """Sums of products of (1, baseline, score) at the visit that is analysed."""
    places = [0, 1, summary.products.shape[-1] - 1]
    return summary.products[..., -1, :, :][..., places, :][..., places]


def replace_flat(model: Normal, place: int) -> Normal:
    """The same with the prior of one arm in all arms: a prior of that arm by itself."""
    arms = len(model.mean)
    return replace(model, mean=model.mean[place : place + 1] * arms,
                   worth=model.worth[place : place + 1] * arms)  # fmt: skip
