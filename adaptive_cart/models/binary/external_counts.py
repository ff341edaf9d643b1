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
        Those that are drawn anew, as they were observed; nobody where they are not.
    by_stratum
        The former in each stratum; nothing where they are told of all strata together.
    """

    known: tuple[float, float]
    drawn: tuple[int, int]
    by_stratum: tuple[tuple[float, float], ...] = ()


def seen_in(data: External) -> OutsideCounts:
    """What was seen in external data; nobody where they are no counts."""
    nobody = (0, 0)
    if not data.has("responders"):
        return OutsideCounts(nobody, nobody)
    seen = data.total("responders"), data.total("participants")
    if data.redrawn:
        return OutsideCounts(nobody, (int(seen[0]), int(seen[1])))
    own = tuple(
        (data.of("responders", stratum), data.of("participants", stratum))
        for stratum in data.strata or ()
    )
    return OutsideCounts(seen, nobody, own)


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
    summary: Summary, observed: Sequence[tuple[int, int]]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Responders and participants of external data beside each trial, ``(trial, external data)``.

    Parameters
    ----------
    observed
        What stands there in a trial with which none are drawn.
    """
    if isinstance(summary, CountsBeside):
        return summary.outside, summary.outside_totals
    assert isinstance(summary, Counts)
    table = np.array(observed, dtype=np.int64).reshape(len(observed), 2)
    responders, participants = (np.tile(part, (len(summary.totals), 1)) for part in table.T)
    return responders, participants


def with_outside(
    counts: npt.NDArray[Number], outside: npt.NDArray[np.int64]
) -> npt.NDArray[Number]:
    """Put external counts behind the arms, ``(trial, arm, stratum)``, all in the first stratum."""
    number = counts.shape[1]
    found = beside(counts, number + outside.shape[1])
    if outside.shape[1]:
        found[:, number:, 0] = outside
    return found
