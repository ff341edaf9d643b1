"""Rules on counts as integer boundaries: what a board can look up at its table.

For each look at its planned numbers, each arm that a rule asks about, and each number of responders
in the control, the numbers of responders in the arm at which the rule holds. Where arms enter or
leave, planned numbers are those of a trial in which participants come when they are expected and no
rule acts, and of concurrent controls those of the periods in which both enrol; where a rule may
close an arm, those of a trial in which none has. Thresholds are kept at full precision: a rounded
one can be another design.

In each row a rule holds from one number of responders on, or up to one
(:mod:`adaptive_cart.conduct.staircase`), so that a table takes about as many posteriors as it has
rows and columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.conduct.staircase import turns
from adaptive_cart.decisions import Decision
from adaptive_cart.design.design import Design
from adaptive_cart.design.planned import planned_among, rounded_among
from adaptive_cart.design.spending import planned_thresholds, spent_apart
from adaptive_cart.nouns.csv_text import csv_text
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans, Integers

MOST_CELLS = 2_500_000  # of one table; more of them take longer than anybody waits for a table
MOST_ROWS = 100_000  # rows and columns of all tables of a design; likewise


@dataclass(frozen=True)
class Boundary:
    """One rule at one look.

    Attributes
    ----------
    analysed
        Planned numbers in (control or nothing, arm asked about).
    turns
        By responders in the control (one row where the question is about the arm alone): the number
        of responders in the arm from which on the rule holds, or below which it does.
    many
        Whether the rule holds for many responders in the arm, or for few.
    """

    rule: str
    decision: Decision
    look: int
    arms: tuple[str, ...]
    analysed: tuple[int, ...]
    turns: Integers
    many: bool

    @cached_property
    def holds(self) -> Booleans:
        """By responders in the control, then by responders in the arm."""
        above = np.arange(self.analysed[-1] + 1) >= self.turns[:, None]
        return above if self.many else ~above

    def runs(self, row: int) -> str:
        """Responders in the arm at which the rule holds: "14-40", "" for none."""
        turn, n = int(self.turns[row]), self.analysed[-1]
        first, last = (turn, n) if self.many else (0, turn - 1)
        if first > last:
            return ""
        return f"{first}" if first == last else f"{first}-{last}"

    def edge(self) -> tuple[float, int, int] | None:
        """Difference nearest to the other side at which the rule holds, with its counts.

        The smallest one where the rule asks for much, the largest where it asks for little.
        """
        columns = self.turns if self.many else self.turns - 1
        rows = np.flatnonzero((columns >= 0) & (columns <= self.analysed[-1]))
        if len(rows) == 0:
            return None
        low = rows / self.analysed[0] if len(self.analysed) == 2 else 0.0
        if self._always():
            columns = np.zeros_like(columns)
        columns = columns[rows]
        differences = columns / self.analysed[-1] - low
        largest = not self.many and not self._always()
        best = int(differences.argmax() if largest else differences.argmin())
        return float(differences[best]), int(rows[best]), int(columns[best])

    def alone_words(self, arms: str) -> str:
        """Say where a rule about one arm holds, or each of some: ``from 13/20 in cart on``."""
        turn, n, arm = int(self.turns[0]), self.analysed[-1], arms
        if self._always():
            return f"always, at any of the {n} in {arm}"
        return f"from {turn}/{n} in {arm} on" if self.many else f"up to {turn - 1}/{n} in {arm}"

    def _always(self) -> bool:
        """Whether the rule holds whatever is seen."""
        everywhere = self.turns <= 0 if self.many else self.turns > self.analysed[-1]
        return bool(everywhere.all())


def boundaries(design: Design, plan: Plan | None = None) -> list[Boundary]:
    """Boundaries of every rule on beta-binomial counts, at planned numbers.

    Tables that would take too long are left out; :func:`left_out` says which.
    """
    design, ready = design.with_tables_as_weighted, _plan(design, plan)
    return [
        _boundary(design, ready, rule, look, question, analysed)
        for rule, look, question, analysed, fits in _planned(design, ready)
        if fits
    ]


def _plan(design: Design, plan: Plan | None) -> Plan:
    """Of the design, its external data as they were observed where they are tables."""
    own = design.with_tables_as_weighted
    return Plan.of(own) if plan is None or own is not design else plan


def arms_alike(found: Iterable[Boundary]) -> list[tuple[tuple[str, ...], list[Boundary]]]:
    """Names of arms of which all these boundaries are the same, and those of the first of them."""
    by_arm: dict[str, list[Boundary]] = {}
    for one in found:
        by_arm.setdefault(one.arms[-1], []).append(one)
    groups: dict[tuple[Any, ...], list[str]] = {}
    for arm, own in by_arm.items():
        groups.setdefault(tuple(map(_told, own)), []).append(arm)
    return [(tuple(arms), by_arm[arms[0]]) for arms in groups.values()]


def _told(one: Boundary) -> tuple[Any, ...]:
    """All that a boundary says, but for the arm that it is of."""
    return one.rule, one.look, one.arms[:-1], one.analysed, one.turns.tobytes()


def left_out(design: Design, plan: Plan | None = None) -> list[str]:
    """Which rules' tables would take too long to be worked out, a sentence each."""
    large: dict[str, list[tuple[int, tuple[int, ...]]]] = {}
    for rule, look, _, analysed, fits in _planned(design, _plan(design, plan)):
        if not fits:
            large.setdefault(rule.name, []).append((look, analysed))
    found = []
    for name, tables in large.items():
        looks = ", ".join(dict.fromkeys(str(look) for look, _ in tables))
        size = " by ".join(f"{number + 1:,}" for number in tables[-1][1])
        found.append(
            f"boundaries of '{name}' at look {looks} are left out: tables of up to {size} counts, "
            f"more than are worked out ({MOST_CELLS:,} in a table, {MOST_ROWS:,} rows and columns "
            f"in all)"
        )
    return found


