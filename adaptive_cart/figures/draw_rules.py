"""Drawings of priors and of decision rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.decisions import DECISIONS
from adaptive_cart.figures.draw_measures import columns_for, panel_room, rows_axis
from adaptive_cart.figures.kinds import Tables, called
from adaptive_cart.figures.style import (
    BLACK,
    BLUE,
    GREY,
    PALE,
    PALETTE,
    SKY,
    TALLEST,
    broken,
    legend_above,
    light_grid,
    mark,
    minus,
    ratio_ticks,
    sheet,
    short,
    spread,
    styled,
    whole_ticks,
    width_of,
)
from adaptive_cart.nouns.questions import KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


PANEL = 2.45  # inches of a prior's panel whose heading and legend have so many lines at most
HEADING, LEGEND = 4, 2
LINE = 0.18  # inches of one line more


# ── F2 ────────────────────────────────────────────────────────────────────────────────────────
@styled
def draw_priors(tables: Tables) -> Figure:
    """A panel a prior, then a panel a claim."""
    densities, priors, claims = tables["densities"], tables["priors"], tables["claims"]
    about = tables["about"].iloc[0]
    panels = list(zip(priors["endpoint"], priors["parameter"], strict=True))
    count = len(panels) + len(claims)
    columns = columns_for(count)
    deep = -(-count // columns)
    rows = priors.to_dict("records")
    for row in rows:
        row["parameter"] = called(about, row["parameter"])
    own_heights = [
        _panel_height(row, len(set(_of_prior(densities, *panel)["component"])) - 1, columns)
        for row, panel in zip(rows, panels, strict=True)
    ]
    heights = [
        max((PANEL, *own_heights[first : first + columns])) for first in range(0, count, columns)
    ]
    figure = sheet(min(0.35 + sum(heights), TALLEST))
    grid = figure.subplots(deep, columns, squeeze=False, height_ratios=heights)
    flat = list(grid.flat)
    true = tables["true"]
    for axes, (endpoint, parameter), drawn in zip(flat, panels, rows, strict=False):
        _prior(axes, _of_prior(densities, endpoint, parameter), drawn, columns)
        if len(true):
            inside = true["arm"].isin(parameter.split(", "))
            values = true[(true["endpoint"] == endpoint) & inside]["value"]
            if len(values):
                axes.plot(values, [0.0] * len(values), "^", color=BLACK, markersize=4.5,
                          clip_on=False, zorder=6)  # fmt: skip
    for axes, row in zip(flat[len(panels) :], claims.to_dict("records"), strict=False):
        part = tables["difference"][tables["difference"]["rule"] == row["rule"]]
        _claim(axes, part, row, columns)
    for axes in flat[count:]:
        axes.set_visible(False)
    for row in grid:
        row[0].set_ylabel("density")
    return figure


def _prior(axes: Axes, own: Any, row: dict[str, Any], columns: int) -> None:
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
    if row["logarithmic"]:
        axes.set_xscale("log")
        ratio_ticks(axes, "x", row["from"], row["to"])
    else:
        axes.set_xlim(row["from"], row["to"])
    axes.set_xlabel(row["scale"])
    _heading(axes, *_says(row, columns))
    if len(axes.get_legend_handles_labels()[1]):  # below the axis' label, clear of the curves
        from matplotlib.transforms import ScaledTranslation

        inches: Any = axes.figure.dpi_scale_trans
        down = ScaledTranslation(0.0, -34.0 / 72.0, inches)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), handlelength=2.0,
                    bbox_transform=axes.transAxes + down, handletextpad=0.4,
                    borderaxespad=0.0)  # fmt: skip


def _says(row: dict[str, Any], columns: int) -> tuple[str, list[str]]:
    """The title of a prior's panel, and the lines below it."""
    ess = row["effective_sample_size"]
    known = ess is not None and ess == ess
    average = f"{row['middle']} {minus(row[row['middle']], 2)}"
    name, room = row["parameter"].replace("_", " "), panel_room(columns) - 0.15
    lines = [f"{name}: {average}"]
    if width_of(lines[0]) > room:
        lines = [*broken(name, room).split("\n"), average]
    lines += [f"95%: {minus(row['lower'], 2)} to {minus(row['upper'], 2)}"]
    lines += [f"worth {ess:.1f} participants"] if known else []
    return broken(row["endpoint"], panel_room(columns) - 0.2, bold=True), lines


