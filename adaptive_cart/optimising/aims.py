"""What is to be little: an aim, and what a trial counts towards it.

================  ==================================================================================
`analysed`        participants in the primary analysis
`participants`    participants randomised
`months`          duration of the trial
`exposed`         participants in experimental arms where nothing that a success claims is true: of
                  those analysed where counts are enumerated, of those randomised elsewhere
`loss`            participants analysed, and so many more for a success whose claim is false, and
                  for a claim that is true and missed
================  ==================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.records import Booleans, Floats


@dataclass(frozen=True)
class Losses:
    """What mistakes cost, in participants; nothing where that is not asked."""

    false_success: float | None = None
    missed: float | None = None


@dataclass(frozen=True)
class Ended:
    """How a trial on counts ended.

    Attributes
    ----------
    control, others
        Participants analysed in the control and in all other arms.
    true
        Whether something that a success claims is true.
    """

    control: int
    others: int
    true: bool
    success: bool
    losses: Losses


OfTrials = Callable[[Design, Mapping[str, Any], "bool | Booleans", Losses], Floats]


@dataclass(frozen=True)
class Aim:
    """Something that is to be little.

    Attributes
    ----------
    of_counts
        What a trial on counts adds; nothing where the calendar decides.
    of_trials
        What simulated trials add, ``(trial,)``, by the columns of ``trials.parquet`` and whether
        something that a success claims is true; by trial where each has a truth of its own.
    losses
        Whether it needs to know what mistakes cost.
    """

    words: str
    of_counts: Callable[[Ended], float] | None
    of_trials: OfTrials
    losses: bool = False


def _column(name: str) -> OfTrials:
    return lambda design, trials, true, losses: np.asarray(trials[name], dtype=np.float64)


def _exposed(
    design: Design, trials: Mapping[str, Any], true: bool | Booleans, losses: Losses
) -> Floats:
    first = 0 if design.control is None else 1
    by_arm = [np.asarray(trials[f"n_{arm}"], dtype=np.float64) for arm in design.arm_names[first:]]
    return np.asarray(np.where(true, 0.0, np.add.reduce(by_arm)))


def _loss(
    design: Design, trials: Mapping[str, Any], true: bool | Booleans, losses: Losses
) -> Floats:
    success = np.asarray(trials["reason"]) == SUCCESS.name
    false = np.asarray(trials["false_success"]) == 1
    cost = (losses.false_success or 0.0) * false + (losses.missed or 0.0) * (~success & true)
    return np.asarray(np.asarray(trials["n_analysed"], dtype=np.float64) + cost)


def _loss_of_counts(ended: Ended) -> float:
    wrong = ended.losses.false_success if ended.success and not ended.true else 0.0
    missed = ended.losses.missed if ended.true and not ended.success else 0.0
    return ended.control + ended.others + (wrong or 0.0) + (missed or 0.0)


AIMS: Mapping[str, Aim] = {
    "analysed": Aim(
        "participants analysed", lambda e: float(e.control + e.others), _column("n_analysed")
    ),
    "participants": Aim("participants randomised", None, _column("n_randomised")),
    "months": Aim("months", None, _column("months")),
    "exposed": Aim(
        "participants exposed to a failing product",
        lambda e: 0.0 if e.true else float(e.others),
        _exposed,
    ),
    "loss": Aim("expected loss, in participants", _loss_of_counts, _loss, losses=True),
}


def averaged(weights: Sequence[float], by_truth: Sequence[Floats]) -> tuple[float, float]:
    """Mean over a mixture of what trials add, and its standard error.

    Trial i has the same participants under every truth.

    Parameters
    ----------
    by_truth
        ``(trial,)`` each.
    """
    whole = np.add.reduce([w * values for w, values in zip(weights, by_truth, strict=True)])
    error = float(whole.std(ddof=1) / np.sqrt(len(whole))) if len(whole) > 1 else float("nan")
    return float(whole.mean()), error
