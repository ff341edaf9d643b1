"""Priors of arms that are others in a stratum than in all strata together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adaptive_cart.design.design import Design
    from adaptive_cart.models.base import AnalysisBase
    from adaptive_cart.models.prior import Prior


def priors_of_strata(
    analysis: AnalysisBase, model: Any, design: Design
) -> Iterator[tuple[int, Prior]]:
    """Each stratum's position and the prior of an arm there, where it is another than elsewhere."""
    whole = {one.part: one.numbers.words for one in analysis.priors(model, design.arm_names)}
    for place in range(len(design.stratum_names)):
        own = analysis.in_stratum(model, place)
        if own is model:
            continue
        for prior in analysis.priors(own, design.arm_names):
            if prior.of_arm and prior.numbers.words != whole[prior.part]:
                yield place, prior
