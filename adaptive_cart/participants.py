"""The participants table: one row a participant, simulated or real.

Months since that participant's own randomisation, blank where something has not happened or could
not be seen: nothing is recorded after death, after dropout or after the date of the table.
"""

from __future__ import annotations

import math
from typing import Any

from adaptive_cart.design import Design
from adaptive_cart.records import Population

HEADER = (
    "participant",
    "arm",
    "stratum",
    "randomised_month",
    "infused_month",
    "remission_month",
    "relapse_month",
    "rescue_month",
    "death_month",
    "last_contact_month",
)
_COURSE = ("infused", "remission", "relapse", "rescue")


def participants_table(
    design: Design, population: Population, trial: int, date: float, randomised: int
) -> list[dict[str, Any]]:
    """Participants of one trial as known at a calendar date.

    Parameters
    ----------
    trial
        Position of the trial in the block.
    date
        Calendar month of the table.
    randomised
        How many participants it holds.
    """
    return [_row(design, population, trial, participant, date) for participant in range(randomised)]


def _row(
    design: Design, population: Population, trial: int, participant: int, date: float
) -> dict[str, Any]:
    at = (trial, participant)
    randomised = float(population.arrival[at])
    last = date - randomised
    course = population.course
    death = math.inf
    if course is not None:
        death = float(course.death[at])
        last = min(last, death, float(course.dropout[at]))
    elif population.dropout is not None:
        last = min(last, float(population.dropout[at]))

    def seen(month: float) -> float | str:
        return month if month <= last else ""

    stratum = "" if population.stratum is None else design.stratum_names[population.stratum[at]]
    row: dict[str, Any] = {
        "participant": participant + 1,
        "arm": design.arm_names[population.arm[at]],
        "stratum": stratum,
        "randomised_month": randomised,
    }
    for name in _COURSE:
        row[f"{name}_month"] = "" if course is None else seen(float(getattr(course, name)[at]))
    row["death_month"] = seen(death)
    row["last_contact_month"] = last
    if course is not None and any(
        getattr(endpoint, "state", "") == "remission" for endpoint in design.endpoints.values()
    ):
        row["remission_on_drugs_month"] = seen(float(course.remission_on_drugs[at]))
    if course is not None and course.crossed is not None:
        row["crossover_month"] = seen(float(course.crossed[at]))
    for name, onset in population.adverse_events.items():
        row[name] = seen(float(onset[at]))
    for name, events in population.recurrent.items():
        row[name] = ";".join(repr(month) for month in events.months_until(*at, last))
    for name, values in population.direct.items():
        endpoint = design.endpoints[name]
        if endpoint.direct_truth == "probability":
            known = endpoint.known_after()
            passed = known is None or last >= known
            row[name] = int(values[at]) if passed else ""
        else:
            row[name] = seen(float(values[at]))
    return row
