"""Months spent in drug-free remission within ``horizon`` of randomisation, everybody.

Analysed are those whose horizon has passed at the look. Months after death do not exist and months
after dropout are not seen: neither counts as remission. Remission after crossover counts where the
design says so (``strategy = "treatment_policy"``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

import numpy as np

from adaptive_cart.endpoints.base import EndpointBase
from adaptive_cart.endpoints.intercurrent import Circumstances, Event, Handled, Strategy
from adaptive_cart.nouns.course import DRUG_FREE
from adaptive_cart.nouns.parts import PositiveMonths
from adaptive_cart.nouns.records import Floats, Population, Snapshot
from adaptive_cart.nouns.summaries import Means, SummaryKind


class TimeInRemission(EndpointBase):
    """Restricted mean time in drug-free remission."""

    type: Literal["time_in_remission"]
    horizon: PositiveMonths

    gives: ClassVar[SummaryKind] = Means
    unit: ClassVar[str] = "months"
    from_remission: ClassVar[bool] = True
    after_relapse: ClassVar[bool] = True
    strategies: ClassVar[Mapping[Event, tuple[Strategy, ...]]] = {
        "not_infused": ("treatment_policy",),
        "rescue": ("composite",),
        "crossover": ("composite", "treatment_policy"),
        "death": ("composite",),
    }

    def handled(self, circumstances: Circumstances) -> Iterator[Handled]:
        if circumstances.infused:
            yield Handled("not_infused", "treatment_policy", "part of the strategy of the arm")
        yield Handled("rescue", "composite", "months on rescue are not drug-free remission")
        if circumstances.crossover is not None:
            means = {
                "composite": "remission that begins after it does not count",
                "treatment_policy": "remission after it counts",
            }[self._crossover(circumstances.crossover)]
            yield Handled("crossover", self._crossover(circumstances.crossover), means)
        yield Handled("dropout", "composite", "months after it count as none in remission")
        yield Handled("death", "composite", "months after it count as none in remission")

    def _crossover(self, of_design: Strategy) -> Strategy:
        said = self.strategy.crossover if self.strategy else None
        return said or of_design

    def describes(self) -> str:
        return f"months in drug-free remission within {self.horizon:g}"

    def called(self, name: str, directly: bool) -> str:
        return "months in remission"

    def variable(self, directly: bool) -> str:
        return "months in drug-free remission within {horizon} months of randomisation"

    def known_after(self) -> float:
        return self.horizon

    def prepare(self, name: str, population: Population) -> Floats:
        """Months in remission of each participant, ``(trial, participant)``."""
        assert population.last_seen is not None
        seen_until = np.minimum(population.last_seen, self.horizon)
        of_design: Strategy = "treatment_policy" if population.crossover_counts else "composite"
        counts = self._crossover(of_design) == "treatment_policy"
        return population.state(DRUG_FREE, counts).time_until(seen_until)

    def summary(self, prepared: Floats, snapshot: Snapshot) -> Means:
        passed = snapshot.passed(self.horizon)
        return Means.of(snapshot.population, prepared, passed)

    def true_values(self, name: str, population: Population) -> Floats | None:
        return None if population.course is None else self.prepare(name, population).mean(axis=1)
