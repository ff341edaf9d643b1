"""What a scenario is read against, and what was found wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adaptive_cart.design.validation import (
    Faults,
    path_to,
)
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.errors import Problem, one_of
from adaptive_cart.nouns.roles import ALTERNATIVE, NULL

if TYPE_CHECKING:
    from adaptive_cart.design.follow_up import FollowUp
    from adaptive_cart.design.truth import Truth
    from adaptive_cart.nouns.external import Level

SOURCE = "_source"  # after a name: the rate by which external data are drawn anew
NOT_INFUSED = "not_infused"  # whose course is taken where no arm is the control
SAME_AS = "same_as"  # of what is said directly: the arm in which the same is true
BY = "\0"  # stands in a message for the scenarios that have the problem


@dataclass
class Frame:
    """What of a design a scenario is read against, and what was found wrong.

    Attributes
    ----------
    products
        By arm, control first; nothing where the arm has no product, or an unknown one.
    endpoints
        By name; nothing where the endpoint's own table is wrong.
    faults
        Paths of what has been told already.
    renamed
        Path to a key as it is written, by path to the key it was taken for.
    complete
        By scenario: its tables laid over ``[truth]``, mended where they are wrong.
    truths
        By scenario: what is really so, where nothing is wrong.
    crossover_from
        Arm whose participants may cross over, where the design has a crossover.
    needed
        By endpoint: arms that a rule, an analysis or the primary asks about.
    accrual
        How fast participants come by ``[enrolment]``, as plain data; nothing where it is wrong.
    follow_up
        Visits and delays as the design plans them; nothing where there are none.
    early
        By endpoint: the months before the one analysed whose states tell.
    control
        Name of the control; nothing where no arm is one.
    comparators
        By endpoint: the external data that a rule compares an arm with.
    lent
        By endpoint: those that are drawn anew, with which no rule compares an arm.
    outside
        Names of all external data.
    redrawn
        What was observed in those of them that are drawn anew in every trial: one level, or by
        stratum; nothing where they have faults.
    levels
        By name of external data: what a scenario says in their place.
    """

    arms: tuple[str, ...]
    products: Mapping[str, str | None]
    strata: tuple[str, ...]
    shares: tuple[float, ...]
    endpoints: Mapping[str, EndpointBase | None]
    truth: Mapping[str, Any]
    scenarios: Mapping[str, Any]
    faults: Faults = field(default_factory=Faults)
    renamed: dict[str, str] = field(default_factory=dict)
    crossover_from: str | None = None
    needed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    accrual: Mapping[str, Any] | None = None
    follow_up: FollowUp | None = None
    early: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    control: str | None = None
    comparators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lent: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    outside: tuple[str, ...] = ()
    redrawn: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    levels: Mapping[str, Level] = field(default_factory=dict)
    complete: dict[str, dict[str, Any]] = field(default_factory=dict)
    truths: dict[str, Truth] = field(default_factory=dict)
    reported: int = 0
    _found: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def beside(self, endpoint: str) -> frozenset[str]:
        """What may be said of external data in an endpoint's table: levels, and their sources'."""
        names = self.comparators.get(endpoint, ())
        sources = (f"{name}{SOURCE}" for name in (*names, *self.lent.get(endpoint, ())))
        return frozenset((*names, *sources))

    def one_level(self, endpoint: str, told: str) -> bool:
        """Whether what is said of external data is one number: their source's, told together."""
        levels = self.redrawn.get(told.removesuffix(SOURCE), ())
        return told not in self.comparators.get(endpoint, ()) and len(levels) == 1

    def stays(self, endpoint: str, told: str) -> bool:
        """Whether it is said of the source of external data of which nothing is drawn."""
        source = told not in self.comparators.get(endpoint, ())
        return source and told.removesuffix(SOURCE) not in self.redrawn

    @property
    def never_infused(self) -> str:
        """Whose course runs in participants who are never infused: the control's, or their own."""
        return NOT_INFUSED if self.control is None else self.control

    @property
    def with_courses(self) -> tuple[str, ...]:
        """Names under which a course may be said: of the arms, and of who is never infused."""
        return self.arms if self.control is not None else (*self.arms, NOT_INFUSED)

    def report(
        self, path: str, message: str, *grounds: str, scenario: str = "", alone: str = ""
    ) -> None:
        """Keep a problem, unless it follows from one that was told.

        Parameters
        ----------
        grounds
            Places whose faults the problem would only follow from.
        scenario
            The scenario that has it; several that have the same are told in one line.
        alone
            Path to tell it at instead, if no other scenario has it.
        """
        self.reported += 1
        follows = any(self.faults.touch(ground) for ground in grounds)
        if not follows and not self.faults.cover(path):
            self._found.setdefault((path, message), {})[scenario] = alone or path

    def fault(self, path: str, message: str) -> None:
        """Keep a problem; what follows from it is not told any more."""
        self.report(path, message)
        self.faults.add(path)

    def take(self, where: str, key: str, right: str) -> None:
        """Keep in mind that a key is taken for another."""
        if key != right:
            self.renamed[path_to(where, right)] = path_to(where, key)

    @property
    def problems(self) -> list[Problem]:
        """Every problem once, with the scenarios that have it."""
        return [self._told(path, message, by) for (path, message), by in self._found.items()]

    def _told(self, path: str, message: str, by: Mapping[str, str]) -> Problem:
        path = path if len(by) > 1 else next(iter(by.values()))
        if len(by) == len(self.scenarios) > 1:
            names = " (every scenario)"
        elif path.startswith("scenarios."):
            names = ""
        else:
            names = f" (scenario{'s' if len(by) > 1 else ''} {one_of(by)})"
        return Problem(path, message.replace(BY, names))


def role_of(name: str, scenario: Mapping[str, Any]) -> str:
    """Role of a scenario: as written, else ``null`` for the one so called."""
    written = scenario.get("role")
    return str(written) if written is not None else (NULL if name == NULL else ALTERNATIVE)
