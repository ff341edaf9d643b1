"""A design reduced to what its primary endpoint decides by counts, to be enumerated elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from adaptive_cart.decisions import DECISIONS, SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.rule_tables import PosteriorQuestion
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.roles import ALTERNATIVE
from adaptive_cart.running.engine import obstacles


def counts_alone(
    design: Design, margin_of: Callable[[PosteriorQuestion], float | None]
) -> tuple[Design, float, tuple[str, ...]] | None:
    """The design reduced to its primary endpoint on counts; nothing where that is not possible.

    Parameters
    ----------
    margin_of
        Where a claim for success is just false; nothing where it asks something else.

    Returns
    -------
    The design, the margin of its success, and the names of the rules that are left out.
    """
    if design.strata or not design.looks.counts.when_followed or not design.looks.as_stated:
        return None
    primary_kind = design.primary_endpoint
    if not primary_kind.binary or primary_kind.known_after() is None or design.adaptive:
        return None
    tables = design.plain()
    primary = design.primary
    rules = [rule for rule in tables["rules"] if _about(tables["rules"], rule) == primary]
    margins = {
        margin_of(own.asked[0]) if len(own.asked) == 1 else None
        for own, rule in zip(design.rules, tables["rules"], strict=True)
        if rule in rules and DECISIONS[own.then].ends == SUCCESS and own.asked
    }
    margin = margins.pop() if len(margins) == 1 else None
    if margin is None:
        return None
    left_out = tuple(rule["name"] for rule in tables["rules"] if rule not in rules)
    endpoint = {
        key: value
        for key, value in tables["endpoints"][primary].items()
        if key not in ("sustained_from", "state")
    }
    for arm in tables["arms"].values():
        arm.pop("product", None)
    reduced = {
        **{key: tables[key] for key in ("name", "arms", "enrolment", "looks")},
        "rules": rules,
        "endpoints": {primary: endpoint},
        "analysis": {k: v for k, v in tables.get("analysis", {}).items() if k == primary},
        "scenarios": {"point": {primary: dict.fromkeys(design.arm_names, 0.5)}},
    }
    try:
        made = Design(**reduced)
    except DesignError:  # what is left of it is no design
        return None
    if obstacles(made, made.truths):
        return None
    return made, margin, left_out


@lru_cache(maxsize=16)
def enumerated(text: str, points: tuple[tuple[float, ...], ...]) -> list[tuple[float, float]]:
    """Probability of success and bias of a reduced design, at the true rates of its arms.

    Parameters
    ----------
    text
        The design as JSON.
    """
    from adaptive_cart.running.exact import enumerate_design

    tables = json.loads(text)
    arms, primary = Design(**tables).arm_names, next(iter(tables["endpoints"]))
    tables["scenarios"] = {
        f"p{place}": {"role": ALTERNATIVE, primary: dict(zip(arms, rates, strict=True))}
        for place, rates in enumerate(points)
    }
    design = Design(**tables)
    rows, _ = enumerate_design(design, design.truths)
    success, bias = (
        {row[0]: float(row[5]) for row in rows if row[1] == measure}
        for measure in ("success", "bias")
    )
    return [(success[name], bias[name]) for name in tables["scenarios"]]


def _about(rules: list[dict[str, Any]], rule: dict[str, Any]) -> str | None:
    if "posterior" in rule:
        return rule["posterior"].get("endpoint") if not rule.get("every") else None
    if "predictive" not in rule:  # several questions: whether all are about one is not asked here
        return None
    named = next(r for r in rules if r["name"] == rule["predictive"]["rule"])
    return _about(rules, named)
