"""What is planned where arms enter and leave: when, and how many participants each has.

Planned is what happens if participants come when they are expected and no rule acts. Only of an arm
that never leaves by itself, and that another waits for, something else has to be supposed: that it
stops enrolling at the middle one of the looks at which a rule may close it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.nouns.pace import Pace
from adaptive_cart.nouns.windows import Stay, Stays, Windows

if TYPE_CHECKING:
    from adaptive_cart.design.design import Design


def stays_of(arms: Mapping[str, Any], names: Sequence[str]) -> Stays | None:
    """The plan of every arm; nothing where all enrol from the opening to the end.

    Parameters
    ----------
    names
        In the order of arrays.
    """
    stays = tuple(_stay(arms[name], names) for name in names)
    return None if all(stay.always for stay in stays) else Stays(stays)


def _stay(arm: Any, names: Sequence[str]) -> Stay:
    told: dict[str, Any] = {}
    for key in ("enters", "leaves"):
        moment = getattr(arm, key)
        if moment is None:
            continue
        if isinstance(moment, float | int):
            told[key] = float(moment)
        else:
            told[f"{key}_after"] = list(names).index(moment.after)
    return Stay(**told)


def said_moment(moment: Any) -> str:
    """Say when an arm enters or leaves: ``at month 18``, ``when auto stops enrolling``."""
    if isinstance(moment, float | int):
        return f"at month {moment:g}"
    return f"when {moment.after} stops enrolling"


def may_close(rule: Any, arm: str) -> bool:
    """Whether a rule may close an arm."""
    closes = rule.decision.drops_arms or rule.decision.ends == SUCCESS
    return closes and any(asked.arm in (arm, "each") for asked in rule.asked)


def closing_looks(design: Design, arm: str) -> list[int]:
    """Numbers of the looks, but the last, at which a rule may close an arm."""
    closing = [rule for rule in design.rules if may_close(rule, arm)]
    looks = {look for rule in closing for look in design.judged_at(rule)}
    return sorted(look for look in looks if look < design.looks.number)


def month_of_look(design: Design, look: int, pace: Pace) -> float:
    """Month at which a look is expected; infinite where that hangs on events."""
    looks = design.looks
    if looks.scale == "months":
        return float(looks.at[look - 1])
    if looks.scale not in ("observed", "enrolled"):
        return float("inf")
    waits = design.primary_endpoint.followed_for() if looks.scale == "observed" else 0.0
    return pace.month_of(looks.at[look - 1]) + float(waits or 0.0)


def planned_windows(design: Design, pace: Pace | None = None) -> Windows:
    """When each arm is planned to open and close, as one trial.

    Parameters
    ----------
    pace
        How fast participants come; as the design plans it if left out.
    """
    pace = design.enrolment.pace if pace is None else pace
    assert design.stays is not None
    stays = design.stays.arms
    waited = {arm for stay in stays for arm in (stay.enters_after, stay.leaves_after)} - {None}
    closed = np.full((1, len(stays)), np.inf)
    for _ in stays:  # an arm that is waited for may itself wait for another
        windows = design.stays.windows(closed)
        for arm in waited:
            assert arm is not None
            opens = windows.opens[0, arm]
            if np.isfinite(windows.closes[0, arm]) or not np.isfinite(opens):
                continue
            dates = [
                month_of_look(design, look, pace)
                for look in closing_looks(design, design.arm_names[arm])
            ]
            dates = [date for date in dates if date > opens]
            closed[0, arm] = dates[len(dates) // 2] if dates else np.inf
    return design.stays.windows(closed)


def planned_by_period(design: Design) -> tuple[int, ...]:
    """Planned number in each arm: its share of those expected while it is open.

    By largest remainder; ties go to the earlier arm.
    """
    pace, most = design.enrolment.pace, float(design.enrolment.max_n)
    windows = planned_windows(design)
    bounds = [0.0, *windows.bounds[0], np.inf]
    by_then = [min(pace.expected_by(b), most) if np.isfinite(b) else most for b in bounds]
    quotas = np.zeros(len(design.arm_names))
    for period, number in enumerate(np.diff(by_then)):
        if number > 0.0:
            ratio = np.where(windows.open_in[0, :, period], design.allocation, 0)
            quotas += number * ratio / ratio.sum()
    whole = np.floor(quotas + 1e-9).astype(np.int64)
    left = design.enrolment.max_n - int(whole.sum())
    by_remainder = sorted(range(len(quotas)), key=lambda arm: (whole[arm] - quotas[arm], arm))
    for arm in by_remainder[:left]:
        whole[arm] += 1
    return tuple(int(number) for number in whole)
