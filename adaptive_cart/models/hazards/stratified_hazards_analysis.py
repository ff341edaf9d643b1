"""The table ``[analysis.ENDPOINT]`` with ``model = "stratified_piecewise_exponential"``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field

from adaptive_cart.models.base import Posterior, Reference, Statement
from adaptive_cart.models.between_visits import ByIntervals
from adaptive_cart.models.hazards.average_ratio import AverageRatio
from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
from adaptive_cart.models.hazards.piecewise_exponential_analysis import (
    CutIntervalHazardsPosterior,
    IntervalHazardsPosterior,
)
from adaptive_cart.models.hazards.ratios_analysis import (
    HazardsAnalysis,
    PiecewiseExponentialPrior,
    Ratio,
    RatiosPosterior,
)
from adaptive_cart.models.hazards.stratified_hazards import StratifiedHazards
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.questions import ALL, OPEN, Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Durations, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.prior_tip import PriorTip


@dataclass
class StratifiedPosterior(RatiosPosterior):
    """Posterior of hazard ratios in strata, one pair of arms at a time."""

    model: StratifiedHazards
    data: Durations
    open_strata: Booleans | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._cells: dict[int, tuple[Floats, ...]] = {}

    @property
    def _one(self) -> PiecewiseExponential:
        return self.model.one

    def of_trials(self, rows: Integers) -> Self | None:
        other = super().of_trials(rows)
        if other is not None:
            other._cells = {
                arm: tuple(part[rows] for part in parts) for arm, parts in self._cells.items()
            }
        return other

    def where_open(self, open_strata: Booleans) -> StratifiedPosterior:
        other = super().where_open(open_strata)
        other._cells = self._cells
        return other

    # ── the data ──────────────────────────────────────────────────────────────────────────
    def _arm(self, arm: int) -> tuple[Floats, ...]:
        """Events and months at risk of an arm, ``(trial, stratum, interval)`` each."""
        if arm not in self._cells:
            parts = [
                self._split(self.data.members(arm, stratum, None))
                for stratum in range(len(self.model.shares))
            ]
            events, *others = (np.stack(part, axis=1) for part in zip(*parts, strict=True))
            self._cells[arm] = (events.astype(np.float64), *others)
        return self._cells[arm]

    def _split(self, members: Booleans) -> tuple[npt.NDArray[Any], ...]:
        """Events and months at risk of some participants, ``(trial, interval)`` each."""
        return self.model.one.split(self.data.months, self.data.event, members)

    def _asked(self, stratum: int) -> Floats:
        """Weight of each stratum in a question, ``(trial, stratum)``; 0 of one it is not about."""
        weights = np.tile(np.array(self.model.shares), (len(self.data.months), 1))
        if stratum >= 0:
            weights[:] = np.arange(weights.shape[1]) == stratum
        elif stratum == OPEN and self.open_strata is not None:
            some = self.open_strata.any(axis=1, keepdims=True)
            weights = np.where(self.open_strata | ~some, weights, 0.0)
        return weights / weights.sum(axis=1, keepdims=True)

    def _stacked(self, arms: tuple[int, ...], stratum: int) -> tuple[Floats, ...]:
        """Events and months of some arms, ``(trial, arm, interval of every stratum)`` each.

        None in a stratum that a question is not about.
        """
        asked = (self._asked(stratum) > 0.0)[:, :, None]
        return tuple(
            np.stack([(part * asked).reshape(len(part), -1) for part in parts], axis=1)
            for parts in zip(*(self._arm(arm) for arm in arms), strict=True)
        )

    def _of_stratum(self, arms: tuple[int, ...], stratum: int) -> tuple[Floats, ...]:
        """Events and months of some arms in one stratum, ``(trial, arm, interval)`` each."""
        return tuple(
            np.stack([part[:, stratum] for part in parts], axis=1)
            for parts in zip(*(self._arm(arm) for arm in arms), strict=True)
        )

    # ── without draws ─────────────────────────────────────────────────────────────────────
    def _worked_out(self, pair: tuple[int, int], stratum: int) -> Ratio:
        if stratum >= 0:
            return self.model.one.posterior(*self._of_stratum(pair, stratum))
        if not self.model.own:
            return self.model.stacked.posterior(*self._stacked(pair, stratum))
        strata = range(len(self.model.shares))
        each = [self.model.one.posterior(*self._of_stratum(pair, s)) for s in strata]
        return AverageRatio(each, self._asked(stratum))

    def _unseen(self, question: Question, rows: Integers) -> Booleans:
        """In any stratum asked about."""
        cells = self._stacked((question.arm,), question.stratum)
        events, time = ((part[rows] == 0.0).all(axis=(1, 2)) for part in _counted(cells))
        return events & time

    # ── the trial completed ───────────────────────────────────────────────────────────────
    def _followed_apart(self, apart: bool) -> Iterable[int]:
        """Each participant still at risk has the event by the hazards of the own stratum."""
        return range(len(self.model.shares))

    def _hazards(self, stratum: int, some: Completions) -> Floats:
        """Draws of every arm's hazards in a stratum, ``(trial, arm, completion, interval)``."""
        asked = stratum if self.model.own else ALL
        ratio = np.exp(
            np.stack([some.of(self._log_ratio(k, asked)) for k in range(self.arms)], axis=1)
        )
        events, time = _counted(self._of_stratum(tuple(range(self.arms)), stratum))
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

    def _drawn_ratios(self, stratum: int) -> Floats:
        from adaptive_cart.models.draws import ranks
        from adaptive_cart.models.hazards.joint_ratios import log_ratios

        arms, strata = self.taken, len(self.model.shares)
        rank = ranks((strata + 1) * len(arms))
        first = max(stratum + 1, 0) * len(arms)
        own = rank[first + 1 : first + len(arms)]
        if stratum >= 0:
            return log_ratios(self.model.one, *_counted(self._of_stratum(arms, stratum)), own)
        if not self.model.own:
            return log_ratios(self.model.stacked, *_counted(self._stacked(arms, stratum)), own)
        weights = self._asked(stratum)[:, :, None, None]
        each = [weights[:, s] * self._all_log_ratios(s) for s in range(strata)]
        average: Floats = np.add.reduce(each)
        return average


