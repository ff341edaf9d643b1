"""Drawings with a calendar: the course of a trial, accrual, duration, and errors by ending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adaptive_cart.figures.draw_measures import named, only_shown, rows_axis
from adaptive_cart.figures.kinds import Tables
from adaptive_cart.figures.style import (
    BLACK,
    BLUE,
    ENDINGS,
    GREEN,
    GREY,
    SKY,
    SMALL,
    VERMILION,
    Mark,
    light_grid,
    mark,
    percent_axis,
    sheet,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACCRUAL = {
    "randomised": Mark(BLUE, "-", "o"),
    "infused": Mark(VERMILION, (0, (5, 1.5)), "s"),
    "primary observed": Mark(GREEN, (0, (1, 1.2)), "^"),
}


# ── F1 ────────────────────────────────────────────────────────────────────────────────────────
@styled
def draw_timeline(tables: Tables) -> Figure:
    """Lanes of enrolment, infusion and follow-up, and the looks with their spread."""
    lanes, looks, about = tables["lanes"], tables["looks"], tables["about"].iloc[0]
    count = len(lanes) + len(looks)
    figure = sheet(1.05 + 0.36 * count)
    axes, side = figure.subplots(1, 2, width_ratios=[1.0, 0.72], sharey=True)
    side.set_axis_off()
    labels = list(lanes["lane"]) + [f"look {int(look)}" for look in looks["look"]]
    rows_axis(axes, labels)
    hatches = {"enrolment": ("", SKY), "infusion": ("////", "#F7C9A8"),
               "primary observed": ("....", "#BFE5D8")}  # fmt: skip
    for place, row in enumerate(lanes.to_dict("records")):
        hatch, face = hatches[row["lane"]]
        axes.barh(place, row["last_p50"] - row["first_p50"], 0.5, left=row["first_p50"],
                  facecolor=face, edgecolor=BLACK, linewidth=0.6, hatch=hatch)  # fmt: skip
        for edge in ("first", "last"):
            axes.plot([row[f"{edge}_p05"], row[f"{edge}_p95"]], [place, place], color=BLACK,
                      linewidth=1.2)  # fmt: skip
            for end in (row[f"{edge}_p05"], row[f"{edge}_p95"]):
                axes.plot([end, end], [place - 0.13, place + 0.13], color=BLACK, linewidth=1.2)
    right = max([*lanes["last_p95"], *looks["p95"]])
    columns = {
        "random-\nised": ("randomised_p50", "{:.0f}"),
        "infused": ("infused_p50", "{:.0f}"),
        "analysed": ("analysed_p50", "{:.0f}"),
        "trials\nreaching": ("reached", "{:.0%}"),
    }
    if not about["infusions"]:
        del columns["infused"]
    spots = [(k + 1) / len(columns) for k in range(len(columns))]
    for place, row in enumerate(looks.to_dict("records"), start=len(lanes)):
        axes.plot([row["p05"], row["p95"]], [place, place], color=BLUE, linewidth=1.6)
        axes.plot([row["p50"]], [place], "D", color=BLUE, markersize=6)
        for x, (column, form) in zip(spots, columns.values(), strict=True):
            side.text(x, place, form.format(row[column]), ha="right", va="center",
                      fontsize=SMALL, transform=side.get_yaxis_transform())  # fmt: skip
    for x, heading in zip(spots, columns, strict=True):
        side.text(x, len(lanes) - 0.62, heading, ha="right", va="bottom", fontsize=SMALL,
                  color=GREY, transform=side.get_yaxis_transform())  # fmt: skip
    axes.axhline(len(lanes) - 0.5, color=GREY, linewidth=0.7)
    axes.set_xlim(0, right * 1.03)
    axes.set_xlabel("months since the trial opened")
    light_grid(axes, "x")
    return figure


# ── F8 ────────────────────────────────────────────────────────────────────────────────────────
@styled
def draw_duration(tables: Tables) -> Figure:
    """Accrual over the calendar above, months to the end of the trial below."""
    accrual, looks, about = tables["accrual"], tables["looks"], tables["about"].iloc[0]
    duration = only_shown(tables["duration"])
    figure = sheet(5.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1.15, 1.0])
    handles: dict[str, Any] = {}
    for what, style in ACCRUAL.items():
        part = accrual[accrual["what"] == what]
        if part.empty:
            continue
        upper.fill_between(part["month"], part["p05"], part["p95"], color=style.colour,
                           alpha=0.18, lw=0, step="post")  # fmt: skip
        handles[what] = upper.step(part["month"], part["p50"], where="post", color=style.colour,
                                   linestyle=style.line)[0]  # fmt: skip
    for row in looks.to_dict("records"):
        upper.axvline(row["p50"], color=GREY, linewidth=0.8, linestyle=(0, (4, 2)))
        upper.text(row["p50"], 1.02, f"look {int(row['look'])}", ha="center", va="bottom",
                   fontsize=SMALL, color=GREY, transform=upper.get_xaxis_transform())  # fmt: skip
    upper.set_ylim(0, about["max_n"] * 1.04)
    upper.set_ylabel("participants so far")
    light_grid(upper)
    _end_labels(upper, accrual)
    names = list(dict.fromkeys(duration["scenario"]))
    curves = []
    right = float(accrual["month"].max())
    for place, name in enumerate(names):
        part, style = duration[duration["scenario"] == name], mark(place)
        x = [part["month"].iloc[0], *part["month"], right]
        y = [0.0, *part["at_most"], 1.0]
        curves.append(lower.step(x, y, where="post", color=style.colour, linestyle=style.line)[0])
    lower.set_ylim(-0.02, 1.04)
    lower.set_xlim(0, right)
    percent_axis(lower)
    light_grid(lower)
    lower.set_ylabel("trials ended by then")
    lower.set_xlabel("months since the trial opened")
    lower.legend(curves, [named(name, 40) for name in names], loc="upper left",
                 handlelength=3.2)  # fmt: skip
    upper.legend(list(handles.values()), list(handles), loc="upper left", handlelength=3.2)
    return figure


def _end_labels(axes: Axes, accrual: Any) -> None:
    """Tick the maximum of participants."""
    axes.set_yticks(axes.get_yticks())
    top = float(accrual["p95"].max())
    ticks = [tick for tick in axes.get_yticks() if tick <= top * 1.04]
    axes.set_yticks(ticks)
    axes.set_ylim(0, top * 1.04)


# ── F9 ────────────────────────────────────────────────────────────────────────────────────────
@styled
def draw_estimation(tables: Tables) -> Figure:
    """Errors of the estimate by look and reason, a panel a scenario or arm."""
    cells, shapes = only_shown(tables["errors"]), tables["shapes"]
    panels = list(dict.fromkeys(cells["panel"]))
    columns = 1 if len(panels) == 1 else 2
    deep = -(-len(panels) // columns)
    by_panel = {panel: cells[cells["panel"] == panel].to_dict("records") for panel in panels}
    most = [
        max(len(by_panel[panel]) for panel in panels[k * columns : (k + 1) * columns])
        for k in range(deep)
    ]
    figure = sheet(0.6 + sum(0.55 + 0.30 * rows for rows in most))
    grid = figure.subplots(deep, columns, squeeze=False, sharex=True,
                           height_ratios=[rows + 1 for rows in most])  # fmt: skip
    for place, (axes, panel) in enumerate(zip(grid.flat, panels, strict=False)):
        _errors(axes, by_panel[panel], shapes[shapes["panel"] == panel], most[place // columns])
        axes.set_title(named(panel, 18))
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    if columns == 2 and len(panels) % 2:
        grid[-2][-1].tick_params(axis="x", labelbottom=True)
    shapes = shapes[shapes["panel"].isin(panels)]
    low = min(0.0, float(cells["p05"].min()), float(shapes["from"].min()) if len(shapes) else 0.0)
    high = max(0.0, float(cells["p95"].max()), float(shapes["to"].max()) if len(shapes) else 0.0)
    reach = high - low
    grid[0][0].set_xlim(low - 0.03 * reach, high + 0.52 * reach)
    figure.supxlabel("estimate − true value")
    return figure


def _errors(axes: Axes, rows: list[dict[str, Any]], shapes: Any, most: int) -> None:
    labels = [
        "all trials" if row["look"] == 0
        else f"{int(row['look'])}: {row['reason'].replace('_', ' ')}"
        for row in rows
    ]  # fmt: skip
    rows_axis(axes, labels)
    axes.set_ylim(most - 0.5, -0.6)
    for place, row in enumerate(rows):
        face = GREY if row["look"] == 0 else ENDINGS[row["reason"]][1]
        own = shapes[(shapes["look"] == row["look"]) & (shapes["reason"] == row["reason"])]
        if len(own):
            half = 0.38 * own["share"] / own["share"].max()
            middle = (own["from"] + own["to"]) / 2
            axes.fill_between(middle, place - half, place + half, facecolor=face, alpha=0.35,
                              edgecolor=face, linewidth=0.6)  # fmt: skip
        axes.plot([row["p05"], row["p95"]], [place, place], color=BLACK, linewidth=0.9)
        axes.plot([row["p25"], row["p75"]], [place, place], color=BLACK, linewidth=2.6)
        axes.plot([row["bias"]], [place], "D", color="white", markeredgecolor=BLACK,
                  markersize=5, zorder=5)  # fmt: skip
        few = "†" if row["n"] < 1000 else ""
        axes.text(1.0, place, f"{row['n']:,}{few}  {100 * row['coverage']:.0f}%", ha="right",
                  va="center", fontsize=SMALL, transform=axes.get_yaxis_transform())  # fmt: skip
    axes.text(1.0, 1.02, "trials  covered", ha="right", va="bottom", fontsize=SMALL, color=GREY,
              transform=axes.transAxes)  # fmt: skip
    axes.axvline(0.0, color=BLACK, linewidth=0.9)
    light_grid(axes, "x")
