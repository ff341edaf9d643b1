"""One simulated trial whose arms, strata or shares may change on the way: the slow twin.

A design is taken as the raw TOML table and one uniform a purpose and participant (`latents`), and
the trial is conducted as a trial is: the next thing that happens is either a look or a safety
check between looks; whoever has arrived by then is randomised under the shares, open arms and
open strata in force; what is visible by that date is counted; the rules are judged in the order
written; and what they do is seen by the rules after them and by those who arrive later. Plain
loops; nothing is shared with the simulator. A participant's course, what is seen of the
endpoints that `one_trial` knows, and the beta-binomial questions are `one_trial`'s.

Latents: those of `one_trial`, and ``allocation`` (response-adaptive randomisation) and
``rate:ENDPOINT:k``, the uniform of the k-th gap between events, k from 0. Latents that nothing
asks for are not looked up. A list of blocks, or of gaps, that is too short is an error.

Posterior questions of another model than the beta-binomial are put to ``ask(endpoint, question,
data, open_strata)``: ``question`` is the rule's table with the target's ``arm`` (never "each")
and, where the rule has one, ``stratum`` (a name or "open"); ``data`` holds one of

``counts``
    ``[arm][stratum]`` = (successes or events, totals) of a binary endpoint; without strata the
    one stratum is None;
``times``
    rows (arm, stratum, months, event) of a time endpoint: those randomised, or, for a time to
    relapse, those seen in remission, by the look;
``rates``
    ``[arm]`` = (events, patient-years).

Assumed where the contract and its semantics are silent or could be read two ways, over what
`one_trial` says of ties, courses and endpoints

*Targets and ends*

- Every target of a rule is asked in the state before the rule acts for any of them.
- ``stop_for_safety`` and ``declare_futility`` with ``arm`` or ``stratum`` = "each" end the trial
  as soon as one target holds.
- A rule after the one that ended the trial is still judged and recorded, but does nothing.
- Whether everything is resolved is looked at after each rule, so the rule that resolves the last
  arm or stratum ends the trial, before the rules after it.
- A success rule that names a stratum, with one experimental arm, is a success of the trial ("a
  success rule without each"). `arm_success` of an arm is also true when the success was of a
  stratum or of the trial and the question was about that arm.
- Strata as targets of success, with several experimental arms, are not covered.
- ``stratum = "open"`` is not asked when no stratum is open; ``best = true`` is among the
  experimental arms open when the rule is judged.
- Rules about the control are always asked.
- A rule with ``from`` is asked of a target when, for each of its questions, so many of the arm (and
  stratum) that it names are in the analysis of its endpoint: of an adverse event the infused whose
  window has passed.

*Looks*

- Looks by events: death censors (unless the endpoint names it), as dropout does. Of a rule that
  names "final" and also the number of the look that cannot be reached, the number's threshold
  holds. It is out of reach when all max_n, enrolled as things stand, do not make it.
- After ``stop_enrolment`` the last look of a time endpoint is held when everybody has passed the
  horizon, also where it was planned by events; without a horizon there is no such date.
- A number, of whatever is counted in whomever, is reached on the first date on which so many
  count, and of those the minimum in every arm that is open then (the control always is). Out of
  reach it is when all max_n do not make it; the date of that is when the last of them has left
  follow-up (`events`), has passed the month (`observed`) or is in (`enrolled`), whatever stratum.
- With months beside numbers such a look is not the last: the month decides, no sooner than that.
- No look is dated before the one that precedes it.
- With a fixed control share nothing but the experimental shares is raised to the minimum; a
  minimum that cannot be kept is an error.
- Shares are renewed also at a look that ends the trial, as long as an experimental arm is open.
- Between looks they are not: what an arm had that closes there goes to the open ones in proportion,
  but for a fixed share of the control.

*Checks between looks (`every`)*

- Every infusion counts, of whatever arm, from the first of the trial on; checks go on while
  everybody is followed after ``stop_enrolment``. Shares are not renewed there. The threshold of a
  list is that of the next look at which the rule is judged (else its last).
- Whatever the rule does between looks, if it is not a stop, it does at that date.

*Event rates*: followed until dropout, death, ``horizon`` if there is one, or the look. Once the
pipeline is followed up: until everybody has passed the primary endpoint. The own arm's rate holds
for who is never infused and under ``same_as``.

*Reversal* judges each success again with the strata that were open when it was declared.

*Predictive* probabilities take the planned number of an arm as it stood at the start, whatever
was dropped or shifted since; not with strata.

Not covered (``NotImplementedError``): predictive probabilities of other models; response-adaptive
randomisation on another primary than a beta-binomial one; looks by events of another primary than
a time to event or to relapse.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from scipy import integrate, special

from twin import accrual, alpha, conditions, one_trial, posterior, utility
from twin.one_trial import NEVER, REASONS, Person, Table, by

Ask = Callable[[str, Table, Table, list[str]], float]
BINARY = ("landmark", "adverse_event")
TIMES = ("time_to_event", "time_to_relapse")


@dataclass
class Trial:
    """Where a trial stands: who is in, what is open, and what has been decided so far."""

    raw: Table
    scenario: str
    latents: Table
    product_infusion: Table | None
    ask: Ask | None
    operational: list[float]  # of every participant to come, in expected numbers of arrivals
    people: list[Person] = field(default_factory=list)  # randomised, in order of arrival
    slots: dict[Any, int] = field(default_factory=dict)  # next place in a list, by stratum
    arm_success: dict[str, int | None] = field(default_factory=dict)  # look
    arm_dropped: dict[str, int | None] = field(default_factory=dict)
    closed_on: dict[str, float] = field(default_factory=dict)  # date of either, by arm
    stratum_success: dict[str, int | None] = field(default_factory=dict)
    stratum_closed: dict[str, int | None] = field(default_factory=dict)
    successes: list[Table] = field(default_factory=list)
    shares: dict[str, float] | None = None  # response-adaptive, once there are any
    shares_since: float = 0.0  # date of the look that set them
    today: float = 0.0  # date at which rules are judged
    enrolment_stopped: bool = False
    clock: float = -NEVER  # date of the last look or check
    look: int = 1  # number of the next look
    held: list[Table] = field(default_factory=list)
    between: list[Table] = field(default_factory=list)
    ended: Table | None = None
    held_of: dict[str, set[tuple[str, str | None]]] = field(default_factory=dict)  # by rule
    claimed: dict[str, list[Table]] = field(default_factory=dict)
    courses: dict[tuple[int, float, str, str | None], Person] = field(default_factory=dict)

    @property
    def arms(self) -> list[str]:
        """All arms, control first."""
        return one_trial.arms_of(self.raw)

    @property
    def open_arms(self) -> list[str]:
        """Experimental arms neither dropped nor successful."""
        return [
            arm
            for arm in self.arms[1:]
            if self.arm_success[arm] is None and self.arm_dropped[arm] is None
        ]

    @property
    def compared(self) -> list[str]:
        """Of these, those that have entered before today: among them the best is sought."""
        return [arm for arm in self.open_arms if not by(self.today, entry_of(self, arm))]

    @property
    def open_strata(self) -> list[str]:
        """Strata neither closed nor successful."""
        return [
            stratum
            for stratum in self.raw.get("strata", {})
            if self.stratum_success[stratum] is None and self.stratum_closed[stratum] is None
        ]

    @property
    def last_look(self) -> int:
        """Number of the last planned look."""
        return len(planned_looks(self.raw))

    @property
    def primary(self) -> str:
        """Name of the primary endpoint."""
        return one_trial.primary_of(self.raw)


def opened(
    raw: Table, scenario: str, latents: Table, product_infusion: Table | None, ask: Ask | None
) -> Trial:
    """A trial on the day it opens."""
    raw = accrual.in_scenario(raw, scenario)
    trial = Trial(
        raw, scenario, latents, product_infusion, ask,
        second_part_later(raw, operational_times(raw, latents)),
    )  # fmt: skip
    trial.slots = dict.fromkeys(raw.get("strata") or [None], 0)
    trial.arm_success = dict.fromkeys(trial.arms[1:])
    trial.arm_dropped = dict.fromkeys(trial.arms[1:])
    trial.stratum_success = dict.fromkeys(raw.get("strata", {}))
    trial.stratum_closed = dict.fromkeys(raw.get("strata", {}))
    return trial


def planned_looks(raw: Table) -> list[tuple[str, float]]:
    """Every planned look as (what it waits for, how much of it); the last of them is last."""
    looks = []
    for kind in ("observed", "enrolled", "events", "months"):
        written = raw["looks"].get(kind, [])
        numbers = written["numbers"] if isinstance(written, dict) else written
        if kind == "months" and "whichever" in raw["looks"]:
            continue  # they stand beside the numbers
        looks += [(kind, number) for number in numbers]
    if raw["looks"].get("final") == "all_observed":
        looks.append(("all_observed", raw["enrolment"]["max_n"]))
    return looks


# --- Arrivals ---------------------------------------------------------------------------------


def operational_times(raw: Table, latents: Table) -> list[float]:
    """Times of arrival on the scale on which one participant is expected a unit."""
    times = []
    time = 0.0
    for participant in range(raw["enrolment"]["max_n"]):
        if raw["enrolment"].get("arrivals", "poisson") == "regular":
            time = participant + 1.0
        else:
            time += -math.log1p(-latents["arrival"][participant])
        times.append(time)
    return times


def second_part_later(raw: Table, times: list[float]) -> list[float]:
    """The same, where those of a second part wait for the first look, and for the pause after it.

    That look is held when the last of the first part has reached the month of the primary.
    """
    if "first_part" not in raw:
        return times
    number = raw["first_part"]["participants"]
    waits = raw["endpoints"][one_trial.primary_of(raw)]["month"]
    look = month_of(raw, times[number - 1]) + waits
    opens = expected_by(raw, look + raw["first_part"].get("pause", 0.0))
    return times[:number] + [opens + time - times[number - 1] for time in times[number:]]


def expected_by(raw: Table, month: float) -> float:
    """Number of arrivals expected by a month, while every stratum is open."""
    if not accrual.is_plain(raw["enrolment"]):
        return accrual.expected_by(raw["enrolment"], month, one_trial.quantile)
    intensity = raw["enrolment"]["per_month"]
    if not isinstance(intensity, dict):
        return month * float(intensity)
    ramp, plateau = float(intensity["ramp_months"]), float(intensity["plateau"])
    if month <= ramp:
        return plateau * month * month / (2.0 * ramp)
    return plateau * ramp / 2.0 + plateau * (month - ramp)


def month_of(raw: Table, operational: float) -> float:
    """Month by which so many arrivals are expected: the inverse of `expected_by`."""
    if not accrual.is_plain(raw["enrolment"]):
        return accrual.month_of(raw["enrolment"], operational, one_trial.quantile)
    intensity = raw["enrolment"]["per_month"]
    if not isinstance(intensity, dict):
        return operational / float(intensity)
    ramp, plateau = float(intensity["ramp_months"]), float(intensity["plateau"])
    during_ramp = plateau * ramp / 2.0
    if operational <= during_ramp:
        return math.sqrt(2.0 * operational * ramp / plateau)
    return ramp + (operational - during_ramp) / plateau


def open_share(trial: Trial, open_strata: Sequence[str]) -> float:
    """Share of enrolment that comes from these strata."""
    strata = trial.raw["strata"]
    return float(sum(strata[name] for name in open_strata) / sum(strata.values()))


def slow_down(trial: Trial, date: float, before: Sequence[str], after: Sequence[str]) -> None:
    """Put off the arrivals after a date at which strata closed, theirs being lost."""
    ratio = open_share(trial, after) / open_share(trial, before)
    now = expected_by(trial.raw, date)
    for participant in range(len(trial.people), len(trial.operational)):
        trial.operational[participant] = now + (trial.operational[participant] - now) / ratio


def stratum_of(trial: Trial, participant: int) -> str | None:
    """Stratum of an arrival: its own, or, that being closed, one of those still open."""
    strata = trial.raw.get("strata")
    if not strata:
        return None
    u = trial.latents["stratum"][participant]
    start, own, own_start = 0.0, "", 0.0
    for name, share in strata.items():
        own, own_start = name, start
        start += share
        if u < start:
            break
    open_strata = trial.open_strata
    if own in open_strata:
        return own
    position = (u - own_start) / strata[own]
    total = sum(strata[name] for name in open_strata)
    cumulative = 0.0
    for name in open_strata:
        cumulative += strata[name] / total
        if position < cumulative:
            return name
    return open_strata[-1]


# --- Randomisation ----------------------------------------------------------------------------


def is_adaptive(raw: Table) -> bool:
    """Whether the shares follow the responses."""
    return bool(raw.get("randomisation", {}).get("method") == "response_adaptive")


def shares_in_force(trial: Trial) -> dict[str, float] | None:
    """Share of every arm for those who arrive now; nothing of an arm that is not open."""
    if not trial.open_arms:
        return None
    enrolling = [trial.arms[0], *trial.open_arms]
    ratio: dict[str, float] = dict.fromkeys(trial.arms, 1.0)
    if not is_adaptive(trial.raw):
        allocation = one_trial.allocation_of(trial.raw)
        ratio = {arm: float(share) for arm, share in zip(trial.arms, allocation, strict=True)}
    elif trial.shares is not None:
        ratio = trial.shares
        if all(ratio[arm] == 0.0 or arm in enrolling for arm in trial.arms):
            return dict(ratio)
    control = trial.raw.get("randomisation", {}).get("control", "match_largest")
    if is_adaptive(trial.raw) and trial.shares is not None and control != "match_largest":
        sharing, whole = trial.open_arms, 1.0 - float(control)
    else:
        sharing, whole = enrolling, 1.0
    total = sum(ratio[arm] for arm in sharing)
    shares = {arm: whole * ratio[arm] / total if arm in sharing else 0.0 for arm in trial.arms}
    if sharing is not enrolling:
        shares[trial.arms[0]] = float(control)
    return shares


def arm_of(trial: Trial, participant: int, stratum: str | None, slots: dict[Any, int]) -> str:
    """Arm of an arrival; takes the place in the list of the stratum, where there is a list."""
    enrolling = [trial.arms[0], *trial.open_arms]
    if is_adaptive(trial.raw):
        shares = shares_in_force(trial)
        if enters_or_leaves(trial.raw):
            month = month_of(trial.raw, trial.operational[participant])
            shares = shares_at(trial, lambda moment: not by(month, moment))
            enrolling = [arm for arm in trial.arms if shares[arm] > 0.0]
        assert shares is not None
        u = trial.latents["allocation"][participant]
        cumulative = 0.0
        for arm in enrolling:
            cumulative += shares[arm]
            if u < cumulative:
                return arm
        return enrolling[-1]
    if participant < trial.raw.get("first_part", {}).get("participants", 0):
        return arm_in_first_part(trial, stratum, slots)
    if enters_or_leaves(trial.raw):
        return arm_by_period(trial, participant, stratum, slots)
    places = one_trial.block_of(trial.raw)
    orders = one_trial.arrangements(tuple(places))
    number = 0 if stratum is None else list(trial.raw["strata"]).index(stratum)
    while True:
        block, place = divmod(slots[stratum], sum(places))
        u = trial.latents["assignment"][number][block]
        arm = trial.arms[orders[math.floor(u * len(orders))][place]]
        slots[stratum] += 1
        if arm in enrolling:
            return arm


def enrolling_after(trial: Trial, moment: float) -> list[str]:
    """Arms that enrol whoever comes next after a moment."""
    return [
        arm
        for arm in trial.arms
        if by(entry_of(trial, arm), moment) and not by(stop_of(trial, arm), moment)
    ]


def shares_at(trial: Trial, has_come: Callable[[float], bool]) -> dict[str, float]:
    """Shares where arms enter and leave, after all changes whose moment has come."""
    moments = {entry_of(trial, arm) for arm in trial.arms}
    moments |= {stop_of(trial, arm) for arm in trial.arms}
    shares, before = trial.shares, enrolling_after(trial, trial.shares_since)
    for moment in sorted(m for m in moments if m < NEVER and not by(m, trial.shares_since)):
        if not has_come(moment):
            break
        now = enrolling_after(trial, moment)
        if shares is not None and now != before:
            shares = changed_shares(trial, shares, before, now)
        before = now
    if shares is None:  # nothing has been learned yet
        shares = {arm: 1.0 / len(before) for arm in before}
    return {arm: shares.get(arm, 0.0) for arm in trial.arms}


def changed_shares(
    trial: Trial, shares: dict[str, float], before: Sequence[str], now: Sequence[str]
) -> dict[str, float]:
    """Shares when arms enter or stop: who enters has one part in all, the others make room."""
    randomisation, control = trial.raw["randomisation"], trial.arms[0]
    rule = randomisation.get("control", "match_largest")
    matched = rule == "match_largest"
    whole = 1.0 if matched else 1.0 - float(rule)
    sharing = [arm for arm in now if matched or arm != control]
    if not sharing:
        return {control: 1.0}
    new = [arm for arm in sharing if arm not in before]
    old = [arm for arm in sharing if arm in before]
    part = whole / len(sharing)
    found = dict.fromkeys(new, part)
    had = sum(shares[arm] for arm in old)
    for arm in old:
        own = shares[arm] / had if had > 0.0 else 1.0 / len(old)
        found[arm] = (whole - part * len(new)) * own
    found = none_below(found, float(randomisation.get("minimum", 0.0)), whole)
    return found if matched else {control: float(rule), **found}


def arm_in_first_part(trial: Trial, stratum: str | None, slots: dict[Any, int]) -> str:
    """Arm of an arrival in the first part: the next place of its own list."""
    there = trial.arms if trial.raw["first_part"].get("control") else trial.arms[1:]
    own = {**trial.raw, "arms": {arm: trial.raw["arms"][arm] for arm in there}}
    places = one_trial.block_of(own)
    orders = one_trial.arrangements(tuple(places))
    number = 0 if stratum is None else list(trial.raw["strata"]).index(stratum)
    while True:
        taken = slots.setdefault(("first", stratum), 0)
        block, place = divmod(taken, sum(places))
        u = trial.latents["first"][number][block]
        slots["first", stratum] = taken + 1
        arm = there[orders[math.floor(u * len(orders))][place]]
        if arm in [trial.arms[0], *trial.open_arms]:
            return arm


def counted(trial: Trial, name: str, people: Sequence[Person]) -> list[Person]:
    """Those who are analysed for an endpoint: of an arm that goes on, perhaps the second part."""
    part = trial.raw.get("first_part")
    if part is None:
        return list(people)
    counts = part.get("counts", False)
    if counts if isinstance(counts, bool) else name in counts:
        return list(people)
    second = [p for p in trial.people if p["participant"] >= part["participants"]]
    goes_on = {person["arm"] for person in second}
    return [p for p in people if p in second or p["arm"] not in goes_on]


def enters_or_leaves(raw: Table) -> bool:
    """Whether any arm enters or leaves in the course of the trial."""
    return any({"enters", "leaves"} & set(arm) for arm in raw["arms"].values())


def entry_of(trial: Trial, arm: str) -> float:
    """Month after which an arm enrols; infinite as long as it waits for another."""
    moment = trial.raw["arms"][arm].get("enters", 0.0)
    return stop_of(trial, moment["after"]) if isinstance(moment, dict) else float(moment)


def planned_stop(trial: Trial, arm: str) -> float:
    """Month until which an arm enrols if no decision closes it."""
    moment = trial.raw["arms"][arm].get("leaves", NEVER)
    return stop_of(trial, moment["after"]) if isinstance(moment, dict) else float(moment)


def stop_of(trial: Trial, arm: str) -> float:
    """Month until which an arm enrols, for whatever reason it stops then."""
    stop = min(planned_stop(trial, arm), trial.closed_on.get(arm, NEVER))
    return max(stop, entry_of(trial, arm))


def list_starts(trial: Trial) -> list[float]:
    """Months at which new lists begin: an arm enters, or leaves by plan."""
    months = [entry_of(trial, arm) for arm in trial.arms]
    for arm in trial.arms[1:]:
        if stop_of(trial, arm) < trial.closed_on.get(arm, NEVER):
            months.append(stop_of(trial, arm))
    starts: list[float] = []
    for month in sorted(month for month in months if 0.0 < month < NEVER):
        if not starts or not by(month, starts[-1]):
            starts.append(month)
    return starts


def months_that_may_close(trial: Trial, arm: str) -> list[float]:
    """Planned months of the looks, but the last, at which a rule may close an arm."""
    raw, looks = trial.raw, set()
    for rule in raw["rules"]:
        asked = {question_of(trial, one)["arm"] for one in conditions.comparisons(rule)}
        if rule["then"] in ("drop_arm", "declare_success") and asked & {arm, "each"}:
            looks |= set(one_trial.judged_at(rule, trial.last_look))
    planned = planned_looks(raw)
    waits = raw["endpoints"][trial.primary]["month"]
    return [
        number if kind == "months" else month_of(raw, number) + waits * (kind == "observed")
        for kind, number in (planned[look - 1] for look in sorted(looks - {trial.last_look}))
    ]


def expected_in_arms(trial: Trial, date: float) -> dict[str, int]:
    """How many each arm will have once everybody is in, if from a date on no rule acts any more.

    Those to come arrive when they are expected, and divide by allocation among the arms open then.
    An arm that others wait for stops at the middle one of the looks to come that may close it.
    """
    raw, arms = trial.raw, trial.raw["arms"]
    shut = {arm: date for arm in trial.arms[1:] if arm not in trial.open_arms} | trial.closed_on
    waited = {
        moment["after"]
        for arm in arms.values()
        for moment in (arm.get("enters"), arm.get("leaves"))
        if isinstance(moment, dict)
    }

    def entry(arm: str) -> float:
        moment = arms[arm].get("enters", 0.0)
        return stop(moment["after"]) if isinstance(moment, dict) else float(moment)

    def stop(arm: str) -> float:
        moment = arms[arm].get("leaves", NEVER)
        plan = stop(moment["after"]) if isinstance(moment, dict) else float(moment)
        end = max(min(plan, shut.get(arm, NEVER)), entry(arm))
        if end < NEVER or arm not in waited or entry(arm) == NEVER:
            return end
        since = max(entry(arm), date)
        months = [month for month in months_that_may_close(trial, arm) if not by(month, since)]
        return months[len(months) // 2] if months else NEVER

    rest = raw["enrolment"]["max_n"] - len(trial.people)
    moments = {entry(arm) for arm in trial.arms} | {stop(arm) for arm in trial.arms}
    bounds = [date, *sorted(m for m in moments if not by(m, date)), NEVER]
    quotas, come = dict.fromkeys(trial.arms, 0.0), 0.0
    for begins, ends in itertools.pairwise(bounds):
        by_then = float(rest)
        if ends < NEVER:
            by_then = min(expected_by(raw, ends) - expected_by(raw, date), by_then)
        there = [a for a in trial.arms if by(entry(a), begins) and not by(stop(a), begins)]
        total = sum(arms[arm].get("allocation", 1) for arm in there)
        for arm in there:
            quotas[arm] += (by_then - come) * arms[arm].get("allocation", 1) / total
        come = by_then
    whole = {arm: math.floor(quota + 1e-9) for arm, quota in quotas.items()}
    first = sorted(trial.arms, key=lambda arm: round(whole[arm] - quotas[arm], 9))
    for arm in first[: rest - sum(whole.values())]:
        whole[arm] += 1
    return {arm: whole[arm] + len(in_arm(trial.people, arm)) for arm in trial.arms}


def arm_by_period(
    trial: Trial, participant: int, stratum: str | None, slots: dict[Any, int]
) -> str:
    """Arm of an arrival where arms enter and leave: the next place of the list in force."""
    month = month_of(trial.raw, trial.operational[participant])
    starts = [start for start in list_starts(trial) if not by(month, start)]
    begins = starts[-1] if starts else 0.0
    held = [
        arm
        for arm in trial.arms
        if by(entry_of(trial, arm), begins) and not by(stop_of(trial, arm), begins)
    ]
    own = {**trial.raw, "arms": {arm: trial.raw["arms"][arm] for arm in held}}
    places = one_trial.block_of(own)
    orders = one_trial.arrangements(tuple(places))
    number = 0 if stratum is None else list(trial.raw["strata"]).index(stratum)
    while True:
        taken = slots.setdefault((len(starts), stratum), 0)
        block, place = divmod(taken, sum(places))
        u = trial.latents["lists"][len(starts)][number][block]
        arm = held[orders[math.floor(u * len(orders))][place]]
        slots[len(starts), stratum] = taken + 1
        if arm in [trial.arms[0], *trial.open_arms]:
            return arm


def randomised(trial: Trial, participant: int, slots: dict[Any, int]) -> Person:
    """A participant, randomised as things stand, with all that will happen to him or her."""
    stratum = stratum_of(trial, participant)
    arm = arm_of(trial, participant, stratum, slots)
    month = month_of(trial.raw, trial.operational[participant])
    key = (participant, month, arm, stratum)
    if key not in trial.courses:
        truth = one_trial.of_part(
            one_trial.truth_of(trial.raw, trial.scenario),
            month,
            lambda purpose: float(trial.latents[purpose][participant]),
        )
        endpoints = trial.raw["endpoints"]
        others = {name: e for name, e in endpoints.items() if e["type"] != "event_rate"}
        course = one_trial.run_course(
            {**trial.raw, "endpoints": others},
            truth,
            arm,
            stratum,
            lambda purpose: float(trial.latents[purpose][participant]),
            trial.product_infusion,
            month,
        )
        course["per_year"] = {
            name: yearly_rate(truth, name, arm, stratum, month)
            for name, endpoint in endpoints.items()
            if endpoint["type"] == "event_rate"
        }
        trial.courses[key] = course
    return {"participant": participant, "randomised_month": month, **trial.courses[key]}


def prospect(trial: Trial) -> list[Person]:
    """Everybody who is in, and everybody who would come in if nothing changed any more."""
    people = list(trial.people)
    if trial.enrolment_stopped:
        return people
    slots = dict(trial.slots)
    for participant in range(len(people), trial.raw["enrolment"]["max_n"]):
        people.append(randomised(trial, participant, slots))
    return people


def enrol_until(trial: Trial, date: float) -> None:
    """Randomise those who arrive by a date."""
    if trial.enrolment_stopped:
        return
    for participant in range(len(trial.people), trial.raw["enrolment"]["max_n"]):
        if not by(month_of(trial.raw, trial.operational[participant]), date):
            return
        trial.people.append(randomised(trial, participant, trial.slots))


@cache
def probability_best(mixtures: tuple[posterior.Mixture, ...], number: int) -> float:
    """P(the response probability of one arm is the largest of several), by quad.

    The integral of its density times the product of the others' distribution functions, over the
    logit, piece by piece: smooth there, also where a parameter is below 1.
    """
    if len(mixtures) == 1:
        return 1.0
    own = mixtures[number]
    others = [mixture for other, mixture in enumerate(mixtures) if other != number]

    def integrand(logit: float) -> float:
        log_p, log_q = float(special.log_expit(logit)), float(special.log_expit(-logit))
        p, q = math.exp(log_p), math.exp(log_q)
        value = sum(
            weight * math.exp(a * log_p + b * log_q - float(special.betaln(a, b)))
            for weight, a, b in own
        )
        for mixture in others:
            below = 0.0
            for weight, a, b in mixture:
                # From the smaller of p and 1 - p, which is the one known to full precision.
                if p < 0.5:
                    below += weight * float(special.betainc(a, b, p))
                else:
                    below += weight * (1.0 - float(special.betainc(b, a, q)))
            value *= below
        return value

    low = -posterior.DEPTH / min(a for _, a, _ in own)
    high = posterior.DEPTH / min(b for _, _, b in own)
    edges = np.linspace(low, high, 1 + math.ceil((high - low) / 4.0))
    return math.fsum(
        integrate.quad(integrand, left, right, epsabs=1e-14, epsrel=1e-12)[0]
        for left, right in itertools.pairwise(edges)
    )


def adaptive_shares(best: dict[str, float], control: str, randomisation: Table) -> dict[str, float]:
    """Shares of the control and of the open arms from each one's probability of being the best."""
    power = float(randomisation.get("power", 1.0))
    minimum = float(randomisation.get("minimum", 0.0))
    weights = {arm: probability**power for arm, probability in best.items()}
    rule = randomisation.get("control", "match_largest")
    if rule == "match_largest":
        whole = 1.0
        weights = {control: max(weights.values()), **weights}
        fixed = {}
    else:
        whole = 1.0 - float(rule)
        fixed = {control: float(rule)}
    total = sum(weights.values())
    shares = {arm: whole * weight / total for arm, weight in weights.items()}
    return {**fixed, **none_below(shares, minimum, whole)}


