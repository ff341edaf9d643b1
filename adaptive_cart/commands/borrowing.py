"""``adaptive-cart borrowing``: what a control that borrows gains and risks as its rate drifts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from adaptive_cart.commands import options
from adaptive_cart.commands.terminal import encodable, progress


@click.command(name="borrowing")
@options.design
@click.option(
    "--effect", type=float, help="Difference (or ratio) at which power is told; else the design's."
)
@click.option(
    "--region",
    type=(float, float),
    metavar="FROM TO",
    help="Levels of the control over which the error is held; else the null region, or 0 1; of "
    "rates and times a year, of scores a mean change, about the external one.",
)
@click.option("--error", type=float, help="To be held there; else the design's  [0.025].")
@click.option("--points", type=int, help="True levels of the control  [201; simulated 9].")
@click.option("--trials", type=int, help="At each point, where it is simulated  [1000].")
@click.option("--seed", type=int, help="Of the simulation; else the design's.")
@options.workers
@options.formats("Of the figure")
@options.settings
@options.out("Folder of curves, text and figure; else borrowing/<name of the design file>.")
def command(
    design: Path,
    formats: tuple[str, ...],
    settings: tuple[str, ...],
    out: Path | None,
    **asked: Any,
) -> None:
    """Tell what borrowing buys and what it risks, as the truth of DESIGN's control drifts.

    Of counts everything is enumerated, over every true rate. Rates, times to an event and scores
    are simulated at some true levels, and every number has its Monte Carlo standard error.
    """
    from adaptive_cart.figures.drift import write_drift
    from adaptive_cart.running.drift import drift

    loaded = options.load(design, settings)
    folder = out or Path("borrowing") / design.stem
    with progress() as bar:
        found = drift(loaded, **asked, progress=bar.show)
    write_drift(found, folder, formats or options.FORMATS)
    click.echo(encodable(found.table()))
    click.echo(encodable(found.words()))
    click.echo(f"curves, text, paragraph for the protocol and figure in {folder}", err=True)
