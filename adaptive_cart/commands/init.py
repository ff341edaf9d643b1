"""``adaptive-cart init``: write a commented starting design to FILE."""

from __future__ import annotations

from pathlib import Path

import click


class _Templates(click.Option):
    """An option whose help lists the starting designs that there are."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from adaptive_cart.design.file import templates

        self.help = f"Which starting design: {', '.join(templates())}."
        return super().get_help_record(ctx)


@click.command(name="init")
@click.option("--template", cls=_Templates, default="hello", help="Which starting design:")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def command(template: str, file: Path) -> None:
    """Write a commented starting design to FILE."""
    from adaptive_cart.design.file import template as text_of
    from adaptive_cart.nouns.whole_files import write_new

    text = text_of(template)
    write_new(file, text)
    click.echo(f"{file} written; next: adaptive-cart check {file}", err=True)
