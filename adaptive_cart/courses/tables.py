"""What a design file may say of the course of an arm's participants."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from adaptive_cart.courses.again import Again
from adaptive_cart.courses.background import Taper, Washout
from adaptive_cart.courses.redosing import Redosing
from adaptive_cart.courses.scores import CourseScore
from adaptive_cart.courses.sequel import Sequel
from adaptive_cart.nouns.distributions import TimeDistribution
from adaptive_cart.nouns.parts import MONTHS_PER_YEAR, NonNegative, Part, Probability

# what `same_as` takes from the other arm
DISEASE = (
    "remission",
    "durability",
    "remission_on_drugs",
    "rescue",
    "dropout",
    "death",
    "redosing",
    "taper",
)
COMMON = ("dropout", "death")
FEEDS = ("events", "rates", "scores")  # by names of endpoints, and of what no endpoint reads


class Infusion(Part):
    """Delay from randomisation to infusion, and the probability of never being infused."""

    failure: Probability | None = None
    delay: TimeDistribution | None = None


class RemissionOnDrugs(Part):
    """Probability of remission on background drugs and months to its onset."""

    probability: Probability | None = None
    onset: TimeDistribution | None = None


class Remission(RemissionOnDrugs):
    """Probability of drug-free remission and months to its onset."""

    again: Again | None = None


class Durability(Part):
    """Fraction that stays in remission, and months from onset to relapse for the others."""

    cured: Probability | None = None
    relapse: TimeDistribution | None = None


class Hazard(Part):
    """A constant hazard, in events per year."""

    per_year: NonNegative


class Crossing(Part):
    """Probability of taking the other arm's treatment when crossover opens."""

    probability: Probability


class ArmCourse(Part):
    """The participant course of one arm; every part may be left to ``[truth]`` or the product."""

    same_as: str | None = Field(default=None, description="run the disease exactly as in this arm")
    infusion: Infusion | None = None
    remission: Remission | None = None
    durability: Durability | None = None
    remission_on_drugs: RemissionOnDrugs | None = None
    redosing: Redosing | None = Field(default=None, description="another infusion, and its course")
    taper: Taper | None = Field(default=None, description="background drugs that end after it")
    washout: Washout | None = Field(default=None, description="background drugs that end before it")
    rescue: Hazard | None = None
    dropout: Hazard | None = None
    death: Hazard | None = None
    events: dict[str, Probability] | None = None
    rates: dict[str, NonNegative] | None = None
    scores: dict[str, CourseScore] | None = None
    crossover: Crossing | None = Field(default=None, description="read where [crossover] is given")
    strata: dict[str, ArmCourse] | None = Field(default=None, description="what differs by stratum")


def sequels_of(course: ArmCourse) -> Iterator[tuple[tuple[str, ...], Sequel]]:
    """What may follow a relapse, with its path: of the course first, then of its remission."""
    holders: tuple[tuple[tuple[str, ...], Part | None], ...] = (
        ((), course),
        (("remission",), course.remission),
    )
    for path, part in holders:
        for key in () if part is None else type(part).model_fields:
            value = getattr(part, key)
            if isinstance(value, Sequel):
                yield (*path, key), value


def per_month(hazard: Hazard | None) -> float:
    """Turn a yearly hazard into a monthly one; a hazard that is not given is zero."""
    return 0.0 if hazard is None else hazard.per_year / MONTHS_PER_YEAR
