"""Tipping points of a look: outcomes of the missing, and priors, with which a rule turns over.

*Missing outcomes* of counts and categories are put in (``missing_outcomes.py``); what is missing of
scores, times and rates is moved (``shifts.py``). *Priors*: one number at a time is moved away from
its value in steps, and where the verdict differs the place is found by halving.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, isnan
from typing import TypeAlias

import numpy as np

from adaptive_cart.analysis.findings import MissingTip, PriorTipFound, ShiftTip, Tipping
from adaptive_cart.analysis.missing_outcomes import MissingOutcomes
from adaptive_cart.analysis.real_trial import RecordedAnalysis
from adaptive_cart.analysis.replay import Held
from adaptive_cart.analysis.shifts import Shifted
from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.moved_missing import arms_in_trial
from adaptive_cart.models.prior_tip import EVERY_ARM
from adaptive_cart.nouns.progress import Tell
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Floats

SECONDS = 5.0  # until it is first told how far it is
Asked: TypeAlias = tuple[str, Comparison, int]  # a rule's name, its comparison, which target


def tipping_of(analysis: RecordedAnalysis, held: Held, tell: Tell) -> Tipping:
    """What would turn each rule of the look over, target by target."""
    missing: list[MissingTip] = []
    shifts: list[ShiftTip] = []
    priors: list[PriorTipFound] = []
    notes: list[str] = []
    for name, part, place in told_as_they_go([*_asked(analysis, held)], tell):
        one = _One.of(analysis, held, name, part, place)
        if (why := one.why_not()) is not None:
            notes.append(f"{name}: {why}")
            continue
        outcomes = one.outcomes
        none = one.why_no_shift() if outcomes is None else outcomes.why_not()
        if none is not None:
            notes.append(f"{name}: {none}")
        elif outcomes is None:
            moved_by = [*one.of_shifts()]
            shifts += moved_by
            notes += [] if moved_by else [one.nothing_missing]
        elif (found := outcomes.tip(one.head)) is not None:
            missing.append(found)
        else:
            notes.append(one.nothing_missing)
        if (none := one.why_no_priors()) is not None:
            notes.append(f"{name}: {none}")
        else:
            moved = [*one.of_priors()]
            priors += moved
            if not moved:
                notes.append(f"{name}: no prior of {one.target.endpoint} is moved")
    return Tipping(tuple(missing), tuple(priors), tuple(dict.fromkeys(notes)), tuple(shifts))


def _asked(analysis: RecordedAnalysis, held: Held) -> Iterator[Asked]:
    """Every comparison that was judged at the look, target by target."""
    for rule in analysis.plan.rules:
        for part in rule.parts:
            for place in range(len(part.targets)):
                found = held.record.probabilities.get(part.name)
                if found is not None and not part.asks.weighs and not isnan(found[0, place]):
                    yield rule.name, part, place


def told_as_they_go(asked: Sequence[Asked], tell: Tell) -> Iterator[Asked]:
    """Give them one by one, and say how many there are and, where they take long, how far it is."""
    number = len(asked)
    tell(f"tipping points of {number} comparison{'s' * (number != 1)}, each judged anew many times")
    began, due = time.monotonic(), SECONDS
    for done, one in enumerate(asked):
        spent = time.monotonic() - began
        if done and spent >= due:
            left = ceil(spent / done * (number - done))
            tell(f"tipping points: {done} of {number} comparisons, about {left} s left")
            due = 2.0 * spent
        yield one


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
    def outcomes(self) -> MissingOutcomes | None:
        """What is missing of counts or of categories; nothing where it is of something else."""
        if not MissingOutcomes.told_of(self.analysis.summary(self.target.endpoint)):
            return None
        return MissingOutcomes(
            self.analysis, self.part, self.target, self.threshold, self.holds_now
        )

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
    def nothing_missing(self) -> str:
        """That nothing of it is missing, in words."""
        names = self.analysis.plan.design.arm_names
        arms = arms_in_trial(self.analysis.plan.design, self.target)
        where = " and ".join(names[arm] for arm in arms)
        return (
            f"{self.rule}: nothing of {self.target.endpoint} that it counts is missing in {where}"
        )

    @property
    def head(self) -> dict[str, object]:
        return {
            "rule": self.rule,
            "question": self.part.words(self.analysis.plan.design, self.place),
            "comparison": ">=" if self.part.at_least else "<",
            "threshold": self.threshold,
            "holds_now": self.holds_now,
        }

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
        return self._shifted.tips(self.head)

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
                    **self.head,  # type: ignore[arg-type]
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
