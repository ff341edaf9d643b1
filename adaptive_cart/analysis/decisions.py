"""What was decided besides the end of the trial, in words."""

from __future__ import annotations

import numpy as np

from adaptive_cart.conduct.standing import Standing


def decided(before: Standing, after: Standing) -> list[str]:
    """Say what has changed from one standing of a real trial to a later one."""
    design = after.design
    found = []
    for position, looks in after.noted.items():
        rule = after.rules[position]
        if not (rule.decision.claims or rule.decision.noted):
            continue  # a claim requires it; what it did is told below
        if rule.decision.may_end and not design.by_target:
            continue  # the trial's own end
        for place in np.flatnonzero((looks[0] > 0) & (before.noted[position][0] == 0)):
            target = rule.targets[place]
            where = design.arm_names[target.arm]
            if target.stratum >= 0:
                where += f" in {design.stratum_names[target.stratum]}"
            what = "success" if rule.decision.may_end else f"'{rule.name}' ({rule.decision.done})"
            again = ", to be judged again when the pipeline has been followed up"
            found.append(f"{what} of {where}{again if rule.followed_up else ''}")
    for name, was, now, doing in (
        (design.arm_names, before.dropped, after.dropped, "arm {} is dropped"),
        (design.stratum_names, before.closed, after.closed, "stratum {} is closed"),
    ):
        for place in np.flatnonzero((now[0] > 0) & (was[0] == 0)):
            found.append(doing.format(name[place]))
    if after.enrolment_stopped[0] and not before.enrolment_stopped[0]:
        found.append(f"enrolment stops with {int(after.enrolled[0])} randomised")
    return found
