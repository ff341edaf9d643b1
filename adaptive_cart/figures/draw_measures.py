"""Drawings of the operating characteristics; every number comes from the tables handed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from adaptive_cart.decisions import STOPS, SUCCESS
from adaptive_cart.figures.kinds import (
    ALONE,
    ASKED_BELOW,
    CONTROL,
    Tables,
    called,
    cell,
    compared,
    short_of,
)
from adaptive_cart.figures.style import (
    BLACK,
    CONTINUING,
    FACES,
    GREY,
    MARKS,
    PALETTE,
    PORTRAIT,
    SKY,
    TALLEST,
    Mark,
    broken,
    legend_above,
    light_grid,
    lines_in,
    mark,
    minus,
    percent_axis,
    sheet,
    short,
    styled,
    width_of,
)
from adaptive_cart.figures.tables_measures import EARLY
from adaptive_cart.nouns.roles import NULL
from adaptive_cart.results.percentages import with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OUTCOMES = {
    SUCCESS.name: (SUCCESS.label, MARKS[0]),
    EARLY: ("success before the last look", Mark(SKY, (0, (4, 1.5)), "d")),
    **{
        ending.name: (ending.does, replace(mark, colour=PALETTE[ending.colour]))
        for ending, mark in zip(STOPS[1:], MARKS[2:], strict=False)
    },
}
T = TypeVar("T")
ROW = 0.34  # inches a row of a dot plot


def named(name: str, room: float = 1.35, bold: bool = False) -> str:
    """Break the name of a scenario into lines of so many inches."""
    return broken(name, room, bold)


def panel_room(columns: int) -> float:
    """Inches that the title of a panel has where so many stand side by side."""
    return (PORTRAIT - 0.75) / columns - 0.25


def rows_axis(axes: Axes, labels: list[str]) -> None:
    """Make the y axis one of named rows, the first on top."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0, pad=7)
    axes.spines["left"].set_visible(False)
    for row in range(len(labels)):
        axes.axhline(row, color="#F0F0F0", linewidth=0.7, zorder=0)


def dot(axes: Axes, row: float, cells: Any, style: Mark, **options: Any) -> Any:
    """Draw an estimate with its Monte Carlo interval along x."""
    axes.plot([cells["lower"], cells["upper"]], [row, row], color=style.colour, linewidth=1.3)
    # a mark at 0 or 1 is not cut at the axis
    return axes.plot(
        [cells["estimate"]], [row], style.marker, color=style.colour, markersize=5.5,
        clip_on=False, zorder=3, **options,
    )[0]  # fmt: skip


def only_shown(frame: Any) -> Any:
    """Rows of the scenarios that there is room for; the table holds them all."""
    return frame[frame["shown"]]


def columns_for(panels: int) -> int:
    """Columns in which so many panels stand best."""
    return 2 if panels in (2, 4) else min(panels, 3)


