"""``adaptive-cart size``: the smallest number of participants with the power that is wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from adaptive_cart.commands import options
from adaptive_cart.commands.terminal import encodable, progress


@click.command(name="size")
@options.design
@options.settings
@click.option(
    "--power",
    type=float,
    default=0.8,
    show_default=True,
    help="Probability of success that is wanted.",
)
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    help="Where it is wanted; else in every alternative; may be repeated.",
)
@click.option("--least", type=int, help="Smallest size searched; else half of enrolment.max_n.")
@click.option("--most", type=int, help="Largest size searched; else twice enrolment.max_n.")
@click.option(
    "--looks",
    metavar="FEWEST:MOST",
    help="Free the number of looks, and when they are; in proportion if left out.",
)
@click.option(
    "--recalibrate",
    is_flag=True,
    help="Calibrate the thresholds of the success rules at every size.",
)
@options.trials
@options.seed
@options.workers
@options.engine()
@click.option(
    "--fresh",
    type=int,
    default=100_000,
    show_default=True,
    help="Trials of another seed that confirm the size, where it is simulated; 0 for none.",
)
@options.out("Folder of the sizes and the answer; else sizes/<name of the design file>.")
@options.resume
def command(
    design: Path, settings: tuple[str, ...], power: float, out: Path | None, **asked: Any
) -> None:
    """Find the smallest enrolment.max_n of DESIGN that has the power; looks move with it."""
    from adaptive_cart.sweeps.sizing import size

    loaded = options.load(design, settings)
    folder = out or Path("sizes") / design.stem
    with progress() as bar:
        found = size(loaded, power, **asked, out=folder, progress=bar.show, tell=bar.tell)
    found.write(folder)
    click.echo(encodable(found.text()))
    click.echo(f"every size that was run in {folder}", err=True)
