"""What would have changed a rule: the smallest change in the data that turns it over.

A committee wants to know how near a decision was. For counts, responders are added or taken away
in the arms that the rule compares, totals unchanged, one by one; every such table is judged by the
very code that judged the real one, and the change with the fewest responders is told. For times to
an event, ends of follow-up are turned into events or events into ends of follow-up, those of the
longest or of the shortest follow-up first; for rates, events come or go while patient-years stay.
What is told for counts and rates is the least change there is; for times it is the least found in
these two orders.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from adaptive_cart.analysis.real_trial import RecordedAnalysis
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.nouns.questions import OPEN, Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Counts, Durations, Exposure, Summary

BATCH = 64  # tables judged at once
MOST_EVENTS = 200  # added to a rate before it is given up


@dataclass(frozen=True)
class Move:
    """A change in one arm (and stratum): so many responders or events more or fewer."""

    arm: int
    stratum: int | None
    by: int
    order: str = ""


@dataclass(frozen=True)
class Flip:
    """The smallest change found, and the probability after it."""

    moves: tuple[Move, ...]
    probability: float


def smallest_flip(
    analysis: RecordedAnalysis, rule: ResolvedRule, target: Question, threshold: float
) -> Flip | None:
    """Find the smallest change of the data that turns a rule over; nothing where none does."""
    tables, weights = analysis.tables(target.endpoint)
    now = rule.compared(analysis.fast_probability(rule, target), threshold)[0]
    search = _Search(analysis, rule, target, threshold, bool(now), tables, weights)
    if isinstance(tables, Counts):
        return search.counts(tables)
    if isinstance(tables, Exposure):
        return search.rates(tables)
    if isinstance(tables, Durations):
        return search.durations(tables)
    return None


@dataclass(frozen=True)
class _Search:
    analysis: RecordedAnalysis
    rule: ResolvedRule
    target: Question
    threshold: float
    now: bool
    tables: Summary
    weights: Floats

    # ── judging changed tables ────────────────────────────────────────────────────────────
    def _judged(self, changed: list[Summary]) -> tuple[Floats, Booleans]:
        """Probability after each change, and whether it turns the rule over."""
        stacked = type(self.tables)(
            *(
                np.concatenate([getattr(table, name) for table in changed])
                for name in vars(self.tables)
            )
        )
        other = self.analysis.instead(self.target.endpoint, stacked)
        answers = other.probability(self.rule, self.target)
        probability = answers.reshape(len(changed), len(self.weights)) @ self.weights
        turned = self.rule.compared(probability, self.threshold) != self.now
        return probability, turned & np.isfinite(probability)

    def _first(self, candidates: Iterator[tuple[tuple[Move, ...], Summary]]) -> Flip | None:
        """Return the first of the candidates, in order, that turns the rule over."""
        while True:
            batch = [pair for pair, _ in zip(candidates, range(BATCH), strict=False)]
            if not batch:
                return None
            probability, turned = self._judged([table for _, table in batch])
            if turned.any():
                place = int(np.argmax(turned))
                return Flip(batch[place][0], float(probability[place]))

    def _arms(self) -> list[int]:
        target = self.target
        if not target.of.among_open:
            return list(target.pair)
        asked = self.analysis.as_asked(target)
        return list(asked.compared(len(self.analysis.plan.design.arm_names)))

    def _strata(self) -> list[list[int]]:
        """Strata in which responders may move: one by one where the model tells them apart."""
        number = len(self.analysis.plan.design.shares)
        inside = list(range(number))
        if self.target.stratum >= 0:
            inside = [self.target.stratum]
        elif self.target.stratum == OPEN and self.analysis.open_strata is not None:
            inside = [s for s in inside if self.analysis.open_strata[0, s]]
        apart = self.analysis.plan.fitted[self.target.endpoint][0].by_stratum
        return [[s] for s in inside] if apart else [inside]

    # ── counts ────────────────────────────────────────────────────────────────────────────
    def counts(self, tables: Counts) -> Flip | None:
        """Move responders, fewest first; within a number, in one arm before in two."""
        cells = [(arm, tuple(strata)) for arm in self._arms() for strata in self._strata()]
        room = {}
        for arm, strata in cells:
            where = (slice(None), arm, list(strata))
            inside = tables.successes[where].sum(axis=1)
            free = (tables.totals[where] - tables.successes[where]).sum(axis=1)
            room[arm, strata] = (-int(inside.min()), int(free.min()))
        return self._first(self._by_size(tables, cells, room))

    def _by_size(
        self,
        tables: Counts,
        cells: list[tuple[int, tuple[int, ...]]],
        room: dict[tuple[int, tuple[int, ...]], tuple[int, int]],
    ) -> Iterator[tuple[tuple[Move, ...], Summary]]:
        most = max((max(-low, high) for low, high in room.values()), default=0)
        both = len(self._strata()) == 1 and len(cells) == 2
        for size in range(1, most + 1):
            splits = [(size, 0), (0, size)] if both else []
            splits += [(size - k, k) for k in range(1, size)] if both else []
            steps: list[dict[tuple[int, tuple[int, ...]], int]] = []
            if both:
                for one, other in splits:
                    for up, down in product((1, -1), repeat=2):
                        step = {cells[0]: up * one, cells[1]: down * other}
                        steps.append({cell: by for cell, by in step.items() if by})
            else:
                steps = [{cell: sign * size} for cell in cells for sign in (1, -1)]
            told: set[tuple[tuple[tuple[int, tuple[int, ...]], int], ...]] = set()
            for step in steps:
                key = tuple(step.items())
                fits = all(room[cell][0] <= by <= room[cell][1] for cell, by in step.items())
                if key in told or not fits:
                    continue
                told.add(key)
                yield self._counted(tables, step)

    def _counted(
        self, tables: Counts, step: dict[tuple[int, tuple[int, ...]], int]
    ) -> tuple[tuple[Move, ...], Summary]:
        successes = tables.successes.copy()
        moves = []
        for (arm, strata), by in step.items():
            left = np.full(len(successes), by)
            for stratum in strata:  # pooled: wherever there is room
                here = successes[:, arm, stratum]
                free = tables.totals[:, arm, stratum] - here
                take = np.clip(left, -here, free)
                successes[:, arm, stratum] = here + take
                left = left - take
            alone = len(self.analysis.plan.design.shares) > 1 and len(strata) == 1
            moves.append(Move(arm, strata[0] if alone else None, by))
        return tuple(moves), replace(tables, successes=successes)

    # ── rates ─────────────────────────────────────────────────────────────────────────────
    def rates(self, tables: Exposure) -> Flip | None:
        """Let events come or go, patient-years unchanged."""
        return self._first(self._rates(tables))

    def _rates(self, tables: Exposure) -> Iterator[tuple[tuple[Move, ...], Summary]]:
        (strata,) = self._strata()[:1]
        for size in range(1, MOST_EVENTS + 1):
            for arm, sign in product(self._arms(), (1, -1)):
                events = tables.events.copy()
                if sign > 0:
                    events[:, arm, strata[0]] += size
                elif events[0, arm, strata].sum() < size:
                    continue
                else:
                    left = size
                    for stratum in strata:
                        take = min(left, int(events[0, arm, stratum]))
                        events[:, arm, stratum] -= take
                        left -= take
                alone = len(self.analysis.plan.design.shares) > 1 and len(strata) == 1
                move = Move(arm, strata[0] if alone else None, sign * size)
                yield (move,), replace(tables, events=events)

    # ── times to an event ─────────────────────────────────────────────────────────────────
    def durations(self, tables: Durations) -> Flip | None:
        """Turn ends of follow-up into events, or events into ends of follow-up."""
        return self._first(self._durations(tables))

    def _durations(self, tables: Durations) -> Iterator[tuple[tuple[Move, ...], Summary]]:
        lines = []
        for arm, more in product(self._arms(), (True, False)):
            mine = tables.members(arm, self.target.stratum, self.analysis.open_strata)[0]
            inside = mine & (tables.event[0] != more)
            who = np.flatnonzero(inside & (tables.months[0] > 0.0))
            by_months = who[np.argsort(tables.months[0, who], kind="stable")]
            lines.append((arm, more, "shortest", by_months))
            lines.append((arm, more, "longest", by_months[::-1]))
        for size in range(1, max((len(who) for *_, who in lines), default=0) + 1):
            for arm, more, order, who in lines:
                if len(who) < size:
                    continue
                event = tables.event.copy()
                event[:, who[:size]] = more
                yield (
                    (Move(arm, None, size if more else -size, order),),
                    replace(tables, event=event),
                )


def flip_words(
    analysis: RecordedAnalysis, rule: ResolvedRule, target: Question, flip: Flip | None, now: bool
) -> str:
    """Say what would have changed a rule: "would hold with 1 more responder in cart"."""
    would = "would not hold" if now else "would hold"
    if flip is None:
        return f"no change of the outcomes in its arms alone would {'undo' if now else 'make'} it"
    design = analysis.plan.design
    summary, _ = analysis.tables(target.endpoint)
    endpoint = design.endpoints[target.endpoint]
    parts = []
    for move in flip.moves:
        arm = design.arm_names[move.arm]
        where = arm if move.stratum is None else f"{arm}, {design.stratum_names[move.stratum]}"
        number = abs(move.by)
        if isinstance(summary, Durations):
            noun = "event" if number == 1 else "events"
            if move.by > 0:
                parts.append(f"{number} more {noun} in {where}, in those followed {move.order}")
            else:
                when = "earliest" if move.order == "shortest" else "latest"
                parts.append(f"{number} fewer {noun} in {where}, without the {when}")
            continue
        noun = endpoint.noun + ("" if number == 1 else "s")
        parts.append(f"{number} {'more' if move.by > 0 else 'fewer'} {noun} in {where}")
    return f"{would} with {' and '.join(parts)} (then {flip.probability:.4f})"
