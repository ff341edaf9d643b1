"""Numbers of the figure of decision rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy import special

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.rules import listed
from adaptive_cart.decisions import Decision
from adaptive_cart.figures.about import about
from adaptive_cart.figures.kinds import Missing, Tables
from adaptive_cart.figures.source import (
    looks_of,
    main_scenario,
    plan_of,
    scenarios,
    trials_of,
)
from adaptive_cart.figures.tables_measures import measured, table
from adaptive_cart.figures.thinning import choose
from adaptive_cart.results.result import Result
from adaptive_cart.running.boundaries import Boundary, arms_alike, boundaries

MAPS, RANGES = 9, 24  # looks, and rows of ranges, that a page has room for


def boundary_tables(result: Result) -> Tables | Missing:
    """F3: each rule as numbers of responders, or as differences seen where it has no such table."""
    found = boundaries(result.design, plan_of(result))
    told = {boundary.rule for boundary in found}
    rules = [rule for rule in plan_of(result).rules if rule.name not in told]
    rest = [(rule.decision, part) for rule in rules for part in rule.parts]
    # what these were compared with follows from what each trial has seen, and is not kept
    spending = [part.name for _, part in rest if part.spending is not None]
    rest = [found for found in rest if found[1].spending is None]
    by_rule = [list(_seen(result, decision, part)) for decision, part in rest]
    seen: list[dict[str, Any]] = []
    for own in by_rule:
        few = _rows_shown(own, max(RANGES // len(by_rule), 2))
        seen += [{**row, "shown": place in few} for place, row in enumerate(own)]
    if not found and not seen:
        but = f", but for those that spend alpha ({listed(spending)})" if spending else ""
        return Missing(
            f"no rule of the design asks about counts, and none was judged in a trial{but}",
            "adaptive-cart simulate with a larger --trials may give some",
        )
    rows: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    maps = [
        (look, arms, own)
        for look in sorted({boundary.look for boundary in found})
        for arms, own in arms_alike(one for one in found if one.look == look)
    ]
    first = [place for look in _looks_that_differ(found)
             for place, (at, *_) in enumerate(maps) if at == look]  # fmt: skip
    shown = set(choose(range(len(maps)), MAPS, first))
    in_map = {id(one): (place, ", ".join(arms))
              for place, (_, arms, told_) in enumerate(maps) for one in told_}  # fmt: skip
    for boundary in (one for one in found if id(one) in in_map):  # of arms alike the first
        place, named = in_map[id(boundary)]
        rows += [{**one, "map": place, "arms": named, "shown": place in shown}
                 for one in _cells(boundary)]  # fmt: skip
    for rule in dict.fromkeys(boundary.rule for boundary in found):
        groups = arms_alike(one for one in found if one.rule == rule)
        for arms, told_ in groups:
            of = f" ({', '.join(arms)})" if len(groups) > 1 else ""
            known = (_difference(result, boundary) for boundary in told_)
            differences += [{**one, "rule": f"{rule}{of}"} for one in known if one is not None]
    return {
        "boundaries": table(rows),
        "differences": table(differences),
        "seen": table(seen),
        "about": about(
            result,
            scenario=main_scenario(result),
            spending=spending,
            primary_name=result.design.primary,
            drawn=len(trials_of(result)) // max(len(scenarios(result)), 1),
        ),
    }


def _looks_that_differ(found: Sequence[Boundary]) -> list[int]:
    """The first and the last look, and the first and the last at which each rule is judged."""
    looks: dict[str, list[int]] = {}
    for boundary in found:
        looks.setdefault(boundary.rule, []).append(boundary.look)
    every = sorted({look for own in looks.values() for look in own})
    return [*every[:1], *every[-1:], *(end(own) for own in looks.values() for end in (min, max))]


def _rows_shown(rows: list[dict[str, Any]], most: int) -> set[int]:
    """Rows of a rule that there is room for, those where it held or did not at an extreme."""
    ends = ("held_least", "held_most", "not_held_least", "not_held_most")
    values = [
        {place: row[end] for place, row in enumerate(rows) if row[end] is not None} for end in ends
    ]
    return set(choose(range(len(rows)), most, [0, len(rows) - 1], values))


def _cells(boundary: Boundary) -> Iterator[dict[str, Any]]:
    """Responders in the arm at which a rule holds, by responders in the control."""
    two = len(boundary.analysed) == 2
    for row in range(boundary.holds.shape[0]):
        inside = np.flatnonzero(boundary.holds[row])
        yield {
            "rule": boundary.rule,
            "then": boundary.decision.name,
            "look": boundary.look,
            "control": boundary.arms[0] if two else None,
            "control_n": boundary.analysed[0] if two else None,
            "control_responders": row if two else None,
            "arm": boundary.arms[-1],
            "arm_n": boundary.analysed[-1],
            "from": int(inside[0]) if len(inside) else None,
            "to": int(inside[-1]) if len(inside) else None,
            "many": boundary.many,
            "holds_at": boundary.runs(row),
        }


def _difference(result: Result, boundary: Boundary) -> dict[str, Any] | None:
    """Difference at which a rule begins to hold, at the control's likely responders."""
    part = next(own for own in plan_of(result).parts if own.name == boundary.rule)
    if len(boundary.analysed) != 2:
        return _to_external(result, boundary, part)
    found = measured(
        result, main_scenario(result), f"true_{part.question.endpoint}", arm=boundary.arms[0]
    )
    if found is None:
        return None
    n, arm_n = boundary.analysed
    counts = np.arange(n + 1)
    probability = np.exp(
        special.gammaln(n + 1) - special.gammaln(counts + 1) - special.gammaln(n - counts + 1)
        + special.xlogy(counts, found["estimate"]) + special.xlog1py(n - counts, -found["estimate"])
    )  # fmt: skip
    so_far = np.cumsum(probability)
    low, middle, high = (int(np.searchsorted(so_far, p)) for p in (0.05, 0.5, 0.95))

    def at(row: int) -> float | None:
        share = _begins(boundary, min(row, n))
        return None if share is None else share - row / n

    return {
        **_of_rule(boundary, part),
        "analysed": n + arm_n,
        "control_responders": middle,
        "control_n": n,
        "external": None,
        "external_share": None,
        "difference": at(middle),
        "at_low_control": at(low),
        "at_high_control": at(high),
    }


