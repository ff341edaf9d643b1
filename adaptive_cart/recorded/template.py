"""An empty participants table for a design, with its columns explained above the header.

The columns are those that :mod:`adaptive_cart.recorded.rows` asks for. Lines that begin with ``#``
are for whoever fills the table in, and are passed over when it is read.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import datetime

from adaptive_cart.design.column_names import columns_of
from adaptive_cart.design.design import Design
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.errors import one_of
from adaptive_cart.recorded.dates import InMonths, date_column, moments_of
from adaptive_cart.recorded.known import WINDOW, window_of
from adaptive_cart.recorded.rows import Reading
from adaptive_cart.recorded.table import CROSSOVER, HEADER, MISSED, ON_DRUGS, WITHDRAWN

OWN = "months since this participant's own randomisation"
OPENING = "months since the opening of the trial"
COURSE = {
    "infused_month": "first infusion of the product; blank if not infused; a further one stands in "
    "infused_2_month, the next in infused_3_month",
    "infused_2_month": "second infusion; blank if there is none",
    "remission_month": "beginning of the first drug-free remission",
    "relapse_month": "end of that remission; a further one stands in two more columns, "
    "remission_2_month and relapse_2_month, the next in remission_3_month and relapse_3_month",
    "rescue_month": "first rescue immunosuppression; in remission it needs a relapse_month too",
    "death_month": "death, of any cause",
    WITHDRAWN: "withdrawal or loss to follow-up; blank for who is still under follow-up, however "
    "long ago the last visit was",
    ON_DRUGS: "beginning of remission on background drugs",
    CROSSOVER[0]: "crossover to the other arm's treatment",
    CROSSOVER[1]: "beginning of the drug-free remission after crossover",
    CROSSOVER[2]: "end of that remission; a further one stands in two more columns, "
    "remission_2_after_crossover_month and relapse_2_after_crossover_month",
}


def template(design: Design, opened: datetime | None = None) -> str:
    """The table's comment lines and its header, as CSV.

    Parameters
    ----------
    opened
        The day on which the trial opened, where the table is to have dates instead of months.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for line in _lines(design, opened):
        writer.writerow([f"# {line}"])
    columns = columns_for(design)
    writer.writerow(columns if opened is None else map(date_column, columns))
    return text.getvalue()


def columns_for(design: Design) -> list[str]:
    """Columns that a table for this design has, in order."""
    truths = list(design.truths.values())
    direct = [
        name
        for name, endpoint in design.endpoints.items()
        if endpoint.from_course and all(name in truth.direct for truth in truths)
    ]
    reading = Reading(design, InMonths(direct, []), window_of(design))
    needed = [*reading.needed(), *direct, "death_month", WITHDRAWN]
    if any(reading.infused_arms):
        needed += ["infused_month" for e in design.endpoints.values() if e.opens_at_infusion]
        if any(e.counts_each_infusion() for e in design.endpoints.values()):
            needed.append("infused_2_month")
    worked_out = [e for name, e in design.endpoints.items() if name not in direct]
    if any(endpoint.counts_on_drugs() for endpoint in worked_out):
        needed.append(ON_DRUGS)
    if design.follow_up is not None and design.follow_up.at_visits:
        needed.append(MISSED)
    first = [column for column in HEADER if column in needed]
    return [*first, *(column for column in dict.fromkeys(needed) if column not in first)]


def _lines(design: Design, opened: datetime | None) -> Iterator[str]:
    yield f"{design.name}: one row a participant; lines that begin with # are not read"
    columns = columns_for(design)
    if opened is None:
        yield (
            "Times are in months (days / 30.4375), decimals with a point; a cell is blank where "
            "something has not happened. There are two origins: randomised_month counts from the "
            "opening of the trial, every other month from that participant's own randomisation. "
            "A date (YYYY-MM-DD) may stand instead of any month"
        )
        for column in columns:
            yield f"{column}: {_meaning(design, column)}"
        return
    yield (
        "Dates are written YYYY-MM-DD; a cell is blank where something has not happened. The trial "
        f"opened on {opened:%Y-%m-%d} (--opened {opened:%Y-%m-%d}). A number of months may stand "
        "where the column is called _month instead of _date"
    )
    moments = moments_of(design, columns)
    for column in columns:
        meaning = _meaning(design, column)
        for since in (f"; {OWN}", f"; {OPENING}"):
            meaning = meaning.replace(since, "; date" if column in moments else since)
        meaning = re.sub(r"\w+_month\b", lambda name: date_column(name[0]), meaning)
        yield f"{date_column(column)}: {meaning}"


def _meaning(design: Design, column: str) -> str:
    """What a column holds, its unit and its origin."""
    if column in COURSE:
        return f"{COURSE[column]}; {OWN}"
    if column == MISSED:
        every = 0.0 if design.follow_up is None else design.follow_up.visit_every or 0.0
        return (
            "numbers of the planned visits that were not held, with ; between them (the k-th is "
            f"due k times {every:g} months after randomisation); blank where all were"
        )
    own = {c: name for name, e in design.endpoints.items() for c in columns_of(name, e)}
    if column in own:
        return _endpoint(own[column], design.endpoints[own[column]], column)
    return {
        "participant": "an identifier; each stands there once",
        "arm": one_of(design.arm_names),
        "stratum": one_of(design.stratum_names),
        "randomised_month": f"randomisation; {OPENING}",
        "last_contact_month": f"last time the participant was seen, death counted in; {OWN}; "
        "that of randomisation (0) where there was no contact yet. A visit up to "
        f"{_months(window_of(design))} before its day counts for it (--window)",
    }[column]


def _months(window: float) -> str:
    """Say how long a window is."""
    if window == WINDOW:
        return "half a month"
    return f"{window:g} month{'' if window == 1.0 else 's'}"


def _endpoint(name: str, endpoint: EndpointBase, column: str) -> str:
    """What a column of an endpoint's own holds."""
    label = f"{endpoint.label}: " if endpoint.label else ""
    assert endpoint.direct is not None
    return f"{label}{endpoint.direct.meanings(name, endpoint, OWN)[column]}"
