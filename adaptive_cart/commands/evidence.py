"""``adaptive-cart evidence``: what published early series say of the next product."""

from __future__ import annotations

from pathlib import Path

import click

from adaptive_cart.commands.terminal import encodable


@click.command(name="evidence")
@click.argument("table", type=click.Path(path_type=Path))
@click.option(
    "--spread",
    type=float,
    default=1.0,
    show_default=True,
    help="Multiplies the prior scales of all standard deviations between groups.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print the numbers as CSV instead.")
def command(table: Path, spread: float, as_csv: bool) -> None:
    """Tell what the published early series of TABLE say, and what they cannot."""
    from adaptive_cart.evidence import learn, read_series

    findings = learn(read_series(table), spread)
    text = findings.table.to_csv(index=False, lineterminator="\n") if as_csv else str(findings)
    click.echo(encodable(text), nl=False)
