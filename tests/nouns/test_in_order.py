"""Who has come by a date, against counting everybody."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive_cart.nouns.in_order import FEW, number_by, room_for, running_sums


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
    found = slowly(moments, dates, later)
    assert number_by(moments, dates, later).tolist() == found
    most = random.integers(0, width + 1, trials)
    limited = [min(pair) for pair in zip(found, most.tolist(), strict=True)]
    assert number_by(moments, dates, later, most).tolist() == limited


def test_a_look_that_waits_for_a_number_finds_it_in_all_trials() -> None:
    moments = np.cumsum(np.random.default_rng(3).exponential(0.3, (50, 152)), axis=1)
    for number in (1, 60, 152):
        dates = moments[:, number - 1] + 12.0
        assert number_by(moments, dates, 12.0).tolist() == [number] * 50
    assert number_by(moments, np.zeros(50)).tolist() == [0] * 50
    assert number_by(moments[:0], np.zeros(0)).tolist() == []


@pytest.mark.parametrize("trials", [1, FEW - 1, FEW, 300])
@pytest.mark.parametrize("width", [1, 8, 152, 256])
def test_sums_along_a_trial_are_added_in_order_to_the_last_bit(trials: int, width: int) -> None:
    """In any company, and in an array of any layout."""
    logs = -np.random.default_rng(5).exponential(0.3, (300, width))[:trials]
    slow = []
    for row in logs.tolist():
        total, sums = 0.0, []
        for place, log in enumerate(row):
            total = -log if place == 0 else total + -log
            sums.append(total)
        slow.append(sums)
    room = room_for(trials, width)
    room[:] = logs
    assert running_sums(room).tolist() == slow
    assert running_sums(logs.copy()).tolist() == slow
    assert room.shape == (trials, width)
    assert room.strides[0] // 64 % 2 == 1
