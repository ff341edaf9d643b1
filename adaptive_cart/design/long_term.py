"""``[long_term_follow_up]``: for how many years participants are followed after the trial."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from adaptive_cart.courses.tables import Hazard
from adaptive_cart.nouns.parts import Part, Positive

USUAL = (1.0, 5.0)  # years that are told beside the last


class LongTermFollowUp(Part):
    """Follow-up for years after infusion, as regulators ask of cells that persist."""

    years: Positive = Field(
        description="years from infusion; from randomisation in arms without one"
    )
    at: list[Positive] | None = Field(
        default=None, description="years that are told, beside the last; 1 and 5 if left out"
    )
    lost: Hazard = Field(description="loss to follow-up; death is that of the truth")
    events: list[str] | None = Field(
        default=None, description="rates of the truth that are counted; all of them if left out"
    )

    @property
    def moments(self) -> tuple[float, ...]:
        """The years that are told, in order; the last is the end of follow-up."""
        told = USUAL if self.at is None else tuple(self.at)
        return tuple(sorted({*(year for year in told if year < self.years), self.years}))

    def faults(self) -> Iterator[tuple[str, str]]:
        """What of it cannot be, by key."""
        for position, year in enumerate(self.at or ()):
            if year > self.years:
                yield (
                    f"at[{position}]",
                    f"found {year:g}; follow-up ends after {self.years:g} years",
                )
        for position, name in enumerate(self.events or ()):
            if name in (self.events or ())[:position]:
                yield f"events[{position}]", f"found '{name}' twice; name it once"
        if self.events == []:
            yield "events", "found []; name at least one, or leave it out to count every rate"
