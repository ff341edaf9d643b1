"""The model ``hierarchical_logistic`` in PyMC.

Statement::

    successes_ks  ~ Binomial(total_ks, probability_ks)              arm k, stratum s
    logit probability_0s = control_logit_s                ~ Normal, each stratum by itself
    logit probability_1s = control_logit_s + effect_s
    effect_s      ~ Normal(effect_mean, effect_sd)                  log-odds ratios, exchangeable
    effect_mean   ~ Normal;  effect_sd ~ half-normal

Sampled as effect_s = effect_mean + effect_sd * standardised_effect_s, which has no funnel where the
data are weak (Betancourt and Girolami 2015, "Hamiltonian Monte Carlo for hierarchical models").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.reference_strata import average_of_strata, named_strata
from adaptive_cart.questions import Question
from adaptive_cart.records import Booleans, Counts, Floats, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.hierarchical_logistic import HierarchicalLogistic


@dataclass(frozen=True)
class HierarchicalLogisticReference:
    """Log-odds ratios of the strata, exchangeable around a common mean, in PyMC."""

    prior: HierarchicalLogistic
    arms: tuple[str, ...]
    strata: tuple[str, ...]
    shares: tuple[float, ...]

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        control, experimental = self.arms
        prior = self.prior
        logit, mean = prior.control_logit, prior.effect_mean
        return (
            "in each arm and stratum: successes ~ Binomial(total, probability)\n"
            f"{control}: logit(probability) ~ Normal({logit.mean:g}, sd {logit.sd:g}), "
            "each stratum by itself\n"
            f"{experimental}: logit(probability) = that of {control} + effect of the stratum\n"
            "effect ~ Normal(effect_mean, sd effect_sd)\n"
            f"effect_mean ~ Normal({mean.mean:g}, sd {mean.sd:g})\n"
            f"effect_sd ~ half-normal(sd {prior.effect_sd:g})"
        )

    def data(
        self,
        summary: Summary,
        trial: int = 0,
        open_strata: Booleans | None = None,
        question: Question | None = None,
    ) -> dict[str, npt.NDArray[Any]]:
        """Responders and participants analysed, by arm and stratum, whatever the question."""
        assert isinstance(summary, Counts)
        return {"successes": summary.successes[trial], "totals": summary.totals[trial]}

    def model(self, data: Mapping[str, npt.NDArray[Any]]) -> Any:
        """A new model of these data."""
        import pymc as pm
        from pytensor import tensor as pt

        prior = self.prior
        coords = {"arm": list(self.arms), "stratum": named_strata(self.strata)}
        with pm.Model(coords=coords) as model:
            successes = pm.Data("successes", data["successes"], dims=("arm", "stratum"))
            totals = pm.Data("totals", data["totals"], dims=("arm", "stratum"))
            control = pm.Normal(
                "control_logit", prior.control_logit.mean, prior.control_logit.sd, dims="stratum"
            )
            effect_mean = pm.Normal("effect_mean", prior.effect_mean.mean, prior.effect_mean.sd)
            effect_sd = pm.HalfNormal("effect_sd", prior.effect_sd)
            standardised = pm.Normal("standardised_effect", 0.0, 1.0, dims="stratum")
            effect = pm.Deterministic(
                "effect", effect_mean + effect_sd * standardised, dims="stratum"
            )
            logit = pt.stack([control, control + effect])
            pm.Deterministic("probability", pt.sigmoid(logit), dims=("arm", "stratum"))
            pm.Binomial(
                "response", n=totals, logit_p=logit, observed=successes, dims=("arm", "stratum")
            )
        return model

    def quantity(
        self,
        draws: Mapping[str, npt.NDArray[np.float64]],
        question: Question,
        open_strata: Booleans | None = None,
    ) -> Floats:
        """Risk or risk difference in a stratum, or averaged over strata by their shares."""
        return average_of_strata(draws["probability"], question, self.shares, open_strata)
