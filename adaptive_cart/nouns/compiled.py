"""Loops over numbers, compiled by numba where it is there, and from when on it pays.

What is compiled adds the same in the same order as arrays do, so that it is no part of a result
which of them did it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from importlib.util import find_spec
from typing import Any, Final

THERE: Final = find_spec("numba") is not None


def compiled(*loops: Callable[..., Any]) -> tuple[Any, ...]:
    """Loops, compiled once for a machine and kept."""
    import numba

    # neither fast-math nor threads: sums stay in order; what is divided by nought is what it is in
    # arrays
    try:
        return tuple(numba.njit(cache=True, error_model="numpy")(loop) for loop in loops)
    except RuntimeError:  # there is no folder to keep what has been compiled
        return tuple(numba.njit(error_model="numpy")(loop) for loop in loops)


class Loops:
    """Some loops that are loaded together.

    Parameters
    ----------
    worth
        Steps over arrays that take as long as it takes to load them, a second or more.
    """

    def __init__(self, *loops: Callable[..., Any], worth: int) -> None:
        self.loops, self.worth = loops, worth
        self.steps = 0  # that this process has been asked for

    def pay(self, steps: int) -> bool:
        """Whether they are used now that so many more steps are asked for."""
        self.steps += steps
        return self.used

    @property
    def used(self) -> bool:
        """Whether they are used now."""
        return THERE and self.steps >= self.worth

    @cached_property
    def compiled(self) -> tuple[Any, ...]:
        """The loops, loaded when they are first used."""
        return compiled(*self.loops)
