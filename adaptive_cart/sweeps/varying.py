"""Which keys take which values, and the variants of a design that come of it.

==================  ==============================================================================
grid                all combinations of the values of all keys
one at a time       each value of each key, the other keys as written
pairs               the same, and all combinations of the values of two keys
==================  ==============================================================================
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import digest_of
from adaptive_cart.design.replacing import key_and_text, value_of
from adaptive_cart.design.rule_tables import together
from adaptive_cart.design.validation import path_to, shown, steps_of
from adaptive_cart.errors import DesignError, InputError, Problem
from adaptive_cart.sweeps.moving_looks import moved_with_size

How = Literal["grid", "one_at_a_time", "pairs"]
AS_WRITTEN = "as written"
MOST = 2_000  # variants of a sweep
SIZE = "enrolment.max_n"
_RANGE = re.compile(r"\s*([-+\d.eE_]+)\s*:\s*([-+\d.eE_]+)\s*(?::\s*([-+\d.eE_]+)\s*)?")


@dataclass(frozen=True)
class Variant:
    """A design with keys set otherwise.

    Attributes
    ----------
    settings
        By key as typed; none for the design as written.
    design
        As it is run.
    """

    settings: Mapping[str, Any]
    design: Design

    @property
    def label(self) -> str:
        """What it is called in tables: ``enrolment.max_n = 90``."""
        told = [f"{key} = {shown(value, 40)}" for key, value in self.settings.items()]
        return ", ".join(told) or AS_WRITTEN

    @property
    def digest(self) -> str:
        """Fingerprint of its design, before anything is calibrated."""
        return digest_of(self.design)


# ── what was typed ────────────────────────────────────────────────────────────────────────────
def vary_of(typed: Iterable[str], option: str = "--vary") -> dict[str, list[Any]]:
    """Read ``KEY=FROM:TO:STEP`` and ``KEY=VALUE,VALUE,…``; ranges take their end in.

    Parameters
    ----------
    option
        After which it was typed.

    Raises
    ------
    InputError
        If one is no such text, or two name the same key.
    """
    found: dict[str, list[Any]] = {}
    for text in typed:
        key, values = key_and_text(text, option)
        if key in found:
            raise InputError(f"{option}: {key} is given twice; write all its values in one")
        found[key] = _values(values, f"{option} {key}")
    return found


def _values(text: str, where: str) -> list[Any]:
    spaced = _RANGE.fullmatch(text)
    if spaced is not None:
        return _range(spaced, text, where)
    return [value_of(part.strip(), where) for part in _parts(text)]


def _parts(text: str) -> list[str]:
    """Cut at the commas that stand in no brackets, braces or quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append("")
            continue
        parts[-1] += letter
    return [part for part in parts if part.strip()]


def _range(spaced: re.Match[str], text: str, where: str) -> list[Any]:
    """Numbers from one to another, in decimals as typed, so that 0.1:0.3:0.1 ends with 0.3."""
    wanted = "FROM:TO:STEP is expected, with a step that leads from the one to the other"
    try:
        first, last, step = (Decimal((part or "").replace("_", "")) for part in spaced.groups())
        number = (last - first) / step
    except (InvalidOperation, ZeroDivisionError):
        raise InputError(f"{where}: found {shown(text)}; {wanted}") from None
    if not 0 <= number <= MOST:
        raise InputError(f"{where}: found {shown(text)}; {wanted}, in at most {MOST:,} values")
    whole = all(part == part.to_integral_value() for part in (first, step)) and "." not in text
    values = [first + place * step for place in range(int(number) + 1)]
    return [int(value) if whole else float(value) for value in values]


