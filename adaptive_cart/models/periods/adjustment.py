"""The table ``[analysis.ENDPOINT.time_trend]``: what becomes of controls who are not concurrent."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from adaptive_cart.nouns.parts import Part

COEFFICIENT_SD: Final = 2.5  # of every coefficient of the logistic model with periods


class TrendAdjustment(Part):
    """How a comparison deals with participants randomised while one of its arms was not open."""

    model: Literal["concurrent", "pooled", "periods"] = Field(
        description="they are left out, count like all others, or help to estimate the periods of "
        "a logistic model"
    )

    def problems(self, has_prior: bool, strata: tuple[str, ...]) -> list[tuple[str, str]]:
        """What does not go with it: path below the analysis, and message."""
        found = []
        if self.model == "periods" and has_prior:
            found.append(
                (
                    "prior",
                    f'time_trend.model is "periods", a logistic model whose coefficients are all '
                    f"Normal(0, {COEFFICIENT_SD:g}); leave `prior` out, or write model = "
                    '"concurrent"',
                )
            )
        if self.by_period and strata:
            found.append(
                (
                    "time_trend.model",
                    f'found "{self.model}"; participants are not told apart by stratum and period '
                    f'at once: write "pooled", or a design without [strata]',
                )
            )
        return found

    @property
    def by_period(self) -> bool:
        """Whether it matters in which period somebody was randomised."""
        return self.model != "pooled"
