"""C11, benefit against risk: which observed values the rule for success accepts at the last look.

The rule is asked itself: of every number of responders and of participants with a harm in the
experimental arm, at the planned numbers, its own posterior says whether it holds. The control, and
further endpoints, have what the scenario's trials had on average. So ``all`` of a benefit and a
risk is a rectangle, ``any`` what either accepts, a utility one side of a staircase, and both at
once (``jointly``) a curve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.figures.about import about
from adaptive_cart.figures.draw_measures import (
    columns_for,
    named,
    only_shown,
    panel_room,
    panels_of,
    rows_for,
)
from adaptive_cart.figures.kinds import FigureKind, Missing, Tables, called
from adaptive_cart.figures.source import looks_of, plan_of, scenarios, trials_of
from adaptive_cart.figures.style import (
    GREY,
    PALE,
    TALLEST,
    light_grid,
    percent_axis,
    sheet,
    styled,
)
from adaptive_cart.figures.tables_measures import measured, table
from adaptive_cart.figures.thinning import left_out, shown_scenarios
from adaptive_cart.figures.weighed import draw_middle, draw_trials, trials_first
from adaptive_cart.figures.words_measures import few_of
from adaptive_cart.nouns.records import Booleans, Integers
from adaptive_cart.nouns.summaries import Counts, Summary
from adaptive_cart.results.percentages import percent
from adaptive_cart.results.result import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = 6
TRIALS = 200  # of each scenario: more cannot be told apart
MOST = 80  # participants an arm of whom every number is asked; of more every so many-th


class AtTheLastLook(LookAnalysis):
    """Tables of counts as they may be at the last look, a row each, with everything open."""

    def __init__(self, plan: Plan, summaries: dict[str, Summary]) -> None:
        number = len(next(iter(summaries.values())).analysed)
        self.plan, self.prepared = plan, {}
        self.trials = np.arange(number)
        self.open_arms = np.ones((number, len(plan.design.arm_names)), dtype=np.bool_)
        self.open_strata = None
        self.summaries = summaries
        self._posteriors = {}


def accepted(rule: ResolvedRule, last: AtTheLastLook) -> Booleans:
    """Whether a rule holds at the last look, ``(table,)``, of its first target."""
    look = last.plan.design.looks.number
    held = [
        part.compared(last.probability(part, part.targets[places[0]]), part.threshold_at(look))
        for part, places in zip(rule.parts, rule.condition.places, strict=True)
    ]
    return rule.condition.of_one_target(held)


# ── numbers ───────────────────────────────────────────────────────────────────────────────────
def accepted_tables(result: Result) -> Tables | Missing:
    """By scenario: tables of counts with the rule's verdict, trials, and their means."""
    plan = plan_of(result)
    rule = _asked(plan)
    if isinstance(rule, Missing):
        return rule
    benefit, risk, *rest = names = _sides(plan, rule)
    arm, control = rule.targets[0].arm, result.design.control
    beside = {name: _beside_control(plan, rule, name) for name in names}
    grid, points, means = [], [], []
    for scenario, role in scenarios(result):
        own = _ends(result, scenario, names)
        if not len(own):
            continue
        rates = {name: _mean_rates(own, name, result.design.arm_names) for name in names}
        found, observed = _grid(plan, rule, rates, beside)
        seen = {
            side: _observed(own, name, result.design.arm_names, arm, beside[name])
            for side, name in (("benefit", benefit), ("risk", risk))
        }
        grid += [
            {"scenario": scenario, "risk": float(x), "benefit": float(y), "accepted": bool(held)}
            for x, y, held in zip(*observed, found, strict=True)
        ]
        points += [
            {"scenario": scenario, "trial": int(trial), "risk": float(x), "benefit": float(y),
             "succeeds": bool(won)}
            for trial, x, y, won in zip(
                seen["risk"].index, seen["risk"], seen["benefit"],
                own.groupby("trial")["reason"].first() == SUCCESS.name, strict=True,
            )
            if np.isfinite(x) and np.isfinite(y)
        ][:TRIALS]  # fmt: skip
        success = measured(result, scenario, "success")
        means.append(
            {"scenario": scenario, "role": role, "benefit": float(seen["benefit"].mean()),
             "risk": float(seen["risk"].mean()),
             "p_success": None if success is None else success["estimate"]}
        )  # fmt: skip
    if not means:
        return Missing("no simulated trial is kept", "simulate with --engine simulate")
    values = {str(row["scenario"]): float(str(row["benefit"])) for row in means}
    seen_scenarios = shown_scenarios(result, PANELS, values)
    label = result.design.endpoint_label
    return {
        "means": table([{"shown": row["scenario"] in seen_scenarios, **row} for row in means]),
        "accepted": table([{"shown": row["scenario"] in seen_scenarios, **row} for row in grid]),
        "trials": table([{"shown": row["scenario"] in seen_scenarios, **row} for row in points]),
        "about": about(
            result, rule=rule.name, arm=result.design.arm_names[arm], control=control,
            rest=", ".join(label(name) for name in rest), benefit=label(benefit), risk=label(risk),
            benefit_beside=beside[benefit], risk_beside=beside[risk],
            number=int(result.design.planned[arm]),
        ),
    }  # fmt: skip