def none_below(shares: dict[str, float], minimum: float, whole: float) -> dict[str, float]:
    """Shares of which those below the minimum are raised to it, and the others scaled down."""
    shares = dict(shares)
    raised: set[str] = set()
    while True:
        low = {arm for arm in shares if arm not in raised and shares[arm] < minimum}
        if not low:
            break
        raised |= low
        room = whole - minimum * len(raised)
        rest = sum(share for arm, share in shares.items() if arm not in raised)
        if room < -1e-12 or (rest == 0.0 and room > 1e-12):
            raise ValueError(f"{len(shares)} arms cannot have {minimum} each")
        for arm in shares:
            shares[arm] = minimum if arm in raised else shares[arm] * room / rest
    return shares


def renew_shares(trial: Trial, date: float) -> None:
    """Shares by what is known of the open arms at a look.

    Where arms enter and leave, of those that had entered before it and enrol after it; one that
    enters at its very date begins as any that enters.
    """
    counts = one_trial.binary_counts(trial.raw, trial.primary, trial.people, date)
    now = enrolling_after(trial, date)
    compared = [arm for arm in trial.compared if arm in now]
    mixtures = tuple(
        posterior.updated(one_trial.prior_of(trial.raw, trial.primary, arm), *counts[arm])
        for arm in compared
    )
    best = {arm: probability_best(mixtures, number) for number, arm in enumerate(compared)}
    shares = {trial.arms[0]: 1.0}
    if compared:
        shares = adaptive_shares(best, trial.arms[0], trial.raw["randomisation"])
    there = [trial.arms[0], *compared]
    if now != there:
        shares = changed_shares(trial, shares, there, now)
    trial.shares = {arm: shares.get(arm, 0.0) for arm in trial.arms}
    trial.shares_since = date


