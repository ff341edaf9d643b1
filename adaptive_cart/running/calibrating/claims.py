"""Thresholds of claims that share the family-wise error: one for every amount that each may hold.

First the success rule, as ever, for its own share. Then each claim by itself: in every truth in
which what it claims is false, trials of the design are simulated, success and all other rules as
they are, and the claim is asked at the end of each, whatever it requires and whatever else has
held. The smallest threshold that at most the amount of these trials reach, in the worst of the
truths, is that of the amount; one simulation gives those of all amounts. So each claim keeps every
amount that it can hold as a test of its own, and by the closed testing principle (Bretz et al.
2009, Stat Med 28:586) any false claim has at most the sum of the shares, whichever of the other
claims are true. Gates only lower it.

The truths are the scenarios, whatever their role, in which the claim is false; where it is about
rates that are given directly also control rates from 0 to 1, each with the rate at which it is just
false.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule, resolve_rules
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.alpha_graph import decimal
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import DesignError, EngineError, Problem
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.calibration import Calibrated, fingerprint
from adaptive_cart.results.claims import FALSE, Claims
from adaptive_cart.results.estimand import true_values
from adaptive_cart.results.figure import Figure, proportion
from adaptive_cart.results.shared_calibration import (
    AnyCalibration,
    ClaimThreshold,
    FamilyPoint,
    SharedCalibration,
)
from adaptive_cart.running.calibrating.search import CONFIRMED, FRESH, Effort, Rest, Search
from adaptive_cart.running.null_region import (
    Point,
    effects_of,
    not_at_margin,
    rate_points,
    scenario_points,
)
from adaptive_cart.running.region import (
    WIDE_GRID,
    asks,
    needs_calibration,
    with_found,
    with_threshold,
)
from adaptive_cart.running.simulated_error import require_shown, simulated, smallest, without
from adaptive_cart.running.simulating import Simulating

NEAR = 5.0  # errors of a probability from 1: nearer, and a threshold hangs on them


# by claim and amount of alpha: a threshold, what must not count, and what may
_Threshold = tuple[str, float, tuple[float, float | None, float | None]]


@dataclass(frozen=True)
class _Truths:
    """Where claims are false.

    Attributes
    ----------
    by_name
        The truths, each once.
    of
        By claim: names of those in which it is false.
    """

    by_name: dict[str, Truth]
    of: dict[str, list[str]]
    notes: list[str]

    def kept(self, point: Point, claim: str) -> str:
        """Keep the truth of a point; its name, which no other truth has."""
        name = point.name
        if self.by_name.get(name, point.truth) != point.truth:
            name = f"{name} ({claim})"
        self.by_name[name] = point.truth
        return name


class SharedClaims(Search):
    """The threshold for success for its own share, then those of the claims."""

    finds = "a threshold of each claim for every amount of the family-wise error it can hold"
    confirmed = "by fresh trials at the truths with the largest errors, and of any false claim"
    log = SharedCalibration

    def takes(self, design: Design) -> bool:
        """Whether success and claims share an error."""
        return design.alpha_graph is not None

    def find(self, design: Design, effort: Effort, rest: Rest) -> AnyCalibration:
        """Find success for its share, where that is to be found, and then the claims."""
        alone, success = for_success_alone(design), None
        if needs_calibration(alone):
            success = rest(alone, effort).of_success
        elif effort.engine == "exact":
            raise EngineError("the error of further claims is simulated, and not enumerated")
        return calibrate_shared(design, success, effort)


def for_success_alone(design: Design) -> Design:
    """The design without further claims, its type I error the share of its success rule."""
    assert design.claims is not None
    tables = design.plain()
    tables.pop("claims")
    tables["rules"] = [rule.plain() for rule in design.rules if not rule.decision.at_the_end]
    success = [rule.name for rule in design.rules_ending(SUCCESS)]
    share = float(sum(decimal(design.claims.alpha.get(name, 0.0)) for name in success))
    if design.calibration is not None:
        tables["calibration"] = tables["calibration"] | {"type_one_error": share}
    return Design(**tables)


def calibrate_shared(
    design: Design, success: Calibrated | None, effort: Effort
) -> SharedCalibration:
    """Find the thresholds of claims that share the error.

    Parameters
    ----------
    success
        What was found for the success rule; nothing where its threshold is written.
    effort
        Of its trials in each truth ten times as many confirm the search, and move the thresholds.
        With ``confidence = "estimate"`` as many only tell their error.
    """
    graph = design.alpha_graph
    assert graph is not None
    trials, search = effort.trials, effort.searching
    again_as_many = replace(effort.confirming, trials=trials)
    numbers = _with_success(design, success)
    asking = [rule.name for rule in design.further_claims if asks(rule)]
    truths = _truths(numbers, asking)
    open_ = _asked_alone(numbers)
    upper = design.calibration is None or design.calibration.by_upper_bound
    for name in asking:
        for amount in graph.amounts(graph.names.index(name)):
            path = f"claims.alpha.{name}"
            require_shown(float(amount), trials, FRESH * trials, upper, path)
    reached = _reached(open_, truths.by_name, asking, search, "claims")
    found: list[ClaimThreshold] = []
    unconfirmed: list[_Threshold] = []
    for name in asking:
        values = {point: reached[point][name] for point in truths.of[name]}
        for amount in graph.amounts(graph.names.index(name)):
            unconfirmed.append((name, amount, _smallest(name, amount, values)))
    worst = {
        (name, amount): _worst(reached, truths.of[name], name, threshold)
        for name, amount, (threshold, _, _) in unconfirmed
    }
    many = trials
    if upper:
        many = effort.confirming.trials
        unconfirmed, fresh = _bounded(open_, truths, reached, unconfirmed, effort.confirming)
        worst = {
            (name, amount): _worst(fresh, [n for n in truths.of[name] if n in fresh], name, limit)
            for name, amount, (limit, _, _) in unconfirmed
        }
    again = {name: truths.by_name[name] for name in dict.fromkeys(worst.values())}
    if many == trials:
        fresh = _reached(open_, again, asking, again_as_many, "confirmation")
    for name, amount, (threshold, must_not, may) in unconfirmed:
        point = worst[name, amount]
        found.append(
            ClaimThreshold(
                name, amount, threshold, must_not, may,
                {at: float((reached[at][name] >= threshold).mean()) for at in truths.of[name]},
                point,
                proportion(int((fresh[point][name] >= threshold).sum()), many),
            )
        )  # fmt: skip
    shares = {n: float(a) for n, a in zip(graph.names, graph.alpha, strict=True) if a}
    kept = SharedCalibration(
        success, tuple(found), shares, (), trials, search.seed, (), tuple(design.truths), "", ""
    )
    final = with_found(design, kept)
    family = _family(final, {**dict(final.truths), **again}, again_as_many)
    return replace(
        kept,
        family=tuple(family),
        notes=(
            *truths.notes,
            *_over_their_share(final, shares, family),
            *nearer_than_known(final, found),
            *_again(final, asking),
        ),
        asked=fingerprint(design, kept.scenarios),
        found=fingerprint(final, kept.scenarios),
    )


def _bounded(
    open_: Design,
    truths: _Truths,
    reached: dict[str, dict[str, Floats]],
    searched: Sequence[_Threshold],
    confirming: Simulating,
) -> tuple[list[_Threshold], dict[str, dict[str, Floats]]]:
    """Move the thresholds until the upper bound of each error, on fresh trials, is what is held.

    As for success: fresh trials at the two truths with the largest errors, the others held by the
    search.

    Returns
    -------
    The thresholds, and by truth and claim what the trials ended with.
    """
    asking = list(dict.fromkeys(name for name, _, _ in searched))
    worst = {
        (name, amount): _hardest(reached, truths.of[name], name, limit)
        for name, amount, (limit, _, _) in searched
    }
    names = dict.fromkeys(name for both in worst.values() for name in both)
    again = {name: truths.by_name[name] for name in names}
    fresh = _reached(open_, again, asking, confirming, "confirmation")
    found: list[_Threshold] = []
    for name, amount, _ in searched:
        both = worst[name, amount]
        others = {at: reached[at][name] for at in truths.of[name] if at not in both}
        bound = smallest([fresh[at][name] for at in both], amount, upper=True)
        held = _smallest(name, amount, others) if others else bound
        found.append((name, amount, max(bound, held, key=lambda one: one[0])))
    return found, fresh


def _hardest(
    reached: dict[str, dict[str, Floats]], names: Sequence[str], claim: str, threshold: float
) -> list[str]:
    """The truths in which most trials reach a threshold falsely."""
    shares = {name: _share(reached[name][claim], threshold) for name in names}
    return sorted(names, key=lambda name: -shares[name])[:CONFIRMED]


def _share(values: Floats, threshold: float) -> float:
    return float((values >= threshold).mean())


def _with_success(design: Design, success: Calibrated | None) -> Design:
    """The design with a number in the place of every ``"calibrate"``: for claims any."""
    if success is None:
        return with_threshold(design, 0.5)
    tables = design.plain()
    tables["rules"] = [
        rule.plain() | ({"at_least": success.of_rule(rule.name)} if asks(rule) else {})
        if not rule.decision.at_the_end
        else rule.plain()
        for rule in design.rules
    ]
    return with_threshold(Design(**tables), 0.5)


def _asked_alone(design: Design) -> Design:
    """The design in which every claim is asked at the end of every trial, and nothing is shared."""
    tables = design.plain()
    tables.pop("claims")
    for table, rule in zip(tables["rules"], design.rules, strict=True):
        if rule.decision.at_the_end:
            table.pop("requires", None)
            table.pop("followed_up", None)
            if rule.posterior is not None:
                table["at_least"] = 1.0
                table.pop("below", None)
    return Design(**tables)


# ── where claims are false ────────────────────────────────────────────────────────────────────
def _truths(design: Design, asking: Sequence[str]) -> _Truths:
    """The truths in which each claim to be calibrated is false.

    Raises
    ------
    DesignError
        If a claim is false nowhere.
    """
    rules = {rule.name: rule for rule in resolve_rules(design)}
    found = _Truths({}, {}, [])
    problems = []
    for name in asking:
        points = [*_scenarios(design, rules[name]), *_rates(design, rules[name])]
        found.of[name] = [found.kept(point, name) for point in points]
        if not points:
            problems.append(
                Problem(
                    "scenarios",
                    f"'{name}' is true in all of them, so that nothing says how often it is "
                    f"claimed falsely; write one in which what it claims is just not so",
                )
            )
        elif not _rates(design, rules[name]):
            found.notes.extend(not_at_margin(design, rules[name], points))
    if problems:
        raise DesignError(problems)
    return found


def _scenarios(design: Design, rule: ResolvedRule) -> list[Point]:
    """Scenarios in which a claim is false, moved to its margin too where that is simple."""
    as_null = {name: truth.as_null for name, truth in design.truths.items()}
    points, _ = scenario_points(design, as_null, [rule], [rule])
    return points


def _rates(design: Design, rule: ResolvedRule) -> list[Point]:
    """Control rates with the rates at which a claim is just false, where they are direct."""
    (asked, *more) = rule.claimed
    direct = [t for t in design.truths.values() if asked.endpoint in t.direct]
    if more or not (design.endpoints[asked.endpoint].binary and asked.of.about_levels and direct):
        return []
    primary = asked.endpoint == design.primary
    bases = direct[:1] if primary else direct
    controls = np.linspace(0.0, 1.0, WIDE_GRID)
    effects = effects_of([rule], design)
    return [
        replace(point, name=point.name if primary else _named(base, asked.endpoint, point))
        for base in bases
        for point in rate_points(design, base, asked.endpoint, [rule], effects, controls)
        if point.false[rule.name]
    ]


def _named(base: Truth, endpoint: str, point: Point) -> str:
    """Name of rates of an endpoint that is not the primary: those of others are the scenario's."""
    return f"{base.name}, {endpoint}: {point.name}"


