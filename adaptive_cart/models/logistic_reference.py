"""The model ``logistic`` in PyMC.

Statement::

    successes_ks  ~ Binomial(total_ks, probability_ks)              arm k, stratum s
    logit probability_0s = intercept + shift_s
    logit probability_1s = intercept + shift_s + treatment + interaction_s

with intercept, treatment and each stratum's shift and interaction all independently normal.
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
    from adaptive_cart.models.logistic import Logistic


@dataclass(frozen=True)
class LogisticReference:
    """Binomial by arm and stratum: treatment, stratum and their interaction, in PyMC."""

    prior: Logistic
    arms: tuple[str, ...]
    strata: tuple[str, ...]
    shares: tuple[float, ...]

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
            intercept = pm.Normal("intercept", prior.intercept.mean, prior.intercept.sd)
            treatment = pm.Normal("treatment", prior.treatment.mean, prior.treatment.sd)
            shift = pm.Normal("shift", prior.stratum.mean, prior.stratum.sd, dims="stratum")
            interaction = pm.Normal(
                "interaction", prior.interaction.mean, prior.interaction.sd, dims="stratum"
            )
            control = intercept + shift
            logit = pt.stack([control, control + treatment + interaction])
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
