"""What is really so in a scenario: the file's two ways to say it, merged and made complete.

A scenario starts from ``[truth]`` and says what differs. Tables are merged key by key, save that a
distribution (a table with ``dist``) replaces the one before it as a whole. What neither names comes
from the arm's product; :attr:`Truth.sources` says which came from where.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from adaptive_cart.courses.group import GroupCourse
from adaptive_cart.errors import InputError
from adaptive_cart.nouns.correlated import Correlated
from adaptive_cart.nouns.mixture import Mixture, Share
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.roles import ALTERNATIVE, NULL
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
        Likewise: the level by which external data are drawn anew, one or by stratum.
    trends
        By endpoint, then arm: how its probability drifts with the month of randomisation.
    follow_up
        Visits and delays; nothing where everything is seen and known at its moment.
    mixture
        Parts of the participants who fare otherwise; nothing where all are alike.
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
    external_source: Mapping[tuple[str, str], tuple[float, ...]] = field(default_factory=dict)
    mixture: Mixture | None = None

    @cached_property
    def parts(self) -> tuple[Truth, ...]:
        """What is true of those who belong to no part, then of each part."""
        if self.mixture is None:
            return (self,)
        return (replace(self, mixture=None), *self.mixture.truths)

    @cached_property
    def side_by_side(self) -> Truth:
        """A truth that has the arms of every part one after the other, to draw participants of."""
        parts = self.parts
        courses = None
        if self.courses is not None:
            courses = tuple(by for part in parts for by in part.courses or ())
        none = (None,) * len(self.arms)
        return replace(
            self,
            mixture=None,
            arms=self.arms * len(parts),
            courses=courses,
            direct={
                name: tuple(by for part in parts for by in part.direct[name])
                for name in self.direct
            },
            dropout=tuple(by for part in parts for by in part.dropout),
            trends={
                name: tuple(trend for part in parts for trend in part.trends.get(name, none))
                for name in self.trends
            },
        )

    @property
    def is_null(self) -> bool:
        """Whether a success is an error here."""
        return self.role == NULL

    @property
    def is_alternative(self) -> bool:
        """Whether a success is wanted here."""
        return self.role == ALTERNATIVE

    @property
    def as_null(self) -> Truth:
        """The same truth where a success is an error."""
        return replace(self, role=NULL)

    @property
    def drifts(self) -> bool:
        """Whether anything changes with the month of randomisation, or parts of it differ."""
        return bool(self.trends) or self.mixture is not None

    @property
    def changes(self) -> bool:
        """Whether anything changes with the month of randomisation, shares of parts among it."""
        return bool(self.trends) or (self.mixture is not None and self.mixture.drifts)

    def gives(self, endpoint: str, named_in: str | None, arm: int) -> bool:
        """Whether anything says what is true of an endpoint in an arm.

        An event that a course does not name does not happen, but nobody has said that it cannot.
        """
        if endpoint in self.direct or self.courses is None or named_in is None:
            return True
        return all(endpoint in group.named(named_in) for group in self.courses[arm])

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
        mixture = self.mixture
        if mixture is not None:
            mixture = replace(mixture, truths=tuple(t.without(events) for t in mixture.truths))
        return replace(self, courses=courses, dropout=dropout, mixture=mixture)

    def with_direct(self, endpoint: str, values: tuple[tuple[Any, ...], ...]) -> Truth:
        """Return the same truth, in which something else is said of an endpoint, of everybody."""
        mixture = self.mixture
        if mixture is not None:
            parts = tuple(truth.with_direct(endpoint, values) for truth in mixture.truths)
            mixture = replace(mixture, truths=parts)
        return replace(self, direct={**self.direct, endpoint: values}, mixture=mixture)

    def averaged_over(self, months: Floats) -> Truth:
        """Return the same truth without trends: probabilities and shares averaged over months.

        Parameters
        ----------
        months
            ``(participant,)`` at which participants are randomised.
        """
        if self.mixture is None:
            return self._averaged(months, None)
        weights = self.mixture.weights(months)
        own, *others = (
            part._averaged(months, by if by.any() else None)
            for part, by in zip(self.parts, weights, strict=True)
        )
        shares = tuple(Share(share=float(by.mean())) for by in weights[1:])
        return replace(own, mixture=replace(self.mixture, shares=shares, truths=tuple(others)))

    def _averaged(self, months: Floats, weights: Floats | None) -> Truth:
        """The same without parts and trends, each month with a weight."""
        direct = dict(self.direct)
        for name, by_arm in self.trends.items():
            try:
                direct[name] = tuple(
                    values
                    if trend is None
                    else tuple(trend.averaged(value, months, weights) for value in values)
                    for values, trend in zip(direct[name], by_arm, strict=True)
                )
            except InputError as error:
                raise InputError(f"'{self.name}', time_trend.{name}: {error}") from None
        return replace(self, direct=direct, trends={})

    def follows_for_ever(self, endpoint: str) -> bool:
        """Whether in some arm and stratum somebody may have no event and never leave follow-up.

        Of an endpoint that is a time. In a course somebody may have no event where nobody leaves.
        """
        if self.mixture is not None:
            return any(part.follows_for_ever(endpoint) for part in self.parts)
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

    def leaving(self) -> tuple[tuple[tuple[float, ...], ...], ...]:
        """Hazards that end follow-up, and the probability to cross, by arm and stratum."""
        if self.courses is None:
            return tuple(tuple((hazard,) for hazard in strata) for strata in self.dropout)
        return tuple(
            tuple((g.dropout, g.death, g.crossover) for g in strata) for strata in self.courses
        )

    @property
    def has_dropout(self) -> bool:
        """Whether anybody can drop out."""
        whole = self.side_by_side
        return any(hazard > 0.0 for strata in whole.dropout for hazard in strata)
