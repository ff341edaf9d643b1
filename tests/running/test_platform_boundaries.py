"""Boundaries of every arm of a platform, at planned numbers: against plain integrals and z by hand.

The planned numbers are worked out from the pace and the allocation here, month by month, and the
posterior of a difference by Gauss and Legendre.
"""

from __future__ import annotations

import copy
import csv
import io
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.design.spending import planned_bounds
from adaptive_cart.running.boundaries import Boundary, boundaries, boundaries_csv
from adaptive_cart.telling.check import described
from checks import raw_design
from conduct.test_alpha_of_arms_that_enter import platform

AT_LEAST = 0.99
# (soc, auto, allo, vivo) in each year of 72 participants, and the last
BY_YEAR = [(36, 36, 0, 0), (24, 24, 24, 0), (24, 0, 24, 24), (36, 0, 0, 36)]
OPEN = [tuple(number > 0 for number in year) for year in BY_YEAR]


def design(model: str) -> Design:
    raw: dict[str, Any] = copy.deepcopy(raw_design("platform_three_products"))
    raw["analysis"]["dfr"]["time_trend"] = {"model": model}
    return Design(**raw)


def counted(number: int, arm: int, concurrent: bool) -> tuple[float, float]:
    """Controls and participants of an arm among the first so many, year by year."""
    found, left = np.zeros(2), float(number)
    for year, here in zip(BY_YEAR, OPEN, strict=True):
        part = min(left / sum(year), 1.0)
        left -= part * sum(year)
        if not concurrent or here[arm]:
            found += part * np.array([year[0], year[arm]])
    return float(found[0]), float(found[1])


@cache
def better(x: int, n: int, y: int, m: int) -> float:
    """P(arm - control > 0) after x of n in the control and y of m in the arm."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    rates = 0.5 * (nodes + 1.0)
    density = 0.5 * weights * stats.beta(1 + x, 1 + n - x).pdf(rates)
    return float((density * stats.beta(1 + y, 1 + m - y).sf(rates)).sum())


def of_rule(found: list[Boundary], rule: str) -> list[Boundary]:
    return [one for one in found if one.rule == rule]


@pytest.mark.parametrize("model", ["pooled", "concurrent"])
def test_every_arm_has_the_boundaries_of_its_own_comparison(model: str) -> None:
    made = design(model)
    found = of_rule(boundaries(made), "superior")
    seen = {(one.look, one.arms[1]) for one in found}
    assert seen == {(1, "auto"), (1, "allo"), (2, "auto"), (2, "allo"), (2, "vivo"), (3, "auto"),
                    (3, "allo"), (3, "vivo")}  # fmt: skip
    for one in found:
        number = (96, 192, 288)[one.look - 1]
        arm = made.arm_names.index(one.arms[1])
        wanted = counted(number, arm, model == "concurrent")
        assert one.analysed == pytest.approx(wanted, abs=0.51)
        n, m = one.analysed
        for x in range(0, n + 1, max(n // 2, 1)):
            turn = int(one.turns[x])
            if turn <= m:
                assert better(x, n, turn, m) >= AT_LEAST
            if turn > 0:
                assert better(x, n, turn - 1, m) < AT_LEAST


def test_a_rule_that_is_silent_has_none_and_both_rules_are_in_the_file() -> None:
    made = design("concurrent")
    inferior = of_rule(boundaries(made), "inferior")
    assert (1, "allo") not in {(one.look, one.arms[1]) for one in inferior}  # 8 of 20
    rows = list(csv.DictReader(io.StringIO(boundaries_csv(made))))
    assert {row["arm"] for row in rows} == {"auto", "allo", "vivo"}
    text = described(made)
    assert "planned if participants come when they are expected and no arm has been closed" in text
    assert "(vivo 5/16 against soc 0/16)" in text
    assert not boundaries(design("periods"))


def test_each_arm_spends_alpha_by_its_own_boundary() -> None:
    made = Design(**platform())
    (rule,) = made.rules
    found = boundaries(made, Plan.of(made))
    assert {one.arms[1] for one in found} == {"auto", "allo"}
    for one in found:
        bound = planned_bounds(made, rule, one.arms[1])[one.look]
        n, m = one.analysed
        for x in (n // 4, n // 2):
            turn = int(one.turns[x])
            for y, holds in ((turn, True), (turn - 1, False)):
                pooled = (x + y) / (n + m)
                error = math.sqrt(pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m))
                assert ((y / m - x / n) / error >= bound) == holds, (one.look, one.arms, x, y)