# ── simulated ─────────────────────────────────────────────────────────────────────────────────
def _reached(
    design: Design,
    truths: dict[str, Truth],
    asking: Sequence[str],
    simulating: Simulating,
    what: str,
) -> dict[str, dict[str, Floats]]:
    """By truth and claim: the probability that each trial ended with, ``(trial,)``."""
    asked = functools.partial(asked_at_the_end, design, names=tuple(asking))
    return simulating.by_name(what, asked, truths)


def asked_at_the_end(
    design: Design, truth: Truth, names: tuple[str, ...], trials: int, seed: int
) -> dict[str, Floats]:
    """By claim: what it asked for at the end of each trial, ``(trial,)``; 0 where that failed."""
    plan = without(Plan.of(design), names)
    parts = {rule.name: rule.parts[0].name for rule in plan.rules if rule.name in names}
    found: dict[str, list[Floats]] = {name: [] for name in names}
    for block in simulated(plan, truth, trials, seed):
        for name in names:
            last = np.zeros(len(block.look))
            for record in block.looks:
                if parts[name] in record.probabilities:
                    last = np.fmax(last, record.probabilities[parts[name]][:, 0])
            found[name].append(last)
    return {name: np.concatenate(values) for name, values in found.items()}


def _smallest(
    name: str, amount: float, values: dict[str, Floats]
) -> tuple[float, float | None, float | None]:
    try:
        return smallest([*values.values()], amount)
    except DesignError:
        most = max(float((one >= 1.0).mean()) for one in values.values())
        raise DesignError(
            [
                Problem(
                    "claims.alpha",
                    f"no threshold keeps '{name}' at {amount:g}: where it is false, a posterior "
                    f"probability of 1 is reached in {most:.4f} of the trials; give it more, or "
                    f"an analysis with a prior that rules less out",
                )
            ]
        ) from None


