"""Thresholds free by look: so much of the type I error is spent up to each, in the worst case.

The looks are gone through in turn. With the thresholds of the looks before in force, that of look k
is the smallest attainable one at which the probability of a false success at look k or before is at
most what may be spent up to it, at every truth of the null region; the later looks declare nothing
meanwhile. What predicts the rule depends on its last threshold, which is found last: then all is
done again with that until it does not move.

The idea of spending is that of Lan & DeMets 1983 (Biometrika 70:659), on counts and over a region.
"""

from __future__ import annotations

from collections.abc import Callable

from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.nouns.records import Floats
from adaptive_cart.running.exact_error import ExactError, distinct
from adaptive_cart.running.simulated_error import midway, nothing_keeps

SLACK = 1e-12  # rounding of an enumerated error
ROUNDS = 8
NEVER = 2.0  # a threshold that nothing reaches


def thresholds_spending(
    error: ExactError,
    rule: ResolvedRule,
    spend: list[float],
    progress: Callable[[str, int, int], None],
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
    progress: Callable[[str, int, int], None],
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
