"""Thresholds by alpha spending: those of the planned numbers, and what a look works out anew.

A rule that spends a type I error has the boundaries of the numbers that each look really sees. What
a design tells beforehand are those of the planned numbers: the participants or events that the
looks name, in the allocation ratio. Of looks by months or by those enrolled they are those who are
expected to have been randomised so long before that the endpoint is known of them.

Where arms enter or leave, an arm's comparison has an information of its own, n₁ n₀ / (n₁ + n₀) of
the participants of its arms, and its error is spent by the fraction of what is planned for it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from adaptive_cart.design.planned import planned_among
from adaptive_cart.models.classical.alpha_spending import Spending, as_thresholds

if TYPE_CHECKING:
    from adaptive_cart.design.design import Design, Enrolment
    from adaptive_cart.design.rule_tables import Rule
    from adaptive_cart.nouns.questions import Question
    from adaptive_cart.nouns.records import Floats, Integers


def spending_of(design: Design, rule: Rule) -> Spending | None:
    """How a rule spends a type I error; nothing where its thresholds are numbers."""
    from adaptive_cart.design.rule_tables import AlphaSpending

    written = rule.threshold
    if not isinstance(written, AlphaSpending):
        return None
    looks = design.looks
    most = int(looks.at[-1]) if looks.counts.of_events else design.enrolment.max_n
    return Spending(written.alpha, written.spending, most)


def of_comparison(numbers: Floats | Integers) -> Floats:
    """Information of a comparison: n₁ n₀ / (n₁ + n₀), or the participants of the one arm.

    Parameters
    ----------
    numbers
        ``(arm, …)`` participants of the arms compared.
    """
    with np.errstate(divide="ignore"):
        found: Floats = 1.0 / (1.0 / np.asarray(numbers, dtype=np.float64)).sum(axis=0)
    return found


def spending_on(spending: Spending, design: Design, question: Question) -> Spending:
    """How one comparison spends where arms enter or leave: by what is planned for its own arms."""
    share = design.shares[question.stratum] if question.stratum >= 0 else 1.0
    planned = np.array([design.planned[arm] * share for arm in question.pair])
    return replace(spending, most=float(of_comparison(planned)))


def planned_bounds(design: Design, rule: Rule, arm: str | None = None) -> dict[int, float]:
    """Boundaries of z at the planned numbers, by look; infinite where nothing may be spent.

    Parameters
    ----------
    arm
        Of whom: they differ where arms enter or leave. The first that is asked about if left out.
    """
    spending = spending_of(design, rule)
    assert spending is not None
    judged = design.judged_at(rule)
    numbers = tuple(_numbers(design, rule)[look - 1] for look in judged)
    ended = judged[-1] == design.looks.number
    names = _compared(design, rule, arm)
    if design.stays is not None:
        places = [design.arm_names.index(name) for name in names]
        seen = of_comparison(_among_first(design, numbers)[places])
        most = of_comparison(np.array([design.planned[place] for place in places]))
        own = replace(spending, most=float(most))
        return dict(zip(judged, own.bounds(tuple(seen.tolist()), None, ended), strict=True))
    share = sum(design.arms[name].allocation for name in names) / sum(design.allocation)
    mine = tuple(round(number * share) for number in numbers)
    return dict(zip(judged, spending.bounds(mine, numbers, ended), strict=True))


def planned_thresholds(design: Design, rule: Rule, arm: str | None = None) -> dict[int, float]:
    """The same as thresholds of 1 − p."""
    bounds = planned_bounds(design, rule, arm)
    values = as_thresholds(np.array(list(bounds.values())))
    return dict(zip(bounds, values.tolist(), strict=True))


def spent_apart(design: Design, rule: Rule) -> tuple[str, ...]:
    """Arms of which planned boundaries differ, since each spends by its own comparison."""
    asked = rule.posterior
    alike = design.stays is None or asked is None or asked.arm != "each"
    if alike or spending_of(design, rule) is None:
        return ()
    return design.experimental_names


def first_of(design: Design, rule: Rule) -> str:
    """Say of which arm planned thresholds are told, where those of others differ: `` for auto``."""
    apart = spent_apart(design, rule)
    return f" for {apart[0]}" if apart else ""


def _among_first(design: Design, numbers: tuple[int, ...]) -> Floats:
    """Of so many first participants those expected in each arm, ``(arm, number)``."""
    return np.stack([planned_among(design, number).sum(axis=1) for number in numbers], axis=1)


def fixed_numbers(design: Design) -> bool:
    """Whether every look sees the planned numbers, as long as they can be reached.

    And as long as no arm is closed, where there are several.
    """
    if design.stays is not None:  # how many an arm has at a look hangs on when participants come
        return False
    if design.looks.counts.of_events:
        return True
    return design.looks.counts.when_followed and not design.primary_endpoint.counts_some()


def _numbers(design: Design, rule: Rule) -> tuple[int, ...]:
    """Participants or events planned for each look, in all arms."""
    looks, enrolment = design.looks, design.enrolment
    assert rule.posterior is not None
    known = design.endpoints[rule.posterior.about].known_after() or 0.0
    if looks.counts.by_calendar:
        at = [_known(enrolment, month - known) for month in looks.at]
    elif not looks.counts.of_known:
        at = [_known(enrolment, enrolment.pace.month_of(number) - known) for number in looks.at]
    else:
        at = [int(number) for number in looks.at]
    return tuple([*at, enrolment.max_n] if looks.final is not None else at)


def _known(enrolment: Enrolment, month: float) -> int:
    """Whole participants who are expected to be randomised by a month."""
    return min(enrolment.max_n, int(enrolment.pace.expected_by(month) + 1e-9))


def _compared(design: Design, rule: Rule, arm: str | None) -> list[str]:
    """Names of the arms of a rule's target: the one named, or the first."""
    asked = rule.posterior
    assert asked is not None
    kind = asked.kind
    other = None if kind.other is None else getattr(asked, kind.other)
    first = design.experimental_names[0] if asked.arm == "each" else asked.arm
    return list(dict.fromkeys(name for name in (arm or first, other) if name is not None))
