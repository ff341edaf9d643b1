"""What a table of early series can teach: one outcome a model, with its priors.

Series of an outcome lie in groups: a class of products, a product in it, a disease in which the
product was given. On the scale of the law (a logit, or the logarithm of a rate) ::

    events_i ~ Binomial(size_i, p_i)  or  Poisson(size_i rate_i)
    value_i  = centre + class effect + product effect + disease effect
    effect of a level ~ Normal(0, sd of the level)
    centre   ~ Normal(mean, sd)
    sd of a level ~ half-normal(its scale)

A disease's effect is one of a product *in* a disease: since every disease has response criteria
of its own, what is the disease's and what is its endpoint's cannot be told apart, and no common
effect of a disease is estimated. Relapses and harms are so few that they have products alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from adaptive_cart.evidence.laws import Law, Proportion, Rate


@dataclass(frozen=True)
class Level:
    """A level of groups, and the half-normal scale of the standard deviation between them."""

    name: str
    scale: float
    plural: str = ""


@dataclass(frozen=True)
class Outcome:
    """What is learned from a column of the table.

    Attributes
    ----------
    words, quantity
        What it is, and what is estimated of it.
    events, size
        Columns: how many, of how many.
    levels
        From the widest to the narrowest; each group lies in one of the level before.
    centre
        Mean and standard deviation of the normal prior, on the scale of the law.
    """

    name: str
    words: str
    quantity: str
    law: Law
    events: str
    size: str
    levels: tuple[Level, ...]
    centre: tuple[float, float]

    @property
    def by_months(self) -> bool:
        """Whether its size is participants times months of follow-up."""
        return self.law.by_months

    def spread(self, factor: float) -> Outcome:
        """Return the same with every half-normal scale multiplied."""
        levels = tuple(replace(level, scale=factor * level.scale) for level in self.levels)
        return replace(self, levels=levels)

    @property
    def priors(self) -> str:
        """Return the priors in words, with their numbers."""
        mean, sd = self.centre
        parts = [f"centre normal({mean:.2g}, {sd:.2g}) on the {self.law.scale}"]
        parts += [f"sd between {one.plural} half-normal({one.scale:.2g})" for one in self.levels]
        return "; ".join(parts)


CLASS = Level("class", 1.0, "classes")
PRODUCT = Level("product", 0.5, "products of a class")
DISEASE = Level("disease", 0.5, "diseases of a product")
_PRODUCTS = (Level("product", 1.0, "products"),)

OUTCOMES = {
    outcome.name: outcome
    for outcome in (
        Outcome(
            "response",
            "response in an early trial",
            "the probability of a response",
            Proportion(),
            "responders",
            "participants",
            (CLASS, PRODUCT, DISEASE),
            (0.0, 1.5),
        ),
        Outcome(
            "relapse",
            "relapse of responders, a month of follow-up",
            "the monthly rate of relapse",
            Rate(),
            "relapses",
            "relapse_participants",
            _PRODUCTS,
            (math.log(0.01), 1.5),
        ),
        Outcome(
            "crs3",
            "cytokine release syndrome of grade 3 or more",
            "the probability of grade 3 cytokine release",
            Proportion(),
            "crs3",
            "safety_participants",
            _PRODUCTS,
            (-3.0, 1.5),
        ),
        Outcome(
            "icans3",
            "neurotoxicity (ICANS) of grade 3 or more",
            "the probability of grade 3 neurotoxicity",
            Proportion(),
            "icans3",
            "safety_participants",
            _PRODUCTS,
            (-3.0, 1.5),
        ),
    )
}
