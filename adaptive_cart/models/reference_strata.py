"""Which strata a question is about, as the PyMC face of a model sees it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.questions import OPEN, Question
from adaptive_cart.records import Booleans, Floats


def of_strata(
    values: npt.NDArray[Any], open_strata: Booleans | None, question: Question | None
) -> npt.NDArray[Any]:
    """Sum ``(arm, stratum)`` over the strata that a question is about; all without one."""
    if question is not None and question.stratum >= 0:
        return values[:, question.stratum].copy()
    if question is not None and question.stratum == OPEN and open_strata is not None:
        values = values[:, open_strata]
    total: npt.NDArray[Any] = values.sum(axis=1)
    return total


def average_of_strata(
    values: npt.NDArray[np.float64],
    question: Question,
    shares: tuple[float, ...],
    open_strata: Booleans | None,
) -> Floats:
    """Average ``(chain, draw, arm, stratum)`` as a question says, and take the difference of arms.

    Over the question's stratum, or over all or the open ones by their shares of enrolment; over all
    where none is open.
    """
    weights = np.array(shares, dtype=np.float64)
    if question.stratum >= 0:
        weights = np.zeros_like(weights)
        weights[question.stratum] = 1.0
    elif question.stratum == OPEN and open_strata is not None and open_strata.any():
        weights = np.where(open_strata, weights, 0.0)
        weights /= weights.sum()
    average = values @ weights
    if question.minus is None:
        return average[..., question.arm]
    difference: Floats = average[..., question.arm] - average[..., question.minus]
    return difference


def named_strata(strata: tuple[str, ...]) -> list[str]:
    """Names of the strata; one for everybody where a design has none."""
    return list(strata) or ["all"]
