"""Operating characteristics without Monte Carlo error, by enumeration.

Valid where the truth is direct and every look has a fixed number analysed in each arm. The mass of
the trials still running is carried from look to look over all tables of counts: binomial increments
in each arm, then the rules, judged on every table at once by the very posteriors that simulated
trials use (Jennison & Turnbull 2000, Group Sequential Methods, section 12.1, for the recursion).
What depends on calendar time is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from adaptive_cart.conduct.look_analysis import NOTHING_DRAWN, LookAnalysis
from adaptive_cart.conduct.plan import LEVEL, Plan
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.decisions import NO_SUCCESS, STOPS, SUCCESS, Ending
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.models.borrowed import CONFLICT as LIMIT
from adaptive_cart.models.borrowed import Added
from adaptive_cart.nouns.exact_sums import AT_ONCE as NUMBERS_AT_ONCE
from adaptive_cart.nouns.exact_sums import total_of, totals_where
from adaptive_cart.nouns.progress import Progress, silent
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Summary
from adaptive_cart.results.borrowing import (
    CONFLICT,
    PARTICIPANTS,
    PERCENTILES,
    added,
)
from adaptive_cart.results.claims import Claims
from adaptive_cart.results.estimand import TrueValues, target_values, true_values
from adaptive_cart.results.figure import exact
from adaptive_cart.results.operating import Rows
from adaptive_cart.running.carrying import carried, steps
from adaptive_cart.running.engine import cost_of, numbers_at
from adaptive_cart.running.exact_rows import analysed_rows, decision_rows, percentile
from adaptive_cart.running.external_law import (
    NONE_DRAWN,
    ExternalTable,
    drawn_with,
    external_tables,
    observed_table,
)
from adaptive_cart.running.stagewise import RUNS_ON, STOPS_WITHOUT, SUCCEEDS

AT_ONCE = 2_000_000  # tables of all scenarios at a look that are carried together


@dataclass(frozen=True)
class JudgedLook:
    """The tables of one look, flat: all successes in the first arm by all in the other, if any."""

    number: int
    analysed: tuple[int, ...]
    successes: Integers
    ends: dict[Ending, Booleans]
    wins: dict[str, Booleans]
    decides: dict[str, Booleans]
    holds: dict[str, Booleans]
    within_error: dict[str, Booleans]
    estimate: Floats
    counts: Summary
    added: tuple[Added, ...]

    @cached_property
    def stops(self) -> Booleans:
        """Tables with which a trial does not run on."""
        return np.logical_or.reduce(list(self.ends.values()))

    @property
    def sides(self) -> Integers:
        """Whether the trial succeeds at each table, stops without success, or runs on."""
        return np.where(self.ends[SUCCESS], SUCCEEDS, np.where(self.stops, STOPS_WITHOUT, RUNS_ON))


def tables_of_counts(analysed: tuple[int, ...]) -> tuple[Integers, Integers]:
    """Responders and participants of every table of one arm or two, ``(table, arm)`` each."""
    shape = tuple(number + 1 for number in analysed)
    successes = np.stack(np.unravel_index(np.arange(math.prod(shape)), shape), axis=1)
    return successes, np.broadcast_to(np.array(analysed, dtype=np.int64), successes.shape)


def judged_look(
    plan: Plan, number: int, analysed: tuple[int, ...], drawn: tuple[int, ...] = ()
) -> JudgedLook:
    """Judge every table of a look, the rules in order.

    Parameters
    ----------
    drawn
        Responders in the external data that are drawn anew; none are where left out.
    """
    successes, totals = tables_of_counts(analysed)
    beside = drawn_with(plan.design, drawn, len(successes)) if drawn else NOTHING_DRAWN
    seen = LookAnalysis.of_tables(plan, plan.design.primary, successes, totals, drawn=beside)
    open_ = np.ones(len(successes), dtype=np.bool_)
    ends = {ending: np.zeros(len(successes), dtype=np.bool_) for ending in STOPS}
    wins = {}
    decides = {rule.name: np.zeros(len(successes), dtype=np.bool_) for rule in plan.rules}
    alone = {rule.name: np.zeros(len(successes), dtype=np.bool_) for rule in plan.rules}
    within_error = {}
    for rule in plan.rules:
        if number not in rule.looks or rule.silent(analysed):
            continue
        held, unsure = holds_of_tables(seen, rule, number)
        if plan.errors[rule.name]:
            within_error[rule.name] = open_ & unsure
        alone[rule.name] = held
        holds = open_ & held
        assert rule.decision.ends is not None
        ends[rule.decision.ends] |= holds
        decides[rule.name] = holds
        if rule.decision.ends == SUCCESS:
            wins[rule.name] = holds
        open_ &= ~holds
    return JudgedLook(
        number,
        analysed,
        successes,
        ends,
        wins,
        decides,
        alone,
        within_error,
        seen.posterior(plan.design.primary).mean(plan.estimands[0].question),
        seen.summaries[plan.design.primary],
        tuple(added(arm, seen.summaries[arm.endpoint]) for arm in plan.borrowing),
    )


def holds_of_tables(seen: LookAnalysis, rule: ResolvedRule, look: int) -> tuple[Booleans, Booleans]:
    """Whether a rule of one target holds on some tables, and where its error could turn that."""
    held, surely, perhaps = [], [], []
    for part in rule.parts:
        probability, threshold = seen.probability(part, part.question), part.thresholds[look]
        unsure = seen.undecided(part, part.question, probability, threshold)
        held.append(part.compared(probability, threshold))
        surely.append(held[-1] & ~unsure)
        perhaps.append(held[-1] | unsure)
    together = rule.condition.of_one_target
    return together(held), together(surely) != together(perhaps)


def enumerate_design(
    design: Design,
    truths: Mapping[str, Truth],
    progress: Progress = silent,
) -> tuple[list[tuple[Any, ...]], dict[str, TrueValues]]:
    """Exact operating characteristics of every scenario, as rows of the results table.

    Parameters
    ----------
    progress
        Is told how many tables have been judged or summed, and of how many.
    """
    plan = Plan.of(design)
    outside = {name: external_tables(design, truth) for name, truth in truths.items()}
    every = cost_of(design, len(truths)).tables
    judged: dict[tuple[int, ...], list[JudgedLook]] = {}
    needed = dict.fromkeys(one.responders for tables in outside.values() for one in tables)
    needed |= dict.fromkeys([observed_table(design)])
    all_ = every * (len(needed) + sum(map(len, outside.values())))
    done = 0
    for responders in needed:
        progress("tables", done, all_)
        judged[responders] = [
            judged_look(plan, number, by_arm, responders) for number, by_arm in numbers_at(design)
        ]
        done += every
    true = {name: true_values(design, truth, plan=plan) for name, truth in truths.items()}
    rows: list[tuple[Any, ...]] = []
    every_name = list(truths)
    for chosen in _slices(len(truths), 1 if design.redrawn else _at_once(judged)):
        names = every_name[chosen]
        some = {name: true[name] for name in names}
        own = outside[names[0]]  # nothing is drawn where scenarios are several
        for found in _scenarios(plan, some, judged, own):
            rows += found.rows
        if design.redrawn:
            observed = (ExternalTable(observed_table(design), 1.0),)
            for given in _scenarios(plan, some, judged, observed):
                rows += given.as_observed()
        done += every * len(own) * len(names)
        progress("tables", done, all_)
    return rows, true


def _at_once(judged: Mapping[tuple[int, ...], list[JudgedLook]]) -> int:
    """Scenarios whose masses of all tables of a look are kept at once."""
    most = max(len(look.successes) for looks in judged.values() for look in looks)
    return AT_ONCE // most


def _slices(number: int, at_once: int) -> list[slice]:
    """All of some places, so many at once or one by one."""
    width = max(1, at_once)
    return [slice(first, first + width) for first in range(0, number, width)]


def _reached(
    looks: Sequence[JudgedLook], rates: Sequence[Sequence[float]], share: float = 1.0
) -> Iterator[tuple[JudgedLook, list[Floats], Floats]]:
    """Each look with the steps to it by arm and the mass of its tables, ``(scenario, table)``.

    Parameters
    ----------
    rates
        By scenario, then by arm.
    share
        Of all trials, with which this starts.
    """
    running: Floats = np.full((len(rates), 1, 1), share)
    before: tuple[int, ...] = (0,) * len(rates[0])
    for look in looks:
        by_arm = zip(before, look.analysed, zip(*rates, strict=True), strict=True)
        moves = [steps(b, a, p) for b, a, p in by_arm]
        reached = carried(running, moves)
        mass = reached.reshape(len(rates), -1)
        yield look, moves, mass
        running = np.where(look.stops, 0.0, mass).reshape(reached.shape)
        before = look.analysed


def rates_in(design: Design, scenario: str) -> list[float]:
    """True probability of a success by arm, in a scenario."""
    return true_values(design, design.truths[scenario]).levels(design.primary)


def success_of(design: Design, truths: Mapping[str, Truth]) -> dict[str, float]:
    """Probability of a success in every scenario, and nothing else: what a search asks for."""
    if design.redrawn:  # summed over all that may be drawn
        rows, _ = enumerate_design(design, truths)
        return {row[0]: row[5] for row in rows if row[1] == "success" and row[4] is None}
    plan = Plan.of(design)
    looks = [judged_look(plan, number, by_arm) for number, by_arm in numbers_at(design)]
    found: dict[str, float] = {}
    for chosen in _slices(len(truths), _at_once({(): looks})):
        names = list(truths)[chosen]
        true = [true_values(design, truths[name], plan=plan) for name in names]
        rates = [of_scenario.levels(design.primary) for of_scenario in true]
        sums = [
            totals_where(mass, look.ends[SUCCESS][None])[:, 0]
            for look, _, mass in _reached(looks, rates)
        ]
        found |= dict(zip(names, map(math.fsum, zip(*sums, strict=True)), strict=True))
    return found


def _scenarios(
    plan: Plan,
    true: Mapping[str, TrueValues],
    judged: Mapping[tuple[int, ...], list[JudgedLook]],
    outside: Sequence[ExternalTable] = NONE_DRAWN,
) -> list[Rows]:
    """Sum over all tables of the trial, and of what may be drawn with it, in some scenarios.

    Parameters
    ----------
    judged
        Looks, by what was drawn.
    """
    rates = [of_scenario.levels(plan.design.primary) for of_scenario in true.values()]
    tallies = [_tally(plan, judged[one.responders], rates, one.mass) for one in outside]
    wrong = _wrong(plan, list(true.values()), [judged[one.responders] for one in outside], tallies)
    looks = _together([judged[one.responders] for one in outside])
    summed = tallies[0] if len(tallies) == 1 else _Tally.of(tallies)
    measured = _Measured.of(
        plan, looks, summed, [target_values(plan, of)[0] for of in true.values()]
    )
    return [
        _rows(plan, name, place, measured, wrong[place], rates[place])
        for place, name in enumerate(true)
    ]


@dataclass(frozen=True)
class _Tally:
    """How probable what rules hold is in some scenarios, by look.

    Attributes
    ----------
    reached
        Mass of the tables of trials that come to a look, ``(scenario, table)``.
    decided, within_error
        By measure: probability at each look, ``(scenario, look)``.
    """

    reached: Mapping[int, Floats]
    decided: Mapping[str, Floats]
    within_error: Mapping[str, Floats]

    @staticmethod
    def of(several: Sequence[_Tally]) -> _Tally:
        """All of several together: tables one after the other, probabilities summed."""

        def added_up(key: str) -> dict[str, Floats]:
            parts = [getattr(one, key) for one in several]
            return {
                name: np.array(
                    [
                        [math.fsum(cell) for cell in zip(*rows, strict=True)]
                        for rows in zip(*(part[name] for part in parts), strict=True)
                    ]
                )
                for name in parts[0]
            }

        reached = {
            look: np.concatenate([one.reached[look] for one in several], axis=1)
            for look in several[0].reached
        }
        return _Tally(reached, added_up("decided"), added_up("within_error"))


def _wrong(
    plan: Plan,
    true: Sequence[TrueValues],
    parts: Sequence[list[JudgedLook]],
    tallies: Sequence[_Tally],
) -> list[float]:
    """Probability of a false success by scenario; not a number where that is not known."""
    found = []
    for place, of_scenario in enumerate(true):
        claims = Claims(plan.rules, of_scenario)
        false = {rule.name: claims.false(k) for k, rule in enumerate(plan.rules)}
        sums = []
        for looks, tally in zip(parts, tallies, strict=True):
            for k, look in enumerate(looks):
                for rule in look.wins:  # what it decides is a success
                    verdict, decided = (
                        false[rule],
                        float(tally.decided[f"decided_{rule}"][place, k]),
                    )
                    sums.append(math.nan if verdict is None else verdict * decided)
        found.append(math.fsum(sums))
    return found


def _together(several: Sequence[list[JudgedLook]]) -> list[JudgedLook]:
    """Looks whose tables are those of several, one after the other."""
    if len(several) == 1:
        return several[0]
    return [_joined(at_look) for at_look in zip(*several, strict=True)]


def _joined(parts: Sequence[JudgedLook]) -> JudgedLook:
    first, counts = parts[0], type(parts[0].counts).stacked([one.counts for one in parts])
    added = tuple(
        Added(*(np.concatenate(values) for values in zip(*map(_numbers, of_arm), strict=True)))
        for of_arm in zip(*(one.added for one in parts), strict=True)
    )
    estimate = np.concatenate([one.estimate for one in parts])
    ends = {ending: np.concatenate([one.ends[ending] for one in parts]) for ending in STOPS}
    return replace(first, counts=counts, added=added, estimate=estimate, ends=ends)


def _numbers(added: Added) -> tuple[Floats, Floats]:
    return added.participants, added.conflict


def _tally(
    plan: Plan, looks: list[JudgedLook], rates: Sequence[Sequence[float]], share: float
) -> _Tally:
    """Carry the mass of the trials with which one table was drawn from look to look.

    Parameters
    ----------
    rates
        By scenario, then by arm.
    share
        Of all trials.
    """
    decided: dict[str, list[Floats]] = {}
    # mass of the trials that run on and in which no verdict of a rule was within its error
    start = np.full((len(rates), 1, 1), share)
    beyond: dict[str, Floats] = {name: start for name, error in plan.errors.items() if error}
    within_error: dict[str, list[Floats]] = {name: [] for name in beyond}
    reached: dict[int, Floats] = {}
    for look, moves, mass in _reached(looks, rates, share):
        reached[look.number] = mass
        sets = {f"decided_{name}": holds for name, holds in look.decides.items()}
        sets |= {f"held_{name}": holds for name, holds in look.holds.items()}
        sums = totals_where(mass, np.array(list(sets.values())))
        for name, of_scenarios in zip(sets, sums.T, strict=True):
            decided.setdefault(name, []).append(of_scenarios)
        for name, clear in beyond.items():
            carried_on = carried(clear, moves)
            theirs = carried_on.reshape(mass.shape)
            near = look.within_error.get(name, np.zeros(mass.shape[1], dtype=np.bool_))
            within_error[name].append(totals_where(theirs, near[None])[:, 0])
            gone = near | look.stops
            beyond[name] = np.where(gone, 0.0, theirs).reshape(carried_on.shape)

    def by_look(sums: Mapping[str, list[Floats]]) -> dict[str, Floats]:
        return {name: np.stack(at_looks, axis=1) for name, at_looks in sums.items()}

    return _Tally(reached, by_look(decided), by_look(within_error))


@dataclass(frozen=True)
class _Measured:
    """What is summed of some scenarios over the tables with which their trials end.

    Attributes
    ----------
    ends
        Which tables of a look end a trial, by look and why.
    sums
        Their probability, by the same, ``(scenario,)``.
    errors
        Sums of the error, its square, and of what is covered, ``(3, scenario)``.
    """

    looks: list[JudgedLook]
    tally: _Tally
    targets: list[float]
    ends: Mapping[tuple[int, Ending], Booleans]
    sums: Mapping[tuple[int, Ending], Floats]
    errors: Mapping[tuple[int, Ending], Floats]

    @staticmethod
    def of(plan: Plan, looks: list[JudgedLook], tally: _Tally, targets: list[float]) -> _Measured:
        """Sum over the tables of each look."""
        ends: dict[tuple[int, Ending], Booleans] = {}
        sums: dict[tuple[int, Ending], Floats] = {}
        errors: dict[tuple[int, Ending], Floats] = {}
        for look in looks:
            here = {ending: look.ends[ending] for ending in STOPS}
            if look is looks[-1]:
                here[NO_SUCCESS] = ~look.stops
            keys, sets = [(look.number, ending) for ending in here], np.array(list(here.values()))
            mass = tally.reached[look.number]
            ends |= zip(keys, here.values(), strict=True)
            sums |= zip(keys, totals_where(mass, sets).T, strict=True)
            of_errors = _errors(plan, look, mass, targets, sets)
            errors |= zip(keys, np.moveaxis(of_errors, 2, 0), strict=True)
        return _Measured(looks, tally, targets, ends, sums, errors)


def _errors(
    plan: Plan, look: JudgedLook, mass: Floats, targets: list[float], sets: Booleans
) -> Floats:
    """Sums of error, its square and what is covered, ``(3, scenario, set)``."""
    analysis, model = plan.fitted[plan.design.primary]
    posterior = analysis.posterior(model, look.counts, None)
    question = plan.estimands[0].question
    covered = {aim: posterior.covers(question.at(aim), LEVEL) for aim in dict.fromkeys(targets)}
    found = np.empty((3, len(targets), len(sets)))
    for some in _slices(len(targets), NUMBERS_AT_ONCE // (3 * mass.shape[1])):
        own, error = mass[some], look.estimate - np.array(targets[some])[:, None]
        parts = np.empty((3, *own.shape))
        np.multiply(own, error, out=parts[0])
        np.multiply(own, np.square(error, out=error), out=parts[1])
        np.multiply(own, [covered[aim] for aim in targets[some]], out=parts[2])
        sums = totals_where(parts.reshape(-1, mass.shape[1]), sets)
        found[:, some] = sums.reshape(3, len(own), len(sets))
    return found


def _rows(
    plan: Plan,
    name: str,
    place: int,
    measured: _Measured,
    wrong: float,
    rates: Sequence[float],
) -> Rows:
    """Every measure of a scenario.

    Parameters
    ----------
    place
        Of the scenario among those measured together.
    """
    design, looks, found = plan.design, measured.looks, measured.tally
    rows = Rows(name)
    sums = {key: float(total[place]) for key, total in measured.sums.items()}
    decision_rows(rows, design, sums)
    for measure, by_look in found.decided.items():
        at_looks = by_look[place].tolist()
        rows.add(measure, exact(math.fsum(at_looks)))
        for look, probability in zip(looks, at_looks, strict=True):
            rows.add(measure, exact(probability), look=look.number)
    for measure, by_look in found.within_error.items():
        rows.add(f"within_error_{measure}", exact(math.fsum(by_look[place])))
    rows.add("false_success", exact(wrong))
    analysed = {look.number: float(sum(look.analysed)) for look in looks}
    analysed_rows(rows, [(analysed[number], sums[number, why]) for number, why in sums])
    if plan.borrowing:
        reached = {number: mass[place] for number, mass in found.reached.items()}
        everything = [
            (number, np.where(ends, reached[number], 0.0))
            for (number, _), ends in measured.ends.items()
        ]
        _borrowed_rows(rows, plan, looks, reached, everything)
    rows.add("estimand", exact(measured.targets[place]))
    errors = {key: of[:, place].tolist() for key, of in measured.errors.items() if sums[key] > 0.0}
    bias, square, inside = map(math.fsum, zip(*errors.values(), strict=True))
    rows.add("bias", exact(bias))
    rows.add("rmse", exact(math.sqrt(square)))
    rows.add("coverage", exact(inside))
    for key, (off, *_) in errors.items():
        number, ending = key
        rows.add("bias_given_stop", exact(off / sums[key]), look=number, reason=ending.name)
    for position, arm in enumerate(design.arm_names):
        rows.add(f"true_{design.primary}", exact(rates[position]), arm=arm)
    return rows


def _borrowed_rows(
    rows: Rows,
    plan: Plan,
    looks: list[JudgedLook],
    reached: Mapping[int, Floats],
    ended: list[tuple[int, Floats]],
) -> None:
    """Participants borrowed and conflicts with external data, at each look held and at the end.

    Parameters
    ----------
    reached, ended
        By look: mass of the tables of trials that come to it, and of those that end there, which
        may be several times, by why.
    """
    for place, arm in enumerate(plan.borrowing):
        found = {look.number: look.added[place] for look in looks}
        at: list[tuple[int | None, list[tuple[int, Floats]]]] = [(None, ended)]
        at += [(number, [(number, mass)]) for number, mass in reached.items()]
        for look, masses in at:
            mass = np.concatenate([part for _, part in masses])
            borrowed = np.concatenate([found[number].participants for number, _ in masses])
            conflict = np.concatenate([found[number].conflict for number, _ in masses])
            total = total_of(mass)
            name, measure = plan.design.arm_names[arm.arm], f"{PARTICIPANTS}_{arm.endpoint}"
            mean = total_of(mass * borrowed) / total if total > 0.0 else math.nan
            rows.add(f"{measure}_mean", exact(mean), name, look=look)
            for percent in PERCENTILES:
                value = percentile(borrowed, mass, percent)
                rows.add(f"{measure}_p{percent:02d}", exact(value), name, look=look)
            share = total_of(mass[conflict < LIMIT]) / total if total > 0.0 else math.nan
            rows.add(f"{CONFLICT}_{arm.endpoint}", exact(share), name, look=look)
