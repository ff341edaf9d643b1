"""How far missing scores, times and rates would have to differ to turn success over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum

import numpy as np

from adaptive_cart.conduct.block import Block as Trials
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.nouns.lost import MissingShift
from adaptive_cart.participants.population import latents_for
from adaptive_cart.report.document import (
    Block,
    Reference,
    Row,
    Table,
    cells,
    code,
    line,
    listed,
    paragraph,
    prose,
    row,
    without_blank_columns,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, given, significant
from adaptive_cart.report.sensitivity import FEWER, neutral, trials_asked
from adaptive_cart.results.figure import proportion
from adaptive_cart.running.judged_at_end import joined
from adaptive_cart.running.shift_tips import FOLDS, ShiftTips, shift_tips
from adaptive_cart.running.stretches import block_size
from adaptive_cart.running.success_question import parts_to_shift

SPREADS = (0.25, 0.5, 1.0, 2.0)  # standard deviations of the changes seen
PARTS = (0.1, 0.25, 0.5, 1.0)  # of the months that were not seen


def shifted(evidence: Evidence) -> tuple[list[Block], list[str], str]:
    """What is moved, by scenario and verdict; keys of the tables, or why there is none.

    The reason is blank where nothing of the kind can be missing.
    """
    rule, parts, why = parts_to_shift(evidence.plan)
    if rule is None:
        return [], [], why
    kinds = {
        part.question.endpoint: evidence.plan.fitted[part.question.endpoint][0] for part in parts
    }
    number = trials_asked(evidence)
    if not any(kind.slow for kind in kinds.values()) and _completes(evidence, list(kinds)):
        number = max(1, min(number, evidence.sensitivity_trials // FEWER))
    found = {name: _of_scenario(evidence, name, number) for name in evidence.scenarios}
    tables = []
    for endpoint in kinds:
        rows = [
            cells_of
            for name, tips in found.items()
            for cells_of in _rows(evidence, name, [t for t in tips if t.endpoint == endpoint])
        ]
        shift = next((t.shift for ts in found.values() for t in ts if t.endpoint == endpoint), None)
        if rows and shift is not None:
            tables.append(_table(evidence, endpoint, rows, shift))
    if not tables:
        return [], [], "nothing is missing in any of the trials looked at"
    kinds_told = {_Kind.of(t.shift) for tips in found.values() for t in tips}
    return [
        paragraph(
            "At the look that ended each of the first {number} trials of a scenario, what is "
            "missing of one arm, or of all alike, was moved away from what was seen in the same "
            "arm, and {rule} judged again; {tables} shows in how many trials it then says "
            "otherwise. {means}",
            number=given(number, "sensitivity trials"),
            rule=code(rule.name),
            tables=listed([Reference(table.key) for table in tables]),
            means="".join(kind.told for kind in _Kind if kind in kinds_told),
        ),
        *tables,
    ], [table.key for table in tables], ""  # fmt: skip


_MEANS = (
    "The mean change of those not seen lies above, or below, that of those seen by up to so many "
    "standard deviations (SD) of the changes. "
)
_RATES = (
    "The hazard, or the rate, in the time that was not seen of those who left is up to so many "
    "times higher, or lower, than in the time that was; that time is completed by draws of the "
    "posterior. "
)


_MONTHS = (
    "Of who left alive before the horizon, up to such a share of the months from then to the "
    "horizon counts as in remission; where the design leaves them out they are put in, and the "
    "share is counted from that with which they would have as many as the others of their arm. "
)


class _Kind(Enum):
    """How what is missing is moved: by how much at most, in words, and in the head of a table."""

    MEANS = (SPREADS, _MEANS, " SD")
    MONTHS = (PARTS, _MONTHS, " of the months")
    RATES = (FOLDS, _RATES, " times")

    def __init__(self, steps: tuple[float, ...], told: str, of: str) -> None:
        self.steps, self.told, self.of_them = steps, told, of

    @staticmethod
    def of(shift: MissingShift) -> _Kind:
        """That of an endpoint's missing."""
        if shift.share:
            return _Kind.MONTHS
        return _Kind.MEANS if shift.added else _Kind.RATES


