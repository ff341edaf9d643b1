"""How figures look: one palette, one size of text, and marks that survive a grey-scale print.

All text has 9 points at final size, the smallest that regulators ask for in submitted documents.

Colours are those of Okabe and Ito (2008, jfly.uni-koeln.de/color), which people with any of the
usual kinds of colour blindness can tell apart. No figure tells two things apart by colour alone:
lines have styles and markers as well, areas have hatches.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from adaptive_cart.decisions import ENDINGS
from adaptive_cart.decisions.endings import Colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PORTRAIT = 6.5  # inches
TEXT = 9.0  # points, everywhere
TALLEST = 9.4  # inches that a page leaves for a figure above its caption
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
    "xtick.labelsize": TEXT,
    "ytick.labelsize": TEXT,
    "legend.fontsize": TEXT,
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


_MARKS = (
    Mark(BLUE, "-", "o"),
    Mark(VERMILION, (0, (5, 1.5)), "s"),
    Mark(GREEN, (0, (1, 1.2)), "^"),
    Mark(PURPLE, (0, (6, 1.5, 1, 1.5)), "D"),
    Mark(ORANGE, (0, (3, 1, 1, 1, 1, 1)), "v"),
    Mark(SKY, (0, (8, 2)), "P"),
    Mark(BLACK, (0, (2, 2)), "X"),
)
# the second time round with other markers and lines, so that fourteen things can be told apart
MARKS = _MARKS + tuple(
    Mark(first.colour, _MARKS[(place + 3) % len(_MARKS)].line, marker)
    for place, (first, marker) in enumerate(zip(_MARKS, "*<>phd8", strict=True))
)
PALETTE: dict[Colour, str] = {
    "blue": BLUE, "orange": ORANGE, "purple": PURPLE, "green": GREEN, "vermilion": VERMILION,
    "sky": SKY, "pale": PALE,
}  # fmt: skip
CONTINUING = "continuing"
FACES = {  # how a trial ends: label, face, hatch
    **{e.name: (e.label, PALETTE[e.colour], e.hatch) for e in ENDINGS},
    CONTINUING: ("goes on", "#FFFFFF", ""),
}


def mark(position: int) -> Mark:
    """Return the mark of the so-many-th thing; they repeat after fourteen."""
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


def sheet(height: float) -> Figure:
    """Return an empty figure of so many inches, without pyplot's state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(PORTRAIT, height), layout="constrained")


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


def name_looks(
    axes: Axes, looks: Sequence[tuple[int | str, float]], right: float, wide: float
) -> None:
    """Write the number of each look above its date, and the word where there is room for it.

    Parameters
    ----------
    looks
        Number and date of each; words instead of a number where no look was held.
    right, wide
        Where the panel ends, in the units of the dates, and in inches.
    """
    dates = [date for _, date in looks]
    words = [look if isinstance(look, str) else f"look {look}" for look, _ in looks]
    apart = max(map(width_of, words), default=0.0) + 0.08
    spots = spread(dates, apart * right / wide, 0.0, right)
    moved = max((abs(a - b) for a, b in zip(spots, dates, strict=True)), default=0.0)
    few = moved <= 0.5 * apart * right / wide
    if not few:  # the word once, and the numbers at their dates
        spots = spread(dates, (width_of("88") + 0.05) * right / wide, 0.0, right)
    for place, ((look, _), at) in enumerate(zip(looks, spots, strict=True)):
        axes.annotate(words[place] if few or place == 0 else str(look), (at, 1.0), xytext=(0, 3),
                      xycoords=("data", "axes fraction"), textcoords="offset points",
                      ha="center" if few or place else "right", va="bottom",
                      color=GREY)  # fmt: skip


def percent_axis(axes: Axes, which: str = "y", decimals: int | None = 0) -> None:
    """Write the ticks of an axis of probabilities in per cent.

    Parameters
    ----------
    decimals
        The fewest; a tick between whole numbers is never rounded to one. All ticks with as many as
        the axis needs if nothing.
    """
    from matplotlib.ticker import FuncFormatter, PercentFormatter

    axis = axes.yaxis if which == "y" else axes.xaxis
    if decimals is None:
        axis.set_major_formatter(PercentFormatter(1.0, decimals=None))
        return

    def told(value: float, _: int | None) -> str:
        shown = round(100.0 * value, 8) + 0.0  # no nought below nought
        needed = len(f"{shown:.8f}".rstrip("0").partition(".")[2])
        return f"{shown:.{max(needed, decimals)}f}%"

    axis.set_major_formatter(FuncFormatter(told))


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


@functools.cache
def width_of(text: str, bold: bool = False) -> float:
    """Width of a text in inches, of its longest line where it has several."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(family=RC["font.family"], weight="bold" if bold else "normal")
    lines = [line for line in text.split("\n") if line.strip()]
    paths = [TextPath((0.0, 0.0), line, size=TEXT, prop=font) for line in lines]
    return max((path.get_extents().x1 / 72.0 for path in paths), default=0.0)


def short(text: str, room: float, bold: bool = False) -> str:
    """Cut a text to so many inches; tables and captions have it whole."""
    if width_of(text, bold) <= room:
        return text
    while text and width_of(text + "…", bold) > room:
        text = text[:-1].rstrip()
    return text + "…"


def broken(text: str, room: float, bold: bool = False) -> str:
    """Break a name at spaces, underscores, slashes and hyphens into even lines of some inches."""
    pieces = [piece for piece in re.findall(r"[^ _/\-]*[ _/\-]*", text) if piece]
    lines = _filled(pieces, room, bold)
    for share in (0.5, 0.6, 0.7, 0.8, 0.9):
        narrower = _filled(pieces, share * room, bold)
        if len(narrower) == len(lines):
            lines = narrower
            break
    return "\n".join(short(line.rstrip(" "), room, bold) for line in lines)


def _filled(pieces: Sequence[str], room: float, bold: bool) -> list[str]:
    """Pieces of a name in lines, each as long as there is room for."""
    lines = [""]
    for piece in pieces:
        if lines[-1] and width_of((lines[-1] + piece).rstrip(), bold) > room:
            lines.append("")
        lines[-1] += piece
    return lines


def lines_in(text: str) -> int:
    """How many lines a text has."""
    return text.count("\n") + 1


def legend_above(figure: Figure, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """Put one legend for all panels above them, in as few rows as fit."""
    if not labels:
        return
    room = figure.get_figwidth() if hasattr(figure, "get_figwidth") else PORTRAIT
    columns = legend_columns(labels, room)
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, columnspacing=1.4)


def legend_columns(labels: Sequence[str], room: float) -> int:
    """In how many columns a legend fits into so many inches; it is filled column by column."""
    widths = [width_of(label) for label in labels]
    key, gap, edge = 3.5 * TEXT / 72.0, 1.4 * TEXT / 72.0, 0.25
    for columns in range(len(labels), 1, -1):
        shares = np.array_split(np.arange(len(labels)), columns)
        wide = sum(max(widths[k] for k in share) + key for share in shares)
        if wide + gap * (columns - 1) + edge <= room:
            return columns
    return 1


def minus(number: float, decimals: int, sign: bool = False) -> str:
    """Write a number with a true minus sign; a dash where there is none."""
    if number != number:
        return "–"
    text = f"{number:+.{decimals}f}" if sign else f"{number:.{decimals}f}"
    return text.replace("-", "−")
