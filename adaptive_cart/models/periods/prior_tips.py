"""How far the priors of models over the calendar may be moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from adaptive_cart.models.periods.baselines_posterior import CalendarBaselines
from adaptive_cart.models.periods.walk import LARGEST, LEAST, Walk
from adaptive_cart.models.prior_numbers import EVENTS, log_ratio_tips, ratio_tip
from adaptive_cart.models.prior_tip import PriorTip


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
    yield from log_ratio_tips(
        ratio.removeprefix("log "),
        (model.centre, model.sd),
        lambda centre, sd: replace(model, centre=centre, sd=sd),
    )
    yield ratio_tip(
        f"events that the prior of a baseline ({counted}) is worth", model.a, EVENTS,
        lambda events: replace(model, a=events, b=model.b / model.a * events),
    )  # fmt: skip
    if model.walk is not None:
        yield tip_of_walk(model.walk, lambda walk: replace(model, walk=walk))
