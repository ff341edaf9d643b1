"""Tables seen before are answered as if they were new, to the last bit."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt
import pytest

from adaptive_cart.models.memo import Memo
from adaptive_cart.models.strata import strata_remembered
from adaptive_cart.models.strata.hierarchical_logistic import HierarchicalLogistic
from adaptive_cart.models.strata.logistic import Logistic
from adaptive_cart.models.strata.strata_approximation import Normal
from adaptive_cart.models.strata.strata_cut import cut, cuts_along
from adaptive_cart.models.strata.strata_loops import PHASES
from adaptive_cart.models.strata.strata_remembered import Remembered, keys_of, remembered

LOGISTIC = Logistic(Normal(-2.0, 1.0), Normal(0.0, 1.5), Normal(0.0, 0.7), Normal(0.0, 0.7))
BASKET = HierarchicalLogistic(Normal(-2.0, 1.0), Normal(0.0, 1.5), 0.5)
SHARES = np.array([0.6, 0.4])
OPEN = np.array([[0.6, 0.4], [1.0, 0.0], [0.0, 1.0]])


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strata_remembered, "_MEMO", Memo())
    monkeypatch.setattr(strata_remembered, "_LATEST", deque(maxlen=2))


def tables(number: int, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Counts of two arms in two strata, so few that tables come again."""
    chance = np.random.default_rng(seed)
    totals = chance.integers(5, 8, (number, 2, 2))
    return chance.binomial(totals, 0.3), totals


@pytest.mark.slow
@pytest.mark.parametrize("model", [LOGISTIC, BASKET])
def test_what_is_remembered_is_what_would_be_worked_out(
    model: Logistic | HierarchicalLogistic,
) -> None:
    for seed in (1, 2, 1):  # the last has been seen before, the second in part
        successes, totals = tables(60, seed)
        known, new = remembered(model, successes, totals), model.posterior(successes, totals)
        assert isinstance(known, Remembered)
        open_now = OPEN[np.random.default_rng(seed + 9).integers(3, size=60)]
        for weights in (SHARES, np.array([0.0, 1.0]), open_now):
            for one in (
                lambda p, w: p.difference_above(0.1, w),
                lambda p, w: p.difference_covers(0.05, w, 0.95),
                lambda p, w: p.difference_mean(w),
                lambda p, w: p.arm_above(1, 0.3, w),
                lambda p, w: p.arm_above(0, 0.3, w),
                lambda p, w: p.arm_covers(0, 0.3, w, 0.9),
                lambda p, w: p.arm_mean(1, w),
            ):
                np.testing.assert_array_equal(one(known, weights), one(new, weights))
        np.testing.assert_array_equal(known.failed, new.failed)
        chance = np.random.default_rng(seed).random((5, 4))
        np.testing.assert_array_equal(known.draws(chance), new.draws(chance))


def test_only_what_is_new_is_worked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    worked_out: list[int] = []
    own = Logistic.posterior

    def counted(self: Logistic, successes: npt.ArrayLike, totals: npt.ArrayLike) -> object:
        worked_out.append(len(np.asarray(totals)))
        return own(self, successes, totals)

    monkeypatch.setattr(Logistic, "posterior", counted)
    successes, totals = tables(40, 3)
    distinct = len(np.unique(np.concatenate([successes, totals], axis=1).reshape(40, -1), axis=0))
    first = remembered(LOGISTIC, successes, totals)
    first.difference_above(0.0, SHARES)
    first.difference_mean(SHARES)  # more about the same tables
    assert worked_out == [distinct]
    remembered(LOGISTIC, successes[:10], totals[:10]).difference_covers(0.0, SHARES, 0.95)
    assert worked_out == [distinct]  # of those that were worked out last
    strata_remembered._LATEST.clear()
    remembered(LOGISTIC, successes, totals).difference_above(0.0, SHARES)
    assert worked_out == [distinct]  # its answer is kept
    remembered(LOGISTIC, successes[:1], totals[:1]).difference_above(0.1, SHARES)
    assert worked_out == [distinct, 1]  # another question was never asked


def test_keys_tell_tables_apart() -> None:
    chance = np.random.default_rng(4)
    totals = chance.integers(0, 128, (4000, 2, 2))
    totals[:, :, 1] = totals[0, 0, 0]
    successes = np.minimum(chance.integers(0, 3, totals.shape), totals)
    keys = keys_of(successes, totals)
    assert keys is not None
    assert (keys >= 0).all()
    both = np.concatenate([successes, totals], axis=1).reshape(len(totals), -1)
    assert len(np.unique(keys)) == len(np.unique(both, axis=0))
    totals[7, 0, 0] = 128  # one too many for a number of 62 bits
    assert keys_of(successes, totals) is None
    assert not isinstance(remembered(LOGISTIC, successes[:8], totals[:8]), Remembered)


def test_cuts_in_a_row_are_cuts_one_by_one() -> None:
    chance = np.random.default_rng(5)
    for reach in (3, 60, 5000):  # lattice steps: among the ripples, about their end, far out
        place = chance.integers(-reach * PHASES, (reach + 60) * PHASES, (50, 3))
        for number in (1, 24, 40, 41):
            row = [cut(place + k * PHASES) for k in range(number)]
            np.testing.assert_array_equal(cuts_along(place, number), np.stack(row, axis=-1))
