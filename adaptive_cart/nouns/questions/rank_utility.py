"""Whether an arm is among the best so many of the open experimental arms by a utility."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from adaptive_cart.nouns.questions.best_utility import ByUtility
from adaptive_cart.nouns.questions.kind import Key
from adaptive_cart.nouns.questions.rank import Rank

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.records import Floats


class RankUtility(ByUtility, Rank):
    """The place of an arm by a utility; asked is whether it is among the best so many."""

    name = "rank_utility"
    keys: ClassVar[tuple[Key, ...]] = ()
    asks = ("among_best", "utility")
    asked_for = "the rank of an arm by a utility"
    alone = Rank.name

    def combine(self, question: Question, values: Sequence[Floats]) -> Floats:
        """The place of the arm."""
        return self.rank(question, self.utilities(question, values))
