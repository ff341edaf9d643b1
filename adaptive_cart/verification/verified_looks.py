"""Which looks are taken out of simulated trials to be verified, and what is asked at each.

Half of them are those whose probabilities lie closest to a threshold, since there a small error
changes a decision: each of the rule that the looks so far have asked least. The other half are
drawn at random, from every scenario in turn, since an error may also lie where no threshold is.
Dates between looks at which rules are judged are taken as looks are.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.completion_by_chains import WhatIsAhead, face_ahead, what_is_ahead
from adaptive_cart.conduct.look_analysis import LookAnalysis, in_full
from adaptive_cart.conduct.look_record import LookRecord, Thresholds
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import SimulatedConduct
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.streams import Latents
from adaptive_cart.nouns.summaries import Summary
from adaptive_cart.nouns.summaries.counts_beside import lent_to
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
    ahead
        What is still to come, of a predictive rule that is answered by completing the trial.
    lent
        Responders in the external data that were drawn with the trial, where a sum depends on them.
    """

    part: int
    place: int
    question: Question
    open_strata: Booleans | None
    fast: float
    threshold: float
    to_come: tuple[tuple[int, ...], ...] | None = None
    ahead: WhatIsAhead | None = None
    lent: tuple[int, ...] = ()

    @property
    def distance(self) -> float:
        """How far the probability lies from the threshold, on the logit scale."""
        if math.isnan(self.fast):
            return 0.0  # a posterior that failed is looked at first
        return abs(logit(self.fast) - logit(self.threshold))


@dataclass(frozen=True)
class Shared:
    """What response-adaptive shares followed from a look of one trial on.

    Attributes
    ----------
    open_arms
        Positions of the experimental arms among which that was asked.
    open_strata
        ``(stratum,)``; nothing where a design has none.
    fast
        By open arm: the fast posterior's probability that it is the best of them.
    """

    open_arms: tuple[int, ...]
    open_strata: Booleans | None
    fast: tuple[float, ...]


@dataclass(frozen=True)
class ChosenLook:
    """A look of a simulated trial with all that its rules asked.

    Attributes
    ----------
    summaries
        By endpoint, of this trial alone: those that were asked about now, and where the trial ended
        also those that are estimated at the end.
    between
        Which date between this look and the one before, from 1; 0 for the look itself.
    shared
        What shares followed; nothing where none were renewed.
    """

    scenario: str
    trial: int
    look: int
    asked: tuple[Asked, ...]
    summaries: dict[str, Summary]
    between: int = 0
    shared: Shared | None = None

    @property
    def key(self) -> tuple[str, int, int, int]:
        """What no other look has."""
        return self.scenario, self.trial, self.look, self.between


def _silent(done: int, total: int) -> None:
    """Show nothing."""


