"""Arms, when they enrol, and who crosses over."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from adaptive_cart.courses.triggers import TRIGGERS, Trigger
from adaptive_cart.nouns.parts import Count, Part, PositiveMonths


class After(Part):
    """A moment that follows another arm."""

    after: str = Field(description="the arm that stops enrolling then, for whatever reason")


def _moment(value: Any) -> str:
    return "after" if isinstance(value, dict | After) else "month"


Moment = Annotated[
    Annotated[PositiveMonths, Tag("month")] | Annotated[After, Tag("after")],
    Discriminator(_moment),
]


class Arm(Part):
    """An arm of the trial."""

    control: bool = False
    product: str | None = None
    allocation: Count = 1
    label: str | None = None
    enters: Moment | None = Field(
        default=None,
        description="months since the trial opened from which it enrols, or `{ after = ARM }`: "
        "once that arm stops enrolling; from the opening if left out",
    )
    leaves: Moment | None = Field(
        default=None,
        description="months since the trial opened until which it enrols, or `{ after = ARM }`; "
        "until the end if left out",
    )

    def moments(self) -> list[tuple[str, float | After]]:
        """When it enters and leaves, as far as that is said, by key."""
        both = {"enters": self.enters, "leaves": self.leaves}
        return [(key, moment) for key, moment in both.items() if moment is not None]


class MultiArm(Part):
    """When a trial of several experimental arms ends."""

    ends: Literal["first_success", "all_arms_resolved"] = "all_arms_resolved"


class Crossover(Part):
    """Participants of one arm who take the other arm's treatment later."""

    from_: str = Field(alias="from")
    to: str
    when: Literal["month", "relapse", "no_remission", "rescue"] = Field(
        default="month", description="the month itself, or what makes a participant cross"
    )
    after_month: PositiveMonths | None = None
    strategy: Literal["composite", "treatment_policy"] = "composite"

    @model_validator(mode="after")
    def _has_its_month(self) -> Crossover:
        if self.after_month is None and self.trigger.waits:
            raise ValueError(
                f'when = "{self.when}" asks for a month; write after_month = 12, for example'
            )
        return self

    @property
    def ignored(self) -> bool:
        """Whether what comes after crossing counts as before: a treatment policy."""
        return self.strategy == "treatment_policy"

    @property
    def trigger(self) -> Trigger:
        """What makes a participant cross."""
        return TRIGGERS[self.when]

    @property
    def opens(self) -> float:
        """Months after randomisation before which nobody crosses."""
        return self.after_month or 0.0

    @property
    def whom(self) -> str:
        """Say which participants cross, after "participants"."""
        words = self.trigger.words.format(month=self.opens)
        return words if self.opens else words.replace(", from month 0 on,", "")
