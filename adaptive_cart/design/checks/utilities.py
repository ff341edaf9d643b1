"""Whether a utility weighs endpoints that are there, and of which there is a level."""

from __future__ import annotations

from typing import get_args

from adaptive_cart.design.checks.models import models_for
from adaptive_cart.design.checks.pieces import Found, Pieces, unknown
from adaptive_cart.design.validation import path_to
from adaptive_cart.models import ANALYSES, DEFAULT_MODEL
from adaptive_cart.nouns.questions import KINDS


def utilities(pieces: Pieces) -> Found:
    """Whether every weight is one of an endpoint that a posterior is had of, and counts."""
    for name, weights in pieces.utility.items():
        path = path_to("utility", name)
        if weights is None:
            continue
        if not weights:
            example = " and ".join(f"{endpoint} = 1.0" for endpoint in [*pieces.endpoints][:1])
            yield path, f"weighs no endpoint; write a weight for each, {example or 'dfr = 1.0'}"
        for endpoint, weight in weights.items():
            own = path_to(path, endpoint)
            if weight == 0.0:
                yield own, "found 0, which weighs nothing; leave it out", own
            if endpoint not in pieces.endpoints:
                if pieces.endpoints:
                    yield own, unknown(endpoint, "endpoints", pieces.endpoints), own
                continue
            yield from _level(pieces, endpoint, own)


def _level(pieces: Pieces, name: str, path: str) -> Found:
    """Whether the model of an endpoint has a posterior of its level, from which can be drawn."""
    endpoint, analysis = pieces.endpoints[name], pieces.analysis.get(name)
    if endpoint is None or (analysis is None and name in pieces.analysis):
        return
    if analysis is None and not endpoint.binary:
        yield (
            path,
            f"'{name}' has no analysis, and so no posterior to be weighed; write [analysis.{name}]",
            path_to("analysis", name),
        )
        return
    model = ANALYSES[DEFAULT_MODEL] if analysis is None else type(analysis)
    written = get_args(model.model_fields["model"].annotation)[0]
    grounds = (path_to("analysis", name, "model"), path_to("endpoints", name, "type"))
    if not model.bayesian:
        yield (
            path,
            f"'{name}' is analysed by '{written}', a test, and has no posterior to be weighed; "
            f"{_posteriors(endpoint.gives.kind)}",
            *grounds,
        )
    elif not model.can_be_asked(KINDS["level"]):
        yield (
            path,
            f"'{name}' is analysed by '{written}', which has no level of an arm to be weighed; "
            f"{models_for(KINDS['level'], endpoint)}",
            *grounds,
        )


def _posteriors(reads: str) -> str:
    able = [
        name
        for name, model in ANALYSES.items()
        if model.bayesian and model.reads == reads and model.can_be_asked(KINDS["level"])
    ]
    return f"write one of {', '.join(able)} as its model" if able else "leave it out"
