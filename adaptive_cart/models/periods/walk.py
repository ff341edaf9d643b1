"""The random walk of the logit over calendar periods, counted back from the latest.

Statement: the latest calendar period has the effect 0. First order: each earlier one is that after
it plus a step. Second order: the first before it is a step, and each earlier one lies on the line
through the two after it, plus a step. Steps are independently Normal(0, tau), and tau is
Half-normal(step_scale). Second order, counted back, is the "time machine" of Saville, Berry, Berry,
Viele and Berry (2022, doi:10.1177/17407745221112013), whose prior of tau is a gamma of its
precision; a half-normal is bounded at nought and at large values (Gelman 2006,
doi:10.1214/06-BA117A).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from adaptive_cart.nouns.records import Floats

NODES: Final = 12  # of tau
LEAST: Final = 0.02  # of step_scale; what lies below counts as there
LARGEST: Final = 4.0  # of step_scale; a half-normal has 6e-5 beyond
STRAIGHT: Final = (
    0.1  # standard deviation of the drift that is as good as none; else there are more
)


@dataclass(frozen=True)
class Walk:
    """How the logit may drift, as a design says it.

    Attributes
    ----------
    period_months
        Length of a calendar period.
    order
        1, or 2: of steps, or of changes of steps.
    step_scale
        Of the half-normal prior of tau, the standard deviation of a step on the logit.
    """

    period_months: float
    order: int
    step_scale: float

    def path(self, periods: int) -> Floats:
        """Effect of each calendar period for each step of size 1, ``(period, step)``.

        Both are counted back from the latest, whose effect is 0.
        """
        found = np.tril(np.ones((periods, periods)), -1)[:, : periods - 1]
        return found if self.order == 1 else found.cumsum(axis=0)

    def reach(self, periods: int) -> float:
        """Standard deviation of the largest effect of a calendar period, for a tau of 1."""
        return float(np.sqrt((self.path(periods) ** 2).sum(axis=1).max(initial=0.0)))

    def sizes(self, nodes: int = NODES, periods: int = 1) -> tuple[Floats, Floats]:
        """Values of tau and the prior weight of each: the trapezoid rule of its logarithm.

        Parameters
        ----------
        nodes
            How many there are from ``LEAST`` on.
        periods
            Of the calendar. Over many of them a small tau is a large drift: smaller values are
            added below, as far apart, until the least is as good as none.
        """
        logs = np.linspace(np.log(LEAST), np.log(LARGEST), nodes)
        drift = LEAST * self.step_scale * self.reach(periods)
        if drift > STRAIGHT:
            more = math.ceil(math.log(drift / STRAIGHT) / (logs[1] - logs[0]))
            logs = np.concatenate([logs[0] - (logs[1] - logs[0]) * np.arange(more, 0, -1), logs])
        share = np.exp(logs)
        weight = np.sqrt(2.0 / np.pi) * np.exp(-0.5 * share**2) * share * (logs[1] - logs[0])
        weight[-1] *= 0.5
        weight[0] += max(1.0 - weight.sum(), 0.0)
        return self.step_scale * share, weight / weight.sum()
