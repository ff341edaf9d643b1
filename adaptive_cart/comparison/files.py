"""A comparison as files: the numbers, what was changed, the text, and the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from adaptive_cart.comparison.pictures import PICTURES, captions
from adaptive_cart.errors import InputError, ResultsError, one_of
from adaptive_cart.figures import FORMATS, rendered
from adaptive_cart.figures.writing import CAPTIONS
from adaptive_cart.nouns.owned_folder import OwnedFolder

if TYPE_CHECKING:
    from adaptive_cart.comparison.side_by_side import Comparison

TABLE, CHANGES, TEXT = "comparison.csv", "changes.txt", "comparison.txt"


def write_comparison(comparison: Comparison, folder: Path, formats: tuple[str, ...]) -> list[str]:
    """Write everything into a folder; returns the names of the files."""
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise InputError(
            f"--format: found '{one_of(unknown)}'; some of {one_of(FORMATS)} are expected"
        )
    for parent in (folder, *folder.parents):
        if parent.exists() and not parent.is_dir():
            raise ResultsError(f"{parent}: is a file; choose another --out")
    csv = comparison.table.to_csv(index=False, lineterminator="\n")
    pictures = {name: draw(comparison) for name, draw in PICTURES.items()}
    owned = OwnedFolder(folder)
    texts = {
        TABLE: csv,
        CHANGES: comparison.changes_text() + "\n",
        TEXT: comparison.text() + "\n",
        CAPTIONS: json.dumps(captions(comparison), indent=2, ensure_ascii=False) + "\n",
    }
    drawn = {
        f"{name}.{suffix}": (picture, suffix)
        for name, picture in pictures.items()
        for suffix in dict.fromkeys(formats)
    }
    owned.require_free([*texts, *drawn])
    owned.sweep()
    owned.keep_only([*texts, *drawn])  # of an earlier comparison
    for name, text in texts.items():
        owned.write(name, text)
    for name, (picture, suffix) in drawn.items():
        owned.write(name, rendered(picture, suffix))
    return [*texts, *drawn]
