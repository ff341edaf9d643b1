"""Calibrations as they are kept beside a design file (``NAME.calibration.json``)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from adaptive_cart.errors import InputError
from adaptive_cart.nouns.whole_files import holds_text

if TYPE_CHECKING:
    from adaptive_cart.results.shared_calibration import AnyCalibration


def log_beside(design_file: Path) -> Path:
    """Where the calibration of a design file is kept: beside it, and not beside a link to it."""
    file = design_file.resolve()
    return file.with_name(f"{file.stem}.calibration.json")


def read_log(path: Path) -> AnyCalibration | None:
    """Read a kept calibration; nothing where there is none, or the file is something else."""
    if not path.is_file():
        return None
    from adaptive_cart.results.shared_calibration import calibration_of

    try:
        return calibration_of(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def require_own(path: Path) -> None:
    """Raise an :class:`InputError` where a calibration would replace a file that is none.

    Nor is one replaced that somebody has added to, or that is a link.
    """
    found = read_log(path)
    if os.path.lexists(path) and not (found and holds_text(path, log_text(found))):
        raise InputError(
            f"{path}: is there already and is not as a calibration of this version was written; "
            f"move it away, since the calibration is kept under this name"
        )


def log_text(found: AnyCalibration) -> str:
    """Write a calibration as JSON."""
    return json.dumps(found.plain(), indent=2, ensure_ascii=False) + "\n"
