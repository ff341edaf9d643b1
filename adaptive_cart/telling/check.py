"""What a design means, in words and numbers: the text of ``adaptive-cart check``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule, resolve_rules
from adaptive_cart.design.design import Design, Ramp, Rule
from adaptive_cart.design.products import PRODUCTS
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.nouns.questions import TO_CALIBRATE, written
from adaptive_cart.running.boundaries import Boundary, boundaries, left_out, planned_at
from adaptive_cart.running.engine import choose_engine
from adaptive_cart.telling.truths import told_scenarios

_TABLES = 10_000  # more of them take longer than one wants to wait for a description


def described(design: Design) -> str:
    """Describe a sound design: arms, looks, rules with boundaries, priors, scenarios, engine."""
    truths = truths_of(design)
    lines = [design.name, *([design.description] if design.description else [])]
    lines += ["", *_arms(design), "", *_endpoints(design), "", *_looks(design)]
    plan = Plan.of(design)
    lines += ["", *_rules(design, plan), "", *_priors(design, plan)]
    lines += ["", *told_scenarios(design, truths)]
    choice = choose_engine(design, truths, "auto")
    why = choice.why if choice.engine == "simulate" else "no Monte Carlo error"
    engine = f"{choice.engine} ({why})"
    lines += ["", f"Engine that auto takes: {engine}"]
    lines.append(f"Trials a scenario: {design.simulation.trials:,}, seed {design.simulation.seed}")
    return "\n".join(lines)


def _arms(design: Design) -> Iterator[str]:
    yield f"Arms ({design.enrolment.max_n} participants at most)"
    for name, planned in zip(design.arm_names, design.planned, strict=True):
        arm = design.arms[name]
        words = ["control"] if arm.control else []
        if arm.product is not None:
            product = PRODUCTS[arm.product]
            words.append(f"{arm.product}: {product.description}")
        yield f"  {name}: {planned} planned" + (f" ({'; '.join(words)})" if words else "")
    if design.strata:
        shares = ", ".join(f"{name} {share:g}" for name, share in design.strata.items())
        yield f"  strata by share of enrolment: {shares}"
    pace = design.enrolment.per_month
    if isinstance(pace, Ramp):
        speed = f"{pace.plateau:g} a month after a ramp of {pace.ramp_months:g} months"
    else:
        speed = f"{pace:g} a month"
    yield f"  enrolment: {speed}, {design.enrolment.arrivals} arrivals"


def _endpoints(design: Design) -> Iterator[str]:
    yield "Endpoints"
    for name, endpoint in design.endpoints.items():
        settings = {
            key: value
            for key, value in endpoint.plain().items()
            if key not in ("type", "label", "primary")
        }
        words = ", ".join(f"{key} {value}" for key, value in settings.items())
        primary = " (primary)" if name == design.primary else ""
        analysis = design.analysis_of(name)
        model = "described only" if analysis is None else analysis.model
        yield f"  {name}{primary}: {endpoint.type}{', ' + words if words else ''}; {model}"


def _looks(design: Design) -> Iterator[str]:
    yield f"Looks by {design.looks.scale}"
    for look in range(1, design.looks.number + 1):
        if look <= len(design.looks.at):
            due = f"{design.looks.scale} = {design.looks.at[look - 1]:g}"
        else:
            due = "everybody randomised has been observed"
        planned = planned_at(design, look)
        numbers = (
            ""
            if planned is None
            else "; planned "
            + ", ".join(f"{arm} {n}" for arm, n in zip(design.arm_names, planned, strict=True))
        )
        last = " (the last)" if look == design.looks.number else ""
        yield f"  {look}{last}: {due}{numbers}"


def _rules(design: Design, plan: Plan) -> Iterator[str]:
    yield "Rules, in the order they are judged"
    found = boundaries(design, plan)
    for rule, resolved in zip(design.rules, resolve_rules(design), strict=True):
        asked = resolved.words(design, every=True)
        yield f"  {rule.name}: {rule.then} if {asked} {_thresholds(rule)}"
        for boundary in found:
            if boundary.rule == rule.name:
                yield f"    look {boundary.look}: {_edge(boundary, resolved)}"
    for words in left_out(design, plan):
        yield f"  {words}"
    if design.calibration is not None:
        from adaptive_cart.running.region import wanted_words  # brings more than a check needs

        if (wanted := wanted_words(design)) is not None:
            yield f"  {wanted}"


def _thresholds(rule: Rule) -> str:
    threshold = rule.threshold
    if threshold == "calibrate":
        return f"{rule.sign} {TO_CALIBRATE}"
    if isinstance(threshold, list):
        return f"{rule.sign} " + ", ".join(written(value) for value in threshold) + " (by look)"
    return f"{rule.sign} {written(threshold)}"


def _edge(boundary: Boundary, rule: ResolvedRule) -> str:
    edge = boundary.edge()
    if edge is None:
        return "never holds"
    difference, control, arm = edge
    if len(boundary.analysed) == 1:
        return f"from {arm}/{boundary.analysed[0]} in {boundary.arms[0]} on"
    words = "smallest difference" if difference >= 0 and rule.prediction is None else "difference"
    return (
        f"{words} {difference:+.3f} ({boundary.arms[1]} {arm}/{boundary.analysed[1]} against "
        f"{boundary.arms[0]} {control}/{boundary.analysed[0]}); "
        f"{_by_control(boundary)}"
    )


def _by_control(boundary: Boundary, shown: int = 6) -> str:
    """Responders in the arm at which the rule holds, by responders in the control."""
    number = len(boundary.turns)
    rows = [f"{row}: {boundary.runs(row) or 'none'}" for row in range(min(number, shown))]
    more = f", … (all {number} in boundaries.csv)" if number > shown else ""
    return f"by {boundary.arms[0]} responders " + ", ".join(rows) + more


def _priors(design: Design, plan: Plan) -> Iterator[str]:
    from adaptive_cart.priors.claims import prior_claims
    from adaptive_cart.priors.effective_sample_size import effective_sample_sizes

    yield "Priors, and the participants that each is worth"
    for name in design.endpoints:
        if name not in plan.fitted:
            continue
        analysis, model = plan.fitted[name]
        if not isinstance(model, BetaBinomial):
            yield f"  {name}: {analysis.model}, {_table_words(analysis.plain()['prior'])}"
            continue
        known: dict[tuple[BetaMixture, int], str] = {}
        for arm, prior, planned in zip(design.arm_names, model.priors, design.planned, strict=True):
            if (prior, planned) not in known:
                known[prior, planned] = effective_sample_sizes(prior, planned).words()
            worth = known[prior, planned]
            yield f"  {name}, {arm}: {_prior_words(prior)}; mean {prior.mean():.3f}, worth {worth}"
    yield "Before any data"
    for claim in prior_claims(design, plan):
        yield f"  {claim.rule}: {claim.words} = {claim.probability:.4f}"
        if claim.settled:
            yield f"    warning: the prior alone makes '{claim.rule}' hold ({claim.then})"
    yield from _expected(design, plan)


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
    return ", ".join(
        f"{key} {_table_words(value) if isinstance(value, dict) else format(value, 'g')}"
        for key, value in table.items()
    )


def _prior_words(prior: BetaMixture) -> str:
    parts = [
        f"Beta({a:g}, {b:g})" if len(prior.weights) == 1 else f"{weight:g} Beta({a:g}, {b:g})"
        for weight, a, b in zip(prior.weights, prior.a, prior.b, strict=True)
    ]
    return " + ".join(parts)
