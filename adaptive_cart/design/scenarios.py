"""The complete truth of every scenario of a design."""

from __future__ import annotations

from adaptive_cart.design.checks import Pieces, frame_of
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenario import resolve
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import DesignError


def truths_of(design: Design) -> dict[str, Truth]:
    """Resolve every scenario, in the order of the design file."""
    pieces = Pieces(
        arms=design.arms,
        strata=design.strata,
        endpoints=design.endpoints,
        truth=design.truth,
        scenarios=design.scenarios,
        crossover=design.crossover,
        enrolment=design.enrolment,
        follow_up=design.follow_up,
        rules=design.rules,
        external=design.external,
    )
    frame = frame_of(pieces)
    truths = {name: resolve(frame, name) for name in design.scenarios}
    if frame.problems:
        raise DesignError(frame.problems)
    return {name: truth for name, truth in truths.items() if truth is not None}
