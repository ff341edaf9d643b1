"""How far the priors of the logistic models with strata may be moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from adaptive_cart.models.prior_numbers import SDS, normal_tips, ratio_tip
from adaptive_cart.models.prior_tip import PriorTip
from adaptive_cart.models.strata.hierarchical_logistic import HierarchicalLogistic
from adaptive_cart.models.strata.logistic import Logistic
from adaptive_cart.models.strata.strata_approximation import Normal

WORDS: Final = {
    "intercept": "intercept",
    "treatment": "treatment effect",
    "stratum": "shift of a stratum",
    "interaction": "interaction",
    "control_logit": "logit of the control",
    "effect_mean": "mean log odds ratio",
}


def tips_of(
    model: Logistic | HierarchicalLogistic, shares: tuple[float, ...]
) -> Iterator[PriorTip]:
    """Mean and standard deviation of every normal prior, and the scale of the half-normal one."""
    for part in [part for part in WORDS if hasattr(model, part)]:
        own: Normal = getattr(model, part)

        def put(mean: float, sd: float, part: str = part) -> Any:
            changed: dict[str, Any] = {part: Normal(mean, sd)}
            return replace(model, **changed), shares

        yield from normal_tips(WORDS[part], (own.mean, own.sd), put, part)
    if isinstance(model, HierarchicalLogistic):
        yield ratio_tip(
            "scale of the prior of the standard deviation between strata", model.effect_sd, SDS,
            lambda scale: (replace(model, effect_sd=scale), shares), what="effect_sd",
        )  # fmt: skip
