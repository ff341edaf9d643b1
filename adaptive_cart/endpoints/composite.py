"""Several states and scores that must hold together at a month, for a landmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator

from adaptive_cart.nouns.calendar import short_of, until
from adaptive_cart.nouns.parts import Finite, Part
from adaptive_cart.nouns.records import Booleans, Floats, Population
from adaptive_cart.nouns.scored import Scored

State = Literal["drug_free_remission", "remission"]


class ScoreBound(Part):
    """A score that is to lie on one side of a value, the value included."""

    score: str = Field(description="name of the `continuous` endpoint")
    at_most: Finite | None = None
    at_least: Finite | None = None

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        given = [key for key in ("at_most", "at_least") if getattr(self, key) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "neither"
            raise ValueError(f"found {found}; exactly one of at_most, at_least is needed")
        return self

    def holds(self, values: Floats) -> Booleans:
        """Whether scores lie there; none that was not seen does."""
        with np.errstate(invalid="ignore"):
            below: Booleans = values <= np.inf if self.at_most is None else values <= self.at_most
            above: Booleans = (
                values >= -np.inf if self.at_least is None else values >= self.at_least
            )
        return below & above

    def words(self) -> str:
        """Say it: ``sledai at most 4``."""
        if self.at_most is not None:
            return f"{self.score} at most {self.at_most:g}"
        return f"{self.score} at least {self.at_least:g}"


def _shape(value: Any) -> str:
    return "state" if isinstance(value, str) else "score"


Component = Annotated[
    Annotated[State, Tag("state")] | Annotated[ScoreBound, Tag("score")], Discriminator(_shape)
]


@dataclass(frozen=True)
class Together:
    """What scores say of participants, ``(trial, participant)``.

    Attributes
    ----------
    hold
        Whether all were seen and lie where they should.
    open
        Whether some were not seen, and none that was seen lies elsewhere; nothing where everybody
        was seen.
    seen_until
        Month of the last visit before the one asked about, for those.
    """

    hold: Booleans
    open: Booleans | None
    seen_until: float


def together(
    bounds: Sequence[ScoreBound], population: Population, start: float, month: float
) -> Together:
    """What scores say at every visit from one month to another."""
    hold = np.ones(population.arm.shape, dtype=np.bool_)
    fails, unseen, before = np.zeros_like(hold), np.zeros_like(hold), 0.0
    for bound in bounds:
        scored = population.outcomes[bound.score]
        assert isinstance(scored, Scored)
        visits = population.visits[bound.score]
        for visit, values in zip(visits, scored.values[1:], strict=True):
            if visit < short_of(month):
                before = max(before, visit)
            if not short_of(start) <= visit <= until(month):
                continue
            known, there = np.isfinite(values), bound.holds(values)
            hold &= there
            fails |= known & ~there
            unseen |= ~known
    return Together(hold, unseen & ~fails if unseen.any() else None, before)
