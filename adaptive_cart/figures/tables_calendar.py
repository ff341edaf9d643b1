"""Numbers of the figures with a calendar: the course of a trial, accrual, duration, estimates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from adaptive_cart.conduct.rules import REASONS
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.figures.kinds import Missing, Tables
from adaptive_cart.figures.source import (
    REPLAYED,
    Replay,
    about,
    displayed,
    estimand_words,
    kept,
    main_scenario,
    plan_of,
    scenarios,
    targets_of,
    trials_of,
    truth_of,
)
from adaptive_cart.figures.tables_measures import ROWS, measured, table
from adaptive_cart.nouns.records import Floats
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.operating import Z95
from adaptive_cart.results.result import Result

PERCENTS = (5, 50, 95)
BINS = 24
PANELS = 6


def percentiles(values: Any) -> dict[str, float]:
    """The 5th, 50th and 95th percentile: the smallest value with as many at or below it."""
    known = np.asarray(values, dtype=np.float64)
    if len(known) == 0:
        return {f"p{percent:02d}": float("nan") for percent in PERCENTS}
    found = np.quantile(known, [p / 100 for p in PERCENTS], method="inverted_cdf")
    return {f"p{p:02d}": float(value) for p, value in zip(PERCENTS, found, strict=True)}


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
    population, design = found.block.population, result.design
    assert population is not None
    arrival = population.arrival[:, : design.enrolment.max_n]
    arrival = np.where(np.isfinite(arrival), arrival, np.nan)
    rows = [_lane("enrolment", "randomisation", arrival)]
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
        row["reached"] = _reached(result, name, record.look)
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


def _reached(result: Result, scenario: str, look: int) -> float:
    """Probability that a trial has not ended before a look."""
    ended = 0.0
    for earlier in range(1, look):
        for why in REASONS[:3]:
            found = measured(result, scenario, f"stop_{why}", look=earlier)
            ended += 0.0 if found is None else float(found["estimate"])
    return max(1.0 - ended, 0.0)


# ── F8 ────────────────────────────────────────────────────────────────────────────────────────
def duration_tables(result: Result) -> Tables | Missing:
    """F8: accrual over the calendar, and months to the end of the trial."""
    name = main_scenario(result)
    found = never_stopped(result, name)
    population, design = found.block.population, result.design
    assert population is not None
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
    steps = []
    inside = displayed(result, ROWS)
    for scenario, role in scenarios(result):
        ends = np.sort(trials.loc[trials["scenario"] == scenario, "months"].to_numpy())
        shares = np.arange(1, len(ends) + 1) / len(ends)
        chosen = np.unique(np.ceil(np.linspace(0, len(ends) - 1, min(len(ends), 400))).astype(int))
        steps += [
            {"scenario": scenario, "role": role, "shown": scenario in inside,
             "month": float(ends[k]), "at_most": shares[k]}
            for k in chosen
        ]  # fmt: skip
    import pandas as pd

    summary = [
        {"scenario": n, "role": r, **percentiles(trials.loc[trials["scenario"] == n, "months"]),
         "mean": float(trials.loc[trials["scenario"] == n, "months"].mean())}
        for n, r in scenarios(result)
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
    trials = trials_of(result)
    overall = [estimand for estimand in plan.estimands if estimand.stratum is None]
    several = len(overall) > 1
    shown = [main_scenario(result)] if several else [name for name, _ in scenarios(result)]
    drawn = displayed(result, PANELS)
    cells, shapes = [], []
    for name in shown:
        own = trials[trials["scenario"] == name]
        for estimand in overall:
            panel = estimand.arm if several else name
            true = result.figure(name, "estimand", arm=estimand.arm).estimate
            if not np.isfinite(true):
                continue
            errors = own[f"estimate{estimand.suffix}"].to_numpy(dtype=np.float64) - true
            covered = own[f"covered{estimand.suffix}"].to_numpy(dtype=bool)
            ends = list(zip(own["look"], own["reason"].astype(str), strict=True))
            groups: list[tuple[int, str]] = sorted(set(ends), key=_by_look)
            for look, reason in [(0, "all"), *groups]:
                inside = np.isfinite(errors)
                if look:
                    inside &= np.array([end == (look, reason) for end in ends])
                if inside.any():
                    cells.append({"panel": panel, "shown": several or name in drawn,
                                  "scenario": name, "arm": estimand.arm,
                                  "true": true, "look": look, "reason": reason,
                                  **_told(errors[inside], covered[inside])})  # fmt: skip
                    shapes += _shape(str(panel), look, reason, errors[inside])
    if not cells:
        return Missing(
            "no scenario of this run has a finite true value of the estimand",
            "give the primary endpoint a truth in every scenario and simulate again",
        )
    return {
        "errors": table(cells),
        "shapes": table(shapes, ("panel", "look", "reason", "from", "to", "share")),
        "about": about(
            result,
            scenario=main_scenario(result),
            several=several,
            estimand=estimand_words(result),
            drawn=len(trials) // max(len(scenarios(result)), 1),
        ),
    }


def _by_look(end: tuple[int, str]) -> tuple[int, int]:
    return end[0], REASONS.index(end[1])


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


def _shape(panel: str, look: int, reason: str, errors: Floats) -> list[dict[str, Any]]:
    """How errors are distributed: the share in each of equal bins between their extremes."""
    low, high = float(errors.min()), float(errors.max())
    if len(errors) < 20 or high <= low:
        return []
    counts, edges = np.histogram(errors, BINS, (low, high))
    return [
        {"panel": panel, "look": look, "reason": reason, "from": float(edges[k]),
         "to": float(edges[k + 1]), "share": float(counts[k]) / len(errors)}
        for k in range(BINS)
    ]  # fmt: skip
