"""Tables whose rows are grouped by what a scenario is for: nulls first."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from adaptive_cart.nouns.roles import PLURAL
from adaptive_cart.report.document import Row, row
from adaptive_cart.report.evidence import Evidence, per_scenario

MANY_COLUMNS = 10  # that an upright page holds


def by_role(
    evidence: Evidence, columns: int, rows_of: Callable[[str], Iterable[Row]]
) -> tuple[Row, ...]:
    """Rows of a table, the scenarios of each role under a heading of their own.

    Parameters
    ----------
    rows_of
        The rows of a scenario.
    """
    found: list[Row] = []
    for role, names in per_scenario(evidence):
        found.append(row(PLURAL[role].capitalize(), *("",) * (columns - 1), heading=True))
        for name in names:
            found += rows_of(name)
    return tuple(found)
