"""Rules on one arm's counts, at x of n for every n: against the posterior asked of every count."""

from __future__ import annotations

import csv
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.design.design import Design
from adaptive_cart.running.stopping_counts import stopping_counts, stopping_counts_csv
from adaptive_cart.telling.check import described
from checks import raw_design
from conduct.test_order_in_time import CRS, course_design, safety, several_arms, strata

Raw = dict[str, Any]


def fewest_slowly(a: float, b: float, limit: float, threshold: float, n: int) -> int:
    """The fewest events of n with which P(p > limit) reaches the threshold; n + 1 for none."""
    for x in range(n + 1):
        if stats.beta.sf(limit, a + x, b + n - x) >= threshold:
            return x
    return n + 1


@pytest.mark.parametrize("least", [None, 6])
@pytest.mark.parametrize("threshold", [0.8, 0.9, 0.99])
def test_every_number_has_the_fewest_that_the_posterior_says(
    least: int | None, threshold: float
) -> None:
    rule = safety("quick", 3, at_least=threshold) | ({} if least is None else {"from": least})
    (table,) = stopping_counts(Design(**course_design(rule)))
    slow = [fewest_slowly(0.2, 3.8, 0.12, threshold, n) for n in range(1, 25)]
    slow = [n + 1 if n < (least or 1) else x for n, x in enumerate(slow, start=1)]
    assert table.fewest.tolist() == slow
    assert (table.arm, table.endpoint, table.least) == ("cells", "crs", least or 0)


def test_a_tie_is_reached() -> None:
    # Beta(1, 1), 2 of 2: P(p > 1/2) is 1 - 1/8 exactly
    raw = course_design(safety("quick", 1, at_least=0.875, posterior=CRS | {"above": 0.5}))
    raw["analysis"]["crs"]["prior"] = {"a": 1.0, "b": 1.0}
    (table,) = stopping_counts(Design(**raw))
    assert 1 - Fraction(1, 2) ** 3 == Fraction(7, 8)
    assert table.fewest.tolist()[:2] == [2, 2]


def test_each_look_has_the_table_of_its_threshold() -> None:
    rule = safety("quick", 3, at_least=[0.95, 0.8])
    first, second = stopping_counts(Design(**course_design(rule)))
    assert (first.looks, second.looks) == ((1,), (2,))
    assert first.several
    for table, threshold in ((first, 0.95), (second, 0.8)):
        slow = [fewest_slowly(0.2, 3.8, 0.12, threshold, n) for n in range(1, 25)]
        assert table.fewest.tolist() == slow


def test_of_any_each_has_its_own_and_of_all_there_is_none() -> None:
    raw = raw_design("lupus_gated_claims")
    tables = stopping_counts(Design(**raw))
    assert [(t.part, t.alone) for t in tables] == [("harm_1", True), ("harm_2", True)]
    raw["rules"][0]["all"] = raw["rules"][0].pop("any")
    assert stopping_counts(Design(**raw)) == []


def test_each_arm_and_each_stratum_has_its_own() -> None:
    each = safety("toxic", 2, then="drop_arm", posterior=CRS | {"arm": "each"}, at_least=0.8)
    tables = stopping_counts(Design(**several_arms(course_design(each))))
    assert [table.arm for table in tables] == ["cells", "others"]
    assert all(len(table.fewest) == 36 for table in tables)  # the others may be dropped
    close = safety(
        "toxic", 2, then="close_stratum", posterior=CRS | {"stratum": "each"}, at_least=0.8
    )
    tables = stopping_counts(Design(**strata(course_design(close), "keep")))
    assert [table.stratum for table in tables] == ["early", "late"]
    slow = [fewest_slowly(0.2, 3.8, 0.12, 0.8, n) for n in range(1, 37)]
    for table in tables:
        assert table.fewest.tolist() == slow


def test_the_same_said_from_below_is_the_same_table() -> None:
    # stop if it is not probable enough that the rate is acceptable
    above = safety("quick", 3, at_least=0.9)
    low = {key: value for key, value in CRS.items() if key != "above"} | {"below": 0.12}
    below = {key: value for key, value in above.items() if key != "at_least"}
    below |= {"posterior": low, "below": 0.1}
    one, other = (stopping_counts(Design(**course_design(rule)))[0] for rule in (above, below))
    np.testing.assert_array_equal(one.fewest, other.fewest)


def test_what_claims_something_or_asks_for_few_has_no_table() -> None:
    few = {
        "name": "few",
        "then": "declare_futility",
        "posterior": {"endpoint": "free", "arm": "cells", "above": 0.3},
        "below": 0.1,
    }
    more = few | {"name": "more", "then": "declare_success", "at_least": 0.9}
    del more["below"]
    assert stopping_counts(Design(**course_design(few, more))) == []


def test_check_prints_it_and_a_file_holds_every_number() -> None:
    raw = course_design(safety("quick", 3, at_least=0.9) | {"from": 6})
    design = Design(**raw)
    text = described(design)
    (table,) = stopping_counts(design)
    assert "stops at x or more of n with crs in cells, n those who are infused" in text
    assert "silent before 6 of cells are infused and their window has passed" in text
    lines = text.splitlines()
    start = next(k for k, line in enumerate(lines) if "stops at x or more" in line)
    shown_x, shown_n = (lines[start + k].split()[1:] for k in (1, 2))
    told = {}
    for x, n in zip(shown_x, shown_n, strict=True):
        first, _, last = n.partition("-")
        for number in range(int(first), int(last or first) + 1):
            told[number] = number + 1 if x == "none" else int(x)
    assert told == dict(enumerate(table.fewest.tolist(), start=1))
    rows = list(csv.DictReader(stopping_counts_csv(design).splitlines()))
    assert [int(row["analysed"]) for row in rows] == list(range(1, 25))
    assert [int(row["holds_from"] or row["analysed"]) for row in rows] == [
        n if x > n else x for n, x in enumerate(table.fewest.tolist(), start=1)
    ]
    assert [row["holds_from"] for row in rows][:5] == [""] * 5
