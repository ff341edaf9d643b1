"""The command line."""

from __future__ import annotations

import click

from adaptive_cart.commands.group import Group, show_version


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=show_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Simulate adaptive trials of CAR-T cells against standard of care."""


if __name__ == "__main__":
    main()
