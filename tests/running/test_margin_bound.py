"""The bound of an enumerated error on the margins: never below it, and little above."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.optimising.confirming import proven
from adaptive_cart.running.certificate import certify
from adaptive_cart.running.exact_error import ExactError
from adaptive_cart.running.margin_bound import WITHIN, margin_bound
from adaptive_cart.running.stated_certificate import tilted


def two_arms(asked: dict[str, Any], at_least: float = 0.95) -> ac.Design:
    asked = {"endpoint": "dfr", "arm": "cart", **asked}
    return ac.Design(
        name="two arms", arms={"soc": {"control": True}, "cart": {}},
        endpoints={"dfr": {"type": "landmark", "month": 6.0}},
        enrolment={"max_n": 48, "per_month": 3.0}, looks={"observed": [24, 48]},
        rules=[
            {"name": "efficacy", "then": "declare_success", "posterior": asked,
             "at_least": at_least},
            {"name": "futility", "then": "declare_futility", "posterior": asked, "below": 0.3,
             "looks": [1]},
        ],
        scenarios={"null": {"role": "null", "dfr": {"soc": 0.2, "cart": 0.2}}},
    )  # fmt: skip


@pytest.mark.parametrize(
    "asked",
    [
        {"minus": "soc", "above": 0.1},
        {"odds_ratio_to": "soc", "above": 1.3},
    ],
    ids=["a margin", "odds ratio"],
)
def test_it_lies_just_above_the_error_at_every_rate(asked: dict[str, Any]) -> None:
    design = two_arms(asked)
    error = ExactError(design, set(), (0.0, 1.0))
    found = margin_bound(error, (0.0, 1.0))
    (effect,) = error.effects
    controls = np.random.default_rng(3).uniform(0.0, 1.0, 2_000)
    rates, there = effect.rates(controls, 2)
    seen = float(error.at(rates)[there].max())
    assert seen <= found.bound <= seen + 2.0 * WITHIN
    assert found.found <= found.bound
    straight = "minus" in asked
    if straight:
        whole = certify(error, (0.0, 1.0)).bound
        assert whole - 1e-6 <= found.bound <= whole + WITHIN + 1e-6
    proof = proven(design)
    assert (proof.certificate is None) == (not straight)
    assert proof.bound == (whole if straight else found.bound)
    assert straight or "straight line" in proof.no_certificate


def test_nothing_seen_at_a_rate_of_0_bounds_no_other_rate() -> None:
    inside, ends = np.array([0.0, 0.5]), np.array([[0.0, 0.5], [0.1, 0.5]])
    assert tilted(0.0, inside, ends, 10) == 1.0
    assert tilted(0.0, inside, ends[:1], 10) == 0.0