def planned_at(design: Design, look: int) -> tuple[int, ...] | None:
    """Numbers planned in each arm at a look of the primary; nothing where they are random."""
    number = _number_at(design, look)
    if number is None:
        return None
    if design.stays is not None:
        return rounded_among(planned_among(design, number).sum(axis=1))
    total = sum(design.allocation)
    exact = [number * ratio / total for ratio in design.allocation]
    if any(abs(value - round(value)) > 1e-9 for value in exact):
        return None
    return tuple(round(value) for value in exact)


def planned_if(design: Design) -> str:
    """Say of which trial planned numbers are, where not of every one; blank where they are."""
    parts = ["participants come when they are expected"] if design.stays is not None else []
    parts += ["no arm has been closed"] if design.closes_arms else []
    return f"if {' and '.join(parts)}" if parts else ""


def _number_at(design: Design, look: int) -> int | None:
    """How many are analysed at a look of the primary; nothing where that, or who, is random."""
    looks = design.looks
    fixed = (
        design.strata is None
        and design.randomisation.by_shares is None
        and design.first_part is None
    )
    if not fixed or not looks.as_stated:
        return None
    at = [*looks.at, design.enrolment.max_n] if looks.final is not None else looks.at
    if not looks.counts.when_followed and not (looks.final is not None and look == looks.number):
        return None
    return int(at[look - 1])


def _counted_at(design: Design, look: int, question: Question) -> tuple[int, ...] | None:
    """Planned numbers of (the arm compared with or nothing, the arm) that a question counts.

    Nothing where there are none, or the arm has nobody yet.
    """
    planned = planned_at(design, look)
    arms = _arms_of(design, question)
    if planned is None or not all(planned[arm] for arm in arms):
        return None
    analysis = design.analysis_of(question.endpoint)
    if design.stays is None or analysis is None or not analysis.by_period:
        return tuple(planned[arm] for arm in arms)
    number = _number_at(design, look)
    assert number is not None
    by_period = planned_among(design, number)[list(arms)]
    together = by_period[:, (by_period > 0.0).all(axis=0)].sum(axis=1)
    return tuple(round(float(value)) for value in together)


def _arms_of(design: Design, question: Question) -> tuple[int, ...]:
    if question.minus is None or question.minus >= len(design.arms):
        return (question.arm,)  # external data are as they were observed
    return question.minus, question.arm


def _planned(
    design: Design, plan: Plan
) -> Iterator[tuple[ResolvedRule, int, Question, tuple[int, ...], bool]]:
    """Every table there may be: rule, look, question, numbers, and whether it is worked out."""
    rows = 0
    for rule in plan.rules:
        for look, question, analysed in _tables(design, rule):
            more = sum(number + 1 for number in analysed)
            fits = math.prod(n + 1 for n in analysed) <= MOST_CELLS and rows + more <= MOST_ROWS
            rows += more if fits else 0
            yield rule, look, question, analysed, fits


