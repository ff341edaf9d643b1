"""A sweep as it is kept in a folder, read back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adaptive_cart.comparison.measured import Difference, Key
from adaptive_cart.design.file import load_design
from adaptive_cart.errors import CartError, ResultsError
from adaptive_cart.sweeps.run import SWEEP
from adaptive_cart.sweeps.swept import Cell, Sweep
from adaptive_cart.sweeps.varying import Variant


def open_sweep(folder: str | Path) -> Sweep:
    """Read what ``sweep`` wrote into a folder.

    Raises
    ------
    ResultsError
        If a file is missing, is damaged, or was written by another version.
    """
    folder = Path(folder)
    try:
        return _opened(folder, json.loads((folder / SWEEP).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, CartError) as error:
        raise ResultsError(
            f"{folder}: holds no sweep as this version writes it ({error}); run "
            f"`adaptive-cart sweep` again, which runs nothing twice"
        ) from None


def _opened(folder: Path, told: Mapping[str, Any]) -> Sweep:
    from pyarrow import parquet

    variants = tuple(
        Variant(one["settings"], load_design(folder / one["folder"] / "design.toml"))
        for one in told["variants"]
    )
    by_label = {variant.label: variant for variant in variants}
    rows = parquet.read_table(folder / "sweep.parquet").to_pylist()
    cells = [_cell(row, by_label) for row in rows]
    return Sweep(
        design=variants[0].design,
        vary={key: tuple(values) for key, values in told["vary"].items()},
        how=told["how"],
        recalibrated=told["recalibrated"],
        variants=variants,
        rows=tuple(cells),
        scenarios={cell.scenario: cell.role for cell in cells if cell.scenario},
        pairing={label: tuple(reasons) for label, reasons in told["pairing"].items()},
        folder=folder.absolute(),
    )


def _cell(row: Mapping[str, Any], by_label: Mapping[str, Variant]) -> Cell:
    numbers = ("estimate", "mcse", "difference", "difference_mcse")
    estimate, mcse, moved, error = (math.nan if row[n] is None else row[n] for n in numbers)
    apart = None if row["paired"] is None else Difference(moved, error, row["paired"] == "yes")
    key = Key(row["measure"], row["arm"], row["stratum"])
    place = (row["scenario"] or "", row["role"] or "")
    return Cell(by_label[row["variant"]], *place, key, estimate, mcse, apart)
