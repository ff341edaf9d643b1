"""Another infusion: at a relapse, or where no remission has come some months after the last one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from adaptive_cart.courses.group import DiseaseCourse
from adaptive_cart.courses.sequel import Relapsed, Sequel
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.distributions import TimeDistribution
from adaptive_cart.nouns.parts import Count, Part, PositiveMonths, Probability
from adaptive_cart.nouns.records import Booleans, Floats, Integers

PURPOSE = "redosing"


class RemissionAfter(Part):
    """Drug-free remission after another infusion; it lasts as the first does."""

    probability: Probability | None = Field(
        default=None, description="of drug-free remission, given another infusion"
    )
    onset: TimeDistribution | None = Field(
        default=None, description="months from that infusion; as after the first if left out"
    )


class Redosing(Sequel):
    """Another infusion after a relapse, or for want of a remission."""

    when: Literal["relapse", "no_remission"] | None = Field(
        default=None, description="at each relapse, or where no remission has come"
    )
    after_month: PositiveMonths | None = Field(
        default=None, description="months after the last infusion at which none has come"
    )
    probability: Probability | None = Field(default=None, description="that it is planned")
    delay: TimeDistribution | None = Field(
        default=None, description="months from the relapse (or that month) to the infusion"
    )
    failure: Probability | None = Field(
        default=None, description="that a planned one is not given; as for the first if left out"
    )
    remission: RemissionAfter | None = Field(
        default=None, description="drug-free remission after it"
    )
    events: dict[str, Probability] | None = Field(
        default=None, description="adverse events after it; as after the first if left out"
    )
    at_most: Count = Field(default=1, le=10, description="further infusions of a participant")

    @model_validator(mode="after")
    def _month_of_no_remission(self) -> Redosing:
        if self.when == "relapse" and self.after_month is not None:
            raise ValueError(
                f"'after_month' is {self.after_month:g}, and 'when' is \"relapse\", which comes "
                'when it comes; leave it out, or write when = "no_remission"'
            )
        return self

    # ── what is said ──────────────────────────────────────────────────────────────────────
    def lacking(self) -> list[tuple[str, ...]]:
        needed = [key for key in ("when", "probability", "delay") if getattr(self, key) is None]
        if self.when == "no_remission" and self.after_month is None:
            needed.append("after_month")
        paths: list[tuple[str, ...]] = [(key,) for key in needed]
        if self.remission is None or self.remission.probability is None:
            paths.append(("remission", "probability"))
        return paths

    def values(self) -> Iterator[tuple[str, Any]]:
        for key, value in super().values():
            if isinstance(value, RemissionAfter):
                yield "remission.probability", value.probability
                if value.onset is not None:
                    yield "remission.onset", value.onset
            elif isinstance(value, dict):
                yield from ((f"events.{name}", inner) for name, inner in value.items())
            elif value is not None:
                yield key, value

    def words(self) -> str:
        assert self.delay is not None
        assert self.remission is not None
        asked = "at a relapse"
        if self.when == "no_remission":
            asked = f"where no remission has come {self.after_month:g} months after an infusion"
        onset = self.remission.onset
        after = "" if onset is None else f", months to its onset {onset.words()}"
        return (
            f"{asked} with probability {self.probability:g}, months to it {self.delay.words()}, "
            f"not given with probability {self.failure:g}, {self.at_most} at most; remission with "
            f"probability {self.remission.probability:g}{after}"
            + "".join(f"; {name} {chance:g}" for name, chance in (self.events or {}).items())
        )

    def idle(self, disease: DiseaseCourse) -> str:
        return "" if self.when == "no_remission" else super().idle(disease)

    @property
    def infuses(self) -> bool:
        return True

    @property
    def events_after(self) -> Mapping[str, float]:
        return self.events or {}

    @property
    def after_relapse(self) -> bool:
        return self.when == "relapse"

    def beside(self, failure: float) -> Redosing:
        return self if self.failure is not None else self.model_copy(update={"failure": failure})

    # ── what follows ──────────────────────────────────────────────────────────────────────
    def follow(self, relapsed: Relapsed) -> Booleans:
        if self.when != "relapse":
            return np.zeros(len(relapsed.at), dtype=np.bool_)
        planned = self._planned(relapsed) & (relapsed.times(PURPOSE) < self.at_most)
        who = np.flatnonzero(planned)
        self._infuse(relapsed, who, relapsed.month[who])
        return planned

    def unremitted(self, waiting: Relapsed) -> tuple[Integers, Floats]:
        if self.when != "no_remission" or waiting.number > self.at_most:
            return super().unremitted(waiting)
        assert self.after_month is not None
        asked = waiting.month + self.after_month
        there = np.minimum(waiting.gone, waiting.rescue) > asked
        none = waiting.coming > until(asked)
        who = np.flatnonzero(there & none & self._planned(waiting))
        return self._infuse(waiting, who, asked[who])

    def _planned(self, people: Relapsed) -> Booleans:
        assert self.probability is not None
        return people.u(PURPOSE) < self.probability

    def _infuse(self, people: Relapsed, who: Integers, planned: Floats) -> tuple[Integers, Floats]:
        """Infuse those who are there by then, not rescued, and not in remission after all."""
        assert self.delay is not None
        assert self.failure is not None
        assert self.remission is not None
        assert self.remission.probability is not None
        month = planned + self.delay.quantile(people.u_of(who, PURPOSE, "infusion_delay"))
        given = people.u_of(who, PURPOSE, "infusion_failure") >= self.failure
        for ends in (people.gone, people.rescue, people.coming):
            given &= month < ends[who]
        who, month = who[given], month[given]
        if not len(who):
            return who, month
        people.infuse(who, month, PURPOSE)
        remits = people.u_of(who, PURPOSE, "remission") < self.remission.probability
        people.remit(who[remits], PURPOSE, month[remits], self.remission.onset)
        return who, month
