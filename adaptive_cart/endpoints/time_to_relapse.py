"""Months from first drug-free remission to its loss, among those who reach it.

Right censored at dropout, death, the look or ``horizon`` (months after the remission began). Zero
remitters and zero relapses are ordinary data.

A relapse dated like its remission came within the resolution of the record. It is analysed at half
a month where a trial's remissions and relapses are all dated by whole months, else at one day: a
Weibull density may be infinite at 0, and would take such a relapse for proof that the others last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from adaptive_cart.endpoints.base import EndpointBase
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.course import DRUG_FREE
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.parts import ONE_DAY, PositiveMonths
from adaptive_cart.nouns.records import Booleans, Floats, Population, Snapshot
from adaptive_cart.nouns.summaries import Durations, SummaryKind

NO_LENGTH = 1e-6  # months; a remission that was lost sooner was dated like its loss
HALF_A_MONTH = 0.5


def _shortest(began: Floats, lost: Floats, seen: Booleans) -> Floats:
    """Months at which relapses dated like their remissions are analysed, ``(trial, 1)``."""
    with np.errstate(invalid="ignore"):
        if not (seen & (lost - began <= NO_LENGTH)).any():
            return np.full((len(began), 1), ONE_DAY)
    whole = np.ones(len(began), dtype=np.bool_)
    for dates in (began, lost):
        dated = seen & np.isfinite(dates)
        part = np.where(dated, dates, 0.0)
        whole &= (np.abs(part - np.round(part)) < NO_LENGTH).all(axis=1)
    return np.where(whole, HALF_A_MONTH, ONE_DAY)[:, None]


@dataclass(frozen=True)
class Remissions:
    """Seen remissions: who, when on the calendar, for how long at most, and the shortest told."""

    seen: ParticipantSet
    began: Floats
    months: Floats
    relapsed: ParticipantSet
    shortest: Floats  # (trial, 1)


class TimeToRelapse(EndpointBase):
    """Durability: the time from drug-free remission to relapse, remitters only."""

    type: Literal["time_to_relapse"]
    horizon: PositiveMonths = Field(description="censored this many months after remission began")

    gives: ClassVar[SummaryKind] = Durations
    from_remission: ClassVar[bool] = True

    def describes(self) -> str:
        return "relapse among those who reached drug-free remission"

    def called(self, name: str, directly: bool) -> str:
        return "time to relapse"

    def true_unit(self) -> str:
        return f"in remission after {self.horizon:g} months"

    def prepare(self, name: str, population: Population) -> Remissions:
        began, lost = population.state(DRUG_FREE).first()
        last_seen = population.last_seen
        assert last_seen is not None
        seen = began < last_seen
        remission = np.where(seen, began, 0.0)
        ends = np.minimum(lost, last_seen)
        months = np.where(seen, np.minimum(ends - remission, self.horizon), 0.0)
        relapsed = seen & (lost <= until(last_seen))
        relapsed &= lost - remission <= until(self.horizon)
        shortest = np.minimum(_shortest(began, lost, seen), self.horizon)
        return Remissions(
            ParticipantSet.where(seen),
            np.where(seen, population.arrival + remission, np.inf),
            months,
            ParticipantSet.where(relapsed),
            shortest,
        )

    def ends(self, prepared: Remissions, population: Population) -> Floats:
        """Who is never seen in remission adds nothing, however long the follow-up."""
        ended = prepared.began + prepared.months
        return np.where(prepared.seen.mask(population.participants), ended, population.arrival)

    def summary(self, prepared: Remissions, snapshot: Snapshot) -> Durations:
        population = snapshot.population
        watched = snapshot.date[:, None] - prepared.began
        by_now = until(watched)
        included = prepared.seen & snapshot.enrolled & ParticipantSet.where(by_now >= 0.0)
        ended = included & prepared.relapsed & ParticipantSet.where(prepared.months <= by_now)
        mask = included.mask(population.participants)
        months = np.where(mask, np.minimum(prepared.months, np.maximum(watched, 0.0)), 0.0)
        lost = ended.mask(population.participants)
        months = np.where(lost & (months <= NO_LENGTH), prepared.shortest, months)
        return Durations(
            months,
            lost,
            mask,
            population.arm,
            population.label,
            population.tally(included),
            population.tally(ended),
            population.totals(months, included),
        )

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
