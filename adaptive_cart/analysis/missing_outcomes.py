"""With which outcomes of those whose outcome is due and missing a rule would hold.

Each number of them who respond (or have the best category, the others the worst), arm by arm, makes
a table in which all are known; where a model tells strata apart, or periods of randomisation, they
are counted stratum by stratum, or period by period. Every table is judged by the code that judged
the real one (Yan, Lee & Li 2009, J Biopharm Stat 19:1085); of too many the nearest are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, product
from math import isfinite, prod
from typing import Any, TypeAlias

import numpy as np

from adaptive_cart.analysis.findings import MissingTip
from adaptive_cart.analysis.real_trial import RecordedAnalysis
from adaptive_cart.analysis.shifts import strata_asked
from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.moved_missing import arms_in_trial
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Snapshot
from adaptive_cart.nouns.summaries import ByPeriod, Summary, with_split

MOST = 2_000  # tables that are judged for one rule
BATCH = 64  # of them at once
Numbers: TypeAlias = tuple[int, ...]  # of the missing who respond, cell by cell


@dataclass(frozen=True)
class _Cell:
    """An arm, or some strata (or periods) of it, whose missing count together."""

    name: str
    arm: int
    strata: tuple[int, ...]
    missing: int


@dataclass(frozen=True)
class MissingOutcomes:
    """One comparison of a rule about one target, of counts or categories."""

    analysis: RecordedAnalysis
    part: Comparison
    target: Question
    threshold: float
    holds_now: bool

    @staticmethod
    def told_of(summary: Summary) -> bool:
        """Whether it is of counts or of categories."""
        return summary.binary or summary.ordered

    def why_not(self) -> str | None:
        """Why they are not told; nothing where they can be."""
        if self.analysis.summary(self.target.endpoint).foretold:
            return "outcomes of the missing are not told where earlier months count"
        if self._strata_apart and self.part.prediction is not None:
            return "outcomes of the missing are not told stratum by stratum of what it predicts"
        return None

    def tip(self, head: dict[str, Any]) -> MissingTip | None:
        """Judge every outcome of the missing; nothing where nobody is missing in its arms."""
        cells = self._cells
        missing = tuple(cell.missing for cell in cells)
        if not sum(missing):
            return None
        read_as = tuple(self._read_as(cell) for cell in cells)
        ways = [n + 1 for n in missing]
        few = prod(ways) <= MOST
        every = list(product(*(range(n) for n in ways))) if few else []
        probabilities = np.array([*self._judged(every)])
        verdicts = [bool(v) for v in self.part.compared(probabilities, self.threshold)]
        turned = [k for k, v in zip(every, verdicts, strict=True) if v != self.holds_now]
        fewest = min(turned, key=lambda k: (_apart(k, read_as), k), default=None)
        why = None
        if not few:
            fewest, reach = self._nearest(missing, read_as)
            why = f"they may come out in {prod(ways):,} ways; up to {MOST:,} are told"
            if fewest is None:
                why += f", of which none that differs in at most {reach} turns it over"
        return MissingTip(
            noun=self._noun,
            arms=tuple(cell.name for cell in cells),
            missing=missing,
            probabilities=tuple(
                tuple(float(p) for p in row) for row in probabilities.reshape(-1, ways[-1])
            ),
            holds=tuple(k for k, v in zip(every, verdicts, strict=True) if v),
            read_as=read_as,
            fewest=fewest,
            why=why,
            kinds=self._kinds,
            **head,
        )

    def _nearest(self, missing: Numbers, read_as: Numbers) -> tuple[Numbers | None, int]:
        """The fewest changes that turn it over, and how many are looked at, where none do."""
        left, size = MOST, 0
        while True:
            some = list(islice(_changed_by(size, missing, read_as), left + 1))
            if len(some) > left:
                return None, size - 1
            verdicts = self.part.compared(np.array([*self._judged(some)]), self.threshold)
            turned = [k for k, v in zip(some, verdicts, strict=True) if bool(v) != self.holds_now]
            if turned:
                return min(turned), size
            left, size = left - len(some), size + 1

    def _judged(self, numbers: Sequence[Numbers]) -> Iterator[float]:
        """Probability of each table, one row each."""
        for start in range(0, len(numbers), BATCH):
            some = [self._table(having) for having in numbers[start : start + BATCH]]
            other = self.analysis.instead(self.target.endpoint, type(some[0]).stacked(some))
            answers = other.probability(self.part, self.analysis.as_asked(self.target))
            yield from answers.tolist()

    # ── the tables ────────────────────────────────────────────────────────────────────────
    def _table(self, having: Numbers) -> Summary:
        """What would have been seen, had so many of the missing responded, and the others not."""
        filled = self._seen
        for cell, number in zip(self._cells, having, strict=True):
            filled = filled.filled(cell.arm, cell.strata, number, self._kept)
        return filled if self._periods is None else with_split(self._periods, filled)

    @cached_property
    def _as_none(self) -> tuple[Any, Snapshot]:
        """What is prepared and seen: of all whose outcome is imputed the worst."""
        analysis, endpoint = self.analysis, self.target.endpoint
        if analysis.imputes(endpoint):
            return analysis.trial.none_imputed(endpoint, analysis.snapshot.date)
        return analysis.prepared[endpoint], analysis.snapshot

    @cached_property
    def _seen(self) -> Summary:
        """What is seen, by stratum, or by period where these are told apart."""
        plan = self.analysis.plan
        of = plan.summary if self._periods is None else plan.apart
        return of(self.target.endpoint, *self._as_none)

    @cached_property
    def _periods(self) -> ByPeriod | None:
        """The same by period; nothing where periods are not told apart."""
        return self.analysis.plan.summary(self.target.endpoint, *self._as_none).periods()

    # ── whose missing count together ──────────────────────────────────────────────────────
    @cached_property
    def _cells(self) -> list[_Cell]:
        """An arm each; or a stratum, or a period, of it in which somebody is missing."""
        if self._periods is not None:
            every = [*self._by_period(self._periods)]
            return [cell for cell in every if cell.missing]
        names, strata = self.analysis.plan.design.arm_names, self._strata
        if not self._strata_apart:
            return [self._cell(names[arm], arm, strata) for arm in self._arms]
        of = self.analysis.plan.design.stratum_names
        every = [
            self._cell(f"{names[arm]}, {of[stratum]}", arm, (stratum,))
            for arm in self._arms
            for stratum in strata
        ]
        return [cell for cell in every if cell.missing]

    def _by_period(self, seen: ByPeriod) -> Iterator[_Cell]:
        """Each period in which those randomised matter to the question."""
        plan, endpoint = self.analysis.plan, self.target.endpoint
        bounds = plan.windows(endpoint, self.analysis.snapshot.population).bounds[0].tolist()
        asked = self.analysis.as_asked(self.target)
        counted = plan.fitted[endpoint][0].periods_counted(seen, asked)[0]
        for arm in self._arms:
            for period in np.flatnonzero(counted).tolist():
                start, end = [0.0, *bounds][period], [*bounds, np.inf][period]
                when = f"between months {start:.4g} and {end:.4g}"
                if not isfinite(end):
                    when = f"after month {start:.4g}"
                if not any(map(isfinite, bounds)):
                    when = ""
                name = plan.design.arm_names[arm] + (f" randomised {when}" if when else "")
                yield self._cell(name, arm, (period,))

    def _cell(self, name: str, arm: int, strata: tuple[int, ...]) -> _Cell:
        missing = self._seen.columns()["missing"]
        return _Cell(name, arm, strata, int(missing[0, arm, list(strata)].sum()))

    def _read_as(self, cell: _Cell) -> int:
        """From how many of its missing the fewest changes are counted."""
        kind = self.analysis.plan.design.endpoints[self.target.endpoint]
        if self._seen.binary and kind.dropout_counts():
            return 0
        return round(cell.missing * self._seen.place(cell.arm, cell.strata, self._kept))

    @property
    def _arms(self) -> tuple[int, ...]:
        return arms_in_trial(self.analysis.plan.design, self.target)

    @property
    def _strata(self) -> tuple[int, ...]:
        return tuple(strata_asked(self.analysis, self.target))

    @property
    def _strata_apart(self) -> bool:
        """Whether a question about several strata is answered stratum by stratum."""
        apart = self.analysis.plan.fitted[self.target.endpoint][0].by_stratum
        return apart and self.target.stratum < 0 and len(self.analysis.plan.design.shares) > 1

    @property
    def _kept(self) -> int | None:
        """In which category those who are missing are, of counts 0; nothing where in none."""
        kind = self.analysis.plan.design.endpoints[self.target.endpoint]
        if kind.imputes():  # where nobody is missing it makes no difference
            return 0
        if self._seen.binary:
            return 0 if kind.dropout_counts() else None
        return kind.kept_category()

    @property
    def _noun(self) -> str:
        if self._seen.ordered:
            return "best outcome"
        return self.analysis.plan.design.endpoints[self.target.endpoint].noun

    @property
    def _kinds(self) -> str:
        names = self.analysis.plan.design.endpoints[self.target.endpoint].category_names()
        return f"best: {names[-1]}, the others: {names[0]}" if self._seen.ordered else ""


def _apart(one: Numbers, other: Numbers) -> int:
    return sum(abs(a - b) for a, b in zip(one, other, strict=True))


def _changed_by(size: int, missing: Numbers, read_as: Numbers) -> Iterator[Numbers]:
    """Outcomes of the missing that differ in so many from how they are read."""
    if not missing:
        yield from [()] if size == 0 else []
        return
    for first in range(missing[0] + 1):
        rest = size - abs(first - read_as[0])
        if rest >= 0:
            for others in _changed_by(rest, missing[1:], read_as[1:]):
                yield (first, *others)
