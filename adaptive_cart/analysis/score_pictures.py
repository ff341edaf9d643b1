"""The picture of the scores of a real trial: mean change by visit and arm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.analysis.pictures import Picture
from adaptive_cart.figures.scores import by_visit
from adaptive_cart.figures.style import minus
from adaptive_cart.figures.tables_measures import PANELS, table
from adaptive_cart.nouns.calendar import short_of, until
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.scored import Scored

if TYPE_CHECKING:
    from adaptive_cart.analysis.flow import Analysis

LEVEL = 0.95


def scores(analysis: Analysis) -> Picture | None:
    """Mean change of every score by visit, of those seen there by the date of the look."""
    design = analysis.plan.design
    names = [name for name, endpoint in design.endpoints.items() if endpoint.taken_at()]
    rows: list[dict[str, Any]] = []
    for name in names[:PANELS]:
        label = design.endpoint_label(name)
        for arm, month, changes in _changes(analysis, name):
            rows.append({"score": label, "arm": design.arm_names[arm], "month": month,
                         "seen": len(changes), **_mean(changes, month)})  # fmt: skip
    if not any(row["month"] > 0.0 for row in rows):
        return None
    return Picture(
        by_visit(table(rows), design.arm_label, (("lower", "upper", 0.2),)),
        "Mean change from baseline by visit, of those seen there, with 95% confidence intervals "
        "(Student's t, each visit by itself); not adjusted for baseline.",
        "; ".join(
            f"{row['score']}, {design.arm_label(row['arm'])}: {minus(row['estimate'], 1)} at month "
            f"{row['month']:g} ({row['seen']} seen)"
            for row in rows
            if row["month"] > 0.0
        ),
        rows,
    )


def _changes(analysis: Analysis, name: str) -> list[tuple[int, float, Floats]]:
    """By arm and visit: the changes of those seen there; visits at which somebody was."""
    snapshot = analysis.recorded.snapshot
    population, number = snapshot.population, int(snapshot.randomised[0])
    scored = population.outcomes[name]
    assert isinstance(scored, Scored)
    baseline, *values = (value[0, :number] for value in scored.values)
    arm, arrival = population.arm[0, :number], population.arrival[0, :number]
    last = population.last_seen
    found = []
    for place in range(population.arms):
        members = (arm == place) & np.isfinite(baseline)
        if members.any():
            found.append((place, 0.0, np.zeros(int(members.sum()))))
        for month, value in zip(population.visits[name], values, strict=True):
            seen = members & np.isfinite(value) & (arrival + month <= until(snapshot.date[0]))
            if last is not None:
                seen &= last[0, :number] >= short_of(month)
            if seen.any():
                found.append((place, month, (value - baseline)[seen]))
    return found


def _mean(changes: Floats, month: float) -> dict[str, float]:
    """Mean with its confidence interval, which takes two participants; 0 at the baseline."""
    from scipy import stats

    mean, number = float(changes.mean()), len(changes)
    if month == 0.0:
        return {"estimate": mean, "lower": mean, "upper": mean}
    wide = np.nan
    if number > 1:
        error = float(changes.std(ddof=1)) / np.sqrt(number)
        wide = float(stats.t(number - 1).ppf(0.5 + LEVEL / 2.0)) * error
    return {"estimate": mean, "lower": mean - wide, "upper": mean + wide}
