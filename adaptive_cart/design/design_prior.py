"""The table ``[design_prior.NAME]``: how probable each scenario is held to be before the trial.

A design prior averages operating characteristics over what may be true. It is no prior of an
analysis: nothing that is judged at a look knows it. Three are ready made, and are written as an
empty table of their name: they share the scenarios whose role is null or alternative out.

===============  ===================================================================================
`skeptical`      three quarters on the null scenarios, one quarter on the alternatives
`neutral`        one half on each: equipoise
`enthusiastic`   one quarter on the null scenarios, three quarters on the alternatives
===============  ===================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from adaptive_cart.nouns.parts import Part, Probability

READY_MADE = {"skeptical": 0.75, "neutral": 0.5, "enthusiastic": 0.25}  # weight of the nulls
EXPECTED = ("null", "alternative")  # roles that a ready-made one shares the weight out to
ROUNDING = 1e-9


class DesignPrior(Part):
    """How probable each scenario is held to be."""

    weights: dict[str, Probability] | None = Field(
        default=None, description="by scenario; they sum to 1. A ready-made prior has its own"
    )


def weights_of(name: str, prior: DesignPrior, roles: Mapping[str, str]) -> dict[str, float]:
    """Weight of each scenario that has one.

    Parameters
    ----------
    roles
        By scenario.
    """
    if prior.weights is not None:
        return {scenario: weight for scenario, weight in prior.weights.items() if weight > 0.0}
    share = {"null": READY_MADE[name], "alternative": 1.0 - READY_MADE[name]}
    number = {role: sum(found == role for found in roles.values()) for role in EXPECTED}
    return {
        scenario: share[role] / number[role] for scenario, role in roles.items() if role in EXPECTED
    }


def wrong_weights(
    name: str, prior: DesignPrior, roles: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Key and message of what is wrong with a table, given the design's scenarios."""
    if prior.weights is None:
        if name not in READY_MADE:
            ready = ", ".join(READY_MADE)
            yield "", f"has no weights; write weights = {{ SCENARIO = … }}, or call it {ready}"
            return
        lacking = [role for role in EXPECTED if role not in roles.values()]
        if lacking:
            yield (
                "",
                f"shares its weight out to null and alternative scenarios, and there is none of "
                f"role {lacking[0]}; write weights = {{ … }}",
            )
        return
    total = sum(prior.weights.values())
    if abs(total - 1.0) > ROUNDING:
        yield "weights", f"sum to {total:.10g}; 1 is expected"
