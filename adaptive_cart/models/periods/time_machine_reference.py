"""Arms and a random walk over the calendar on the logit, in PyMC.

Statement, with calendar periods counted back from the latest, c = 0::

    successes_kc       ~ Binomial(total_kc, probability_kc)           arm k, calendar period c
    logit probability  = intercept + arm_k + drift_c                  arm of the control 0,
    intercept, arm     ~ Normal(0, 2.5)                               drift_0 = 0
    tau                ~ HalfNormal(step_scale)
    drift_c            ~ Normal(drift_{c-1}, tau)                     first order
    drift_1            ~ Normal(0, tau)                               second order
    drift_c            ~ Normal(2 drift_{c-1} - drift_{c-2}, tau)
    level_k            = sum over c of share_c probability_kc         of the comparison
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_cart.models.periods.adjustment import COEFFICIENT_SD as SD
from adaptive_cart.models.periods.adjustment import arms_of
from adaptive_cart.models.periods.periods_reference import PeriodsReference
from adaptive_cart.models.periods.walk import Walk
from adaptive_cart.models.reference import Data, OneTrial
from adaptive_cart.nouns.summaries.calendar_counts import CalendarCounts


@dataclass(frozen=True)
class TimeMachineReference(PeriodsReference):
    """Binomial by arm and calendar period with a random walk, in PyMC."""

    walk: Walk

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        walk = self.walk
        return (
            f"in each arm and calendar period of {walk.period_months:g} months: successes ~ "
            "Binomial(total, probability)\n"
            "logit(probability) = intercept + effect of the arm + drift of the calendar period\n"
            f"the effect of the control is 0; all others and the intercept ~ Normal(0, sd {SD:g})\n"
            f"the drift of the latest period is 0; each earlier one ~ Normal({around(walk)}, tau)\n"
            f"tau ~ Half-normal({walk.step_scale:g})\n"
            "the probability of an arm: averaged over the calendar periods of the comparison, by "
            "their shares of those analysed"
        )

    def data_of(self, one: OneTrial) -> Data:
        """Counts by arm and calendar period, and the share of each in what is asked."""
        summary = one.seen(CalendarCounts)
        reached = int(summary.latest[one.trial]) + 1
        had, seen = (summary.counted_back(part) for part in (summary.had, summary.seen_in))
        return {
            "successes": had[one.trial, :, :reached].astype(np.int64),
            "totals": seen[one.trial, :, :reached].astype(np.int64),
            "shares": summary.shares(arms_of(one.question))[one.trial, :reached],
        }

    def form(self, data: Data) -> object:
        """How many calendar periods there are."""
        return data["totals"].shape

    def later(self, number: int) -> Any:
        """The drift of all calendar periods before the latest."""
        return drift(self.walk, number)


def around(walk: Walk) -> str:
    """What each earlier drift is normal around, in words."""
    return "that after it" if walk.order == 1 else "the line through the two after it"


def drift(walk: Walk, number: int) -> Any:
    """The drift, whose steps are drawn in units of their standard deviation, of a model being made.

    Parameters
    ----------
    number
        Of calendar periods before the latest.
    """
    import pymc as pm
    from pytensor import tensor as pt

    tau = pm.HalfNormal("tau", walk.step_scale)
    steps = tau * pm.Normal("step", 0.0, 1.0, shape=number)
    for _ in range(walk.order):
        steps = pt.cumsum(steps)
    return steps
