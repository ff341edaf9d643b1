"""What participants cost, by arm: each, per year in remission, and per year gained.

The cost of a participant is what everybody randomised costs and, times the probability to be
infused, what each infusion costs. Costs stand beside the true mean of the endpoint that counts
months in remission: nothing is drawn, and all error is that of the true value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.parts import MONTHS_PER_YEAR
from adaptive_cart.results.long_term import groups_in, infused_share
from adaptive_cart.results.true_value import TrueValue


@dataclass(frozen=True)
class Cost:
    """Costs of an arm in a scenario.

    Attributes
    ----------
    participant
        Mean cost of a participant randomised to it.
    year
        That by the mean years in remission; nothing where months are not compared with.
    gained
        What it costs beyond the control by the years in remission beyond the control's; nan where
        it has no more of them, nothing of the control itself.
    """

    participant: float
    year: TrueValue | None = None
    gained: TrueValue | None = None


def costs_of(
    design: Design, truth: Truth, months: tuple[TrueValue, ...] | None
) -> tuple[Cost, ...]:
    """Costs by arm.

    Parameters
    ----------
    months
        True mean months in remission by arm, where the design compares costs with them.
    """
    each = tuple(_participant(design, truth, arm) for arm in range(len(design.arm_names)))
    if months is None:
        return tuple(Cost(cost) for cost in each)
    if design.control is None:  # years gained are gained beyond nobody
        years = [TrueValue(m.value / MONTHS_PER_YEAR, m.mcse / MONTHS_PER_YEAR) for m in months]
        return tuple(Cost(cost, _by(cost, own)) for cost, own in zip(each, years, strict=True))
    years = [TrueValue(m.value / MONTHS_PER_YEAR, m.mcse / MONTHS_PER_YEAR) for m in months]
    control = years[0]
    found = [Cost(each[0], _by(each[0], control))]
    for cost, own in zip(each[1:], years[1:], strict=True):
        more = TrueValue(own.value - control.value, math.hypot(own.mcse, control.mcse))
        found.append(Cost(cost, _by(cost, own), _by(cost - each[0], more)))
    return tuple(found)


def _participant(design: Design, truth: Truth, arm: int) -> float:
    asked, name = design.costs, design.arm_names[arm]
    assert asked is not None
    infused = 0.0
    if truth.courses is not None:
        for share, group in groups_in(design, truth, arm):
            infused += share * infused_share(group) if group.infused else 0.0
    return asked.per_randomised.get(name, 0.0) + infused * asked.per_infused.get(name, 0.0)


def _by(cost: float, years: TrueValue) -> TrueValue:
    """A cost by years, its error by the delta method."""
    if not years.value > 0.0:
        return TrueValue(math.nan, math.nan)
    ratio = cost / years.value
    return TrueValue(ratio, abs(ratio) / years.value * years.mcse)
