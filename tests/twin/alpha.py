"""Claims that share the family-wise error: the published procedure, claim by claim, by names.

Bretz, Maurer, Brannath and Posch (2009), algorithm 1: start with the local levels and the weights;
choose a hypothesis that can be rejected at its local level; reject it, update the levels and the
weights of the others, and go on until none can be rejected.
"""

from __future__ import annotations

from typing import Any

Table = dict[str, Any]
Levels = dict[str, float]
Weights = dict[str, dict[str, float]]


def start(raw: Table) -> tuple[Levels, Weights]:
    """Levels and weights of every rule that claims, as they are written."""
    names = [r["name"] for r in raw["rules"] if r["then"] in ("declare_success", "claim")]
    levels = {name: raw["claims"]["alpha"].get(name, 0.0) for name in names}
    given = raw["claims"].get("passes_to", {})
    weights = {one: {two: given.get(one, {}).get(two, 0.0) for two in names} for one in names}
    return levels, weights


def rejected(levels: Levels, weights: Weights, gone: str) -> tuple[Levels, Weights]:
    """Levels and weights of the others once one has been rejected."""
    left = [name for name in levels if name != gone]
    new_levels = {name: levels[name] + levels[gone] * weights[gone][name] for name in left}
    new_weights: Weights = {}
    for one in left:
        new_weights[one] = {}
        for two in left:
            loop = weights[one][gone] * weights[gone][one]
            if one == two or loop >= 1.0:
                new_weights[one][two] = 0.0
            else:
                straight = weights[one][two] + weights[one][gone] * weights[gone][two]
                new_weights[one][two] = straight / (1.0 - loop)
    return new_levels, new_weights


def threshold_for(rule: Table, level: float, written: float) -> float:
    """The threshold that a claim has for the level that it holds."""
    table = rule.get("at_least")
    if not isinstance(table, dict):
        return written
    (found,) = [
        threshold
        for amount, threshold in zip(table["alpha"], table["threshold"], strict=True)
        if abs(amount - level) < 1e-9
    ]
    return float(found)
