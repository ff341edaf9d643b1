"""One question that a rule asks of a posterior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from adaptive_cart.nouns.questions.kind import QuestionKind
from adaptive_cart.nouns.questions.kinds import KINDS
from adaptive_cart.nouns.questions.quantity import ALL, OPEN, Category, Cut, Quantity
from adaptive_cart.nouns.questions.words import written

if TYPE_CHECKING:
    from adaptive_cart.nouns.records import Floats


@dataclass(frozen=True)
class Question:
    """One question of a rule; the answer is a probability a trial.

    Attributes
    ----------
    endpoint
        Name of the endpoint that it is about; of the utility where it is about one.
    kind
        Name of its kind, one of ``KINDS``; what is known of it is asked of :attr:`of`.
    arm, minus
        Positions of the arms; ``minus`` is nothing where the question is about the arm alone.
    value
        What the quantity is compared with.
    above
        P(quantity > value) if true, P(quantity < value) otherwise.
    stratum
        Position of a stratum, or ``ALL`` or ``OPEN``.
    month
        The month that it is asked of, for a kind that has one.
    category
        The category that it is asked of, for a kind that has one.
    cut
        The value beyond which participants count, for a kind that has one.
    among
        Positions of the arms compared, for a kind that is asked among the open ones; nothing for
        every experimental arm.
    ordered_by, lowest, places
        For a kind that compares the open arms: name of the kind whose number puts them in order,
        whether the smallest is the best, and how many count as the best.
    first
        Position of the first experimental arm: 0 where no arm is the control.
    weights
        Of a utility: the endpoints that it weighs, and what one unit of each is worth.
    against
        Thresholds that the answer will be compared with. It lies on the right side of each,
        whatever the last bit says; what is asked stays the same.
    sign
        What the answer is written as: ``P``, or ``1 − p`` of a test.
    """

    endpoint: str
    arm: int
    minus: int | None = None
    value: float = 0.0
    above: bool = True
    kind: str = "level"
    stratum: int = ALL
    month: float = 0.0
    among: tuple[int, ...] = ()
    category: Category | None = None
    cut: Cut | None = None
    ordered_by: str = "level"
    lowest: bool = False
    places: int = 1
    first: int = 1
    weights: tuple[tuple[str, float], ...] = ()
    against: tuple[float, ...] = field(default=(), compare=False, repr=False)
    sign: str = field(default="P", compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse a kind that nobody knows."""
        if self.kind not in KINDS:
            raise ValueError(f"kind: '{self.kind}' found, one of {', '.join(KINDS)} allowed")

    @property
    def of(self) -> QuestionKind:
        """What is known of its kind."""
        return KINDS[self.kind]

    @property
    def by(self) -> QuestionKind:
        """What is known of the kind whose number puts the open arms in order."""
        return KINDS[self.ordered_by]

    @property
    def pair(self) -> tuple[int, ...]:
        """The arm, and the one that it is compared with where there is one."""
        return (self.arm,) if self.minus is None else (self.arm, self.minus)

    @property
    def of_endpoints(self) -> tuple[Question, ...]:
        """What it asks of each endpoint: itself, but of a utility the level of each it weighs."""
        return self.of.of_endpoints(self)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Names of the endpoints that it is about."""
        return tuple(one.endpoint for one in self.of_endpoints)

    @property
    def about_open(self) -> bool:
        """Whether what it asks depends on the arms, or the strata, that are open."""
        return self.of.among_open or self.stratum == OPEN

    @property
    def to_be_named(self) -> bool:
        """Whether the arms among which it is asked are still to be named."""
        return self.of.among_open and not self.among

    def unordered(self) -> Question:
        """Ask the same, whatever would put the open arms in order."""
        return replace(self, ordered_by="level", lowest=False, places=1, first=1)

    def at(self, value: float) -> Question:
        """Ask the same of another value."""
        return replace(self, value=value)

    @property
    def opposite(self) -> Question:
        """Ask for the other side of its value; itself where it has no value."""
        return replace(self, above=not self.above) if self.of.has_value else self

    def compared(self, arms: int) -> tuple[int, ...]:
        """Arms among which it is asked, of a design with so many arms."""
        return self.among or tuple(range(self.first, arms))

    def compared_with(self, *thresholds: float) -> Question:
        """Ask the same for an answer that will be compared with these thresholds."""
        return replace(self, against=tuple(t for t in thresholds if not math.isnan(t)))

    def quantities(self, arms: int) -> tuple[Quantity, ...]:
        """Numbers that it is made of, of a design with so many arms."""
        return self.of.quantities(self, arms)

    def combine(self, values: Sequence[Floats]) -> Floats:
        """What it is about, of the values of its quantities."""
        return self.of.combine(self, values)

    def words(self, arms: tuple[str, ...], strata: tuple[str, ...]) -> str:
        """Say the question the way a protocol writes it: ``P(cart − soc > 0.10 | dfr)``."""
        other = None if self.minus is None else arms[self.minus]
        about = self.endpoint
        if self.stratum >= 0:
            about += f", {strata[self.stratum]}"
        elif self.stratum == OPEN:
            about += ", open strata"
        formula = self.of.formula(self, arms[self.arm], other, written(self.value))
        return f"{self.sign}({formula} | {about})"
