"""The table ``[analysis.ENDPOINT]`` with ``model = "piecewise_exponential"``, and its answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from pydantic import Discriminator, PrivateAttr, Tag

from adaptive_cart.models.as_drawn_analysis import BorrowsAnew
from adaptive_cart.models.base import Posterior, Reference, Statement
from adaptive_cart.models.between_visits import ByIntervals
from adaptive_cart.models.borrowed import how_known
from adaptive_cart.models.draws import DRAWS
from adaptive_cart.models.hazards.borrowed_hazards import (
    AnyBorrowedHazard,
    BorrowedHazard,
)
from adaptive_cart.models.hazards.ratios_analysis import (
    HazardPriors,
    HazardsAnalysis,
    Ratio,
    RatiosPosterior,
)
from adaptive_cart.models.periods.adjustment import LEFT_OUT, TrendAdjustment
from adaptive_cart.models.rates.borrowed_gammas import NUMBERS
from adaptive_cart.models.rates.gamma_poisson_analysis import GammaPrior
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.external_draws import beside, seen_beside
from adaptive_cart.nouns.questions import ALL, OPEN, Quantity, Question, QuestionKind
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Durations, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
    from adaptive_cart.models.prior import Prior
    from adaptive_cart.models.prior_tip import PriorTip
    from adaptive_cart.nouns.prior_truths import PriorTruth, PriorUniforms


TRIALS_AT_ONCE = 64  # whose hazards are held at once


class Outside(NamedTuple):
    """External events and months at risk, behind the arms of every trial.

    Attributes
    ----------
    events
        ``(trial, external data)``, or one row where all trials have the same.
    months
        ``(external data,)``.
    baseline
        Position, among external data, of those that take the place of the control; nothing where
        an arm is one.
    by_stratum
        By position, of those that are told by stratum: events, ``(trial, stratum)`` (or one row),
        and months, ``(stratum,)``.
    """

    events: Floats
    months: Floats
    baseline: int | None
    by_stratum: Mapping[int, tuple[Floats, Floats]] = MappingProxyType({})

    def order(self, arms: int) -> tuple[int, ...]:
        """Positions, those of the trial's arms first, as the model takes them: baseline first."""
        every = range(arms + len(self.months))
        if self.baseline is None:
            return tuple(every)
        first = arms + self.baseline
        return (first, *(position for position in every if position != first))

    def seen(self, place: int, stratum: int) -> tuple[Floats, float]:
        """Events, ``(trial,)`` or one, and months of external data, in a stratum or in all."""
        if stratum >= 0 and place in self.by_stratum:
            events, months = self.by_stratum[place]
            return events[:, stratum], float(months[stratum])
        return self.events[:, place], float(self.months[place])

    def table(self, place: int, trials: int, stratum: int) -> tuple[Floats, Floats]:
        """The same, ``(trial, 1)`` each."""
        events, months = self.seen(place, stratum)
        return np.broadcast_to(events[:, None], (trials, 1)), np.full((trials, 1), months)


