"""What is really so in a scenario: the file's two ways to say it, merged and made complete.

A scenario starts from ``[truth]`` and says what differs. Tables are merged key by key, save that a
distribution (a table with ``dist``) replaces the one before it as a whole. What neither names comes
from the arm's product; :attr:`Truth.sources` says which came from where.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import Field

from adaptive_cart.nouns.distributions import EventTime, TimeDistribution
from adaptive_cart.nouns.parts import MONTHS_PER_YEAR, NonNegative, Part, Probability

DISEASE = ("remission", "durability", "remission_on_drugs", "rescue", "dropout", "death")
COMMON = ("dropout", "death")


class Infusion(Part):
    """Delay from randomisation to infusion, and the probability of never being infused."""

    failure: Probability | None = None
    delay: TimeDistribution | None = None


class Remission(Part):
    """Probability of drug-free remission and months to its onset."""

    probability: Probability | None = None
    onset: TimeDistribution | None = None


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
    remission_on_drugs: Remission | None = None
    rescue: Hazard | None = None
    dropout: Hazard | None = None
    death: Hazard | None = None
    events: dict[str, Probability] | None = None
    rates: dict[str, NonNegative] | None = None
    crossover: Crossing | None = Field(default=None, description="read where [crossover] is given")
    strata: dict[str, ArmCourse] | None = Field(default=None, description="what differs by stratum")


def merged(base: Any, change: Any) -> Any:
    """Lay a scenario's table over the table it starts from."""
    if not isinstance(base, dict) or not isinstance(change, dict):
        return change
    if "dist" in change:
        return change
    result = dict(base)
    for key, value in change.items():
        result[key] = merged(base[key], value) if key in base else value
    return result


@dataclass(frozen=True)
class DiseaseCourse:
    """Remission and what follows it, complete, for participants of one arm and stratum.

    Hazards are per month. ``None`` for a distribution means that it is never needed.
    """

    remission: float
    onset: EventTime | None
    cured: float
    relapse: EventTime | None
    rescue: float


@dataclass(frozen=True)
class GroupCourse:
    """The complete course of one arm and stratum.

    Attributes
    ----------
    infused
        Whether the arm's product is infused.
    disease_of
        Arm whose disease this is: the arm itself, or the one that it is the ``same_as``.
    from_randomisation
        The disease runs from randomisation even where the product is infused (``same_as``).
    crossover
        Probability of crossing over to the other arm's course.
    """

    infused: bool
    failure: float
    delay: EventTime | None
    disease_of: str
    own: DiseaseCourse
    never_infused: DiseaseCourse
    from_randomisation: bool
    on_drugs: float
    on_drugs_onset: EventTime | None
    dropout: float
    death: float
    events: Mapping[str, float]
    rates: Mapping[str, float]
    crossover: float = 0.0


@dataclass(frozen=True)
class Truth:
    """One scenario, resolved.

    Attributes
    ----------
    courses
        By arm, then stratum; nothing where the whole truth is direct.
    direct
        By endpoint, arm, stratum: a probability, a distribution or a yearly rate.
    dropout
        By arm, then stratum: hazard per month (also where the truth is direct).
    sources
        By path of a parameter: "file" or "product autologous".
    """

    name: str
    role: str
    arms: tuple[str, ...]
    strata: tuple[str, ...]
    shares: tuple[float, ...]
    courses: tuple[tuple[GroupCourse, ...], ...] | None
    direct: Mapping[str, tuple[tuple[Any, ...], ...]]
    dropout: tuple[tuple[float, ...], ...]
    sources: Mapping[str, str] = field(default_factory=dict)

    def gives(self, endpoint: str, fed_by: str | None, arm: int, stratum: int = -1) -> bool:
        """Whether anything says what is true of an endpoint in an arm, and there in a stratum.

        An event that a course does not name does not happen, but nobody has said that it cannot.
        """
        if endpoint in self.direct or self.courses is None or fed_by not in ("events", "rates"):
            return True
        groups = self.courses[arm] if stratum < 0 else (self.courses[arm][stratum],)
        return all(endpoint in getattr(group, fed_by) for group in groups)

    @property
    def infused_arms(self) -> tuple[bool, ...]:
        """Whether the product is infused, by arm."""
        if self.courses is None:
            return (False,) * len(self.arms)
        return tuple(strata[0].infused for strata in self.courses)

    def without_dropout(self) -> Truth:
        """Return the same truth in a world where nobody drops out."""
        courses = self.courses
        if courses is not None:
            courses = tuple(tuple(replace(g, dropout=0.0) for g in strata) for strata in courses)
        none = tuple(tuple(0.0 for _ in strata) for strata in self.dropout)
        return replace(self, courses=courses, dropout=none)

    def follows_for_ever(self, endpoint: str) -> bool:
        """Whether in some arm and stratum somebody may have no event and never leave follow-up.

        Of an endpoint whose times are given directly, by distributions.
        """
        for arm, strata in enumerate(self.direct[endpoint]):
            for stratum, time in enumerate(strata):
                leaves = self.dropout[arm][stratum]
                if self.courses is not None:
                    leaves += self.courses[arm][stratum].death
                if time.cured and leaves == 0.0:
                    return True
        return False

    @property
    def has_dropout(self) -> bool:
        """Whether anybody can drop out."""
        return any(hazard > 0.0 for strata in self.dropout for hazard in strata)


def per_month(hazard: Hazard | None) -> float:
    """Turn a yearly hazard into a monthly one; a hazard that is not given is zero."""
    return 0.0 if hazard is None else hazard.per_year / MONTHS_PER_YEAR
