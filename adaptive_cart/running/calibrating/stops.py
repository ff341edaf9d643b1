"""Thresholds of rules that stop something, each for a probability of a false stop.

What stops is the trial, for futility or safety, or an arm that is dropped, or a stratum that is
closed; of a rule about several, any of them. In the scenarios that the design names a stop is
false. Where tables of counts are enumerated there so are false stops
(:mod:`adaptive_cart.running.calibrating.exact_stops`). Elsewhere trials are simulated in which the
rule stops nobody and everything else is as it is; it would have stopped at a threshold if the most
extreme probability that it asked for reaches that, since the trial is the same until then. So one
simulation serves every threshold. (A trial that an earlier rule ends at the same look counts as
stopped: the probability is not less than that of the design.)

What stops and what succeeds depend on each other: the thresholds are found in turn, those of
success with the stops in force, until none moves.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.error_tables import FalseStop
from adaptive_cart.design.rule_tables import side_of
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.averaged_calibration import AveragedCalibration
from adaptive_cart.results.calibration import Calibrated, fingerprint
from adaptive_cart.results.figure import Figure, proportion
from adaptive_cart.results.several_averages import SeveralAverages
from adaptive_cart.results.shared_calibration import AnyCalibration
from adaptive_cart.results.stop_calibration import StopCalibration, StopThreshold
from adaptive_cart.running.calibrating.exact_stops import (
    enumerated_stop,
    enumerates_stops,
    whatever_its_threshold,
)
from adaptive_cart.running.calibrating.search import FRESH, Effort, Rest, Search
from adaptive_cart.running.region import asks, needs_calibration, with_found
from adaptive_cart.running.simulated_error import require_shown, simulated, smallest, without

OfSuccess = Calibrated | AveragedCalibration | SeveralAverages
ROUNDS = 8
SETTLED = 1e-9


class Stops(Search):
    """Thresholds of stops, and of success with these in force."""

    finds = "the thresholds of rules that stop a trial, an arm or a stratum, for their false stops"
    confirmed = (
        "enumerated, or by as many fresh trials of the design as it acts, where the most are "
        "stopped"
    )
    log = StopCalibration

    def takes(self, design: Design) -> bool:
        """Whether the threshold of a rule that stops is to be found."""
        return bool(stops_asked(design))

    def leaves(self, design: Design) -> Design:
        """Success, with stops that stop nobody."""
        return _with(design, _stopping_nobody(design))

    def find(self, design: Design, effort: Effort, rest: Rest) -> AnyCalibration:
        """Find stops and success in turn."""

        def success_of(fixed: Design) -> OfSuccess:
            found = rest(fixed, effort)
            assert isinstance(found, OfSuccess)
            return found

        return calibrate_stops(design, success_of, effort)


def stops_asked(design: Design) -> dict[str, FalseStop]:
    """By rule that stops something and whose threshold is to be found: what it is found for."""
    found = {} if design.calibration is None else design.calibration.false_stop or {}
    asking = [rule.name for rule in design.rules if asks(rule) and rule.decision.gives_up]
    return {name: found[name] for name in asking if name in found}


def calibrate_stops(
    design: Design, success_of: Callable[[Design], OfSuccess], effort: Effort
) -> StopCalibration:
    """Find the thresholds of stops, and of success with them in force.

    Parameters
    ----------
    success_of
        Finds the threshold for success of a design in which the stops are numbers, for its type I
        error or for averages over a design prior.
    effort
        Of which ten times as many trials are simulated in each scenario in which a stop is false,
        where false stops are not enumerated.

    Raises
    ------
    DesignError
        If no threshold keeps a target, or the thresholds cannot be met together.
    """
    asked = stops_asked(design)
    values = _stopping_nobody(design)
    success: OfSuccess | None = None
    seen: list[dict[str, float]] = []
    stops: dict[str, StopThreshold] = {}
    for _ in range(ROUNDS):
        fixed = _with(design, values)
        if needs_calibration(fixed):
            success = success_of(fixed)
            fixed = with_found(fixed, success)
        stops = {name: _of_rule(fixed, name, one, effort) for name, one in asked.items()}
        seen.append(values)
        values = {name: one.threshold for name, one in stops.items()}
        if all(abs(values[name] - seen[-1][name]) <= SETTLED for name in values):
            break
    else:
        raise _not_together(design, seen[-1], values)
    final = _with(design, values)
    if success is not None:
        final = with_found(final, success)
    many, (seed, fresh) = FRESH * effort.trials, effort.seeds
    confirmed = tuple(
        one if one.enumerated else replace(one, fresh=_stopped(final, one, many, fresh))
        for one in stops.values()
    )
    simulated = not all(one.enumerated for one in confirmed)
    if success is not None and not success.exact:
        simulated = True
    scenarios = tuple(design.scenarios)
    return StopCalibration(
        success if isinstance(success, Calibrated) else None,
        confirmed,
        many if simulated else 0,
        seed if simulated else 0,
        (),
        scenarios,
        fingerprint(design, scenarios),
        fingerprint(final, scenarios),
        None if isinstance(success, Calibrated) else success,
    )


def _stopping_nobody(design: Design) -> dict[str, float]:
    """By rule that stops something and is to be found: a threshold that it never reaches."""
    rules = {rule.name: rule for rule in design.rules}
    return {name: 1.0 if rules[name].at_least is not None else 0.0 for name in stops_asked(design)}


def _with(design: Design, values: Mapping[str, float]) -> Design:
    """The design with numbers as the thresholds of some rules."""
    tables = design.plain()
    tables["rules"] = [
        rule.plain() | ({side_of(rule): values[rule.name]} if rule.name in values else {})
        for rule in design.rules
    ]
    return Design(**tables)


def _of_rule(design: Design, name: str, wanted: FalseStop, effort: Effort) -> StopThreshold:
    """The threshold of one rule, all others being numbers."""
    path = f"calibration.false_stop.{name}.at_most"
    if not enumerates_stops(design, wanted, effort.engine):
        return _simulated(design, name, wanted, path, effort)
    effort.progress(f"stops: {name}", 0, 1)
    found = enumerated_stop(design, name, wanted, path)
    effort.progress(f"stops: {name}", 1, 1)
    return found


def _simulated(
    design: Design, name: str, wanted: FalseStop, path: str, effort: Effort
) -> StopThreshold:
    search = replace(effort.searching, trials=FRESH * effort.trials)
    assert design.calibration is not None
    upper = design.calibration.by_upper_bound
    require_shown(wanted.at_most, search.trials, search.trials, upper, path)
    truths = {scenario: design.truths[scenario] for scenario in wanted.scenarios}
    extreme = functools.partial(most_extreme, design, name=name)
    reached = search.by_name(f"stops: {name}", extreme, truths)
    always = max(reached, key=lambda scenario: float((reached[scenario] >= 1.0).mean()))
    often = float((reached[always] >= 1.0).mean())
    if often > wanted.at_most:
        raise whatever_its_threshold(path, wanted, name, often, always)
    threshold, must_not, may = smallest([*reached.values()], wanted.at_most, upper)
    errors = {s: float((v >= threshold).mean()) for s, v in reached.items()}
    rule = next(rule for rule in design.rules if rule.name == name)
    if rule.at_least is None:  # it holds below: everything was turned round
        threshold = _turned(threshold)
        must_not = None if must_not is None else _turned(must_not)
        may = None if may is None else _turned(may)
    worst = max(errors, key=lambda scenario: errors[scenario])
    nothing = proportion(0, 0)
    return StopThreshold(name, threshold, must_not, may, wanted.at_most, errors, worst, nothing)


def _turned(value: float) -> float:
    """One less a probability, without the last bits that this leaves."""
    return round(1.0 - value, 15)


def most_extreme(design: Design, truth: Truth, name: str, trials: int, seed: int) -> Floats:
    """The probability that comes nearest to stopping each trial, ``(trial,)``, of any target.

    Of a rule that holds below its threshold, one less that.
    """
    plan = without(Plan.of(design), [name])
    part = next(rule for rule in plan.rules if rule.name == name).parts[0]
    found = []
    for block in simulated(plan, truth, trials, seed):
        largest = np.zeros(len(block.look))
        for record in block.looks:
            if part.name in record.probabilities:
                asked = record.probabilities[part.name]  # nan of a target that is not asked about
                turned = asked if part.at_least else 1.0 - asked
                largest = np.fmax(largest, np.fmax.reduce(turned, axis=1))
        found.append(largest)
    return np.concatenate(found)


def _stopped(design: Design, one: StopThreshold, trials: int, seed: int) -> Figure:
    """In how many fresh trials a rule stops something, of the design as it acts."""
    plan = replace(Plan.of(design), estimands=())
    position = next(k for k, rule in enumerate(plan.rules) if rule.name == one.rule)
    number = 0
    for block in simulated(plan, design.truths[one.worst], trials, seed):
        standing = block.standing
        if plan.rules[position].decision.ends is None:  # it drops an arm, or closes a stratum
            number += int((standing.noted[position] > 0).any(axis=1).sum())
        else:
            number += int((standing.rule == position).sum())
    return proportion(number, trials)


def _not_together(
    design: Design, before: Mapping[str, float], after: Mapping[str, float]
) -> DesignError:
    """The error to raise where thresholds that depend on each other do not settle."""
    moving = [name for name in after if abs(after[name] - before[name]) > SETTLED]
    told = ", ".join(f"'{name}' from {before[name]:g} to {after[name]:g}" for name in moving)
    success = ", ".join(f"'{rule.name}'" for rule in design.rules_ending(SUCCESS))
    message = (
        f"the thresholds cannot be met together: after {ROUNDS} rounds {told} still moves, because "
        f"how often it stops a trial depends on {success}, and the other way round; write a number "
        f"in one of them, or ask for a larger at_most"
    )
    return DesignError([Problem("calibration.false_stop", message)])
