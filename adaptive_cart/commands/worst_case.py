"""``adaptive-cart worst-case``: an error over all truths at which a claim is false, and a proof."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from adaptive_cart.commands import options
from adaptive_cart.commands.terminal import encodable, progress


@click.command(name="worst-case")
@options.design
@options.settings
@click.option(
    "--measure",
    type=click.Choice(["false_success", "power", "futility_stop", "safety_stop"]),
    default="false_success",
    show_default=True,
    help="Success whose claim is false; or with --effect power, of which the smallest is the "
    "worst, or how often the trial stops for futility or safety.",
)
@click.option("--effect", type=float, help="Of the other measures: how far the arms differ.")
@click.option(
    "--over",
    type=click.Choice(["control", "arms", "strata"]),
    default="control",
    show_default=True,
    help="A curve over the control rate, or a map over the rates of two arms or two strata.",
)
@click.option(
    "--points",
    type=int,
    help="Rates on each axis  [1001, of a map 101; where it is simulated 21, of a map 7].",
)
@click.option(
    "--trials",
    type=int,
    help="Simulated trials at each point  [10000]; none where the error is enumerated.",
)
@options.seed
@options.workers
@options.engine("Enumerate the error, simulate, or enumerate where that is valid and quick.")
@click.option(
    "--certify",
    is_flag=True,
    help="Of what is simulated: state with 95% confidence what it exceeds nowhere.",
)
@click.option(
    "--tiles",
    type=int,
    help="Truths that --certify simulates: the more, the nearer the bound  [as many as bring it "
    "near, at most 1000].",
)
@options.formats("Of the figure")
@options.out("Folder of curve, certificate and figure; else worst_case/<name of the design file>.")
def command(
    design: Path,
    settings: tuple[str, ...],
    trials: int | None,
    certify: bool,
    tiles: int | None,
    formats: tuple[str, ...],
    out: Path | None,
    **asked: Any,
) -> None:
    """Find the worst case of an error of DESIGN over its null region, and what it never exceeds."""
    from adaptive_cart.figures.worst_case import write_worst_case
    from adaptive_cart.running.worst_case import worst_case

    loaded = options.load(design, settings)
    folder = out or Path("worst_case") / design.stem
    with progress() as bar:
        found = worst_case(
            loaded,
            trials=trials,
            certify_simulated=certify,
            tiles=tiles,
            **asked,
            progress=bar.show,
            tell=bar.tell,
        )
    write_worst_case(found, folder, formats or options.FORMATS)
    click.echo(encodable(found.table()))
    click.echo(encodable(found.words()))
    if found.trials == 0 and trials is not None:
        click.echo("the error was enumerated, so that --trials changed nothing", err=True)
    if found.trials == 0 and certify:
        idle = "--certify" if tiles is None else "--certify and --tiles"
        message = f"the error was enumerated: {idle}, of a simulated one, changed nothing"
        click.echo(message, err=True)
    click.echo(f"curve, certificate and figure in {folder}", err=True)
    if any(one is not None and not one.holds for one in (found.certificate, found.stated)):
        sys.exit(1)
