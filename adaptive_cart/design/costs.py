"""``[costs]``: what a participant of each arm costs, where that is asked for."""

from __future__ import annotations

from pydantic import Field

from adaptive_cart.nouns.parts import NonNegative, Part


class Costs(Part):
    """Costs as an outcome: stated by the design, and never assumed."""

    currency: str = Field(description="in what every number of this table is")
    per_randomised: dict[str, NonNegative] = Field(
        default_factory=dict, description="by arm: of everybody randomised, infused or not"
    )
    per_infused: dict[str, NonNegative] = Field(
        default_factory=dict, description="by arm: of every infusion, beside that"
    )
    remission: str | None = Field(
        default=None, description="endpoint whose months in remission the cost is compared with"
    )
    report: bool = Field(default=False, description="whether the report tells them")
