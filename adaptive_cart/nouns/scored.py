"""A score of every participant at baseline and at visits: a number that changes in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field

from adaptive_cart.nouns.parts import Finite, Part, Positive

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Values: TypeAlias = tuple[Floats, ...]


class Baseline(Part):
    """Mean and standard deviation of a score before treatment."""

    mean: Finite = Field(description="mean score before treatment")
    sd: Positive = Field(description="its standard deviation")


class Scored:
    """Scores of the participants of a block, drawn when first asked for and then kept.

    Attributes
    ----------
    expected
        The mean of each value of a participant, baseline first and then the visits in their order,
        ``(trial, participant)`` each.

    Parameters
    ----------
    deviations
        Draws by how much each value differs from that, in the same order.
    """

    def __init__(self, expected: Values, deviations: Callable[[], Values]) -> None:
        self.expected = expected
        self._deviations = deviations

    @cached_property
    def values(self) -> Values:
        """The value of every participant, baseline first and then the visits in their order."""
        both = zip(self.expected, self._deviations(), strict=True)
        return tuple(mean + deviation for mean, deviation in both)


class SeenScores(Scored):
    """Scores of which those at visits that were missed are nan.

    Parameters
    ----------
    scored
        Of everybody.
    held
        Whether each visit was held, ``(trial, participant)`` in the order of the visits; nothing
        where it was by everybody.
    """

    def __init__(self, scored: Scored, held: Sequence[Booleans | None]) -> None:
        self.expected = scored.expected
        self._scored, self._held = scored, held

    @cached_property
    def values(self) -> Values:
        """The value of every participant, nan where the visit was missed."""
        baseline, *scores = self._scored.values
        both = zip(scores, self._held, strict=True)
        seen = (own if held is None else np.where(held, own, np.nan) for own, held in both)
        return (baseline, *seen)


class RecordedScores(Scored):
    """Scores as they were recorded, nan where there is none.

    Parameters
    ----------
    recorded
        Baseline first and then the visits, ``(trial, participant)`` each.
    """

    def __init__(self, recorded: Values) -> None:
        self.expected = recorded

    @cached_property
    def values(self) -> Values:
        """The value of every participant, nan where there is none."""
        return self.expected
