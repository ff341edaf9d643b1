"""Operating characteristics without Monte Carlo error, by enumeration.

Valid where the truth is direct and every look has a fixed number analysed in each arm. The mass of
the trials still running is carried from look to look over all tables of counts: binomial increments
in each arm, then the rules, judged on every table at once by the very posteriors that simulated
trials use (Jennison & Turnbull 2000, Group Sequential Methods, section 12.1, for the recursion).
What depends on calendar time is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from adaptive_cart.nouns.exact_sums import total_of, totals_of
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
from adaptive_cart.results.operating import Rows, exact
from adaptive_cart.running.engine import cost_of, numbers_at
from adaptive_cart.running.external_law import (
    NONE_DRAWN,
    ExternalTable,
    drawn_with,
    external_tables,
    observed_table,
)


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


def _binomial(n: int, p: float) -> Floats:
    """Binomial masses of 0..n successes."""
    from scipy import special

    k = np.arange(n + 1)
    if p in (0.0, 1.0):
        return (k == (n if p == 1.0 else 0)).astype(np.float64)
    choose = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return np.asarray(np.exp(choose + k * math.log(p) + (n - k) * math.log1p(-p)))


def step(before: int, after: int, p: float) -> Floats:
    """Probability of the successes after more participants, ``(successes before, after)``."""
    moves = np.zeros((before + 1, after + 1))
    masses = _binomial(after - before, p)
    for successes in range(before + 1):
        moves[successes, successes : successes + len(masses)] = masses
    return moves


def carried(mass: Floats, steps: list[Floats]) -> Floats:
    """Carry the mass of tables of one arm or two to the next look.

    Parameters
    ----------
    steps
        By arm: probability of the successes then, given those before, ``(before, then)``.
    """
    first: Floats = steps[0].T @ mass
    return first if len(steps) == 1 else first @ steps[1]


def enumerate_design(
    design: Design,
    truths: Mapping[str, Truth],
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
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
    rows: list[tuple[Any, ...]] = []
    true = {}
    for name, truth in truths.items():
        true[name] = true_values(design, truth, plan=plan)
        rows += _scenario(plan, truth, true[name], judged, outside[name]).rows
        if design.redrawn:
            observed = (ExternalTable(observed_table(design), 1.0),)
            given = _scenario(plan, truth, true[name], judged, observed)
            rows += given.as_observed()
        done += every * len(outside[name])
        progress("tables", done, all_)
    return rows, true


def success_of(design: Design, truths: Mapping[str, Truth]) -> dict[str, float]:
    """Probability of a success in every scenario, and nothing else: what a search asks for."""
    if design.redrawn:  # summed over all that may be drawn
        rows, _ = enumerate_design(design, truths)
        return {row[0]: row[5] for row in rows if row[1] == "success" and row[4] is None}
    plan = Plan.of(design)
    looks = [judged_look(plan, number, by_arm) for number, by_arm in numbers_at(design)]
    found = {}
    for name, truth in truths.items():
        true = true_values(design, truth, plan=plan)
        rates = [true.by_arm[design.primary][arm].value for arm in range(len(design.arms))]
        running, before = np.ones((1,) * len(rates)), (0,) * len(rates)
        sums = []
        for look in looks:
            steps = [step(b, a, p) for b, a, p in zip(before, look.analysed, rates, strict=True)]
            mass = carried(running, steps).ravel()
            for ending in STOPS:
                if ending == SUCCESS:
                    sums.append(total_of(np.where(look.ends[ending], mass, 0.0)))
                mass = np.where(look.ends[ending], 0.0, mass)
            running = mass.reshape(tuple(number + 1 for number in look.analysed))
            before = look.analysed
        found[name] = math.fsum(sums)
    return found


def _scenario(
    plan: Plan,
    truth: Truth,
    true: TrueValues,
    judged: Mapping[tuple[int, ...], list[JudgedLook]],
    outside: Sequence[ExternalTable] = NONE_DRAWN,
) -> Rows:
    """Sum over all tables of the trial, and of what may be drawn with it.

    Parameters
    ----------
    judged
        Looks, by what was drawn.
    """
    design = plan.design
    rates = [true.by_arm[design.primary][arm].value for arm in range(len(design.arms))]
    (target,) = target_values(plan, true)
    claims = Claims(plan.rules, true)
    false = {rule.name: claims.false(k) for k, rule in enumerate(plan.rules)}
    tallies = [_tally(plan, judged[one.responders], rates, false, one.mass) for one in outside]
    looks = _together([judged[one.responders] for one in outside])
    summed = tallies[0] if len(tallies) == 1 else _Tally.of(tallies)
    return _rows(plan, truth, looks, summed, target, rates)


@dataclass(frozen=True)
class _Tally:
    """Where the trials of a scenario end and what holds there, by look.

    Attributes
    ----------
    ended
        Mass of the tables of trials that end, by look and why.
    reached
        Mass of the tables of those that come to a look.
    decided, within_error
        By measure: probability at each look.
    wrong
        Probabilities of false successes, whose sum is theirs.
    """

    ended: Mapping[tuple[int, Ending], Floats]
    reached: Mapping[int, Floats]
    decided: Mapping[str, list[float]]
    within_error: Mapping[str, list[float]]
    wrong: list[float]

    @staticmethod
    def of(several: Sequence[_Tally]) -> _Tally:
        """All of several together: tables one after the other, probabilities summed."""

        def joined(key: str) -> dict[Any, Floats]:
            parts = [getattr(one, key) for one in several]
            return {which: np.concatenate([part[which] for part in parts]) for which in parts[0]}

        def added_up(key: str) -> dict[str, list[float]]:
            parts = [getattr(one, key) for one in several]
            return {
                name: [math.fsum(at) for at in zip(*(part[name] for part in parts), strict=True)]
                for name in parts[0]
            }

        wrong = [value for one in several for value in one.wrong]
        return _Tally(
            joined("ended"), joined("reached"), added_up("decided"), added_up("within_error"), wrong
        )


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
    return replace(first, counts=counts, added=added, estimate=estimate)


def _numbers(added: Added) -> tuple[Floats, Floats]:
    return added.participants, added.conflict


def _tally(
    plan: Plan,
    looks: list[JudgedLook],
    rates: list[float],
    false: Mapping[str, float | None],
    share: float,
) -> _Tally:
    """Carry the mass of the trials with which one table was drawn from look to look.

    Parameters
    ----------
    share
        Of all trials.
    """
    ended: dict[tuple[int, Ending], Floats] = {}
    wrong = []
    decided: dict[str, list[float]] = {}
    # mass of the trials that run on and in which no verdict of a rule was within its error
    start = np.full((1,) * len(rates), share)
    beyond = {name: start for name, error in plan.errors.items() if error}
    within_error: dict[str, list[float]] = {name: [] for name in beyond}
    reached: dict[int, Floats] = {}
    running = start
    before: tuple[int, ...] = (0,) * len(rates)
    for look in looks:
        steps = [step(b, a, p) for b, a, p in zip(before, look.analysed, rates, strict=True)]
        shape = tuple(number + 1 for number in look.analysed)
        mass = carried(running, steps).ravel()
        reached[look.number] = mass
        for what, of in (("decided", look.decides), ("held", look.holds)):
            for name, holds in of.items():
                decided.setdefault(f"{what}_{name}", []).append(total_of(mass[holds]))
        for rule in look.wins:  # what it decides is a success
            verdict = false[rule]
            wrong.append(math.nan if verdict is None else verdict * decided[f"decided_{rule}"][-1])
        for name, clear in beyond.items():
            theirs = carried(clear, steps).ravel()
            near = look.within_error.get(name, np.zeros(len(theirs), dtype=np.bool_))
            within_error[name].append(total_of(theirs[near]))
            gone = near | np.logical_or.reduce(list(look.ends.values()))
            beyond[name] = np.where(gone, 0.0, theirs).reshape(shape)
        for ending in STOPS:
            ended[look.number, ending] = np.where(look.ends[ending], mass, 0.0)
            mass = np.where(look.ends[ending], 0.0, mass)
        if look is looks[-1]:
            ended[look.number, NO_SUCCESS] = mass
        running = mass.reshape(shape)
        before = look.analysed
    return _Tally(ended, reached, decided, within_error, wrong)


def _rows(
    plan: Plan,
    truth: Truth,
    looks: list[JudgedLook],
    found: _Tally,
    target: float,
    rates: list[float],
) -> Rows:
    """Every measure of a scenario."""
    design, ended = plan.design, found.ended
    analysis, model = plan.fitted[design.primary]
    rows = Rows(truth.name)
    sums = {key: total_of(mass) for key, mass in ended.items()}
    _decision_rows(rows, design, sums)
    for name, by_look in found.decided.items():
        rows.add(name, exact(math.fsum(by_look)))
        for look, probability in zip(looks, by_look, strict=True):
            rows.add(name, exact(probability), look=look.number)
    for name, at_looks in found.within_error.items():
        rows.add(f"within_error_{name}", exact(math.fsum(at_looks)))
    rows.add("false_success", exact(math.fsum(found.wrong)))
    errors: dict[int, Floats] = {}
    covered: dict[int, Booleans] = {}
    for look in looks:
        errors[look.number] = look.estimate - target
        posterior = analysis.posterior(model, look.counts, None)
        covered[look.number] = posterior.covers(plan.estimands[0].question.at(target), LEVEL)
    analysed = {look.number: float(sum(look.analysed)) for look in looks}
    _analysed_rows(rows, [(analysed[number], sums[number, why]) for number, why in ended])
    everything = [(number, mass) for (number, _), mass in ended.items()]
    _borrowed_rows(rows, plan, looks, found.reached, everything)
    rows.add("estimand", exact(target))
    of_errors: dict[tuple[int, Ending], list[float]] = {}
    for (number, ending), mass in ended.items():
        if sums[number, ending] > 0.0:
            at = np.flatnonzero(mass)
            own, error = mass[at], errors[number][at]
            parts = np.stack([own * error, own * error**2, own * covered[number][at]])
            of_errors[number, ending] = totals_of(parts)
    bias, square, inside = map(math.fsum, zip(*of_errors.values(), strict=True))
    rows.add("bias", exact(bias))
    rows.add("rmse", exact(math.sqrt(square)))
    rows.add("coverage", exact(inside))
    for (number, ending), (off, *_) in of_errors.items():
        given = off / sums[number, ending]
        rows.add("bias_given_stop", exact(given), look=number, reason=ending.name)
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


def percentile(values: Floats, mass: Floats, percent: int) -> float:
    """The smallest value with as many percent of the mass at or below it."""
    if not mass.sum() > 0.0:
        return math.nan
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(mass[order])
    # as of a round number: sums of many masses fall short of it by rounding alone
    first = np.searchsorted(cumulative, percent / 100.0 * cumulative[-1] - 1e-12)
    return float(values[order][min(first, len(values) - 1)])


def _decision_rows(rows: Rows, design: Design, sums: Mapping[tuple[int, Ending], float]) -> None:
    def any_look(ending: Ending) -> float:
        return math.fsum(mass for (_, why), mass in sums.items() if why == ending)

    rows.add("success", exact(any_look(SUCCESS)))
    for ending in STOPS:
        rows.add(ending.measure, exact(any_look(ending)))
        for (number, why), mass in sums.items():
            if why == ending:
                rows.add(ending.measure, exact(mass), look=number)
    rows.add(NO_SUCCESS.measure, exact(any_look(NO_SUCCESS)))
    rows.add("arm_success", exact(any_look(SUCCESS)), arm=design.experimental_names[0])


def _analysed_rows(rows: Rows, ended: list[tuple[float, float]]) -> None:
    """Distribution of the number in the primary analysis.

    Parameters
    ----------
    ended
        Numbers analysed and probabilities, one after the other.
    """
    shares: dict[float, float] = {}
    for number, probability in ended:
        shares[number] = shares.get(number, 0.0) + probability
    mean = math.fsum(n * p for n, p in shares.items())
    variance = math.fsum((n - mean) ** 2 * p for n, p in shares.items())
    rows.add("n_analysed_mean", exact(mean))
    rows.add("n_analysed_sd", exact(math.sqrt(max(variance, 0.0))))
    for label, probability in (("p05", 0.05), ("p50", 0.50), ("p95", 0.95)):
        cumulative = 0.0
        for n in sorted(shares):
            cumulative += shares[n]
            # a share summed from many masses may fall short of a round number by rounding alone
            if cumulative >= probability - 1e-12:
                rows.add(f"n_analysed_{label}", exact(n))
                break
