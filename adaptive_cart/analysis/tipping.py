"""Tipping points of a look: outcomes of the missing, and priors, with which a rule turns over.

*Missing outcomes*: each number of responders among those whose outcome is due and missing, arm by
arm (and stratum by stratum, where a model tells them apart), makes a table; every one is judged by
the code that judged the real one (Yan, Lee & Li 2009, J Biopharm Stat 19:1085, for the table). What
is missing of scores, times and rates is moved (``shifts.py``). *Priors*: one number at a time is
moved away from its value in steps, and where the verdict differs the place is found by halving.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import isnan, prod

import numpy as np

from adaptive_cart.analysis.findings import MissingTip, PriorTipFound, ShiftTip, Tipping
from adaptive_cart.analysis.real_trial import RecordedAnalysis
from adaptive_cart.analysis.replay import Held
from adaptive_cart.analysis.shifts import Shifted, strata_asked
from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.moved_missing import arms_in_trial
from adaptive_cart.models.prior_tip import EVERY_ARM
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Floats, Integers
from adaptive_cart.nouns.summaries import Counts, Summary

MOST = 2_000  # tables that are judged for one rule
BATCH = 64  # of them at once


def tipping_of(analysis: RecordedAnalysis, held: Held) -> Tipping:
    """What would turn each rule of the look over, target by target."""
    missing: list[MissingTip] = []
    shifts: list[ShiftTip] = []
    priors: list[PriorTipFound] = []
    notes: list[str] = []
    for rule in analysis.plan.rules:
        for part in rule.parts:
            for place in range(len(part.targets)):
                asked = held.record.probabilities.get(part.name)
                if asked is None or part.asks.weighs or isnan(asked[0, place]):
                    continue
                one = _One.of(analysis, held, rule.name, part, place)
                if (why := one.why_not()) is not None:
                    notes.append(f"{rule.name}: {why}")
                    continue
                if (none := one.why_no_outcomes()) is not None:
                    notes.append(f"{rule.name}: {none}")
                elif one.of_counts or one.of_categories:
                    found = one.of_missing()
                    missing += [] if found is None else [found]
                elif (none := one.why_no_shift()) is not None:
                    notes.append(f"{rule.name}: {none}")
                else:
                    shifts += one.of_shifts()
                if (none := one.why_no_priors()) is not None:
                    notes.append(f"{rule.name}: {none}")
                else:
                    moved = [*one.of_priors()]
                    priors += moved
                    if not moved:
                        notes.append(f"{rule.name}: no prior of {one.target.endpoint} is moved")
    return Tipping(tuple(missing), tuple(priors), tuple(dict.fromkeys(notes)), tuple(shifts))


@dataclass(frozen=True)
class _Cell:
    """An arm, or some strata of it, whose missing count together."""

    name: str
    arm: int
    strata: tuple[int, ...]

    def of(self, values: Integers) -> int:
        """Sum ``(trial, arm, stratum)`` of the first trial over it."""
        return int(values[0, self.arm, list(self.strata)].sum())


@dataclass(frozen=True)
class _One:
    """One comparison of a rule about one target, at the look."""

    analysis: RecordedAnalysis
    rule: str
    part: Comparison
    place: int
    target: Question
    threshold: float
    holds_now: bool

    @staticmethod
    def of(analysis: RecordedAnalysis, held: Held, rule: str, part: Comparison, place: int) -> _One:
        target, threshold = part.targets[place], held.record.threshold(part, place)
        then = analysis.as_when_asked(part, target)
        probability = then.fast_probability(part, target)
        holds = bool(part.compared(probability, threshold)[0])
        return _One(then, rule, part, place, target, threshold, holds)

    def why_not(self) -> str | None:
        """Why nothing can be told of it; nothing where something can."""
        target = self.target
        if self.part.several or self.part.asks.hangs_on(target) > 1:
            return "several things are asked at once"
        if target.of.among_open:
            return "it compares the arms that are open"
        if self.part.spending is not None:
            return "its threshold follows from the numbers analysed"
        return None

    @property
    def of_counts(self) -> bool:
        """Whether what is missing is of a count, each of which may be one or not."""
        return self.analysis.summary(self.target.endpoint).plain

    @property
    def of_categories(self) -> bool:
        """Whether what is missing is of a category, from the worst to the best."""
        return self.analysis.summary(self.target.endpoint).ordered

    def why_no_outcomes(self) -> str | None:
        """Why outcomes of the missing are not told; nothing where they can be."""
        if self.of_counts and self._strata_apart and self.part.prediction is not None:
            return "outcomes of the missing are not told stratum by stratum of what it predicts"
        return None

    def why_no_shift(self) -> str | None:
        """Why what is missing is not moved; nothing where it can be."""
        if self._shifted is None:
            return f"what the missing of {self.target.endpoint} could turn is not told"
        return self._shifted.why_not()

    def why_no_priors(self) -> str | None:
        """Why no prior is moved; nothing where one may be."""
        if self.part.prediction is not None:
            return "priors are not moved in what it predicts"
        return None

    @property
    def _strata_apart(self) -> bool:
        """Whether a question about several strata is answered stratum by stratum."""
        apart = self.analysis.plan.fitted[self.target.endpoint][0].by_stratum
        return apart and self.target.stratum < 0 and len(self.analysis.plan.design.shares) > 1

    @property
    def _noun(self) -> str:
        if self.of_categories:
            return "best outcome"
        return self.analysis.plan.design.endpoints[self.target.endpoint].noun

    @property
    def _head(self) -> dict[str, object]:
        return {
            "rule": self.rule,
            "question": self.part.words(self.analysis.plan.design, self.place),
            "comparison": ">=" if self.part.at_least else "<",
            "threshold": self.threshold,
            "holds_now": self.holds_now,
        }

    # ── outcomes of the missing ───────────────────────────────────────────────────────────
    def of_missing(self) -> MissingTip | None:
        """Judge every outcome of the missing; nothing where nobody is missing in its arms."""
        counts = self._counts()
        gone = counts.columns()["missing"]
        cells = self._cells(gone)
        missing = tuple(cell.of(gone) for cell in cells)
        if not sum(missing):
            return None
        ways = [n + 1 for n in missing]
        why = None
        if prod(ways) > MOST:
            why = f"they may come out in {prod(ways):,} ways; up to {MOST:,} are told"
        every = [] if why else list(product(*(range(n) for n in ways)))
        probabilities = np.array([*self._judged([self._changed(counts, cells, k) for k in every])])
        verdicts = [bool(v) for v in self.part.compared(probabilities, self.threshold)]
        read_as = self._read_as(counts, cells, missing)
        turned = [k for k, v in zip(every, verdicts, strict=True) if v != self.holds_now]
        return MissingTip(
            noun=self._noun,
            arms=tuple(cell.name for cell in cells),
            missing=missing,
            probabilities=tuple(
                tuple(float(p) for p in row) for row in probabilities.reshape(-1, ways[-1])
            ),
            holds=tuple(k for k, v in zip(every, verdicts, strict=True) if v),
            read_as=read_as,
            fewest=min(
                turned,
                key=lambda k: (sum(abs(a - b) for a, b in zip(k, read_as, strict=True)), k),
                default=None,
            ),
            why=why,
            kinds=self._kinds,
            **self._head,  # type: ignore[arg-type]
        )

    def _cells(self, gone: Integers) -> list[_Cell]:
        """Whose missing count together: an arm's, or those of a stratum in it."""
        design, strata = self.analysis.plan.design, strata_asked(self.analysis, self.target)
        names = design.arm_names
        arms = arms_in_trial(design, self.target)
        if not self._strata_apart:
            return [_Cell(names[arm], arm, tuple(strata)) for arm in arms]
        every = [
            _Cell(f"{names[arm]}, {design.stratum_names[stratum]}", arm, (stratum,))
            for arm in arms
            for stratum in strata
        ]
        return [cell for cell in every if cell.of(gone)]

    def _counts(self) -> Summary:
        """Counts in which nobody who is missing responds; categories as they are.

        Where they are imputed, of all who are missing the worst.
        """
        endpoint = self.target.endpoint
        if self.analysis.imputes(endpoint):
            return self.analysis.trial.none_imputed(endpoint, self.analysis.snapshot.date)
        if self.of_categories:
            return self.analysis.summary(endpoint)
        counts = self.analysis.summary(endpoint)
        assert isinstance(counts, Counts)
        return counts

    @property
    def _kinds(self) -> str:
        names = self.analysis.plan.design.endpoints[self.target.endpoint].category_names()
        return f"best: {names[-1]}, the others: {names[0]}" if self.of_categories else ""

    @property
    def _kept(self) -> int | None:
        """In which category those who are missing are; nothing where in none."""
        if self.analysis.imputes(self.target.endpoint):
            return 0
        return self.analysis.plan.design.endpoints[self.target.endpoint].kept_category()

    @property
    def _left_out(self) -> bool:
        """Whether who is missing is not among those analysed."""
        kind = self.analysis.plan.design.endpoints[self.target.endpoint]
        return not (kind.dropout_counts() or kind.imputes())

    def _changed(self, counts: Summary, cells: Sequence[_Cell], having: Sequence[int]) -> Summary:
        """The counts had so many of the missing responded, and the others not.

        Of categories: had so many the best, and the others the worst.
        """
        if self.of_categories:
            for cell, number in zip(cells, having, strict=True):
                counts = counts.filled(cell.arm, cell.strata, number, self._kept)
            return counts
        assert isinstance(counts, Counts)
        successes, totals = counts.successes.copy(), counts.totals.copy()
        for cell, number in zip(cells, having, strict=True):
            left, arm = number, cell.arm
            for stratum in cell.strata:  # pooled: whose stratum it is makes no difference
                some = min(left, int(counts.missing[0, arm, stratum]))
                successes[:, arm, stratum] += some
                left -= some
                if self._left_out:
                    totals[:, arm, stratum] += counts.missing[:, arm, stratum]
        return replace(counts, successes=successes, totals=totals)

    def _read_as(
        self, counts: Summary, cells: Sequence[_Cell], missing: Sequence[int]
    ) -> tuple[int, ...]:
        if self.of_categories:
            places = [counts.place(cell.arm, cell.strata, self._kept) for cell in cells]
            return tuple(round(n * place) for n, place in zip(missing, places, strict=True))
        assert isinstance(counts, Counts)
        kind = self.analysis.plan.design.endpoints[self.target.endpoint]
        if kind.dropout_counts():
            return (0,) * len(cells)
        found = []
        for cell, number in zip(cells, missing, strict=True):
            seen = cell.of(counts.totals) - (0 if self._left_out else number)
            found.append(round(number * cell.of(counts.successes) / seen) if seen else 0)
        return tuple(found)

    def _judged(self, tables: Sequence[Summary]) -> Iterator[float]:
        """Probability of each table, one row each."""
        for start in range(0, len(tables), BATCH):
            some = list(tables[start : start + BATCH])
            other = self.analysis.instead(self.target.endpoint, type(some[0]).stacked(some))
            answers = other.probability(self.part, self.analysis.as_asked(self.target))
            yield from answers.tolist()

    # ── what is missing of scores, times and rates ────────────────────────────────────────
    @property
    def _shifted(self) -> Shifted | None:
        shift = self.analysis.summary(self.target.endpoint).missing_shift
        if shift is None:
            return None
        now = float(self.analysis.fast_probability(self.part, self.target)[0])
        return Shifted(
            self.analysis, self.part, self.target, self.threshold, self.holds_now, now, shift
        )

    def of_shifts(self) -> Iterator[ShiftTip]:
        """How far what is missing has to be moved to turn it over, arm by arm."""
        assert self._shifted is not None
        return self._shifted.tips(self._head)

    # ── priors ────────────────────────────────────────────────────────────────────────────
    def of_priors(self) -> Iterator[PriorTipFound]:
        """Each number of the priors of its arms, and where it turns the rule over."""
        plan = self.analysis.plan
        analysis, model = plan.fitted[self.target.endpoint]
        model = analysis.in_stratum(model, self.target.stratum)
        names = plan.design.arm_names
        asked = {names[arm] for arm in arms_in_trial(plan.design, self.target)}
        for tip in analysis.prior_tips(model, names):
            if tip.arm in asked or tip.arm == EVERY_ARM:
                low, high = tip.reach
                yield PriorTipFound(
                    arm=tip.arm,
                    what=tip.what,
                    words=tip.words,
                    now=tip.now,
                    reach=tip.reach,
                    below=tip.turns(low, self._holds, self.holds_now),
                    above=tip.turns(high, self._holds, self.holds_now),
                    **self._head,  # type: ignore[arg-type]
                )

    def _holds(self, model: object) -> bool:
        """Whether it holds with another model of the endpoint."""
        endpoint, plan = self.target.endpoint, self.analysis.plan
        analysis, _ = plan.fitted[endpoint]
        other = replace(plan, fitted={**plan.fitted, endpoint: (analysis, model)})
        tables, weights = self.analysis.tables(endpoint)
        look = self.analysis.instead(endpoint, tables, other)
        answers: Floats = look.probability(self.part, self.analysis.as_asked(self.target))
        return bool(self.part.compared(np.array([float(weights @ answers)]), self.threshold)[0])
