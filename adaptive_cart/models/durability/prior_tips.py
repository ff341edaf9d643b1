"""How far the priors of a model with a cured fraction may be moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from adaptive_cart.models.durability.weibull_cure import WeibullCure
from adaptive_cart.models.prior_numbers import EDGE, SIZES, lognormal_tips, ratio_tip
from adaptive_cart.models.prior_tip import EVERY_ARM, PriorTip


def tips_of(model: WeibullCure) -> Iterator[PriorTip]:
    """Of the cured fraction the size and the mean; of median and shape the middle and the spread.

    Arms share them.
    """
    a, b = model.cured
    whole, mean = a + b, a / (a + b)
    yield ratio_tip(
        "effective size of the prior of the cured fraction", whole, SIZES,
        lambda size: replace(model, cured=(a / whole * size, b / whole * size)), what="cured.size",
    )  # fmt: skip
    yield PriorTip(
        EVERY_ARM, "cured.mean", "mean of the prior of the cured fraction", mean,
        (min(EDGE, mean), max(1.0 - EDGE, mean)), False,
        lambda value: replace(model, cured=(value * whole, (1.0 - value) * whole)),
    )  # fmt: skip
    yield from lognormal_tips(
        "median months",
        model.median_months,
        lambda *new: replace(model, median_months=new),
        "median_months",
    )
    yield from lognormal_tips("shape", model.shape, lambda *new: replace(model, shape=new), "shape")
