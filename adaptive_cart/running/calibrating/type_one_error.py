"""The threshold for success that keeps the type I error, in the worst case over the null region.

Every ``"calibrate"`` of a design is one number: the smallest threshold at which the probability of
a false success is at most the wanted type I error at every point of the null region. The error is a
step function of the threshold, so that the number written lies midway between the largest posterior
probability that must not count as success and the next that may, to ten decimals.
Rules that stop count as binding, unless the design says that they are not: then the search leaves
them out.

Where the exact engine is valid the error is enumerated (:mod:`adaptive_cart.running.exact_error`).
Elsewhere trials are simulated once at each point with success switched off; a trial would have
succeeded at a threshold if the largest probability that a calibrated rule with a false claim ever
asked for reaches it, since success would have ended it there. So the error at every threshold is
read off one simulation. Where another rule predicts a calibrated one, what it does depends on the
threshold too: then the search is repeated with the predicted threshold set to the last answer until
it settles.

The threshold is found on trials of their own (a seed made from the design's). At the null points
with the largest errors ten times as many fresh ones (a third seed) then move it until the upper 95%
bound of the error is at most the one wanted; with ``confidence = "estimate"`` the search alone
decides, and fresh trials only tell the error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from adaptive_cart.conduct.rules import ResolvedRule, resolve_rules
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.progress import Progress
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.calibration import Calibrated, NullPoint, fingerprint
from adaptive_cart.results.figure import proportion
from adaptive_cart.results.shared_calibration import AnyCalibration
from adaptive_cart.running.calibrating.search import (
    CONFIRMED,
    FRESH,
    ROUNDS,
    SETTLED,
    Effort,
    Rest,
    Search,
    not_settled,
)
from adaptive_cart.running.engine import Engine, is_enumerated, obstacles
from adaptive_cart.running.exact_error import MOST_TABLES, ExactError, distinct, tables_of
from adaptive_cart.running.null_points import nowhere_false, searched
from adaptive_cart.running.null_region import Point, true_nulls
from adaptive_cart.running.region import (
    Region,
    asks,
    calibrated_rules,
    claims_of,
    needs_calibration,
    region_of,
    with_threshold,
    with_thresholds,
)
from adaptive_cart.running.shapes import Shape
from adaptive_cart.running.simulated_error import (
    false_successes,
    midway,
    nothing_keeps,
    over_points,
    require_shown,
    smallest,
)

SLACK = 1e-12  # rounding of an enumerated error
STEP = 8  # probabilities between a threshold that is near, and the next that is tried


class TypeOneError(Search):
    """One threshold, or one shape of thresholds, for the type I error."""

    finds = "the threshold for success that keeps the type I error"
    confirmed = "enumerated, or by ten times as many fresh trials at the two worst null points"
    log = Calibrated

    def takes(self, design: Design) -> bool:
        """Every design: whatever nothing else was asked of."""
        return True

    def find(self, design: Design, effort: Effort, rest: Rest) -> AnyCalibration:
        """Enumerate it where that is valid and quick, else simulate."""
        region = region_of(design)
        if enumerates(design, region, effort.engine):
            return _enumerated(design, region, effort.progress, effort.near)
        return _simulated(design, region, effort)


# ── enumerated ────────────────────────────────────────────────────────────────────────────────
def enumerates(design: Design, region: Region, engine: Engine) -> bool:
    """Whether the error is enumerated.

    Raises
    ------
    EngineError
        If that is asked for and not valid.
    """
    return is_enumerated(
        engine, "the error of this design cannot be enumerated",
        lambda: why_not_enumerated(design, region), lambda: tables_of(design) <= MOST_TABLES,
    )  # fmt: skip


def why_not_enumerated(design: Design, region: Region, scenarios: Iterable[str] = ()) -> list[str]:
    """Why the error of a design, and success in some scenarios, is not a matter of tables alone.

    Nothing where it is, however many tables there are.
    """
    if region.base is None:
        return ["the null region is one of scenarios"]
    numbers = with_threshold(design, 0.5) if needs_calibration(design) else design
    truths = {name: numbers.truths[name] for name in (*scenarios, region.base)}
    return [
        *obstacles(numbers, truths),
        *(f"the null region runs over {one}" for one in region.ranges.described()),
        *claims_together(design),
        *_inside_others(design),
    ]


def _inside_others(design: Design) -> list[str]:
    """Say that the threshold is one of several questions', which is searched in trials."""
    return [
        f"'{rule.name}' asks several questions, and the threshold of one of them is sought"
        for rule in design.rules
        if asks(rule) and rule.threshold != "calibrate"
    ]


def _one_by_one(design: Design) -> list[str]:
    """Say of which error it is that it is held."""
    if design.calibration is None or not design.calibration.by_claim:
        return []
    return [
        "the error of each claim is held by itself; that any of them is false has no bound of its "
        "own, and may be more frequent"
    ]


