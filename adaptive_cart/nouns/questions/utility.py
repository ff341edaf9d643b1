"""A utility: the levels of several endpoints in an arm, each with its weight, or its difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from adaptive_cart.nouns.parts import UtilityName
from adaptive_cart.nouns.questions.kind import Key, QuestionKind
from adaptive_cart.nouns.questions.quantity import LEVEL, Quantity

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.questions.words import Parameter
    from adaptive_cart.nouns.records import Floats


class Utility(QuestionKind):
    """A utility in an arm: a weighted sum of the levels of several endpoints; or its difference."""

    name = "utility"
    keys = (
        Key(
            "utility",
            UtilityName,
            "About a utility of [utility.NAME], in place of an endpoint: the levels of several "
            "endpoints, each with its weight.",
        ),
    )
    of_several = True
    asked_for = "a utility"
    comparison = "difference of utilities"

    def of_endpoints(self, question: Question) -> tuple[Question, ...]:
        """The level of each endpoint that it weighs, or its difference, on the side that helps."""
        return tuple(
            replace(
                question,
                endpoint=endpoint,
                kind=LEVEL,
                weights=(),
                value=0.0,
                above=question.above == (weight > 0.0),
                against=(),
            )
            for endpoint, weight in question.weights
        )

    def quantities(self, question: Question, arms: int) -> tuple[Quantity, ...]:
        """The level of each endpoint in the arm, or in both arms, endpoint by endpoint."""
        return tuple(quantity for one in question.of_endpoints for quantity in one.quantities(arms))

    def combine(self, question: Question, values: Sequence[Floats]) -> Floats:
        """Weigh what each endpoint has and add it up."""
        arms = len(question.pair)
        return weighed(
            question,
            [
                one.combine(values[place * arms : (place + 1) * arms])
                for place, one in enumerate(question.of_endpoints)
            ],
        )

    def range(
        self, level: tuple[float, float], two: bool, month: float = 0.0
    ) -> tuple[float, float]:
        return -math.inf, math.inf

    def symbol(self, question: Question, arm: str, other: str | None) -> str:
        """Write it: ``u(cart) − u(soc)``."""
        one = f"u({arm})"
        return one if other is None else f"{one} {self.sign} u({other})"

    def comparison_of(self, endpoint: str) -> str:
        """Name it: ``difference of utilities (net_benefit)``."""
        return f"{self.comparison} ({endpoint})"

    def noun(self, question: Question, endpoint: str, parameter: Parameter) -> str:
        """Name it with its weights: ``the utility net_benefit (1 × dfr − 0.4 × crs3)``."""
        return f"the utility {endpoint} ({sum_of(question.weights)})"


def weighed(question: Question, values: Sequence[Any]) -> Any:
    """Sum of what each endpoint of a utility has, with its weight."""
    weights = [weight for _, weight in question.weights]
    first, *rest = (weight * value for weight, value in zip(weights, values, strict=True))
    return sum(rest, start=first)


def sum_of(weights: Sequence[tuple[str, float]], labels: Sequence[str] | None = None) -> str:
    """Write a weighted sum: ``1 × dfr − 0.4 × crs3``."""
    names = [name for name, _ in weights] if labels is None else labels
    words = ""
    for name, (_, weight) in zip(names, weights, strict=True):
        sign = (" − " if words else "−") if weight < 0.0 else (" + " if words else "")
        words += f"{sign}{abs(weight):g} × {name}"
    return words