def _worst(
    reached: dict[str, dict[str, Floats]], names: Sequence[str], claim: str, threshold: float
) -> str:
    return max(names, key=lambda name: float((reached[name][claim] >= threshold).mean()))


def _family(design: Design, truths: dict[str, Truth], simulating: Simulating) -> list[FamilyPoint]:
    """How often the design, as it acts, claims falsely in each truth, on fresh trials."""
    false = functools.partial(false_claims, design)
    found = simulating.by_name("family-wise error", false, truths)
    return [FamilyPoint(name, *figures) for name, figures in found.items()]


def false_claims(
    design: Design, truth: Truth, trials: int, seed: int
) -> tuple[Figure, dict[str, Figure]]:
    """Trials with any false claim, and by rule those that claim falsely."""
    plan = replace(Plan.of(design), estimands=())
    claims = Claims(plan.rules, true_values(design, truth))
    claiming = [k for k, rule in enumerate(plan.rules) if rule.decision.claims]
    number = dict.fromkeys((-1, *claiming), 0)
    for block in simulated(plan, truth, trials, seed):
        for which in number:
            own = claiming if which < 0 else [which]
            number[which] += int((claims.of_trials(block.standing, own) == FALSE).sum())
    by_rule = {plan.rules[k].name: proportion(number[k], trials) for k in claiming if number[k]}
    return proportion(number[-1], trials), by_rule


