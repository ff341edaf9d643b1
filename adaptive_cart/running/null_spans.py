"""Null truths of a region that runs over more than one rate: its grid, and where it is hardest.

Each null scenario is one family of truths, with the ranges that concern it as its axes. Where the
claim is about rates that are given directly, the first family puts rates into its scenario: the
control's by stratum or alike, in every arm and stratum the rate at which the claim is just false,
and in every choice of others that rate moved by what ``elsewhere`` says. A truth at which all
claims are true does not count.

The search starts on an even grid of each family, with few trials at each truth, and then halves the
steps around the truths that ask for the highest threshold.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adaptive_cart.conduct.rules import resolve_rules
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.null_ranges import ELSEWHERE, MOST, Limits, too_many
from adaptive_cart.design.scenarios import truth_with
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.roles import NULL
from adaptive_cart.results.estimand import SobolLatents, TrueValues, true_values
from adaptive_cart.running.null_region import (
    DECIMALS,
    POINTS,
    SAME,
    Effect,
    Point,
    at_its_margin,
    effects_of,
    falsely,
    kept_of,
    moved_to_margin,
)
from adaptive_cart.running.region import Region, calibrated_rules

LEVELS = {0: 1, 1: 9, 2: 6, 3: 4, 4: 3}  # of each axis, by how many there are
HALVINGS, AROUND = 2, 4  # how often steps are halved, around so many truths

At = Mapping[str, float]
Needed = Callable[[Mapping[str, Point]], Mapping[str, float]]


@dataclass(frozen=True)
class Family:
    """Truths that one scenario becomes.

    Attributes
    ----------
    axes
        By name: from where to where it runs.
    rates
        Whether rates are put into it; else it is as the scenario says.
    """

    scenario: str
    axes: Mapping[str, Limits]
    rates: bool

    def grid(self, levels: int | None = None) -> list[dict[str, float]]:
        """An even grid over its axes."""
        number = levels or LEVELS[len(self.axes)]
        lines = [np.unique(np.linspace(*limits, number)) for limits in self.axes.values()]
        return [
            dict(zip(self.axes, (round(float(x), 12) for x in place), strict=True))
            for place in itertools.product(*lines)
        ]

    def beside(self, at: At, part: float) -> Iterator[dict[str, float]]:
        """Places one step away along each axis, of this part of a step of the grid."""
        for name, (low, high) in self.axes.items():
            step = part * (high - low) / (LEVELS[len(self.axes)] - 1)
            for value in (round(at[name] - step, 12), round(at[name] + step, 12)):
                if step > 0.0 and low <= value <= high:
                    yield {**at, name: value}


class Spans:
    """The null truths of a design whose region runs over more than one rate.

    Parameters
    ----------
    design
        With numbers as thresholds.
    written
        The design in which some are ``"calibrate"``.
    """

    def __init__(self, design: Design, written: Design, region: Region) -> None:
        rules = resolve_rules(design)
        self.design = design
        self.region = region
        self.success = [rule for rule in rules if rule.decision.ends == SUCCESS]
        self.calibrated = calibrated_rules(written, rules)
        self.families = [*self._families()]
        _few_enough(self.families)
        self._latents = SobolLatents(points=POINTS)
        self.tried = self.true = 0
        self._margin: dict[str, bool] = {}
        self._places: dict[str, tuple[object, ...]] = {}  # by name, where it is

    def _families(self) -> Iterator[Family]:
        base, ranges = self.region.base, self.region.ranges
        if base is not None:
            axes = {**self._control_axes(), **self._values(base, is_base=True)}
            if ranges.elsewhere is not None:
                axes[ELSEWHERE] = ranges.elsewhere
            yield Family(base, axes, rates=True)
        for name in self.region.nulls:
            yield Family(name, self._values(name), rates=False)

    def _control_axes(self) -> dict[str, Limits]:
        """Whose rates run: by stratum where any is named, those not named together."""
        own = self.region.ranges.by_stratum
        axes = {f"{arm} {stratum}": limits for (arm, stratum), limits in own.items()}
        if len(own) < max(len(self.design.stratum_names), 1):
            axes[self.region.whose] = self.region.limits
        return axes

    def _values(self, scenario: str, is_base: bool = False) -> dict[str, Limits]:
        role = NULL if is_base else self.design.truths[scenario].role
        found = self.region.ranges.values
        return {one.path: one.limits for one in found if one.concerns(scenario, role)}

    # ── truths ────────────────────────────────────────────────────────────────────────────
    def points(self, family: Family, at: At) -> Iterator[tuple[Point, dict[str, float]]]:
        """Truths of a family at one place at which a claim is false, and where they are."""
        for name, truth, where in self._truths(family, at):
            self.tried += 1
            true = true_values(self.design, truth, self._latents)
            false = {rule.name: falsely(rule, true) for rule in self.success}
            if not any(false[rule.name] for rule in self.calibrated):
                self.true += 1
                continue
            self._look_at_margins(true)
            yield Point(name, truth, false), where

    def _truths(self, family: Family, at: At) -> Iterator[tuple[str, Truth, dict[str, float]]]:
        if not family.rates:
            for name, truth in self.of_scenario(family, at).items():
                yield name, truth, dict(at)
            return
        said = self.said(at)
        for name, truth in self._with_rates(self.base_at(family, at), at):
            yield (f"{name}, {said}" if said else name), truth, dict(at)

    def said(self, at: At) -> str:
        """Say the numbers of scenarios at a place; blank for none."""
        known = {one.path for one in self.region.ranges.values}
        return ", ".join(f"{name} {value:.12g}" for name, value in at.items() if name in known)

    def base_at(self, family: Family, at: At) -> Truth:
        """The scenario of a family, its numbers as at a place."""
        ranges = {one.path: one for one in self.region.ranges.values}
        values = {ranges[name].steps: value for name, value in at.items() if name in ranges}
        return truth_with(self.design, family.scenario, values)

    def of_scenario(self, family: Family, at: At) -> dict[str, Truth]:
        """By name: a scenario at a place, and moved to the margins of claims."""
        base, said = self.base_at(family, at), self.said(at)
        name = f"{family.scenario}, {said}" if said else family.scenario
        truths = {name: base}
        for asked in (asked for rule in self.calibrated for asked in rule.claimed):
            if base.is_null:
                truths |= moved_to_margin(self.design, name, base, asked)
        return truths

    @property
    def effects(self) -> list[Effect]:
        """The margins of the claims."""
        return effects_of(self.calibrated, self.design)

    def _with_rates(self, base: Truth, at: At) -> Iterator[tuple[str, Truth]]:
        """The rates of each arm and stratum, by effect and by who differs."""
        for effect in self.effects:
            _, there = self._rates(effect, at)
            if not there.all():
                continue
            for who in self._who_differs(at):
                if self._beyond_dropout(base, effect, who, at):
                    continue
                name, truth = self.with_rates(base, at, effect, who)
                rates = self._rates(effect, at)[0]
                place = (tuple(at.items()), tuple(rates.ravel()), who)
                if self._places.setdefault(name, place) != place:  # alike in so few decimals
                    name = self._named(at, rates, effect, who, SAME)
                yield name, truth

    def _rates(self, effect: Effect, at: At) -> tuple[Floats, Booleans]:
        """Rates ``(stratum, arm)`` at which a claim is just false, and where there are any."""
        whose = self.region.whose
        strata = self.design.stratum_names or ("",)
        control = np.array([at.get(f"{whose} {one}", at.get(whose, 0.0)) for one in strata])
        return effect.rates(control, len(self.design.compared_names))

    def _direct(
        self, base: Truth, effect: Effect, who: Sequence[tuple[int, int]], at: At
    ) -> tuple[Floats, Floats]:
        """What is drawn, ``(arm, stratum)``, and the rates ``(stratum, arm)`` behind it."""
        moved = self._moved(self._rates(effect, at)[0], who, at)
        kept = kept_of(self.design, base, self.region.endpoint)
        return moved[:, : len(self.design.arms)].T / kept, moved

    def _beyond_dropout(
        self, base: Truth, effect: Effect, who: Sequence[tuple[int, int]], at: At
    ) -> bool:
        """Whether dropout leaves no such rate."""
        return bool((self._direct(base, effect, who, at)[0] > 1.0 + 1e-12).any())

    def with_rates(
        self, base: Truth, at: At, effect: Effect, who: Sequence[tuple[int, int]]
    ) -> tuple[str, Truth]:
        """Name and truth where a claim is just false but for who differs; 1 is the largest rate."""
        endpoint, beyond = self.region.endpoint, len(self.design.arms)
        direct, moved = self._direct(base, effect, who, at)
        told = tuple(tuple(float(min(rate, 1.0)) for rate in arm) for arm in direct)
        outside = {
            (endpoint, name): tuple(float(rate) for rate in moved[:, beyond + place])
            for place, name in enumerate(self.design.comparators)
        }
        truth = replace(
            base.with_direct(endpoint, told).as_null, external={**base.external, **outside}
        )
        return self._named(at, self._rates(effect, at)[0], effect, who), truth

    def all_who_differ(self) -> list[tuple[tuple[int, int], ...]]:
        """Every choice of arms and strata that may differ from the others; none of them first."""
        if self.region.ranges.elsewhere is None:
            return [()]
        cells = self._cells()
        return [w for size in range(len(cells)) for w in itertools.combinations(cells, size)]

    def _cells(self) -> list[tuple[int, int]]:
        strata = range(max(len(self.design.stratum_names), 1))
        return [(arm, stratum) for arm in self.design.experimental for stratum in strata]

    def _who_differs(self, at: At) -> list[tuple[tuple[int, int], ...]]:
        """Every choice of arms and strata that differ, but all; none of them once."""
        if ELSEWHERE not in at:
            return [()]
        cells, ends = self._cells(), self.region.ranges.elsewhere
        assert ends is not None
        sizes = range(1, len(cells)) if at[ELSEWHERE] != 0.0 else ()
        found = [who for size in sizes for who in itertools.combinations(cells, size)]
        return [(), *found] if at[ELSEWHERE] in (0.0, ends[0]) else found

    def _moved(self, rates: Floats, who: Sequence[tuple[int, int]], at: At) -> Floats:
        moved = rates.copy()
        for arm, stratum in who:
            moved[stratum, arm] = np.clip(moved[stratum, arm] + at[ELSEWHERE], 0.0, 1.0)
        return moved

    def _named(
        self,
        at: At,
        rates: Floats,
        effect: Effect,
        who: Sequence[tuple[int, int]],
        decimals: int = DECIMALS,
    ) -> str:
        """Say the control's rates, the effect where there are several, and who differs by what."""
        names = self._control_axes()
        said = [f"{name} {at[name]:.{decimals}f}" for name in names]
        if len(effects_of(self.calibrated, self.design)) > 1:
            first = self.design.arm_names[effect.question.arm]
            said.append(
                f"{first} "
                f"{' and '.join(f'{r:.{decimals}f}' for r in rates[:, effect.question.arm])}"
            )
        if who:
            named = " and ".join(self._cell(*cell) for cell in who)
            said.append(f"{named} {at[ELSEWHERE]:+.{decimals}f}")
        return ", ".join(said)

    def _cell(self, arm: int, stratum: int) -> str:
        words = [self.design.arm_names[arm]] if len(self.design.experimental) > 1 else []
        if self.design.strata:
            words.append(self.design.stratum_names[stratum])
        return " ".join(words)

    def _look_at_margins(self, true: TrueValues) -> None:
        for rule in self.calibrated:
            for asked in rule.claimed:
                reached = at_its_margin(asked, true)
                self._margin[rule.name] = self._margin.get(rule.name, False) or reached

    # ── all of them, and the hardest ──────────────────────────────────────────────────────
    def grid(self, levels: int | None = None) -> dict[str, tuple[Point, dict[str, float]]]:
        """The truths of an even grid, by name, and where each is."""
        found: dict[str, tuple[Point, dict[str, float]]] = {}
        for family in self.families:
            for at in family.grid(levels):
                for point, where in self.points(family, at):
                    found.setdefault(point.name, (point, where))
        return found

    def hardest(self, needed: Needed, most: int) -> dict[str, Point]:
        """The truths that ask for the highest threshold.

        Parameters
        ----------
        needed
            By truth: the threshold that it asks for.
        most
            How many are wanted.
        """
        known: dict[str, tuple[Point, Family, dict[str, float]]] = {}
        scores: dict[str, float] = {}
        places = [(family, at) for family in self.families for at in family.grid()]
        for halving in range(HALVINGS + 1):
            new: dict[str, Point] = {}
            for family, at in places:
                for point, where in self.points(family, at):
                    if point.name not in known:
                        known[point.name] = (point, family, where)
                        new[point.name] = point
            if new:
                scores |= needed(new)
            part = 0.5 ** (halving + 1)
            places = [
                (family, beside)
                for name in _highest(scores, AROUND)
                for _, family, at in [known[name]]
                for beside in family.beside(at, part)
            ]
        highest = {*_highest(scores, most)}
        return {name: point for name, (point, _, _) in known.items() if name in highest}

    @property
    def alike(self) -> bool:
        """Whether one set of axes says where every truth is."""
        return len({tuple(family.axes) for family in self.families}) == 1

    def notes(self) -> list[str]:
        """What is to be told of the truths that were made."""
        found = []
        if self.true:
            found.append(
                f"at {self.true:,} of {self.tried:,} truths that were looked at all that is "
                f"claimed is true: a success would be right there, so that they do not count"
            )
        beside = [name for name, reached in self._margin.items() if not reached]
        if beside:
            found.append(
                f"no truth that was looked at is at the margin of {' and '.join(beside)}: the "
                f"error there is larger and is not held"
            )
        return found


def _few_enough(families: Sequence[Family]) -> None:
    most = max(families, key=lambda family: len(family.axes))
    if len(most.axes) > MOST:
        raise DesignError([Problem("calibration.null_region", too_many(list(most.axes)))])


def _highest(scores: Mapping[str, float], most: int) -> list[str]:
    return sorted(scores, key=lambda name: -scores[name])[:most]
