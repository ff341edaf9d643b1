"""A participants table from a file, a data frame or a list: read whole, or refused.

The table is the one that ``example`` writes (:mod:`adaptive_cart.recorded.table`): one row a
participant, months since that participant's own randomisation, blank where something has not
happened. Every problem is told at once, with its row and column.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.errors import AllAtOnce, Problem, nearest
from adaptive_cart.recorded.dates import Day, Rows, in_months, opening
from adaptive_cart.recorded.known import Participants, window_of
from adaptive_cart.recorded.rows import Reading

LARGEST = 50_000_000  # bytes
_DELIMITERS = (",", ";", "\t")  # the first that stands in the header
_DECIMAL_COMMA = re.compile(r"([+-]?\d*),(\d+)")


class ParticipantsError(AllAtOnce):
    """A participants table that cannot be analysed; ``problems`` holds every reason at once."""


def read_participants(
    source: Any,
    design: Design,
    window: float | None = None,
    opened: Day | None = None,
) -> Participants:
    """Read the participants of a real trial.

    Parameters
    ----------
    source
        A CSV file with the columns of the participants table, a data frame, or a list with a
        dictionary a participant.
    window
        Months by which a visit may come before the day for which it stands; if left out, the
        window of the design's visits, or half a month where it plans none.
    opened
        The day on which the trial opened; needed where the table has dates and no months of
        randomisation.

    Raises
    ------
    ParticipantsError
        With every problem at once, each with its row and column. The header is row 1, as in a
        spreadsheet; rows of a data frame or a list are counted from 1.
    """
    name, columns, rows, digest = _rows_of(source)
    table = in_months(design, columns, rows, opening(opened))
    reading = Reading(design, table, window_of(design, window))
    participants = reading.participants(name, digest)
    if reading.problems or participants is None:
        raise ParticipantsError(reading.in_order(), name)
    return participants


# ── from a source to rows of text ─────────────────────────────────────────────────────────────
def _rows_of(source: Any) -> tuple[str, list[str], Rows, str]:
    """Name, columns, rows of text with their numbers, and digest."""
    if isinstance(source, str | Path):
        return _file(Path(source))
    if hasattr(source, "to_dict") and hasattr(source, "columns"):
        columns = [str(column) for column in source.columns]
        records = source.to_dict(orient="records")
    else:
        records = [dict(row) for row in source]
        columns = list(dict.fromkeys(str(key) for row in records for key in row))
    rows = [
        (number, {str(key): _text(value) for key, value in row.items()})
        for number, row in enumerate(records, 1)
    ]
    written = "\n".join(
        ",".join(row.get(column, "") for column in columns) for _, row in [(0, {}), *rows]
    )
    digest = hashlib.sha256((",".join(columns) + written).encode()).hexdigest()
    if not rows:
        raise ParticipantsError([Problem("", "holds no participants")], "participants")
    return "participants", columns, rows, digest


def _text(value: Any) -> str:
    """Write a cell as a CSV file would hold it."""
    if value is None or value is getattr(value, "NaT", Ellipsis):
        return ""
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else repr(float(value))
    text = str(value).strip()
    return "" if text in ("<NA>", "NaT") else text


def _file(path: Path) -> tuple[str, list[str], Rows, str]:
    name = str(path)

    def wrong(message: str, place: str = "") -> ParticipantsError:
        return ParticipantsError([Problem(place, message)], name)

    try:
        content = path.read_bytes()
    except FileNotFoundError:
        near = nearest(path.name, _neighbours(path))
        raise wrong(f"no such file{near}") from None
    except IsADirectoryError:
        raise wrong("is a folder; the name of a CSV file is expected") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise wrong(f"cannot be read: {reason}") from None
    if len(content) > LARGEST:
        raise wrong(f"is larger than {LARGEST:,} bytes; is it a participants table?")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise wrong("is UTF-16 text (a spreadsheet's Unicode text); save it as CSV UTF-8")
    if content.startswith(b"PK\x03\x04"):
        raise wrong("is a spreadsheet or a zip archive; save it as CSV (UTF-8, commas)")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        row = before.count(b"\n") + 1
        raise wrong(
            f"byte 0x{content[error.start]:02x} is not UTF-8; save the file as CSV UTF-8",
            f"row {row}",
        ) from None
    if "\0" in text:
        raise wrong("holds a zero byte; is it a text file?")
    if not text.strip():
        raise wrong(
            "is empty; `adaptive-cart example DESIGN --participants FILE` writes such a table"
        )
    heading = next((line for line in text.splitlines() if line.strip() and not _aside(line)), "")
    mark = next((mark for mark in _DELIMITERS if mark in heading), ",")
    if mark not in heading and "|" in heading:
        raise wrong("columns are separated by bars; save it with commas", "row 1")
    try:
        columns, rows = _parsed(text, name, mark)
    except csv.Error as error:
        raise wrong(f"is no CSV: {error}") from None
    if not rows:
        raise wrong("has a header and no participants" if columns else "has no header")
    return name, columns, rows, hashlib.sha256(content).hexdigest()


def _aside(line: str) -> bool:
    """Whether a line before the header is none of the table.

    That is a comment of ``analyze --template``, or what a spreadsheet writes to name its separator.
    """
    return line.lstrip('" ').startswith("#") or line.strip(' ",;\t').lower() == "sep="


def _neighbours(path: Path) -> list[str]:
    try:
        return [file.name for file in path.parent.glob("*.csv")]
    except OSError:
        return []


def _parsed(text: str, name: str, mark: str) -> tuple[list[str], Rows]:
    """Columns and rows; where commas do not separate them they are those of decimals."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=mark)
    columns: list[str] = []
    table: list[tuple[int, list[str]]] = []
    begins = 1
    for cells in reader:
        number, begins = begins, reader.line_num + 1
        stripped = [cell.strip() for cell in cells]
        if not any(stripped) or (not columns and _aside(mark.join(cells))):
            continue
        if not columns:
            columns = stripped
            continue
        table.append((number, stripped if mark == "," else [_with_a_point(c) for c in stripped]))
    width = max((len(_without_end(cells)) for _, cells in table), default=0)
    columns = [*_without_end(columns), *columns[len(_without_end(columns)) : width]]
    problems, rows = [], []
    for number, cells in table:
        found = _without_end(cells)
        if len(found) > len(columns):
            more = "; numbers with a decimal comma? write 3.5" if _commas(found) else ""
            message = f"{len(cells)} cells for {len(columns)} columns{more}"
            problems.append(Problem(f"row {number}", message))
            continue
        filled = [*found, *[""] * (len(columns) - len(found))]
        rows.append((number, dict(zip(columns, filled, strict=True))))
    if problems:
        raise ParticipantsError(problems, name)
    return columns, rows


def _without_end(cells: list[str]) -> list[str]:
    """Cells without the blank ones at their end, which a spreadsheet may write."""
    last = max((place for place, cell in enumerate(cells) if cell), default=-1)
    return cells[: last + 1]


def _with_a_point(cell: str) -> str:
    """Write numbers with a decimal comma with a point."""
    return ";".join(_DECIMAL_COMMA.sub(r"\1.\2", p) if _DECIMAL_COMMA.fullmatch(p.strip()) else p
                    for p in cell.split(";"))  # fmt: skip


def _commas(cells: Sequence[str]) -> bool:
    """Whether more cells are whole numbers than is likely where months are written."""
    return sum(cell.isdigit() for cell in cells) > 3
