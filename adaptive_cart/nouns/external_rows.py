"""External participants one by one: what they had, weighted to those whom the trial will enrol.

Weighted numbers count as so many participants as are left in effect (Kish), rounded to four
decimals, and these are what every prior and comparison takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from adaptive_cart.errors import nearest, one_of
from adaptive_cart.nouns.entropy_balance import Balanced, NoOverlap, balanced
from adaptive_cart.nouns.records import Floats

LEAST = 10.0  # participants in effect; fewer are too few to say what the others would have had
MOST = 1_000  # rows
DIGITS = 4  # decimals of what is counted
OUTCOMES = ("responder", "change", "events", "months")  # columns of what a participant had

Rows = Mapping[str, Sequence[float]]


def faults(rows: Rows, target: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """What is wrong with a table and its target: (key, message)."""
    columns = [name for name in rows if name not in OUTCOMES]
    lengths = {name: len(column) for name, column in rows.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length:,}" for name, length in lengths.items())
        yield "rows", f"found columns of different lengths: {told}"
        return
    number = next(iter(lengths.values()), 0)
    if number > MOST:
        yield "rows", f"found {number:,} rows; at most {MOST:,} are expected: draw a sample of them"
        return
    if number < 2:
        yield "rows", f"found {number} rows; at least 2 are expected"
        return
    for name in target:
        if name not in columns:
            known = one_of(columns) or "none"
            yield (
                f"target.{name}",
                f"no covariate of the table{nearest(name, columns)}; the covariates are {known}",
            )
    for name in columns:
        if name not in target:
            yield f"rows.{name}", f"nothing is done with it: write target.{name}, or leave it out"
    yield from _impossible(rows)


def _impossible(rows: Rows) -> Iterator[tuple[str, str]]:
    """Outcomes that nobody can have."""
    sound: dict[str, tuple[Callable[[float], bool], str]] = {
        "responder": (lambda v: v in (0.0, 1.0), "0 (no) or 1 (yes)"),
        "events": (lambda v: v >= 0.0 and float(v).is_integer(), "a whole number from 0"),
        "months": (lambda v: v > 0.0, "a number more than 0"),
    }
    for name, (fits, wanted) in sound.items():
        wrong = [(row, v) for row, v in enumerate(rows.get(name, ()), start=1) if not fits(v)]
        if wrong:
            row, value = wrong[0]
            yield f"rows.{name}", f"found {value:g} in row {row}; {wanted} is expected"


def weighed(rows: Rows, target: Mapping[str, float]) -> Balanced:
    """Weights that give the target.

    Raises
    ------
    NoOverlap
        In words, where there are none, or where too few participants are left in effect.
    """
    covariates = np.array([rows[name] for name in target], dtype=np.float64).T
    aims = np.array(list(target.values()), dtype=np.float64)
    for name, column, aim in zip(target, covariates.T, aims, strict=True):
        low, high = column.min(), column.max()
        if not low <= aim <= high:
            raise NoOverlap(
                f"no overlap: the mean of {name} is to be {aim:g}, and these participants have "
                f"{low:g} to {high:g}"
            )
    try:
        found = balanced(covariates, aims)
    except NoOverlap:
        together = one_of(list(target))
        raise NoOverlap(
            f"no overlap: no weights of these participants have the means of {together} together"
        ) from None
    if found.effective < LEAST:
        raise NoOverlap(
            f"too little overlap: of {len(covariates)} participants {found.effective:.1f} are left "
            f"in effect, and at least {LEAST:g} are expected"
        )
    return found


def counted(rows: Rows, weights: Floats) -> dict[str, float]:
    """What was seen, by the key of numbers told together; weighted to the number in effect."""
    effective = float(1.0 / (weights**2).sum())
    columns = {name: np.array(rows[name], dtype=np.float64) for name in OUTCOMES if name in rows}
    mean = {name: float(weights @ column) for name, column in columns.items()}
    found = {"participants": round(effective, DIGITS)}
    if "responder" in mean:
        found["responders"] = round(effective * mean["responder"], DIGITS)
    if "change" in mean:
        squares = float(weights @ (columns["change"] - mean["change"]) ** 2)
        found["mean"] = round(mean["change"], DIGITS)
        found["sd"] = round(math.sqrt(squares * effective / (effective - 1.0)), DIGITS)
    if "events" in mean and "months" in mean:
        found["events"] = round(effective * mean["events"], DIGITS)
        found["months"] = round(effective * mean["months"], DIGITS)
    return found


def whole(counts: Mapping[str, float]) -> dict[str, float]:
    """The same of whole participants: as many as are in effect, and no more."""
    found = dict(counts)
    found["participants"] = math.floor(counts["participants"])
    for key in ("responders", "events"):
        if key in found:
            found[key] = round(found[key])
    if "responders" in found:
        found["responders"] = min(found["responders"], found["participants"])
    return found
