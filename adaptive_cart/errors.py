"""What can go wrong, as one tree, and how a problem in an input is told.

    CartError                    whatever this package raises on purpose
    ├── InputError               the input is wrong: exit status 2, nothing is written
    │   ├── DesignError          a design file or a ``Design(...)`` call
    │   ├── EngineError          an engine that was asked for cannot run this design
    │   ├── ParticipantsError    a participants table that cannot be analysed
    │   └── ResultsError         a results folder of another design, seed or version
    └── RunError                 the run failed: exit status 1, what was there stays readable

Numerical trouble inside a block of trials is none of these: it is counted and reported.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self


def printable(text: str, kept: str = "\n") -> str:
    """Escape what a terminal would act on, or a page could not show."""
    if text.isprintable():
        return text
    return "".join(
        letter
        if letter in kept or letter.isprintable()
        else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


class CartError(Exception):
    """Whatever this package raises on purpose; names that it quotes are made harmless."""

    exit_status = 1

    def __str__(self) -> str:
        return printable(super().__str__())


class RunError(CartError):
    """The run failed for a reason outside the design (disk, memory, a worker that died)."""


class InputError(CartError):
    """The input is wrong; the message says what to type instead."""

    exit_status = 2


class EngineError(InputError):
    """The engine that was asked for cannot run this design."""


class ResultsError(InputError):
    """A results folder belongs to another design, seed or version, or is damaged."""


_LONGEST = 200  # letters of a path that are shown
_MOST, _MOST_LETTERS = 100, 15_000  # problems that are shown, and their letters in all
_NAMES = 60  # names that one line lists


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what was found, what is allowed, what to type."""

    path: str
    message: str

    def __str__(self) -> str:
        path = self.path if len(self.path) <= _LONGEST else self.path[:_LONGEST] + "…"
        told = f"{printable(path, kept='')}: {self.message}" if path else self.message
        return printable(told)


class AllAtOnce(InputError):
    """What is refused for several reasons; ``problems`` holds every one at once."""

    def __init__(self, problems: Iterable[Problem], source: str = "") -> None:
        self.problems = tuple(dict.fromkeys(problems))
        self.source = source
        super().__init__(str(self))

    def __str__(self) -> str:
        return told_together(self.problems, self.source)

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[Problem, ...], str]]:
        return type(self), (self.problems, self.source)


class DesignError(AllAtOnce):
    """A design that cannot run; ``problems`` holds every reason at once."""


def told_together(problems: Sequence[Problem], source: str) -> str:
    """A line a problem, each with the file that has it; those there is no room for are counted."""
    where = f"{printable(source)}: " if source else ""
    lines: list[str] = []
    letters = 0
    for problem in problems[:_MOST]:
        line = f"{where}{problem}"
        letters += len(line)
        if lines and letters > _MOST_LETTERS:
            break
        lines.append(line)
    more = len(problems) - len(lines)
    return "\n".join([*lines, f"{where}and {more} more"] if more else lines)


def one_of(allowed: Iterable[str]) -> str:
    """List what is allowed, in the order given; what a line has no room for is counted."""
    names = list(allowed)
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Return ' (did you mean …?)' for the allowed word that is most like a misspelt one."""
    close = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.55)
    return f" (did you mean '{close[0]}'?)" if close else ""
