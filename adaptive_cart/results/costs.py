"""What participants cost, by arm: each, per year in remission, and per year gained.

The cost of a participant is what everybody randomised costs and what each infusion costs: the first
times its probability, which is known, and those after it and after a crossover times their number,
which is integrated as the true values are. An infusion after a crossover costs what one of the
other arm does. Costs stand beside the true mean of the endpoint that counts months in remission,
and infusions after the first are counted up to its horizon. No trial is drawn for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.calendar import short_of, until
from adaptive_cart.nouns.parts import MONTHS_PER_YEAR
from adaptive_cart.nouns.records import Floats, Population
from adaptive_cart.results.estimand import SobolLatents, course_means
from adaptive_cart.results.long_term import groups_in, infused_share
from adaptive_cart.results.true_value import TrueValue

POINTS: Final = 2**12  # a scramble, over which further infusions are integrated


@dataclass(frozen=True)
class Cost:
    """Costs of an arm in a scenario.

    Attributes
    ----------
    participant
        Mean cost of a participant randomised to it, with an error where further infusions count.
    year
        That by the mean years in remission; nothing where months are not compared with.
    gained
        What it costs beyond the control by the years in remission beyond the control's; nan where
        it has no more of them, nothing of the control itself.
    """

    participant: TrueValue
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
    further = _further(design, truth)
    first = (_participant(design, truth, arm) for arm in range(len(design.arm_names)))
    each = tuple(
        TrueValue(cost + more.value, more.mcse) for cost, more in zip(first, further, strict=True)
    )
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
        beyond = TrueValue(cost.value - each[0].value, math.hypot(cost.mcse, each[0].mcse))
        found.append(Cost(cost, _by(cost, own), _by(beyond, more)))
    return tuple(found)


def _participant(design: Design, truth: Truth, arm: int) -> float:
    asked, name = design.costs, design.arm_names[arm]
    assert asked is not None
    infused = 0.0
    if truth.courses is not None:
        for share, group in groups_in(design, truth, arm):
            infused += share * infused_share(group) if group.infused else 0.0
    return asked.per_randomised.get(name, 0.0) + infused * asked.per_infused.get(name, 0.0)


def counts_further(design: Design, truth: Truth) -> bool:
    """Whether infusions that cost something may follow the first, or a crossover."""
    asked = design.costs
    assert asked is not None
    if not asked.per_infused or truth.courses is None:
        return False
    for arm, name in enumerate(design.arm_names):
        groups = [group for _, group in groups_in(design, truth, arm)]
        if name in asked.per_infused and any(group.own.infuses_again for group in groups):
            return True
        if any(group.crossover > 0.0 for group in groups):
            assert design.crossover is not None
            if design.crossover.to in asked.per_infused:
                return True
    return False


def counted_until(design: Design) -> float:
    """Months after randomisation up to which further infusions count; infinite for all."""
    asked = design.costs
    assert asked is not None
    named = None if asked.remission is None else design.endpoints[asked.remission].followed_for()
    return math.inf if named is None else named


def _further(design: Design, truth: Truth) -> tuple[TrueValue, ...]:
    """Mean cost, by arm, of infusions after the first of the own arm."""
    if not counts_further(design, truth):
        return (TrueValue(0.0, 0.0),) * len(design.arm_names)
    asked = design.costs
    assert asked is not None
    own = np.array([asked.per_infused.get(name, 0.0) for name in design.arm_names])
    crossing = design.crossover
    to = 0.0 if crossing is None else asked.per_infused.get(crossing.to, 0.0)
    until_ = until(counted_until(design))

    def cost(population: Population) -> Floats:
        course = population.course
        assert course is not None
        again = sum(((m <= until_) & np.isfinite(m)).astype(np.int64) for m in course.infused_again)
        each = own[population.arm]
        if course.crossed is None:
            return (again * each).mean(axis=1)
        crossed = np.isfinite(course.crossed)
        after = crossed & np.isfinite(course.infused) & (course.infused <= until_)
        after &= course.infused >= short_of(course.crossed)
        each = np.where(crossed, to, each)
        return (again * each + after * to).mean(axis=1)

    months = [design.open_months(truth.accrual.pace, (arm,)) for arm in range(len(own))]
    means = [TrueValue(0.0, 0.0)] * len(own)
    points = SobolLatents(points=POINTS)
    weights = [[1.0]] * len(own)
    if truth.mixture is not None:
        weights = [truth.mixture.weights(by).mean(axis=1).tolist() for by in months]
    for place, part in enumerate(truth.parts):
        for arm, found in enumerate(course_means(design, part, cost, points)):
            weight, so_far = weights[arm][place], means[arm]
            error = math.hypot(so_far.mcse, weight * found.mcse)
            means[arm] = TrueValue(so_far.value + weight * found.value, error)
    return tuple(means)


def _by(cost: TrueValue, years: TrueValue) -> TrueValue:
    """A cost by years, its error by the delta method."""
    if not years.value > 0.0:
        return TrueValue(math.nan, math.nan)
    ratio = cost.value / years.value
    of_years = abs(ratio) / years.value * years.mcse
    return TrueValue(ratio, math.hypot(of_years, cost.mcse / years.value))
