"""Background drugs that end: by a taper after infusion, or by a wash-out before it."""

from __future__ import annotations

from pydantic import Field

from adaptive_cart.nouns.distributions import TimeDistribution
from adaptive_cart.nouns.parts import Part
from adaptive_cart.nouns.records import Floats


class Taper(Part):
    """Background drugs end so long after the infusion; drug-free remission cannot begin before."""

    months: TimeDistribution | None = Field(
        default=None,
        description="from the first infusion (from randomisation if not infused) to their end",
    )
    again: bool = Field(
        default=False, description="whether they are given again, and end, after each infusion"
    )

    def words(self) -> str:
        """Say it as a protocol would."""
        assert self.months is not None
        anew = " and after each further one" if self.again else ""
        return (
            f"background drugs end after the first infusion{anew}, and no drug-free remission "
            f"begins before; months to their end {self.months.words()}"
        )

    def until_off(self, u: Floats) -> Floats:
        """Months until they end, by quantile."""
        assert self.months is not None
        return self.months.quantile(u)


class Washout(Part):
    """Background drugs are stopped before the infusion, which waits for it."""

    months: TimeDistribution | None = Field(
        default=None, description="from randomisation until the infusion may be given"
    )
