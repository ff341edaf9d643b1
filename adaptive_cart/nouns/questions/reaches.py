"""The probability of a category of an ordinal outcome or a better one, or its difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adaptive_cart.nouns.parts import CategoryName
from adaptive_cart.nouns.questions.kind import Key, QuestionKind

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.questions.words import Parameter


class Reaches(QuestionKind):
    """The probability of a category or a better one."""

    name = "reaches"
    keys = (
        Key("reaches", CategoryName, "About the probability of this category or a better one."),
    )
    quantity = "reaches"
    limits = (0.0, 1.0)
    asked_for = "the probability of a category or a better one"

    def category(self, asked: Any) -> str:
        return str(asked.reaches)

    def symbol(self, question: Question, arm: str, other: str | None) -> str:
        """Write it: ``cart (no_remission or better) − soc``."""
        return super().symbol(question, f"{arm} ({_named(question)} or better)", other)

    def noun(self, question: Question, endpoint: str, parameter: Parameter) -> str:
        """Name it: ``the probability of no_remission or better (Outcome at month 12)``."""
        return f"the probability of {_named(question)} or better ({endpoint})"


def _named(question: Question) -> str:
    return "a category" if question.category is None else question.category.name
