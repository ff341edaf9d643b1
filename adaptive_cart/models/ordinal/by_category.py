"""What models of ordinal outcomes share: numbers by category, counts, what is still to come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from adaptive_cart.errors import nearest, one_of
from adaptive_cart.models.pooled_strata import PoolsStrata
from adaptive_cart.nouns.completions import Completions, binomial
from adaptive_cart.nouns.parts import Worth
from adaptive_cart.nouns.questions import ALL, LEVEL, Quantity, Question
from adaptive_cart.nouns.ranked import or_better
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Categories, Summary
from adaptive_cart.nouns.summaries.base import repeated

EACH = "each"
UNIFORM = {EACH: 1.0}
Parameters = Annotated[dict[str, Worth], Field(min_length=1)]
SMALLEST = 1e-300  # probability of the categories that are left


def misfits(
    path: str, own: Mapping[str, float], categories: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Faults of a table of numbers by category, ``each`` for the others: (path, message)."""
    for name in own:
        if name not in (*categories, EACH):
            hint = nearest(name, (*categories, EACH))
            yield f"{path}.{name}", f"no category{hint}; allowed: {one_of((*categories, EACH))}"
    lacking = [name for name in categories if name not in own]
    if lacking and EACH not in own:
        yield path, f"no number for {one_of(lacking)}; write it, or `each = 1.0` for the others"


@dataclass(frozen=True)
class OrdinalPosterior(PoolsStrata):
    """Posterior of an ordinal outcome; strata are pooled unless a question names one."""

    data: Categories
    open_strata: Booleans | None

    @property
    def arms(self) -> int:
        """How many arms the design has."""
        return self.data.counts.shape[1]

    def shares(self, quantity: Quantity) -> Iterator[Floats]:
        """Draws of the probabilities of an arm, ``(draw, category)``, of each table in turn."""
        raise NotImplementedError  # abstract: every model supplies it

    def counts(self, question: Question | Quantity) -> Integers:
        """Participants by ``(trial, arm, category)``."""
        return self.of_strata(self.data.counts, question.stratum)

    def of_shares(self, question: Question | Quantity, shares: Floats) -> Floats:
        """Mean score, or the probability of a category or a better one."""
        if question.category is not None:
            return or_better(shares, question.category.place)
        found: Floats = shares @ np.array(self.data.scores)
        return found

    def completed(
        self, summary: Summary, coming: Any, some: Completions, apart: bool
    ) -> Categories:
        """Those still to come have each category with a draw of its probability."""
        assert isinstance(summary, Categories)
        arms, strata, categories = summary.counts.shape[1:]
        uniform = some.even(arms * strata * (categories - 1))
        uniform = uniform.reshape(arms, strata, categories - 1, -1)
        counts = repeated(summary.counts, some.number)
        for arm, stratum in np.ndindex(arms, strata):
            asked = Quantity("", LEVEL, arm, None, stratum if apart else ALL)
            shares = np.stack([some.of(own.T) for own in self.shares(asked)])
            left = np.repeat(coming.participants[:, arm, stratum][:, None], some.number, axis=1)
            rest = np.ones(left.shape)
            for k in range(categories):
                drawn = left
                if k < categories - 1:
                    chance = np.clip(shares[:, k] / np.maximum(rest, SMALLEST), 0.0, 1.0)
                    drawn = binomial(uniform[arm, stratum, k], left, chance)
                counts[:, arm, stratum, k] += drawn.ravel()
                left, rest = left - drawn, rest - shares[:, k]
        had = [repeated(part, some.number) for part in (summary.missing, summary.due)]
        more = repeated(coming.participants, some.number)
        return replace(summary, counts=counts, missing=had[0], due=had[1] + more)
