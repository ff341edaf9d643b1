"""Arrays as columns of Arrow tables and back, where no value is missing.

By the memory that both have in common. PyArrow's own conversions load pandas if it is there, which
takes a third of a second and 40 MB, more than a short run itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.counters import Labels, narrow

if TYPE_CHECKING:
    import pyarrow as pa


def column_of(values: npt.NDArray[Any]) -> pa.Array:
    """Numbers, or yes and no, as a column."""
    import pyarrow as pa

    if values.dtype == np.bool_:
        bits = np.packbits(values, bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])
    whole = np.ascontiguousarray(values)
    return pa.Array.from_buffers(
        pa.from_numpy_dtype(whole.dtype), len(whole), [None, pa.py_buffer(whole)]
    )


def labels_of(words: Sequence[str], positions: npt.NDArray[Any]) -> pa.DictionaryArray:
    """Text by position, kept as positions; -1 is the last word."""
    import pyarrow as pa

    indices = np.where(positions < 0, len(words) - 1, positions).astype(narrow(len(words)))
    letters = [word.encode() for word in words]
    ends = np.cumsum([0, *map(len, letters)]).astype(np.int32)
    dictionary = pa.StringArray.from_buffers(
        len(words), pa.py_buffer(ends), pa.py_buffer(b"".join(letters))
    )
    return pa.DictionaryArray.from_arrays(column_of(indices), dictionary)


def array_of(column: pa.Array | pa.ChunkedArray) -> npt.NDArray[Any]:
    """The values of a column."""
    chunks = getattr(column, "chunks", None)
    if chunks is not None:
        if len(chunks) == 1:
            return array_of(chunks[0])
        kept = [array_of(chunk) for chunk in chunks]
        return np.concatenate(kept) if kept else column.to_numpy()
    import pyarrow as pa

    plain = pa.types.is_boolean(column.type) or pa.types.is_primitive(column.type)
    if column.null_count or not plain or not len(column):
        return column.to_numpy(zero_copy_only=False)
    start, stop = column.offset, column.offset + len(column)
    values = column.buffers()[1]
    if pa.types.is_boolean(column.type):
        bits = np.frombuffer(values, dtype=np.uint8)
        return np.unpackbits(bits, count=stop, bitorder="little")[start:].astype(np.bool_)
    return np.frombuffer(values, dtype=column.type.to_pandas_dtype(), count=stop)[start:]


def positions_of(labels: pa.DictionaryArray, words: Sequence[str]) -> Labels:
    """Text kept as positions in words of its own, as positions in others; -1 for none."""
    place = {word: position for position, word in enumerate(words)}
    there = labels.dictionary.to_pylist()
    found = np.array([place.get(word, -1) for word in there], dtype=narrow(len(words)))
    positions: Labels = found[array_of(labels.indices)]
    return positions
