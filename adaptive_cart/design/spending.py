"""Thresholds by alpha spending: those of the planned numbers, and what a look works out anew.

A rule that spends a type I error has the boundaries of the numbers that each look really sees. What
a design tells beforehand are those of the planned numbers: the participants or events that the
looks name, in the allocation ratio. Of looks by months or by those enrolled they are those who are
expected to have been randomised so long before that the endpoint is known of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adaptive_cart.models.classical.alpha_spending import Spending, as_thresholds

if TYPE_CHECKING:
    from adaptive_cart.design.design import Design, Enrolment
    from adaptive_cart.design.rule_tables import Rule


def spending_of(design: Design, rule: Rule) -> Spending | None:
    """How a rule spends a type I error; nothing where its thresholds are numbers."""
    from adaptive_cart.design.rule_tables import AlphaSpending

    written = rule.threshold
    if not isinstance(written, AlphaSpending):
        return None
    looks = design.looks
    most = int(looks.at[-1]) if looks.scale == "events" else design.enrolment.max_n
    return Spending(written.alpha, written.spending, most)


def planned_bounds(design: Design, rule: Rule) -> dict[int, float]:
    """Boundaries of z at the planned numbers, by look; infinite where nothing may be spent."""
    spending = spending_of(design, rule)
    assert spending is not None
    judged = design.judged_at(rule)
    numbers = tuple(_numbers(design, rule)[look - 1] for look in judged)
    mine = tuple(round(number * _share(design, rule)) for number in numbers)
    ended = judged[-1] == design.looks.number
    return dict(zip(judged, spending.bounds(mine, numbers, ended), strict=True))


def planned_thresholds(design: Design, rule: Rule) -> dict[int, float]:
    """The same as thresholds of 1 − p."""
    bounds = planned_bounds(design, rule)
    values = as_thresholds(np.array(list(bounds.values())))
    return dict(zip(bounds, values.tolist(), strict=True))


def fixed_numbers(design: Design) -> bool:
    """Whether every look sees the planned numbers, as long as they can be reached.

    And as long as no arm is closed, where there are several.
    """
    if design.looks.scale == "events":
        return True
    return design.looks.scale == "observed" and not design.primary_endpoint.counts_some()


def _numbers(design: Design, rule: Rule) -> tuple[int, ...]:
    """Participants or events planned for each look, in all arms."""
    looks, enrolment = design.looks, design.enrolment
    assert rule.posterior is not None
    known = design.endpoints[rule.posterior.about].known_after() or 0.0
    if looks.scale == "months":
        at = [_known(enrolment, month - known) for month in looks.at]
    elif looks.scale == "enrolled":
        at = [_known(enrolment, enrolment.pace.month_of(number) - known) for number in looks.at]
    else:
        at = [int(number) for number in looks.at]
    return tuple([*at, enrolment.max_n] if looks.final is not None else at)


def _known(enrolment: Enrolment, month: float) -> int:
    """Whole participants who are expected to be randomised by a month."""
    return min(enrolment.max_n, int(enrolment.pace.expected_by(month) + 1e-9))


def _share(design: Design, rule: Rule) -> float:
    """Part of all participants that is in the arms of a rule's first target."""
    asked = rule.posterior
    assert asked is not None
    kind = asked.kind
    other = None if kind.other is None else getattr(asked, kind.other)
    first = design.experimental_names[0] if asked.arm == "each" else asked.arm
    arms = {name for name in (first, other) if name is not None}
    return sum(design.arms[name].allocation for name in arms) / sum(design.allocation)
