"""A table of early series from a CSV file: read whole, or refused with every problem at once.

The columns are those of ``designs/early_series.csv``; a blank cell was not reported. Rows are
counted as in a spreadsheet: the header is row 1.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from adaptive_cart.errors import DesignError, InputError, Problem, nearest, one_of
from adaptive_cart.evidence.outcomes import OUTCOMES, Outcome
from adaptive_cart.evidence.series import Record, Series

LARGEST = 1_000_000  # bytes
MOST_SERIES = 200
MOST_PARTICIPANTS = 2_000  # counted for one outcome
LONGEST = 600.0  # months of follow-up
GRADES = ("A", "B")
COUNTS = (
    ("responders", "participants"),
    ("relapses", "relapse_participants"),
    ("crs3", "safety_participants"),
    ("icans3", "safety_participants"),
)
_NUMBERS = tuple(dict.fromkeys(name for pair in COUNTS for name in pair))
_WORDS = ("product", "class", "disease", "source")  # needed in every row
COLUMNS = (
    *("series", "product", "class", "disease", "participants", "responders", "endpoint"),
    *("follow_up_months", "relapse_participants", "relapses"),
    *("safety_participants", "crs3", "icans3"),
    *("counts_for", "not_counted_because", "grade", "source"),
)
NOTHING = "none"  # of the outcomes that a row may count for


def read_series(path: Path) -> Record:
    """Read a table of published early series.

    Raises
    ------
    InputError
        If the file cannot be read, or with every problem of the table, by row and column.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(content) > LARGEST:
        raise InputError(f"{path}: is larger than {LARGEST:,} bytes; is it a table of series?")
    if content.startswith(b"PK\x03\x04"):
        raise InputError(f"{path}: is a spreadsheet or a zip archive; save it as CSV (UTF-8)")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start}); save it so") from None
    return parsed_series(text, str(path), hashlib.sha256(content).hexdigest())


def parsed_series(text: str, source: str = "", digest: str = "") -> Record:
    """Read a table of early series from its text; see :func:`read_series`."""
    try:
        read = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise DesignError([Problem("", f"is no CSV: {error}")], source) from None
    rows = [
        (number, [cell.strip() for cell in row])
        for number, row in enumerate(read, start=1)
        if any(cell.strip() for cell in row)
    ]
    if not rows:
        message = f"the file is empty; the columns are {one_of(COLUMNS)}"
        raise DesignError([Problem("", message)], source)
    header = rows[0][1]
    problems = list(_header_problems(header))
    if not problems and len(rows) == 1:
        problems.append(Problem("", "there is a header but no series"))
    if len(rows) - 1 > MOST_SERIES:
        message = f"{len(rows) - 1} series; at most {MOST_SERIES} are read"
        problems.append(Problem("", message))
    if problems:
        raise DesignError(problems, source)
    found = []
    for number, cells in rows[1:]:
        if len(cells) != len(header):
            message = f"has {len(cells)} cells; the header has {len(header)}"
            problems.append(Problem(f"row {number}", message))
            continue
        reading = _Row(number, dict(zip(header, cells, strict=True)))
        found.append(reading.series())
        problems.extend(reading.problems)
    problems.extend(_problems_together(found))
    if problems:
        raise DesignError(problems, source)
    return Record(tuple(found), source or "series", digest)


def _header_problems(header: list[str]) -> Iterator[Problem]:
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        yield Problem("row 1", "cells are to be separated by commas")
        return
    for name in header:
        if name not in COLUMNS:
            message = f"no such column{nearest(name, COLUMNS)}; the columns are {one_of(COLUMNS)}"
            yield Problem(f"row 1, {name or 'an empty cell'}", message)
    for name, times in Counter(header).items():
        if times > 1:
            yield Problem(f"row 1, {name}", "is there twice")
    for name in COLUMNS:
        if name not in header:
            yield Problem("row 1", f"there is no column '{name}'; leave its cells blank instead")


