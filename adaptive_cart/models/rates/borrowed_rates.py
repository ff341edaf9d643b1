"""``prior.ARM = { a, b, external = […], method = "…" }``: external events and months as a prior.

Of yearly rates; the methods are those of :mod:`adaptive_cart.models.rates.borrowed_gammas`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Field, Tag

from adaptive_cart.models import borrowed
from adaptive_cart.models.borrowed import by_method
from adaptive_cart.models.rates.borrowed_gammas import (
    AddedGamma,
    BorrowedGamma,
    CommensurateGamma,
    RobustMapGamma,
    SamGamma,
)
from adaptive_cart.models.rates.gamma_mixture import GammaMixture
from adaptive_cart.nouns.parts import Positive
from adaptive_cart.nouns.records import Floats, pooled
from adaptive_cart.nouns.summaries import Exposure, Summary


class BorrowedRates(BorrowedGamma):
    """What every way to borrow events and months has, and says."""

    def shown(self, arm: int, summary: Summary) -> tuple[Floats, Floats, Floats]:
        """Events, years and participants of an arm (its position), ``(trial,)`` each."""
        assert isinstance(summary, Exposure)
        events, years, people = (
            pooled(part)[:, arm].astype(float)
            for part in (summary.events, summary.years, summary.participants)
        )
        return events, years, people


class PooledRates(borrowed.Pooled, AddedGamma, BorrowedRates):
    """External events and months count as the arm's own."""


class PowerRates(borrowed.Power, AddedGamma, BorrowedRates):
    """External events and months count with a fixed weight: the power prior."""


class RobustMapRates(RobustMapGamma, BorrowedRates):
    """What a meta-analysis predicts for the arm, mixed with its own gamma: the robust MAP prior."""


class SamRates(SamGamma, BorrowedRates):
    """An informative part whose weight the arm's own data set: the self-adapting mixture."""

    difference: Positive = Field(description="between yearly rates that differ clinically")

    @property
    def apart(self) -> str:
        """What differs clinically, in words."""
        return f"that differs by {self.difference:g} a year"

    @property
    def as_mixture(self) -> GammaMixture:
        """The prior of the arm, as models take it."""
        from adaptive_cart.models.rates.self_adapting_rates import SelfAdaptingRates

        return SelfAdaptingRates.by_difference(self.informative, self.own, self.difference)


class CommensurateRates(CommensurateGamma, BorrowedRates):
    """The arm's rate is centred at the external one: the commensurate prior."""


AnyBorrowedRates = Annotated[
    Annotated[PooledRates, Tag("pooled")]
    | Annotated[PowerRates, Tag("power")]
    | Annotated[RobustMapRates, Tag("robust_map")]
    | Annotated[SamRates, Tag("sam")]
    | Annotated[CommensurateRates, Tag("commensurate")],
    Discriminator(by_method),
]
