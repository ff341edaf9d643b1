"""What external data add to an arm at each look, and whether its own data contradict them.

Participants borrowed, and the prior predictive p-value, of every trial at every look and at its
end: from what the arms that borrow had shown by then.
"""

from __future__ import annotations

import numpy as np

from adaptive_cart.conduct.block import Block
from adaptive_cart.conduct.plan import BorrowingArm, Plan
from adaptive_cart.models.borrowed import Added
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.summaries import Summary

PARTICIPANTS, CONFLICT = "borrowed", "conflict"
PERCENTILES = (5, 50, 95)


def added(arm: BorrowingArm, summary: Summary) -> Added:
    """What external data add to an arm by what was seen of its endpoint."""
    own = summary if arm.stratum < 0 else summary.in_stratum(arm.stratum)
    return arm.prior.added(arm.arm, own)


def column_of(of: str, arm: BorrowingArm, look: int | None = None) -> str:
    """Name of a column of ``trials.parquet``: at a look, or at the trial's end."""
    return f"{of}_{arm.suffix}" if look is None else f"{of}_{arm.suffix}_{look}"


def borrowing_columns(plan: Plan, block: Block) -> dict[str, Floats]:
    """Columns of ``trials.parquet``, ``(trial,)``: at the end, and at each look that was held."""
    columns: dict[str, Floats] = {}
    for arm in plan.borrowing:
        looks: tuple[int | None, ...] = (None, *range(1, plan.schedule.number + 1))
        for of in (PARTICIPANTS, CONFLICT):
            columns |= {column_of(of, arm, k): np.full(len(block.look), np.nan) for k in looks}
        for record in block.looks:
            found = added(arm, record.summaries[arm.endpoint])
            ended = record.held & (block.look == record.look) & (block.between == record.between)
            for of, values in ((PARTICIPANTS, found.participants), (CONFLICT, found.conflict)):
                columns[column_of(of, arm)][ended] = values[ended]
                if not record.between:
                    columns[column_of(of, arm, record.look)][record.held] = values[record.held]
    return columns