def _completes(evidence: Evidence, endpoints: Sequence[str]) -> bool:
    """Whether what is missing of any is completed, trial by trial, which takes long."""
    from adaptive_cart.nouns.summaries import SUMMARIES

    shifts = [SUMMARIES[evidence.plan.fitted[name][0].reads].missing_shift for name in endpoints]
    return any(shift is not None and not shift.added for shift in shifts)


def first_trials(evidence: Evidence, name: str, number: int) -> Iterator[tuple[Plan, Trials]]:
    """The first trials of a scenario, simulated again with the seed of the run, block by block.

    Yields
    ------
    The plan under the scenario's truth, and a block with its participants.
    """
    design, truth = evidence.design, evidence.truths[name]
    plan = Plan.of(design)
    seed = int(evidence.manifest["seed"]) or design.simulation.seed
    size = min(block_size(design), number)
    for first in range(0, number, size):
        latents = latents_for(design, seed, first, min(size, number - first))
        yield (
            plan.under(truth),
            run_block(plan, truth, neutral(plan), latents, keep_population=True),
        )


def _of_scenario(evidence: Evidence, name: str, number: int) -> list[ShiftTips]:
    """What is moved of the first trials of a scenario."""
    blocks: list[list[ShiftTips]] = []
    for own, block in first_trials(evidence, name, number):
        rule, parts, _ = parts_to_shift(own)
        assert rule is not None
        blocks.append(shift_tips(own, rule, parts, block))
    groups = dict.fromkeys((tip.endpoint, tip.arms) for tips in blocks for tip in tips)
    return [
        joined([t for tips in blocks for t in tips if (t.endpoint, t.arms) == group])
        for group in groups
    ]


def _rows(evidence: Evidence, name: str, tips: Sequence[ShiftTips]) -> Iterator[Row]:
    """One scenario: each verdict, and whose missing are moved."""
    told: set[str] = set()
    names = evidence.design.arm_names
    for verdict, words in ((True, "success"), (False, "no success")):
        for tip in tips:
            here = tip.known & (tip.holds == verdict)
            if not here.any():
                continue
            source = f"sensitivity: {name}, {words}, {', '.join(names[a] for a in tip.arms)}"
            steps = _Kind.of(tip.shift).steps
            shares = [
                Bound(
                    proportion(int((tip.size[here] <= most).sum()), int(here.sum())),
                    f"{source}, {most:g}",
                ).with_interval()
                for most in steps
            ]
            amount = tip.amount[here]
            amount = np.abs(amount[np.isfinite(amount)])
            first = words not in told
            yield row(
                code(name) if not told else "",
                words if first else "",
                given(int(here.sum()), source) if first else "",
                listed([evidence.arm(names[arm]) for arm in tip.arms]),
                given(round(float(tip.missing[here].mean()), 1), source),
                *shares,
                significant(float(np.median(amount)), 2, source) if len(amount) else "",
            )
            told.add(words)


def _table(evidence: Evidence, endpoint: str, rows: Sequence[Row], shift: MissingShift) -> Table:
    kind = _Kind.of(shift)
    unit = "" if shift.share else evidence.design.endpoints[endpoint].unit
    return without_blank_columns(
        Table(
            key=f"t-tipping-{endpoint}",
            title=line("Trials in which success hangs on the ", shift.words, ", ", code(endpoint)),
            head=(
                *cells("Scenario", "Verdict", "Trials", "Missing in", "Missing, mean"),
                *(line("Within ", given(step, "sizes of a move"), kind.of_them)
                  for step in kind.steps),
                line(f"Median{f', {unit}' if unit else ''}"),
            ),
            rows=tuple(rows),
            align=("left", "left", "right", "left", *("right",) * 6),
            widths=(1.2, 0.9, 0.6, 1.4, 0.8, *(1.5,) * 4, 0.8),
            wide=True,
            notes=(
                prose("In brackets Monte Carlo intervals. Columns count those before them."),
                *(
                    [prose("Median: of how far, up or down, of trials that are turned over"
                           f"{'' if shift.share else ' within five standard deviations'}.")]
                    if shift.added
                    else []
                ),
            ),
        )
    )  # fmt: skip
