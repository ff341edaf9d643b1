"""``adaptive-cart simulate``: find the operating characteristics of DESIGN."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adaptive_cart.commands import options
from adaptive_cart.commands.postponed import postpone_imports
from adaptive_cart.commands.terminal import encodable, progress, width

if TYPE_CHECKING:
    from adaptive_cart.results.result import Result


@click.command(name="simulate")
@options.design
@options.settings
@options.trials
@options.seed
@options.scenarios
@options.workers
@options.engine()
@click.option("--mcse", type=float, help="Go on until every success probability is this sure.")
@options.part("trials")
@options.out("Results folder; else results/<name of the design file>.")
@options.resume
def command(
    design: Path,
    settings: tuple[str, ...],
    trials: int | None,
    scenarios: tuple[str, ...],
    part: str | None,
    out: Path | None,
    **asked: Any,
) -> None:
    """Find the operating characteristics of DESIGN."""
    postpone_imports()
    from adaptive_cart.design.replacing import text_with
    from adaptive_cart.results.calibration_log import log_beside, read_log
    from adaptive_cart.running.run import simulate as run
    from adaptive_cart.running.shares import Share

    share = None if part is None else Share.parse(part)
    loaded = options.load(design, settings)
    folder = out or Path("results") / design.stem
    with progress() as bar:
        result = run(
            loaded,
            trials=trials,
            scenarios=scenarios or None,
            **asked,
            out=folder,
            design_text=text_with(design.read_text(encoding="utf-8"), loaded),
            calibration=read_log(log_beside(design)),
            share=share,
            progress=bar.show,
            tell=bar.tell,
        )
    if share is not None:
        number = loaded.simulation.trials if trials is None else trials
        options.told_of_part(f"{share.words(number)}, in {folder / share.folder}", folder)
        return
    show_result(result, folder)


def show_result(result: Result, folder: Path) -> None:
    """Show the tables of a run, and what went wrong in it."""
    from adaptive_cart.results.tables import failure_warning, summary

    click.echo(encodable(summary(result, width())))
    warning = failure_warning(result)
    if warning:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"results in {folder}", err=True)
