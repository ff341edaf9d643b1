"""One simulated trial, told look by look: the same numbers that a run of thousands records."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from adaptive_cart.conduct.block import Block
from adaptive_cart.conduct.estimated import estimand_noun
from adaptive_cart.conduct.looks import counted_by
from adaptive_cart.conduct.plan import Estimand, Plan, told_of
from adaptive_cart.conduct.rules import ResolvedRule, resolve_rules
from adaptive_cart.conduct.standing import Standing, why_not_asked
from adaptive_cart.conduct.trial import LookRecord, run_block
from adaptive_cart.decisions import ENDINGS, SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.planned import said_moment
from adaptive_cart.design.rule_tables import leaves
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import DesignError, Problem, nearest, one_of
from adaptive_cart.nouns.asked_numbers import MOST_TRIALS, wrong_number, wrong_seed
from adaptive_cart.nouns.questions import TO_CALIBRATE
from adaptive_cart.participants.population import latents_for
from adaptive_cart.recorded.dates import date_column, in_dates
from adaptive_cart.recorded.table import HEADER, participants_table
from adaptive_cart.results.estimand import target_values, true_values


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
    design: Design,
    scenario: str | None = None,
    trial: int = 0,
    seed: int | None = None,
    opened: datetime | None = None,
) -> Story:
    """Tell one simulated trial look by look.

    Parameters
    ----------
    scenario
        Which truth; the first alternative if left out.
    trial
        Number of the trial, as in ``trials.parquet`` of a run with the same seed.
    opened
        The day on which the trial opened, where its participants are to be told in dates.

    Raises
    ------
    DesignError
        If there is no such scenario or trial.
    """
    truths = design.truths
    if scenario is None:
        alternatives = [name for name, truth in truths.items() if truth.is_alternative]
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
    problems += wrong_number("--trial", trial, 0, MOST_TRIALS)
    problems += _not_calibrated(design)
    used_seed = design.simulation.seed if seed is None else seed
    problems += wrong_seed(used_seed)
    if problems:
        raise DesignError(problems)
    truth = truths[scenario]
    plan = Plan.of(design)
    targets = target_values(plan, true_values(design, truth))
    latents = latents_for(design, used_seed, trial, 1)
    block = run_block(plan, truth, targets, latents, keep_population=True)
    population = block.population
    assert population is not None
    rows = participants_table(
        design,
        population,
        0,
        float(block.months[0]),
        int(block.randomised[0].sum()),
        truth.follow_up,
    )
    columns = (*HEADER, *(key for key in (rows[0] if rows else {}) if key not in HEADER))
    if opened is not None:
        rows = in_dates(design, rows, opened)
        columns = tuple(date_column(column) for column in columns)
    text = _told(plan, truth, block, targets, trial, used_seed)
    return Story(text, rows, columns)


def _not_calibrated(design: Design) -> list[Problem]:
    """Rules whose answer needs a threshold that is not there yet."""
    return [
        Problem(
            f"{path}.predictive.rule",
            f'found "{asked.rule}", which has {TO_CALIBRATE}, so that no trial can be told; '
            f"`adaptive-cart calibrate` finds it",
        )
        for position, (rule, resolved) in enumerate(
            zip(design.rules, resolve_rules(design), strict=True)
        )
        for (path, part), own in zip(
            leaves(rule, f"rules[{position}]"), resolved.parts, strict=True
        )
        if (asked := part.predictive) is not None
        and own.prediction is not None
        and math.isnan(own.prediction.threshold)
    ]


def _told(
    plan: Plan, truth: Truth, block: Block, targets: tuple[float, ...], trial: int, seed: int
) -> str:
    true = ", ".join(
        f"{_called(plan.design, estimand)} {target:.4f}"
        for estimand, target in zip(plan.estimands, targets, strict=True)
    )
    lines = [
        f"{plan.design.name}",
        f"trial {trial} of scenario '{truth.name}' ({truth.role}), seed {seed}"
        + (f"; true {true}" if true else ""),
        *_drawn_outside(plan.design, block),
        *(
            f"rule {rule.name} is judged at {rule.when(plan.design)}"
            for rule in plan.rules
            if rule.every
        ),
    ]
    for record in block.looks:
        if record.look > block.look[0]:
            break
        if record.held[0]:
            lines += ["", *_look(plan, record, block)]
    lines += ["", *_ending(plan, block)]
    return "\n".join(lines)


def _drawn_outside(design: Design, block: Block) -> Iterator[str]:
    """External data as they were drawn with the trial, seen at all of its looks."""
    assert block.population is not None
    for name, drawn in block.population.external.items():
        seen = design.external[name].as_drawn({key: float(v[0]) for key, v in drawn.items()})
        yield f"external data {name}, as drawn with this trial: {seen.in_words}"


def _called(design: Design, estimand: Estimand) -> str:
    """Name of an estimand in a sentence."""
    kind = estimand_noun(design)
    where = [name for name in (estimand.arm, estimand.stratum) if name is not None]
    return f"{kind} ({', '.join(where)})" if where else kind


def _look(plan: Plan, record: LookRecord, block: Block) -> list[str]:
    design = plan.design
    randomised = record.randomised[0].sum(axis=1)
    infused = record.infused[0].sum()
    by_arm = ", ".join(
        f"{arm} {int(number)}" for arm, number in zip(design.arm_names, randomised, strict=True)
    )
    last = " (the last)" if record.look == plan.schedule.number else ""
    title = f"Before look {record.look}" if record.between else f"Look {record.look}{last}"
    lines = [
        f"{title}, month {record.date[0]:.1f}: "
        f"{int(randomised.sum())} randomised ({by_arm})"
        + (f", {int(infused)} infused" if infused else "")
    ]
    lines += _due(plan, record, block)
    for name, summary in record.summaries.items():
        arms = (
            f"{arm} {summary.told(summary.of_arm(position), design.endpoints[name].unit)}"
            for position, arm in enumerate(design.arm_names)
        )
        lines.append(f"  {design.endpoints[name].label or name}: {'; '.join(arms)}")
    for position, rule in enumerate(plan.rules):
        if rule.parts[0].name in record.probabilities:
            lines += _judged(plan, record, block, position)
    if record.shares is not None:
        shares = ", ".join(
            f"{arm} {share:.3f}"
            for arm, share in zip(design.arm_names, record.shares[0], strict=True)
        )
        lines.append(f"  allocation from now on: {shares}")
    return lines


def _due(plan: Plan, record: LookRecord, block: Block) -> list[str]:
    """What a look waited for, where it is no plain number, and what there was by its date."""
    looks, population = plan.design.looks, block.population
    if looks.as_stated or record.between or record.look > len(looks.at):
        return []
    assert population is not None
    counted = plan.schedule.counted
    prepared = {counted: plan.design.endpoints[counted].prepare(counted, population)}
    found = counted_by(plan, population, prepared, record.date)
    return [f"  due at {looks.due(record.look)}: by then {found}"]


def _judged(plan: Plan, record: LookRecord, block: Block, position: int) -> list[str]:
    """One rule at a look, a line for each target that was asked about."""
    rule, standing = plan.rules[position], block.standing
    ended_here = block.look[0] == record.look and standing.reason[0] >= 0
    ended = ended_here and standing.rule[0] == position
    lines = []
    for place in range(len(rule.targets)):
        asked, reason, holds = _reason(plan, record, rule, place)
        if not asked:
            lines += _absent(plan, record, standing, rule, place)
            continue
        verdict = ""
        if holds and ended:
            verdict = f" → the trial {ENDINGS[standing.reason[0]].does}"
        elif holds:
            verdict = f" → {rule.decision.done}"
        held = ""
        if rule.name in record.sets and standing.passing is not None:
            told = standing.passing.told(position, int(record.sets[rule.name][0]))
            held = f" ({told})"
        lines.append(f"  {rule.name}: {reason}{held}{verdict}")
    if not lines:
        why = "the trial has ended" if ended_here else "nothing left to ask about"
        if rule.decision.at_the_end:
            why = why_not_asked(standing, position)
        if standing.failed[0]:
            why = "the posterior could not be computed"
        lines.append(f"  {rule.name}: not judged ({why})")
    return lines


def _absent(
    plan: Plan, record: LookRecord, standing: Standing, rule: ResolvedRule, place: int
) -> list[str]:
    """Say that a target is not asked about since its arm has not entered; nothing where it has."""
    arm, part = rule.targets[place].arm, plan.design.first_part
    if part is not None and not part.control and record.randomised.sum() <= part.participants:
        control = plan.design.control
        return [f"  {rule.name}: not judged, since {control} enrols in the second part alone"]
    if plan.design.stays is None or standing.entered(record.date)[0, arm]:
        return []
    name = plan.design.arm_names[arm]
    when = said_moment(plan.design.arms[name].enters)
    return [f"  {rule.name}: not judged of {name}, which has not entered (it enters {when})"]


def _reason(
    plan: Plan, record: LookRecord, rule: ResolvedRule, place: int
) -> tuple[bool, str, bool]:
    """Whether any comparison of a rule was asked of a target; why it holds or not; whether."""
    words, held, asked = [], [], False
    for number, part in enumerate(rule.parts):
        own = rule.condition.whose(number, place)
        probability = float(record.probabilities[part.name][0, own])
        threshold = record.threshold(part, own)
        asked |= not np.isnan(probability)
        words.append(part.reason(plan.design, probability, threshold, own))
        held.append(part.compared(np.array([probability]), threshold))
    return asked, rule.condition.joined(words), bool(rule.condition.of_one_target(held)[0])


def _ending(plan: Plan, block: Block) -> list[str]:
    standing = block.standing
    ending = ENDINGS[standing.reason[0]]
    randomised, analysed = int(block.randomised[0].sum()), int(block.analysed[0].sum())
    infused = int(block.infused[0].sum())
    lines = [
        f"The trial {ending.does} at look {int(block.look[0])}, month {block.months[0]:.1f}: "
        f"{randomised} randomised, {analysed} analysed"
        + (f", {infused} infused." if infused else ".")
    ]
    told = told_of(plan.design)
    for place, estimand in enumerate(plan.estimands):
        if not np.isfinite(block.estimate[0, place]):
            continue
        inside = "covers" if block.covered[0, place] else "misses"
        lines.append(
            f"Estimated {_called(plan.design, estimand)} {block.estimate[0, place]:.4f} "
            f"({told.estimate}); its 95% {told.interval} {inside} the truth."
        )
    followed_up = int(block.analysed_final[0].sum())
    if followed_up > analysed and plan.estimands:
        outcome = ""
        if ending == SUCCESS:
            outcome = "; the success is reversed" if block.reversal[0] else "; the success stands"
        lines.append(
            f"After the pipeline of {followed_up - analysed} has been followed up: "
            f"{block.estimate_final[0, 0]:.4f} on {followed_up}{outcome}."
        )
    return lines + list(_claims_again(plan, block))


def _claims_again(plan: Plan, block: Block) -> Iterator[str]:
    """What becomes of each claim that is judged again after the pipeline."""
    design, standing = plan.design, block.standing
    for position in plan.claims:
        rule = plan.rules[position]
        if not rule.followed_up:
            continue
        may = standing.may_be_claimed(position)[0]
        for place, target in enumerate(rule.targets):
            if not may[place]:
                continue
            made = bool(standing.noted[position][0, place] > 0)
            stands = bool(block.claimed_final[rule.name][0, place])
            where = f" of {design.arm_names[target.arm]}"
            if target.stratum >= 0:
                where += f" in {design.stratum_names[target.stratum]}"
            says = {
                (True, True): "is claimed still",
                (True, False): "is claimed no more",
                (False, True): "is claimed now",
                (False, False): "is not claimed",
            }[made, stands]
            again = "Judged again when the pipeline has been followed up"
            yield f"{again}: '{rule.name}'{where} {says}."
