"""The expected place of an arm among the experimental arms that are still open.

It is told from 0, surely the last, to 1, surely the first: with K arms open and R the place of the
arm, (K − E R) / (K − 1), the surface under the cumulative ranking curve (Salanti, Ades and
Ioannidis 2011, J Clin Epidemiol 64:163). That is the probability that the arm is better than
another one of them, taken at random; an arm that is alone is the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from adaptive_cart.nouns.questions.best import Best
from adaptive_cart.nouns.questions.kind import Key
from adaptive_cart.nouns.questions.words import Wording, place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.records import Booleans, Floats


class ExpectedRank(Best):
    """The place of an arm, 1 the best; asked is its posterior mean."""

    name = "expected_rank"
    keys: ClassVar[tuple[Key, ...]] = (
        Key(
            "expected_rank",
            bool,
            "Asks for the expected rank of the arm among the open ones, from 0 (surely the last) "
            "to 1 (surely the first): P(it is better than another one, taken at random).",
        ),
    )
    asked_for = "the expected rank of an arm"
    claimable = False

    def combine(self, question: Question, values: Sequence[Floats]) -> Floats:
        """The place of the arm."""
        return self.rank(question, values)

    def chance(self, question: Question, value: Floats) -> Floats:
        """The share of the other arms that come after this place; 1 where there are none."""
        others = len(question.among) - 1
        return (others + 1.0 - value) / others if others else 0.0 * value + 1.0

    def averaged(self, question: Question, arms: int) -> tuple[Question, ...]:
        """It is better than each of the others, where that is known of two arms at a time."""
        if question.by.of_two or question.by.ties:
            return ()
        return self.claims(question, arms)

    def answered_as(self, question: Question) -> str:
        """As the comparisons of two arms are, of which it is the mean."""
        return self.name if question.by.of_two or question.by.ties else question.by.name

    def holds(self, question: Question, value: Floats) -> Booleans:
        """Whether no other arm comes before it."""
        return value == 1.0

    def heading(self, question: Question, arm: str, other: str | None) -> str:
        """Name it: ``cart, expected place among 3 arms (1 has the largest level)``."""
        number = len(question.among)
        return f"{arm}, expected place among {number} arms (1 has the {self.most(question)})"

    def formula(self, question: Question, arm: str, other: str | None, value: str) -> str:
        more = "smaller" if question.lowest else "larger"
        most = self.most(question).partition(" ")[2]
        return f"{arm} has a {more} {most} than another open arm taken at random"

    def clause(self, question: Question, wording: Wording) -> str:
        """Say it: ``A is better than another arm by X (its expected rank, …)``."""
        ordered = self.ordered(question, wording.endpoint, wording.parameter)
        return (
            f"{wording.arms[question.arm]} is better than another of all arms that are still open, "
            f"taken at random (its expected rank, 0 for the last to 1 for the first; the first has "
            f"{ordered}{place(question, wording)})"
        )
