"""The model ``logistic`` in PyMC.

Statement::

    successes_ks  ~ Binomial(total_ks, probability_ks)              arm k, stratum s
    logit probability_0s = intercept + shift_s
    logit probability_1s = intercept + shift_s + treatment + interaction_s

with intercept, treatment and each stratum's shift and interaction all independently normal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adaptive_cart.models.strata.reference_strata import StrataReference

if TYPE_CHECKING:
    from adaptive_cart.models.strata.logistic import Logistic


@dataclass(frozen=True)
class LogisticReference(StrataReference):
    """Binomial by arm and stratum: treatment, stratum and their interaction, in PyMC."""

    prior: Logistic

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        control, experimental = self.arms
        prior = self.prior
        return (
            "in each arm and stratum: successes ~ Binomial(total, probability)\n"
            f"{control}: logit(probability) = intercept + shift of the stratum\n"
            f"{experimental}: logit(probability) = intercept + shift + treatment + interaction\n"
            f"intercept ~ Normal({prior.intercept.mean:g}, sd {prior.intercept.sd:g})\n"
            f"treatment ~ Normal({prior.treatment.mean:g}, sd {prior.treatment.sd:g})\n"
            f"each shift ~ Normal({prior.stratum.mean:g}, sd {prior.stratum.sd:g})\n"
            f"each interaction ~ Normal({prior.interaction.mean:g}, sd {prior.interaction.sd:g})"
        )

    def logits(self) -> tuple[Any, Any]:
        """Give an intercept, a treatment effect, and each stratum's shift and interaction."""
        import pymc as pm

        prior = self.prior
        intercept = pm.Normal("intercept", prior.intercept.mean, prior.intercept.sd)
        treatment = pm.Normal("treatment", prior.treatment.mean, prior.treatment.sd)
        shift = pm.Normal("shift", prior.stratum.mean, prior.stratum.sd, dims="stratum")
        interaction = pm.Normal(
            "interaction", prior.interaction.mean, prior.interaction.sd, dims="stratum"
        )
        control = intercept + shift
        return control, control + treatment + interaction
