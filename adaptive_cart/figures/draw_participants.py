"""Drawings that follow participants: flow, swimmers, infusion, remission, durability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.figures.draw_measures import (
    columns_for,
    named,
    only_shown,
    panel_room,
    panels_of,
    rows_for,
)
from adaptive_cart.figures.kinds import Tables, called
from adaptive_cart.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    SKY,
    TALLEST,
    VERMILION,
    broken,
    legend_above,
    light_grid,
    mark,
    minus,
    percent_axis,
    sheet,
    short,
    styled,
    width_of,
)
from adaptive_cart.nouns.course import DRUG_FREE
from adaptive_cart.recorded.table import spells_in
from adaptive_cart.results.percentages import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# ── C1 ────────────────────────────────────────────────────────────────────────────────────────
LINE = 9.0 * 1.164 * 1.25 / 72.0  # inches of a line of text
TALL, WIDE = 3.25, 3.0  # inches of the chart of an arm
EDGE, SIDE = 0.09, 0.11  # inches of a box above and below its text together, and beside it
ENDS = {
    "relapsed": "relapsed",
    "in remission, followed": "in remission, still followed",
    "in remission when lost or died": "in remission when lost or died",
}


@styled
def draw_flow(tables: Tables) -> Figure:
    """Boxes from randomisation to relapse, a chart an arm, on one axis in its middle."""
    frame, about = tables["flow"], tables["about"].iloc[0]
    arms = list(dict.fromkeys(frame["arm"]))
    columns = min(len(arms), 2)
    deep = -(-len(arms) // columns)
    figure = sheet(min((TALL + 0.35) * deep, TALLEST))
    grid = figure.subplots(deep, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
        axes.set_xlim(0, WIDE)
        axes.set_ylim(0, TALL)
    for axes, arm in zip(grid.flat, arms, strict=False):
        own = {row["step"]: row for row in frame[frame["arm"] == arm].to_dict("records")}
        title = short(called(about, arm), WIDE - 0.2, bold=True)
        axes.set_title(title, loc="center")
        _flow_of(axes, own)
    return figure


def _flow_of(axes: Axes, own: dict[str, Any]) -> None:
    def numbers(step: str) -> str:
        row = own[step]
        known = row["share"] is not None and row["share"] == row["share"]
        share = f" ({percent(row['share'], 0)})" if known and row["mean"] > 0.0 else ""
        return ("0" if row["mean"] == 0.0 else f"{row['mean']:.1f}") + share

    middle = WIDE / 2
    first = _Box(axes, middle, TALL - 0.15, [f"randomised {numbers('randomised')}"], "#E6F1F8")
    above = first
    if "infused" in own:
        infused = _Box(axes, middle, 1.72, [f"infused {numbers('infused')}"], "#E6F1F8")
        why = [step for step in own if step.startswith("not infused")]
        lines = ["not infused:", *(f"{step.split(': ')[1]} {numbers(step)}" for step in why)]
        half = SIDE + max(width_of(line) for line in lines) / 2
        aside = _Box(axes, WIDE - 0.01 - half, 2.42, lines, "white")
        line = min(middle, aside.left - 0.15)
        _arrow(axes, (line, first.bottom), (line, infused.top))
        _arrow(axes, (line, aside.y), (aside.left, aside.y))
        above = infused
    remitted = ["drug-free remission", f"{numbers('remission')} of randomised"]
    remission = _Box(axes, middle, 1.10, remitted, "#DFF2EB")
    _arrow(axes, (middle, above.bottom), (middle, remission.top))
    lines = [f"{words} {numbers(step)}" for step, words in ENDS.items()]
    last = _Box(axes, middle, 0.335, lines, "white")
    _arrow(axes, (middle, remission.bottom), (middle, last.top))


class _Box:
    """A box around lines of text, centred at (x, y) inches."""

    def __init__(self, axes: Axes, x: float, y: float, lines: list[str], face: str) -> None:
        from matplotlib.patches import FancyBboxPatch

        tall = LINE * len(lines) + EDGE
        half = SIDE + max(width_of(line) for line in lines) / 2
        self.y, self.left = y, x - half
        self.top, self.bottom = y + tall / 2, y - tall / 2
        axes.add_patch(
            FancyBboxPatch((x - half, self.bottom), 2 * half, tall, linewidth=0.8, facecolor=face,
                           boxstyle="round,pad=0,rounding_size=0.04", edgecolor=BLACK)
        )  # fmt: skip
        axes.text(x, y, "\n".join(lines), ha="center", va="center", linespacing=1.25)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>", "color": BLACK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style)


# ── C2 ────────────────────────────────────────────────────────────────────────────────────────
EVENTS = {
    "infused_month": ("infusion", "^", "white", BLACK),
    "relapse_month": ("relapse", "X", VERMILION, BLACK),
    "rescue_month": ("rescue", "D", ORANGE, BLACK),
    "death_month": ("death", "s", BLACK, BLACK),
}


@styled
def draw_swimmer(tables: Tables) -> Figure:
    """A lane a participant, control below, longest follow-up on top of each arm."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    frame, about = tables["participants"], tables["about"].iloc[0]
    arms = list(dict.fromkeys(sorted(frame["arm"], key=list(frame["arm"]).count)))
    lanes = min(0.085 * len(frame), TALLEST - 1.2 - 0.3 * len(arms))
    figure = sheet(1.2 + lanes + 0.3 * len(arms))
    # an arm of a few participants has room for its axis all the same
    sizes = [max(int((frame["arm"] == arm).sum()), 3) for arm in arms]
    grid = figure.subplots(len(arms), 1, sharex=True, squeeze=False, height_ratios=sizes)[:, 0]
    present: dict[str, Any] = {}
    for axes, arm in zip(grid, arms, strict=True):
        own = frame[frame["arm"] == arm].sort_values("last_contact_month", ascending=False)
        for lane, row in enumerate(own.to_dict("records")):
            _lane(axes, lane, row, present, about)
        axes.set_ylim(len(own) - 0.3, -0.7)
        axes.set_yticks([])
        axes.set_title(f"{short(called(about, arm), 4.5, bold=True)} ({len(own)})")
        axes.spines["left"].set_visible(False)
        light_grid(axes, "x")
    grid[-1].set_xlabel("months since randomisation")
    grid[-1].set_xlim(0, float(frame["last_contact_month"].max()) * 1.03)
    handles: list[Any] = [
        Patch(facecolor=PALE, edgecolor="none"),
        Patch(facecolor=GREEN, edgecolor="none"),
    ]
    labels = ["followed", "drug-free remission"]
    for label, (shape, face, edge) in sorted(present.items()):
        handles.append(Line2D([], [], linestyle="none", marker=shape, markerfacecolor=face,
                              markeredgecolor=edge, markeredgewidth=0.6, markersize=5))  # fmt: skip
        labels.append(label)
    legend_above(figure, handles, labels)
    return figure


