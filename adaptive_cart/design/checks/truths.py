"""What scenarios are read against, and whether each says a whole truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from adaptive_cart.design.accrual import Accrual
from adaptive_cart.design.checks.pieces import SCENARIO_KEYS, Pieces, has_numbers
from adaptive_cart.design.scenario_frame import BY, Frame
from adaptive_cart.design.scenario_tables import check_scenarios
from adaptive_cart.design.validation import Faults, meant, path_to, shown
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.errors import Problem, one_of
from adaptive_cart.nouns.external import Level


def frame_of(pieces: Pieces, between: Faults | None = None) -> Frame:
    """What of the design its scenarios are read against.

    Parameters
    ----------
    between
        Faults between the tables, told already: what a wrong rule asks about is not needed.
    """
    wrong = between or Faults()
    names = [name for name in pieces.arm_names if name not in SCENARIO_KEYS]
    endpoints = {name: e for name, e in pieces.endpoints.items() if name not in SCENARIO_KEYS}
    return Frame(
        arms=tuple(names),
        products={name: None if arm is None else arm.product for name, arm in pieces.arms.items()},
        strata=pieces.stratum_names,
        shares=tuple(share or 0.0 for share in (pieces.strata or {}).values()) or (1.0,),
        endpoints=endpoints,
        truth=pieces.truth,
        scenarios=pieces.scenarios,
        faults=pieces.faults,
        renamed=pieces.renamed,
        crossover_from=None if pieces.crossover is None else pieces.crossover.from_,
        accrual=_plan(pieces),
        follow_up=pieces.follow_up,
        early={n: tuple(e.from_) for n, e in pieces.prediction.items() if e is not None},
        control=pieces.control,
        redrawn=_redrawn(pieces),
        levels=_levels(pieces),
        outside=tuple(pieces.external),
        comparators={name: pieces.comparators_of(name) for name in endpoints},
        lent={name: _lent_anew(pieces, name) for name in endpoints},
        needed={name: _asked_about(pieces, name, wrong) for name in endpoints},
    )


def _redrawn(pieces: Pieces) -> dict[str, tuple[float, ...]]:
    """What was observed in the external data that are drawn anew, as their endpoint has it.

    By stratum, in the order of the design, where the data are told so; nothing where they have
    faults.
    """
    found: dict[str, tuple[float, ...]] = {}
    for name, data in pieces.external.items():
        endpoint = None if data is None else pieces.endpoints.get(data.endpoint)
        if data is not None and data.redrawn:
            found[name] = ()
        if data is not None and endpoint is not None and data.redrawn:
            form = endpoint.gives.external_form(data)
            if has_numbers(data, endpoint):
                strata = pieces.stratum_names
                if data.strata is not None and set(data.strata) != set(strata):
                    continue
                parts = [data.in_stratum(s) for s in strata] if data.strata else [data]
                found[name] = tuple(part.observed_as(form.level) for part in parts)
    return found


def _levels(pieces: Pieces) -> dict[str, Level]:
    """What participants would have had in the place of external data, by their name."""
    return {
        name: endpoint.gives.external_form(data).level
        for name, data in pieces.external.items()
        if data is not None and (endpoint := pieces.endpoints.get(data.endpoint)) is not None
    }


def _lent_anew(pieces: Pieces, endpoint: str) -> tuple[str, ...]:
    """External data that are drawn anew, with which no rule compares an arm."""
    return tuple(
        name
        for name, data in pieces.external.items()
        if data is not None
        and data.redrawn
        and data.endpoint == endpoint
        and name not in pieces.comparators
    )


def _plan(pieces: Pieces) -> dict[str, Any] | None:
    """How fast participants come by the design, where that is sound."""
    enrolment = pieces.enrolment
    if enrolment is None or any(True for _ in enrolment.faults()):
        return None
    return {key: value for key, value in enrolment.plain().items() if key in Accrual.model_fields}


def _asked_about(pieces: Pieces, endpoint: str, wrong: Faults) -> tuple[str, ...]:
    """Arms in which an endpoint has to have a truth: somebody asks what it is there."""
    counted = None if pieces.looks is None else pieces.looks.endpoint
    if endpoint in (pieces.primary, counted):
        return pieces.arm_names
    asked: set[str | None] = set()
    for path, rule in pieces.rules_read.items():
        if wrong.touch(path):
            continue
        for question in rule.asked:
            if endpoint not in pieces.endpoints_of(question.about):
                continue
            arms = pieces.experimental_names if question.arm == "each" else (question.arm,)
            asked |= {*arms, *(name for _, name in question.others)}
    analysis = pieces.analysis.get(endpoint)
    if analysis is not None:
        asked |= set(analysis.arms_named(pieces.arm_names))
    return tuple(arm for arm in pieces.arm_names if arm in asked)


def scenarios(pieces: Pieces, between: Faults) -> list[Problem]:
    """Whether every scenario says a whole truth."""
    found = []
    tables = {"truth": "write [truth.ARM] or [truth]", "scenarios": "write [scenarios.NAME]"}
    for key, header in tables.items():
        table = getattr(pieces, key)
        if not isinstance(table, dict):
            found.append(Problem(key, f"found {shown(table)}; {header}"))
    if found:
        return found
    if not pieces.scenarios and not pieces.faults.cover("scenarios"):
        return [Problem("scenarios", "no scenario; write [scenarios.NAME], at least one")]
    if not pieces.arms or not pieces.endpoints:
        return []  # what a scenario may name is not known
    frame = frame_of(pieces, between)
    if not frame.arms or not frame.endpoints:
        return []
    check_scenarios(frame)
    _number_never_reached(pieces, frame)
    _not_of_a_course(frame)
    _proportion_of_drifting(pieces, frame)
    _long_term(pieces, frame)
    _costs(pieces, frame)
    idle = _crossing_nobody(pieces, frame)
    told = (p for p in idle if p.path not in pieces.renamed and not between.touch(p.path))
    return [*frame.problems, *told]


def _long_term(pieces: Pieces, frame: Frame) -> None:
    """Tell what long-term follow-up needs and a scenario does not say."""
    asked = pieces.long_term
    if asked is None:
        return
    for key, why in asked.faults():
        frame.fault(f"long_term_follow_up.{key}", why)
    truths = frame.truths
    for name, truth in truths.items():
        if truth.courses is None:
            needs = (
                f"the truth is said directly{BY}, and what follow-up sees for years comes from the "
                "rates of a participant course ([truth.ARM]); give one, or leave the table out"
            )
            frame.report("long_term_follow_up", needs, scenario=name)
    groups = [g for truth in truths.values() for by in truth.courses or () for g in by]
    known = tuple(dict.fromkeys(name for group in groups for name in group.rates))
    if groups and not known and asked.events is None:
        frame.fault("long_term_follow_up", "no arm has `rates`; write [truth.ARM] rates = { … }")
    for position, event in enumerate(asked.events or ()):
        if groups and event not in known:
            message = (
                f"no arm has a rate of this name{meant(event, known)}; known are {one_of(known)}"
            )
            frame.fault(f"long_term_follow_up.events[{position}]", f"found '{event}'; {message}")
    for name, truth in truths.items():
        for arm, by_stratum in zip(frame.arms, truth.courses or (), strict=bool(truth.courses)):
            for event in known if asked.events is None else asked.events:
                if event in known and not all(event in group.rates for group in by_stratum):
                    frame.report(
                        path_to("truth", arm, "rates", event),
                        f"missing{BY}, and [long_term_follow_up] counts it; write 0 if it never "
                        "happens",
                        scenario=name,
                    )


def _costs(pieces: Pieces, frame: Frame) -> None:
    """Tell costs of arms and infusions that there are not, and months that nobody counts."""
    asked = pieces.costs
    if asked is None:
        return
    named = {"per_randomised": asked.per_randomised, "per_infused": asked.per_infused}
    if not any(named.values()):
        costs = "write `per_randomised.ARM` or `per_infused.ARM`"
        frame.fault("costs", f"no arm costs anything; {costs}, or leave the table out")
    for key, by_arm in named.items():
        for arm in by_arm:
            if arm not in frame.arms:
                wrong = f"no arm of this design{meant(arm, frame.arms)}"
                arms = one_of(frame.arms)
                frame.fault(path_to("costs", key, arm), f"{wrong}; the arms are {arms}")
    for arm in asked.per_infused:
        for name, truth in frame.truths.items():
            if arm in frame.arms and not truth.infused_arms[frame.arms.index(arm)]:
                nobody = f"nobody of {arm} is infused{BY}; write it as `per_randomised.{arm}`"
                frame.report(path_to("costs", "per_infused", arm), nobody, scenario=name)
    if asked.remission is not None:
        counts = [n for n, e in frame.endpoints.items() if e is not None and e.counts_months]
        if asked.remission not in counts:
            there = f"; those of this design: {one_of(counts)}" if counts else ""
            frame.fault(
                "costs.remission",
                f"found '{asked.remission}'{meant(asked.remission, counts)}; an endpoint that "
                f"counts months in remission (type 'time_in_remission') is expected{there}",
            )


def _crossing_nobody(pieces: Pieces, frame: Frame) -> Iterator[Problem]:
    """Tell a crossover where no scenario has a participant course."""
    truths = frame.truths.values()
    if pieces.crossover is None or len(truths) < len(frame.scenarios):
        return
    if all(truth.courses is None for truth in truths):
        yield Problem(
            "crossover",
            "without effect, since every truth is said directly; give the arms a participant "
            "course ([truth.ARM]), or leave it out",
        )


def _for_ever(primary: EndpointBase) -> str:
    """Say that a look by events could wait for ever, and what ends follow-up."""
    waits = "so that a look by events could wait for ever"
    if primary.counts_some():
        return (
            f"some participants never drop out{BY}, and their time may never begin, {waits}: give "
            "every arm a `dropout` or a `death`"
        )
    return (
        f"missing{BY}; some participants are cured and never drop out, {waits}: write "
        "`horizon = 36`, the months for which everybody is followed (or give the scenario a "
        "dropout)"
    )


def _proportion_of_drifting(pieces: Pieces, frame: Frame) -> None:
    """Tell a proportion beyond a value that is asked of a score whose mean drifts."""
    for path, rule in pieces.rules_read.items():
        for asked in rule.asked:
            for scenario, truth in frame.truths.items():
                if asked.about in truth.trends and asked.kind.cut(asked) is not None:
                    told = (
                        f"asks for a proportion of participants beyond a value, of "
                        f"'{asked.about}', whose mean drifts with the calendar{BY}: how many lie "
                        f"there is not averaged over months; ask for the mean, or leave the trend "
                        f"out"
                    )
                    frame.report(path, told, scenario=scenario)


def _not_of_a_course(frame: Frame) -> None:
    """Tell settings of an endpoint that the participant course of a scenario cannot fill."""
    for scenario, truth in frame.truths.items():
        for name, endpoint in frame.endpoints.items():
            if endpoint is None or truth.courses is None or name in truth.direct:
                continue
            misfit = endpoint.misfit()
            if misfit is not None:
                path = path_to("endpoints", name, misfit[0])
                frame.report(path, f"{misfit[1]}{BY}", scenario=scenario)


def _number_never_reached(pieces: Pieces, frame: Frame) -> None:
    """Tell looks by events that could wait for ever for events that do not come."""
    looks = pieces.looks
    if looks is None or not looks.events or looks.whichever == "earlier":
        return
    name = looks.endpoint or pieces.primary or ""
    counted = frame.endpoints.get(name)
    if counted is None or not counted.looks_by_events or counted.followed_for() is not None:
        return
    for scenario, truth in frame.truths.items():
        if truth.follows_for_ever(name):
            frame.report(
                path_to("endpoints", name, "horizon"),
                _for_ever(counted),
                path_to("endpoints", name),
                "looks",
                scenario=scenario,
            )
