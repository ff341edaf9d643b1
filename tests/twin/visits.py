"""What visits show of a participant, and when it is known: the slow twin of ``[follow_up]``.

A visit is planned every so many months from randomisation on, and held on its day while the
participant is followed (alive, not dropped out), unless it is missed. The k-th is missed when the
k-th number of the participant's own sequence (SplitMix64, seeded with the first 53 bits of the
uniform) is below the probability. Randomisation is seen. A score of a visit that is missed is not
taken.

The states drug-free remission and remission on drugs are looked at visit by visit. Who is in one,
and was not at the visit before, has it from this visit on; who is out of it again has lost it at
this visit, or sooner where a rescue, a crossover or another infusion came between: these are known
at their moment, as are the first infusion, death, dropout and adverse events. Drug-free remission
of the own course and of the other arm's after crossover are two things.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

Table = dict[str, Any]
Person = dict[str, Any]
NEVER = math.inf
LONGEST = 400.0  # months for which visits are listed


def by(moment: float, date: float) -> bool:
    """Whether a moment is not after a date; months that differ by less than 1e-9 are the same."""
    return moment <= date + 1e-9


def in_scenario(raw: Table, scenario: str) -> Table:
    """Visits and delays of a scenario; blank where everything is seen and known at once."""
    plan = dict(raw.get("follow_up", {}))
    if "visit_every" in plan:
        plan.setdefault("window", plan["visit_every"])
    for key, value in raw["scenarios"][scenario].get("follow_up", {}).items():
        both = isinstance(value, dict) and isinstance(plan.get(key), dict)
        plan[key] = {**plan[key], **value} if both else value
    if "visit_every" in plan:
        plan.setdefault("window", plan["visit_every"])
    return plan


def missed(u: float, number: int, probability: float) -> bool:
    """Whether the visit of that number is missed."""
    whole = 1 << 64
    z = (int(u * 2.0**53) + number * 0x9E3779B97F4A7C15) % whole
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % whole
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % whole
    z ^= z >> 31
    return (z >> 11) / 2.0**53 < probability


def held(follow_up: Table, person: Person, u: float) -> list[float]:
    """Months of the visits that are held, in order."""
    gone = min(person["dropout_month"], person["death_month"], LONGEST)
    found, number = [], 1
    while by(number * follow_up["visit_every"], gone):
        if not missed(u, number, follow_up.get("missed", 0.0)):
            found.append(number * follow_up["visit_every"])
        number += 1
    return found


def seen(raw: Table, follow_up: Table, person: Person, u: float) -> Person:
    """The participant as the trial's record has it."""
    if not follow_up:
        return person
    person = {**person, "follow_up": follow_up}
    if "visit_every" not in follow_up:
        return person
    visits = held(follow_up, person, u)
    own = [(person["remission_month"], person["relapse_month"]), *person["later_remissions"]]
    after = [
        (person["remission_after_month"], person["relapse_after_month"]),
        *person["later_remissions_after"],
    ]
    shown, shown_after = (spells_shown(spells, visits, person) for spells in (own, after))
    on_drugs = person["remission_on_drugs_month"]
    person |= {
        "held": visits,
        "remission_month": shown[0][0],
        "relapse_month": shown[0][1],
        "later_remissions": shown[1:],
        "remission_after_month": shown_after[0][0],
        "relapse_after_month": shown_after[0][1],
        "later_remissions_after": shown_after[1:],
        "remission_on_drugs_month": next((v for v in visits if by(on_drugs, v)), NEVER),
    }
    for name, endpoint in raw["endpoints"].items():
        if endpoint["type"] == "continuous" and follow_up.get("missed", 0.0):
            months = [0.0, *endpoint["visits"]]
            taken = [
                month == 0.0 or any(abs(visit - month) < 1e-9 for visit in visits)
                for month in months
            ]
            both = zip(person[name], taken, strict=True)
            person[name] = [value if there else math.nan for value, there in both]
        told = endpoint["type"] == "time_to_event" and name in person
        if told and not endpoint.get("at_once"):
            person[name] = next((v for v in visits if by(person[name], v)), NEVER)
    return person


def spells_shown(
    spells: Sequence[tuple[float, float]], visits: Sequence[float], person: Person
) -> list[tuple[float, float]]:
    """Spells in a state as visits show them; one that never begins where there are none."""
    again = list(person.get("infused_again", []))
    at_once = [person["rescue_month"], person["crossed_month"], *again]
    found: list[tuple[float, float]] = []
    now: tuple[float, float] | None = None  # the spell in which the participant was last seen
    since = NEVER
    for visit in [*visits, NEVER]:
        here = None
        if visit < NEVER:
            here = next((s for s in spells if by(s[0], visit) and not by(s[1], visit)), None)
        if now is not None:
            lost = visit if here is None else NEVER
            told = [month for month in at_once if by(now[1], month) and month < visit]
            if told and now[1] < NEVER:
                lost = min(told)
            if lost < NEVER or visit == NEVER:
                found.append((since, lost))
                now = None
        if here is not None:
            since = visit if now is None else since
            now = here
    return found or [(NEVER, NEVER)]


def wait(person: Person) -> float:
    """Months after a month until the visit for it may have been held."""
    return float(person["follow_up"]["window"]) if "held" in person else 0.0


def delay(follow_up: Table, name: str) -> float:
    """Months from what is seen of an endpoint until a look can use it."""
    more = follow_up.get("adjudication_delay", 0.0)
    more = more.get(name, 0.0) if isinstance(more, dict) else more
    return float(follow_up.get("reporting_delay", 0.0) + more)


def reported(name: str, people: Sequence[Person], date: float) -> float:
    """The date up to which what a look sees of an endpoint has happened."""
    return date - delay(people[0].get("follow_up", {}), name) if people else date


def stands_for(person: Person, month: float) -> float | None:
    """The visit that stands for a month: the nearest within the window, the earlier of two."""
    if "held" not in person:
        return month
    window = person["follow_up"]["window"]
    near = [v for v in person["held"] if by(month - window, v) and by(v, month + window)]
    return min(near, key=lambda visit: (round(abs(visit - month), 9), visit), default=None)


def span(person: Person, since: float, month: float) -> tuple[float, float]:
    """From which visit to which a state must hold; a month itself where no visit stands for it."""
    first, last = stands_for(person, since), stands_for(person, month)
    return since if first is None else first, month if last is None else last


def last_held(person: Person, month: float, at_visits: bool = True) -> float:
    """The last visit held by a month, or randomisation; the month itself without visits."""
    if "held" not in person or not at_visits:
        return month
    return max((visit for visit in person["held"] if by(visit, month)), default=0.0)
