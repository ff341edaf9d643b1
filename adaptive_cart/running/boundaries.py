"""Rules on counts as integer boundaries: what a board can look up at its table.

For each look at its planned numbers, and each number of responders in the control, the numbers of
responders in the other arm at which a rule holds. Thresholds are kept at full precision: a rounded
one can be another design.

In each row a rule holds from one number of responders on, or up to one
(:mod:`adaptive_cart.conduct.staircase`), so that a table takes about as many posteriors as it has
rows and columns.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.conduct.staircase import turns
from adaptive_cart.decisions import Decision
from adaptive_cart.design.design import Design
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

    def alone_words(self) -> str:
        """Say where a rule about one arm holds: ``from 13/20 in cart on``."""
        turn, n, arm = int(self.turns[0]), self.analysed[-1], self.arms[-1]
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
    ready = plan or Plan.of(design)
    return [
        _boundary(design, ready, rule, look, arms, analysed)
        for rule, look, arms, analysed, fits in _planned(design, ready)
        if fits
    ]


def left_out(design: Design, plan: Plan | None = None) -> list[str]:
    """Which rules' tables would take too long to be worked out, a sentence each."""
    large: dict[str, list[tuple[int, tuple[int, ...]]]] = {}
    for rule, look, _, analysed, fits in _planned(design, plan or Plan.of(design)):
        if not fits:
            large.setdefault(rule.name, []).append((look, analysed))
    found = []
    for name, tables in large.items():
        looks = ", ".join(str(look) for look, _ in tables)
        size = " by ".join(f"{number + 1:,}" for number in tables[-1][1])
        found.append(
            f"boundaries of '{name}' at look {looks} are left out: tables of up to {size} counts, "
            f"more than are worked out ({MOST_CELLS:,} in a table, {MOST_ROWS:,} rows and columns "
            f"in all)"
        )
    return found


def planned_at(design: Design, look: int) -> tuple[int, ...] | None:
    """Numbers planned in each arm at a look of the primary; nothing where they are random."""
    looks = design.looks
    fixed = design.strata is None and not design.adaptive and design.stays is None
    fixed &= design.first_part is None
    if not fixed or not looks.as_stated:
        return None
    at = [*looks.at, design.enrolment.max_n] if looks.final is not None else looks.at
    if looks.scale != "observed" and not (looks.final is not None and look == looks.number):
        return None
    total, number = sum(design.allocation), int(at[look - 1])
    exact = [number * ratio / total for ratio in design.allocation]
    if any(abs(value - round(value)) > 1e-9 for value in exact):
        return None
    return tuple(round(value) for value in exact)


def _planned(
    design: Design, plan: Plan
) -> Iterator[tuple[ResolvedRule, int, tuple[int, ...], tuple[int, ...], bool]]:
    """Every table there may be: rule, look, arms, numbers, and whether it is worked out."""
    rows = 0
    for rule in plan.rules:
        for look, arms, analysed in _tables(design, rule):
            more = sum(number + 1 for number in analysed)
            fits = math.prod(n + 1 for n in analysed) <= MOST_CELLS and rows + more <= MOST_ROWS
            rows += more if fits else 0
            yield rule, look, arms, analysed, fits


def _tables(
    design: Design, rule: ResolvedRule
) -> Iterator[tuple[int, tuple[int, ...], tuple[int, ...]]]:
    """Looks at which a rule is a matter of counts at planned numbers: look, arms, numbers."""
    part = rule.only
    if part is None or part.several:  # of several questions there is no one table
        return
    question = part.question
    analysis = design.analysis_of(question.endpoint)
    if analysis is None or not analysis.of_tables or question.stratum >= 0:
        return
    if design.adaptive or not question.of.about_levels or question.kind not in analysis.answers:
        return
    same_time = design.endpoints[question.endpoint].known_after()
    if same_time != design.primary_endpoint.known_after() or same_time is None:
        return
    ahead = part.prediction
    if ahead is not None and (ahead.enrolled or not ahead.summed(analysis, question)):
        return
    asked = [*part.thresholds.values()]
    if part.prediction is not None:
        asked.append(part.prediction.threshold)
    if np.isnan(asked).any():  # still to be calibrated
        return
    for look in part.thresholds:
        planned = planned_at(design, look)
        if planned is None or rule.silent(planned):
            continue
        arms: tuple[int, ...] = (question.arm,)
        if question.minus is not None and question.minus < len(design.arms):
            arms = (question.minus, question.arm)  # external data are as they were observed
        yield look, arms, tuple(planned[arm] for arm in arms)


def _boundary(
    design: Design,
    plan: Plan,
    rule: ResolvedRule,
    look: int,
    arms: tuple[int, ...],
    analysed: tuple[int, ...],
) -> Boundary:
    part = rule.only
    assert part is not None  # else there are no tables
    many = for_many(part)
    planned = planned_at(design, look)
    assert planned is not None

    def beyond(control: Integers, arm: Integers) -> Booleans:
        cells = (arm,) if len(arms) == 1 else (control, arm)
        holds = _holds(plan, part, look, dict(zip(arms, cells, strict=True)), planned)
        return holds if many else ~holds

    found = turns(beyond, analysed[0] + 1 if len(arms) == 2 else 1, analysed[-1])
    names = tuple(design.arm_names[arm] for arm in arms)
    return Boundary(rule.name, rule.decision, look, names, analysed, found, many)


def for_many(part: Comparison) -> bool:
    """Whether a comparison of counts holds for many responders in the arm that it asks about."""
    if part.prediction is None:
        return part.question.above == part.at_least
    predicted = part.question.above == part.prediction.at_least
    return predicted == part.at_least


def _holds(
    plan: Plan,
    part: Comparison,
    look: int,
    responders: dict[int, Integers],
    planned: tuple[int, ...],
) -> Booleans:
    """Whether a comparison holds on some tables, ``(table,)``; responders by arm."""
    tables = len(next(iter(responders.values())))
    successes = np.zeros((tables, len(plan.design.arm_names)), dtype=np.int64)
    totals = np.zeros_like(successes)
    for arm, number in responders.items():
        successes[:, arm] = number
        totals[:, arm] = planned[arm]
    seen = LookAnalysis.of_tables(plan, part.question.endpoint, successes, totals)
    return part.compared(seen.probability(part, part.question), part.thresholds[look])


def boundaries_csv(design: Design) -> str:
    """Boundaries as text for ``boundaries.csv``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["rule", "then", "look", "control", "control_n", "control_responders", "arm", "arm_n",
         "arm_responders_at_which_it_holds"]
    )  # fmt: skip
    for boundary in boundaries(design):
        two = len(boundary.analysed) == 2
        for row in range(len(boundary.turns)):
            writer.writerow(
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
    return text.getvalue()