@dataclass
class HazardsPosterior(RatiosPosterior):
    """Posterior of hazard ratios, one pair of arms at a time, and of the hazards of all arms.

    A question about a stratum is answered from that stratum's own data; one about all strata, or
    about the open ones, from theirs pooled. External data stand behind the arms; where no arm is
    the control the first of them has its place.
    """

    model: PiecewiseExponential
    data: Durations
    open_strata: Booleans | None = None
    outside: Outside | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._split: dict[tuple[int, int], tuple[Floats, Floats]] = {}

    @property
    def _one(self) -> PiecewiseExponential:
        return self.model

    @property
    def arms(self) -> int:
        return super().arms + (0 if self.outside is None else len(self.outside.months))

    @property
    def order(self) -> tuple[int, ...]:
        return super().order if self.outside is None else self.outside.order(super().arms)

    def _arm(self, arm: int, stratum: int) -> tuple[Floats, Floats]:
        if self.outside is not None and arm >= super().arms:
            return self.outside.table(arm - super().arms, len(self.data.months), stratum)
        if (arm, stratum) not in self._split:
            self._split_off((arm,), stratum)
        return self._split[arm, stratum]

    def _split_off(self, arms: Iterable[int], stratum: int) -> None:
        """Split what is not split yet of some of the trial's arms, in a stratum or in all."""
        inside = super().arms  # behind which external data stand
        left = [arm for arm in arms if arm < inside and (arm, stratum) not in self._split]
        if left:
            members = [self.data.members(arm, stratum, self.open_strata) for arm in left]
            events, time = self.model.split_among(self.data.months, self.data.event, members)
            for place, arm in enumerate(left):
                self._split[arm, stratum] = (events[place].astype(np.float64), time[place])

    def _worked_out(self, pair: tuple[int, int], stratum: int) -> Ratio:
        self._split_off(pair, stratum)
        events, time = zip(*(self._arm(arm, stratum) for arm in pair), strict=True)
        return self.model.posterior(np.stack(events, 1), np.stack(time, 1))

    def _unseen(self, question: Question, rows: Integers) -> Booleans:
        mine = self._arm(question.arm, question.stratum)
        events, time = (part[rows].sum(axis=1) for part in mine)
        return (events == 0.0) & (time == 0.0)

    def draw(self, quantity: Quantity) -> Floats:
        """A hazard ratio, or what the hazards of an arm make of the fraction that remains."""
        if quantity.to is not None:
            own, other = (self._log_ratio(k, quantity.stratum) for k in (quantity.arm, quantity.to))
            return np.exp(own - other)
        drawn = np.empty((len(self.data.months), DRAWS))
        for first in range(0, len(drawn), TRIALS_AT_ONCE):
            rows = slice(first, first + TRIALS_AT_ONCE)
            drawn[rows] = self._of_curve(quantity, rows)
        return drawn

    def _of_curve(self, quantity: Quantity, rows: slice) -> Floats:
        """Draws of a quantity of one arm in some trials, ``(trial, draw)``."""
        from adaptive_cart.models.hazards.hazard_curves import Curve

        events, time = (part[rows] for part in self._tables(quantity.stratum))
        ratios = self._all_log_ratios(quantity.stratum)[rows]
        ranks = self._ranks(quantity.stratum)[len(self.taken) :]
        of_control = self.model.drawn_hazards(events, time, ratios, ranks)
        place = self.taken.index(quantity.arm)
        if place:
            of_control *= np.exp(ratios[:, place - 1])[:, None]
        curve = Curve(self.model.cuts, of_control)
        if quantity.name == "median":
            return curve.median()
        if quantity.name == "restricted_mean":
            return curve.restricted_mean(quantity.month)
        return curve.remaining(quantity.month)

    def _ranks(self, stratum: int) -> Integers:
        """Ranks of the draws of a stratum (or of all): of the ratios of the arms, of hazards."""
        from adaptive_cart.models.draws import ranks

        each = len(self.taken) + len(self.model.cuts) + 1
        first = max(stratum + 1, 0) * each
        return ranks((self.data.participants.shape[2] + 1) * each)[first : first + each]

    def _tables(self, stratum: int) -> tuple[Floats, Floats]:
        """Events and months at risk in the model's order, ``(trial, arm, interval)`` each."""
        both = zip(*(self._arm(arm, stratum) for arm in self.taken), strict=True)
        events, time = (np.stack(parts, axis=1) for parts in both)
        return events, time

    def _drawn_ratios(self, stratum: int) -> Floats:
        from adaptive_cart.models.hazards.joint_ratios import log_ratios

        own = self._ranks(stratum)[1 : len(self.taken)]
        return log_ratios(self.model, *self._tables(stratum), own)

    def _followed_apart(self, apart: bool) -> Iterable[int]:
        return range(self.data.participants.shape[2]) if apart else (ALL,)

    def _hazards(self, stratum: int, some: Completions) -> Floats:
        """Draws of every arm's hazards, ``(trial, arm, completion, interval)``."""
        ratio = np.stack([some.of(self._log_ratio(k, stratum)) for k in self.order], axis=1)
        ratio = np.exp(ratio)
        events, time = self._tables(stratum)
        uniform = some.even(events.shape[2]).T
        baseline = self.model.baseline_given(events, time, ratio, uniform)
        hazards: Floats = ratio[..., None] * baseline[:, None]
        return hazards[:, np.argsort(self.order)]

    def of_trials(self, rows: Integers) -> Self | None:
        if self.outside is not None:
            return None
        other = super().of_trials(rows)
        if other is not None:
            parts = self._split.items()
            other._split = {key: (events[rows], time[rows]) for key, (events, time) in parts}
        return other

    def where_open(self, open_strata: Booleans) -> HazardsPosterior:
        other = super().where_open(open_strata)
        other._split = {key: part for key, part in self._split.items() if key[-1] != OPEN}
        return other


