"""The table ``[analysis.ENDPOINT]`` with ``model = "piecewise_exponential"``, and its answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from adaptive_cart.models.base import AnalysisBase, Posterior, Reference, Statement
from adaptive_cart.models.draws import DRAWS
from adaptive_cart.models.rates.gamma_poisson_analysis import GammaPrior
from adaptive_cart.models.ties import Sides, certain, side_of, strictly_inside
from adaptive_cart.nouns.ahead import AtRisk, Coming, over_completions
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.distributions import Normal
from adaptive_cart.nouns.parts import Part, PositiveMonths
from adaptive_cart.nouns.questions import ALL, OPEN, Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Durations, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
    from adaptive_cart.models.hazards.piecewise_exponential import Posterior as RatioPosterior
    from adaptive_cart.models.prior import Prior


TRIALS_AT_ONCE = 64  # whose hazards are held at once


class PiecewiseExponentialPrior(Part):
    """Priors of every baseline hazard (a month) and of the log hazard ratio."""

    baseline: GammaPrior
    log_hazard_ratio: Normal


@dataclass
class HazardsPosterior(Posterior):
    """Posterior of hazard ratios, one pair of arms at a time, and of the hazards of all arms.

    A question about a stratum is answered from that stratum's own data; one about all strata, or
    about the open ones, from theirs pooled.
    """

    model: PiecewiseExponential
    data: Durations
    open_strata: Booleans | None = None

    def __post_init__(self) -> None:
        self._split: dict[tuple[int, int], tuple[Floats, Floats]] = {}
        self._ratios: dict[tuple[int, int, int], RatioPosterior] = {}
        self._log_ratios: dict[int, Floats] = {}

    @property
    def failed(self) -> Booleans | None:
        """Trials in which any hazard ratio asked for so far could not be computed."""
        found = [ratio.failed for ratio in self._ratios.values()]
        return np.logical_or.reduce(found) if found else None

    def _arm(self, arm: int, stratum: int) -> tuple[Floats, Floats]:
        if (arm, stratum) not in self._split:
            inside = self.data.members(arm, stratum, self.open_strata)
            events, time = self.model.split(self.data.months, self.data.event, inside)
            self._split[arm, stratum] = (events.astype(np.float64), time)
        return self._split[arm, stratum]

    def _ratio(self, question: Question) -> RatioPosterior:
        assert question.minus is not None
        pair, stratum = (question.minus, question.arm), question.stratum
        if (*pair, stratum) not in self._ratios:
            events, time = zip(*(self._arm(arm, stratum) for arm in pair), strict=True)
            ratio = self.model.posterior(np.stack(events, 1), np.stack(time, 1))
            self._ratios[(*pair, stratum)] = ratio
        return self._ratios[(*pair, stratum)]

    exactly = "quadrature"
    closed = ("hazard_ratio",)
    fast_error = 1e-6
    drawn_error = 0.01
    completed_seconds = 0.065

    @property
    def arms(self) -> int:
        return self.data.participants.shape[1]

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
        from adaptive_cart.models.hazards.hazard_curves import Curve, hazards

        events, time = (part[rows] for part in self._tables(quantity.stratum))
        ratios = self._all_log_ratios(quantity.stratum)[rows]
        of_control = hazards(
            self.model, events, time, ratios, self._ranks(quantity.stratum)[self.arms :]
        )
        if quantity.arm:
            of_control *= np.exp(ratios[:, quantity.arm - 1])[:, None]
        curve = Curve(self.model.cuts, of_control)
        if quantity.name == "median":
            return curve.median()
        if quantity.name == "restricted_mean":
            return curve.restricted_mean(quantity.month)
        return curve.remaining(quantity.month)

    def _ranks(self, stratum: int) -> Integers:
        """Ranks of the draws of a stratum (or of all): of the ratios of the arms, of hazards."""
        from adaptive_cart.models.draws import ranks

        each = self.arms + len(self.model.cuts) + 1
        first = max(stratum + 1, 0) * each
        return ranks((self.data.participants.shape[2] + 1) * each)[first : first + each]

    def _tables(self, stratum: int) -> tuple[Floats, Floats]:
        """Events and months at risk of all arms, ``(trial, arm, interval)`` each."""
        both = zip(*(self._arm(arm, stratum) for arm in range(self.arms)), strict=True)
        events, time = (np.stack(parts, axis=1) for parts in both)
        return events, time

    def _all_log_ratios(self, stratum: int) -> Floats:
        """Draws of all log hazard ratios to the control, ``(trial, experimental arm, draw)``."""
        from adaptive_cart.models.hazards.joint_ratios import log_ratios

        if stratum not in self._log_ratios:
            own = self._ranks(stratum)[1 : self.arms]
            self._log_ratios[stratum] = log_ratios(self.model, *self._tables(stratum), own)
        return self._log_ratios[stratum]

    def _log_ratio(self, arm: int, stratum: int) -> Floats:
        """Draws of the log hazard ratio of an arm to the control, ``(trial, draw)``."""
        drawn = self._all_log_ratios(stratum)
        return drawn[:, arm - 1] if arm else np.zeros_like(drawn[:, 0])

    def computed(self, question: Question) -> Floats:
        if question.kind not in self.closed:
            return super().computed(question)
        if not 0.0 < question.value < np.inf:  # no posterior puts mass on 0, or beyond every number
            certain = float((question.value <= 0.0) == question.above)
            return np.full(len(self.data.months), certain)
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
        centred = question.value == 1.0 and self.model.log_hazard_ratio[0] == 0.0

        def sides(threshold: float, rows: Integers) -> Floats:
            if not 0.0 < question.value < np.inf:
                return np.full(len(rows), np.nan)
            side = strictly_inside(threshold, rows)
            if not centred:
                return side
            mine = self._arm(question.arm, question.stratum)
            events, time = (part[rows].sum(axis=1) for part in mine)
            untouched = (events == 0.0) & (time == 0.0)
            return np.where(untouched, side_of(Fraction(1, 2), threshold), side)

        return sides

    def mean(self, question: Question) -> Floats:
        if question.kind not in self.closed:
            return super().mean(question)
        return self._ratio(question).hazard_ratio_mean()

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
        open_ = over_completions(coming.open, lasting.shape)
        for stratum in range(summary.participants.shape[2]) if apart else (ALL,):
            hazards = self._hazards(stratum, some)
            for arm in range(self.arms):
                mine = open_.any(axis=1) & (coming.arm == arm)
                if stratum >= 0:
                    mine &= coming.stratum == stratum
                trial, column = np.nonzero(mine)
                drawn = self.model.next_event(
                    hazards[trial, arm], since[trial, :, column], burden.T[column]
                )
                lasting[trial, :, column] = drawn
        return summary.followed_on(coming, lasting)

    def _hazards(self, stratum: int, some: Completions) -> Floats:
        """Draws of every arm's hazards, ``(trial, arm, completion, interval)``."""
        ratio = np.stack([some.of(self._log_ratio(k, stratum)) for k in range(self.arms)], axis=1)
        ratio = np.exp(ratio)
        events, time = zip(*(self._arm(arm, stratum) for arm in range(self.arms)), strict=True)
        uniform = some.even(events[0].shape[1]).T
        baseline = self.model.baseline_given(np.stack(events, 1), np.stack(time, 1), ratio, uniform)
        return ratio[..., None] * baseline[:, None]

    def where_open(self, open_strata: Booleans) -> HazardsPosterior:
        other = replace(self, open_strata=open_strata)
        other._split = {key: part for key, part in self._split.items() if key[-1] != OPEN}
        other._ratios = {key: ratio for key, ratio in self._ratios.items() if key[-1] != OPEN}
        return other


