"""What a sound design says without any number depending on it: told by ``check``, never silent.

Some keys only matter beside others: a way to handle closed strata where none can close, the product
of an arm where the truth is said directly. They are no mistakes, so they are not refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from adaptive_cart.courses.group import GroupCourse
from adaptive_cart.courses.tables import COMMON, DISEASE
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.products import PRODUCTS
from adaptive_cart.design.rule_tables import questions
from adaptive_cart.design.truth import Truth
from adaptive_cart.design.validation import path_to, steps_of
from adaptive_cart.errors import one_of
from adaptive_cart.telling.estimands import circumstances_of

Truths = Mapping[str, Truth]


def without_effect(design: Design, truths: Truths) -> Iterator[str]:
    """Keys on which no number of this design depends, with the reason; one reason, one line."""
    found: dict[str, list[str]] = {}
    for find in (
        _arms,
        _randomisation,
        _endpoints,
        _strategies,
        _analyses,
        _utilities,
        _enrolment,
        _rules,
        _endings,
        _crossover,
        _courses,
        _sequels,
        _each_infusion,
        _hazards,
        _twice_the_same,
    ):
        for path, why in find(design, truths):
            found.setdefault(why, []).append(path)
    yield from (f"{one_of(paths)}: {why}" for why, paths in found.items())


Found = Iterator[tuple[str, str]]
ALWAYS_BEST = "there is one experimental arm, which is always the best"


def _has_course(truths: Truths) -> bool:
    return any(truth.courses is not None for truth in truths.values())


def _arms(design: Design, truths: Truths) -> Found:
    for name, arm in design.arms.items():
        infused = arm.product is not None and PRODUCTS[arm.product].infused
        if infused and not _has_course(truths):
            yield (
                path_to("arms", name, "product"),
                "for the reader; nobody is infused where every truth is said directly",
            )


def _randomisation(design: Design, truths: Truths) -> Found:
    rule = design.randomisation.by_shares
    if rule is None:
        return
    unequal = len(set(design.allocation)) > 1
    if unequal and not any(asked.predictive for rule in design.rules for asked in rule.comparisons):
        yield "arms", "the allocation ratio is not used; response-adaptive shares start equal"
    if not design.several:
        given = [key for key in ("power", "minimum") if key in rule.model_fields_set]
        for key in given:
            yield f"randomisation.{key}", ALWAYS_BEST
    if rule.burn_in >= design.enrolment.max_n:
        yield "randomisation.burn_in", "not reached before everybody is in; the shares stay equal"


def _endpoints(design: Design, truths: Truths) -> Found:
    for name, endpoint in design.endpoints.items():
        directly = all(name in truth.direct for truth in truths.values())
        dropout = any(truth.has_dropout for truth in truths.values())
        for key, why in endpoint.without_effect(directly, dropout):
            yield path_to("endpoints", name, key), why


def _strategies(design: Design, truths: Truths) -> Found:
    """Strategies for intercurrent events that befall nobody, or that change nothing."""
    courses = [g for t in truths.values() for arm in t.courses or () for g in arm]
    nobody = {
        "not_infused": (any(g.infused for g in courses), "no arm has a product that is infused"),
        "redosing": (any(g.own.infuses_again for g in courses), "nobody is infused again"),
        "rescue": (any(_rescued(g) for g in courses), "nobody is rescued in any scenario"),
        "crossover": (design.crossover is not None, "the design has no crossover"),
    }
    for name, endpoint in design.endpoints.items():
        said = endpoint.strategy.said() if endpoint.strategy else {}
        if said and all(name in truth.direct for truth in truths.values()):
            why = "for the reader; what is said directly contains whatever befalls participants"
            yield path_to("endpoints", name, "strategy"), why
            continue
        dropout = any(truth.has_dropout for truth in truths.values())
        around = circumstances_of(design, truths, name)
        idle = dict(endpoint.idle_strategies(around, dropout)) if not design.prediction else {}
        for event in said:
            happens, why = nobody.get(event, (True, ""))
            why = idle.get(event, "") if happens else why
            if why:
                yield path_to("endpoints", name, "strategy", event), why


def _rescued(group: GroupCourse) -> bool:
    return max(group.own.rescue, group.never_infused.rescue) > 0.0


def _analyses(design: Design, truths: Truths) -> Found:
    asked = {
        (endpoint, arm)
        for rule in design.rules
        for question in rule.asked
        for endpoint in design.endpoints_of(question.about)
        for arm in (
            *(design.experimental_names if question.arm == "each" else (question.arm,)),
            *(name for _, name in question.others),
        )
    }
    for name, analysis in design.analysis.items():
        horizon = design.endpoints[name].censors_after()
        late = [cut for cut in analysis.changes_at() if horizon and cut >= horizon]
        if late:
            cuts = one_of(f"{cut:g}" for cut in late)
            yield (
                path_to("analysis", name, "cuts"),
                f"{cuts}: nobody is followed beyond the horizon of {horizon:g} months",
            )
        moves = design.stays is not None or design.closes_arms
        if analysis.over_time().by_period and not moves:
            why = "every arm enrols from the opening to the end, so that there is one period"
            yield path_to("analysis", name, "time_trend", "model"), why
        if name == design.primary:
            continue
        path = path_to("analysis", name)
        arms = [arm for arm in design.arm_names if (name, arm) in asked]
        if not arms:
            yield path, f"no rule asks about '{name}': it is described, and decides nothing"
        elif isinstance(given := analysis.plain().get("prior"), dict):
            for arm in design.arm_names:
                if arm in given and arm not in arms:
                    yield path_to(path, "prior", arm), f"no rule asks about '{name}' in '{arm}'"


def _utilities(design: Design, truths: Truths) -> Found:
    asked = {question.about for rule in design.rules for question in rule.asked}
    for name in design.utility:
        if name not in asked:
            yield path_to("utility", name), "no rule asks for it: it is measured, decides nothing"


def _enrolment(design: Design, truths: Truths) -> Found:
    if "after_closing" not in design.enrolment.model_fields_set:
        return
    by_stratum = any(
        asked.stratum not in (None, "open")
        for rule in design.rules_ending(SUCCESS)
        for asked in rule.asked
    )
    closes = any(rule.decision.closes_strata for rule in design.rules)
    if design.strata is None or not (closes or (by_stratum and design.by_target)):
        yield "enrolment.after_closing", "no stratum can stop enrolling"


def _rules(design: Design, truths: Truths) -> Found:
    idle = [name for name, truth in truths.items() if not any(truth.infused_arms)]
    for position, rule in enumerate(design.rules):
        path = f"rules[{position}]"
        if rule.every is not None and idle:
            yield f"{path}.every", f"nobody is infused in {one_of(idle)}"
        for place, asked in questions(rule, path):
            if asked.kind.among_open and not design.several:
                yield (
                    f"{place}.{asked.kind.asked_by}",
                    "there is one experimental arm, which is always the best",
                )


def _endings(design: Design, truths: Truths) -> Found:
    if design.multiarm is not None and not design.by_target:
        yield "multiarm.ends", "there is one target, whose success ends the trial"


def _crossover(design: Design, truths: Truths) -> Found:
    if design.crossover is None:
        return
    own = design.crossover
    place = design.arm_names.index(own.from_)
    diseases = [g.own for t in truths.values() if t.courses for g in t.courses[place]]
    why = [own.trigger.idle(disease) for disease in diseases]
    if why and all(why):
        yield "crossover.when", why[0]
    if not any(endpoint.from_course for endpoint in design.endpoints.values()):
        yield "crossover.strategy", "no endpoint follows from remission"


def _courses(design: Design, truths: Truths) -> Found:
    """Parts of a course that no endpoint follows from."""
    if any(
        endpoint.from_course and not all(name in t.direct for t in truths.values())
        for name, endpoint in design.endpoints.items()
    ):
        return
    if any(g.scores for t in truths.values() for by in t.courses or () for g in by):
        return  # scores depend on the state
    parts = [key for key in DISEASE if key not in COMMON]
    for arm in design.arm_names:
        table = design.truth.get(arm, {})
        for key in parts:
            if isinstance(table, dict) and key in table:
                yield path_to("truth", arm, key), "no endpoint follows from remission"


def _sequels(design: Design, truths: Truths) -> Found:
    """What follows a relapse, where nobody relapses in any scenario or no endpoint counts it."""
    courses = [arm for truth in truths.values() for arm in truth.courses or ()]
    tables = {"truth": design.truth}
    tables |= {path_to("scenarios", name): table for name, table in design.scenarios.items()}
    reading = [e.after_relapse for e in design.endpoints.values() if e.from_course]
    unread = bool(reading) and not any(reading) and design.crossover is None
    for arm in design.arm_names:
        own = [group.own for groups in courses for group in groups if group.disease_of == arm]
        for key in dict.fromkeys(key for disease in own for key, _ in disease.sequels):
            kinds = [(s, disease) for disease in own for k, s in disease.sequels if k == key]
            why = kinds[0][0].idle(kinds[0][1])
            if not all(sequel.idle(disease) for sequel, disease in kinds):
                why = "no endpoint counts what comes after the first relapse"
                if not (unread and all(sequel.after_relapse for sequel, _ in kinds)):
                    continue
            for where, table in tables.items():
                if _holds(table.get(arm), key):
                    yield f"{path_to(where, arm)}.{key}", why


def _each_infusion(design: Design, truths: Truths) -> Found:
    """Windows at each infusion where nobody is infused again; events that none of them takes."""
    groups = [g for t in truths.values() for by in t.courses or () for g in by]
    counting = [n for n, e in design.endpoints.items() if e.counts_each_infusion()]
    if not any(group.own.infuses_again for group in groups):
        for name in counting:
            yield path_to("endpoints", name, "each_infusion"), "nobody is infused again"
    named = {(g.disease_of, name) for g in groups for name in g.own.events_after}
    for arm, name in sorted(named):
        if name not in counting:
            why = f"no endpoint '{name}' has each_infusion = true"
            yield path_to("truth", arm, "redosing", "events", name), why


def _holds(table: Any, path: str) -> bool:
    """Whether a table of the file has that path."""
    for step in steps_of(path):
        if not isinstance(table, dict) or step not in table:
            return False
        table = table[step]
    return True


def _hazards(design: Design, truths: Truths) -> Found:
    """What is said of every arm where each arm says its own, in every scenario."""
    for key in COMMON:
        if key not in design.truth or key in design.endpoints:
            continue
        tables = [design.truth.get(arm, {}) for arm in design.arm_names]
        if all(isinstance(table, dict) and key in table for table in tables):
            yield path_to("truth", key), "every arm has its own"


def _twice_the_same(design: Design, truths: Truths) -> Found:
    first: list[tuple[str, Any]] = []
    for name, truth in truths.items():
        bare = replace(truth, name="", role="", sources={})
        same = next((other for other, known in first if known == bare), None)
        if same is not None:
            yield path_to("scenarios", name), f"the same truth as '{same}'"
        else:
            first.append((name, bare))