def _to_external(result: Result, boundary: Boundary, part: Comparison) -> dict[str, Any] | None:
    """Difference to external data as observed at which a rule begins to hold."""
    design, question = result.design.with_tables_as_weighted, part.question
    if question.minus is None:
        return None
    name = design.comparators[question.minus - len(design.arms)]
    level = design.endpoints[question.endpoint].gives.external_level
    external, share = design.external[name].observed_as(level), _begins(boundary, 0)
    return {
        **_of_rule(boundary, part),
        "analysed": boundary.analysed[-1],
        "control_responders": None,
        "control_n": None,
        "external": name,
        "external_share": external,
        "difference": None if share is None else share - external,
        "at_low_control": None,
        "at_high_control": None,
    }


def _of_rule(boundary: Boundary, part: Comparison) -> dict[str, Any]:
    return {
        "rule": boundary.rule,
        "then": boundary.decision.name,
        "look": boundary.look,
        "margin": None if part.prediction is not None else part.question.value,
    }


def _begins(boundary: Boundary, row: int) -> float | None:
    """Share of the arm at which a rule begins to hold, by responders in the control."""
    inside = np.flatnonzero(boundary.holds[row])
    if len(inside) == 0:
        return None
    return float((inside[0] if boundary.many else inside[-1]) / boundary.analysed[-1])


