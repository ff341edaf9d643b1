"""``adaptive-cart figures``: draw the figures of a report from the results folder RESULT."""

from __future__ import annotations

from pathlib import Path

import click

from adaptive_cart.commands import options
from adaptive_cart.commands.terminal import encodable, progress


@click.command(name="figures")
@click.argument("result", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "formats",
    default="pdf,svg,png",
    show_default=True,
    help="Some of pdf, svg and png, with commas between.",
)
@click.option("--only", multiple=True, help="Only this figure (F4, C1, …); may be repeated.")
@options.out("Folder; else figures in the results folder.")
def command(result: Path, formats: str, only: tuple[str, ...], out: Path | None) -> None:
    """Draw the figures of a report from the results folder RESULT."""
    from adaptive_cart.figures import write_figures
    from adaptive_cart.results.result import open_result

    opened = open_result(result)
    chosen = [name.strip() for name in formats.split(",") if name.strip()]
    with progress() as bar:
        written = write_figures(opened, out, chosen, only or None, bar.show)
    click.echo(encodable(written.words()))
    click.echo(f"figures in {written.folder}", err=True)
