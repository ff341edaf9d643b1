"""What a design means, in words and numbers: the text of ``adaptive-cart check``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from adaptive_cart.conduct.comparison import wording_of
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule, listed, resolve_rules
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.alpha_graph import AlphaGraph
from adaptive_cart.design.arms import Crossover
from adaptive_cart.design.design import Design
from adaptive_cart.design.first_part import planned_in_parts
from adaptive_cart.design.planned import said_moment
from adaptive_cart.design.products import PRODUCTS
from adaptive_cart.design.rule_tables import AlphaSpending, ByAlpha, Comparing, Rule
from adaptive_cart.design.spending import first_of, planned_bounds
from adaptive_cart.design.validation import shown
from adaptive_cart.errors import one_of
from adaptive_cart.models.classical.alpha_spending import SHAPES
from adaptive_cart.models.prior import Prior
from adaptive_cart.nouns.questions import ALL, TO_CALIBRATE, sum_of, written
from adaptive_cart.priors.by_stratum import priors_of_strata
from adaptive_cart.running.adjusted import refused
from adaptive_cart.running.boundaries import (
    Boundary,
    arms_alike,
    boundaries,
    left_out,
    planned_at,
    planned_if,
)
from adaptive_cart.running.cost import cost_of_draws
from adaptive_cart.running.engine import choose_engine
from adaptive_cart.running.stopping_counts import stopping_counts
from adaptive_cart.telling.adjusted_estimates import told_adjusted_estimates
from adaptive_cart.telling.averages import told_design_priors
from adaptive_cart.telling.beside_tests import told_beside_tests
from adaptive_cart.telling.borrowing import told_borrowing
from adaptive_cart.telling.by_number import told_by_number
from adaptive_cart.telling.comparator import only_as_observed, told_comparator
from adaptive_cart.telling.costs import told_costs
from adaptive_cart.telling.early_months import told_early
from adaptive_cart.telling.estimands import told_estimands
from adaptive_cart.telling.long_term import told_long_term
from adaptive_cart.telling.periods import told_adjusted, told_randomisation
from adaptive_cart.telling.truths import told_scenarios
from adaptive_cart.telling.without_effect import without_effect

_ROWS = 6  # of a boundary that are told
_TABLES = 10_000  # more of them take longer than one wants to wait for a description


def described(design: Design) -> str:
    """Describe a sound design: arms, looks, rules with boundaries, priors, scenarios, engine."""
    truths = design.truths
    lines = [design.name, *([design.description] if design.description else [])]
    lines += [f"Set otherwise: {one.words(key)}" for key, one in design.replaced.items()]
    lines += ["", *_arms(design)]
    beside = list(told_comparator(design))
    lines += ["", *beside] if beside else []
    lines += ["", *_endpoints(design)]
    lines += ["", *told_estimands(design, truths), "", *_looks(design)]
    plan = Plan.of(design)
    lines += ["", *_utilities(design)] if design.utility else []
    lines += ["", *_rules(design, plan), "", *_priors(design, plan)]
    lines += ["", *told_scenarios(design, truths)]
    if design.costs is not None:
        lines += ["", *told_costs(design)]
    if design.design_prior:
        lines += ["", *told_design_priors(design)]
    if design.sensitivity:
        lines += ["", "Sensitivity: what `adaptive-cart sweep` varies, one key at a time"]
        lines += [f"  {key}: {shown(values)}" for key, values in design.sensitivity.items()]
    if design.long_term_follow_up is not None:
        lines += ["", *told_long_term(design)]
    choice = choose_engine(design, truths, "auto")
    if design.adjusted_estimates is not None:
        exact, why_not = choice.exact, refused(design, choice)
        lines += ["", *told_adjusted_estimates(design, exact, why_not)]
    idle = list(without_effect(design, truths))
    if idle:
        lines += ["", "Said, and without effect on any number", *(f"  {line}" for line in idle)]
    why = "no Monte Carlo error" if choice.exact else choice.why
    engine = f"{choice.engine} ({why})"
    lines += ["", f"Engine that auto takes: {engine}"]
    trials = f"{design.simulation.trials:,}, seed {design.simulation.seed}"
    lines.append(
        f"Trials a scenario{' where they are simulated' if choice.exact else ''}: {trials}"
    )
    return "\n".join(lines)


def _arms(design: Design) -> Iterator[str]:
    yield f"Arms ({design.enrolment.max_n} participants at most)"
    for name, planned in zip(design.arm_names, design.planned, strict=True):
        arm = design.arms[name]
        words = [arm.label] if arm.label is not None else []
        words += ["control"] if arm.control else []
        if arm.product is not None:
            product = PRODUCTS[arm.product]
            words.append(f"{arm.product}: {product.description}")
        words += [f"{key} {said_moment(when)}" for key, when in arm.moments()]
        yield f"  {name}: {planned} planned" + (f" ({'; '.join(words)})" if words else "")
    if design.first_part is not None:
        yield f"  first part: {design.first_part.in_words(design.control)}"
        if any(rule.decision.chooses for rule in design.rules):
            for place in design.experimental:
                numbers = zip(design.arm_names, planned_in_parts(design, place), strict=True)
                told = ", ".join(f"{name} {number}" for name, number in numbers)
                yield f"    planned if {design.arm_names[place]} is chosen: {told}"
    if design.strata:
        shares = ", ".join(f"{name} {share:g}" for name, share in design.strata.items())
        yield f"  strata by share of enrolment: {shares}"
    yield f"  enrolment: {design.enrolment.in_words}, {design.enrolment.arrivals} arrivals"
    yield from told_randomisation(design)
    if design.adaptive and design.strata is not None:
        goes = design.enrolment.redistributes
        yield f"  arrivals of a closed stratum: {'go to the open ones' if goes else 'are lost'}"
    if design.by_target:
        first = design.ends_at_first_success
        yield f"  the trial ends {'at the first success' if first else 'when all are resolved'}"
    if design.crossover is not None:
        yield f"  crossover: {_crossing(design.crossover)}"
    if design.follow_up is not None:
        yield f"  follow-up: {design.follow_up.in_words(design.endpoints)}"


def _crossing(crossover: Crossover) -> str:
    counts = "non-response" if not crossover.ignored else "ignored (treatment policy)"
    return (
        f"from {crossover.from_} to {crossover.to}, of those {crossover.whom.rstrip(',')}; "
        f"to cross over is {counts}"
    )


def _endpoints(design: Design) -> Iterator[str]:
    yield "Endpoints"
    for name, endpoint in design.endpoints.items():
        settings = {
            key: value
            for key, value in endpoint.plain().items()
            if key not in ("type", "label", "primary", "strategy") and value is not False
        }
        called = f" ({endpoint.label})" if endpoint.label else ""
        words = ", ".join(
            key if value is True else f"{key} {_setting(value)}" for key, value in settings.items()
        )
        primary = " (primary)" if name == design.primary else ""
        analysis = design.analysis_of(name)
        model = "described only" if analysis is None else analysis.model
        if analysis is not None and analysis.by_intervals():
            model += ", by the intervals between visits"
        yield f"  {name}{called}{primary}: {endpoint.type}{', ' + words if words else ''}; {model}"


def _setting(value: Any) -> str:
    """A setting in words; of a list all that it has, of a table its keys with their values."""
    if isinstance(value, list):
        return one_of(map(_setting, value))
    if isinstance(value, dict):
        return " ".join(f"{key} {_setting(inner)}" for key, inner in value.items())
    return str(value)


def _looks(design: Design) -> Iterator[str]:
    looks = design.looks
    yield f"Looks by {' and '.join(looks.given)}"
    for look in range(1, looks.number + 1):
        if look <= len(looks.at) and not looks.as_stated:
            due = looks.due(look)
        elif look <= len(looks.at):
            due = f"{looks.scale} = {looks.at[look - 1]:g}"
        else:
            due = "everybody randomised has been observed"
        planned = planned_at(design, look)
        numbers = (
            ""
            if planned is None
            else "; planned "
            + ", ".join(f"{arm} {n}" for arm, n in zip(design.arm_names, planned, strict=True))
        )
        last = " (the last)" if look == looks.number else ""
        yield f"  {look}{last}: {due}{numbers}{_not_whole(design, look)}"
    if not looks.as_stated:
        yield f"  {looks.out_of_reach()}"
    elif planned_at(design, 1) is not None and (when := planned_if(design)):
        yield f"  planned {when}"
    if looks.stratum is not None and design.strata is not None:
        share = design.strata[looks.stratum] / sum(design.strata.values())
        yield (
            f"  of {design.enrolment.max_n} participants {share * design.enrolment.max_n:g} are "
            f"expected in {looks.stratum}, while every stratum is open"
        )


def _not_whole(design: Design, look: int) -> str:
    """Why a look has no planned numbers, and so no counts beside its rules, where it might have."""
    looks = design.looks
    if design.strata is not None or design.adaptive:
        return ""
    if not (looks.counts.when_followed and looks.as_stated):
        return ""
    if planned_at(design, look) is not None:
        return ""
    ratio = " : ".join(map(str, design.allocation))
    number = looks.at[look - 1] if look <= len(looks.at) else design.enrolment.max_n
    return f"; {number:g} at {ratio} are no whole numbers, so that rules show no counts here"


def _utilities(design: Design) -> Iterator[str]:
    """What one unit of each endpoint is worth."""
    yield "Utilities, weighed in the units of the endpoints"
    for name, weights in design.utility.items():
        yield f"  {name}: {weights_in_words(design, weights)}"


def weights_in_words(design: Design, weights: Mapping[str, float]) -> str:
    """Write a utility with the unit of each endpoint: ``1 × dfr (probability)``."""
    named = []
    for endpoint in weights:
        parameter = wording_of(design, endpoint).parameter
        named.append(f"{endpoint} ({parameter.noun}{parameter.unit})")
    return sum_of(tuple(weights.items()), named)


def _rules(design: Design, plan: Plan) -> Iterator[str]:
    yield "Rules, in the order they are judged"
    found, stops = boundaries(design, plan), stopping_counts(design, plan)
    for rule, resolved in zip(design.rules, resolve_rules(design), strict=True):
        yield f"  {rule.name}: {rule.then} if {_asked(design, rule, resolved)}"
        yield from _spent(design, rule)
        yield from _at_once(resolved)
        yield from _of_all(design, resolved)
        together = _strata_together(design, resolved)
        yield f"    judged at {resolved.when(design)}{together}"
        for name in resolved.claims_of:
            yield f"    claims what '{name}' claims, with all of its questions"
        own = [boundary for boundary in found if boundary.rule == rule.name]
        for look in dict.fromkeys(boundary.look for boundary in own):
            for arms, (boundary,) in arms_alike(one for one in own if one.look == look):
                yield f"    look {look}: {_edge(boundary, resolved, listed([*arms]))}"
        if own and (beside := only_as_observed(design, resolved)):
            yield f"    {beside}"
        for table in stops:
            if table.rule == rule.name:
                yield from told_by_number(design, table)
    for words in left_out(design, plan):
        yield f"  {words}"
    yield from _shared(plan)
    if design.calibration is not None:
        from adaptive_cart.running.region import wanted_words  # brings more than a check needs

        if (wanted := wanted_words(design)) is not None:
            yield f"  {wanted}"
    yield from (f"  {words}" for words in told_early(design))
    yield from (f"  {words}" for words in told_beside_tests(plan))
    yield from (f"  {words}" for words in told_adjusted(design))
    yield from _either_way(design)
    for words in cost_of_draws(plan, design.simulation.trials, len(design.scenarios)):
        yield f"  {words}"
    for error, names in plan.by_error.items():
        yield (
            f"  Probabilities of {listed([repr(name) for name in names])} are known to within "
            f"{error:g}; where one lies that near to its threshold, the trial is counted "
            f"(within_error_RULE)"
        )


def _shared(plan: Plan) -> Iterator[str]:
    """Which claims share the family-wise error, what each may come to hold, and from whom."""
    passing = plan.passing
    if passing is None:
        return
    graph = passing.graph
    shares = zip(graph.names, graph.alpha, strict=True)
    own = ", ".join(f"{name} {float(share):g}" for name, share in shares if share)
    yield f"  Family-wise error {float(graph.total):g}, shared: {own}"
    for name, weights in zip(graph.names, graph.weights, strict=True):
        given = zip(graph.names, weights, strict=True)
        passed = ", ".join(f"{_part(part)} to {other}" for other, part in given if part)
        if passed:
            yield f"    {name}, once it holds, passes {passed}"
    for claim, name in enumerate(graph.names):
        if plan.rules[passing.positions[claim]].decision.at_the_end:
            told = (
                f"{float(amount):.6g}{_once(graph, sets)}"
                for amount, sets in graph.ways(claim).items()
            )
            yield f"    {name} can come to hold {'; '.join(told)}"


def _part(part: Fraction) -> str:
    """Say how much of its share a claim passes on."""
    return "all of it" if part == 1 else f"{float(part):.4g} of it"


def _once(graph: AlphaGraph, sets: tuple[int, ...]) -> str:
    """Say which claims must have held for an amount: the smallest sets of those that lead to it."""
    least = [
        one for one in sets if not any(one != other and one & other == other for other in sets)
    ]
    if least == [0]:
        return ""
    names = [
        " and ".join(name for bit, name in enumerate(graph.names) if one >> bit & 1)
        for one in least
    ]
    return f" once {' or '.join(names)} held"


def _asked(design: Design, rule: Rule, resolved: ResolvedRule) -> str:
    """What a rule asks, with its thresholds."""
    words = [
        f"{part.words(design, every=True)} {_thresholds(design, rule, asked)}"
        for part, asked in zip(resolved.parts, rule.comparisons, strict=True)
    ]
    return resolved.condition.joined(words)


def _at_once(rule: ResolvedRule) -> Iterator[str]:
    """From what the probability is had that several things are so at once."""
    for part in rule.parts:
        if not part.several:
            continue
        yield f"    {part.asks.composed(part.question)}"


def _of_all(design: Design, rule: ResolvedRule) -> Iterator[str]:
    """What is asked of one experimental arm by a rule that asks about each in turn."""
    if len({target.arm for target in rule.targets}) == 1:
        return
    for part in rule.parts:
        sets = [part.asks.every(target) for target in part.targets]
        for same in zip(*sets, strict=True):
            arms = {question.arm for question in same}
            if len(arms) == 1 and (arm := arms.pop()) > 0:
                said = same[0].words(design.compared_names, design.stratum_names)
                name = design.arm_names[arm]
                yield f"    the same for every arm: {said}, which is about {name} alone"


def _strata_together(design: Design, rule: ResolvedRule) -> str:
    """How strata enter a rule that names none."""
    told = {
        analysis.over_strata
        for question in rule.about
        if design.strata is not None and question.stratum == ALL
        if (analysis := design.analysis_of(question.endpoint)) is not None
    }
    return "".join(f"; {words}" for words in sorted(told))


def _either_way(design: Design) -> Iterator[str]:
    """What several rules for success mean together."""
    names = [f"'{rule.name}'" for rule in design.rules_ending(SUCCESS)]
    if len(names) > 1:
        one = f"Success is declared as soon as one of {one_of(names)} holds"
        yield f"  {one}, whatever the others say"


def _spent(design: Design, rule: Rule) -> Iterator[str]:
    """How a rule spends a type I error, and at which boundaries."""
    if not isinstance(rule.threshold, AlphaSpending):
        return
    shape = SHAPES[rule.threshold.spending]
    told = f"    one-sided type I error {rule.threshold.alpha:g}, {shape} spending"
    anew = "worked out anew at those that a look sees"
    each = rule.posterior is not None and rule.posterior.arm == "each"
    if design.stays is None or not each:
        yield f"{told}: z at least {_bounds(design, rule)} at the planned numbers, {anew}"
        return
    yield (
        f"{told} of each arm, by what is planned for its own comparison (n1 n0 / (n1 + n0)): z at "
        f"least, at the planned numbers, {anew},"
    )
    for arm in design.experimental_names:
        yield f"      {arm}: {_bounds(design, rule, arm)}"


def _bounds(design: Design, rule: Rule, arm: str | None = None) -> str:
    found = planned_bounds(design, rule, arm).values()
    return ", ".join("none" if math.isinf(bound) else f"{bound:.4f}" for bound in found)


def _thresholds(design: Design, rule: Rule, asked: Comparing) -> str:
    threshold = asked.threshold
    if isinstance(threshold, AlphaSpending):
        values = (design.threshold_at(rule, look) for look in design.judged_at(rule))
        planned = ", ".join("none" if math.isinf(value) else f"{value:.6f}" for value in values)
        return f"{asked.sign} {planned} (by look, as planned{first_of(design, rule)})"
    if threshold == "calibrate":
        return f"{asked.sign} {TO_CALIBRATE}"
    if isinstance(threshold, ByAlpha):
        told = (f"{written(value)} (for alpha {held:g})" for held, value in threshold.pairs)
        return f"{asked.sign} " + ", ".join(told)
    if isinstance(threshold, list):
        return f"{asked.sign} " + ", ".join(written(value) for value in threshold) + " (by look)"
    return f"{asked.sign} {written(threshold)}"


def _edge(boundary: Boundary, rule: ResolvedRule, arms: str) -> str:
    edge = boundary.edge()
    if edge is None:
        of = f" of {arms}" if len(rule.targets) > 1 else ""
        return f"never holds{of}"
    difference, control, arm = edge
    if len(boundary.analysed) == 1:
        return boundary.alone_words(arms)
    words = (
        "smallest difference"
        if difference >= 0 and not any(p.prediction for p in rule.parts)
        else "difference"
    )
    return (
        f"{words} {difference:+.3f} ({arms} {arm}/{boundary.analysed[1]} against "
        f"{boundary.arms[0]} {control}/{boundary.analysed[0]}); "
        f"{_by_control(boundary)}"
    )


def _by_control(boundary: Boundary) -> str:
    """Responders in the arm at which the rule holds, by responders in the control."""
    number = len(boundary.turns)
    rows = [f"{row}: {boundary.runs(row) or 'none'}" for row in range(min(number, _ROWS))]
    more = f", … (all {number} in boundaries.csv)" if number > _ROWS else ""
    return f"by {boundary.arms[0]} responders " + ", ".join(rows) + more


def _priors(design: Design, plan: Plan) -> Iterator[str]:
    from adaptive_cart.priors.claims import held_by_priors, prior_claims

    tests = [name for name, (analysis, _) in plan.fitted.items() if not analysis.bayesian]
    yield "Priors, and the participants that each is worth"
    lines = list(_prior_lines(design, plan))
    yield from lines
    yield from told_borrowing(design, plan)
    for name in tests:
        yield (
            f"  {name}: none; {plan.fitted[name][0].model} is a test, and 1 − p, one less its "
            f"one-sided p-value, is no posterior probability"
        )
    if any("ELIR" in line for line in lines):
        yield (
            "  ELIR, the expected local information ratio, is the one to quote: it alone grows by "
            "one with every participant"
        )
    claims = prior_claims(design, plan)
    if claims:
        yield "Before any data"
    for claim in claims:
        yield f"  {claim.rule}: {claim.words} = {claim.probability:.4f}"
    for rule in held_by_priors(claims, plan):
        if rule.decision.chooses:
            continue  # one arm goes on whatever the data say
        yield f"    warning: the prior alone makes '{rule.name}' hold ({rule.decision.name})"
    yield from _expected(design, plan)


def _prior_lines(design: Design, plan: Plan) -> Iterator[str]:
    """A line for each prior, with what it is worth."""
    for name in design.endpoints:
        if name not in plan.fitted or not plan.fitted[name][0].bayesian:
            continue
        analysis, model = plan.fitted[name]
        of_arms = [p for p in analysis.priors(model, design.arm_names) if p.of_planned]
        if not of_arms:
            table = analysis.prior_table()
            yield f"  {name}: {analysis.model}, {_table_words(table) if table else 'flat'}"
        by_stratum = list(priors_of_strata(analysis, model, design))
        for prior, planned in zip(of_arms, design.planned, strict=bool(of_arms)):
            own = [one for one in by_stratum if one[1].part == prior.part]
            where = ", all strata together" if own else ""
            yield f"  {name}, {prior.part}{where}: {_prior_words(prior, planned)}"
            for place, of_stratum in own:
                stratum = f"{prior.part}, {design.stratum_names[place]}"
                there = max(round(planned * design.shares[place]), 1)
                yield f"  {name}, {stratum}: {_prior_words(of_stratum, there)}"


def _prior_words(prior: Prior, planned: int) -> str:
    """Say the prior of an arm, with what it is worth beside so many participants."""
    assert prior.of_planned is not None
    numbers = prior.numbers
    return f"{numbers.words}; mean {numbers.mean:.3f}, worth {prior.of_planned(planned)}"


def _expected(design: Design, plan: Plan) -> Iterator[str]:
    """Decisions that the priors expect, where all tables can be enumerated at once."""
    from adaptive_cart.priors.claims import can_enumerate, prior_predictive

    if not can_enumerate(design, plan) or math.prod(n + 1 for n in design.planned) > _TABLES:
        return
    found = prior_predictive(design, plan)
    yield f"  decisions that the priors expect: {found.words()}"
    if not math.isnan(found.wrong_success):
        wrong = found.wrong_success
        yield f"  a success is wrong, if the priors are right, with probability {wrong:.4f}"


def _table_words(table: dict[str, Any]) -> str:
    """Say a table of priors in one line."""
    if "dist" in table:
        numbers = ", ".join(f"{key} {value:g}" for key, value in table.items() if key != "dist")
        return f"{table['dist']} ({numbers})"
    return ", ".join(f"{key} {_value_words(value)}" for key, value in table.items())


def _value_words(value: Any) -> str:
    if isinstance(value, dict):
        return _table_words(value)
    return value if isinstance(value, str) else format(value, "g")
