"""What borrowing buys and what it risks as four panels, and where it is simulated."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from adaptive_cart.figures.style import (
    BLACK,
    BLUE,
    GREY,
    VERMILION,
    legend_above,
    light_grid,
    percent_axis,
    sheet,
    styled,
)
from adaptive_cart.results.drift import ALONE, EQUAL, WITHOUT, WRITTEN, Drift, Truth
from adaptive_cart.results.simulated_drift import SURE, SimulatedDrift

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT: Final = 6.6  # inches
DASHED, DOTTED = (0, (5, 1.5)), (0, (1, 1.2))
LINES: Final = {
    WRITTEN: (BLUE, "-", "Borrowing, as written"),
    WITHOUT: (GREY, "-", "Without borrowing"),
    EQUAL: (VERMILION, DASHED, "Borrowing, equal worst-case error"),
    ALONE: (BLACK, DOTTED, "Without borrowing, equal worst-case error"),
}


def four_panels(
    found: Drift | SimulatedDrift,
    curves: Callable[[Axes, Truth, str, tuple[str, ...]], None],
    power_at: str,
    bias_of: str,
    across: str,
) -> tuple[Figure, tuple[Axes, ...]]:
    """Draw errors, power, bias and what is borrowed over the control's true level.

    ``curves`` draws one number of some designs; the rest is said at the axes.
    """
    figure = sheet(HEIGHT)
    (errors, power), (bias, borrowed) = figure.subplots(2, 2, sharex=True)
    curves(errors, "null", "success", tuple(LINES))
    errors.axhline(found.error, color=GREY, linewidth=0.8, label="_")
    errors.set_ylabel("Type I error")
    curves(power, "effect", "success", tuple(LINES))
    power.set_ylabel(f"Power at {power_at}")
    curves(bias, "effect", "bias", (WRITTEN, WITHOUT))
    bias.axhline(0.0, color=GREY, linewidth=0.8, label="_")
    bias.set_ylabel(f"Bias of the {bias_of}")
    curves(borrowed, "null", "borrowed", (WRITTEN, EQUAL))
    borrowed.axhline(0.0, color=GREY, linewidth=0.8, label="_")
    borrowed.set_ylabel("Participants borrowed, mean")
    for axes in (errors, power):
        percent_axis(axes, decimals=None)
        axes.set_ylim(bottom=0.0)
    panels = errors, power, bias, borrowed
    for axes in panels:
        axes.axvline(found.observed, color=GREY, linestyle=DOTTED, linewidth=0.9)
        light_grid(axes)
    for axes in (bias, borrowed):
        axes.set_xlabel(f"True {across} in {found.arms[0]}")
    legend_above(figure, *power.get_legend_handles_labels())
    return figure, panels


@styled
def draw_simulated_drift(found: SimulatedDrift) -> Figure:
    """Draw errors, power, bias and what is borrowed over the control's true level."""
    of = "ratio" if found.ratio else "difference"
    return four_panels(found, partial(_curves, found), f"{found.effect:g}", of, found.unit)[0]


def _curves(
    found: SimulatedDrift, axes: Axes, truth: Truth, what: str, designs: tuple[str, ...]
) -> None:
    """A line a design, with Monte Carlo intervals of 95%."""
    for design in designs:
        curve = found.curves.get((design, truth))
        if curve is not None:
            color, style, label = LINES[design]
            value = np.asarray(curve.estimate[what])
            reach = SURE * np.asarray(curve.mcse[what])
            axes.plot(found.levels, value, color=color, linestyle=style, label=label)
            axes.fill_between(
                found.levels, value - reach, value + reach, color=color, alpha=0.12, linewidth=0.0
            )


def simulated_caption(title: str, found: SimulatedDrift) -> str:
    """What stands below the figure."""
    control, other = found.arms
    sign = "/" if found.ratio else "−"
    return (
        f"{title}. Type I error ({other} {sign} {control} = {found.margin:g}), power "
        f"({other} {sign} {control} = {found.effect:g}), bias and participants borrowed over the "
        f"true {found.unit} in {control}; the external data stay as observed, "
        f"{found.observed:.4g} (dotted line). {found.trials:,} simulated trials at each of "
        f"{len(found.levels)} points, with 95% Monte Carlo intervals."
    )
