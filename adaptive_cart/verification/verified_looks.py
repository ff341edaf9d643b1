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

from adaptive_cart.conduct.look_analysis import LookAnalysis, in_full
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule
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
    rule, place
        Position of the rule in the design and of the target in the rule.
    open_strata
        ``(stratum,)`` when it was asked; nothing where a design has no strata.
    fast, threshold
        The fast posterior's probability (nan where it failed) and what it is compared with.
    to_come
        Of a predictive rule, by arm: responders and participants so far, participants in the end.
    """

    rule: int
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
    near = _near(found, len(plan.rules), (looks + 1) // 2)
    taken = {look.key for look in near}
    rest = [look for look in found if look.key not in taken]
    return near + _at_random(rest, seed, looks - len(near))


def _near(found: list[ChosenLook], rules: int, number: int) -> list[ChosenLook]:
    """Those closest to a threshold, from every rule in turn."""

    def distance(look: ChosenLook, rule: int) -> float:
        return min((asked.distance for asked in look.asked if asked.rule == rule), default=math.inf)

    queues = []
    for rule in range(rules):
        judged = [(distance(look, rule), position) for position, look in enumerate(found)]
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
                endpoints = {each.question.endpoint for each in asked}
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
        threshold: float | Floats,
        look: int,
        last: Booleans,
    ) -> Floats:
        """Judge one rule, and note what it asked and what was open then."""
        rule = self.plan.rules[position]
        asked = self.standing.asked(rule) & judged[:, None]
        arms = self.standing.open_arms.copy()
        strata = self.standing.open_strata.copy() if self.design.strata else None
        to_come = self._to_come(rule, analysis)
        probability = super().judge_rule(position, analysis, judged, threshold, look, last)
        if self._at_a_look and self.plan.bayesian(rule):  # a test has no other face
            for trial, place in zip(*np.nonzero(asked), strict=True):
                row = int(np.searchsorted(analysis.trials, trial))
                planned = to_come[place]
                self._asked.setdefault(int(trial), []).append(
                    Asked(
                        position,
                        int(place),
                        in_full(rule.targets[place], arms[trial]),
                        None if strata is None else strata[trial],
                        float(probability[trial, place]),
                        float(np.broadcast_to(threshold, probability.shape)[trial, place]),
                        None
                        if planned is None
                        else tuple(tuple(int(n) for n in part[row]) for part in planned),
                    )
                )
        return probability

    def _to_come(
        self, rule: ResolvedRule, analysis: LookAnalysis
    ) -> list[tuple[Integers, Integers, Integers] | None]:
        ahead = rule.prediction
        if ahead is None or not self._at_a_look:
            return [None] * len(rule.targets)
        return [analysis.to_come(target, ahead.enrolled) for target in rule.targets]


def _logit(probability: float) -> float:
    inside = min(max(probability, 1e-12), 1.0 - 1e-12)
    return math.log(inside) - math.log1p(-inside)
