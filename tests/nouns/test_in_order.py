"""Who has come by a date, against counting everybody."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive_cart.nouns.in_order import number_by


def slowly(moments: np.ndarray, dates: np.ndarray, later: float) -> list[int]:
    return [
        sum(1 for moment in row if moment + later <= date)
        for row, date in zip(moments.tolist(), dates.tolist(), strict=True)
    ]


@settings(max_examples=150)
@given(
    st.integers(1, 40),
    st.integers(1, 6),
    st.sampled_from([0.0, 1.0, 12.0]),
    st.integers(0, 2**32 - 1),
)
def test_who_has_come_is_who_is_counted(width: int, trials: int, later: float, seed: int) -> None:
    """Several on one date, dates of arrivals themselves, before all, after all, and none left."""
    random = np.random.default_rng(seed)
    moments = np.sort(random.integers(0, width, (trials, width)) / 2.0, axis=1)
    moments[:, random.integers(0, width + 1) :] = np.inf
    dates = random.integers(-1, width + 1, trials) / 2.0 + later
    dates[random.random(trials) < 0.1] = np.inf
    assert number_by(moments, dates, later).tolist() == slowly(moments, dates, later)


def test_a_look_that_waits_for_a_number_finds_it_in_all_trials() -> None:
    moments = np.cumsum(np.random.default_rng(3).exponential(0.3, (50, 152)), axis=1)
    for number in (1, 60, 152):
        dates = moments[:, number - 1] + 12.0
        assert number_by(moments, dates, 12.0).tolist() == [number] * 50
    assert number_by(moments, np.zeros(50)).tolist() == [0] * 50
    assert number_by(moments[:0], np.zeros(0)).tolist() == []
