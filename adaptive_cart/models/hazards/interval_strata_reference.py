"""The model ``stratified_piecewise_exponential`` with ``intervals = true`` in PyMC.

The statement is that without intervals, with the hazards of the own stratum, and of an event seen
at a visit the likelihood of its interval (``interval_hazards_reference.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.between_visits_reference import BetweenVisits
from adaptive_cart.models.hazards.interval_hazards_reference import (
    between_visits,
    until_last_without,
)
from adaptive_cart.models.hazards.piecewise_exponential_reference import effects_of
from adaptive_cart.models.hazards.stratified_hazards_reference import StratifiedHazardsReference
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans
from adaptive_cart.nouns.summaries import Durations, Summary


class IntervalStrataReference(BetweenVisits, StratifiedHazardsReference):
    """Hazards of strata where events happened between two visits, in PyMC."""

    def data(
        self,
        summary: Summary,
        trial: int = 0,
        open_strata: Booleans | None = None,
        question: Question | None = None,
    ) -> dict[str, npt.NDArray[Any]]:
        """Dated events and months at risk as without intervals, and each interval by itself."""
        assert isinstance(summary, Durations)
        found = super().data(until_last_without(summary), trial, open_strata, question)
        arms, cuts = effects_of(len(self.arms), question)[0], self.prior.one.cuts
        between, whose = between_visits(summary, trial, open_strata, question, arms, cuts)
        stratum = summary.stratum[trial][whose].astype(np.int64)
        return {**found, **between, "interval_stratum": stratum}

    def model(self, data: Mapping[str, npt.NDArray[Any]]) -> Any:
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
