"""Months from first drug-free remission to its loss, among those who reach it.

Right censored at dropout, death, the look or ``horizon`` (months after the remission began). Zero
remitters and zero relapses are ordinary data. ``clocked.py`` says what becomes of a relapse that is
dated like its remission.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from adaptive_cart.endpoints.base import EndpointBase
from adaptive_cart.endpoints.clocked import Clocked
from adaptive_cart.endpoints.intercurrent import Circumstances, Handled
from adaptive_cart.nouns.ahead import Ahead, AtRisk
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.course import DRUG_FREE
from adaptive_cart.nouns.lost import Lost
from adaptive_cart.nouns.parts import PositiveMonths
from adaptive_cart.nouns.records import Floats, Population, Snapshot
from adaptive_cart.nouns.summaries import Durations, SummaryKind


class TimeToRelapse(EndpointBase):
    """Durability: the time from drug-free remission to relapse, remitters only."""

    type: Literal["time_to_relapse"]
    horizon: PositiveMonths = Field(description="censored this many months after remission began")

    censored_by: ClassVar[str | None] = "horizon"
    gives: ClassVar[SummaryKind] = Durations
    from_remission: ClassVar[bool] = True

    def population(self, circumstances: Circumstances) -> str:
        return "those who reach drug-free remission while they are followed"

    def handled(self, circumstances: Circumstances) -> Iterator[Handled]:
        if circumstances.infused:
            yield Handled("not_infused", "treatment_policy", "a remission without infusion counts")
        if circumstances.crossover is not None:
            means = {
                "composite": "a remission that begins after it does not count",
                "treatment_policy": "a remission after it counts",
            }[circumstances.crossover]
            yield Handled("crossover", circumstances.crossover, means)
        yield Handled("dropout", "hypothetical", "censors; the time had follow-up gone on")
        yield Handled("death", "hypothetical", "censors; the time had nobody died")

    def describes(self) -> str:
        return "relapse among those who reached drug-free remission"

    def called(self, name: str, directly: bool) -> str:
        return "time to relapse"

    def variable(self, directly: bool) -> str:
        return "months from the first drug-free remission to its loss, seen for {horizon} months"

    def true_unit(self) -> str:
        return f"in remission after {self.horizon:g} months"

    def between_visits(self) -> bool:
        return True

    def prepare(self, name: str, population: Population) -> Clocked:
        began, lost = population.state(DRUG_FREE).first()
        visits = population.attendance
        since, before = (None if visits is None else visits.before(at) for at in (lost, began))
        return Clocked.of(population, began, lost, self.horizon, since=since, before=before)

    def ends(self, prepared: Clocked, population: Population) -> Floats:
        """Who is never seen in remission adds nothing, however long the follow-up."""
        return prepared.ends()

    def summary(self, prepared: Clocked, snapshot: Snapshot) -> Durations:
        return prepared.summary(snapshot)

    def to_come(
        self, prepared: Clocked, snapshot: Snapshot, summary: Durations, ahead: Ahead
    ) -> AtRisk:
        """Remitters followed on; who is not in remission reaches it as others of the arm did."""
        return prepared.to_come(snapshot, summary, ahead, self.horizon)

    def lost(self, prepared: Clocked, snapshot: Snapshot, summary: Durations) -> Lost | None:
        return prepared.lost(snapshot, summary, self.horizon)

    def true_values(self, name: str, population: Population) -> Floats | None:
        """Fraction of remitters still in drug-free remission at ``horizon``, by trial."""
        return None if population.course is None else self.lasting(population, self.horizon)

    def lasting(self, population: Population, month: float) -> Floats:
        """Fraction of remitters whose remission lasts beyond a month (infinite: for ever)."""
        began, lost = population.state(DRUG_FREE).first()
        remitters = np.isfinite(began)
        with np.errstate(invalid="ignore"):
            lasting = remitters & ((lost - began > until(month)) | np.isinf(lost))
            return lasting.sum(axis=1) / remitters.sum(axis=1)

    def counts_some(self) -> bool:
        return True

    def counted(self, name: str, population: Population) -> Floats:
        """Those whose remission begins while they are followed."""
        assert population.last_seen is not None
        began, _ = population.state(DRUG_FREE).first()
        return (began < population.last_seen).mean(axis=1)
