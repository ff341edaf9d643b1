"""The series of an outcome as counts in groups within groups."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from adaptive_cart.evidence.outcomes import Outcome
from adaptive_cart.evidence.series import Record, Series
from adaptive_cart.nouns.records import Floats, Integers


@dataclass(frozen=True)
class Grouped:
    """Counts of an outcome, series by series, and the groups in which they lie.

    Attributes
    ----------
    events, size
        ``(series,)``.
    member
        ``(series, level)``: number of the group of each level that a series lies in.
    names
        Of the groups, by level.
    """

    outcome: Outcome
    events: Floats
    size: Floats
    member: Integers
    names: tuple[tuple[str, ...], ...]

    @cached_property
    def parents(self) -> tuple[Integers, ...]:
        """Group of the level before, by group, for each level; 0 for those of the first."""
        found = []
        for level, names in enumerate(self.names):
            above = np.zeros(len(names), dtype=np.int64)
            if level:
                above[self.member[:, level]] = self.member[:, level - 1]
            found.append(above)
        return tuple(found)

    def without_data(self) -> Grouped:
        """Return one group of each level before anything was seen: its posterior is the prior."""
        return replace(
            self,
            events=np.zeros(1),
            size=np.zeros(1),
            member=np.zeros((1, len(self.names)), dtype=np.int64),
            names=tuple(names[:1] for names in self.names),
        )


def grouped(record: Record, outcome: Outcome) -> Grouped:
    """Return the counts of the series that count for an outcome."""
    rows = record.counted(outcome)
    keys = [_keys(row, outcome) for row in rows]
    levels = range(len(outcome.levels))
    order = [list(dict.fromkeys(key[level] for key in keys)) for level in levels]
    member = [[order[level].index(key[level]) for level in levels] for key in keys]
    return Grouped(
        outcome,
        np.array([getattr(row, outcome.events) for row in rows], dtype=np.float64),
        np.array([_size(row, outcome) for row in rows], dtype=np.float64),
        np.array(member, dtype=np.int64),
        tuple(tuple(key[-1] for key in keys_of) for keys_of in order),
    )


def _keys(row: Series, outcome: Outcome) -> list[tuple[str, ...]]:
    """Return the groups of a series, each named with those around it."""
    own = {"class": row.of_class, "product": row.product, "disease": row.disease}
    names = tuple(own[level.name] for level in outcome.levels)
    return [names[: level + 1] for level in range(len(names))]


def _size(row: Series, outcome: Outcome) -> float:
    number = float(getattr(row, outcome.size))
    return number * float(row.follow_up_months or 0.0) if outcome.by_months else number
