"""The trials of a run while they still lie in stretches, read as if the tables held them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adaptive_cart.results.parquet_tables import column_names, cut
from adaptive_cart.results.parts import Parts, Span
from adaptive_cart.results.store import SUFFIXES, Store

if TYPE_CHECKING:
    import pyarrow as pa


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

    def groups(
        self, name: str, scenario: str, columns: list[str] | None = None
    ) -> Iterator[pa.Table]:
        """Rows of one scenario in order of trial, a row group or a stretch at a time."""
        for span in self.spans[scenario]:
            if span.part is not None:
                yield self.parts.read(span, SUFFIXES[name], columns)
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
