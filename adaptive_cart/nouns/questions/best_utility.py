"""Whether an arm is the best of the experimental arms that are still open by a utility.

The best has the largest utility: the weighted sum of the levels of several endpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from adaptive_cart.nouns.questions.best import Best
from adaptive_cart.nouns.questions.kind import Key
from adaptive_cart.nouns.questions.quantity import LEVEL, Quantity
from adaptive_cart.nouns.questions.utility import Utility, weighed

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.records import Floats


class ByUtility(Best):
    """Arms in the order of a utility; what is the same for all kinds that compare them."""

    keys: ClassVar[tuple[Key, ...]] = ()
    of_several = True
    always_by = Utility.name
    by_keys: ClassVar[tuple[str, ...]] = ()

    def of_endpoints(self, question: Question) -> tuple[Question, ...]:
        """The same of each endpoint that it weighs alone: where less helps, the smallest is."""
        return tuple(
            replace(
                question,
                endpoint=endpoint,
                kind=Best.name,
                ordered_by=LEVEL,
                lowest=weight < 0.0,
                places=1,
                weights=(),
                against=(),
            )
            for endpoint, weight in question.weights
        )

    def quantities(self, question: Question, arms: int) -> tuple[Quantity, ...]:
        """The level of each endpoint in every arm among which it is asked."""
        return tuple(quantity for one in question.of_endpoints for quantity in one.quantities(arms))

    def utilities(self, question: Question, values: Sequence[Floats]) -> list[Floats]:
        """The utility of each arm, of the values of the quantities in their order."""
        arms = len(values) // len(question.weights)
        return [weighed(question, values[arm::arms]) for arm in range(arms)]


class BestUtility(ByUtility):
    """The best arm by a utility; the combined value is 1 where it is, and 0 elsewhere."""

    name = "best_utility"
    asks = ("best", "utility")
    asked_for = "the best arm by a utility"
    alone = Best.name

    def combine(self, question: Question, values: Sequence[Floats]) -> Floats:
        """1 where the arm's utility is the largest, 0 elsewhere."""
        return super().combine(question, self.utilities(question, values))
