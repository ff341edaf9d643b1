"""Arms, how participants are randomised to them, and who crosses over."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from adaptive_cart.courses.triggers import TRIGGERS, Trigger
from adaptive_cart.nouns.parts import Count, Part, PositiveMonths, Probability, UtilityName

Strict01 = Annotated[float, Field(gt=0.0, le=1.0, allow_inf_nan=False)]


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


class PermutedBlocks(Part):
    """Stratified permuted blocks."""

    method: Literal["permuted_blocks"] = "permuted_blocks"
    block: Count | None = Field(default=None, description="the smallest that fits, if left out")


def _control_shape(value: Any) -> str:
    return "matched" if isinstance(value, str) else "share"


class Order(Part):
    """What arms are put in order by."""

    endpoint: str | None = Field(default=None, description="the endpoint whose best arm is sought")
    utility: UtilityName | None = Field(
        default=None, description="or the utility whose best arm is sought, of [utility.NAME]"
    )
    remains_at: PositiveMonths | None = Field(
        default=None, description="by the fraction without the event at this month"
    )
    restricted_mean: PositiveMonths | None = Field(
        default=None, description="by the mean months without the event, of the first so many"
    )
    median: bool | None = Field(default=None, description="by the median months to the event")

    @property
    def about(self) -> str:
        """Name of the endpoint, or of the utility."""
        return self.endpoint or self.utility or ""


class ResponseAdaptive(Part):
    """Response-adaptive randomisation of the experimental arms."""

    method: Literal["response_adaptive"]
    power: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.5
    minimum: Probability = 0.0
    control: Annotated[
        Annotated[Literal["match_largest"], Tag("matched")] | Annotated[Strict01, Tag("share")],
        Discriminator(_control_shape),
    ] = "match_largest"
    burn_in: Annotated[int, Field(ge=0)] = 0
    by: Order | None = Field(
        default=None, description="what the best arm is the best in; the primary if left out"
    )

    @property
    def fixed(self) -> float | None:
        """The control's share, where it is a number; else it is that of the largest arm."""
        return None if self.control == "match_largest" else float(self.control)


def _method(value: Any) -> Any:
    default = "permuted_blocks"
    return (
        value.get("method", default) if isinstance(value, dict) else getattr(value, "method", None)
    )


Randomisation = Annotated[
    Annotated[PermutedBlocks, Tag("permuted_blocks")]
    | Annotated[ResponseAdaptive, Tag("response_adaptive")],
    Discriminator(_method),
]


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
