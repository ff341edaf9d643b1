"""What every posterior has that tells apart in which period somebody was randomised."""

from __future__ import annotations

from adaptive_cart.models.base import Posterior
from adaptive_cart.nouns.questions import Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import ByPeriod


class OverPeriods(Posterior):
    """A posterior of arms over periods; designs with strata are not analysed by it.

    Attributes
    ----------
    seen
        What was seen, by period.
    """

    seen: ByPeriod

    @property
    def arms(self) -> int:
        """How many arms the design has."""
        return self.seen.open_in.shape[1]

    def draw(self, quantity: Quantity) -> Floats:
        """Draws of the level of an arm over its own periods."""
        return self.drawn(Question(quantity.endpoint, quantity.arm))

    def where_open(self, open_strata: Booleans) -> Posterior:
        """The same: there are no strata."""
        return self
