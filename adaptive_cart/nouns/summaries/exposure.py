"""Events and the time in which they were seen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.ahead import Years
from adaptive_cart.nouns.completions import Completions, poisson
from adaptive_cart.nouns.external import Level
from adaptive_cart.nouns.external_draws import Law, of_events
from adaptive_cart.nouns.lost import MissingShift
from adaptive_cart.nouns.questions.words import Parameter
from adaptive_cart.nouns.records import Floats, Integers
from adaptive_cart.nouns.summaries.base import Beside, Summary, by_row, none_of, repeated
from adaptive_cart.nouns.summaries.changes import Move, Reach, counted

MOST_EVENTS = 200  # added to a rate before it is given up


@dataclass(frozen=True)
class Exposure(Summary):
    """Events and patient-years of follow-up, ``(trial, arm, stratum)``."""

    events: Integers
    years: Floats
    participants: Integers

    kind: ClassVar[str] = "exposure"
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    parameter: ClassVar[str] = "rate"
    observed: ClassVar[tuple[str, str]] = ("events", "years")
    observed_unit: ClassVar[str] = "events a year"
    holds: ClassVar[str] = "the events so far, and the years in which they were seen"
    external: ClassVar[tuple[str, ...]] = ("events", "months")
    external_columns: ClassVar[tuple[str, ...]] = ("events", "months")
    external_law: ClassVar[Law | None] = of_events(Level())
    missing_shift: ClassVar[MissingShift | None] = MissingShift(
        "rate in the time not seen", added=False, amount="patient-years"
    )

    @classmethod
    def empty(cls, arms: int, strata: int) -> Exposure:
        none = none_of(arms, strata)
        return cls(none, none.astype(float), none)

    @property
    def analysed(self) -> Integers:
        return self.participants

    def completed(self, levels: Floats, coming: Years, some: Completions) -> Exposure:
        arms, strata = self.events.shape[1:]
        uniform = some.even(arms * strata).reshape(1, arms, strata, -1)
        years, participants = coming.each(some.number)
        at_that = years if coming.factor is None else years * coming.factor[..., None]
        drawn = by_row(poisson(uniform, levels * at_that))
        extra, more = by_row(years), by_row(participants)
        had = [repeated(part, some.number) for part in vars(self).values()]
        return Exposure(had[0] + drawn, had[1] + extra, had[2] + more)

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        return {"events": self.events, "years": self.years}

    def beside(self, outside: Floats) -> ExposureBeside:
        return ExposureBeside(self.events, self.years, self.participants, outside)

    def followed_for(self) -> Floats:
        """Years for each participant, all trials together, ``(arm, stratum)``."""
        years: Floats = self.years.sum(axis=0) / np.maximum(self.participants.sum(axis=0), 1)
        return years

    @classmethod
    def asked_about(cls, unit: str = "") -> Parameter:
        return Parameter(cls.parameter, " a year")

    @staticmethod
    def heads(unit: str = "") -> dict[str, str]:
        return {"years": "patient-years"}

    @staticmethod
    def told(total: Mapping[str, float], unit: str = "") -> str:
        return f"{total['events']:.0f} events in {total['years']:.1f} patient-years"

    @staticmethod
    def seen(total: Mapping[str, float]) -> str:
        return f"{total['events']:.0f} in {total['years']:.1f} years"

    @staticmethod
    def short(total: Mapping[str, float], unit: str = "") -> tuple[str, str]:
        return f"{total['events']:.0f}/{total['years']:.0f}", "events/years"

    def changes(self, reach: Reach) -> Iterator[tuple[tuple[Move, ...], Exposure]]:
        """Events come or go, patient-years unchanged."""
        strata = reach.strata[0]
        for size in range(1, MOST_EVENTS + 1):
            for arm, sign in product(reach.arms, (1, -1)):
                events = self.events.copy()
                if sign > 0:
                    events[:, arm, strata[0]] += size
                elif events[0, arm, list(strata)].sum() < size:
                    continue
                else:
                    left = size
                    for stratum in strata:
                        take = min(left, int(events[0, arm, stratum]))
                        events[:, arm, stratum] -= take
                        left -= take
                move = reach.move(arm, strata, counted(sign * size))
                yield (move,), replace(self, events=events)


@dataclass(frozen=True)
class ExposureBeside(Beside, Exposure):
    """Events and patient-years, and beside them the events of external data."""
