"""Which arms enrol when, as planned, in words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from adaptive_cart.design.design import Design, PermutedBlocks
from adaptive_cart.design.planned import planned_windows, said_moment
from adaptive_cart.errors import one_of
from adaptive_cart.participants.randomisation import reduced, smallest_block


def told_periods(design: Design) -> Iterator[str]:
    """Randomisation by period, a line each, and what is supposed of arms that others wait for."""
    within = ", within strata" if design.strata else ""
    yield (
        f"  randomisation: permuted blocks{within}; a new list when an arm enters or leaves by plan"
    )
    windows = planned_windows(design)
    bounds = [0.0, *windows.bounds[0][np.isfinite(windows.bounds[0])]]
    for period, begins in enumerate(bounds):
        if design.enrolment.pace.expected_by(begins) >= design.enrolment.max_n:
            break  # nobody is expected any more
        until = f" to {bounds[period + 1]:.4g}" if period + 1 < len(bounds) else " on"
        yield f"    from month {begins:.4g}{until}: {_ratio(design, windows.open_in[0, :, period])}"
    yield from _supposed(design)


def _ratio(design: Design, open_: np.ndarray) -> str:
    """The arms that are open, by their allocation: ``soc 1 : auto 2 in blocks of 3``."""
    arms = [arm for arm, inside in zip(design.arm_names, open_, strict=True) if inside]
    ratio = reduced(tuple(design.arms[arm].allocation for arm in arms))
    assert isinstance(design.randomisation, PermutedBlocks)
    block = design.randomisation.block or smallest_block(ratio)
    if len(arms) == 1:
        return f"{arms[0]} alone"
    told = " : ".join(f"{arm} {part}" for arm, part in zip(arms, ratio, strict=True))
    return f"{told} in blocks of {block}"


def _supposed(design: Design) -> Iterator[str]:
    """Say when arms that others wait for are planned to stop, where only a rule can close them."""
    waited = {
        moment.after
        for arm in design.arms.values()
        for _, moment in arm.moments()
        if not isinstance(moment, float | int)
    }
    waited = {arm for arm in waited if design.arms[arm].leaves is None}
    if waited:
        yield (
            f"    planned as if {one_of(sorted(waited))} stopped enrolling at the middle one of "
            f"the looks at which a rule may close it; in a trial, others enter {_when(design)}"
        )


def _when(design: Design) -> str:
    moments = [
        said_moment(moment)
        for arm in design.arms.values()
        for _, moment in arm.moments()
        if not isinstance(moment, float | int)
    ]
    return one_of(dict.fromkeys(moments))


def told_adjusted(design: Design) -> Iterator[str]:
    """Say of each endpoint who counts in a comparison, where that hangs on the period."""
    for name in design.endpoints:
        analysis = design.analysis_of(name)
        if analysis is not None and analysis.counted:
            yield f"Comparisons of {name} count {analysis.counted}"
