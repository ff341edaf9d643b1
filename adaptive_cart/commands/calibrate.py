"""``adaptive-cart calibrate``: find thresholds and write them into the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from adaptive_cart.commands import options
from adaptive_cart.commands.terminal import encodable, progress


@click.command(name="calibrate")
@options.design
@options.settings
@click.option(
    "--trials",
    type=int,
    help="Simulated trials at each null point  [10000]; none where the error is enumerated.",
)
@options.seed
@options.workers
@options.engine("Enumerate the error, simulate, or enumerate where that is valid and quick.")
def command(design: Path, settings: tuple[str, ...], trials: int | None, **asked: Any) -> None:
    """Find every "calibrate" threshold of DESIGN and write it into the file, comments kept.

    What is set with --set is written into it too. What was found, and what it rests on, is kept
    beside it as NAME.calibration.json.
    """
    from adaptive_cart.design.file import text_to_edit, write_back
    from adaptive_cart.design.replacing import text_with
    from adaptive_cart.nouns.whole_files import write_text
    from adaptive_cart.results.calibration_log import log_beside, log_text, require_own
    from adaptive_cart.running.calibrate import calibrate, calibrated_text

    loaded = options.load(design, settings)
    before, log = text_to_edit(design), log_beside(design)
    require_own(log)
    with progress() as bar:
        found = calibrate(loaded, trials, **asked, progress=bar.show, tell=bar.tell)
    write_text(log, log_text(found))
    write_back(design, before, calibrated_text(text_with(before, loaded), found))
    for line in found.lines():
        click.echo(encodable(line))
    click.echo(encodable(found.words()))
    if found.trials == 0 and trials is not None:
        click.echo("the error was enumerated, so that --trials changed nothing", err=True)
    click.echo(f"{design} written; what it rests on is in {log}", err=True)
