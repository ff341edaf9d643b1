"""The fast posteriors of all designs against PyMC, at two hundred looks each.

    python sims/validation/verification.py [DESIGN ...] [--looks 200] [--folder verification]

Runs what ``adaptive-cart verify`` runs, for every design of ``designs/``, and writes
``results/verification.csv``: a row a design and rule, with the largest difference of that rule's
probabilities, and how often the decision would differ. From minutes a design to an hour for those
with strata; it can be stopped, and goes on from what ``--folder`` holds.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from adaptive_cart.design.file import load_design
from adaptive_cart.nouns.whole_files import write_text
from adaptive_cart.verification.verify import Verification, verify

DESIGNS = Path(__file__).parents[2] / "designs"
RESULT = Path(__file__).parent / "results" / "verification.csv"
COLUMNS = (
    "design", "rule", "looks", "probabilities", "largest_difference", "centile_99_of_difference",
    "median_mcse", "rms_difference_in_mcse", "decisions_differing",
    "differing_within_4_mcse_of_threshold", "not_trusted",
)  # fmt: skip


def rows_of(design: str, found: Verification) -> Iterator[tuple[Any, ...]]:
    """A row a rule."""
    for rule in dict.fromkeys(row.label for row in found.rows):
        rows = [row for row in found.rows if row.label == rule]
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


def main() -> int:
    reader = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    reader.add_argument("designs", nargs="*", type=Path, default=sorted(DESIGNS.glob("*.toml")))
    reader.add_argument("--looks", type=int, default=200)
    reader.add_argument("--folder", type=Path, default=Path("verification"))
    reader.add_argument("--jobs", type=int)
    asked = reader.parse_args()
    kept: list[tuple[Any, ...]] = []
    names = [path.stem for path in asked.designs]
    if RESULT.exists():
        with RESULT.open(newline="", encoding="utf-8") as file:
            kept = [tuple(row) for row in list(csv.reader(file))[1:] if row[0] not in names]
    failed = False
    for path in asked.designs:
        found = verify(
            load_design(path), looks=asked.looks, jobs=asked.jobs, out=asked.folder / path.stem
        )
        print(f"{path.stem}\n{found.text()}\n")
        failed |= found.failed
        kept += rows_of(path.stem, found)
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerows((COLUMNS, *sorted(kept, key=lambda row: row[0])))
        write_text(RESULT, table.getvalue())
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