def _seen(result: Result, decision: Decision, part: Comparison) -> Iterator[dict[str, Any]]:
    """Differences seen in simulated trials with a rule holding, and with it not holding."""
    design, looks = result.design, looks_of(result)
    question = part.question
    column = f"p_{part.name}"
    if column not in looks or not question.of.observed:
        return
    gives = design.endpoints[question.endpoint].gives
    summary = gives.observed
    top, bottom = (f"{question.endpoint}_{name}" for name in summary)
    if top not in looks or bottom not in looks:
        return
    by_stratum = question.stratum >= 0
    keys = ["scenario", "trial", "look", *(["stratum"] if by_stratum else [])]
    names = {target.arm for target in part.targets}
    columns = [*keys, "arm", top, bottom, column]
    wanted = looks[columns].copy()
    wanted["arm"] = wanted["arm"].astype(str)
    for key in ("scenario", *(["stratum"] if by_stratum else [])):
        wanted[key] = wanted[key].astype(str)
    totals = wanted.groupby([*keys, "arm"], observed=True, sort=False).agg(
        {top: "sum", bottom: "sum", column: "first"}
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        totals["value"] = totals[top] / totals[bottom].where(totals[bottom] > 0)
    flat = totals.reset_index()
    control = flat[flat["arm"] == design.compared_names[question.minus or 0]]
    control = control.set_index(keys)["value"]
    outside = (question.minus or 0) - len(design.arms)  # position among external data
    for arm in names:
        own = flat[flat["arm"] == design.arm_names[arm]].set_index(keys)
        if question.minus is not None:
            if outside < 0:
                other: Any = control.reindex(own.index)
            else:  # in one stratum what was seen there
                data, level = design.external[design.comparators[outside]], gives.external_level
                asked = own.index.get_level_values("stratum") if by_stratum else None
                other = (
                    data.observed_as(level)
                    if asked is None
                    else np.array([data.in_stratum(name).observed_as(level) for name in asked])
                )
            own["value"] = question.of.compare(own["value"], other)
        flat.loc[flat["arm"] == design.arm_names[arm], "seen"] = own["value"].to_numpy()
    flat = flat[flat["arm"].isin([design.arm_names[arm] for arm in names])]
    flat = flat[flat[column].notna() & np.isfinite(flat["seen"].astype(float))]
    flat = _with_stops_between(result, flat)
    group = ["look", "between", *(["stratum"] if by_stratum else [])]
    if by_stratum:
        import pandas as pd

        flat["stratum"] = pd.Categorical(flat["stratum"], design.stratum_names)
    groups = list(flat.groupby(group, observed=True))
    groups.sort(key=lambda found: (found[0][0], not found[0][1]))  # stable: strata in their order
    for key, rows in groups:
        look = int(key[0])
        holds = part.compared(rows[column].to_numpy(), part.threshold_at(look, bool(key[1])))
        held, other = (rows["seen"].to_numpy()[mask] for mask in (holds, ~holds))
        yield {
            "rule": part.name,
            "then": decision.name,
            "look": look,
            "target": str(key[2]) if by_stratum else None,
            "between": bool(key[1]),
            "when": _when(look, bool(key[1]), str(key[2]) if by_stratum else None),
            "quantity": _quantity(result, part),
            "no_effect": question.of.no_effect,
            "margin": None if part.prediction is not None else question.value,
            "compared": "limit" if question.minus is None else "margin",
            "held": len(held),
            "held_least": float(held.min()) if len(held) else None,
            "held_most": float(held.max()) if len(held) else None,
            "not_held": len(other),
            "not_held_least": float(other.min()) if len(other) else None,
            "not_held_most": float(other.max()) if len(other) else None,
        }


def _with_stops_between(result: Result, flat: Any) -> Any:
    """The same rows, with a column that says of each whether it is of a stop between looks."""
    trials = trials_of(result)
    stopped = trials.loc[trials["between"].astype(bool), ["scenario", "trial", "look"]]
    keys = set(zip(stopped["scenario"].astype(str), stopped["trial"], stopped["look"], strict=True))
    here = zip(flat["scenario"].astype(str), flat["trial"], flat["look"], strict=True)
    return flat.assign(between=[key in keys for key in here])


def _when(look: int, between: bool, stratum: str | None) -> str:
    """Date of a row, and its stratum: "look 2, ssc", "before look 1"."""
    date = f"before look {look}" if between else f"look {look}"
    return date if stratum is None else f"{date}, {stratum}"


def _quantity(result: Result, part: Comparison) -> str:
    design, question = result.design, part.question
    name = design.endpoint_label(question.endpoint)
    unit = design.endpoints[question.endpoint].gives.observed_unit
    labels = [design.arm_label(arm) for arm in design.compared_names]
    arm = labels[question.arm] if len({target.arm for target in part.targets}) == 1 else "arm"
    if question.minus is None:
        return f"observed {name}, {arm}" + (f", {unit}" if unit else "")
    control = labels[question.minus]
    return f"observed {question.of.observed_of(name)}, {arm} {question.of.sign} {control}"
