"""A rule on one arm's counts as a table that a safety board looks up: it holds at x of n."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.conduct.rules import listed
from adaptive_cart.design.design import Design
from adaptive_cart.running.stopping_counts import StoppingCounts

ACROSS = 84  # characters of a row


def told_by_number(design: Design, table: StoppingCounts) -> Iterator[str]:
    """At how many of how many a rule holds: two rows, numbers analysed and events."""
    does = "holds" if table.decision.ends is None else "stops"
    where = table.arm if table.stratum is None else f"{table.arm}, {table.stratum}"
    when = design.endpoints[table.endpoint].counted_when
    looks = f", look{'s' if len(table.looks) > 1 else ''} {listed([*map(str, table.looks)])}"
    alone = " by this alone" if table.alone else ""
    yield (
        f"    {does}{alone} at x or more of n with {table.endpoint} in {where}, n those who "
        f"{when}{looks if table.several else ''}:"
    )
    columns = [
        (str(first) if first == last else f"{first}-{last}", "none" if x is None else str(x))
        for first, last, x in table.runs()
    ]
    widths = [max(map(len, column)) for column in columns]
    shown = 0
    while shown < len(columns):
        taken = shown
        room = ACROSS
        while taken < len(columns) and (room := room - widths[taken] - 2) >= 0:
            taken += 1
        for place, name in ((1, "x"), (0, "n")):
            cells = "".join(
                f"  {column[place]:>{width}}"
                for column, width in zip(columns[shown:taken], widths[shown:taken], strict=True)
            )
            yield f"      {name}{cells}"
        shown = taken
