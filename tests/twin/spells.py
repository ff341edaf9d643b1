"""Remissions, relapses, infusions and rescue of one participant, one after the other, in words.

Written from ``docs/semantics.md``. ``uniform`` gives the participant's uniform for a purpose; the
second infusion onwards use ``redosing:K`` (whether it is planned) and ``redosing:K:`` before
``infusion_delay``, ``infusion_failure``, ``taper``, ``remission``, ``onset``, ``cured`` and
``relapse``, where K numbers the relapse, or the infusion for want of a remission; ``taper`` is that
of the first infusion, ``washout`` the time before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Table = dict[str, Any]
NEVER = math.inf


@dataclass
class Life:
    """What has happened so far, in months since randomisation."""

    start: float
    exposure: float  # months outside drug-free remission until rescue
    spells: list[tuple[float, float]] = field(default_factory=list)
    infusions: list[float] = field(default_factory=list)

    def rescue(self) -> float:
        """Month of rescue if no other remission begins."""
        outside, out_since = 0.0, self.start
        for began, lost in self.spells:
            outside, out_since = outside + (began - out_since), lost
        return out_since + (self.exposure - outside)


def disease_course(
    disease: Table,
    start: float,
    uniform: Callable[[str], float],
    exposure: float,
    gone: float,
    failure: float,
    quantile: Callable[[Table, float], float],
) -> Life:
    """The life of a participant whose clock starts at a month.

    Parameters
    ----------
    gone
        Month of death or dropout.
    failure
        Probability that the first infusion is not given; a further one fails as often.
    """
    life = Life(start, exposure)
    remission = disease.get("remission") or {"probability": 0.0}
    durability = disease.get("durability", {})
    taper, redosing = disease.get("taper"), disease.get("redosing", {})
    again = remission.get("again", {"probability": 0.0})
    off = start + quantile(taper["months"], uniform("taper")) if taper else -NEVER

    def spell(
        since: float, names: tuple[str, str, str], onset: Table | None
    ) -> tuple[float, float]:
        """A remission whose onset counts from a month; never if rescue comes first."""
        wait = quantile(onset, uniform(names[0])) if onset else 0.0
        began = max(since + wait, off)
        if began == NEVER or began > life.rescue():
            return NEVER, NEVER
        cured = durability.get("cured", 0.0)
        if "relapse" not in durability or (cured > 0.0 and uniform(names[1]) < cured):
            return began, NEVER
        return began, began + quantile(durability["relapse"], uniform(names[2]))

    def infused(planned: float, k: int, before: float) -> float:
        """Month of another infusion that is planned at a month; never if it is not given."""
        month = planned + quantile(redosing["delay"], uniform(f"redosing:{k}:infusion_delay"))
        if month >= min(gone, life.rescue(), before):
            return NEVER
        if uniform(f"redosing:{k}:infusion_failure") < redosing.get("failure", failure):
            return NEVER
        life.infusions.append(month)
        return month

    def after_infusion(month: float, k: int) -> tuple[float, float]:
        nonlocal off
        if taper and taper.get("again"):
            off = month + quantile(taper["months"], uniform(f"redosing:{k}:taper"))
        after = redosing["remission"]
        if uniform(f"redosing:{k}:remission") >= after["probability"]:
            return NEVER, NEVER
        names = (f"redosing:{k}:onset", f"redosing:{k}:cured", f"redosing:{k}:relapse")
        return spell(month, names, after.get("onset", remission.get("onset")))

    coming = (NEVER, NEVER)
    if remission["probability"] and uniform("remission") < remission["probability"]:
        coming = spell(start, ("remission_onset", "cured", "relapse"), remission.get("onset"))

    if redosing.get("when") == "no_remission":
        last = start
        for k in range(1, redosing.get("at_most", 1) + 1):
            asked = last + redosing["after_month"]
            if coming[0] <= asked + 1e-9 or min(gone, life.rescue()) <= asked:
                break
            if uniform(f"redosing:{k}") >= redosing["probability"]:
                break
            last = infused(asked, k, coming[0])
            if last == NEVER:
                break
            coming = after_infusion(last, k)

    remissions_again = 0
    while coming[0] < NEVER:
        life.spells.append(coming)
        lost, k, coming = coming[1], len(life.spells), (NEVER, NEVER)
        if lost == NEVER:
            break
        may = redosing.get("when") == "relapse"
        may = may and len(life.infusions) < redosing.get("at_most", 1)
        if may and uniform(f"redosing:{k}") < redosing["probability"]:
            month = infused(lost, k, NEVER)
            if month < NEVER:
                coming = after_infusion(month, k)
            continue
        comes = again["probability"] and remissions_again < again.get("at_most", 1)
        if comes and uniform(f"again:{k}") < again["probability"]:
            names = (f"again:{k}:onset", f"again:{k}:cured", f"again:{k}:relapse")
            coming = spell(lost, names, remission.get("onset"))
            remissions_again += 1
    return life


def window_of(event: float, within: float, person: Table) -> float:
    """Month of the first infusion that an event comes within so many months of."""
    infusions = [person["infused_month"], *person["infused_again"]]
    return float(min(m for m in infusions if m - 1e-9 <= event <= m + within + 1e-9))


def crossing_month(crossover: Table, remissions: list[tuple[float, float]], rescue: float) -> float:
    """Month at which there is reason to cross over, whoever is still followed; never if none.

    A reason that comes before ``after_month`` waits until then. Nobody crosses in drug-free
    remission: who has lost one and is in another by then has reason to when that is lost.
    """
    after, when = float(crossover.get("after_month", 0.0)), crossover.get("when", "month")
    had = [(began, lost) for began, lost in remissions if began < NEVER]

    def in_remission(month: float) -> bool:
        return any(b <= month + 1e-9 and not lost <= month + 1e-9 for b, lost in had)

    if when == "rescue":
        return max(rescue, after)
    if when == "no_remission":
        return NEVER if any(began <= after + 1e-9 for began, _ in had) else after
    reasons = [after] if when == "month" else [max(lost, after) for _, lost in had if lost < NEVER]
    return min((month for month in reasons if not in_remission(month)), default=NEVER)
