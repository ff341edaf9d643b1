"""Drawings that set one truth against another: robustness, prior odds, benefit against risk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adaptive_cart.figures.draw_measures import columns_for, dot, named, only_shown, rows_axis
from adaptive_cart.figures.kinds import Tables
from adaptive_cart.figures.style import (
    BLACK,
    BLUE,
    GREY,
    SMALL,
    Mark,
    legend_above,
    light_grid,
    mark,
    minus,
    percent_axis,
    sheet,
    spread,
    styled,
)

if TYPE_CHECKING:
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

    frame = tables["changes"]
    keys = list(dict.fromkeys(zip(frame["kind"], frame["scenario"], strict=True)))
    wanted = [what for what in WHAT if (frame["what"] == what).any()]
    figure = sheet(1.25 + 0.42 * len(keys))
    grid = figure.subplots(1, len(wanted), sharey=True, squeeze=False)[0]
    bases = {kind: frame.loc[frame["kind"] == kind, "base"].iloc[0] for kind, _ in keys}
    for axes, what in zip(grid, wanted, strict=True):
        labels = [f"{named(name)}\nagainst {named(bases[kind], 24)}" for kind, name in keys]
        rows_axis(axes, labels)
        for place, (kind, name) in enumerate(keys):
            own = frame[(frame["kind"] == kind) & (frame["scenario"] == name)]
            own = own[own["what"] == what]
            if not own.empty:
                dot(axes, place, own.iloc[0], mark(1) if kind == "null" else mark(0))
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
    columns = columns_for(len(names))
    deep = -(-len(names) // columns)
    figure = sheet(0.95 + 2.3 * deep)
    grid = figure.subplots(deep, columns, squeeze=False, sharex=True, sharey=True)
    handles: dict[str, Any] = {}
    for axes, name in zip(grid.flat, names, strict=False):
        part = frame[frame["alternative"] == name]
        even = part[part["prior"] == 0.5].iloc[0]
        for column, (label, style) in MIXED.items():
            axes.fill_between(
                part["prior"], part[f"{column}_lower"], part[f"{column}_upper"],
                color=style.colour, alpha=0.2, lw=0,
            )  # fmt: skip
            axes.plot(part["prior"], part[column], color=style.colour, linestyle=style.line)
            axes.plot([0.5], [even[column]], style.marker, color=style.colour, markersize=5.5)
            handles[label] = axes.plot(
                [], [], color=style.colour, linestyle=style.line, marker=style.marker
            )[0]
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0])
        axes.set_ylim(-0.02, 1.02)
        percent_axis(axes)
        percent_axis(axes, "x")
        light_grid(axes)
        axes.set_title(named(name, 26))
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    figure.supxlabel("probability of benefit before the trial (design prior)")
    figure.supylabel("probability")
    legend_above(figure, list(handles.values()), list(handles))
    return figure


# ── benefit against risk ──────────────────────────────────────────────────────────────────────
@styled
def draw_benefit_risk(tables: Tables) -> Figure:
    """True benefit against true risk, a point a scenario, with what the design does there."""
    frame, about = only_shown(tables["benefit_risk"]), tables["about"].iloc[0]
    figure = sheet(4.0)
    axes, side = figure.subplots(1, 2, width_ratios=[1.0, 0.85])
    side.set_axis_off()
    several = frame["arm"].nunique() > 1
    records = frame.to_dict("records")
    known = [v for v in (about["margin"], about["limit"]) if v is not None and v == v]
    high = max([*frame["benefit"], about["margin"] if about["margin"] in known else 0.0])
    low = min([*frame["benefit"], 0.0])
    room = 0.12 * (high - low or 1.0)
    axes.set_ylim(low - room, high + room)
    right = max([*frame["risk"], about["limit"] if about["limit"] in known else 0.0])
    axes.set_xlim(0, right * 1.18 or 1.0)
    if about["margin"] in known:
        axes.axhline(about["margin"], color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
        axes.text(0.99, about["margin"], f"margin {about['margin']:g}", ha="right", va="bottom",
                  fontsize=SMALL, color=GREY, transform=axes.get_yaxis_transform())  # fmt: skip
    if about["limit"] in known:
        axes.axvline(about["limit"], color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
        axes.text(about["limit"], 1.01, f"limit {about['limit']:g}", ha="center", va="bottom",
                  fontsize=SMALL, color=GREY, transform=axes.get_xaxis_transform())  # fmt: skip
    spots = [(row["benefit"] - low + room) / (high - low + 2 * room) for row in records]
    placed = spread(spots, 0.155, 0.05, 0.95)
    for place, (row, at) in enumerate(zip(records, placed, strict=True)):
        style = mark(place)
        # who stands on the same spot stands behind, larger and hollow
        behind = sum(
            abs(row["risk"] - other["risk"]) < 0.02 * right
            and abs(row["benefit"] - other["benefit"]) < 0.02 * (high - low or 1.0)
            for other in records[place + 1 :]
        )
        axes.plot([row["risk"]], [row["benefit"]], style.marker, markeredgecolor=style.colour,
                  markerfacecolor="white" if behind else style.colour,
                  markersize=7.0 + 6.0 * behind, markeredgewidth=1.4,
                  zorder=5 - behind)  # fmt: skip
        side.plot([0.0], [at], style.marker, color=style.colour, markersize=6.5,
                  transform=side.transAxes, clip_on=False)  # fmt: skip
        name = named(row["scenario"] + (f", {row['arm']}" if several else ""), 30)
        said = [f"success {100 * row['success']:.0f}%"] if row["success"] is not None else []
        if row["stop_safety"] is not None:
            said.append(f"safety stop {100 * row['stop_safety']:.0f}%")
        side.text(0.06, at, f"{name}\n{', '.join(said)}", va="center", fontsize=SMALL,
                  transform=side.transAxes)  # fmt: skip
    axes.set_xlabel(f"true {'yearly rate' if about['rate'] else 'probability'}:\n{about['harm']}")
    axes.set_ylabel(f"true {about['estimand']}")
    if not about["rate"]:
        percent_axis(axes, "x", None)
    light_grid(axes, "both")
    return figure
