"""The median time to an event in an arm, or its difference between two."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from adaptive_cart.nouns.questions.kind import Key, QuestionKind

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.questions.words import Parameter


class Median(QuestionKind):
    """The median time; infinite where half or more never have the event."""

    name = "median"
    keys: ClassVar[tuple[Key, ...]] = (
        Key("median", bool, "About the median months to the event."),
    )
    quantity = "median"
    limits = (0.0, math.inf)
    heavy = True
    orders = True
    ties = True  # both infinite
    comparison = "difference in median times"
    asked_for = "a median time"

    def compare(self, own: Any, other: Any) -> Any:
        """Compare two medians; two that are infinite are alike."""
        with np.errstate(invalid="ignore"):
            found = super().compare(own, other)
        return np.where(np.isinf(own) & np.isinf(other), self.no_effect, found)

    def comparison_of(self, endpoint: str) -> str:
        """Name the comparison of an endpoint's times."""
        return f"{self.comparison} ({endpoint})"

    def symbol(self, question: Question, arm: str, other: str | None) -> str:
        """Write it: ``median cart − soc``."""
        return f"median {super().symbol(question, arm, other)}"

    def noun(self, question: Question, endpoint: str, parameter: Parameter) -> str:
        """Name it: ``the median time without an event (Relapse)``."""
        named = f"median time without an event ({endpoint})"
        return f"the ratio of the {named}" if self.ratio else f"the {named}"

    def unit(self, parameter: Parameter) -> str:
        return "" if self.ratio else " months"
