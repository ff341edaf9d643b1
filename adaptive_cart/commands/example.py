"""``adaptive-cart example``: tell one simulated trial of DESIGN, look by look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from adaptive_cart.commands import options


@click.command(name="example")
@options.design
@options.settings
@click.option("--scenario", help="Which truth; the first alternative if left out.")
@click.option("--trial", type=int, default=0, show_default=True, help="Number of the trial.")
@options.seed
@click.option(
    "--participants",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the participants table to this CSV file ('-' for standard output).",
)
@click.option(
    "--opened",
    metavar="YYYY-MM-DD",
    help="Write the table in dates, of a trial that opened on that day.",
)
def command(
    design: Path,
    settings: tuple[str, ...],
    participants: Path | None,
    opened: str | None,
    **asked: Any,
) -> None:
    """Tell one simulated trial of DESIGN, look by look."""
    from adaptive_cart.errors import InputError
    from adaptive_cart.nouns.whole_files import write_new
    from adaptive_cart.recorded.dates import opening
    from adaptive_cart.telling.walkthrough import example as walk

    if opened is not None and participants is None:
        raise InputError("--opened goes with --participants, whose table is then in dates")
    day = opening(opened)
    loaded = options.load(design, settings)
    story = walk(loaded, **asked, opened=day)
    if participants is None:
        click.echo(story.text)
    elif str(participants) == "-":
        click.echo(story.text, err=True)
        click.echo(story.participants_csv(), nl=False)
    else:
        write_new(participants, story.participants_csv(), again=True)
        click.echo(story.text)
        click.echo(f"participants in {participants}", err=True)
