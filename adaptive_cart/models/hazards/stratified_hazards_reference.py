"""The model ``stratified_piecewise_exponential`` in PyMC.

Statement, for stratum s, interval j and arm k::

    baseline_hazard_sj   ~ Gamma(a, rate b)          per month, independent
    log_hazard_ratio_k   ~ Normal(mean, sd)          one for all strata, or one for each
    events_skj           ~ Poisson(baseline_hazard_sj exp(log_hazard_ratio_sk) months_skj)

The arm compared with (else the control) has the log hazard ratio 0. A stratum that a question is
not about has no months at risk and so no say, nor has an arm that is not compared. Of hazard ratios
that each stratum has by itself the average is taken by shares of enrolment, on the log scale.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_cart.models.hazards.piecewise_exponential_reference import (
    between,
    by_interval,
    effect_of,
    effects_of,
    events_at_baseline,
    followed_by_hazards,
)
from adaptive_cart.models.hazards.stratified_hazards import StratifiedHazards
from adaptive_cart.models.rates.gamma_poisson_reference import LEAST_EXPOSURE
from adaptive_cart.models.reference import Data, Draws, Fitted, OneTrial, Reference
from adaptive_cart.models.reference_scales import log_scale
from adaptive_cart.models.strata.reference_strata import named_strata
from adaptive_cart.nouns.completions import PlainCompletions
from adaptive_cart.nouns.questions import ALL, OPEN, Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Durations, Summary


@dataclass(frozen=True)
class StratifiedHazardsReference(Reference):
    """Proportional hazards in strata with baseline hazards of their own, in PyMC."""

    prior: StratifiedHazards
    arms: tuple[str, ...]
    strata: tuple[str, ...]

    completes = True

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        (shape, rate), (mean, sd) = self.prior.one.baseline, self.prior.one.log_hazard_ratio
        whose = "each log hazard ratio" if self.prior.own else "log hazard ratio of all strata"
        return (
            "in each stratum: hazard of the arm compared with = baseline hazard, constant in "
            f"{', '.join(between(self.prior.one.cuts))}\n"
            "hazard of the other arm = baseline hazard x hazard ratio\n"
            f"each baseline hazard per month ~ Gamma(shape {shape:g}, rate {rate:g})\n"
            f"{whose} ~ Normal({mean:g}, sd {sd:g})"
        )

    def data_of(self, one: OneTrial) -> Data:
        """Events and months by stratum, arm and interval, of the arms that have a say."""
        summary = one.seen(Durations)
        arms, effects = effects_of(len(self.arms), one.question)
        cuts = self.prior.one.cuts
        shape = (len(self.prior.shares), len(self.arms), len(cuts) + 1)
        events, months = np.zeros(shape, dtype=np.int64), np.zeros(shape)
        about = one.in_strata(summary.stratum[one.trial])
        included = summary.included[one.trial] & about
        for stratum, arm in itertools.product(range(shape[0]), arms):
            own = (summary.arm[one.trial] == arm) & (summary.stratum[one.trial] == stratum)
            events[stratum, arm], months[stratum, arm] = by_interval(one, included & own, cuts)
        return {
            "events": events,
            "months": np.maximum(months, LEAST_EXPOSURE),
            "effects": effects,
        }

    def model(self, data: Data) -> Any:
        """A new model of these data."""
        import pymc as pm
        from pytensor import tensor as pt

        (shape, rate), (mean, sd) = self.prior.one.baseline, self.prior.one.log_hazard_ratio
        cells = ("stratum", "arm", "interval")
        coords = {
            "stratum": named_strata(self.strata),
            "arm": list(self.arms),
            "interval": between(self.prior.one.cuts),
            "effect": [str(k) for k in range(1, len(self.arms))],
        }
        with pm.Model(coords=coords) as model:
            events = pm.Data("events", data["events"], dims=cells)
            months = pm.Data("months", data["months"], dims=cells)
            effects = pm.Data("effects", data["effects"], dims=("arm", "effect"))
            wall = -pt.log(rate + months.sum(axis=1))
            own = events_at_baseline(events.dimshuffle(1, 0, 2), effects)
            scale = log_scale(shape, wall, own)
            baseline = pm.Gamma(
                "baseline_hazard", alpha=shape, beta=rate, dims=("stratum", "interval"), **scale
            )
            if self.prior.own:
                log_ratio = pm.Normal("log_hazard_ratio", mean, sd, dims=("stratum", "effect"))
                of_arm = pt.dot(log_ratio, effects.T)
            else:
                log_ratio = pm.Normal("log_hazard_ratio", mean, sd, dims="effect")
                of_arm = pt.dot(effects, log_ratio)[None, :]
            hazard = baseline[:, None, :] * pt.exp(of_arm)[:, :, None]
            pm.Poisson("occurrence", mu=hazard * months, observed=events, dims=cells)
        return model

    def of(self, draws: Draws, quantity: Quantity, open_strata: Booleans | None = None) -> Floats:
        """Hazard ratio of two arms, averaged where strata have theirs."""
        assert quantity.to is not None
        if quantity.to == quantity.arm:  # beside other arms
            return np.ones(draws["log_hazard_ratio"].shape[:2])
        log_ratio = draws["log_hazard_ratio"][..., effect_of(quantity.arm, quantity.to)]
        if not self.prior.own:
            return np.exp(log_ratio)
        weights = np.array(self.prior.shares, dtype=np.float64)
        if quantity.stratum >= 0:
            weights = (np.arange(len(weights)) == quantity.stratum).astype(np.float64)
        elif quantity.stratum == OPEN and open_strata is not None and open_strata.any():
            weights = np.where(open_strata, weights, 0.0)
        average: Floats = np.exp(log_ratio @ (weights / weights.sum()))
        return average

    def all_arms(self, stratum: int) -> Question | None:
        """Every arm, in all strata: each has baseline hazards of its own."""
        return super().all_arms(ALL)

    def completed(
        self, fitted: Fitted, summary: Summary, coming: Any, some: PlainCompletions, apart: bool
    ) -> Durations:
        """Each who is still at risk has the event by a draw of the hazards of the own stratum."""
        draws = fitted(ALL)
        effects = effects_of(len(self.arms), self.all_arms(ALL))[1]

        def hazards(stratum: int, arm: int) -> Floats:
            log_ratio = draws["log_hazard_ratio"][0]
            own = log_ratio[:, stratum] if self.prior.own else log_ratio
            ratio = np.exp(own @ effects[arm])
            hazard: Floats = draws["baseline_hazard"][0, :, stratum] * ratio[:, None]
            return hazard

        assert isinstance(summary, Durations)
        return followed_by_hazards(summary, coming, some, self.prior.one.cuts, hazards)
