"""One number of a prior that may be moved until a decision turns over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PriorTip:
    """A number of a prior, and the model in which it is another.

    Attributes
    ----------
    arm
        Whose prior it is.
    what
        ``size``, ``mean`` or ``vague_weight``.
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
