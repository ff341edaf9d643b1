"""The mean time without an event in the first so many months, or its difference between two arms.

It is the area under the fraction that remains, from 0 to that month.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from adaptive_cart.nouns.parts import PositiveMonths
from adaptive_cart.nouns.questions.kind import Key, QuestionKind

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.questions.words import Parameter


class RestrictedMean(QuestionKind):
    """The restricted mean time: what is left of so many months before the event, on average."""

    name = "restricted_mean"
    keys: ClassVar[tuple[Key, ...]] = (
        Key(
            "restricted_mean",
            PositiveMonths,
            "About the mean months without the event, of the first so many.",
        ),
    )
    quantity = "restricted_mean"
    orders = True
    comparison = "difference in restricted mean times"
    asked_for = "a restricted mean time"

    def month(self, asked: Any) -> float:
        return float(asked.restricted_mean)

    def between(self, level: tuple[float, float], month: float) -> tuple[float, float]:
        return 0.0, month

    def comparison_of(self, endpoint: str) -> str:
        """Name the comparison of an endpoint's times."""
        return f"{self.comparison} ({endpoint})"

    def symbol(self, question: Question, arm: str, other: str | None) -> str:
        """Write it: ``mean of 24 months cart − soc``."""
        return f"mean of {question.month:g} months {super().symbol(question, arm, other)}"

    def noun(self, question: Question, endpoint: str, parameter: Parameter) -> str:
        """Name it: ``the mean time without an event in the first 24 months (Relapse)``."""
        named = f"mean time without an event in the first {question.month:g} months ({endpoint})"
        return f"the ratio of the {named}" if self.ratio else f"the {named}"

    def unit(self, parameter: Parameter) -> str:
        return "" if self.ratio else " months"