def _asked(plan: Plan) -> ResolvedRule | Missing:
    """The first rule for success about a benefit and a risk, counted; or why there is none."""
    design = plan.design
    found = [
        rule
        for rule in plan.rules
        if rule.decision.ends == SUCCESS and len(_endpoints(rule)) >= 2
        and all(design.endpoints[name].binary for name in _endpoints(rule))
        and all(part.prediction is None for part in rule.parts)
        and rule.condition.last
    ]  # fmt: skip
    if not found:
        return Missing(
            "no rule for success asks about a benefit and a risk at the last look, both counts",
            "write a rule with `all`, `any` or `jointly`, or about a utility",
        )
    if design.strata or design.several:
        return Missing(
            "the design has strata or several experimental arms, whose numbers no plane has room "
            "for",
            "draw it of a design of one arm beside its control",
        )
    analyses = [plan.fitted[name][0] for name in _endpoints(found[0])]
    if not all(analysis.bayesian for analysis in analyses):
        return Missing(
            f"'{found[0].name}' asks a test, which has no posterior", "analyse both by a posterior"
        )
    if any(analysis.by_period for analysis in analyses):
        return Missing(
            f"'{found[0].name}' asks when participants were randomised (time_trend), which tables "
            f"of counts do not say",
            "draw it of the design without time_trend",
        )
    return found[0]


def _endpoints(rule: ResolvedRule) -> list[str]:
    asked = (question for part in rule.parts for question in part.everything)
    return list(dict.fromkeys(name for question in asked for name in question.endpoints))


def _sides(plan: Plan, rule: ResolvedRule) -> list[str]:
    """Its endpoints: first the benefit, then the risk, then the others."""
    names, endpoints = _endpoints(rule), plan.design.endpoints
    harms = [name for name in names if endpoints[name].lower_is_better]
    risk = harms[0] if harms else names[1]
    benefit = next(name for name in names if name != risk)
    return [benefit, risk, *(name for name in names if name not in (benefit, risk))]


def _beside_control(plan: Plan, rule: ResolvedRule, name: str) -> bool:
    """Whether an endpoint is compared with the control of the trial, and not with a number alone.

    External data in the place of a control stay as they were, whatever is observed in the trial.
    """
    arms = range(len(plan.design.arm_names))
    return any(
        one.endpoint == name and one.minus in arms
        for part in rule.parts
        for question in part.everything
        for one in question.of_endpoints
    )


def _ends(result: Result, scenario: str, names: Sequence[str]) -> Any:
    """Rows of the looks that ended the trials of a scenario, an arm each, with how they ended."""
    trials, looks = trials_of(result), looks_of(result)
    own = trials[trials["scenario"].astype(str) == scenario][["trial", "look", "reason"]]
    columns = ["trial", "look", "arm"]
    columns += [f"{name}_{what}" for name in names for what in ("events", "analysed")]
    seen = looks[looks["scenario"].astype(str) == scenario][columns]
    found = seen.merge(own.assign(reason=own["reason"].astype(str)), on=["trial", "look"])
    return found.assign(arm=found["arm"].astype(str)).sort_values("trial", kind="stable")


def _mean_rates(own: Any, name: str, arms: tuple[str, ...]) -> list[float]:
    """Share of all participants of the trials, arm by arm."""
    sums = own.groupby("arm")[[f"{name}_events", f"{name}_analysed"]].sum()
    return [
        float(sums.loc[arm, f"{name}_events"]) / max(float(sums.loc[arm, f"{name}_analysed"]), 1.0)
        for arm in arms
    ]


