"""Tables whose rows are grouped by what a scenario is for: nulls first."""

from __future__ import annotations

from adaptive_cart.nouns.roles import PLURAL
from adaptive_cart.report.document import Row, row

MANY_COLUMNS = 10  # that an upright page holds


def headed(rows: dict[str, list[Row]], columns: int) -> tuple[Row, ...]:
    """Rows of a table by role, each role under a heading of its own."""
    found: list[Row] = []
    for role, members in rows.items():
        found.append(row(PLURAL[role].capitalize(), *("",) * (columns - 1), heading=True))
        found += members
    return tuple(found)
