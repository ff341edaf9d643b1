"""What borrowing buys and what it risks, as a figure; and as files."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial, singledispatch
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from adaptive_cart.figures.simulated_drift import (
    LINES,
    draw_simulated_drift,
    four_panels,
    simulated_caption,
)
from adaptive_cart.figures.style import GREY, percent_axis, styled
from adaptive_cart.figures.writing import CAPTIONS, FORMATS, told_beside, write_pictures
from adaptive_cart.results.drift import Drift, Truth
from adaptive_cart.results.simulated_drift import SimulatedDrift

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURE: Final = "borrowing"
TITLE: Final = "What borrowing buys, and what it risks"
CURVES, TEXT, PARAGRAPH = f"{PICTURE}.csv", f"{PICTURE}.txt", "protocol_paragraph.txt"


@styled
def draw_drift(found: Drift) -> Figure:
    """Draw errors, power, bias and what is borrowed over the control's true rate."""
    at = f"a difference of {found.effect:g}"
    figure, panels = four_panels(found, partial(_curves, found), at, "difference", "rate")
    for axes in panels:
        axes.axvspan(*found.region, color=GREY, alpha=0.08, linewidth=0.0)
        axes.set_xlim(0.0, 1.0)
        percent_axis(axes, "x")
    return figure


def _curves(found: Drift, axes: Axes, truth: Truth, what: str, designs: tuple[str, ...]) -> None:
    for design in designs:
        curve = found.curves.get((design, truth))
        if curve is not None:
            color, style, label = LINES[design]
            values = np.asarray(getattr(curve, what))
            axes.plot(curve.controls, values, color=color, linestyle=style, label=label)


def caption(found: Drift) -> str:
    """What stands below the figure."""
    control, other = found.arms
    return (
        f"{TITLE}. Type I error ({other} − {control} = {found.margin:g}), power "
        f"({other} − {control} = {found.effect:g}), bias and participants borrowed over the true "
        f"{control} rate; the external data stay as observed, {found.observed:.3f} (dotted line). "
        f"Shaded: the control rates over which the error of {found.error:g} is held where both "
        f"designs are compared at equal error. Enumerated, without Monte Carlo error."
    )


# ── as files ──────────────────────────────────────────────────────────────────────────────────
def write_drift(
    found: Drift | SimulatedDrift, folder: Path, formats: Iterable[str] = FORMATS
) -> list[str]:
    """Write the curves, what was found, the paragraph and the figure; returns names of files.

    Raises
    ------
    InputError, ResultsError
        If a format does not exist, or the folder holds other people's files of these names.
    """
    texts = {
        CURVES: found.csv(),
        TEXT: f"{found.table()}\n{found.words()}\n",
        PARAGRAPH: found.paragraph() + "\n",
        CAPTIONS: told_beside(PICTURE, TITLE, below(found), found.words()),
    }
    return write_pictures(folder, {PICTURE: drawn(found)}, texts, formats)


@singledispatch
def drawn(found: Drift | SimulatedDrift) -> Figure:
    """The figure of what was found, by what it is."""
    raise TypeError(type(found))


drawn.register(Drift)(draw_drift)
drawn.register(SimulatedDrift)(draw_simulated_drift)


@singledispatch
def below(found: Drift | SimulatedDrift) -> str:
    """What stands below it."""
    raise TypeError(type(found))


below.register(Drift)(caption)
below.register(SimulatedDrift)(partial(simulated_caption, TITLE))
