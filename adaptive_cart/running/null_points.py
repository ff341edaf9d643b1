"""The truths at which a type I error is simulated: all of them, or the hardest of the region."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from adaptive_cart.conduct.rules import ResolvedRule, resolve_rules
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.running.null_region import (
    Point,
    effects_of,
    false_elsewhere,
    rate_points,
    scenario_points,
    true_nulls,
)
from adaptive_cart.running.null_spans import Spans
from adaptive_cart.running.region import GRID, WIDE_GRID, Region, calibrated_rules, region_of
from adaptive_cart.running.simulated_error import PILOT, hardest, over_points
from adaptive_cart.running.simulating import Simulating

FEWEST = 100  # trials that choose points


def null_points(
    design: Design, written: Design | None = None, grid_of: int | None = None
) -> tuple[list[Point], list[str]]:
    """The truths at which the type I error is simulated, and what is to be told of them.

    Parameters
    ----------
    design
        With numbers as thresholds.
    written
        The design in which some are ``"calibrate"``; the same if left out.
    grid_of
        Number of control rates; that of a calibration if left out.
    """
    asked = written or design
    region = region_of(asked)
    rules = resolve_rules(design)
    success = [rule for rule in rules if rule.decision.ends == SUCCESS]
    calibrated = calibrated_rules(asked, rules)
    truths = design.truths
    if region.spans:
        spans = Spans(design, asked, region)
        points = [point for point, _ in spans.grid(grid_of).values()]
        if not points:
            raise nowhere_false(spans.notes())
        return _claim_by_claim(points, asked, success), spans.notes()
    nulls = {name: truths[name] for name in region.nulls}
    points, notes = scenario_points(design, nulls, calibrated, success) if nulls else ([], [])
    if region.base is not None:
        number = grid_of or (GRID if region.given else WIDE_GRID)
        rates = np.linspace(*region.limits, number)
        base = truths[region.base]
        grid = rate_points(
            design,
            base,
            region.endpoint,
            success,
            effects_of(calibrated, design),
            np.unique(rates),
        )
        points = [*grid, *points]
        notes += true_nulls(design, calibrated, besides=region.nulls)
    else:
        notes += false_elsewhere(design, calibrated, besides=region.nulls)
    if not points:
        raise nowhere_false(notes)
    return _claim_by_claim(points, asked, success), notes


def searched(
    numbers: Design,
    written: Design,
    region: Region,
    simulating: Simulating,
) -> tuple[dict[str, Point], list[str]]:
    """The truths to simulate in full, by name, and what is to be told of the region.

    All where they are few; else those that ask for the highest threshold with a tenth of the
    trials. Where the region runs over more than one rate, their neighbours are looked at too.
    """
    if not region.spans:
        points, notes = null_points(numbers, written)
        chosen = hardest(numbers, written, region, points, simulating)
        return {point.name: point for point in points if point.name in chosen}, notes
    assert written.calibration is not None
    error = written.calibration.type_one_error
    assert error is not None
    spans = Spans(numbers, written, region)
    few = replace(simulating, trials=max(simulating.trials // PILOT, FEWEST))

    def needed(points: Mapping[str, Point]) -> dict[str, float]:
        each = {p.name: p for p in _claim_by_claim([*points.values()], written, spans.success)}
        found = over_points(numbers, written, each, few, "null region")
        asked = {name: float(np.quantile(values, 1.0 - error)) for name, values in found.items()}
        return {
            name: max(asked[one.name] for one in _claim_by_claim([p], written, spans.success))
            for name, p in points.items()
        }

    worst = spans.hardest(needed, GRID)
    if not worst:
        raise nowhere_false(spans.notes())
    points = _claim_by_claim([*worst.values()], written, spans.success)
    return {point.name: point for point in points}, spans.notes()


def nowhere_false(notes: Sequence[str] = ()) -> DesignError:
    """The error to raise where no truth of the region makes a claim false."""
    told = "; ".join(notes) or "no control rate of the region makes the claim false"
    write = "write a null scenario, or a wider null_region, at which the claim is false"
    return DesignError([Problem("calibration", f"nothing to hold the error at: {told}; {write}")])


def _claim_by_claim(
    points: Sequence[Point], asked: Design, success: Sequence[ResolvedRule]
) -> list[Point]:
    """The truths, once for each claim that is false there where each is held by itself."""
    if asked.calibration is None or not asked.calibration.by_claim:
        return [*points]
    return [one for point in points for one in by_claim(point, asked, success)]


def by_claim(point: Point, design: Design, rules: Sequence[ResolvedRule]) -> Iterator[Point]:
    """A truth once for each claim that is false there, so that each is looked at by itself."""
    for rule in rules:
        for place in point.false[rule.name]:
            target = rule.targets[place]
            words = [rule.name]
            if len(rule.targets) > 1:
                words.append(design.arm_names[target.arm])
                words += [design.stratum_names[target.stratum]] if target.stratum >= 0 else []
            false: dict[str, tuple[int, ...]] = {other.name: () for other in rules}
            name = f"{point.name} ({' '.join(words)})"
            yield Point(name, point.truth, false | {rule.name: (place,)})
