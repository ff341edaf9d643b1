"""A comparison as figures: what power costs, and how each design differs from the first."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from adaptive_cart.comparison.measured import Candidate, Key
from adaptive_cart.figures.draw_measures import panel_room
from adaptive_cart.figures.style import (
    GREY,
    PALE,
    TALLEST,
    broken,
    legend_above,
    light_grid,
    mark,
    percent_axis,
    sheet,
    short,
    styled,
)
from adaptive_cart.figures.thinning import WHY, shown_scenarios
from adaptive_cart.nouns.roles import NULL
from adaptive_cart.results.figure import Z95, proportion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from adaptive_cart.comparison.side_by_side import Comparison

SUCCESS = Key("success")
COSTS = (
    (Key("n_randomised_mean"), "Participants randomised, mean"),
    (Key("n_analysed_mean"), "Participants analysed, mean"),
    (Key("months_mean"), "Months to the end, mean"),
    (Key("n_infused_mean"), "Participants infused, mean"),
)
APART = (
    (SUCCESS, "Probability of success"),
    (Key("n_randomised_mean"), "Participants randomised"),
    (Key("n_analysed_mean"), "Participants analysed"),
    (Key("months_mean"), "Months"),
    (Key("n_infused_mean"), "Participants infused"),
)
MOST_ROWS = 5  # scenarios that the frontier has room for
FRONTIER_ROW = 1.55  # inches
ROOM = 0.12  # of an axis, beyond the outermost marks
LARGEST, SMALLER, SMALLEST = 11.0, 1.6, 6.5  # points: later marks are smaller, so that none hides


class Point(NamedTuple):
    """An estimate with its Monte Carlo interval."""

    estimate: float
    lower: float
    upper: float


def _costs(comparison: Comparison, scenarios: list[str]) -> list[tuple[Key, str]]:
    """Measures of cost that at least two designs have; analysed where randomised is not known."""

    def known(key: Key) -> int:
        return sum(
            any(key in c.measures(name) for name in scenarios) for c in comparison.candidates
        )

    everybody = known(COSTS[0][0]) == len(comparison.candidates)
    skipped = COSTS[1][0] if everybody else COSTS[0][0]
    return [(key, label) for key, label in COSTS if key != skipped and known(key) > 1]


def worst_null(comparison: Comparison, candidate: Candidate) -> str | None:
    """The common null scenario with the largest probability of success."""
    nulls = [name for name, role in comparison.scenarios.items() if role == NULL]
    return max(nulls, key=lambda name: candidate.measures(name)[SUCCESS].estimate, default=None)


def _interval(candidate: Candidate, scenario: str, key: Key) -> Point | None:
    """An estimate with its 95% Monte Carlo interval, Wilson's for the probability of success."""
    measure = candidate.measures(scenario).get(key)
    if measure is None:
        return None
    n = candidate.trials[scenario]
    if key == SUCCESS and n and not candidate.exact:
        told = proportion(round(measure.estimate * n), n)
        return Point(measure.estimate, told.lower, told.upper)
    half = Z95 * _known(measure.mcse)
    return Point(measure.estimate, measure.estimate - half, measure.estimate + half)


def efficient(points: list[tuple[float, float]]) -> list[int]:
    """Positions of the points (cost, power) that no other beats in one without losing the other."""
    return [
        place
        for place, (cost, power) in enumerate(points)
        if not any(
            other_cost <= cost
            and other_power >= power
            and (other_cost, other_power) != (cost, power)
            for other_cost, other_power in points
        )
    ]


def rows_of_frontier(comparison: Comparison) -> list[str]:
    """Scenarios that the frontier shows: no nulls, and where there are many, those that matter."""
    powered = [name for name, role in comparison.scenarios.items() if role != NULL]
    costs = (SUCCESS, *(key for key, _ in COSTS))
    return _shown(comparison, powered or list(comparison.scenarios), MOST_ROWS, costs)


def rows_of_differences(comparison: Comparison) -> list[str]:
    """Scenarios whose differences are shown: as many as a page has room for."""
    most = int((TALLEST - 1.4) / _step(comparison))
    keys = tuple(key for key, _ in APART)
    return _shown(comparison, list(comparison.scenarios), most, keys)


def _step(comparison: Comparison) -> float:
    """Inches of a row of differences."""
    return 0.2 * max(len(comparison.candidates) - 1, 1) + 0.16


