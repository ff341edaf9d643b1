"""Reading raw tables piece by piece, so that every fault of a design is found in one round."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from adaptive_cart.checks import Pieces, problems_between
from adaptive_cart.design import (
    AnyAnalysis,
    AnyEndpoint,
    Arm,
    Calibration,
    Crossover,
    Design,
    Enrolment,
    Looks,
    MultiArm,
    Randomisation,
    Rule,
    Simulation,
    Strict01,
)
from adaptive_cart.errors import Problem, nearest, one_of, shown
from adaptive_cart.parts import Part
from adaptive_cart.validation import problems_of_error

_WHOLE: dict[str, Any] = {
    "randomisation": Randomisation,
    "enrolment": Enrolment,
    "looks": Looks,
    "multiarm": MultiArm,
    "crossover": Crossover,
    "calibration": Calibration,
    "simulation": Simulation,
}
_NAMED: dict[str, Any] = {
    "arms": Arm,
    "strata": Strict01,
    "endpoints": AnyEndpoint,
    "analysis": AnyAnalysis,
}
_REQUIRED = ("name", "arms", "endpoints", "enrolment", "looks", "rules", "scenarios")


@lru_cache(maxsize=32)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


class _Reading:
    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        self.problems: list[Problem] = []

    def report(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message))

    def one(self, kind: Any, value: Any, where: str) -> Any:
        try:
            return _adapter(kind).validate_python(value)
        except ValidationError as error:
            self.problems += problems_of_error(error, value, where, root=kind)
            return None

    def whole(self, key: str) -> Any:
        return self.one(_WHOLE[key], self.raw[key], key) if key in self.raw else None

    def named(self, key: str) -> dict[str, Any]:
        table = self.raw.get(key, {})
        if not isinstance(table, dict):
            self.report(key, f"found {shown(table)}; a table is expected")
            return {}
        return {
            name: value if isinstance(value, Part) else self.one(_NAMED[key], value, f"{key}.{name}")
            for name, value in table.items()
        }

    def rules(self) -> list[Rule | None]:
        given = self.raw.get("rules", [])
        if not isinstance(given, list | tuple):
            self.report("rules", f"found {shown(given)}; write each rule as [[rules]]")
            return []
        return [
            rule if isinstance(rule, Rule) else self.one(Rule, rule, f"rules[{position}]")
            for position, rule in enumerate(given)
        ]


def problems_of(raw: Mapping[str, Any]) -> list[Problem]:
    """Every problem of a design given as plain tables (or parts), each with its path."""
    reading = _Reading(raw)
    known = tuple(Design.model_fields)
    for key in raw:
        if key not in known:
            hint = nearest(key, known)
            reading.report(key, f"unknown key{hint}; allowed: {one_of(known)}")
    for key in _REQUIRED:
        if key not in raw:
            reading.report(key, "missing")
    for key in ("name", "description"):
        if raw.get(key) is not None and not isinstance(raw[key], str):
            reading.report(key, f"found {shown(raw[key])}; text in quotes is expected")
    strata = reading.named("strata") if raw.get("strata") is not None else None
    pieces = Pieces(
        arms=reading.named("arms"),
        strata=strata,
        strata_sound=strata is None or None not in strata.values(),
        randomisation=reading.whole("randomisation"),
        endpoints=reading.named("endpoints"),
        analysis=reading.named("analysis"),
        enrolment=reading.whole("enrolment"),
        looks=reading.whole("looks"),
        rules=reading.rules(),
        crossover=reading.whole("crossover"),
        truth=raw.get("truth", {}),
        scenarios=raw.get("scenarios", {}),
        calibration=reading.whole("calibration"),
    )
    for key in ("multiarm", "simulation"):
        reading.whole(key)
    missing = {"arms", "endpoints", "rules", "scenarios"} - set(raw)
    between = [p for p in problems_between(pieces) if p.path not in missing]
    return list(dict.fromkeys([*reading.problems, *between]))
