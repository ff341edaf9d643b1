"""The proportion of participants whose value lies beyond another, on its better side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from adaptive_cart.nouns.parts import Finite
from adaptive_cart.nouns.questions.kind import Key, QuestionKind

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.quantity import Quantity
    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.questions.words import Parameter


class Beyond(QuestionKind):
    """The proportion of participants who changed beyond a value."""

    name = "beyond"
    keys = (
        Key(
            "beyond",
            Finite,
            "About the proportion of participants whose change lies beyond this value: below it "
            "where lower scores are better.",
        ),
    )
    quantity = "beyond"
    limits = (0.0, 1.0)
    comparison = "difference in proportions"
    asked_for = "a proportion of participants beyond a value"

    def cut(self, asked: Any) -> float | None:
        return float(asked.beyond)

    def moved(self, quantity: Quantity, by: float) -> Quantity:
        assert quantity.cut is not None
        return replace(quantity, cut=quantity.cut._replace(value=quantity.cut.value - by))

    def inside(self, question: Question, arms: int) -> bool | None:
        """Unless its value is at an end of what a proportion, or a difference, can be."""
        least = -1.0 if question.minus is not None else 0.0
        return least < question.value < 1.0 or None

    def symbol(self, question: Question, arm: str, other: str | None) -> str:
        """Write it: ``cart (change below -2) − soc``."""
        return super().symbol(question, f"{arm} (change {_beyond(question)})", other)

    def noun(self, question: Question, endpoint: str, parameter: Parameter) -> str:
        """Name it: ``the proportion whose change from baseline is below -2 (MG-ADL)``."""
        return f"the proportion whose change from baseline is {_beyond(question)} ({endpoint})"


def _beyond(question: Question) -> str:
    if question.cut is None:
        return "beyond a value"
    return f"{'below' if question.cut.lower else 'above'} {question.cut.value:g}"