# --- What is seen -----------------------------------------------------------------------------


def yearly_rate(truth: Table, name: str, arm: str, stratum: str | None, month: float) -> float:
    """True events per patient-year: stated by endpoint, or among the arm's `rates`.

    What is stated drifts on its logarithm with the month of randomisation.
    """
    if name in truth:
        rate = truth[name][arm]
        drift = math.exp(one_trial.drift_of(truth, name, arm, month))
        return float(rate[stratum] if isinstance(rate, dict) else rate) * drift
    return float(one_trial.parameters(truth, arm, stratum).get("rates", {}).get(name, 0.0))


def followed_for_rate(endpoint: Table, person: Person, date: float) -> float:
    """Months under follow-up for an event rate."""
    return float(
        min(
            person["dropout_month"],
            person["death_month"],
            endpoint.get("horizon", NEVER),
            date - person["randomised_month"],
        )
    )


def events_within(trial: Trial, name: str, person: Person, months: float) -> int:
    """Number of events of a rate in so many months from randomisation."""
    if person["per_year"][name] == 0.0:
        return 0
    month = 0.0
    for gap in itertools.count():
        u = trial.latents[f"rate:{name}:{gap}"][person["participant"]]
        month += -math.log1p(-u) * 12.0 / person["per_year"][name]
        if month > months:
            return gap
    raise AssertionError


