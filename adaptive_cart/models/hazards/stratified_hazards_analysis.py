"""The table ``[analysis.ENDPOINT]`` with ``model = "stratified_piecewise_exponential"``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from adaptive_cart.models.base import AnalysisBase, Posterior, Reference, Statement
from adaptive_cart.models.hazards.average_ratio import AverageRatio
from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
from adaptive_cart.models.hazards.piecewise_exponential import Posterior as RatioPosterior
from adaptive_cart.models.hazards.piecewise_exponential_analysis import PiecewiseExponentialPrior
from adaptive_cart.models.hazards.stratified_hazards import StratifiedHazards
from adaptive_cart.models.ties import Sides, certain, side_of, strictly_inside
from adaptive_cart.nouns.ahead import AtRisk, Coming, over_completions
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.parts import PositiveMonths
from adaptive_cart.nouns.questions import ALL, OPEN, Quantity, Question, QuestionKind
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Durations, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.prior import Prior


@dataclass
class StratifiedPosterior(Posterior):
    """Posterior of hazard ratios in strata, one pair of arms at a time."""

    model: StratifiedHazards
    data: Durations
    open_strata: Booleans | None = None

    closed = ("hazard_ratio",)
    fast_error = 1e-6
    drawn_error = 0.01
    completed_seconds = 0.065

    def __post_init__(self) -> None:
        self._cells: dict[int, tuple[Floats, Floats]] = {}
        self._ratios: dict[tuple[int, int, int], RatioPosterior | AverageRatio] = {}
        self._log_ratios: dict[int, Floats] = {}

    @property
    def arms(self) -> int:
        return self.data.participants.shape[1]

    @property
    def failed(self) -> Booleans | None:
        """Trials in which any hazard ratio asked for so far could not be computed."""
        found = [ratio.failed for ratio in self._ratios.values()]
        return np.logical_or.reduce(found) if found else None

    def where_open(self, open_strata: Booleans) -> StratifiedPosterior:
        other = replace(self, open_strata=open_strata)
        other._cells = self._cells
        other._ratios = {key: ratio for key, ratio in self._ratios.items() if key[-1] != OPEN}
        other._log_ratios = {key: v for key, v in self._log_ratios.items() if key != OPEN}
        return other

    # ── the data ──────────────────────────────────────────────────────────────────────────
    def _arm(self, arm: int) -> tuple[Floats, Floats]:
        """Events and months at risk of an arm, ``(trial, stratum, interval)`` each."""
        if arm not in self._cells:
            parts = [
                self.model.one.split(
                    self.data.months, self.data.event, self.data.members(arm, stratum, None)
                )
                for stratum in range(len(self.model.shares))
            ]
            events, time = (np.stack(part, axis=1) for part in zip(*parts, strict=True))
            self._cells[arm] = (events.astype(np.float64), time)
        return self._cells[arm]

    def _asked(self, stratum: int) -> Floats:
        """Weight of each stratum in a question, ``(trial, stratum)``; 0 of one it is not about."""
        weights = np.tile(np.array(self.model.shares), (len(self.data.months), 1))
        if stratum >= 0:
            weights[:] = np.arange(weights.shape[1]) == stratum
        elif stratum == OPEN and self.open_strata is not None:
            some = self.open_strata.any(axis=1, keepdims=True)
            weights = np.where(self.open_strata | ~some, weights, 0.0)
        return weights / weights.sum(axis=1, keepdims=True)

    def _stacked(self, arms: tuple[int, ...], stratum: int) -> tuple[Floats, Floats]:
        """Events and months of some arms, ``(trial, arm, interval of every stratum)`` each.

        None in a stratum that a question is not about.
        """
        asked = (self._asked(stratum) > 0.0)[:, :, None]
        both = zip(*(self._arm(arm) for arm in arms), strict=True)
        events, time = (
            np.stack([(part * asked).reshape(len(part), -1) for part in parts], axis=1)
            for parts in both
        )
        return events, time

    def _of_stratum(self, arms: tuple[int, ...], stratum: int) -> tuple[Floats, Floats]:
        """Events and months of some arms in one stratum, ``(trial, arm, interval)`` each."""
        both = zip(*(self._arm(arm) for arm in arms), strict=True)
        events, time = (np.stack([part[:, stratum] for part in parts], axis=1) for parts in both)
        return events, time

    # ── without draws ─────────────────────────────────────────────────────────────────────
    def _ratio(self, question: Question) -> RatioPosterior | AverageRatio:
        assert question.minus is not None
        pair, stratum = (question.minus, question.arm), question.stratum
        if (*pair, stratum) not in self._ratios:
            self._ratios[(*pair, stratum)] = self._worked_out(pair, stratum)
        return self._ratios[(*pair, stratum)]

    def _worked_out(self, pair: tuple[int, int], stratum: int) -> RatioPosterior | AverageRatio:
        if stratum >= 0:
            return self.model.one.posterior(*self._of_stratum(pair, stratum))
        if not self.model.own:
            return self.model.stacked.posterior(*self._stacked(pair, stratum))
        strata = range(len(self.model.shares))
        each = [self.model.one.posterior(*self._of_stratum(pair, s)) for s in strata]
        return AverageRatio(each, self._asked(stratum))

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

        An arm that nobody has been followed in, in any stratum asked about, leaves the prior of the
        log hazard ratio as it was.
        """
        if question.kind not in self.closed:
            return super().sides(question)
        if not 0.0 < question.value < np.inf:
            return certain((question.value <= 0.0) == question.above)
        centred = question.value == 1.0 and self.model.one.log_hazard_ratio[0] == 0.0

        def sides(threshold: float, rows: Integers) -> Floats:
            side = strictly_inside(threshold, rows)
            if not centred:
                return side
            events, time = self._stacked((question.arm,), question.stratum)
            untouched = (events[rows] == 0.0).all(axis=(1, 2)) & (time[rows] == 0.0).all(
                axis=(1, 2)
            )
            return np.where(untouched, side_of(Fraction(1, 2), threshold), side)

        return sides

    def mean(self, question: Question) -> Floats:
        if question.kind not in self.closed:
            return super().mean(question)
        return self._ratio(question).hazard_ratio_mean()

    # ── the trial completed ───────────────────────────────────────────────────────────────
    def completed(
        self, summary: Summary, coming: Coming, some: Completions, apart: bool
    ) -> Durations:
        """Each participant still at risk has the event by the hazards of the own stratum."""
        assert isinstance(summary, Durations)
        assert isinstance(coming, AtRisk)
        coming = coming.begun(some)
        # the cumulative hazard that each can bear
        burden = -np.log1p(-some.plain(coming.arm.shape[-1]))
        lasting = np.full((len(coming.arm), *burden.shape), np.inf)
        since = over_completions(coming.since, lasting.shape)
        open_ = over_completions(coming.open, lasting.shape).any(axis=1)
        for stratum in range(len(self.model.shares)):
            hazards = self._hazards(stratum, some)
            for arm in range(self.arms):
                here = open_ & (coming.arm == arm) & (coming.stratum == stratum)
                trial, column = np.nonzero(here)
                lasting[trial, :, column] = self.model.one.next_event(
                    hazards[trial, arm], since[trial, :, column], burden.T[column]
                )
        return summary.followed_on(coming, lasting)

    def _hazards(self, stratum: int, some: Completions) -> Floats:
        """Draws of every arm's hazards in a stratum, ``(trial, arm, completion, interval)``."""
        asked = stratum if self.model.own else ALL
        ratio = np.exp(
            np.stack([some.of(self._log_ratio(k, asked)) for k in range(self.arms)], axis=1)
        )
        events, time = self._of_stratum(tuple(range(self.arms)), stratum)
        intervals, strata = events.shape[-1], len(self.model.shares)
        first = stratum * intervals
        uniform = some.even(strata * intervals).T[:, first : first + intervals]
        baseline = self.model.one.baseline_given(events, time, ratio, uniform)
        return ratio[..., None] * baseline[:, None]

    # ── draws ─────────────────────────────────────────────────────────────────────────────
    def draw(self, quantity: Quantity) -> Floats:
        """A hazard ratio; or, as a level, how far the log hazard is below the control's."""
        own = self._log_ratio(quantity.arm, quantity.stratum)
        if quantity.name == "level":
            return -own
        assert quantity.to is not None
        return np.exp(own - self._log_ratio(quantity.to, quantity.stratum))

    def _log_ratio(self, arm: int, stratum: int) -> Floats:
        """Draws of the log hazard ratio of an arm to the control, ``(trial, draw)``."""
        if stratum not in self._log_ratios:
            self._log_ratios[stratum] = self._drawn_ratios(stratum)
        drawn = self._log_ratios[stratum]
        return drawn[:, arm - 1] if arm else np.zeros_like(drawn[:, 0])

    def _drawn_ratios(self, stratum: int) -> Floats:
        """Draws of all log hazard ratios to the control, ``(trial, experimental arm, draw)``."""
        from adaptive_cart.models.draws import ranks
        from adaptive_cart.models.hazards.joint_ratios import log_ratios

        arms, strata = tuple(range(self.arms)), len(self.model.shares)
        rank = ranks((strata + 1) * self.arms)
        first = max(stratum + 1, 0) * self.arms
        own = rank[first + 1 : first + self.arms]
        if stratum >= 0:
            return log_ratios(self.model.one, *self._of_stratum(arms, stratum), own)
        if not self.model.own:
            return log_ratios(self.model.stacked, *self._stacked(arms, stratum), own)
        weights = self._asked(stratum)[:, :, None, None]
        for s in range(strata):
            if s not in self._log_ratios:
                self._log_ratios[s] = self._drawn_ratios(s)
        each = [weights[:, s] * self._log_ratios[s] for s in range(strata)]
        average: Floats = np.add.reduce(each)
        return average


