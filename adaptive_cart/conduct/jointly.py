"""The posterior probability that several things are so at once: P(A and B | data).

Endpoints that are analysed apart have independent posteriors, so that it is a product. What one
model is asked of one endpoint is answered from its draws, of which each has all its quantities.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.conduct.asking import Now, said_by
from adaptive_cart.models import Posterior
from adaptive_cart.models.ties import Error, Sides, not_known
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Floats

if TYPE_CHECKING:
    from adaptive_cart.conduct.look_analysis import LookAnalysis


@dataclass(frozen=True)
class Jointly(Now):
    """That all that some questions ask is so.

    Attributes
    ----------
    questions
        By target: all of them, in the order written. One about the target stands for it, the first
        that compares the open arms if any does.
    """

    questions: tuple[tuple[Question, ...], ...]

    def every(self, question: Question) -> tuple[Question, ...]:
        """All that is asked at once, where this one is, and among the same arms."""
        written = replace(question, among=())
        asked = next(asked for asked in self.questions if written in asked)
        if not question.among:
            return asked
        arms = question.among
        return tuple(replace(one, among=arms) if one.of.among_open else one for one in asked)

    def answer(self, seen: LookAnalysis, question: Question) -> Floats:
        """The product over endpoints."""
        answers = [seen.together(asked) for asked in by_endpoint(self.every(question))]
        return np.multiply.reduce(answers)

    def sides(self, seen: LookAnalysis, question: Question) -> Sides:
        """Nothing is known."""
        return not_known

    def error_in(
        self, fitted: Mapping[str, Any], question: Question, participants: tuple[int, ...]
    ) -> Error:
        """The sum over endpoints, since no factor is above 1."""
        found = Error(0.0, 0.0)
        for asked in by_endpoint(self.every(question)):
            answered_by = fitted[asked[0].endpoint][0].answered_by
            if len(asked) > 1:
                found += Error.of_draws(answered_by.drawn_error)
            else:
                found += answered_by.by_place(asked[0], answered_by.error(asked[0]))
        return found

    def composed(self, question: Question) -> str:
        """Say of what it is the product, and what is drawn."""
        groups = by_endpoint(self.every(question))
        drawn = [asked[0].endpoint for asked in groups if len(asked) > 1]
        said = [f"what is asked of {name} from the draws of its one posterior" for name in drawn]
        if len(groups) > 1:
            names = [asked[0].endpoint for asked in groups]
            told = ", ".join(names[:-1]) + f" and {names[-1]}"
            said.append(f"{told} are analysed apart, so that it is the product")
        return f"at once: {'; '.join(said)}"

    def before_data(self, prior: Callable[[str], Posterior], question: Question) -> float:
        """The product of the priors'."""
        return math.prod(
            said_by(prior(asked[0].endpoint), asked) for asked in by_endpoint(self.every(question))
        )

    def compared_with(self, against: tuple[float, ...]) -> tuple[Jointly, tuple[float, ...]]:
        """The product is compared, and no question by itself."""
        return self, ()


def by_endpoint(questions: tuple[Question, ...]) -> list[tuple[Question, ...]]:
    """Questions of each endpoint together, in the order in which endpoints come."""
    found: dict[str, list[Question]] = {}
    for question in questions:
        found.setdefault(question.endpoint, []).append(question)
    return [tuple(asked) for asked in found.values()]


def whose_data(together: Sequence[Question]) -> Question:
    """Which of some questions of one endpoint says whose data are analysed: that about a pair."""
    return next((one for one in together if one.of.of_two), together[0])


def product(found: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Product of independent numbers with their errors, and its own."""
    values = [value for value, _ in found]
    errors = [
        error * math.prod(values[:place] + values[place + 1 :])
        for place, (_, error) in enumerate(found)
    ]
    return math.prod(values), math.hypot(*errors)
