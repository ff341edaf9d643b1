"""Long-term follow-up: how probable it is to see at least one event, by year and arm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adaptive_cart.figures.about import about
from adaptive_cart.figures.draw_measures import columns_for, panel_room, panels_of, rows_for
from adaptive_cart.figures.kinds import FigureKind, Missing, Tables, called
from adaptive_cart.figures.source import main_scenario, truth_of
from adaptive_cart.figures.style import (
    broken,
    legend_above,
    light_grid,
    mark,
    percent_axis,
    sheet,
    styled,
)
from adaptive_cart.figures.tables_measures import measured, table
from adaptive_cart.figures.words_measures import of_run
from adaptive_cart.results.long_term import counted, one_participant
from adaptive_cart.results.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 61  # of a curve
MOST = 6  # events that are drawn


def long_term_tables(result: Result) -> Tables | Missing:
    """The run's own numbers at the years told, and the curve between them.

    The curve is that of the mean number randomised; the numbers are means over the trials.
    """
    design = result.design
    asked = design.long_term_follow_up
    if asked is None:
        return Missing(
            "the design has no long-term follow-up", "write [long_term_follow_up] in the design"
        )
    scenario = main_scenario(result)
    truth = truth_of(result, scenario)
    seen, curves = [], []
    for position, arm in enumerate(design.arm_names):
        one = one_participant(design, truth, position, asked.years, asked)
        years = measured(result, scenario, f"long_term_years_{asked.years:g}", arm=arm)
        assert years is not None
        number = years["estimate"] / one.years
        for event in counted(design)[:MOST]:
            for year in asked.moments:
                cells = measured(result, scenario, f"long_term_any_{event}_{year:g}", arm=arm)
                assert cells is not None
                seen.append({"event": event, "arm": arm, "year": year, **cells})
            for year in np.linspace(0.0, asked.years, POINTS):
                part = one_participant(design, truth, position, float(year), asked)
                any_ = 1.0 - part.none[event] ** number
                curves.append({"event": event, "arm": arm, "year": float(year), "any": any_})
    return {
        "long_term": table(seen),
        "curves": table(curves),
        "about": about(result, scenario=scenario, left_out=counted(design)[MOST:]),
    }


@styled
def draw_long_term(tables: Tables) -> Figure:
    """Draw a panel an event, a curve an arm, and a dot at each year that is told."""
    seen, curves, row = tables["long_term"], tables["curves"], tables["about"].iloc[0]
    events = list(dict.fromkeys(seen["event"]))
    room = panel_room(columns_for(len(events)))
    figure = sheet(0.9 + 2.1 * rows_for(len(events)))
    handles = {}
    for axes, event in panels_of(figure, events):
        for place, arm in enumerate(dict.fromkeys(seen["arm"])):
            style = mark(place)
            own = curves[(curves["event"] == event) & (curves["arm"] == arm)]
            dots = seen[(seen["event"] == event) & (seen["arm"] == arm)]
            axes.plot(own["year"], own["any"], color=style.colour, linestyle=style.line)
            axes.plot(
                dots["year"], dots["estimate"], color=style.colour, linestyle="",
                marker=style.marker, clip_on=False,
            )  # fmt: skip
            handles[called(row, arm)] = axes.plot(
                [], [], color=style.colour, linestyle=style.line, marker=style.marker
            )[0]
        axes.set_title(broken(event, room, bold=True))
        axes.set_ylim(-0.02, 1.02)
        light_grid(axes)
        percent_axis(axes)
    figure.supxlabel("years of long-term follow-up")
    figure.supylabel("probability of at least one event")
    legend_above(figure, list(handles.values()), list(handles))
    return figure


def say_long_term(tables: Tables) -> str:
    """Caption: what is drawn, and the last year in numbers."""
    seen, row = tables["long_term"], tables["about"].iloc[0]
    last = seen[seen["year"] == seen["year"].max()]
    said = "; ".join(
        f"{cells['event']}, {called(row, cells['arm'])} {_share(cells['estimate'])}"
        for cells in last.to_dict("records")
    )
    more = f" Not drawn: {', '.join(row['left_out'])}." if len(row["left_out"]) else ""
    return (
        f"Probability to see at least one event in long-term follow-up of an arm, scenario "
        f"{row['scenario']}. After {seen['year'].max():g} years: {said}. Dots are means over the "
        f"trials, curves are of the mean number randomised.{more} {of_run(tables['about'])}"
    )


def _share(value: float) -> str:
    return "more than 0.999" if value > 0.9995 else f"{value:.3f}"


def describe_long_term(tables: Tables) -> str:
    """Alternative text: the events, and where the curves end."""
    seen = tables["long_term"]
    events = ", ".join(dict.fromkeys(seen["event"]))
    last = seen[seen["year"] == seen["year"].max()]["estimate"]
    return (
        f"Curves of the probability of at least one event by year, for {events}; at the last year "
        f"they lie between {last.min():.2f} and {last.max():.2f}."
    )


KIND = FigureKind(
    id="C10",
    name="long_term_follow_up",
    chapter="long_term",
    file_name="C10_long_term",
    title="Long-term follow-up: the chance to see an event",
    tables=long_term_tables,
    draw=draw_long_term,
    caption=say_long_term,
    alternative_text=describe_long_term,
)
