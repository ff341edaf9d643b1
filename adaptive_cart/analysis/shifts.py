"""By how much what is missing would have to differ from what was seen to turn a rule over.

How it is moved is :mod:`adaptive_cart.conduct.moved_missing`; here one real look is searched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np

from adaptive_cart.analysis.findings import ShiftTip
from adaptive_cart.analysis.real_trial import RecordedAnalysis
from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.given_scores import GivenScores
from adaptive_cart.conduct.moved_missing import (
    SPREADS,
    arms_in_trial,
    completed_answers,
    counted_of,
    lost_of,
    mixed_answer,
    share_missing,
    spread_of_changes,
    why_not_moved,
)
from adaptive_cart.conduct.unseen_months import UnseenMonths
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.lost import Lost, MissingShift
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.summaries import Summary

STEPS: Final = 40  # towards either end
HALVINGS: Final = 60
FACTORS: Final = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
DRAWN: Final = 512  # completions
DRAWN_HALVINGS: Final = 12
Probability: TypeAlias = Callable[[Floats], tuple[float, float]]


@dataclass(frozen=True)
class Shifted:
    """One comparison of a rule about one target, of an endpoint whose missing may be moved."""

    analysis: RecordedAnalysis
    part: Comparison
    target: Question
    threshold: float
    holds_now: bool
    probability_now: float
    shift: MissingShift

    def why_not(self) -> str | None:
        """Why nothing can be told; nothing where it can."""
        return why_not_moved(self.analysis.plan, self.part, self.target, self.shift)

    def tips(self, head: dict[str, Any]) -> Iterator[ShiftTip]:
        """Arm by arm, and all arms alike; none of an arm in which nothing is missing."""
        missing, amount = self._missing
        arms = [
            arm for arm in arms_in_trial(self.analysis.plan.design, self.target) if missing[arm]
        ]
        names = self.analysis.plan.design.arm_names
        groups = [[arm] for arm in arms] + ([arms] if len(arms) > 1 else [])
        for group in groups:
            of, start = self._of(group), self._start(group)
            values = sorted({*self._values, start})
            curve, place = [(value, *of(value)) for value in values], values.index(start)
            yield ShiftTip(
                arms=tuple(names[arm] for arm in group),
                words=self._words,
                unit=self._unit,
                added=self.shift.added,
                missing=tuple(int(missing[arm]) for arm in group),
                amount=tuple(float(amount[arm]) for arm in group) if self.shift.amount else (),
                amount_unit=self.shift.amount,
                reach=(self._values[0], self._values[-1]),
                below=self._turns(curve[: place + 1][::-1], of),
                above=self._turns(curve[place:], of),
                start=start,
                error=max(error for *_, error in curve),
                curve=tuple((value, p) for value, p, _ in curve),
                **head,
            )

    def _start(self, group: Sequence[int]) -> float:
        """From where the nearest value is looked for."""
        months = self._months
        return self.shift.none if months is None else float(months.from_where(group)[0])

    @property
    def _words(self) -> str:
        if self._given is not None:
            return "score given to who left"
        left_out = self._months is not None and self._months.left_out
        return f"{self.shift.words}, not left out," if left_out else self.shift.words

    @property
    def _unit(self) -> str:
        if self.shift.share:
            return f"of the {self.shift.amount} not seen"
        return self.analysis.plan.design.endpoints[self.target.endpoint].unit

    @property
    def _probability(self) -> Probability:
        if self.shift.share:
            return self._with_share
        if self._given is not None:
            return self._moved_given
        return self._moved_mean if self.shift.added else self._completed

    def _of(self, group: Sequence[int]) -> Callable[[float], tuple[float, float]]:
        """Probability and its Monte Carlo standard error, with some arms moved."""
        as_read = self.shift.none if self._months is None else self._months.as_read

        def moved(value: float) -> tuple[float, float]:
            if value == as_read:
                return self.probability_now, 0.0
            every = np.full(len(self.analysis.plan.design.arms), as_read)
            every[list(group)] = value
            return self._probability(every)

        return moved

    # ── means ─────────────────────────────────────────────────────────────────────────────
    def _moved_mean(self, amounts: Floats) -> tuple[float, float]:
        """Of arms' means raised by the share that is missing times the amount."""
        target = self.target
        share = share_missing(self.analysis.plan, target, self._summary, self._strata)[0]

        def raised(arm: int | None) -> float:
            inside = arm is not None and arm < len(amounts)  # not external data
            return float(share[arm] * amounts[arm]) if inside else 0.0

        asked = target.of.raised(target, raised(target.arm), raised(target.minus))
        if asked is None:
            return float(mixed_answer(self.analysis, target, share[None], amounts)[0]), 0.0
        return float(self.analysis.fast_probability(self.part, asked)[0]), 0.0

    # ── months that count as nothing ──────────────────────────────────────────────────────
    def _with_share(self, shares: Floats) -> tuple[float, float]:
        """Of the data had such a share of what was not seen counted, ``(arm,)``."""
        assert self._months is not None
        changed = self._months.with_share(shares)
        other = self.analysis.instead(self.target.endpoint, changed)
        asked = self.analysis.as_asked(self.target)
        return float(other.probability(self.part, asked)[0]), 0.0

    def _moved_given(self, amounts: Floats) -> tuple[float, float]:
        """Of the data had the scores that were given been higher by so much, ``(arm,)``."""
        assert self._given is not None
        other = self.analysis.instead(self.target.endpoint, self._given.moved(amounts))
        asked = self.analysis.as_asked(self.target)
        return float(other.probability(self.part, asked)[0]), 0.0

    @cached_property
    def _given(self) -> GivenScores | None:
        if not self.shift.added or self.shift.share:
            return None
        return GivenScores.of(self.analysis, self.target, self._strata)

    @cached_property
    def _months(self) -> UnseenMonths | None:
        return (
            UnseenMonths.of(self.analysis, self.target, self._strata) if self.shift.share else None
        )

    # ── hazards and rates ─────────────────────────────────────────────────────────────────
    def _completed(self, factors: Floats) -> tuple[float, float]:
        """As it stands, and the mean difference that the factors make to completed data."""
        difference = self._answers(factors) - self._as_seen
        error = float(difference.std(ddof=1) / np.sqrt(len(difference)))
        return float(np.clip(self.probability_now + difference.mean(), 0.0, 1.0)), error

    @cached_property
    def _as_seen(self) -> Floats:
        return self._answers(np.ones(len(self.analysis.plan.design.arms)))

    def _answers(self, factors: Floats) -> Floats:
        """Probability of each completion, ``(completion,)``."""
        analysis, endpoint = self.analysis, self.target.endpoint
        some = Completions(0, DRAWN, list(analysis.plan.design.endpoints).index(endpoint))
        assert self._lost is not None
        asked = analysis.as_asked(self.target)
        return completed_answers(analysis, self.part, asked, self._lost, factors, some)[0]

    # ── what is missing ───────────────────────────────────────────────────────────────────
    @property
    def _summary(self) -> Summary:
        return self.analysis.summary(self.target.endpoint)

    @cached_property
    def _lost(self) -> Lost | None:
        return lost_of(self.analysis, self.target.endpoint)

    @cached_property
    def _missing(self) -> tuple[Floats, Floats]:
        """Participants, and how much of them, ``(arm,)`` each."""
        if self.shift.share:
            none = np.zeros(len(self.analysis.plan.design.arms))
            months = self._months
            return (none, none) if months is None else (months.participants[0], months.amount[0])
        if self._given is not None:
            given = self._given.participants[0].astype(np.float64)
            return given, given
        if self.shift.added:
            own = counted_of(self.analysis.plan, self.target, self._summary)
            strata = self._strata if own is self._summary else [0]
            missing = own.columns()["missing"][0][:, strata].sum(axis=1)
            return missing, missing
        if self._lost is None:
            none = np.zeros(len(self.analysis.plan.design.arms))
            return none, none
        both = (self._lost.participants, self._lost.amount)
        who, amount = (part[0][:, self._strata].sum(axis=1) for part in both)
        return who, amount

    @cached_property
    def _strata(self) -> list[int]:
        return strata_asked(self.analysis, self.target)

    # ── the search ────────────────────────────────────────────────────────────────────────
    @cached_property
    def _values(self) -> tuple[float, ...]:
        """Values that are looked at, in order."""
        if not self.shift.added:
            return FACTORS
        if self.shift.share:
            return tuple(k / STEPS for k in range(STEPS + 1))
        spread = float(spread_of_changes(self._summary)[0])
        most = float(f"{SPREADS * spread:.3g}") or 1.0
        return tuple(float(most * k / STEPS) for k in range(-STEPS, STEPS + 1))

    def _turns(
        self,
        curve: Sequence[tuple[float, float, float]],
        of: Callable[[float], tuple[float, float]],
    ) -> float | None:
        """The value along a curve nearest to where it begins that turns the rule over."""
        if self._holds(curve[0][1]) != self.holds_now:
            return curve[0][0]
        for (near, *_), (far, probability, _) in pairwise(curve):
            if self._holds(probability) == self.holds_now:
                continue
            for _ in range(HALVINGS if self.shift.added else DRAWN_HALVINGS):
                middle = (near + far) / 2.0
                turned = self._holds(of(middle)[0]) != self.holds_now
                near, far = (near, middle) if turned else (middle, far)
            return far
        return None

    def _holds(self, probability: float) -> bool:
        return bool(self.part.compared(np.array([probability]), self.threshold)[0])


def strata_asked(analysis: RecordedAnalysis, target: Question) -> list[int]:
    """Strata that a question is about."""
    if target.stratum >= 0:
        return [target.stratum]
    if analysis.open_strata is None or not target.about_open:
        return list(range(len(analysis.plan.design.shares)))
    return [int(s) for s in np.flatnonzero(analysis.open_strata[0])]
