"""Reading raw tables piece by piece, so that every fault of a design is found in one round."""

from __future__ import annotations

import copy
import math
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from adaptive_cart.design.adjusted_estimates import AdjustedEstimates
from adaptive_cart.design.allowed import allowed_keys
from adaptive_cart.design.arms import Arm, Crossover, MultiArm
from adaptive_cart.design.checks import Pieces, problems_between
from adaptive_cart.design.checks.design_priors import at_the_ends
from adaptive_cart.design.checks.null_region import ends_of_null_region
from adaptive_cart.design.costs import Costs
from adaptive_cart.design.design import (
    AnyAnalysis,
    AnyEndpoint,
    Design,
    EarlyMonths,
    Enrolment,
    Simulation,
    Weights,
)
from adaptive_cart.design.design_prior import DesignPrior
from adaptive_cart.design.error_tables import Calibration, SharedError
from adaptive_cart.design.first_part import FirstPart
from adaptive_cart.design.follow_up import FollowUp
from adaptive_cart.design.long_term import LongTermFollowUp
from adaptive_cart.design.look_tables import Looks
from adaptive_cart.design.randomisation import Randomisation, Strict01
from adaptive_cart.design.rule_tables import Rule
from adaptive_cart.design.validation import (
    Faults,
    as_written,
    closest,
    one_line,
    path_to,
    read,
    shown,
    steps_of,
)
from adaptive_cart.errors import Problem, one_of
from adaptive_cart.nouns.external import External

_WHOLE: dict[str, Any] = {
    "randomisation": Randomisation,
    "enrolment": Enrolment,
    "looks": Looks,
    "multiarm": MultiArm,
    "first_part": FirstPart,
    "crossover": Crossover,
    "follow_up": FollowUp,
    "long_term_follow_up": LongTermFollowUp,
    "costs": Costs,
    "adjusted_estimates": AdjustedEstimates,
    "claims": SharedError,
    "calibration": Calibration,
    "simulation": Simulation,
}
_NAMED: dict[str, Any] = {
    "arms": Arm,
    "strata": Strict01,
    "endpoints": AnyEndpoint,
    "analysis": AnyAnalysis,
    "external": External,
    "prediction": EarlyMonths,
    "utility": Weights,
    "design_prior": DesignPrior,
    "sensitivity": list[Any],
}
_REQUIRED = {
    "name": 'write name = "…" at the top of the file',
    "arms": "write [arms.NAME] for the control and for each other arm",
    "endpoints": "write [endpoints.NAME] with its type",
    "enrolment": "write [enrolment] with max_n and per_month",
    "looks": "write [looks] with one of observed, enrolled, events, months",
    "rules": "write each rule as [[rules]]",
    "scenarios": "write [scenarios.NAME], at least one",
}
_DEEPEST = 24
_LARGEST = 2**63 - 1
_WIDEST = 1e12  # of a number, and one over it: squares of what is beyond leave the floating range
_MOST = 1_000  # entries of a table
_TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def problems_of(raw: Mapping[str, Any]) -> list[Problem]:
    """Every problem of a design given as plain tables (or parts), each with its path.

    They come in the order of the file.
    """
    found, pieces = _problems(raw)
    if not found and pieces is not None:
        found = [*_too_frequent(raw, pieces), *_drawn_beyond(raw, pieces)]
    renamed = {} if pieces is None else pieces.renamed
    as_told = [Problem(as_written(p.path, renamed), p.message) for p in found]
    in_order = sorted(dict.fromkeys(as_told), key=_order(raw))
    return [Problem(problem.path, one_line(problem.message)) for problem in in_order]


def _problems(raw: Mapping[str, Any]) -> tuple[list[Problem], Pieces | None]:
    """What is wrong with tables as they stand, whatever may be drawn; and their pieces, if any."""
    beyond = [*_too_deep(raw)][:1] or [*_too_many(raw)] or [*_no_text(raw)]
    if beyond:
        return beyond, None
    reading = _Reading(raw)
    pieces = reading.pieces()
    found = [*reading.problems, *problems_between(pieces)]
    told = {problem.path for problem in found}
    also = (*_too_large(raw), *_unprintable(raw))
    return [*found, *(problem for problem in also if problem.path not in told)], pieces


def _too_frequent(raw: Mapping[str, Any], pieces: Pieces) -> Iterator[Problem]:
    """Tell true rates that are written and whose events, each a date, are too many to be drawn."""
    most = {
        name: direct.most
        for name, endpoint in pieces.endpoints.items()
        if endpoint is not None
        and (direct := endpoint.direct) is not None
        and direct.most is not None
    }

    def numbers(table: Any, path: str, limit: float | None) -> Iterator[Problem]:
        if isinstance(table, Mapping):
            for key, value in table.items():
                yield from numbers(value, path_to(path, str(key)), limit or most.get(str(key)))
        elif limit is not None and isinstance(table, int | float) and table > limit:
            yield Problem(path, f"found {shown(table)}; at most {limit:g} is expected")

    for key in ("truth", "scenarios"):
        yield from numbers(raw.get(key), key, None)


