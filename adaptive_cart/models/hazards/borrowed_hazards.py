"""``prior.baseline = { a, b, external = […], method = "…" }``: external events and months.

They are of the control, whose hazard is the baseline; the methods are those of
:mod:`adaptive_cart.models.rates.borrowed_gammas`, by month at risk. External data have one hazard,
so that the baseline must have one: no cuts.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

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
from adaptive_cart.nouns.records import Floats, pooled
from adaptive_cart.nouns.summaries import Durations, Summary


class BorrowedHazard(BorrowedGamma):
    """What every way to borrow events and months at risk has, and says."""

    months_in_unit: ClassVar[float] = 1.0
    unit: ClassVar[str] = "months at risk"

    def shown(self, arm: int, summary: Summary) -> tuple[Floats, Floats, Floats]:
        """Events, months at risk and participants of an arm (its position), ``(trial,)`` each."""
        assert isinstance(summary, Durations)
        events, months, people = (
            pooled(part)[:, arm].astype(float)
            for part in (summary.events, summary.exposure, summary.participants)
        )
        return events, months, people


class PooledHazard(borrowed.Pooled, AddedGamma, BorrowedHazard):
    """External events and months at risk count as the control's own."""


class PowerHazard(borrowed.Power, AddedGamma, BorrowedHazard):
    """External events and months at risk count with a fixed weight: the power prior."""


class RobustMapHazard(RobustMapGamma, BorrowedHazard):
    """What a meta-analysis predicts for the control, mixed with its own gamma."""


class SamHazard(SamGamma, BorrowedHazard):
    """An informative part whose weight the control's own data set: the self-adapting mixture."""

    ratio: Annotated[float, Field(gt=1.0, le=100.0)] = Field(
        description="of hazards that differ clinically"
    )

    @property
    def apart(self) -> str:
        """What differs clinically, in words."""
        return f"that is {self.ratio:g} times as large, or as small"

    @property
    def as_mixture(self) -> GammaMixture:
        """The prior of the control's hazard, as models take it."""
        from adaptive_cart.models.rates.self_adapting_rates import SelfAdaptingRates

        return SelfAdaptingRates.by_ratio(self.informative, self.own, self.ratio)


class CommensurateHazard(CommensurateGamma, BorrowedHazard):
    """The control's hazard is centred at the external one: the commensurate prior."""


AnyBorrowedHazard = Annotated[
    Annotated[PooledHazard, Tag("pooled")]
    | Annotated[PowerHazard, Tag("power")]
    | Annotated[RobustMapHazard, Tag("robust_map")]
    | Annotated[SamHazard, Tag("sam")]
    | Annotated[CommensurateHazard, Tag("commensurate")],
    Discriminator(by_method),
]
