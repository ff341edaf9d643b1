"""``adaptive-cart optimise``: the design that needs least and holds what is wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from adaptive_cart.commands import options
from adaptive_cart.commands.terminal import encodable, progress


@click.command(name="optimise")
@options.design
@options.settings
@click.option(
    "--free",
    "free",
    multiple=True,
    metavar="KEY=LOW:HIGH[:STEP]",
    help="A key and where it may lie, or KEY=VALUE,VALUE; may be repeated.",
)
@click.option(
    "--looks",
    metavar="FEWEST:MOST",
    help="Free the number of looks, and when they are; as written if left out.",
)
@click.option(
    "--minimise",
    default="analysed",
    show_default=True,
    help="analysed, participants (randomised), months, exposed (to a failing product) or loss.",
)
@click.option("--also", help="A second one, for the front of the two.")
@click.option("--prior", help="The [design_prior] over which is averaged, if there are several.")
@click.option(
    "--weight",
    "weights",
    multiple=True,
    metavar="SCENARIO=SHARE",
    help="Average over this scenario, with this share; may be repeated; they sum to 1.",
)
@click.option("--error", type=float, help="Largest type I error; else calibration.type_one_error.")
@click.option(
    "--power",
    "power",
    multiple=True,
    metavar="SCENARIO=POWER",
    help="Least probability of success in a scenario; may be repeated.",
)
@click.option(
    "--front",
    metavar="POWER,POWER",
    help="Search at these powers as well, for the front; each takes as long again.",
)
@click.option("--loss-false-success", type=float, help="With loss: participants it costs.")
@click.option("--loss-missed", type=float, help="With loss: participants a missed success costs.")
@click.option(
    "--candidates", type=int, default=300, show_default=True, help="Designs judged at most."
)
@options.trials
@click.option(
    "--fresh",
    type=int,
    default=100_000,
    show_default=True,
    help="Trials of another seed that confirm what was found, where it is simulated.",
)
@click.option(
    "--certify",
    is_flag=True,
    help="Confirm a design whose error is simulated only if a bound of it over all truths between "
    "the null points too, with 95% confidence, is at most --error.",
)
@options.seed
@options.workers
@options.engine()
@options.formats("Of the figure")
@options.out("Folder of the design found, table and figure; else optima/<name of the design file>.")
@options.resume
def command(
    design: Path,
    settings: tuple[str, ...],
    free: tuple[str, ...],
    looks: str | None,
    weights: tuple[str, ...],
    power: tuple[str, ...],
    front: str | None,
    loss_false_success: float | None,
    loss_missed: float | None,
    formats: tuple[str, ...],
    out: Path | None,
    **asked: Any,
) -> None:
    """Find what of DESIGN needs least among all that hold a type I error and have a power."""
    from adaptive_cart.design.replacing import text_with
    from adaptive_cart.optimising.aims import Losses
    from adaptive_cart.optimising.optimise import optimise
    from adaptive_cart.optimising.pictures import write_front
    from adaptive_cart.optimising.typed import typed

    loaded = options.load(design, settings)
    folder = out or Path("optima") / design.stem
    with progress() as bar:
        found = optimise(
            loaded,
            **typed(free, looks, weights, power, front),
            losses=Losses(loss_false_success, loss_missed),
            **asked,
            out=folder,
            progress=bar.show,
            tell=bar.tell,
        )
    text = design.read_text(encoding="utf-8")
    found.write(folder, text_with(text, loaded))
    write_front(found, folder, formats or options.FORMATS)
    click.echo(encodable(found.text()))
    click.echo(f"design, candidates and figure in {folder}", err=True)
