"""C7: mean change of every score by visit and arm, in replayed trials of one scenario."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.figures.about import about
from adaptive_cart.figures.draw_measures import (
    columns_for,
    named,
    only_shown,
    panel_room,
    panels_of,
    rows_for,
)
from adaptive_cart.figures.kinds import FigureKind, Missing, Tables, called, introduced
from adaptive_cart.figures.source import Replay, main_scenario, replay
from adaptive_cart.figures.style import (
    GREY,
    TALLEST,
    legend_above,
    light_grid,
    mark,
    minus,
    sheet,
    short,
    styled,
    width_of,
)
from adaptive_cart.figures.tables_calendar import over_trials
from adaptive_cart.figures.tables_measures import PANELS, table
from adaptive_cart.figures.thinning import left_out
from adaptive_cart.figures.words_calendar import replayed
from adaptive_cart.figures.words_measures import listed
from adaptive_cart.nouns.calendar import short_of
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.scored import Scored
from adaptive_cart.results.result import Result

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GAP = 0.12  # inches between the months of two visits


def score_tables(result: Result) -> Tables | Missing:
    """Mean change from baseline of those seen, by score, arm and visit."""
    design, name = result.design, main_scenario(result)
    scores = [key for key, endpoint in design.endpoints.items() if endpoint.taken_at()]
    if not scores:
        return Missing(
            "no endpoint of the design is a score",
            'add an endpoint of type "continuous" with its visits and simulate again',
        )
    found = replay(result, name)
    rows = []
    for place, score in enumerate(scores):
        label = design.endpoint_label(score)
        for arm, by_visit in enumerate(_changes(found, score, design.enrolment.max_n)):
            for month, changes in by_visit:
                rows.append({"score": label, "shown": place < PANELS,
                             "arm": design.arm_names[arm], "month": month,
                             **over_trials(changes)})  # fmt: skip
    return {
        "scores": table(rows),
        "about": about(result, scenario=name, replayed=found.trials, max_n=design.enrolment.max_n),
    }


def _changes(found: Replay, score: str, max_n: int) -> list[list[tuple[float, Floats]]]:
    """By arm, then visit: its month, and the mean change of those seen there, ``(trial,)``."""
    population = found.population
    scored = population.outcomes[score]
    assert isinstance(scored, Scored)
    baseline, *values = scored.values
    inside = np.arange(population.participants)[None, :] < max_n
    last = population.last_seen
    by_arm = []
    for arm in range(population.arms):
        members = inside & (population.arm == arm)
        visits = [(0.0, np.zeros(population.trials))]
        for month, value in zip(population.visits[score], values, strict=True):
            seen = members if last is None else members & (last >= short_of(month))
            total = np.where(seen, value - baseline, 0.0).sum(axis=1)
            number = seen.sum(axis=1)
            visits.append((month, total[number > 0] / number[number > 0]))
        by_arm.append(visits)
    return by_arm


def draw_scores(tables: Tables) -> Figure:
    """Mean change by visit, a panel a score, a line an arm."""
    words = tables["about"].iloc[0]
    bands = (("p05", "p95", 0.16), ("lower", "upper", 0.45))
    return by_visit(only_shown(tables["scores"]), lambda arm: called(words, arm), bands)


@styled
def by_visit(
    frame: pd.DataFrame, label: Callable[[str], str], bands: Sequence[tuple[str, str, float]]
) -> Figure:
    """Draw estimates by visit, a panel a score, a line an arm.

    Parameters
    ----------
    frame
        A row a score, arm and month, with its estimate and the ends of the bands.
    label
        What readers call an arm.
    bands
        Columns of the ends of each, and how dark it is.
    """
    scores, arms = (list(dict.fromkeys(frame[column])) for column in ("score", "arm"))
    room = panel_room(columns_for(len(scores)))
    figure = sheet(min(0.9 + 2.4 * rows_for(len(scores)), TALLEST))
    handles: dict[str, Any] = {}
    for axes, score in panels_of(figure, scores, shared=False):
        axes.axhline(0.0, color=GREY, linewidth=0.8)
        for place, arm in enumerate(arms):
            own = frame[(frame["score"] == score) & (frame["arm"] == arm)]
            style = mark(place)
            for low, high, alpha in bands:
                axes.fill_between(own["month"], own[low], own[high], color=style.colour,
                                  alpha=alpha, lw=0)  # fmt: skip
            handles[short(label(arm), 2.6)] = axes.plot(
                own["month"], own["estimate"], color=style.colour, linestyle=style.line,
                marker=style.marker, markersize=4.0,
            )[0]  # fmt: skip
        axes.set_title(named(score, room, bold=True))
        months = sorted(set(frame[frame["score"] == score]["month"]))
        axes.set_xlim(0.0, 1.02 * months[-1])
        _visits(axes, months, room)
        light_grid(axes)
    figure.supxlabel("months since randomisation (visits)")
    figure.supylabel("mean change from baseline")
    legend_above(figure, list(handles.values()), list(handles))
    return figure


def _visits(axes: Axes, months: list[float], room: float) -> None:
    """A tick at every visit, and its month at those that there is room for, the last among them."""
    named_at: list[float] = []
    for month in reversed(months):
        words = width_of(f"{month:g}") + GAP
        if not named_at or (named_at[-1] - month) * room / months[-1] >= words:
            named_at.append(month)
    axes.set_xticks(months, [f"{m:g}" if m in named_at else "" for m in months])


def _at_the_end(tables: Tables, name: Any) -> list[str]:
    """Mean change at the last visit by score and arm, with what it varies by."""
    frame, words = only_shown(tables["scores"]), tables["about"].iloc[0]
    said = []
    for score, own in frame.groupby("score", sort=False):
        last = own[own["month"] == own["month"].max()]
        parts = [
            f"{name(words, row['arm'])} {minus(row['estimate'], 1)} "
            f"({minus(row['p05'], 1)} to {minus(row['p95'], 1)})"
            for row in last.to_dict("records")
        ]
        said.append(f"{score} at month {own['month'].max():g}: {listed(parts)}")
    return said


def say_scores(tables: Tables) -> str:
    """Caption: the last visit in numbers, and what the bands are."""
    words, trials = tables["about"].iloc[0], replayed(tables)
    few = left_out(tables["scores"], "score", "the first ones are drawn")
    return (
        f"Mean change from baseline by visit, of those seen there: who has dropped out or died is "
        f"not. {'; '.join(_at_the_end(tables, introduced))} (in brackets the 5th to 95th "
        f"percentile of single trials).{few} Dark band: 95% Monte Carlo interval; pale band: 5th "
        f"to 95th percentile of single trials of {int(words['max_n'])}. {trials}, everybody "
        f"planned followed to the last visit."
    )


def describe_scores(tables: Tables) -> str:
    """Alternative text: the last visit."""
    return f"Lines of the mean change by visit. {'; '.join(_at_the_end(tables, called))}."


KIND = FigureKind(
    id="C7",
    name="scores_by_visit",
    chapter="all_numbers",
    file_name="C07_scores",
    title="Scores by visit",
    tables=score_tables,
    draw=draw_scores,
    caption=say_scores,
    alternative_text=describe_scores,
)
