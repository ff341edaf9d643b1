"""``adaptive-cart report``: write the protocol appendix of RESULT: Word, one page, PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from adaptive_cart.commands.terminal import progress


@click.command(name="report")
@click.argument("result", required=False, type=click.Path(path_type=Path))
@click.option(
    "--format", "formats", default="docx,html,pdf", show_default=True, help="Which files."
)
@click.option(
    "--audience",
    type=click.Choice(["open", "restricted", "both"]),
    default="both",
    show_default=True,
    help="The protocol appendix, the annex with thresholds and boundaries, or both.",
)
@click.option(
    "--paper",
    type=click.Choice(["letter", "a4"]),
    default="letter",
    show_default=True,
    help="Size of the pages of Word and PDF.",
)
@click.option(
    "--reference-docx",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A Word document whose styles, header and footer are taken over.",
)
@click.option(
    "--facts",
    type=click.Path(dir_okay=False, path_type=Path),
    help="TOML file with what only the sponsor knows; without it the report is a draft.",
)
@click.option("--facts-template", is_flag=True, help="Print a file of facts to start from.")
@click.option(
    "--sensitivity-trials",
    type=int,
    help="Trials of each variant of the design simulated beside the run; 0 for none.",
)
@click.option(
    "--also",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folder of a worst case, sweep, search, programme or analysis (--tipping) of the same "
    "design; may be repeated.",
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Else the results folder."
)
def command(
    result: Path | None,
    formats: str,
    audience: Any,
    facts_template: bool,
    also: tuple[Path, ...],
    out: Path | None,
    **asked: Any,
) -> None:
    """Write the protocol appendix of RESULT: Word, one page, PDF."""
    if facts_template:
        from adaptive_cart.report.facts import facts_template as text

        click.echo(text(), nl=False)
        return
    if result is None:
        raise click.UsageError("Missing argument 'RESULT'.")
    from adaptive_cart.exhibits import exhibits_of
    from adaptive_cart.report import write_report
    from adaptive_cart.results.result import open_result

    with progress() as bar:
        written = write_report(
            open_result(result),
            out,
            formats=[name.strip() for name in formats.split(",")],
            audiences=("open", "restricted") if audience == "both" else (audience,),
            **asked,
            exhibits=exhibits_of(also),
            progress=bar.show,
        )
    for warning in dict.fromkeys(written.warnings):  # both audiences may say the same
        click.echo(f"warning: {warning}", err=True)
    click.echo(written.words())
