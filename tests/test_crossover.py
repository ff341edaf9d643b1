"""Control participants who take the other arm's course after a month."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from adaptive_cart.design import Design
from adaptive_cart.plan import Plan
from adaptive_cart.population import latents_for
from adaptive_cart.records import Counts
from adaptive_cart.scenarios import truths_of
from adaptive_cart.trial import Block, run_block
from test_fast_equals_twin import raw_design

AFTER = 12.0
TRIALS = 300


def run(month: float, probability: float | None, strategy: str = "composite") -> Block:
    raw: dict[str, Any] = copy.deepcopy(raw_design("sle_autologous"))
    raw["endpoints"]["dfr"] |= {"month": month, "sustained_from": month - 3.0}
    if probability is not None:
        crossover = {"from": "soc", "to": "cart", "after_month": AFTER, "strategy": strategy}
        raw["crossover"] = crossover
        raw["truth"]["soc"]["crossover"] = {"probability": probability}
    design = Design(**raw)
    plan = Plan.of(design)
    truth = truths_of(design)["expected"]
    return run_block(plan, truth, (0.5,), latents_for(design, 3, 0, TRIALS), True)


def control_responders(block: Block) -> int:
    summary = block.looks[-1].summaries["dfr"]
    assert isinstance(summary, Counts)
    return int(summary.successes[:, 0].sum())


@pytest.mark.parametrize("strategy", ["composite", "treatment_policy"])
def test_a_landmark_up_to_the_month_is_untouched(strategy: str) -> None:
    without, with_ = run(AFTER, None), run(AFTER, 0.7, strategy)
    for mine, theirs in zip(with_.looks, without.looks, strict=True):
        for a, b in zip(
            vars(mine.summaries["dfr"]).values(),
            vars(theirs.summaries["dfr"]).values(),
            strict=True,
        ):
            np.testing.assert_array_equal(a[:, :, 0][mine.held], b[:, :, 0][mine.held])


def test_nobody_crosses_with_probability_zero() -> None:
    block = run(24.0, 0.0)
    assert block.population is not None
    assert block.population.course is not None
    assert not np.isfinite(block.population.course.crossed).any()
    assert control_responders(block) == control_responders(run(24.0, None))


def test_who_crosses_and_what_becomes_of_them() -> None:
    block = run(24.0, 0.6, "treatment_policy")
    population = block.population
    assert population is not None
    course, before = population.course, run(24.0, None).population.course  # type: ignore[union-attr]
    assert course is not None
    assert before is not None
    control = population.arm == 0
    followed = np.minimum(before.dropout, before.death) > AFTER
    in_remission = (before.remission <= AFTER) & (before.relapse > AFTER)
    eligible = control & followed & ~in_remission
    crossed = np.isfinite(course.crossed)
    assert not crossed[~eligible].any()
    n = eligible.sum()
    assert abs(crossed.sum() / n - 0.6) < 5 * np.sqrt(0.6 * 0.4 / n)
    infused = crossed & np.isfinite(course.infused)
    delay = course.infused[infused] - AFTER
    assert (delay > 0).all()
    assert abs(np.median(delay) - 1.3) < 0.05
    # the control is infused by crossing alone, and nobody's past changes
    assert np.array_equal(np.isfinite(course.infused) & control, infused)
    for name in ("remission", "relapse", "rescue"):
        mine, theirs = getattr(course, name), getattr(before, name)
        past = control & (theirs <= AFTER)
        np.testing.assert_array_equal(mine[past], theirs[past])
        np.testing.assert_array_equal(mine[~crossed], theirs[~crossed])
    after = course.remission_after
    assert after is not None
    assert (
        after[infused & np.isfinite(after)] > course.infused[infused & np.isfinite(after)]
    ).all()
    share = np.isfinite(after[infused]).mean()
    assert 0.60 < share < 0.66  # 0.66 less those whom rescue comes first
    assert not np.isfinite(after[~infused]).any()


def test_composite_counts_a_crosser_as_non_response() -> None:
    composite, policy, none = run(24.0, 1.0), run(24.0, 1.0, "treatment_policy"), run(24.0, None)
    assert control_responders(composite) <= control_responders(none)
    assert control_responders(policy) > 10 * control_responders(none)


def test_dropout_goes_on_at_the_other_arms_hazard() -> None:
    block = run(24.0, 1.0)
    assert block.population is not None
    course = block.population.course
    assert course is not None
    crossed = np.isfinite(course.crossed)
    left = np.minimum(course.dropout, course.death)[crossed] - AFTER
    hazard = 1.0 / left.mean() * 12.0  # of an exponential time
    expected = 0.06 + 0.010
    assert abs(hazard / expected - 1.0) < 5 / np.sqrt(crossed.sum())
