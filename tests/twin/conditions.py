"""A rule on several questions, in plain words: which there are, whom they are about, what holds.

A condition is a table with a question and its comparison, or ``all`` or ``any`` of a list of
conditions. Every question of a rule has the rule's looks. Where any names "each", the rule asks
about each in turn, and the same arm (stratum) is named in all that say "each"; a question that
names an arm of its own, or none, is asked of it whatever the target is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Table = dict[str, Any]


def comparisons(rule: Table) -> list[Table]:
    """Every question of a rule with its comparison, in the order written, as a rule of its own."""
    own = {key: rule[key] for key in ("name", "then", "looks", "every") if key in rule}
    return [leaf | own for leaf in _leaves(rule)]


def _leaves(condition: Table) -> Iterator[Table]:
    for word in ("all", "any"):
        if word in condition:
            for inner in condition[word]:
                yield from _leaves(inner)
            return
    yield condition


def holds(condition: Table, verdicts: Iterator[bool]) -> bool:
    """Whether a condition holds, by whether each of its comparisons does, in the order written."""
    if "all" in condition:
        found = [holds(inner, verdicts) for inner in condition["all"]]
        return False not in found
    if "any" in condition:
        found = [holds(inner, verdicts) for inner in condition["any"]]
        return True in found
    return next(verdicts)


def about(questions: list[Table], control: str) -> Table:
    """The arm and the stratum that questions are about together, "each" where one says so."""
    arms = [question["arm"] for question in questions]
    strata = [question["stratum"] for question in questions if "stratum" in question]
    named = [arm for arm in arms if arm not in ("each", control)]
    found: Table = {"arm": "each" if "each" in arms else (named or [control])[0]}
    if strata:
        own = [stratum for stratum in strata if stratum not in ("each", "open")]
        found["stratum"] = "each" if "each" in strata else (own or ["open"])[0]
    return found


def claims_in_order(raw: Table) -> list[Table]:
    """The claims of a design, each after the claims that it requires."""
    waiting = [rule for rule in raw["rules"] if rule["then"] == "claim"]
    found: list[Table] = []
    while waiting:
        names = {rule["name"] for rule in waiting}
        ready = next(rule for rule in waiting if not names & set(rule.get("requires", [])))
        found.append(ready)
        waiting.remove(ready)
    return found


def named(question: Table, arm: str, stratum: str | None) -> Table:
    """A question as it is asked of one target."""
    found = dict(question)
    if question["arm"] == "each":
        found["arm"] = arm
    if question.get("stratum") == "each":
        found["stratum"] = stratum
    return found