def _lane(axes: Axes, lane: int, row: dict[str, Any], present: dict[str, Any], about: Any) -> None:
    last = row["last_contact_month"]
    axes.plot([0, last], [lane, lane], color=PALE, linewidth=2.0, solid_capstyle="butt")
    shapes = dict(EVENTS)
    for state, _, _, begins, ends in spells_in(row):
        began, lost = row[begins], row.get(ends, float("nan"))
        if state != DRUG_FREE or began != began:
            continue
        until = lost if lost == lost else last
        axes.plot([began, until], [lane, lane], color=GREEN, linewidth=4.2, solid_capstyle="butt")
        shapes[ends] = EVENTS["relapse_month"]
    if isinstance(about["event"], str):
        shapes[about["event"]] = (about["event_words"], "P", "#F0E442", BLACK)
    for column, (label, shape, face, edge) in shapes.items():
        month = row.get(column, float("nan"))
        if month == month:
            axes.plot([month], [lane], shape, markerfacecolor=face, markeredgecolor=edge,
                      markeredgewidth=0.5, markersize=4.2, zorder=5)  # fmt: skip
            present[label] = (shape, face, edge)
    if row["dropped_out"]:
        axes.plot([last], [lane], "o", markerfacecolor="white", markeredgecolor=BLACK,
                  markeredgewidth=0.7, markersize=4.0, zorder=5)  # fmt: skip
        present["dropped out"] = ("o", "white", BLACK)


# ── C3 ────────────────────────────────────────────────────────────────────────────────────────
@styled
def draw_infusion(tables: Tables) -> Figure:
    """Share infused by months from randomisation, a line an arm with its product."""
    share, months, about = tables["share"], tables["months"], tables["about"].iloc[0]
    records = months.to_dict("records")
    figure = sheet(min(max(3.0, 0.5 + 0.95 * len(records)), TALLEST))
    axes, side = figure.subplots(1, 2, width_ratios=[1.0, 0.62])
    side.set_axis_off()
    handles, labels = [], []
    for row in records:
        place = records.index(row)
        own, style = share[share["arm"] == row["arm"]], mark(place)
        axes.fill_between(own["month"], own["p05"], own["p95"], color=style.colour, alpha=0.18,
                          lw=0)  # fmt: skip
        axes.fill_between(own["month"], own["lower"], own["upper"], color=style.colour, alpha=0.45,
                          lw=0)  # fmt: skip
        axes.plot(own["month"], own["estimate"], color=style.colour, linestyle=style.line)
        axes.plot([row["p50"]], [row["infused"] / 2], style.marker, color=style.colour)
        product = (
            f"\n({row['product'].replace('_', ' ')})" if isinstance(row["product"], str) else ""
        )
        labels.append(
            f"{short(called(about, row['arm']), 1.9)}{product}\n"
            f"{percent(row['infused'])} ever infused\n"
            f"median {minus(row['p50'], 1)} months\n"
            f"(p5 to p95: {minus(row['p05'], 1)} to {minus(row['p95'], 1)})"
        )
        handles.append(axes.plot([], [], color=style.colour, linestyle=style.line,
                                 marker=style.marker)[0])  # fmt: skip
    side.legend(handles, labels, loc="center left", borderaxespad=0.0, labelspacing=0.8)
    axes.set_ylim(0, 1.02)
    axes.set_xlim(0, float(share["month"].max()))
    axes.set_xlabel("months since randomisation")
    axes.set_ylabel("infused, of those randomised")
    percent_axis(axes)
    light_grid(axes)
    return figure


