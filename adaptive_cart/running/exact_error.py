"""The type I error of a design on counts at every control rate at once, without Monte Carlo error.

Whether a trial is still running at a table of counts does not depend on the rates, given the table:
those who responded are any of those analysed, all choices alike. So the rules are followed once
through all looks, each table carrying the probability that a trial that comes to it has not ended
before (hypergeometric from look to look). The error at a pair of rates is then the sum over the
tables at which a false success is declared of that probability and two binomial masses, for a
thousand control rates in one product of matrices.

It is a polynomial in the control rate: the largest value on a grid is refined between its
neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.predictive import Condition, predictive_probability
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.decisions import SUCCESS, Ending
from adaptive_cart.design.design import Design
from adaptive_cart.design.rule_tables import Rule
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.running.carrying import binomials, carried, chosen, over_tables
from adaptive_cart.running.engine import analysed_at
from adaptive_cart.running.exact import tables_of_counts
from adaptive_cart.running.null_region import (
    Effect,
    effects_of,
    false_at,
    rate_words,
    rates_of,
)
from adaptive_cart.running.shapes import Shape, rounded_between
from adaptive_cart.running.simulated_error import TIE

MOST_TABLES = 300_000  # over all looks; a search over more takes minutes
RATES = 1_001  # control rates of the grid
COARSE = 8  # one in so many of them is tried first
SHOWN = 21  # of which errors are kept
CHUNK = 256  # rates whose masses are held at once, so that memory stays small
KEPT = 8_000_000  # masses remembered (64 MB)
PEAKS, ZOOMS, FINER = 4, 3, 21  # how the largest values are refined

BESIDE = 2e-9  # more than a probability in floating point may be wrong by


@dataclass(frozen=True)
class Worst:
    """The largest error over the null region, and where it is.

    Attributes
    ----------
    control
        Control rate there; not a number where no claim is false.
    """

    error: float
    name: str
    control: float = math.nan


@dataclass(frozen=True)
class _Tables:
    """All tables of a look: responders in the control, if any, by responders in the other arm."""

    number: int
    analysed: tuple[int, ...]
    successes: Integers
    asked: Mapping[str, Floats]


def tables_of(design: Design) -> int:
    """How many tables of counts the looks of a design on one arm or two have, all together."""
    return sum(math.prod(n + 1 for n in numbers) for numbers in _numbers(design))


def _numbers(design: Design) -> Iterator[tuple[int, ...]]:
    total = sum(design.allocation)
    for analysed in analysed_at(design):
        yield tuple(analysed * ratio // total for ratio in design.allocation)


@dataclass(frozen=True)
class Verdicts:
    """What the rules say to the tables of a look, ``(responders, …)`` by arm.

    Attributes
    ----------
    wins
        By rule for success: where it declares it.
    open_
        Where no rule ends the trial.
    """

    analysed: tuple[int, ...]
    wins: Mapping[str, Booleans]
    open_: Booleans


class ExactError:
    """Probability of a false success by threshold, in the worst case over control rates.

    Parameters
    ----------
    design
        One arm or two, fixed numbers at every look, numbers as thresholds.
    calibrated
        Names of the rules whose thresholds are tried; none where all are written.
    limits
        Lowest and highest control rate of the null region; of a single arm, its own.
    ending
        How trials end that are counted: by a success, or by another rule.
    """

    def __init__(
        self,
        design: Design,
        calibrated: set[str],
        limits: tuple[float, float],
        ending: Ending = SUCCESS,
    ) -> None:
        self.ending = ending
        self.design = design
        self.calibrated = calibrated
        self.shape = Shape.of(design) if ending == SUCCESS else Shape.one_number()
        self.fixed: dict[int, float] = {}  # thresholds of looks at which none is tried
        self.predicted: float | None = None  # of the rule that is predicted, where it is no trial's
        self._known: dict[tuple[int, bytes], Floats] = {}
        self._room = KEPT
        self.plan = Plan.of(design)
        self.success = [rule for rule in self.plan.rules if rule.decision.ends == ending]
        self.looks = [
            self._tables(number, analysed)
            for number, analysed in enumerate(_numbers(design), start=1)
        ]
        self.controls = np.unique(np.linspace(*limits, RATES))
        ours = [rule for rule in self.success if rule.name in calibrated or not calibrated]
        self.effects = effects_of(ours, design) if ending == SUCCESS else []

    def _tables(self, number: int, analysed: tuple[int, ...]) -> _Tables:
        """Ask the posterior of every table what the rules of a look ask."""
        successes, totals = tables_of_counts(analysed)
        seen = LookAnalysis.of_tables(self.plan, self.design.primary, successes, totals)
        asked = {
            part.name: seen.probability(part, part.question)
            for part in self.plan.parts
            if number in part.thresholds and part.prediction is None
        }
        for name in self.calibrated & set(asked):
            asked[name] = self.shape.as_last(asked[name], number)
        tables = _Tables(number, analysed, successes, asked)
        for part in self.plan.parts:
            sought = part.name in self.calibrated and part.prediction is not None
            if sought and number in part.thresholds:
                asked[part.name] = self._predicted(part, tables)
        return tables

    @property
    def predicts(self) -> bool:
        """Whether a rule to be calibrated is predicted, so that more hangs on its threshold."""
        parts = [part.prediction for part in self.plan.parts if part.prediction is not None]
        return any(one.rule in self.calibrated for one in parts)

    def beside(self, name: str, look: int, must_not: float, may: float) -> tuple[float, float]:
        """At one look: the largest probability of a rule that must not count, and the next one.

        Both as they are at that look; parameters as at the last.
        """
        asked = self.looks[look - 1].asked[name]
        below, above = asked[asked <= must_not + TIE], asked[asked >= may - TIE]
        low = self.shape.at(float(below.max()), look) if len(below) else 0.0
        return low, self.shape.at(float(above.min()), look) if len(above) else 1.0

    def by_look(
        self, design: Design, rule: Rule, last: float, must_not: float, may: float
    ) -> dict[int, float]:
        """Thresholds of a rule by look, each between the probabilities beside it there."""
        return {
            look: rounded_between(value, *self.beside(rule.name, look, must_not, may))
            for look, value in self.shape.thresholds(design, rule, last).items()
        }

    @property
    def probabilities(self) -> Floats:
        """Every probability that a rule to be calibrated can come to, at any look.

        As it would be at the last look, where thresholds have a shape.
        """
        found = [
            asked
            for look in self.looks
            for name, asked in look.asked.items()
            if name in self.calibrated
        ]
        return np.unique(np.concatenate(found))

    @property
    def false_anywhere(self) -> bool:
        """Whether what is claimed is false at any rate of the region."""
        return any(there.any() for _, there in self._at_margins())

    def left_out(self) -> list[str]:
        """Say that there are rates of the region at which nothing makes a claim false."""
        there = [where for _, where in self._at_margins()]
        none = ~np.logical_or.reduce(there) if there else np.zeros(0, dtype=np.bool_)
        if not none.any():
            return []
        low, high = (float(self.controls[none][end]) for end in (0, -1))
        return [
            f"at {rates_of(self.design)}s from {low:.3g} to {high:.3g} all that is claimed is "
            f"true whatever the effect: a success would be right there, so that they do not count"
        ]

    def _at_margins(self) -> Iterator[tuple[Floats, Booleans]]:
        arms = len(self.design.compared_names)
        return (effect.rates(self.controls, arms) for effect in self.effects)

    # ── at one threshold ──────────────────────────────────────────────────────────────────
    def worst(self, threshold: float, enough: float = 1.0, coarse: bool = False) -> Worst:
        """The largest error over the null region.

        Parameters
        ----------
        enough
            An error above this need not be the largest: that it is too large is known.
        coarse
            Look at a few control rates only.
        """
        grids = (self.controls[::COARSE], self.controls)[: 1 if coarse else 2]
        wins = self._wins(threshold)
        best = Worst(-1.0, "")
        for effect in self.effects:
            for controls in grids:  # a few often settle it
                errors = self._errors(wins, effect, controls)
                place = int(errors.argmax())
                if errors[place] > enough:
                    return self._worst(effect, float(controls[place]), float(errors[place]))
            for peak in _peaks(errors):
                if coarse:
                    control, error = float(controls[peak]), float(errors[peak])
                else:
                    control, error = self._refined(wins, effect, peak, float(errors[peak]))
                if error > best.error:
                    best = self._worst(effect, control, error)
        if best.error < 0.0:
            return Worst(0.0, f"no {rates_of(self.design)} at which the claim is false")
        return best

    def shown(self, threshold: float) -> dict[str, float]:
        """Errors at some evenly spaced control rates, by point."""
        wins = self._wins(threshold)
        some = np.unique(np.linspace(self.controls[0], self.controls[-1], SHOWN))
        found = {}
        for effect in self.effects:
            for control, error in zip(some, self._errors(wins, effect, some), strict=True):
                if error >= 0.0:
                    found[self._name(effect, float(control))] = float(error)
        return found

    def _worst(self, effect: Effect, control: float, error: float) -> Worst:
        return Worst(error, self._name(effect, control), control)

    def _name(self, effect: Effect, control: float) -> str:
        return rate_words(
            self.design, effect.rates(np.array([control]), len(self.design.compared_names))[0][0]
        )

    def _refined(
        self, wins: list[dict[str, Floats]], effect: Effect, peak: int, error: float
    ) -> tuple[float, float]:
        """Look between the neighbours of a grid value for the largest error."""
        control = float(self.controls[peak])
        low = float(self.controls[max(peak - 1, 0)])
        high = float(self.controls[min(peak + 1, len(self.controls) - 1)])
        for _ in range(ZOOMS):
            finer = np.linspace(low, high, FINER)
            errors = self._errors(wins, effect, finer)
            place = int(errors.argmax())
            if errors[place] > error:
                control, error = float(finer[place]), float(errors[place])
            low, high = finer[max(place - 1, 0)], finer[min(place + 1, FINER - 1)]
        return control, error

    def _errors(self, wins: list[dict[str, Floats]], effect: Effect, controls: Floats) -> Floats:
        """Probability of a false success at each control rate; -1 where the claim is true."""
        rates, there = effect.rates(controls, len(self.design.compared_names))
        return np.where(there, self._false_successes(wins, rates), -1.0)

    def at(self, rates: Floats, threshold: float = math.nan) -> Floats:
        """Probability of a false success at pairs of rates, ``(rate, arm)``."""
        return self._false_successes(self._wins(threshold), rates)

    def success_at(self, rates: Floats, threshold: float = math.nan) -> Floats:
        """Probability of any success, false or not; parameters as for ``at``."""
        every = {rule.name: np.ones(len(rates), dtype=np.bool_) for rule in self.success}
        return self.of_rules(rates, every, threshold)

    def of_rules(
        self, rates: Floats, counted: Mapping[str, Booleans], threshold: float = math.nan
    ) -> Floats:
        """Probability of a success by a rule that counts there; parameters as for ``at``.

        Parameters
        ----------
        counted
            By rule for success: ``(rate,)`` whether it counts.
        """
        return self._successes(self._wins(threshold), rates, counted)

    def _false_successes(self, wins: list[dict[str, Floats]], rates: Floats) -> Floats:
        false = {rule.name: false_of(rule, rates) for rule in self.success}
        return self._successes(wins, rates, false)

    def _successes(
        self, wins: list[dict[str, Floats]], rates: Floats, counted: Mapping[str, Booleans]
    ) -> Floats:
        errors = np.zeros(len(rates))
        for first in range(0, len(rates), CHUNK):
            part = slice(first, first + CHUNK)
            for look, by_rule in zip(self.looks, wins, strict=True):
                masses = [self._masses(n, rates[part, arm]) for arm, n in enumerate(look.analysed)]
                for name, mass in by_rule.items():
                    reached = over_tables(mass, masses)
                    errors[part] += np.where(counted[name][part], reached, 0.0)
        return np.minimum(errors, 1.0)  # a sum of all masses may be rounded upwards

    def _masses(self, n: int, rates: Floats) -> Floats:
        """Binomial masses, remembered while there is room: every threshold asks for the same."""
        key = (n, rates.tobytes())
        if key not in self._known:
            found = binomials(n, rates)
            if self._room < found.size or len(rates) < 100:
                return found
            self._room -= found.size
            self._known[key] = found
        return self._known[key]

    def _wins(self, threshold: float) -> list[dict[str, Floats]]:
        """By look and rule for success: where it declares it, and a trial is still running.

        Returns
        -------
        ``(control responders, other responders)``: the probability that a trial that comes to this
        table has not ended before, where the rule holds; 0 elsewhere.
        """
        running = np.ones((1,) * len(self.design.arms))
        before: tuple[int, ...] = (0,) * len(self.design.arms)
        found = []
        for look in self.verdicts(threshold):
            earlier = [chosen(b, a) for b, a in zip(before, look.analysed, strict=True)]
            reached = carried(running, earlier)
            found.append({n: np.where(wins, reached, 0.0) for n, wins in look.wins.items()})
            running = np.where(look.open_, reached, 0.0)
            before = look.analysed
        return found

    def verdicts(self, threshold: float = math.nan) -> list[Verdicts]:
        """By look: what the rules, in order, say to every table; parameters as for ``worst``."""
        found = []
        for look in self.looks:
            shape = tuple(number + 1 for number in look.analysed)
            open_ = np.ones(len(look.successes), dtype=np.bool_)
            wins = {}
            for rule in self.plan.rules:
                if look.number not in rule.looks or rule.silent(look.analysed):
                    continue
                holds = open_ & self._holds(rule, look, threshold)
                if rule.decision.ends == self.ending:
                    wins[rule.name] = holds.reshape(shape)
                open_ &= ~holds
            found.append(Verdicts(look.analysed, wins, open_.reshape(shape)))
        return found

    def _holds(self, rule: ResolvedRule, look: _Tables, threshold: float) -> Booleans:
        held = [self._part_holds(part, look, threshold) for part in rule.parts]
        return rule.condition.of_one_target(held)

    def _part_holds(self, part: Comparison, look: _Tables, threshold: float) -> Booleans:
        if part.name in self.calibrated:
            here = self.fixed.get(look.number, threshold)
            return part.compared(look.asked[part.name], here)
        if part.prediction is None:
            return part.holds(look.asked[part.name], look.number)
        return part.holds(self._predicted(part, look, threshold), look.number)

    def _predicted(self, part: Comparison, look: _Tables, threshold: float = math.nan) -> Floats:
        """Predictive probability at every table of a look; parameters as for ``worst``."""
        assert part.prediction is not None
        condition = part.prediction.condition(part.question)
        if part.prediction.rule in self.calibrated:
            # the threshold tried is a table's own probability in floating point: that table counts
            below = (threshold if self.predicted is None else self.predicted) - BESIDE
            condition = Condition(part.question, part.prediction.at_least, below)
        model = self.plan.fitted[self.design.primary][1]
        totals = np.broadcast_to(np.array(look.analysed, dtype=np.int64), look.successes.shape)
        final = np.broadcast_to(np.array(self.design.planned, dtype=np.int64), totals.shape)
        return predictive_probability(model, condition, look.successes, totals, final)


def distinct(values: Floats) -> Floats:
    """Rising values, those that rounding alone tells apart taken for one (the smallest)."""
    ordered = np.unique(values)
    return ordered[np.concatenate([[True], np.diff(ordered) > TIE])]


def false_of(rule: ResolvedRule, rates: Floats) -> Booleans:
    """Whether what a rule claims is false at pairs of rates, ``(rate,)``."""
    true = []
    for part, places in zip(rule.parts, rule.condition.places, strict=True):
        so = [~false_at(claimed, rates) for claimed in part.claimed(part.targets[places[0]])]
        true.append((np.logical_and if part.affirms else np.logical_or).reduce(so))
    return ~rule.condition.of_one_target(true)


def _peaks(errors: Floats) -> list[int]:
    """Places of the largest values that no neighbour exceeds."""
    around = np.concatenate([[-2.0], errors, [-2.0]])
    top = np.flatnonzero((errors >= around[:-2]) & (errors >= around[2:]) & (errors >= 0.0))
    return [int(place) for place in top[np.argsort(-errors[top], kind="stable")][:PEAKS]]
