"""The fraction still in remission (without the event) at a month, or its difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from adaptive_cart.nouns.parts import PositiveMonths
from adaptive_cart.nouns.questions.kind import Key, QuestionKind

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.questions.words import Parameter


class Remaining(QuestionKind):
    """The fraction that remains at a month."""

    name = "remaining"
    keys = (
        Key(
            "remains_at",
            PositiveMonths,
            "About the fraction still without the event (of remitters: in remission) then.",
        ),
    )
    quantity = "remaining"
    limits = (0.0, 1.0)
    orders = True
    asked_for = "the fraction remaining at a month"

    def month(self, asked: Any) -> float:
        return float(asked.remains_at)

    def told(
        self, question: Question, arms: int, strata: Sequence[int], months: Sequence[float]
    ) -> Iterator[Question]:
        for month in months:
            for arm in range(arms):
                yield replace(question, arm=arm, month=month)
            for arm in range(1, arms):
                yield replace(question, arm=arm, minus=0, month=month)

    def symbol(self, question: Question, arm: str, other: str | None) -> str:
        """Write it: ``cart remaining at 24 months − soc``."""
        return super().symbol(question, f"{arm} remaining at {question.month:g} months", other)

    def heading(self, question: Question, arm: str, other: str | None) -> str:
        """Name it: ``cart − soc, without an event at month 24``."""
        both = super().symbol(question, arm, other)
        return f"{both}, without an event at month {question.month:g}"

    def noun(self, question: Question, endpoint: str, parameter: Parameter) -> str:
        """Name it: ``the fraction still without an event at month 24 (Relapse)``."""
        return f"the fraction still without an event at month {question.month:g} ({endpoint})"
