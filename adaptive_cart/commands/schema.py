"""``adaptive-cart schema``: print the JSON Schema of a design file, for editors."""

from __future__ import annotations

import click


@click.command(name="schema")
@click.option("--programme", is_flag=True, help="Of a programme file instead.")
def command(programme: bool) -> None:
    """Print the JSON Schema of a design file, for editors."""
    import json

    from adaptive_cart.design.json_schema import schema, schema_of_part

    if programme:
        from adaptive_cart.programmes.tables import ProgrammeTables

        document = schema_of_part(ProgrammeTables, "adaptive_cart programme")
    else:
        document = schema()
    click.echo(json.dumps(document, indent=2))