class StratifiedPiecewiseExponentialAnalysis(AnalysisBase):
    """Proportional hazards in strata that have baseline hazards of their own."""

    model: Literal["stratified_piecewise_exponential"]
    hazard_ratios: Literal["shared", "own"] = Field(
        default="shared", description="one hazard ratio for all strata (default), or one for each"
    )
    cuts: list[PositiveMonths] = Field(default_factory=list, description="months; none for one")
    prior: PiecewiseExponentialPrior

    title: ClassVar[str] = "Stratified piecewise exponential model"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"D_{skj} \sim \mathrm{Poisson}(\lambda_{sj} \, e^{\beta_s k} \, T_{skj})",
            "In stratum s, arm k and interval j, the events D in T months at risk are Poisson; "
            "beta is the log hazard ratio, one for all strata or one for each; k is nought in the "
            "control and one in the experimental arm.",
        ),
        Statement(
            r"\lambda_{sj} \sim \mathrm{Gamma}(a, b) , \; \beta_s \sim \mathrm{Normal}(m, s)",
            "The baseline hazard of each stratum and interval is gamma with shape a and rate b, a "
            "log hazard ratio normal.",
        ),
    )
    slow: ClassVar[bool] = True
    pairs: ClassVar[bool] = True
    by_stratum: ClassVar[bool] = True
    reads: ClassVar[str] = "durations"
    answers: ClassVar[tuple[str, ...]] = StratifiedPosterior.closed

    @classmethod
    def can_be_asked(cls, kind: QuestionKind) -> bool:
        """Two arms at a time: which of several is the best, its reference is not written for."""
        return super().can_be_asked(kind) and not kind.among_open

    answered_by: ClassVar[type[Posterior]] = StratifiedPosterior

    @property
    def over_strata(self) -> str:
        if self.hazard_ratios == "own":
            return "log hazard ratios averaged over the strata by their shares"
        return "strata share the hazard ratio, each with its own baseline hazards"

    @property
    def ratio_over_strata(self) -> Literal["pooled", "shared", "averaged"]:
        return "shared" if self.hazard_ratios == "shared" else "averaged"

    def problems(self, arms: tuple[str, ...], strata: tuple[str, ...]) -> list[tuple[str, str]]:
        found = []
        if any(b <= a for a, b in zip(self.cuts, self.cuts[1:], strict=False)):
            found.append(("cuts", f"found {self.cuts}; the cuts must be increasing"))
        if not strata:
            without = 'this design has no [strata]; write model = "piecewise_exponential"'
            found.append(("model", without))
        return found

    def priors(self, fitted: StratifiedHazards, arms: tuple[str, ...]) -> Iterator[Prior]:
        from adaptive_cart.models.prior import of_part

        given = self.prior.plain()
        yield of_part("baseline", "baseline", "events per month", given["baseline"])
        ratio = "log_hazard_ratio"
        yield of_part(ratio, "hazard ratio", "hazard ratio", given[ratio])

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> StratifiedHazards:
        baseline, ratio = self.prior.baseline, self.prior.log_hazard_ratio
        one = PiecewiseExponential(
            tuple(self.cuts), (baseline.a, baseline.b), (ratio.mean, ratio.sd)
        )
        return StratifiedHazards(one, shares, self.hazard_ratios == "own")

    def posterior(
        self, fitted: StratifiedHazards, summary: Summary, open_strata: Booleans | None
    ) -> StratifiedPosterior:
        assert isinstance(summary, Durations)
        return StratifiedPosterior(fitted, summary, open_strata)

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.hazards.stratified_hazards_reference import (
            StratifiedHazardsReference,
        )

        return StratifiedHazardsReference(self.fitted(arms, shares), arms, strata)