def _shown(comparison: Comparison, names: list[str], most: int, keys: tuple[Key, ...]) -> list[str]:
    """Scenarios that there is room for, the extremes of any design among them."""
    values = [
        {name: measures[key].estimate for name in names if key in (measures := c.measures(name))}
        for c in comparison.candidates
        for key in keys
    ]
    shown = shown_scenarios(comparison.first.result, most, *values, among=names)
    return [name for name in names if name in shown]


@styled
def draw_frontier(comparison: Comparison) -> Figure:
    """Power against type I error, participants, months and exposure, a row a scenario."""
    powered = rows_of_frontier(comparison)
    costs = _costs(comparison, powered)
    worst = [worst_null(comparison, candidate) for candidate in comparison.candidates]
    with_errors = all(name is not None for name in worst)
    columns = len(costs) + with_errors
    figure = sheet(1.3 + (FRONTIER_ROW if len(powered) > 1 else 2.4) * len(powered))
    panels = figure.subplots(
        len(powered), max(columns, 1), squeeze=False, sharey=True, sharex="col"
    )
    handles: dict[str, Any] = {}
    for row, scenario in enumerate(powered):
        powers = [_interval(c, scenario, SUCCESS) for c in comparison.candidates]
        for column in range(columns):
            axes = panels[row][column]
            if with_errors and column == 0:
                pairs = zip(comparison.candidates, worst, strict=True)
                measured = [_interval(c, name, SUCCESS) for c, name in pairs if name is not None]
                label = "Type I error, largest"
            else:
                key, label = costs[column - with_errors]
                measured = [_interval(c, scenario, key) for c in comparison.candidates]
            _frontier_panel(axes, comparison, measured, powers, handles)
            light_grid(axes, "both")
            if with_errors and column == 0:
                percent_axis(axes, "x", None)
            if row == len(powered) - 1:
                axes.set_xlabel(broken(label, panel_room(columns) + 0.1))
            if column == 0:
                axes.set_title(short(scenario, 5.5, bold=True))
                axes.set_ylabel("Power")
                percent_axis(axes, "y")
    if columns == 0:
        _only_power(panels[0][0], comparison, powered, handles)
    low = min(c.measures(name)[SUCCESS].estimate for c in comparison.candidates for name in powered)
    panels[0][0].set_ylim(max(-0.05, min(low, 0.9) - 0.1), 1.07)
    legend_above(figure, list(handles.values()), list(handles))
    return figure


def _frontier_panel(
    axes: Any,
    comparison: Comparison,
    costs: list[Point | None],
    powers: list[Point | None],
    handles: dict[str, Any],
) -> None:
    """One scenario and one cost: a mark a design, and the line through those that none beats."""
    there = {
        place: (cost, power)
        for place, (cost, power) in enumerate(zip(costs, powers, strict=True))
        if cost is not None and power is not None
    }
    points = [(cost.estimate, power.estimate) for cost, power in there.values()]
    best = sorted(points[place] for place in efficient(points))
    axes.plot([x for x, _ in best], [y for _, y in best], color=PALE, linewidth=2.5, zorder=1)
    for place, (cost, power) in there.items():
        style = mark(place)
        drawn = axes.errorbar(
            cost.estimate,
            power.estimate,
            xerr=_arms(cost),
            yerr=_arms(power),
            fmt=style.marker,
            color=style.colour,
            markersize=max(LARGEST - SMALLER * place, SMALLEST),
            markeredgecolor="white",
            markeredgewidth=0.6,
            elinewidth=1.0,
            zorder=3 + place,
        )
        handles.setdefault(comparison.candidates[place].label, drawn)
    axes.margins(x=ROOM)


def _arms(point: Point) -> list[list[float]]:
    """Lengths of an error bar to both sides."""
    return [
        [max(point.estimate - point.lower, 0.0)],
        [max(point.upper - point.estimate, 0.0)],
    ]


def _only_power(
    axes: Any, comparison: Comparison, powered: list[str], handles: dict[str, Any]
) -> None:
    """Power by scenario, where no cost is known of two designs."""
    for place, candidate in enumerate(comparison.candidates):
        style = mark(place)
        powers = [candidate.measures(name)[SUCCESS].estimate for name in powered]
        drawn = axes.plot(powers, range(len(powered)), style.marker, color=style.colour)[0]
        handles.setdefault(candidate.label, drawn)
    axes.set_yticks(range(len(powered)), powered)
    percent_axis(axes, "x")


