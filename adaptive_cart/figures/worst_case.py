"""The worst case of an error as a figure: a curve, a map, or scenarios; and as files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adaptive_cart.figures.style import (
    BLACK,
    BLUE,
    GREY,
    VERMILION,
    broken,
    legend_above,
    light_grid,
    percent_axis,
    sheet,
    styled,
)
from adaptive_cart.figures.writing import CAPTIONS, FORMATS, told_beside, write_pictures
from adaptive_cart.results.kept_worst_case import CURVE, FOUND
from adaptive_cart.results.worst_case import WorstCase

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURE = "worst_case"
TEXT = f"{PICTURE}.txt"
HEIGHT, SQUARE, ROW = 3.4, 5.4, 0.3  # inches
MOST_ROWS = 30  # truths that are drawn one by one, those with the largest errors
NAMES = 2.2  # inches, of scenarios


@styled
def draw_worst_case(found: WorstCase) -> Figure:
    """Draw it: over one rate as a line, over two as colours, else scenario by scenario."""
    axes_of = len(found.axes)
    if axes_of == 2:
        return _map(found)
    if axes_of == 1:
        return _curve(found)
    return _scenarios(found)


def _curve(found: WorstCase) -> Figure:
    figure = sheet(HEIGHT)
    axes = figure.subplots()
    (name,) = found.axes
    x = np.array([place.rates[name] for place in found.places])
    y = np.array([place.figure.estimate for place in found.places])
    if found.exact:
        axes.plot(x, y, color=BLUE, label=found.label)
    else:
        ends = np.array([(p.figure.lower, p.figure.upper) for p in found.places]).T
        axes.errorbar(x, y, np.abs(ends - y), color=BLUE, marker="o", linestyle="none", capsize=2.0,
                      label=f"{found.label}, 95% interval")  # fmt: skip
    _lines(axes, found)
    if name in found.worst.rates:
        axes.plot([found.worst.rates[name]], [found.worst.figure.estimate], color=BLACK, marker="D",
                  markersize=8.0, markerfacecolor="none", zorder=4, linestyle="none",
                  label="Worst")  # fmt: skip
    axes.set_xlabel(_axis(found, name))
    axes.set_ylabel(found.label)
    axes.set_ylim(0.0, 1.0 if found.of.smallest else None)
    percent_axis(axes, decimals=None)
    if not found.across.named:
        percent_axis(axes, "x")
    light_grid(axes)
    legend_above(figure, *axes.get_legend_handles_labels())
    return figure


def _axis(found: WorstCase, name: str) -> str:
    """What an axis is: a rate, or what the null region names."""
    return name if found.across.named else f"True rate in {name}"


def _lines(axes: Axes, found: WorstCase) -> None:
    """The certificate and what is promised, as level lines."""
    if found.certificate is not None:
        bound = found.certificate.bound
        level = 1.0 - bound if found.of.smallest else bound
        axes.axhline(level, color=VERMILION, linestyle=(0, (5, 1.5)), label="Certificate")
    if found.stated is not None:
        lower = found.of.smallest
        sure = f"Nowhere {'below' if lower else 'above'}, confidence {found.stated.confidence:.0%}"
        level = 1.0 - found.stated.bound if lower else found.stated.bound
        axes.axhline(level, color=VERMILION, linestyle=(0, (5, 1.5)), label=sure)
    if found.target is not None and not found.of.at_effect:
        axes.axhline(found.target, color=GREY, linestyle=(0, (1, 1.2)), label="Wanted, at most")


def _map(found: WorstCase) -> Figure:
    figure = sheet(SQUARE)
    axes = figure.subplots()
    first, other = found.axes
    across = sorted({place.rates[first] for place in found.places})
    up = sorted({place.rates[other] for place in found.places})
    values = np.full((len(up), len(across)), np.nan)
    column, row = ({rate: k for k, rate in enumerate(rates)} for rates in (across, up))
    for place in found.places:
        at = row[place.rates[other]], column[place.rates[first]]
        values[at] = np.fmax(values[at], place.figure.estimate)  # the largest where several are
    mesh = axes.pcolormesh(across, up, values, cmap="cividis", shading="nearest", rasterized=True)
    bar = figure.colorbar(mesh, ax=axes, label=found.label)
    percent_axis(bar.ax, decimals=None)
    if {first, other} <= set(found.worst.rates):
        axes.plot([found.worst.rates[first]], [found.worst.rates[other]], color=VERMILION,
                  markeredgecolor="white", marker="D", linestyle="none", label="Worst")  # fmt: skip
    axes.set_xlabel(_axis(found, first))
    axes.set_ylabel(_axis(found, other))
    for which in ("x", "y"):
        if not found.across.named:
            percent_axis(axes, which)
    legend_above(figure, *axes.get_legend_handles_labels())
    return figure


def _scenarios(found: WorstCase) -> Figure:
    places = found.some(MOST_ROWS) if len(found.places) > MOST_ROWS else found.places
    figure = sheet(1.1 + ROW * len(places))
    axes = figure.subplots()
    for place, one in enumerate(places):
        told = one.figure
        axes.plot([told.lower, told.upper], [place, place], color=BLUE)
        axes.plot([told.estimate], [place], color=BLUE, marker="o")
    if found.target is not None:
        axes.axvline(found.target, color=GREY, linestyle=(0, (1, 1.2)), label="Wanted, at most")
    names = [broken(one.name, NAMES) for one in places]
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(left=0.0)
    axes.set_xlabel(f"{found.label}, with its 95% interval")
    percent_axis(axes, "x", None)
    light_grid(axes, "x")
    legend_above(figure, *axes.get_legend_handles_labels())
    return figure


# ── as files ──────────────────────────────────────────────────────────────────────────────────
def write_worst_case(found: WorstCase, folder: Path, formats: Iterable[str] = FORMATS) -> list[str]:
    """Write the curve or map, what was found, and the figure; returns the names of the files.

    Raises
    ------
    InputError, ResultsError
        If a format does not exist, or the folder holds other people's files of these names.
    """
    words, title = found.words(), f"{found.label} of {found.design} in the worst case"
    texts = {
        CURVE: found.csv(),
        FOUND: found.json(),
        TEXT: words + "\n",
        CAPTIONS: told_beside(PICTURE, title, words, words),
    }
    return write_pictures(folder, {PICTURE: draw_worst_case(found)}, texts, formats)