# ── C4 ────────────────────────────────────────────────────────────────────────────────────────
@styled
def draw_remission(tables: Tables) -> Figure:
    """Share in drug-free remission over time, a panel a scenario, a line an arm."""
    frame, about = only_shown(tables["remission"]), tables["about"].iloc[0]
    names = list(dict.fromkeys(frame["scenario"]))
    arms = list(dict.fromkeys(frame["arm"]))
    room = panel_room(columns_for(len(names)))
    figure = sheet(min(0.8 + 2.05 * rows_for(len(names)), TALLEST))
    handles: dict[str, Any] = {}
    highest = float(frame[["p95", "upper"]].max().max())
    top = next(tick for tick in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0) if tick >= highest)
    for axes, name in panels_of(figure, names):
        for place, arm in enumerate(arms):
            own = frame[(frame["scenario"] == name) & (frame["arm"] == arm)]
            style = mark(place)
            axes.fill_between(own["month"], own["p05"], own["p95"], color=style.colour, alpha=0.16,
                              lw=0)  # fmt: skip
            axes.fill_between(own["month"], own["lower"], own["upper"], color=style.colour,
                              alpha=0.45, lw=0)  # fmt: skip
            line = axes.plot(own["month"], own["estimate"], color=style.colour,
                             linestyle=style.line)[0]  # fmt: skip
            handles[short(called(about, arm), 2.6)] = line
        month = about["primary_month"]
        if month is not None and month == month:
            handles[f"month {month:g}, the primary"] = axes.axvline(
                month, color=GREY, linewidth=0.8, linestyle=(0, (4, 2))
            )
        axes.set_title(named(name, room, bold=True))
        axes.set_ylim(0, top)
        axes.set_xlim(0, float(frame["month"].max()))
        _months(axes, float(frame["month"].max()), room - 0.2)
        percent_axis(axes)
        light_grid(axes)
    figure.supxlabel("months since randomisation")
    figure.supylabel("in drug-free remission, of those randomised")
    legend_above(figure, list(handles.values()), list(handles))
    return figure


# ── C5 ────────────────────────────────────────────────────────────────────────────────────────
@styled
def draw_durability(tables: Tables) -> Figure:
    """Posterior of the fraction still in remission, looks across, arms down."""
    frame, true = only_shown(tables["durability"]), tables["true"]
    about = tables["about"].iloc[0]
    looks, arms = sorted(frame["look"].unique()), list(dict.fromkeys(frame["arm"]))
    columns = max(len(looks), 2)
    figure = sheet(min(1.05 + 2.0 * len(arms), TALLEST))
    grid = figure.subplots(len(arms), columns, squeeze=False, sharex=True, sharey=True)
    handles: dict[str, Any] = {}
    for down, arm in enumerate(arms):
        for across in range(columns):
            axes = grid[down][across]
            if across >= len(looks):
                axes.set_visible(False)
                continue
            own = frame[(frame["look"] == looks[across]) & (frame["arm"] == arm)]
            handles["95% credible interval"] = axes.fill_between(
                own["month"], own["lower"], own["upper"], color=SKY, alpha=0.45, lw=0
            )
            handles["posterior mean"] = axes.plot(own["month"], own["mean"], color=BLUE)[0]
            actual = true[true["arm"] == arm]
            if len(actual):
                handles["true fraction"] = axes.plot(
                    actual["month"], actual["remaining"], color=BLACK, linestyle=(0, (4, 2)),
                    linewidth=1.2,
                )[0]  # fmt: skip
            first = own.iloc[0]
            lines = [f"{int(first['relapses'])} of {int(first['remitters'])} relapsed"]
            if down == 0:
                lines = [f"look {int(first['look'])}, month {first['calendar_month']:.0f}", *lines]
            axes.set_title("\n".join(lines), fontweight="normal")
            if across == 0:
                tall = (figure.get_figheight() - 1.05) / len(arms)
                label = broken(called(about, arm), tall - 0.4, bold=True)
                axes.set_ylabel(label, fontweight="bold")
            axes.set_ylim(0, 1.02)
            axes.set_xlim(0, float(frame["month"].max()))
            _months(axes, float(frame["month"].max()), panel_room(columns) - 0.2)
            percent_axis(axes)
            light_grid(axes)
    figure.supxlabel("months since remission began")
    figure.supylabel("still in drug-free remission")
    legend_above(figure, list(handles.values()), list(handles))
    return figure


def _months(axes: Axes, last: float, room: float) -> None:
    """Tick months by the year, or by as many years as there is room for."""
    years = 1
    while (last / (12 * years) + 1) * 0.3 > room:
        years += 1
    axes.set_xticks(np.arange(0, last + 1, 12 * years))