class _Row:
    """One row, and what is wrong with it."""

    def __init__(self, number: int, cells: dict[str, str]) -> None:
        self.problems: list[Problem] = []
        self._number, self._cells = number, cells

    def _wrong(self, column: str, message: str) -> None:
        self.problems.append(Problem(f"row {self._number}, {column}", message))

    def _count(self, column: str) -> int | None:
        cell = self._cells[column]
        if not cell:
            return None
        if cell.isdigit() and cell.isascii() and len(cell) < 10:
            return int(cell)
        self._wrong(column, f"found {cell!r}; a whole number, 0 or more, or a blank is expected")
        return None

    def _months(self) -> float | None:
        cell = self._cells["follow_up_months"]
        if not cell:
            return None
        try:
            months = float(cell)
        except ValueError:
            months = math.nan
        if 0.0 < months <= LONGEST:
            return months
        message = f"found {cell!r}; months, more than 0 and at most {LONGEST:g}, are expected"
        self._wrong("follow_up_months", message)
        return None

    def _counts_for(self) -> tuple[str, ...]:
        words = self._cells["counts_for"].split()
        if not words:
            self._wrong("counts_for", f"is blank; {one_of(OUTCOMES)} or {NOTHING} is expected")
        for word in words:
            if word not in (*OUTCOMES, NOTHING):
                allowed = one_of((*OUTCOMES, NOTHING))
                near = nearest(word, [*OUTCOMES, NOTHING])
                self._wrong("counts_for", f"found '{word}'{near}; {allowed} is expected")
        if NOTHING in words and len(words) > 1:
            self._wrong("counts_for", f"found '{NOTHING}' beside others")
        return tuple(name for name in OUTCOMES if name in words)

    def series(self) -> Series:
        cells = self._cells
        for column in _WORDS:
            if not cells[column]:
                self._wrong(column, "is blank; every series needs it")
        if cells["grade"] not in GRADES:
            message = f"found {cells['grade']!r}; {one_of(GRADES)} is expected"
            self._wrong("grade", message)
        numbers = {name: self._count(name) for name in _NUMBERS}
        months = self._months()
        for events, size in COUNTS:
            seen, among = numbers[events], numbers[size]
            if seen is not None and among is None and not cells[size]:
                self._wrong(events, f"found {seen}, and '{size}' is blank: of how many?")
            elif seen is not None and among is not None and seen > among:
                self._wrong(events, f"found {seen} of {among} in '{size}'")
        counts_for = self._counts_for()
        for outcome in (OUTCOMES[name] for name in counts_for):
            self._needed(outcome, numbers, months)
        if not counts_for and not cells["not_counted_because"]:
            self._wrong("not_counted_because", "is blank; say why the series counts for nothing")
        return Series(
            cells["series"] or f"row {self._number}",
            cells["product"],
            cells["class"],
            cells["disease"],
            numbers["participants"],
            numbers["responders"],
            cells["endpoint"],
            months,
            numbers["relapse_participants"],
            numbers["relapses"],
            numbers["safety_participants"],
            numbers["crs3"],
            numbers["icans3"],
            counts_for,
            cells["not_counted_because"],
            cells["grade"],
            cells["source"],
        )

    def _needed(
        self, outcome: Outcome, numbers: dict[str, int | None], months: float | None
    ) -> None:
        """What an outcome for which the row counts is made of has to be there."""
        for column in (outcome.events, outcome.size):
            if numbers[column] is None and not self._cells[column]:
                message = f"is blank, and the row counts for '{outcome.name}'"
                self._wrong(column, message)
        if numbers[outcome.size] == 0:
            self._wrong(outcome.size, f"found 0, and the row counts for '{outcome.name}'")
        if outcome.by_months and months is None and not self._cells["follow_up_months"]:
            self._wrong("follow_up_months", f"is blank, and the row counts for '{outcome.name}'")


def _problems_together(rows: list[Series]) -> Iterator[Problem]:
    for name, times in Counter(row.name for row in rows).items():
        if times > 1:
            yield Problem("series", f"'{name}' is there {times} times; every series is named once")
    record = Record(tuple(rows))
    if not any(record.outcomes()):
        yield Problem("counts_for", "no series counts for anything: there is nothing to learn from")
    for outcome in record.outcomes():
        total = sum(getattr(row, outcome.size) or 0 for row in record.counted(outcome))
        if total > MOST_PARTICIPANTS:
            message = (
                f"{total:,} participants count for '{outcome.name}'; at most "
                f"{MOST_PARTICIPANTS:,} do in a table of early series"
            )
            yield Problem(outcome.size, message)
