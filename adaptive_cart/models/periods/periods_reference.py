"""Arms and periods on the logit, in PyMC.

Statement::

    successes_ks       ~ Binomial(total_ks, probability_ks)           arm k, period s
    logit probability  = intercept + arm_k + period_s                 arm of the control 0,
    intercept, arm, period ~ Normal(0, 2.5)                           first period 0
    level_k            = sum over s of share_s probability_ks         periods of the comparison
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from adaptive_cart.models.periods.adjustment import COEFFICIENT_SD as SD
from adaptive_cart.models.periods.adjustment import arms_of
from adaptive_cart.models.reference import Data, Draws, OneTrial, Reference
from adaptive_cart.nouns.questions import Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries.period_counts import PeriodCounts


class OverPeriods(Reference):
    """A reference in which a quantity is averaged over the periods of a comparison."""

    asked_with: ClassVar[tuple[str, ...]] = ("shares",)

    def all_arms(self, stratum: int) -> Question | None:
        """None: each question has periods of its own."""
        return None


@dataclass(frozen=True)
class PeriodsReference(OverPeriods):
    """Binomial by arm and period, in PyMC."""

    arms: tuple[str, ...]

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        return (
            "in each arm and period: successes ~ Binomial(total, probability)\n"
            "logit(probability) = intercept + effect of the arm + effect of the period\n"
            f"effects of the control and of the first period are 0; all others and the intercept ~ "
            f"Normal(0, sd {SD:g})\n"
            "the probability of an arm: averaged over the periods of the comparison, by their "
            "shares of those analysed"
        )

    def data_of(self, one: OneTrial) -> Data:
        """Counts by arm and period, and the share of each period in what is asked."""
        summary = one.seen(PeriodCounts)
        return {
            "successes": summary.had[one.trial],
            "totals": summary.seen_in[one.trial],
            "shares": summary.shares(arms_of(one.question))[one.trial],
        }

    def model(self, data: Data) -> Any:
        """A new model of these data."""
        import pymc as pm
        from pytensor import tensor as pt

        arms, periods = data["totals"].shape
        with pm.Model(coords={"arm": list(self.arms)}) as model:
            successes = pm.Data("successes", data["successes"])
            totals = pm.Data("totals", data["totals"])
            intercept = pm.Normal("intercept", 0.0, SD)
            of_arm = pm.Normal("of_arm", 0.0, SD, shape=arms - 1)
            logit = intercept + pt.concatenate([np.zeros(1), of_arm])[:, None]
            over_time = np.zeros(1)
            if periods > 1:
                over_time = pt.concatenate([over_time, self.later(periods - 1)])
            logit = logit + over_time[None, :]
            pm.Binomial("response", n=totals, logit_p=logit, observed=successes)
            pm.Deterministic("by_period", pt.sigmoid(logit))
        return model

    def later(self, number: int) -> Any:
        """Effects of all periods but that which has none, as the model being made draws them."""
        import pymc as pm

        return pm.Normal("of_period", 0.0, SD, shape=number)

    def of(self, draws: Draws, quantity: Quantity, open_strata: Booleans | None = None) -> Floats:
        """Probability of an arm over the periods of the comparison."""
        found: Floats = (draws["by_period"][..., quantity.arm, :] * draws["shares"]).sum(axis=-1)
        return found
