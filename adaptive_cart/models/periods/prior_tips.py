"""How far the priors of models over the calendar may be moved."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from adaptive_cart.models.periods.baselines_posterior import CalendarBaselines
from adaptive_cart.models.periods.walk import LARGEST, LEAST, Walk
from adaptive_cart.models.prior_numbers import SDS, ratio_tip
from adaptive_cart.models.prior_tip import PriorTip

RATIOS: Final = (0.01, 100.0)  # between which the middle of the prior of a ratio is moved
EVENTS: Final = (0.001, 1_000.0)  # that the prior of a baseline is worth


def tip_of_walk(walk: Walk, put: Callable[[Walk], Any]) -> PriorTip:
    """The scale of the prior of a step, between the least and the largest that a walk can have."""
    return ratio_tip(
        "scale of the prior of a step between calendar periods", walk.step_scale, (LEAST, LARGEST),
        lambda scale: put(replace(walk, step_scale=scale)), what="step",
    )  # fmt: skip


def tips_of_baselines(model: CalendarBaselines, counted: str, ratio: str) -> Iterator[PriorTip]:
    """The middle and the spread of an arm's ratio, the events of a baseline, and the walk.

    Parameters
    ----------
    counted
        What a baseline is counted in: "events per year".
    ratio
        "log rate ratio".
    """
    middle = math.exp(model.centre)
    yield ratio_tip(
        f"median {ratio.removeprefix('log ')} of the prior", middle, RATIOS,
        lambda value: replace(model, centre=math.log(value)), what="mean",
    )  # fmt: skip
    yield ratio_tip(
        f"standard deviation of the prior of the {ratio}", model.sd, SDS,
        lambda value: replace(model, sd=value), what="sd",
    )  # fmt: skip
    yield ratio_tip(
        f"events that the prior of a baseline ({counted}) is worth", model.a, EVENTS,
        lambda events: replace(model, a=events, b=model.b / model.a * events),
    )  # fmt: skip
    if model.walk is not None:
        yield tip_of_walk(model.walk, lambda walk: replace(model, walk=walk))