class PiecewiseExponentialAnalysis(AnalysisBase):
    """Proportional hazards over a baseline that is constant between cuts."""

    model: Literal["piecewise_exponential"]
    cuts: list[PositiveMonths] = Field(default_factory=list, description="months; none for one")
    prior: PiecewiseExponentialPrior

    title: ClassVar[str] = "Piecewise exponential model"
    statements: ClassVar[tuple[Statement, ...]] = (
        Statement(
            r"D_{kj} \sim \mathrm{Poisson}(\lambda_j \, e^{\beta k} \, T_{kj})",
            "In interval j and arm k, the events D in T months at risk are Poisson; beta is the "
            "log hazard ratio; k is nought in the control and one in the experimental arm.",
        ),
        Statement(
            r"\lambda_j \sim \mathrm{Gamma}(a, b) , \; \beta \sim \mathrm{Normal}(m, s)",
            "The baseline hazard of each interval is gamma with shape a and rate b, the log hazard "
            "ratio normal.",
        ),
    )
    slow: ClassVar[bool] = True
    pairs: ClassVar[bool] = True
    reads: ClassVar[str] = "durations"
    answers: ClassVar[tuple[str, ...]] = ("hazard_ratio",)
    knows: ClassVar[tuple[str, ...]] = ("remaining", "median", "restricted_mean")
    ordered_by: ClassVar[str] = "hazard_ratio"
    answered_by: ClassVar[type[Posterior]] = HazardsPosterior

    def problems(self, arms: tuple[str, ...], strata: tuple[str, ...]) -> list[tuple[str, str]]:
        if any(b <= a for a, b in zip(self.cuts, self.cuts[1:], strict=False)):
            return [("cuts", f"found {self.cuts}; the cuts must be increasing")]
        return []

    def priors(self, fitted: PiecewiseExponential, arms: tuple[str, ...]) -> Iterator[Prior]:
        from adaptive_cart.models.prior import of_part

        given = self.prior.plain()
        yield of_part("baseline", "baseline", "events per month", given["baseline"])
        ratio = "log_hazard_ratio"
        yield of_part(ratio, "hazard ratio", "hazard ratio", given[ratio])

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> PiecewiseExponential:
        from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential

        baseline, ratio = self.prior.baseline, self.prior.log_hazard_ratio
        return PiecewiseExponential(
            tuple(self.cuts), (baseline.a, baseline.b), (ratio.mean, ratio.sd)
        )

    def posterior(
        self, fitted: PiecewiseExponential, summary: Summary, open_strata: Booleans | None
    ) -> HazardsPosterior:
        assert isinstance(summary, Durations)
        return HazardsPosterior(fitted, summary, open_strata)

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.hazards.piecewise_exponential_reference import (
            PiecewiseExponentialReference,
        )

        return PiecewiseExponentialReference(self.fitted(arms, shares), arms)
