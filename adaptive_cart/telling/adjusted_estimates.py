"""Estimates corrected for the stop, in words."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.running.adjusted import Scale, stopped_by


def told_adjusted_estimates(design: Design, enumerated: bool, why_not: str) -> Iterator[str]:
    """Which are told beside the estimate; or why none can be.

    Parameters
    ----------
    enumerated
        Whether tables are enumerated, and no trial simulated.
    why_not
        Blank where there are any.
    """
    asked = design.adjusted_estimates
    assert asked is not None
    yield "Estimates corrected for the stop, beside the estimate"
    if enumerated:
        yield "  median unbiased, by the stage-wise order of all ends; its interval and coverage"
    if enumerated or stopped_by(design) is not None:
        learned = "" if enumerated else ", learned from the simulated trials of all scenarios"
        yield f"  less the bias given the look and the reason of the stop{learned}"
    if (prior := asked.skeptical) is not None and not why_not:
        scale = Scale.of(design, Plan.of(design).estimands[0].question)
        mean, sd = prior.on(scale.ratio)
        of = "of the logarithm " if scale.ratio else ""
        yield (
            f"  under a skeptical prior: normal about {mean:g} {of}with a standard "
            f"deviation of {sd:.4g}, so that {prior.effect:g} or beyond has probability "
            f"{prior.chance:g}"
        )
    if why_not:
        yield f"  refused when it is run: {why_not}"
