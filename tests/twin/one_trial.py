"""One simulated trial, participant by participant: the slow, obvious twin of the simulator.

A design is taken as the raw TOML table, a participant's fate from one uniform for each purpose
(`latents`), and the trial is then conducted as a trial is: people arrive, are randomised in
blocks, run their course, and at every look what is visible by its date is counted and the rules
are judged in the order written. Plain loops; nothing is shared with the simulator.

Latents: ``latents[purpose][participant]`` is a uniform in [0, 1), participants numbered in order
of arrival; ``latents["assignment"][stratum][k]`` is that of the k-th block of a stratum. Purposes:
``arrival``, ``stratum``, ``infusion_failure``, ``infusion_delay``, ``remission``,
``remission_onset``, ``cured``, ``relapse``, ``remission_on_drugs``, ``remission_on_drugs_onset``,
``again:K`` for the K-th relapse and ``again:K:onset``, ``again:K:cured``, ``again:K:relapse``,
``rescue``, ``dropout``, ``death``, those of `spells`, ``event:NAME``, ``outcome:ENDPOINT``,
``imputation:ENDPOINT``, ``mixture``, ``visits``, ``crossover``,
and, of the other arm's course after crossover, ``crossover:`` before those of `spells`,
``infusion_failure``, ``infusion_delay``, ``remission``,
``remission_onset``, ``cured``, ``relapse``, ``rescue`` and, where the own arm has no such hazard,
``dropout`` and ``death``. A purpose that the participant's truth does not ask for is not looked up.

Assumed where the contract is silent or could be read two ways

- *Ties.* Months that are within a thousand-millionth of each other are the same (`by`), since a
  date is a sum. What happens at the very moment of a look, of dropout or of the end of a horizon
  counts as happened; a relapse at the very month is a relapse; rescue at the very onset is after
  it.
- *Clock of remission on drugs*: randomisation in every arm ("from randomisation unless it says
  otherwise"), and it is the own arm's for a participant who is never infused (the contract lists
  the control's "remission, durability and rescue", the names of three tables of the truth).
- *An arm is infused* when its truth holds ``infusion`` or `product_infusion` has the arm; the two
  are merged key by key. Where no key says so, there is no failure and no delay.
- *same_as*: the disease clocks start at randomisation also where the other arm is infused, and
  infusion, or its failure, changes nothing in the disease.
- *No control*: participants who are never infused have the disease of ``[truth.not_infused]``, from
  randomisation on, and what is estimated of an arm is its own rate.
- *Infusion and the end*: never infused also when dropout or death came before the infusion, with
  the control's disease from randomisation on even so.
- *Missing parts of a truth*: no ``durability`` = no relapse; no ``onset`` = at the clock's start;
  no rate = never. ``[truth]`` itself may hold ``dropout`` and ``death`` for every arm; an arm's
  own wins, also when it stands in ``[truth.ARM]`` and a scenario changes the one for every arm.
- *Strata* of a truth are merged over the arm's own table by the rule that merges scenarios.
- *Landmark, remission of either kind, sustained*: the two kinds may follow each other without a
  gap. Rescue by the month is non-response in this state too. A dropout before the month is
  missing even where failure was already certain (no remission at ``sustained_from``).
- *Direct truth of a landmark* is known at the month; death (if there is any) by the month is
  non-response, dropout before it is missing. *Of an adverse event*: yes when u < p, at
  u / p * within_months, as for a course.
- *Adverse events*: in an arm that is infused the window runs from infusion and the never infused
  are left out; in one that is not it runs from randomisation and everybody counts. An event that
  no endpoint names has no window and is not simulated.
- *Time to relapse*: the horizon is counted from onset; death censors, as dropout does. A remitter
  is seen when the onset is before dropout, death and the look.
- *Time in remission*: everybody whose horizon has passed; months after dropout or death, being
  unseen, count as not in remission.
- *missing = "exclude"*: the missing leave the totals, but they are not still to come either:
  still to come = planned number less those whose landmark month has passed.
- *missing = "impute"*: who dropped out at month d responds when the own uniform is below
  (x + 1) / (n + 2), where x of the n alike respond. Alike is who is in the same arm and stratum,
  whose outcome is known at the look (landmark month passed, not missing), and who at month d of
  the own course was in the endpoint's state if the missing one was then, and out of it otherwise,
  as far as could be seen: alive and still followed at month d, and no non-responder yet by rescue
  or (composite) crossover, as the missing one was none either. Nobody who is imputed counts for
  another. With a direct truth the state is that of the course beside it; without a course nobody
  is seen in it. The uniform is the participant's own at every look and when all are followed up;
  the probability is that of the look.
- *Predictive*: never fewer than none to come; ``with = "max_n"`` keeps its meaning after
  enrolment was stopped early. The threshold is the named rule's at the last look.
- *Crossover*, who: followed at the month (a dropout, death or relapse at that very month has
  happened), not in drug-free remission, rescued already or not; the arm's own probability, also by
  stratum.
- *Crossover*, what follows: the other arm's course begins at the month as if randomised then, with
  its remission also for who has lost one of the own ("no second remission" is of one course).
  Dropout and death go on at the other arm's hazards, infused or not, as for the never infused of
  that arm: what is left of the cumulative hazard is used up at the other rate. Remission,
  durability and rescue change with the infusion only; what of the own course lies after the month
  is then gone, what lies before stays: rescue before crossover is non-response at a later landmark
  too. Remission on drugs stays the own. To an arm that is ``same_as`` the own one, the disease goes
  on as it was: that arm's course is the own course, and infusion changes nothing in it.
- *Crossover, composite*: crossover before the month of a landmark is non-response as rescue is,
  also where dropout follows. In the times, no remission counts that begins after crossover,
  whichever course it is of.
- *Crossover, treatment_policy*: months in remission before and after it add up; a time to relapse
  is of the first remission, the own one if it has begun.
- *Remission again*: the probability is asked at each relapse until it fails or `at_most` further
  ones have come; onset and durability are drawn anew. Rescue is exposed in all months outside
  remission together, so rescue before an onset precludes it and what would follow. The remissions
  of the other arm's course after crossover come again by that arm's table.
- *stop_enrolment*: the next look is the last one, held when everybody already in has passed the
  landmark; it ends nothing, so a later rule of the same look may still end the trial.
- *final = "all_observed"* is never dated before the look that precedes it.
- *A rule that fires at the last look* ends the trial by its own reason also when that is futility
  or safety; ``no_success`` is what remains.
- *Reversal* judges the rule that declared success, on the followed-up data, at the threshold of
  the look at which it fired.
- *Visits and delays*: see `visits.py`. A look sees of an endpoint what had happened by its date
  less the delay. A landmark is judged at the visit nearest its month within the window, and by the
  window after the month at the earliest; without such a visit it is missing, unless rescue, death
  or crossover had settled it by the month. `sustained_from` likewise begins at the visit nearest to
  it; where there is none, what was seen before lasts. Who is followed without an event that is a
  change of state is at risk up to the last visit.
- `stop=False`: every planned look is held and nothing acts, ``stop_enrolment`` neither; the end
  is still that of the trial conducted by its rules.

Not covered (``NotImplementedError``): looks by events, response-adaptive randomisation, dropped
arms and closed strata, event rates, models other than the beta-binomial in rules.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
from scipy import special, stats

from twin import accrual, posterior, spells, visits

Table = dict[str, Any]
Person = dict[str, Any]
NEVER = math.inf
REASONS = {
    "declare_success": "success",
    "declare_futility": "futility",
    "stop_for_safety": "safety",
}


def by(moment: float, date: float) -> bool:
    """Whether a moment is not after a date; months that differ by less than 1e-9 are the same."""
    return moment <= date + 1e-9


# --- Reading a design -----------------------------------------------------------------------


def merge(base: Table, override: Table) -> Table:
    """A truth table with a scenario's changes in it.

    Tables are merged key by key; a distribution (a table holding ``dist``) that the scenario
    states anew, with a ``dist`` of its own, replaces the old one whole.
    """
    merged = dict(base)
    for key, value in override.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and "dist" not in value:
            merged[key] = merge(old, value)
        else:
            merged[key] = value
    return merged


def truth_of(raw: Table, scenario: str) -> Table:
    """The truth of one scenario: ``[truth]`` with the scenario's tables merged over it."""
    changes = {
        key: value
        for key, value in raw["scenarios"][scenario].items()
        if key not in ("role", "description", "label", "enrolment", "follow_up")
    }
    truth = merge(raw.get("truth", {}), changes)
    for endpoint in raw.get("endpoints", {}):  # what is said of external data is of no participant
        if set(truth.get(endpoint, {})) & set(external_of(raw, endpoint)):
            own = {k: v for k, v in truth[endpoint].items() if k not in raw["external"]}
            truth = {key: value for key, value in truth.items() if key != endpoint}
            truth |= {endpoint: own} if own else {}
    return truth


