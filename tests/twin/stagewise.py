"""Estimates corrected for the stop, by brute force: every order in which participants may respond.

Written from the definitions in `docs/semantics.md`. A tiny design is walked through participant by
participant: each sequence of responses ends at one look for one reason, with one table. Tails are
sums over sequences; values are found by halving.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Table = tuple[int, ...]
Verdict = Callable[[int, Table], str]  # of a look and its table: "success", "futility" or ""


@dataclass(frozen=True)
class End:
    """How a sequence of responses ends."""

    look: int
    reason: str
    table: Table


def ends_of(looks: Sequence[Table], verdict: Verdict) -> dict[tuple[End, Table], int]:
    """How many sequences come to each end; beside it the table once everybody has been seen.

    Parameters
    ----------
    looks
        Participants by arm at each look.
    """
    found: dict[tuple[End, Table], int] = {}
    last = looks[-1]
    by_arm = [list(itertools.product((0, 1), repeat=n)) for n in last]
    for sequence in itertools.product(*by_arm):
        whole = tuple(sum(arm) for arm in sequence)
        for number, analysed in enumerate(looks, start=1):
            table = tuple(sum(arm[:n]) for arm, n in zip(sequence, analysed, strict=True))
            reason = verdict(number, table)
            if number == len(looks) and not reason:
                reason = "no_success"
            if reason:
                key = End(number, reason, table), whole
                found[key] = found.get(key, 0) + 1
                break
    return found


def probability(
    ends: dict[tuple[End, Table], int],
    last: Table,
    rates: Sequence[float],
    inside: Callable[[End], bool],
) -> float:
    """Probability of some ends, sequence by sequence."""
    return math.fsum(
        times
        * math.prod(p**x * (1.0 - p) ** (n - x) for p, x, n in zip(rates, whole, last, strict=True))
        for (end, whole), times in ends.items()
        if inside(end)
    )


def more_favourable(one: End, other: End, looks: int, estimate: Callable[[End], float]) -> int:
    """1 where the first comes before the other, 0 where they tie, -1 else."""

    def kind(end: End) -> int:
        if end.look == looks:
            return 0
        return 1 if end.reason == "success" else -1

    if kind(one) != kind(other):
        return 1 if kind(one) > kind(other) else -1
    if kind(one) and one.look != other.look:
        earlier = one.look < other.look
        return 1 if earlier == (kind(one) == 1) else -1
    apart = estimate(one) - estimate(other)
    return 0 if abs(apart) < 1e-12 else 1 if apart > 0 else -1


def most_probable_control(table: Table, analysed: Table, difference: float) -> float:
    """The control's rate that makes a table of two arms most probable, on a fine grid, refined."""

    def log_likelihood(control: float) -> float:
        total = 0.0
        for x, n, p in zip(table, analysed, (control, control + difference), strict=True):
            for count, rate in ((x, p), (n - x, 1.0 - p)):
                if count:
                    total += count * math.log(rate) if rate > 0.0 else -math.inf
        return total

    low, high = max(0.0, -difference), min(1.0, 1.0 - difference)
    for _ in range(12):
        width = (high - low) / 20.0
        points = [low + width * k for k in range(21)]
        best = max(points, key=log_likelihood)
        low, high = max(low, best - width), min(high, best + width)
    return (low + high) / 2.0


def where(tail: Callable[[float], float], level: float, low: float, high: float) -> float:
    """Where an increasing tail has a probability, by halving; the nearer end where it has not."""
    if tail(low) >= level:
        return low
    if tail(high) <= level:
        return high
    for _ in range(40):
        middle = (low + high) / 2.0
        low, high = (middle, high) if tail(middle) < level else (low, middle)
    return (low + high) / 2.0
