"""The tutorial, done as it stands: each command is run, and prints what the page shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from adaptive_cart.cli import main

PAGE = Path(__file__).parents[1] / "docs" / "tutorial.md"
FENCE = re.compile(r'^```(console|toml)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def steps(text: str) -> Iterator[tuple[str, list[str]]]:
    """Commands, each with the lines that the page shows of what it prints."""
    command, shown = "", list[str]()
    for line in [*text.splitlines(), "$ "]:
        if not line.startswith("$ "):
            shown.append(line)
            continue
        if command:
            yield command, shown
        command, shown = line[2:], []


def edited(old: str, text: str) -> str:
    """Change a file as a block says: at its end, or in place of the one line named."""
    end = list[str]()
    place = ""
    for line in text.splitlines():
        if line == "# at the end":
            place = ""
        elif line.startswith("# in place of: "):
            place = line.removeprefix("# in place of: ")
            assert old.count(f"\n{place}\n") == 1, place
        elif place:
            old = old.replace(f"\n{place}\n", f"\n{line}\n")
        else:
            end.append(line)
    return old + "\n" + "\n".join(end) + "\n"


def missing(shown: list[str], said: str) -> list[str]:
    """Shown lines that were not printed in this order; ``…`` leaves lines out.

    Of a number with more than twelve decimals the first twelve: the last bits of a sum are not the
    same on every processor, and a threshold is written with all of them.
    """
    lines = iter([_twelve(line) for line in said.splitlines()])
    return [own for own in shown if own != "…" and _twelve(own) not in lines]


def _twelve(line: str) -> str:
    return re.sub(r"(\.\d{12})\d+", r"\1", line.rstrip())


@pytest.mark.slow
def test_the_tutorial_prints_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    found = 0
    for kind, title, text in FENCE.findall(PAGE.read_text("utf-8")):
        if kind == "toml":
            path = tmp_path / title
            path.write_text(edited(path.read_text("utf-8"), text), "utf-8")
            continue
        for command, shown in steps(text):
            program, *arguments = shlex.split(command)
            assert program == "adaptive-cart"
            done = CliRunner().invoke(main, arguments)
            assert done.exit_code == 0, done.output
            assert missing(shown, done.output) == [], f"{command} printed:\n{done.output}"
            found += 1
    assert found > 8


def test_what_is_shown_and_not_printed_is_found() -> None:
    assert missing(["a", "…", "c"], "a\nb\nc\n") == []
    assert missing(["c", "a"], "a\nb\nc\n") == ["a"]
    assert missing(["0.1234567890123"], "0.1234567890129") == []
    assert missing(["0.123456789012"], "0.123456789013") == ["0.123456789012"]
    assert edited("a\nb\n", "# in place of: b\nc\n# at the end\nd\n") == "a\nc\n\nd\n"