def claims_together(design: Design) -> list[str]:
    """Say that claims are held one by one, which enumeration does not do."""
    asked = design.calibration
    if asked is None or not asked.by_claim or len(design.rules_ending(SUCCESS)) == 1:
        return []
    return ["the error of each claim is held by itself, and several rules declare success"]


def _not_enumerated(design: Design, region: Region) -> list[str]:
    """Say that the error could be enumerated, where only the time it takes speaks against it."""
    if why_not_enumerated(design, region) or tables_of(design) <= MOST_TABLES:
        return []
    return [
        f"the error was simulated, since enumerating it would take {tables_of(design):,} tables; "
        f"more than {MOST_TABLES:,} are enumerated where --engine exact asks for it"
    ]


def _enumerated(
    design: Design, region: Region, progress: Progress, near: float | None
) -> Calibrated:
    assert design.calibration is not None
    target = design.calibration.type_one_error
    assert target is not None
    numbers = with_threshold(design, 0.5)
    calibrated = calibrated_rules(design, resolve_rules(numbers))
    error = ExactError(numbers, {rule.name for rule in calibrated}, region.limits)
    if not error.false_anywhere:
        raise nowhere_false()
    values = distinct(error.probabilities)
    high = _least_that_keeps(error, values, target + SLACK, near, progress)
    if high == len(values):
        raise nothing_keeps(target, error.worst(float(values[-1])).error, float(values[-1]))
    low = high - 1
    must_not = float(values[low]) if low >= 0 else None
    may = float(values[high])
    threshold = 0.0 if must_not is None else midway(must_not, may)
    worst = error.worst(may)
    shown = {**error.shown(may), worst.name: worst.error}
    by_look = {}
    if not error.shape.flat and must_not is not None:
        by_look = {
            rule.name: error.by_look(design, rule, threshold, must_not, may)
            for rule in design.rules
            if asks(rule)
        }
    return what_was_found(
        design, region, threshold, must_not, may,
        by_look=by_look,
        method="exact",
        points=tuple(NullPoint(name, value, 0.0) for name, value in shown.items()),
        worst=worst.name,
        calibrated=calibrated,
        notes=(*error.left_out(), *true_nulls(numbers, calibrated)),
    )  # fmt: skip


def _least_that_keeps(
    error: ExactError, values: Floats, target: float, near: float | None, progress: Progress
) -> int:
    """Place of the smallest threshold that keeps the error; beyond the last if none does.

    The search takes the word of one control rate in eight that a threshold is too small, which is
    proof, and that one keeps the error, which is not: so what it comes to is tried at all rates,
    and it goes on from there where that is too large.

    Parameters
    ----------
    near
        Where it is expected.
    """
    steps = math.ceil(math.log2(len(values) + 1)) + 1
    done = 0

    def too_large(place: int) -> bool:
        nonlocal done
        progress("calibration", min(done, steps - 1), steps)
        done += 1
        return error.worst(float(values[place]), target, coarse=True).error > target

    low, high = -1, len(values)  # at low the error is too large, at high it is not
    if near is not None:
        low, high = _around(too_large, int(np.searchsorted(values, near)), len(values))
    while True:
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if too_large(middle) else (low, middle)
        if high == len(values) or error.worst(float(values[high]), target).error <= target:
            progress("calibration", steps, steps)
            return high
        low, high = high, len(values)


def _around(too_large: Callable[[int], bool], near: int, number: int) -> tuple[int, int]:
    """Places about one between which the error falls below what is wanted, step by larger step."""
    low, high, step = -1, number, STEP
    place = min(near, number - 1)
    while low < place < high:
        if too_large(place):
            low, place = place, place + step if high == number else high
        else:
            high, place = place, place - step if low == -1 else low
        step *= 4
    return low, high


