"""``adaptive-cart compare``: lay designs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from adaptive_cart.commands import options
from adaptive_cart.commands.terminal import encodable, progress, width


@click.command(name="compare")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--with-fixed", is_flag=True, help="Also a fixed-size design, made from the first.")
@click.option(
    "--with-group-sequential",
    is_flag=True,
    help="Also a classical group-sequential design with the looks of the first.",
)
@click.option(
    "--calibrate-fixed",
    is_flag=True,
    help="Calibrate the fixed-size design's threshold; else it is that of the last look.",
)
@click.option(
    "--group-sequential-futility",
    type=float,
    metavar="Z",
    help="The classical design gives up below this z before the last look, non-binding; usually 0.",
)
@click.option("--scenario", "scenarios", multiple=True, help="Only this one; may be repeated.")
@options.workers
@options.formats("Of the figures")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("comparison"),
    show_default=True,
    help="Folder.",
)
def command(
    results: tuple[Path, ...],
    scenarios: tuple[str, ...],
    formats: tuple[str, ...],
    out: Path,
    **asked: Any,
) -> None:
    """Lay designs side by side: their RESULTS folders, the others compared with the first."""
    from adaptive_cart.comparison import compare as side_by_side

    with progress() as bar:
        comparison = side_by_side(
            results,
            scenarios=scenarios or None,
            **asked,
            out=out,
            progress=bar.show,
            tell=bar.tell,
        )
    comparison.write(out, formats or options.FORMATS)
    click.echo(encodable(comparison.text(width())))
    changed = comparison.changes_text()
    if changed:
        click.echo(encodable(f"\n{changed}"))
    click.echo(f"table, changes and figures in {out}", err=True)
