"""The endpoint's own parameter in an arm (a probability, a rate), or its difference between two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from adaptive_cart.nouns.distributions import EventTime
from adaptive_cart.nouns.questions.kind import QuestionKind
from adaptive_cart.nouns.questions.words import Parameter, Wording, compared

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question


class Level(QuestionKind):
    """A level in an arm, or the difference of two levels."""

    name = "level"
    asked_for = "a level or a difference; give hazard_ratio_to"
    observed = True

    def at_margin(self, question: Question, control: Any) -> Any:
        """The value itself, or the control's rate moved by it."""
        if isinstance(control, EventTime):
            return None
        if question.minus is None:
            return control * 0.0 + question.value
        return control + (question.value if question.arm > 0 else -question.value)

    def told(
        self, question: Question, arms: int, strata: Sequence[int], months: Sequence[float]
    ) -> Iterator[Question]:
        """Each arm's level, and the differences to the control."""
        for arm in range(arms):
            yield replace(question, arm=arm)
        for stratum in strata:
            for arm in range(1, arms):
                yield replace(question, arm=arm, minus=0, stratum=stratum)

    def noun(self, question: Question, endpoint: str, parameter: Parameter) -> str:
        """Name the parameter: ``the rate of Serious infection``."""
        return parameter.named(endpoint)

    def unit(self, parameter: Parameter) -> str:
        """Unit of the parameter."""
        return parameter.unit

    def clause(self, question: Question, wording: Wording) -> str:
        """Say it: ``the rate of X in A exceeds that in B by more than 0.20 a year``."""
        return compared(question, wording)
