"""Numbers of the figures that set one truth against another: robustness, prior odds, risk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.decisions import SAFETY, SUCCESS
from adaptive_cart.figures.about import about, estimand_words, margin
from adaptive_cart.figures.kinds import Missing, Tables
from adaptive_cart.figures.source import (
    plan_of,
    scenarios,
    with_role,
)
from adaptive_cart.figures.tables_measures import (
    PANELS,
    cells_of,
    effect_lines,
    measured,
    of_scenarios,
    table,
    true_effect,
)
from adaptive_cart.figures.thinning import choose, harm_only, must_be_seen, shown_scenarios
from adaptive_cart.nouns.questions import ALL, OPEN
from adaptive_cart.nouns.roles import ALTERNATIVE, NULL, ROBUSTNESS
from adaptive_cart.results.figure import Figure, exact, mean
from adaptive_cart.results.result import Result

MOST_CHANGES = 16  # rows of the dot plot of changes
POINTS = 14  # of the figure of benefit and risk, where each arm has its own


# ── F10: robustness ───────────────────────────────────────────────────────────────────────────
def robustness_tables(result: Result) -> Tables | Missing:
    """F10: what changes against the base scenario when something else is true."""
    robust = with_role(result, ROBUSTNESS)
    # scenarios that make a curve are shown as one elsewhere
    curves = {name for line in effect_lines(result) for name in line.scenarios}
    alternatives, nulls = (
        [*names[:1], *(name for name in names[1:] if name not in curves)]
        for names in (with_role(result, ALTERNATIVE), with_role(result, NULL))
    )
    if not robust:
        return Missing(
            "no scenario of this run asks whether the design is robust",
            'add a scenario with role = "robustness" (a truth that nobody wants but that may be) '
            "and simulate again",
        )
    base = alternatives[0] if alternatives else None
    rows = []
    if base is not None:
        rows += [_change(result, base, name, ALTERNATIVE) for name in robust + alternatives[1:]]
    if nulls and len(nulls) > 1:
        rows += [_change(result, nulls[0], name, NULL) for name in nulls[1:]]
    if not rows:
        return Missing(
            "this run has no alternative that a robustness scenario can be compared with",
            "add an alternative scenario and simulate again",
        )
    drawn = _changes_shown(result, rows)
    flat = [{**row, "shown": place in drawn} for place, part in enumerate(rows) for row in part]
    return {"changes": table(flat), "about": about(result, base=base or nulls[0])}


def _changes_shown(result: Result, rows: list[list[dict[str, Any]]]) -> set[int]:
    """Comparisons that there is room for: the largest changes of each kind, up and down."""
    names = {place: part[0]["scenario"] for place, part in enumerate(rows) if part}
    changes = [
        {place: row["estimate"] for place, part in enumerate(rows) for row in part
         if row["what"] == what}
        for what in ("success", "participants", "months")
    ]  # fmt: skip
    first, then = (
        [place for wanted in among for place, name in names.items() if name == wanted]
        for among in (must_be_seen(result), harm_only(result))
    )
    return set(choose(list(names), MOST_CHANGES, first, changes, then))


def _change(result: Result, base: str, name: str, kind: str) -> list[dict[str, Any]]:
    """Differences of one scenario from its base, trial by trial where both were simulated."""
    import numpy as np

    found = []
    if result.exact:
        for what, measure in (("success", "success"), ("participants", "n_analysed_mean")):
            here, there = (measured(result, n, measure) for n in (name, base))
            if here is not None and there is not None:
                change = exact(here["estimate"] - there["estimate"])
                found.append((what, here["estimate"], there["estimate"], change))
    else:
        trials = result.trials
        mine, other = (trials[trials["scenario"] == n].set_index("trial") for n in (name, base))
        both = mine.index.intersection(other.index)  # the same participants in either scenario
        columns: dict[str, Callable[[Any], Any]] = {
            "success": lambda frame: (frame["reason"].astype(str) == SUCCESS.name).astype(float),
            "participants": lambda frame: frame["n_randomised"].astype(float),
            "months": lambda frame: frame["months"].astype(float),
        }
        for what, column in columns.items():
            here, there = (column(frame.loc[both]).to_numpy() for frame in (mine, other))
            change = mean(np.asarray(here - there))
            found.append((what, float(here.mean()), float(there.mean()), change))
    return [
        {"kind": kind, "base": base, "scenario": name, "what": what, "value": value,
         "base_value": base_value, **cells_of(change)}
        for what, value, base_value, change in found
    ]  # fmt: skip


# ── F12: Bayesian operating characteristics ───────────────────────────────────────────────────
def bayesian_tables(result: Result) -> Tables | Missing:
    """F12: what a success means, by how probable a benefit was beforehand."""
    import numpy as np

    nulls, alternatives = with_role(result, NULL), with_role(result, ALTERNATIVE)
    if not nulls or not alternatives:
        lacking = NULL if not nulls else ALTERNATIVE
        return Missing(
            f"this run has no {lacking} scenario",
            f'add a scenario with role = "{lacking}" to the design and simulate again',
        )
    figures = {name: result.figure(name, "success") for name in (*nulls, *alternatives)}
    null = max(nulls, key=lambda name: (figures[name].estimate, figures[name].upper))
    rows = []
    success = {name: figures[name].estimate for name in alternatives}
    shown = shown_scenarios(result, PANELS, success, among=alternatives)
    for name in alternatives:
        error, power = figures[null], figures[name]
        for step in range(1, 100):
            prior = step / 100
            row: dict[str, Any] = {"alternative": name, "shown": name in shown, "null": null,
                                   "prior": prior}  # fmt: skip
            row |= _mixed("false_discovery", _false_discovery, prior, error, power)
            row |= _mixed("false_omission", _false_omission, prior, error, power)
            row |= _mixed("assurance", _assurance, prior, error, power)
            rows.append(row)
    marked = np.array([row["prior"] == 0.5 for row in rows])
    frame = table(rows)
    worst = frame[marked].sort_values("false_discovery").iloc[-1]
    return {
        "bayesian": frame,
        "about": about(
            result,
            null=null,
            null_success=figures[null].estimate,
            null_lower=figures[null].lower,
            null_upper=figures[null].upper,
            worst=worst["alternative"],
            worst_power=figures[worst["alternative"]].estimate,
            worst_discovery=worst["false_discovery"],
            worst_discovery_upper=worst["false_discovery_upper"],
            worst_omission=worst["false_omission"],
        ),
    }


def _mixed(name: str, formula: Any, prior: float, error: Figure, power: Figure) -> dict[str, Any]:
    """A mixture with the extremes that both Monte Carlo intervals together allow."""
    corners = [formula(prior, a, b) for a in (error.lower, error.upper)
               for b in (power.lower, power.upper)]  # fmt: skip
    known = [value for value in corners if value == value]
    value = formula(prior, error.estimate, power.estimate)
    lower, upper = (min(known), max(known)) if known else (value, value)
    return {name: value, f"{name}_lower": lower, f"{name}_upper": upper}


def _false_discovery(prior: float, error: float, power: float) -> float:
    """P(no benefit | success)."""
    success = (1 - prior) * error + prior * power
    return (1 - prior) * error / success if success > 0 else float("nan")


def _false_omission(prior: float, error: float, power: float) -> float:
    """P(benefit | no success)."""
    none = (1 - prior) * (1 - error) + prior * (1 - power)
    return prior * (1 - power) / none if none > 0 else float("nan")


def _assurance(prior: float, error: float, power: float) -> float:
    """P(success) over the design prior."""
    return (1 - prior) * error + prior * power


# ── benefit against risk ──────────────────────────────────────────────────────────────────────
def benefit_risk_tables(result: Result) -> Tables | Missing:
    """Benefit against risk, scenario by scenario."""
    design = result.design
    harms = [n for n, e in design.endpoints.items() if e.harm]
    if not harms:
        return Missing(
            "the design has no safety endpoint",
            'add an endpoint of type "adverse_event" or "event_rate" and simulate again',
        )
    rule = _safety_rule(result, harms)
    asked = None if rule is None else rule.parts[0].question
    harm = harms[0] if asked is None else asked.endpoint
    minus = None if asked is None else asked.minus
    control = None if minus is None else design.arm_names[minus]
    several = design.several
    rows = []
    for name, role in scenarios(result):
        unsafe = measured(result, name, "stop_safety")
        for arm in design.experimental_names:
            own = {"arm": arm} if several else {}
            effect = true_effect(result, name, arm if several else None, None)
            risk = _risk(result, name, harm, arm, control)
            if risk is None or effect != effect:
                continue
            success = measured(result, name, "arm_success" if several else "success", **own)
            rows.append(
                {
                    "scenario": name,
                    "role": role,
                    "arm": arm,
                    "risk": risk,
                    "benefit": effect,
                    "success": None if success is None else success["estimate"],
                    "success_trials": None if success is None else success["n"],
                    "stop_safety": None if unsafe is None else unsafe["estimate"],
                    "stop_safety_trials": None if unsafe is None else unsafe["n"],
                }
            )
    if not rows:
        return Missing(
            "the run has no true value of benefit and risk for the same arm",
            "give both endpoints a truth in every scenario and simulate again",
        )
    shown = _points_shown(result, rows)
    one_arm = rule is not None and several and len(rule.targets) == 1
    return {
        "benefit_risk": table([{"shown": row["scenario"] in shown, **row} for row in rows]),
        "about": about(
            result,
            estimand=estimand_words(result),
            margin=margin(result),
            harm=design.endpoint_label(harm),
            noun=design.endpoints[harm].gives.parameter,
            unit=design.endpoints[harm].gives.observed_unit,
            less=None if control is None else design.arm_label(control),
            limit=None if asked is None else asked.value,
            other_rules=[
                other.name
                for other in plan_of(result).rules
                if other.decision.ends == SAFETY and (rule is None or other.name != rule.name)
            ],
            limit_arm=design.arm_names[asked.arm] if asked and one_arm else None,
        ),
    }


def _safety_rule(result: Result, harms: list[str]) -> ResolvedRule | None:
    """The safety rule on a harm that ends most trials in any scenario; the first of equals."""
    rules = [
        rule
        for rule in plan_of(result).rules
        if rule.decision.ends == SAFETY
        and (part := rule.only) is not None
        and part.prediction is None
        and not part.several
        and part.question.endpoint in harms
        and part.question.of.about_levels
        and not part.question.of.ratio
        and part.question.stratum in (ALL, OPEN)
    ]
    ended = {rule.name: of_scenarios(result, f"decided_{rule.name}").values() for rule in rules}
    return max(rules, key=lambda rule: max(ended[rule.name], default=0.0), default=None)


def _risk(result: Result, scenario: str, harm: str, arm: str, control: str | None) -> float | None:
    """True risk in an arm as the safety rule asks about it: alone, or less that of another arm."""
    found = [measured(result, scenario, f"true_{harm}", arm=own) for own in (arm, control) if own]
    values = [float(cells["estimate"]) for cells in found if cells is not None]
    if len(values) < len(found):
        return None
    return values[0] if control is None else values[0] - values[1]


def _points_shown(result: Result, rows: list[dict[str, Any]]) -> set[str]:
    """Scenarios that there is room for, the extremes of risk and benefit in any arm among them."""
    arms = dict.fromkeys(row["arm"] for row in rows)
    # with several arms as many rows as a page has room for
    most = max(POINTS // len(arms), 2)
    values = [
        {row["scenario"]: row[what] for row in rows if row["arm"] == arm}
        for arm in arms
        for what in ("risk", "benefit")
    ]
    return shown_scenarios(result, most, *values)
