"""Changes of what was seen: in whose data, and how they are told."""

from __future__ import annotations

from dataclasses import dataclass

from adaptive_cart.nouns.records import Booleans


@dataclass(frozen=True)
class Reach:
    """Whose data a change may touch.

    Attributes
    ----------
    arms
        Positions of the arms.
    strata
        Strata in which data may move: one by one where a model tells them apart, else together.
    stratum, open_strata
        The stratum as the question has it, and ``(trial, stratum)`` those that are open.
    several
        Whether the design has strata at all.
    """

    arms: tuple[int, ...]
    strata: tuple[tuple[int, ...], ...]
    stratum: int
    open_strata: Booleans | None
    several: bool

    def move(self, arm: int, strata: tuple[int, ...], words: str) -> Move:
        """A change in an arm, and in a stratum of it where there is one alone."""
        return Move(arm, strata[0] if self.several and len(strata) == 1 else None, words)


@dataclass(frozen=True)
class Move:
    """A change in one arm (and stratum), in words that leave a place for ``{where}``.

    What is counted is called ``{noun}``.
    """

    arm: int
    stratum: int | None
    words: str


def counted(by: int) -> str:
    """So many more or fewer, in words."""
    plural = "" if abs(by) == 1 else "s"
    return f"{abs(by)} {'more' if by > 0 else 'fewer'} {{noun}}{plural} in {{where}}"
