"""``adaptive-cart merge``: put the parts of a run together."""

from __future__ import annotations

from pathlib import Path

import click

from adaptive_cart.commands import options
from adaptive_cart.commands.terminal import encodable, progress, say_goes_on, width


@click.command(name="merge")
@click.argument("folder", type=click.Path(path_type=Path))
@options.workers
@options.resume
def command(folder: Path, jobs: int | None, resume: bool) -> None:
    """Put together what simulate --part has written into FOLDER; the parts are left as they are."""
    from adaptive_cart.results.tables import failure_warning, summary
    from adaptive_cart.running.shares import merge

    try:
        with progress() as bar:
            result = merge(folder, jobs=jobs, restart=not resume, progress=bar.show, tell=bar.tell)
    except KeyboardInterrupt:
        say_goes_on(resume)
    click.echo(encodable(summary(result, width())))
    warning = failure_warning(result)
    if warning:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"results in {folder}", err=True)
