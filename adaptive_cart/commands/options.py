"""What several commands take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from adaptive_cart.design.design import Design

design = click.argument("design", type=click.Path(path_type=Path))
jobs = click.option("--jobs", type=int, help="Processes; all cores if left out. Changes no result.")
settings = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a key of the design otherwise, as in enrolment.max_n=90; may be repeated.",
)
resume = click.option(
    "--resume/--restart",
    default=True,
    show_default=True,
    help="Go on from what the folder holds, or replace it.",
)


def tell_settings(loaded: Design) -> None:
    """Say on standard error what was set otherwise than the file says."""
    for key, change in loaded.replaced.items():
        click.echo(f"set: {change.words(key)}", err=True)


def out(words: str) -> Callable[[Any], Any]:
    """Where a command writes to."""
    return click.option("--out", type=click.Path(file_okay=False, path_type=Path), help=words)
