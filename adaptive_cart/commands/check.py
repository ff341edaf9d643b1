"""``adaptive-cart check``: read DESIGN, report every problem, and show what it means."""

from __future__ import annotations

from pathlib import Path

import click

from adaptive_cart.commands import options
from adaptive_cart.commands.postponed import postpone_imports
from adaptive_cart.commands.terminal import folded


@click.command(name="check")
@options.design
@options.settings
def command(design: Path, settings: tuple[str, ...]) -> None:
    """Read DESIGN, report every problem, and show what it means.

    DESIGN may also be the file of a programme.
    """
    postpone_imports()
    from adaptive_cart.design.file import load_design, names_designs, read_tables
    from adaptive_cart.telling.check import described

    if names_designs(read_tables(design)):
        told = _programme(design, settings)
    else:
        told = described(load_design(design, settings))
    click.echo(folded(told))


def _programme(file: Path, settings: tuple[str, ...]) -> str:
    from adaptive_cart.design.replacing import settings_of
    from adaptive_cart.programmes import load_programme
    from adaptive_cart.programmes.described import described

    return described(load_programme(file, settings_of(settings)))
