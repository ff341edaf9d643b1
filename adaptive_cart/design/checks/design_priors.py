"""Whether a design prior weighs scenarios that there are, with weights that sum to 1."""

from __future__ import annotations

from adaptive_cart.design.checks.pieces import Found, Pieces, unknown
from adaptive_cart.design.design_prior import wrong_weights
from adaptive_cart.design.scenario_frame import role_of
from adaptive_cart.design.validation import path_to


def design_priors(pieces: Pieces) -> Found:
    """Whether every weight is one of a scenario, and whether they sum to 1."""
    scenarios = pieces.scenarios if isinstance(pieces.scenarios, dict) else {}
    roles = {n: role_of(n, own) for n, own in scenarios.items() if isinstance(own, dict)}
    for name, prior in pieces.design_prior.items():
        path = path_to("design_prior", name)
        if prior is None:
            continue
        for scenario in prior.weights or {}:
            if scenario not in scenarios:
                own = path_to(path, "weights", scenario)
                yield own, unknown(scenario, "scenarios", scenarios), "scenarios"
        for key, message in wrong_weights(name, prior, roles):
            yield (path_to(path, key) if key else path), message, path_to(path, "weights")
