"""Drawings with a calendar: the course of a trial, accrual, duration, and errors by ending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adaptive_cart.figures.draw_measures import mark_on_steps, only_shown, rows_axis
from adaptive_cart.figures.kinds import Tables
from adaptive_cart.figures.style import (
    BLACK,
    BLUE,
    FACES,
    GREEN,
    GREY,
    SKY,
    TALLEST,
    VERMILION,
    Mark,
    legend_above,
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

PALE = "#E3EEF7"  # lanes of arms that enter or leave
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
        hatch, face = hatches.get(row["lane"], ("", PALE))
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
    """Enrolment over the calendar above, months to the end of the trial below."""
    accrual, looks, about = tables["accrual"], tables["looks"], tables["about"].iloc[0]
    duration = only_shown(tables["duration"])
    names = list(dict.fromkeys(duration["scenario"]))
    labels = [short(name, 2.6) for name in names]
    rows = -(-len(names) // legend_columns(labels, 5.2))
    figure = sheet(5.6 + 0.17 * rows)
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
    legend_above(figure, list(handles.values()), list(handles))
    return figure


def _end_labels(axes: Axes, most: int) -> None:
    """Tick the maximum of participants, which is where the curves end."""
    ticks = [tick for tick in axes.get_yticks() if tick <= 0.93 * most]
    axes.set_yticks([*ticks, most])
    axes.set_ylim(0, most * 1.04)


# ── F9 ────────────────────────────────────────────────────────────────────────────────────────
LINE, NAME = 0.178, 0.30  # inches of a row, and of the name of a panel with what is above it


@styled
def draw_estimation(tables: Tables) -> Figure:
    """Errors of the estimate by look and reason, a panel a scenario, below one another."""
    from matplotlib.ticker import MaxNLocator

    cells, shapes = only_shown(tables["errors"]), tables["shapes"]
    by_panel = {
        str(panel): own.to_dict("records") for panel, own in cells.groupby("panel", sort=False)
    }
    columns = _stacks([len(rows) for rows in by_panel.values()])
    figure = sheet(min(0.75 + max(map(_inches, columns)), TALLEST))
    low, high = _reach(cells, shapes[shapes["panel"].isin(by_panel)])
    panels = iter(by_panel.items())
    parts: Any = figure.subfigures(1, len(columns), squeeze=False)[0]
    deepest = max(sum(column) + len(column) for column in columns)
    for part, column in zip(parts, columns, strict=True):
        # a column with fewer rows ends higher up, its rows as tall as the others'
        spare = deepest - sum(column) - len(column)
        heights = [rows + NAME / LINE for rows in column]
        grid = part.subplots(
            len(column) + (spare > 0), 1, sharex=True, squeeze=False,
            height_ratios=[*heights, *([spare] if spare > 0 else [])],
        )[:, 0]  # fmt: skip
        for axes in grid[len(column) :]:
            axes.set_visible(False)
        for axes, rows in zip(grid, column, strict=False):
            panel, records = next(panels)
            _errors(axes, records, shapes[shapes["panel"] == panel], rows)
            # the name of the panel stands above the labels of its rows
            room = 4.5 if len(columns) == 1 else 1.8  # up to the heading of the numbers
            axes.annotate(short(panel, room, bold=True), (0.0, 1.0),
                          xytext=(-92, 3), xycoords="axes fraction", textcoords="offset points",
                          va="bottom", fontweight="bold")  # fmt: skip
            axes.tick_params(axis="x", labelbottom=axes is grid[len(column) - 1])
        grid[0].set_xlim(low, high)
        grid[0].xaxis.set_major_locator(MaxNLocator(8 if len(columns) == 1 else 3))
        grid[0].xaxis.set_major_formatter(lambda value, _: minus(value, 3).rstrip("0").rstrip("."))
        grid[len(column) - 1].set_xlabel("estimate − true value")
    return figure


def _inches(rows: list[int]) -> float:
    """Height of panels with so many rows below one another."""
    return sum(NAME + LINE * number for number in rows)


def _stacks(rows: list[int]) -> list[list[int]]:
    """Panels below one another, in a second column only where one does not hold them."""
    if _inches(rows) <= TALLEST - 0.75 or len(rows) < 2:
        return [rows]
    half = min(range(1, len(rows)), key=lambda k: max(_inches(rows[:k]), _inches(rows[k:])))
    return [rows[:half], rows[half:]]


def _reach(cells: Any, shapes: Any) -> tuple[float, float]:
    """Ends of the axis: nine in ten trials of every row, and tails half as long again."""
    low, high = min(0.0, float(cells["p05"].min())), max(0.0, float(cells["p95"].max()))
    # a mean lies beyond where a few trials are far off
    low, high = min(low, float(cells["bias"].min())), max(high, float(cells["bias"].max()))
    tail = 0.25 * (high - low or 1.0)
    if len(shapes):
        least, most = float(shapes["from"].min()), float(shapes["to"].max())
        return max(low - tail, min(least, low - 0.04)), min(high + tail, max(most, high + 0.04))
    return low - tail, high + tail


def _errors(axes: Axes, rows: list[dict[str, Any]], shapes: Any, most: int) -> None:
    rows_axis(axes, [_end(row) for row in rows])
    axes.set_ylim(most - 0.5, -0.6)
    for place, row in enumerate(rows):
        face = GREY if row["look"] == 0 else FACES[row["reason"]][1]
        own = shapes[(shapes["look"] == row["look"]) & (shapes["reason"] == row["reason"])]
        own = own[own["between"] == row["between"]]
        if len(own):
            half = 0.46 * own["share"] / own["share"].max()
            middle = (own["from"] + own["to"]) / 2
            axes.fill_between(middle, place - half, place + half, facecolor=face, alpha=0.45,
                              edgecolor=face, linewidth=0.6)  # fmt: skip
        axes.plot([row["p05"], row["p95"]], [place, place], color=BLACK, linewidth=0.9)
        axes.plot([row["p25"], row["p75"]], [place, place], color=BLACK, linewidth=2.6)
        axes.plot([row["bias"]], [place], "D", color="white", markeredgecolor=BLACK,
                  markersize=4.5, zorder=5, clip_on=False)  # fmt: skip
        few = "†" if row["n"] < 1000 else ""
        for words, right in ((f"{row['n']:,}{few}", 37), (f"{100 * row['coverage']:.0f}%", 76)):
            axes.annotate(words, (1.0, place), xytext=(right, 0), ha="right", va="center",
                          xycoords=axes.get_yaxis_transform(),
                          textcoords="offset points")  # fmt: skip
    for words, right in (("trials", 35), ("covered", 76)):
        axes.annotate(words, (1.0, 1.0), xytext=(right, 3), ha="right", va="bottom", color=GREY,
                      xycoords="axes fraction", textcoords="offset points")  # fmt: skip
    axes.axvline(0.0, color=BLACK, linewidth=0.9)
    light_grid(axes, "x")


def _end(row: dict[str, Any]) -> str:
    """How trials of a row ended: "1: success", "before 1: safety"."""
    if row["look"] == 0:
        return "all trials"
    before = "before " if row["between"] else ""
    return f"{before}{int(row['look'])}: {row['reason'].replace('_', ' ')}"
