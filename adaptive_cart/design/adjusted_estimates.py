"""``[adjusted_estimates]``: that estimates corrected for the stop are told beside the estimate."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field, model_validator
from scipy import special

from adaptive_cart.nouns.parts import Part


class SkepticalPrior(Part):
    """A normal prior about no effect, under which a large effect is improbable."""

    effect: Annotated[float, Field(allow_inf_nan=False)] = Field(
        description="a large effect, as the estimand has it"
    )
    chance: Annotated[float, Field(gt=0.0, lt=0.5)] = Field(
        default=0.05, description="probability of an effect as large"
    )
    no_effect: Annotated[float, Field(allow_inf_nan=False)] = Field(
        default=0.0,
        description=(
            "the value about which the prior lies: no effect; needed without a control, and of a "
            "ratio, where it is 1"
        ),
    )

    @model_validator(mode="after")
    def _apart(self) -> SkepticalPrior:
        if self.effect == self.no_effect:
            raise ValueError(
                f"'effect' is {self.effect:g}, as 'no_effect' is; another value is expected"
            )
        return self

    def on(self, ratio: bool) -> tuple[float, float]:
        """Mean and standard deviation, of a ratio those of its logarithm."""
        about, effect = self.no_effect, self.effect
        if ratio:
            about, effect = math.log(about), math.log(effect)
        return about, float(abs(effect - about) / -special.ndtri(self.chance))


class AdjustedEstimates(Part):
    """Estimates corrected for the stop, as measures of a run: bias, error and coverage of each."""

    skeptical: SkepticalPrior | None = Field(
        default=None, description="prior of the skeptical estimate; without it there is none"
    )
