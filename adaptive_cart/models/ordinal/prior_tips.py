"""How far the priors of ordinal outcomes may be moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from adaptive_cart.models.prior_numbers import log_ratio_tips, vector_tips
from adaptive_cart.models.prior_tip import PriorTip

if TYPE_CHECKING:
    from adaptive_cart.models.ordinal.dirichlet_analysis import DirichletPriors
    from adaptive_cart.models.ordinal.proportional_odds_analysis import ProportionalOdds

Parameters = tuple[tuple[str, float], ...]


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
    yield from log_ratio_tips(
        "odds ratio", priors.log_odds_ratio, lambda *new: replace(priors, log_odds_ratio=new)
    )
