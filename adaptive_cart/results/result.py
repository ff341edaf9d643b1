"""The results of a run: its tables, its numbers by name, and how to open a folder of them."""

from __future__ import annotations

import csv
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adaptive_cart.design.design import Design
from adaptive_cart.design.file import digest_of, load_design
from adaptive_cart.errors import ResultsError, one_of
from adaptive_cart.nouns.passing_folder import removed_with
from adaptive_cart.nouns.roles import ROLES
from adaptive_cart.results.averages import read_averages
from adaptive_cart.results.enumerated import enumerated
from adaptive_cart.results.figure import Figure
from adaptive_cart.results.operating import COLUMNS
from adaptive_cart.results.parquet_tables import GO_ON
from adaptive_cart.results.shared_calibration import AnyCalibration, calibration_of
from adaptive_cart.results.store import AVERAGES, DESIGN, LOOKS, MEASURES, TRIALS, Store

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = ("estimate", "mcse", "lower", "upper")
_WHOLE = ("look", "n")
_WHERE = ("arm", "stratum", "look", "reason")


class Result:
    """Operating characteristics of a design, and the trials they were read off.

    Attributes
    ----------
    design, folder
        What was run, and where its files lie.
    temporary
        Whether the folder is removed with the result.
    """

    def __init__(self, design: Design, folder: Path, temporary: bool = False) -> None:
        self.design = design
        self.folder = folder
        self.temporary = temporary
        if temporary:  # such a folder lives as long as its result
            removed_with(self, folder)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """How it was run.

        Raises
        ------
        ResultsError
            If the run is not finished, or its tables are not those that it wrote.
        """
        store = Store(self.folder)
        found = store.manifest()
        if found is None:
            raise ResultsError(f"{self.folder}: no results here")
        if found["status"] != "complete":
            raise ResultsError(f"{self.folder}: the run is not finished; {GO_ON}")
        store.verify(found)
        return found

    @cached_property
    def roles(self) -> dict[str, str]:
        """Scenarios that have been run with their roles: nulls, alternatives, robustness."""
        roles = self.manifest["roles"]
        run = [name for name in roles if name in self.manifest["trials"]]
        return {name: role for role in ROLES for name in run if roles[name] == role}

    @cached_property
    def calibration(self) -> AnyCalibration | None:
        """The search that the design's thresholds came from; nothing where they were typed.

        Nothing as well where a threshold, or a table that the search read, was edited since.
        """
        found = calibration_of(self.manifest.get("calibration"))
        return found if found is not None and found.matches(self.design) else None

    @cached_property
    def operating_characteristics(self) -> pd.DataFrame:
        """A row a scenario and measure: estimate, Monte Carlo standard error and interval."""
        import pandas as pd

        rows = self._rows
        columns: dict[str, Any] = {}
        for name in COLUMNS:
            kind = "float64" if name in _NUMBERS else "Int64" if name in _WHOLE else "object"
            columns[name] = pd.Series([row[name] for row in rows], dtype=kind)
        return pd.DataFrame(columns)

    @cached_property
    def averages(self) -> dict[str, dict[str, Figure]]:
        """Averages over each design prior, by its name and by measure; none without any."""
        assert self.manifest  # raises where the results are not sound
        path = self.folder / AVERAGES
        if not self.design.design_prior or not path.is_file():
            return {}
        with path.open(encoding="utf-8", newline="") as file:
            return read_averages(csv.DictReader(file))

    @property
    def exact(self) -> bool:
        """Whether it was enumerated, without Monte Carlo error."""
        return enumerated(self.manifest)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """A row a simulated trial; empty for the exact engine."""
        return self._table(TRIALS)

    @cached_property
    def looks(self) -> pd.DataFrame:
        """A row a trial, look and arm (and stratum); empty for the exact engine."""
        return self._table(LOOKS)

    def _table(self, name: str) -> pd.DataFrame:
        import pandas as pd

        if self.exact:
            return pd.DataFrame()
        frame: pd.DataFrame = Store(self.folder).table(name).to_pandas()
        return frame

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        """Rows of the table of measures; nothing where a cell is blank."""
        assert self.manifest  # raises where the results are not sound
        rows = []
        with (self.folder / MEASURES).open(encoding="utf-8", newline="") as file:
            for cells in csv.DictReader(file):
                row: dict[str, Any] = {name: cells[name] or None for name in COLUMNS}
                row |= {name: float(cells[name] or "nan") for name in _NUMBERS}
                row |= {name: int(cells[name]) for name in _WHOLE if cells[name]}
                rows.append(row)
        return rows

    @cached_property
    def _figures(self) -> dict[tuple[Any, ...], Figure]:
        """Figures by scenario, measure and where they are of."""
        return {
            (row["scenario"], row["measure"], *(row[name] for name in _WHERE)): Figure(
                row["estimate"], row["mcse"], row["lower"], row["upper"], row["n"]
            )
            for row in self._rows
        }

    def figure(self, scenario: str, measure: str, **where: Any) -> Figure:
        """Return one number of the table of measures.

        Parameters
        ----------
        where
            ``arm``, ``stratum``, ``look`` and ``reason``; the row where they are blank if left out.

        Raises
        ------
        KeyError
            If there is no such row.
        """
        unknown = sorted(where.keys() - set(_WHERE))
        if unknown:
            raise TypeError(f"no column {one_of(unknown)}; the columns are {one_of(_WHERE)}")
        return self._figures[scenario, measure, *(where.get(name) for name in _WHERE)]

    def to_xarray(self) -> Any:
        """Simulated trials as an ``xarray.Dataset`` by scenario and trial; needs xarray."""
        return self.trials.set_index(["scenario", "trial"]).to_xarray()

    def _repr_html_(self) -> str:
        from adaptive_cart.results.tables import summary_html

        return summary_html(self)

    def __repr__(self) -> str:
        engine = self.manifest["engine"]
        return f"Result({self.design.name!r}, engine={engine!r}, folder={str(self.folder)!r})"


def open_result(folder: str | Path) -> Result:
    """Open a results folder.

    Raises
    ------
    ResultsError
        If it holds no finished run, or its files are not those that the run wrote.
    """
    path = Path(folder)
    if not (path / DESIGN).is_file():
        raise ResultsError(f"{path}: no results here; adaptive-cart simulate writes them")
    result = Result(load_design(path / DESIGN), path.absolute())
    if result.manifest["digest"] != digest_of(result.design):
        raise ResultsError(
            f"{path / DESIGN}: is not the design that was run; put it back, or simulate again"
        )
    return result
