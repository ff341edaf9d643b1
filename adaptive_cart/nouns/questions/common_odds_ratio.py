"""The odds of an arm over those of another, the same for every category of an ordinal outcome."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from adaptive_cart.nouns.questions.kind import Key, QuestionKind
from adaptive_cart.nouns.questions.quantity import Quantity

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.questions.words import Parameter


class CommonOddsRatio(QuestionKind):
    """A common odds ratio: of a category or a better one, whichever; known of two arms together."""

    name = "common_odds_ratio"
    keys = (
        Key(
            "common_odds_ratio_to",
            str,
            "Arm that the odds of `arm` are divided by: those of a category or a better one.",
        ),
    )
    other = "common_odds_ratio_to"
    quantity = "common_odds_ratio"
    ratio = True
    heavy = True
    of_two = True
    limits = (0.0, math.inf)
    asked_for = "a common odds ratio"
    comparison = "common odds ratio"
    against = "against"

    def quantities(self, question: Question, arms: int) -> tuple[Quantity, ...]:
        return (replace(self._of(question, question.arm), to=question.minus),)

    def told(
        self, question: Question, arms: int, strata: Sequence[int], months: Sequence[float]
    ) -> Iterator[Question]:
        for arm in range(1, arms):
            yield replace(question, arm=arm, minus=0)

    def symbol(self, question: Question, arm: str, other: str | None) -> str:
        """Write it: ``common odds ratio cart / soc``."""
        return f"common odds ratio {arm} / {other}"

    def noun(self, question: Question, endpoint: str, parameter: Parameter) -> str:
        """Name it: ``the common odds ratio of Outcome at month 12``."""
        return f"the common odds ratio of {endpoint}"
