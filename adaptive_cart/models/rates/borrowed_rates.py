"""``prior.ARM = { a, b, external = […], method = "…" }``: external events and months as a prior.

What is borrowed comes on top of the arm's own Gamma(a, b), as that of counts on top of Beta(1, 1):
the prior is an ordinary gamma.
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Discriminator, Tag

from adaptive_cart.models import borrowed
from adaptive_cart.models.borrowed import Added, Borrowed, by_method
from adaptive_cart.models.rates.gamma_mixture import (
    GammaMixture,
    conflict,
    equivalent_years,
    updated,
)
from adaptive_cart.nouns.external import MONTHS
from adaptive_cart.nouns.parts import Worth
from adaptive_cart.nouns.records import Floats, pooled
from adaptive_cart.nouns.summaries import Exposure, Summary


class BorrowedRates(Borrowed):
    """What every way to borrow events and months has, and says."""

    a: Worth
    b: Worth

    @property
    def own(self) -> GammaMixture:
        """The arm's prior without external data."""
        return GammaMixture.single(self.a, self.b)

    @property
    def informative(self) -> GammaMixture:
        """What external data say of the arm, before anything is kept back."""
        raise NotImplementedError  # abstract: every method supplies it

    @property
    def as_mixture(self) -> GammaMixture:
        """The prior of the arm, as models take it."""
        return self.informative

    @property
    def counted(self) -> str:
        """What participants borrowed are, in words."""
        return (
            "the years that a gamma with the mean and variance of the arm's posterior is worth, "
            "less those without borrowing, by the years for which a participant of the arm was "
            "followed"
        )

    def added(self, arm: int, summary: Summary) -> Added:
        """What is added to an arm (its position) by what was seen of its endpoint."""
        assert isinstance(summary, Exposure)
        events, years, people = (
            pooled(part)[:, arm].astype(float)
            for part in (summary.events, summary.years, summary.participants)
        )
        return Added(
            self.participants(events, years, people), conflict(self.informative, events, years)
        )

    def participants(self, events: Floats, years: Floats, people: Floats) -> Floats:
        """Participants borrowed: years, as a gamma with the posterior's mean and variance has them.

        Less those without borrowing, by the years for which a participant of the arm was followed;
        nan where none was.
        """
        size = equivalent_years(updated(self.as_mixture, events, years))
        more = size - equivalent_years(updated(self.own, events, years))
        followed: Floats = years / people.clip(min=1.0)
        seen = followed > 0.0
        found: Floats = more / followed.clip(min=1e-300)
        found[~seen] = math.nan
        return found


class _Added(BorrowedRates):
    """External events and months are added, each for a share."""

    @property
    def share(self) -> float:
        """What an external participant counts, beside one of the arm."""
        raise NotImplementedError  # the method says it

    @property
    def informative(self) -> GammaMixture:
        """What external data say of the arm."""
        events = math.fsum(one.total("events") for one in self.seen)
        years = math.fsum(one.total("months") for one in self.seen) / MONTHS
        return GammaMixture.single(self.a + self.share * events, self.b + self.share * years)


class PooledRates(borrowed.Pooled, _Added):
    """External events and months count as the arm's own."""


class PowerRates(borrowed.Power, _Added):
    """External events and months count with a fixed weight: the power prior."""


AnyBorrowedRates = Annotated[
    Annotated[PooledRates, Tag("pooled")] | Annotated[PowerRates, Tag("power")],
    Discriminator(by_method),
]
