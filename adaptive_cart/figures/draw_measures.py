"""Drawings of the operating characteristics; every number comes from the tables handed in."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from adaptive_cart.figures.kinds import Tables, cell
from adaptive_cart.figures.style import (
    BLACK,
    BLUE,
    ENDINGS,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    Mark,
    legend_above,
    light_grid,
    mark,
    minus,
    percent_axis,
    sheet,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OUTCOMES = {
    "success": ("success", Mark(BLUE, "-", "o")),
    "early_success": ("success before the last look", Mark(SKY, (0, (4, 1.5)), "d")),
    "futility": ("stopped for futility", Mark(ORANGE, (0, (1, 1.2)), "^")),
    "safety": ("stopped for safety", Mark(PURPLE, (0, (6, 1.5, 1, 1.5)), "s")),
}
ROW = 0.34  # inches a row of a dot plot


def named(name: str, width: int = 20) -> str:
    """Break a long scenario name at its underscores."""
    return textwrap.fill(name.replace("_", "_ "), width).replace("_ ", "_")


def short(text: str, width: int) -> str:
    """Cut a label that is longer than there is room for; tables and captions have it whole."""
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def rows_axis(axes: Axes, labels: list[str]) -> None:
    """Make the y axis one of named rows, the first on top."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    for row in range(len(labels)):
        axes.axhline(row, color="#F0F0F0", linewidth=0.7, zorder=0)


def dot(axes: Axes, row: float, cells: Any, style: Mark, **options: Any) -> Any:
    """Draw an estimate with its Monte Carlo interval along x."""
    axes.plot([cells["lower"], cells["upper"]], [row, row], color=style.colour, linewidth=1.3)
    return axes.plot(
        [cells["estimate"]], [row], style.marker, color=style.colour, markersize=5.5, **options
    )[0]


def only_shown(frame: Any) -> Any:
    """Rows of the scenarios that there is room for; the table holds them all."""
    return frame[frame["shown"]]


def columns_for(panels: int) -> int:
    """Columns in which so many panels stand best."""
    return 2 if panels in (2, 4) else min(panels, 3)


def _has_curve(tables: Tables) -> bool:
    return bool(cell(tables["about"], "lines") > 0)


