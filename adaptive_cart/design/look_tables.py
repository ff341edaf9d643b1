"""The table of looks: what each waits for, and in whom it is counted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from adaptive_cart.design.look_scales import SCALES, LookScale
from adaptive_cart.nouns.parts import Count, Part, PositiveMonths


class CountedParticipants(Part):
    """Looks that count the participants of one stratum."""

    numbers: list[Count] = Field(description="how many, one number a look")
    stratum: str = Field(description="the stratum in which they are counted")


class CountedEvents(Part):
    """Looks that count the events of an endpoint, in one stratum or in all."""

    numbers: list[Count] = Field(description="how many, one number a look")
    endpoint: str | None = Field(
        default=None, description="whose events; the primary's if left out"
    )
    stratum: str | None = Field(
        default=None, description="the stratum in which they are counted; all if left out"
    )


def _shape(value: Any) -> str:
    return "table" if isinstance(value, dict | Part) else "list"


Participants = Annotated[
    Annotated[list[Count], Tag("list")] | Annotated[CountedParticipants, Tag("table")],
    Discriminator(_shape),
]
Events = Annotated[
    Annotated[list[Count], Tag("list")] | Annotated[CountedEvents, Tag("table")],
    Discriminator(_shape),
]


class Looks(Part):
    """When looks are due: by a number, by the calendar, or by both together."""

    observed: Participants | None = None
    enrolled: Participants | None = None
    events: Events | None = None
    months: list[PositiveMonths] | None = None
    whichever: Literal["later", "earlier"] | None = Field(
        default=None, description="of a number and a month together: which of the two decides"
    )
    minimum_in_each_arm: Count | None = Field(
        default=None,
        description="of what is counted, so many in each open arm before a number is reached",
    )
    final: Literal["all_observed"] | None = None

    @property
    def given(self) -> list[str]:
        """Scales that are written, numbers first."""
        return [scale for scale in SCALES if getattr(self, scale) is not None]

    @property
    def scale(self) -> str:
        """What looks count: a number, or months where there is no number."""
        return self.given[0]

    @property
    def counts(self) -> LookScale:
        """What is known of what looks count."""
        return SCALES[self.scale]

    @property
    def _table(self) -> Any:
        found = [getattr(self, scale) for scale in self.given[:1]]
        return found[0] if found and isinstance(found[0], Part) else None

    @property
    def at(self) -> list[float]:
        """The stated numbers (or months), in order."""
        return list(getattr(self, self.scale) if self._table is None else self._table.numbers)

    @property
    def at_months(self) -> tuple[float, ...]:
        """The months that stand beside the numbers; none where there is one scale."""
        return () if self.counts.by_calendar else tuple(self.months or ())

    @property
    def stratum(self) -> str | None:
        """The stratum in which is counted; nothing where it is in all."""
        return None if self._table is None else self._table.stratum

    @property
    def endpoint(self) -> str | None:
        """The endpoint whose events are counted; nothing where it is the primary."""
        return getattr(self._table, "endpoint", None)

    @property
    def number(self) -> int:
        """How many looks there are, the final one counted in."""
        return len(self.at) + (self.final is not None)

    @property
    def as_stated(self) -> bool:
        """Whether a look sees the number that is stated, of the primary and in everybody."""
        beside = (self.stratum, self.endpoint, self.whichever, self.minimum_in_each_arm)
        return all(one is None for one in beside)

    @property
    def apart(self) -> str:
        """What keeps a look from seeing just the number stated, by its key; blank for nothing."""
        found = {
            "stratum": self.stratum,
            "endpoint": self.endpoint,
            "whichever": self.whichever,
            "minimum_in_each_arm": self.minimum_in_each_arm,
        }
        return next((key for key, value in found.items() if value is not None), "")

    def written(self, numbers: list[Any], months: list[float] | None = None) -> dict[str, Any]:
        """The table as a file has it, with other numbers, and other months beside them."""
        table = self.plain()
        if self._table is None:
            table[self.scale] = list(numbers)
        else:
            table[self.scale] = {**table[self.scale], "numbers": list(numbers)}
        if months is not None and self.at_months:
            table["months"] = list(months)
        return table

    def the_last(self) -> dict[str, Any]:
        """The table of the last stated look alone."""
        return self.written(self.at[-1:], list(self.at_months[-1:]))

    # ── in words ──────────────────────────────────────────────────────────────────────────
    def what(self) -> str:
        """What is counted, and in whom: ``events of flare in active``."""
        words = self.counts.what
        words += f" of {self.endpoint}" if self.endpoint is not None else ""
        return words + (f" in {self.stratum}" if self.stratum is not None else "")

    def counted(self) -> str:
        """What is counted, with its minimum: ``events in active, at least 10 in each open arm``."""
        least = self.minimum_in_each_arm
        return self.what() + (f", at least {least} in each open arm" if least is not None else "")

    def due(self, look: int) -> str:
        """What a stated look waits for: ``40 events of flare in active, or month 12 …``."""
        at = self.at[look - 1]
        if self.counts.by_calendar:
            return f"month {at:g}"
        words = f"{at:g} {self.counted()}"
        if self.whichever is None:
            return words
        return f"{words}, or month {self.at_months[look - 1]:g}, whichever is {self.whichever}"

    @property
    def later(self) -> bool:
        """Whether the later of a number and a month decides."""
        return self.whichever == "later"

    def out_of_reach(self) -> str:
        """What becomes of a number that is not reached any more; blank where it always is."""
        if self.whichever == "earlier":
            return (
                "a number that has not been reached by the month does not matter: the month decides"
            )
        gone = self.counts.gone
        if self.later:
            return (
                f"a number that can no longer be reached: the month decides, and the look is held "
                f"then, but not before that is certain, when {gone}"
            )
        return f"a number that can no longer be reached makes its look the last, held when {gone}"
