"""What takes long is told before it begins."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.running.cost import cost_of_draws
from adaptive_cart.telling.check import described
from checks import raw_design

BEST: dict[str, Any] = {
    "name": "leading",
    "then": "drop_arm",
    "posterior": {"endpoint": "relapse", "arm": "each", "best": True},
    "below": 0.05,
}


def lasting() -> dict[str, Any]:
    """The design with a course, and a rule about which arm has the largest cured fraction."""
    raw = raw_design("sle_autologous")
    raw["rules"].append(BEST)
    raw["arms"]["other"] = dict(raw["arms"]["cart"])
    raw["truth"]["other"] = copy.deepcopy(raw["truth"]["cart"])
    raw["randomisation"] = {"block": 5}
    return raw


def test_long_draws_are_told_with_their_time() -> None:
    design = Design(**lasting())
    plan = Plan.of(design)
    [words] = cost_of_draws(plan, 10_000, 6)
    assert words == (
        "'leading': answered from draws of the posterior of 'relapse', about 0.1 s a look of a "
        "trial; up to 180,000 of them are 5.0 hours of one core"
    )
    assert "'leading': answered from draws" in described(design)
    assert list(cost_of_draws(plan, 100, 1)) == []


@pytest.mark.parametrize("name", ["hello", "sle_autologous", "basket_diseases"])
def test_what_has_a_closed_form_costs_no_word(name: str) -> None:
    plan = Plan.of(Design(**raw_design(name)))
    assert list(cost_of_draws(plan, 1_000_000, 10)) == []


def test_completed_trials_are_told_with_their_time() -> None:
    raw = raw_design("durability_event_driven")
    ahead = {"name": "ahead", "then": "declare_futility", "predictive": {"rule": "efficacy"}}
    raw["rules"].insert(0, {**ahead, "below": 0.05})
    design = Design(**raw)
    [words] = cost_of_draws(Plan.of(design), 10_000, 1)
    looks = design.looks.number
    assert words == (
        "'ahead': trials are completed from draws of the posterior of 'relapse', about 0.065 s a "
        f"look of a trial; up to {looks * 10_000:,} of them are {looks * 650 / 60:.0f} minutes of "
        "one core"
    )
    assert "'ahead': trials are completed" in described(design)
    assert list(cost_of_draws(Plan.of(design), 100, 1)) == []
