"""Whether everybody can be seen as ``[follow_up]`` has it."""

from __future__ import annotations

from adaptive_cart.design.checks.pieces import Found, Pieces
from adaptive_cart.design.follow_up import follow_up_faults
from adaptive_cart.design.validation import path_to


def visits(pieces: Pieces) -> Found:
    """Whether visits and delays fit each other and the endpoints."""
    yield from _intervals(pieces)
    if pieces.follow_up is None:
        return
    for steps, message in follow_up_faults(pieces.follow_up, pieces.endpoints):
        yield path_to("follow_up", *steps), message


def _intervals(pieces: Pieces) -> Found:
    """Whether an analysis by intervals has any."""
    for name, analysis in pieces.analysis.items():
        if analysis is None or not analysis.by_intervals():
            continue
        path = path_to("analysis", name, "intervals")
        endpoint = pieces.endpoints.get(name)
        if not pieces.planned_visits:
            yield path, "no visits are planned; write [follow_up] visit_every, or leave it out"
        elif endpoint is not None and not endpoint.between_visits():
            message = f"the event of '{name}' is known at its moment; leave it out"
            yield path, message, path_to("endpoints", name)
