"""Truths that a few numbers say, as boxes of these numbers: what simulated bounds are stated over.

A *ground* is all truths that a scenario becomes when some of its rates run, each from where to
where: control rates by stratum with the effect at which the claim is just false in each, the rates
of every arm by itself, one control rate with an effect. Every rate that is drawn rises or falls
with each number, so that over a box of numbers it lies between its values at the corners.

What is counted in a box is a success whose claim may be false at some truth of it. Each thing that
is asked of rates rises or falls with each of them, so that it is known wherever the truths answer
alike in which each arm has its lowest or its highest rates; else it may be so or not. What a rule
makes of several such answers follows (:class:`adaptive_cart.results.claims.ClaimsAmong`).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule, resolve_rules
from adaptive_cart.decisions import SUCCESS, Ending
from adaptive_cart.design.design import Design
from adaptive_cart.design.null_ranges import ELSEWHERE
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import InputError
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.estimand import SobolLatents, TrueValues, true_values
from adaptive_cart.running.null_region import (
    POINTS,
    Point,
    falsely,
    kept_of,
    rate_words,
)
from adaptive_cart.running.null_spans import LEVELS, Family, Spans
from adaptive_cart.running.region import Region
from adaptive_cart.running.simulated_error import endings, false_successes

HALVINGS = 5  # of a side of a box, to leave out what is true
LAST = 256  # truths of which true values are kept

Place = tuple[float, ...]
Limits = tuple[float, float]


@dataclass(frozen=True)
class Counted:
    """What is counted of trials: successes whose claim is false, or how they end.

    Attributes
    ----------
    false
        By name of a success rule: positions of the targets that count; nothing where an ``ending``
        is counted.
    lacking
        Whether the trials are counted that do not end so.
    """

    false: Mapping[str, tuple[int, ...]] | None
    ending: Ending = SUCCESS
    lacking: bool = False


@dataclass(frozen=True)
class Spot:
    """A truth that is to be simulated, and what is counted there."""

    name: str
    truth: Truth
    counted: Counted


def events(design: Design, spot: Spot, *, trials: int, seed: int) -> int:
    """How many trials of a design count at a truth."""
    counted = spot.counted
    if counted.false is not None:
        return false_successes(
            design, Point(spot.name, spot.truth, dict(counted.false)), trials, seed
        )
    ended = endings(design, spot.truth, counted.ending, trials, seed)
    return trials - ended if counted.lacking else ended


@dataclass(frozen=True)
class Ground:
    """All truths between some numbers.

    Attributes
    ----------
    limits
        By name of a number: from where to where it runs; none where it is a single truth.
    truth
        Name and truth, by the numbers in their order.
    endpoint
        Whose rates move.
    counted
        What counts of all truths between some, nothing where nothing does; given those where each
        arm has its lowest or highest rates.
    partly
        Whether there may be truths in it at which nothing counts: they are left out of boxes.
    """

    limits: Mapping[str, Limits]
    truth: Callable[[Place], tuple[str, Truth]]
    endpoint: str
    counted: Callable[[Sequence[Truth]], Counted | None]
    partly: bool = False

    def drawn(self, at: Place) -> Floats:
        """What is drawn at a place, ``(arm, stratum)``: the rates before dropout, if any move."""
        if not self.limits:
            return np.zeros((0, 0))
        return np.array(self.truth(at)[1].direct[self.endpoint], dtype=float)

    def between(self, low: Place, high: Place) -> tuple[Floats, Floats]:
        """The lowest and the highest of what is drawn in a box, ``(arm, stratum)`` each."""
        ends = [{a, b} for a, b in zip(low, high, strict=True)]
        drawn = [self.drawn(corner) for corner in itertools.product(*ends)]
        return np.minimum.reduce(drawn), np.maximum.reduce(drawn)

    def counted_between(self, low: Place, high: Place) -> Counted | None:
        """What counts in a box."""
        return self.counted(self._extremes(low, high))

    def alike_between(self, low: Place, high: Place) -> tuple[Counted | None, bool]:
        """What counts in a box, and whether the same does at every truth of it."""
        extremes = self._extremes(low, high)
        found = self.counted(extremes)
        alike = not self.partly or all(self.counted([one]) == found for one in extremes)
        return found, alike

    def _extremes(self, low: Place, high: Place) -> list[Truth]:
        """The truths of a box in which each arm has its lowest or its highest rates."""
        base = self.truth(low)[1]
        if not self.limits:
            return [base]
        by_arm = [{tuple(a), tuple(b)} for a, b in zip(*self.between(low, high), strict=True)]
        return [base.with_direct(self.endpoint, rates) for rates in itertools.product(*by_arm)]

    def shrunk(self, low: Place, high: Place) -> tuple[Place, Place] | None:
        """The box without the margins of it in which nothing counts; nothing where it has none."""
        extremes = self._extremes(low, high)
        if self.counted(extremes) is None:
            return None
        if not self.partly or all(self.counted([one]) is not None for one in extremes):
            return low, high
        for axis in range(len(low)):
            for upper in (False, True):
                low, high = self._cut(low, high, axis, upper)
        return low, high

    def _cut(self, low: Place, high: Place, axis: int, upper: bool) -> tuple[Place, Place]:
        """Move one side inwards as long as nothing counts between it and where it was."""
        outside, inside = (high, low) if upper else (low, high)
        kept, part = outside[axis], 1.0
        for _ in range(HALVINGS):
            part /= 2.0
            tried = kept + part * (inside[axis] - outside[axis])
            slab = _with(inside, axis, tried), outside
            ends = (slab[0], slab[1]) if upper else (slab[1], slab[0])
            if self.counted_between(*ends) is None:
                kept = tried
        moved = _with(outside, axis, kept)
        return (low, moved) if upper else (moved, high)


def _with(place: Place, axis: int, value: float) -> Place:
    return (*place[:axis], value, *place[axis + 1 :])


# ── what is false ─────────────────────────────────────────────────────────────────────────────
@dataclass
class Falsely:
    """Which successes are, or may be, false at a truth, or somewhere between several.

    Attributes
    ----------
    calibrated
        Those of which one has to be false for a truth to count.
    known
        True values of the last truths.
    """

    design: Design
    success: Sequence[ResolvedRule]
    calibrated: Sequence[ResolvedRule]
    latents: SobolLatents = field(default_factory=lambda: SobolLatents(points=POINTS))
    known: dict[int, tuple[Truth, TrueValues]] = field(default_factory=dict)

    def __call__(self, truths: Sequence[Truth]) -> Counted | None:
        """Positions of the targets by rule; nothing where none is."""
        true = [self._true(truth) for truth in truths]
        found = {rule.name: falsely(rule, *true) for rule in self.success}
        if not any(found[rule.name] for rule in self.calibrated):
            return None
        return Counted(found)

    def _true(self, truth: Truth) -> TrueValues:
        """The true values of a truth; often it is one of those last asked about."""
        if id(truth) not in self.known:
            if len(self.known) >= LAST:
                self.known.clear()
            found = true_values(self.design, truth, self.latents, plan=self.plan)
            self.known[id(truth)] = truth, found  # which keeps it alive, and so its number its own
        return self.known[id(truth)][1]

    @functools.cached_property
    def plan(self) -> Plan:
        """The design, ready to run."""
        return Plan.of(self.design)


# ── the grounds of a design ───────────────────────────────────────────────────────────────────
def grounds_of_spans(spans: Spans) -> list[Ground]:
    """The truths of a region that runs over more than one rate; numbers of scenarios at a grid."""
    region = spans.region
    counted = Falsely(spans.design, spans.success, spans.calibrated)
    found = []
    for family in spans.families:
        numbers = {one.path for one in region.ranges.values} & {*family.axes}
        for at in _grid(family, numbers):
            if family.rates:
                found += [*_of_rates(spans, family, at, counted)]
                continue
            for name, truth in spans.of_scenario(family, at).items():
                found.append(
                    Ground({}, functools.partial(_always, name, truth), region.endpoint, counted)
                )
    return [one for one in found if one.limits or one.counted([one.truth(())[1]]) is not None]


def _always(name: str, truth: Truth, at: Place) -> tuple[str, Truth]:
    return name, truth


def _grid(family: Family, numbers: set[str]) -> Iterator[dict[str, float]]:
    """Every choice of values of the numbers that are no rates."""
    lines = {
        name: np.unique(np.linspace(*limits, LEVELS[len(family.axes)]))
        for name, limits in family.axes.items()
        if name in numbers
    }
    for values in itertools.product(*lines.values()):
        yield dict(zip(lines, map(float, values), strict=True))


def _of_rates(
    spans: Spans, family: Family, at: Mapping[str, float], counted: Falsely
) -> Iterator[Ground]:
    """One ground for each effect, and each choice of who differs."""
    base = spans.base_at(family, at)
    said = spans.said(at)
    for effect in spans.effects:
        for who in spans.all_who_differ():
            limits = {
                name: ends
                for name, ends in family.axes.items()
                if name not in at and (name != ELSEWHERE or who)
            }

            def truth(
                place: Place,
                limits: Mapping[str, Limits] = limits,
                who: tuple[tuple[int, int], ...] = who,
                effect: object = effect,
            ) -> tuple[str, Truth]:
                where = {**at, **dict(zip(limits, place, strict=True))}
                name, found = spans.with_rates(base, where, effect, who)  # type: ignore[arg-type]
                return (f"{name}, {said}" if said else name), found

            partly = bool(who) or len(spans.effects) > 1
            yield Ground(limits, truth, spans.region.endpoint, counted, partly)


def ground_of_arms(design: Design, region: Region, calibrated: Sequence[ResolvedRule]) -> Ground:
    """The rates of every arm by itself, alike in all strata, as far as a claim is false."""
    truth, names = _alike(design, region), design.arm_names
    limits = {name: (0.0, 1.0) for name in names}
    limits[region.whose] = region.limits
    success = [rule for rule in resolve_rules(design) if rule.decision.ends == SUCCESS]
    return Ground(limits, truth, region.endpoint, Falsely(design, success, calibrated), True)


def ground_of_line(
    design: Design, region: Region, limits: Limits, effect: float, ending: Ending, lacking: bool
) -> Ground:
    """Control rates, with all other arms' an effect beside them: how trials end there."""
    alike, others = _alike(design, region), len(design.arms) - 1
    counted = Counted(None, ending, lacking)

    def truth(at: Place) -> tuple[str, Truth]:
        return alike((at[0], *(min(max(at[0] + effect, 0.0), 1.0),) * others))

    return Ground({design.arm_names[0]: limits}, truth, region.endpoint, lambda _: counted)


def _alike(design: Design, region: Region) -> Callable[[Place], tuple[str, Truth]]:
    """Truths by the true rates of all arms, alike in strata, no larger than dropout leaves."""
    if region.base is None:
        raise InputError(f"--over arms: over rates, and {region.without_rates}")
    base = design.truths[region.base]
    kept = kept_of(design, base, region.endpoint)

    def truth(at: Place) -> tuple[str, Truth]:
        direct = np.minimum(np.array(at)[:, None] / kept, 1.0)
        values = tuple(tuple(float(rate) for rate in arm) for arm in direct)
        found = base.with_direct(region.endpoint, values).as_null
        return rate_words(design, np.array(at)), found

    return truth
