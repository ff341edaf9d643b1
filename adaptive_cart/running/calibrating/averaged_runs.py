"""Trials of every truth that a design prior weighs: without success by a rule, and as they act.

A scenario in which nothing is drawn is simulated as any other. Where a value is drawn every trial
has a truth of its own, and it is asked of each whether its claim is true there; of a single value
that is drawn the answer changes at a few values only, between which it is not asked again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.standing import Standing
from adaptive_cart.design.design import Design
from adaptive_cart.design.design_prior import Weighed
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.nouns.progress import Progress
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.results.averages import Member
from adaptive_cart.results.claims import Claims
from adaptive_cart.results.estimand import SobolLatents, true_values
from adaptive_cart.running.calibrating.averaged_trials import OfScenario
from adaptive_cart.running.drawn_truths import (
    Drawn,
    Stretch,
    drawn_values,
    few_points,
    own_blocks,
    own_truths,
    stretches,
)
from adaptive_cart.running.null_region import Point
from adaptive_cart.running.simulated_error import NEVER, Watched, largest_asked, simulated
from adaptive_cart.running.workers import spread

ASKED = 65  # drawn values, evenly spread over the trials, of which it is asked whether all is alike


def weights_said(weighed: Sequence[Weighed]) -> str:
    """Say what a design prior weighs: ``null 0.4, expected 0.6 (dfr.cart drawn)``."""
    said = []
    for one in weighed:
        paths = ", ".join(draw.path for draw in one.draws)
        said.append(f"{one.scenario} {one.weight:.6g}{f' ({paths} drawn)' if paths else ''}")
    return ", ".join(said)


def claim_true(design: Design, rule: str, truth: Truth, points: SobolLatents | None = None) -> bool:
    """Whether what a rule claims is true.

    Raises
    ------
    DesignError
        If it is not known.
    """
    plan = Plan.of(design)
    values = true_values(design, truth, points, only_claimed=None if points is None else plan)
    position = next(k for k, one in enumerate(plan.rules) if one.name == rule)
    false = Claims(plan.rules, values).false(position)
    if false is None:
        message = f"in scenario '{truth.name}' it is not known whether the claim is true"
        raise DesignError([Problem("calibration.design_prior", message)])
    return not false


@dataclass(frozen=True)
class Runs:
    """Trials of every truth that a design prior weighs, as many of each scenario, of one seed.

    Attributes
    ----------
    prior
        Its name.
    rule
        The rule whose successes, or whose largest probabilities, are told.
    """

    prior: str
    weighed: tuple[Weighed, ...]
    rule: str
    trials: int
    seed: int
    jobs: int | None
    progress: Progress
    _true: dict[str, bool | Booleans] = field(default_factory=dict)

    def searched(self, numbers: Design, written: Design) -> list[OfScenario]:
        """Trials without success by the rule: the largest probability that it asked for.

        Parameters
        ----------
        numbers, written
            The design with numbers as thresholds, and as it leaves them to be calibrated.
        """
        largest = self._of_all(
            partial(_largest, numbers, written, self.rule, self.trials, self.seed)
        )
        true = self._claims(numbers)
        return [
            OfScenario(one.scenario, one.weight, true[one.scenario], values)
            for one, values in zip(self.weighed, largest, strict=True)
        ]

    def acting(self, final: Design) -> list[Member]:
        """Trials of the design as it acts: which are successes, and whether these are false."""
        success = self._of_all(partial(_successes, final, self.rule, self.trials, self.seed))
        true = self._claims(final)
        return [
            of_successes(one.weight, true[one.scenario], values > 0.0)
            for one, values in zip(self.weighed, success, strict=True)
        ]

    def _of_all(self, work: Callable[[_Item], Floats]) -> list[Floats]:
        """What becomes of the trials of each scenario, ``(trial,)``; stretches over the cores."""
        items = list(self._items())
        found: dict[str, list[Floats]] = {}
        done = 0
        for item, values in zip(items, spread(work, items, self.jobs), strict=True):
            found.setdefault(item.scenario, []).append(values)
            done += len(values)
            self.progress("calibration", done, len(self.weighed) * self.trials)
        return [np.concatenate(found[one.scenario]) for one in self.weighed]

    def _items(self) -> Iterator[_Item]:
        for one in self.weighed:
            if not one.draws:
                yield _Item(one.scenario, None)
                continue
            for some in stretches(self._drawn(one)):
                yield _Item(one.scenario, some)

    def _drawn(self, one: Weighed) -> Drawn:
        return drawn_values(self.prior, one.draws, self.seed, self.trials)

    def _claims(self, design: Design) -> dict[str, bool | Booleans]:
        """By scenario whether the claim is true; ``(trial,)`` where its truth is drawn."""
        for one in self.weighed:
            if one.scenario in self._true:
                continue
            if one.draws:
                self._true[one.scenario] = self._drawn_claims(design, one)
            else:
                truth = design.truths[one.scenario]
                self._true[one.scenario] = claim_true(design, self.rule, truth)
        return self._true

    def _drawn_claims(self, design: Design, one: Weighed) -> Booleans:
        drawn = self._drawn(one)
        if len(one.draws) > 1:
            work = partial(_claims_of, design, self.rule, one.scenario)
            return np.concatenate([*spread(work, stretches(drawn), self.jobs)])
        (steps, values), points = next(iter(drawn.items())), few_points()

        def so(value: float) -> bool:
            truth = own_truths(design, one.scenario, {steps: np.array([value])})[0]
            return claim_true(design, self.rule, truth, points)

        return alike_between(values, so)


@dataclass(frozen=True)
class _Item:
    """Trials that are run together: all of a scenario, or of drawn ones a stretch."""

    scenario: str
    some: Stretch | None


def _largest(
    numbers: Design, written: Design, rule: str, trials: int, seed: int, item: _Item
) -> Floats:
    """The largest probability that the rule asked for in each trial, ``(trial,)``; else `NEVER`."""
    others = {one.name: () for one in numbers.rules}
    counted: dict[str, tuple[int, ...]] = {**others, rule: (0,)}
    if item.some is None:
        point = Point(item.scenario, numbers.truths[item.scenario], counted)
        return largest_asked(numbers, written, point, trials, seed, NEVER)
    drawn, first = item.some
    watched = Watched.of(numbers, written)
    truths = own_truths(numbers, item.scenario, drawn)
    found = own_blocks(watched.plan, truths, seed, first)
    return np.concatenate([watched.by_look(block, counted, NEVER).max(axis=1) for block in found])


def _successes(final: Design, rule: str, trials: int, seed: int, item: _Item) -> Floats:
    """Which trials the rule makes a success, ``(trial,)``: 1 or 0."""
    if item.some is None:
        truth = final.truths[item.scenario]
        return successes(final, rule, truth, trials, seed).astype(np.float64)
    drawn, first = item.some
    plan = replace(Plan.of(final), estimands=())
    truths = own_truths(final, item.scenario, drawn)
    found = [won(block.standing, rule) for block in own_blocks(plan, truths, seed, first)]
    return np.concatenate(found).astype(np.float64)


def successes(design: Design, rule: str, truth: Truth, trials: int, seed: int) -> Booleans:
    """Which trials of a design as it acts a rule makes a success, ``(trial,)``."""
    plan = replace(Plan.of(design), estimands=())
    every = simulated(plan, truth, trials, seed)
    return np.concatenate([won(block.standing, rule) for block in every])


def won(standing: Standing, rule: str) -> Booleans:
    """Which trials a rule has made a success, ``(trial,)``."""
    position = next(k for k, one in enumerate(standing.rules) if one.name == rule)
    return np.asarray((standing.noted[position] > 0).any(axis=1))


def of_successes(weight: float, true: bool | Booleans, success: Booleans) -> Member:
    """A scenario of the design prior, with which of its trials succeed."""
    reached = success.astype(np.float64)
    could = np.asarray(true, dtype=np.float64) * np.ones(len(reached))
    return Member(weight, reached, reached * (1.0 - could), could, 1.0 - could, None, {})


def _claims_of(design: Design, rule: str, scenario: str, some: Stretch) -> Booleans:
    points = few_points()
    truths = own_truths(design, scenario, some[0])
    return np.array([claim_true(design, rule, truth, points) for truth in truths])


def alike_between(values: Floats, so: Callable[[float], bool]) -> Booleans:
    """What is said of every value, ``(value,)``, asking for few of them.

    Values between two that answer alike answer as they do; between two that do not, it is halved
    down to the place where the answer changes.
    """
    order = np.argsort(values, kind="stable")
    answers = np.zeros(len(values), dtype=np.bool_)
    some = np.unique(np.linspace(0, len(values) - 1, ASKED).astype(np.int64))
    said = {int(place): so(float(values[order[place]])) for place in some}
    for low, high in itertools.pairwise(some):
        start, end = int(low), int(high)
        same, other = start, end  # the last that is known to answer as the first does, and not to
        while said[start] != said[end] and other - same > 1:
            middle = (same + other) // 2
            if so(float(values[order[middle]])) == said[start]:
                same = middle
            else:
                other = middle
        answers[order[start:other]] = said[start]
        answers[order[other:end]] = said[end]
    answers[order[-1]] = said[int(some[-1])]
    return answers
