"""``adaptive-cart schema``: print the JSON Schema of a design file, for editors."""

from __future__ import annotations

import click


@click.command(name="schema")
def command() -> None:
    """Print the JSON Schema of a design file, for editors."""
    import json

    from adaptive_cart.design.file import schema as document

    click.echo(json.dumps(document(), indent=2))
