"""``adaptive-cart verify``: compare the fast posterior with PyMC."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from adaptive_cart.commands import options
from adaptive_cart.commands.terminal import encodable, progress


@click.command(name="verify")
@options.design
@options.settings
@click.option(
    "--looks",
    type=int,
    default=200,
    show_default=True,
    help="Looks of simulated trials; half of them those closest to a threshold.",
)
@click.option("--seed", type=int, help="Seed of the trials and draws; else the design's.")
@options.workers
@options.out("Folder of the rows; else verification/<name of the design file>.")
@options.resume
def command(design: Path, settings: tuple[str, ...], out: Path | None, **asked: Any) -> None:
    """Compare the fast posterior of DESIGN with PyMC, at looks of simulated trials."""
    from adaptive_cart.verification.verify import verify as run

    loaded = options.load(design, settings)
    folder = out or Path("verification") / design.stem
    with progress() as bar:
        found = run(loaded, **asked, out=folder, progress=bar.show, tell=bar.tell)
    click.echo(encodable(found.text()))
    click.echo(f"rows in {folder}", err=True)
    if found.failed:
        sys.exit(1)
