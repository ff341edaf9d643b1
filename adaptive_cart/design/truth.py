"""What is really so in a scenario: the file's two ways to say it, merged and made complete.

A scenario starts from ``[truth]`` and says what differs. Tables are merged key by key, save that a
distribution (a table with ``dist``) replaces the one before it as a whole. What neither names comes
from the arm's product; :attr:`Truth.sources` says which came from where.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from adaptive_cart.courses.group import GroupCourse
from adaptive_cart.nouns.correlated import Correlated
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.time_trend import TimeTrend

if TYPE_CHECKING:
    from adaptive_cart.design.accrual import Accrual
    from adaptive_cart.design.follow_up import FollowUp


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
    accrual
        How fast participants come.
    sources
        By path of a parameter: "file" or "product autologous".
    correlated
        How the scores of a participant correlate; nothing where they are independent.
    external
        By endpoint and external data that arms are compared with: what the participants of this
        trial would have had in their place, by stratum.
    external_source
        Likewise: the rate by which external data are drawn anew.
    trends
        By endpoint, then arm: how its probability drifts with the month of randomisation.
    follow_up
        Visits and delays; nothing where everything is seen and known at its moment.
    """

    name: str
    role: str
    arms: tuple[str, ...]
    strata: tuple[str, ...]
    shares: tuple[float, ...]
    courses: tuple[tuple[GroupCourse, ...], ...] | None
    direct: Mapping[str, tuple[tuple[Any, ...], ...]]
    dropout: tuple[tuple[float, ...], ...]
    accrual: Accrual
    sources: Mapping[str, str] = field(default_factory=dict)
    correlated: Correlated | None = None
    trends: Mapping[str, tuple[TimeTrend | None, ...]] = field(default_factory=dict)
    follow_up: FollowUp | None = None
    external: Mapping[tuple[str, str], tuple[float, ...]] = field(default_factory=dict)
    external_source: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def gives(self, endpoint: str, named_in: str | None, arm: int, stratum: int = -1) -> bool:
        """Whether anything says what is true of an endpoint in an arm, and there in a stratum.

        An event that a course does not name does not happen, but nobody has said that it cannot.
        """
        if endpoint in self.direct or self.courses is None or named_in is None:
            return True
        groups = self.courses[arm] if stratum < 0 else (self.courses[arm][stratum],)
        return all(endpoint in group.named(named_in) for group in groups)

    def said(self, endpoint: str, named_in: str | None) -> tuple[tuple[Any, ...], ...] | None:
        """What is true of an endpoint by arm and stratum, where it is said of the endpoint itself.

        Parameters
        ----------
        named_in
            Part of a course that has a value under its name; 0 where it has not.
        """
        if endpoint in self.direct:
            return self.direct[endpoint]
        if self.courses is None or named_in is None:
            return None
        return tuple(
            tuple(group.named(named_in).get(endpoint, 0.0) for group in by) for by in self.courses
        )

    @property
    def infused_arms(self) -> tuple[bool, ...]:
        """Whether the product is infused, by arm."""
        if self.courses is None:
            return (False,) * len(self.arms)
        return tuple(strata[0].infused for strata in self.courses)

    def without(self, events: Collection[str]) -> Truth:
        """Return the same truth in a world without dropout, rescue or crossover, as named."""
        courses, dropout = self.courses, self.dropout
        if courses is not None:
            courses = tuple(tuple(g.without(events) for g in strata) for strata in courses)
        if "dropout" in events:
            dropout = tuple(tuple(0.0 for _ in strata) for strata in dropout)
        return replace(self, courses=courses, dropout=dropout)

    def averaged_over(self, months: Floats) -> Truth:
        """Return the same truth without trends: each probability averaged over months.

        Parameters
        ----------
        months
            ``(participant,)`` at which participants are randomised.
        """
        direct = dict(self.direct)
        for name, by_arm in self.trends.items():
            direct[name] = tuple(
                values
                if trend is None
                else tuple(float(trend.moved(float(p), months).mean()) for p in values)
                for values, trend in zip(direct[name], by_arm, strict=True)
            )
        return replace(self, direct=direct, trends={})

    def follows_for_ever(self, endpoint: str) -> bool:
        """Whether in some arm and stratum somebody may have no event and never leave follow-up.

        Of an endpoint that is a time. In a course somebody may have no event where nobody leaves.
        """
        if endpoint not in self.direct:
            groups = [group for strata in self.courses or () for group in strata]
            return any(group.dropout + group.death == 0.0 for group in groups)
        for arm, strata in enumerate(self.direct[endpoint]):
            for stratum, time in enumerate(strata):
                leaves = self.dropout[arm][stratum]
                if self.courses is not None:
                    leaves += self.courses[arm][stratum].death
                if time.never > 0.0 and leaves == 0.0:
                    return True
        return False

    @property
    def has_dropout(self) -> bool:
        """Whether anybody can drop out."""
        return any(hazard > 0.0 for strata in self.dropout for hazard in strata)
