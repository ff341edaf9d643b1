"""How far what is known of an arm's mean may be moved: the mean, and its worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from adaptive_cart.models.normal.normal import Normal
from adaptive_cart.models.prior_tip import PriorTip

WORTH = 0.01, 10_000.0  # participants between which it is moved
SPAN = 100.0  # times the mean, the standard deviation or 1, by which a mean is moved either way


def tips_of(model: Normal, arms: tuple[str, ...]) -> Iterator[PriorTip]:
    """What of each arm's prior may be moved; nothing of one that is flat."""
    for place, name in enumerate(arms):
        mean, worth = model.mean[place], model.worth[place]
        if not worth > 0.0:
            continue
        span = SPAN * max(abs(mean), model.sd, 1.0)
        yield PriorTip(
            name, "size", f"participants that the prior of {name} is worth", worth,
            (min(WORTH[0], worth), max(WORTH[1], worth)), True, partial(_worth, model, place),
        )  # fmt: skip
        yield PriorTip(
            name, "mean", f"mean of the prior of {name}", mean, (mean - span, mean + span), False,
            partial(_centred, model, place),
        )  # fmt: skip


def _worth(model: Normal, place: int, worth: float) -> Normal:
    return replace(model, worth=(*model.worth[:place], worth, *model.worth[place + 1 :]))


def _centred(model: Normal, place: int, mean: float) -> Normal:
    return replace(model, mean=(*model.mean[:place], mean, *model.mean[place + 1 :]))
