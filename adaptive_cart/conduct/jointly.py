"""The posterior probability that several things are so at once: P(A and B | data).

Endpoints that are analysed apart have independent posteriors, so that it is a product. What one
model is asked of one endpoint is answered from its draws, of which each has all its quantities; so
is what is asked of endpoints that a utility ties together (:mod:`adaptive_cart.conduct.tied`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.conduct.asking import Now, said_by
from adaptive_cart.conduct.tied import (
    asked_of,
    chance,
    chance_seen,
    error_of,
    of_one,
    quantities_of,
    tied,
    weighed_among,
    weighing,
)
from adaptive_cart.conduct.weighing import draws_of
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
        """The product over endpoints, those that a utility ties together as one."""
        answers = [_answered(seen, asked) for asked in tied(self.every(question))]
        return np.multiply.reduce(answers)

    @property
    def weighs(self) -> bool:
        """Whether a utility of several endpoints is among what is asked."""
        return any(one.of.of_several for asked in self.questions for one in map(of_one, asked))

    def sides(self, seen: LookAnalysis, question: Question) -> Sides:
        """Nothing is known."""
        return not_known

    def error_in(
        self, fitted: Mapping[str, Any], question: Question, participants: tuple[int, ...]
    ) -> Error:
        """The sum over endpoints, since no factor is above 1."""
        found = Error(0.0, 0.0)
        for asked in tied(self.every(question)):
            if weighed_among(asked):
                found += error_of(asked, fitted)
                continue
            if asked[0].of.of_several:
                found += weighing(asked[0]).error_in(fitted, asked[0], participants)
                continue
            answered_by = fitted[asked[0].endpoint][0].answered_by
            if len(asked) > 1:
                found += Error.of_draws(answered_by.drawn_error)
            else:
                found += answered_by.by_place(asked[0], answered_by.error(asked[0]))
        return found

    def composed(self, question: Question) -> str:
        """Say of what it is the product, and what is drawn."""
        groups = tied(self.every(question))
        said = []
        for asked in groups:
            if weighed_among(asked):
                said.append(
                    f"what is asked of {_named(asked)} from the draws of their posteriors, put "
                    f"together"
                )
            elif len(asked) > 1:
                said.append(
                    f"what is asked of {asked[0].endpoint} from the draws of its one posterior"
                )
        if len(groups) > 1 or len(groups[0][0].endpoints) > 1:
            every = tuple(one for asked in groups for one in asked)
            product = ", so that it is the product" if len(groups) > 1 else ""
            said.append(f"{_named(every)} are analysed apart{product}")
        return f"at once: {'; '.join(said)}"

    def before_data(self, prior: Callable[[str], Posterior], question: Question) -> float:
        """The product of the priors'."""
        return math.prod(_of_priors(prior, asked) for asked in tied(self.every(question)))

    def compared_with(self, against: tuple[float, ...]) -> tuple[Jointly, tuple[float, ...]]:
        """The product is compared, and no question by itself."""
        return self, ()


def _answered(seen: LookAnalysis, asked: tuple[Question, ...]) -> Floats:
    """Probability at a look that all that is asked of tied endpoints is so."""
    if weighed_among(asked):
        return chance_seen(asked, seen)
    if asked[0].of.of_several:
        return weighing(asked[0]).answer(seen, asked[0])
    return seen.together(asked)


def _of_priors(prior: Callable[[str], Posterior], asked: tuple[Question, ...]) -> float:
    """The same of the priors."""
    if weighed_among(asked):
        arms = prior(asked[0].endpoints[0]).arms
        needed = quantities_of(asked, arms)
        drawn = [
            [own[:1] for own in draws_of(prior(name).drawn_for(asked_of(asked, name)), each)]
            for name, each in needed.items()
        ]
        return float(chance(asked, [*needed.values()], drawn, arms)[0])
    if asked[0].of.of_several:
        return weighing(asked[0]).before_data(prior, asked[0])
    return said_by(prior(asked[0].endpoint), asked)


def _named(asked: Sequence[Question]) -> str:
    """Name the endpoints that some questions are about."""
    names = [*dict.fromkeys(name for one in asked for name in one.endpoints)]
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


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
