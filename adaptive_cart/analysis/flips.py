"""What would have changed a rule: the smallest change in the data that turns it over.

A committee wants to know how near a decision was. For counts, responders are added or taken away
in the arms that the rule compares, totals unchanged, one by one; every such table is judged by the
very code that judged the real one, and the change with the fewest responders is told. For times to
an event, ends of follow-up are turned into events or events into ends of follow-up, those of the
longest or of the shortest follow-up first; for rates, events come or go while patient-years stay;
for categories, participants of an arm go from one category to another. What is told for counts and
rates is the least change there is; for times and categories it is the least found in these ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from adaptive_cart.analysis.real_trial import RecordedAnalysis
from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.nouns.questions import OPEN, Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Summary
from adaptive_cart.nouns.summaries.changes import Move, Reach

BATCH = 64  # tables judged at once


@dataclass(frozen=True)
class Flip:
    """The smallest change found, and the probability after it."""

    moves: tuple[Move, ...]
    probability: float


def smallest_flip(
    analysis: RecordedAnalysis, part: Comparison, target: Question, threshold: float
) -> Flip | None:
    """Find the smallest change of the data that turns a rule over; nothing where none does."""
    tables, weights = analysis.tables(target.endpoint)
    now = part.compared(analysis.fast_probability(part, target), threshold)[0]
    search = _Search(analysis, part, target, threshold, bool(now), tables, weights)
    reach = search.reach()
    return search.first(tables.changes(reach))


@dataclass(frozen=True)
class _Search:
    analysis: RecordedAnalysis
    part: Comparison
    target: Question
    threshold: float
    now: bool
    tables: Summary
    weights: Floats

    # ── judging changed tables ────────────────────────────────────────────────────────────
    def _judged(self, changed: list[Summary]) -> tuple[Floats, Booleans]:
        """Probability after each change, and whether it turns the rule over."""
        stacked = type(self.tables).stacked(changed)
        other = self.analysis.instead(self.target.endpoint, stacked)
        answers = other.probability(self.part, self.target)
        probability = answers.reshape(len(changed), len(self.weights)) @ self.weights
        turned = self.part.compared(probability, self.threshold) != self.now
        return probability, turned & np.isfinite(probability)

    def first(self, candidates: Iterator[tuple[tuple[Move, ...], Summary]]) -> Flip | None:
        """Return the first of the candidates, in order, that turns the rule over."""
        while True:
            batch = [pair for pair, _ in zip(candidates, range(BATCH), strict=False)]
            if not batch:
                return None
            probability, turned = self._judged([table for _, table in batch])
            if turned.any():
                place = int(np.argmax(turned))
                return Flip(batch[place][0], float(probability[place]))

    def reach(self) -> Reach:
        """Whose data may change: the arms that are compared, in the strata that are asked about."""
        several = len(self.analysis.plan.design.shares) > 1
        stratum, open_strata = self.target.stratum, self.analysis.open_strata
        return Reach(tuple(self._arms()), self._strata(), stratum, open_strata, several)

    def _arms(self) -> list[int]:
        target = self.target
        if not target.of.among_open:
            arms = len(self.analysis.plan.design.arms)  # external data do not change
            return [arm for arm in target.pair if arm < arms]
        asked = self.analysis.as_asked(target)
        return list(asked.compared(len(self.analysis.plan.design.arm_names)))

    def _strata(self) -> tuple[tuple[int, ...], ...]:
        """Strata in which responders may move: one by one where the model tells them apart."""
        number = len(self.analysis.plan.design.shares)
        inside = list(range(number))
        if self.target.stratum >= 0:
            inside = [self.target.stratum]
        elif self.target.stratum == OPEN and self.analysis.open_strata is not None:
            inside = [s for s in inside if self.analysis.open_strata[0, s]]
        apart = self.analysis.plan.fitted[self.target.endpoint][0].by_stratum
        return tuple((s,) for s in inside) if apart else (tuple(inside),)


def flip_words(analysis: RecordedAnalysis, target: Question, flip: Flip | None, now: bool) -> str:
    """Say what would have changed a rule: "would hold with 1 more responder in cart"."""
    would = "would not hold" if now else "would hold"
    if flip is None:
        searched = analysis.tables(target.endpoint)[0].searched
        return f"{searched} would {'undo' if now else 'make'} it"
    design = analysis.plan.design
    noun = design.endpoints[target.endpoint].noun
    parts = []
    for move in flip.moves:
        arm = design.arm_names[move.arm]
        where = arm if move.stratum is None else f"{arm}, {design.stratum_names[move.stratum]}"
        parts.append(move.words.format(where=where, noun=noun))
    return f"{would} with {' and '.join(parts)} (then {flip.probability:.4f})"
