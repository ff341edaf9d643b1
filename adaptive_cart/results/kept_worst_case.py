"""A worst case as it is kept in a folder, read back."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adaptive_cart.errors import ResultsError
from adaptive_cart.results.figure import Figure
from adaptive_cart.results.worst_case import FORMAT, KIND, Certificate, Place, Stated, WorstCase

CURVE, FOUND = "worst_case.csv", "worst_case.json"


def read_worst_case(folder: Path) -> WorstCase:
    """Read what ``worst-case`` wrote into a folder.

    Raises
    ------
    ResultsError
        If a file is missing, is damaged, or was written by another version.
    """
    try:
        plain = json.loads((folder / FOUND).read_text(encoding="utf-8"))
        if plain["kind"] != KIND or plain["format"] != FORMAT:
            raise KeyError(f"{plain['kind']}, format {plain['format']}")
        with (folder / CURVE).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return _read(plain, rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(
            f"{folder}: holds no worst case as this version writes it ({error}); run "
            f"`adaptive-cart worst-case` again"
        ) from None


def _read(plain: Mapping[str, Any], rows: list[dict[str, str]]) -> WorstCase:
    told = {key: value for key, value in plain.items() if key not in ("kind", "format")}
    worst = told["worst"]
    told["worst"] = Place(worst["name"], worst["rates"], Figure(**worst["figure"]))
    told["fresh"] = None if told["fresh"] is None else Figure(**told["fresh"])
    if told["certificate"] is not None:
        at = tuple(told["certificate"]["at"])
        told["certificate"] = Certificate(**told["certificate"] | {"at": at})
    if told["stated"] is not None:
        told["stated"] = Stated(**told["stated"])
    told["notes"] = tuple(told["notes"])
    axes = [name for name in rows[0] if name not in _OF_EVERY_PLACE | {told["measure"]}]
    places = tuple(_place(row, axes, told["measure"]) for row in rows)
    return WorstCase(**told | {"places": places})


_OF_EVERY_PLACE = {"place", "mcse", "lower", "upper", "trials"}


def _place(row: Mapping[str, str], axes: list[str], measure: str) -> Place:
    rates = {axis: float(row[axis]) for axis in axes}
    value, mcse, trials = float(row[measure]), float(row["mcse"]), int(row["trials"])
    ends = [float(row[end]) if row[end] else value for end in ("lower", "upper")]
    return Place(row["place"], rates, Figure(value, mcse, ends[0], ends[1], trials or None))
