"""``adaptive-cart borrowing``: what a control that borrows gains and risks as its rate drifts."""

from __future__ import annotations

from pathlib import Path

import click

from adaptive_cart.commands import options
from adaptive_cart.commands.terminal import encodable, progress


@click.command(name="borrowing")
@options.design
@click.option("--effect", type=float, help="Difference at which power is told; else the design's.")
@click.option(
    "--region",
    type=(float, float),
    metavar="FROM TO",
    help="Control rates over which the error is held; else the null region, or 0 1.",
)
@click.option("--error", type=float, help="To be held there; else the design's  [0.025].")
@click.option("--points", type=int, default=201, show_default=True, help="True control rates.")
@options.formats("Of the figure")
@options.settings
@options.out("Folder of curves, text and figure; else borrowing/<name of the design file>.")
def command(
    design: Path,
    effect: float | None,
    region: tuple[float, float] | None,
    error: float | None,
    points: int,
    formats: tuple[str, ...],
    settings: tuple[str, ...],
    out: Path | None,
) -> None:
    """Tell what borrowing buys and what it risks, over every true rate of DESIGN's control."""
    from adaptive_cart.design.file import load_design
    from adaptive_cart.figures.drift import write_drift
    from adaptive_cart.running.drift import drift

    loaded = load_design(design, settings)
    options.tell_settings(loaded)
    folder = out or Path("borrowing") / design.stem
    with progress() as bar:
        found = drift(loaded, effect, region, error, points, bar.show)
    write_drift(found, folder, formats or options.FORMATS)
    click.echo(encodable(found.table()))
    click.echo(encodable(found.words()))
    click.echo(f"curves, text, paragraph for the protocol and figure in {folder}", err=True)
