"""Rules that ask for others: which fall when some rules for success are left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from adaptive_cart.design.rule_tables import Rule, leaves


def depending_on(rules: Iterable[Rule], gone: Collection[str]) -> list[str]:
    """Names of the rules that predict or require one of some rules, and of those that ask for them.

    In the order written.
    """
    every = [rule for rule in rules if rule.name not in gone]
    found: set[str] = set()
    while True:
        more = {rule.name for rule in every if asked_for(rule) & {*gone, *found}} - found
        if not more:
            return [rule.name for rule in every if rule.name in found]
        found |= more


def asked_for(rule: Rule) -> set[str]:
    """Names of the rules that a rule predicts or requires."""
    parts = [part for _, part in leaves(rule)]
    predicted = {part.predictive.rule for part in parts if part.predictive is not None}
    return {*predicted, *(rule.requires or ())}
