"""Drawings that set one truth against another: robustness, prior odds, benefit against risk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adaptive_cart.figures.draw_measures import (
    columns_for,
    dot,
    named,
    only_shown,
    panel_room,
    panels_of,
    row_heights,
    rows_axis,
    rows_for,
)
from adaptive_cart.figures.kinds import Tables, called
from adaptive_cart.figures.style import (
    BLACK,
    BLUE,
    GREY,
    MARKS,
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
    spread,
    styled,
    width_of,
)
from adaptive_cart.nouns.roles import NULL
from adaptive_cart.results.percentages import of_trials

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# ── F10 ───────────────────────────────────────────────────────────────────────────────────────
WHAT = {
    "success": "change in P(success),\npercentage points",
    "participants": "change in mean\nparticipants",
    "months": "change in mean\nmonths",
}


@styled
def draw_robustness(tables: Tables) -> Figure:
    """What changes against the base scenario, a row a scenario."""
    from matplotlib.ticker import MaxNLocator

    frame = only_shown(tables["changes"])
    keys = list(dict.fromkeys(zip(frame["kind"], frame["scenario"], strict=True)))
    wanted = [what for what in WHAT if (frame["what"] == what).any()]
    bases = {kind: frame.loc[frame["kind"] == kind, "base"].iloc[0] for kind, _ in keys}
    labels = [f"{named(name, 1.5)}\n{named('against ' + bases[kind], 1.5)}" for kind, name in keys]
    height = 1.25 + row_heights(labels, 0.42)
    if height > TALLEST:
        labels = [f"{short(name, 1.5)}\n{short('against ' + bases[kind], 1.5)}"
                  for kind, name in keys]  # fmt: skip
        height = min(1.25 + row_heights(labels, 0.42), TALLEST)
    figure = sheet(height)
    grid = figure.subplots(1, len(wanted), sharey=True, squeeze=False)[0]
    for axes, what in zip(grid, wanted, strict=True):
        rows_axis(axes, labels)
        for place, (kind, name) in enumerate(keys):
            own = frame[(frame["kind"] == kind) & (frame["scenario"] == name)]
            own = own[own["what"] == what]
            if not own.empty:
                dot(axes, place, own.iloc[0], mark(1) if kind == NULL else mark(0))
        axes.axvline(0.0, color=BLACK, linewidth=0.9)
        axes.set_xlabel(WHAT[what])
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.margins(x=0.12)
        light_grid(axes, "x")
        if what == "success":
            axes.xaxis.set_major_formatter(lambda value, _: minus(100 * value, 0))
    return figure


# ── F12 ───────────────────────────────────────────────────────────────────────────────────────
MIXED = {
    "assurance": ("P(success): assurance", Mark(BLUE, "-", "o")),
    "false_discovery": ("P(no benefit | success)", Mark("#D55E00", (0, (5, 1.5)), "s")),
    "false_omission": ("P(benefit | no success)", Mark("#009E73", (0, (1, 1.2)), "^")),
}


@styled
def draw_bayesian(tables: Tables) -> Figure:
    """What success and its absence mean, by the prior probability of benefit."""
    frame = only_shown(tables["bayesian"])
    names = list(dict.fromkeys(frame["alternative"]))
    room = panel_room(columns_for(len(names)))
    figure = sheet(min(0.95 + 2.3 * rows_for(len(names)), TALLEST))
    handles: dict[str, Any] = {}
    for axes, name in panels_of(figure, names):
        part = frame[frame["alternative"] == name]
        even = part[part["prior"] == 0.5].iloc[0]
        for column, (label, style) in MIXED.items():
            axes.fill_between(
                part["prior"], part[f"{column}_lower"], part[f"{column}_upper"],
                color=style.colour, alpha=0.2, lw=0,
            )  # fmt: skip
            axes.plot(part["prior"], part[column], color=style.colour, linestyle=style.line)
            axes.plot([0.5], [even[column]], style.marker, color=style.colour, markersize=5.5,
                      clip_on=False, zorder=3)  # fmt: skip
            handles[label] = axes.plot(
                [], [], color=style.colour, linestyle=style.line, marker=style.marker
            )[0]
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0])
        axes.set_ylim(-0.02, 1.02)
        percent_axis(axes)
        percent_axis(axes, "x")
        light_grid(axes)
        axes.set_title(named(name, room, bold=True))
    figure.supxlabel("probability of benefit before the trial (design prior)")
    figure.supylabel("probability")
    legend_above(figure, list(handles.values()), list(handles))
    return figure


# ── benefit against risk ──────────────────────────────────────────────────────────────────────
@styled
def draw_benefit_risk(tables: Tables) -> Figure:
    """True benefit against true risk, a point a scenario, with what the design does there."""
    frame, about = only_shown(tables["benefit_risk"]), tables["about"].iloc[0]
    several = frame["arm"].nunique() > 1
    records = frame.to_dict("records")
    names = [
        row["scenario"] + (f", {called(about, row['arm'])}" if several else "") for row in records
    ]
    labels = [named(name, 2.35) for name in names]
    said = [_done(row) for row in records]
    if sum(_label_height(*pair) for pair in zip(labels, said, strict=True)) > TALLEST - 0.6:
        labels = [short(name, 2.35) for name in names]
    rows = [_label_height(*pair) for pair in zip(labels, said, strict=True)]
    tall = min(max(4.0, 0.5 + sum(rows)), TALLEST)
    figure = sheet(tall)
    axes, side = figure.subplots(1, 2, width_ratios=[1.0, 0.85])
    side.set_axis_off()
    known = [v for v in (about["margin"], about["limit"]) if v is not None and v == v]
    high = max([*frame["benefit"], about["margin"] if about["margin"] in known else 0.0])
    low = min([*frame["benefit"], 0.0])
    room = 0.12 * (high - low or 1.0)
    axes.set_ylim(low - room, high + room)
    risks = [*frame["risk"], about["limit"] if about["limit"] in known else 0.0]
    left, right = min(0.0, *risks), max(risks)
    axes.set_xlim(left - 0.18 * (0.0 - left), right * 1.18 or 1.0)
    if about["margin"] in known:
        axes.axhline(about["margin"], color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
        axes.text(0.99, about["margin"], f"margin {about['margin']:g}", ha="right", va="bottom",
                  color=GREY, transform=axes.get_yaxis_transform())  # fmt: skip
    if about["limit"] in known:
        axes.axvline(about["limit"], color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
        limit = f"{about['limit']:g}" if about["unit"] else f"{100 * about['limit']:g}%"
        if isinstance(about["limit_arm"], str):
            limit += f", {short(called(about, about['limit_arm']), 1.5)}"
        axes.text(about["limit"], 1.01, f"limit {limit}", ha="center", va="bottom",
                  color=GREY, transform=axes.get_xaxis_transform())  # fmt: skip
    spots = [(row["benefit"] - low + room) / (high - low + 2 * room) for row in records]
    placed = spread(spots, max(rows) / (tall - 0.5), 0.03, 0.97)
    numbered = len(records) > len(MARKS)
    span = 0.02 * (right - left), 0.02 * (high - low or 1.0)
    if numbered:
        _numbers(axes, records, (2.5 * span[0], 2.5 * span[1]))
    for place, (row, at) in enumerate(zip(records, placed, strict=True)):
        style = mark(place)
        if numbered:
            side.text(0.0, at, str(place + 1), ha="center", va="center", fontweight="bold",
                      transform=side.transAxes)  # fmt: skip
        else:
            # who stands on the same spot stands behind, larger and hollow
            behind = sum(_near(row, other, span) for other in records[place + 1 :])
            axes.plot([row["risk"]], [row["benefit"]], style.marker, markeredgecolor=style.colour,
                      markerfacecolor="white" if behind else style.colour, clip_on=False,
                      markersize=7.0 + 6.0 * behind, markeredgewidth=1.4,
                      zorder=5 - behind)  # fmt: skip
            side.plot([0.0], [at], style.marker, color=style.colour, markersize=6.5,
                      transform=side.transAxes, clip_on=False)  # fmt: skip
        side.text(0.06, at, f"{labels[place]}\n{said[place]}", va="center",
                  transform=side.transAxes)  # fmt: skip
    less = f", difference to {about['less']}" if isinstance(about["less"], str) else ""
    unit = f", {about['unit']}" if about["unit"] else ""
    axes.set_xlabel(broken(f"true {about['noun']} of {about['harm']}{less}{unit}", 3.0))
    axes.set_ylabel(broken(f"true {about['estimand']}", tall - 1.2))
    if not about["unit"]:
        percent_axis(axes, "x", None)
    light_grid(axes, "both")
    return figure


def _done(row: dict[str, Any]) -> str:
    """How often the design succeeds and stops for safety at a point."""
    pairs = (("success", row["success"], row["success_trials"]),
             ("safety stop", row["stop_safety"], row["stop_safety_trials"]))  # fmt: skip
    said = [f"{words} {of_trials(share, n)}" for words, share, n in pairs
            if share is not None and share == share]  # fmt: skip
    one = ", ".join(said)
    return one if width_of(one) <= 2.6 else "\n".join(said)


def _label_height(label: str, said: str) -> float:
    """Inches of a point's name and of what the design does there."""
    return 0.2 + 0.165 * (lines_in(label) + lines_in(said))


def _near(one: dict[str, Any], other: dict[str, Any], span: tuple[float, float]) -> bool:
    """Whether two points would lie upon one another."""
    across, up = abs(one["risk"] - other["risk"]), abs(one["benefit"] - other["benefit"])
    return bool(across < span[0] and up < span[1])


def _numbers(axes: Axes, records: list[dict[str, Any]], span: tuple[float, float]) -> None:
    """Points that are told apart by the numbers of a list, where there are too many for marks."""
    left = list(range(len(records)))
    while left:
        near = [k for k in left if _near(records[left[0]], records[k], span)]
        left = [k for k in left if k not in near]
        axes.plot([records[k]["risk"] for k in near], [records[k]["benefit"] for k in near], "o",
                  color=BLUE, markersize=4.5, clip_on=False)  # fmt: skip
        lines = [", ".join(str(k + 1) for k in near[i : i + 5]) for i in range(0, len(near), 5)]
        first = records[near[0]]
        axes.annotate("\n".join(lines), (first["risk"], first["benefit"]), xytext=(5, 0),
                      textcoords="offset points", va="center")  # fmt: skip
