"""Thresholds free by look: so much of the type I error is spent up to each, in the worst case.

The looks are gone through in turn. With the thresholds of the looks before in force, that of look k
is the smallest attainable one at which the probability of a false success at look k or before is at
most what may be spent up to it, at every truth of the null region; the later looks declare nothing
meanwhile. What predicts the rule depends on its last threshold, which is found last: then all is
done again with that until it does not move.

The idea of spending is that of Lan & DeMets 1983 (Biometrika 70:659), on counts and over a region.
"""

from __future__ import annotations

from adaptive_cart.conduct.rules import ResolvedRule, resolve_rules
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, EngineError, Problem
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.calibration import Calibrated, NullPoint
from adaptive_cart.results.shared_calibration import AnyCalibration
from adaptive_cart.running.calibrating.search import Effort, Rest, Search
from adaptive_cart.running.calibrating.type_one_error import SLACK, enumerates, what_was_found
from adaptive_cart.running.engine import Engine
from adaptive_cart.running.exact_error import ExactError, distinct
from adaptive_cart.running.region import Region, calibrated_rules, region_of, with_threshold
from adaptive_cart.running.simulated_error import Progress, midway, nothing_keeps

ROUNDS = 8
NEVER = 2.0  # a threshold that nothing reaches


class Spending(Search):
    """Thresholds free by look."""

    finds = "a threshold for each look, by what is spent up to it"
    confirmed = "enumerated"
    log = Calibrated

    def takes(self, design: Design) -> bool:
        """Whether so much of the type I error is to be spent up to each look."""
        return design.calibration is not None and design.calibration.spend is not None

    def find(self, design: Design, effort: Effort, rest: Rest) -> AnyCalibration:
        """Enumerate them, look by look."""
        return _spent(design, region_of(design), effort.progress, effort.engine)


def _spent(design: Design, region: Region, progress: Progress, engine: Engine) -> Calibrated:
    """Thresholds free by look, of a design that is enumerated."""
    assert design.calibration is not None
    assert design.calibration.spend is not None
    if not enumerates(design, region, engine):
        raise EngineError(
            "calibration.spend: what is spent up to each look is enumerated, and this design is "
            "simulated; write a shape of the thresholds instead"
        )
    numbers = with_threshold(design, 0.5)
    (rule,) = calibrated_rules(design, resolve_rules(numbers))
    error = ExactError(numbers, {rule.name}, region.limits)
    spend = [*design.calibration.spend]
    found = thresholds_spending(error, rule, spend, progress)
    last = found[max(found)]
    worst = error.worst(last)
    shown = {**error.shown(last), worst.name: worst.error}
    told = ", ".join(f"{most:g} up to look {look}" for look, most in zip(found, spend, strict=True))
    return what_was_found(
        design, numbers, region, last, *error.beside(rule.name, max(found), last, last),
        by_look={rule.name: found},
        method="exact",
        points=tuple(NullPoint(name, value, 0.0) for name, value in shown.items()),
        worst=worst.name,
        calibrated=[rule],
        notes=(f"at most so much of the error is spent: {told}",),
        shape="spending",
    )  # fmt: skip


def thresholds_spending(
    error: ExactError,
    rule: ResolvedRule,
    spend: list[float],
    progress: Progress,
) -> dict[int, float]:
    """By look at which a rule is judged: its threshold.

    Parameters
    ----------
    error
        Of the design, the rule being calibrated.
    spend
        Probability of a false success up to each look, at most.

    Raises
    ------
    DesignError
        If the thresholds do not settle.
    """
    error.predicted = 1.0 - spend[-1]
    for _ in range(ROUNDS):
        found = _once(error, rule, spend, progress)
        last = found[max(found)]
        if not error.predicts or last == error.predicted:
            return found
        error.predicted = last
    raise DesignError(
        [
            Problem(
                "calibration.spend",
                f"found {spend}; what predicts '{rule.name}' and its last threshold depend on each "
                f"other, and do not settle in {ROUNDS} rounds (it moves about {last:.6g}): write a "
                f"number as the threshold of one of them, or spend more at the last look",
            )
        ]
    )


def _once(
    error: ExactError,
    rule: ResolvedRule,
    spend: list[float],
    progress: Progress,
) -> dict[int, float]:
    error.fixed = dict.fromkeys(rule.looks, NEVER)
    found: dict[int, float] = {}
    for done, (look, most) in enumerate(zip(rule.looks, spend, strict=True)):
        progress("spending", done, len(spend))
        error.fixed.pop(look)
        found[look] = _smallest(error, distinct(error.looks[look - 1].asked[rule.name]), most)
        error.fixed[look] = found[look]
    progress("spending", len(spend), len(spend))
    return found


def _smallest(error: ExactError, values: Floats, most: float) -> float:
    """The smallest threshold of a look that keeps what may be spent up to it."""
    low, high = -1, len(values)  # at low too much is spent, at high it is not
    while high - low > 1:
        middle = (low + high) // 2
        if error.worst(float(values[middle]), most + SLACK).error <= most + SLACK:
            high = middle
        else:
            low = middle
    if low < 0:
        return 0.0
    if values[low] >= 1.0:
        raise nothing_keeps(most, error.worst(1.0).error, 1.0)
    return midway(float(values[low]), 1.0 if high == len(values) else float(values[high]))