def time_rows(
    name: str, endpoint: Table, people: Sequence[Person], date: float
) -> list[tuple[str, str | None, float, bool]]:
    """Arm, stratum, months and whether the event was seen, of those included by a date.

    Dates are compared with dates: the event that makes a look due is seen at it, though the
    look's date less the date of randomisation may be a last bit short of the event's month.
    """
    rows = []
    for person in people:
        start, event, end = time_course(name, endpoint, person)
        if start == NEVER or not by(person["randomised_month"] + start, date):
            continue
        seen = by(event, end) and by(person["randomised_month"] + event, date)
        until = min(event, end) if seen else min(end, date - person["randomised_month"])
        rows.append((person["arm"], person["stratum"], max(0.0, until - start), bool(seen)))
    return rows


def time_course(name: str, endpoint: Table, person: Person) -> tuple[float, float, float]:
    """Months at which the clock starts, the event comes and follow-up ends; infinite = never."""
    gone = min(person["dropout_month"], person["death_month"])
    if endpoint["type"] == "time_to_event":
        start, event = one_trial.begins_and_ends(name, endpoint, person)
    elif endpoint["type"] == "time_to_relapse":
        start, event = (one_trial.remissions(person) or [(NEVER, NEVER)])[0]
        if start > gone:
            start = NEVER  # a remission that nobody saw
    else:
        raise NotImplementedError(f"times of a {endpoint['type']}")
    return start, event, min(gone, start + endpoint.get("horizon", NEVER))


