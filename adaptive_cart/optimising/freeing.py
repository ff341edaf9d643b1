"""What of a design is free: keys between two values, and the number and timing of its looks.

A candidate is a point of the unit cube, a coordinate a key; of looks one for their number and one
for the time of each but the last. Sizes and looks come out in whole allocation blocks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.design.file import digest_of
from adaptive_cart.design.replacing import key_and_text
from adaptive_cart.design.validation import at as value_at
from adaptive_cart.design.validation import shown, steps_of
from adaptive_cart.errors import DesignError, InputError, Problem
from adaptive_cart.nouns.records import Floats
from adaptive_cart.sweeps.moving_looks import (
    FreeLooks,
    at_shares,
    block_of,
    free_looks,
    shares_of,
    with_numbers,
    wrong_looks,
)
from adaptive_cart.sweeps.varying import SIZE, vary_of

FREE = "--free"
STEPS = 1_000  # into which a range without a step is cut, at least
UNKNOWN = ("scenarios", "truth", "design_prior", "simulation", "sensitivity", "calibration")
_BETWEEN = re.compile(r"\s*([-+\d.eE_]+)\s*:\s*([-+\d.eE_]+)\s*")


@dataclass(frozen=True)
class Freed:
    """A key and the values that it may take.

    Attributes
    ----------
    values
        One by one; none of a range without a step.
    low, high
        Of such a range.
    """

    key: str
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0

    @property
    def number(self) -> float:
        """How many values there are; of a range without a step, so many as are told apart."""
        if self.values:
            return len(self.values)
        return round((self.high - self.low) * 10.0**self.decimals) + 1

    @property
    def decimals(self) -> int:
        """Of a value in a range without a step: a thousandth of the range, or less, is one."""
        return max(0, math.ceil(-math.log10((self.high - self.low) / STEPS)))

    def at(self, place: float) -> Any:
        """The value at a place from 0 to 1."""
        if self.values:
            return self.values[min(int(place * len(self.values)), len(self.values) - 1)]
        return round(float(self.low + place * (self.high - self.low)), self.decimals)

    def place_of(self, value: Any) -> float | None:
        """Where a value lies, from 0 to 1; nothing where it is not free to be that."""
        if self.values:
            same = [k for k, one in enumerate(self.values) if one == value]
            return (same[0] + 0.5) / len(self.values) if same else None
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not self.low <= value <= self.high:
            return None
        return float((value - self.low) / (self.high - self.low))

    def place(self, place: float) -> float:
        """The place in the middle of all that have the same value."""
        many = len(self.values)
        return float(place) if not many else (min(int(place * many), many - 1) + 0.5) / many

    def words(self) -> str:
        """Say it: ``rules.efficacy.at_least from 0.97 to 0.999``."""
        blocks = ", to the nearest whole allocation block" if self.key == SIZE else ""
        return self._reach() + blocks

    def _reach(self) -> str:
        if not self.values:
            return f"{self.key} from {self.low:g} to {self.high:g}"
        if len(self.values) > 4:
            return f"{self.key}, {len(self.values)} values from {shown(self.values[0], 20)} to " + (
                shown(self.values[-1], 20)
            )
        return f"{self.key} of {', '.join(shown(value, 20) for value in self.values)}"


@dataclass(frozen=True)
class Candidate:
    """A design with what is free set to some values.

    Attributes
    ----------
    settings
        By key, looks among them where they are not as written.
    """

    settings: Mapping[str, Any]
    design: Design

    @cached_property
    def digest(self) -> str:
        """Fingerprint of its design, before anything is calibrated."""
        return digest_of(self.design)


# ── what was typed ────────────────────────────────────────────────────────────────────────────
def freed_of(typed: Iterable[str]) -> dict[str, Any]:
    """Read ``KEY=LOW:HIGH``, ``KEY=LOW:HIGH:STEP`` and ``KEY=VALUE,VALUE``.

    Returns
    -------
    By key: a pair of numbers, or a list of values.
    """
    found: dict[str, Any] = {}
    problems = []
    for text in typed:
        try:
            key, values = key_and_text(text, FREE)
            if key in found:
                raise InputError(f"{FREE}: {key} is given twice; once is enough")
            ends = _BETWEEN.fullmatch(values)
            found[key] = _ends(ends) if ends else vary_of([text], FREE)[key]
        except InputError as error:
            problems.append(Problem("", str(error)))
        except ValueError:
            wanted = "LOW:HIGH, LOW:HIGH:STEP or VALUE,VALUE is expected"
            problems.append(Problem("", f"{FREE} {key}: found {shown(values)}; {wanted}"))
    if problems:
        raise DesignError(problems)
    return found


def _ends(found: re.Match[str]) -> tuple[float, float]:
    low, high = (part.replace("_", "") for part in found.groups())
    whole = all(re.fullmatch(r"[-+]?\d+", part) for part in (low, high))
    return (int(low), int(high)) if whole else (float(low), float(high))


# ── all candidates ────────────────────────────────────────────────────────────────────────────
@dataclass
class Space:
    """All candidates.

    Attributes
    ----------
    refused
        By message, how many candidates were no designs.
    """

    design: Design
    freed: tuple[Freed, ...]
    looks: FreeLooks | None
    refused: dict[str, int] = field(default_factory=dict)
    _made: dict[str, Candidate | None] = field(default_factory=dict)

    @property
    def dimensions(self) -> int:
        """Coordinates of a candidate."""
        return len(self.freed) + (0 if self.looks is None else self.looks.most)

    @property
    def number(self) -> float:
        """How many candidates there are at most; infinite where looks are free."""
        many = math.prod(freed.number for freed in self.freed)
        return many if self.looks is None else math.inf

    def all(self) -> Iterable[Sequence[float]]:
        """A point for each of them, where their number is finite."""
        import itertools

        steps = [[(k + 0.5) / freed.number for k in range(int(freed.number))]
                 if freed.values else _even(int(freed.number)) for freed in self.freed]  # fmt: skip
        return itertools.product(*steps)

    def candidate(self, at: Sequence[float]) -> Candidate | None:
        """The candidate at a point; nothing where that is no design."""
        settings = {f.key: f.at(place) for f, place in zip(self.freed, at, strict=False)}
        shares = self._shares(at[len(self.freed) :])
        key = repr((settings, shares))
        if key not in self._made:
            try:
                self._made[key] = made(self.design, settings, shares)
            except DesignError as error:
                self._made[key] = None
                message = str(error.problems[0])
                self.refused[message] = self.refused.get(message, 0) + 1
        return self._made[key]

    def written(self) -> list[float] | None:
        """The point of the design as written; nothing where that lies outside what is free."""
        plain = self.design.plain()
        plain["rules"] = {rule["name"]: rule for rule in plain["rules"]}
        found = [freed.place_of(value_at(plain, steps_of(freed.key))) for freed in self.freed]
        if self.looks is not None:
            fewest, most, number = self.looks.fewest, self.looks.most, self.design.looks.number
            early = shares_of(self.design)
            inside = fewest <= number <= most
            found.append((number - fewest + 0.5) / (most - fewest + 1) if inside else None)
            found += [*early, *[1.0] * (most - 1 - len(early))]
        known = [place for place in found if place is not None]
        return known if len(known) == len(found) else None

    def features(self, at: Sequence[float]) -> Floats:
        """What a design at a point is, in numbers from 0 to 1: alike for designs that are alike.

        Keys by their place, then looks as shares of the last one; looks that it has not at 1.
        """
        keys = [freed.place(place) for freed, place in zip(self.freed, at, strict=False)]
        shares = self._shares(at[len(self.freed) :])
        if self.looks is None or shares is None:
            return np.array(keys)
        return np.array([*keys, *shares, *[1.0] * (self.looks.most - len(shares))][:-1])

    def _shares(self, at: Sequence[float]) -> list[float] | None:
        """Times of looks, as shares of the last; nothing where they are as written."""
        if self.looks is None:
            return None
        fewest, most = self.looks.fewest, self.looks.most
        number = min(fewest + int(at[0] * (most - fewest + 1)), most)
        return [*sorted(float(share) for share in at[1:number]), 1.0]


def _even(number: int) -> list[float]:
    return [k / (number - 1) for k in range(number)]


def made(
    design: Design, settings: Mapping[str, Any], shares: Sequence[float] | None = None
) -> Candidate:
    """A design with keys set otherwise, its size and its looks in whole allocation blocks.

    Parameters
    ----------
    shares
        Times of the looks as shares of the last; those of the design as written if left out.
    """
    others = {key: value for key, value in settings.items() if key != SIZE}
    blocks = design.replace(others) if others else design
    written, block = design.enrolment.max_n, block_of(blocks)
    size = settings.get(SIZE, written)
    moved = size != written or block != block_of(design)
    if shares is None and not moved:
        return Candidate(dict(settings), blocks)
    if not isinstance(size, int) or size < 1:
        raise DesignError([Problem(SIZE, f"found {shown(size)}; a whole number is expected")])
    size = max(int(Fraction(size, block) + Fraction(1, 2)), 1) * block if moved else size
    changes = {**settings, **({SIZE: size} if moved else {})}
    if shares is not None:
        changes |= with_numbers(design, free_looks(design, size, block, shares))
    elif not design.looks.counts.by_calendar:
        changes |= with_numbers(design, at_shares(design, size, block))
    found = design.replace(changes) if changes else design
    return Candidate(changes, found)


# ── checks ────────────────────────────────────────────────────────────────────────────────────
def space_of(
    design: Design, free: Mapping[str, Any], looks: tuple[int, int] | None
) -> tuple[Space, list[Problem]]:
    """All candidates, and every problem of what is free."""
    problems: list[Problem] = []
    freed = []
    for key, values in free.items():
        found = _freed(key, values)
        if isinstance(found, Problem):
            problems.append(found)
            continue
        wrong = _wrong_key(design, found, looks)
        problems += wrong
        if not wrong:
            freed.append(found)
    if not free and looks is None:
        message = "nothing is free; write --free KEY=LOW:HIGH, or --looks FEWEST:MOST"
        problems.append(Problem(FREE, message))
    freed_looks = None
    if looks is not None:
        freed_looks = FreeLooks(*looks)
        problems += wrong_looks(design, freed_looks, by_calendar=True)
    return Space(design, tuple(freed), freed_looks), problems


def _freed(key: str, values: Any) -> Freed | Problem:
    where = f"{FREE} {key}"
    if isinstance(values, tuple) and len(values) == 2:
        low, high = values
        if any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
            return Problem(where, f"found {values}; two numbers are expected")
        if not low < high:
            return Problem(where, f"found {low:g}:{high:g}, a range without values; LOW < HIGH")
        if isinstance(low, int) and isinstance(high, int):
            return Freed(key, tuple(range(low, high + 1)))
        return Freed(key, (), float(low), float(high))
    listed = tuple(values)
    if not listed:
        return Problem(where, "has no values; LOW:HIGH, LOW:HIGH:STEP or VALUE,VALUE is expected")
    return Freed(key, listed)


def _wrong_key(design: Design, freed: Freed, looks: tuple[int, int] | None) -> list[Problem]:
    """Problems of a key by itself, at both ends of what it may be."""
    where, steps = f"{FREE} {freed.key}", steps_of(freed.key)
    if steps and steps[0] in UNKNOWN:
        message = f"is nobody's to choose; `sweep --vary {freed.key}=…` shows what hangs on it"
        return [Problem(where, message)]
    if looks is not None and steps and steps[0] == "looks":
        return [Problem(where, "goes with looks as written, and --looks frees them; give one")]
    problems: dict[str, Problem] = {}
    for place in (0.0, 1.0):
        try:
            made(design, {freed.key: freed.at(place)})
        except DesignError as error:
            for one in error.problems:
                problems.setdefault(one.message, Problem(where, str(one)))
        except InputError as error:
            problems.setdefault(str(error), Problem(where, str(error)))
    return list(problems.values())
