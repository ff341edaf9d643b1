"""A simulated programme, read from its folder."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from adaptive_cart.programmes.measured import Key
from adaptive_cart.programmes.programme import Programme
from adaptive_cart.results.figure import Figure

RECORD, CANDIDATES = "programme.json", "candidates.parquet"
COMPLETE = "complete"  # status of a record whose numbers are all there
FILES = (
    RECORD, CANDIDATES, "programme.toml", "measures.csv", "distributions.csv", "programme.txt",
)  # fmt: skip


class _InFolder:
    """What the files of a programme say."""

    folder: Path

    @property
    def count(self) -> int:
        """Candidates of a portfolio."""
        return len(next(iter(self.distributions.values()))) - 1

    def text(self) -> str:
        """The first page, in words."""
        return (self.folder / "programme.txt").read_text(encoding="utf-8")

    @cached_property
    def measures(self) -> Mapping[Key, Figure]:
        """By measure and of which candidates (or ``portfolio``): the number with its error."""
        with (self.folder / "measures.csv").open(encoding="utf-8", newline="") as file:
            return {(row["measure"], row["of"]): _figure(row) for row in csv.DictReader(file)}

    def figure(self, measure: str, of: str = "portfolio") -> Figure:
        """One measure."""
        return self.measures[measure, of]

    @cached_property
    def distributions(self) -> Mapping[str, tuple[Figure, ...]]:
        """By what is counted in a portfolio: the probability of each number, from 0 on."""
        found: dict[str, list[Figure]] = {}
        with (self.folder / "distributions.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found.setdefault(row["what"], []).append(_figure(row))
        return {what: tuple(figures) for what, figures in found.items()}

    @cached_property
    def candidates(self) -> Mapping[str, Any]:
        """Columns of ``candidates.parquet``, a row a candidate."""
        import pyarrow.parquet as pq

        table = pq.read_table(self.folder / CANDIDATES, memory_map=False)
        return {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}


@dataclass(frozen=True)
class KeptProgramme(_InFolder):
    """What a programme gave, read without the designs that it was of."""

    folder: Path


@dataclass
class ProgrammeResult(_InFolder):
    """What a programme gave.

    Attributes
    ----------
    folder
        Where its files are.
    temporary
        Whether the folder goes away with :meth:`close`.
    """

    programme: Programme
    folder: Path
    temporary: bool = False

    def close(self) -> None:
        """Remove a temporary folder."""
        if self.temporary:
            shutil.rmtree(self.folder, ignore_errors=True)


def _figure(row: Mapping[str, str]) -> Figure:
    value, mcse, low, high = (
        float(row[n] or "nan") for n in ("estimate", "mcse", "lower", "upper")
    )
    return Figure(value, mcse, low, high, int(row["n"]) if row["n"] else None)