class IntervalHazardsPosterior(HazardsPosterior):
    """The same where events are known to have happened between two visits.

    Each event counts at the middle of its interval (in parts, where it goes over a cut), and what
    that leaves out of the likelihood of the interval is put into the density of the hazard ratio
    (:meth:`PiecewiseExponential.split_intervals`).
    """

    fast_error = 0.002

    def _split_up(self, arm: int, stratum: int) -> tuple[Floats, ...]:
        inside = self.data.members(arm, stratum, self.open_strata)
        data, half = self.data, self.data.half_widths()
        half = np.zeros_like(data.months) if half is None else half
        return self.model.split_intervals(data.months, half, data.event, inside)

    def _arm(self, arm: int, stratum: int) -> tuple[Floats, Floats]:
        if (arm, stratum) not in self._split:
            events, time, *_ = self._split_up(arm, stratum)
            self._split[arm, stratum] = events, time
        return self._split[arm, stratum]

    def _worked_out(self, pair: tuple[int, int], stratum: int) -> Ratio:
        both = zip(*(self._split_up(arm, stratum) for arm in pair), strict=True)
        return self.model.posterior(*(np.stack(parts, axis=1) for parts in both))


class CutIntervalHazardsPosterior(IntervalHazardsPosterior):
    """The same with cuts, over which an interval may go: its parts are taken for observed."""

    fast_error = 0.02


class BorrowingHazardsPrior(HazardPriors):
    """Priors of every baseline hazard (a month) and of the log hazard ratio."""

    baseline: Annotated[
        Annotated[GammaPrior, Tag("written")] | Annotated[AnyBorrowedHazard, Tag("external")],
        Discriminator(how_known),
    ]


