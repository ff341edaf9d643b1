"""What is said of a comparison where few decimals, a calibration or a sample make a difference."""

from __future__ import annotations

import math
from typing import Any

import pytest

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.rules import resolve_rules
from adaptive_cart.design.design import Design
from checks import raw_design


def first_comparison(raw: dict[str, Any], position: int = 0) -> tuple[Design, Comparison]:
    design = Design(**raw)
    return design, resolve_rules(design)[position].parts[0]


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (0.9849, "0.9849 < 0.9850"),
        (0.98499, "0.98499 < 0.9850"),
        (0.985 - 1e-11, "0.98499999999 < 0.9850"),
        (0.985, "0.9850 >= 0.9850"),
    ],
)
def test_numbers_are_shown_with_the_digits_that_tell_them_apart(
    probability: float, said: str
) -> None:
    design, part = first_comparison(raw_design("hello"))
    assert part.reason(design, probability, 0.985).endswith(f" = {said}")


def test_where_twelve_digits_are_those_of_the_threshold_all_are_shown() -> None:
    design, part = first_comparison(raw_design("hello"))
    probability = 0.985 - 1e-14
    value, sign, threshold = part.reason(design, probability, 0.985).split(" = ")[-1].split()
    assert (float(value), sign, threshold) == (probability, "<", "0.9850")


def test_the_threshold_that_is_met_first_is_the_lowest_or_for_below_the_highest() -> None:
    raw = raw_design("hello")
    raw["rules"][0]["at_least"] = [0.99, 0.97, 0.98]
    raw["rules"][1]["below"] = [0.02, 0.05]
    assert first_comparison(raw)[1].easiest == 0.97
    assert first_comparison(raw, 1)[1].easiest == 0.05
    raw["rules"][0]["at_least"] = "calibrate"
    raw["calibration"] = {"type_one_error": 0.025}
    assert math.isnan(first_comparison(raw)[1].easiest)


@pytest.mark.parametrize(
    ("sample", "said"),
    [("max_n", "with max_n participants: "), ("enrolled", "with those enrolled: ")],
)
def test_a_prediction_says_its_sample(sample: str, said: str) -> None:
    raw = raw_design("hello")
    raw["rules"][1]["predictive"]["with"] = sample
    design, part = first_comparison(raw, 1)
    assert part.words(design).startswith(f"P(efficacy at the last look, {said}")


def test_rules_are_those_of_the_design_asked_about_and_resolved_once() -> None:
    raw = raw_design("hello")
    strict = raw_design("hello")
    strict["rules"][0]["at_least"] = 0.999
    design, stricter = Design(**raw), Design(**strict)
    again = resolve_rules(design), resolve_rules(stricter), resolve_rules(design)
    assert [rules[0].parts[0].thresholds[1] for rules in again] == [0.985, 0.999, 0.985]
    assert again[0] is again[2]
