"""A rule that follows one which drops an arm, at the same look, asks of the arms that are left."""

from __future__ import annotations

from typing import Any

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.records import Floats
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.estimand import target_values, true_values


def raw(first: str) -> dict[str, Any]:
    """Two arms that do alike; one of them harms everybody. Some trials end before that is asked."""
    harm = {
        "name": "harm", "then": "drop_arm", "at_least": 0.9, "looks": [2],
        "posterior": {"endpoint": "fever", "arm": "each", "above": 0.5},
    }  # fmt: skip
    best = {
        "name": "best", "then": "declare_success", "at_least": 0.999, "looks": [2],
        "posterior": {"endpoint": "free", "arm": "high", "best": True},
    }  # fmt: skip
    early = {
        "name": "early", "then": "declare_futility", "below": 0.998, "looks": [1],
        "posterior": {"endpoint": "free", "arm": "high", "minus": "usual", "above": 0.0},
    }  # fmt: skip
    return {
        "name": "One harms",
        "arms": {"usual": {"control": True}, "low": {}, "high": {}},
        "endpoints": {
            "free": {"type": "landmark", "month": 4.0},
            "fever": {"type": "adverse_event", "within_months": 2.0},
        },
        "enrolment": {"max_n": 90, "per_month": 6.0},
        "looks": {"observed": [45, 90]},
        "rules": [early, *([harm, best] if first == "harm" else [best, harm])],
        "scenarios": {
            "one": {
                "free": {"usual": 0.1, "low": 0.6, "high": 0.6},
                "fever": {"usual": 0.1, "low": 1.0, "high": 0.0},
            }
        },
    }


def certainties(first: str) -> Floats:
    """P(the harmless arm is the best) at the last look, of the trials that come to it."""
    design = Design(**raw(first))
    plan, truth = Plan.of(design), design.truths["one"]
    targets = target_values(plan, true_values(design, truth))
    block = run_block(plan, truth, targets, latents_for(design, 3, 0, 40))
    goes_on = block.look == 2
    assert 5 < goes_on.sum() < 35
    assert (block.standing.dropped[goes_on, 1] == 2).all()
    return block.looks[1].probabilities["best"][goes_on, -1]


def test_the_best_is_that_of_the_arms_that_are_left() -> None:
    """Of one arm it is certain that it is the best; of two that do alike it is not."""
    assert (certainties("harm") == 1.0).all()
    assert (certainties("best") < 0.999).mean() > 0.5
