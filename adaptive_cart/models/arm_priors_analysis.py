"""``prior = …``: one prior for every arm, or one by arm, any of which may borrow.

A model says what one prior is, in a file of its room. What all of them share is here: how the forms
are told apart, whom a table names, and what is wrong with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from pydantic import model_validator

from adaptive_cart.errors import nearest, one_of
from adaptive_cart.models.base import AnalysisBase
from adaptive_cart.models.borrowed import Borrowed, how_known
from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.parts import Part, Worth, worth_something

ONE = {"a", "b", "mixture", "external", "method"}  # any of these makes one prior


class TwoNumbers(Part):
    """A prior by two numbers, each of which counts something."""

    a: Worth
    b: Worth

    @staticmethod
    def law() -> Any:
        """The law that the numbers are of, as a mixture of such laws."""
        raise NotImplementedError  # supplied by every kind

    @property
    def as_mixture(self) -> Any:
        """The prior as models take it."""
        return self.law().single(self.a, self.b)

    @model_validator(mode="after")
    def _worth(self) -> Self:
        worth_something(self)
        return self


class Mixture(Part):
    """A mixture of priors, each with its weight."""

    if TYPE_CHECKING:
        mixture: Any

    @property
    def as_mixture(self) -> Any:
        """The prior as models take it."""
        numbers = [(part.weight, part.a, part.b) for part in self.mixture]
        return self.mixture[0].law()(*zip(*numbers, strict=True))

    def of_weights(self, path: str) -> Iterator[tuple[str, str]]:
        """Tell weights that do not add up to 1."""
        total = math.fsum(part.weight for part in self.mixture)
        if abs(total - 1.0) > 1e-9:
            yield f"{path}.mixture", f"the weights sum to {total:.10g}; they must sum to 1"


def form(value: Any) -> str:
    """Whether a prior is ``written`` in numbers, a ``mixture``, or made of ``external`` data."""
    if isinstance(value, Mixture) or (isinstance(value, dict) and "mixture" in value):
        return "mixture"
    return how_known(value)


def for_whom(value: Any) -> str:
    """Whether a prior is one for ``every_arm`` or there is one ``by_arm``."""
    if not isinstance(value, dict) or not value:
        return "every_arm"
    # a table under one of these names is the prior of an arm that is called so
    of_one = [value[key] for key in ONE & set(value)]
    return "by_arm" if all(isinstance(own, Mapping | Part) for own in of_one) else "every_arm"


def not_of_the_design(named: Mapping[str, Any], arms: tuple[str, ...]) -> list[tuple[str, str]]:
    """Tell priors of arms that the design does not have."""
    return [
        (f"prior.{arm}", f"no arm of this design{nearest(arm, arms)}; the arms are {one_of(arms)}")
        for arm in named
        if arm not in arms
    ]


class PriorsOfArms(AnalysisBase):
    """An analysis with one prior for every arm, or one by arm."""

    if TYPE_CHECKING:
        prior: Any

    def by_arm(self, arms: tuple[str, ...]) -> dict[str, Any]:
        """The prior of each arm that the table speaks of."""
        if self.prior is None:
            return {}
        return dict(self.prior) if isinstance(self.prior, dict) else dict.fromkeys(arms, self.prior)

    def borrowed(self, arms: tuple[str, ...]) -> dict[str, Any]:
        priors = self.by_arm(arms)
        return {arm: prior for arm, prior in priors.items() if isinstance(prior, Borrowed)}

    def told_external(self, external: Mapping[str, External]) -> Self:
        known = {arm: prior.told(external) for arm, prior in self.borrowed(()).items()}
        return self.model_copy(update={"prior": {**self.prior, **known}}) if known else self

    def arms_named(self, arms: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self.prior) if isinstance(self.prior, dict) else arms

    def of_arms(self, arms: tuple[str, ...]) -> list[tuple[str, str]]:
        """Tell priors of arms that are not there, and weights that do not add up to 1."""
        if not isinstance(self.prior, dict):
            return [*self.prior.of_weights("prior")] if isinstance(self.prior, Mixture) else []
        found = not_of_the_design(self.prior, arms)
        for arm, one in self.prior.items():
            if isinstance(one, Mixture):
                found += one.of_weights(f"prior.{arm}")
        return found