# ── the variants ──────────────────────────────────────────────────────────────────────────────
def variants_of(
    design: Design,
    vary: Mapping[str, Sequence[Any]],
    how: How,
    *,
    recalibrate: bool = False,
    looks_in_proportion: bool = False,
) -> list[Variant]:
    """The design as written, and each variant once, in the order of keys and values.

    Raises
    ------
    DesignError
        With every problem of every variant, each once.
    """
    empty = [key for key, values in vary.items() if not values]
    if empty or not vary:
        what = f"{empty[0]} has no values" if empty else "nothing is varied"
        raise InputError(
            f"{what}; write --vary KEY=VALUE,VALUE or --vary KEY=FROM:TO:STEP, or [sensitivity]"
        )
    number = _how_many([len(values) for values in vary.values()], how)
    if number > MOST:
        raise InputError(f"{number:,} variants; at most {MOST:,} are run in one sweep")
    made: list[Variant] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for settings in ({}, *_combined(vary, how)):
        try:
            one = _made(design, settings, recalibrate, looks_in_proportion)
        except DesignError as error:
            hint = _hint(error, settings, looks_in_proportion)
            source = f"{error.source}: " if error.source else ""
            problems += [Problem(f"{source}{p.path}", f"{p.message}{hint}") for p in error.problems]
            continue
        if one.digest not in seen:
            seen.add(one.digest)
            made.append(one)
    if problems:
        raise DesignError(list(dict.fromkeys(problems)))
    return made


def _how_many(sizes: list[int], how: How) -> int:
    number = 1
    if how == "grid":
        for size in sizes:
            number *= size
        return number
    pairs = sum(a * b for a, b in itertools.combinations(sizes, 2)) if how == "pairs" else 0
    return sum(sizes) + pairs


def _combined(vary: Mapping[str, Sequence[Any]], how: How) -> Iterable[dict[str, Any]]:
    together_ = {"grid": [len(vary)], "one_at_a_time": [1], "pairs": [1, 2]}[how]
    for number in together_:
        for keys in itertools.combinations(vary, number):
            for values in itertools.product(*(vary[key] for key in keys)):
                yield dict(zip(keys, values, strict=True))


def _made(
    design: Design, settings: Mapping[str, Any], recalibrate: bool, in_proportion: bool
) -> Variant:
    changes = dict(settings)
    if in_proportion and SIZE in settings:
        changes |= _looks_for(design, settings)
    if recalibrate:
        changes |= _to_calibrate(design, settings)
    return Variant(settings, design.replace(changes) if changes else design)


def design_of_size(
    design: Design, size: int, recalibrate: bool, looks: Mapping[str, Any] | None = None
) -> Design:
    """A design with another ``max_n``, its looks moved with it.

    Parameters
    ----------
    looks
        Settings for other looks than those in proportion.
    """
    return _made(design, {SIZE: size, **(looks or {})}, recalibrate, in_proportion=True).design


def _looks_for(design: Design, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Looks by number moved with ``max_n``, where they are not varied themselves."""
    looks, size = design.looks, settings[SIZE]
    varied = [key for key in settings if steps_of(key)[0] == "looks"]
    if looks.counts.by_calendar or varied or not isinstance(size, int) or size < 1:
        return {}
    return {"looks": looks.written(moved_with_size(design, size))}


def _to_calibrate(design: Design, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Let the thresholds of the success rules be calibrated, for the error in ``[calibration]``."""
    problems, found = [], {}
    if design.calibration is None and not any(key.startswith("calibration") for key in settings):
        message = "missing; --recalibrate needs [calibration] type_one_error = 0.025"
        problems.append(Problem("calibration", message))
    for place, rule in enumerate(design.rules):
        if rule.decision.ends != SUCCESS:
            continue
        key = path_to("rules", rule.name, "below" if rule.below is not None else "at_least")
        if together(rule) is not None:
            problems.append(
                Problem(path_to("rules", rule.name), "asks several questions; --recalibrate finds "
                        "the threshold of a rule that asks one")
            )  # fmt: skip
        for varied in (key, path_to("rules", place, *steps_of(key)[2:])):
            if any(one == varied or one.startswith(f"{varied}[") for one in settings):
                problems.append(
                    Problem(varied, "is calibrated anew by --recalibrate, so that it is not varied")
                )
        found[key] = "calibrate"
    if problems:
        raise DesignError(problems)
    return found


def _hint(error: DesignError, settings: Mapping[str, Any], in_proportion: bool) -> str:
    """What to type where looks no longer fit the size."""
    beyond = any(p.path.startswith("looks") for p in error.problems)
    if SIZE in settings and beyond and not in_proportion:
        return "; --looks-in-proportion moves the looks with it"
    return ""
