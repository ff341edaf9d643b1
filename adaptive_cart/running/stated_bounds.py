"""Which truths a simulated probability is bounded over, with confidence.

How they are bounded is :mod:`adaptive_cart.running.stated_boxes`.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from adaptive_cart.conduct.rules import resolve_rules
from adaptive_cart.design.design import Design
from adaptive_cart.design.null_ranges import NullRanges
from adaptive_cart.nouns.streams import fresh_seed
from adaptive_cart.results.worst_case import ACROSS, Over, Stated, WorstCase
from adaptive_cart.running.grounds import (
    Ground,
    ground_of_arms,
    ground_of_line,
    grounds_of_spans,
)
from adaptive_cart.running.margin_grounds import grounds_of_margins
from adaptive_cart.running.null_region import Point
from adaptive_cart.running.null_spans import LEVELS, Spans
from adaptive_cart.running.region import Region, calibrated_rules
from adaptive_cart.running.stated_boxes import Confirming, stated_over

WORST_CASE = "worst case"  # what its seeds are for: no trial by which a threshold was found


def bound_over(design: Design, region: Region, found: WorstCase, effort: Confirming) -> Stated:
    """Bound what was looked at over all its truths; with trials of other seeds than the curve's."""
    first, told, tried = (fresh_seed(effort.seed, WORST_CASE, times) for times in (4, 2, 3))
    grounds, words = _grounds(design, region, found)
    seen = [place.figure.estimate for place in found.places]
    largest = 1.0 - min(seen) if found.of.smallest else max(seen)
    return stated_over(grounds, design, words, largest, (first, told, tried), effort)


def _grounds(design: Design, region: Region, found: WorstCase) -> tuple[list[Ground], str]:
    """The truths that were looked at, and in words; blank for the margins by one control rate."""
    if found.of.at_effect:
        assert found.effect is not None
        (name,) = found.axes
        controls = [place.rates[name] for place in found.places]
        limits = (min(controls), max(controls))
        of = found.of
        line = ground_of_line(design, region, limits, found.effect, of.ending, of.smallest)
        return [line], found.region
    if found.across.control and not region.spans:
        return grounds_of_margins(design, region), ""
    words = words_over(design, region, found.over)
    if found.across.arms:
        return [arms_of(design, region)], words
    runs = of_strata(design, region) if found.across.strata else region
    numbers = [one.path for one in runs.ranges.values]
    spans = Spans(design, design, runs)
    if numbers:
        many = {LEVELS[len(family.axes)] for family in spans.families}
        words += f" (of {' and '.join(numbers)} at {max(many)} values each, and not between them)"
    return grounds_of_spans(spans), words


# ── the truths, and in words ──────────────────────────────────────────────────────────────────
def words_over(design: Design, region: Region, over: Over) -> str:
    """The truths that are looked at, as a protocol would say it."""
    if ACROSS[over].arms:
        low, high = region.limits
        run = (
            ""
            if (low, high) == (0.0, 1.0)
            else f", those of {region.whose} from {low:g} to {high:g},"
        )
        return f"all rates of {_listed(design.arm_names)}{run} at which a claim is false"
    if ACROSS[over].strata:
        ranges = of_strata(design, region).ranges
        run = ranges.rate_words(region.limits, design.stratum_names)
        return (
            f"all {region.whose} rates {run}, with the effects at which the claim is just false in "
            f"each"
        )
    return region.words


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def of_strata(design: Design, region: Region) -> Region:
    """The control rates of each stratum by itself, with the effect at which it is just false."""
    own = region.ranges.by_stratum
    cells = [(region.whose, stratum) for stratum in design.stratum_names]
    ranges = NullRanges({}, {cell: own.get(cell, region.limits) for cell in cells}, None, ())
    return replace(region, nulls=(), ranges=ranges)


def arms_of(design: Design, region: Region) -> Ground:
    """The rates of all arms, as far as a claim is false."""
    return ground_of_arms(design, region, calibrated_rules(design, resolve_rules(design)))


def points_of_arms(
    design: Design, region: Region, number: int
) -> list[tuple[Point, dict[str, float]]]:
    """Truths of an even grid of the rates of all arms at which a claim is false."""
    ground = arms_of(design, region)
    lines = [np.unique(np.linspace(*ends, number)) for ends in ground.limits.values()]
    found = []
    for place in itertools.product(*lines):
        at = tuple(float(rate) for rate in place)
        name, truth = ground.truth(at)
        counted = ground.counted([truth])
        if counted is not None and counted.false is not None:
            point = Point(name, truth, dict(counted.false))
            found.append((point, dict(zip(ground.limits, at, strict=True))))
    return found