def rows_for(panels: int) -> int:
    """Rows in which so many panels stand best."""
    return -(-panels // columns_for(panels))


def panels_of(figure: Any, shown: Sequence[T], shared: bool = True) -> list[tuple[Axes, T]]:
    """A panel of a figure for each thing that is shown; on the same axes, if they are shared."""
    grid = figure.subplots(
        rows_for(len(shown)), columns_for(len(shown)), squeeze=False, sharex=shared, sharey=shared
    )
    for axes in grid.flat[len(shown) :]:
        axes.set_visible(False)
    return list(zip(grid.flat, shown, strict=False))


def row_heights(labels: list[str], least: float) -> float:
    """Inches that rows with these labels take, all as tall as the tallest needs."""
    tallest = max((0.165 * lines_in(label) + 0.06 for label in labels), default=0.0)
    return len(labels) * max(least, tallest)


def mark_on_steps(axes: Axes, x: Any, y: Any, height: float, style: Mark) -> None:
    """Put a mark on a distribution at a height of its own, so that lines differ in grey too."""
    above = next(k for k, value in enumerate(y) if value >= height)
    at = height if y[above] > height and above and y[above - 1] < height else y[above]
    axes.plot([x[above]], [at], style.marker, color=style.colour, markersize=6.0,
              markeredgecolor="white", markeredgewidth=0.6, zorder=4)  # fmt: skip


def _has_curve(tables: Tables) -> bool:
    return bool(cell(tables["about"], "lines") > 0)


# ── F4 ────────────────────────────────────────────────────────────────────────────────────────
@styled
def draw_success(tables: Tables) -> Figure:
    """Probability of each outcome against the true effect."""
    frame, about = only_shown(tables["success"]), tables["about"].iloc[0]
    loose = frame[frame["line"] < 0]
    if not _has_curve(tables) or about["by_target"]:
        rows = _Rows.of(frame, about, TALLEST)
        figure = sheet(rows.height)
        _success_rows(figure, frame, about, rows)
        return figure
    lines = frame.loc[frame["line"] >= 0, "line"].nunique()
    deep = rows_for(lines)
    if loose.empty:
        figure = sheet(min(1.1 + 2.5 * deep, TALLEST))
        _success_curves(figure, frame, about)
        return figure
    rows = _Rows.of(loose, about, TALLEST - 1.1 - 1.9 * deep)
    above = min(1.1 + 2.5 * deep, TALLEST - rows.height)
    figure = sheet(above + rows.height)
    parts: Any = figure.subfigures(2, 1, height_ratios=[above, rows.height])
    upper, lower = parts
    _success_curves(upper, frame, about)
    _success_rows(lower, loose, about, rows)
    return figure


@dataclass(frozen=True)
class _Rows:
    """The rows of a dot plot of success: what they show, their labels, and the room they take."""

    order: Any
    labels: list[str]
    height: float

    @classmethod
    def of(cls, frame: Any, about: Any, most: float) -> _Rows:
        """Rows with whole names if these fit into so many inches, else with names cut short."""
        order = frame.drop_duplicates(["scenario", "arm", "stratum"])
        kind = compared(about)
        signed = not (kind.ratio or kind.of_two or about[ALONE])
        if not about["by_target"]:
            order = order.sort_values(
                "true_effect", ascending=not about[ASKED_BELOW], kind="stable"
            )
        effects = [minus(value, 2, sign=signed) for value in order["true_effect"]]
        if about["by_target"]:
            arms = [called(about, arm) for arm in order["arm"]]
            parts = zip(arms, order["stratum"], strict=True)
            targets = [" · ".join(part for part in pair if isinstance(part, str)) for pair in parts]
            labels = [
                f"{short(target, 1.6)}  ({effect})"
                for target, effect in zip(targets, effects, strict=True)
            ]
            return cls(order, labels, 1.3 + 0.27 * len(labels))
        named_rows = list(zip(order["scenario"], effects, strict=True))
        labels = [f"{named(name)}\n({effect})" for name, effect in named_rows]
        height = 1.3 + row_heights(labels, 0.46)
        if height > most:
            labels = [f"{short(name, 1.5)} ({effect})" for name, effect in named_rows]
            height = 1.3 + row_heights(labels, 0.34)
        return cls(order, labels, height)


def _success_curves(figure: Any, frame: Any, about: Any) -> None:
    lines = sorted(line for line in frame["line"].unique() if line >= 0)
    room = panel_room(columns_for(len(lines)))
    handles: dict[str, Any] = {}
    for axes, line in panels_of(figure, lines):
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
            handles[f"margin {about['margin']:g}"] = axes.axvline(
                about["margin"], color=GREY, linewidth=0.9, linestyle=(0, (4, 2))
            )
        control = part[CONTROL].iloc[0] if CONTROL in part else float("nan")
        if len(lines) > 1 and control == control:
            title = f"{about['control']} {control:.2f}"
            axes.set_title(broken(title, room, bold=True))
        axes.set_ylim(-0.02, 1.02)
        light_grid(axes)
        percent_axis(axes)
    figure.supxlabel(broken(f"true {about['estimand']}", 5.8))
    figure.supylabel("probability")
    legend_above(figure, list(handles.values()), list(handles))


def _success_rows(figure: Any, frame: Any, about: Any, content: _Rows) -> None:
    by_target = bool(about["by_target"])
    order = content.order
    rows: dict[Any, int] = {}
    start: dict[str, int] = {}
    for place, row in enumerate(order.itertuples()):
        rows[row.scenario, row.arm, row.stratum] = place
        start.setdefault(row.scenario, place)
    axes = figure.subplots()
    rows_axis(axes, content.labels)
    shown = [o for o in OUTCOMES if (frame["outcome"] == o).any()]
    handles: dict[str, Any] = {}
    for place, outcome in enumerate(shown):
        label, style = OUTCOMES[outcome]
        own = frame[frame["outcome"] == outcome]
        if outcome != SUCCESS.name and not (own["estimate"] > 0).any():
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
    axes.set_xlabel(broken(words, 4.6))
    if by_target:
        _bracket(axes, start, len(order))
    else:
        _margin_between(axes, list(order["true_effect"]), about)
    if len(handles) > 1:
        legend_above(figure, list(handles.values()), list(handles))


def _margin_between(axes: Axes, effects: list[float], about: Any) -> None:
    """Draw the margin of the success rule between the rows that it parts."""
    margin = about["margin"]
    if margin is None or margin != margin:
        return
    null = [short_of(effect, margin, about[ASKED_BELOW]) for effect in effects]
    at = sum(null) - 0.5
    if not 0 < sum(null) < len(null):
        return
    axes.axhline(at, color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
    axes.text(1.02, at, f"margin\n{margin:g}", va="center", color=GREY,
              transform=axes.get_yaxis_transform())  # fmt: skip


def _bracket(axes: Axes, start: dict[str, int], rows: int) -> None:
    """Name the scenario of each block of rows at the right."""
    ends = [*list(start.values())[1:], rows]
    for (name, first), end in zip(start.items(), ends, strict=True):
        if first:
            axes.axhline(first - 0.5, color=GREY, linewidth=0.7)
        lines = named(name, 1.1, bold=True).split("\n")
        fits = max(int(0.27 * (end - first) / 0.165), 1)
        kept = lines if len(lines) <= fits else [*lines[: fits - 1], lines[fits - 1][:-1] + "…"]
        axes.text(
            1.02, first - 0.35, "\n".join(kept), transform=axes.get_yaxis_transform(),
            va="top", fontweight="bold",
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
        own = frame[frame["role"] == NULL].sort_values(about["first"])
        style = mark(0)
        axes.fill_between(
            own[about["first"]], own["lower"], own["upper"], color=style.colour, alpha=0.2, lw=0
        )
        axes.plot(own[about["first"]], own["estimate"], color=style.colour, marker=style.marker,
                  clip_on=False, zorder=3)  # fmt: skip
        worst = own[own["scenario"] == about["worst"]].iloc[0]
        axes.plot([worst[about["first"]]], [worst["estimate"]], "o", markersize=9.5,
                  markerfacecolor="none", markeredgecolor=BLACK, clip_on=False)  # fmt: skip
        axes.set_title(f"largest (ringed): {_with_interval(worst)}", fontweight="normal")
        axes.set_xlabel(broken(about["control"], 5.4))
        axes.set_ylabel("type I error")
        axes.set_ylim(0, top)
        percent_axis(axes, "y", None)
        light_grid(axes)
        if known:
            axes.axhline(target, color=BLACK, linestyle=(0, (4, 2)), linewidth=1.0)
            axes.text(
                1.01, target, f"target\n{100 * target:g}%", va="center",
                transform=axes.get_yaxis_transform(),
            )  # fmt: skip
        return figure
    rows = only_shown(frame).to_dict("records")
    notes = ["" if row["role"] == NULL else "(false success)" for row in rows]
    pairs = list(zip(rows, notes, strict=True))
    labels = [f"{named(row['scenario'])}\n{note}".strip() for row, note in pairs]
    height = 1.25 + row_heights(labels, 0.42)
    if height > TALLEST:
        labels = [f"{short(row['scenario'], 1.5)} {note}".strip() for row, note in pairs]
        height = 1.25 + row_heights(labels, 0.28)
    figure = sheet(height)
    axes = figure.subplots()
    rows_axis(axes, labels)
    for place, row in enumerate(rows):
        dot(axes, place, row, mark(0) if row["role"] == NULL else mark(1))
        axes.text(1.02, place, _with_interval(row), va="center",
                  transform=axes.get_yaxis_transform())  # fmt: skip
    axes.set_xlim(0, top)
    axes.set_xlabel("probability of a false success")
    percent_axis(axes, "x", None)
    light_grid(axes, "x")
    if known:
        axes.axvline(target, color=BLACK, linestyle=(0, (4, 2)), linewidth=1.0)
        axes.text(
            target, 1.01, f"target {100 * target:g}%", ha="center", va="bottom",
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip
    return figure


def _with_interval(row: Any) -> str:
    """An estimate and its Monte Carlo interval in per cent; alone where it is exact."""
    return with_interval(row["estimate"], row["lower"], row["upper"])


# ── F6 ────────────────────────────────────────────────────────────────────────────────────────
@styled
def draw_stopping(tables: Tables) -> Figure:
    """How trials have ended by each look and between looks, a panel a scenario."""
    from matplotlib.patches import Patch

    frame, between = only_shown(tables["endings"]), bool(tables["about"].iloc[0]["between"])
    names = list(dict.fromkeys(frame["scenario"]))
    dates = list(dict.fromkeys(zip(frame["look"], frame["between"], strict=True)))
    wide = {columns: 0.8 * panel_room(columns) / len(dates) for columns in (3, 2, 1)}
    fitting = [columns for columns in wide if wide[columns] >= width_of("100")] or [1]
    columns = min(columns_for(len(names)), max(fitting))
    deep = -(-len(names) // columns)
    figure = sheet(min(0.75 + 2.0 * deep, TALLEST))
    grid = figure.subplots(deep, columns, squeeze=False, sharey=True)
    each = min(2.0, (TALLEST - 0.75) / deep) - 0.55  # inches of a whole bar
    room = _Room(wide[columns], max(0.10, 0.15 / each))
    shown = [e for e in FACES if (frame.loc[frame["ending"] == e, "by_now"] > 5e-4).any()]
    for axes, name in zip(grid.flat, names, strict=False):
        part = frame[frame["scenario"] == name]
        for place, (look, before) in enumerate(dates):
            own = part[(part["look"] == look) & (part["between"] == before)]
            shares = own.set_index("ending")["by_now"]
            _bar(axes, place, {ending: float(shares[ending]) for ending in shown}, room)
        axes.set_title(named(name, panel_room(columns), bold=True))
        axes.set_xticks(range(len(dates)), _date_labels(dates))
        axes.set_ylim(0, 1)
        percent_axis(axes)
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    figure.supxlabel("look (<: between looks, before that look)" if between else "look")
    figure.supylabel("trials ended by then")
    patches = [
        Patch(facecolor=FACES[e][1], hatch=FACES[e][2], edgecolor=BLACK, linewidth=0.5)
        for e in shown
    ]
    legend_above(figure, patches, [FACES[e][0] for e in shown])
    return figure


def _date_labels(dates: list[tuple[int, bool]]) -> list[str]:
    """Names of the bars: the look's number, and "< 2" for what ended between looks before it."""
    return [f"< {look}" if before else str(look) for look, before in dates]


@dataclass(frozen=True)
class _Room:
    """Inches of a bar's width, and the least share that has room for its number."""

    wide: float
    least: float


def _bar(axes: Axes, place: int, shares: dict[str, float], room: _Room) -> None:
    """One stacked bar, each share with its number where there is room."""
    below = 0.0
    for ending, share in shares.items():
        _, face, hatch = FACES[ending]
        axes.bar(
            place, share, 0.78, bottom=below, facecolor=face, edgecolor=BLACK,
            hatch=hatch, linewidth=0.5 if share > 0 else 0,
        )  # fmt: skip
        if share >= room.least and room.wide >= width_of(f"{100 * share:.0f}"):
            plain = ending in (SUCCESS.name, CONTINUING)
            axes.text(
                place, below + share / 2, f"{100 * share:.0f}", ha="center", va="center",
                color="white" if ending == SUCCESS.name else BLACK,
                bbox=None if plain else {"facecolor": "white", "edgecolor": "none", "pad": 0.8},
            )  # fmt: skip
        below += share


# ── F7 ────────────────────────────────────────────────────────────────────────────────────────
@styled
def draw_size(tables: Tables) -> Figure:
    """Number of participants: mean and percentiles above, whole distribution below."""
    about, frame = tables["about"].iloc[0], only_shown(tables["participants"])
    if about["lines"] > 0:
        return _size_with_curves(frame, about)
    steps = only_shown(tables["distribution"])
    curves = list(dict.fromkeys(steps["scenario"]))
    marks = {name: mark(place) for place, name in enumerate(curves)}
    labels = _size_labels(frame, TALLEST - 2.9)
    above = 0.6 + row_heights(labels, ROW)
    figure = sheet(min(above + 2.9, TALLEST))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[above, 2.4])
    _size_rows(upper, frame, labels, marks, about)
    upper.tick_params(axis="x", labelbottom=False)
    for place, (name, style) in enumerate(marks.items()):
        part = steps[steps["scenario"] == name]
        x = [part["participants"].iloc[0], *part["participants"], about["max_n"] * 1.03]
        y = [0.0, *part["at_most"], 1.0]
        lower.step(x, y, where="post", color=style.colour, linestyle=style.line)
        mark_on_steps(lower, x, y, (place + 0.5) / len(marks), style)
    lower.axvline(about["max_n"], color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
    lower.set_ylim(-0.02, 1.04)
    percent_axis(lower)
    light_grid(lower, "both")
    lower.set_xlim(right=about["max_n"] * 1.03)
    lower.set_ylabel("trials with at most as many")
    lower.set_xlabel(f"participants {about['noun']} by the end of the trial")
    return figure


def _size_labels(frame: Any, most: float) -> list[str]:
    """Names of the rows: whole if they fit into so many inches, else cut short."""
    labels = [named(name, 1.6) for name in frame["scenario"]]
    if 0.6 + row_heights(labels, ROW) <= most:
        return labels
    return [short(name, 1.6) for name in frame["scenario"]]


def _size_rows(
    axes: Axes, frame: Any, labels: list[str], marks: dict[str, Mark], about: Any
) -> None:
    """A row a scenario: mean, median and percentiles; grey where it has no mark of its own."""
    rows_axis(axes, labels)
    for place, row in enumerate(frame.to_dict("records")):
        style = marks.get(row["scenario"], Mark(GREY, "-", "o"))
        axes.plot([row["p05"], row["p95"]], [place, place], color=style.colour,
                  linestyle=style.line, linewidth=2.2)  # fmt: skip
        axes.plot([row["p50"]], [place], "|", color=BLACK, markersize=11, markeredgewidth=1.4)
        axes.plot([row["mean"]], [place], style.marker, color=style.colour, markersize=6.5,
                  markeredgecolor="white", markeredgewidth=0.6)  # fmt: skip
    axes.axvline(about["max_n"], color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
    light_grid(axes, "x")
    axes.text(
        about["max_n"], 1.02, f"maximum {about['max_n']}", ha="right", va="bottom",
        color=GREY, transform=axes.get_xaxis_transform(),
    )  # fmt: skip


def _size_with_curves(frame: Any, about: Any) -> Figure:
    """Curves of scenarios that differ in one number, and rows of those that are on none."""
    loose = frame[frame["line"] < 0]
    lines = frame.loc[frame["line"] >= 0, "line"].nunique()
    deep = rows_for(lines)
    if loose.empty:
        figure = sheet(min(0.5 + 2.5 * deep, TALLEST))
        _size_curves(figure, frame, about)
        return figure
    labels = _size_labels(loose, TALLEST - 0.5 - 1.7 * deep)
    below = 1.1 + row_heights(labels, ROW)
    above = min(0.5 + 2.5 * deep, TALLEST - below)
    figure = sheet(above + below)
    parts: Any = figure.subfigures(2, 1, height_ratios=[above, below])
    upper, lower = parts
    _size_curves(upper, frame, about)
    axes = lower.subplots()
    _size_rows(axes, loose, labels, {}, about)
    axes.set_xlim(0, about["max_n"] * 1.03)
    axes.set_xlabel(f"participants {about['noun']} by the end of the trial")
    return figure


def _size_curves(figure: Any, frame: Any, about: Any) -> None:
    lines = sorted(line for line in frame["line"].unique() if line >= 0)
    room = panel_room(columns_for(len(lines)))
    panels, style = panels_of(figure, lines), mark(0)
    for axes, line in panels:
        part = frame[frame["line"] == line].sort_values("true_effect")
        x = part["true_effect"]
        axes.fill_between(x, part["p05"], part["p95"], color=style.colour, alpha=0.18, lw=0)
        axes.plot(x, part["mean"], color=style.colour, marker=style.marker)
        axes.axhline(about["max_n"], color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
        control = part[CONTROL].iloc[0] if CONTROL in part else float("nan")
        if len(lines) > 1 and control == control:
            title = f"{about['control']} {control:.2f}"
            axes.set_title(broken(title, room, bold=True))
        axes.set_ylim(0, about["max_n"] * 1.14)
        light_grid(axes)
    first = panels[0][0]
    first.text(0.02, about["max_n"], f"maximum: {about['max_n']}", va="bottom",
               color=GREY, transform=first.get_yaxis_transform())  # fmt: skip
    figure.supxlabel(broken(f"true {about['estimand']}", 5.8))
    figure.supylabel(f"participants {about['noun']}")
