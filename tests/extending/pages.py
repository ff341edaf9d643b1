"""The worked example of a page in ``docs/extending/``, carried out on a copy of the project.

A fenced block with a title is part of the example: a file that does not exist yet is written as it
stands; a block named after a file that exists holds pieces, each of which begins with a comment
``# after: LINE`` or ``# before: LINE`` and is inserted next to the one line that reads so.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
PIECE = re.compile(r"^ *# (after|before): (.*)$")


@dataclass(frozen=True)
class Block:
    """A titled block: the file that it names and what stands in it."""

    path: str
    text: str

    @property
    def is_new(self) -> bool:
        """Whether the file is the example's own."""
        return not (ROOT / self.path).exists()


def blocks(page: Path) -> list[Block]:
    """Titled blocks of a page, in order."""
    return [Block(*found) for found in FENCE.findall(page.read_text("utf-8"))]


def pieces(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """What is inserted: after or before, the line that is looked for, the lines that are new."""
    where, line, new = "", "", list[str]()
    for own in text.splitlines():
        begins = PIECE.match(own)
        if begins is None:
            if not where:
                raise ValueError(f"a piece begins with '# after: LINE', found {own!r}")
            new.append(own)
            continue
        if where:
            yield where, line, without_end(new)
        where, line, new = begins[1], begins[2].strip(), []
    yield where, line, without_end(new)


def without_end(lines: list[str]) -> list[str]:
    """Leave out the empty lines that part a piece from the next."""
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def inserted(old: str, text: str) -> str:
    """Insert the pieces of a block into what a file holds."""
    lines = old.splitlines()
    for where, line, new in pieces(text):
        found = [number for number, own in enumerate(lines) if own.strip() == line]
        if len(found) != 1:
            raise ValueError(f"{line!r} stands in the file {len(found)} times, not once")
        at = found[0] + (where == "after")
        lines[at:at] = new
    return "\n".join(lines) + "\n"


def carry_out(page: Path, to: Path) -> None:
    """Copy the project and do there what the page says."""
    leave = shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache")
    for folder in ("adaptive_cart", "tests", "designs", "docs"):
        shutil.copytree(ROOT / folder, to / folder, ignore=leave)
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "constraints.txt", "mkdocs.yml"):
        shutil.copy(ROOT / name, to / name)
    for block in blocks(page):
        path = to / block.path
        path.parent.mkdir(parents=True, exist_ok=True)
        old = path.read_text("utf-8") if path.exists() else None
        path.write_text(block.text if old is None else inserted(old, block.text), "utf-8")


def run(*command: str, cwd: Path) -> str:
    """Run Python on the copy; what it says is what it gives, or the text of the failure."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(cwd), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{said[-6000:]}"
    return said