def _panel_height(row: dict[str, Any], components: int, columns: int) -> float:
    """Inches of a prior's panel: more than usual above long headings, or many components."""
    title, lines = _says(row, columns)
    heading = len(title.split("\n")) + len(lines)
    return PANEL + LINE * (max(0, heading - HEADING) + max(0, components - LEGEND))


def _of_prior(densities: Any, endpoint: str, parameter: str) -> Any:
    """Rows of one prior."""
    return densities[(densities["endpoint"] == endpoint) & (densities["parameter"] == parameter)]


def _heading(axes: Axes, title: str, lines: list[str]) -> None:
    """Put a title and small lines above a panel, clear of the curves."""
    axes.set_title(title, pad=5 + 13.2 * len(lines))
    axes.annotate("\n".join(lines), (0.0, 1.0), xytext=(0, 4), textcoords="offset points",
                  xycoords="axes fraction", va="bottom", linespacing=1.25)  # fmt: skip


def _claim(axes: Axes, part: Any, row: dict[str, Any], columns: int) -> None:
    axes.plot(part["x"], part["density"], color=BLACK)
    beyond = part["x"] > row["margin"] if row["above"] else part["x"] < row["margin"]
    axes.fill_between(part["x"], 0, part["density"], where=beyond, facecolor="none",
                      edgecolor=BLUE, hatch="////", linewidth=0.0)  # fmt: skip
    axes.axvline(row["margin"], color=GREY, linestyle=(0, (4, 2)), linewidth=0.9)
    if KINDS[row["kind"]].ratio:
        axes.set_xscale("log")
        ratio_ticks(axes, "x", float(part["x"].min()), float(part["x"].max()))
        axes.set_xlabel(row["noun"])
    else:
        axes.set_xlim(float(part["x"].min()), float(part["x"].max()))
        axes.set_xlabel(row["noun"])
    axes.set_ylim(0, 1.08 * float(part["density"].max()))
    sign = ">" if row["above"] else "<"
    title = broken(f"claim of {row['rule']}", panel_room(columns) - 0.25, bold=True)
    lines = [f"{sign} {row['margin']:g} (dashed)", f"P(claim) {row['probability']:.3f}",
             _threshold(row)]  # fmt: skip
    _heading(axes, title, lines)


def _threshold(row: dict[str, Any]) -> str:
    known = row["threshold"] == row["threshold"]
    return f"threshold {row['threshold']:g}" if known else str(row["threshold_words"])


