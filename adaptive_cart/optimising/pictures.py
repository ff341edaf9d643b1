"""The front as a figure: what more power costs, or what one aim costs of another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from adaptive_cart.errors import InputError, one_of
from adaptive_cart.figures.style import (
    BLACK,
    BLUE,
    GREY,
    PALE,
    VERMILION,
    broken,
    legend_above,
    light_grid,
    percent_axis,
    sheet,
    styled,
)
from adaptive_cart.figures.writing import formats_asked, write_captioned
from adaptive_cart.optimising.aims import AIMS
from adaptive_cart.optimising.found import Optimum, Row
from adaptive_cart.results.figure import Z95

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FRONT = "front"
HEIGHT = 4.2  # inches
BELOW = 0.25  # of power below the least of the front and what is wanted, that is still drawn


def lacks(found: Optimum) -> str:
    """Why there is no front to draw; blank where there is."""
    if found.wanted.also is None and not found.wanted.power:
        return "one number is minimised and no power is wanted, so that nothing is weighed"
    return "" if found.front else "no design that was judged holds the error"


def _place(found: Optimum, row: Row) -> tuple[float, float]:
    values = [figure.estimate for figure in row.evaluation.average.values()]
    if found.wanted.also is not None:
        return values[1], values[0]
    return row.evaluation.power(), values[0]


def _half_widths(found: Optimum, row: Row) -> tuple[float, float]:
    """Halves of the 95% Monte Carlo intervals of what :func:`_place` gives."""
    values = [Z95 * figure.mcse for figure in row.evaluation.average.values()]
    if found.wanted.also is not None:
        return values[1], values[0]
    least = min(row.evaluation.success.values(), key=lambda figure: figure.estimate)
    return Z95 * least.mcse, values[0]


@styled
def draw_front(found: Optimum) -> Figure:
    """Draw all designs that were judged and hold the error, the front, and what was found."""
    missing = lacks(found)
    if missing:
        raise InputError(f"{FRONT}: {missing}")
    figure = sheet(HEIGHT)
    axes = figure.subplots()
    wanted = found.wanted
    front = [_place(found, row) for row in found.front]
    least = min(x for x, _ in front)
    if wanted.power:
        least = max(least, min([*wanted.power.values(), *wanted.front]) - BELOW)
    kept = [
        _place(found, row)
        for row in found.rows
        if row.evaluation.error.estimate <= wanted.error
        and (wanted.also is None or row.evaluation.meets(wanted))
    ]
    kept = [place for place in kept if wanted.also is not None or place[0] >= least]
    line = [place for place in front if wanted.also is not None or place[0] >= least]
    _dots(axes, kept, "Designs judged, error held", PALE, "o")
    # so much power, or so little of the other, is had by the next design to the right, or left
    step = "steps-post" if wanted.also is not None else "steps-pre"
    axes.plot(*zip(*sorted(line), strict=True), color=BLUE, marker="o", markersize=3.5,
              drawstyle=step, label="Front")  # fmt: skip
    _intervals(axes, found, least)
    _bounds(axes, found, least)
    if wanted.also is None:
        for power in dict.fromkeys(wanted.power.values()):
            axes.axvline(power, color=GREY, linestyle=(0, (1, 1.2)), label="Power wanted")
    if found.written.evaluation.error.estimate <= wanted.error:
        _dots(axes, [_place(found, found.written)], "As written", BLACK, "s")
    if found.best is not None:
        _dots(axes, [_place(found, found.best)], "Found", VERMILION, "D")
    axes.set_ylabel(broken(_capital(AIMS[wanted.aim].words), 2.6))
    if wanted.also is None:
        names = list(wanted.power)
        of = names[0] if len(names) == 1 else "the scenario that has the least"
        axes.set_xlabel(f"Power in {of}")
        percent_axis(axes, "x", decimals=0)
    else:
        axes.set_xlabel(_capital(AIMS[wanted.also].words))
    light_grid(axes)
    legend_above(figure, *axes.get_legend_handles_labels())
    return figure


def _dots(axes: Any, places: list[tuple[float, float]], label: str, colour: str, mark: str) -> None:
    if places:
        axes.plot(
            *zip(*places, strict=True),
            color=colour,
            marker=mark,
            linestyle="none",
            label=label,
            markersize=3.0 if colour == PALE else 6.0,
            zorder=1.5 if colour == PALE else 3.0,
        )


def _intervals(axes: Any, found: Optimum, least: float) -> None:
    """Monte Carlo intervals of the designs of the front that are told, and of the one found."""
    rows = {row.digest: row for row in found.shown}
    if found.best is not None:
        rows[found.best.digest] = found.best
    for row in rows.values():
        x, y = _place(found, row)
        if not found.simulated or (found.wanted.also is None and x < least):
            continue
        wide, high = _half_widths(found, row)
        axes.errorbar(x, y, xerr=wide, yerr=high, color=GREY, linewidth=0.8, linestyle="none")


def _bounds(axes: Any, found: Optimum, least: float) -> None:
    """Below some designs, joined with them, what any design with their looks can do."""
    best = found.best  # with the power that is wanted; as one of the front it has more
    rows = [row for row in found.shown if best is None or row.digest != best.digest]
    rows += [] if best is None else [best]
    told = [(*_place(found, row), row.least) for row in rows if row.least is not None]
    shown = [place for place in told if place[0] >= least]
    if not shown or found.wanted.also is not None:
        return
    for x, above, below in shown:
        axes.plot([x, x], [below, above], color=GREY, linewidth=0.8)
    axes.plot([x for x, _, _ in shown], [y for _, _, y in shown], color=GREY, marker="v",
              linestyle="none", label="Best of any design with the same looks")  # fmt: skip


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]


def title(found: Optimum) -> str:
    """What the figure is called."""
    return "What more power costs" if found.wanted.also is None else "Two aims"


def alternative_text(found: Optimum) -> str:
    """Say it to who does not see it."""
    return f"Points of {len(found.rows)} designs, and a line through those on the front."


def caption(found: Optimum) -> str:
    """Say what the figure shows."""
    wanted = found.wanted
    what = (
        f"{_capital(AIMS[wanted.aim].words)} against {AIMS[wanted.also].words}"
        if wanted.also is not None
        else f"{_capital(AIMS[wanted.aim].words)} against the least power in {one_of(wanted.power)}"
    )
    bound = " Below each design of the front, where told, the least that any design with its " + (
        "looks and its power can come to, by dynamic programming; below the one found, with the "
        "power that is wanted."
    )
    told = any(row.least is not None for row in found.shown)
    bars = (
        " Bars, where told: 95% Monte Carlo intervals, of the trials of the search, on which the "
        "best of many look better than they are."
        if found.simulated
        else ""
    )
    return (
        f"{what}, averaged over {wanted.mixture.words()}, of {len(found.rows)} designs "
        f"({found.how}), those whose type I error is at most {wanted.error:g}. On the front no "
        f"design is better in both.{bound if told and wanted.also is None else ''}{bars}"
    )


def write_front(
    found: Optimum, folder: Path, formats: tuple[str, ...] = ("pdf", "svg", "png")
) -> list[str]:
    """Write the figure with its caption; returns the names of the files, none if there is none."""
    formats_asked(formats)  # wrong ones are told of what has no figure, too
    if lacks(found):
        return []
    told = {
        FRONT: {
            "title": title(found),
            "caption": caption(found),
            "alternative_text": alternative_text(found),
        }
    }
    return write_captioned(folder, told, lambda name: draw_front(found), formats)
