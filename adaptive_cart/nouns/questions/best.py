"""Whether an arm has the largest parameter of the experimental arms that are still open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from adaptive_cart.nouns.questions.kind import Key, QuestionKind
from adaptive_cart.nouns.questions.quantity import Quantity
from adaptive_cart.nouns.questions.words import Wording, place

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.records import Booleans, Floats


class Best(QuestionKind):
    """The best arm; the combined value is 1 where it is, and 0 elsewhere."""

    name = "best"
    keys = (Key("best", bool, "Asks for P(the arm is the best)."),)
    other = None
    has_value = False
    among_open = True
    asked_for = "the best arm"

    def quantities(self, question: Question, arms: int) -> tuple[Quantity, ...]:
        """The level of every arm among which it is asked."""
        return tuple(self._of(question, arm) for arm in question.compared(arms))

    def combine(self, question: Question, values: Sequence[Floats]) -> Floats:
        """1 where the arm's value is the largest, 0 elsewhere."""
        arms = question.compared(len(values) + 1)
        best = np.argmax(np.stack(values, axis=-1), axis=-1)
        found: Floats = (best == arms.index(question.arm)).astype(np.float64)
        return found

    def holds(self, question: Question, value: Floats) -> Booleans:
        return value == 1.0

    def inside(self, question: Question, arms: int) -> bool | None:
        """Whether there is another arm that it could be; it is the best of one."""
        return len(question.compared(arms)) > 1

    def claims(self, question: Question, arms: int) -> tuple[Question, ...]:
        """It is better than each of the others."""
        return tuple(
            replace(question, kind="level", minus=other, value=0.0, above=True)
            for other in question.compared(arms)
            if other != question.arm
        )

    def formula(self, question: Question, arm: str, other: str | None, value: str) -> str:
        return f"{arm} has the largest level of the open arms"

    def clause(self, question: Question, wording: Wording) -> str:
        """Say it: ``A has the largest probability of X of all arms that are still open``."""
        arm, noun = wording.arms[question.arm], wording.parameter.noun
        return (
            f"{arm} has the largest {noun} of {wording.endpoint}{place(question, wording)} of all "
            f"arms that are still open"
        )
