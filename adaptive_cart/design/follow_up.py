"""``[follow_up]``: at which visits participants are seen, and when what was seen is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from adaptive_cart.design.truth import merged
from adaptive_cart.design.validation import meant
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.errors import one_of
from adaptive_cart.nouns.calendar import TIE
from adaptive_cart.nouns.parts import Months, Part, PositiveMonths

Fault = tuple[tuple[str, ...], str]  # where in the table, and what is wrong


def _shape(value: Any) -> str:
    return "each" if isinstance(value, dict) else "all"


class FollowUp(Part):
    """Visits, and how late what is seen at them is known; a scenario may say another."""

    visit_every: PositiveMonths | None = Field(
        default=None, description="months between visits; states are seen at these alone"
    )
    window: Months | None = Field(
        default=None,
        description="months by which a visit may lie off the month for which it stands; "
        "`visit_every` if left out",
    )
    missed: Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False)] = Field(
        default=0.0, description="probability that a planned visit is missed"
    )
    reporting_delay: Months = Field(
        default=0.0, description="months until what was seen is in the database"
    )
    adjudication_delay: Annotated[
        Annotated[Months, Tag("all")] | Annotated[dict[str, Months], Tag("each")],
        Discriminator(_shape),
    ] = Field(
        default=0.0,
        description="months more until an outcome is adjudicated, of all endpoints or by name",
    )

    @property
    def visit_window(self) -> float:
        """Months by which a visit may lie off the month for which it stands."""
        return (self.visit_every or 0.0) if self.window is None else self.window

    def delay(self, endpoint: str) -> float:
        """Months from what is seen of an endpoint until a look can use it."""
        more = self.adjudication_delay
        return self.reporting_delay + (more.get(endpoint, 0.0) if isinstance(more, dict) else more)

    def later(self, name: str, endpoint: EndpointBase) -> float:
        """Months from when an outcome is fixed until a look can count on it."""
        visit = self.visit_window if self.at_visits and endpoint.told_at_visit else 0.0
        return visit + self.delay(name)

    def unseen(self, month: float | None, missed: frozenset[int]) -> bool:
        """Whether every visit that could stand for a month is among those missed, by number."""
        if month is None or self.visit_every is None:
            return False
        lowest = max(math.ceil((month - self.visit_window - TIE) / self.visit_every), 1)
        highest = math.floor((month + self.visit_window + TIE) / self.visit_every)
        return set(range(lowest, highest + 1)) <= missed

    @property
    def at_visits(self) -> bool:
        """Whether states are seen at visits alone."""
        return self.visit_every is not None

    @property
    def at_once(self) -> bool:
        """Whether everything is seen, and known, when it happens."""
        more = self.adjudication_delay
        delays = [self.reporting_delay, *(more.values() if isinstance(more, dict) else [more])]
        return not self.at_visits and not any(delays)

    def in_words(self, endpoints: Mapping[str, EndpointBase]) -> str:
        """Say it in a line, with what it means for the endpoints."""
        parts = []
        if self.visit_every is not None:
            missed = f", of which {self.missed:g} are missed" if self.missed else ""
            parts.append(f"states are seen at visits {_every(self.visit_every)}{missed}")
            parts.append(
                f"a visit may lie {_months(self.visit_window)} off the month for which it stands"
            )
            if self.missed and any(endpoint.taken_at() for endpoint in endpoints.values()):
                parts.append("the score of a visit that is missed is missing")
        if self.reporting_delay:
            parts.append(f"what is seen is reported {_months(self.reporting_delay)} later")
        parts += [self._adjudicated()]
        return "; ".join(part for part in parts if part) or "everything is seen and known at once"

    def _adjudicated(self) -> str:
        more = self.adjudication_delay
        if not isinstance(more, dict):
            return f"adjudication takes {_months(more)} more" if more else ""
        named = one_of([f"{name} {_months(months)}" for name, months in more.items()])
        return f"adjudication takes longer: {named}" if more else ""

    def faults(self) -> Iterator[tuple[str, str]]:
        """What of it cannot be, by key."""
        if self.visit_every is not None:
            return
        for key, value in (("window", self.window), ("missed", self.missed or None)):
            if value is not None:
                yield (
                    key,
                    f"found {value:g}, and no visits are planned; write `visit_every = 1.0`, or "
                    "leave it out",
                )


def _months(months: float) -> str:
    """A number of months, in words."""
    return f"{months:g} month{'' if months == 1.0 else 's'}"


def _every(months: float) -> str:
    """How often visits are planned."""
    return "every month" if months == 1.0 else f"every {months:g} months"


def follow_up_under(plan: FollowUp | None, own: Mapping[str, Any]) -> dict[str, Any]:
    """Lay what a scenario says of visits and delays over the design's plan.

    The window is the protocol's: it stays where visits are further apart than planned.
    """
    base = {} if plan is None else plan.plain()
    if plan is not None and plan.at_visits:
        base["window"] = plan.visit_window
    return dict(merged(base, dict(own)))


def follow_up_faults(
    follow_up: FollowUp, endpoints: Mapping[str, EndpointBase | None]
) -> Iterator[Fault]:
    """What of visits and delays cannot be, in itself or beside the endpoints."""
    yield from (((key,), why) for key, why in follow_up.faults())
    more = follow_up.adjudication_delay
    for name in more if isinstance(more, dict) else ():
        if name not in endpoints:
            hint = meant(name, endpoints)
            message = f"no endpoint of this design{hint}; the endpoints are {one_of(endpoints)}"
            yield ("adjudication_delay", name), message
    for name, endpoint in endpoints.items():
        if endpoint is None or not follow_up.at_visits:
            continue
        month = endpoint.known_after()
        if endpoint.told_at_visit and month is not None:
            yield from _without_visit(follow_up, name, month)
        if follow_up.missed:
            yield from _not_planned(follow_up, name, endpoint)


def _not_planned(follow_up: FollowUp, name: str, endpoint: EndpointBase) -> Iterator[Fault]:
    """A score at a month for which no visit is planned: whether it is missed nothing says."""
    every = follow_up.visit_every or 0.0
    apart = [
        month for month in endpoint.taken_at() if abs(round(month / every) * every - month) > TIE
    ]
    if apart:
        months = one_of([f"{month:g}" for month in apart])
        yield (
            ("missed",),
            f"found {follow_up.missed:g}; '{name}' is scored at month {months}, and visits are "
            f"planned {_every(every)}: score it at planned visits, or leave `missed` out",
        )


def _without_visit(follow_up: FollowUp, name: str, month: float) -> Iterator[Fault]:
    """A month for which no visit stands, so that nobody would ever be seen at it."""
    every, window = follow_up.visit_every or 0.0, follow_up.visit_window
    near = max(round(month / every), 1) * every
    if abs(near - month) > window + TIE:
        yield (
            ("window",),
            f"found {window:g}; the visit nearest month {month:g} of '{name}' is at month "
            f"{near:g}: at least {abs(near - month):g} is expected",
        )
