"""The fast posteriors of all designs against PyMC, and the list of what was run.

    python sims/validation/verification.py [DESIGN ...] [--looks 200] [--folder verification]

Runs what ``adaptive-cart verify`` runs, for every design of ``designs/`` and of
``sims/validation/designs/``, and writes ``results/verification.csv``: a row a design and rule, with
the largest difference of that rule's probabilities, and how often the decision would differ. A row
that was made of more looks before stays. ``results/verified_designs.csv`` has a row a design, of
its last run, and ``results/fits_of_pymc.csv`` a row a design and model: what PyMC took. From
minutes a design to an hour for those with strata; it can be stopped, and goes on from what
``--folder`` holds. ``--written`` runs nothing, and takes what ``adaptive-cart verify DESIGN --out
FOLDER/NAME`` has written.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from adaptive_cart.design.file import load_design
from adaptive_cart.nouns.whole_files import write_text
from adaptive_cart.verification.verify import Verification, read_verification, verify

HERE = Path(__file__).parent
FOLDERS = HERE.parents[1] / "designs", HERE / "designs"
RESULT, RUNS = HERE / "results" / "verification.csv", HERE / "results" / "verified_designs.csv"
COSTS = HERE / "results" / "fits_of_pymc.csv"
COLUMNS = (
    "design", "rule", "looks", "probabilities", "largest_difference", "centile_99_of_difference",
    "median_mcse", "rms_difference_in_mcse", "decisions_differing",
    "differing_within_4_mcse_of_threshold", "not_trusted",
)  # fmt: skip
RUN_COLUMNS = (
    "design", "verdict", "looks", "seed", "probabilities", "estimates", "largest_difference",
    "rms_difference_in_mcse", "too_large", "not_trusted", "compared_seldom_or_never", "seconds",
    "pymc",
)  # fmt: skip
COST_COLUMNS = (
    "design", "model", "compiled", "compiling", "fits", "sampling", "draws", "effective"
)  # fmt: skip


def run_of(design: str, found: Verification) -> tuple[Any, ...]:
    """What a run has found, in a row."""
    told = found.summary
    rms = told["rms_difference_in_mcse"]
    return (
        design,
        told["verdict"],
        told["looks_verified"],
        told["seed"],
        told["probabilities"],
        told["beside"],
        f"{told['largest_difference']:.4f}",
        "" if rms is None else f"{rms:.2f}",
        told["differences_too_large"],
        told["probabilities_not_trusted"],
        "; ".join(told["not_verified"]),
        round(told["seconds"]),
        told["software"]["pymc"],
    )


def costs_of(design: str, found: Verification) -> Iterator[tuple[Any, ...]]:
    """What PyMC took, a row a model; none of runs that did not tell."""
    for model, took in found.summary.get("fits_of_pymc", {}).items():
        yield (design, model, *(took[name] for name in COST_COLUMNS[2:]))


def rows_of(design: str, found: Verification) -> Iterator[tuple[Any, ...]]:
    """A row a rule; of what neither side has a number for there is nothing to compare."""
    compared = [row for row in found.rows if not all(map(math.isnan, (row.fast, row.reference)))]
    for rule in dict.fromkeys(row.label for row in compared):
        rows = [row for row in compared if row.label == rule]
        trusted = [row for row in rows if row.trusted]
        away = np.abs([row.difference for row in trusted])
        known = [row for row in trusted if row.mcse > 1e-4]
        in_errors = np.array([row.difference / row.mcse for row in known])
        differing = [row for row in trusted if row.differs]
        yield (
            design,
            rule,
            len({row.key for row in rows}),
            len(rows),
            f"{away.max():.4f}",
            f"{np.quantile(away, 0.99):.4f}",
            f"{np.median([row.mcse for row in trusted]):.4f}",
            f"{np.sqrt(np.mean(in_errors**2)):.2f}" if known else "",
            len(differing),
            sum(row.near for row in differing),
            len(rows) - len(trusted),
        )


def kept_in(path: Path) -> list[tuple[str, ...]]:
    """Rows of earlier runs."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [tuple(row) for row in list(csv.reader(file))[1:]]


def put(path: Path, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Write a table whole."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerows((columns, *sorted(rows, key=lambda row: row[0])))
    write_text(path, table.getvalue())


def main() -> int:
    every = [path for folder in FOLDERS for path in sorted(folder.glob("*.toml"))]
    reader = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    reader.add_argument("designs", nargs="*", type=Path, default=every)
    reader.add_argument("--looks", type=int, default=200)
    reader.add_argument("--folder", type=Path, default=Path("verification"))
    reader.add_argument("--jobs", type=int)
    reader.add_argument("--written", action="store_true")
    asked = reader.parse_args()
    rows: dict[tuple[str, str], tuple[Any, ...]] = {own[:2]: own for own in kept_in(RESULT)}
    runs: dict[str, tuple[Any, ...]] = {own[0]: own for own in kept_in(RUNS)}
    costs: dict[tuple[str, str], tuple[Any, ...]] = {own[:2]: own for own in kept_in(COSTS)}
    failed = False
    for path in asked.designs:
        name, folder = path.stem, asked.folder / path.stem
        if asked.written:
            found = read_verification(folder)
        else:
            found = verify(load_design(path), looks=asked.looks, jobs=asked.jobs, out=folder)
        print(f"{name}\n{found.text()}\n")
        failed |= found.failed
        runs[name] = run_of(name, found)
        for row in rows_of(name, found):
            if row[:2] not in rows or int(rows[row[:2]][2]) <= row[2]:
                rows[row[:2]] = row
        put(RESULT, COLUMNS, list(rows.values()))
        put(RUNS, RUN_COLUMNS, list(runs.values()))
        costs |= {row[:2]: row for row in costs_of(name, found)}
        put(COSTS, COST_COLUMNS, list(costs.values()))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
