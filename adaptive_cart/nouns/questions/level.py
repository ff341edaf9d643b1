"""The endpoint's own parameter in an arm (a probability, a rate), or its difference between two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from adaptive_cart.nouns.questions.kind import QuestionKind

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question


class Level(QuestionKind):
    """A level in an arm, or the difference of two levels."""

    name = "level"
    asked_for = "a level or a difference"
    observed = True

    def raised(self, question: Question, own: float, other: float) -> Question:
        by = own if question.minus is None else own - other
        return replace(question, value=question.value - by)

    def told(
        self, question: Question, arms: int, strata: Sequence[int], months: Sequence[float]
    ) -> Iterator[Question]:
        for arm in range(arms):
            yield replace(question, arm=arm)
        for stratum in strata:
            for arm in range(1, arms):
                yield replace(question, arm=arm, minus=0, stratum=stratum)
