"""The picture of the missing outcomes: with which of them a rule turns over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.analysis.findings import MissingTip
from adaptive_cart.analysis.pictures import Picture
from adaptive_cart.figures.draw_measures import columns_for, panel_room
from adaptive_cart.figures.style import (
    BLACK,
    PALE,
    VERMILION,
    broken,
    legend_above,
    sheet,
    styled,
    whole_ticks,
)
from adaptive_cart.nouns.questions import written

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from adaptive_cart.analysis.flow import Analysis

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
    shown = [] if found is None else [one for one in found.missing if one.why is None]
    shown = shown[:MOST_PANELS]
    if not shown:
        return None
    label = analysis.plan.design.arm_label
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
def _draw(shown: list[MissingTip], label: Any) -> Figure:
    from matplotlib.colors import ListedColormap
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    across = columns_for(len(shown))
    down = -(-len(shown) // across)
    figure = sheet(0.5 + 3.0 * down)
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
        axes.set_xlabel(f"{one.noun}s of {one.missing[-1]} missing in {label(one.arms[-1])}")
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
