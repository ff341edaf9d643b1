"""Trials of a block that each have a truth of their own, against the same trials run alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import Block, run_block, run_own
from adaptive_cart.design.design import Design
from adaptive_cart.design.own_truths import OwnTruths
from adaptive_cart.design.scenarios import truth_with
from adaptive_cart.participants.population import latents_for
from adaptive_cart.running.region import needs_calibration, with_threshold
from checks import raw_design, tiny_design

FIELDS = ("look", "months", "between", "randomised", "analysed", "infused", "estimate",
          "estimate_final", "analysed_final", "reversal")  # fmt: skip
OF_STANDING = ("reason", "rule", "probability", "dropped", "closed", "failed")
LATEST = 7  # the block begins at this trial


def drawn(raw: dict[str, Any], scenario: str, values: dict[str, list[float]]) -> tuple[Design, Any]:
    """A design and the truths of as many trials as there are values, by path."""
    design = Design(**raw)
    design = with_threshold(design, 0.98) if needs_calibration(design) else design
    steps = {tuple(path.split(".")): of for path, of in values.items()}
    trials = len(next(iter(values.values())))
    truths = [
        truth_with(design, scenario, {path: of[k] for path, of in steps.items()})
        for k in range(trials)
    ]
    return design, truths


def assert_same(design: Design, truths: list[Any]) -> Block:
    plan = Plan.of(design)
    own = OwnTruths.each(truths)
    assert own.together(design)
    together = run_own(plan, own, latents_for(design, 5, LATEST, len(truths)))
    unknown = (math.nan,) * len(plan.estimands)
    for place, truth in enumerate(truths):
        alone = run_block(plan, truth, unknown, latents_for(design, 5, LATEST + place, 1))
        for name in FIELDS:
            mine, theirs = getattr(together, name)[place], getattr(alone, name)[0]
            np.testing.assert_array_equal(mine, theirs, err_msg=f"{name} of trial {place}")
        for name in OF_STANDING:
            mine = getattr(together.standing, name)[place]
            theirs = getattr(alone.standing, name)[0]
            np.testing.assert_array_equal(mine, theirs, err_msg=f"{name} of trial {place}")
    return together


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("sle_autologous", {"cart.remission.probability": [0.05, 0.3, 0.3, 0.66, 0.9],
                            "soc.rescue.per_year": [0.1, 0.1, 0.6, 0.35, 0.35],
                            "cart.events.crs3": [0.3, 0.0, 0.1, 0.05, 0.5]}),
        ("lupus_in_vivo_redosing", {"cart.redosing.remission.probability": [0.0, 0.9, 0.4],
                                    "cart.durability.cured": [0.1, 0.9, 0.5]}),
        ("durability_event_driven", {"cart.durability.cured": [0.05, 0.9, 0.5, 0.5]}),
    ],
)  # fmt: skip
def test_courses(name: str, values: dict[str, list[float]]) -> None:
    raw = raw_design(name)
    scenario = next(name for name in raw["scenarios"] if name != "null")
    assert_same(*drawn(raw, scenario, values))


def test_who_crosses_over_follows_the_other_course_of_the_own_trial() -> None:
    raw = raw_design("sle_autologous")
    raw["crossover"] = {"from": "soc", "to": "cart", "when": "no_remission", "after_month": 6.0}
    raw["truth"]["soc"]["crossover"] = {"probability": 0.9}
    values = {
        "cart.remission.probability": [0.05, 0.95, 0.5],
        "cart.death.per_year": [0.3, 0.0, 0.1],
    }
    together = assert_same(*drawn(raw, "expected", values))
    assert len(np.unique(together.months)) == 3


@pytest.mark.parametrize("name", ["hello", "products_multiarm", "basket_diseases"])
def test_outcomes_said_directly(name: str) -> None:
    raw = raw_design(name)
    scenario = next(name for name in raw["scenarios"] if name != "null")
    arm = next(arm for arm, table in raw["arms"].items() if not table.get("control"))
    raw["scenarios"][scenario]["dfr"][arm] = 0.3
    assert_same(*drawn(raw, scenario, {f"dfr.{arm}": [0.1, 0.4, 0.4, 0.9]}))


def test_what_differs_in_more_than_participants_is_run_alone() -> None:
    raw = tiny_design()
    raw["enrolment"]["per_month"] = 3.0
    raw["scenarios"]["null"]["enrolment"] = {"per_month": 2.0}
    design, truths = drawn(raw, "null", {"enrolment.per_month": [2.0, 4.0]})
    own = OwnTruths.each(truths)
    assert not own.together(design)
    with pytest.raises(ValueError, match="differ in more"):
        run_own(Plan.of(design), own, latents_for(design, 5, 0, 2))


def test_chosen_trials_of_a_block_have_their_own_participants() -> None:
    raw = raw_design("sle_autologous")
    design, truths = drawn(raw, "expected", {"cart.remission.probability": [0.1, 0.5, 0.9, 0.4]})
    plan, own = Plan.of(design), OwnTruths.each(truths)
    whole = run_own(plan, own, latents_for(design, 5, 0, 4))
    chosen = np.array([3, 1])
    some = run_own(plan, own.rows(chosen), latents_for(design, 5, 0, 4).rows(chosen))
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name)[chosen])
