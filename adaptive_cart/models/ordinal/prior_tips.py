"""How far the priors of ordinal outcomes may be moved."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from adaptive_cart.models.prior_numbers import SDS, ratio_tip, vector_tips
from adaptive_cart.models.prior_tip import PriorTip

if TYPE_CHECKING:
    from adaptive_cart.models.ordinal.dirichlet_analysis import DirichletPriors
    from adaptive_cart.models.ordinal.proportional_odds_analysis import ProportionalOdds

Parameters = tuple[tuple[str, float], ...]
RATIOS = 0.01, 100.0  # odds ratios between which the middle of the prior is moved


def tips_of_arms(priors: DirichletPriors, arms: tuple[str, ...]) -> Iterator[PriorTip]:
    """Of each arm: the effective size, and the mean of the best category."""
    numbers = priors.parameters(priors.categories)
    for place, name in enumerate(arms):
        own = tuple(zip(priors.categories, map(float, numbers[place]), strict=True))
        yield from vector_tips(f"of {name}", own, partial(_put, priors, place), arm=name)


def _put(priors: DirichletPriors, place: int, own: Parameters) -> DirichletPriors:
    """The same with other parameters of one arm."""
    return replace(priors, by_arm=(*priors.by_arm[:place], own, *priors.by_arm[place + 1 :]))


def tips_of_odds(priors: ProportionalOdds) -> Iterator[PriorTip]:
    """Of the control's categories, and of the odds ratio: its middle and its spread."""
    numbers = priors.parameters(priors.categories)
    own = tuple(zip(priors.categories, map(float, numbers), strict=True))
    yield from vector_tips(
        "of the control", own, lambda control: replace(priors, control=control), part="control."
    )
    mean, sd = priors.log_odds_ratio
    yield ratio_tip(
        "median odds ratio of the prior", math.exp(mean), RATIOS,
        lambda ratio: replace(priors, log_odds_ratio=(math.log(ratio), sd)), what="mean",
    )  # fmt: skip
    yield ratio_tip(
        "standard deviation of the prior of the log odds ratio", sd, SDS,
        lambda spread: replace(priors, log_odds_ratio=(mean, spread)), what="sd",
    )  # fmt: skip
