"""How far a prior would have to be moved to turn success over, over simulated trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.report.chapters.tipping_shifts import first_trials
from adaptive_cart.report.document import (
    Block,
    Heading,
    Paragraph,
    Reference,
    Row,
    Slot,
    Table,
    cells,
    code,
    line,
    prose,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Bound, given, significant
from adaptive_cart.report.sensitivity import FEWER, trials_asked
from adaptive_cart.results.figure import proportion
from adaptive_cart.running.judged_at_end import joined
from adaptive_cart.running.prior_moves import PriorMoves, prior_moves, tips_of
from adaptive_cart.running.success_question import parts_to_move

ITEM = 65  # number of the item
KEY = "t-tipping-priors"


def moved_priors(evidence: Evidence) -> list[Block]:
    """By number of a prior and verdict, how many trials it would turn over, and where."""
    rule, parts = parts_to_move(evidence.plan)
    name = evidence.target
    number = max(1, trials_asked(evidence) // FEWER) if trials_asked(evidence) else 0
    if rule is None or name is None or evidence.exact or not number:
        return []
    if not any(True for part in parts for _ in tips_of(evidence.plan, part)):
        return []
    blocks: list[list[PriorMoves]] = []
    for own, block in first_trials(evidence, name, number):
        asked, mine = parts_to_move(own)
        assert asked is not None
        blocks.append(prior_moves(own, asked, mine, block))
    moves = [joined(several) for several in zip(*blocks, strict=True)]
    rows = [cells_of for move in moves for cells_of in _rows(evidence, name, move)]
    if not rows:
        return []
    evidence.trace.reported(ITEM, KEY)
    return [
        Heading(text="Tipping points of the priors", key="tipping-priors", level=2,
                audience="restricted"),
        Paragraph(line=prose(
            "At the look that ended each of the first {number} trials of {scenario}, one number of "
            "a prior was moved away from where the design has it, and {rule} judged again. {table} "
            "shows in how many trials some value turns the verdict over, and the median of the "
            "nearest ones.",
            number=given(number, "sensitivity trials"),
            scenario=code(name),
            rule=code(rule.name),
            table=Reference(KEY),
        ), audience="restricted"),
        Table(
            key=KEY,
            title=line("Trials in which success hangs on a number of a prior"),
            head=cells(
                "Endpoint", "Number of a prior", "Design", "Verdict", "Trials", "Turned below",
                "Median", "Turned above", "Median",
            ),
            rows=tuple(rows),
            align=("left", "left", "right", "left", *("right",) * 5),
            widths=(0.8, 2.2, 0.7, 0.9, 0.6, 1.3, 0.7, 1.3, 0.7),
            wide=True,
            audience="restricted",
            notes=(
                prose("In brackets Monte Carlo intervals. A verdict that turns over and back is "
                      "counted where it first turns."),
            ),
        ),
    ]  # fmt: skip


def _rows(evidence: Evidence, name: str, move: PriorMoves) -> Iterator[Row]:
    """One number of a prior: a row for each verdict that there is."""
    first = True
    for verdict, words in ((True, "success"), (False, "no success")):
        here: Booleans = move.known & (move.holds == verdict)
        if not here.any():
            continue
        source = f"sensitivity: {name}, {move.tip.words}, {words}"
        yield row(
            code(move.endpoint) if first else "",
            given(evidence.labelled(move.tip.words), "design: priors") if first else "",
            significant(move.tip.now, 3, "design: priors") if first else "",
            words,
            given(int(here.sum()), source),
            *_side(move.below[here], f"{source}, below"),
            *_side(move.above[here], f"{source}, above"),
        )
        first = False


def _side(values: Floats, source: str) -> Sequence[Slot]:
    """How many trials have a value there, and the median of these."""
    turned = np.isfinite(values)
    share = Bound(proportion(int(turned.sum()), len(values)), source).with_interval()
    middle = significant(float(np.median(values[turned])), 3, source) if turned.any() else ""
    return share, middle
