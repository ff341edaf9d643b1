"""How participants are randomised to arms: what each kind is told, and what it answers.

Whoever wants to know what follows from the kind asks it: by which lists it goes, by which shares,
the block that was given, the endpoint that is followed.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from adaptive_cart.nouns.parts import Count, Part, PositiveMonths, Probability, UtilityName

Strict01 = Annotated[float, Field(gt=0.0, le=1.0, allow_inf_nan=False)]


def smallest_block(allocation: tuple[int, ...]) -> int:
    """Return the smallest block that fits the allocation ratio."""
    return sum(reduced(allocation))


def reduced(allocation: tuple[int, ...]) -> tuple[int, ...]:
    """Return the allocation ratio in smallest whole numbers."""
    divisor = math.gcd(*allocation)
    return tuple(ratio // divisor for ratio in allocation)


class RandomisationBase(Part):
    """What every kind of randomisation answers."""

    @property
    def by_lists(self) -> PermutedBlocks | None:
        """The rule of its randomisation lists; nothing where it has none."""
        return None

    @property
    def by_shares(self) -> ResponseAdaptive | None:
        """The rule by which looks renew the shares of the arms; nothing where they do not."""
        return None

    @property
    def block_given(self) -> int | None:
        """Participants in a block, where that is written."""
        return None


class PermutedBlocks(RandomisationBase):
    """Stratified permuted blocks."""

    method: Literal["permuted_blocks"] = "permuted_blocks"
    block: Count | None = Field(default=None, description="the smallest that fits, if left out")

    @property
    def by_lists(self) -> PermutedBlocks:
        """Itself."""
        return self

    @property
    def block_given(self) -> int | None:
        """As it is written."""
        return self.block

    def block_of(self, allocation: tuple[int, ...]) -> int:
        """Participants in a block of arms with this ratio."""
        return self.block or smallest_block(allocation)


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


class ResponseAdaptive(RandomisationBase):
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

    @property
    def by_shares(self) -> ResponseAdaptive:
        """Itself."""
        return self

    def endpoint_followed(self, primary: str | None) -> str | None:
        """The endpoint whose best arm the shares follow; nothing where that is of a utility."""
        return primary if self.by is None else self.by.endpoint


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
KINDS: dict[str, type[RandomisationBase]] = {
    "permuted_blocks": PermutedBlocks,
    "response_adaptive": ResponseAdaptive,
}
