"""Memory that a run has used once is kept for its next block, and not given back in between.

A block is some dozens of arrays of a few megabytes. The C library of Linux hands each such array to
the system when it is done with, and the system clears every page anew for the next one, which is a
quarter to a third of the time of a design on simple endpoints. Told to keep what is freed, it does
neither; afterwards everything is given back.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator
from contextlib import contextmanager

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # names of mallopt(3), by its header malloc.h
KEPT = 2**29  # bytes that are kept at most, free, at the end of the heap
LARGEST = 2**25  # bytes of the largest array that comes from the heap: more is not allowed
USUAL = 2**17  # bytes of either, where nobody has said otherwise


@functools.cache
def _library() -> ctypes.CDLL | None:
    """The C library, if it is one that can be told (GNU); others do as they like."""
    try:
        library = ctypes.CDLL(None)
        for name in ("mallopt", "malloc_trim", "gnu_get_libc_version"):
            getattr(library, name)
    except (AttributeError, OSError, TypeError):
        return None
    return library


_depth = 0  # runs and stretches of runs that are under way


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep freed memory for the arrays to come, and give it back in the end; changes no number."""
    global _depth
    library = _library()
    if library is None or _depth:
        yield
        return
    _depth += 1
    library.mallopt(MMAP_THRESHOLD, LARGEST)
    library.mallopt(TRIM_THRESHOLD, KEPT)
    try:
        yield
    finally:
        _depth -= 1
        library.mallopt(MMAP_THRESHOLD, USUAL)
        library.mallopt(TRIM_THRESHOLD, USUAL)
        library.malloc_trim(0)
