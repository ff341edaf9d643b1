"""Tables of external participants, read beside the design file that names them.

What is read becomes part of the design (``rows``), so that a result, a fingerprint and a report
are of the participants that were there, wherever the file is by then. Only columns of outcomes and
of the covariates that ``target`` names are read.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adaptive_cart.design.validation import path_to, shown
from adaptive_cart.errors import Problem, nearest, one_of
from adaptive_cart.nouns.external_rows import MOST, OUTCOMES

YES = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}


def with_rows(raw: Mapping[str, Any], folder: Path) -> tuple[dict[str, Any], list[Problem]]:
    """Read every table that external data of a design name, and what is wrong with it.

    Parameters
    ----------
    folder
        Of the design file, from which names of tables are read.
    """
    tables = raw.get("external")
    if not isinstance(tables, Mapping):
        return dict(raw), []
    found, problems = {}, []
    for name, table in tables.items():
        found[name] = table
        if not isinstance(table, Mapping) or "rows" in table:
            continue
        data, target = table.get("data"), table.get("target")
        if not isinstance(data, str) or not isinstance(target, Mapping):
            continue
        path = path_to(path_to("external", name), "data")
        columns, faults = _read(folder / data, list(target))
        problems += [Problem(path, fault) for fault in faults]
        if not faults:
            found[name] = {**table, "rows": columns}
    return {**raw, "external": found}, problems


def _read(path: Path, covariates: list[str]) -> tuple[dict[str, list[float]], list[str]]:
    """The columns of a table that are wanted, and faults."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            heads = list(reader.fieldnames or [])
            lines = [line for _, line in zip(range(MOST + 1), reader, strict=False)]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return {}, [f"{path.name} cannot be read: {reason}"]
    if len(lines) > MOST:
        return {}, [f"{path.name} has more than {MOST:,} rows; draw a sample of them"]
    faults = [
        f"{path.name} has no column {shown(name)}{nearest(name, heads)}; its columns are "
        f"{one_of(heads) or 'none'}"
        for name in covariates
        if name not in heads
    ]
    wanted = [name for name in (*OUTCOMES, *covariates) if name in heads]
    columns: dict[str, list[float]] = {}
    for name in wanted:
        values = [_number(line.get(name)) for line in lines]
        blank = [row for row, value in enumerate(values, start=2) if value is None]
        if blank:
            cell = lines[blank[0] - 2].get(name) or ""
            faults.append(
                f"{path.name}, line {blank[0]}, {name}: found {shown(cell)}; a number is expected "
                f"of every participant (yes and no are 1 and 0)"
            )
        columns[name] = [value for value in values if value is not None]
    return columns, faults


def _number(cell: str | None) -> float | None:
    """A cell as a number; nothing where it is none."""
    text = (cell or "").strip().lower()
    try:
        value = YES[text] if text in YES else float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
