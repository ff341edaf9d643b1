"""``adaptive-cart prior``: print the priors that follow from earlier data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from adaptive_cart.commands import options


@click.command(name="prior")
@click.argument("design", required=False, type=click.Path(path_type=Path))
@options.settings
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option(
    "--historical",
    type=click.Path(path_type=Path),
    help="Earlier controls (CSV: study, responders, participants) instead of DATA.",
)
@click.option("--weight", type=float, help="Of the vague component of a robust prior  [0.2].")
@click.option("--vague-mean", type=float, help="Mean of the vague component  [0.5].")
@click.option("--between-sd", type=float, help="Of the half-normal prior between studies  [1].")
@click.option("--accuracy", type=float, help="Of the mixture of betas, in any probability  [0.01].")
@click.option("--endpoint", help="Name to write; else the design's primary endpoint.")
@click.option("--arm", help="Arm that the prior is for; else the control, or the arm of DATA.")
@click.option(
    "--as-of",
    metavar="MONTH|DATE",
    help="Calendar month, or date, at which DATA is looked at; else its end.",
)
@click.option(
    "--opened", metavar="YYYY-MM-DD", help="The day on which the trial of DATA opened, with dates."
)
@click.option("--skeptical", type=float, help="Share of DATA that is not believed, 0 to 1  [0].")
def command(
    design: Path | None,
    settings: tuple[str, ...],
    data: Path | None,
    historical: Path | None,
    as_of: str | None,
    **asked: Any,
) -> None:
    """Print the priors that follow from earlier data, as lines for a design file.

    Either from the participants of an early trial, DATA, for an arm of DESIGN; or, with
    --historical, a robust prior of the control's rate from earlier control arms.
    """
    from adaptive_cart.priors.command import prior_text

    text = prior_text(design, data, historical, settings=settings, date=as_of, **asked)
    click.echo(text, nl=False)
