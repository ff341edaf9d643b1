"""Events that may happen to a participant again and again: serious infections."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.streams import Latents

Floats = npt.NDArray[np.float64]


class RecurrentEvents:
    """A Poisson process for every participant of a block.

    The gap before each event is the quantile of a latent uniform of its own, and events are worked
    out one after the other as long as anybody still has one in the time that is looked at: so no
    follow-up is too long, and what is drawn for one trial never depends on the others.

    Parameters
    ----------
    rate
        ``(trial, participant)`` events a month.
    """

    def __init__(self, latents: Latents, rate: Floats, endpoint: str) -> None:
        self._latents = latents
        self._endpoint = endpoint
        with np.errstate(divide="ignore"):
            self._mean_gap = 1.0 / rate
        self._months: list[Floats] = []

    def month_of(self, number: int) -> Floats:
        """Month since randomisation of the ``number``-th event (from 0), ``(trial, participant)``.

        Infinite where the rate is zero.
        """
        while len(self._months) <= number:
            u = self._latents.of(f"rate:{self._endpoint}:{len(self._months)}")
            with np.errstate(invalid="ignore"):  # a zero gap at a zero rate is never, too
                gap = -np.log(1.0 - u) * self._mean_gap
            gap = np.where(np.isinf(self._mean_gap), np.inf, gap)
            before = self._months[-1] if self._months else 0.0
            self._months.append(before + gap)
        return self._months[number]

    def count(self, months: Floats) -> npt.NDArray[np.int64]:
        """Events up to each participant's month, ``(trial, participant)``."""
        number = np.zeros(months.shape, dtype=np.int64)
        event = 0
        while True:
            happened = self.month_of(event) <= months
            if not happened.any():
                return number
            number += happened
            event += 1

    def months_until(self, trial: int, participant: int, month: float) -> list[float]:
        """Months of one participant's events up to a month."""
        found: list[float] = []
        while self.month_of(len(found))[trial, participant] <= month:
            found.append(float(self.month_of(len(found))[trial, participant]))
        return found


class RecordedEvents(RecurrentEvents):
    """Events that came again and again, as they were recorded.

    Parameters
    ----------
    months
        One event after the other, ``(trial, participant)``, infinite for who has no more.
    never
        Infinite for everybody.
    """

    def __init__(self, months: list[Floats], never: Floats) -> None:
        self._recorded = months
        self._never = never

    def month_of(self, number: int) -> Floats:
        """Month since randomisation of the ``number``-th event (from 0)."""
        return self._recorded[number] if number < len(self._recorded) else self._never

    def count(self, months: Floats) -> npt.NDArray[np.int64]:
        """Events up to each participant's month, ``(trial, participant)``."""
        return super().count(until(months))
