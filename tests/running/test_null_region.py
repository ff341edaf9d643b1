"""Null truths one by one: which arm has which rate, and which places are tried beside another."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from adaptive_cart.nouns.questions import Question
from adaptive_cart.running.null_region import Effect
from adaptive_cart.running.null_spans import LEVELS, Family

CONTROL = np.array([0.05, 0.2, 0.45])


@pytest.mark.parametrize(
    ("arm", "minus", "controlled", "expected"),
    [
        (1, 0, True, lambda soc: [soc, soc + 0.1, soc + 0.1]),
        (2, 1, True, lambda soc: [soc, soc, soc + 0.1]),  # two products: the other has the rate
        (1, None, True, lambda soc: [soc, 0.1, 0.1]),  # an arm alone, whatever the control has
        (1, 0, False, lambda soc: [soc, soc + 0.1, soc + 0.1]),
        (1, None, False, lambda soc: [min(soc, 0.1)] * 3),
    ],
)
def test_a_claim_is_just_false_where_the_arms_that_it_names_have_the_rates_that_it_compares(
    arm: int, minus: int | None, controlled: bool, expected: object
) -> None:
    assert callable(expected)
    first = 1 if controlled else 0
    claim = Question("dfr", arm, minus, value=0.1, first=first)
    rates, false = Effect(claim, controlled).rates(CONTROL, 3)
    assert false.all()
    for soc, row in zip(CONTROL, rates, strict=True):
        assert row.tolist() == pytest.approx(expected(soc))


@pytest.mark.parametrize("axes", [{"soc": (0.1, 0.9)}, {"soc": (0.1, 0.9), "cart": (0.0, 0.4)}])
def test_beside_a_place_are_those_one_step_of_the_grid_away(
    axes: dict[str, tuple[float, float]],
) -> None:
    family = Family("null", axes, rates=True)
    levels = LEVELS[len(axes)]
    steps = itertools.product(range(levels), repeat=len(axes))
    grid = dict(zip(steps, family.grid(), strict=True))
    for at, place in grid.items():
        close = [there for there in grid if sum(map(abs, np.subtract(at, there))) == 1]
        for part in (1.0, 0.5):
            expected = {
                tuple(
                    round(v + part * (w - v), 9) for v, w in zip(place.values(), other, strict=True)
                )
                for other in (grid[there].values() for there in close)
            }
            found = [tuple(round(v, 9) for v in one.values()) for one in family.beside(place, part)]
            assert set(found) == expected
            assert len(found) == len(expected)
