"""``adaptive-cart analyze``: judge the participants in DATA, a real trial, at a look of DESIGN."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adaptive_cart.commands import options
from adaptive_cart.commands.terminal import encodable

if TYPE_CHECKING:
    from adaptive_cart.design.design import Design

WITHHELD = 3  # exit status of an analysis that decides nothing


@click.command(name="analyze")
@options.design
@options.settings
@click.argument("data", type=click.Path(path_type=Path), required=False)
@click.option(
    "--template",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write an empty table for DESIGN, its columns explained, to this CSV file instead ('-' "
    "for standard output).",
)
@click.option("--look", type=int, help="Number of the look; else the last one due by the data.")
@click.option(
    "--as-of",
    metavar="MONTH|DATE",
    help="Calendar month of the data, or a date (that day counts); else that of the look.",
)
@click.option(
    "--opened",
    metavar="YYYY-MM-DD",
    help="The day on which the trial opened, for a table with dates; with --template, the table "
    "has columns of dates.",
)
@click.option(
    "--window",
    type=float,
    show_default="0.5",
    help="Months by which a visit may come before the day for which it stands.",
)
@click.option(
    "--what-if",
    type=int,
    metavar="K",
    help="Tell what the next K participants would have to show for each rule to hold.",
)
@click.option(
    "--tipping",
    is_flag=True,
    help="Tell how the outcomes of the missing, and the priors, would have to differ to turn each "
    "rule over.",
)
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Results folder of a simulated run of DESIGN, which knows the bias of the estimate given "
    "the look and the reason of the stop, where counts alone do not tell it.",
)
@click.option("--fast", is_flag=True, help="Leave the reference posterior (PyMC) out.")
@click.option("--seed", type=int, help="Seed of chains and imputations; else the design's.")
@options.out("Folder; else analysis/<name of the data file>.")
def command(
    design: Path,
    settings: tuple[str, ...],
    data: Path | None,
    template: Path | None,
    opened: str | None,
    out: Path | None,
    **asked: Any,
) -> None:
    """Judge the participants in DATA, a real trial, at a look of DESIGN.

    Exit status 3 says that the decision is withheld.
    """
    from adaptive_cart.analysis import analyze as judge
    from adaptive_cart.errors import InputError

    loaded = options.load(design, settings)
    if template is not None:
        _write_template(loaded, design, settings, template, opened)
        return
    if data is None:
        raise InputError(
            "DATA is missing: the name of the participants table (a CSV file); --template FILE "
            "writes an empty one for the design"
        )
    folder = out or Path("analysis") / data.stem
    found = judge(
        loaded,
        data,
        opened=opened,
        **asked,
        out=folder,
        tell=lambda message: click.echo(message, err=True),
    )
    click.echo(encodable(found.text))
    click.echo(f"analysis in {folder}", err=True)
    if found.decision.withheld:
        sys.exit(WITHHELD)


def _write_template(
    loaded: Design, design: Path, settings: tuple[str, ...], file: Path, opened: str | None
) -> None:
    from adaptive_cart.nouns.whole_files import write_new
    from adaptive_cart.recorded.dates import opening
    from adaptive_cart.recorded.template import template

    day = opening(opened)
    text = template(loaded, day)
    if str(file) == "-":
        click.echo(text, nl=False)
        return
    write_new(file, text)
    more = "" if opened is None else f" --opened {opened}"
    more += "".join(f" --set '{text}'" for text in settings)
    click.echo(f"{file} written; next: adaptive-cart analyze {design} {file}{more}", err=True)
