"""What is worked out once of a landmark: responses, who is missing, and who is like them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.records import Floats, Integers, Population


@dataclass(frozen=True)
class Imputation:
    """The missing participants of a block, a row each, and those who are like them.

    Attributes
    ----------
    trial, participant
        ``(row,)`` position of the missing participant.
    alike
        Those of the same trial who are like the missing one, a set a row; a look counts those of
        them whose outcome it knows.
    uniform
        ``(row,)`` latent uniform that is compared with the predictive probability.
    """

    trial: Integers
    participant: Integers
    alike: ParticipantSet
    uniform: Floats


@dataclass(frozen=True)
class Chain:
    """States at months before the one analysed, and then a response or none.

    Attributes
    ----------
    states
        By month: those not in it, in it, and failed for good; at the last none, and a response.
    fails, ends
        ``(trial, participant)`` calendar month of a failure for good, and of the end of follow-up.
    """

    states: list[list[ParticipantSet]]
    fails: Floats
    ends: Floats


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
