"""What the next participants would have to show for a rule to hold.

The next so many are those who have been randomised and whose outcome is still to come, in the order
of randomisation (their arms are known; the dead and those who have left are passed over, since what
they count for is settled), and then those who would be randomised, as the design fills
the arms that are open. Each number of responders among them, arm by arm, makes a table, and where
several endpoints are asked about, endpoint by endpoint; every such table is judged by the code that
judged the real one, at the threshold of the next look at which the rule is judged. So what is told
for counts is exact, or within the error of the model; other outcomes cannot be listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import isnan, prod

import numpy as np

from adaptive_cart.analysis.findings import WhatIf
from adaptive_cart.analysis.real_trial import RecordedAnalysis
from adaptive_cart.analysis.replay import Held
from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.moved_missing import arms_in_trial
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans
from adaptive_cart.nouns.summaries import Summary

MOST = 2_000  # tables that are judged for one rule
BATCH = 64  # of them at once


def what_if(analysis: RecordedAnalysis, held: Held, number: int) -> tuple[WhatIf, ...]:
    """What the next so many participants would have to show, rule by rule and target by target."""
    return tuple(
        _found(analysis, held, rule, position, place, number)
        for rule in analysis.plan.rules
        for position, part in enumerate(rule.parts)
        for place in range(len(part.targets))
        if part.name in held.record.probabilities
        and not isnan(held.record.probabilities[part.name][0, place])
    )


def _found(
    analysis: RecordedAnalysis, held: Held, rule: ResolvedRule, position: int, place: int,
    number: int,
) -> WhatIf:  # fmt: skip
    """What would have to be shown for one comparison of a rule to hold of one target."""
    part = rule.parts[position]
    design, target = analysis.plan.design, part.targets[place]
    look, threshold = _next_look(part, place, held)
    then = analysis.as_when_asked(part, target)
    places = _places(then, part, target, number)
    why = _why_not(then, part, target, places, number)
    holds: tuple[tuple[int, ...], ...] = ()
    near = 0
    if why is None:
        judged = _Judged(then, part, target, threshold, places)
        holds, near = judged.holding()
    return WhatIf(
        rule=rule.name,
        question=part.words(design, place),
        comparison=">=" if part.at_least else "<",
        threshold=threshold,
        look=look,
        participants=max(one.of for one in places),
        endpoints=tuple(one.endpoint for one in places),
        arms=tuple(design.arm_names[one.arm] for one in places),
        nouns=tuple(design.endpoints[one.endpoint].noun for one in places),
        more=tuple(one.more for one in places),
        holds=holds,
        near=near,
        why=why,
    )


@dataclass(frozen=True)
class _Place:
    """Where the next participants may respond: an endpoint in an arm.

    Attributes
    ----------
    asked
        What is asked of the endpoint; its stratum is theirs.
    more, of
        How many of them are there, and how many there are in all arms.
    """

    endpoint: str
    arm: int
    asked: Question
    more: int
    of: int


def _asked(analysis: RecordedAnalysis, part: Comparison, target: Question) -> list[Question]:
    """What is asked about a target, endpoint by endpoint, among the arms that are open."""
    every = part.asks.every(analysis.as_asked(target))
    return [one for asked in every for one in asked.of_endpoints]


def _places(
    analysis: RecordedAnalysis, part: Comparison, target: Question, number: int
) -> tuple[_Place, ...]:
    """Every endpoint in every arm that is asked about."""
    design = analysis.plan.design
    arms: dict[str, dict[int, Question]] = {}
    for one in _asked(analysis, part, target):
        among = one.compared(len(design.arms)) if one.of.among_open else ()
        for arm in among or arms_in_trial(design, one):
            arms.setdefault(one.endpoint, {}).setdefault(arm, one)
    found = []
    for name, own in arms.items():
        coming = _coming(analysis, next(iter(own.values())), number)
        of = sum(coming.values())
        found += [_Place(name, arm, one, coming.get(arm, 0), of) for arm, one in own.items()]
    return tuple(found)


def _next_look(part: Comparison, place: int, held: Held) -> tuple[int, float]:
    """The next look at which a comparison is judged, else this one; and its threshold there."""
    later = min((look for look in part.thresholds if look > held.look), default=None)
    if held.record.between or later is None:
        return held.look, held.record.threshold(part, place)
    return later, part.thresholds[later]


def _coming(analysis: RecordedAnalysis, target: Question, number: int) -> dict[int, int]:
    """The next participants by arm, as many of them as there will be."""
    design, snapshot = analysis.plan.design, analysis.snapshot
    participants, population = analysis.trial.participants, analysis.snapshot.population
    strata = [target.stratum] if target.stratum >= 0 else range(len(design.shares))
    enrolled = snapshot.enrolled.mask(population.participants)[0, : len(participants)]
    due = analysis.summary(target.endpoint).due_by_now()
    label = population.label[0, : len(participants)]
    over, gone = _passed_over(analysis, target.endpoint), _gone(analysis)
    waiting: list[int] = []
    for arm, stratum in product(range(len(design.arm_names)), strata):
        mine = np.flatnonzero(enrolled & ~over & (participants.arm == arm) & (label == stratum))
        waiting += [w for w in mine[int(due[0, arm, stratum]) :].tolist() if not gone[w]]
    more = dict.fromkeys(range(len(design.arm_names)), 0)
    for who in sorted(waiting)[:number]:
        more[int(participants.arm[who])] += 1
    stopped = bool(analysis.trial.standing.enrolment_stopped[0])
    room = 0 if stopped else design.enrolment.max_n - int(enrolled.sum())
    new = dict.fromkeys(np.flatnonzero(analysis.open_arms[0]).tolist(), 0)
    for _ in range(min(number - sum(more.values()), room)):
        first = min(new, key=lambda arm: (new[arm] + 0.5) / design.planned[arm])
        new[first] += 1
        more[first] += 1
    return more


def _gone(analysis: RecordedAnalysis) -> Booleans:
    """Participants who have died or left: what they count for is settled."""
    participants, date = analysis.trial.participants, analysis.date
    dead = participants.randomised + participants.months["death_month"] <= until(date)
    return participants.left(date) | dead


def _passed_over(analysis: RecordedAnalysis, endpoint: str) -> Booleans:
    """Participants who will not be infused, where the outcome is one of infused participants.

    That is taken to be so of who has not been infused when somebody randomised later in the arm
    has.
    """
    participants = analysis.trial.participants
    over = np.zeros(len(participants), dtype=np.bool_)
    if not analysis.plan.design.endpoints[endpoint].opens_at_infusion:
        return over
    infused = participants.randomised + participants.months["infused_month"]
    there = infused <= until(analysis.date)
    for arm in np.flatnonzero(participants.infused_arms):
        mine = participants.arm == arm
        last = np.flatnonzero(mine & there)[-1:].max(initial=-1)
        over |= mine & ~there & (np.arange(len(participants)) < last)
    return over


def _why_not(
    analysis: RecordedAnalysis, part: Comparison, target: Question, places: tuple[_Place, ...],
    number: int,
) -> str | None:  # fmt: skip
    """Why it cannot be told what would have to be seen; nothing where it can."""
    if part.prediction is not None and part.asks.hangs_on(target) > 1:
        return "several things are asked at once, and not how many respond"
    asked = _asked(analysis, part, target)
    names = dict.fromkeys(one.endpoint for one in asked)
    for name in names:
        strata = {one.stratum for one in asked if one.endpoint == name}
        if why := _not_counted(analysis, name, strata):
            return why
    if part.spending is not None:
        return "its threshold follows from the numbers that the look will see"
    if len(names) > 1 and any(map(analysis.imputes, names)):
        return "missing responses are imputed, and several endpoints are asked about"
    if not sum(one.more for one in places):
        return "nobody is still to come in its arms"
    if (tables := prod(one.more + 1 for one in places)) > MOST:
        return f"{number} may come out in {tables:,} ways; up to {MOST:,} are told: ask for fewer"
    return None


def _not_counted(analysis: RecordedAnalysis, name: str, strata: set[int]) -> str | None:
    """Why outcomes of an endpoint cannot be listed; nothing where they can.

    Parameters
    ----------
    strata
        Those about which it is asked.
    """
    design, summary = analysis.plan.design, analysis.summary(name)
    if not summary.binary:
        return (
            f"{name} is no count of {design.endpoints[name].noun}s: what "
            "participants would show cannot be listed; what would have changed the rule is told "
            "with it"
        )
    if summary.not_alike:
        return summary.not_alike
    if len(strata) > 1:
        return f"{name} is asked about in several strata at once"
    if analysis.plan.fitted[name][0].by_stratum and min(strata) < 0 and len(design.shares) > 1:
        return (
            "its model tells the strata apart, and how many respond in each would have to be told"
        )
    return None


@dataclass(frozen=True)
class _Judged:
    """Every table that the next participants may make, judged."""

    analysis: RecordedAnalysis
    part: Comparison
    target: Question
    threshold: float
    places: tuple[_Place, ...]

    def holding(self) -> tuple[tuple[tuple[int, ...], ...], int]:
        """Responders by place with which the rule holds; how many lie within the model's error."""
        error = self.analysis.plan.part_errors[self.part.name]
        found, near = [], 0
        for responders, probability in self._probabilities():
            if self.part.compared(np.array([probability]), self.threshold)[0]:
                found.append(responders)
            away = abs(probability - self.threshold)
            near += bool(error.most and away <= error.at(probability))
        return tuple(found), near

    def _probabilities(self) -> Iterator[tuple[tuple[int, ...], float]]:
        names = dict.fromkeys(one.endpoint for one in self.places)
        now = {name: self.analysis.tables(name) for name in names}
        # where several endpoints are asked about none has more than one table
        weights = next(iter(now.values()))[1]
        every = list(product(*(range(one.more + 1) for one in self.places)))
        for start in range(0, len(every), BATCH):
            some = every[start : start + BATCH]
            stacked = {
                name: type(tables).stacked([self._changed(name, tables, k) for k in some])
                for name, (tables, _) in now.items()
            }
            other = self.analysis.instead_of(stacked)
            answers = other.probability(self.part, self.analysis.as_asked(self.target))
            yield from zip(
                some, (answers.reshape(len(some), len(weights)) @ weights).tolist(), strict=True
            )

    def _changed(self, name: str, tables: Summary, responders: tuple[int, ...]) -> Summary:
        for place, having in zip(self.places, responders, strict=True):
            if place.endpoint == name:
                stratum = self._stratum(place.asked)
                tables = tables.with_more(place.arm, stratum, place.more, having)
        return tables

    def _stratum(self, asked: Question) -> int:
        """A stratum that a question is about; where several are, they count together."""
        if asked.stratum >= 0 or self.analysis.open_strata is None:
            return max(asked.stratum, 0)
        return int(np.argmax(self.analysis.open_strata[0]))
