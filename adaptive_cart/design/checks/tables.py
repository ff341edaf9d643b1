"""Names, arms, strata, endpoints, analyses and the crossover: what the other tables refer to."""

from __future__ import annotations

import math

from adaptive_cart.design.checks.pieces import (
    SCENARIO_KEYS,
    Found,
    Pieces,
    unknown,
    without_control,
)
from adaptive_cart.design.products import PRODUCTS
from adaptive_cart.design.scenario_frame import NOT_INFUSED
from adaptive_cart.design.validation import meant, path_to, shown
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.errors import one_of
from adaptive_cart.models import ANALYSES, AnalysisBase
from adaptive_cart.nouns.calendar import SAME
from adaptive_cart.nouns.whole_files import unfit_for_a_file

RESERVED = (*SCENARIO_KEYS, "strata", "each", "open", "final", "dist")


def names(pieces: Pieces) -> Found:
    """Whether every name can be written, and is taken once."""
    rooms = {
        "arms": pieces.arms,
        "strata": pieces.strata or {},
        "endpoints": pieces.endpoints,
        "utility": pieces.utility,
        "external": pieces.external,
    }
    first: dict[str, str] = {}
    for room, names in rooms.items():
        for name in names:
            path = path_to(room, name)
            if name in first:
                yield (
                    path,
                    f"the name is taken by {path_to(first[name], name)}; arms, strata, endpoints, "
                    f"utilities and external data need different names",
                )
            elif name == NOT_INFUSED and pieces.control is None:
                yield path, "the name of the course of who is never infused; choose another"
            elif name in RESERVED:
                yield path, f"a reserved word; not allowed as a name: {one_of(RESERVED)}"
            elif why := unfit_for_a_file(name):
                yield path, why
            first.setdefault(name, room)


def arms(pieces: Pieces) -> Found:
    """Whether there is an experimental arm, one control at most, and products that exist."""
    if not pieces.arms:
        yield "arms", "no arm; write [arms.NAME] for each arm, one of them with `control = true`"
        return
    sound = {name: arm for name, arm in pieces.arms.items() if arm is not None}
    controls = [name for name, arm in sound.items() if arm.control]
    if len(controls) > 1:
        yield (
            "arms",
            f"found {len(controls)} controls ({one_of(controls)}); one at most is expected",
        )
    if not controls and len(sound) == len(pieces.arms):
        yield from _only_compared_with(pieces)
    if len(pieces.arms) < 2 and controls:
        yield (
            "arms",
            f"found only {one_of(pieces.arms)}, the control; write another arm, or leave `control` "
            f"out: a single arm is compared with a number",
        )
    for name, arm in sound.items():
        path = path_to("arms", name, "product")
        if arm.product is not None and arm.product not in PRODUCTS:
            yield path, unknown(arm.product, "products", PRODUCTS)
        elif len(controls) == 1 and arm.control and arm.product and PRODUCTS[arm.product].infused:
            yield (
                path,
                f"the control has product {shown(arm.product)}, which is infused; participants "
                f"who are never infused take the control's course, so the control cannot be",
            )


def _only_compared_with(pieces: Pieces) -> Found:
    """Whether an arm is but compared with, as the control of a design is."""
    asked = pieces.questions
    others = dict.fromkeys(name for question in asked for _, name in question.others)
    about = {question.arm for question in asked}
    for name in others:
        if name in pieces.arms and name not in about and "each" not in about:
            yield (
                "arms",
                f"no arm has `control = true`, and {shown(name)} is only compared with, as a "
                f"control is: write control = true in [arms.{name}], or ask about "
                f"{shown(name)} too",
                *(path_to("arms", name, "control") for name in pieces.arms),
            )
            pieces.faults.add("arms")  # what follows from there being no control is not told
            return


def strata(pieces: Pieces) -> Found:
    """Whether the shares of the strata sum to 1."""
    if pieces.strata is None:
        return
    if not pieces.strata:
        yield "strata", "no stratum; leave the table out or name the strata with their shares"
        return
    total = math.fsum(share or 0.0 for share in pieces.strata.values())
    if abs(total - 1.0) > 1e-9:
        yield "strata", f"the shares sum to {total:.10g}; they must sum to 1", "strata"


def endpoints(pieces: Pieces) -> Found:
    """Whether there is an endpoint, and one primary at most."""
    marked = [n for n, e in pieces.endpoints.items() if e is not None and e.primary]
    if len(marked) > 1:
        yield (
            "endpoints",
            f"found {len(marked)} primary endpoints ({one_of(marked)}); one is needed",
        )
    if not pieces.endpoints:
        yield "endpoints", "no endpoint; write [endpoints.NAME] with its type"
    for name, endpoint in pieces.endpoints.items() if without_control(pieces) else ():
        needed = None if endpoint is None else endpoint.needs_control()
        if needed is not None:
            yield path_to("endpoints", name, needed[0]), f"{needed[1]}; no arm is the control"


