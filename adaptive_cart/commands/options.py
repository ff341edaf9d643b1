"""What several commands take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

design = click.argument("design", type=click.Path(path_type=Path))
jobs = click.option("--jobs", type=int, help="Processes; all cores if left out. Changes no result.")
resume = click.option(
    "--resume/--restart",
    default=True,
    show_default=True,
    help="Go on from what the folder holds, or replace it.",
)


def out(words: str) -> Callable[[Any], Any]:
    """Where a command writes to."""
    return click.option("--out", type=click.Path(file_okay=False, path_type=Path), help=words)
