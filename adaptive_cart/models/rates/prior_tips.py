"""How far the prior of an arm's yearly rate may be moved: the years it is worth, and its mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from adaptive_cart.models.prior_tip import PriorTip
from adaptive_cart.models.rates.arm_rates import ArmRates

YEARS = 0.001, 100_000.0  # that a prior is worth, between which it is moved
RATES = 0.0001, 1_000.0  # events a year


def tips_of(model: ArmRates, arms: tuple[str, ...]) -> Iterator[PriorTip]:
    """What of each arm's prior may be moved; nothing where it is flat, or the data set weights."""
    for place, name in enumerate(arms):
        prior = model.priors[place]
        main = int(np.argmax(prior.weights))
        a, b = prior.a[main], prior.b[main]
        if prior.adapts or not (a > 0.0 and b > 0.0):
            continue
        which = "" if len(prior.weights) == 1 else f" (its Gamma({a:g}, {b:g}))"

        put = partial(_moved, model, place, main)
        yield PriorTip(
            name, "size", f"patient-years that the prior of {name}{which} is worth", b,
            (min(YEARS[0], b), max(YEARS[1], b)), True,
            partial(_worth, put, a / b),
        )  # fmt: skip
        yield PriorTip(
            name, "mean", f"mean yearly rate of the prior of {name}{which}", a / b,
            (min(RATES[0], a / b), max(RATES[1], a / b)), True,
            partial(_centred, put, b),
        )  # fmt: skip


Put = Callable[[float, float], ArmRates]


def _worth(put: Put, rate: float, years: float) -> ArmRates:
    """With a prior of the same mean, worth so many years."""
    return put(rate * years, years)


def _centred(put: Put, years: float, rate: float) -> ArmRates:
    """With a prior worth as many years, of another mean."""
    return put(rate * years, years)


def _moved(model: ArmRates, place: int, main: int, a: float, b: float) -> ArmRates:
    """The model with other parameters of one component of one arm's prior."""
    prior = model.priors[place].with_part(main, a, b)
    return replace(model, priors=(*model.priors[:place], prior, *model.priors[place + 1 :]))
