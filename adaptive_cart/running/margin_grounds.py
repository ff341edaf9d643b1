"""The truths at the margins of claims, by one control rate: where each is just false."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from adaptive_cart.conduct.rules import resolve_rules
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.running.grounds import Falsely, Ground, Place
from adaptive_cart.running.null_region import Effect, Point, effects_of, rate_points
from adaptive_cart.running.region import Region, calibrated_rules

ENDS = 40  # of a thousandth of the rates, to find where a claim can no longer be false


def grounds_of_margins(design: Design, region: Region) -> list[Ground]:
    """The control rates of a region at each margin at which a claim can be false."""
    rules = resolve_rules(design)
    success = [rule for rule in rules if rule.decision.ends == SUCCESS]
    calibrated = calibrated_rules(design, rules)
    falsely, found = Falsely(design, success, calibrated), []
    for effect in effects_of(calibrated, design):
        at_rate = points_at(design, region, effect)
        limits = where_false(at_rate, region.limits)
        if limits is not None:
            of_truth = truths_of(at_rate)
            found.append(Ground({region.whose: limits}, of_truth, region.endpoint, falsely, True))
    return found


def truths_of(at_rate: Callable[[float], Point | None]) -> Callable[[Place], tuple[str, Truth]]:
    """Name and truth, by control rate."""

    def truth(at: Place) -> tuple[str, Truth]:
        point = at_rate(at[0])
        assert point is not None
        return point.name, point.truth

    return truth


def where_false(
    at: Callable[[float], Point | None], limits: tuple[float, float]
) -> tuple[float, float] | None:
    """The control rates of the region at which the claim can be false; nothing if at none."""
    rates = [float(one) for one in np.linspace(*limits, 1_001)]
    held = [place for place, one in enumerate(rates) if at(one) is not None]
    if not held:
        return None
    first, last = held[0], held[-1]
    return (
        _end(at, rates[first], rates[max(first - 1, 0)]),
        _end(at, rates[last], rates[min(last + 1, len(rates) - 1)]),
    )


def _end(at: Callable[[float], Point | None], held: float, beyond: float) -> float:
    """How far towards a rate beyond it a claim can be false, to the last bits."""
    if at(beyond) is not None:
        return beyond
    for _ in range(ENDS):
        middle = (held + beyond) / 2.0
        held, beyond = (held, middle) if at(middle) is None else (middle, beyond)
    return held


def points_at(design: Design, region: Region, effect: Effect) -> Callable[[float], Point | None]:
    """The truth by control rate; nothing where the claim is true, or no rate can be."""
    assert region.base is not None
    success = [rule for rule in resolve_rules(design) if rule.decision.ends == SUCCESS]
    base = design.truths[region.base]

    def at(control: float) -> Point | None:
        rates = np.array([control])
        points = rate_points(design, base, region.endpoint, success, [effect], rates)
        return next(points, None)

    return at
