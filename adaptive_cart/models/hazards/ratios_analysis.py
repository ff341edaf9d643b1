"""What every posterior of hazard ratios does, whether strata share the baseline hazards or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np
from pydantic import Field

from adaptive_cart.models.base import AnalysisBase, Posterior
from adaptive_cart.models.hazards.borrowed_hazards import BorrowedHazard
from adaptive_cart.models.rates.gamma_poisson_analysis import GammaPrior
from adaptive_cart.models.ties import Sides, certain, side_of, strictly_inside
from adaptive_cart.nouns.ahead import AtRisk, Coming, over_completions
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.distributions import Normal
from adaptive_cart.nouns.parts import Part, PositiveMonths
from adaptive_cart.nouns.questions import OPEN, Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Durations, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
    from adaptive_cart.models.prior import Prior


class Ratio(Protocol):
    """Posterior of one hazard ratio in all trials of a block."""

    @property
    def failed(self) -> Booleans: ...
    def hazard_ratio_above(self, value: float) -> Floats: ...
    def hazard_ratio_below(self, value: float) -> Floats: ...
    def hazard_ratio_mean(self) -> Floats: ...
    def take(self, tables: Integers) -> Ratio: ...


class RatiosPosterior(Posterior):
    """Posterior of hazard ratios, one pair of arms at a time, and of draws of all of them."""

    data: Durations
    open_strata: Booleans | None
    exactly = "quadrature"
    closed = ("hazard_ratio",)
    fast_error = 1e-6
    drawn_error = 0.01
    completed_seconds = 0.065

    def __post_init__(self) -> None:
        self._ratios: dict[tuple[int, int, int], Ratio] = {}
        self._log_ratios: dict[int, Floats] = {}
        self._pairs: dict[tuple[int, ...], Self] = {}
        self._pair: tuple[int, ...] = ()

    # ── what each of them supplies ────────────────────────────────────────────────────────
    @property
    def _one(self) -> PiecewiseExponential:
        """The model of one table of events and months at risk."""
        raise NotImplementedError

    def _worked_out(self, pair: tuple[int, int], stratum: int) -> Ratio:
        """Hazard ratio of the second of a pair of arms to the first."""
        raise NotImplementedError

    def _unseen(self, question: Question, rows: Integers) -> Booleans:
        """Whether nobody asked about has been followed in the arm, in some trials."""
        raise NotImplementedError

    def _drawn_ratios(self, stratum: int) -> Floats:
        """Draws of all log hazard ratios to the control, ``(trial, experimental arm, draw)``."""
        raise NotImplementedError

    def _hazards(self, stratum: int, some: Completions) -> Floats:
        """Draws of every arm's hazards, ``(trial, arm, completion, interval)``."""
        raise NotImplementedError

    def _followed_apart(self, apart: bool) -> Iterable[int]:
        """Strata whose participants have their own hazards; ``ALL`` where they share them."""
        raise NotImplementedError

    # ── what all of them do ───────────────────────────────────────────────────────────────
    @property
    def arms(self) -> int:
        return self.data.participants.shape[1]

    @property
    def order(self) -> tuple[int, ...]:
        """Positions of arms as the model takes them: the one whose hazard is the baseline first."""
        return tuple(range(self.arms))

    @property
    def taken(self) -> tuple[int, ...]:
        """Arms that draws are of, the one whose hazard is the baseline first."""
        return self._pair or self.order

    @property
    def failed(self) -> Booleans | None:
        """Trials in which any hazard ratio asked for so far could not be computed."""
        found = [ratio.failed for ratio in self._ratios.values()]
        return np.logical_or.reduce(found) if found else None

    def of_trials(self, rows: Integers) -> Self | None:
        if not self._ratios:
            return None
        open_ = None if self.open_strata is None else self.open_strata[rows]
        other = replace(self, data=self.data.rows(rows), open_strata=open_)  # type: ignore[type-var]
        other._ratios = {key: ratio.take(rows) for key, ratio in self._ratios.items()}
        return other

    def where_open(self, open_strata: Booleans) -> Self:
        other = replace(self, open_strata=open_strata)  # type: ignore[type-var]
        other._ratios = {key: ratio for key, ratio in self._ratios.items() if key[-1] != OPEN}
        other._log_ratios = {key: v for key, v in self._log_ratios.items() if key != OPEN}
        return other

    def _ratio(self, question: Question) -> Ratio:
        assert question.minus is not None
        pair, stratum = (question.minus, question.arm), question.stratum
        if (*pair, stratum) not in self._ratios:
            self._ratios[(*pair, stratum)] = self._worked_out(pair, stratum)
        return self._ratios[(*pair, stratum)]

    def _log_ratio(self, arm: int, stratum: int) -> Floats:
        """Draws of the log hazard ratio of an arm to the control, ``(trial, draw)``."""
        drawn, place = self._all_log_ratios(stratum), self.taken.index(arm)
        return drawn[:, place - 1] if place else np.zeros_like(drawn[:, 0])

    def _all_log_ratios(self, stratum: int) -> Floats:
        if stratum not in self._log_ratios:
            self._log_ratios[stratum] = self._drawn_ratios(stratum)
        return self._log_ratios[stratum]

    def computed(self, question: Question) -> Floats:
        if question.kind not in self.closed:
            return super().computed(question)
        if not 0.0 < question.value < np.inf:  # no posterior puts mass on 0, or beyond every number
            sure = float((question.value <= 0.0) == question.above)
            return np.full(len(self.data.months), sure)
        ratio = self._ratio(question)
        if question.above:
            return ratio.hazard_ratio_above(question.value)
        return ratio.hazard_ratio_below(question.value)

    def sides(self, question: Question) -> Sides:
        """Which side of a threshold the probabilities of some trials lie on, where that is certain.

        An arm that nobody has been followed in leaves the prior of the log hazard ratio as it was.
        """
        if question.kind not in self.closed:
            return super().sides(question)
        if not 0.0 < question.value < np.inf:
            return certain((question.value <= 0.0) == question.above)
        centred = question.value == 1.0 and self._one.log_hazard_ratio[0] == 0.0

        def sides(threshold: float, rows: Integers) -> Floats:
            side = strictly_inside(threshold, rows)
            if not centred:
                return side
            half = side_of(Fraction(1, 2), threshold)
            return np.where(self._unseen(question, rows), half, side)

        return sides

    def mean(self, question: Question) -> Floats:
        if question.kind not in self.closed:
            return super().mean(question)
        return self._ratio(question).hazard_ratio_mean()

    def drawn(self, question: Question) -> Floats:
        return Posterior.drawn(self.drawn_for([question]), question)

    def together(self, questions: Sequence[Question]) -> Floats:
        return Posterior.together(self.drawn_for(questions), questions)

    def drawn_for(self, questions: Sequence[Question]) -> Self:
        """Draws of two arms by themselves, where their hazard ratio is asked for; else of all.

        So they are of the posterior that answers it without draws.
        """
        ratios = {one.pair[::-1] for one in questions if one.kind in self.closed}
        if len(self.taken) <= 2 or not ratios:
            return self
        # asked both ways round, the arm that comes first has the baseline
        pair = min(ratios, key=lambda one: self.order.index(one[0]))
        if pair not in self._pairs:
            self._pairs[pair] = replace(self)  # type: ignore[type-var]
            self._pairs[pair]._pair = pair
        return self._pairs[pair]

    def completed(
        self, summary: Summary, coming: Coming, some: Completions, apart: bool
    ) -> Durations:
        assert isinstance(summary, Durations)
        assert isinstance(coming, AtRisk)
        coming = coming.begun(some)
        # the cumulative hazard that each can bear
        burden = -np.log1p(-some.plain(coming.arm.shape[-1]))
        lasting = np.full((len(coming.arm), *burden.shape), np.inf)
        since = over_completions(coming.since, lasting.shape)
        open_ = over_completions(coming.open, lasting.shape).any(axis=1)
        for stratum in self._followed_apart(apart):
            hazards = self._hazards(stratum, some)
            for arm in range(self.arms):
                mine = open_ & (coming.arm == arm)
                if stratum >= 0:
                    mine &= coming.stratum == stratum
                trial, column = np.nonzero(mine)
                bears = burden.T[column] * coming.slower(trial, column)
                lasting[trial, :, column] = self._one.next_event(
                    hazards[trial, arm], since[trial, :, column], bears
                )
        return summary.followed_on(coming, lasting)


