"""The probability that a participant of one arm does better than one of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adaptive_cart.nouns.questions.kind import Key, OfTwoArms
from adaptive_cart.nouns.questions.quantity import BETTER
from adaptive_cart.nouns.questions.words import Wording, beyond, place

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.questions.words import Parameter


class Better(OfTwoArms):
    """The probability to do better: of two random participants, ties half."""

    name = "better"
    keys = (
        Key(
            "better_than",
            str,
            "Arm whose participants do worse: about the probability that a random participant of "
            "`arm` has a better outcome than a random one of it, ties half.",
        ),
    )
    other = "better_than"
    quantity = BETTER
    limits = (0.0, 1.0)
    asked_for = "the probability to do better than another arm"
    comparison = "probability to do better"
    against = "than one of"

    @property
    def sign(self) -> str:
        """Between two arms."""
        return "better than"

    @property
    def no_effect(self) -> float:
        """Arms that are alike: either does better as often."""
        return 0.5

    @property
    def axis(self) -> str:
        """What it is called on an axis."""
        return f"{self.comparison} than the control"

    def range(
        self, level: tuple[float, float], two: bool, month: float = 0.0
    ) -> tuple[float, float]:
        return self.limits

    def symbol(self, question: Question, arm: str, other: str | None) -> str:
        """Write it: ``Pr(cart better than soc)``."""
        return f"Pr({arm} better than {other})"

    def heading(self, question: Question, arm: str, other: str | None) -> str:
        """Name it: ``cart better than soc``."""
        return f"{arm} better than {other}"

    def comparison_of(self, endpoint: str) -> str:
        """Name it: ``probability to do better (Outcome at month 12)``."""
        return f"{self.comparison} ({endpoint})"

    def noun(self, question: Question, endpoint: str, parameter: Parameter) -> str:
        """Name it: ``the probability to do better (Outcome at month 12)``."""
        return f"the {self.comparison_of(endpoint)}"

    def clause(self, question: Question, wording: Wording) -> str:
        """Say it: ``the probability that a participant of A does better than one of B exceeds``."""
        arm, other = (wording.arms[k] for k in question.pair)
        return (
            f"the probability that a participant of {arm} does better than one of {other} "
            f"({wording.endpoint}, ties half){place(question, wording)} {beyond(question)}"
        )
