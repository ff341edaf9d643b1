"""Priors of mean changes and of their spread, as ``[analysis.ENDPOINT]`` writes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Field, Tag

from adaptive_cart.models.borrowed import how_known
from adaptive_cart.models.normal.borrowed_means import NOTHING, AnyBorrowedMeans, Known
from adaptive_cart.nouns.parts import Finite, Part, Worth


class MeanPrior(Part):
    """What is known of the mean change of an arm, and of how many participants."""

    mean: Finite = Field(description="mean change, of who starts at the mean baseline")
    worth: Worth = Field(description="participants that it counts for")

    @property
    def told_as(self) -> str:
        """Words in the place of mean and worth; none."""
        return ""

    @property
    def known(self) -> Known:
        """The prior as models take it: nothing is said of the spread."""
        return NOTHING._replace(mean=self.mean, worth=self.worth)


ArmMeanPrior = Annotated[
    Annotated[MeanPrior, Tag("written")] | Annotated[AnyBorrowedMeans, Tag("external")],
    Discriminator(how_known),
]


class SpreadPrior(Part):
    """What is known of the standard deviation of changes, and of how many participants."""

    sd: Worth = Field(description="standard deviation of changes, baseline being allowed for")
    worth: Worth = Field(description="participants that it counts for")