def scores_read(pieces: Pieces) -> Found:
    """Whether the scores that an endpoint reads are there, and taken at its month."""
    for name, endpoint in pieces.endpoints.items():
        for score, month in (endpoint.reads() if endpoint is not None else {}).items():
            path, other = path_to("endpoints", name, "all"), pieces.endpoints.get(score)
            scores = [n for n, e in pieces.endpoints.items() if e is not None and e.taken_at()]
            if score not in pieces.endpoints:
                yield path, unknown(score, "scores", scores)
            elif other is None:
                continue
            elif not other.taken_at():
                yield (
                    path,
                    f'\'{score}\' is of type "{other.type}"; a score is of type "continuous", '
                    f"and the scores are {one_of(scores) or 'none'}",
                    path_to("endpoints", score, "type"),
                )
            elif not any(abs(visit - month) <= SAME for visit in other.taken_at()):
                visits = one_of(f"{visit:g}" for visit in other.taken_at())
                yield (
                    path,
                    f"'{score}' is taken at months {visits}, and '{name}' asks at month {month:g}; "
                    f"add {month:g} to {path_to('endpoints', score, 'visits')}",
                    path_to("endpoints", score, "visits"),
                )


def analyses(pieces: Pieces) -> Found:
    """Whether each model has an endpoint, and reads what it gives."""
    for name, analysis in pieces.analysis.items():
        path = path_to("analysis", name)
        if name not in pieces.endpoints:
            if pieces.endpoints:
                yield (
                    path,
                    f"no endpoint of this design{meant(name, pieces.endpoints)}; "
                    f"the endpoints are {one_of(pieces.endpoints)}",
                )
            continue
        endpoint = pieces.endpoints[name]
        if analysis is None:
            continue
        outside = pieces.comparators_of(name) if analysis.beside_external else ()
        if analysis.beside_control and without_control(pieces) and not outside:
            yield f"{path}.model", _beside_nothing(analysis, endpoint), f"{path}.model"
            pieces.faults.add(f"{path}.model")
            continue
        for inner, message in analysis.beside_problems() if outside else ():
            yield f"{path}.{inner}", message, f"{path}.{inner}"
        for inner, message in analysis.problems(
            (*pieces.arm_names, *pieces.comparators_of(name)), pieces.stratum_names
        ):
            if pieces.arms:
                yield f"{path}.{inner}", message, f"{path}.{inner}"
        if endpoint is not None and endpoint.gives.kind != analysis.reads:
            yield (
                f"{path}.model",
                f"'{analysis.model}' reads {analysis.reads}, but endpoint '{name}' of type "
                f"'{endpoint.type}' gives {endpoint.gives.kind}",
                path_to("endpoints", name, "type"),
            )
            pieces.faults.add(f"{path}.model")  # what rules ask of it is told when it fits
        elif endpoint is not None:
            for inner, message in analysis.misfits(endpoint.category_names()):
                yield f"{path}.{inner}", message, path_to("endpoints", name)


def _beside_nothing(analysis: AnalysisBase, endpoint: EndpointBase | None) -> str:
    """Say that a model describes arms beside a control, and which do not."""
    able = [
        name
        for name, model in ANALYSES.items()
        if model.reads == analysis.reads and not model.beside_control
    ]
    kind = "" if endpoint is None else f" of '{endpoint.type}'"
    instead = f"; without one the models{kind} are {one_of(able)}" if able else ""
    if analysis.beside_external:
        instead += "; or compare with external data, which then take the control's place"
    return (
        f"'{analysis.model}' describes arms by how they differ from the control, and no arm is "
        f"one{instead}"
    )


def crossover(pieces: Pieces) -> Found:
    """Whether a crossover names two arms of the design."""
    if pieces.crossover is None or not pieces.arms:
        return
    for key, value in (("from", pieces.crossover.from_), ("to", pieces.crossover.to)):
        if value not in pieces.arms:
            yield f"crossover.{key}", unknown(value, "arms", pieces.arms)
    if pieces.crossover.from_ == pieces.crossover.to:
        yield (
            "crossover.to",
            f"found {shown(pieces.crossover.to)} twice; two different arms are needed",
            "crossover.from",
        )


def skeptical(pieces: Pieces) -> Found:
    """Whether a skeptical prior says what no effect is, where that is a rate."""
    asked = pieces.adjusted_estimates
    prior = None if asked is None else asked.skeptical
    if prior is not None and without_control(pieces) and "no_effect" not in prior.model_fields_set:
        yield (
            "adjusted_estimates.skeptical.no_effect",
            "missing; no arm is the control, so that the estimate is a rate and no difference",
        )
