"""Who is told how far the work is, and what is found on the way."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]  # what, how much of it is done, how much there is
Tell = Callable[[str], None]


def silent(what: str, done: int, total: int) -> None:
    """Show nothing."""


def unheard(message: str) -> None:
    """Tell nobody."""
