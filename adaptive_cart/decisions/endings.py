"""How a trial ends: the one list, in the order in which arrays number the reasons."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

Colour = Literal["blue", "orange", "purple", "green", "vermilion", "sky", "pale"]


class Ending(IntEnum):
    """One way in which a trial ends; as a number, what arrays of reasons hold.

    Attributes
    ----------
    name
        In files: the reason of a trial.
    label
        In tables and legends.
    does
        What the trial does, in a sentence: "the trial stops for futility".
    colour, hatch
        How it is drawn.
    """

    success = 0, "success", "stops for success", "blue", ""
    futility = 1, "futility", "stops for futility", "orange", "////"
    safety = 2, "safety", "stops for safety", "purple", "xxxx"
    no_success = 3, "no success at the last look", "ends without success", "pale", "...."

    label: str
    does: str
    colour: Colour
    hatch: str

    def __new__(cls, code: int, label: str, does: str, colour: Colour, hatch: str) -> Ending:
        """Make the number, with what is known of it."""
        ending = int.__new__(cls, code)
        ending._value_ = code
        ending.label, ending.does, ending.colour, ending.hatch = label, does, colour, hatch
        return ending

    def __bool__(self) -> bool:
        """Every ending is one, the first too."""
        return True

    @property
    def words(self) -> str:
        """Its name in a sentence."""
        return self.name.replace("_", " ")

    @property
    def measure(self) -> str:
        """The operating characteristic that says how often trials end so."""
        return f"stop_{self.name}" if self in STOPS else self.name


SUCCESS, FUTILITY, SAFETY = Ending.success, Ending.futility, Ending.safety
NO_SUCCESS = Ending.no_success
ENDINGS = tuple(Ending)
STOPS = tuple(ending for ending in Ending if ending is not NO_SUCCESS)  # by a rule
REASONS = tuple(ending.name for ending in ENDINGS)