def _again(design: Design, asking: Sequence[str]) -> list[str]:
    """Claims that are judged again after follow-up, whose error then is another."""
    again = [r.name for r in design.further_claims if r.followed_up and r.name in asking]
    if not again:
        return []
    names = " and ".join(f"'{name}'" for name in again)
    return [
        f"{names}: what is first claimed falsely after follow-up is not held by these thresholds; "
        f"a run counts it (false_claim_final_RULE, any_false_claim_final)"
    ]


def nearer_than_known(design: Design, found: Sequence[ClaimThreshold]) -> list[str]:
    """Claims whose threshold lies nearer to 1 than their probabilities are known."""
    plan, notes = Plan.of(design), []
    for name in dict.fromkeys(one.rule for one in found):
        own = [(one, plan.error_at(name, one.threshold)) for one in found if one.rule == name]
        near = [pair for pair in own if 1.0 - pair[0].threshold <= NEAR * pair[1]]
        if near and near[0][1]:
            first, error = near[0]
            amounts = " and ".join(f"{one.alpha:.6g}" for one, _ in near)
            notes.append(
                f"the probabilities of '{name}' are known to within {error:.2g}, and its "
                f"threshold for {amounts} leaves {1.0 - first.threshold:.4f} up to 1: which "
                f"trials claim hangs on that error (within_error_{name}), and the fast posterior "
                f"has to judge the real trial too"
            )
    return notes


def _over_their_share(
    design: Design, shares: dict[str, float], family: Sequence[FamilyPoint]
) -> list[str]:
    """Success rules with a written threshold that are false more often than their share."""
    notes = []
    for rule in design.rules:
        if not rule.decision.claims or rule.decision.at_the_end:
            continue
        found: list[tuple[Any, str]] = [
            (point.by_rule[rule.name], point.name)
            for point in family
            if rule.name in point.by_rule and point.by_rule[rule.name].lower > shares[rule.name]
        ]
        if found:
            figure, where = max(found, key=lambda one: one[0].estimate)
            notes.append(
                f"'{rule.name}' declares success falsely in {figure.estimate:.4f} of the trials of "
                f"{where}, more than its share of {shares[rule.name]:g}; its threshold has to be "
                f"higher, or its share larger"
            )
    return notes
