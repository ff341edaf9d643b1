"""The odds of an arm over those of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.nouns.questions.kind import Key, QuestionKind

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.questions.words import Parameter


class OddsRatio(QuestionKind):
    """The odds ratio of two probabilities."""

    name = "odds_ratio"
    keys = (Key("odds_ratio_to", str, "Arm that the odds of `arm` are divided by."),)
    other = "odds_ratio_to"
    ratio = True
    observed = True
    heavy = True
    asked_for = "an odds ratio"
    comparison = "odds ratio"
    against = "against"
    fits = ((0.0, 1.0), "a probability")

    def compare(self, own: Any, other: Any) -> Any:
        """Divide the odds; those of certainty are infinite."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return (own / (1.0 - own)) / (other / (1.0 - other))

    def at_margin(self, question: Question, control: Any) -> Any:
        """The probability with these odds; nothing where the control is no probability."""
        if not isinstance(control, float | np.ndarray):
            return None
        factor = question.value if question.arm >= question.first else 1.0 / question.value
        return factor * control / (1.0 - control + factor * control)

    def symbol(self, question: Question, arm: str, other: str | None) -> str:
        """Write it: ``odds ratio cart / soc``."""
        return f"odds ratio {arm} / {other}"

    def noun(self, question: Question, endpoint: str, parameter: Parameter) -> str:
        """Name it: ``the odds ratio of Remission``."""
        return f"the odds ratio of {endpoint}"
