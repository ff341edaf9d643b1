"""The law of the responders among those who wait: arrays and compiled loops against fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from adaptive_cart.nouns import early_law_loops as loops
from adaptive_cart.nouns.early_law import _worths, responders
from adaptive_cart.nouns.early_tables import averaged
from adaptive_cart.nouns.records import Floats, Integers


def drawn(trials: int, months: int, most: int = 6) -> tuple[Integers, Integers]:
    """Who waits and who moved, at random; at the last month nobody fails."""
    rng = np.random.default_rng(months)
    waiting = rng.integers(0, most, (trials, months, 2))
    moved = rng.integers(0, 9, (trials, months, 2, 3))
    waiting[: trials // 8] = 0
    moved[:, -1, :, 2] = 0
    return waiting, moved


class Used:
    """The compiled loops, and how often they were asked for."""

    times = 0
    loaded = staticmethod(loops.compiled)

    def __call__(self):
        self.times += 1
        return self.loaded()


def arrays(waiting: Integers, moved: Integers, prior: float, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr(loops, "THERE", False)
        return responders(waiting, moved, prior)


def test_loops_are_loaded_when_a_process_has_asked_for_enough(monkeypatch):
    monkeypatch.setattr(loops, "THERE", True)
    monkeypatch.setattr(loops._Started, "steps", 0)
    asked = [loops.pays(2_500, 3) for _ in range(6)]
    assert asked == [False] * 4 + [True] * 2
    monkeypatch.setattr(loops, "THERE", False)
    assert not loops.pays(10**9)


@pytest.mark.parametrize("months", [1, 2, 3, 4])
def test_loops_and_arrays_are_the_same_to_the_last_bit(months, monkeypatch):
    waiting, moved = drawn(150, months)
    expected = arrays(waiting, moved, 0.7, monkeypatch)
    assert expected.sum(axis=1) == pytest.approx(1.0, abs=1e-13)
    found = np.zeros_like(expected[:20])
    size, seen = expected.shape[1], int(moved.sum(axis=-1).max()) + 1
    loops.laws(waiting[:20], moved[:20], *_worths(0.7, seen, size), found)  # as Python runs them
    assert (found == expected[:20]).all()
    pytest.importorskip("numba")
    monkeypatch.setattr(loops, "PAYS", 0)
    monkeypatch.setattr(loops, "compiled", used := Used())
    assert (responders(waiting, moved, 0.7) == expected).all()
    assert used.times == 1


def test_a_trial_has_the_same_law_in_any_company(monkeypatch):
    waiting, moved = drawn(40, 3)
    together = arrays(waiting, moved, 1.0, monkeypatch)
    for trial in range(len(waiting)):
        alone = responders(waiting[trial, None], moved[trial, None], 1.0)[0]
        assert (together[trial, : len(alone)] == alone).all()
        assert not together[trial, len(alone) :].any()


def test_what_is_asked_of_tables_is_added_in_the_same_order(monkeypatch):
    rng, trials = np.random.default_rng(1), 150
    laws = [rng.dirichlet(np.ones(size), trials) for size in (5, 4)]
    laws[0][:60, 3:] = 0.0
    had, totals = rng.integers(0, 9, (trials, 2)), np.full((trials, 2), 13)
    totals[:70, 1] = 12

    def answers(_: tuple[int, ...], box: tuple[slice, ...]) -> Floats:
        return np.sin(np.add.outer(*(np.arange(s.start, s.stop) * 1.7 for s in box)))

    with monkeypatch.context() as patch:
        patch.setattr(loops, "THERE", False)
        expected = averaged(answers, totals, had, totals, laws)
    for trial in (0, 100):
        by_hand = sum(
            laws[0][trial, a] * laws[1][trial, b] * math.sin(1.7 * (had[trial] + (a, b)).sum())
            for a in range(5)
            for b in range(4)
        )
        assert expected[trial] == pytest.approx(by_hand, abs=1e-12)
    pytest.importorskip("numba")
    monkeypatch.setattr(loops, "PAYS", 0)
    assert (averaged(answers, totals, had, totals, laws) == expected).all()


def rising(start: Fraction, number: int) -> Fraction:
    return math.prod((start + k for k in range(number)), start=Fraction(1))


def law(number: int, responses: int, none: int, prior: float) -> list[float]:
    a, b = Fraction(prior) + responses, Fraction(prior) + none
    whole = rising(a + b, number)
    return [
        float(math.comb(number, k) * rising(a, k) * rising(b, number - k) / whole)
        for k in range(number + 1)
    ]


@pytest.mark.parametrize(
    ("prior", "waiting", "moved"),
    [
        (1.0, (250, 40), ((200, 200), (150, 100))),
        (1.0, (0, 400), ((0, 0), (1, 599))),
        (5e6, (300, 20), ((50, 50), (2, 9))),
        (1e-6, (60, 90), ((5, 3), (0, 9))),
    ],
)
def test_hundreds_of_participants_and_any_prior(prior, waiting, moved):
    """No rising factorial leaves the floats, and no law loses its mass."""
    seen = np.zeros((1, 1, 2, 3), dtype=np.int64)
    seen[0, 0, :, :2] = moved
    found = responders(np.array([[waiting]]), seen, prior)[0]
    first, second = (
        law(number, yes, no, prior) for number, (no, yes) in zip(waiting, moved, strict=True)
    )
    expected = np.convolve(first, second)
    assert found == pytest.approx(expected, abs=1e-13)
    likely = expected > 1e-100
    assert found[likely] == pytest.approx(expected[likely], rel=1e-10)
