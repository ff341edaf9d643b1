"""What borrowing buys and what it risks, as a figure; and as files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial, singledispatch
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from adaptive_cart.figures.simulated_drift import draw_simulated_drift, simulated_caption
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
from adaptive_cart.figures.writing import CAPTIONS, FORMATS, write_picture
from adaptive_cart.results.drift import ALONE, EQUAL, WITHOUT, WRITTEN, Drift, Truth
from adaptive_cart.results.simulated_drift import SimulatedDrift

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURE: Final = "borrowing"
TITLE: Final = "What borrowing buys, and what it risks"
CURVES, TEXT, PARAGRAPH = f"{PICTURE}.csv", f"{PICTURE}.txt", "protocol_paragraph.txt"
HEIGHT: Final = 6.6  # inches
DASHED, DOTTED = (0, (5, 1.5)), (0, (1, 1.2))
LINES: Final = {
    WRITTEN: (BLUE, "-", "Borrowing, as written"),
    WITHOUT: (GREY, "-", "Without borrowing"),
    EQUAL: (VERMILION, DASHED, "Borrowing, equal worst-case error"),
    ALONE: (BLACK, DOTTED, "Without borrowing, equal worst-case error"),
}


@styled
def draw_drift(found: Drift) -> Figure:
    """Draw errors, power, bias and what is borrowed over the control's true rate."""
    figure = sheet(HEIGHT)
    panels = figure.subplots(2, 2, sharex=True)
    (errors, power), (bias, borrowed) = panels
    _curves(errors, found, "null", "success", tuple(LINES))
    errors.axhline(found.error, color=GREY, linewidth=0.8, label="_")
    errors.set_ylabel("Type I error")
    _curves(power, found, "effect", "success", tuple(LINES))
    power.set_ylabel(f"Power at a difference of {found.effect:g}")
    _curves(bias, found, "effect", "bias", (WRITTEN, WITHOUT))
    bias.axhline(0.0, color=GREY, linewidth=0.8, label="_")
    bias.set_ylabel("Bias of the difference")
    _curves(borrowed, found, "null", "borrowed", (WRITTEN, EQUAL))
    borrowed.axhline(0.0, color=GREY, linewidth=0.8, label="_")
    borrowed.set_ylabel("Participants borrowed, mean")
    for axes in (errors, power):
        percent_axis(axes, decimals=None)
        axes.set_ylim(bottom=0.0)
    for axes in (errors, power, bias, borrowed):
        axes.axvline(found.observed, color=GREY, linestyle=DOTTED, linewidth=0.9)
        axes.axvspan(*found.region, color=GREY, alpha=0.08, linewidth=0.0)
        axes.set_xlim(0.0, 1.0)
        percent_axis(axes, "x")
        light_grid(axes)
    for axes in (bias, borrowed):
        axes.set_xlabel(f"True rate in {found.arms[0]}")
    handles, labels = power.get_legend_handles_labels()
    legend_above(figure, handles, labels)
    return figure


def _curves(axes: Axes, found: Drift, truth: Truth, what: str, designs: tuple[str, ...]) -> None:
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
    told = {
        PICTURE: {
            "file": PICTURE,
            "title": TITLE,
            "caption": below(found),
            "alternative_text": found.words(),
        }
    }
    texts = {
        CURVES: found.csv(),
        TEXT: f"{found.table()}\n{found.words()}\n",
        PARAGRAPH: found.paragraph() + "\n",
        CAPTIONS: json.dumps(told, indent=2, ensure_ascii=False) + "\n",
    }
    return write_picture(folder, PICTURE, drawn(found), texts, formats)


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