def arms_of(raw: Table) -> list[str]:
    """Names of the arms, the control (if there is one) first, then in file order."""
    names = list(raw["arms"])
    control = [name for name in names if raw["arms"][name].get("control")]
    return control + [name for name in names if name not in control]


def control_of(raw: Table) -> str | None:
    """The control; nothing where no arm is one."""
    return next((arm for arm in raw["arms"] if raw["arms"][arm].get("control")), None)


def experimental_of(raw: Table) -> list[str]:
    """All arms but the control, in file order."""
    return [arm for arm in arms_of(raw) if arm != control_of(raw)]


def external_of(raw: Table, endpoint: str) -> list[str]:
    """External data of an endpoint."""
    return [name for name, data in raw.get("external", {}).items() if data["endpoint"] == endpoint]


def compared_outside(raw: Table) -> list[str]:
    """External data that success compares an arm with."""
    asked = [rule["posterior"] for rule in raw["rules"] if rule["then"] == "declare_success"]
    return [one["minus"] for one in asked if one.get("minus") in raw.get("external", {})]


def seen_outside(raw: Table, name: str) -> tuple[int, int]:
    """Responders and participants of external data, which no trial changes."""
    return raw["external"][name]["responders"], raw["external"][name]["participants"]


def allocation_of(raw: Table) -> list[Fraction]:
    """Shares of the arms in the randomisation, control first."""
    return [Fraction(str(raw["arms"][arm].get("allocation", 1))) for arm in arms_of(raw)]


