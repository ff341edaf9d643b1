"""Drawings with a calendar: the course of a trial, accrual, duration, and errors by ending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adaptive_cart.figures.draw_measures import mark_on_steps, only_shown, rows_axis
from adaptive_cart.figures.kinds import Tables
from adaptive_cart.figures.style import (
    BLACK,
    BLUE,
    ENDINGS,
    GREEN,
    GREY,
    SKY,
    TALLEST,
    VERMILION,
    Mark,
    legend_columns,
    light_grid,
    mark,
    minus,
    name_looks,
    percent_axis,
    sheet,
    short,
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
    figure = sheet(min(1.05 + 0.36 * count, TALLEST))
    ratio = 1.15 if about["infusions"] else 0.75
    axes, side = figure.subplots(1, 2, width_ratios=[1.0, ratio], sharey=True)
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
                      transform=side.get_yaxis_transform())  # fmt: skip
    for x, heading in zip(spots, columns, strict=True):
        side.text(x, len(lanes) - 0.62, heading, ha="right", va="bottom",
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
    names = list(dict.fromkeys(duration["scenario"]))
    labels = [short(name, 2.6) for name in names]
    rows = -(-len(names) // legend_columns(labels, 5.2))
    figure = sheet(5.4 + 0.17 * rows)
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
    right = float(accrual["month"].max())
    for date in looks["p50"]:
        upper.axvline(date, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)))
    named = [(int(look), float(date)) for look, date in zip(looks["look"], looks["p50"],
                                                            strict=True)]  # fmt: skip
    name_looks(upper, named, right, 5.6)
    upper.set_ylim(0, about["max_n"] * 1.04)
    upper.set_ylabel("participants so far")
    light_grid(upper)
    _end_labels(upper, int(about["max_n"]))
    curves = []
    for place, name in enumerate(names):
        part, style = duration[duration["scenario"] == name], mark(place)
        x = [part["month"].iloc[0], *part["month"], right]
        y = [0.0, *part["at_most"], 1.0]
        lower.step(x, y, where="post", color=style.colour, linestyle=style.line)
        mark_on_steps(lower, x, y, (place + 0.5) / len(names), style)
        curves.append(lower.plot([], [], color=style.colour, linestyle=style.line,
                                 marker=style.marker)[0])  # fmt: skip
    lower.set_ylim(-0.02, 1.04)
    lower.set_xlim(0, right)
    percent_axis(lower)
    light_grid(lower)
    lower.set_ylabel("trials ended by then")
    lower.set_xlabel("months since the trial opened")
    lower.legend(curves, labels, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.3,
                 ncols=legend_columns(labels, 5.2), handlelength=3.2,
                 columnspacing=1.4)  # fmt: skip
    upper.legend(list(handles.values()), list(handles), loc="upper left", handlelength=3.2)
    return figure


def _end_labels(axes: Axes, most: int) -> None:
    """Tick the maximum of participants, which is where the curves end."""
    ticks = [tick for tick in axes.get_yticks() if tick <= 0.93 * most]
    axes.set_yticks([*ticks, most])
    axes.set_ylim(0, most * 1.04)


# ── F9 ────────────────────────────────────────────────────────────────────────────────────────
@styled
def draw_estimation(tables: Tables) -> Figure:
    """Errors of the estimate by look and reason, a panel a scenario or arm."""
    from matplotlib.ticker import MaxNLocator

    cells, shapes = only_shown(tables["errors"]), tables["shapes"]
    panels = list(dict.fromkeys(cells["panel"]))
    columns = 1 if len(panels) == 1 else 2
    deep = -(-len(panels) // columns)
    by_panel = {panel: cells[cells["panel"] == panel].to_dict("records") for panel in panels}
    most = [
        max(len(by_panel[panel]) for panel in panels[k * columns : (k + 1) * columns])
        for k in range(deep)
    ]
    tall = sum(0.55 + 0.30 * rows for rows in most)
    figure = sheet(min(0.6 + tall, TALLEST))
    grid = figure.subplots(deep, columns, squeeze=False, sharex=True,
                           height_ratios=[rows + 1 for rows in most])  # fmt: skip
    for place, (axes, panel) in enumerate(zip(grid.flat, panels, strict=False)):
        _errors(axes, by_panel[panel], shapes[shapes["panel"] == panel], most[place // columns])
        # the name of the panel stands above the labels of its rows
        axes.annotate(short(panel, 2.0 if columns == 2 else 4.5, bold=True), (0.0, 1.0),
                      xytext=(-69, 3), xycoords="axes fraction", textcoords="offset points",
                      va="bottom", fontweight="bold")  # fmt: skip
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    if columns == 2 and len(panels) % 2:
        grid[-2][-1].tick_params(axis="x", labelbottom=True)
    shapes = shapes[shapes["panel"].isin(panels)]
    low = min(0.0, float(cells["p05"].min()), float(shapes["from"].min()) if len(shapes) else 0.0)
    high = max(0.0, float(cells["p95"].max()), float(shapes["to"].max()) if len(shapes) else 0.0)
    reach = high - low
    grid[0][0].set_xlim(low - 0.03 * reach, high + 0.03 * reach)
    grid[0][0].xaxis.set_major_locator(MaxNLocator(2 if columns == 2 else 8))
    grid[0][0].xaxis.set_major_formatter(lambda value, _: minus(value, 2).rstrip("0").rstrip("."))
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
                  markersize=5, zorder=5, clip_on=False)  # fmt: skip
        few = "†" if row["n"] < 1000 else ""
        axes.annotate(f"{row['n']:,}{few}", (1.0, place), xytext=(37, 0), ha="right", va="center",
                      xycoords=axes.get_yaxis_transform(), textcoords="offset points")  # fmt: skip
        axes.annotate(f"{100 * row['coverage']:.0f}%", (1.0, place), xytext=(76, 0), ha="right",
                      va="center", xycoords=axes.get_yaxis_transform(),
                      textcoords="offset points")  # fmt: skip
    for words, right in (("trials", 35), ("covered", 76)):
        axes.annotate(words, (1.0, 1.0), xytext=(right, 3), ha="right", va="bottom", color=GREY,
                      xycoords="axes fraction", textcoords="offset points")  # fmt: skip
    axes.axvline(0.0, color=BLACK, linewidth=0.9)
    light_grid(axes, "x")
