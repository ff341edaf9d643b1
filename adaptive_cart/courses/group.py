"""The complete course of one arm and stratum: every number that its participants follow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from adaptive_cart.courses.background import Taper
from adaptive_cart.courses.scores import CourseScore
from adaptive_cart.courses.sequel import Sequel
from adaptive_cart.nouns.distributions import EventTime
from adaptive_cart.nouns.records import Floats


@dataclass(frozen=True)
class DiseaseCourse:
    """Remission and what follows it, complete, for participants of one arm and stratum.

    Hazards are per month. ``None`` for a distribution means that it is never needed. What may
    follow a relapse has the name of its table, and is asked in this order.
    """

    remission: float
    onset: EventTime | None
    cured: float
    relapse: EventTime | None
    rescue: float
    sequels: tuple[tuple[str, Sequel], ...] = ()
    taper: Taper | None = None

    @property
    def infuses_again(self) -> bool:
        """Whether participants may be infused again."""
        return any(sequel.infuses for _, sequel in self.sequels)

    @property
    def events_after(self) -> dict[str, float]:
        """Probability of adverse events after an infusion that is not the first, where said."""
        return {n: p for _, sequel in self.sequels for n, p in sequel.events_after.items()}

    @property
    def may_relapse(self) -> bool:
        """Whether anybody can lose a remission, so that anything may follow."""
        return self.remission > 0.0 and self.cured < 1.0 and self.relapse is not None


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
    washout
        Months from randomisation for which the infusion waits; nothing where there is no wash-out.
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
    scores: Mapping[str, CourseScore] = field(default_factory=dict)
    washout: EventTime | None = None

    def infused_after(self, delay: Floats, u: Callable[[], Floats]) -> Floats:
        """Months to an infusion that waits for the wash-out.

        Parameters
        ----------
        delay
            Months until it could be given.
        u
            Gives the uniforms of the wash-out.
        """
        return delay if self.washout is None else np.maximum(delay, self.washout.quantile(u()))

    def runs_as(self, other: GroupCourse, infusion_counts: bool) -> bool:
        """Whether participants of two groups are alike in all that follows from the disease.

        Parameters
        ----------
        infusion_counts
            Whether the time of infusion matters by itself.
        """
        mine, theirs = (
            (group.own, group.dropout, group.death, group.crossover) for group in (self, other)
        )
        infusions = [
            (group.infused, group.failure, group.delay, group.washout, group.never_infused)
            for group in (self, other)
        ]
        apart = infusion_counts or not (self.from_randomisation and other.from_randomisation)
        return mine == theirs and (infusions[0] == infusions[1] or not apart)

    def without(self, events: Collection[str]) -> GroupCourse:
        """Return the same course in a world without dropout, rescue or crossover, as named."""
        course = self
        if "dropout" in events:
            course = replace(course, dropout=0.0)
        if "crossover" in events:
            course = replace(course, crossover=0.0)
        if "rescue" in events:
            own, never = (replace(d, rescue=0.0) for d in (course.own, course.never_infused))
            course = replace(course, own=own, never_infused=never)
        return course

    def named(self, part: str) -> Mapping[str, Any]:
        """The values of a part that has one for each endpoint, such as ``events``."""
        named: dict[str, Mapping[str, Any]]
        named = {"events": self.events, "rates": self.rates, "scores": self.scores}
        return named[part]