def _observed(own: Any, name: str, arms: tuple[str, ...], arm: int, beside: bool) -> Any:
    """What each trial had in the end, by its number: a proportion, or a difference."""

    def of(place: int) -> Any:
        mine = own[own["arm"] == arms[place]].set_index("trial")
        analysed = mine[f"{name}_analysed"].astype(float)
        return mine[f"{name}_events"] / analysed.where(analysed > 0.0)

    return of(arm) - of(0) if beside else of(arm)


def _grid(
    plan: Plan, rule: ResolvedRule, rates: dict[str, list[float]], beside: dict[str, bool]
) -> tuple[Booleans, tuple[Any, Any]]:
    """The rule's verdict of every table at the planned numbers, and what is observed in each.

    Parameters
    ----------
    rates
        By endpoint, the benefit and the risk first: by arm, what the trials had on average.
    beside
        By endpoint: whether the control's is taken off what is observed.

    Returns
    -------
    ``(table,)``, and ``(risk, benefit)`` of the experimental arm, or its difference.
    """
    planned, arm = np.array(plan.design.planned, dtype=np.int64), rule.targets[0].arm
    step = -(-int(planned[arm]) // MOST)
    own = np.arange(0, planned[arm] + 1, step)
    both = dict(zip([*rates][:2], np.meshgrid(own, own, indexing="ij"), strict=True))
    summaries: dict[str, Summary] = {}
    observed = []
    for name, by_arm in rates.items():
        events: Integers = np.rint(np.array(by_arm) * planned).astype(np.int64)
        cells = np.tile(events, (own.size**2, 1))
        if name in both:
            cells[:, arm] = both[name].ravel()
        totals = np.tile(planned, (own.size**2, 1))
        summaries[name] = Counts(*(n[:, :, None] for n in (cells, totals, 0 * totals, totals)))
        share = cells / np.maximum(totals, 1)
        observed.append(share[:, arm] - share[:, 0] if beside[name] else share[:, arm])
    return accepted(rule, AtTheLastLook(plan, summaries)), (observed[1], observed[0])


# ── the picture ───────────────────────────────────────────────────────────────────────────────
@styled
def draw_accepted(tables: Tables) -> Figure:
    """A panel a scenario: what the rule accepts, trials as they ended, and their mean."""
    frame, row = only_shown(tables["means"]), tables["about"].iloc[0]
    names = list(frame["scenario"])
    room = panel_room(columns_for(len(names)))
    figure = sheet(min(0.95 + 2.3 * rows_for(len(names)), TALLEST))
    points, cells = only_shown(tables["trials"]), only_shown(tables["accepted"])
    limits = _limits(points, cells)
    handles: dict[str, Any] = {}
    for axes, name in panels_of(figure, names):
        axes.set_xlim(limits[0])
        axes.set_ylim(limits[1])
        _region(axes, cells[cells["scenario"] == name], handles)
        draw_trials(axes, points[points["scenario"] == name], "risk", handles)
        of = frame[frame["scenario"] == name].iloc[0]
        handles["mean of the trials"] = draw_middle(axes, of["risk"], of["benefit"])
        axes.set_title(named(name, room, bold=True))
        light_grid(axes, "both")
        percent_axis(axes, "x")
        percent_axis(axes, "y")
    figure.supxlabel(f"observed risk{_beside(row, 'risk')}")
    figure.supylabel(f"observed benefit{_beside(row, 'benefit')}")
    trials_first(figure, handles)
    return figure


def _beside(row: Any, side: str) -> str:
    return ", less the control's" if row[f"{side}_beside"] else ""


def _limits(points: Any, cells: Any) -> tuple[tuple[float, float], tuple[float, float]]:
    """Every trial, and the edge of what is accepted, with some room."""

    def ends(what: str) -> tuple[float, float]:
        inside = cells.loc[cells["accepted"].astype(bool), what]
        whole = [*points[what].tolist(), 0.0]
        low, high = min(whole), max(whole)
        if len(inside):  # the edge that trials may be far from
            edge = inside.max() if what == "risk" else inside.min()
            low, high = min(low, edge), max(high, edge)
        room = 0.08 * (high - low or 1.0)
        return float(low - room), float(high + room)

    return ends("risk"), ends("benefit")


def _region(axes: Axes, cells: Any, handles: dict[str, Any]) -> None:
    """What is accepted, hatched, each table with the ground around it."""
    from matplotlib.patches import Patch

    wide = cells.pivot_table(index="benefit", columns="risk", values="accepted", aggfunc="first")
    held = wide.to_numpy(dtype=float)
    x, y = (_edges(np.array(axis, dtype=float)) for axis in (wide.columns, wide.index))
    # a cell of its own ground: its two edges, so that lines stand between tables
    fine = np.repeat(np.repeat(held, 2, axis=0), 2, axis=1)
    across, up = (np.repeat(edges, 2)[1:-1] for edges in (x, y))
    if held.any():
        inside = axes.contourf(
            across, up, fine, levels=[0.5, 1.5], colors=["white"], hatches=["///"], zorder=0
        )
        inside.set_edgecolor(PALE)
        inside.set_linewidth(0.0)
    if 0.0 < held.mean() < 1.0:
        axes.contour(across, up, fine, levels=[0.5], colors=[GREY], linewidths=0.9, zorder=1)
    handles["accepted at the last look"] = Patch(
        facecolor="white", edgecolor=PALE, hatch="///", linewidth=0.8
    )


def _edges(values: Any) -> Any:
    """Ends of the ground around each of some rising values."""
    middle = (values[1:] + values[:-1]) / 2.0
    first, last = values[0] - (middle[0] - values[0]), values[-1] + (values[-1] - middle[-1])
    return np.concatenate([[first], middle, [last]])


# ── in words ──────────────────────────────────────────────────────────────────────────────────
def say_accepted(tables: Tables) -> str:
    """Caption: what is accepted, and how far the scenarios' trials are from it."""
    frame, row = tables["means"], tables["about"].iloc[0]
    said = [
        (of["scenario"], f"{of['scenario']} benefit {percent(of['benefit'])}, risk "
         f"{percent(of['risk'])}"
         + ("" if of["p_success"] is None else f", success {percent(of['p_success'])}"),
         of["benefit"])
        for of in frame.to_dict("records")
    ]  # fmt: skip
    beside = f" beside {called(row, row['control'])}" if isinstance(row["control"], str) else ""
    fixed = ("the control" if beside else "", row["rest"])
    others = " and ".join(part for part in fixed if part) or "nothing else"
    any_ = tables["accepted"].groupby("scenario", sort=False, observed=True)["accepted"].any()
    none = [str(scenario) for scenario in any_.index[~any_.astype(bool)]]
    nowhere = f" In {', '.join(none)} it holds of none." if none else ""
    arm, name, number = called(row, row["arm"]), row["rule"], row["number"]
    return (
        f"Hatched: observed {row['benefit']} and {row['risk']} of {arm}{beside} with which {name} "
        f"holds at the last look, with {number} participants of the arm analysed and {others} "
        f"as the scenario's trials had it on average; the rule's own posterior is asked of each "
        f"table.{nowhere} Means of the trials: {few_of(said, row)}. Drawn are the first {TRIALS} "
        f"trials of a scenario as they ended, at whichever look, so that one that ended early may "
        f"lie on either side; seed {row['seed']}.{left_out(frame)}"
    )


def describe_accepted(tables: Tables) -> str:
    """Alternative text: where what is accepted ends, in the first scenario drawn."""
    cells = tables["accepted"]
    inside = cells[cells["accepted"].astype(bool)]
    if not len(inside):
        return "Scatter of trials by risk and benefit, a panel a scenario; nothing is accepted."
    return (
        f"Scatter of trials by risk and benefit, a panel a scenario. The rule accepts no observed "
        f"benefit below {percent(float(inside['benefit'].min()))} and no observed risk above "
        f"{percent(float(inside['risk'].max()))}."
    )


KIND = FigureKind(
    id="C11",
    name="accepted",
    chapter="safety",
    file_name="C11_accepted",
    title="Benefit against risk, and what the rule accepts",
    tables=accepted_tables,
    draw=draw_accepted,
    caption=say_accepted,
    alternative_text=describe_accepted,
    audience="restricted",  # it shows the thresholds on the scale of the data
)
