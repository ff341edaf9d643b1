"""Dates of a participants table: read as months, and months written as dates.

A moment is written as a number of months or as a date of ISO 8601 (``2024-03-01``, or with a time,
``2024-03-01T09:30:00``), cell by cell; a column of months may be called ``randomised_date`` instead
of ``randomised_month``, and both may stand there. Months are days / 30.4375, as everywhere. Before
anything else is read a table is put in months here, so that the same trial in dates and in months
is the same trial.

When the trial opened is told beside the table and not in the design: a design is fixed before a
trial opens, its results are kept under its fingerprint, and a simulated trial has no calendar.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, TypeAlias

import numpy as np

from adaptive_cart.design.column_names import INFUSION, OF_PARTICIPANTS, SPELL, columns_of
from adaptive_cart.design.design import Design
from adaptive_cart.errors import InputError
from adaptive_cart.nouns.parts import DAYS_PER_MONTH, ONE_DAY

Rows = list[tuple[int, dict[str, str]]]

Day: TypeAlias = str | date | datetime  # as it may be typed

RANDOMISED = "randomised_month"
TELL = (
    "say on which day the trial opened, from which months of randomisation count: "
    "--opened YYYY-MM-DD"
)
_ISO = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?))?")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_OTHER = re.compile(
    r"\d{1,4}[./]\d{1,2}[./]\d{1,4}( .*)?|\d{1,2}-\d{1,2}-\d{2,4}|\d{4}-\d{1,2}(-\d{1,2})?"
    r"|\d{1,2}[- ]?[A-Za-z]{3}[- ]?\d{2,4}(:.*)?|\d{4}-\d{2}-\d{2}.*"
)
_NAMED = re.compile(r"(\d{1,2})[- ]?([A-Za-z]{3})[- ]?(\d{4})")
_SERIAL = (20_000.0, 80_000.0)  # days since 1900 as a spreadsheet counts them: 1954 to 2119
_EPOCH = date(1899, 12, 30)
_ALIKE = 16  # letters by which two messages are of one kind
_MANY = 10  # different numbers that are all whole days: they were days
_LATEST = 12_000.0  # months: a larger number has no date, and is refused where it stands
_WHOLE = 0.02  # days by which a month that is rounded misses its day


# ── one moment ────────────────────────────────────────────────────────────────────────────────
def moment(text: str) -> datetime | None:
    """The moment that an ISO date names; nothing where the text is none, or names no day."""
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2] or '00:00'}")
    except ValueError:
        return None


def opening(day: Day | None) -> datetime | None:
    """The day on which the trial opened, as it was typed.

    Raises
    ------
    InputError
        If it is no date.
    """
    if day is None or isinstance(day, datetime):
        return day
    found = moment(str(day))
    if found is None:
        raise InputError(f"--opened: found '{day}'; a date YYYY-MM-DD is expected")
    return found


def cut_at(text: str | float | None, opened: datetime | None) -> float | None:
    """The calendar month of a cut, typed as a month or as a date: the end of that day.

    Raises
    ------
    InputError
        If it is neither, or a date without the day on which the trial opened.
    """
    if text is None or isinstance(text, int | float):
        return text
    if _NUMBER.fullmatch(text):
        return float(text)
    found = moment(text)
    if found is None:
        raise InputError(f"--as-of: found '{text}'; a calendar month or YYYY-MM-DD is expected")
    if opened is None:
        raise InputError(f"--as-of: found '{text}'; with a date {TELL}")
    end = found + timedelta(days=1, seconds=-1) if _whole(found) else found
    return months_between(opened, end)


def months_between(one: datetime, other: datetime) -> float:
    """Months from one moment to another, days / 30.4375."""
    return (other - one) / timedelta(days=1) / DAYS_PER_MONTH


def later_by(months: float, since: datetime) -> datetime:
    """The moment so many months later, to the second."""
    return since + timedelta(seconds=round(months * DAYS_PER_MONTH * 86_400.0))


def day_of(month: float, opened: datetime | None) -> str | None:
    """The date of a calendar month, where it is known when the trial opened."""
    return None if opened is None else f"{later_by(month, opened):%Y-%m-%d}"


def _number(text: str) -> float | None:
    """A number that may be one of months; nothing where it is no number, or beyond any calendar."""
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    return number if abs(number) < _LATEST else None


def _whole(when: datetime) -> bool:
    return when.time() == time()


# ── a table with dates, in months ─────────────────────────────────────────────────────────────
@dataclass
class InMonths:
    """A table whose moments are all in months.

    Attributes
    ----------
    columns, rows
        With the names that months have.
    written
        By row and column: what the cell is called and holds in the file, where that is a date.
    problems
        Row, column of months, what it is called in the file, and what is wrong with a date.
    unread
        Row and column of cells that are no months, as has been told.
    resolution
        Months to which moments are known: a day where all are whole days, else nothing.
    opened
        The day on which the trial opened, where the table has dates.
    """

    columns: list[str]
    rows: Rows
    written: dict[tuple[int, str], tuple[str, str]] = field(default_factory=dict)
    problems: list[tuple[int, str, str, str]] = field(default_factory=list)
    unread: set[tuple[int, str]] = field(default_factory=set)
    resolution: float = 0.0
    opened: datetime | None = None

    @property
    def dated(self) -> bool:
        """Whether any cell holds a date."""
        return bool(self.written)


def month_column(column: str) -> str:
    """The name that a column of dates has among those of months; any other keeps its own."""
    other = column.removesuffix("_date") + "_month"
    known = other in OF_PARTICIPANTS or SPELL.fullmatch(other.replace("relapse", "remission"))
    known = known or INFUSION.fullmatch(other)
    return other if column.endswith("_date") and known else column


def date_column(column: str) -> str:
    """The name of a column of months where it holds dates."""
    dated = column.removesuffix("_month") + "_date"
    return dated if column.endswith("_month") and month_column(dated) == column else column


def moments_of(design: Design, columns: Iterable[str]) -> list[str]:
    """Columns that hold moments, by the names that months have."""
    own = {c: e for name, e in design.endpoints.items() for c in columns_of(name, e)}
    return [
        column
        for column in columns
        if date_column(column) != column
        or (column in own and (direct := own[column].direct) and direct.moments)
    ]


def in_months(
    design: Design, columns: Sequence[str], rows: Rows, opened: datetime | None = None
) -> InMonths:
    """Put a table with dates in months; one without is left as it is."""
    beside = {date_column(c) for c in columns if date_column(c) != c} & set(columns)
    kept = [column for column in columns if column not in beside]
    called = {month_column(column): column for column in kept}
    moments = [m for m in moments_of(design, called) if m in called]
    found = InMonths([month_column(column) for column in kept], [], opened=opened)
    table = _Table(found, called, moments)
    for row, cells in rows:
        mine = {month_column(column): cells.get(column, "") for column in kept}
        aside = {month_column(column): cells.get(column, "") for column in beside}
        found.rows.append((row, table.read(row, mine, aside)))
    table.finish()
    return found


class _Table:
    """Reads rows one after the other and keeps when their participants were randomised."""

    def __init__(self, found: InMonths, called: Mapping[str, str], moments: Sequence[str]) -> None:
        self.found = found
        self.called = called
        self.moments = moments
        self.values: list[float] = []
        self.whole = True
        self.first: datetime | None = None
        self.opening: tuple[int, datetime] | None = None  # as the first row says it
        self.without: tuple[int, str, str] | None = None  # first date that waits for an opening
        self.unlike: dict[tuple[str, str, str], list[tuple[int, str]]] = {}  # no dates, by kind

    def read(self, row: int, cells: dict[str, str], aside: Mapping[str, str]) -> dict[str, str]:
        """A row in months; ``aside`` are dates that stand beside months."""
        origin = self._origin(row, cells, aside.get(RANDOMISED, ""))
        for column in self.moments:
            if column == RANDOMISED:
                continue
            cells[column] = self._cell(row, column, cells[column], origin)
            if aside.get(column):
                self._beside(row, column, cells, aside[column], origin)
        return cells

    def _origin(self, row: int, cells: dict[str, str], aside: str) -> datetime | None:
        """When the participant was randomised, as far as that is known."""
        opened, text = self.found.opened, cells.get(RANDOMISED, "")
        when = self._moment(row, RANDOMISED, aside or text, bool(aside))
        month = _number(text)
        if month is not None:
            self.values.append(month)
        if when is None:
            return None if month is None or opened is None else later_by(month, opened)
        self.first = when if self.first is None else min(self.first, when)
        if month is not None:
            self._agree(row, when, month)
        elif opened is None:
            self.without = self.without or (row, RANDOMISED, aside or text)
            cells[RANDOMISED] = "0"
        else:
            cells[RANDOMISED] = self._months(row, RANDOMISED, opened, when)
        return when

    def _agree(self, row: int, when: datetime, month: float) -> None:
        """Hold a date of randomisation against the month that stands beside it."""
        own = when - timedelta(days=month * DAYS_PER_MONTH)
        first, said = self.opening or (row, self.found.opened or own)
        self.opening = first, said
        if abs(own - said) > timedelta(days=1):
            than = f"by row {first}" if self.found.opened is None else "by --opened"
            self._wrong(
                row,
                RANDOMISED,
                f"found {when:%Y-%m-%d} and month {month:g}: so the trial opened on "
                f"{own:%Y-%m-%d}, and {than} on {said:%Y-%m-%d}; leave one of them blank",
            )

    def _beside(
        self, row: int, column: str, cells: dict[str, str], text: str, origin: datetime | None
    ) -> None:
        """A date beside the month of the same thing: one of them, or both if they agree."""
        month, dated = cells[column], self._cell(row, column, text, origin, True)
        number, other_number = _number(month), _number(dated)
        if not month:
            cells[column] = dated
        elif number is None or other_number is None:
            return
        elif abs(number - other_number) > ONE_DAY:
            other = f"{text} (month {other_number:.2f})"
            self._wrong(row, column, f"found {other} and {month}; leave one of them blank")

    def _cell(
        self, row: int, column: str, text: str, origin: datetime | None, aside: bool = False
    ) -> str:
        """A cell in months; of several moments each."""
        parts = [self._part(row, column, p.strip(), origin, aside) for p in text.split(";")]
        return ";".join(parts)

    def _part(self, row: int, column: str, text: str, origin: datetime | None, aside: bool) -> str:
        when = self._moment(row, column, text, aside)
        if when is None:
            number = _number(text)
            if number is not None:
                self.values.append(number)
            return text
        if origin is None:
            if (row, RANDOMISED) not in self.found.unread:
                self.without = self.without or (row, column, text)
            self.found.unread.add((row, column))
            return text
        return self._months(row, column, origin, when)

    def _months(self, row: int, column: str, since: datetime, when: datetime) -> str:
        """Months as a cell holds them; before their origin there are none."""
        months = months_between(since, when)
        if months < 0.0:
            before = "the trial opened" if column == RANDOMISED else "randomisation"
            self._wrong(row, column, f"found {when:%Y-%m-%d}, before {before} ({since:%Y-%m-%d})")
        self.values.append(months)
        return repr(months)

    def _moment(self, row: int, column: str, text: str, aside: bool) -> datetime | None:
        """The moment that a cell names; what is no date is told."""
        when = moment(text)
        name = date_column(column) if aside else self.called.get(column, column)
        if when is not None:
            self.whole &= _whole(when)
            held = self.found.written.get((row, column))
            self.found.written[row, column] = name, text if held is None else f"{held[1]};{text}"
            return when
        wants = name != column
        if not text or (_NUMBER.fullmatch(text) and not wants and not _serial(text)):
            return None
        why = no_date(text)
        if why is None and wants:
            why = f"found '{text}'; a date YYYY-MM-DD is expected"
            why += f", months stand in {column}" if _NUMBER.fullmatch(text) else ""
        if why is not None:
            self.found.unread.add((row, column))
            kind = why.partition("; ")[2][:_ALIKE]
            self.unlike.setdefault((column, name, kind), []).append((row, why))
        return None

    def _wrong(self, row: int, column: str, message: str) -> None:
        held = self.found.written.get((row, column), (self.called.get(column, column), ""))
        self.found.unread.add((row, column))
        self.found.problems.append((row, column, held[0], message))

    def finish(self) -> None:
        """Tell what is told once of a column, and how finely the table counts."""
        for (column, name, _), cells in self.unlike.items():
            (row, why), more = cells[0], len(cells) - 1
            also = f" ({more} more of this column)" if more else ""
            self.found.problems.append((row, column, name, why + also))
        self._ask_for_opening()
        if self.opening is not None:
            self.found.opened = self.opening[1]
        self.found.resolution = self._resolution()

    def _ask_for_opening(self) -> None:
        """Tell once that months cannot be counted from an opening that nobody has told."""
        if self.without is None:
            return
        row, column, text = self.without
        first = "" if self.first is None else (
            f" (the first participant was randomised on {self.first:%Y-%m-%d})"
        )  # fmt: skip
        self._wrong(row, column, f"found {text}; with dates {TELL}{first}")

    def _resolution(self) -> float:
        """A day where every moment is a whole day."""
        if self.found.dated:
            return ONE_DAY if self.whole else 0.0
        days = np.unique(self.values) * DAYS_PER_MONTH
        whole = len(days) >= _MANY and bool((abs(days - np.round(days)) < _WHOLE).all())
        return ONE_DAY if whole else 0.0


def no_date(text: str) -> str | None:
    """Why a text is not read as a date although it is one, and what to write."""
    if _serial(text):
        day = _EPOCH + timedelta(days=int(float(text)))
        return (
            f"found {text}; a date as a spreadsheet counts it ({day})? Give the cells the format "
            "YYYY-MM-DD before the table is saved"
        )
    if not _OTHER.fullmatch(text):
        return None
    if _ISO.fullmatch(text):
        return f"found '{text}'; there is no such day"
    if re.fullmatch(r"\d{4}-\d{1,2}", text):
        return f"found '{text}'; the day is missing: a date is YYYY-MM-DD"
    named = _NAMED.fullmatch(text)
    meant = ""
    if named:
        try:
            meant = f", {datetime.strptime(' '.join(named.groups()), '%d %b %Y'):%Y-%m-%d}"
        except ValueError:
            meant = ""
    if re.match(r"\d{4}-\d{2}-\d{2}", text):
        return f"found '{text}'; a time is written 2024-03-01T09:30, without a time zone"
    return (
        f"found '{text}'; a date is written YYYY-MM-DD{meant} (in a spreadsheet give the cells "
        "that format)"
    )


def _serial(text: str) -> bool:
    """Whether a number is a date as a spreadsheet counts days, since 1900."""
    if not _NUMBER.fullmatch(text):
        return False
    return _SERIAL[0] <= float(text) <= _SERIAL[1] and float(text).is_integer()


# ── a table in months, with dates ─────────────────────────────────────────────────────────────
def in_dates(
    design: Design, rows: Sequence[Mapping[str, Any]], opened: datetime
) -> list[dict[str, Any]]:
    """A participants table with dates instead of months, to the second."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    moments = moments_of(design, columns)
    return [_dated_row(row, moments, opened) for row in rows]


def _dated_row(row: Mapping[str, Any], moments: Sequence[str], opened: datetime) -> dict[str, Any]:
    def written(column: str, value: Any) -> str:
        since = 0.0 if column == RANDOMISED else float(row[RANDOMISED])
        months = [float(part) for part in str(value).split(";") if part]
        return ";".join(later_by(since + month, opened).isoformat() for month in months)

    return {
        date_column(column): written(column, value) if column in moments else value
        for column, value in row.items()
    }
