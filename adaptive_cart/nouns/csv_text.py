"""Tables as a CSV file has them."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from typing import Any


def csv_text(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table as text, a line a row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def known(numbers: Iterable[float]) -> list[Any]:
    """Cells of numbers, blank where one is not known."""
    return ["" if math.isnan(number) else number for number in numbers]
