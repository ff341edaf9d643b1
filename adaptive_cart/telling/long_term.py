"""Long-term follow-up in words: who is followed, and what the planned number will show."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.results.long_term import bound, counted, one_participant


def told_long_term(design: Design) -> Iterator[str]:
    """Who is followed and for how long; by scenario and arm, what is expected of everybody."""
    asked = design.long_term_follow_up
    assert asked is not None
    years = ", ".join(f"{year:g}" for year in asked.moments)
    yield f"Long-term follow-up ({asked.years:g} years; told at {years})"
    yield (
        "  from infusion, or from randomisation in arms without one, until death or loss "
        f"({asked.lost.per_year:g} a year); leaving the trial does not end it"
    )
    yield f"  counted: {', '.join(counted(design))}, at the rates of the truth"
    yield f"  after {asked.years:g} years, if all {design.enrolment.max_n} are enrolled"
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, truth in design.truths.items():
        lines = tuple(_arm(design, truth, arm) for arm in range(len(design.arm_names)))
        alike.setdefault(lines, []).append(name)
    for lines, names in alike.items():
        yield f"  {', '.join(names)}"
        yield from (f"    {line}" for line in lines)


def _arm(design: Design, truth: Truth, arm: int) -> str:
    asked, planned = design.long_term_follow_up, design.planned[arm]
    assert asked is not None
    one = one_participant(design, truth, arm, asked.years, asked)
    years = planned * one.years
    if years == 0.0:
        return f"{design.arm_names[arm]}: no participant-years, since nobody is followed"
    limit = float(bound(np.array([years]))[0])
    parts = [f"{design.arm_names[arm]}: {years:.4g} participant-years"]
    for event, number in one.events.items():
        any_ = 1.0 - one.none[event] ** planned
        chance = f"{any_:.3f}" if any_ < 0.9995 else "more than 0.999"
        seen = f"{planned * number:.3g} expected, at least one with probability {chance}"
        parts.append(f"{event} {seen if number else 'never happens'}")
    return "; ".join([*parts, f"if none is seen, at most {limit:.2g} a year (95%)"])
