"""Responses, and what was seen of the participants at months before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

OUT, IN, FAILED, UNSEEN = range(4)
STATES: Final = ("out", "in", "failed")  # their names, in that order


class Staged:
    """Responses of the participants of a block, and their states at months before.

    As an array it is the responses, ``(trial, participant)``.

    Attributes
    ----------
    response
        ``(trial, participant)``.
    states
        By month: ``(trial, participant)`` not in it, in it, failed for good, or not seen.
    months
        Which months; nothing where they are those that the endpoint asks for.
    """

    def __init__(
        self,
        response: npt.NDArray[np.bool_],
        states: Sequence[npt.NDArray[np.int8]],
        months: tuple[float, ...] | None = None,
    ) -> None:
        self.response = response
        self.states = states
        self.months = months

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """The responses."""
        return np.array(self.response, dtype=dtype, copy=copy)

    def __getitem__(self, at: Any) -> Any:
        """The response of a participant."""
        return self.response[at]

    def at(self, month: float, asked: tuple[float, ...]) -> npt.NDArray[np.int8]:
        """States at a month, ``(trial, participant)``.

        Parameters
        ----------
        asked
            The months that the endpoint asks for.
        """
        months = asked if self.months is None else self.months
        return self.states[months.index(month)]

    def failed(self, asked: tuple[float, ...]) -> npt.NDArray[np.float64]:
        """Month at which a participant is first seen to have failed for good, infinite for none."""
        found = np.full(self.response.shape, np.inf)
        months = asked if self.months is None else self.months
        for month, state in sorted(zip(months, self.states, strict=True), key=_month, reverse=True):
            found = np.where(state == FAILED, month, found)
        return found


def _month(both: tuple[float, Any]) -> float:
    return both[0]
