"""A design with some of its keys set otherwise: ``enrolment.max_n = 90``, checked like a file.

A key is written as in the file's messages: ``enrolment.max_n``, ``looks.observed[0]``,
``truth.soc.remission.probability``; a rule by its name, ``rules.efficacy.at_least``, or by its
position, from 0. What is not there and what would change nothing is refused.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adaptive_cart.courses.tables import FEEDS
from adaptive_cart.design.design import Design
from adaptive_cart.design.validation import Steps, at, meant, path_to, shown, steps_of
from adaptive_cart.errors import DesignError, InputError, Problem, one_of

_NAMED = {  # tables whose names are given elsewhere in the design: a new one would be a mistake
    "arms": "arm",
    "strata": "stratum",
    "endpoints": "endpoint",
    "scenarios": "scenario",
    "utility": "utility",
}
_KEY = re.compile(r'(?:(?:^|\.)(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*")|\[\d+\])+')
_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_NONE = object()


@dataclass(frozen=True)
class Change:
    """What a key was, and what it is set to; nothing where the file does not say it."""

    before: Any
    after: Any

    def words(self, key: str) -> str:
        """Say it: ``enrolment.max_n = 90 instead of 150``."""
        was = "" if self.before is None else f" instead of {shown(self.before)}"
        return f"{key} = {shown(self.after)}{was}"


def settings_typed(changes: Mapping[str, Change]) -> list[str]:
    """What was set, as it would be typed: ``--set 'enrolment.max_n=90'``."""
    return [f"--set '{key}={shown(change.after)}'" for key, change in changes.items()]


# ── what was typed ────────────────────────────────────────────────────────────────────────────
def settings_of(typed: Iterable[str]) -> dict[str, Any]:
    """Read ``KEY=VALUE`` texts; the values are in the syntax of the design file.

    Raises
    ------
    InputError
        If one is no such text, or two set the same key.
    """
    found: dict[str, Any] = {}
    for text in typed:
        key, value = key_and_text(text, "--set")
        if key in found:
            raise InputError(f"--set: {key} is given twice; once is enough")
        found[key] = value_of(value, f"--set {key}")
    return found


def key_and_text(typed: str, option: str) -> tuple[str, str]:
    """Take ``KEY=VALUE`` apart."""
    found = _KEY.match(typed)
    key = found[0] if found else ""
    rest = typed[len(key) :].lstrip()
    if not key or not rest.startswith("=") or not rest[1:].strip():
        raise InputError(
            f"{option}: found {shown(typed)}; KEY=VALUE is expected, such as enrolment.max_n=90"
        )
    return key, rest[1:].strip()


def value_of(text: str, where: str) -> Any:
    """Read a value in TOML syntax; a single word may stand without quotes."""
    try:
        read = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        read = {}
    if set(read) == {"value"}:
        return read["value"]
    if _BARE.fullmatch(text):
        return text
    raise InputError(
        f"{where}: found {shown(text)}; a value as it stands in a design file is expected: 90, "
        f'0.985, true, [60, 105], "text in quotes"'
    )


def told_as_replaced(design: Design, plain: Mapping[str, Any]) -> None:
    """Let a design that holds changed values say so, from what a manifest kept of them."""
    design.__dict__["replaced"] = {
        key: Change(change.get("before"), change.get("after"))
        for key, change in plain.items()
        if isinstance(change, Mapping)
    }


# ── the design with it ────────────────────────────────────────────────────────────────────────
def replaced(design: Design, settings: Mapping[str, Any], source: str = "") -> Design:
    """Return a design with keys set otherwise, checked as a file is.

    Parameters
    ----------
    source
        What a message begins with: the design's file.

    Raises
    ------
    DesignError
        With every problem at once, each by the key as it was typed.
    """
    tables = copy.deepcopy(given(design))
    problems: list[Problem] = []
    written: dict[str, str] = {}  # as typed, by path in the file
    changes = dict(design.replaced)
    for key, value in settings.items():
        whole = _KEY.fullmatch(key)
        steps = steps_of(key) if whole else ()
        problem = (
            _set(design, tables, steps, value, key)
            if steps
            else Problem(key, "a key of the design is expected, such as enrolment.max_n")
        )
        if isinstance(problem, Problem):
            problems.append(problem)
            continue
        written[path_to("", *problem)] = key
        before = at(given(design), problem)
        changes[key] = Change(changes[key].before if key in changes else before, value)
    where = source if problems else _with(source, settings)
    try:
        made = Design(**tables)
    except DesignError as error:  # what is wrong of the keys that are there is told as well
        problems += [Problem(_as_typed(p.path, written), p.message) for p in error.problems]
    if problems:
        raise DesignError(problems, where)
    made.__dict__["replaced"] = changes
    return made


def wrong_values(design: Design) -> Iterator[Problem]:
    """Tell values in ``[sensitivity]`` that the design cannot have, each by its place there."""
    for key, values in design.sensitivity.items():
        where = path_to("sensitivity", key)
        if not values:
            yield Problem(where, "found []; a list with at least one value is expected")
        for place, value in enumerate(values):
            try:
                replaced(design, {key: value})
            except DesignError as error:
                for problem in error.problems:
                    yield Problem(path_to(where, place), str(problem))


def given(design: Design) -> dict[str, Any]:
    """Tables of a design as they were given, without what was left out."""
    return design.model_dump(exclude_unset=True, exclude_none=True, by_alias=True)


def _with(source: str, settings: Mapping[str, Any]) -> str:
    said = ", ".join(f"{key} = {shown(value)}" for key, value in settings.items())
    return f"{source} with {said}" if source else f"with {said}"


def _as_typed(path: str, written: Mapping[str, str]) -> str:
    """Write a path with the key as it was typed, where it lies at or inside one."""
    for right, typed in written.items():
        if path == right or path.startswith((f"{right}.", f"{right}[")):
            return typed + path[len(right) :]
    return path


def _set(
    design: Design, tables: dict[str, Any], steps: Steps, value: Any, key: str
) -> Problem | Steps:
    """Put a value into the tables; returns where, as the file has it, or what is wrong."""
    inner: Any = tables
    path: list[str | int] = []
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        found = _found(design, inner, tuple(path), step, key)
        if isinstance(found, Problem):
            return found
        path.append(found)
        if last:
            inner[found] = value
        elif isinstance(inner, dict):
            inner = inner.setdefault(found, {})
        else:
            inner = inner[found]
    idle = _without_effect(design, steps, key)
    return idle or tuple(path)


def _found(
    design: Design, inner: Any, path: Steps, step: str | int, key: str
) -> Problem | str | int:
    """The step as the file has it: the position of a rule that is named; or what is wrong."""
    if path == ("rules",) and isinstance(step, str):
        names = [rule.name for rule in design.rules]
        if step in names:
            return names.index(step)
        return Problem(key, f"no rule '{step}'{meant(step, names)}; the rules are {one_of(names)}")
    if isinstance(inner, list):
        if isinstance(step, int) and step < len(inner):
            return step
        last = f"[0] to [{len(inner) - 1}]" if inner else "none"
        return Problem(key, f"no entry [{step}] of {path_to('', *path)}; there are {last}")
    if not isinstance(inner, dict) or isinstance(step, int):
        return Problem(key, f"{path_to('', *path)} is {shown(inner)}, and holds no '{step}'")
    if len(path) == 1 and path[0] in _NAMED and step not in inner:
        what, known = _NAMED[str(path[0])], list(inner)
        there = f"there are {one_of(known)}" if known else f"the design has no [{path[0]}]"
        return Problem(key, f"no {what} '{step}'{meant(step, known)}; {there}")
    if path and path[-1] in FEEDS and path[0] in ("truth", "scenarios") and step not in inner:
        known = list(dict.fromkeys([*inner, *design.endpoints]))
        if step not in known:
            return Problem(key, f"no '{step}' there{meant(step, known)}; known are {one_of(known)}")
    return step


def _without_effect(design: Design, steps: Steps, key: str) -> Problem | None:
    """Tell a value of ``[truth]`` that every scenario replaces by its own."""
    if steps[0] != "truth" or not all(_says(own, steps[1:]) for own in design.scenarios.values()):
        return None
    return Problem(
        key,
        f"without effect, since every scenario says its own; set scenarios.NAME"
        f"{key.removeprefix('truth')}, of {one_of(design.scenarios)}",
    )


def _says(table: Any, steps: Steps) -> bool:
    """Whether a scenario's table replaces what stands at these steps of ``[truth]``."""
    for step in steps:
        if not isinstance(table, dict) or "dist" in table:
            return True
        table = table.get(step, _NONE)
        if table is _NONE:
            return False
    return bool(steps) and (not isinstance(table, dict) or "dist" in table)


# ── the file with it ──────────────────────────────────────────────────────────────────────────
def text_with(text: str, design: Design) -> str:
    """Text of a design file with what was set in ``design``; comments and order are kept.

    Where the text does not lead to the design again, the design is written anew.
    """
    import tomlkit

    if not design.replaced:
        return text
    document: Any = tomlkit.parse(text)
    names = [rule.name for rule in design.rules]
    said = []
    for key, change in design.replaced.items():
        inner: Any = document
        *before, last = (
            names.index(step) if number == 1 and steps_of(key)[0] == "rules" and step in names
            else step
            for number, step in enumerate(steps_of(key))
        )  # fmt: skip
        for step in before:
            if isinstance(inner, dict) and step not in inner:
                inner[step] = tomlkit.table()
            inner = inner[step]
        inner[last] = change.after
        said.append(f"# Set for this run: {change.words(key)}\n")
    changed = tomlkit.dumps(document)
    try:
        same = Design(**tomllib.loads(changed)) == design
    except (DesignError, ValueError):
        same = False
    changed = changed if same else design.as_toml()
    first, rest = changed.split("\n", 1) if changed.startswith("#:") else ("", changed)
    return (first and first + "\n") + "".join(said) + "\n" + rest
