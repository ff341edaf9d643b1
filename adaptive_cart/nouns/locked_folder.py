"""A folder that one process writes into at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adaptive_cart.errors import ResultsError
from adaptive_cart.nouns.whole_files import telling

_held: set[int] = set()  # handles of the folders that this process keeps others out of


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a folder if need be and keep others out of it; the lock goes when the process does."""
    if folder.is_symlink() and not folder.exists():
        raise ResultsError(
            f"{folder}: is a link to {os.readlink(folder)}, which is not there; make that folder, "
            f"or choose another --out"
        )
    if not folder.is_dir():
        for parent in (folder, *folder.parents):
            if parent.exists() and not parent.is_dir():
                raise ResultsError(f"{parent}: is a file; choose another --out")
    with telling("be made", folder):
        folder.mkdir(parents=True, exist_ok=True)
    with telling("be opened", folder):
        handle = os.open(folder, os.O_RDONLY)
    _held.add(handle)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ResultsError(
                f"{folder}: another run is writing there; wait for it, or choose another --out"
            ) from None
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        if handle in _held:
            _held.discard(handle)
            os.close(handle)


def _let_go() -> None:
    """In a copy of the process: the lock is the run's, and must not outlive it in a worker."""
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_let_go)
