"""What differs between two design files, in words: "arms.cart.allocation 1 → 2"."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from adaptive_cart.design.design import Design

NAMED = ("rules",)  # lists of tables that are told apart by their names


def changes(first: Design, other: Design) -> tuple[str, ...]:
    """Every key that another design has changed, added or removed, a line each.

    Values that are not written count as their defaults, so that writing a default is no change.
    """
    before, after = _tables(first), _tables(other)
    return tuple([*_between("", before, after), *_orders(before, after)])


def _tables(design: Design) -> dict[str, Any]:
    return design.model_dump(mode="json", by_alias=True, exclude_none=True)


def _between(path: str, before: Any, after: Any) -> Iterator[str]:
    """Walk two tables and tell what differs."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            place = f"{path}.{key}" if path else str(key)
            if key not in after:
                yield f"{place} = {written(before[key])} removed"
            elif key not in before:
                yield f"{place} = {written(after[key])} added"
            elif key in NAMED and not path:
                yield from _between_named(place, before[key], after[key])
            else:
                yield from _between(place, before[key], after[key])
    elif _plain(before) != _plain(after):
        yield f"{path} {written(before)} → {written(after)}"


def _between_named(
    path: str, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Tell what differs between two lists of tables with names; the position is the first's."""
    later = {table["name"]: table for table in after}
    for position, table in enumerate(before):
        name = table["name"]
        if name not in later:
            yield f"{path}[{position}] '{name}' removed: {written(_nameless(table))}"
            continue
        for line in _between(f"{path}[{position}]", table, later[name]):
            yield f"{line}  ('{name}')"
    there = {table["name"] for table in before}
    for position, table in enumerate(after):
        if table["name"] not in there:
            yield f"{path}[{position}] '{table['name']}' added: {written(_nameless(table))}"


def _nameless(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key != "name"}


def _orders(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Tell where the order counts and is another: rules, and what arrays follow."""
    for key in ("arms", "strata", "endpoints", "rules"):
        orders = []
        for tables in (before, after):
            part = tables.get(key, {})
            orders.append([entry["name"] for entry in part] if key in NAMED else list(part))
        common = set(orders[0]) & set(orders[1])
        first, other = ([name for name in order if name in common] for order in orders)
        if first != other:
            yield f"{key}: order {', '.join(first)} → {', '.join(other)}"


def _plain(value: Any) -> Any:
    """Write a number one way, so that 1 and 1.0 are the same."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def written(value: Any) -> str:
    """Write a value as it stands in a design file."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{key} = {written(part)}" for key, part in value.items())
        return f"{{ {inside} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(written(part) for part in value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
