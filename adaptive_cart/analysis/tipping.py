"""Tipping points of a look: outcomes of the missing, and priors, with which a rule turns over.

*Missing outcomes*: each number of responders among those whose outcome is due and missing, arm by
arm, makes a table; every one is judged by the code that judged the real one (Yan, Lee & Li 2009,
J Biopharm Stat 19:1085, for the table). *Priors*: one number at a time is moved away from its value
in steps, and where the verdict differs the place is found by halving.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import isnan, prod

import numpy as np

from adaptive_cart.analysis.findings import MissingTip, PriorTipFound, Tipping
from adaptive_cart.analysis.real_trial import RecordedAnalysis
from adaptive_cart.analysis.replay import Held
from adaptive_cart.analysis.what_if import arms_in_trial
from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.models.prior_tip import EVERY_ARM
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.summaries import Counts, Summary

MOST = 2_000  # tables that are judged for one rule
BATCH = 64  # of them at once


def tipping_of(analysis: RecordedAnalysis, held: Held) -> Tipping:
    """What would turn each rule of the look over, target by target."""
    missing: list[MissingTip] = []
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
                elif (found := one.of_missing()) is not None:
                    missing.append(found)
                if part.prediction is None:
                    moved = [*one.of_priors()]
                    priors += moved
                    if not moved:
                        notes.append(f"{rule.name}: no prior of {one.target.endpoint} is moved")
                else:
                    notes.append(f"{rule.name}: priors are not moved in what it predicts")
    return Tipping(tuple(missing), tuple(priors), tuple(dict.fromkeys(notes)))


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
        design, target = self.analysis.plan.design, self.target
        if self.part.several or self.part.asks.hangs_on(target) > 1:
            return "several things are asked at once"
        if target.of.among_open:
            return "it compares the arms that are open"
        if self.part.spending is not None:
            return "its threshold follows from the numbers analysed"
        apart = self.analysis.plan.fitted[target.endpoint][0].by_stratum
        if apart and target.stratum < 0 and len(design.shares) > 1:
            return "its model tells the strata apart"
        return None

    def why_no_outcomes(self) -> str | None:
        """Why the missing outcomes are not told; nothing where they can be."""
        if not self.analysis.summary(self.target.endpoint).plain:
            return (
                f"what the missing could turn is not told, since {self.target.endpoint} is no "
                f"plain count"
            )
        return None

    @property
    def _noun(self) -> str:
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
        arms = arms_in_trial(self.analysis.plan.design, self.target)
        counts = self._counts()
        strata = self._strata(counts)
        missing = tuple(int(counts.missing[0, arm, strata].sum()) for arm in arms)
        if not sum(missing):
            return None
        ways = [n + 1 for n in missing]
        why = None
        if prod(ways) > MOST:
            why = f"they may come out in {prod(ways):,} ways; up to {MOST:,} are told"
        every = [] if why else list(product(*(range(n) for n in ways)))
        probabilities = np.array(
            [*self._judged([self._changed(counts, strata, arms, k) for k in every])]
        )
        verdicts = [bool(v) for v in self.part.compared(probabilities, self.threshold)]
        read_as = self._read_as(counts, strata, arms, missing)
        turned = [k for k, v in zip(every, verdicts, strict=True) if v != self.holds_now]
        return MissingTip(
            noun=self._noun,
            arms=tuple(self.analysis.plan.design.arm_names[arm] for arm in arms),
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
            **self._head,  # type: ignore[arg-type]
        )

    def _counts(self) -> Counts:
        """Counts in which nobody who is missing responds."""
        endpoint = self.target.endpoint
        if self.analysis.imputes(endpoint):
            return self.analysis.trial.none_imputed(endpoint, self.analysis.snapshot.date)
        counts = self.analysis.summary(endpoint)
        assert isinstance(counts, Counts)
        return counts

    def _strata(self, counts: Counts) -> list[int]:
        """Strata that the question is about."""
        if self.target.stratum >= 0:
            return [self.target.stratum]
        open_strata = self.analysis.open_strata
        if open_strata is None or not self.target.about_open:
            return list(range(counts.totals.shape[2]))
        return [int(s) for s in np.flatnonzero(open_strata[0])]

    @property
    def _left_out(self) -> bool:
        """Whether who is missing is not among those analysed."""
        kind = self.analysis.plan.design.endpoints[self.target.endpoint]
        return not (kind.dropout_counts() or kind.imputes())

    def _changed(
        self, counts: Counts, strata: Sequence[int], arms: Sequence[int], having: Sequence[int]
    ) -> Counts:
        """The counts had so many of the missing responded, and the others not."""
        successes, totals = counts.successes.copy(), counts.totals.copy()
        for arm, number in zip(arms, having, strict=True):
            left = number
            for stratum in strata:  # pooled: whose stratum it is makes no difference
                some = min(left, int(counts.missing[0, arm, stratum]))
                successes[:, arm, stratum] += some
                left -= some
                if self._left_out:
                    totals[:, arm, stratum] += counts.missing[:, arm, stratum]
        return replace(counts, successes=successes, totals=totals)

    def _read_as(
        self, counts: Counts, strata: Sequence[int], arms: Sequence[int], missing: Sequence[int]
    ) -> tuple[int, ...]:
        kind = self.analysis.plan.design.endpoints[self.target.endpoint]
        if kind.dropout_counts():
            return (0,) * len(arms)
        found = []
        for arm, number in zip(arms, missing, strict=True):
            responders = int(counts.successes[0, arm, strata].sum())
            seen = int(counts.totals[0, arm, strata].sum()) - (0 if self._left_out else number)
            found.append(round(number * responders / seen) if seen else 0)
        return tuple(found)

    def _judged(self, tables: Sequence[Summary]) -> Iterator[float]:
        """Probability of each table, one row each."""
        for start in range(0, len(tables), BATCH):
            some = list(tables[start : start + BATCH])
            other = self.analysis.instead(self.target.endpoint, type(some[0]).stacked(some))
            answers = other.probability(self.part, self.analysis.as_asked(self.target))
            yield from answers.tolist()

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
