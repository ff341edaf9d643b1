"""External counts beside the arms of a trial: what they leave of the prior of their own rate.

Nobody of a trial adds to them, so that their posterior is known before the trial begins. It stands
as a prior behind those of the arms, in whose place a trial has seen nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.binary.beta_mixture import BetaMixture, updated
from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.summaries import Counts, Summary
from adaptive_cart.nouns.summaries.counts_beside import CountsBeside

Number = TypeVar("Number", bound=np.generic)


class OutsideCounts(NamedTuple):
    """Responders and participants of external data.

    Attributes
    ----------
    known
        Those that are the same in every trial, and stand in the prior.
    drawn
        Those that are drawn anew, as they were observed, in each of `strata` or all together;
        nobody where they are not.
    by_stratum
        The former in each stratum; nothing where they are told of all strata together.
    strata
        Names of the strata in which they are told; none where of all together.
    """

    known: tuple[float, float]
    drawn: tuple[tuple[int, int], ...]
    by_stratum: tuple[tuple[float, float], ...] = ()
    strata: tuple[str, ...] = ()


def seen_in(data: External) -> OutsideCounts:
    """What was seen in external data; nobody where they are no counts."""
    nobody = (0, 0)
    if not data.has("responders"):
        return OutsideCounts(nobody, (nobody,))
    seen, strata = (data.total("responders"), data.total("participants")), data.strata or ()
    own = tuple(
        (data.of("responders", stratum), data.of("participants", stratum)) for stratum in strata
    )
    if data.redrawn:
        each = tuple((int(x), int(n)) for x, n in own or (seen,))
        return OutsideCounts(nobody, each, strata=strata)
    return OutsideCounts(seen, (nobody,), own, strata)


def after(prior: BetaMixture, seen: tuple[float, float]) -> BetaMixture:
    """What is left of a prior by so many responders of so many participants."""
    counts, numbers = (np.array([number]) for number in seen)
    weights, a, b = (part[0] for part in updated(prior, counts, numbers))
    return BetaMixture(tuple(map(float, weights)), tuple(map(float, a)), tuple(map(float, b)))


def beside(counts: npt.NDArray[Number], number: int, axis: int = 1) -> npt.NDArray[Number]:
    """Put nobody behind the arms until there are so many columns along an axis."""
    lacking = number - counts.shape[axis]
    if lacking <= 0:
        return counts
    shape = (*counts.shape[:axis], lacking, *counts.shape[axis + 1 :])
    return np.concatenate([counts, np.zeros(shape, dtype=counts.dtype)], axis=axis)


def outside_of(
    summary: Summary, observed: Sequence[tuple[tuple[int, int], ...]]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Responders and participants of external data, ``(trial, external data, stratum)``.

    What is told of all strata together stands in the first.

    Parameters
    ----------
    observed
        What stands there in a trial with which none are drawn.
    """
    if isinstance(summary, CountsBeside):
        return summary.outside, summary.outside_totals
    assert isinstance(summary, Counts)
    table = np.zeros((2, len(summary.totals), len(observed), most_strata(observed)), dtype=np.int64)
    for place, own in enumerate(observed):
        for stratum, numbers in enumerate(own):
            table[:, :, place, stratum] = np.array(numbers)[:, None]
    return table[0], table[1]


def most_strata(observed: Sequence[tuple[tuple[int, int], ...]]) -> int:
    """In how many strata any external data are told; 1 where all are of strata together."""
    return max(map(len, observed), default=1)


def asked_in(outside: npt.NDArray[np.int64], stratum: int) -> npt.NDArray[np.int64]:
    """What a question about a stratum is compared with, of ``(…, stratum)``; their sum below 0."""
    if stratum >= 0 and outside.shape[-1] > 1:
        return outside[..., stratum]
    return outside.sum(axis=-1)


def with_outside(
    counts: npt.NDArray[Number], outside: npt.NDArray[np.int64]
) -> npt.NDArray[Number]:
    """Put external counts behind the arms, ``(trial, arm, stratum)``."""
    number = counts.shape[1]
    found = beside(counts, number + outside.shape[1])
    if outside.shape[1]:
        found[:, number:, : outside.shape[2]] = outside
    return found
