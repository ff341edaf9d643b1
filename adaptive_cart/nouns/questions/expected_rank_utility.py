"""The expected place of an arm among the open experimental arms by a utility."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from adaptive_cart.nouns.questions.best_utility import ByUtility
from adaptive_cart.nouns.questions.expected_rank import ExpectedRank
from adaptive_cart.nouns.questions.kind import Key

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.records import Floats


class ExpectedRankUtility(ByUtility, ExpectedRank):
    """The place of an arm by a utility, 1 the best; asked is its posterior mean."""

    name = "expected_rank_utility"
    keys: ClassVar[tuple[Key, ...]] = ()
    asks = ("expected_rank", "utility")
    asked_for = "the expected rank of an arm by a utility"
    alone = ExpectedRank.name

    def combine(self, question: Question, values: Sequence[Floats]) -> Floats:
        """The place of the arm."""
        return self.rank(question, self.utilities(question, values))

    def averaged(self, question: Question, arms: int) -> tuple[Question, ...]:
        """None: no model answers a comparison of two utilities by itself."""
        return ()

    def answered_as(self, question: Question) -> str:
        """As itself, from draws of all arms."""
        return self.name
