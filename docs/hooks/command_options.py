"""The page ``options.md``: every option of every command, as the command itself has it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib import import_module

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from adaptive_cart.commands import COMMANDS

INTRODUCTION = """\
# Every option

Made from the commands, as `adaptive-cart COMMAND --help` shows them. What each command does is told
on the [page of commands](commands.md).
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page; mkdocs calls this before it reads any."""
    files.append(File.generated(config, "options.md", content="\n".join(page())))
    return files


def page() -> Iterator[str]:
    """Lines of the page, a table a command."""
    yield INTRODUCTION
    for name, module in COMMANDS.items():
        command = import_module(module).command
        context = click.Context(command, info_name=f"adaptive-cart {name}")
        usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
        yield f"\n## {name}\n\n`{usage}`\n"
        records = [p.get_help_record(context) for p in command.params]
        told = [record for record in records if record is not None and record[1]]
        if told:
            yield "| option | |\n|---|---|"
            yield from (f"| `{cell(option)}` | {escape(cell(words))} |" for option, words in told)


def cell(text: str) -> str:
    """Write text so that it stays in its cell."""
    return " ".join(text.split()).replace("|", ", ")
