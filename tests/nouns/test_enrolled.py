"""Who has come by a date, shared by scenarios, against counting participant by participant."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest

from adaptive_cart.nouns.enrolled import Enrolled
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.records import Population, Snapshot

TRIALS, WIDTH, ARMS, STRATA = 30, 76, 3, 2


def people(strata: int) -> Population:
    random = np.random.default_rng(2)
    arrival = np.cumsum(random.exponential(0.4, (TRIALS, WIDTH)), axis=1)
    arrival[:, 70:] = np.inf
    arm = random.integers(0, ARMS, arrival.shape).astype(np.int8)
    stratum = random.integers(0, strata, arrival.shape).astype(np.int8) if strata > 1 else None
    own = Enrolled(arrival, arm, stratum, ARMS, strata)
    return Population(arrival, arm, stratum, ARMS, strata, 70, (False,) * ARMS, shared=own)


def slowly(whole: Population, dates: np.ndarray, most: np.ndarray, month: float) -> np.ndarray:
    """By trial, arm and stratum: those among the first so many who came a month before a date."""
    found = np.zeros((TRIALS, whole.arms, whole.strata), dtype=np.int64)
    for trial in range(TRIALS):
        for place in range(int(most[trial])):
            if whole.arrival[trial, place] + month <= dates[trial]:
                found[trial, whole.arm[trial, place], whole.label[trial, place]] += 1
    return found


@pytest.mark.parametrize("strata", [1, STRATA])
def test_looks_at_the_same_dates_and_at_others_count_as_they_should(strata: int) -> None:
    one, other = people(strata), people(strata)
    other = replace(one, dropout=other.arrival)  # another scenario, whose participants these are
    random = np.random.default_rng(7)
    looks = []
    for number in (20, 40, 41):
        dates = one.arrival[:, number] + 3.0
        for shift in (0.0, 1.5):
            for most in (np.full(TRIALS, 70), np.full(TRIALS, 15), random.integers(0, 70, TRIALS)):
                looks.append((dates + shift * (np.arange(TRIALS) > 10), most))
    for dates, most in looks:
        for whole in (one, other):
            come = whole.enrolled.number_by(dates)
            assert come.tolist() == (whole.arrival <= dates[:, None]).sum(axis=1).tolist()
            snapshot = Snapshot(dates, np.minimum(come, most), whole)
            assert (snapshot.enrolled_by_group == slowly(whole, dates, most, 0.0)).all()
            passed = snapshot.tally(snapshot.passed(7.0))
            assert (passed == slowly(whole, dates, most, 7.0)).all()
    assert other.enrolled is one.enrolled


def test_what_is_shared_is_counted_once_and_cannot_be_changed() -> None:
    one = people(1)
    other = replace(one, dropout=one.arrival)
    dates = one.arrival[:, 30].copy()
    seen = [Snapshot(dates.copy(), np.full(TRIALS, 25), whole) for whole in (one, other)]
    counts = [snapshot.enrolled_by_group for snapshot in seen]
    assert counts[0] is counts[1]
    assert seen[0].passed(1.0) is seen[1].passed(1.0)
    for shared in (counts[0], one.enrolled.number_by(dates)):
        with pytest.raises(ValueError, match="read-only"):
            shared[0] = 0
    dates += 5.0  # of whoever asked; what is known is of the date as it was
    assert one.enrolled.number_by(dates - 5.0).tolist() == [31] * TRIALS


def test_other_arms_strata_or_people_left_out_are_not_shared() -> None:
    one = people(1)
    dates, number = one.arrival[:, 30], np.full(TRIALS, 31)
    turned = replace(one, arm=one.arm[:, ::-1].copy())
    split = replace(one, stratum=(one.arm == 1).astype(np.int8), strata=2)
    for whole in (turned, split):
        assert whole.enrolled is not one.enrolled
        found = Snapshot(dates, number, whole).enrolled_by_group
        assert (found == slowly(whole, dates, number, 0.0)).all()
    first = ParticipantSet.first(np.full(TRIALS, 10), WIDTH)
    without = Snapshot(dates, number, one, first).enrolled_by_group
    whole = slowly(one, dates, number, 0.0)
    assert (without == whole - slowly(one, dates, np.full(TRIALS, 10), 0.0)).all()
    assert (Snapshot(dates, number, one).enrolled_by_group == whole).all()


def test_nobody_is_kept_once_no_scenario_has_them() -> None:
    """Of a block that is done nothing waits for what goes round in circles to be looked through."""
    one = people(1)
    one.enrolled.number_by(one.arrival[:, 30])
    looks = [Snapshot(one.arrival[:, place], np.full(TRIALS, 31), one) for place in (30, 40)]
    for snapshot in looks:
        assert (snapshot.tally(snapshot.passed(1.0)) <= snapshot.enrolled_by_group).all()
    held = weakref.ref(one.enrolled)
    assert gc.isenabled()
    gc.disable()
    try:
        del one, looks, snapshot
        assert held() is None
    finally:
        gc.enable()
