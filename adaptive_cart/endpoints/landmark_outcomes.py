"""What is worked out once of a landmark: responses, who is missing, and who is like them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from adaptive_cart.endpoints.early_chain import Chain
from adaptive_cart.endpoints.imputation import Imputation
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.records import Population


@dataclass(frozen=True)
class Outcomes:
    """Response and missingness of everybody, as if followed to the month.

    Attributes
    ----------
    response, missing
        Who responds; who drops out before the month with nothing settled.
    imputation
        Who is like whom, kept for ``impute``.
    outside
        Who is not of the principal stratum, the infused; nothing where everybody is analysed.
    early
        By months before the one analysed: the states at them, once they have been asked for.
    """

    response: ParticipantSet
    missing: ParticipantSet | None
    population: Population
    imputation: Imputation | None = None
    outside: ParticipantSet | None = None
    early: dict[Sequence[float], Chain] = field(default_factory=dict)

    def of_those(self, told: ParticipantSet) -> ParticipantSet:
        """Of those of whom the state at the month can be told the ones who are not missing."""
        return told if self.missing is None else told.without(self.missing)
