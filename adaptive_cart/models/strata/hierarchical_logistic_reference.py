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

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adaptive_cart.models.strata.reference_strata import StrataReference

if TYPE_CHECKING:
    from adaptive_cart.models.strata.hierarchical_logistic import HierarchicalLogistic


@dataclass(frozen=True)
class HierarchicalLogisticReference(StrataReference):
    """Log-odds ratios of the strata, exchangeable around a common mean, in PyMC."""

    prior: HierarchicalLogistic

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

    def logits(self) -> tuple[Any, Any]:
        """Each control logit by itself; log-odds ratios about a common mean."""
        import pymc as pm

        prior = self.prior
        control = pm.Normal(
            "control_logit", prior.control_logit.mean, prior.control_logit.sd, dims="stratum"
        )
        effect_mean = pm.Normal("effect_mean", prior.effect_mean.mean, prior.effect_mean.sd)
        effect_sd = pm.HalfNormal("effect_sd", prior.effect_sd)
        standardised = pm.Normal("standardised_effect", 0.0, 1.0, dims="stratum")
        effect = pm.Deterministic("effect", effect_mean + effect_sd * standardised, dims="stratum")
        return control, control + effect
