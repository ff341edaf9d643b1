"""C8, benefit against harm as a utility weighs them: estimates of trials, and what is true.

A utility is its benefit (what is weighed with more than 0) less its harm. So what a rule claims of
it is one side of a straight line, which the picture shows beside the posterior means of the trials.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.conduct.plan import Weighed
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
from adaptive_cart.figures.source import plan_of, scenarios, trials_of
from adaptive_cart.figures.style import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    PALE,
    TALLEST,
    legend_above,
    light_grid,
    minus,
    sheet,
    styled,
)
from adaptive_cart.figures.tables_measures import measured, of_scenarios, table
from adaptive_cart.figures.thinning import left_out, shown_scenarios
from adaptive_cart.figures.words_measures import few_of
from adaptive_cart.nouns.questions import sum_of
from adaptive_cart.results.percentages import percent
from adaptive_cart.results.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = 6
PARTS = ("utility", "benefit", "harm")
MEASURED = (*PARTS, *(f"expected_{part}" for part in PARTS))
TRIALS = 200  # of each scenario: more cannot be told apart


# ── numbers ───────────────────────────────────────────────────────────────────────────────────
def utility_tables(result: Result) -> Tables | Missing:
    """Benefit and harm of one utility: true, expected, and of the first trials of each scenario."""
    plan = plan_of(result)
    if not plan.utilities:
        return Missing(
            "the design has no utility",
            "write [utility.NAME] with a weight for each endpoint and simulate again",
        )
    utility, claim = _asked(result)
    name, arm = utility.question.endpoint, result.design.arm_names[utility.question.arm]
    rows, points, trials = [], [], trials_of(result)
    for scenario, role in scenarios(result):
        found = {what: measured(result, scenario, f"{what}_{name}", arm=arm) for what in MEASURED}
        values = {what: cells["estimate"] for what, cells in found.items() if cells is not None}
        if len(values) < len(found):
            continue
        success = measured(result, scenario, "success")
        expected = found["expected_utility"] or {}
        rows.append({"scenario": scenario, "role": role, **values,
                     "expected_lower": expected["lower"], "expected_upper": expected["upper"],
                     "p_success": None if success is None else success["estimate"]})  # fmt: skip
        own = trials[trials["scenario"].astype(str) == scenario].head(TRIALS)
        points += [
            {"scenario": scenario, "trial": int(trial), "benefit": float(benefit),
             "harm": float(harm), "succeeds": str(reason) == SUCCESS.name}
            for trial, benefit, harm, reason in zip(
                own["trial"], own[f"benefit{utility.suffix}"], own[f"harm{utility.suffix}"],
                own["reason"], strict=True,
            )
        ]  # fmt: skip
    if not rows:
        return Missing(
            "no scenario has a true value of everything that the utility weighs",
            "give each of its endpoints a truth in every arm and simulate again",
        )
    seen = shown_scenarios(result, PANELS, of_scenarios(result, f"utility_{name}", arm=arm))
    return {
        "scenarios": table([{"shown": row["scenario"] in seen, **row} for row in rows]),
        "trials": table([{"shown": row["scenario"] in seen, **row} for row in points]),
        "about": about(
            result,
            utility=name,
            weights=sum_of(utility.question.weights),
            arm=arm,
            control=result.design.control,
            several=len(plan.utilities) > 1,
            **claim,
        ),
    }


def _asked(result: Result) -> tuple[Weighed, dict[str, Any]]:
    """The utility that the first rule for success asks about, and its claim; else the first."""
    plan = plan_of(result)
    for rule in plan.rules:
        for part in rule.parts if rule.decision.ends == SUCCESS else ():
            for utility in plan.utilities:
                asked = part.question
                about_it = (asked.endpoint, asked.arm) == (
                    utility.question.endpoint,
                    utility.question.arm,
                )
                if about_it and asked.minus == utility.question.minus:
                    above = asked.above == part.affirms
                    return utility, {"rule": rule.name, "limit": asked.value, "above": above}
    return plan.utilities[0], {"rule": None, "limit": None, "above": True}


# ── the picture ───────────────────────────────────────────────────────────────────────────────
@styled
def draw_utility(tables: Tables) -> Figure:
    """A panel a scenario: trials by their posterior means, the truth, and what is claimed."""
    frame, points = only_shown(tables["scenarios"]), only_shown(tables["trials"])
    row = tables["about"].iloc[0]
    names = list(dict.fromkeys(frame["scenario"]))
    room = panel_room(columns_for(len(names)))
    figure = sheet(min(0.95 + 2.3 * rows_for(len(names)), TALLEST))
    limits = _limits(frame, points)
    handles: dict[str, Any] = {}
    for axes, name in panels_of(figure, names):
        axes.set_xlim(limits[0])
        axes.set_ylim(limits[1])
        _claim(axes, row, handles)
        draw_trials(axes, points[points["scenario"] == name], "harm", handles)
        of = frame[frame["scenario"] == name].iloc[0]
        handles["true value"] = draw_middle(axes, of["harm"], of["benefit"])
        axes.set_title(named(name, room, bold=True))
        light_grid(axes, "both")
    beside = " of the difference to the control" if isinstance(row["control"], str) else ""
    figure.supxlabel(f"harm, weighed (posterior mean{beside})")
    figure.supylabel("benefit, weighed")
    trials_first(figure, handles)
    return figure


def _limits(frame: Any, points: Any) -> tuple[tuple[float, float], tuple[float, float]]:
    """What all panels show of harm, and of benefit: every trial and every truth."""

    def ends(what: str) -> tuple[float, float]:
        values = np.concatenate([frame[what], points[what][np.isfinite(points[what])], [0.0]])
        room = 0.06 * (values.max() - values.min() or 1.0)
        return float(values.min() - room), float(values.max() + room)

    return ends("harm"), ends("benefit")


def _claim(axes: Axes, row: Any, handles: dict[str, Any]) -> None:
    """The line at which the claim is just false, and the side on which it is so."""
    if row["limit"] is None or row["limit"] != row["limit"]:
        return
    across = np.array(axes.get_xlim())
    line = across + row["limit"]
    end = axes.get_ylim()[1 if row["above"] else 0]
    side = "above" if row["above"] else "below"
    handles[f"utility {side} {row['limit']:g}, as claimed"] = axes.fill_between(
        across, line, np.full(2, end), where=None, facecolor="white", edgecolor=PALE,
        hatch="///", linewidth=0.0, zorder=0,
    )  # fmt: skip
    axes.plot(across, line, color=GREY, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)


def draw_trials(axes: Axes, points: Any, across: str, handles: dict[str, Any]) -> None:
    """Trials by their benefit and what is ``across``, those that succeed apart from the others."""
    won = points["succeeds"].astype(bool)
    for inside, label, face in ((~won, "trial without success", "white"),
                                (won, "trial that succeeds", BLUE)):  # fmt: skip
        handles[label] = axes.plot(
            points.loc[inside, across], points.loc[inside, "benefit"], "o" if face == BLUE else "s",
            markersize=3.2, markerfacecolor=face, markeredgecolor=BLUE if face == BLUE else GREY,
            markeredgewidth=0.6, linestyle="none", zorder=3, alpha=0.8,
        )[0]  # fmt: skip


def draw_middle(axes: Axes, across: float, benefit: float) -> Any:
    """Mark what the trials of a panel lie around, on top of them."""
    return axes.plot(
        [across], [benefit], "X", color=ORANGE, markersize=9.0, markeredgecolor=BLACK,
        markeredgewidth=0.8, zorder=5, linestyle="none",
    )[0]  # fmt: skip


def trials_first(figure: Figure, handles: dict[str, Any]) -> None:
    """The legend, the trials first."""
    shown = sorted(handles, key=lambda label: not label.startswith("trial"))
    legend_above(figure, [handles[label] for label in shown], shown)


# ── in words ──────────────────────────────────────────────────────────────────────────────────
def say_utility(tables: Tables) -> str:
    """Caption: true and expected utility of the scenarios, and what the line is."""
    frame, row = tables["scenarios"], tables["about"].iloc[0]
    said = []
    for of in frame.to_dict("records"):
        expected = " to ".join(minus(of[f"expected_{end}"], 3) for end in ("lower", "upper"))
        success = "" if of["p_success"] is None else f", success {percent(of['p_success'])}"
        said.append(
            (of["scenario"], f"{of['scenario']} {minus(of['utility'], 3)}, expected "
             f"{minus(of['expected_utility'], 3)} ({expected}){success}", of["utility"])
        )  # fmt: skip
    arms = called(row, row["arm"])
    if isinstance(row["control"], str):
        arms += f" less {called(row, row['control'])}"
    other = " Other utilities and arms are in the table of measures." if row["several"] else ""
    return (
        f"Utility {row['utility']} = {row['weights']}, {arms}: benefit is what is weighed with "
        f"more than 0, harm what is weighed with less. True utility and expected posterior mean "
        f"with its 95% Monte Carlo interval: {few_of(said, row)}.{_line(row)} Drawn are posterior "
        f"means at the look that ended each of the first {TRIALS} trials of a scenario, seed "
        f"{row['seed']}.{other}{left_out(frame)}"
    )


def _line(row: Any) -> str:
    if row["limit"] is None or row["limit"] != row["limit"]:
        return ""
    side = "above" if row["above"] else "below"
    return (
        f" Dashed: a utility of {row['limit']:g}; {row['rule']} claims that it lies {side} "
        f"(hatched), and succeeds where that is probable enough, not by the posterior mean alone."
    )


def describe_utility(tables: Tables) -> str:
    """Alternative text: the best and the worst scenario."""
    frame = tables["scenarios"]
    best, worst = (frame.loc[frame["utility"].idxmax()], frame.loc[frame["utility"].idxmin()])
    return (
        f"Scatter of trials by harm and benefit, a panel a scenario. The true utility is largest "
        f"in {best['scenario']}, {minus(best['utility'], 3)}, and smallest in "
        f"{worst['scenario']}, {minus(worst['utility'], 3)}."
    )


KIND = FigureKind(
    id="C8",
    name="utility",
    chapter="safety",
    file_name="C08_utility",
    title="Benefit and harm as a utility weighs them",
    tables=utility_tables,
    draw=draw_utility,
    caption=say_utility,
    alternative_text=describe_utility,
)
