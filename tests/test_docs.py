"""What the pages say can be typed can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from adaptive_cart.cli import main
from adaptive_cart.commands import COMMANDS

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "designs" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "sims").glob("*/README.md")),
]


def typed() -> Iterator[tuple[str, str]]:
    """Every command line of the pages, and of each page that has any its name."""
    for page in PAGES:
        if not page.exists():  # in a copy of the project
            continue
        text = page.read_text("utf-8")
        blocks = re.findall(r"^```(?:bash|console)\n(.*?)^```", text, re.M | re.S)
        lines = [
            match[1]
            for block in blocks
            for line in block.replace("\\\n", " ").splitlines()
            if (match := re.search(r"(?:^|[;&$] )\S*adaptive-cart (.+)$", line.strip()))
        ]
        inline = re.findall(r"`adaptive-cart ([^`]+)`", text)
        for line in (*lines, *(one.replace("\n", " ") for one in inline)):
            # what may be left out is left in, what goes on ends there, and a number is one
            alone = re.sub(r"[\[\]…]", " ", re.split(r" [|>#] | && ", line)[0])
            yield page.name, re.sub(r"\b(NUMBER|MONTHS?|K)\b", "1", alone)


def test_every_command_line_of_the_pages_can_be_typed() -> None:
    known, lines = set[str](), 0
    top = click.Context(main, info_name="adaptive-cart")
    for page, line in typed():
        name, *words = shlex.split(line)
        command = main.get_command(top, name)
        assert command is not None, (page, line)
        known.add(name)
        if not words:
            continue  # spoken of
        lines += 1
        try:
            command.make_context(name, words, parent=top)
        except click.exceptions.Exit:
            pass  # --help
        except click.ClickException as error:
            pytest.fail(f"{page}: adaptive-cart {line}: {error.format_message()}")
    assert lines >= 30
    assert known == {*COMMANDS}, "each is told somewhere"