# ── simulated ─────────────────────────────────────────────────────────────────────────────────
def _simulated(design: Design, region: Region, effort: Effort) -> Calibrated:
    assert design.calibration is not None
    error = design.calibration.type_one_error
    assert error is not None
    trials, search = effort.trials, effort.searching
    require_shown(error, trials, FRESH * trials, design.calibration.by_upper_bound)
    predicted = any(a.predictive for rule in design.rules for a in rule.comparisons)
    threshold, must_not, may, moved = 1.0 - error, None, None, 0.0
    largest: dict[str, Floats] = {}
    notes: list[str] = []
    by_name: dict[str, Point] = {}
    for round_ in range(ROUNDS if predicted else 1):
        numbers = with_threshold(design, threshold)
        if not by_name:
            by_name, notes = searched(numbers, design, region, search)
        largest = over_points(numbers, design, by_name, search, f"calibration {round_ + 1}")
        found, must_not, may = smallest([*largest.values()], error)
        moved, threshold = abs(found - threshold), found
        if moved < SETTLED:
            break
    confirmed: dict[str, Floats] = {}
    if design.calibration.by_upper_bound:
        threshold, must_not, may, confirmed, moved = _bounded(
            design, by_name, largest, threshold, effort, ROUNDS if predicted else 1
        )
    if predicted and moved >= SETTLED:
        notes = [not_settled(ROUNDS, moved, threshold), *notes]
    errors = {name: proportion(int((v >= threshold).sum()), trials) for name, v in largest.items()}
    shown = {name: proportion(int((v >= threshold).sum()), len(v)) for name, v in confirmed.items()}
    worst = max(shown or errors, key=lambda name: (shown or errors)[name].estimate)
    shape = Shape.of(design)
    by_look = {
        rule.name: shape.rounded(design, rule, threshold)
        for rule in design.rules
        if asks(rule) and not shape.flat
    }
    final = with_thresholds(design, threshold, by_look)
    if confirmed and not predicted and shape.flat:
        fresh = shown[worst]
    else:
        number = len(confirmed[worst]) if confirmed else trials
        wrong = false_successes(final, by_name[worst], number, effort.confirming.seed)
        fresh = proportion(wrong, number)
    return what_was_found(
        design, region, threshold, must_not, may,
        by_look=by_look,
        method="simulated",
        points=tuple(NullPoint(n, f.estimate, f.mcse) for n, f in errors.items()),
        worst=worst,
        calibrated=calibrated_rules(design, resolve_rules(final)),
        trials=trials,
        fresh=fresh,
        seed=search.seed,
        notes=(*_not_enumerated(design, region), *_one_by_one(design), *notes),
        confidence="upper" if confirmed else "estimate",
    )  # fmt: skip


def _bounded(
    design: Design,
    by_name: Mapping[str, Point],
    largest: Mapping[str, Floats],
    threshold: float,
    effort: Effort,
    rounds: int,
) -> tuple[float, float | None, float | None, dict[str, Floats], float]:
    """Move the threshold until the upper bound of the error, on fresh trials, is what is wanted.

    Parameters
    ----------
    by_name, largest
        The null points, and the largest probabilities of the trials of the search. Those with the
        largest errors are simulated anew, with ten times as many; the others are held by these.

    Returns
    -------
    The threshold with its neighbours, the largest probabilities of the fresh trials, and by how
    much the threshold moved last.
    """
    assert design.calibration is not None
    error = design.calibration.type_one_error
    assert error is not None
    order = sorted(largest, key=lambda name: -float((largest[name] >= threshold).mean()))
    worst, others = order[:CONFIRMED], [largest[name] for name in order[CONFIRMED:]]
    points = {name: point for name, point in by_name.items() if name in worst}
    fresh: dict[str, Floats] = {}
    must_not: float | None = None
    may: float | None = None
    moved = 0.0
    for round_ in range(rounds):
        numbers = with_threshold(design, threshold)
        label = f"confirmation {round_ + 1}"
        fresh = over_points(numbers, design, points, effort.confirming, label)
        found, must_not, may = smallest([*fresh.values()], error, upper=True)
        by_search = smallest(others, error) if others else (0.0, None, None)
        if by_search[0] > found:
            found, must_not, may = by_search
        moved, threshold = abs(found - threshold), found
        if moved < SETTLED:
            break
    return threshold, must_not, may, fresh, moved


# ── what is found ─────────────────────────────────────────────────────────────────────────────
def what_was_found(
    design: Design,
    region: Region,
    threshold: float,
    must_not: float | None,
    may: float | None,
    *,
    calibrated: Sequence[ResolvedRule],
    by_look: Mapping[str, Mapping[int, float]],
    **rest: Any,
) -> Calibrated:
    """What a search for the type I error came to, with the words and fingerprints of a log."""
    assert design.calibration is not None
    assert design.calibration.type_one_error is not None
    scenarios = tuple(dict.fromkeys([*([region.base] if region.base else []), *region.nulls]))
    final = with_thresholds(design, threshold, by_look)
    told = {
        "trials": 0,
        "fresh": None,
        "seed": 0,
        "notes": (),
        "confidence": "exact",
        "shape": Shape.of(design).name,
    } | rest
    return Calibrated(
        threshold=threshold,
        must_not_count=must_not,
        may_count=may,
        target=design.calibration.type_one_error,
        claims={rule.name: claims_of(rule, design) for rule in calibrated},
        margins={rule.name: rule.asked[0].value for rule in calibrated},
        region=region.words,
        scenarios=scenarios,
        asked=fingerprint(design, scenarios),
        found=fingerprint(final, scenarios),
        by_look={name: tuple(values.values()) for name, values in by_look.items()},
        **told,
    )
