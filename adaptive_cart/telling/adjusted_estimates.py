"""Estimates corrected for the stop, in words."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.design.design import Design


def told_adjusted_estimates(design: Design, why_not: str) -> Iterator[str]:
    """Which are told beside the estimate; or why none can be.

    Parameters
    ----------
    why_not
        Blank where tables are enumerated.
    """
    asked = design.adjusted_estimates
    assert asked is not None
    yield "Estimates corrected for the stop, beside the estimate"
    yield "  median unbiased, by the stage-wise order of all ends; its interval and coverage"
    yield "  less the bias given the look and the reason of the stop"
    if (prior := asked.skeptical) is not None:
        yield (
            f"  under a skeptical prior: normal about {prior.no_effect:g} with a standard "
            f"deviation of {prior.sd:.4g}, so that {prior.effect:g} or beyond has probability "
            f"{prior.chance:g}"
        )
    if why_not:
        yield f"  refused when it is run: {why_not}"
