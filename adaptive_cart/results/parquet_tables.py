"""Tables of trials and looks as Parquet files: written whole, and read with every page checked.

By pyarrow: columns, compression, page checksums and streaming in one well-kept library.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.errors import ResultsError
from adaptive_cart.nouns.whole_files import renamed, telling
from adaptive_cart.results.arrow_columns import array_of

if TYPE_CHECKING:
    import pyarrow as pa


FOOTER = b"adaptive_cart"
GO_ON = "What was finished before is kept; the same command goes on from there"


# ── tables ────────────────────────────────────────────────────────────────────────────────────
def write_table(path: Path, table: pa.Table, run: str) -> None:
    """Write a finished stretch of a run whole or not at all.

    It is not compressed: it is read once, soon, and removed, and to pack and unpack it would cost
    more than the bytes.
    """
    import pyarrow.parquet as pq

    named = table.replace_schema_metadata({FOOTER: json.dumps({"run": run})})
    with telling("be written", path, GO_ON), renamed(path) as temporary:
        pq.write_table(named, temporary, compression="none", write_page_checksum=True)


def opened(path: Path) -> Any:
    """Open a Parquet file for reading; the reader checks every page."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(path, page_checksum_verification=True)


def column_names(path: Path) -> list[str]:
    """Columns that a Parquet file has."""
    with reading(path), opened(path) as file:
        return list(file.schema_arrow.names)


def unlike(path: Path, found: Sequence[str], written: Sequence[str]) -> str:
    """In what the columns of a file differ from those that are written now."""
    lacks = [name for name in written if name not in found]
    more = [name for name in found if name not in written]
    told = [f"lacks {', '.join(lacks)}"] if lacks else []
    told += [f"has {', '.join(more)}"] if more else []
    return (
        f"{path.name} {' and '.join(told) or 'has its columns in another order'}, unlike a run now"
    )


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever a damaged table makes of its reader into one sentence."""
    import pyarrow as pa

    try:
        yield
    except FileNotFoundError:
        raise ResultsError(f"{path}: is missing; --restart runs its trials again") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, pa.ArrowException) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise ResultsError(
            f"{path}: is damaged ({reason}); --restart runs its trials again"
        ) from None


def footer_of(file: Any) -> dict[str, Any]:
    """What a table's footer says of the run that wrote it."""
    told = (file.schema_arrow.metadata or {}).get(FOOTER)
    if told is None:
        raise ValueError("its footer does not say of what run it is")
    found: dict[str, Any] = json.loads(told)
    return found


def cut(table: pa.Table, start: int, stop: int) -> pa.Table:
    """Rows of trials ``start`` to ``stop`` (excluded) of a table in order of trial."""
    trial = array_of(table.column("trial"))
    first, last = np.searchsorted(trial, [start, stop])
    return table.slice(first, last - first)


def regrouped(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Cut a sequence of tables into tables of ``rows`` rows, whatever the pieces were."""
    import pyarrow as pa

    waiting: list[pa.Table] = []
    number = 0
    for table in tables:
        waiting.append(table)
        number += table.num_rows
        while number >= rows:
            whole = pa.concat_tables(waiting).combine_chunks()
            yield whole.slice(0, rows).combine_chunks()
            waiting, number = [whole.slice(rows)], number - rows
    if number:
        yield pa.concat_tables(waiting).combine_chunks()
