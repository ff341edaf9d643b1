"""How figures look: one palette, one size of text, and marks that survive a grey-scale print.

Colours are those of Okabe and Ito (2008, jfly.uni-koeln.de/color), which people with any of the
usual kinds of colour blindness can tell apart. No figure tells two things apart by colour alone:
lines have styles and markers as well, areas have hatches.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PORTRAIT, LANDSCAPE = 6.5, 9.0  # inches
TEXT, SMALL = 9.0, 8.0  # points
BLACK, BLUE, VERMILION, GREEN = "#000000", "#0072B2", "#D55E00", "#009E73"
ORANGE, SKY, PURPLE, YELLOW = "#E69F00", "#56B4E9", "#CC79A7", "#F0E442"
GREY, PALE, FAINT = "#595959", "#BFBFBF", "#E8E8E8"
DOTS_A_INCH = 300

RC: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": TEXT,
    "axes.titlesize": TEXT,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": TEXT,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "figure.titlesize": TEXT,
    "figure.labelsize": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "hatch.linewidth": 0.5,
    "savefig.dpi": DOTS_A_INCH,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
    "axes.unicode_minus": True,
    "text.parse_math": False,  # a dollar in a label is a dollar
    # text stays text in PDF and SVG is the same file at every run
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "adaptive_cart",
}


@dataclass(frozen=True)
class Mark:
    """Colour, line style and marker of one thing that is told apart from others."""

    colour: str
    line: Any
    marker: str


MARKS = (
    Mark(BLUE, "-", "o"),
    Mark(VERMILION, (0, (5, 1.5)), "s"),
    Mark(GREEN, (0, (1, 1.2)), "^"),
    Mark(PURPLE, (0, (6, 1.5, 1, 1.5)), "D"),
    Mark(ORANGE, (0, (3, 1, 1, 1, 1, 1)), "v"),
    Mark(SKY, (0, (8, 2)), "P"),
    Mark(BLACK, (0, (2, 2)), "X"),
)
ENDINGS = {  # how a trial ends: label, face, hatch
    "success": ("success", BLUE, ""),
    "futility": ("futility", ORANGE, "////"),
    "safety": ("safety", PURPLE, "xxxx"),
    "no_success": ("no success at the last look", PALE, "...."),
    "continuing": ("goes on", "#FFFFFF", ""),
}


def mark(position: int) -> Mark:
    """Return the mark of the so-many-th thing; they repeat after seven."""
    return MARKS[position % len(MARKS)]


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw in this style, whatever the caller's own settings are."""

    @functools.wraps(draw)
    def drawn(*arguments: Any) -> Figure:
        from matplotlib import rc_context, rcParamsDefault

        default = {k: v for k, v in rcParamsDefault.items() if not k.startswith("backend")}
        with rc_context(default), rc_context(RC):
            return draw(*arguments)

    return drawn


def sheet(height: float, width: float = PORTRAIT) -> Figure:
    """Return an empty figure of so many inches, without pyplot's state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move labels apart: the nearest positions with at least ``gap`` between them.

    Parameters
    ----------
    low, high
        What the positions must lie between, if there is room.
    """
    order = np.argsort(np.asarray(positions, dtype=np.float64), kind="stable")
    wanted = np.asarray(positions, dtype=np.float64)[order]
    # least squares under a gap: isotonic regression of the positions less their own steps
    steps = gap * np.arange(len(wanted))
    blocks: list[list[float]] = []
    for value in wanted - steps:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (upper, many), (lower, more) = blocks.pop(), blocks.pop()
            blocks.append([(upper * many + lower * more) / (many + more), many + more])
    flat = np.array([value for value, count in blocks for _ in range(int(count))])
    last = steps[-1] if len(steps) else 0.0
    ceiling = max(high - last, low)
    placed = np.clip(flat, low, ceiling) + steps
    moved = np.empty(len(wanted))
    moved[order] = placed
    return [float(value) for value in moved]


def percent_axis(axes: Axes, which: str = "y", decimals: int | None = 0) -> None:
    """Write the ticks of an axis of probabilities in per cent."""
    from matplotlib.ticker import PercentFormatter

    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_formatter(PercentFormatter(1.0, decimals=decimals))


def light_grid(axes: Axes, axis: Literal["both", "x", "y"] = "y") -> None:
    """Draw faint lines behind the data."""
    axes.grid(True, axis=axis)


def whole_ticks(axes: Axes, axis: str = "x", most: int = 7) -> None:
    """Put ticks at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    chosen = axes.xaxis if axis == "x" else axes.yaxis
    chosen.set_major_locator(MaxNLocator(most, integer=True, steps=[1, 2, 3, 5, 6, 10]))


def ratio_ticks(axes: Axes, which: str, low: float, high: float) -> None:
    """Tick a logarithmic axis at plain numbers."""
    from matplotlib.ticker import FixedLocator, NullLocator

    wide = high / low > 100.0
    ticks = [10.0**k for k in range(-4, 5)] if wide else [2.0**k for k in range(-6, 7)]
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_locator(FixedLocator([t for t in ticks if 0.7 * low <= t <= 1.4 * high]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: f"{value:g}")


def legend_above(figure: Figure, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """Put one legend for all panels above them, in as few rows as fit."""
    wide = max(len(label) for label in labels) if labels else 1
    room = PORTRAIT * 72.0 if not hasattr(figure, "get_figwidth") else figure.get_figwidth() * 72.0
    columns = max(1, min(len(labels), int(room // (wide * SMALL * 0.58 + 42.0))))
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, columnspacing=1.4)


def minus(number: float, decimals: int, sign: bool = False) -> str:
    """Write a number with a true minus sign."""
    text = f"{number:+.{decimals}f}" if sign else f"{number:.{decimals}f}"
    return text.replace("-", "−")
