"""One number of a prior that may be moved until a decision turns over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

STEPS, HALVINGS = 16, 24
EVERY_ARM = ""  # whose prior it is, where all arms share it


@dataclass(frozen=True)
class PriorTip:
    """A number of a prior, and the model in which it is another.

    Attributes
    ----------
    arm
        Whose prior it is; ``EVERY_ARM`` where they share it.
    what
        Its name: ``size``, ``mean``, ``cured.mean``.
    words
        What it is.
    now
        What it is in the design.
    reach
        Between which values it is moved.
    by_ratio
        Whether steps are ratios.
    model
        The fitted model with another value.
    """

    arm: str
    what: str
    words: str
    now: float
    reach: tuple[float, float]
    by_ratio: bool
    model: Callable[[float], Any]

    def turns(self, end: float, holds: Callable[[Any], bool], now: bool) -> float | None:
        """The value nearest to the design's, towards an end, with which a verdict turns over.

        In steps that are finer near the design's own value, then by halving; nothing where no step
        turns it over.

        Parameters
        ----------
        holds
            The verdict with another model.
        now
            The verdict with the design's.
        """
        if end == self.now:
            return None
        near = 0.0
        for step in range(1, STEPS + 1):
            far = share_at(step)
            if holds(self.model(self.at(far, end))) == now:
                near = far
                continue
            for _ in range(HALVINGS):
                middle = (near + far) / 2.0
                turned = holds(self.model(self.at(middle, end))) != now
                near, far = (near, middle) if turned else (middle, far)
            return self.at(far, end)
        return None

    def at(self, share: float, end: float) -> float:
        """The value after so large a share of the way to an end."""
        if self.by_ratio:
            return float(self.now * (end / self.now) ** share)
        return float(self.now + share * (end - self.now))


def share_at(step: float) -> float:
    """What share of the way to an end lies a step: they are finer near the design's own value."""
    return (step / STEPS) ** 2