def see(trial: Trial, name: str, people: Sequence[Person], date: float) -> Table:
    """What is visible of an endpoint, in these participants, by a date since opening."""
    endpoint = trial.raw["endpoints"][name]
    people = counted(trial, name, people)
    if endpoint["type"] in TIMES:
        rows = time_rows(name, endpoint, people, date)
        events = sum(event for _, _, _, event in rows)
        at_risk = sum(months for _, _, months, _ in rows)
        if endpoint["type"] == "time_to_event":
            return {"totals": len(rows), "events": events, "months_at_risk": at_risk}
        return {"remitters": len(rows), "relapses": events, "months_at_risk": at_risk}
    if endpoint["type"] != "event_rate":
        return one_trial.see(name, endpoint, people, date)
    seen = {"totals": 0, "events": 0, "years": 0.0}
    for person in people:
        months = followed_for_rate(endpoint, person, date)
        if not by(0.0, months):
            continue
        seen["totals"] += 1
        seen["events"] += events_within(trial, name, person, months)
        seen["years"] += months / 12.0
    return seen


def pair(seen: Table, kind: str) -> tuple[Any, Any] | None:
    """The two numbers that say what was seen: how many, and among how many or how much."""
    if kind == "landmark":
        return seen["successes"], seen["totals"]
    if kind in ("adverse_event", "time_to_event"):
        return seen["events"], seen["totals"]
    if kind == "time_to_relapse":
        return seen["relapses"], seen["remitters"]
    if kind == "event_rate":
        return seen["events"], seen["years"]
    return None


def number_included(seen: Table) -> int:
    """Participants behind what was seen."""
    return int(seen["remitters"] if "remitters" in seen else seen["totals"])


def in_arm(people: Sequence[Person], arm: str) -> list[Person]:
    """Those of an arm."""
    return [person for person in people if person["arm"] == arm]


def in_stratum(people: Sequence[Person], stratum: str | None) -> list[Person]:
    """Those of a stratum."""
    return [person for person in people if person["stratum"] == stratum]


# --- When -------------------------------------------------------------------------------------


def event_and_end(name: str, endpoint: Table, person: Person) -> tuple[float, float]:
    """Date of the event, if it will be seen, and of the end of follow-up; infinite = never."""
    start, event, end = time_course(name, endpoint, person)
    if start == NEVER:
        return NEVER, NEVER
    opened_at = person["randomised_month"]
    return (opened_at + event if by(event, end) else NEVER), opened_at + min(event, end)


def all_followed(trial: Trial, name: str, people: Sequence[Person]) -> float:
    """Date at which the endpoint is known of everybody, or nobody is left under follow-up."""
    endpoint = trial.raw["endpoints"][name]
    dates = []
    for person in people:
        if endpoint["type"] in TIMES:
            dates.append(event_and_end(name, endpoint, person)[1])
        elif endpoint["type"] == "adverse_event":
            start = person["infused_month"] if person["infused_arm"] else 0.0
            dates.append(person["randomised_month"] + start + endpoint["within_months"])
        else:
            wait = endpoint["month"] if endpoint["type"] == "landmark" else endpoint["horizon"]
            dates.append(person["randomised_month"] + wait)
    finite = [date for date in dates if date < NEVER]
    return max(finite) if finite else 0.0


def next_look(trial: Trial) -> tuple[float, bool]:
    """Date of the next look, and whether it is the last because its number is out of reach."""
    primary = trial.raw["endpoints"][trial.primary]
    kind, number = planned_looks(trial.raw)[trial.look - 1]
    people = prospect(trial)
    unreachable = False
    if trial.enrolment_stopped and primary["type"] == "time_to_event":
        date = people[-1]["randomised_month"] + primary["horizon"]
    elif trial.enrolment_stopped or kind == "all_observed":
        date = all_followed(trial, trial.primary, people)
    elif kind == "months":
        date = float(number)
    else:
        reached = date_reached(trial, kind, int(number), people)
        unreachable = reached == NEVER
        date = max(counts_on(trial, kind, person)[1] for person in people)
        date = date if unreachable else reached
        if "whichever" in trial.raw["looks"]:
            month = trial.raw["looks"]["months"][trial.look - 1]
            if trial.raw["looks"]["whichever"] == "later":
                # out of reach, the month decides, but not before that is known
                date = max(date, month)
            else:
                date = min(reached, month)
            unreachable = False
    return max(date, trial.clock), unreachable


def counts_on(trial: Trial, kind: str, person: Person) -> tuple[float, float]:
    """Dates on which a participant counts for the looks (infinite = never), or no more can."""
    written = trial.raw["looks"][kind]
    table = written if isinstance(written, dict) else {}
    date = over = person["randomised_month"]
    if kind == "observed":
        date = over = date + trial.raw["endpoints"][trial.primary]["month"]
    if kind == "events":
        name = table.get("endpoint", trial.primary)
        date, over = event_and_end(name, trial.raw["endpoints"][name], person)
        over = over if over < NEVER else person["randomised_month"]
    if "stratum" in table and person["stratum"] != table["stratum"]:
        date = NEVER
    return date, over


def date_reached(trial: Trial, kind: str, number: int, people: Sequence[Person]) -> float:
    """First date on which so many count, and enough of them in each open arm; infinite = never."""
    least = trial.raw["looks"].get("minimum_in_each_arm", 0)
    dated = [(counts_on(trial, kind, person)[0], person["arm"]) for person in people]
    for date in sorted(one for one, _ in dated if one < NEVER):
        arms = [arm for one, arm in dated if one <= date]
        enough = all(arms.count(arm) >= least for arm in [trial.arms[0], *trial.open_arms])
        if len(arms) >= number and enough:
            return date
    return NEVER


def checks_of(rule: Table, people: Sequence[Person]) -> list[float]:
    """Dates of every n-th infusion of the trial, for a rule that is judged then."""
    if "every" not in rule:
        return []
    infusions = sorted(
        person["randomised_month"] + person["infused_month"]
        for person in people
        if person["infused_month"] < NEVER
    )
    return infusions[int(rule["every"]) - 1 :: int(rule["every"])]


def next_check(trial: Trial, look_date: float) -> float | None:
    """Date of the next check after the last look or check and before the next look, if any."""
    people = prospect(trial)
    dates = [
        date
        for rule in trial.raw.get("rules", [])
        for date in checks_of(rule, people)
        if not by(date, trial.clock) and not by(look_date, date)
    ]
    return min(dates) if dates else None


# --- The rules --------------------------------------------------------------------------------


def question_of(trial: Trial, rule: Table) -> Table:
    """The posterior question that a rule asks, or of which it asks how it will be answered.

    Of several questions the arm and the stratum that they are about.
    """
    several = conditions.comparisons(rule)
    if len(several) > 1:
        return conditions.about([question_of(trial, one) for one in several], trial.arms[0])
    if "predictive" in rule:
        named = one_trial.rule_named(trial.raw, rule["predictive"]["rule"])
        return dict(named["posterior"])
    return dict(rule["posterior"])


def targets(trial: Trial, rule: Table) -> list[tuple[str, str | None]]:
    """Arms and strata that a rule is asked about now, in order."""
    question = question_of(trial, rule)
    if question["arm"] == "each":
        arms = trial.open_arms
    elif question["arm"] in trial.arms[1:]:
        arms = [arm for arm in trial.open_arms if arm == question["arm"]]
    else:
        arms = [question["arm"]]
    strata: list[str | None] = []
    stratum = question.get("stratum")
    if stratum is None:
        strata = [None]
    elif stratum == "open":
        strata = ["open"] if trial.open_strata else []
    else:
        strata = [name for name in trial.open_strata if stratum in ("each", name)]
    return [(arm, stratum) for arm in arms for stratum in strata]


def visible(trial: Trial, name: str, people: Sequence[Person], date: float) -> Table:
    """What is put before a posterior of another model: counts, times or rates."""
    endpoint = trial.raw["endpoints"][name]
    if endpoint["type"] in BINARY:
        strata = list(trial.raw.get("strata", {})) or [None]
        return {
            "counts": {
                arm: {
                    stratum: pair(
                        see(trial, name, in_stratum(in_arm(people, arm), stratum), date),
                        endpoint["type"],
                    )
                    for stratum in strata
                }
                for arm in trial.arms
            }
        }
    if endpoint["type"] in TIMES:
        return {"times": time_rows(name, endpoint, people, date)}
    if endpoint["type"] == "event_rate":
        return {
            "rates": {
                arm: pair(see(trial, name, in_arm(people, arm), date), "event_rate")
                for arm in trial.arms
            }
        }
    raise NotImplementedError(f"a question about a {endpoint['type']}")


def model_of(raw: Table, name: str) -> str:
    """Analysis model of an endpoint; the beta-binomial for a binary one that names none."""
    default = "beta_binomial"
    if raw["endpoints"][name]["type"] not in BINARY:
        default = "another"
    return str(raw.get("analysis", {}).get(name, {}).get("model", default))


