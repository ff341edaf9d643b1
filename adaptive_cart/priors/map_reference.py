"""The meta-analysis of earlier controls in PyMC: the reference for the integrals of `robust_map`.

The same statement, sampled: non-centred logits of the studies, and one more for the new control
arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.binary.robust_map import Heterogeneity
from adaptive_cart.nouns.historical import Historical


@dataclass(frozen=True)
class MapReference:
    """A random-effects meta-analysis of control arms, and its prediction for one arm more."""

    heterogeneity: Heterogeneity
    made_of: ClassVar[tuple[str, ...]] = ()
    asked_with: ClassVar[tuple[str, ...]] = ()

    def data(self, historical: Historical) -> dict[str, npt.NDArray[Any]]:
        """Responders and participants, study by study."""
        return {
            "responders": np.array(historical.responders, dtype=np.int64),
            "participants": np.array(historical.participants, dtype=np.int64),
        }

    def model(self, data: Mapping[str, npt.NDArray[Any]]) -> Any:
        """A new model of these data."""
        import pymc as pm

        prior = self.heterogeneity
        with pm.Model() as model:
            responders = pm.Data("responders", data["responders"])
            participants = pm.Data("participants", data["participants"])
            centre = pm.Normal("centre", prior.centre_mean, prior.centre_sd)
            between = pm.HalfNormal("between", prior.between_sd)
            apart = pm.Normal("apart", 0.0, 1.0, shape=len(data["responders"]))
            pm.Binomial(
                "seen", n=participants, logit_p=centre + between * apart, observed=responders
            )
            ahead = pm.Normal("ahead", 0.0, 1.0)
            pm.Deterministic("rate", pm.math.invlogit(centre + between * ahead))
        return model
