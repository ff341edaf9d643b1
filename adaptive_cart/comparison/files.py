"""A comparison as files: the numbers, what was changed, the text, and the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from adaptive_cart.comparison.pictures import PICTURES, captions
from adaptive_cart.figures.writing import CAPTIONS, write_pictures

if TYPE_CHECKING:
    from adaptive_cart.comparison.side_by_side import Comparison

TABLE, CHANGES, TEXT = "comparison.csv", "changes.txt", "comparison.txt"


def write_comparison(comparison: Comparison, folder: Path, formats: tuple[str, ...]) -> list[str]:
    """Write everything into a folder; returns the names of the files."""
    texts = {
        TABLE: comparison.table.to_csv(index=False, lineterminator="\n"),
        CHANGES: comparison.changes_text() + "\n",
        TEXT: comparison.text() + "\n",
        CAPTIONS: json.dumps(captions(comparison), indent=2, ensure_ascii=False) + "\n",
    }
    pictures = {name: draw(comparison) for name, draw in PICTURES.items()}
    return write_pictures(folder, pictures, texts, formats)