def _counted(parts: tuple[Floats, ...]) -> tuple[Floats, Floats]:
    """Events and months at risk alone, without what intervals between visits add."""
    return parts[0], parts[1]


class IntervalStratifiedPosterior(StratifiedPosterior):
    """The same where events are known to have happened between two visits.

    As :class:`IntervalHazardsPosterior` has it, stratum by stratum.
    """

    fast_error = IntervalHazardsPosterior.fast_error

    def _split(self, members: Booleans) -> tuple[npt.NDArray[Any], ...]:
        data, half = self.data, self.data.half_widths()
        half = np.zeros_like(data.months) if half is None else half
        return self.model.one.split_intervals(data.months, half, data.event, members)


class CutIntervalStratifiedPosterior(IntervalStratifiedPosterior):
    """The same with cuts, over which an interval may go: its parts are taken for observed."""

    fast_error = CutIntervalHazardsPosterior.fast_error


class StratifiedPiecewiseExponentialAnalysis(ByIntervals, HazardsAnalysis):
    """Proportional hazards in strata that have baseline hazards of their own."""

    model: Literal["stratified_piecewise_exponential"]
    prior: PiecewiseExponentialPrior
    hazard_ratios: Literal["shared", "own"] = Field(
        default="shared", description="one hazard ratio for all strata (default), or one for each"
    )

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
    by_stratum: ClassVar[bool] = True

    ordered_by: ClassVar[str] = "hazard_ratio"
    answered_by: ClassVar[type[Posterior]] = StratifiedPosterior

    @property
    def strata_apart(self) -> bool:
        return self.hazard_ratios == "shared"

    @property
    def over_strata(self) -> str:
        if self.hazard_ratios == "own":
            return "log hazard ratios averaged over the strata by their shares"
        return "strata share the hazard ratio, each with its own baseline hazards"

    @property
    def ratio_over_strata(self) -> Literal["pooled", "shared", "averaged"]:
        return "shared" if self.hazard_ratios == "shared" else "averaged"

    def problems(self, arms: tuple[str, ...], strata: tuple[str, ...]) -> list[tuple[str, str]]:
        found = super().problems(arms, strata)
        if not strata:
            without = 'this design has no [strata]; write model = "piecewise_exponential"'
            found.append(("model", without))
        return found

    def fitted(self, arms: tuple[str, ...], shares: tuple[float, ...]) -> StratifiedHazards:
        return StratifiedHazards(self._of_one_table(), shares, self.hazard_ratios == "own")

    def prior_tips(self, fitted: StratifiedHazards, arms: tuple[str, ...]) -> Iterator[PriorTip]:
        from adaptive_cart.models.hazards.prior_tips import tips_of

        for tip in tips_of(fitted.one):
            yield replace(tip, model=partial(_moved, fitted, tip.model))

    def posterior(
        self, fitted: StratifiedHazards, summary: Summary, open_strata: Booleans | None
    ) -> StratifiedPosterior:
        assert isinstance(summary, Durations)
        return self._answering(fitted, summary, open_strata)

    @property
    def _answering(self) -> type[StratifiedPosterior]:
        if not self.intervals:
            return StratifiedPosterior
        return CutIntervalStratifiedPosterior if self.cuts else IntervalStratifiedPosterior

    def error(self, fitted: Any, question: Question, participants: tuple[int, ...]) -> float:
        return self._answering.error(question)

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.hazards.interval_strata_reference import IntervalStrataReference
        from adaptive_cart.models.hazards.stratified_hazards_reference import (
            StratifiedHazardsReference,
        )

        kind = IntervalStrataReference if self.intervals else StratifiedHazardsReference
        return kind(self.fitted(arms, shares), arms, strata)


def _moved(
    fitted: StratifiedHazards, one: Callable[[float], PiecewiseExponential], value: float
) -> StratifiedHazards:
    """The same with another model of one stratum."""
    return replace(fitted, one=one(value))
