"""A folder that is removed with what it belongs to, and only by the process that made it."""

from __future__ import annotations

import os
import shutil
import weakref
from pathlib import Path


def removed_with(owner: object, folder: Path) -> None:
    """Remove a folder when nobody holds its owner any more, or when this process ends."""
    weakref.finalize(owner, _removed, folder, os.getpid())


def _removed(folder: Path, process: int) -> None:
    if os.getpid() == process:  # a copy of the process has a copy of the owner, not the folder
        shutil.rmtree(folder, ignore_errors=True)
