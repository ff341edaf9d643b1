"""Numbers of the figures with a calendar: the course of a trial, accrual, duration, estimates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from adaptive_cart.conduct.plan import Estimand
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.decisions import REASONS
from adaptive_cart.figures.about import about, estimand_words
from adaptive_cart.figures.kinds import Missing, Tables
from adaptive_cart.figures.source import (
    REPLAYED,
    Replay,
    kept,
    main_scenario,
    plan_of,
    scenarios,
    targets_of,
    trials_of,
    truth_of,
)
from adaptive_cart.figures.tables_measures import (
    CURVES,
    MOST_CURVES,
    reached,
    table,
)
from adaptive_cart.figures.thinning import choose, harm_only, must_be_seen, shown_scenarios
from adaptive_cart.nouns.records import Floats
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.figure import Z95
from adaptive_cart.results.result import Result

PERCENTS = (5, 50, 95)
BINS = 24
END = ("look", "between", "reason")  # how trials ended: before a look (between looks) or at it
LINES, PANEL_LINES = 46, 1.6  # of a page of F9, and of the name of a panel and the space above it


def percentiles(values: Any) -> dict[str, float]:
    """The 5th, 50th and 95th percentile: the smallest value with as many at or below it."""
    known = np.asarray(values, dtype=np.float64)
    if len(known) == 0:
        return {f"p{percent:02d}": float("nan") for percent in PERCENTS}
    found = np.quantile(known, [p / 100 for p in PERCENTS], method="inverted_cdf")
    return {f"p{p:02d}": float(value) for p, value in zip(PERCENTS, found, strict=True)}


def over_trials(values: Floats) -> dict[str, float]:
    """Mean over trials with its Monte Carlo interval, and how it varies between trials."""
    mean = float(values.mean())
    mcse = float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return {
        "estimate": mean,
        "mcse": mcse,
        "lower": mean - Z95 * mcse,
        "upper": mean + Z95 * mcse,
        **percentiles(values),
    }


def never_stopped(result: Result, scenario: str) -> Replay:
    """Trials of a scenario as they would go on if no rule held, from number 0."""

    def make() -> Replay:
        plan = plan_of(result)
        going_on = replace(plan, rules=tuple(rule.never() for rule in plan.rules))
        truth, seed = truth_of(result, scenario), result.manifest["seed"]
        latents = latents_for(result.design, seed, 0, REPLAYED)
        targets = targets_of(result, scenario)
        block = run_block(going_on, truth, targets, latents, keep_population=True)
        return Replay(going_on, truth, block, seed)

    return kept(result, ("never stopped", scenario), make)


# ── F1 ────────────────────────────────────────────────────────────────────────────────────────
def timeline_tables(result: Result) -> Tables | Missing:
    """F1: when enrolment, infusion, follow-up and looks take place, if no rule ends the trial."""
    name = main_scenario(result)
    found = never_stopped(result, name)
    population, design = found.population, result.design
    arrival = population.arrival[:, : design.enrolment.max_n]
    arrival = np.where(np.isfinite(arrival), arrival, np.nan)
    rows = [_lane("enrolment", "randomisation", arrival)]
    for place, arm in enumerate(design.arm_names if design.stays is not None else ()):
        own = np.where(population.arm[:, : arrival.shape[1]] == place, arrival, np.nan)
        own = own[np.isfinite(own).any(axis=1)]  # trials that it has entered
        if len(own):
            words = f"randomisation to {design.arm_label(arm)}"
            rows.append(_lane(f"to {design.arm_label(arm)}", words, own))
    if population.course is not None and any(population.infused_arms):
        infused = population.course.infused[:, : design.enrolment.max_n]
        rows.append(_lane("infusion", "infusion", np.where(infused < np.inf, arrival + infused,
                                                           np.nan)))  # fmt: skip
    followed = design.primary_endpoint.known_after()
    if followed is not None:
        words = f"month {followed:g} of the primary endpoint"
        rows.append(_lane("primary observed", words, arrival + followed))
    looks = []
    for record in found.block.looks:
        if record.between:
            continue
        held = np.flatnonzero(record.held)
        primary = record.summaries[design.primary]
        numbers = {
            "randomised": record.randomised[held].sum(axis=(1, 2)),
            "infused": record.infused[held].sum(axis=(1, 2)),
            "analysed": primary.analysed[held].sum(axis=(1, 2)),
        }
        row: dict[str, Any] = {"look": record.look, **percentiles(record.date[held])}
        for what, values in numbers.items():
            row |= {f"{what}_{key}": value for key, value in percentiles(values).items()}
        row["reached"] = reached(result, name, record.look)
        looks.append(row)
    return {
        "lanes": table(rows),
        "looks": table(looks),
        "about": about(
            result,
            scenario=name,
            replayed=found.trials,
            scale=design.looks.scale,
            max_n=design.enrolment.max_n,
            infusions=population.course is not None and any(population.infused_arms),
        ),
    }


def _lane(lane: str, what: str, dates: Floats) -> dict[str, Any]:
    """When something begins and ends in a trial."""
    begins, ends = np.nanmin(dates, axis=1), np.nanmax(dates, axis=1)
    row: dict[str, Any] = {"lane": lane, "what": what}
    for edge, values in (("first", begins), ("last", ends)):
        row |= {f"{edge}_{key}": value for key, value in percentiles(values).items()}
    return row


# ── F8 ────────────────────────────────────────────────────────────────────────────────────────
def duration_tables(result: Result) -> Tables | Missing:
    """F8: enrolment over the calendar, and months to the end of the trial."""
    name = main_scenario(result)
    found = never_stopped(result, name)
    population, design = found.population, result.design
    arrival = population.arrival[:, : design.enrolment.max_n]
    dates = {"randomised": arrival}
    if population.course is not None and any(population.infused_arms):
        dates["infused"] = arrival + population.course.infused[:, : design.enrolment.max_n]
    followed = design.primary_endpoint.known_after()
    if followed is not None:
        dates["primary observed"] = arrival + followed
    last = max(record.date[record.held].max() for record in found.block.looks)
    months = np.arange(0.0, np.ceil(last) + 1.0, 0.5)
    rows = []
    for what, when in dates.items():
        ordered = np.sort(when, axis=1)
        for month in months:
            so_far = (ordered <= month).sum(axis=1)
            rows.append({"what": what, "month": float(month), **percentiles(so_far)})
    looks = [
        {"look": record.look, **percentiles(record.date[record.held])}
        for record in found.block.looks
        if not record.between
    ]
    trials = trials_of(result)
    by_scenario = {
        scenario: trials.loc[trials["scenario"] == scenario, "months"]
        for scenario, _ in scenarios(result)
    }
    steps = []
    means = {name: float(own.mean()) for name, own in by_scenario.items()}
    inside = shown_scenarios(result, CURVES, means, room=MOST_CURVES)
    for scenario, role in scenarios(result):
        ends = np.sort(by_scenario[scenario].to_numpy())
        shares = np.arange(1, len(ends) + 1) / len(ends)
        chosen = np.unique(np.ceil(np.linspace(0, len(ends) - 1, min(len(ends), 400))).astype(int))
        steps += [
            {"scenario": scenario, "role": role, "shown": scenario in inside,
             "month": float(ends[k]), "at_most": shares[k]}
            for k in chosen
        ]  # fmt: skip
    import pandas as pd

    summary = [
        {"scenario": name, "role": role, "shown": name in inside,
         **percentiles(by_scenario[name]), "mean": means[name]}
        for name, role in scenarios(result)
    ]  # fmt: skip
    return {
        "accrual": table(rows),
        "looks": table(looks),
        "duration": pd.DataFrame(steps),
        "months": table(summary),
        "about": about(
            result,
            scenario=name,
            replayed=found.trials,
            max_n=design.enrolment.max_n,
            drawn=len(trials) // max(len(scenarios(result)), 1),
        ),
    }


# ── F9 ────────────────────────────────────────────────────────────────────────────────────────
def estimation_tables(result: Result) -> Tables | Missing:
    """F9: errors of the estimate by the look at which a trial ended and why."""
    plan = plan_of(result)
    if not plan.estimands:
        return Missing(
            "the primary endpoint has no posterior that gives an estimate",
            "give it a model in [analysis] and simulate again",
        )
    overall = [estimand for estimand in plan.estimands if estimand.stratum is None]
    several = len(overall) > 1
    cells, shapes = [], []
    for name, _ in scenarios(result):
        for estimand in overall:
            found = _ends_of(result, name, estimand, several)
            cells += [row for row, _ in found]
            shapes += [step for _, shape in found for step in shape]
    if not cells:
        return Missing(
            "no scenario of this run has a finite true value of the estimand",
            "give the primary endpoint a truth in every scenario and simulate again",
        )
    shown = _panels_shown(result, cells, several)
    return {
        "errors": table([{"shown": row["panel"] in shown, **row} for row in cells]),
        "shapes": table(shapes, ("panel", *END, "from", "to", "share")),
        "about": about(
            result,
            several=several,
            estimand=estimand_words(result),
            drawn=len(trials_of(result)) // max(len(scenarios(result)), 1),
        ),
    }


def _ends_of(
    result: Result, scenario: str, estimand: Estimand, several: bool
) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """A row and a shape for all trials of a scenario, and for each way in which they ended."""
    trials = trials_of(result)
    own = trials[trials["scenario"] == scenario]
    true = result.figure(scenario, "estimand", arm=estimand.arm).estimate
    if not np.isfinite(true):
        return []
    errors = own[f"estimate{estimand.suffix}"].to_numpy(dtype=np.float64) - true
    covered = own[f"covered{estimand.suffix}"].to_numpy(dtype=bool)
    columns = (own["look"], own["between"].astype(bool), own["reason"].astype(str))
    ends = list(zip(*columns, strict=True))
    panel = scenario
    if several and estimand.arm is not None:
        panel = f"{scenario}: {result.design.arm_label(estimand.arm)}"
    rows = []
    for end in [(0, False, "all"), *sorted(set(ends), key=_by_date)]:
        inside = np.isfinite(errors)
        if end[0]:
            inside &= np.array([other == end for other in ends])
        if inside.any():
            told = _told(errors[inside], covered[inside])
            where = {"panel": panel, **dict(zip(END, end, strict=True))}
            row = {"scenario": scenario, "arm": estimand.arm, "true": true, **where, **told}
            rows.append((row, _shape(where, errors[inside])))
    return rows


def _by_date(end: tuple[int, bool, str]) -> tuple[int, bool, int]:
    look, between, reason = end
    return look, not between, REASONS.index(reason)  # what ends before a look comes before it


def _panels_shown(result: Result, cells: list[dict[str, Any]], several: bool) -> set[str]:
    """Panels that there is room for, the extremes of bias and coverage among them."""
    whole = {row["panel"]: row for row in cells if row["look"] == 0}
    lines = len(cells) / len(whole) + PANEL_LINES
    most = max(int(LINES / lines), 1)
    bias, coverage = ({p: row[what] for p, row in whole.items()} for what in ("bias", "coverage"))
    first, then = (
        [panel for name in names for panel in _panels_of(whole, name, several)]
        for names in (must_be_seen(result), harm_only(result))
    )
    if several:  # every arm of the scenario that figures of one truth show
        main = main_scenario(result)
        first = [panel for panel, row in whole.items() if row["scenario"] == main] + first
    order = sorted(whole, key=lambda panel: whole[panel]["true"])
    return set(choose(order, most, first, (bias, coverage), then, 2 * most))


def _panels_of(whole: dict[str, dict[str, Any]], scenario: str, several: bool) -> list[str]:
    """Panel of a scenario; with several arms that of the arm with the largest bias."""
    own = [panel for panel, row in whole.items() if row["scenario"] == scenario]
    return sorted(own, key=lambda panel: -abs(whole[panel]["bias"]))[:1] if several else own


def _told(errors: Floats, covered: Any) -> dict[str, Any]:
    """Mean error with its Monte Carlo interval, percentiles, coverage and number of trials."""
    n = len(errors)
    bias = float(errors.mean())
    mcse = float(errors.std(ddof=1)) / np.sqrt(n) if n > 1 else float("nan")
    quarters = np.quantile(errors, [0.25, 0.75], method="inverted_cdf")
    return {
        "n": n,
        "bias": bias,
        "bias_mcse": mcse,
        "bias_lower": bias - Z95 * mcse,
        "bias_upper": bias + Z95 * mcse,
        **percentiles(errors),
        "p25": float(quarters[0]),
        "p75": float(quarters[1]),
        "coverage": float(np.mean(covered)),
    }


def _shape(where: dict[str, Any], errors: Floats) -> list[dict[str, Any]]:
    """How errors are distributed: the share in each of equal bins between their extremes."""
    low, high = float(errors.min()), float(errors.max())
    if len(errors) < 20 or high <= low:
        return []
    counts, edges = np.histogram(errors, BINS, (low, high))
    return [
        {**where, "from": float(edges[k]), "to": float(edges[k + 1]),
         "share": float(counts[k]) / len(errors)}
        for k in range(BINS)
    ]  # fmt: skip
