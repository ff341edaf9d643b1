"""Earlier trials' control arms, as they stand in a table: ``study, responders, participants``.

The number of responders may be called ``events`` as well.  Every problem of the file is reported at
once, with its row (the header is row 1).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from adaptive_cart.errors import DesignError, InputError, Problem, nearest, one_of
from adaptive_cart.nouns.historical import Historical

RESPONDERS = ("responders", "events")
COLUMNS = ("study", "responders", "participants")


def read_historical(path: Path) -> Historical:
    """Read a table of earlier controls.

    Raises
    ------
    InputError
        If the file cannot be read, or with every problem of the table, by row.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start}); save it so") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    return parsed_historical(text, str(path))


def parsed_historical(text: str, source: str = "") -> Historical:
    """Read a table of earlier controls from its text; see :func:`read_historical`."""
    rows = list(csv.reader(io.StringIO(text)))
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        raise DesignError([Problem("", "the file is empty; " + _wanted())], source)
    header = [cell.strip() for cell in rows[0]]
    problems = list(_header_problems(header))
    if problems:
        raise DesignError(problems, source)
    place = {("responders" if name in RESPONDERS else name): k for k, name in enumerate(header)}
    studies: list[str] = []
    numbers: list[tuple[int, int]] = []
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            problems.append(
                Problem(f"row {number}", f"has {len(row)} cells; the header has {len(header)}")
            )
            continue
        study = row[place["study"]].strip() or f"row {number}"
        if study in studies:
            problems.append(Problem(f"row {number}, study", f"'{study}' is there already"))
        studies.append(study)
        counts = []
        for column in ("responders", "participants"):
            cell = row[place[column]].strip()
            if cell.isdigit() and cell.isascii():
                counts.append(int(cell))
            else:
                message = f"found {cell!r}; a whole number, 0 or more, is expected"
                problems.append(Problem(f"row {number}, {header[place[column]]}", message))
        if len(counts) < 2:
            continue
        numbers.append((counts[0], counts[1]))
        if counts[1] == 0:
            problems.append(Problem(f"row {number}, participants", "found 0; leave the study out"))
        elif counts[0] > counts[1]:
            message = f"found {counts[0]} of {counts[1]} participants"
            problems.append(Problem(f"row {number}, {header[place['responders']]}", message))
    if len(rows) == 1:
        problems.append(Problem("", "there is a header but no study"))
    if problems:
        raise DesignError(problems, source)
    return Historical(tuple(studies), tuple(r for r, _ in numbers), tuple(n for _, n in numbers))


def _wanted() -> str:
    return f"the columns are {one_of(COLUMNS)}"


def _header_problems(header: list[str]) -> Iterable[Problem]:
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        mark = next(mark for mark in ";\t|" if mark in header[0])
        name = {";": "semicolons", "\t": "tabs", "|": "bars"}[mark]
        yield Problem("row 1", f"cells are separated by {name}; commas are expected")
        return
    known = {*COLUMNS, *RESPONDERS}
    for name in header:
        if name not in known:
            yield Problem(
                f"row 1, {name or 'an empty cell'}",
                f"no such column{nearest(name, sorted(known))}; {_wanted()}",
            )
        elif header.count(name) > 1:
            yield Problem(f"row 1, {name}", "is there twice")
    if set(RESPONDERS) <= set(header):
        yield Problem("row 1", "give either 'responders' or 'events'; found both")
    for name in COLUMNS:
        there = set(RESPONDERS) & set(header) if name == "responders" else {name} & set(header)
        if not there:
            yield Problem("row 1", f"there is no column '{name}'; {_wanted()}")
