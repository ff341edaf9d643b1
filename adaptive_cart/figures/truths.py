"""Which scenarios differ in one number only: those, and no others, may be joined by a line."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.parts import Part

FEWEST = 3  # scenarios that make a line
Path = tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """Scenarios that differ in one number of the truth, in its order.

    Attributes
    ----------
    path
        Which number: (arm, endpoint) or (arm, part of the course).
    values
        The number, by scenario.
    """

    path: Path
    values: Mapping[str, float]

    @property
    def scenarios(self) -> tuple[str, ...]:
        """Scenarios in the order of the number."""
        return tuple(self.values)


def lines_of(truths: Mapping[str, Truth]) -> list[Line]:
    """Sets of at least three scenarios that differ in one number, the longest first."""
    flat = {name: numbers_of(truth) for name, truth in truths.items()}
    found: dict[tuple[str, ...], Line] = {}
    for path in sorted({path for numbers in flat.values() for path in numbers}):
        groups: dict[Any, dict[str, float]] = {}
        for name, numbers in flat.items():
            value = numbers.get(path)
            if isinstance(value, float):
                rest = frozenset(item for item in numbers.items() if item[0] != path)
                groups.setdefault(rest, {})[name] = value
        for values in groups.values():
            if len(set(values.values())) >= FEWEST:
                ordered = dict(sorted(values.items(), key=lambda item: item[1]))
                found.setdefault(tuple(ordered), Line(path, ordered))
    return sorted(found.values(), key=lambda line: -len(line.values))


HARM = ("events", "rates", "death")  # parts of a course


def differ_in_harm_only(
    one: Mapping[Path, Any], other: Mapping[Path, Any], endpoints: Collection[str]
) -> bool:
    """Whether two truths differ in adverse events, event rates or death, and in nothing else.

    Parameters
    ----------
    one, other
        As :func:`numbers_of` gives them.
    endpoints
        Names of the endpoints whose truth is a probability or rate of harm.
    """
    differing = [path for path in {*one, *other} if one.get(path) != other.get(path)]
    return bool(differing) and all(path[1] in {*HARM, *endpoints} for path in differing)


def numbers_of(truth: Truth) -> dict[Path, Any]:
    """Everything that is true in a scenario by what it is about; one number where strata agree."""
    flat: dict[Path, Any] = {}
    for endpoint, by_arm in truth.direct.items():
        for arm, strata in zip(truth.arms, by_arm, strict=True):
            flat[arm, endpoint] = _together([_plain(value) for value in strata])
    for endpoint, trends in truth.trends.items():
        for arm, trend in zip(truth.arms, trends, strict=True):
            flat[arm, endpoint, "time_trend"] = "none" if trend is None else trend.words()
    for name, part in parts_of(truth):
        flat |= {(path[0], f"mixture {name}", *path[1:]): part[path] for path in part}
    for arm, hazards in zip(truth.arms, truth.dropout, strict=True):
        flat[arm, "dropout"] = _together(list(hazards))
    if truth.courses is not None:
        for arm, courses in zip(truth.arms, truth.courses, strict=True):
            by_stratum = [dict(_leaves(course, ())) for course in courses]
            for path in by_stratum[0]:
                flat[arm, *path] = _together([leaves.get(path) for leaves in by_stratum])
    return flat


def parts_of(truth: Truth) -> Iterator[tuple[str, dict[Path, Any]]]:
    """Parts of the participants, and everything that is true in each, its share first."""
    mixture = truth.mixture
    if mixture is None:
        return
    for name, share, part in zip(mixture.names, mixture.shares, mixture.truths, strict=True):
        yield name, {("everybody", "share"): share.words()} | numbers_of(part)


def _together(values: list[Any]) -> Any:
    """Return the value that all strata share, or all of them."""
    same = len(set(values)) == 1
    return values[0] if same else tuple(values)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, int | float) else repr(value)


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _leaves(getattr(value, field.name), (*path, field.name))
    elif isinstance(value, Part):
        yield path, repr(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    elif isinstance(value, tuple):  # what may follow a relapse, by its table
        for table, sequel in value:
            for key, item in sequel.values():
                part, _, name = key.partition(".")
                harm = part == "events"
                where = (part, table, name) if harm else (*path[:-1], table, *key.split("."))
                yield from _leaves(item, where)
    else:
        yield path, _plain(value) if isinstance(value, int | float) else value