# ── F3 ────────────────────────────────────────────────────────────────────────────────────────
@styled
def draw_boundaries(tables: Tables) -> Figure:
    """Maps of responders by look, the difference that triggers, and differences seen."""
    rules, differences, seen = tables["boundaries"], tables["differences"], tables["seen"]
    about = tables["about"].iloc[0]
    two = rules[rules["control"].notna()] if len(rules) else rules
    one = rules[rules["control"].isna()] if len(rules) else rules
    looks = sorted(two.loc[two["shown"], "map"].unique()) if len(two) else []
    seen = seen[seen["shown"]] if len(seen) else seen
    several = len(differences) > 0 and differences["analysed"].nunique() > 1
    below = int(several) + int(len(one) > 0)
    groups = list(dict.fromkeys(seen["rule"])) if len(seen) else []
    many = [int((seen["rule"] == rule).sum()) for rule in groups]
    maps = -(-len(looks) // 3) + int(below > 0)
    ranges = [0.95 + 0.30 * rows for rows in many]
    if sum(ranges) > TALLEST - 0.5 - 1.7 * maps:
        each = (TALLEST - 0.5 - 1.7 * maps - 0.95 * len(many)) / max(sum(many), 1)
        ranges = [0.95 + each * rows for rows in many]
    tall = min(2.45, (TALLEST - 0.5 - sum(ranges)) / max(maps, 1))
    heights = [tall] * maps + ranges
    figure = sheet(0.5 + sum(heights))
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    at = 0
    decisions: dict[str, Any] = {}
    for first in range(0, len(looks), 3):
        grid = parts[at].subplots(1, 3 if len(looks) > 1 else 2)
        for axes, look in zip(grid, looks[first : first + 3], strict=False):
            _map(axes, two[two["map"] == look], decisions, tall - 0.75, about)
        for axes in grid[len(looks[first : first + 3]) :]:
            axes.set_visible(False)
        at += 1
    if below:
        grid = parts[at].subplots(1, 2) if below == 2 else [parts[at].subplots()]
        if several:
            _differences(grid[0], differences, 5.5 if below == 1 else 2.4)
        if len(one):
            _alone(grid[-1], one, below == 1, about)
        at += 1
    for rule in groups:
        _ranges(parts[at].subplots(), seen[seen["rule"] == rule])
        at += 1
    if decisions:
        legend_above(figure, list(decisions.values()), list(decisions))
    return figure


def _drawn(then: str) -> tuple[str, str, str]:
    """How a decision is drawn: words, colour, hatch."""
    decision = DECISIONS[then]
    return decision.done, PALETTE[decision.colour], decision.hatch


def _map(axes: Axes, part: Any, decisions: dict[str, Any], tall: float, about: Any) -> None:
    """Responders in the two arms at one look: where each rule holds."""
    from matplotlib.patches import Patch

    first = part.iloc[0]
    control_n, arm_n = int(first["control_n"]), int(first["arm_n"])
    for rule, own in part.groupby("rule", sort=False):
        words, colour, hatch = _drawn(own["then"].iloc[0])
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
    control = called(about, first["control"])
    arm = ", ".join(called(about, one) for one in str(first["arms"]).split(", "))
    axes.set_xlabel(short(f"responders of {control_n}, {control}", 1.5))
    of_several = f": {arm}" if ", " in str(first["arms"]) else ""
    axes.set_title(short(f"look {int(first['look'])}{of_several}", 1.8, bold=True))
    own = "each" if of_several else arm
    axes.set_ylabel(short(f"responders of {arm_n}, {own}", tall))
    whole_ticks(axes, "x", 5)
    whole_ticks(axes, "y", 6)


def _differences(axes: Axes, frame: Any, wide: float) -> None:
    """Difference at which a rule begins to hold, by number analysed."""
    ends = []
    margins: dict[float, None] = {}
    for place, (rule, own) in enumerate(frame.groupby("rule", sort=False)):
        own = own[own["difference"].notna()].sort_values("analysed")
        if own.empty:
            continue
        colour = _drawn(own["then"].iloc[0])[1]
        style = mark(place)
        axes.plot(own["analysed"], own["difference"], color=colour, linestyle=style.line,
                  marker=style.marker)  # fmt: skip
        known = own[own["at_low_control"].notna() & own["at_high_control"].notna()]
        axes.vlines(known["analysed"], known["at_low_control"], known["at_high_control"],
                    color=colour, linewidth=1.2)  # fmt: skip
        ends.append((str(rule), float(own["analysed"].iloc[-1]), float(own["difference"].iloc[-1])))
        margins |= dict.fromkeys(float(m) for m in own["margin"].dropna())
    axes.axhline(0.0, color=BLACK, linewidth=0.7)
    for margin in margins:
        axes.axhline(margin, color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
    axes.set_xticks(sorted(frame["analysed"].unique()))
    axes.margins(x=0.08, y=0.16)
    _named_at_their_ends(axes, ends, wide)
    axes.set_title("difference that triggers")
    axes.set_xlabel("participants analysed")
    dashed = ", ".join(f"{margin:g}" for margin in margins if margin)
    axes.set_ylabel("observed difference" + (f"\n(dashed: margin {dashed})" if dashed else ""))
    light_grid(axes)


def _named_at_their_ends(axes: Axes, ends: list[tuple[str, float, float]], wide: float) -> None:
    """Name rules at the last point of each line."""
    names = [short(rule, 0.3 * wide) for rule, *_ in ends]
    room = max((width_of(name) for name in names), default=0.0) + 0.2
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    last = max((x for _, x, _ in ends), default=right)
    axes.set_xlim(left, max(right, last + (last - left) * room / (wide - room)))
    heights = spread([y for *_, y in ends], 0.09 * (high - low), low, high)
    for name, (_, x, _), at in zip(names, ends, heights, strict=True):
        axes.annotate(name, (x, at), xytext=(8, 0), textcoords="offset points", va="center")


def _alone(axes: Axes, frame: Any, wide: bool, about: Any) -> None:
    """Events at which a rule about one arm begins to hold, by number analysed."""
    frame = frame[frame["from"].notna()]
    frame = frame.assign(edge=frame["from"].where(frame["many"].astype(bool), frame["to"]))
    rules, ends = list(frame.groupby("rule", sort=False)), list[tuple[str, float, float]]()
    title = "holds from so many events on, or up to (≤)"
    for place, (rule, own) in enumerate(rules):
        own = own.sort_values("arm_n")
        words, colour, _ = _drawn(own["then"].iloc[0])
        style = mark(place)
        axes.plot(own["arm_n"], own["edge"], color=colour, linestyle=style.line,
                  marker=style.marker)  # fmt: skip
        few = not own["many"].iloc[0]
        for row in own.to_dict("records"):
            text = f"{'≤ ' if few else ''}{int(row['edge'])}/{int(row['arm_n'])}"
            axes.annotate(text, (row["arm_n"], row["edge"]), xytext=(0, 7),
                          textcoords="offset points", ha="center")  # fmt: skip
        ends.append((str(rule), float(own["arm_n"].iloc[-1]), float(own["edge"].iloc[-1])))
        if len(rules) == 1:
            many = "up to so many events" if few else "from so many events on"
            title = f"{rule}: {words} {many}"
    axes.set_title(broken(title, 5.6 if wide else 2.5, bold=True))
    axes.set_xticks(sorted(frame["arm_n"].unique()))
    axes.set_ylim(0, max(float(frame["edge"].max()), 1.0) * 1.3)
    axes.margins(x=0.12 if wide else 0.2)
    if len(rules) > 1:
        _named_at_their_ends(axes, ends, 5.5 if wide else 2.4)
    arms = ", ".join(called(about, arm) for arm in dict.fromkeys(frame["arm"]))
    axes.set_xlabel(short(f"participants analysed, {arms}", 5.6 if wide else 2.5))
    axes.set_ylabel("participants with the event")
    light_grid(axes)


def _ranges(axes: Axes, frame: Any) -> None:
    """Range of what was seen with the rule holding, and with it not holding."""
    first = frame.iloc[0]
    words, colour, hatch = _drawn(first["then"])
    labels = [short(row["when"], 1.8) for row in frame.to_dict("records")]
    rows_axis(axes, labels)
    for place, row in enumerate(frame.to_dict("records")):
        for prefix, shift, face, marks in (("held", -0.18, colour, hatch),
                                           ("not_held", 0.18, PALE, "")):  # fmt: skip
            low, high = row[f"{prefix}_least"], row[f"{prefix}_most"]
            if low is None or low != low:
                continue
            axes.barh(place + shift, max(high - low, 0.004), 0.30, left=low, facecolor=face,
                      hatch=marks, edgecolor=BLACK, linewidth=0.5)  # fmt: skip
    axes.set_title(short(f"{first['rule']}: {words}", 5.6, bold=True))
    margin = first["margin"]
    marked = margin is not None and margin == margin
    dashed = f"; dashed: {first['compared']} {margin:g}" if marked else ""
    bars = f"(upper bar: the rule held; lower, grey: it did not{dashed})"
    axes.set_xlabel(f"{short(first['quantity'], 5.4)}\n{bars}")
    axes.axvline(first["no_effect"], color=BLACK, linewidth=0.7)
    if marked:
        axes.axvline(margin, color=BLACK, linewidth=1.1, linestyle=(0, (4, 2)))
    light_grid(axes, "x")
