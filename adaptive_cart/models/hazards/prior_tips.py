"""How far the priors of a proportional-hazards model may be moved."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
from adaptive_cart.models.prior_tip import EVERY_ARM, PriorTip

RATIOS = 0.01, 100.0  # hazard ratios between which the middle of the prior is moved
SDS = 0.05, 10.0  # of the log hazard ratio
EVENTS = 0.001, 1_000.0  # that the prior of a baseline hazard is worth


def tips_of(model: PiecewiseExponential) -> Iterator[PriorTip]:
    """The middle and the spread of the hazard ratio, and what baseline hazards are worth."""
    mean, sd = model.log_hazard_ratio
    shape, months = model.baseline
    yield PriorTip(
        EVERY_ARM, "mean", "median hazard ratio of the prior", math.exp(mean),
        (min(RATIOS[0], math.exp(mean)), max(RATIOS[1], math.exp(mean))), True,
        lambda ratio: replace(model, log_hazard_ratio=(math.log(ratio), sd)),
    )  # fmt: skip
    yield PriorTip(
        EVERY_ARM, "sd", "standard deviation of the prior of the log hazard ratio", sd,
        (min(SDS[0], sd), max(SDS[1], sd)), True,
        lambda spread: replace(model, log_hazard_ratio=(mean, spread)),
    )  # fmt: skip
    yield PriorTip(
        EVERY_ARM, "size", "events that the prior of a baseline hazard is worth", shape,
        (min(EVENTS[0], shape), max(EVENTS[1], shape)), True,
        lambda events: replace(model, baseline=(events, months / shape * events)),
    )  # fmt: skip
