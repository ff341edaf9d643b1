"""Drug-free remission that comes again after a relapse, without another infusion."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from adaptive_cart.courses.sequel import Relapsed, Sequel
from adaptive_cart.nouns.parts import Count, Probability
from adaptive_cart.nouns.records import Booleans


class Again(Sequel):
    """Another remission after a relapse: with a probability each time, and no more than so many."""

    probability: Probability | None = Field(default=None, description="of coming after a relapse")
    at_most: Count = Field(default=1, le=10, description="further remissions of a participant")

    def words(self) -> str:
        return (
            f"after a relapse with probability {self.probability:g}, without another infusion, "
            f"{self.at_most} at most"
        )

    def follow(self, relapsed: Relapsed) -> Booleans:
        assert self.probability is not None
        if relapsed.number > self.at_most and not relapsed.disease.infuses_again:
            return np.zeros(len(relapsed.at), dtype=np.bool_)
        comes = relapsed.u("again") < self.probability
        if relapsed.disease.infuses_again:  # which begin others that do not count here
            comes &= relapsed.times("again:remission") < self.at_most
        relapsed.remit(np.flatnonzero(comes), "again")
        return comes