def chosen_looks(
    plan: Plan,
    truths: dict[str, Truth],
    seed: int,
    looks: int,
    pool: int = POOL,
    progress: Callable[[int, int], None] = _silent,
) -> list[ChosenLook]:
    """Take looks out of the first trials of every scenario.

    Parameters
    ----------
    looks
        How many; fewer are found where the trials have not so many.
    pool
        Trials of each scenario to take them from.
    progress
        Told how many of these trials have been simulated.
    """
    found: list[ChosenLook] = []
    for place, truth in enumerate(truths.values()):
        for done, more in _looks_of(plan, truth, seed, pool):
            found += more
            progress(place * pool + done, len(truths) * pool)
    near = _near(found, len(plan.parts), (looks + 1) // 2)
    taken = {look.key for look in near}
    rest = [look for look in found if look.key not in taken]
    return near + _at_random(rest, seed, looks - len(near))


def _near(found: list[ChosenLook], parts: int, number: int) -> list[ChosenLook]:
    """Those closest to a threshold, each of the comparison that the fewest so far have asked."""

    def distance(look: ChosenLook, part: int) -> float:
        return min((asked.distance for asked in look.asked if asked.part == part), default=math.inf)

    queues = []
    for part in range(parts):
        judged = [(distance(look, part), position) for position, look in enumerate(found)]
        queues.append(deque(found[place] for away, place in sorted(judged) if away < math.inf))
    chosen: dict[tuple[str, int, int, int], ChosenLook] = {}
    asked_so_far = [0] * parts
    while len(chosen) < number and any(queues):
        part = min((part for part in range(parts) if queues[part]), key=asked_so_far.__getitem__)
        look = queues[part].popleft()
        if look.key not in chosen:
            chosen[look.key] = look
            for own in {asked.part for asked in look.asked}:
                asked_so_far[own] += 1
    return list(chosen.values())


def _at_random(found: list[ChosenLook], seed: int, number: int) -> list[ChosenLook]:
    """Any of them, from every scenario in turn."""
    generator = np.random.default_rng([seed, len(found)])
    queues: dict[str, list[ChosenLook]] = {}
    for place in generator.permutation(len(found)):
        queues.setdefault(found[place].scenario, []).append(found[place])
    return _in_turn([queues[name] for name in sorted(queues)], number)


def _in_turn(queues: Sequence[list[ChosenLook]], number: int) -> list[ChosenLook]:
    """Take one from every queue, and again, each look once."""
    chosen: dict[tuple[str, int, int, int], ChosenLook] = {}
    longest = max((len(queue) for queue in queues), default=0)
    for place in range(longest):
        for queue in queues:
            if place < len(queue) and len(chosen) < number:
                chosen.setdefault(queue[place].key, queue[place])
    return list(chosen.values())


def _looks_of(
    plan: Plan, truth: Truth, seed: int, pool: int
) -> Iterator[tuple[int, list[ChosenLook]]]:
    """Block by block: how many trials have been simulated, and the looks of the block."""
    design = plan.design
    block = max(32, CELLS // design.enrolment.max_n)
    for first in range(0, pool, block):
        number = min(block, pool - first)
        latents = latents_for(design, seed, first, number)
        yield first + number, _Watched(plan, truth, latents).looks()


class _Watched(SimulatedConduct):
    """A block of trials in which every question is noted as it is asked."""

    def __init__(self, plan: Plan, truth: Truth, latents: Latents) -> None:
        super().__init__(plan, truth, (), latents)
        self._reached = [not_verified(plan, part) is None for part in plan.parts]
        self._asked: dict[int, list[Asked]] = {}
        self._found: list[ChosenLook] = []
        self._checks = 0
        self._seen: LookAnalysis
        self._ended: dict[int, LookAnalysis] = {}
        self._shared: dict[int, Shared] = {}
        self._estimated = estimated_endpoints(plan)

    def looks(self) -> list[ChosenLook]:
        """Hold all looks, and give those, and the dates between, at which something was asked."""
        for look in range(1, self.plan.schedule.number + 1):
            self._checks = 0
            self.look(look)
            if not self.standing.running.any():
                break
        return self._found

    def hold(self, look: int, date: Floats, held: Booleans, last: Booleans) -> LookRecord:
        """Hold a look, and keep what was asked at it."""
        record = super().hold(look, date, held, last)
        self._keep(look, record.summaries, 0)
        return record

    def check(self, look: int, at: Floats, rules: Booleans) -> bool:
        """Judge rules at a date between looks, and keep what was asked."""
        self._checks += 1
        changed = super().check(look, at, rules)
        seen = self._seen
        names = {name for trial in self._asked for name in self._endpoints(trial)}
        self._keep(look, {name: seen.summary(name) for name in names}, self._checks)
        return changed

    def _keep(self, look: int, summaries: Mapping[str, Summary], between: int) -> None:
        """Keep all that was asked at a date, trial by trial."""
        for trial, asked in sorted(self._asked.items()):
            here = np.array([trial])
            found = {name: summaries[name].rows(here) for name in self._endpoints(trial)}
            shared = self._shared.get(trial)
            if shared is not None:
                for name in self.plan.order.endpoints:
                    found[name] = summaries[name].rows(here)
            if trial in self._ended:
                for name in self._estimated:
                    found[name] = self._ended[trial].summary(name).rows(here)
            self._found.append(
                ChosenLook(
                    self.truth.name,
                    self.block.first_trial + trial,
                    look,
                    tuple(asked),
                    found,
                    between,
                    shared,
                )
            )
        self._asked, self._ended, self._shared = {}, {}, {}

    def _endpoints(self, trial: int) -> list[str]:
        """Endpoints that were asked about in a trial."""
        found = set()
        for each in self._asked[trial]:
            if each.ahead is None:  # else it knows what has been seen
                asks = self.plan.parts[each.part].asks
                found |= {name for one in asks.every(each.question) for name in one.endpoints}
        return sorted(found)

    def ended_at(
        self,
        analysis: LookAnalysis,
        look: int,
        ended: Booleans,
        infused: Integers,
        between: bool = False,
    ) -> None:
        """Note which trials have ended: that is where the program estimates."""
        self._ended |= dict.fromkeys(np.flatnonzero(ended).tolist(), analysis)

    def best_of(self, analysis: LookAnalysis, compared: Booleans, renewed: Booleans) -> Floats:
        """Note what the shares follow, trial by trial."""
        found = super().best_of(analysis, compared, renewed)
        strata = self.standing.open_strata if self.design.strata else None
        experimental = np.arange(compared.shape[1]) >= self.plan.order.first
        for row, trial in enumerate(analysis.trials.tolist()):
            arms = tuple(np.flatnonzero(compared[row] & experimental).tolist())
            if renewed[trial] and arms:
                self._shared[trial] = Shared(
                    arms,
                    None if strata is None else strata[trial].copy(),
                    tuple(float(found[row, arm]) for arm in arms),
                )
        return found

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
        self._seen = analysis
        rule = self.plan.rules[position]
        asked = rule.condition.by_part(self.asked(position, judged, analysis))
        arms = self.standing.compared.copy()
        strata = self.standing.open_strata.copy() if self.design.strata else None
        ahead = [
            _AheadOf(self.plan, part, analysis)
            if self._reached[self.plan.parts.index(part)]
            else None
            for part in rule.parts
        ]
        answers = super().judge_rule(position, analysis, judged, thresholds, look, last)
        for number, part in enumerate(rule.parts):
            of = ahead[number]
            if of is not None:
                self._note(
                    part, analysis, asked[number], answers[number], thresholds[number],
                    arms, strata, of,
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
        ahead: _AheadOf,
    ) -> None:
        """Note what a comparison asked, trial by trial, and the fast answer."""
        position = self.plan.parts.index(part)
        against = np.broadcast_to(threshold, answer.shape)
        if self.plan.flat(part):  # of too few a flat prior leaves no posterior
            asked = asked & ~np.isnan(answer)
        for trial, place in zip(*np.nonzero(asked), strict=True):
            row = int(np.searchsorted(analysis.trials, trial))
            self._asked.setdefault(int(trial), []).append(
                Asked(
                    position,
                    int(place),
                    in_full(part.targets[place], arms[trial]),
                    None if strata is None else strata[trial],
                    float(answer[trial, place]),
                    float(against[trial, place]),
                    ahead.counts(int(place), row),
                    ahead.completed(int(place), row),
                    ahead.lent(int(place), row),
                )
            )


class _AheadOf:
    """What is still to come where a comparison predicts, as it stands before the rule is judged."""

    def __init__(self, plan: Plan, part: Comparison, analysis: LookAnalysis) -> None:
        self._counts: dict[int, tuple[Integers, Integers, Integers]] = {}
        self._completed: dict[int, Callable[[int], WhatIsAhead]] = {}
        self._lent: dict[int, Integers] = {}
        asks = part.prediction
        for place, target in enumerate(() if asks is None else part.targets):
            assert asks is not None
            if asks.summed(plan.fitted[target.endpoint][0], target):
                self._counts[place] = analysis.to_come(target, asks.enrolled)
                lent = lent_to(analysis.summary(target.endpoint))
                if lent is not None:
                    self._lent[place] = lent[analysis.trials]
            else:
                self._completed[place] = what_is_ahead(asks, analysis, target)

    def counts(self, place: int, row: int) -> tuple[tuple[int, ...], ...] | None:
        """Of one target and trial, where the answer is a sum over last tables."""
        if place not in self._counts:
            return None
        return tuple(tuple(int(n) for n in numbers[row]) for numbers in self._counts[place])

    def lent(self, place: int, row: int) -> tuple[int, ...]:
        """What was drawn with the trial, where a prior borrows from it."""
        return tuple(map(int, self._lent[place][row])) if place in self._lent else ()

    def completed(self, place: int, row: int) -> WhatIsAhead | None:
        """The same where the trial is completed."""
        return self._completed[place](row) if place in self._completed else None


def estimated_endpoints(plan: Plan) -> tuple[str, ...]:
    """Endpoints of which something is estimated at the end of a trial."""
    own = (plan.design.primary,) if plan.estimands else ()
    return tuple(dict.fromkeys((*own, *plan.weighed)))


def not_verified(plan: Plan, part: Comparison) -> str | None:
    """Why a comparison is not verified, in words; nothing where it is."""
    asks = part.prediction
    if asks is None:
        return None
    for target in part.targets:
        analysis = plan.fitted[target.endpoint][0]
        if asks.summed(analysis, target):
            continue
        for name in asks.drawn(plan, target):
            if not face_ahead(plan, name).completes:
                model = plan.fitted[name][0].model
                return f"PyMC does not complete trials of {len(plan.design.arms)} arms by '{model}'"
    return None


def logit(probability: float) -> float:
    """Log odds, of a probability kept from 0 and 1; the last place is of no interest."""
    inside = min(max(probability, 1e-12), 1.0 - 1e-12)
    return math.log(inside) - math.log1p(-inside)
