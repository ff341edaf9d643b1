"""How participants are randomised, and which arms enrol when, as planned, in words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from adaptive_cart.conduct.plan import in_what
from adaptive_cart.design.design import Design
from adaptive_cart.design.planned import planned_windows, said_moment
from adaptive_cart.design.randomisation import reduced
from adaptive_cart.errors import one_of


def _randomised(design: Design) -> str:
    """How everybody is randomised, in a line."""
    lists, rule = design.randomisation.by_lists, design.randomisation.by_shares
    if len(design.arms) == 1:
        return f"none; everybody is enrolled in {design.arm_names[0]} (randomised: enrolled)"
    within = ", within strata" if design.strata else ""
    if lists is not None:
        size = lists.block_of(design.allocation)
        ratio = " : ".join(map(str, design.allocation))
        return f"{ratio} in permuted blocks of {size}{within}"
    assert rule is not None
    control = ""
    if design.control is not None:
        share = "that of the largest arm" if rule.fixed is None else f"{rule.fixed:g}"
        control = f", the control's share {share}"
    return (
        f"response-adaptive, by P(best{in_what(design)})^{rule.power:g}, at least "
        f"{rule.minimum:g} an arm{control}, equal until {rule.burn_in} are "
        f"randomised"
    )


def told_randomisation(design: Design) -> Iterator[str]:
    """How participants are randomised: a line, or a line a period where arms enter or leave."""
    if design.stays is None:
        yield f"  randomisation: {_randomised(design)}"
    else:
        yield from told_periods(design)


def told_periods(design: Design) -> Iterator[str]:
    """Randomisation by period, a line each, and what is supposed of arms that others wait for."""
    if design.randomisation.by_lists is not None:
        within = ", within strata" if design.strata else ""
        how = f"permuted blocks{within}; a new list when an arm enters or leaves by plan"
    else:
        how = (
            f"{_randomised(design)}; who enters begins with one part in as many as there are arms, "
            f"until the next look that renews the shares"
        )
    yield f"  randomisation: {how}"
    windows = planned_windows(design)
    bounds = [0.0, *windows.bounds[0][np.isfinite(windows.bounds[0])]]
    for period, begins in enumerate(bounds):
        if design.enrolment.pace.expected_by(begins) >= design.enrolment.max_n:
            break  # nobody is expected any more
        until = f" to {bounds[period + 1]:.4g}" if period + 1 < len(bounds) else " on"
        yield f"    from month {begins:.4g}{until}: {_ratio(design, windows.open_in[0, :, period])}"
    yield from _supposed(design)
    if any(part.predictive is not None for rule in design.rules for part in rule.comparisons):
        yield (
            "    predicted with those already in each arm, and its share of those to come at this "
            "pace while it is open, as things stand at the look"
        )


def _ratio(design: Design, open_: np.ndarray) -> str:
    """The arms that are open, by their allocation: ``soc 1 : auto 2 in blocks of 3``."""
    arms = [arm for arm, inside in zip(design.arm_names, open_, strict=True) if inside]
    if len(arms) == 1:
        return f"{arms[0]} alone"
    lists = design.randomisation.by_lists
    if lists is None:
        return ", ".join(arms)
    ratio = reduced(tuple(design.arms[arm].allocation for arm in arms))
    block = lists.block_of(ratio)
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
