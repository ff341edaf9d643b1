"""The model ``piecewise_exponential`` with ``intervals = true`` in PyMC.

Statement, for interval j between cuts, arm k and an event seen at a visit, with l the last visit
without it and r that at which it is seen::

    baseline_hazard_j   ~ Gamma(a, rate b)          per month, independent over intervals
    log_hazard_ratio_k  ~ Normal(mean, sd)          of each experimental arm; 0 in the control
    P(event in (l, r])  = exp(-H_k(l)) - exp(-H_k(r))

with H_k the cumulative hazard of the arm; events that are known at their moment and follow-up
without one as without intervals. The likelihood is that of the intervals themselves, with nothing
put at their middle as the fast posterior does.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from adaptive_cart.models.between_visits_reference import BetweenVisits
from adaptive_cart.models.hazards.piecewise_exponential_reference import (
    PiecewiseExponentialReference,
    effects_of,
)
from adaptive_cart.models.reference import Data, OneTrial
from adaptive_cart.nouns.records import Booleans
from adaptive_cart.nouns.summaries import Durations


def until_last_without(summary: Durations) -> Durations:
    """Follow-up until the last visit without the event: who has it later has none in it."""
    half = summary.half_widths()
    half = np.zeros_like(summary.months) if half is None else half
    between = summary.event & (half > 0.0)
    return Durations.of(
        summary.months - np.where(between, half, 0.0),
        summary.event & ~between,
        summary.included,
        summary.arm,
        summary.stratum,
        summary.participants.shape[1:],
    )


def between_visits(
    one: OneTrial, arms: Iterable[int], cuts: Iterable[float]
) -> tuple[Data, Booleans]:
    """Months of each interval that lie between cuts, ``(event, interval)``, and its arm; whose."""
    summary, trial = one.seen(Durations), one.trial
    half = summary.half_widths()
    half = np.zeros_like(summary.months) if half is None else half
    inside = summary.included[trial] & summary.event[trial] & (half[trial] > 0.0)
    inside &= one.in_strata(summary.stratum[trial])
    inside &= np.isin(summary.arm[trial], list(arms))
    first = (summary.months - half)[trial][inside]
    last = (summary.months + half)[trial][inside]
    widths = [
        np.clip(np.minimum(last, end) - np.maximum(first, start), 0.0, None)
        for start, end in itertools.pairwise((0.0, *cuts, np.inf))
    ]
    found = {
        "widths": np.stack(widths, axis=1),
        "interval_arm": summary.arm[trial][inside].astype(np.int64),
    }
    return found, inside


class IntervalHazardsReference(BetweenVisits, PiecewiseExponentialReference):
    """Proportional hazards where events happened between two visits, in PyMC."""

    def data_of(self, one: OneTrial) -> Data:
        """Dated events and months at risk as without intervals, and each interval by itself."""
        summary = one.seen(Durations)
        found = super().data_of(replace(one, summary=until_last_without(summary)))
        arms = effects_of(len(self.arms), one.question)[0]
        between, _ = between_visits(one, arms, self.prior.cuts)
        return {**found, **between}

    def model(self, data: Data) -> Any:
        """A new model of these data."""
        import pymc as pm
        from pytensor import tensor as pt

        with super().model(data) as model:
            widths = pm.Data("widths", data["widths"])
            arm_of = pm.Data("interval_arm", data["interval_arm"])
            of_arm = pt.dot(model["effects"], model["log_hazard_ratio"])
            met = pt.dot(widths, model["baseline_hazard"]) * pt.exp(of_arm)[arm_of]
            pm.Potential("between", pt.sum(pt.log(-pt.expm1(-met))))
        return model
