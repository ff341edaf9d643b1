"""The trials of a run while they still lie in stretches, read as if the tables held them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adaptive_cart.results.parquet_tables import column_names, cut, opened
from adaptive_cart.results.parts import Parts, Span
from adaptive_cart.results.store import SUFFIXES, Store

if TYPE_CHECKING:
    import pyarrow as pa


MOST_OPEN = 128  # files: of that many stretches of 5,000 trials


class _Lent:
    """Files of one scenario that stay open: to open one takes ten times as long as a column.

    What is read of a scenario are some dozens of columns, one after the other and each from all its
    files, so that of too many files the first ones are kept.
    """

    def __init__(self) -> None:
        self._scenario = ""
        self._files: dict[Path, Any] = {}

    def __reduce__(self) -> tuple[type[_Lent], tuple[()]]:
        return _Lent, ()  # another process opens its own

    def of(self, scenario: str) -> _Lent:
        """The same, with the files of any other scenario closed."""
        if scenario != self._scenario:
            for file in self._files.values():
                file.close()
            self._files.clear()
            self._scenario = scenario
        return self

    @contextmanager
    def __call__(self, path: Path) -> Iterator[Any]:
        """A file, opened."""
        file = self._files.get(path)
        if file is None and len(self._files) >= MOST_OPEN:
            with opened(path) as file:
                yield file
            return
        if file is None:
            file = self._files[path] = opened(path)
        yield file


class Unmerged(Store):
    """A results folder whose tables hold none, or only some, of the trials that it has.

    Parameters
    ----------
    parts
        Where the other ones are.
    spans
        By name of the scenario, in order: where its trials are, from the first on without a gap.
    """

    def __init__(
        self, folder: str | Path, parts: Parts, spans: Mapping[str, Sequence[Span]]
    ) -> None:
        super().__init__(folder)
        self._parts = parts
        self.spans = spans
        self._lent = _Lent()

    def groups(
        self, name: str, scenario: str, columns: list[str] | None = None
    ) -> Iterator[pa.Table]:
        """Rows of one scenario in order of trial, a row group or a stretch at a time."""
        for span in self.spans[scenario]:
            if span.part is not None:
                lent = self._lent.of(scenario)
                yield self.parts.read(span, SUFFIXES[name], columns, lent)
                continue
            wanted = None if columns is None else list(dict.fromkeys(["trial", *columns]))
            for group in super().groups(name, scenario, wanted):
                kept = cut(group, span.start, span.stop)
                yield kept if columns is None else kept.select(columns)

    def column_names(self, name: str) -> list[str]:
        """Columns that a table has."""
        for span in (span for spans in self.spans.values() for span in spans):
            if span.part is not None:
                return column_names(self.parts.path(span.part, SUFFIXES[name]))
        return super().column_names(name)
