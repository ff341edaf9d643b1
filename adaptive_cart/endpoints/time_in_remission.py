"""Months spent in drug-free remission within ``horizon`` of randomisation, everybody.

Analysed are those whose horizon has passed at the look. Months after death do not exist and months
after dropout are not seen: neither counts as remission.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from adaptive_cart.endpoints.base import EndpointBase
from adaptive_cart.parts import PositiveMonths
from adaptive_cart.records import Floats, Means, Population, Snapshot


class TimeInRemission(EndpointBase):
    """Restricted mean time in drug-free remission."""

    type: Literal["time_in_remission"]
    horizon: PositiveMonths

    summary_kind: ClassVar[str] = "means"
    fed_by: ClassVar[Literal["remission"]] = "remission"

    def known_after(self) -> float:
        return self.horizon

    def prepare(self, name: str, population: Population) -> Floats:
        """Months in remission of each participant, ``(trial, participant)``."""
        course = population.course
        assert course is not None
        until = np.minimum(np.minimum(course.relapse, population.last_seen), self.horizon)
        return np.maximum(until - np.minimum(course.remission, self.horizon), 0.0)

    def summary(self, prepared: Floats, snapshot: Snapshot) -> Means:
        passed = snapshot.passed(self.horizon)
        population = snapshot.population
        return Means(population.totals(prepared, passed), population.tally(passed))

    def true_values(self, name: str, population: Population) -> Floats | None:
        return None if population.course is None else self.prepare(name, population).mean(axis=1)
