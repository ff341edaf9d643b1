"""A score that depends on the state of a participant: what a course says of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from adaptive_cart.nouns.parts import Finite, Part, Positive
from adaptive_cart.nouns.scored import Baseline


class CourseScore(Part):
    """A score by arm: its baseline, and its change in remission and outside it."""

    baseline: Baseline | None = Field(default=None, description="the score before treatment")
    in_remission: Finite | None = Field(
        default=None, description="mean change of who is in remission at the visit"
    )
    otherwise: Finite | None = Field(default=None, description="mean change of who is not")
    sd: Positive | None = Field(
        default=None, description="standard deviation of the score at each visit"
    )
    correlation: Annotated[float, Field(ge=0.0, lt=1.0)] | None = Field(
        default=None, description="of any two values of a participant, baseline and visits"
    )

    def lacking(self) -> list[str]:
        """Keys that are needed and not given."""
        return [key for key in type(self).model_fields if getattr(self, key) is None]

    def words(self) -> str:
        """Say it as a protocol would."""
        baseline = self.baseline
        assert baseline is not None
        return (
            f"baseline {baseline.mean:g} (sd {baseline.sd:g}), change {self.in_remission:g} in "
            f"remission and {self.otherwise:g} outside it (sd of the score {self.sd:g}), "
            f"correlation {self.correlation:g}"
        )
