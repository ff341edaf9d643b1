"""Pictures of what is missing: with which outcomes, or how far moved, a rule turns over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from adaptive_cart.analysis.findings import MissingTip, ShiftTip
from adaptive_cart.analysis.pictures import Picture
from adaptive_cart.figures.draw_measures import columns_for, panel_room
from adaptive_cart.figures.style import (
    BLACK,
    GREY,
    PALE,
    VERMILION,
    broken,
    legend_above,
    light_grid,
    mark,
    sheet,
    styled,
    whole_ticks,
)
from adaptive_cart.nouns.questions import written

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from adaptive_cart.analysis.flow import Analysis

Label: TypeAlias = Callable[[str], str]  # what readers call an arm
HOLDS = "#BFDDF0"  # a light blue, on which numbers can be read
MOST_PANELS, MOST_NUMBERS = 4, 120  # probabilities that are written into cells


def three_decimals(probability: float) -> str:
    """A probability with three decimals; nothing that is less than certain reads as certain."""
    if 0.9995 <= probability < 1.0:
        return ">0.999"
    return "<0.001" if 0.0 < probability < 0.0005 else f"{probability:.3f}"


def tipping(analysis: Analysis) -> Picture | None:
    """Every outcome of the missing, and whether each rule would hold; nothing where nobody is."""
    found = analysis.findings.tipping
    told = () if found is None else found.missing
    return missing_picture(told, analysis.plan.design.arm_label)


def missing_picture(found: Sequence[MissingTip], label: Label) -> Picture | None:
    """The same of some rules; nothing where none can be drawn."""
    told = [one for one in found if one.why is None]
    shown = [one for one in told if len(one.arms) <= 2][:MOST_PANELS]
    if not shown:
        return None
    rows: list[dict[str, Any]] = []
    for one in shown:
        for row, probabilities in enumerate(one.probabilities):
            for column, probability in enumerate(probabilities):
                where = (column,) if len(one.arms) == 1 else (row, column)
                rows.append(
                    {"rule": one.rule}
                    | {f"responders_{a}": k for a, k in zip(one.arms, where, strict=True)}
                    | {"probability": probability, "holds": where in one.holds}
                )
    noun = shown[0].noun
    return Picture(
        _draw(shown, label),
        f"Missing outcomes: the probability that each rule asks about, by how many of those "
        f"missing are {noun}s. Shaded: the rule holds. Ring: from where the fewest changes are "
        f"counted.",
        "; ".join(
            f"{one.rule} holds with {len(one.holds)} of "
            f"{sum(len(row) for row in one.probabilities)} outcomes"
            for one in shown
        ),
        rows,
    )


@styled
def _draw(shown: list[MissingTip], label: Label) -> Figure:
    from matplotlib.colors import ListedColormap
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    across = columns_for(len(shown))
    down = -(-len(shown) // across)
    figure = sheet(0.7 + 3.0 * down)
    for place, one in enumerate(shown):
        axes = figure.add_subplot(down, across, place + 1)
        values = np.array(one.probabilities)
        holds = np.zeros(values.shape)
        for where in one.holds:
            holds[where if len(where) == 2 else (0, where[0])] = 1.0
        axes.imshow(holds, cmap=ListedColormap([PALE, HOLDS]), vmin=0.0, vmax=1.0, origin="lower",
                    aspect="auto")  # fmt: skip
        if values.size <= MOST_NUMBERS:
            for (row, column), value in np.ndenumerate(values):
                axes.text(column, row, three_decimals(value), ha="center",
                          va="center", fontsize=6)  # fmt: skip
        x, y = (one.read_as[0], 0) if len(one.arms) == 1 else (one.read_as[1], one.read_as[0])
        axes.plot(x, y, "o", markersize=26, fillstyle="none", color=VERMILION, markeredgewidth=1.4)
        axes.set_title(
            broken(f"{one.rule}: {one.comparison} {written(one.threshold)}", panel_room(across))
        )
        room = panel_room(across)
        axes.set_xlabel(
            broken(f"{one.noun}s of {one.missing[-1]} missing in {label(one.arms[-1])}", room)
        )
        whole_ticks(axes, "x")
        if len(one.arms) == 1:
            axes.set_yticks([])
        else:
            axes.set_ylabel(f"{one.noun}s of {one.missing[0]} missing in {label(one.arms[0])}")
            whole_ticks(axes, "y")
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    handles = [
        Patch(facecolor=HOLDS, edgecolor=BLACK, linewidth=0.4),
        Patch(facecolor=PALE, edgecolor=BLACK, linewidth=0.4),
        Line2D([], [], marker="o", color=VERMILION, fillstyle="none", linestyle=""),
    ]
    legend_above(figure, handles, ["rule holds", "does not hold", "as read"])
    return figure


def shifts(analysis: Analysis) -> Picture | None:
    """The probability of each rule as what is missing is moved; nothing where nothing is."""
    found = analysis.findings.tipping
    told = () if found is None else found.shifts
    return shifts_picture(told, analysis.plan.design.arm_label)


def shifts_picture(found: Sequence[ShiftTip], label: Label) -> Picture | None:
    """The same of some rules; nothing where there is none."""
    panels: dict[tuple[str, str], list[ShiftTip]] = {}
    for one in found:
        panels.setdefault((one.rule, one.question), []).append(one)
    shown = list(panels.values())[:MOST_PANELS]
    if not shown:
        return None
    rows = [
        {"rule": one.rule, "arms": " and ".join(one.arms), "what": one.words, "moved": value,
         "probability": probability}
        for panel in shown
        for one in panel
        for value, probability in one.curve
    ]  # fmt: skip
    return Picture(
        _draw_shifts(shown, label),
        "What is missing: the probability that each rule asks about, by how far what is missing of "
        "an arm (or of all) differs from what was seen. Grey: the threshold; dotted: from where "
        "the nearest are looked for.",
        "; ".join(
            f"{one.rule}, {' and '.join(one.arms)}: {_told(one)}" for p in shown for one in p
        ),
        rows,
    )


def _told(one: ShiftTip) -> str:
    ends = [f"{end:.3g}" for end in (one.below, one.above) if end is not None]
    return f"turns over at {' and '.join(ends)}" if ends else "does not turn over"


@styled
def _draw_shifts(shown: list[list[ShiftTip]], label: Label) -> Figure:
    across = columns_for(len(shown))
    down = -(-len(shown) // across)
    figure = sheet(0.8 + 2.6 * down)
    lines: dict[str, Any] = {}
    for place, panel in enumerate(shown):
        axes = figure.add_subplot(down, across, place + 1)
        first = panel[0]
        for one in panel:
            names = " and ".join(label(arm) for arm in one.arms)
            own = mark(list(lines).index(names) if names in lines else len(lines))
            values, probabilities = zip(*one.curve, strict=True)
            (lines[names],) = axes.plot(values, probabilities, color=own.colour,
                                        linestyle=own.line)  # fmt: skip
        if not first.added:
            axes.set_xscale("symlog", linthresh=1.0)
            ticks = [0.0, 0.5, 1.0, 2.0, 5.0, 20.0]
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.set_xlim(0.0, first.reach[1])
        axes.axhline(first.threshold, color=GREY, linewidth=0.9)
        for start in dict.fromkeys(one.start for one in panel):
            axes.axvline(start, color=GREY, linewidth=0.9, linestyle=":")
        asked = f"{first.rule}: "
        if sum(other[0].rule == first.rule for other in shown) > 1:
            asked += f"{first.question} "
        asked += f"{first.comparison} {written(first.threshold)}"
        axes.set_title(broken(asked, panel_room(across)))
        unit = f" higher by ({first.unit})" if first.added else ", times"
        axes.set_xlabel(broken(f"{first.words}{unit}", panel_room(across)))
        axes.set_ylabel("probability")
        light_grid(axes)
    legend_above(figure, list(lines.values()), list(lines))
    return figure
