"""How far the priors of a proportional-hazards model may be moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
from adaptive_cart.models.prior_numbers import EVENTS, log_ratio_tips, ratio_tip
from adaptive_cart.models.prior_tip import PriorTip


def tips_of(model: PiecewiseExponential) -> Iterator[PriorTip]:
    """The middle and the spread of the hazard ratio, and what baseline hazards are worth."""
    shape, months = model.baseline
    yield from log_ratio_tips(
        "hazard ratio", model.log_hazard_ratio, lambda *new: replace(model, log_hazard_ratio=new)
    )
    yield ratio_tip(
        "events that the prior of a baseline hazard is worth", shape, EVENTS,
        lambda events: replace(model, baseline=(events, months / shape * events)),
    )  # fmt: skip
