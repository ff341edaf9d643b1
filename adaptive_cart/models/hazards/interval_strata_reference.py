"""The model ``stratified_piecewise_exponential`` with ``intervals = true`` in PyMC.

The statement is that without intervals, with the hazards of the own stratum, and of an event seen
at a visit the likelihood of its interval (``interval_hazards_reference.py``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from adaptive_cart.models.between_visits_reference import BetweenVisits
from adaptive_cart.models.hazards.interval_hazards_reference import (
    between_visits,
    until_last_without,
)
from adaptive_cart.models.hazards.piecewise_exponential_reference import effects_of
from adaptive_cart.models.hazards.stratified_hazards_reference import StratifiedHazardsReference
from adaptive_cart.models.reference import Data, OneTrial
from adaptive_cart.nouns.summaries import Durations


class IntervalStrataReference(BetweenVisits, StratifiedHazardsReference):
    """Hazards of strata where events happened between two visits, in PyMC."""

    def data_of(self, one: OneTrial) -> Data:
        """Dated events and months at risk as without intervals, and each interval by itself."""
        summary = one.seen(Durations)
        found = super().data_of(replace(one, summary=until_last_without(summary)))
        arms, cuts = effects_of(len(self.arms), one.question)[0], self.prior.one.cuts
        between, whose = between_visits(one, arms, cuts)
        stratum = summary.stratum[one.trial][whose].astype(np.int64)
        return {**found, **between, "interval_stratum": stratum}

    def model(self, data: Data) -> Any:
        """A new model of these data."""
        import pymc as pm
        from pytensor import tensor as pt

        with super().model(data) as model:
            widths = pm.Data("widths", data["widths"])
            arm = pm.Data("interval_arm", data["interval_arm"])
            stratum = pm.Data("interval_stratum", data["interval_stratum"])
            ratio, effects = model["log_hazard_ratio"], model["effects"]
            of_arm = (
                pt.dot(ratio, effects.T)[stratum, arm]
                if self.prior.own
                else pt.dot(effects, ratio)[arm]
            )
            met = (widths * model["baseline_hazard"][stratum]).sum(axis=1) * pt.exp(of_arm)
            pm.Potential("between", pt.sum(pt.log(-pt.expm1(-met))))
        return model
