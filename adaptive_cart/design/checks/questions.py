"""Whether a question can be asked of this design, and its answer be reached."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from adaptive_cart.design.checks.models import by_problems, models_for
from adaptive_cart.design.checks.pieces import (
    Found,
    Pieces,
    has_control,
    has_numbers,
    unknown,
    without_control,
)
from adaptive_cart.design.validation import path_to, shown
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.errors import one_of
from adaptive_cart.models import ANALYSES, DEFAULT_MODEL
from adaptive_cart.nouns.questions import KEYS, KINDS

if TYPE_CHECKING:
    from adaptive_cart.design.rule_tables import PosteriorQuestion
    from adaptive_cart.models import AnalysisBase
    from adaptive_cart.nouns.external import External

_EXAMPLE = "one with a weight for each endpoint, [utility.net_benefit] with dfr = 1.0, crs3 = -0.4"


def posterior(pieces: Pieces, question: PosteriorQuestion, path: str) -> Found:
    """Whether a question is about what the design has, and its model can answer it."""
    arms, endpoints = pieces.arm_names, pieces.endpoints
    yield from _about(pieces, question, path)
    named = [("arm", question.arm), *question.others]
    for key, value in named:
        if key != "arm" and value is not None and value in pieces.external and value not in arms:
            yield from _compared_with(pieces, question, f"{path}.{key}", value)
            continue
        also = ("each",) if key == "arm" else ()
        if value is not None and arms and value not in (*arms, *also):
            told = unknown(value, "arms", arms, also)
            if key != "arm" and without_control(pieces):
                told += _no_control(pieces, question, key, value)
            yield f"{path}.{key}", told
    if question.arm is None and arms:
        yield f"{path}.arm", f"missing; the arms are {one_of(arms)}"
    kind = question.kind
    if kind.among_open and question.arm is not None and question.arm == pieces.control:
        yield (
            f"{path}.arm",
            f"found {shown(question.arm)}, the control; experimental arms are compared: "
            f'write "each", or one of {one_of(pieces.arm_names[1:])}',
        )
    for key in question.given() if kind.has_value else ():
        if key not in kind.takes and getattr(question, key, None) is False:
            yield f"{path}.{key}", "found false; true is expected, or leave it out"
        elif key not in kind.takes:
            pair = " and ".join(k for k in ("minus", *KEYS) if k in (key, kind.asked_by))
            yield path, f"found {pair}; at most one of the two is allowed"
    for key, other in question.others:
        if question.arm == other:
            yield f"{path}.{key}", f"found {shown(other)} twice; two different arms are needed"
        elif question.arm == "each" and other in arms[1:] and has_control(pieces):
            yield (
                f"{path}.{key}",
                f'found {shown(other)}; `arm = "each"` asks about every experimental arm, this one '
                f"too, so the control '{arms[0]}' is needed",
            )
    yield from _stratum(pieces, question, path)
    yield from _sides(question, path)
    endpoint = endpoints.get(question.about)
    if endpoint is None or pieces.faults.touch(path_to("endpoints", question.about, "type")):
        return
    analysis = pieces.analysis.get(question.about)
    if analysis is None and question.about in pieces.analysis:
        return
    yield from _value(endpoint, question, path)
    yield from _category(endpoint, question, path)
    if analysis is None and not endpoint.binary:
        yield (
            f"{path}.endpoint",
            f"'{question.about}' has no analysis; write [analysis.{question.about}]",
            path_to("analysis", question.about),
        )
        return
    model = DEFAULT_MODEL if analysis is None else analysis.model
    if not ANALYSES[model].can_be_asked(kind):
        yield (
            path,
            f"model '{model}' cannot be asked for {kind.asked_for}; {models_for(kind, endpoint)}",
            path_to("analysis", question.about, "model"),
        )
    elif kind.among_open:
        yield from by_problems(question, endpoint, ANALYSES[model], path)


def _compared_with(pieces: Pieces, question: PosteriorQuestion, place: str, name: str) -> Found:
    """Whether an arm can be compared with external data: of its endpoint, by a model that can."""
    data, about = pieces.external[name], question.about
    if data is None:
        return
    if data.endpoint != about:
        yield (
            place,
            f"found {shown(name)}, external data of '{data.endpoint}'; data of '{about}' are "
            f"expected",
            path_to("external", name, "endpoint"),
        )
        return
    analysis = pieces.analysis.get(about)
    model = ANALYSES[DEFAULT_MODEL if analysis is None else analysis.model]
    if not model.beside_external:
        able = [key for key, other in ANALYSES.items() if other.beside_external]
        yield (
            place,
            f"found {shown(name)}, external data, with which an arm is compared by {one_of(able)} "
            f"alone; compare with a number, or with an arm",
            path_to("analysis", about, "model"),
        )
    elif has_numbers(data, pieces.endpoints.get(about)):
        why = model.why_not_beside(question.kind, question.kind.month(question), data)
        if why:
            yield place, f"found {shown(name)}, external data, {why}", path_to("external", name)
    if data.redrawn and not model.external_redrawn:
        able = [key for key, other in ANALYSES.items() if other.external_redrawn]
        yield (
            path_to("external", name, "redrawn"),
            f"found true; data that an arm is compared with are drawn anew under {one_of(able)} "
            f"alone; leave it out",
            path_to("analysis", about, "model"),
        )
    if question.stratum is not None:
        why = _why_not_there(model, data, question.stratum, name)
        if why:
            yield (
                place,
                f"found {shown(name)}, external data, {why}; leave `stratum` out",
                f"{place.rpartition('.')[0]}.stratum",
                path_to("external", name),
            )
    if analysis is not None and analysis.over_time() is not analysis:
        yield (
            place,
            f"found {shown(name)}, external data, whose periods are not known; leave "
            f"[analysis.{about}.time_trend] out",
            path_to("analysis", about, "time_trend"),
        )
    if about in pieces.prediction:
        yield (
            place,
            f"found {shown(name)}, external data, whose earlier months are not known; leave "
            f"[prediction.{about}] out",
            path_to("prediction", about),
        )


def _why_not_there(model: type[AnalysisBase], data: External, stratum: str, name: str) -> str:
    """Why one stratum cannot be compared with external data; blank where it can."""
    if not model.external_by_stratum:
        able = [key for key, other in ANALYSES.items() if other.external_by_stratum]
        return f"with which all strata together are compared but by {one_of(able)}"
    if data.strata is None:
        return (
            f"with which all strata together are compared: the numbers of "
            f"[{path_to('external', name)}] are not told by stratum"
        )
    if stratum == "open":
        return "with which one stratum is compared or all are, and not those that are open"
    return ""


def _no_control(pieces: Pieces, question: PosteriorQuestion, key: str, name: str) -> str:
    """Say what to write where a rule compares with an arm that a design has not."""
    data = ((name, one) for name, one in pieces.external.items() if one is not None)
    outside = [shown(name) for name, one in data if one.endpoint == question.endpoint]
    beside = f" with external data ({one_of(outside)}) or" if key == "minus" and outside else ""
    number = f"leave it out and compare{beside} with a number"
    if question.endpoint is not None and key == "minus":
        number += (
            f", posterior = {{ endpoint = {shown(question.endpoint)}, arm = "
            f"{shown(question.arm)}, above = 0.40 }}"
        )
    return f"; no arm is the control: {number}, or write [arms.{name}] with control = true"


def _about(pieces: Pieces, question: PosteriorQuestion, path: str) -> Found:
    """Whether the endpoint that is asked about is there, or the utility, and only one of them."""
    endpoint, utility = question.endpoint, getattr(question, "utility", None)
    if endpoint is None and utility is None:
        yield (
            f"{path}.endpoint",
            "missing; text in quotes is expected: the name of an endpoint (or write `utility`, "
            "with the name of a table [utility.NAME])",
            f"{path}.endpoint",
            f"{path}.utility",
        )
    elif endpoint is not None and utility is not None:
        yield (
            path,
            f"found endpoint and utility; at most one of the two is allowed: the endpoints of "
            f"{shown(utility)} stand in {path_to('utility', utility)}",
        )
    elif utility is not None and utility not in pieces.utility:
        told, *grounds = (
            f"found {shown(utility)}; this design has no [utility.NAME]: write {_EXAMPLE}",
            "utility",
        )
        if pieces.utility:
            told, *grounds = (unknown(utility, "utilities", pieces.utility),)
        yield f"{path}.utility", told, *grounds
    elif endpoint is not None and pieces.endpoints and endpoint not in pieces.endpoints:
        yield f"{path}.endpoint", unknown(endpoint, "endpoints", pieces.endpoints)


def _stratum(pieces: Pieces, question: PosteriorQuestion, path: str) -> Found:
    names = pieces.stratum_names
    if question.stratum is None or question.stratum in names:
        return
    if not names:
        yield (
            f"{path}.stratum",
            f"found {shown(question.stratum)}; this design has no [strata]",
            "strata",
        )
    elif question.stratum not in ("each", "open"):
        yield f"{path}.stratum", unknown(question.stratum, "strata", names, ("each", "open"))


def _sides(question: PosteriorQuestion, path: str) -> Found:
    kind = question.kind
    sides = [key for key in ("above", "below") if getattr(question, key) is not None]
    if not kind.has_value:
        extra = [*sides, *(key for key in question.given() if key not in kind.takes)]
        if extra:
            yield path, f"found {one_of(extra)}; `{kind.asked_by}` takes none of them"
    elif len(sides) != 1:
        found = one_of(sides) or "neither"
        asked = (kind.asked_by for kind in KINDS.values() if not kind.has_value)
        valueless = dict.fromkeys(asked)
        yield (
            path,
            f"found {found}; exactly one of above, below is needed",
            *(f"{path}.{key}" for key in ("above", "below", *valueless)),
        )


def _category(endpoint: EndpointBase, question: PosteriorQuestion, path: str) -> Found:
    """Whether the endpoint has the category that is asked of, and not everybody has it."""
    wanted, names = question.kind.category(question), endpoint.category_names()
    if not wanted or not names:
        return
    if wanted not in names:
        yield f"{path}.{question.kind.asked_by}", unknown(wanted, "categories", names)
    elif wanted == names[0]:
        message = (
            f"found {shown(wanted)}, the worst; everybody has that or a better one: use one of "
        )
        yield f"{path}.{question.kind.asked_by}", message + one_of(names[1:])


def _value(endpoint: EndpointBase, question: PosteriorQuestion, path: str) -> Found:
    """Whether what a probability is compared with can be reached at all."""
    key = "above" if question.above is not None else "below"
    value = getattr(question, key)
    if value is None:
        return
    kind, summary = question.kind, endpoint.gives
    low, high = kind.range(summary.bounds, bool(question.others), kind.month(question))
    if kind.ratio and value <= 0.0:
        yield f"{path}.{key}", f"found {shown(value)}; {kind.asked_for} is more than 0"
    elif not low <= value <= high:
        wanted = f"between {low:g} and {high:g} is expected"
        wanted = wanted if math.isfinite(high) else f"a {summary.parameter} is at least {low:g}"
        yield f"{path}.{key}", f"found {shown(value)}; {wanted}"
