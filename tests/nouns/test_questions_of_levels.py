"""What every question about levels has to know of scales: its unit, and what it cannot compare."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from adaptive_cart.nouns.questions import KINDS
from adaptive_cart.nouns.summaries import Means

OF_LEVELS = [name for name, kind in KINDS.items() if kind.about_levels]


@pytest.mark.parametrize("name", OF_LEVELS)
def test_it_has_a_unit_where_it_grows_with_the_scale_of_what_is_measured(name: str) -> None:
    kind = KINDS[name]
    months, halves = kind.compare(0.4, 0.3), kind.compare(0.8, 0.6)
    unit = kind.unit(replace(Means.asked_about(), unit="months"))
    assert bool(unit) == (halves == pytest.approx(2.0 * months))


@pytest.mark.parametrize("name", OF_LEVELS)
@pytest.mark.parametrize("level", [(-math.inf, math.inf), (0.0, math.inf), (0.0, 1.0)])
def test_it_is_refused_of_levels_that_it_cannot_compare(
    name: str, level: tuple[float, float]
) -> None:
    kind = KINDS[name]
    among = np.array([-3.5, -0.25, 0.25, 0.75, 3.5])
    within = among[(among > level[0]) & (among < level[1])]
    with np.errstate(all="ignore"):
        compared = kind.compare(within[:, None], within)
    assert np.isfinite(compared).all() or not kind.may_be_asked_of(level)
