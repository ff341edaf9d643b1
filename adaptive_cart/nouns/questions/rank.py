"""Whether an arm is among the best so many of the experimental arms that are still open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from adaptive_cart.nouns.parts import Count
from adaptive_cart.nouns.questions.best import Best
from adaptive_cart.nouns.questions.kind import Key
from adaptive_cart.nouns.questions.words import Wording, place

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.records import Booleans, Floats


class Rank(Best):
    """The place of an arm, 1 the best; asked is whether it is among the best so many."""

    name = "rank"
    keys: ClassVar[tuple[Key, ...]] = (
        Key("among_best", Count, "Asks for P(the arm is among the best so many)."),
    )
    asked_for = "the rank of an arm"

    def places(self, asked: Any) -> int:
        return int(asked.among_best)

    def combine(self, question: Question, values: Sequence[Floats]) -> Floats:
        """The place of the arm."""
        return self.rank(question, values)

    def holds(self, question: Question, value: Floats) -> Booleans:
        return value <= question.places

    def inside(self, question: Question, arms: int) -> bool | None:
        """Whether there are more arms than places."""
        return len(question.compared(arms)) > question.places

    def enough(self, question: Question, parts: int) -> int:
        """All but the places before it."""
        return max(parts - question.places + 1, 0)

    def heading(self, question: Question, arm: str, other: str | None) -> str:
        """Name it: ``cart, place among 3 arms (1 has the largest level)``."""
        return f"{arm}, place among {len(question.among)} arms (1 has the {self.most(question)})"

    def formula(self, question: Question, arm: str, other: str | None, value: str) -> str:
        places = question.places
        return f"{arm} is among the {places} of the open arms with the {self.most(question)}"

    def clause(self, question: Question, wording: Wording) -> str:
        """Say it: ``A is among the 2 arms with the largest probability of X …``."""
        ordered = self.ordered(question, wording.endpoint, wording.parameter)
        return (
            f"{wording.arms[question.arm]} is among the {question.places} arms with {ordered}"
            f"{place(question, wording)} of all that are still open"
        )
