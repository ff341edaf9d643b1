"""Numbers of the figures that follow participants, which a run does not keep: from replayed trials.

Nothing here is seen that a trial would not see: counts are those by the date of the look that ended
it. Two pictures are of the truth instead, and say so: the share in drug-free remission over time
and the time to infusion, in participants who are followed for as long as it takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from adaptive_cart.figures.about import about
from adaptive_cart.figures.kinds import Missing, Tables
from adaptive_cart.figures.source import (
    Replay,
    main_scenario,
    no_course,
    replay,
    scenarios,
    truth_of,
)
from adaptive_cart.figures.tables_calendar import never_stopped, over_trials, percentiles
from adaptive_cart.figures.tables_measures import PANELS, table
from adaptive_cart.figures.thinning import choose, shown_scenarios
from adaptive_cart.nouns.course import DRUG_FREE
from adaptive_cart.nouns.questions import KINDS, Question
from adaptive_cart.nouns.records import Booleans, Floats, Population
from adaptive_cart.nouns.summaries import Durations
from adaptive_cart.recorded.table import participants_table
from adaptive_cart.results.result import Result

LANES = 120  # participants of a swimmer plot, at most
ACROSS = 4  # looks that stand side by side


def _enrolled(found: Replay) -> Booleans:
    """Who was randomised by the end of each trial, ``(trial, participant)``."""
    randomised = found.block.randomised.sum(axis=1)
    return np.arange(found.population.participants)[None, :] < randomised[:, None]


# ── C1: participant flow ──────────────────────────────────────────────────────────────────────
STEPS = (
    # step, what it is a part of, whether only arms with an infusion have it
    ("randomised", None, False),
    ("infused", "randomised", True),
    ("not infused: infusion failed", "randomised", True),
    ("not infused: left or died", "randomised", True),
    ("not infused: still waiting", "randomised", True),
    ("remission", "randomised", False),
    ("relapsed", "remission", False),
    ("in remission, followed", "remission", False),
    ("in remission when lost or died", "remission", False),
)


def flow_tables(result: Result) -> Tables | Missing:
    """C1: what has become of those randomised when a trial ends, by arm."""
    name = main_scenario(result)
    lacking = no_course(result, name)
    if lacking is not None:
        return lacking
    found = replay(result, name)
    population, enrolled = found.population, _enrolled(found)
    rows = []
    for arm, label in enumerate(result.design.arm_names):
        members = enrolled & (population.arm == arm)
        counted = _flow(population, found.block.months, members)
        for step, whole, infused_only in STEPS:
            if infused_only and not population.infused_arms[arm]:
                continue
            numbers = counted[step].sum(axis=1)
            of = None if whole is None else counted[whole].sum()
            rows.append(
                {
                    "arm": label,
                    "step": step,
                    "part_of": whole,
                    "mean": float(numbers.mean()),
                    **percentiles(numbers),
                    "share_of_randomised": float(numbers.sum() / max(members.sum(), 1)),
                    "share": None if of is None else float(numbers.sum() / max(of, 1)),
                }
            )
    return {
        "flow": table(rows),
        "about": about(result, scenario=name, replayed=found.trials),
    }


def _flow(population: Population, end: Floats, members: Booleans) -> dict[str, Booleans]:
    """Who has come to each step by the end of the trial, ``(trial, participant)``."""
    course = population.course
    assert course is not None
    since = end[:, None] - population.arrival
    gone = course.gone
    last = np.minimum(since, gone)
    infused = members & (course.infused <= last)
    outside = members & ~infused
    left = outside & (gone <= since)
    failed = outside & ~left & ~np.isfinite(course.infused)
    began, lost = course.state(DRUG_FREE).first()
    remission = members & (began <= last)
    relapsed = remission & (lost <= last)
    lasting = remission & ~relapsed
    return {
        "randomised": members,
        "infused": infused,
        "not infused: infusion failed": failed,
        "not infused: left or died": left,
        "not infused: still waiting": outside & ~left & ~failed,
        "remission": remission,
        "relapsed": relapsed,
        "in remission, followed": lasting & (gone > since),
        "in remission when lost or died": lasting & (gone <= since),
    }


# ── C2: swimmer plot ──────────────────────────────────────────────────────────────────────────
def typical_trial(found: Replay) -> int:
    """The trial of median duration, the first of those that are equal, among the replayed."""
    months = found.block.months
    order = np.lexsort((np.arange(len(months)), months))
    return int(order[(len(order) - 1) // 2])


def swimmer_tables(result: Result) -> Tables | Missing:
    """C2: every participant of one trial, from randomisation to the last contact."""
    name = main_scenario(result)
    lacking = no_course(result, name)
    if lacking is not None:
        return lacking
    found = replay(result, name)
    population, block = found.population, found.block
    trial = typical_trial(found)
    number = int(block.randomised[trial].sum())
    rows = participants_table(result.design, population, trial, float(block.months[trial]), number)
    frame = table(rows[:LANES]).replace("", np.nan)
    course = found.course
    since = block.months[trial] - population.arrival[trial, : len(frame)]
    dropped = course.dropout[trial, : len(frame)] < np.minimum(
        since, course.death[trial, : len(frame)]
    )
    frame["dropped_out"] = dropped
    harms = [n for n, e in result.design.endpoints.items() if e.harm and e.binary]
    events = [name for name in harms if name in frame]
    return {
        "participants": frame,
        "about": about(
            result,
            scenario=name,
            trial=trial,
            replayed=found.trials,
            randomised=number,
            shown=len(frame),
            months=float(block.months[trial]),
            look=int(block.look[trial]),
            between=bool(block.between[trial]),
            reason=_reason(found, trial),
            event=events[0] if events else None,
            event_words=(None if not events else result.design.endpoint_label(events[0])),
        ),
    }


def _reason(found: Replay, trial: int) -> str:
    from adaptive_cart.decisions import ENDINGS

    return ENDINGS[found.block.standing.reason[trial]].name


# ── C3: randomisation to infusion ─────────────────────────────────────────────────────────────
def infusion_tables(result: Result) -> Tables | Missing:
    """C3: share infused by months from randomisation, by arm."""
    name = main_scenario(result)
    lacking = no_course(result, name)
    if lacking is not None:
        return lacking
    truth = truth_of(result, name)
    if not any(truth.infused_arms):
        return Missing(
            "no arm of the design has a product that is infused",
            "give an arm a product (adaptive-cart check lists them) and simulate again",
        )
    found = replay(result, name)
    population, infused = found.population, found.course.infused
    inside = np.arange(population.participants)[None, :] < result.design.enrolment.max_n
    rows, summary = [], []
    arms = [arm for arm in range(population.arms) if population.infused_arms[arm]]
    dates = infused[inside & np.isin(population.arm, arms) & np.isfinite(infused)]
    reach = float(np.quantile(dates, 0.998, method="inverted_cdf"))
    grid = np.linspace(0.0, np.ceil(reach * 2) / 2, 121)
    for arm in arms:
        members = inside & (population.arm == arm)
        label = result.design.arm_names[arm]
        for month in grid:
            share = (members & (infused <= month)).sum(axis=1) / members.sum(axis=1)
            rows.append({"arm": label, "month": float(month), **_share_over_trials(share)})
        months = infused[members & np.isfinite(infused)]
        summary.append(
            {
                "arm": label,
                "product": result.design.arms[label].product,
                "infused": float(np.isfinite(infused[members]).mean()),
                "participants": int(members.sum()),
                **percentiles(months),
            }
        )
    return {
        "share": table(rows),
        "months": table(summary),
        "about": about(
            result, scenario=name, replayed=found.trials, max_n=result.design.enrolment.max_n
        ),
    }


def _share_over_trials(share: Floats) -> dict[str, float]:
    """A share over trials, as `over_trials` has it; its interval ends at none and at all."""
    found = over_trials(share)
    return found | {"lower": max(found["lower"], 0.0), "upper": min(found["upper"], 1.0)}


# ── C4: drug-free remission over time ─────────────────────────────────────────────────────────
def remission_tables(result: Result) -> Tables | Missing:
    """C4: share of those randomised who are in drug-free remission, by month and arm."""
    lacking = no_course(result, main_scenario(result))
    if lacking is not None:
        return lacking
    design = result.design
    reach = [e.censors_after() or 0.0 for e in design.endpoints.values()]
    reach += [e.known_after() or 0.0 for e in design.endpoints.values() if e.from_course]
    months = np.arange(0.0, max([*reach, 12.0]) + 0.25, 0.5)
    rows = []
    for name, role in scenarios(result):
        if no_course(result, name) is not None:
            continue
        found = replay(result, name)
        population = found.population
        inside = np.arange(population.participants)[None, :] < design.enrolment.max_n
        remissions, gone = found.course.state(DRUG_FREE), found.course.gone
        for arm, label in enumerate(design.arm_names):
            members = inside & (population.arm == arm)
            for month in months:
                there = members & remissions.hold_at(month) & (gone > month)
                share = there.sum(axis=1) / np.maximum(members.sum(axis=1), 1)
                rows.append({"scenario": name, "role": role, "arm": label,
                             "month": float(month), **_share_over_trials(share)})  # fmt: skip
    known = design.primary_endpoint.known_after()
    shown = _curves_shown(result, rows)
    return {
        "remission": table([{"shown": row["scenario"] in shown, **row} for row in rows]),
        "about": about(
            result,
            scenario=main_scenario(result),
            replayed=min(replay(result, name).trials for name, _ in scenarios(result)),
            primary_month=known,
            max_n=design.enrolment.max_n,
        ),
    }


def _curves_shown(result: Result, rows: list[dict[str, Any]]) -> set[str]:
    """Scenarios that there is room for, those with most and least remission among them."""
    by_arm = table(rows).groupby(["arm", "scenario"], sort=False)["estimate"].max()
    highest = [by_arm[arm].to_dict() for arm in dict.fromkeys(row["arm"] for row in rows)]
    named = list(dict.fromkeys(row["scenario"] for row in rows))
    return shown_scenarios(result, PANELS, *highest, among=named)


# ── C5: durability ────────────────────────────────────────────────────────────────────────────
def durability_tables(result: Result) -> Tables | Missing:
    """C5: posterior of the fraction still in remission, at each look of one trial."""
    name = main_scenario(result)
    lacking = no_course(result, name)
    if lacking is not None:
        return lacking
    found = replay(result, name)
    endpoints = [
        key
        for key, (analysis, _) in found.plan.fitted.items()
        if result.design.endpoints[key].from_remission and analysis.can_be_asked(KINDS["remaining"])
    ]
    if not endpoints:
        return Missing(
            "no endpoint of the design has a model of the fraction remaining",
            'add an endpoint of type "time_to_relapse" with [analysis] model = "weibull_cure" and '
            "simulate again",
        )
    endpoint, trial = endpoints[0], typical_trial(found)
    analysis, model = found.plan.fitted[endpoint]
    horizon = result.design.endpoints[endpoint].censors_after()
    months = np.linspace(0.0, horizon, 37)
    row_of_trial = np.array([trial])
    ended = int(found.block.look[trial])
    rows = []
    held = [r for r in never_stopped(result, name).block.looks if not r.between]
    numbers = [record.look for record in held]
    # the look that ended the trial is seen, and the first and the last
    drawn = choose(numbers, ACROSS, [ended, numbers[0], numbers[-1]])
    for record in held:
        data = record.summaries[endpoint].rows(row_of_trial)
        assert isinstance(data, Durations)
        posterior = analysis.posterior(model, data, None)
        for arm, label in enumerate(result.design.arm_names):
            for month in months:
                at = float(month)
                mean = lower = upper = 1.0
                if at > 0.0:
                    asked = Question(endpoint, arm, kind="remaining", month=at)
                    mean = float(posterior.mean(asked)[0])
                    lower, upper = (float(posterior.quantile(asked, p)[0]) for p in (0.025, 0.975))
                rows.append(
                    {
                        "look": record.look,
                        "shown": record.look in drawn,
                        "calendar_month": float(record.date[trial]),
                        "arm": label,
                        "month": at,
                        "mean": mean,
                        "lower": lower,
                        "upper": upper,
                        "remitters": int(data.analysed[0, arm].sum()),
                        "relapses": int(data.events[0, arm].sum()),
                    }
                )
    return {
        "durability": table(rows),
        "true": table(_true_durability(result, found, months)),
        "about": about(
            result,
            scenario=name,
            trial=trial,
            ended=ended,
            between=bool(found.block.between[trial]),
            replayed=found.trials,
            endpoint=result.design.endpoint_label(endpoint),
            horizon=horizon,
        ),
    }


def _true_durability(result: Result, found: Replay, months: Floats) -> list[dict[str, Any]]:
    """Fraction of remitters still in remission, had all been followed; from all replayed trials."""
    population = found.population
    began, lost = found.course.state(DRUG_FREE).first()
    inside = np.arange(population.participants)[None, :] < result.design.enrolment.max_n
    rows = []
    for arm, label in enumerate(result.design.arm_names):
        remitters = inside & (population.arm == arm) & np.isfinite(began)
        lasted = lost[remitters] - began[remitters]
        rows += [
            {"arm": label, "month": float(month), "remaining": float((lasted > month).mean()),
             "remitters": len(lasted)}
            for month in months
            if len(lasted)
        ]  # fmt: skip
    return rows
