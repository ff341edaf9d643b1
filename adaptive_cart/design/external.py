"""External data of a design that is written anew: only what something still speaks of."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any


def only_named(tables: Mapping[str, Any]) -> dict[str, Any]:
    """The plain tables of a design without external data that no other table names any more."""
    spoken = set(_words({key: table for key, table in tables.items() if key != "external"}))
    external = tables.get("external", {})
    kept = {name: table for name, table in external.items() if name in spoken}
    gone = {told for name in external if name not in kept for told in (name, f"{name}_source")}
    if not gone:
        return dict(tables)
    truths = {
        "truth": _without_truths(tables.get("truth", {}), tables["endpoints"], gone),
        "scenarios": {
            name: _without_truths(table, tables["endpoints"], gone)
            for name, table in tables["scenarios"].items()
        },
    }
    return {**tables, "external": kept, **truths}


def _without_truths(
    truth: Mapping[str, Any], endpoints: Collection[str], gone: Collection[str]
) -> dict[str, Any]:
    """A truth without what it says of external data that are not there any more."""
    return {
        key: {name: said for name, said in table.items() if name not in gone}
        if key in endpoints and isinstance(table, Mapping)
        else table
        for key, table in truth.items()
    }


def _words(table: Any) -> Iterator[str]:
    if isinstance(table, str):
        yield table
    elif isinstance(table, Mapping):
        for value in table.values():
            yield from _words(value)
    elif isinstance(table, list | tuple):
        for value in table:
            yield from _words(value)