def _known(error: float) -> float:
    return 0.0 if math.isnan(error) else error


@styled
def draw_differences(comparison: Comparison) -> Figure:
    """Each design less the first, with 95% Monte Carlo intervals, a row a scenario."""
    from matplotlib.ticker import MaxNLocator

    others = comparison.candidates[1:]
    names = rows_of_differences(comparison)
    everybody = all(
        Key("n_randomised_mean") in c.measures(name)
        for c in comparison.candidates
        for name in names
    )
    skipped = "n_analysed_mean" if everybody else "n_randomised_mean"
    shown = [
        (key, label)
        for key, label in APART
        if key.measure != skipped
        and any(comparison.difference(c, name, key) for c in others for name in names)
    ]
    figure = sheet(1.4 + _step(comparison) * len(names))
    panels = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    handles: dict[str, Any] = {}
    for axes, (key, label) in zip(panels, shown, strict=True):
        axes.axvline(0.0, color=GREY, linewidth=0.9)
        for place, candidate in enumerate(others):
            style = mark(place + 1)
            shift = (place - (len(others) - 1) / 2.0) * 0.62 / max(len(others), 1)
            for row, name in enumerate(names):
                found = comparison.difference(candidate, name, key)
                if found is None:
                    continue
                half = Z95 * _known(found.mcse)
                drawn = axes.errorbar(
                    found.value,
                    row + shift,
                    xerr=half,
                    fmt=style.marker,
                    color=style.colour,
                    markersize=5.5,
                    elinewidth=1.3,
                )
                handles.setdefault(f"{candidate.label} less {comparison.first.label}", drawn)
        light_grid(axes, "x")
        axes.margins(x=ROOM)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        if key == SUCCESS:
            axes.xaxis.set_major_formatter(_points)
            label = "Success, percentage points"
        axes.set_xlabel(broken(label, panel_room(len(shown))))
    for row in range(1, len(names)):
        for axes in panels:
            axes.axhline(row - 0.5, color=PALE, linewidth=0.6)
    panels[0].set_yticks(range(len(names)), [short(name, 1.6) for name in names])
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    legend_above(figure, list(handles.values()), list(handles))
    return figure


def _points(value: float, _: int) -> str:
    """Write a difference of probabilities in percentage points."""
    return "0" if abs(value) < 1e-12 else f"{100.0 * value:+.3g}".replace("-", "−")


PICTURES: dict[str, Callable[[Any], Any]] = {
    "frontier": draw_frontier,
    "differences": draw_differences,
}


def _missing(names: list[str], shown: list[str]) -> str:
    """Name the scenarios that are not drawn, and say why."""
    left = [name for name in names if name not in shown]
    if not left:
        return ""
    return f" Not drawn for want of room, but in the table: {', '.join(left)}; {WHY}."


def captions(comparison: Comparison) -> dict[str, dict[str, str]]:
    """What is said below each figure, and what it shows in words."""
    labels = ", ".join(candidate.label for candidate in comparison.candidates)
    powered = [name for name, role in comparison.scenarios.items() if role != NULL]
    left = _missing(powered, rows_of_frontier(comparison))
    shown = (
        "Probability of success of each design in each scenario (rows) against what it costs: the "
        "largest type I error over the null scenarios, and mean participants, months and exposure. "
        "The pale line joins the designs that no other beats in one without losing in the other, "
        "as far as the estimates tell. Bars: 95% Monte Carlo intervals; shorter than the marks "
        "where none is seen. Where marks coincide, the smaller lies on the larger."
    )
    shown += left
    apart = (
        f"Each design less {comparison.first.label}, in each scenario, with 95% Monte Carlo "
        f"intervals (shorter than the marks where none is seen)."
    )
    apart += _missing(list(comparison.scenarios), rows_of_differences(comparison))
    unpaired = [label for label, why in comparison.pairing.items() if any(why.values())]
    if unpaired:
        apart += f" Intervals of independent runs for {', '.join(unpaired)}; else trial by trial."
    else:
        apart += " Differences are taken trial by trial, on the same participants."
    return {
        "frontier": {
            "title": "What power costs",
            "caption": shown,
            "alternative_text": f"Small scatter plots of power for {labels}.",
        },
        "differences": {
            "title": "Differences between the designs",
            "caption": apart,
            "alternative_text": f"Dot plots of the differences to {comparison.first.label} of "
            f"{', '.join(c.label for c in comparison.candidates[1:])}.",
        },
    }
