"""When a look falls due, and how far everybody is followed when a trial has ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adaptive_cart.design import Design
from adaptive_cart.records import Floats, Integers, Population, Snapshot


@dataclass(frozen=True)
class Schedule:
    """The looks of a design, in order.

    Attributes
    ----------
    scale
        ``observed``, ``enrolled`` or ``months``.
    at
        The stated numbers, one a look that is not the extra final one.
    known_after
        Months from randomisation until the primary endpoint is observed.
    final
        Whether one more look is held when everybody randomised has been observed.
    """

    scale: str
    at: tuple[float, ...]
    known_after: float
    final: bool

    @staticmethod
    def of(design: Design) -> Schedule:
        looks = design.looks
        known = design.primary_endpoint.known_after()
        return Schedule(looks.scale, tuple(looks.at), known or 0.0, looks.final is not None)

    @property
    def number(self) -> int:
        return len(self.at) + self.final

    def due(self, look: int, population: Population) -> Floats:
        """Calendar month at which look ``look`` (from 1) falls due, ``(trial,)``.

        A number of observed participants is reached in order of randomisation: the look waits for
        the landmark month of the n-th, whatever is known of the others by then.
        """
        if look > len(self.at):
            return self.all_observed(population, np.full(population.trials, population.max_n))
        at = self.at[look - 1]
        if self.scale == "months":
            return np.full(population.trials, float(at))
        arrival = population.arrival[:, int(at) - 1]
        return arrival + self.known_after if self.scale == "observed" else arrival.copy()

    def all_observed(self, population: Population, randomised: Integers) -> Floats:
        """Calendar month at which the last of ``randomised`` (trial,) has been observed."""
        last = np.maximum(randomised - 1, 0)[:, None]
        arrival = np.take_along_axis(population.arrival, last, axis=1)[:, 0]
        return np.where(randomised > 0, arrival + self.known_after, 0.0)


def snapshot_at(population: Population, date: Floats) -> Snapshot:
    """What can be seen at a calendar date, ``(trial,)``."""
    randomised = (population.arrival <= date[:, None]).sum(axis=1, dtype=np.int64)
    return Snapshot(date, randomised, population)