class HazardPriors(Part):
    """Priors of every baseline hazard (a month) and of the log hazard ratio."""

    baseline: GammaPrior | BorrowedHazard
    log_hazard_ratio: Normal


class PiecewiseExponentialPrior(HazardPriors):
    """Priors of every baseline hazard (a month) and of the log hazard ratio."""

    baseline: GammaPrior


class HazardsAnalysis(AnalysisBase):
    """Proportional hazards over a baseline that is constant between cuts."""

    model: str
    cuts: list[PositiveMonths] = Field(default_factory=list, description="months; none for one")
    prior: HazardPriors

    beside_control: ClassVar[bool] = True
    slow: ClassVar[bool] = True
    pairs: ClassVar[bool] = True
    reads: ClassVar[str] = "durations"
    answers: ClassVar[tuple[str, ...]] = RatiosPosterior.closed

    def problems(self, arms: tuple[str, ...], strata: tuple[str, ...]) -> list[tuple[str, str]]:
        if any(b <= a for a, b in pairwise(self.cuts)):
            return [("cuts", f"found {self.cuts}; the cuts must be increasing")]
        return []

    def changes_at(self) -> tuple[float, ...]:
        return tuple(self.cuts)

    def priors(self, fitted: Any, arms: tuple[str, ...]) -> Iterator[Prior]:
        from adaptive_cart.models.prior import of_part

        given = self.prior.plain()
        yield of_part("baseline", "baseline", "events per month", given["baseline"])
        ratio = "log_hazard_ratio"
        yield of_part(ratio, "hazard ratio", "hazard ratio", given[ratio])

    def _of_one_table(self) -> PiecewiseExponential:
        from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential

        baseline, ratio = self.prior.baseline, self.prior.log_hazard_ratio
        return PiecewiseExponential(
            tuple(self.cuts), (baseline.a, baseline.b), (ratio.mean, ratio.sd)
        )
