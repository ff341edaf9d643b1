"""The odds of an arm over those of another, the same for every category of an ordinal outcome."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from adaptive_cart.nouns.questions.kind import Key, OfTwoArms

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.questions.words import Parameter


class CommonOddsRatio(OfTwoArms):
    """A common odds ratio: of a category or a better one, whichever; known of two arms together."""

    name = "common_odds_ratio"
    keys = (
        Key(
            "common_odds_ratio_to",
            str,
            "Arm that the odds of `arm` are divided by: those of a category or a better one.",
        ),
    )
    other = "common_odds_ratio_to"
    quantity = "common_odds_ratio"
    ratio = True
    heavy = True
    limits = (0.0, math.inf)
    asked_for = "a common odds ratio"
    comparison = "common odds ratio"
    against = "against"

    def symbol(self, question: Question, arm: str, other: str | None) -> str:
        """Write it: ``common odds ratio cart / soc``."""
        return f"common odds ratio {arm} / {other}"

    def noun(self, question: Question, endpoint: str, parameter: Parameter) -> str:
        """Name it: ``the common odds ratio of Outcome at month 12``."""
        return f"the common odds ratio of {endpoint}"
