"""``prior.baseline = { a, b, external = […], method = "…" }``: external events and months.

They are of the control, whose hazard is the baseline, and come on top of Gamma(a, b) as events and
months at risk would. External data have one hazard, so that the baseline must have one: no cuts.
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from pydantic import Discriminator, Tag

from adaptive_cart.models import borrowed
from adaptive_cart.models.borrowed import Added, Borrowed, by_method
from adaptive_cart.models.rates.gamma_mixture import GammaMixture, conflict
from adaptive_cart.nouns.parts import Worth
from adaptive_cart.nouns.records import pooled
from adaptive_cart.nouns.summaries import Durations, Summary


class BorrowedHazard(Borrowed):
    """What every way to borrow events and months at risk has, and says."""

    a: Worth
    b: Worth

    @property
    def share(self) -> float:
        """What an external participant counts, beside one of the arm."""
        raise NotImplementedError  # the method says it

    @property
    def months(self) -> float:
        """External months at risk that count."""
        return self.share * math.fsum(one.total("months") for one in self.seen)

    @property
    def gamma(self) -> tuple[float, float]:
        """Shape and rate (months) of the control's hazard."""
        events = self.share * math.fsum(one.total("events") for one in self.seen)
        return self.a + events, self.b + self.months

    @property
    def counted(self) -> str:
        """What participants borrowed are, in words."""
        return (
            "the external months at risk that count, by the months for which a participant of the "
            "arm was followed"
        )

    def added(self, arm: int, summary: Summary) -> Added:
        """What is added to an arm (its position) by what was seen of its endpoint.

        Participants borrowed are the external months that count, by the months for which a
        participant of the arm was followed. The p-value is that of the arm's own number of events
        in its own months at risk.
        """
        assert isinstance(summary, Durations)
        events, months, people = (
            pooled(part)[:, arm].astype(float)
            for part in (summary.events, summary.exposure, summary.participants)
        )
        followed = np.where(months > 0.0, months, np.nan) / people.clip(min=1.0)
        prior = GammaMixture.single(*self.gamma)
        return Added(self.months / followed, conflict(prior, events, months))


class PooledHazard(borrowed.Pooled, BorrowedHazard):
    """External events and months at risk count as the control's own."""


class PowerHazard(borrowed.Power, BorrowedHazard):
    """External events and months at risk count with a fixed weight: the power prior."""


AnyBorrowedHazard = Annotated[
    Annotated[PooledHazard, Tag("pooled")] | Annotated[PowerHazard, Tag("power")],
    Discriminator(by_method),
]