def probability(
    trial: Trial,
    rule: Table,
    target: tuple[str, str | None],
    date: float,
    open_arms: Sequence[str],
    open_strata: Sequence[str],
) -> float:
    """The probability that a rule of one question compares with its threshold, for one target."""
    question = conditions.named(question_of(trial, rule), *target)
    arm, stratum = question["arm"], question.get("stratum")
    if "utility" in question:
        return utility_probability(trial, question, date)
    name = question["endpoint"]

    if "predictive" in rule:
        # The same design with the named rule asking about this arm alone.
        rules = [
            other | {"posterior": question}
            if other["name"] == rule["predictive"]["rule"]
            else other
            for other in trial.raw["rules"]
        ]
        return one_trial.predictive_probability(
            {**trial.raw, "rules": rules}, rule, trial.people, date, trial.last_look,
            expected_in_arms(trial, date) if enters_or_leaves(trial.raw) else None,
        )  # fmt: skip

    if model_of(trial.raw, name) != "beta_binomial":
        if trial.ask is None:
            raise ValueError(f"nobody to ask about {name}")
        there = concurrent(trial, name, question, counted(trial, name, trial.people))
        data = visible(trial, name, there, date)
        if question.get("best"):
            question["among"] = list(open_arms)
        return float(trial.ask(name, question, data, list(open_strata)))

    people = counted(trial, name, trial.people)
    if stratum == "open":
        people = [person for person in people if person["stratum"] in open_strata]
    elif stratum is not None:
        people = in_stratum(people, stratum)
    told = trial.raw.get("analysis", {}).get(name, {}).get("time_trend", {})
    trend = told.get("model", "pooled")
    if trend in ("periods", "time_machine"):
        assert trial.ask is not None
        table = by_period(trial, name, date, told.get("period_months", NEVER))
        return float(trial.ask(name, question, table, list(open_strata)))
    people = concurrent(trial, name, question, people)
    counts = one_trial.binary_counts(trial.raw, name, people, date)
    if question.pop("expected_rank", False):
        others = [other for other in open_arms if other != arm]
        ahead = [
            one_trial.posterior_probability(
                trial.raw, question | {"minus": other, "above": 0.0}, counts
            )
            for other in others
        ]
        return math.fsum(ahead) / len(others) if others else 1.0
    if question.pop("best", False):
        mixtures = tuple(
            posterior.updated(one_trial.prior_of(trial.raw, name, other), *counts[other])
            for other in open_arms
        )
        return probability_best(mixtures, list(open_arms).index(arm))
    question.pop("stratum", None)
    return one_trial.posterior_probability(trial.raw, question, counts)


def concurrent(trial: Trial, name: str, question: Table, people: Sequence[Person]) -> list[Person]:
    """Those whom a comparison of two arms counts, where it counts concurrent participants alone."""
    told = trial.raw.get("analysis", {}).get(name, {}).get("time_trend", {})
    other = question.get("minus", question.get("hazard_ratio_to"))
    if told.get("model") != "concurrent" or other is None:
        return list(people)
    pair = (question["arm"], other)
    return [p for p in people if all(enrolled_in(trial, a, p) for a in pair)]


def enrolled_in(trial: Trial, arm: str, person: Person) -> bool:
    """Whether an arm was open when somebody was randomised."""
    month = person["randomised_month"]
    return not by(month, entry_of(trial, arm)) and by(month, stop_of(trial, arm))


