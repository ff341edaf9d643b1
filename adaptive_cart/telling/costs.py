"""Costs in words: what is counted, and what a participant of each arm costs by scenario."""

from __future__ import annotations

import math
from collections.abc import Iterator

from adaptive_cart.design.design import Design
from adaptive_cart.results.costs import costs_of, counted_until, counts_further
from adaptive_cart.results.true_value import TrueValue


def told_costs(design: Design) -> Iterator[str]:
    """What is counted; by scenario, the cost of a participant.

    What a year in remission costs needs true months, which `simulate` works out.
    """
    asked = design.costs
    assert asked is not None
    where = "in the report too" if asked.report else "not in the report"
    yield f"Costs ({asked.currency}; {where})"
    for key, by_arm in (("randomised", asked.per_randomised), ("infused", asked.per_infused)):
        for arm, cost in by_arm.items():
            what = "for each infusion" if key == "infused" else f"for each participant {key}"
            yield f"  {arm}: {cost:,.0f} {what}"
    if asked.remission is not None:
        yield f"  by years in remission: those of {asked.remission}"
    if any(counts_further(design, truth) for truth in design.truths.values()):
        month = counted_until(design)
        until = "whenever they come" if month == math.inf else f"up to month {month:g}"
        yield f"  infusions after the first and after a crossover are counted {until}"
    alike: dict[str, list[str]] = {}
    for name, truth in design.truths.items():
        costs = costs_of(design, truth, None)
        each = zip(design.arm_names, costs, strict=True)
        words = ", ".join(f"{arm} {_amount(cost.participant)}" for arm, cost in each)
        alike.setdefault(words, []).append(name)
    for words, names in alike.items():
        yield f"  a participant costs {words} ({', '.join(names)})"


def _amount(cost: TrueValue) -> str:
    """A cost, with its error where it is integrated."""
    error = f" (± {cost.mcse:,.0f})" if cost.mcse else ""
    return f"{cost.value:,.0f}{error}"
