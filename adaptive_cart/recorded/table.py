"""The participants table: one row a participant, simulated or real.

Months since that participant's own randomisation, blank where something has not happened or could
not be seen: nothing is recorded after death, after dropout or after the date of the table. Who has
dropped out has withdrawn (:data:`WITHDRAWN`): silence alone says nothing. Last contact is death,
dropout or the date of the table, whichever comes first. Numbers are written in full, so that
:mod:`adaptive_cart.recorded.file` reads the very same participants back.

Besides the columns of :data:`HEADER` there is one for each adverse event (month of onset), each
recurrent event (months, with ";" between them) and each endpoint whose outcome is given directly
(0 or 1, known from its month on; the month of the event; or scores, a column for the baseline and
one for each visit); and, where the design needs them, :data:`ON_DRUGS`, :data:`CROSSOVER`,
:data:`MISSED`, two columns for each further remission and one for each further infusion. States are
then those seen at visits, and all but randomisation and infusion is what has been reported by the
date.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from adaptive_cart.courses.tables import FEEDS
from adaptive_cart.design.column_names import INFUSION, SPELL
from adaptive_cart.design.design import Design
from adaptive_cart.design.follow_up import FollowUp
from adaptive_cart.endpoints.direct import Contact
from adaptive_cart.nouns import course as courses
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.course import DRUG_FREE, Course, Spell
from adaptive_cart.nouns.records import Floats, Population

WITHDRAWN = "withdrawn_month"
MISSED = "missed_visits"  # by number: the k-th is due k times the months between visits
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
REMISSION = ("remission_month", "relapse_month")


def further(columns: Iterable[str]) -> list[str]:
    """Columns of remissions after the first that stand there, each beginning with its end."""
    begin = dict.fromkeys(column.replace("relapse", "remission") for column in columns)
    found = (match for column in begin if (match := SPELL.fullmatch(column)))
    return [c for match in found if match[2] for c in (match[0], _end(match[0]))]


def infusions_in(columns: Iterable[str]) -> list[str]:
    """Columns of infusions after the first that stand there, in order."""
    found = (match for column in dict.fromkeys(columns) if (match := INFUSION.fullmatch(column)))
    return [match[0] for match in sorted(found, key=lambda match: int(match[1]))]


def _end(column: str) -> str:
    return column.replace("remission", "relapse")


def spells_in(columns: Iterable[str]) -> list[tuple[str, bool, int, str, str]]:
    """State, whether after crossover, number, beginning and end of each spell, in order."""
    return sorted(
        (
            courses.ON_DRUGS if match[1] else DRUG_FREE,
            bool(match[3]),
            int((match[2] or "_1")[1:]),
            column,
            _end(column),
        )
        for column in columns
        if (match := SPELL.fullmatch(column))
    )


def months_of(course: Course) -> dict[str, Floats]:
    """Months of a course by their column, ``(trial, participant)``."""
    found = {
        "infused_month": course.infused,
        "rescue_month": course.rescue,
        "death_month": course.death,
    }
    for number, months in enumerate(course.infused_again, start=2):
        found[f"infused_{number}_month"] = months
    if course.crossed is not None:
        found[CROSSOVER[0]] = course.crossed
    for spell in course.spells:
        drugs = "_on_drugs" if spell.state == courses.ON_DRUGS else ""
        after = "_after_crossover" if spell.after_crossover else ""
        number, column = 1, f"remission{drugs}{after}_month"
        while column in found:
            number += 1
            column = f"remission{drugs}_{number}{after}_month"
        found |= {column: spell.began, _end(column): spell.ended}
    return found


def course_of(months: Mapping[str, Floats], dropout: Floats, crossover: bool) -> Course:
    """The course that has these months in its columns."""
    never = np.broadcast_to(np.inf, dropout.shape)
    return Course(
        infused=months["infused_month"],
        rescue=months["rescue_month"],
        death=months["death_month"],
        dropout=dropout,
        spells=tuple(
            Spell(state, months[began], months.get(ended, never), after)
            for state, after, _, began, ended in spells_in(months)
            if crossover or not after
        ),
        crossed=months[CROSSOVER[0]] if crossover else None,
        infused_again=tuple(months[column] for column in infusions_in(months)),
    )


def participants_table(
    design: Design,
    population: Population,
    trial: int,
    date: float,
    randomised: int,
    follow_up: FollowUp | None = None,
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
    follow_up
        Visits and delays, where a scenario has others than the design plans.
    """
    plan = design.follow_up if follow_up is None else follow_up
    delay = 0.0 if plan is None else plan.reporting_delay
    return [_row(design, population, (trial, k), date, delay) for k in range(randomised)]


def _row(
    design: Design, population: Population, at: tuple[int, int], date: float, delay: float
) -> dict[str, Any]:
    randomised = float(population.arrival[at])
    course = population.course
    months = {} if course is None else {n: float(m[at]) for n, m in months_of(course).items()}
    death = months.get("death_month", math.inf)
    dropout = math.inf if population.dropout is None else float(population.dropout[at])
    known = date - delay  # all but who is randomised, infused and crosses over is reported later
    last = max(min(known - randomised, death, dropout), 0.0)

    def seen(month: float, by: float = known) -> float | str:
        # by the calendar, as a look sees it: what happens at its very date has happened
        return month if month <= min(death, dropout) and randomised + month <= until(by) else ""

    stratum = "" if population.stratum is None else design.stratum_names[population.stratum[at]]
    row: dict[str, Any] = {
        "participant": at[1] + 1,
        "arm": design.arm_names[population.arm[at]],
        "stratum": stratum,
        "randomised_month": randomised,
    }
    row["infused_month"] = seen(months.get("infused_month", math.inf), date)
    for column in (*REMISSION, "rescue_month", "death_month"):
        row[column] = seen(months.get(column, math.inf))
    row[WITHDRAWN] = seen(dropout) if dropout < death else ""
    row["last_contact_month"] = last
    if population.attendance is not None:
        row[MISSED] = ";".join(map(str, population.attendance.missed_by(at, last)))
    counted = any(e.counts_on_drugs() for e in design.endpoints.values())
    for column in (ON_DRUGS, *CROSSOVER, *further(months)):
        if column in months and (counted or "on_drugs" not in column):
            row[column] = seen(months[column], date if column == CROSSOVER[0] else known)
    for column in infusions_in(months):
        row[column] = seen(months[column], date)
    for name, outcome in population.outcomes.items():
        endpoint = design.endpoints[name]
        assert endpoint.direct is not None

        def told(month: float, at_visit: bool = endpoint.told_at_visit) -> float | str:
            visit = population.visit_for(month) if at_visit else None
            return seen(month if visit is None else max(month, float(visit[at])))

        row |= endpoint.direct.written_all(name, endpoint, outcome, Contact(at, told, last))
    return row


def without_endpoint(design: Design) -> set[str]:
    """Events and rates that the truth names and no endpoint reads."""
    courses = [*design.truth.values()]
    courses += [part for table in design.scenarios.values() for part in table.values()]
    named = {
        name
        for course in courses
        if isinstance(course, dict)
        for part in FEEDS
        if isinstance(course.get(part), dict)
        for name in course[part]
    }
    return named - set(design.endpoints)