# ── F4 ────────────────────────────────────────────────────────────────────────────────────────
@styled
def draw_success(tables: Tables) -> Figure:
    """Probability of each outcome against the true effect."""
    frame, about = only_shown(tables["success"]), tables["about"].iloc[0]
    loose = frame[frame["line"] < 0]
    if not _has_curve(tables) or about["by_target"]:
        figure = sheet(_rows_height(frame, about))
        _success_rows(figure, frame, about)
        return figure
    lines = frame.loc[frame["line"] >= 0, "line"].nunique()
    above = 1.1 + 2.5 * -(-lines // columns_for(lines))
    if loose.empty:
        figure = sheet(above)
        _success_curves(figure, frame, about)
        return figure
    below = _rows_height(loose, about)
    figure = sheet(above + below)
    parts: Any = figure.subfigures(2, 1, height_ratios=[above, below])
    upper, lower = parts
    _success_curves(upper, frame, about)
    _success_rows(lower, loose, about)
    return figure


def _rows_height(frame: Any, about: Any) -> float:
    rows = len(frame.drop_duplicates(["scenario", "arm", "stratum"]))
    return 1.3 + (0.27 if about["by_target"] else 0.46) * rows


def _success_curves(figure: Any, frame: Any, about: Any) -> None:
    lines = sorted(line for line in frame["line"].unique() if line >= 0)
    columns = columns_for(len(lines))
    deep = -(-len(lines) // columns)
    grid = figure.subplots(deep, columns, squeeze=False, sharex=True, sharey=True)
    handles: dict[str, Any] = {}
    for axes, line in zip(grid.flat, lines, strict=False):
        part = frame[frame["line"] == line].sort_values("true_effect")
        for outcome, (label, style) in OUTCOMES.items():
            own = part[part["outcome"] == outcome]
            if own.empty or not (own["estimate"] > 0).any():
                continue
            x = own["true_effect"]
            axes.fill_between(x, own["lower"], own["upper"], color=style.colour, alpha=0.2, lw=0)
            handles[label] = axes.plot(
                x, own["estimate"], color=style.colour, linestyle=style.line, marker=style.marker
            )[0]
        if about["margin"] is not None and about["margin"] == about["margin"]:
            axes.axvline(about["margin"], color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
        control = part["true_control"].iloc[0]
        if len(lines) > 1 and control == control:
            axes.set_title(f"{about['control']} {control:.2f}")
        axes.set_ylim(-0.02, 1.02)
        light_grid(axes)
        percent_axis(axes)
    for axes in grid.flat[len(lines) :]:
        axes.set_visible(False)
    figure.supxlabel(f"true {about['estimand']}")
    figure.supylabel("probability")
    legend_above(figure, list(handles.values()), list(handles))


def _success_rows(figure: Any, frame: Any, about: Any) -> None:
    by_target = bool(about["by_target"])
    keys = ["scenario", "arm", "stratum"]
    order = frame.drop_duplicates(keys).copy()
    if not by_target:
        falling = about["estimand"].startswith("hazard")
        order = order.sort_values("true_effect", ascending=not falling, kind="stable")
    labels: list[str] = []
    rows: dict[Any, int] = {}
    start: dict[str, int] = {}
    for place, row in enumerate(order.itertuples()):
        effect = minus(row.true_effect, 2, sign=not about["estimand"].startswith("hazard"))
        target = " · ".join(part for part in (row.arm, row.stratum) if isinstance(part, str))
        labels.append(
            f"{target}  ({effect})" if by_target else f"{named(row.scenario)}\n({effect})"
        )
        rows[row.scenario, row.arm, row.stratum] = place
        start.setdefault(row.scenario, place)
    axes = figure.subplots()
    rows_axis(axes, labels)
    shown = [o for o in OUTCOMES if (frame["outcome"] == o).any()]
    handles: dict[str, Any] = {}
    for place, outcome in enumerate(shown):
        label, style = OUTCOMES[outcome]
        own = frame[frame["outcome"] == outcome]
        if outcome != "success" and not (own["estimate"] > 0).any():
            continue
        shift = 0.0 if len(shown) == 1 else 0.18 * (place - (len(shown) - 1) / 2)
        for row in own.to_dict("records"):
            at = rows[row["scenario"], row["arm"], row["stratum"]] + shift
            handles[label] = dot(axes, at, row, style)
    axes.set_xlim(-0.02, 1.02)
    light_grid(axes, "x")
    percent_axis(axes, "x")
    what = "success" if len(handles) == 1 else "each ending"
    words = f"probability of {what} (in brackets: true {about['estimand']})"
    axes.set_xlabel(textwrap.fill(words, 76))
    if by_target:
        _bracket(axes, start)
    if len(handles) > 1:
        legend_above(figure, list(handles.values()), list(handles))


def _bracket(axes: Axes, start: dict[str, int]) -> None:
    """Name the scenario of each block of rows at the right."""
    for name, first in start.items():
        if first:
            axes.axhline(first - 0.5, color=GREY, linewidth=0.7)
        axes.text(
            1.02, first - 0.15, named(name, 14), transform=axes.get_yaxis_transform(),
            fontsize=SMALL, va="top", fontweight="bold",
        )  # fmt: skip


# ── F5 ────────────────────────────────────────────────────────────────────────────────────────
@styled
def draw_type_one_error(tables: Tables) -> Figure:
    """Type I error in each null scenario, and false success where a part is null."""
    frame, about = tables["type_one_error"], tables["about"].iloc[0]
    target = about["target"]
    known = target is not None and target == target
    top = 1.12 * max(0.05, float(frame["upper"].max()), target if known else 0.0)
    if about["curve"]:
        figure = sheet(3.0)
        axes = figure.subplots()
        own = frame[frame["role"] == "null"].sort_values("true_control")
        style = mark(0)
        axes.fill_between(
            own["true_control"], own["lower"], own["upper"], color=style.colour, alpha=0.2, lw=0
        )
        axes.plot(own["true_control"], own["estimate"], color=style.colour, marker=style.marker)
        worst = own[own["scenario"] == about["worst"]].iloc[0]
        axes.annotate(
            f"largest: {100 * worst['estimate']:.2f}%",
            (worst["true_control"], worst["estimate"]),
            xytext=(4, 9), textcoords="offset points", ha="right", fontsize=SMALL,
        )  # fmt: skip
        axes.set_xlabel(about["control"])
        axes.set_ylabel("type I error")
        axes.set_ylim(0, top)
        percent_axis(axes, "y", None)
        light_grid(axes)
        if known:
            axes.axhline(target, color=BLACK, linestyle=(0, (4, 2)), linewidth=1.0)
            axes.text(
                1.0, target, f"target {100 * target:g}%", ha="right", va="bottom",
                fontsize=SMALL, transform=axes.get_yaxis_transform(),
            )  # fmt: skip
        return figure
    figure = sheet(1.25 + 0.42 * len(frame))
    axes = figure.subplots()
    labels = [
        named(row["scenario"]) + ("" if row["role"] == "null" else "\n(false success)")
        for row in frame.to_dict("records")
    ]
    rows_axis(axes, labels)
    for place, row in enumerate(frame.to_dict("records")):
        dot(axes, place, row, mark(0) if row["role"] == "null" else mark(1))
        axes.annotate(
            f"{100 * row['estimate']:.2f}%", (row["upper"], place), xytext=(6, 0),
            textcoords="offset points", va="center", fontsize=SMALL,
        )  # fmt: skip
    axes.set_xlim(0, top * 1.12)
    axes.set_xlabel("probability of a false success")
    percent_axis(axes, "x", None)
    light_grid(axes, "x")
    if known:
        axes.axvline(target, color=BLACK, linestyle=(0, (4, 2)), linewidth=1.0)
        axes.text(
            target, 1.01, f"target {100 * target:g}%", ha="center", va="bottom",
            fontsize=SMALL, transform=axes.get_xaxis_transform(),
        )  # fmt: skip
    return figure


# ── F6 ────────────────────────────────────────────────────────────────────────────────────────
@styled
def draw_stopping(tables: Tables) -> Figure:
    """How trials have ended by each look, a panel a scenario."""
    from matplotlib.patches import Patch

    frame = only_shown(tables["endings"])
    names = list(dict.fromkeys(frame["scenario"]))
    columns = columns_for(len(names))
    deep = -(-len(names) // columns)
    figure = sheet(0.75 + 2.0 * deep)
    grid = figure.subplots(deep, columns, squeeze=False, sharey=True)
    shown = [e for e in ENDINGS if (frame.loc[frame["ending"] == e, "by_now"] > 5e-4).any()]
    for axes, name in zip(grid.flat, names, strict=False):
        part = frame[frame["scenario"] == name]
        looks = sorted(part["look"].unique())
        below = dict.fromkeys(looks, 0.0)
        for ending in shown:
            _, face, hatch = ENDINGS[ending]
            for row in part[part["ending"] == ending].to_dict("records"):
                share, look = row["by_now"], row["look"]
                axes.bar(
                    look, share, 0.78, bottom=below[look], facecolor=face, edgecolor=BLACK,
                    hatch=hatch, linewidth=0.5 if share > 0 else 0,
                )  # fmt: skip
                if share >= 0.10:
                    axes.text(
                        look, below[look] + share / 2, f"{100 * share:.0f}", ha="center",
                        va="center", fontsize=SMALL,
                        color="white" if ending == "success" else BLACK,
                        bbox=None if ending in ("success", "continuing") else
                        {"facecolor": "white", "edgecolor": "none", "pad": 0.8},
                    )  # fmt: skip
                below[look] += share
        axes.set_title(named(name, 26))
        axes.set_xticks(looks)
        axes.set_ylim(0, 1)
        percent_axis(axes)
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    figure.supxlabel("look")
    figure.supylabel("trials ended by then")
    patches = [
        Patch(facecolor=ENDINGS[e][1], hatch=ENDINGS[e][2], edgecolor=BLACK, linewidth=0.5)
        for e in shown
    ]
    legend_above(figure, patches, [ENDINGS[e][0] for e in shown])
    return figure


# ── F7 ────────────────────────────────────────────────────────────────────────────────────────
@styled
def draw_size(tables: Tables) -> Figure:
    """Number of participants: mean and percentiles above, whole distribution below."""
    about = tables["about"].iloc[0]
    if about["lines"] > 0:
        return _size_curves(tables["participants"], about)
    frame, steps = only_shown(tables["participants"]), tables["distribution"]
    names = list(frame["scenario"])
    marks = {name: mark(place) for place, name in enumerate(names)}
    above = 0.6 + ROW * len(names)
    figure = sheet(above + 2.9)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[above, 2.4])
    rows_axis(upper, [named(name, 26) for name in names])
    for place, row in enumerate(frame.to_dict("records")):
        style = marks[row["scenario"]]
        upper.plot([row["p05"], row["p95"]], [place, place], color=style.colour,
                   linestyle=style.line, linewidth=2.2)  # fmt: skip
        upper.plot([row["p50"]], [place], "|", color=BLACK, markersize=11, markeredgewidth=1.4)
        upper.plot([row["mean"]], [place], style.marker, color=style.colour, markersize=6.5,
                   markeredgecolor="white", markeredgewidth=0.6)  # fmt: skip
    for axes in (upper, lower):
        axes.axvline(about["max_n"], color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
        light_grid(axes, "x")
    upper.text(
        about["max_n"], 1.02, f"maximum {about['max_n']}", ha="right", va="bottom",
        fontsize=SMALL, color=GREY, transform=upper.get_xaxis_transform(),
    )  # fmt: skip
    upper.tick_params(axis="x", labelbottom=False)
    for name in names:
        part, style = steps[steps["scenario"] == name], marks[name]
        x = [part["participants"].iloc[0], *part["participants"], about["max_n"] * 1.03]
        y = [0.0, *part["at_most"], 1.0]
        lower.step(x, y, where="post", color=style.colour, linestyle=style.line)
    lower.set_ylim(-0.02, 1.04)
    percent_axis(lower)
    light_grid(lower)
    lower.set_xlim(right=about["max_n"] * 1.03)
    lower.set_ylabel("trials with at most as many")
    lower.set_xlabel(f"participants {about['noun']} by the end of the trial")
    return figure


def _size_curves(frame: Any, about: Any) -> Figure:
    lines = sorted(line for line in frame["line"].unique() if line >= 0)
    columns = columns_for(len(lines))
    deep = -(-len(lines) // columns)
    figure = sheet(0.5 + 2.5 * deep)
    grid = figure.subplots(deep, columns, squeeze=False, sharex=True, sharey=True)
    style = mark(0)
    for axes, line in zip(grid.flat, lines, strict=False):
        part = frame[frame["line"] == line].sort_values("true_effect")
        x = part["true_effect"]
        axes.fill_between(x, part["p05"], part["p95"], color=style.colour, alpha=0.18, lw=0)
        axes.plot(x, part["mean"], color=style.colour, marker=style.marker)
        axes.axhline(about["max_n"], color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
        control = part["true_control"].iloc[0]
        if len(lines) > 1 and control == control:
            axes.set_title(f"{about['control']} {control:.2f}")
        axes.set_ylim(0, about["max_n"] * 1.14)
        light_grid(axes)
    grid[0][0].text(
        0.02, about["max_n"], f"maximum: {about['max_n']}", va="bottom", fontsize=SMALL,
        color=GREY, transform=grid[0][0].get_yaxis_transform(),
    )  # fmt: skip
    for axes in grid.flat[len(lines) :]:
        axes.set_visible(False)
    figure.supxlabel(f"true {about['estimand']}")
    figure.supylabel(f"participants {about['noun']}")
    return figure
