"""Whole designs, most of them wrong somewhere: a shipped design or template with keys changed.

Half of them begin as a small design that says one key of the schema, each key alike, so that keys
that no shipped design says are tried as often as others. A change takes one place of the file, at
any depth, and drops it, gives it a hostile value or the value of another place, gives its key
another name, or doubles an entry of a list; or it brings a place of another design along. One to
four changes leave most of the design sensible, so that what is wrong lies deep, and some designs
are still accepted.
"""

from __future__ import annotations

import copy
import math
import tomllib
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import tomlkit
from hypothesis import strategies as st

from adaptive_cart.design.file import template, templates

DESIGNS = Path(__file__).parents[2] / "designs"
MOST_CHANGES = 4
HOW = ["drop", "value", "value", "number", "other", "name", "double", "brought"]

Place = tuple[str | int, ...]

NUMBERS = [0, 1, -1, 2, 3, 0.5, -0.5, 1.5, 0.025, 0.975, 1e-9, 1e-300, 1e9, 1e308, -1e308, 12,
           24, 127, 128, 1000, 10**6, 10**12, 2**63 - 1, math.inf, -math.inf, math.nan]  # fmt: skip
NAMES = ["", " ", "a", "self", "name", "soc", "cart", "dfr", "null", "all", "any", "open", "best",
         "total", "1", "dose 1.5", "a.b", "a/b", "../x", "=1+1", "\x1b[31m", "x" * 300, "ß",
         "\u202e", "\u0000x", "__class__", "trial", "look", "calibrate", "final",
         "{0}", "%s", "<b>", "$x$", "'\""]  # fmt: skip
OTHERS: list[Any] = [True, False, [], {}, [[]], [{}], [1, 2], [0.5] * 200, {"a": 1}, [True],
                     "2026-11-29", [1e308] * 3, {"dist": "exponential", "median": 1.0},
                     {"posterior": {}}]  # fmt: skip


@cache
def starting() -> tuple[tuple[str, str], ...]:
    """Names and texts of the designs that are changed."""
    shipped = [(path.name, path.read_text(encoding="utf-8")) for path in DESIGNS.glob("*.toml")]
    designs = [(name, text) for name, text in shipped if "[endpoints." in text]
    return tuple(sorted([*designs, *((name, template(name)) for name in templates())]))


@cache
def of_keys() -> dict[str, tuple[Callable[[], dict[str, Any]], ...]]:
    """How designs are made that say a key, by table and key of the schema."""
    from test_every_key_counts import KEYS, laid

    return {
        key: tuple(
            partial(laid, case.base, case.start, *changes)
            for case in cases
            for changes in ((case.changes,), ())
        )
        for key, cases in KEYS.items()
    }


def places(tables: Any, here: Place = ()) -> Iterator[Place]:
    """Every place of a file, tables before what they hold."""
    inside: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(tables, dict):
        inside = iter(tables.items())
    elif isinstance(tables, list):
        inside = enumerate(tables)
    for key, value in inside:
        yield (*here, key)
        yield from places(value, (*here, key))


def at(tables: Any, place: Place) -> Any:
    """What stands at a place."""
    for key in place:
        tables = tables[key]
    return tables


def spoilt(text: str, place: Place, value: Any) -> str:
    """A design with something else at one place."""
    tables = tomllib.loads(text)
    at(tables, place[:-1])[place[-1]] = value
    return tomlkit.dumps(tables)


@st.composite
def changed(draw: st.DrawFn, tables: dict[str, Any]) -> dict[str, Any]:
    """Tables with one place changed."""
    found = list(places(tables))
    if not found:
        return tables
    place = draw(st.sampled_from(found))
    *above, key = place
    inside = at(tables, tuple(above))
    how = draw(st.sampled_from(HOW))
    if how == "drop":
        del inside[key]
    elif how == "value":
        inside[key] = copy.deepcopy(draw(st.sampled_from([*NUMBERS, *NAMES, *OTHERS])))
    elif how == "number":
        value = inside[key]
        if isinstance(value, int | float) and not isinstance(value, bool):
            by = draw(st.sampled_from([-1, 0, 2, 10, 1000, 0.1, 0.5]))
            inside[key] = type(value)(max(min(value * by, 2**63 - 1), -(2**63)))
    elif how == "other":
        inside[key] = copy.deepcopy(at(tables, draw(st.sampled_from(found))))
    elif how == "name" and isinstance(inside, dict):
        name = draw(st.sampled_from([*NAMES, *(str(place[-1]) for place in found)]))
        inside[name] = inside.pop(key)
    elif how == "double" and isinstance(inside, list):
        inside.append(copy.deepcopy(inside[int(key)]))
    elif how == "brought":
        other = draw(starts())
        brought = draw(st.sampled_from([(), *places(other)]))
        _bring(tables, brought, at(other, brought))
    return tables


def _bring(tables: Any, place: Place, value: Any) -> None:
    """Put a place of another design where it stands there, or where its way ends here."""
    for key in place[:-1]:
        deeper = tables.get(key) if isinstance(tables, dict) else None
        if not isinstance(deeper, dict):
            break
        tables = deeper
    if place:
        tables[str(place[-1])] = copy.deepcopy(value)


def starts() -> st.SearchStrategy[dict[str, Any]]:
    """Designs before they are changed, as tables."""
    shipped = st.sampled_from(starting()).map(lambda named: tomllib.loads(named[1]))
    keys = st.sampled_from([*of_keys().values()])
    return st.one_of(shipped, keys.flatmap(st.sampled_from).map(lambda make: make()))


@st.composite
def designs(draw: st.DrawFn) -> str:
    """Texts of designs."""
    tables = draw(starts())
    for _ in range(draw(st.integers(0, MOST_CHANGES))):
        tables = draw(changed(tables))
    return tomlkit.dumps(tables)


@st.composite
def broken_texts(draw: st.DrawFn) -> bytes:
    """Files that are no design any more: cut, with bytes changed, or nested beyond reason."""
    _, text = draw(st.sampled_from(starting()))
    raw = bytearray(text.encode())
    how = draw(st.sampled_from(["cut", "bytes", "mark", "nested", "digits", "repeated", "lines"]))
    if how == "cut":
        return bytes(raw[: draw(st.integers(0, len(raw)))])
    if how == "bytes":
        for _ in range(draw(st.integers(1, 5))):
            raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
        return bytes(raw)
    if how == "mark":
        return b"\xef\xbb\xbf" + bytes(raw)
    if how == "nested":
        depth = draw(st.sampled_from([10, 1_000, 100_000]))
        return bytes(raw) + b"\nx = " + b"[" * depth + b"]" * depth
    if how == "digits":
        return bytes(raw) + b"\nx = " + b"9" * draw(st.sampled_from([20, 5_000]))
    if how == "repeated":
        return bytes(raw) * 2
    return bytes(raw).replace(b"\n", b"\r\n")
