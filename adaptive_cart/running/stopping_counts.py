"""Rules on one arm's counts as a table: it holds at x of n, for every n.

A rule that is judged at looks of the primary, or after every so many infusions, meets any number
analysed. Of each the fewest with the event are given at which the rule holds: what a safety board
looks up. They do not fall as the number grows, and are found by halving between the numbers already
known (:mod:`adaptive_cart.conduct.staircase`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.conduct.staircase import turns
from adaptive_cart.decisions import Decision
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.csv_text import csv_text
from adaptive_cart.nouns.questions import ALL, Question
from adaptive_cart.nouns.records import Booleans, Integers
from adaptive_cart.running.boundaries import for_many


@dataclass(frozen=True)
class StoppingCounts:
    """At how many with the event a rule holds of one target, by the number analysed.

    Attributes
    ----------
    rule, part
        Names of the rule and of its comparison (the same where it makes but one).
    each
        Whether the rule asks the same of other arms or strata.
    alone
        Whether it is one of several questions of which any is enough.
    looks
        Numbers of the looks with this threshold; between looks that of the next one is in force.
    several
        Whether other looks have other thresholds.
    least
        The rule is silent below this number.
    fewest
        By number analysed, from 1: the fewest with the event, one more than all for none.
    """

    rule: str
    part: str
    decision: Decision
    each: bool
    alone: bool
    endpoint: str
    arm: str
    stratum: str | None
    looks: tuple[int, ...]
    several: bool
    threshold: float
    least: int
    fewest: Integers

    def runs(self) -> list[tuple[int, int, int | None]]:
        """Numbers analysed that have the same answer: first, last, and the fewest if there are.

        One more than all of n stands with the same of n + 1, which it is beyond as well.
        """
        found: list[tuple[int, int, int | None]] = []
        numbers = self.fewest.tolist()
        for n, fewest in enumerate(numbers, start=1):
            reached = fewest <= n or fewest in numbers[n : n + 1]
            own = fewest if reached else None
            if found and found[-1][2] == own:
                found[-1] = (found[-1][0], n, own)
            else:
                found.append((n, n, own))
        return found


def stopping_counts(design: Design, plan: Plan | None = None) -> list[StoppingCounts]:
    """Tables of every rule that claims nothing and holds for many events in one arm."""
    ready = plan or Plan.of(design)
    return [table for rule in ready.rules for table in _of_rule(ready, rule)]


def _of_rule(plan: Plan, rule: ResolvedRule) -> Iterator[StoppingCounts]:
    alone = rule.condition.any_is_enough
    if rule.decision.claims or (rule.only is None and not alone):
        return  # of what has to hold together there is no table of one
    for part in rule.parts:
        if not _of_counts(plan, part):
            continue
        by_threshold: dict[float, list[int]] = {}
        for look, threshold in part.thresholds.items():
            by_threshold.setdefault(threshold, []).append(look)
        for target in part.targets:
            for threshold, looks in by_threshold.items():
                yield _table(plan, rule, part, target, threshold, tuple(looks), len(by_threshold))


def _of_counts(plan: Plan, part: Comparison) -> bool:
    """Whether a comparison is a matter of one arm's counts, and holds for many events."""
    question = part.question
    fitted = plan.fitted.get(question.endpoint)
    if part.several or part.prediction is not None or fitted is None or not fitted[0].of_tables:
        return False
    if not question.of.about_levels or question.minus is not None:
        return False
    known = not np.isnan(list(part.thresholds.values())).any()
    return known and question.stratum >= ALL and for_many(part)


def _table(
    plan: Plan,
    rule: ResolvedRule,
    part: Comparison,
    target: Question,
    threshold: float,
    looks: tuple[int, ...],
    thresholds: int,
) -> StoppingCounts:
    design, place = plan.design, max(target.stratum, 0)
    most = design.enrolment.max_n if design.adaptive else design.planned[target.arm]

    def beyond(analysed: Integers, events: Integers) -> Booleans:
        there = (events <= analysed) & (analysed > 0)
        successes = np.zeros((len(events), len(design.arm_names)), dtype=np.int64)
        totals = np.zeros_like(successes)
        successes[:, target.arm] = np.where(there, events, 0)
        totals[:, target.arm] = np.where(there, analysed, 0)
        seen = LookAnalysis.of_tables(plan, target.endpoint, successes, totals, place)
        holds = part.compared(seen.probability(part, target), threshold)
        return ~there | holds

    number, fewest = np.arange(1, most + 1), turns(beyond, most + 1, most)[1:]
    fewest = np.where(number < rule.least, number + 1, fewest)
    return StoppingCounts(
        rule.name,
        part.name,
        rule.decision,
        len(part.targets) > 1,
        rule.only is None,
        target.endpoint,
        design.arm_names[target.arm],
        design.stratum_names[target.stratum] if target.stratum >= 0 else None,
        looks,
        thresholds > 1,
        threshold,
        rule.least,
        fewest,
    )


def stopping_counts_csv(design: Design) -> str:
    """Every table as text for ``stopping_counts.csv``, a row a number analysed."""
    header = ("rule", "then", "endpoint", "arm", "stratum", "looks", "threshold", "analysed",
              "holds_from")  # fmt: skip
    rows = []
    for table in stopping_counts(design):
        looks = " ".join(map(str, table.looks))
        for number, fewest in enumerate(table.fewest.tolist(), start=1):
            rows.append(
                [
                    table.part,
                    table.decision.name,
                    table.endpoint,
                    table.arm,
                    table.stratum or "",
                    looks,
                    repr(table.threshold),
                    number,
                    fewest if fewest <= number else "",
                ]
            )
    return csv_text(header, rows)
