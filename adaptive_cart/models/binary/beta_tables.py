"""Tables of responders and participants: checked, and each analysed once a process."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.lately import Lately
from adaptive_cart.models.memo import Memo

Counts: TypeAlias = npt.NDArray[np.int64]  # (table,)
TableArm: TypeAlias = npt.NDArray[np.integer[Any]]  # (table, arm)

_MEMO: Final = Memo()

# A table is one integer key of four counts of fifteen bits each; larger counts go unremembered.
COUNT_BITS: Final = 15
COUNT_LIMIT: Final = 1 << COUNT_BITS
QUESTIONS: Final = 32  # of which tables met lately are known


def checked_counts(
    successes: npt.NDArray[Any], totals: npt.NDArray[Any], arms: int
) -> tuple[TableArm, TableArm]:
    """Refuse impossible counts; the possible ones, (table, arm), are returned as they came."""
    for name, counts in (("successes", successes), ("totals", totals)):
        if counts.ndim != 2 or counts.shape[1] != arms or counts.dtype.kind not in "iu":
            raise ValueError(
                f"{name} must be integers (table, {arms}); found {counts.dtype} {counts.shape}"
            )
    if successes.shape != totals.shape:
        raise ValueError(f"successes are {successes.shape}, totals {totals.shape}")
    if ((successes < 0) | (successes > totals)).any():
        raise ValueError("successes must lie between 0 and the total of their arm")
    return successes, totals


def column(checked: tuple[TableArm, TableArm], arm: int) -> tuple[Counts, Counts]:
    """Successes and totals of one arm, each (table,); to be read only."""
    successes, totals = (part[:, arm].astype(np.int64, copy=False) for part in checked)
    return successes, totals


def remembered(
    what: tuple[Any, ...],
    counts: tuple[Counts, ...],
    work_out: Callable[[tuple[Counts, ...]], npt.NDArray[np.float64]],
) -> npt.NDArray[np.float64]:
    """Answers of a function of two or four counts, each table worked out once per process."""
    if any(count.size and count.max() >= COUNT_LIMIT for count in counts[1::2]):
        return work_out(counts)
    keys = _packed(counts)

    def from_keys(distinct: Counts) -> npt.NDArray[np.float64]:
        shifts = range((len(counts) - 1) * COUNT_BITS, -1, -COUNT_BITS)
        return work_out(tuple((distinct >> shift) & (COUNT_LIMIT - 1) for shift in shifts))

    return _MEMO.look_up(what, keys, from_keys)


def met_lately(
    what: Hashable,
    counts: tuple[Counts, ...],
    work_out: Callable[[Counts], npt.NDArray[np.bool_]],
) -> npt.NDArray[np.bool_]:
    """Answers, yes or no, to tables of two or four counts, those met lately not worked out anew.

    Parameters
    ----------
    what
        All that an answer depends on beside the counts.
    work_out
        Takes positions among the tables.
    """
    if any(count.size and count.max() >= COUNT_LIMIT for count in counts[1::2]):
        return work_out(np.arange(len(counts[0])))
    return _lately(what).answers(_packed(counts), work_out)


@lru_cache(maxsize=QUESTIONS)
def _lately(what: Hashable) -> Lately:
    return Lately()


def _packed(counts: tuple[Counts, ...]) -> Counts:
    """One number for each table, whatever the size of its counts in memory."""
    keys = counts[0].astype(np.int64, copy=False)
    for count in counts[1:]:
        keys = (keys << COUNT_BITS) | count
    return keys
