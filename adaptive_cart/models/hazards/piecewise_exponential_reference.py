"""The model ``piecewise_exponential`` in PyMC.

Statement, for interval j and the two arms k that are compared::

    baseline_hazard_j   ~ Gamma(a, rate b)          per month, independent over intervals
    log_hazard_ratio    ~ Normal(mean, sd)
    events_kj           ~ Poisson(baseline_hazard_j exp(log_hazard_ratio k) months_kj)

The Poisson form has the likelihood of the event times themselves (Holford 1980,
doi:10.2307/2529982). The data are those of the strata that a question is about, pooled. Arms that
are not compared have no months at risk and so no say: hazard ratios of several arms are as many
analyses.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.base import Reference
from adaptive_cart.models.rates.gamma_poisson_reference import LEAST_EXPOSURE
from adaptive_cart.models.reference_scales import log_scale
from adaptive_cart.models.strata.reference_strata import in_strata
from adaptive_cart.nouns.questions import Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Durations, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential


@dataclass(frozen=True)
class PiecewiseExponentialReference(Reference):
    """Proportional hazards over a baseline that is constant between cuts, in PyMC."""

    prior: PiecewiseExponential
    arms: tuple[str, ...]

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        shape, rate = self.prior.baseline
        mean, sd = self.prior.log_hazard_ratio
        return (
            "hazard of the arm compared with = baseline hazard, constant in "
            f"{', '.join(self.intervals)}\n"
            "hazard of the other arm = baseline hazard x hazard ratio\n"
            f"each baseline hazard per month ~ Gamma(shape {shape:g}, rate {rate:g})\n"
            f"log hazard ratio ~ Normal({mean:g}, sd {sd:g})"
        )

    @property
    def intervals(self) -> list[str]:
        """Names of the intervals between cuts."""
        edges = [f"{cut:g}" for cut in (0.0, *self.prior.cuts)]
        closed = [f"months {a} to {b}" for a, b in itertools.pairwise(edges)]
        return [*closed, f"months from {edges[-1]}"]

    def data(
        self,
        summary: Summary,
        trial: int = 0,
        open_strata: Booleans | None = None,
        question: Question | None = None,
    ) -> dict[str, npt.NDArray[Any]]:
        """Events and months at risk by arm and interval, of the two arms that are compared."""
        assert isinstance(summary, Durations)
        pair = (1, 0) if question is None else (question.arm, question.minus)
        edges = (0.0, *self.prior.cuts, np.inf)
        shape = (len(self.arms), len(edges) - 1)
        events, months = np.zeros(shape, dtype=np.int64), np.zeros(shape)
        strata = in_strata(summary.stratum[trial], open_strata, question)
        included = summary.included[trial] & strata
        for arm in pair:
            members = included & (summary.arm[trial] == arm)
            duration, ended = summary.months[trial][members], summary.event[trial][members]
            for interval, (start, end) in enumerate(itertools.pairwise(edges)):
                # what ends exactly at a cut ends in the earlier interval
                here = (duration > start) | (interval == 0)
                events[arm, interval] = (ended & here & (duration <= end)).sum()
                months[arm, interval] = np.clip(duration - start, 0.0, end - start).sum()
        return {
            "events": events,
            "months": np.maximum(months, LEAST_EXPOSURE),
            "experimental": (np.arange(len(self.arms)) == pair[0]).astype(np.float64),
        }

    def model(self, data: Mapping[str, npt.NDArray[Any]]) -> Any:
        """A new model of these data."""
        import pymc as pm
        from pytensor import tensor as pt

        shape, rate = self.prior.baseline
        mean, sd = self.prior.log_hazard_ratio
        coords = {"arm": list(self.arms), "interval": self.intervals}
        with pm.Model(coords=coords) as model:
            events = pm.Data("events", data["events"], dims=("arm", "interval"))
            months = pm.Data("months", data["months"], dims=("arm", "interval"))
            experimental = pm.Data("experimental", data["experimental"], dims="arm")
            scale = log_scale(shape, -pt.log(rate + months.sum(axis=0)))
            baseline = pm.Gamma(
                "baseline_hazard",
                alpha=shape,
                beta=rate,
                dims="interval",
                **scale,
            )
            log_ratio = pm.Normal("log_hazard_ratio", mean, sd)
            pm.Deterministic("hazard_ratio", pt.exp(log_ratio))
            hazard = baseline[None, :] * pt.exp(log_ratio * experimental)[:, None]
            pm.Poisson("occurrence", mu=hazard * months, observed=events, dims=("arm", "interval"))
        return model

    def of(
        self,
        draws: Mapping[str, npt.NDArray[np.float64]],
        quantity: Quantity,
        open_strata: Booleans | None = None,
    ) -> Floats:
        """Hazard ratio of the two arms whose data were fitted."""
        return draws["hazard_ratio"]
