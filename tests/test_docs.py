"""What the pages say can be typed can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import markdown
import pytest
import yaml

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


# ── what a reader of the built pages sees ─────────────────────────────────────────────────────
SETTINGS = ROOT / "mkdocs.yml"
BUILT = sorted((ROOT / "docs").rglob("*.md"))
MARKS = re.compile(r"\n\s*([-*+|#:] |\d+[.)] |```)")  # of lists, tables, titles and code
SHOWN = re.compile(r"<(p|li|td|dd)\b[^>]*>(.*?)(?=<(?:/\1|ul|ol|p|pre|table|li)\b)", re.S)


def shown(text: str) -> list[str]:
    """Paragraphs, items and cells of a page as mkdocs renders it, without what stands as code."""
    extensions = yaml.safe_load(SETTINGS.read_text("utf-8"))["markdown_extensions"]
    names = [one if isinstance(one, str) else next(iter(one)) for one in extensions]
    page = markdown.markdown(text, extensions=names)
    page = re.sub(r"<pre\b.*?</pre>|<code\b.*?</code>", "code", page, flags=re.S)
    return [match[2] for match in SHOWN.finditer(page)]


def marks_left(text: str) -> list[str]:
    """Where a reader sees a mark that should have made a list, a table or a title."""
    return [part[:80] for part in shown(text) if MARKS.search(part)]


@pytest.mark.parametrize("page", BUILT, ids=lambda page: page.stem)
def test_lists_tables_and_titles_are_shown_as_such(page: Path) -> None:
    assert marks_left(page.read_text("utf-8")) == []


def test_a_list_that_no_blank_line_precedes_is_found() -> None:
    """Python-Markdown takes it for a part of the paragraph, other readers for a list."""
    assert marks_left("**Looks**\n- one\n- two") == ["<strong>Looks</strong>\n- one\n- two"]
    assert marks_left("Looks\n\n- one\n- two: `- 3`") == []
    assert marks_left("Looks\n| a | b |\n|---|---|") != []
