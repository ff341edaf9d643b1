"""A sweep as figures: how far each key alone moves success, and success over two keys."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adaptive_cart.comparison.measured import Key
from adaptive_cart.design.validation import shown
from adaptive_cart.errors import one_of
from adaptive_cart.figures.draw_measures import panel_room
from adaptive_cart.figures.style import (
    BLUE,
    GREY,
    PALE,
    TALLEST,
    VERMILION,
    broken,
    legend_above,
    light_grid,
    lines_in,
    sheet,
    short,
    styled,
)
from adaptive_cart.figures.writing import write_captioned
from adaptive_cart.nouns.roles import ALTERNATIVE, NULL
from adaptive_cart.results.figure import Z95
from adaptive_cart.sweeps.swept import POWER, TYPE_ONE, Cell, Sweep
from adaptive_cart.sweeps.varying import AS_WRITTEN, Variant

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_PANELS, MOST_BARS, MOST_SIDE = 2, 14, 9
KEY_ROOM = 1.9  # inches for the name of a key


@dataclass(frozen=True)
class Picture:
    """One figure of a sweep.

    Attributes
    ----------
    lacks
        Why it cannot be drawn, with what would give it; blank where it can.
    """

    title: str
    lacks: Callable[[Sweep], str]
    draw: Callable[[Sweep], Figure]
    caption: Callable[[Sweep], str]
    alternative_text: Callable[[Sweep], str]


# ── what is drawn ─────────────────────────────────────────────────────────────────────────────
def moved(sweep: Sweep, variant: Variant) -> tuple[str, ...]:
    """Keys under which a variant differs from the design as written."""
    return tuple(k for k, value in variant.settings.items() if value != sweep.written[k])


def panels(sweep: Sweep) -> list[tuple[str, str, Key]]:
    """Title, scenario and measure of each panel: type I error, and success where it is wanted."""
    found = (
        [("Type I error, null scenarios", "", TYPE_ONE)]
        if "null" in sweep.scenarios.values()
        else []
    )
    wanted = [name for name, role in sweep.scenarios.items() if role == ALTERNATIVE]
    others = [name for name, role in sweep.scenarios.items() if role != NULL]
    return [*found, *((f"Success: {n}", n, POWER) for n in (wanted or others)[:1])][:MOST_PANELS]


def alone(sweep: Sweep, key: str) -> list[Variant]:
    """Variants in which this key alone is set otherwise."""
    return [variant for variant in sweep.variants if moved(sweep, variant) == (key,)]


def _reach(sweep: Sweep, key: str, scenario: str, of: Key) -> list[Cell]:
    """Cells of a key alone that move a measure the most, down and up."""
    found = (sweep.cell(variant, scenario, of) for variant in alone(sweep, key))
    cells = [cell for cell in found if cell is not None and cell.apart is not None]
    down = [cell for cell in cells if _apart(cell) < 0.0]
    up = [cell for cell in cells if _apart(cell) >= 0.0]
    return [*sorted(down, key=_apart)[:1], *sorted(up, key=_apart)[-1:]]


def _apart(cell: Cell) -> float:
    return 0.0 if cell.apart is None else cell.apart.value


def bars(sweep: Sweep) -> list[str]:
    """Keys that the tornado shows, the one that moves success most on top."""

    def span(key: str) -> float:
        return max(
            (abs(_apart(c)) for _, name, of in panels(sweep) for c in _reach(sweep, key, name, of)),
            default=0.0,
        )

    keys = [key for key in sweep.vary if alone(sweep, key)]
    return sorted(keys, key=span, reverse=True)[:MOST_BARS]


def _no_tornado(sweep: Sweep) -> str:
    if not panels(sweep):
        return "no scenario was run"
    return "" if bars(sweep) else "no variant changes one key alone; add the values as written"


def grid(sweep: Sweep) -> tuple[str, str] | None:
    """The two keys whose values move success most together, where all combinations were run."""
    found = []
    for pair in itertools.combinations(sweep.vary, 2):
        cells = [
            _cell_at(sweep, pair, values, panels(sweep)[-1]) for values in _values(sweep, pair)
        ]
        sizes = [len(sweep.vary[key]) for key in pair]
        if all(cell is not None for cell in cells) and min(sizes) > 1 and max(sizes) <= MOST_SIDE:
            estimates = [cell.estimate for cell in cells if cell is not None]
            found.append((max(estimates) - min(estimates), pair))
    return max(found, key=lambda one: one[0])[1] if found else None


def _values(sweep: Sweep, pair: tuple[str, str]) -> list[tuple[Any, Any]]:
    return list(itertools.product(*(sweep.vary[key] for key in pair)))


def _cell_at(
    sweep: Sweep, pair: tuple[str, str], values: tuple[Any, Any], panel: tuple[str, str, Key]
) -> Cell | None:
    """The cell of the variant with two values, all other keys as written."""
    for variant in sweep.variants:
        others = set(moved(sweep, variant)) <= set(pair)
        if others and all(
            sweep.value_of(variant, key) == value for key, value in zip(pair, values, strict=True)
        ):
            return sweep.cell(variant, panel[1], panel[2])
    return None


def _no_grid(sweep: Sweep) -> str:
    if len(sweep.vary) < 2:
        return "one key was varied, and two are needed"
    if not panels(sweep):
        return "no scenario was run"
    return (
        "" if grid(sweep) else f"no two keys with 2 to {MOST_SIDE} values each in all combinations"
    )


# ── drawing ───────────────────────────────────────────────────────────────────────────────────
@styled
def draw_tornado(sweep: Sweep) -> Figure:
    """Draw for each key alone how far its values move success, with 95% Monte Carlo intervals."""
    shown_keys, drawn_panels = bars(sweep), panels(sweep)
    labels = [broken(sweep.short[key], KEY_ROOM) for key in shown_keys]
    step = max(0.42, 0.17 * max(map(lines_in, labels)) + 0.14)
    figure = sheet(min(1.3 + step * len(shown_keys), TALLEST))
    axes_of = figure.subplots(1, len(drawn_panels), squeeze=False, sharey=True)[0]
    handles: dict[str, Any] = {}
    for axes, (title, scenario, of) in zip(axes_of, drawn_panels, strict=True):
        axes.axvline(0.0, color=GREY, linewidth=0.9)
        for row, key in enumerate(shown_keys):
            for cell in _reach(sweep, key, scenario, of):
                _bar(axes, row, cell, key, handles)
        light_grid(axes, "x")
        axes.margins(x=0.28)
        axes.xaxis.set_major_formatter(_points)
        axes.xaxis.set_major_locator(_few_ticks())
        axes.set_title(short(title, panel_room(len(drawn_panels)), bold=True))
        axes.set_xlabel("percentage points")
    axes_of[0].set_yticks(range(len(shown_keys)), labels)
    axes_of[0].set_ylim(len(shown_keys) - 0.4, -0.6)
    legend_above(figure, list(handles.values()), list(handles))
    return figure


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4)


def _bar(axes: Any, row: int, cell: Cell, key: str, handles: dict[str, Any]) -> None:
    """A bar from the design as written to a value, its end labelled with that value."""
    assert cell.apart is not None
    up = cell.apart.value >= 0.0
    half = Z95 * (0.0 if cell.apart.mcse != cell.apart.mcse else cell.apart.mcse)
    bar = axes.barh(
        row, cell.apart.value, height=0.5, color=BLUE if up else VERMILION,
        hatch="" if up else "///", edgecolor="white", linewidth=0.0,
    )  # fmt: skip
    handles.setdefault("more than as written" if up else "less than as written", bar)
    axes.errorbar(cell.apart.value, row, xerr=half, color=GREY, elinewidth=1.1, fmt="none")
    axes.annotate(
        shown(cell.variant.settings[key], 8),
        (cell.apart.value + (half if up else -half), row),
        xytext=(3 if up else -3, 0),
        textcoords="offset points",
        ha="left" if up else "right",
        va="center",
    )


def _points(value: float, _: int) -> str:
    return "0" if abs(value) < 1e-12 else f"{100.0 * value:+.3g}".replace("-", "−")


@styled
def draw_heat_map(sweep: Sweep) -> Figure:
    """Draw success over the values of two keys, the number in each cell."""
    from matplotlib.colors import LinearSegmentedColormap

    pair = grid(sweep)
    assert pair is not None
    across, down = pair
    drawn_panels = panels(sweep)
    columns, rows = list(sweep.vary[across]), list(sweep.vary[down])
    figure = sheet(min((0.9 + 0.36 * len(rows)) * len(drawn_panels) + 0.5, TALLEST))
    colours = LinearSegmentedColormap.from_list("success", ["#FFFFFF", BLUE])
    all_axes = figure.subplots(len(drawn_panels), 1, squeeze=False)[:, 0]
    for axes, panel in zip(all_axes, drawn_panels, strict=True):
        cells = [[_cell_at(sweep, pair, (a, b), panel) for a in columns] for b in rows]
        values = [[float("nan") if c is None else c.estimate for c in line] for line in cells]
        low, high = min(map(min, values)), max(map(max, values))
        axes.imshow(values, cmap=colours, aspect="auto", vmin=low, vmax=high + (high - low) / 2)
        for (y, line), x in itertools.product(enumerate(values), range(len(columns))):
            axes.annotate(f"{100.0 * line[x]:.3g}%", (x, y), ha="center", va="center")
        axes.set_xticks(range(len(columns)), [shown(value, 10) for value in columns])
        axes.set_yticks(range(len(rows)), [shown(value, 14) for value in rows])
        axes.set_title(short(panel[0], 5.5, bold=True))
        axes.set_ylabel(broken(sweep.short[down], 1.4))
        for edge in axes.spines.values():
            edge.set_color(PALE)
    all_axes[-1].set_xlabel(short(across, 5.0))
    return figure


# ── words ─────────────────────────────────────────────────────────────────────────────────────
def _of_tornado(sweep: Sweep) -> str:
    left = [key for key in sweep.vary if alone(sweep, key) and key not in bars(sweep)]
    kept = f" Not drawn for want of room: {one_of(left)}." if left else ""
    return (
        f"Each key set otherwise by itself: how far its values move the largest type I error of "
        f"the null scenarios and the probability of success from that of the design {AS_WRITTEN}, "
        f"down and up, with 95% Monte Carlo intervals of the difference (none seen where there is "
        f"none).{kept}"
        f"{_equal(sweep)}"
    )


def _of_heat_map(sweep: Sweep) -> str:
    pair = grid(sweep)
    assert pair is not None
    return (
        f"Largest type I error over the null scenarios, and probability of success, over "
        f"{pair[0]} (across) and {pair[1]} (down), all else {AS_WRITTEN}.{_equal(sweep)}"
    )


def _equal(sweep: Sweep) -> str:
    return " Thresholds of success are calibrated anew in each." if sweep.recalibrated else ""


PICTURES: Mapping[str, Picture] = {
    "tornado": Picture(
        "What each key by itself changes",
        _no_tornado,
        draw_tornado,
        _of_tornado,
        lambda sweep: f"Bars of changes of success by key: {one_of(bars(sweep))}.",
    ),
    "heat_map": Picture(
        "Success over two keys",
        _no_grid,
        draw_heat_map,
        _of_heat_map,
        lambda sweep: f"Tables of success over {' and '.join(grid(sweep) or ())}.",
    ),
}


def write_pictures(sweep: Sweep, formats: tuple[str, ...]) -> list[str]:
    """Write the figures that can be drawn, with their captions; returns the names of the files.

    Raises
    ------
    InputError
        If a format does not exist; nothing is written then.
    """
    drawn = {name: kind for name, kind in PICTURES.items() if not kind.lacks(sweep)}
    told = {
        name: {
            "title": kind.title,
            "caption": kind.caption(sweep),
            "alternative_text": kind.alternative_text(sweep),
        }
        for name, kind in drawn.items()
    }
    return write_captioned(sweep.folder, told, lambda name: drawn[name].draw(sweep), formats)