def _drawn_beyond(raw: Mapping[str, Any], pieces: Pieces) -> Iterator[Problem]:
    """Tell draws and ranges whose smallest or largest value the truth cannot have."""
    for where, steps, end in (*at_the_ends(pieces), *ends_of_null_region(pieces)):
        there = copy.deepcopy(dict(raw))
        for prior in there.get("design_prior", {}).values():  # tables: nothing else was wrong
            for drawn in ("draw", "early_data"):
                prior.pop(drawn, None)
        there.get("calibration", {}).pop("null_region", None)
        inner: Any = there
        for step in steps[:-1]:
            inner = inner.setdefault(step, {})
        inner[steps[-1]] = end
        for problem in _problems(there)[0]:
            yield Problem(where, f"reaches {end:g}, where {problem}")
            break


class _Reading:
    """Reads the tables one after the other and keeps what is wrong with them."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        optional = {name for name, info in Design.model_fields.items() if info.default is None}
        self.raw = {k: v for k, v in raw.items() if v is not None or k not in optional}
        self.problems: list[Problem] = []
        self.renamed: dict[str, str] = {}
        self._top_level()

    def report(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message))

    def _top_level(self) -> None:
        """Tell unknown and missing tables; a misspelt one is read as the one it resembles."""
        known = tuple(Design.model_fields)
        for key in [key for key in self.raw if key not in known]:
            belongs = _belongs(str(key))
            right = None if belongs else closest(str(key), known)
            hint = f" (did you mean '{right}'?)" if right else belongs
            self.report(path_to("", str(key)), f"unknown key{hint}; allowed: {one_of(known)}")
            value = self.raw.pop(key)
            present = self.raw.get(right or "")
            if right is not None and right not in self.raw:
                self.raw[right] = value
                self.renamed[right] = path_to("", str(key))
            elif right is not None and isinstance(present, dict) and isinstance(value, dict):
                self.raw[right] = {**value, **present}
        for key, write in _REQUIRED.items():
            if key not in self.raw:
                self.report(key, f"missing; {write}")
        for key in ("name", "description"):
            if key in self.raw and not isinstance(self.raw[key], str):
                self.report(key, f"found {shown(self.raw[key])}; text in quotes is expected")

    def one(self, kind: Any, value: Any, where: str) -> Any:
        result = read(kind, value)
        self.renamed.update(
            {path_to(where, *right): path_to(where, *key) for right, key in result.renamed.items()}
        )
        for fault, problem in zip(result.faults, result.problems(where), strict=True):
            belongs = fault.kind == "unknown" and "did you mean" not in fault.message
            hint = _belongs(str(fault.steps[-1]), where) if belongs else ""
            message = problem.message.replace("unknown key", f"unknown key{hint}", 1)
            self.problems.append(Problem(problem.path, message if hint else problem.message))
        return result.part

    def whole(self, key: str) -> Any:
        if key not in self.raw:
            return None
        return self.one(_WHOLE[key], self.raw[key], key)

    def named(self, key: str) -> dict[str, Any]:
        table = self.raw.get(key, {})
        if not isinstance(table, dict):
            write = f"write [{key}.NAME]" if key != "strata" else "write NAME = SHARE in [strata]"
            self.report(key, f"found {shown(table)}; {write}")
            return {}
        return {
            str(name): self.one(_NAMED[key], value, path_to(key, str(name)))
            for name, value in table.items()
        }

    def rules(self) -> tuple[list[Rule | None], list[str | None]]:
        given = self.raw.get("rules", [])
        if not isinstance(given, list | tuple):
            self.report("rules", f"found {shown(given)}; write each rule as [[rules]]")
            return [], []
        rules = [self.one(Rule, rule, f"rules[{position}]") for position, rule in enumerate(given)]
        return rules, [None if rule is None or not rule.name else rule.name for rule in rules]

    def pieces(self) -> Pieces:
        """Give what could be read, with the paths of what was wrong."""
        rules, names = self.rules()
        pieces = Pieces(
            arms=self.named("arms"),
            strata=self.named("strata") if "strata" in self.raw else None,
            randomisation=self.whole("randomisation"),
            endpoints=self.named("endpoints"),
            analysis=self.named("analysis"),
            external=self.named("external"),
            prediction=self.named("prediction"),
            utility=self.named("utility"),
            enrolment=self.whole("enrolment"),
            looks=self.whole("looks"),
            rules=rules,
            rule_names=names,
            claims=self.whole("claims"),
            first_part=self.whole("first_part"),
            crossover=self.whole("crossover"),
            follow_up=self.whole("follow_up"),
            long_term=self.whole("long_term_follow_up"),
            costs=self.whole("costs"),
            adjusted_estimates=self.whole("adjusted_estimates"),
            truth=self.raw.get("truth", {}),
            scenarios=self.raw.get("scenarios", {}),
            design_prior=self.named("design_prior"),
            calibration=self.whole("calibration"),
        )
        for key in ("multiarm", "simulation"):
            self.whole(key)
        self.named("sensitivity")
        pieces.faults = Faults(problem.path for problem in self.problems)
        pieces.renamed = self.renamed
        return pieces


def _belongs(key: str, where: str = "") -> str:
    """Say in which table a key has its place, where it stands in another."""
    top = [name for name in ("name", "description") if key == name and where]
    if top:
        return " here (it belongs at the top of the file, before the first [table])"
    tables = [name for name, kind in _WHOLE.items() if key in allowed_keys(kind) and name != where]
    return f" here (it belongs in [{tables[0]}])" if len(tables) == 1 else ""


def _too_deep(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Tell what is nested more deeply than any design is."""
    level: list[tuple[str, Any]] = [(path_to("", str(key)), item) for key, item in raw.items()]
    for _ in range(_DEEPEST):
        inner: list[tuple[str, Any]] = []
        for path, value in level:
            if isinstance(value, dict):
                inner += [(path_to(path, str(key)), item) for key, item in value.items()]
            elif isinstance(value, list | tuple):
                inner += [(path_to(path, position), item) for position, item in enumerate(value)]
        level = inner
    for path, _ in level:
        yield Problem(path_to("", *steps_of(path)[:1]), f"nested more than {_DEEPEST} levels deep")


