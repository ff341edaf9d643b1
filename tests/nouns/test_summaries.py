"""Summaries of endpoints: some of their trials, and several put together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.summaries import Counts


@dataclass(frozen=True)
class Keeping(Counts):
    """Counts that keep what was worked out of them once."""

    @cached_property
    def shares(self) -> Floats:
        found: Floats = self.successes / self.totals
        return found


def test_what_was_worked_out_and_kept_is_no_part_of_other_trials() -> None:
    successes = np.arange(6).reshape(3, 2, 1)
    totals = np.full((3, 2, 1), 10)
    whole = Keeping(successes, totals, 0 * totals, totals)
    assert whole.shares[2, 1, 0] == 0.5
    some = whole.rows(np.array([2]))
    assert some.shares.ravel().tolist() == [0.4, 0.5]
    assert Keeping.stacked([some, whole]).successes[:, 0, 0].tolist() == [4, 0, 2, 4]
    assert not whole.without_anybody().totals.any()
    swapped = whole.replaced(np.array([True, False, False]), whole.rows(np.array([2, 1, 0])))
    assert swapped.successes[:, 0, 0].tolist() == [4, 2, 4]
