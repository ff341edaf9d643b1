"""Thresholds of several rules, each for averages of its own claim over a design prior.

How often a rule succeeds depends on those that may end the trial before it. So each threshold is
found with the others as numbers, in turn, until none moves; a rule whose threshold is still to be
found never succeeds. A claim that is judged when the trial has ended changes nothing for others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, Problem, one_of
from adaptive_cart.results.averaged_calibration import AveragedCalibration
from adaptive_cart.results.calibration import Calibrated
from adaptive_cart.results.several_averages import SeveralAverages
from adaptive_cart.results.shared_calibration import AnyCalibration
from adaptive_cart.running.calibrating.averages import (
    averages_asked,
    calibrate_averages,
    for_type_one_error,
    of_one_rule,
    said_of,
)
from adaptive_cart.running.calibrating.search import Effort, Rest, Search
from adaptive_cart.running.region import asks, found_for

ROUNDS = 8
SETTLED = 1e-9


class AveragesByRule(Search):
    """A threshold of each rule for averages of its own claim."""

    finds = "a threshold of each rule for success, and claim, that keeps averages of its own claim"
    confirmed = "each enumerated, or by as many fresh trials of every scenario as the design acts"
    log = SeveralAverages

    def takes(self, design: Design) -> bool:
        """Whether anything is wanted on average, and several thresholds are to be found."""
        return averages_asked(design) and len(_asking(design)) > 1

    def find(self, design: Design, effort: Effort, rest: Rest) -> AnyCalibration:
        """Find what the type I error needs of each first, then all in turn."""
        return _in_turn(design, _least(design, effort, rest), effort)


def _asking(design: Design) -> list[str]:
    return [rule.name for rule in design.rules if asks(rule)]


def _least(design: Design, effort: Effort, rest: Rest) -> dict[str, Calibrated]:
    """By rule for success: the threshold that its share of the type I error needs, where wanted.

    With a higher one its false successes are no more frequent, whatever the other rules do.
    """
    assert design.calibration is not None
    success = [one.name for one in design.rules_ending(SUCCESS) if asks(one)]
    if design.calibration.type_one_error is None or not success:
        return {}
    found = rest(for_type_one_error(design), effort)
    if found.of_several is not None:
        return dict(found.of_several.rules)
    assert found.of_success is not None
    return {success[0]: found.of_success}


def _in_turn(design: Design, least: Mapping[str, Calibrated], effort: Effort) -> SeveralAverages:
    names = _asking(design)
    values: dict[str, Any] = dict.fromkeys(names, 1.0)
    found: dict[str, AveragedCalibration] = {}
    for _ in range(ROUNDS):
        before = dict(values)
        for name in names:
            alone = of_one_rule(design, name, values)
            others = {other: values[other] for other in found if other != name}
            with said_of(design, name, others):
                found[name] = calibrate_averages(alone, least.get(name), effort, confirm=False)
            values[name] = found[name].of_rule(name)
        if all(_moved(before[name], values[name]) <= SETTLED for name in names):
            break
    else:
        raise _not_together(design, before, values)
    for name in names:
        if not found[name].exact:
            alone = of_one_rule(design, name, values)
            found[name] = calibrate_averages(alone, least.get(name), effort)
    scenarios = tuple(dict.fromkeys(one for each in found.values() for one in each.scenarios))
    return found_for(design, SeveralAverages(found, (), scenarios, "", ""))


def _moved(before: Any, after: Any) -> float:
    """By how much a threshold, or the farthest of those by look, has moved."""
    many = [one if isinstance(one, list) else [one] for one in (before, after)]
    longest = max(len(one) for one in many)
    first, second = (one * longest if len(one) == 1 else one for one in many)
    return max(abs(a - b) for a, b in zip(first, second, strict=True))


def _not_together(
    design: Design, before: Mapping[str, Any], after: Mapping[str, Any]
) -> DesignError:
    """The error to raise where thresholds that depend on each other do not settle."""
    moving = [name for name in after if _moved(before[name], after[name]) > SETTLED]
    assert design.calibration is not None
    key = "averages" if design.calibration.averages else design.calibration.of_all.named[0]
    message = (
        f"the thresholds of {one_of(moving)} cannot be met together: after {ROUNDS} rounds they "
        f"still move, because how often each succeeds depends on the other; write a number in one "
        f"of them, or ask for less"
    )
    return DesignError([Problem(f"calibration.{key}", message)])