def _too_many(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Tell tables with more entries than any design has."""
    tables = {"": raw, **{key: raw.get(key) for key in (*_NAMED, "rules", "scenarios")}}
    for key, table in tables.items():
        if isinstance(table, dict | list | tuple | Mapping) and len(table) > _MOST:
            found = f"found {len(table):,} entries; at most {_MOST:,} are expected"
            yield Problem(key or path_to("", next(iter(raw))), found)


def _unprintable(raw: Any, path: str = "") -> Iterator[Problem]:
    """Tell texts with characters that steer a terminal or turn the direction of a line."""
    if isinstance(raw, dict):
        for key, item in raw.items():
            yield from _unprintable(item, path_to(path, str(key)))
    elif isinstance(raw, list | tuple):
        for position, item in enumerate(raw):
            yield from _unprintable(item, path_to(path, position))
    elif isinstance(raw, str):
        steering = [letter for letter in raw if _steers(letter)]
        if steering:
            code = f"U+{ord(steering[0]):04X}"
            yield Problem(path, f"found the control character {code}; plain text is expected")


def _steers(letter: str) -> bool:
    """Whether a letter is no letter: a control character, or one that turns the direction."""
    return letter not in "\n\t\r" and (
        unicodedata.category(letter) in ("Cc", "Cs") or unicodedata.bidirectional(letter) in _TURNS
    )


def _no_text(raw: Any, path: str = "") -> Iterator[Problem]:
    """Tell names that are no text, which only Python can write."""
    if isinstance(raw, Mapping):
        for key, item in raw.items():
            inner = path_to(path, str(key))
            if not isinstance(key, str):
                yield Problem(inner, f"found the name {shown(key)}; text is expected")
            yield from _no_text(item, inner)
    elif isinstance(raw, list | tuple):
        for position, item in enumerate(raw):
            yield from _no_text(item, path_to(path, position))


def _too_large(raw: Any, path: str = "") -> Iterator[Problem]:
    """Tell whole numbers that a design file cannot hold (TOML has 64 bits), and others as wild."""
    if isinstance(raw, dict):
        for key, item in raw.items():
            yield from _too_large(item, path_to(path, str(key)))
    elif isinstance(raw, list | tuple):
        for position, item in enumerate(raw):
            yield from _too_large(item, path_to(path, position))
    elif isinstance(raw, int) and not isinstance(raw, bool) and abs(raw) > _LARGEST:
        yield Problem(path, f"found {shown(raw)}; at most {_LARGEST} is expected")
    elif isinstance(raw, float) and not _computable(raw):
        between = f"0, or a number from {1.0 / _WIDEST:g} to {_WIDEST:g} in size,"
        yield Problem(path, f"found {shown(raw)}; {between} is expected")


def _computable(number: float) -> bool:
    """Whether squares of it stay in the floating range; what is not finite is told elsewhere."""
    return number == 0.0 or not math.isfinite(number) or 1.0 / _WIDEST <= abs(number) <= _WIDEST


def _order(raw: Mapping[str, Any]) -> Callable[[Problem], tuple[int, ...]]:
    """Sort key: where in the file a problem's path stands; what is missing comes first."""
    positions: dict[int, dict[Any, int]] = {}

    def of(problem: Problem) -> tuple[int, ...]:
        inner: Any = raw
        places = []
        for step in steps_of(problem.path):
            place, following = -1, None
            if isinstance(inner, Mapping):
                if id(inner) not in positions:
                    positions[id(inner)] = {key: at for at, key in enumerate(inner)}
                place, following = positions[id(inner)].get(step, -1), inner.get(step)
            elif isinstance(inner, list | tuple) and isinstance(step, int):
                place, following = step, inner[step] if step < len(inner) else None
            places.append(place)
            inner = following
        return tuple(places)

    return of
