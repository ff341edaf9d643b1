"""Drawings of priors and of decision rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.figures.draw_measures import rows_axis, short
from adaptive_cart.figures.kinds import Tables
from adaptive_cart.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    SMALL,
    VERMILION,
    legend_above,
    light_grid,
    mark,
    minus,
    ratio_ticks,
    sheet,
    styled,
    whole_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DECISIONS = {  # what a rule does: words, colour, hatch
    "declare_success": ("success", BLUE, ""),
    "declare_futility": ("futility", ORANGE, "////"),
    "stop_for_safety": ("stop for safety", PURPLE, "xxxx"),
    "stop_enrolment": ("enrolment stops", GREEN, "\\\\\\\\"),
    "drop_arm": ("arm dropped", VERMILION, "----"),
    "close_stratum": ("stratum closed", VERMILION, "----"),
}


# ── F2 ────────────────────────────────────────────────────────────────────────────────────────
@styled
def draw_priors(tables: Tables) -> Figure:
    """A panel a prior, then a panel a claim."""
    densities, priors, claims = tables["densities"], tables["priors"], tables["claims"]
    panels = list(zip(priors["endpoint"], priors["parameter"], strict=True))
    count = len(panels) + len(claims)
    columns = min(count, 3)
    deep = -(-count // columns)
    figure = sheet(0.35 + 2.45 * deep)
    grid = figure.subplots(deep, columns, squeeze=False)
    flat = list(grid.flat)
    true = tables["true"]
    for axes, (endpoint, parameter), row in zip(flat, panels, priors.to_dict("records"),
                                                strict=False):  # fmt: skip
        own = densities[(densities["endpoint"] == endpoint) & (densities["parameter"] == parameter)]
        _prior(axes, own, row)
        if len(true):
            inside = true["arm"].isin(parameter.split(", "))
            values = true[(true["endpoint"] == endpoint) & inside]["value"]
            if len(values):
                axes.plot(values, [0.0] * len(values), "^", color=BLACK, markersize=4.5,
                          clip_on=False, zorder=6)  # fmt: skip
    for axes, row in zip(flat[len(panels) :], claims.to_dict("records"), strict=False):
        part = tables["difference"][tables["difference"]["rule"] == row["rule"]]
        _claim(axes, part, row)
    for axes in flat[count:]:
        axes.set_visible(False)
    for row in grid:
        row[0].set_ylabel("density")
    return figure


def _prior(axes: Axes, own: Any, row: dict[str, Any]) -> None:
    whole = own[own["component"] == "prior"]
    inside = whole[(whole["x"] > whole["x"].max() * 0.02)]
    top = 1.15 * min(float(whole["density"].max()), 3.0 * float(inside["density"].quantile(0.90)))
    for place, name in enumerate(n for n in dict.fromkeys(own["component"]) if n != "prior"):
        part, style = own[own["component"] == name], mark(place + 1)
        axes.plot(part["x"], part["density"], color=style.colour, linestyle=style.line,
                  linewidth=1.0, label=name)  # fmt: skip
    axes.plot(whole["x"], whole["density"], color=BLUE, linewidth=1.6)
    inner = whole[(whole["x"] >= row["lower"]) & (whole["x"] <= row["upper"])]
    axes.fill_between(inner["x"], 0, np.minimum(inner["density"], top), color=SKY, alpha=0.35,
                      lw=0)  # fmt: skip
    axes.set_ylim(0, top)
    if row["scale"] in ("probability",):
        axes.set_xlim(0, 1)
    elif row["scale"] == "hazard ratio":
        axes.set_xscale("log")
        ratio_ticks(axes, "x", float(whole["x"].min()), float(whole["x"].max()))
    else:
        axes.set_xlim(float(whole["x"].min()) if row["scale"] == "log odds" else 0.0,
                      float(whole["x"].max()))  # fmt: skip
    axes.set_xlabel(row["scale"])
    ess = row["effective_sample_size"]
    known = ess is not None and ess == ess
    middle = "median" if row["scale"] == "hazard ratio" else "mean"
    _heading(
        axes,
        short(row["endpoint"], 22),
        [
            f"{short(row['parameter'].replace('_', ' '), 20)}: {middle} {minus(row[middle], 2)}",
            f"95%: {minus(row['lower'], 2)} to {minus(row['upper'], 2)}",
            f"worth {ess:.1f} participants" if known else "",
        ],
    )
    if len(axes.get_legend_handles_labels()[1]):
        axes.legend(loc="upper right", handlelength=1.8, borderaxespad=0.2)


def _heading(axes: Axes, title: str, lines: list[str]) -> None:
    """Put a title and small lines above a panel, clear of the curves."""
    axes.set_title(title, pad=4 + 11 * len(lines))
    axes.text(0.0, 1.03, "\n".join(lines), va="bottom", fontsize=SMALL, linespacing=1.25,
              transform=axes.transAxes)  # fmt: skip


def _claim(axes: Axes, part: Any, row: dict[str, Any]) -> None:
    axes.plot(part["x"], part["density"], color=BLACK)
    beyond = part["x"] > row["margin"] if row["above"] else part["x"] < row["margin"]
    axes.fill_between(part["x"], 0, part["density"], where=beyond, facecolor="none",
                      edgecolor=BLUE, hatch="////", linewidth=0.0)  # fmt: skip
    axes.axvline(row["margin"], color=GREY, linestyle=(0, (4, 2)), linewidth=0.9)
    if row["kind"] == "hazard_ratio":
        axes.set_xscale("log")
        ratio_ticks(axes, "x", float(part["x"].min()), float(part["x"].max()))
        axes.set_xlabel("hazard ratio")
    else:
        axes.set_xlim(float(part["x"].min()), float(part["x"].max()))
        axes.set_xlabel("difference")
    axes.set_ylim(0, 1.08 * float(part["density"].max()))
    sign = ">" if row["above"] else "<"
    _heading(
        axes,
        short(f"claim of {row['rule']}", 22),
        [f"{sign} {row['margin']:g} (dashed)", f"P(claim) {row['probability']:.3f}",
         f"threshold {row['threshold']:g}"],
    )  # fmt: skip


# ── F3 ────────────────────────────────────────────────────────────────────────────────────────
@styled
def draw_boundaries(tables: Tables) -> Figure:
    """Maps of responders by look, the difference that triggers, and differences seen."""
    rules, differences, seen = tables["boundaries"], tables["differences"], tables["seen"]
    two = rules[rules["control"].notna()] if len(rules) else rules
    one = rules[rules["control"].isna()] if len(rules) else rules
    looks = sorted(two["look"].unique()) if len(two) else []
    several = len(differences) > 0 and differences["analysed"].nunique() > 1
    below = int(several) + int(len(one) > 0)
    groups = list(dict.fromkeys(seen["rule"])) if len(seen) else []
    many = [int((seen["rule"] == rule).sum()) for rule in groups]
    heights = [2.45] * -(-len(looks) // 3) + ([2.4] if below else []) + [
        0.95 + 0.30 * rows for rows in many
    ]  # fmt: skip
    figure = sheet(0.5 + sum(heights))
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    at = 0
    decisions: dict[str, Any] = {}
    for first in range(0, len(looks), 3):
        grid = parts[at].subplots(1, 3 if len(looks) > 1 else 2)
        for axes, look in zip(grid, looks[first : first + 3], strict=False):
            _map(axes, two[two["look"] == look], decisions)
        for axes in grid[len(looks[first : first + 3]) :]:
            axes.set_visible(False)
        at += 1
    if below:
        grid = parts[at].subplots(1, 2) if below == 2 else [parts[at].subplots()]
        if several:
            _differences(grid[0], differences)
        if len(one):
            _alone(grid[-1], one)
        at += 1
    for rule in groups:
        _ranges(parts[at].subplots(), seen[seen["rule"] == rule])
        at += 1
    if decisions:
        legend_above(figure, list(decisions.values()), list(decisions))
    return figure


def _map(axes: Axes, part: Any, decisions: dict[str, Any]) -> None:
    """Responders in the two arms at one look: where each rule holds."""
    from matplotlib.patches import Patch

    first = part.iloc[0]
    control_n, arm_n = int(first["control_n"]), int(first["arm_n"])
    for rule, own in part.groupby("rule", sort=False):
        words, colour, hatch = DECISIONS[own["then"].iloc[0]]
        label = f"{rule}: {words}"
        for row in own.to_dict("records"):
            if row["from"] is None or row["from"] != row["from"]:
                continue
            axes.bar(row["control_responders"], row["to"] - row["from"] + 1, 1.0,
                     bottom=row["from"] - 0.5, facecolor=colour, alpha=0.75,
                     linewidth=0)  # fmt: skip
            if hatch:
                axes.bar(row["control_responders"], row["to"] - row["from"] + 1, 1.0,
                         bottom=row["from"] - 0.5, facecolor="none", edgecolor=BLACK, hatch=hatch,
                         linewidth=0)  # fmt: skip
        decisions.setdefault(label, Patch(facecolor=colour, hatch=hatch, alpha=0.75,
                                          edgecolor=BLACK, linewidth=0.4))  # fmt: skip
    axes.set_xlim(-0.5, control_n + 0.5)
    axes.set_ylim(-0.5, arm_n + 0.5)
    axes.set_title(f"look {int(first['look'])}")
    axes.set_xlabel(f"responders of {control_n}, {first['control']}")
    axes.set_ylabel(f"responders of {arm_n}, {first['arm']}")
    whole_ticks(axes, "x", 5)
    whole_ticks(axes, "y", 6)


def _differences(axes: Axes, frame: Any) -> None:
    """Difference at which a rule begins to hold, by number analysed."""
    for place, (rule, own) in enumerate(frame.groupby("rule", sort=False)):
        own = own[own["difference"].notna()].sort_values("analysed")
        if own.empty:
            continue
        colour = DECISIONS[own["then"].iloc[0]][1]
        style = mark(place)
        axes.plot(own["analysed"], own["difference"], color=colour, linestyle=style.line,
                  marker=style.marker)  # fmt: skip
        known = own[own["at_low_control"].notna() & own["at_high_control"].notna()]
        axes.vlines(known["analysed"], known["at_low_control"], known["at_high_control"],
                    color=colour, linewidth=1.2)  # fmt: skip
        last = own.iloc[0]
        axes.annotate(str(rule), (last["analysed"], last["difference"]), xytext=(5, 5),
                      textcoords="offset points", fontsize=SMALL, color=colour)  # fmt: skip
    axes.axhline(0.0, color=BLACK, linewidth=0.7)
    axes.set_xticks(sorted(frame["analysed"].unique()))
    axes.margins(x=0.1, y=0.16)
    axes.set_title("difference that triggers")
    axes.set_xlabel("participants analysed")
    axes.set_ylabel("observed difference")
    light_grid(axes)


def _alone(axes: Axes, frame: Any) -> None:
    """Events at which a rule about one arm begins to hold, by number analysed."""
    for place, (rule, own) in enumerate(frame.groupby("rule", sort=False)):
        own = own[own["from"].notna()].sort_values("arm_n")
        if own.empty:
            continue
        words, colour, _ = DECISIONS[own["then"].iloc[0]]
        style = mark(place)
        axes.plot(own["arm_n"], own["from"], color=colour, linestyle=style.line,
                  marker=style.marker)  # fmt: skip
        for row in own.to_dict("records"):
            axes.annotate(f"{int(row['from'])}/{int(row['arm_n'])}", (row["arm_n"], row["from"]),
                          xytext=(0, 7), textcoords="offset points", ha="center",
                          fontsize=SMALL)  # fmt: skip
        axes.set_title(f"{rule}: {words} from so many events on")
    axes.set_xticks(sorted(frame["arm_n"].unique()))
    axes.set_ylim(0, float(frame["from"].max()) * 1.3)
    axes.margins(x=0.12)
    axes.set_xlabel(f"participants analysed, {frame['arm'].iloc[0]}")
    axes.set_ylabel("participants with the event")
    light_grid(axes)


def _ranges(axes: Axes, frame: Any) -> None:
    """Range of what was seen with the rule holding, and with it not holding."""
    first = frame.iloc[0]
    words, colour, hatch = DECISIONS[first["then"]]
    labels = [
        f"look {int(row['look'])}"
        + (f", {row['target']}" if isinstance(row["target"], str) else "")
        for row in frame.to_dict("records")
    ]
    rows_axis(axes, labels)
    for place, row in enumerate(frame.to_dict("records")):
        for prefix, shift, face, marks in (("held", -0.18, colour, hatch),
                                           ("not_held", 0.18, PALE, "")):  # fmt: skip
            low, high = row[f"{prefix}_least"], row[f"{prefix}_most"]
            if low is None or low != low:
                continue
            axes.barh(place + shift, max(high - low, 0.004), 0.30, left=low, facecolor=face,
                      hatch=marks, edgecolor=BLACK, linewidth=0.5)  # fmt: skip
    axes.set_title(f"{first['rule']}: {words}")
    axes.set_xlabel(f"{first['quantity']}\n(upper bar: the rule held; lower, grey: it did not)")
    if "ratio" in first["quantity"]:
        axes.axvline(1.0, color=BLACK, linewidth=0.7)
    else:
        axes.axvline(0.0, color=BLACK, linewidth=0.7)
    light_grid(axes, "x")
