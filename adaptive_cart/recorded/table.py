"""The participants table: one row a participant, simulated or real.

Months since that participant's own randomisation, blank where something has not happened or could
not be seen: nothing is recorded after death, after dropout or after the date of the table. Who has
dropped out has withdrawn (:data:`WITHDRAWN`): silence alone says nothing. Last contact is death,
dropout or the date of the table, whichever comes first. Numbers are written in full, so that
:mod:`adaptive_cart.recorded.file` reads the very same participants back.

Besides the columns of :data:`HEADER` there is one for each adverse event (month of onset), each
recurrent event (months, with ";" between them) and each endpoint whose outcome is given directly
(0 or 1, known from its month on; or the month of the event); and, where the design needs them,
:data:`ON_DRUGS` and :data:`CROSSOVER`.
"""

from __future__ import annotations

import math
from typing import Any

from adaptive_cart.design.design import Design
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.records import Population

WITHDRAWN = "withdrawn_month"
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
    WITHDRAWN,
    "last_contact_month",
)
ON_DRUGS = "remission_on_drugs_month"
CROSSOVER = (
    "crossover_month",
    "remission_after_crossover_month",
    "relapse_after_crossover_month",
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
    course = population.course
    death = dropout = math.inf
    if course is not None:
        death, dropout = float(course.death[at]), float(course.dropout[at])
    elif population.dropout is not None:
        dropout = float(population.dropout[at])
    last = min(date - randomised, death, dropout)

    def seen(month: float) -> float | str:
        # by the calendar, as a look sees it: what happens at its very date has happened
        return month if month <= min(death, dropout) and randomised + month <= until(date) else ""

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
    row[WITHDRAWN] = seen(dropout) if dropout < death else ""
    row["last_contact_month"] = last
    if course is not None and any(
        getattr(endpoint, "state", "") == "remission" for endpoint in design.endpoints.values()
    ):
        row[ON_DRUGS] = seen(float(course.remission_on_drugs[at]))
    if course is not None and course.crossed is not None:
        assert course.remission_after is not None
        assert course.relapse_after is not None
        after = (course.crossed, course.remission_after, course.relapse_after)
        for name, months in zip(CROSSOVER, after, strict=True):
            row[name] = seen(float(months[at]))
    for name, onset in population.adverse_events.items():
        row[name] = seen(float(onset[at]))
    for name, events in population.recurrent.items():
        row[name] = ";".join(repr(month) for month in events.months_until(*at, last))
    for name, values in population.direct.items():
        endpoint = design.endpoints[name]
        if endpoint.direct_truth == "probability":
            known = endpoint.known_after()
            passed = known is None or seen(known) != ""
            row[name] = int(values[at]) if passed else ""
        else:
            row[name] = seen(float(values[at]))
    return row
