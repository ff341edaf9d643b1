"""One simulated trial, told look by look: the same numbers that a run of thousands records."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_cart.design import Design
from adaptive_cart.errors import DesignError, Problem, nearest, one_of
from adaptive_cart.estimand import true_values
from adaptive_cart.participants import HEADER, participants_table
from adaptive_cart.population import latents_for
from adaptive_cart.records import Counts, Durations, Exposure, Means, Summary
from adaptive_cart.rules import REASONS
from adaptive_cart.scenarios import truths_of
from adaptive_cart.support import require_supported
from adaptive_cart.trial import Block, LookRecord, Plan, run_block
from adaptive_cart.truth import Truth

ENDINGS = {
    "success": "stops for success",
    "futility": "stops for futility",
    "safety": "stops for safety",
    "no_success": "ends without success",
}


@dataclass(frozen=True)
class Story:
    """A trial in words, and its participants as they were known at the end."""

    text: str
    participants: list[dict[str, Any]]
    columns: tuple[str, ...]

    def participants_csv(self) -> str:
        """Participants table as CSV, blank where something has not happened."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.participants)
        return text.getvalue()

    def __str__(self) -> str:
        return self.text


def example(
    design: Design, scenario: str | None = None, trial: int = 0, seed: int | None = None
) -> Story:
    """Tell one simulated trial look by look.

    Parameters
    ----------
    scenario
        Which truth; the first alternative if left out.
    trial
        Number of the trial, as in ``trials.parquet`` of a run with the same seed.

    Raises
    ------
    DesignError
        If there is no such scenario or trial.
    """
    require_supported(design)
    truths = truths_of(design)
    if scenario is None:
        alternatives = [name for name, truth in truths.items() if truth.role == "alternative"]
        scenario = next(iter([*alternatives, *truths]))
    problems = []
    if scenario not in truths:
        problems.append(
            Problem(
                "--scenario",
                f"no scenario '{scenario}'{nearest(scenario, truths)}; "
                f"the scenarios are {one_of(truths)}",
            )
        )
    if trial < 0:
        problems.append(Problem("--trial", f"found {trial}; 0 or more is expected"))
    used_seed = design.simulation.seed if seed is None else seed
    if not 0 <= used_seed < 2**63:
        problems.append(Problem("--seed", f"found {seed}; from 0 to 2^63 - 1 is expected"))
    if problems:
        raise DesignError(problems)
    truth = truths[scenario]
    difference = true_values(design, truth).difference.get(design.primary)
    target = float("nan") if difference is None else difference[1].value
    plan = Plan.of(design)
    latents = latents_for(design, used_seed, trial, 1)
    block = run_block(plan, truth, target, latents, keep_population=True)
    population = block.population
    assert population is not None
    rows = participants_table(
        design, population, 0, float(block.months[0]), int(block.randomised[0])
    )
    columns = (*HEADER, *(key for key in (rows[0] if rows else {}) if key not in HEADER))
    text = _told(design, plan, truth, block, target, trial, used_seed)
    return Story(text, rows, columns)


def _told(
    design: Design,
    plan: Plan,
    truth: Truth,
    block: Block,
    target: float,
    trial: int,
    seed: int,
) -> str:
    lines = [
        f"{design.name}",
        f"trial {trial} of scenario '{truth.name}' ({truth.role}), seed {seed}; "
        f"true difference {target:.4f}",
    ]
    for record in block.looks:
        if record.look > block.look[0]:
            break
        lines += ["", *_look(design, plan, record, block)]
    lines += ["", *_ending(design, plan, block)]
    return "\n".join(lines)


def _look(design: Design, plan: Plan, record: LookRecord, block: Block) -> list[str]:
    randomised = record.randomised[0].sum(axis=1)
    infused = record.infused[0].sum(axis=1)
    by_arm = ", ".join(
        f"{arm} {int(number)}" for arm, number in zip(design.arm_names, randomised, strict=True)
    )
    last = " (the last)" if record.look == plan.schedule.number else ""
    lines = [
        f"Look {record.look}{last}, month {record.date[0]:.1f}: "
        f"{int(randomised.sum())} randomised ({by_arm})"
        + (f", {int(infused.sum())} infused" if infused.sum() else "")
    ]
    for name, summary in record.summaries.items():
        arms = (
            f"{arm} {_summarised(summary, position)}"
            for position, arm in enumerate(design.arm_names)
        )
        lines.append(f"  {design.endpoints[name].label or name}: {'; '.join(arms)}")
    for position, rule in enumerate(plan.rules):
        if rule.name not in record.probabilities:
            continue
        probability = float(record.probabilities[rule.name][0])
        ended = block.look[0] == record.look and block.rule[0] == position
        after = block.look[0] == record.look and 0 <= block.rule[0] < position
        verdict = f"→ the trial {ENDINGS[REASONS[block.reason[0]]]}" if ended else ""
        if after:
            verdict = "(not reached: the trial has ended)"
        reason = (
            "posterior could not be computed"
            if np.isnan(probability)
            else rule.reason(design, probability, record.look)
        )
        lines.append(f"  {rule.name}: {reason} {verdict}".rstrip())
    return lines


def _summarised(summary: Summary, arm: int) -> str:
    def total(values: Any) -> float:
        return float(values[0, arm].sum())

    if isinstance(summary, Counts):
        missing = int(total(summary.missing))
        note = f" ({missing} missing)" if missing else ""
        return f"{int(total(summary.successes))}/{int(total(summary.totals))}{note}"
    if isinstance(summary, Durations):
        return (
            f"{int(total(summary.events))} events in {int(total(summary.participants))} "
            f"followed {total(summary.exposure):.1f} months"
        )
    if isinstance(summary, Exposure):
        return f"{int(total(summary.events))} events in {total(summary.years):.1f} patient-years"
    assert isinstance(summary, Means)
    number = int(total(summary.participants))
    if number == 0:
        return "nobody followed so far"
    return f"mean {total(summary.total) / number:.1f} months ({number} followed)"


def _ending(design: Design, plan: Plan, block: Block) -> list[str]:
    reason = REASONS[block.reason[0]]
    pipeline = int(block.randomised[0] - block.analysed[0])
    lines = [
        f"The trial {ENDINGS[reason]} at look {int(block.look[0])}, month {block.months[0]:.1f}: "
        f"{int(block.randomised[0])} randomised, {int(block.analysed[0])} analysed"
        + (f", {int(block.infused[0])} infused" if block.infused[0] else "")
        + "."
    ]
    if np.isfinite(block.estimate[0]):
        inside = "covers" if block.covered[0] else "misses"
        lines.append(
            f"Estimated difference {block.estimate[0]:.4f} (posterior mean); its 95% credible "
            f"interval {inside} the truth."
        )
    if pipeline > 0 and np.isfinite(block.estimate_final[0]):
        outcome = ""
        if reason == "success":
            outcome = (
                "; the success is reversed" if block.reversal[0] else "; the success stands"
            )
        lines.append(
            f"After the pipeline of {pipeline} has been followed up: "
            f"{block.estimate_final[0]:.4f} on {int(block.analysed_final[0])}{outcome}."
        )
    return lines
