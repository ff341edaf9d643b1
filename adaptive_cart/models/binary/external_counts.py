"""External counts beside the arms of a trial: what they leave of the prior of their own rate.

Nobody of a trial adds to them, so that their posterior is known before the trial begins. It stands
as a prior behind those of the arms, in whose place a trial has seen nobody.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.binary.beta_mixture import BetaMixture, updated
from adaptive_cart.nouns.external import External

Number = TypeVar("Number", bound=np.generic)


def seen_in(data: External) -> tuple[int, int]:
    """Responders and participants of external data, all strata together; nobody of other data."""
    if data.responders is None or data.participants is None:
        return 0, 0
    return int(data.total("responders")), int(data.total("participants"))


def after(prior: BetaMixture, seen: tuple[int, int]) -> BetaMixture:
    """What is left of a prior by so many responders of so many participants."""
    counts, numbers = (np.array([number], dtype=np.int64) for number in seen)
    weights, a, b = (part[0] for part in updated(prior, counts, numbers))
    return BetaMixture(tuple(map(float, weights)), tuple(map(float, a)), tuple(map(float, b)))


def beside(counts: npt.NDArray[Number], number: int, axis: int = 1) -> npt.NDArray[Number]:
    """Put nobody behind the arms until there are so many columns along an axis."""
    lacking = number - counts.shape[axis]
    if lacking <= 0:
        return counts
    shape = (*counts.shape[:axis], lacking, *counts.shape[axis + 1 :])
    return np.concatenate([counts, np.zeros(shape, dtype=counts.dtype)], axis=axis)