class PiecewiseExponentialAnalysis(ByIntervals, BorrowsAnew, HazardsAnalysis):
    """Proportional hazards over a baseline that is constant between cuts."""

    model: Literal["piecewise_exponential"]
    prior: BorrowingHazardsPrior
    time_trend: TrendAdjustment | None = LEFT_OUT

    title: ClassVar[str] = "Piecewise exponential model"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"D_{kj} \sim \mathrm{Poisson}(\lambda_j \, e^{\beta k} \, T_{kj})",
            "In interval j and arm k, the events D in T months at risk are Poisson; beta is the "
            "log hazard ratio; k is nought in the control (where there is none, in the external "
            "data that take its place) and one in the experimental arm.",
        ),
        Statement(
            r"\lambda_j \sim \mathrm{Gamma}(a, b) , \; \beta \sim \mathrm{Normal}(m, s)",
            "The baseline hazard of each interval is gamma with shape a and rate b, the log hazard "
            "ratio normal.",
        ),
    )
    knows: ClassVar[tuple[str, ...]] = ("remaining", "median", "restricted_mean")
    ordered_by: ClassVar[str] = "hazard_ratio"
    answered_by: ClassVar[type[Posterior]] = HazardsPosterior
    beside_external: ClassVar[bool] = True
    external_by_stratum: ClassVar[bool] = True
    numbers_drawn: ClassVar[tuple[str, ...]] = NUMBERS
    _controlled: bool = PrivateAttr(default=True)

    def _borrows(self) -> BorrowedHazard | None:
        baseline = self.prior.baseline
        return baseline if isinstance(baseline, BorrowedHazard) else None

    def borrowed(self, arms: tuple[str, ...]) -> dict[str, BorrowedHazard]:
        found = self._borrows()
        return {} if found is None or not arms else {arms[0]: found}

    def borrows_at(self, arm: str) -> str:
        return "prior.baseline"

    def told_external(self, external: Mapping[str, External]) -> PiecewiseExponentialAnalysis:
        found = self._borrows()
        if found is None:
            return self
        prior = self.prior.model_copy(update={"baseline": found.told(external)})
        return self.model_copy(update={"prior": prior})

    def problems(self, arms: tuple[str, ...], strata: tuple[str, ...]) -> list[tuple[str, str]]:
        found = super().problems(arms, strata)
        if self._borrows() is not None and self.cuts:
            message = "external events and months have one hazard, and cuts make the baseline "
            found.append(("cuts", message + "several; leave them out, or borrow nothing"))
        trend = self.time_trend
        if trend is not None:
            found += trend.problems()
            found += trend.on_the_logarithm(self._borrows() is None, "prior.baseline", "hazard")
            if trend.adjusts and self.intervals:
                why = f'time_trend.model is "{trend.model}", which takes events at their dates'
                found.append(("intervals", f'{why}; leave it out, or write model = "concurrent"'))
        return found

    def beside(
        self, external: Mapping[str, External], controlled: bool = True
    ) -> PiecewiseExponentialAnalysis:
        copy = self.model_copy()
        copy._beside, copy._controlled = dict(external), controlled
        return copy

    @classmethod
    def why_not_beside(cls, kind: QuestionKind, month: float, data: External) -> str:
        if data.has("events"):
            return ""
        return "counted at a month, which says no hazard; write events and months"

    def beside_problems(self) -> Iterator[tuple[str, str]]:
        if self.cuts:
            one = "external events and months, with which an arm is compared, have one hazard, and "
            yield "cuts", f"{one}cuts make several; leave them out"
        if self.intervals:
            one = "an arm is compared with external events and months, which have no visits"
            yield "intervals", f"{one}; leave it out"
        if self._borrows() is not None:
            one = "the control cannot borrow where an arm is compared with external data"
            yield "prior.baseline", f"{one}; write {{ a = …, b = … }}"

    def _outside(self, summary: Summary) -> Outside | None:
        """External data behind the arms; nothing where none are of this endpoint."""
        seen = [data.has("events") for data in self._beside.values()]
        if not any(seen):
            return None
        events = summary.seen_outside()
        if events is None:
            events = beside(self._beside, NUMBERS, {})
        months = [data.total("months") if data.has("months") else 0.0
                  for data in self._beside.values()]  # fmt: skip
        baseline = None if self._controlled else seen.index(True)
        by_stratum = {}
        for place, data in enumerate(self._beside.values()):
            if not (seen[place] and data.strata):
                continue
            strata = range(len(data.strata))
            known = np.array([[data.of("events", s) for s in data.strata]])
            if data.redrawn:
                parts = [seen_beside(events, place, NUMBERS, stratum) for stratum in strata]
                known = np.concatenate(parts, axis=1)
            by_stratum[place] = known, np.array([data.of("months", s) for s in data.strata])
        return Outside(events[:, : len(seen), 0], np.array(months), baseline, by_stratum)

    def priors(self, fitted: PiecewiseExponential, arms: tuple[str, ...]) -> Iterator[Prior]:
        from adaptive_cart.models.prior import of_gammas, of_part

        prior = fitted.of_baseline
        if len(prior.weights) == 1:
            given = {"a": prior.a[0], "b": prior.b[0]}
            yield of_part("baseline", "baseline", "events per month", given)
        else:
            yield of_gammas("baseline", prior, "events per month")
        given = self.prior.log_hazard_ratio.plain()
        yield of_part("log_hazard_ratio", "hazard ratio", "hazard ratio", given)

    def prior_table(self) -> dict[str, Any]:
        table, found = super().prior_table(), self._borrows()
        if found is not None:
            prior = found.as_mixture
            one = {"a": prior.a[0], "b": prior.b[0]}
            table["baseline"] = one if len(prior.weights) == 1 else prior.words
        return table

    def prior_tips(self, fitted: PiecewiseExponential, arms: tuple[str, ...]) -> Iterator[PriorTip]:
        from adaptive_cart.models.hazards.prior_tips import tips_of

        if self._borrows() is None:  # else the baseline is a mixture
            yield from tips_of(fitted)

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> PiecewiseExponential:
        from adaptive_cart.models.hazards.mixed_baseline import MixedBaseline

        self.made_for(arms, shares)
        found, model = self._borrows(), self._of_one_table()
        return model if found is None else MixedBaseline.of(model, found.as_mixture)

    def prior_truths(
        self, fitted: Any, arms: int, strata: int, draws: PriorUniforms
    ) -> PriorTruth | None:
        from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
        from adaptive_cart.nouns.prior_truths import Hazards

        if not isinstance(fitted, PiecewiseExponential):  # with baselines over the calendar
            return None
        ratio = self.prior.log_hazard_ratio
        return Hazards.drawn(
            tuple(self.cuts), fitted.of_baseline, (ratio.mean, ratio.sd), arms, draws
        )

    @property
    def _answering(self) -> type[HazardsPosterior]:
        if not self.intervals:
            return HazardsPosterior
        return CutIntervalHazardsPosterior if self.cuts else IntervalHazardsPosterior

    def error(self, fitted: Any, question: Question, participants: tuple[int, ...]) -> float:
        return self._answering.error(question)

    def posterior(
        self, fitted: PiecewiseExponential, summary: Summary, open_strata: Booleans | None
    ) -> Posterior:
        assert isinstance(summary, Durations)
        apart = self.part_by_part(summary, open_strata, self.borrowed(("",)))
        if apart is not None:
            return apart
        return self._answering(fitted, summary, open_strata, self._outside(summary))

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.hazards.interval_hazards_reference import IntervalHazardsReference
        from adaptive_cart.models.hazards.piecewise_exponential_reference import (
            PiecewiseExponentialReference,
        )

        if self.intervals:
            return self.reference_as_drawn(
                IntervalHazardsReference(self.fitted(arms, shares), arms)
            )
        outside = self._outside(Durations.empty(len(arms), 1))
        found = PiecewiseExponentialReference(
            self.fitted(arms, shares), (*arms, *self._beside) if outside else arms, outside
        )
        return self.reference_as_drawn(found)