def block_of(raw: Table) -> list[int]:
    """Number of places of every arm in a block; by default in the smallest block that fits."""
    randomisation = raw.get("randomisation", {})
    if randomisation.get("method", "permuted_blocks") != "permuted_blocks":
        raise NotImplementedError("response-adaptive randomisation")
    ratio = allocation_of(raw)
    whole = math.lcm(*(share.denominator for share in ratio))
    places = [int(share * whole) for share in ratio]
    divisor = math.gcd(*places)
    places = [place // divisor for place in places]
    block = randomisation.get("block", sum(places))
    if block % sum(places):
        raise ValueError(f"a block of {block} does not fit the ratio {places}")
    return [place * block // sum(places) for place in places]


def planned_numbers(raw: Table) -> list[int]:
    """Planned number of every arm: max_n by allocation, largest remainder, ties to the earlier."""
    ratio = allocation_of(raw)
    quotas = [raw["enrolment"]["max_n"] * share / sum(ratio) for share in ratio]
    numbers = [math.floor(quota) for quota in quotas]
    by_remainder = sorted(range(len(ratio)), key=lambda arm: (-(quotas[arm] - numbers[arm]), arm))
    for arm in by_remainder[: raw["enrolment"]["max_n"] - sum(numbers)]:
        numbers[arm] += 1
    return numbers


def primary_of(raw: Table) -> str:
    """Name of the primary endpoint: the one that says so, or the first."""
    for name, endpoint in raw["endpoints"].items():
        if endpoint.get("primary"):
            return str(name)
    return str(next(iter(raw["endpoints"])))


def prior_of(raw: Table, endpoint: str, arm: str) -> posterior.Mixture:
    """Beta-mixture prior of an arm's response probability."""
    analysis = raw.get("analysis", {}).get(endpoint, {})
    if analysis.get("model", "beta_binomial") != "beta_binomial":
        raise NotImplementedError(f"model {analysis['model']}")
    prior = analysis.get("prior")
    if arm in raw.get("external", {}) and arm not in (prior or {}):
        return posterior.prior_mixture(None)  # a prior of every arm is not that of external data
    if prior is None or "a" in prior or "mixture" in prior:
        return posterior.prior_mixture(prior)
    return posterior.prior_mixture(prior.get(arm))


def planned_looks(raw: Table) -> list[tuple[str, float]]:
    """Every planned look as (what it waits for, how much of it); the last of them is last."""
    table = raw["looks"]
    looks: list[tuple[str, float]] = []
    for kind in ("observed", "enrolled", "months"):
        looks += [(kind, number) for number in table.get(kind, [])]
    if "events" in table:
        raise NotImplementedError("looks by events")
    if table.get("final") == "all_observed":
        looks.append(("all_observed", raw["enrolment"]["max_n"]))
    return looks


def judged_at(rule: Table, number_of_looks: int) -> list[int]:
    """Numbers of the looks at which a rule is judged, from 1."""
    if "looks" not in rule:
        return list(range(1, number_of_looks + 1))
    return [number_of_looks if look == "final" else int(look) for look in rule["looks"]]


def threshold_at(rule: Table, look: int, number_of_looks: int) -> float:
    """Threshold of a rule at a look; of a list, the value for that look."""
    threshold = rule["at_least"] if "at_least" in rule else rule["below"]
    if threshold == "calibrate":
        raise ValueError(f"rule {rule['name']} has no threshold yet")
    if isinstance(threshold, dict):
        return float("nan")  # it hangs on what the claim holds when it is judged
    if isinstance(threshold, list):
        return float(threshold[judged_at(rule, number_of_looks).index(look)])
    return float(threshold)


def compare(rule: Table, probability: float, threshold: float) -> bool:
    """Whether a rule's condition holds: at least (>=) or below (<) the threshold."""
    if "at_least" in rule:
        return probability >= threshold
    return probability < threshold


def rule_named(raw: Table, name: str) -> Table:
    """The rule of that name."""
    found: Table = next(rule for rule in raw["rules"] if rule["name"] == name)
    return found


def asked_arms(raw: Table, question: Table) -> tuple[str, str | None]:
    """The arm that a posterior question is about and the arm it is compared with."""
    if set(question) & {"stratum", "best", "hazard_ratio_to", "remains_at"}:
        raise NotImplementedError(f"question {question}")
    arm = question["arm"]
    if arm == "each":
        experimental = experimental_of(raw)
        if len(experimental) > 1:
            raise NotImplementedError("several experimental arms")
        arm = experimental[0]
    return arm, question.get("minus")


# --- Time and chance --------------------------------------------------------------------------


def gompertz_month(distribution: Table, hazard: float) -> float:
    """Month at which a hazard of `rate` that grows by `shape` a month has summed up to so much."""
    shape = float(distribution["shape"])
    if "rate" in distribution:
        rate = float(distribution["rate"])
    else:
        rate = math.log(2.0) * shape / math.expm1(shape * float(distribution["median"]))
    if 1.0 + shape * hazard / rate <= 0.0:
        return NEVER
    return math.log1p(shape * hazard / rate) / shape


def quantile(distribution: Table, u: float) -> float:
    """Quantile at u of a distribution of a design; never, for the fraction `cured`."""
    cured = distribution.get("cured", 0.0)
    if u >= 1.0 - cured:
        return NEVER
    u = u / (1.0 - cured)
    kind = distribution["dist"]
    if kind == "loglogistic":
        return float(distribution["median"]) * (u / (1.0 - u)) ** (1.0 / distribution["shape"])
    if kind == "gompertz":
        return gompertz_month(distribution, -math.log1p(-u))
    if kind == "piecewise":
        left = -math.log1p(-u)  # of the cumulative hazard
        begins = 0.0
        for hazard, ends in zip(
            distribution["hazards"], [*distribution["cuts"], NEVER], strict=True
        ):
            if hazard > 0.0 and left < hazard * (ends - begins):
                return begins + left / hazard
            left -= hazard * (ends - begins) if hazard > 0.0 else 0.0
            begins = ends
        return NEVER
    if kind == "fixed":
        return float(distribution["value"])
    if kind == "exponential":
        if "rate" in distribution:
            return -math.log1p(-u) / float(distribution["rate"])
        return -math.log1p(-u) * float(distribution["median"]) / math.log(2.0)
    if kind == "weibull":
        shape = float(distribution["shape"])
        if "scale" in distribution:
            scale = float(distribution["scale"])
        else:
            scale = float(distribution["median"]) / math.log(2.0) ** (1.0 / shape)
        return scale * math.pow(-math.log1p(-u), 1.0 / shape)
    if kind == "lognormal":
        return float(distribution["median"]) * math.exp(
            float(distribution["sigma"]) * float(special.ndtri(u))
        )
    raise NotImplementedError(f"distribution {kind}")


def hazard_months(table: Table | None, u: float) -> float:
    """Months of exposure to a constant hazard until it strikes."""
    if table is None or table["per_year"] == 0.0:
        return NEVER
    return -math.log1p(-u) / (float(table["per_year"]) / 12.0)


def arrival_months(raw: Table, uniforms: Sequence[float]) -> list[float]:
    """Months since the trial opened at which participants arrive and are randomised."""
    enrolment = raw["enrolment"]
    intensity = enrolment.get("per_month")
    months = []
    operational = 0.0
    for participant in range(enrolment["max_n"]):
        if enrolment.get("arrivals", "poisson") == "regular":
            operational = participant + 1.0
        else:
            operational += -math.log1p(-uniforms[participant])
        if not accrual.is_plain(enrolment):
            months.append(accrual.month_of(enrolment, operational, quantile))
        elif isinstance(intensity, dict):
            ramp, plateau = float(intensity["ramp_months"]), float(intensity["plateau"])
            during_ramp = plateau * ramp / 2.0
            if operational <= during_ramp:
                months.append(math.sqrt(2.0 * operational * ramp / plateau))
            else:
                months.append(ramp + (operational - during_ramp) / plateau)
        else:
            months.append(operational / float(intensity))
    return months


def strata_of(raw: Table, uniforms: Sequence[float]) -> list[str | None]:
    """Stratum of every participant, by cumulative shares; None where there are no strata."""
    number = raw["enrolment"]["max_n"]
    if not raw.get("strata"):
        return [None] * number
    names = list(raw["strata"])
    result: list[str | None] = []
    for participant in range(number):
        cumulative = 0.0
        chosen = names[-1]
        for name in names:
            cumulative += raw["strata"][name]
            if uniforms[participant] < cumulative:
                chosen = name
                break
        result.append(chosen)
    return result


@cache
def arrangements(places: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Every distinct order of a block with so many places of each arm, in lexicographic order."""
    if sum(places) == 0:
        return ((),)
    result = []
    for arm, left in enumerate(places):
        if left:
            rest = (*places[:arm], left - 1, *places[arm + 1 :])
            result += [(arm, *order) for order in arrangements(rest)]
    return tuple(result)


def assignments(
    raw: Table, strata: Sequence[str | None], uniforms: Sequence[Sequence[float]]
) -> list[str]:
    """Arm of every participant, by permuted blocks within strata."""
    names = arms_of(raw)
    orders = arrangements(tuple(block_of(raw)))
    numbered = list(raw["strata"]) if raw.get("strata") else [None]
    waiting: dict[str | None, list[int]] = {stratum: [] for stratum in numbered}
    opened = dict.fromkeys(numbered, 0)
    result = []
    for stratum in strata:
        if not waiting[stratum]:
            u = uniforms[numbered.index(stratum)][opened[stratum]]
            opened[stratum] += 1
            waiting[stratum] = list(orders[math.floor(u * len(orders))])
        result.append(names[waiting[stratum].pop(0)])
    return result


# --- One participant --------------------------------------------------------------------------


def parameters(truth: Table, arm: str, stratum: str | None) -> Table:
    """The course of an arm in a stratum, with the dropout and death that hold for every arm."""
    every_arm: Table = {key: truth[key] for key in ("dropout", "death") if key in truth}
    own = truth.get(arm, {})
    course = merge(every_arm, {key: value for key, value in own.items() if key != "strata"})
    if stratum is None:
        return course
    return merge(course, own.get("strata", {}).get(stratum, {}))


def run_course(
    raw: Table,
    truth: Table,
    arm: str,
    stratum: str | None,
    uniform: Callable[[str], float],
    product_infusion: Table | None = None,
    month: float = 0.0,
) -> Person:
    """The course of one participant, in months since randomisation; infinite = never.

    Nothing is cut: a relapse after dropout or death is there, and what is seen of it is a matter
    for the endpoints.
    """
    person = own_course(raw, truth, arm, stratum, uniform, product_infusion, month)
    cross_over(raw, truth, person, uniform, product_infusion)
    if person["crossed_month"] < NEVER:  # from then on a score is that of the other course
        own = parameters(truth, person["arm"], person["stratum"])
        for name, endpoint in raw["endpoints"].items():
            if endpoint["type"] == "continuous" and name in own.get("scores", {}):
                deviation = correlated_deviations(raw, truth, name, uniform)
                person[name] = score_values(endpoint, own["scores"][name], person, deviation)
    return person


def own_course(
    raw: Table,
    truth: Table,
    arm: str,
    stratum: str | None,
    uniform: Callable[[str], float],
    product_infusion: Table | None,
    month: float,
) -> Person:
    """The course of one participant as if there were no crossover."""
    own = parameters(truth, arm, stratum)
    twin_arm = own.get("same_as")
    follow = parameters(truth, twin_arm, stratum) if twin_arm else own
    person: Person = {"arm": arm, "stratum": stratum}

    person["dropout_month"] = person["death_month"] = NEVER
    if follow.get("dropout"):
        person["dropout_month"] = hazard_months(follow["dropout"], uniform("dropout"))
    if follow.get("death"):
        person["death_month"] = hazard_months(follow["death"], uniform("death"))
    gone = min(person["dropout_month"], person["death_month"])

    logistics = merge((product_infusion or {}).get(arm, {}), own.get("infusion", {}))
    person["infused_arm"] = bool(logistics)
    person["infused_month"] = NEVER
    if logistics:
        failure = logistics.get("failure", 0.0)
        if failure == 0.0 or uniform("infusion_failure") >= failure:
            delay = 0.0
            if "delay" in logistics:
                delay = quantile(logistics["delay"], uniform("infusion_delay"))
            if "washout" in own:  # both run from randomisation
                delay = max(delay, quantile(own["washout"]["months"], uniform("washout")))
            if delay <= gone:
                person["infused_month"] = delay

    # Whose disease it is, and when its clocks start.
    if twin_arm:
        disease, start = follow, 0.0
    elif not logistics:
        disease, start = own, 0.0
    elif person["infused_month"] < NEVER:
        disease, start = own, person["infused_month"]
    else:
        disease, start = parameters(truth, control_of(raw) or "not_infused", stratum), 0.0

    person.update(disease_course(disease, start, uniform, gone, logistics.get("failure", 0.0)))

    on_drugs = (follow if twin_arm else own).get("remission_on_drugs")
    person["remission_on_drugs_month"] = NEVER
    if "washout" in own and person["infused_month"] < NEVER and not twin_arm:
        on_drugs = None  # they have been stopped
    if on_drugs and uniform("remission_on_drugs") < on_drugs["probability"]:
        person["remission_on_drugs_month"] = 0.0
        if "onset" in on_drugs:
            person["remission_on_drugs_month"] = quantile(
                on_drugs["onset"], uniform("remission_on_drugs_onset")
            )

    person["visits"] = {n: e["visits"] for n, e in raw["endpoints"].items() if "visits" in e}
    window_start = person["infused_month"] if logistics else 0.0
    for name, endpoint in raw["endpoints"].items():
        if endpoint.get("missing") == "impute":
            person[f"imputation:{name}"] = uniform(f"imputation:{name}")
    for name, endpoint in raw["endpoints"].items():
        if endpoint["type"] == "continuous":
            told = truth[name][arm] if name in truth else own["scores"][name]
            if name in truth:  # the mean of every visit is shifted alike
                shift = drift_of(truth, name, arm, month)
                told = {**told, "change": [change + shift for change in told["change"]]}
            deviation = correlated_deviations(raw, truth, name, uniform)
            person[name] = score_values(endpoint, told, person, deviation)
        elif name in truth and endpoint["type"] == "time_to_event":
            # S(t) to the power of the factor: when a hazard that is not multiplied reaches as much
            factor = math.exp(drift_of(truth, name, arm, month))
            alike = 1.0 - (1.0 - uniform(f"outcome:{name}")) ** (1.0 / factor)
            person[name] = direct_outcome(endpoint, truth[name], person, alike)
        elif name in truth:
            said = drifted(truth, name, person, month)
            person[name] = direct_outcome(endpoint, said, person, uniform(f"outcome:{name}"))
        elif endpoint["type"] == "adverse_event":
            probability = own.get("events", {}).get(name, 0.0)
            person[name] = NEVER
            if probability and uniform(f"event:{name}") < probability:
                share = uniform(f"event:{name}") / probability
                person[name] = window_start + share * endpoint["within_months"]
            if endpoint.get("each_infusion") and logistics:
                chance = own.get("redosing", {}).get("events", {}).get(name, probability)
                later = [
                    month + uniform(f"again_event:{name}:{k}") / chance * endpoint["within_months"]
                    for k, month in enumerate(person["infused_again"], start=1)
                    if chance and uniform(f"again_event:{name}:{k}") < chance
                ]
                person[name] = min([person[name], *later])
    return person


def disease_course(
    disease: Table,
    start: float,
    uniform: Callable[[str], float],
    gone: float = NEVER,
    failure: float = 0.0,
) -> Table:
    """Months of remissions, relapses, further infusions and rescue, from a month on (`spells`)."""
    exposure = NEVER
    if disease.get("rescue"):
        exposure = hazard_months(disease["rescue"], uniform("rescue"))
    life = spells.disease_course(disease, start, uniform, exposure, gone, failure, quantile)
    first, *more = life.spells or [(NEVER, NEVER)]
    return {
        "remission_month": first[0],
        "relapse_month": first[1],
        "later_remissions": more,
        "infused_again": life.infusions,
        "rescue_month": life.rescue(),
    }


def cross_over(
    raw: Table,
    truth: Table,
    person: Person,
    uniform: Callable[[str], float],
    product_infusion: Table | None,
) -> None:
    """Let a participant cross to the other arm's course, where the design has a crossover.

    ``crossed_month`` is the month of crossover; ``remission_after_month`` and
    ``relapse_after_month`` are of the other arm's course, infinite also without infusion. Dropout,
    death, rescue, and the own remission that is not to come any more, are overwritten.
    """
    person["crossed_month"] = NEVER
    person["remission_after_month"] = person["relapse_after_month"] = NEVER
    person["later_remissions_after"] = []
    crossover = raw.get("crossover")
    if crossover is None or person["arm"] != crossover["from"]:
        return
    person["after_crossover_counts"] = crossover.get("strategy") == "treatment_policy"
    own_spells = [(person["remission_month"], person["relapse_month"]), *person["later_remissions"]]
    month = spells.crossing_month(crossover, own_spells, person["rescue_month"])
    own = parameters(truth, person["arm"], person["stratum"])
    probability = own.get("crossover", {}).get("probability", 0.0)
    followed = person["dropout_month"] > month and person["death_month"] > month
    if month == NEVER or not followed or uniform("crossover") >= probability:
        return
    person["crossed_month"] = month

    def afresh(purpose: str) -> float:
        return uniform(f"crossover:{purpose}")

    other = parameters(truth, crossover["to"], person["stratum"])
    alike = other.get("same_as")
    follow = parameters(truth, alike, person["stratum"]) if alike else other
    own_alike = own.get("same_as")
    followed_as = parameters(truth, own_alike, person["stratum"]) if own_alike else own
    for event in ("dropout", "death"):
        before = yearly(followed_as.get(event)) / 12.0
        after = yearly(follow.get(event)) / 12.0
        if after == 0.0:
            left = NEVER
        elif before == 0.0:
            left = -math.log1p(-afresh(event)) / after
        else:
            left = (-math.log1p(-uniform(event)) - before * month) / after
        person[f"{event}_month"] = month + left

    logistics = merge((product_infusion or {}).get(crossover["to"], {}), other.get("infusion", {}))
    start = month
    if logistics:
        infused = NEVER
        failure = logistics.get("failure", 0.0)
        if failure == 0.0 or afresh("infusion_failure") >= failure:
            infused = month
            if "delay" in logistics:
                infused += quantile(logistics["delay"], afresh("infusion_delay"))
            if "washout" in other:
                wait = quantile(other["washout"]["months"], afresh("washout"))
                infused = max(infused, month + wait)
        if infused <= min(person["dropout_month"], person["death_month"]):
            person["infused_month"] = start = infused
        elif not alike:
            return
    if alike == (own_alike or person["arm"]):
        return
    if alike:
        start = month
    gone = min(person["dropout_month"], person["death_month"])
    after_it = disease_course(follow, start, afresh, gone, logistics.get("failure", 0.0))
    person["infused_again"] = after_it["infused_again"]
    person["remission_after_month"] = after_it["remission_month"]
    person["relapse_after_month"] = after_it["relapse_month"]
    person["later_remissions_after"] = after_it["later_remissions"]
    if person["remission_month"] > month:
        person["remission_month"] = person["relapse_month"] = NEVER
    person["later_remissions"] = [s for s in person["later_remissions"] if by(s[0], month)]
    if person["rescue_month"] > month:
        person["rescue_month"] = after_it["rescue_month"]


def month_of(person: Person, name: str) -> float:
    """Month of an event or of a spell, further ones by number: ``relapse_2_after``, from 2."""
    which, number, *after = name.split("_") if any(map(str.isdigit, name)) else (name, "1")
    if number == "1":
        return float(person[f"{name}_month"])
    if which == "infused":
        infusions = person["infused_again"]
        return infusions[int(number) - 2] if int(number) - 2 < len(infusions) else NEVER
    later = person["later_remissions_after" if after else "later_remissions"]
    spell = later[int(number) - 2] if int(number) - 2 < len(later) else (NEVER, NEVER)
    return float(spell[which == "relapse"])


def yearly(hazard: Table | None) -> float:
    """Events a year of a hazard, none where it is not given."""
    return float(hazard["per_year"]) if hazard else 0.0


def remissions(person: Person) -> list[tuple[float, float]]:
    """Every drug-free remission that counts, as (onset, loss), in order of time."""
    crossed = person.get("crossed_month", NEVER)
    both = [(person["remission_month"], person["relapse_month"])]
    both += person.get("later_remissions", [])
    if crossed < NEVER:
        both.append((person["remission_after_month"], person["relapse_after_month"]))
        both += person.get("later_remissions_after", [])
        if not person["after_crossover_counts"]:
            both = [(onset, loss) for onset, loss in both if by(onset, crossed)]
    return sorted((onset, loss) for onset, loss in both if onset < NEVER)


def drift_of(truth: Table, name: str, arm: str, month: float) -> float:
    """By how much what is said of an endpoint is shifted for those randomised at a month.

    The trend's keys hold for all arms; what stands under an arm's name is laid over them.
    """
    told = truth.get("time_trend", {}).get(name, {})
    trend = {**told, **told.get(arm, {})}
    shift: float = trend.get("per_year", 0.0) * month / 12.0
    if "turns_at_month" in trend and month > trend["turns_at_month"]:
        shift = trend["per_year"] * (2.0 * trend["turns_at_month"] - month) / 12.0
    if "step" in trend and month >= trend["at_month"]:
        shift += trend["step"]
    if "amplitude" in trend:
        shift += trend["amplitude"] * math.cos(math.tau * (month - trend["peak_month"]) / 12.0)
    return shift


def drifted(truth: Table, name: str, person: Person, month: float) -> Table:
    """What is said of an endpoint, moved on the logit to the month of randomisation."""
    shift = drift_of(truth, name, person["arm"], month)
    if shift == 0.0:
        return truth[name]
    probability = truth[name][person["arm"]]
    if isinstance(probability, dict):
        probability = probability[person["stratum"]]
    odds = probability / (1.0 - probability) * math.exp(shift)
    return {person["arm"]: odds / (1.0 + odds)}


def direct_outcome(endpoint: Table, truths: Table, person: Person, u: float) -> bool | float:
    """Outcome of an endpoint whose truth is stated directly: a response, or a month."""
    truth = truths[person["arm"]]
    if isinstance(truth, dict) and "dist" not in truth:
        truth = truth[person["stratum"]]
    if endpoint["type"] == "landmark":
        return u < float(truth)
    if endpoint["type"] == "adverse_event":
        if u >= float(truth):
            return NEVER
        start = float(person["infused_month"]) if person["infused_arm"] else 0.0
        return start + u / float(truth) * float(endpoint["within_months"])
    if endpoint["type"] == "time_to_event":
        return quantile(truth, u)
    raise NotImplementedError(f"direct truth of {endpoint['type']}")


def correlated_deviations(
    raw: Table, truth: Table, name: str, uniform: Callable[[str], float]
) -> Callable[[int], float]:
    """Standard normal deviations of a score: of the baseline, then of what each visit adds.

    Two scores that correlate do so at the baseline and at each month at which both are taken; a
    score leans on those that the design names before it.
    """
    taken = {n: [0.0, *e["visits"]] for n, e in raw["endpoints"].items() if "visits" in e}
    given = truth.get("correlation", {})

    def deviation(place: int) -> float:
        month = taken[name][place]
        there = [n for n in taken if month in taken[n]]
        own = {n: stats.norm.ppf(uniform(f"score:{n}:{taken[n].index(month)}")) for n in there}
        matrix = np.eye(len(there))
        for i, one in enumerate(there):
            for j, other in enumerate(there):
                pair = given.get(one, {}).get(other) or given.get(other, {}).get(one)
                if pair is not None and i != j:
                    matrix[i, j] = pair
        row = np.linalg.cholesky(matrix)[there.index(name)]
        return float(sum(weight * own[n] for weight, n in zip(row, there, strict=True)))

    return deviation


def score_values(
    endpoint: Table, told: Table, person: Person, deviation: Callable[[int], float]
) -> list[float]:
    """A participant's score at baseline and at each visit, had nobody left.

    Values are normal, any two of them correlated alike; the mean is the baseline's, and at a visit
    that and the change there, which the state at the visit says where the truth is a course.
    """
    visits, baseline = endpoint["visits"], told["baseline"]
    there = {**person, "after_crossover_counts": True}  # a score is that of the course followed
    changes = told.get("change") or [
        told["in_remission"] if in_state({"state": "remission"}, there, visit) else
        told["otherwise"] for visit in visits
    ]  # fmt: skip
    spread = told["sd"] if isinstance(told["sd"], list) else [told["sd"]] * len(visits)
    sd = np.array([baseline["sd"], *spread])
    correlation = np.full((len(sd), len(sd)), float(told["correlation"]))
    np.fill_diagonal(correlation, 1.0)
    root = np.linalg.cholesky(correlation * np.outer(sd, sd))
    away = root @ [deviation(k) for k in range(len(sd))]
    means = [baseline["mean"], *(baseline["mean"] + change for change in changes)]
    return [float(mean + own) for mean, own in zip(means, away, strict=True)]


def recorded(raw: Table, person: Person, followed_months: float) -> Person:
    """What the trial's record holds of a participant followed for so many months.

    Months after dropout, death or the end of follow-up are blank (None), and so is a direct
    outcome not known by then.
    """
    last = min(person["dropout_month"], person["death_month"], followed_months)
    row: Person = {}
    for key in ("participant", "arm", "stratum", "randomised_month"):
        row[key] = person.get(key)
    for key in ("infused", "remission", "relapse", "rescue", "death", "remission_on_drugs"):
        month = person[f"{key}_month"]
        row[f"{key}_month"] = month if month <= last and month < NEVER else None
    for name, endpoint in raw["endpoints"].items():
        if name in person and endpoint["type"] == "landmark":
            row[name] = person[name] if endpoint["month"] <= last else None
        elif name in person:
            row[name] = person[name] if person[name] <= last and person[name] < NEVER else None
    row["last_contact_month"] = last
    return row


# --- What is seen of a participant ------------------------------------------------------------


def strategy(endpoint: Table, event: str) -> str | None:
    """The strategy that an endpoint's own table names for an intercurrent event."""
    chosen: str | None = endpoint.get("strategy", {}).get(event)
    return chosen


def as_endpoint_counts(endpoint: Table, person: Person) -> Person:
    """The participant, with what comes after crossover counted as the endpoint's own table says."""
    chosen = strategy(endpoint, "crossover")
    if chosen is None:
        return person
    return person | {"after_crossover_counts": chosen == "treatment_policy"}


def infused_again(endpoint: Table, person: Person) -> float:
    """Month of the second infusion, where the endpoint's own table says that it is failure."""
    if strategy(endpoint, "redosing") != "composite":
        return NEVER
    return float((person["infused_again"] or [NEVER])[0])


def last_seen_for(endpoint: Table, person: Person) -> float:
    """Month after which nothing of a participant counts: dropout, and what is hypothetical."""
    month = float(person["dropout_month"])
    if strategy(endpoint, "rescue") == "hypothetical":
        month = min(month, person["rescue_month"])
    if strategy(endpoint, "crossover") == "hypothetical":
        crossed = person.get("crossed_month", NEVER)
        month = min(month, crossed if crossed < endpoint["month"] else NEVER)
    return month


def landmark_outcome(name: str, endpoint: Table, person: Person) -> str:
    """Success, failure or missing, at the landmark month of a participant who has passed it.

    A participant who is not of the principal stratum is outside.
    """
    person = as_endpoint_counts(endpoint, person)
    month, left = endpoint["month"], last_seen_for(endpoint, person)
    stratum = strategy(endpoint, "not_infused") == "principal_stratum" and person["infused_arm"]
    if stratum and not by(person["infused_month"], month):
        return "outside"
    ends = [person["death_month"]]
    if strategy(endpoint, "rescue") in (None, "composite"):
        ends.append(person["rescue_month"])
    ends.append(infused_again(endpoint, person))
    if any(event <= month and event <= left for event in ends):
        return "failure"
    crossed = person.get("crossed_month", NEVER)
    composite = strategy(endpoint, "crossover") != "hypothetical"
    if composite and crossed < month and crossed <= left and not person["after_crossover_counts"]:
        return "failure"
    if left < month or visits.stands_for(person, month) is None:
        return "missing"
    if name in person:
        return "success" if person[name] else "failure"
    since = endpoint.get("sustained_from", month)
    scores = [score_held(part, person, since, month) for part in scores_of(endpoint)]
    span = visits.span(person, since, month)
    held = all(state_held(state, person, *span) for state in states_of(endpoint))
    if not held or False in scores:
        return "failure"
    return "missing" if None in scores else "success"


def states_of(endpoint: Table) -> list[str]:
    """States that a landmark asks for; of several things together those that are states."""
    if "all" in endpoint:
        return [part for part in endpoint["all"] if isinstance(part, str)]
    return [endpoint.get("state", "drug_free_remission")]


def scores_of(endpoint: Table) -> list[Table]:
    """Scores that a landmark asks for."""
    return [part for part in endpoint.get("all", []) if not isinstance(part, str)]


def score_held(part: Table, person: Person, since: float, month: float) -> bool | None:
    """Whether a score lies on its side, bounds included, at every visit from a month to another.

    Not known where one was not taken and all others lie there.
    """
    values = zip(person["visits"][part["score"]], person[part["score"]][1:], strict=True)
    counted = [value for visit, value in values if by(since, visit) and by(visit, month)]
    most, least = part.get("at_most", NEVER), part.get("at_least", -NEVER)
    taken = [value for value in counted if not math.isnan(value)]
    if not all(least <= value <= most for value in taken):
        return False
    return True if len(taken) == len(counted) else None


def state_held(state: str, person: Person, since: float, month: float) -> bool:
    """Whether a participant is in a state at every moment from a month to another."""
    drug_free = remissions(person)
    if any(by(onset, since) and not by(relapse, month) for onset, relapse in drug_free):
        return True
    if state == "remission":
        on_drugs = person["remission_on_drugs_month"]
        if by(on_drugs, since):
            return True
        if any(by(onset, since) and by(on_drugs, min(loss, month)) for onset, loss in drug_free):
            return True
    return False


def in_state(endpoint: Table, person: Person, month: float) -> bool:
    """Whether a participant is in the endpoint's states at a month, whatever the scores are."""
    states = states_of(endpoint)
    if not states or any(onset <= month < loss for onset, loss in remissions(person)):
        return True
    either = "drug_free_remission" not in states
    return bool(either and person["remission_on_drugs_month"] <= month)


def open_and_seen_at(endpoint: Table, person: Person, month: float) -> bool:
    """Whether a participant is seen at a month, alive and no non-responder by then."""
    if last_seen_for(endpoint, person) < month or person["death_month"] <= month:
        return False
    if person["rescue_month"] <= month and strategy(endpoint, "rescue") in (None, "composite"):
        return False
    if infused_again(endpoint, person) <= month:
        return False
    if strategy(endpoint, "crossover") == "hypothetical":
        return True
    crossed = person.get("crossed_month", NEVER) <= month
    return not crossed or bool(person["after_crossover_counts"])


def imputed_response(
    name: str, endpoint: Table, missing: Person, people: Sequence[Person], date: float
) -> bool:
    """Whether a missing participant is taken to respond, by those alike whose outcome is known."""
    last_seen = last_seen_for(endpoint, missing)
    if last_seen >= endpoint["month"]:  # not seen within the window
        last_seen = visits.last_held(missing, endpoint["month"])
        if visits.stands_for(missing, endpoint["month"]) is not None:  # a score was not taken
            asked = [missing["visits"][part["score"]] for part in scores_of(endpoint)]
            before = [visit for own in asked for visit in own if visit < endpoint["month"] - 1e-9]
            last_seen = max(before, default=0.0)
    state = in_state(endpoint, as_endpoint_counts(endpoint, missing), last_seen)
    known = responders = 0
    for person in people:
        if (person["arm"], person["stratum"]) != (missing["arm"], missing["stratum"]):
            continue
        due = person["randomised_month"] + endpoint["month"] + visits.wait(person)
        if not by(due, date):
            continue
        outcome, person = (
            landmark_outcome(name, endpoint, person),
            as_endpoint_counts(endpoint, person),
        )
        if outcome in ("missing", "outside") or not open_and_seen_at(endpoint, person, last_seen):
            continue
        if in_state(endpoint, as_endpoint_counts(endpoint, person), last_seen) == state:
            known += 1
            responders += outcome == "success"
    return bool(missing[f"imputation:{name}"] < (responders + 1) / (known + 2))


def see_landmark(name: str, endpoint: Table, people: Sequence[Person], date: float) -> Table:
    """Responses among those whose landmark month has passed by the date.

    `people` holds everybody of an arm, or of an arm in a stratum.
    """
    missing_as = endpoint.get("missing", "non_response")
    seen = {"successes": 0, "totals": 0, "missing": 0}
    for person in people:
        due = person["randomised_month"] + endpoint["month"] + visits.wait(person)
        if not by(due, date):
            continue
        outcome = landmark_outcome(name, endpoint, person)
        if outcome == "outside":
            continue
        if outcome == "missing":
            seen["missing"] += 1
            if missing_as == "exclude":
                continue
            if missing_as == "impute" and imputed_response(name, endpoint, person, people, date):
                outcome = "success"
        seen["successes"] += outcome == "success"
        seen["totals"] += 1
    return seen


def see_adverse_event(name: str, endpoint: Table, people: Sequence[Person], date: float) -> Table:
    """Events among those whose window has passed by the date."""
    seen = {"events": 0, "totals": 0}
    for person in people:
        start = person["infused_month"] if person["infused_arm"] else 0.0
        if start == NEVER:
            continue
        if not by(person["randomised_month"] + start + endpoint["within_months"], date):
            continue
        seen["totals"] += 1
        gone = min(person["dropout_month"], person["death_month"])
        known = True
        if endpoint.get("each_infusion") and person["infused_arm"] and person[name] < NEVER:
            opened = spells.window_of(person[name], endpoint["within_months"], person)
            known = by(person["randomised_month"] + opened + endpoint["within_months"], date)
        seen["events"] += person[name] < NEVER and person[name] <= gone and known
    return seen


def see_relapse(endpoint: Table, people: Sequence[Person], date: float) -> Table:
    """Remitters seen so far, their relapses, and their months at risk of one."""
    seen = {"remitters": 0, "relapses": 0, "months_at_risk": 0.0}
    for person in people:
        gone = min(person["dropout_month"], person["death_month"])
        followed = min(gone, date - person["randomised_month"])
        onset, relapse = (remissions(person) or [(NEVER, NEVER)])[0]
        if onset == NEVER or not by(onset, followed):
            continue
        known = min(visits.last_held(person, followed), onset + endpoint["horizon"])
        followed = min(followed, onset + endpoint["horizon"])
        seen["remitters"] += 1
        seen["relapses"] += by(relapse, followed)
        ends = relapse if by(relapse, followed) else known
        seen["months_at_risk"] += max(0.0, ends - onset)
    return seen


def see_time_in_remission(endpoint: Table, people: Sequence[Person], date: float) -> Table:
    """How many have passed the horizon, and their mean months in drug-free remission in it."""
    months = []
    for person in people:
        if not by(person["randomised_month"] + endpoint["horizon"], date):
            continue
        person = as_endpoint_counts(endpoint, person)
        seen_until = min(person["dropout_month"], person["death_month"], endpoint["horizon"])
        seen_until = min(seen_until, infused_again(endpoint, person))
        unseen = not by(min(person["death_month"], endpoint["horizon"]), person["dropout_month"])
        if unseen and endpoint.get("missing") == "exclude":
            continue
        months.append(
            sum(max(0.0, min(loss, seen_until) - onset) for onset, loss in remissions(person))
        )
    mean = sum(months) / len(months) if months else math.nan
    return {"totals": len(months), "mean_months": mean}


def see_time_to_event(name: str, endpoint: Table, people: Sequence[Person], date: float) -> Table:
    """Events seen so far and the months at risk of one, from randomisation."""
    seen = {"totals": 0, "events": 0, "months_at_risk": 0.0}
    for person in people:
        begins, event = begins_and_ends(name, endpoint, person)
        gone = min(person["dropout_month"], person["death_month"])
        followed = min(gone, date - person["randomised_month"])
        from_randomisation = endpoint.get("clock", "randomisation") == "randomisation"
        if begins == NEVER or not (from_randomisation or by(begins, followed)):
            continue  # who is randomised is known at once, whatever else is late
        horizon = begins + endpoint.get("horizon", NEVER)
        known = min(visits.last_held(person, followed, is_state(endpoint)), horizon)
        followed = min(followed, horizon)
        seen["totals"] += 1
        seen["events"] += by(event, followed)
        ends = event if by(event, followed) else known
        seen["months_at_risk"] += max(0.0, ends - begins)
    return seen


def is_state(endpoint: Table) -> bool:
    """Whether the event of a time is a change of state, seen at visits where there are any."""
    words = endpoint.get("event", [])
    words = [words] if isinstance(words, str) else words
    if words:
        return "relapse" in words or "remission" in words
    return not endpoint.get("at_once", False)


def changes_seen(
    name: str, endpoint: Table, people: Sequence[Person], date: float
) -> list[tuple[str, float, float]]:
    """Arm, baseline and change at the analysed visit of those who were seen there by a date."""
    month = endpoint.get("month", endpoint["visits"][-1])
    place = 1 + endpoint["visits"].index(month)
    date = visits.reported(name, people, date)
    return [
        (person["arm"], person[name][0], person[name][place] - person[name][0])
        for person in people
        if by(person["randomised_month"] + month, date)
        and by(month, min(person["dropout_month"], person["death_month"]))
        and not math.isnan(person[name][place])
    ]


def see_score(name: str, endpoint: Table, people: Sequence[Person], date: float) -> Table:
    """How many were seen at the analysed visit, and their mean change."""
    seen = [change for _, _, change in changes_seen(name, endpoint, people, date)]
    return {"totals": len(seen), "mean_change": sum(seen) / len(seen) if seen else math.nan}


def covariance_analysis(
    raw: Table, name: str, people: Sequence[Person], date: float
) -> tuple[Any, Any, float]:
    """Least squares of the change on arm and centred baseline: centre, scale matrix, freedom."""
    seen = changes_seen(name, raw["endpoints"][name], people, date)
    centre = sum(baseline for _, baseline, _ in seen) / len(seen)
    rows = [[float(arm == own) for own in arms_of(raw)] + [b - centre] for arm, b, _ in seen]
    x, y = np.array(rows), np.array([change for *_, change in seen])
    gram = np.linalg.inv(x.T @ x)
    beta = gram @ x.T @ y
    freedom = len(seen) - x.shape[1]
    return beta, gram * float(((y - x @ beta) ** 2).sum()) / freedom, freedom


def score_probability(raw: Table, question: Table, people: Sequence[Person], date: float) -> float:
    """P(arm - minus > above | seen) of a mean change, or of below, under flat priors."""
    arm, minus = asked_arms(raw, question)
    beta, scale, freedom = covariance_analysis(raw, question["endpoint"], people, date)
    contrast = np.zeros(len(beta))
    contrast[arms_of(raw).index(arm)] = 1.0
    if minus is not None:
        contrast[arms_of(raw).index(minus)] = -1.0
    margin = float(question["above"] if "above" in question else question["below"])
    t = stats.t(freedom, contrast @ beta, np.sqrt(contrast @ scale @ contrast))
    return float(t.sf(margin) if "above" in question else t.cdf(margin))


def begins_and_ends(name: str, endpoint: Table, person: Person) -> tuple[float, float]:
    """Where a time to an event begins, and the first of its events that is not before that."""
    if "event" not in endpoint:
        return 0.0, person[name]
    begins = 0.0
    if endpoint.get("clock") == "infusion" and person["infused_arm"]:
        begins = person["infused_month"]
    if endpoint.get("clock") == "remission":
        begins = (remissions(person) or [(NEVER, NEVER)])[0][0]
    words = endpoint["event"]
    months: list[float] = []
    for word in [words] if isinstance(words, str) else words:
        if word == "relapse":
            months += [loss for _, loss in remissions(person)]
        elif word == "remission":
            months += [onset for onset, _ in remissions(person)]
        else:
            months.append(person.get({"crossover": "crossed"}.get(word, word) + "_month", NEVER))
    return begins, min((month for month in months if by(begins, month)), default=NEVER)


def see(name: str, endpoint: Table, people: Sequence[Person], date: float) -> Table:
    """What is visible of an endpoint, in these participants, by a date since opening."""
    kind = endpoint["type"]
    if kind != "continuous":
        date = visits.reported(name, people, date)
    if kind == "landmark":
        return see_landmark(name, endpoint, people, date)
    if kind == "adverse_event":
        return see_adverse_event(name, endpoint, people, date)
    if kind == "time_to_relapse":
        return see_relapse(endpoint, people, date)
    if kind == "time_in_remission":
        return see_time_in_remission(endpoint, people, date)
    if kind == "time_to_event":
        return see_time_to_event(name, endpoint, people, date)
    if kind == "continuous":
        return see_score(name, endpoint, people, date)
    raise NotImplementedError(f"endpoint type {kind}")


# --- The rules --------------------------------------------------------------------------------


def binary_counts(raw: Table, endpoint: str, people: Sequence[Person], date: float) -> Table:
    """By arm: (successes or events, totals) of a binary endpoint."""
    counts = {}
    for arm in arms_of(raw):
        mine = [person for person in people if person["arm"] == arm]
        seen = see(endpoint, raw["endpoints"][endpoint], mine, date)
        counts[arm] = (seen.get("successes", seen.get("events")), seen["totals"])
    for name in external_of(raw, endpoint):
        counts[name] = seen_outside(raw, name)
    return counts


def posterior_probability(raw: Table, question: Table, counts: Table) -> float:
    """P(arm - minus > above | counts), or of below."""
    arm, minus = asked_arms(raw, question)
    endpoint = question["endpoint"]
    margin = float(question["above"] if "above" in question else question["below"])
    first = posterior.updated(prior_of(raw, endpoint, arm), *counts[arm])
    if minus is None:
        above = posterior.probability_above(first, margin)
    else:
        second = posterior.updated(prior_of(raw, endpoint, minus), *counts[minus])
        above = posterior.probability_difference_above(first, second, margin)
    return above if "above" in question else 1.0 - above


@cache
def _difference_above(
    prior_first: posterior.Mixture,
    first: tuple[int, int],
    prior_second: posterior.Mixture,
    second: tuple[int, int],
    margin: float,
) -> float:
    table = posterior.difference_above_table(prior_first, first[1], prior_second, second[1], margin)
    return float(table[first[0], second[0]])


def predictive_probability(
    raw: Table,
    rule: Table,
    people: Sequence[Person],
    date: float,
    number_of_looks: int,
    planned: dict[str, int] | None = None,
) -> float:
    """Predictive probability that the named rule's condition will hold at the last look.

    ``planned`` are the numbers in each arm once everybody is in, where they are not those of the
    design.
    """
    target = rule_named(raw, rule["predictive"]["rule"])
    question = target["posterior"]
    arm, minus = asked_arms(raw, question)
    endpoint = question["endpoint"]
    if raw["endpoints"][endpoint]["type"] != "landmark":
        raise NotImplementedError("predictive probability of another endpoint than a landmark")
    threshold = threshold_at(target, number_of_looks, number_of_looks)
    margin = float(question["above"] if "above" in question else question["below"])

    arms = arms_of(raw)
    now, to_come, priors = {}, {}, {}
    for name in (arm, minus):
        if name is None:
            continue
        if name not in arms:
            now[name], to_come[name] = seen_outside(raw, name), 0
            priors[name] = prior_of(raw, endpoint, name)
            continue
        mine = [person for person in people if person["arm"] == name]
        seen = see(endpoint, raw["endpoints"][endpoint], mine, date)
        month, known = raw["endpoints"][endpoint]["month"], visits.reported(endpoint, mine, date)
        passed = sum(
            by(person["randomised_month"] + month + visits.wait(person), known) for person in mine
        )
        full = planned_numbers(raw)[arms.index(name)] if planned is None else planned[name]
        if rule["predictive"].get("with", "max_n") == "enrolled":
            full = len(mine)
        now[name] = (seen["successes"], seen["totals"])
        to_come[name] = max(0, full - passed)
        priors[name] = prior_of(raw, endpoint, name)

    def holds(further_first: int, further_second: int) -> bool:
        first = (now[arm][0] + further_first, now[arm][1] + to_come[arm])
        if minus is None:
            above = posterior.probability_above(posterior.updated(priors[arm], *first), margin)
        else:
            second = (now[minus][0] + further_second, now[minus][1] + to_come[minus])
            above = _difference_above(priors[arm], first, priors[minus], second, margin)
        return compare(target, above if "above" in question else 1.0 - above, threshold)

    # Without a second arm there is nothing to come in it: a certain zero.
    nothing: posterior.Mixture = ((1.0, 1.0, 1.0),)
    return posterior.predictive_probability(
        posterior.updated(priors[arm], *now[arm]),
        to_come[arm],
        posterior.updated(priors[minus], *now[minus]) if minus else nothing,
        to_come[minus] if minus else 0,
        holds,
    )


def rule_probability(
    raw: Table, rule: Table, people: Sequence[Person], date: float, number_of_looks: int
) -> float:
    """The probability that a rule compares with its threshold, on what is visible by a date."""
    if "predictive" in rule:
        return predictive_probability(raw, rule, people, date, number_of_looks)
    endpoint = rule["posterior"]["endpoint"]
    if raw["endpoints"][endpoint]["type"] == "continuous":
        return score_probability(raw, rule["posterior"], people, date)
    counts = binary_counts(raw, endpoint, people, date)
    return posterior_probability(raw, rule["posterior"], counts)


# --- The trial --------------------------------------------------------------------------------


def share_at(share: Any, month: float) -> float:
    """The share of a part at a month: a number, steps (`from`), or a straight line (`at`)."""
    if not isinstance(share, list):
        return float(share)
    if "from" in share[0]:
        return float([point["share"] for point in share if point["from"] <= month][-1])
    if month <= share[0]["at"]:
        return float(share[0]["share"])
    for one, other in itertools.pairwise(share):
        if month <= other["at"]:
            along = (month - one["at"]) / (other["at"] - one["at"])
            return float(one["share"] + along * (other["share"] - one["share"]))
    return float(share[-1]["share"])


def of_part(truth: Table, month: float, uniform: Callable[[str], float]) -> Table:
    """The truth of a participant: that of the own part, laid over what is said of all."""
    parts = truth.get("mixture", {})
    rest = {key: value for key, value in truth.items() if key != "mixture"}
    if not parts:
        return rest
    left = uniform("mixture")
    for part in parts.values():
        left -= share_at(part["share"], month)
        if left < 0.0:
            return merge(rest, {key: value for key, value in part.items() if key != "share"})
    return rest


def participants_of(
    raw: Table, scenario: str, latents: Table, product_infusion: Table | None = None
) -> list[Person]:
    """Everybody who would be randomised if enrolment went on to max_n, in order of arrival."""
    truth = truth_of(raw, scenario)
    months = arrival_months(accrual.in_scenario(raw, scenario), latents.get("arrival", []))
    strata = strata_of(raw, latents.get("stratum", []))
    arms = assignments(raw, strata, latents["assignment"])
    people, follow_up = [], visits.in_scenario(raw, scenario)
    for participant, (month, stratum, arm) in enumerate(zip(months, strata, arms, strict=True)):

        def uniform(purpose: str, participant: int = participant) -> float:
            return float(latents[purpose][participant])

        own = of_part(truth, month, uniform)
        person = run_course(raw, own, arm, stratum, uniform, product_infusion, month)
        person = visits.seen(raw, follow_up, person, latents.get("visits", months)[participant])
        people.append({"participant": participant, "randomised_month": month, **person})
    return people


def summary(raw: Table, people: Sequence[Person], date: float) -> Table:
    """Counts and posterior means of the primary endpoint by a date, by arm."""
    primary = primary_of(raw)
    arms = arms_of(raw)
    if raw["endpoints"][primary]["type"] == "continuous":
        beta, _, _ = covariance_analysis(raw, primary, people, date)
        by_arm = dict(zip(arms, beta.tolist(), strict=False))
        seen = changes_seen(primary, raw["endpoints"][primary], people, date)
        numbers = {arm: (None, sum(own == arm for own, *_ in seen)) for arm in arms}
        differences = {arm: by_arm[arm] - by_arm[arms[0]] for arm in arms[1:]}
        return {"counts": numbers, "posterior_mean": by_arm, "estimate": differences}
    if raw["endpoints"][primary]["type"] not in ("landmark", "adverse_event"):
        return {"counts": None, "posterior_mean": None, "estimate": None}
    counts = binary_counts(raw, primary, people, date)
    means = {
        arm: posterior.mean(posterior.updated(prior_of(raw, primary, arm), *counts[arm]))
        for arm in arms
    }
    control = control_of(raw) or next(iter(compared_outside(raw)), None)
    for name in external_of(raw, primary):
        means[name] = posterior.mean(
            posterior.updated(prior_of(raw, primary, name), *counts.pop(name))
        )
    estimate = {
        arm: means[arm] - (0.0 if control is None else means[control])
        for arm in experimental_of(raw)
    }
    return {"counts": counts, "posterior_mean": means, "estimate": estimate}


def hold_look(raw: Table, people: Sequence[Person], date: float, look: int, last: int) -> Table:
    """One look: what is visible on its date, and what every rule judged there says."""
    arms = arms_of(raw)
    endpoints: Table = {}
    by_stratum: Table = {}
    for name, endpoint in raw["endpoints"].items():
        endpoints[name] = {}
        by_stratum[name] = {}
        for arm in arms:
            mine = [person for person in people if person["arm"] == arm]
            endpoints[name][arm] = see(name, endpoint, mine, date)
            by_stratum[name][arm] = {
                stratum: see(name, endpoint, [p for p in mine if p["stratum"] == stratum], date)
                for stratum in raw.get("strata", {})
            }
    rules = {}
    for rule in raw.get("rules", []):
        if rule["then"] not in (*REASONS, "stop_enrolment"):
            raise NotImplementedError(f"then = {rule['then']}")
        if look in judged_at(rule, last):
            probability = rule_probability(raw, rule, people, date, last)
            threshold = threshold_at(rule, look, last)
            rules[rule["name"]] = {
                "probability": probability,
                "threshold": threshold,
                "holds": compare(rule, probability, threshold),
            }
    return {
        "look": look,
        "date": date,
        "n_randomised": len(people),
        "n_randomised_by_arm": {arm: sum(p["arm"] == arm for p in people) for arm in arms},
        "n_infused": sum(by(p["randomised_month"] + p["infused_month"], date) for p in people),
        "endpoints": endpoints,
        "strata": by_stratum,
        "rules": rules,
    }


def conduct(raw: Table, everybody: Sequence[Person], act: bool) -> tuple[list[Table], Table]:
    """Hold the looks one by one; `act` on the rules, or only watch them."""
    primary = raw["endpoints"][primary_of(raw)]
    after = primary.get("month", NEVER) + visits.wait(everybody[0])
    after += visits.delay(everybody[0].get("follow_up", {}), primary_of(raw))
    looks = planned_looks(raw)
    last = len(looks)
    held: list[Table] = []
    enrolment_closed = NEVER
    look = 1
    while True:
        in_time = [p for p in everybody if by(p["randomised_month"], enrolment_closed)]
        kind, number = looks[look - 1]
        if enrolment_closed < NEVER or kind == "all_observed":
            date = in_time[-1]["randomised_month"] + after
            if held:
                date = max(date, held[-1]["date"])
        elif kind == "observed":
            date = in_time[int(number) - 1]["randomised_month"] + after
        elif kind == "enrolled":
            date = in_time[int(number) - 1]["randomised_month"]
        else:
            date = float(number)
        people = [p for p in in_time if by(p["randomised_month"], date)]
        record = hold_look(raw, people, date, look, last)
        held.append(record)

        ended_by = None
        closes = False
        for rule in raw.get("rules", []):
            if not record["rules"].get(rule["name"], {}).get("holds", False):
                continue
            if rule["then"] == "stop_enrolment":
                closes = True
            elif ended_by is None:
                ended_by = rule
        if act and ended_by is not None:
            return held, end_of(raw, people, record, ended_by, last)
        if look == last:
            return held, end_of(raw, people, record, None, last)
        if act and closes:
            enrolment_closed = date
            look = last
        else:
            look += 1


def end_of(
    raw: Table, people: Sequence[Person], record: Table, rule: Table | None, last: int
) -> Table:
    """How the trial ended, and what became of it once the pipeline was followed up."""
    date = record["date"]
    at_end = summary(raw, people, date)
    followed = summary(raw, people, NEVER)
    reason = REASONS[rule["then"]] if rule else "no_success"
    reversal = False
    if rule is not None and reason == "success":
        probability = rule_probability(raw, rule, people, NEVER, last)
        reversal = not compare(rule, probability, threshold_at(rule, record["look"], last))
    counts = at_end["counts"]
    return {
        "end": {
            "look": record["look"],
            "reason": reason,
            "rule": rule["name"] if rule else None,
            "months": date,
            "n_randomised": len(people),
            "n_analysed": sum(total for _, total in counts.values()) if counts else None,
            "n_infused": record["n_infused"],
            **at_end,
        },
        "final": {**followed, "reversal": reversal},
    }


def run(
    raw: Table,
    scenario: str,
    latents: Table,
    stop: bool = True,
    product_infusion: Table | None = None,
) -> Table:
    """Conduct one trial of a design in a scenario.

    Parameters
    ----------
    raw
        The design, as ``tomllib`` reads it.
    scenario
        Name of the scenario.
    latents
        Uniforms by purpose and participant; see the module docstring.
    stop
        Whether the looks end where the rules end the trial; otherwise every planned look is held.
    product_infusion
        By arm, the product's default ``{failure, delay}``, where the truth names none of its own.

    Returns
    -------
    A table with

    ``participants``
        list of max_n rows in order of arrival: ``participant``, ``arm``, ``stratum``,
        ``randomised_month`` (since opening), and in months since randomisation, infinite where
        never, ``infused_month``, ``remission_month``, ``relapse_month``, ``rescue_month``,
        ``remission_on_drugs_month``, ``death_month``, ``dropout_month``, ``crossed_month``,
        ``remission_after_month``, ``relapse_after_month`` and the month of every
        adverse-event endpoint under its name (or a direct truth's outcome under its endpoint's),
        ``imputation:ENDPOINT`` being a uniform and not a month;
        ``infused_arm`` says whether the arm is infused at all. Nothing is cut by dropout, death
        or looks (`recorded` does that).
    ``looks``
        list, one a look held: ``look`` (from 1), ``date``, ``n_randomised``,
        ``n_randomised_by_arm``, ``n_infused``, ``endpoints[endpoint][arm]``,
        ``strata[endpoint][arm][stratum]`` and ``rules[rule]`` = probability, threshold, holds, for
        the rules judged there.
        A landmark shows ``successes, totals, missing``; an adverse event ``events, totals``; a
        time to relapse ``remitters, relapses, months_at_risk``; a time in remission ``totals,
        mean_months``; a time to event ``totals, events, months_at_risk``.
    ``end``
        ``look``, ``reason`` (success, futility, safety, no_success), ``rule``, ``months``,
        ``n_randomised``, ``n_analysed``, ``n_infused``, ``counts[arm]`` = (successes, totals),
        ``posterior_mean[arm]``, ``estimate[experimental arm]`` (difference to the control, if any).
    ``final``
        the pipeline followed up: ``counts``, ``posterior_mean``, ``estimate``, ``reversal``.
    """
    people = participants_of(raw, scenario, latents, product_infusion)
    looks, outcome = conduct(raw, people, act=True)
    if not stop:
        looks, _ = conduct(raw, people, act=False)
    return {"participants": people, "looks": looks, **outcome}
