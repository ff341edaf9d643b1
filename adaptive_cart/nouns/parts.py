"""The strict base of everything that is read from a design file, and its units.

Strict means that ``40.7`` is no integer, ``"0.99"`` no number and an unknown key an error; this is
pydantic's work (chosen because it reports all faults of a table in one go and writes the JSON
Schema of the same classes). Time is in months, rates in events per year, probabilities in [0, 1].
"""

from __future__ import annotations

from typing import Annotated, Any, NewType

from pydantic import BaseModel, ConfigDict, Field

MONTHS_PER_YEAR = 12.0
DAYS_PER_MONTH = 365.25 / 12.0
ONE_DAY = 1.0 / DAYS_PER_MONTH  # in months

Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
MOST_MONTHS = (
    1e5  # of a trial or a life; sums of squares of what is longer leave the floating range
)
Months = Annotated[float, Field(ge=0.0, le=MOST_MONTHS, allow_inf_nan=False)]
PositiveMonths = Annotated[float, Field(gt=0.0, le=MOST_MONTHS, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
# what a prior is worth, in participants, events or years: beyond it sums of logarithms lose digits
Worth = Annotated[float, Field(gt=0.0, le=5e6, allow_inf_nan=False)]
LEAST_WORTH = 1e-6
Count = Annotated[int, Field(ge=1)]
CategoryName = NewType("CategoryName", str)  # of an ordinal outcome
UtilityName = NewType("UtilityName", str)  # of a table of weights


class Part(BaseModel):
    """A table of the design file: frozen, strict, and closed to unknown keys."""

    # validators are built when first used: a design uses few of all the parts there are
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    def plain(self) -> dict[str, Any]:
        """Return the part as plain TOML-like data, without what was not given."""
        return self.model_dump(exclude_none=True, by_alias=True)


def worth_something(part: Part) -> None:
    """Refuse a prior whose parameters are so small that its logarithms overflow."""
    for key in ("a", "b"):
        value = getattr(part, key)
        if value < LEAST_WORTH:
            raise ValueError(f"'{key}' is {value:g}; at least {LEAST_WORTH:g} is expected")