def by_period(trial: Trial, name: str, date: float, every: float = NEVER) -> Table:
    """Counts of a binary endpoint by arm and period, and which arms were open in each period.

    A period ends when any arm enters or stops enrolling, for whatever reason, or with a calendar
    period of some months, whose number is told of each.
    """
    moments = [entry_of(trial, arm) for arm in trial.arms]
    moments += [stop_of(trial, arm) for arm in trial.arms]
    last, end = max(person["randomised_month"] for person in trial.people), every
    while end < last:
        moments.append(end)
        end += every
    bounds: list[float] = []
    for month in sorted(month for month in moments if 0.0 < month < NEVER):
        if not bounds or not by(month, bounds[-1]):
            bounds.append(month)
    cells, opened = [], []
    for begins, ends in zip([0.0, *bounds], [*bounds, NEVER], strict=True):
        there = [
            person
            for person in trial.people
            if by(person["randomised_month"], ends)
            and (begins == 0.0 or not by(person["randomised_month"], begins))
        ]
        cells.append(one_trial.binary_counts(trial.raw, name, there, date))
        opened.append(
            {
                arm: by(entry_of(trial, arm), begins) and by(ends, stop_of(trial, arm))
                for arm in trial.arms
            }
        )
    begins = [0.0, *bounds]
    calendar = [0 if every == NEVER else int((month + 1e-6) // every) for month in begins]
    return {"cells": cells, "open": opened, "calendar": calendar}


def utility_probability(trial: Trial, question: Table, date: float) -> float:
    """P(utility of the arm, less that of another, > above), of counts and rates over all strata."""
    raw, terms, most = trial.raw, [], 1.0
    for name, weight in raw["utility"][question["utility"]].items():
        for sign, arm in ((1.0, question["arm"]), (-1.0, question.get("minus"))):
            if arm is None:
                continue
            if raw["endpoints"][name]["type"] in BINARY:
                counts = one_trial.binary_counts(raw, name, trial.people, date)
                prior = one_trial.prior_of(raw, name, arm)
                below = utility.beta_mixture(list(posterior.updated(prior, *counts[arm])))
            else:
                prior = raw["analysis"][name]["prior"]
                seen = see(trial, name, in_arm(trial.people, arm), date)
                shape, rate = prior["a"] + seen["events"], prior["b"] + seen["years"]
                below = utility.gamma(shape, rate)
                most = max(most, (shape + 8.0 * shape**0.5 + 20.0) / rate)
            terms.append((sign * weight, below))
    value = question["above"] if "above" in question else question["below"]
    return utility.beyond(terms, value, "above" in question, most)


def thresholds_at(trial: Trial, rule: Table, look: int) -> list[float]:
    """Thresholds of a rule's comparisons at a look."""
    asked = conditions.comparisons(rule)
    return [one_trial.threshold_at(one, look, trial.last_look) for one in asked]


def thresholds_at_look(trial: Trial, rule: Table, unreachable: bool) -> list[float] | None:
    """Thresholds of a rule at the coming look; None where it is not judged."""
    last = trial.last_look
    if trial.look in one_trial.judged_at(rule, last):
        return thresholds_at(trial, rule, trial.look)
    if unreachable and "final" in rule.get("looks", []):
        return thresholds_at(trial, rule, last)
    return None


def thresholds_between(trial: Trial, rule: Table) -> list[float]:
    """Thresholds of a rule at a check: those of the next look at which it is judged."""
    judged = one_trial.judged_at(rule, trial.last_look)
    look = next((number for number in judged if number >= trial.look), judged[-1])
    return thresholds_at(trial, rule, look)


def judge(trial: Trial, rule: Table, thresholds: list[float], date: float) -> list[Table]:
    """What a rule says of each of its targets, all asked before it acts.

    Of a rule on several questions the probabilities and thresholds are lists.
    """
    return [
        judge_target(trial, rule, target, thresholds, date)
        for target in targets(trial, rule)
        if enough(trial, rule, target, date) and not by(date, entry_of(trial, target[0]))
    ]


def enough(trial: Trial, rule: Table, target: tuple[str, str | None], date: float) -> bool:
    """Whether so many of the arm that each question asks about are analysed as a rule waits for.

    Nothing is asked about the control before it enrols.
    """
    part = trial.raw.get("first_part")
    if part and not part.get("control") and len(trial.people) <= part["participants"]:
        for one in conditions.comparisons(rule):
            question = conditions.named(one["posterior"], *target)
            if trial.arms[0] in (question["arm"], question.get("minus")):
                return False
    for one in conditions.comparisons(rule) if "from" in rule else []:
        question = conditions.named(one["posterior"], *target)
        people = in_arm(trial.people, question["arm"])
        if question.get("stratum") == "open":
            people = [person for person in people if person["stratum"] in trial.open_strata]
        elif "stratum" in question:
            people = in_stratum(people, question["stratum"])
        if number_included(see(trial, question["endpoint"], people, date)) < rule["from"]:
            return False
    return True


def judge_target(
    trial: Trial,
    rule: Table,
    target: tuple[str, str | None],
    thresholds: list[float],
    date: float,
    opened: tuple[Sequence[str], Sequence[str]] | None = None,
) -> Table:
    """What a rule says of one target, as the arms and strata are open, or as they were."""
    arms, strata = opened or (trial.compared, trial.open_strata)
    asked = conditions.comparisons(rule)
    values = [probability(trial, one, target, date, arms, strata) for one in asked]
    verdicts = [
        one_trial.compare(one, value, threshold)
        for one, value, threshold in zip(asked, values, thresholds, strict=True)
    ]
    return {
        "arm": target[0],
        "stratum": target[1],
        "probability": values if len(asked) > 1 else values[0],
        "threshold": thresholds if len(asked) > 1 else thresholds[0],
        "holds": conditions.holds(rule, iter(verdicts)),
    }


def act(trial: Trial, rule: Table, holding: Sequence[Table]) -> bool:
    """Do what a rule says for the targets for which it holds; whether enrolment is to stop."""
    question = question_of(trial, rule)
    several = len(trial.arms) > 2
    open_arms, open_strata = trial.compared, trial.open_strata
    if rule["then"] == "stop_enrolment":
        return True
    if rule["then"] in ("declare_futility", "stop_for_safety"):
        # What has succeeded stands.
        reason = "success" if trial.successes else REASONS[rule["then"]]
        trial.ended = {"reason": reason, "rule": rule["name"]}
        return False

    if rule["then"] == "choose_arm":
        # the best by the first question; of those that are equal but for rounding the first
        first = conditions.comparisons(rule)[0]
        best, most = None, -NEVER
        for record in holding:
            value = record["probability"]
            value = value[0] if isinstance(value, list) else value
            if (value if "at_least" in first else -value) > most + 1e-12:
                best, most = record["arm"], value if "at_least" in first else -value
        for arm in open_arms:
            if arm != best:
                trial.arm_dropped[arm] = trial.look
        return False

    for record in holding:
        arm, stratum = record["arm"], record["stratum"]
        if rule["then"] == "drop_arm":
            trial.arm_dropped[arm] = trial.look
        elif rule["then"] == "close_stratum":
            trial.stratum_closed[stratum] = trial.look
        elif rule["then"] == "declare_success":
            if several and stratum not in (None, "open"):
                raise NotImplementedError("success of a stratum with several experimental arms")
            success = {
                "rule": rule["name"],
                "look": trial.look,
                "open_arms": open_arms,
                "open_strata": open_strata,
            }
            trial.successes.append(record | success)
            if question.get("stratum") == "each":
                trial.stratum_success[stratum] = trial.look
            elif several or question["arm"] == "each":
                trial.arm_success[arm] = trial.look
            else:
                trial.ended = {"reason": "success", "rule": rule["name"]}
        else:
            raise NotImplementedError(f"then = {rule['then']}")
    first = trial.raw.get("multiarm", {}).get("ends") == "first_success"
    if rule["then"] == "declare_success" and first:
        trial.ended = {"reason": "success", "rule": rule["name"]}
    resolved = not trial.open_arms or (trial.raw.get("strata") and not trial.open_strata)
    if resolved and trial.ended is None:
        reason = "success" if trial.successes else "futility"
        trial.ended = {"reason": reason, "rule": rule["name"]}
    return False


def judge_and_act(trial: Trial, thresholds: dict[str, list[float]], date: float) -> Table:
    """Judge these rules in the order written, each after what those before it did."""
    open_before = trial.open_strata
    judged = {}
    stop_enrolment = False
    for rule in trial.raw.get("rules", []):
        if rule["name"] not in thresholds or rule["then"] == "claim":
            continue
        judged[rule["name"]] = judge(trial, rule, thresholds[rule["name"]], date)
        holding = [record for record in judged[rule["name"]] if record["holds"]]
        if holding and trial.ended is None:
            held = {(record["arm"], record["stratum"]) for record in holding}
            trial.held_of.setdefault(rule["name"], set()).update(held)
            stop_enrolment |= act(trial, rule, holding)
    for arm in set(trial.arms[1:]) - set(trial.open_arms):
        trial.closed_on.setdefault(arm, date)
    lost = trial.raw["enrolment"].get("after_closing", "redistribute") == "keep"
    if trial.ended is None and lost and trial.open_strata != open_before:
        slow_down(trial, date, open_before, trial.open_strata)
    if trial.ended is None and stop_enrolment:
        trial.enrolment_stopped = True
    return judged


def required_held(trial: Trial, rule: Table, target: tuple[str, str | None]) -> bool:
    """Whether every rule that a claim requires has held of the same arm and stratum."""
    return all(
        any(
            arm in (target[0], trial.arms[0])
            and (stratum == target[1] or None in (stratum, target[1]) or stratum == "open")
            for arm, stratum in trial.held_of.get(name, set())
        )
        for name in rule.get("requires", [])
    )


def claim_targets(trial: Trial, rule: Table) -> list[tuple[str, str | None]]:
    """Arms and strata that a claim is about, whether or not they still enrol."""
    question = question_of(trial, rule)
    arms = trial.arms[1:] if question["arm"] == "each" else [question["arm"]]
    stratum = question.get("stratum")
    strata = list(trial.raw["strata"]) if stratum == "each" else [stratum]
    return [(arm, stratum) for arm in arms for stratum in strata]


def claim(trial: Trial, thresholds: dict[str, list[float]], date: float) -> None:
    """Judge the claims, once, of a trial that has ended, after the other rules."""
    if "claims" in trial.raw:
        claim_in_turn(trial, thresholds, date)
        return
    for rule in conditions.claims_in_order(trial.raw):
        records = [
            judge_target(trial, rule, target, thresholds[rule["name"]], date)
            for target in claim_targets(trial, rule)
            if required_held(trial, rule, target)
        ]
        trial.claimed[rule["name"]] = records
        held = {(record["arm"], record["stratum"]) for record in records if record["holds"]}
        trial.held_of.setdefault(rule["name"], set()).update(held)


def claim_in_turn(trial: Trial, thresholds: dict[str, list[float]], date: float) -> None:
    """Judge claims that share the error: whichever can be made is, until none can any more."""
    levels, weights = alpha.start(trial.raw)
    for success in [name for name in levels if trial.held_of.get(name)]:
        levels, weights = alpha.rejected(levels, weights, success)
    rules = {rule["name"]: rule for rule in trial.raw["rules"] if rule["then"] == "claim"}
    trial.claimed = {name: [] for name in rules}
    while True:
        for name in [name for name in levels if name in rules]:
            (target,) = claim_targets(trial, rules[name])
            if not levels[name] or not required_held(trial, rules[name], target):
                continue
            at = [alpha.threshold_for(rules[name], levels[name], t) for t in thresholds[name]]
            record = judge_target(trial, rules[name], target, at, date)
            trial.claimed[name] = [record | {"alpha": levels[name]}]
            if record["holds"]:
                trial.held_of[name] = {target}
                levels, weights = alpha.rejected(levels, weights, name)
                break
        else:
            return


# --- The trial --------------------------------------------------------------------------------


def snapshot(trial: Trial, date: float) -> Table:
    """Numbers and endpoints as they are seen by a date."""
    endpoints: Table = {}
    strata: Table = {}
    for name in trial.raw["endpoints"]:
        endpoints[name] = {}
        strata[name] = {}
        for arm in trial.arms:
            mine = in_arm(trial.people, arm)
            endpoints[name][arm] = see(trial, name, mine, date)
            strata[name][arm] = {
                stratum: see(trial, name, in_stratum(mine, stratum), date)
                for stratum in trial.raw.get("strata", {})
            }
    return {
        "date": date,
        "n_randomised": len(trial.people),
        "n_randomised_by_arm": {arm: len(in_arm(trial.people, arm)) for arm in trial.arms},
        "n_infused": sum(
            by(p["randomised_month"] + p["infused_month"], date) for p in trial.people
        ),
        "endpoints": endpoints,
        "strata": strata,
    }


def after(trial: Trial) -> Table:
    """What is in force for those who arrive next."""
    shares = shares_in_force(trial)
    if shares is not None and is_adaptive(trial.raw) and enters_or_leaves(trial.raw):
        shares = shares_at(trial, lambda moment: by(moment, trial.today))
    return {
        "shares": shares,
        "open_arms": trial.open_arms,
        "open_strata": trial.open_strata,
    }


def hold_check(trial: Trial, date: float) -> None:
    """Judge, between looks, the rules that are due at this infusion."""
    thresholds = {
        rule["name"]: thresholds_between(trial, rule)
        for rule in trial.raw["rules"]
        if any(by(date, at) and by(at, date) for at in checks_of(rule, prospect(trial)))
    }
    trial.today = date
    enrol_until(trial, date)
    seen = snapshot(trial, date)
    rules = judge_and_act(trial, thresholds, date)
    trial.between.append({"look": trial.look, **seen, "rules": rules, **after(trial)})
    trial.clock = date
    if trial.ended is not None:
        ended = {rule["name"]: thresholds_between(trial, rule) for rule in trial.raw["rules"]}
        claim(trial, ended, date)
        trial.ended |= {"look": trial.look, "between_looks": True, **seen}
    elif trial.enrolment_stopped:
        trial.look = trial.last_look


def hold_look(trial: Trial, date: float, unreachable: bool) -> None:
    """Hold the next look."""
    trial.today = date
    enrol_until(trial, date)
    seen = snapshot(trial, date)
    thresholds: dict[str, list[float]] = {}
    for rule in trial.raw.get("rules", []):
        threshold = thresholds_at_look(trial, rule, unreachable)
        if threshold is not None:
            thresholds[rule["name"]] = threshold
    rules = judge_and_act(trial, thresholds, date)
    burn_in = trial.raw.get("randomisation", {}).get("burn_in", 0)
    if is_adaptive(trial.raw) and trial.open_arms and len(trial.people) >= burn_in:
        renew_shares(trial, date)
    trial.held.append({"look": trial.look, **seen, "rules": rules, **after(trial)})
    trial.clock = date
    if trial.ended is None and (unreachable or trial.look == trial.last_look):
        trial.ended = {"reason": "success" if trial.successes else "no_success", "rule": None}
    if trial.ended is not None:
        claim(trial, thresholds, date)
        trial.ended |= {"look": trial.look, "between_looks": False, **seen}
    elif trial.enrolment_stopped:
        trial.look = trial.last_look
    else:
        trial.look += 1


def followed_up_date(trial: Trial, question: Table, end: float) -> float:
    """Date by which the pipeline has been followed up for a question; the primary's of a utility.

    What else it weighs is counted at that date.
    """
    if "utility" in question:
        return max(end, all_followed(trial, trial.primary, trial.people))
    name = question["endpoint"]
    kind = trial.raw["endpoints"][name]["type"]
    if kind == "event_rate":
        return max(end, all_followed(trial, trial.primary, trial.people))
    if kind in TIMES:
        return max(end, all_followed(trial, name, trial.people))
    return NEVER


def primary_summary(trial: Trial, date: float) -> Table:
    """The primary endpoint by a date: counts by arm and stratum, and posterior means by arm."""
    name = trial.primary
    kind = trial.raw["endpoints"][name]["type"]
    counts, by_stratum, included = {}, {}, 0
    for arm in trial.arms:
        mine = in_arm(trial.people, arm)
        seen = see(trial, name, mine, date)
        included += number_included(seen)
        counts[arm] = pair(seen, kind)
        by_stratum[arm] = {
            stratum: pair(see(trial, name, in_stratum(mine, stratum), date), kind)
            for stratum in trial.raw.get("strata", {})
        }
    means: dict[str, float] | None = None
    estimate: dict[str, float] | None = None
    if model_of(trial.raw, name) == "beta_binomial":
        means = {}
        for arm in trial.arms:
            prior = one_trial.prior_of(trial.raw, name, arm)
            seen_in = counts[arm]
            assert seen_in is not None
            means[arm] = posterior.mean(posterior.updated(prior, seen_in[0], seen_in[1]))
        estimate = {arm: means[arm] - means[trial.arms[0]] for arm in trial.arms[1:]}
    return {
        "n_analysed": included,
        "counts": counts,
        "counts_by_stratum": by_stratum,
        "posterior_mean": means,
        "estimate": estimate,
    }


def judge_again(trial: Trial, success: Table, end: float) -> Table:
    """A declared success, asked again of everybody followed up."""
    rule = one_trial.rule_named(trial.raw, success["rule"])
    asked = conditions.comparisons(rule)
    dates = [followed_up_date(trial, question_of(trial, one), end) for one in asked]
    thresholds = success["threshold"] if len(asked) > 1 else [success["threshold"]]
    again = judge_target(
        trial, rule, (success["arm"], success["stratum"]), thresholds, max(dates),
        (success["open_arms"], success["open_strata"]),
    )  # fmt: skip
    kept = {key: success[key] for key in ("rule", "arm", "stratum", "look", "threshold")}
    return {**kept, "probability": again["probability"], "holds": again["holds"]}


def run(
    raw: Table,
    scenario: str,
    latents: Table,
    product_infusion: Table | None = None,
    ask: Ask | None = None,
) -> Table:
    """Conduct one trial of a design in a scenario.

    Parameters
    ----------
    raw
        The design, as ``tomllib`` reads it, every threshold a number.
    scenario
        Name of the scenario.
    latents
        Uniforms by purpose and participant; see the module docstring.
    product_infusion
        By arm, the product's default ``{failure, delay}``, where the truth names none of its own.
    ask
        Answers posterior questions of other models than the beta-binomial; see there too.

    Returns
    -------
    A table with

    ``participants``
        those randomised, in order of arrival, as of `one_trial.run`; ``per_year`` holds the true
        yearly rate of every event-rate endpoint.
    ``looks``
        list, one a look held: ``look``, ``date``, ``n_randomised``, ``n_randomised_by_arm``,
        ``n_infused``, ``endpoints[endpoint][arm]``, ``strata[endpoint][arm][stratum]`` as of
        `one_trial.run` (an event rate shows ``totals, events, years``); ``rules[rule]`` = a list
        of {arm, stratum, probability, threshold, holds}, one a target asked; and, after the
        look's rules, ``shares[arm]`` (None where no experimental arm is left), ``open_arms``
        (experimental) and ``open_strata``.
    ``between_looks``
        list, one a date at which rules with `every` were judged: the same keys, ``look`` being
        the number of the look to come.
    ``end``
        ``look``, ``between_looks`` (whether it ended between looks, before that one), ``reason``
        (success, futility, safety, no_success), ``rule``, ``months``, ``n_randomised``,
        ``n_randomised_by_arm``, ``n_infused``; of the primary ``n_analysed``, ``counts[arm]``,
        ``counts_by_stratum[arm][stratum]`` (a binary endpoint: successes or events, totals; a
        time: events, totals; an event rate: events, years) and, for the beta-binomial model,
        ``posterior_mean`` and ``estimate`` (else None); ``arm_success[arm]`` and
        ``stratum_success[stratum]`` (bool), ``arm_dropped[arm]`` and ``stratum_closed[stratum]``
        (look or None), ``shares``, ``open_arms`` and ``open_strata`` after it; ``claims[rule]``,
        one a target for which all that the claim requires has held, as of ``rules``.
    ``final``
        the pipeline followed up: of the primary the same keys; ``successes``, one a success
        declared (rule, arm, stratum, look, threshold, and the probability and whether the rule
        holds now); ``reversal``: none of them holds any more.
    """
    trial = opened(raw, scenario, latents, product_infusion, ask)
    while trial.ended is None:
        date, unreachable = next_look(trial)
        check = next_check(trial, date)
        if check is not None:
            hold_check(trial, check)
        else:
            hold_look(trial, date, unreachable)
    ended = trial.ended
    months = ended["date"]
    succeeded = {success["arm"] for success in trial.successes}
    final = [judge_again(trial, success, months) for success in trial.successes]
    return {
        "participants": trial.people,
        "looks": trial.held,
        "between_looks": trial.between,
        "end": {
            "look": ended["look"],
            "between_looks": ended["between_looks"],
            "reason": ended["reason"],
            "rule": ended["rule"],
            "months": months,
            "n_randomised": ended["n_randomised"],
            "n_randomised_by_arm": ended["n_randomised_by_arm"],
            "n_infused": ended["n_infused"],
            **primary_summary(trial, months),
            "claims": trial.claimed,
            "arm_success": {arm: arm in succeeded for arm in trial.arms[1:]},
            "arm_dropped": dict(trial.arm_dropped),
            "stratum_success": {s: look is not None for s, look in trial.stratum_success.items()},
            "stratum_closed": dict(trial.stratum_closed),
            **after(trial),
        },
        "final": {
            **primary_summary(trial, followed_up_date(trial, {"endpoint": trial.primary}, months)),
            "successes": final,
            "reversal": bool(final) and not any(success["holds"] for success in final),
        },
    }
