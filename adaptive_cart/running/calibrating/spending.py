"""Thresholds free by look: so much of the type I error is spent up to each, in the worst case.

The looks are gone through in turn. With the thresholds of the looks before in force, that of look k
is the smallest attainable one at which the probability of a false success at look k or before is at
most what may be spent up to it, at every truth of the null region; the later looks declare nothing
meanwhile. What predicts the rule depends on its last threshold, which is found last: then all is
done again with that until it does not move.

Simulated, one set of trials without success tells what each look asked for; a trial that has
reached an earlier threshold counts as spent. Fresh trials at the two worst truths set all
thresholds anew.

The idea of spending is that of Lan & DeMets 1983 (Biometrika 70:659), on counts and over a region.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adaptive_cart.conduct.rules import ResolvedRule, resolve_rules
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.nouns.progress import Progress
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.calibration import Calibrated, NullPoint
from adaptive_cart.results.figure import Figure, proportion
from adaptive_cart.results.shared_calibration import AnyCalibration
from adaptive_cart.running.calibrating.search import (
    CONFIRMED,
    FRESH,
    SETTLED,
    Effort,
    Rest,
    Search,
    not_settled,
)
from adaptive_cart.running.calibrating.type_one_error import SLACK, enumerates, what_was_found
from adaptive_cart.running.exact_error import ExactError, distinct
from adaptive_cart.running.null_points import searched
from adaptive_cart.running.null_region import Point
from adaptive_cart.running.region import (
    Region,
    calibrated_rules,
    region_of,
    with_threshold,
    with_thresholds,
)
from adaptive_cart.running.simulated_error import (
    ALWAYS,
    asked_by_look,
    false_successes,
    midway,
    nothing_keeps,
    require_shown,
    smallest,
)
from adaptive_cart.running.simulating import Simulating

ROUNDS = 8
PATH = "calibration.spend"
NEVER = 2.0  # a threshold that nothing reaches


class Spending(Search):
    """Thresholds free by look."""

    finds = "a threshold for each look, by what is spent up to it"
    confirmed = "enumerated, or by ten times as many fresh trials at the two worst null points"
    log = Calibrated

    def takes(self, design: Design) -> bool:
        """Whether so much of the type I error is to be spent up to each look."""
        return design.calibration is not None and design.calibration.spend is not None

    def find(self, design: Design, effort: Effort, rest: Rest) -> AnyCalibration:
        """Enumerate them, look by look, where that is valid and quick; else simulate."""
        region = region_of(design)
        if enumerates(design, region, effort.engine):
            return _spent(design, region, effort.progress)
        return _simulated(design, region, effort)


def _spent(design: Design, region: Region, progress: Progress) -> Calibrated:
    """Thresholds free by look, of a design that is enumerated."""
    assert design.calibration is not None
    assert design.calibration.spend is not None
    numbers = with_threshold(design, 0.5)
    (rule,) = calibrated_rules(design, resolve_rules(numbers))
    error = ExactError(numbers, {rule.name}, region.limits)
    spend = [*design.calibration.spend]
    found = thresholds_spending(error, rule, spend, progress)
    last = found[max(found)]
    worst = error.worst(last)
    shown = {**error.shown(last), worst.name: worst.error}
    return what_was_found(
        design, region, last, *error.beside(rule.name, max(found), last, last),
        by_look={rule.name: found},
        method="exact",
        points=tuple(NullPoint(name, value, 0.0) for name, value in shown.items()),
        worst=worst.name,
        calibrated=[rule],
        notes=(_told(found, spend),),
        shape="spending",
    )  # fmt: skip


def _told(found: Iterable[int], spend: Sequence[float]) -> str:
    told = ", ".join(f"{most:g} up to look {look}" for look, most in zip(found, spend, strict=True))
    return f"at most so much of the error is spent: {told}"


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


# ── simulated ─────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class _Asked:
    """What trials of some truths asked for, look by look.

    Attributes
    ----------
    values
        By truth: ``(trial, look)``.
    upper
        Whether the upper 95% bound of what is spent is held, or its estimate.
    """

    values: Mapping[str, Floats]
    upper: bool


def _simulated(design: Design, region: Region, effort: Effort) -> Calibrated:
    """Thresholds free by look, from trials that are run without success."""
    assert design.calibration is not None
    assert design.calibration.spend is not None
    spend, upper = [*design.calibration.spend], design.calibration.by_upper_bound
    if spend[0] > 0.0:
        require_shown(spend[0], effort.trials, FRESH * effort.trials, upper, PATH)
    predicted = any(a.predictive for rule in design.rules for a in rule.comparisons)
    search, confirming = effort.searching, effort.confirming
    last, moved = 1.0 - spend[-1], 0.0
    points, searched_notes = searched(with_threshold(design, last), design, region, search)
    worst: list[str] = []
    for _ in range(ROUNDS if predicted else 1):
        numbers = with_threshold(design, last)
        (rule,) = calibrated_rules(design, resolve_rules(numbers))
        asked = _asked(numbers, design, points, search, "spending")
        thresholds = _look_by_look([_Asked(asked, False)], rule.looks, spend)
        if upper:
            worst = worst or _worst(asked, thresholds)[:CONFIRMED]
            again = {name: points[name] for name in worst}
            fresh = _asked(numbers, design, again, confirming, "confirmation")
            others = {name: values for name, values in asked.items() if name not in worst}
            groups = [_Asked(fresh, True), *([_Asked(others, False)] if others else [])]
            thresholds = _look_by_look(groups, rule.looks, spend)
        moved, last = abs(thresholds[max(thresholds)] - last), thresholds[max(thresholds)]
        if moved < SETTLED:
            break
    final = with_thresholds(design, last, {rule.name: thresholds})
    errors = {name: _share(values, thresholds) for name, values in asked.items()}
    named = _worst(fresh if upper else asked, thresholds)[0]
    number = confirming.trials if upper else search.trials
    wrong = false_successes(final, points[named], number, confirming.seed)
    unsettled = [not_settled(ROUNDS, moved, last)] if predicted and moved >= SETTLED else []
    return what_was_found(
        design, region, last, None, None,
        by_look={rule.name: thresholds},
        method="simulated",
        points=tuple(
            NullPoint(name, share.estimate, share.mcse) for name, share in errors.items()
        ),
        worst=named,
        calibrated=[rule],
        trials=effort.trials,
        fresh=proportion(wrong, number),
        seed=search.seed,
        notes=(_told(thresholds, spend), *unsettled, *searched_notes),
        confidence="upper" if upper else "estimate",
        shape="spending",
    )  # fmt: skip


def _asked(
    numbers: Design,
    written: Design,
    points: Mapping[str, Point],
    simulating: Simulating,
    what: str,
) -> dict[str, Floats]:
    """By truth: what each trial asked for at each look, ``(trial, look)``."""
    return simulating.by_name(what, functools.partial(asked_by_look, numbers, written), points)


def _look_by_look(
    groups: Sequence[_Asked], looks: Sequence[int], spend: Sequence[float]
) -> dict[int, float]:
    """By look: the smallest threshold that keeps what may be spent up to it.

    A trial that has reached the threshold of an earlier look counts at every threshold.
    """
    reached = [
        {name: np.zeros(len(values), dtype=np.bool_) for name, values in group.values.items()}
        for group in groups
    ]
    found: dict[int, float] = {}
    for look, most in zip(looks, spend, strict=True):
        needed = []
        for group, before in zip(groups, reached, strict=True):
            values = [
                np.where(before[name], ALWAYS, asked[:, look - 1])
                for name, asked in group.values.items()
            ]
            needed.append(smallest(values, most, group.upper, PATH)[0])
        found[look] = max(needed)
        for group, before in zip(groups, reached, strict=True):
            for name, asked in group.values.items():
                before[name] |= asked[:, look - 1] >= found[look]
    return found


def _share(asked: Floats, thresholds: Mapping[int, float]) -> Figure:
    """How many trials reach the threshold of any look."""
    won = np.zeros(len(asked), dtype=np.bool_)
    for look, threshold in thresholds.items():
        won |= asked[:, look - 1] >= threshold
    return proportion(int(won.sum()), len(won))


def _worst(asked: Mapping[str, Floats], thresholds: Mapping[int, float]) -> list[str]:
    """Names of the truths, those in which most trials succeed first."""
    return sorted(asked, key=lambda name: -_share(asked[name], thresholds).estimate)
