"""What a candidate has: its aims over the mixture, its power, and its worst error."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import DesignError, InputError, Problem
from adaptive_cart.nouns.records import Floats
from adaptive_cart.optimising.aims import AIMS, Ended
from adaptive_cart.optimising.freeing import Candidate
from adaptive_cart.optimising.wanted import Wanted
from adaptive_cart.results.averages import what_could_be_claimed
from adaptive_cart.results.estimand import true_values
from adaptive_cart.results.figure import Figure, exact
from adaptive_cart.running.best_possible import AnyDesign, Stake, Wish
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.calibrating.overruled import all_binding
from adaptive_cart.running.calibrating.type_one_error import why_not_enumerated
from adaptive_cart.running.carrying import binomials, carried, chosen, over_tables
from adaptive_cart.running.drawn_truths import nodes_of
from adaptive_cart.running.engine import Engine
from adaptive_cart.running.exact_error import (
    MOST_TABLES,
    ExactError,
    Verdicts,
    tables_of,
)
from adaptive_cart.running.region import needs_calibration, region_of, with_found

NULLS = 101  # control rates at each margin, for what any design can do


@dataclass(frozen=True)
class Evaluation:
    """What a candidate has.

    Attributes
    ----------
    average
        By aim, over the mixture.
    success
        By scenario in which power is wanted.
    error, error_at
        The largest probability of a false success that was found, and where.
    thresholds
        By rule, where they were calibrated for it.
    """

    average: Mapping[str, Figure]
    success: Mapping[str, Figure]
    error: Figure
    error_at: str
    thresholds: Mapping[str, Any] = field(default_factory=dict)

    def power(self) -> float:
        """The least of the powers; not a number where none is wanted."""
        return min((figure.estimate for figure in self.success.values()), default=math.nan)

    def lacks(self, wanted: Wanted) -> list[float]:
        """By constraint, how far from met it is; at most 0 where it is met. The error is first."""
        found = [self.error.estimate / wanted.error - 1.0]
        return found + [least - self.success[n].estimate for n, least in wanted.power.items()]

    def meets(self, wanted: Wanted) -> bool:
        """Whether everything wanted is met, by the estimates."""
        return all(lack <= 1e-12 for lack in self.lacks(wanted))


def evaluation_of(told: Mapping[str, Any]) -> Evaluation:
    """An evaluation that was kept as plain tables."""
    return Evaluation(
        {name: Figure(**one) for name, one in told["average"].items()},
        {name: Figure(**one) for name, one in told["success"].items()},
        Figure(**told["error"]),
        told["error_at"],
        told["thresholds"],
    )


def with_thresholds_found(
    design: Design, seed: int, engine: Engine, jobs: int | None
) -> tuple[Design, dict[str, Any]]:
    """A design with its thresholds, and those that were calibrated, by rule."""
    if not needs_calibration(design):
        return design, {}
    found = calibrate(design, seed=seed, engine=engine, jobs=jobs)
    made = with_found(design, found)
    asked = [r.name for r, old in zip(made.rules, design.rules, strict=True)
             if old.to_calibrate]  # fmt: skip
    return made, {name: found.of_rule(name) for name in asked}


# ── on counts ─────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class _Truth:
    """A truth of the mixture on counts, or one in which power is wanted."""

    weight: float
    rates: tuple[float, ...]
    true: bool


@dataclass
class OnCounts:
    """Enumerates candidates."""

    design: Design
    wanted: Wanted
    how: str = "enumerated"
    _known: dict[tuple[Any, ...], tuple[list[_Truth], dict[str, _Truth]]] = field(
        default_factory=dict
    )

    @property
    def key(self) -> str:
        """What an evaluation hangs on beside the candidate."""
        return f"exact; {self.wanted.averaged}"

    def __call__(self, candidate: Candidate) -> tuple[Evaluation, Design]:
        """What a candidate has, and it with its thresholds."""
        design, thresholds = with_thresholds_found(candidate.design, 0, "exact", 1)
        error, judged = self._errors(design)
        worst = judged.worst(math.nan)
        members, powers = self._truths(design)
        of_design = error.verdicts()
        rates = np.array([t.rates for t in (*members, *powers.values())])
        won, lost = ended(of_design, rates)
        average = {}
        for name in self.wanted.aims:
            costs = [self._costs(design, name, look.analysed) for look in of_design]
            total = 0.0
            for place, truth in enumerate(members):
                for look, cost in enumerate(costs):
                    total += truth.weight * won[look, place] * cost(truth.true, True)
                    total += truth.weight * lost[look, place] * cost(truth.true, False)
            average[name] = exact(float(total))
        success = {
            name: exact(float(won[:, len(members) + place].sum()))
            for place, name in enumerate(powers)
        }
        return Evaluation(average, success, exact(worst.error), worst.name, thresholds), design

    def _errors(self, design: Design) -> tuple[ExactError, ExactError]:
        """The design on counts, and as its error is judged: without rules that are not binding."""
        limits = region_of(design).limits
        error, judged = ExactError(design, set(), limits), all_binding(design)
        return error, error if judged is design else ExactError(judged, set(), limits)

    def _truths(self, design: Design) -> tuple[list[_Truth], dict[str, _Truth]]:
        """The mixture, and by name the scenarios in which power is wanted."""
        asked = tuple(repr(rule.plain()) for rule in design.rules if rule.decision.claims)
        key = (max(design.planned), asked)
        if key not in self._known:
            self._known[key] = self._read(design)
        return self._known[key]

    def _read(self, design: Design) -> tuple[list[_Truth], dict[str, _Truth]]:
        mixture, members = self.wanted.mixture, []
        for one in mixture.weighed(design):
            alone = [(1.0, design.truths[one.scenario])]
            nodes = nodes_of(design, one.scenario, one.draws) if one.draws else alone
            if nodes is None:
                message = (
                    f"'{mixture.prior}' draws too many values to be enumerated; write --weight "
                    f"SCENARIO=0.5 for each"
                )
                raise DesignError([Problem("--prior", message)])
            members += [_truth(design, one.weight * share, truth) for share, truth in nodes]
        return members, {n: _truth(design, 0.0, design.truths[n]) for n in self.wanted.power}

    def _costs(
        self, design: Design, aim: str, analysed: tuple[int, ...]
    ) -> Callable[[bool, bool], float]:
        """Cost of a trial that ends with so many, by whether a claim is true, and success."""
        counts = AIMS[aim].of_counts
        assert counts is not None
        control = 0 if design.control is None else analysed[0]
        others = sum(analysed) - control
        losses = self.wanted.losses
        return lambda true, success: counts(Ended(control, others, true, success, losses))

    def any_design(self, design: Design, wanted: Wanted) -> AnyDesign | str:
        """All designs with the looks of one; or why they cannot be told, in words."""
        error, _ = self._errors(design)
        if len(error.effects) != 1:
            return "success can mean several claims, and decisions are about one"
        effect = error.effects[0]
        found, there = effect.rates(
            np.linspace(*region_of(design).limits, NULLS), len(design.compared_names)
        )
        if found.shape[1] != len(design.arms):
            return "an arm is compared with external data"
        members, powers = self._truths(design)
        looks = [look.analysed for look in error.looks]
        stakes = []
        for truth in members:
            costs = [self._costs(design, wanted.aim, look) for look in looks]
            won, lost = (tuple(c(truth.true, s) for c in costs) for s in (True, False))
            stakes.append(Stake(truth.weight, truth.rates, won, lost))
        wishes = [Wish(powers[name].rates, least) for name, least in wanted.power.items()]
        return AnyDesign(looks, stakes, wanted.error, found[there], wishes)


def _truth(design: Design, weight: float, truth: Truth) -> _Truth:
    true = true_values(design, truth)
    rates = tuple(true.levels(design.primary))
    return _Truth(weight, rates, what_could_be_claimed(design, true)[0] == 1.0)


def ended(looks: Sequence[Verdicts], rates: Floats) -> tuple[Floats, Floats]:
    """Probability to end at each look with a success, and without one, ``(look, truth)`` each.

    Parameters
    ----------
    rates
        ``(truth, arm)``.
    """
    arms = rates.shape[1]
    running: Floats = np.ones((1,) * arms)
    before: tuple[int, ...] = (0,) * arms
    won, lost = np.zeros((2, len(looks), len(rates)))
    for number, look in enumerate(looks):
        after = look.analysed
        reached = carried(running, [chosen(b, a) for b, a in zip(before, after, strict=True)])
        masses = [binomials(n, rates[:, arm]) for arm, n in enumerate(after)]
        wins = np.logical_or.reduce(list(look.wins.values())) if look.wins else np.bool_(False)
        stays = look.open_ if number + 1 < len(looks) else np.zeros_like(look.open_)
        won[number] = over_tables(np.where(wins, reached, 0.0), masses)
        lost[number] = over_tables(np.where(wins | stays, 0.0, reached), masses)
        running, before = np.where(stays, reached, 0.0), after
    return won, lost


# ── which of the two ──────────────────────────────────────────────────────────────────────────
def why_simulated(design: Design, wanted: Wanted) -> str:
    """Why candidates are simulated and not enumerated; blank where they are enumerated."""
    calendar = [name for name, aim in wanted.aims.items() if aim.of_counts is None]
    if calendar:
        return f"{AIMS[calendar[0]].words}: a matter of the calendar, which tables do not hold"
    return why_error_simulated(design, [*wanted.mixture.weights, *wanted.power])


def why_error_simulated(design: Design, scenarios: Iterable[str] = ()) -> str:
    """Why an error is simulated and not enumerated, and success in scenarios; blank if it is."""
    try:
        region = region_of(design)
    except (DesignError, InputError) as error:
        return str(error)
    stands = why_not_enumerated(design, region, scenarios)
    if stands:
        return stands[0]
    number = tables_of(design)
    return f"{number:,} tables" if number > MOST_TABLES else ""
