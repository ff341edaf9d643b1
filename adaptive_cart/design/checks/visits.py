"""Whether everybody can be seen as ``[follow_up]`` has it."""

from __future__ import annotations

from adaptive_cart.design.checks.pieces import Found, Pieces
from adaptive_cart.design.follow_up import follow_up_faults
from adaptive_cart.design.validation import path_to


def visits(pieces: Pieces) -> Found:
    """Whether visits and delays fit each other and the endpoints."""
    if pieces.follow_up is None:
        return
    for steps, message in follow_up_faults(pieces.follow_up, pieces.endpoints):
        yield path_to("follow_up", *steps), message
