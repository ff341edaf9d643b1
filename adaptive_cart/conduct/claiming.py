"""Claims of trials that have just ended: judged in the order of gates, each for what it holds.

Without a shared error each is judged once. Where claims pass alpha on, one that has held may let
another be judged again for more; that goes on until nothing new can be claimed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from adaptive_cart.nouns.records import Booleans, Floats, Integers, any_of

if TYPE_CHECKING:
    from adaptive_cart.conduct.comparison import Comparison
    from adaptive_cart.conduct.holding import Conduct
    from adaptive_cart.conduct.look_analysis import LookAnalysis
    from adaptive_cart.conduct.standing import Standing


@dataclass
class Claimed:
    """What the claims of a look asked for.

    Attributes
    ----------
    probabilities, in_force
        By comparison: ``(trial, target)`` what was asked for, nan where it was not; of claims that
        share an error, what it was compared with.
    sets
        By name of a claim that shares an error: ``(trial,)`` which claims had held when it was last
        judged (when the trial ended, where it was not).
    """

    probabilities: dict[str, Floats] = field(default_factory=dict)
    in_force: dict[str, Floats] = field(default_factory=dict)
    sets: dict[str, Integers] = field(default_factory=dict)


def judge_claims(
    conduct: Conduct, analysis: LookAnalysis, look: int, ended: Booleans, between: bool = False
) -> Claimed:
    """Judge the claims of trials that have just ended, ``(trial,)``."""
    found, plan = Claimed(), conduct.plan
    if not plan.claims or not ended.any():
        return found
    seen, last = conduct.of_ended(analysis, ended), np.ones_like(ended)
    if conduct.standing.passing is not None:
        return _walked(conduct, seen, look, ended, between)
    for position in plan.claims:
        rule = plan.rules[position]
        thresholds = tuple(part.threshold_at(look, between) for part in rule.parts)
        answers = conduct.judge_rule(position, seen, ended, thresholds, look, last)
        found.probabilities |= {p.name: a for p, a in zip(rule.parts, answers, strict=True)}
    return found


def _walked(
    conduct: Conduct, seen: LookAnalysis, look: int, ended: Booleans, between: bool
) -> Claimed:
    """Judge claims that share an error, again wherever one has come to hold another amount."""
    found, plan, standing = Claimed(), conduct.plan, conduct.standing
    passing, last = standing.passing, np.ones_like(ended)
    assert passing is not None
    judged_for = {position: np.full(len(ended), np.nan) for position in plan.claims}
    first, anything = True, True
    while anything:
        anything = False
        for position in plan.claims:
            rule = plan.rules[position]
            due = _due(standing, position, ended, judged_for[position])
            held = passing.held(position, passing.sets(standing.noted))
            amounts = np.unique(held[due])
            if first and not len(amounts):  # so that it is told why it was not judged
                amounts = np.zeros(1)
            for amount in amounts:
                now = due & (held == amount)
                thresholds = tuple(
                    part.threshold_for(float(amount), look, between) for part in rule.parts
                )
                before = passing.sets(standing.noted)
                answers = conduct.judge_rule(position, seen, now, thresholds, look, last)
                _keep(found, rule.parts, answers, thresholds, now)
                was = found.sets.setdefault(rule.name, before.copy())
                was[now] = before[now]
            judged_for[position][due] = held[due]
            anything |= bool(due.any())
        first = False
    for position in plan.claims:  # what it holds in the end, where it was never judged
        never = ended & np.isnan(judged_for[position])
        found.sets[plan.rules[position].name][never] = passing.sets(standing.noted)[never]
    return found


def _due(standing: Standing, position: int, ended: Booleans, judged_for: Floats) -> Booleans:
    """Trials in which a claim is to be judged, and was not yet for what it holds, ``(trial,)``."""
    passing = standing.passing
    assert passing is not None
    made = any_of(standing.noted[position] > 0)
    held = passing.held(position, passing.sets(standing.noted))
    may = any_of(standing.may_be_claimed(position))
    due: Booleans = ended & may & ~made & (held != judged_for)
    return due


def _keep(
    found: Claimed,
    parts: tuple[Comparison, ...],
    answers: tuple[Floats, ...],
    thresholds: tuple[float, ...],
    now: Booleans,
) -> None:
    """Keep what was asked for in these trials beside what was asked of others."""
    for part, answer, threshold in zip(parts, answers, thresholds, strict=True):
        known = found.probabilities.setdefault(part.name, np.full_like(answer, np.nan))
        against = found.in_force.setdefault(part.name, np.full_like(answer, threshold))
        known[now], against[now] = answer[now], threshold
