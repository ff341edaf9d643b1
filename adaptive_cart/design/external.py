"""External data of a design that is written anew: only what something still speaks of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def only_named(tables: Mapping[str, Any]) -> dict[str, Any]:
    """The plain tables of a design without external data that no other table names any more."""
    spoken = set(_words({key: table for key, table in tables.items() if key != "external"}))
    external = tables.get("external", {})
    kept = {name: table for name, table in external.items() if name in spoken}
    return {**tables, "external": kept} if external else dict(tables)


def _words(table: Any) -> Iterator[str]:
    if isinstance(table, str):
        yield table
    elif isinstance(table, Mapping):
        for value in table.values():
            yield from _words(value)
    elif isinstance(table, list | tuple):
        for value in table:
            yield from _words(value)
