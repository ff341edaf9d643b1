"""Which experimental arm is truly the best, and in which trials it was selected."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from adaptive_cart.conduct.plan import compared_by, estimand_of
from adaptive_cart.conduct.rules import resolve_rules
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.records import Booleans
from adaptive_cart.results.claims import beyond
from adaptive_cart.results.estimand import TrueValues


def target_columns(design: Design) -> dict[str, tuple[int, int]]:
    """Columns of ``trials.parquet`` that hold an arm's (or an arm's and stratum's) success."""
    found = {}
    for arm, name in enumerate(design.arm_names):
        found[f"success_{name}"] = (arm, -1)
        for stratum, label in enumerate(design.stratum_names):
            found[f"success_{name}_{label}"] = (arm, stratum)
    return found


def best_selected(design: Design, true: TrueValues, trials: Mapping[str, Any]) -> Booleans | None:
    """Whether the arm selected is the truly best experimental arm, ``(trial,)``.

    Nothing where there are not several, or it is not known which are. Selected is the successful
    arm with the best estimate; several truly best arms count alike.
    """
    names = design.experimental_names
    lower = lower_is_better(design)
    best = [_truly_best(design, true, arm, lower) for arm in design.experimental]
    if len(names) < 2 or None in best or f"estimate_{names[0]}" not in trials:
        return None
    estimates = []
    for arm, name in zip(design.experimental, names, strict=True):
        estimate = np.asarray(trials[f"estimate_{name}"], dtype=np.float64)
        won = np.zeros(len(estimate), dtype=np.bool_)
        for column, (whose, _) in target_columns(design).items():
            if whose == arm and column in trials:
                won |= np.asarray(trials[column]) > 0
        better = -estimate if lower else estimate
        estimates.append(np.where(won & np.isfinite(estimate), better, -np.inf))
    table = np.stack(estimates, axis=1)
    found: Booleans = np.isfinite(table.max(axis=1)) & np.array(best)[table.argmax(axis=1)]
    return found


def lower_is_better(design: Design) -> bool:
    """Whether success rules claim that the primary's parameter is low: a harm, a hazard."""
    sides = {
        target.above
        for rule in resolve_rules(design)
        if rule.decision.ends == SUCCESS
        for claimed in rule.claimed
        for target in claimed.of_endpoints
        if target.endpoint == design.primary and target.of.has_value
    }
    return sides == {False} or (not sides and compared_by(design).lower_is_better)


def _truly_best(design: Design, true: TrueValues, arm: int, lower: bool) -> bool | None:
    """Whether no experimental arm is truly better than this one; nothing where it is not known."""
    asked = estimand_of(design)
    if asked is None:
        return None
    for other in design.experimental:
        if other == arm:
            continue
        found = true.quantity(replace(asked, arm=other, minus=arm))
        if found is None or math.isnan(found.value):
            return None
        if beyond(found, asked.of.no_effect, above=not lower):
            return False
    return True
