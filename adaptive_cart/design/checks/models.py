"""Whether a model can be asked what is asked of it, and what puts arms in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from adaptive_cart.design.checks.pieces import Found, Pieces, unknown
from adaptive_cart.design.validation import path_to
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.errors import one_of
from adaptive_cart.models import ANALYSES, DEFAULT_MODEL, AnalysisBase
from adaptive_cart.nouns.questions import KINDS, QuestionKind, ordered_by

if TYPE_CHECKING:
    from adaptive_cart.design.randomisation import Order, ResponseAdaptive

ORDERS = tuple(str(kind.asked_by) for kind in KINDS.values() if kind.orders)


def models_for(kind: QuestionKind, endpoint: EndpointBase) -> str:
    """Say which models of an endpoint can be asked, or what can be asked of it instead."""
    models = {name: m for name, m in ANALYSES.items() if m.reads == endpoint.gives.kind}
    able = [name for name, model in models.items() if model.can_be_asked(kind)]
    if able:
        return f"of type '{endpoint.type}' it is asked of {one_of(able)}"
    others = [k for k in KINDS.values() if any(m.can_be_asked(k) for m in models.values())]
    keys = dict.fromkeys(key for other in others for key in other.asking)
    instead = f"; what its models can be asked: above, below, {one_of(keys)}" if others else ""
    if not kind.may_be_asked_of(endpoint.gives.bounds):
        assert kind.fits is not None
        has = f"'{endpoint.type}' has a {_parameter(endpoint)}"
        return f"it is asked of {kind.fits[1]}, and {has}{instead}"
    return f"no model of '{endpoint.type}' can{instead}"


def _parameter(endpoint: EndpointBase) -> str:
    return endpoint.gives.parameter


def by_problems(asked: Any, endpoint: EndpointBase, model: type[AnalysisBase], path: str) -> Found:
    """Whether arms can be put in order by what a table names."""
    named = [key for key in ORDERS if getattr(asked, key) is not None]
    if len(named) > 1:
        yield path, f"found {one_of(named)}; arms are put in order by one of them"
    by = ordered_by(asked)
    if by is not None and not model.can_be_asked(by):
        name = get_args(model.model_fields["model"].annotation)[0]
        yield (
            f"{path}.{by.asked_by}",
            f"model '{name}' cannot be asked for {by.asked_for}; {models_for(by, endpoint)}",
            path_to("analysis", asked.endpoint, "model"),
        )


def _order_by_utility(pieces: Pieces, by: Order) -> Found:
    """Whether shares can follow the best arm by a utility, and nothing else is named."""
    path = "randomisation.by"
    if by.utility is None:
        yield (
            f"{path}.endpoint",
            "missing; the name of an endpoint is expected (or write `utility`, with the name of a "
            "table [utility.NAME])",
            f"{path}.endpoint",
            f"{path}.utility",
        )
        return
    beside = [key for key in ("endpoint", *ORDERS) if getattr(by, key) is not None]
    if beside:
        yield path, f"found utility and {one_of(beside)}; the utility alone puts arms in order"
    if by.utility not in pieces.utility:
        told = unknown(by.utility, "utilities", pieces.utility) if pieces.utility else (
            f"found '{by.utility}'; this design has no [utility.NAME]"
        )  # fmt: skip
        yield f"{path}.utility", told, "utility"


def order_problems(pieces: Pieces, rule: ResponseAdaptive) -> Found:
    """Whether response-adaptive shares can follow P(best): of the primary, or of another."""
    if rule.by is not None and (rule.by.utility is not None or rule.by.endpoint is None):
        yield from _order_by_utility(pieces, rule.by)
        return
    name = (pieces.primary or "") if rule.by is None else rule.by.about
    if rule.by is not None and pieces.endpoints and name not in pieces.endpoints:
        yield (
            "randomisation.by.endpoint",
            unknown(name, "endpoints", pieces.endpoints),
        )
    endpoint, analysis = pieces.endpoints.get(name), pieces.analysis.get(name)
    if endpoint is None or (analysis is None and name in pieces.analysis):
        return
    path = "randomisation.method" if rule.by is None else "randomisation.by"
    if analysis is None and not endpoint.binary:
        yield (
            path,
            f"the shares follow P(best) of '{name}', which has no analysis; write "
            f"[analysis.{name}]",
            path_to("analysis", name),
        )
        return
    model = ANALYSES[DEFAULT_MODEL] if analysis is None else type(analysis)
    if not model.can_be_asked(KINDS["best"]):
        written = get_args(model.model_fields["model"].annotation)[0]
        yield (
            path,
            f"the shares follow P(best) of '{name}', which '{written}' does not give; "
            f"{models_for(KINDS['best'], endpoint)}",
            path_to("analysis", name, "model"),
        )
    elif rule.by is not None:
        yield from by_problems(rule.by, endpoint, model, path)