def _tables(design: Design, rule: ResolvedRule) -> Iterator[tuple[int, Question, tuple[int, ...]]]:
    """Where a rule is a matter of counts at planned numbers: look, what it asks, numbers."""
    part = rule.only
    if part is None or part.several:  # of several questions there is no one table
        return
    question = part.question
    analysis = design.analysis_of(question.endpoint)
    if analysis is None or not analysis.of_two_counts or question.stratum >= 0:
        return
    if not question.of.about_levels or question.kind not in analysis.answers:
        return
    same_time = design.endpoints[question.endpoint].known_after()
    if same_time != design.primary_endpoint.known_after() or same_time is None:
        return
    ahead = part.prediction
    if ahead is not None and (ahead.enrolled or not ahead.summed(analysis, question)):
        return
    if ahead is not None and (design.stays is not None or design.adaptive):
        return  # what is still to come hangs on what a trial has seen
    asked = [*part.thresholds.values()]
    if part.prediction is not None:
        asked.append(part.prediction.threshold)
    if np.isnan(asked).any():  # still to be calibrated
        return
    for look in part.thresholds:
        for target in part.targets:
            counted = _counted_at(design, look, target)
            planned = planned_at(design, look)
            if counted is not None and planned is not None and planned[target.arm] >= rule.least:
                yield look, target, counted


def _boundary(
    design: Design,
    plan: Plan,
    rule: ResolvedRule,
    look: int,
    question: Question,
    analysed: tuple[int, ...],
) -> Boundary:
    part, arms = rule.only, _arms_of(design, question)
    assert part is not None  # else there are no tables
    many = for_many(part)
    planned = planned_at(design, look)
    assert planned is not None
    numbers = dict(enumerate(planned)) | dict(zip(arms, analysed, strict=True))
    threshold = _planned_threshold(design, rule, question, look)

    def beyond(control: Integers, arm: Integers) -> Booleans:
        cells = (arm,) if len(arms) == 1 else (control, arm)
        counts = dict(zip(arms, cells, strict=True))
        holds = _holds(plan, part, question, threshold, counts, numbers)
        return holds if many else ~holds

    found = turns(beyond, analysed[0] + 1 if len(arms) == 2 else 1, analysed[-1])
    names = tuple(design.arm_names[arm] for arm in arms)
    return Boundary(rule.name, rule.decision, look, names, analysed, found, many)


def _planned_threshold(design: Design, rule: ResolvedRule, question: Question, look: int) -> float:
    """What a probability of an arm is compared with at a look, at the planned numbers."""
    assert rule.only is not None
    written = next(one for one in design.rules if one.name == rule.name)
    if not spent_apart(design, written):
        return rule.only.thresholds[look]
    return planned_thresholds(design, written, design.arm_names[question.arm])[look]


def for_many(part: Comparison) -> bool:
    """Whether a comparison of counts holds for many responders in the arm that it asks about."""
    if part.prediction is None:
        return part.question.above == part.at_least
    predicted = part.question.above == part.prediction.at_least
    return predicted == part.at_least


def _holds(
    plan: Plan,
    part: Comparison,
    question: Question,
    threshold: float,
    responders: dict[int, Integers],
    planned: Mapping[int, int],
) -> Booleans:
    """Whether a comparison holds on some tables, ``(table,)``; responders by arm."""
    tables = len(next(iter(responders.values())))
    successes = np.zeros((tables, len(plan.design.arm_names)), dtype=np.int64)
    totals = np.zeros_like(successes)
    for arm, number in responders.items():
        successes[:, arm] = number
        totals[:, arm] = planned[arm]
    seen = LookAnalysis.of_tables(plan, question.endpoint, successes, totals)
    return part.compared(seen.probability(part, question), threshold)


def boundaries_csv(design: Design) -> str:
    """Boundaries as text for ``boundaries.csv``."""
    header = ("rule", "then", "look", "control", "control_n", "control_responders", "arm", "arm_n",
              "arm_responders_at_which_it_holds")  # fmt: skip
    rows = []
    for boundary in boundaries(design):
        two = len(boundary.analysed) == 2
        for row in range(len(boundary.turns)):
            rows.append(
                [
                    boundary.rule,
                    boundary.decision.name,
                    boundary.look,
                    boundary.arms[0] if two else "",
                    boundary.analysed[0] if two else "",
                    row if two else "",
                    boundary.arms[-1],
                    boundary.analysed[-1],
                    boundary.runs(row),
                ]
            )
    return csv_text(header, rows)
