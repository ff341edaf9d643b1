"""Which looks are taken out of simulated trials to be verified, and what is asked at each.

Half of them are those whose probabilities lie closest to a threshold, taken from every rule in
turn, since there a small error changes a decision. The other half are drawn at random, from every
scenario in turn, since an error may also lie where no threshold is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.holding import Thresholds
from adaptive_cart.conduct.look_analysis import LookAnalysis, in_full
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import SimulatedConduct
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.streams import Latents
from adaptive_cart.nouns.summaries import Summary
from adaptive_cart.participants.population import latents_for

POOL = 400  # trials of each scenario whose looks may be taken
CELLS = 50_000  # participants held at once


@dataclass(frozen=True)
class Asked:
    """A rule's question to one target at one look of one trial, and the fast answer.

    Attributes
    ----------
    part, place
        Position of the comparison among those of all rules, and of the target in it.
    open_strata
        ``(stratum,)`` when it was asked; nothing where a design has no strata.
    fast, threshold
        The fast posterior's probability (nan where it failed) and what it is compared with.
    to_come
        Of a predictive rule, by arm: responders and participants so far, participants in the end.
    """

    part: int
    place: int
    question: Question
    open_strata: Booleans | None
    fast: float
    threshold: float
    to_come: tuple[tuple[int, ...], ...] | None

    @property
    def distance(self) -> float:
        """How far the probability lies from the threshold, on the logit scale."""
        if math.isnan(self.fast):
            return 0.0  # a posterior that failed is looked at first
        return abs(_logit(self.fast) - _logit(self.threshold))


@dataclass(frozen=True)
class ChosenLook:
    """A look of a simulated trial with all that its rules asked.

    Attributes
    ----------
    summaries
        By endpoint, of this trial alone.
    """

    scenario: str
    trial: int
    look: int
    asked: tuple[Asked, ...]
    summaries: dict[str, Summary]

    @property
    def key(self) -> tuple[str, int, int]:
        """What no other look has."""
        return self.scenario, self.trial, self.look


def chosen_looks(
    plan: Plan, truths: dict[str, Truth], seed: int, looks: int, pool: int = POOL
) -> list[ChosenLook]:
    """Take looks out of the first trials of every scenario.

    Parameters
    ----------
    looks
        How many; fewer are found where the trials have not so many.
    pool
        Trials of each scenario to take them from.
    """
    found = [look for truth in truths.values() for look in _looks_of(plan, truth, seed, pool)]
    near = _near(found, len(plan.parts), (looks + 1) // 2)
    taken = {look.key for look in near}
    rest = [look for look in found if look.key not in taken]
    return near + _at_random(rest, seed, looks - len(near))


def _near(found: list[ChosenLook], parts: int, number: int) -> list[ChosenLook]:
    """Those closest to a threshold, from every comparison in turn."""

    def distance(look: ChosenLook, part: int) -> float:
        return min((asked.distance for asked in look.asked if asked.part == part), default=math.inf)

    queues = []
    for part in range(parts):
        judged = [(distance(look, part), position) for position, look in enumerate(found)]
        queues.append([found[place] for away, place in sorted(judged) if away < math.inf])
    return _in_turn(queues, number)


def _at_random(found: list[ChosenLook], seed: int, number: int) -> list[ChosenLook]:
    """Any of them, from every scenario in turn."""
    generator = np.random.default_rng([seed, len(found)])
    queues: dict[str, list[ChosenLook]] = {}
    for place in generator.permutation(len(found)):
        queues.setdefault(found[place].scenario, []).append(found[place])
    return _in_turn([queues[name] for name in sorted(queues)], number)


def _in_turn(queues: Sequence[list[ChosenLook]], number: int) -> list[ChosenLook]:
    """Take one from every queue, and again, each look once."""
    chosen: dict[tuple[str, int, int], ChosenLook] = {}
    longest = max((len(queue) for queue in queues), default=0)
    for place in range(longest):
        for queue in queues:
            if place < len(queue) and len(chosen) < number:
                chosen.setdefault(queue[place].key, queue[place])
    return list(chosen.values())


def _looks_of(plan: Plan, truth: Truth, seed: int, pool: int) -> Iterator[ChosenLook]:
    design = plan.design
    block = max(32, CELLS // design.enrolment.max_n)
    for first in range(0, pool, block):
        latents = latents_for(design, seed, first, min(block, pool - first))
        yield from _Watched(plan, truth, latents).looks()


class _Watched(SimulatedConduct):
    """A block of trials in which every question is noted as it is asked."""

    def __init__(self, plan: Plan, truth: Truth, latents: Latents) -> None:
        super().__init__(plan, truth, (), latents)
        self._asked: dict[int, list[Asked]] = {}
        self._at_a_look = True

    def looks(self) -> Iterator[ChosenLook]:
        """Hold all looks, and give those at which something was asked."""
        for look in range(1, self.plan.schedule.number + 1):
            self._asked = {}
            self.look(look)
            record = self.records[-1]
            for trial, asked in sorted(self._asked.items()):
                endpoints = {
                    name
                    for each in asked
                    for one in self.plan.parts[each.part].asks.every(each.question)
                    for name in one.endpoints
                }
                here = np.array([trial])
                yield ChosenLook(
                    self.truth.name,
                    self.block.first_trial + trial,
                    look,
                    tuple(asked),
                    {name: record.summaries[name].rows(here) for name in sorted(endpoints)},
                )
            if not self.standing.running.any():
                return

    def ended_at(
        self,
        analysis: LookAnalysis,
        look: int,
        ended: Booleans,
        infused: Integers,
        between: bool = False,
    ) -> None:
        """Keep nothing of trials that have ended: no operating characteristic is asked for."""

    def between(self, look: int) -> tuple[Floats, Booleans]:
        """Judge what is judged between looks without noting it."""
        self._at_a_look = False
        due = super().between(look)
        self._at_a_look = True
        return due

    def judge_rule(
        self,
        position: int,
        analysis: LookAnalysis,
        judged: Booleans,
        thresholds: Thresholds,
        look: int,
        last: Booleans,
    ) -> tuple[Floats, ...]:
        """Judge one rule, and note what it asked and what was open then."""
        rule = self.plan.rules[position]
        asked = rule.condition.by_part(self.asked(position, judged, analysis))
        arms = self.standing.open_arms.copy()
        strata = self.standing.open_strata.copy() if self.design.strata else None
        to_come = [self._to_come(part, analysis) for part in rule.parts]
        answers = super().judge_rule(position, analysis, judged, thresholds, look, last)
        if not self._at_a_look:
            return answers
        for number, part in enumerate(rule.parts):
            if self._has_two_faces(part):
                self._note(
                    part, analysis, asked[number], answers[number], thresholds[number],
                    arms, strata, to_come[number],
                )  # fmt: skip
        return answers

    def _note(
        self,
        part: Comparison,
        analysis: LookAnalysis,
        asked: Booleans,
        answer: Floats,
        threshold: float | Floats,
        arms: Booleans,
        strata: Booleans | None,
        to_come: list[tuple[Integers, Integers, Integers] | None],
    ) -> None:
        """Note what a comparison asked, trial by trial, and the fast answer."""
        position = self.plan.parts.index(part)
        for trial, place in zip(*np.nonzero(asked), strict=True):
            row = int(np.searchsorted(analysis.trials, trial))
            planned = to_come[place]
            self._asked.setdefault(int(trial), []).append(
                Asked(
                    position,
                    int(place),
                    in_full(part.targets[place], arms[trial]),
                    None if strata is None else strata[trial],
                    float(answer[trial, place]),
                    float(np.broadcast_to(threshold, answer.shape)[trial, place]),
                    None
                    if planned is None
                    else tuple(tuple(int(n) for n in numbers[row]) for numbers in planned),
                )
            )

    def _has_two_faces(self, part: Comparison) -> bool:
        """Whether PyMC answers it too: a test has no other face, nor what is completed."""
        if (ahead := part.prediction) is None:
            return self.plan.bayesian(part)
        of = self.plan.fitted[part.question.endpoint][0]
        return self.plan.bayesian(part) and ahead.summed(of, part.question)

    def _to_come(
        self, part: Comparison, analysis: LookAnalysis
    ) -> list[tuple[Integers, Integers, Integers] | None]:
        ahead = part.prediction
        if ahead is None or not self._at_a_look or not self._has_two_faces(part):
            return [None] * len(part.targets)
        return [analysis.to_come(target, ahead.enrolled) for target in part.targets]


def _logit(probability: float) -> float:
    inside = min(max(probability, 1e-12), 1.0 - 1e-12)
    return math.log(inside) - math.log1p(-inside)
