"""What commands show on a terminal, and in a pipe: width, characters, a bar of progress."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

PIPE = 140  # characters of a line where nobody says how wide the terminal is

_FIRST_LINE = 60.0  # seconds before a line says how far a command is
_REDRAWN = 0.1  # seconds before a bar that has moved is drawn anew
_LATER = 1.5  # times as long as until the last one


def _said_width() -> int | None:
    """Characters in a line of the terminal, or as COLUMNS says; nothing in a pipe."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit():
        import shutil

        return shutil.get_terminal_size().columns or PIPE
    return None


def width() -> int:
    """Characters in a line of the terminal; in a pipe a fixed number, unless COLUMNS says one."""
    return _said_width() or PIPE


def folded(text: str) -> str:
    """Fold lines that are wider than the terminal, each below its own beginning; none in a pipe."""
    wide = _said_width()
    if wide is None:
        return text
    from textwrap import wrap

    lines: list[str] = []
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        below = f"{indent}    "
        room = max(wide, len(below) + 20)
        parts = wrap(
            line, room, subsequent_indent=below, break_long_words=False, break_on_hyphens=False
        )
        lines += parts or [""]
    return "\n".join(lines)


def encodable(text: str) -> str:
    """Replace what the terminal's encoding does not have."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plain = text.replace("→", "->").translate(str.maketrans("─–−…", "---~"))
        return plain.encode(encoding, "replace").decode(encoding)
    return text


@dataclass(frozen=True)
class Bar:
    """What a command shows while it runs: how far it is, and messages that keep clear of that."""

    show: Callable[[str, int, int], None]
    tell: Callable[[str], None]


class _Lines:
    """How far a long command is, where no bar can move: a line after a minute, then more rarely.

    The log of a job on a cluster has some ten of them a day, and a short command none.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._due = _FIRST_LINE
        self._started: dict[str, tuple[float, int]] = {}

    def show(self, what: str, done: int, total: int) -> None:
        now = time.monotonic() - self._began
        began, before = self._started.setdefault(what, (now, done))
        if now < self._due:
            return
        self._due = now * _LATER
        left = ""
        if done > before and done < total:
            left = f", about {_lasting((now - began) / (done - before) * (total - done))} left"
        message = f"{what}: {done:,} of {total:,} after {_lasting(now)}{left}"
        click.echo(encodable(message), err=True)


def _lasting(seconds: float) -> str:
    """A time in the unit in which it is told."""
    for limit, unit, many in ((120.0, 1.0, "seconds"), (7_200.0, 60.0, "minutes")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {many}"
    return f"{seconds / 3_600.0:.1f} hours"


@contextmanager
def progress() -> Iterator[Bar]:
    """Show a bar with rate and time left on a terminal; in a pipe messages, and a line at times.

    The bar is drawn when it is told of something: a thread that drew it at times would keep this
    process from being copied (:mod:`adaptive_cart.running.forked`).
    """
    if not sys.stderr.isatty():
        yield Bar(_Lines().show, lambda message: click.echo(message, err=True))
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    tasks: dict[str, tuple[TaskID, int, float]] = {}
    drawn = -_REDRAWN
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as bar:

        def show(what: str, done: int, total: int) -> None:
            nonlocal drawn
            now = time.monotonic()
            if what not in tasks:
                for task, _, _ in tasks.values():
                    bar.update(task, visible=False)
                task = bar.add_task(what, total=total, completed=done, rate="")
                tasks[what] = task, done, now
            task, first, began = tasks[what]
            elapsed = now - began
            rate = (done - first) / elapsed if elapsed > 0 else 0.0
            shown = f"{rate:,.0f}/s" if rate >= 1.0 else ""
            due = now - drawn >= _REDRAWN or done == total
            drawn = now if due else drawn
            bar.update(task, completed=done, total=total, rate=shown, refresh=due)

        def tell(message: str) -> None:
            # through the bar's own console, which moves the bar below it
            console.print(encodable(message), markup=False, highlight=False, soft_wrap=True)

        yield Bar(show, tell)
