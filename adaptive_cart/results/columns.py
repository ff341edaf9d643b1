"""Columns of the tables of a run, each read when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.errors import ResultsError
from adaptive_cart.results.arrow_columns import array_of
from adaptive_cart.results.store import LOOKS, Store


class Columns(Mapping[str, npt.NDArray[Any]]):
    """Columns of one scenario of a table, each read when asked for and not kept.

    Parameters
    ----------
    words
        As of :meth:`adaptive_cart.results.store.Store.column`, by name of the column.
    """

    def __init__(
        self, store: Store, name: str, scenario: str, words: Mapping[str, Sequence[str]]
    ) -> None:
        self.store = store
        self.name = name
        self.scenario = scenario
        self.words = words
        self._names = store.column_names(name)

    def __getitem__(self, column: str) -> npt.NDArray[Any]:
        if column not in self._names:
            raise KeyError(column)
        return self.store.column(self.name, self.scenario, column, self.words.get(column, ()))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, column: object) -> bool:
        return column in self._names


class LastLooks:
    """The look that ended each trial of one scenario, out of the table of looks.

    Attributes
    ----------
    arms, strata
        Rows that the table has for a trial and look: one an arm and stratum, in this order.
    """

    def __init__(self, store: Store, scenario: str, arms: int, strata: int) -> None:
        self.store = store
        self.scenario = scenario
        self.arms = arms
        self.strata = strata
        self._names = store.column_names(LOOKS)

    def __contains__(self, column: object) -> bool:
        return column in self._names

    def by_arm(self, column: str) -> npt.NDArray[np.float64]:
        """Totals over strata, ``(arm, trial)``; a trial that ended between looks has none."""
        cells = self.arms * self.strata
        sums = []
        waiting = np.empty(0)
        for group in self.store.groups(LOOKS, self.scenario, ["last", column]):
            last = array_of(group.column("last"))
            values = np.concatenate([waiting, array_of(group.column(column))[last]])
            whole = len(values) - len(values) % cells  # a row group may end within a trial
            waiting = values[whole:]
            sums.append(values[:whole].reshape(-1, self.arms, self.strata).sum(axis=2))
        if len(waiting) or not sums:
            raise ResultsError(
                f"{self.store.path(LOOKS)}: does not hold whole looks of '{self.scenario}'; "
                f"--restart runs its trials again"
            )
        return np.ascontiguousarray(np.concatenate(sums).T)
