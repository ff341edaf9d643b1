"""Response-adaptive shares of every kind of endpoint and by every rule, against slow P(best).

P(best) of each look is worked out anew: from random draws of each arm's own posterior where that is
a beta or a gamma, on a grid of two log hazard ratios of times. The slow shares are those of the
twin.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.participants.population import latents_for
from twin import adaptive_trial

TRIALS = 3
ARMS = ("soc", "one", "two")
NORMAL = {"dist": "normal", "mean": 0.0, "sd": 1.0}
HAZARDS = {
    "model": "piecewise_exponential",
    "prior": {"baseline": {"a": 0.5, "b": 5.0}, "log_hazard_ratio": NORMAL},
}


def times(*medians: float) -> dict[str, Any]:
    pairs = zip(ARMS, medians, strict=True)
    return {arm: {"dist": "exponential", "median": median} for arm, median in pairs}


# endpoint, analysis, truth by arm
ENDPOINTS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "landmark": (
        {"type": "landmark", "month": 3.0},
        {"model": "beta_binomial"},
        {"soc": 0.3, "one": 0.7, "two": 0.4},
    ),
    "adverse_event": (
        {"type": "adverse_event", "within_months": 1.0},
        {"model": "beta_binomial"},
        {"soc": 0.3, "one": 0.6, "two": 0.2},
    ),
    "event_rate": (
        {"type": "event_rate"},
        {"model": "gamma_poisson", "prior": {"a": 1.0, "b": 1.0}},
        {"soc": 1.0, "one": 2.0, "two": 0.5},
    ),
    "time_to_event": ({"type": "time_to_event"}, HAZARDS, times(6.0, 4.0, 15.0)),
}
RULES: dict[str, dict[str, Any]] = {
    "power": {"power": 1.0},
    "minimum": {"power": 1.0, "minimum": 0.25},
    "fixed control": {"power": 0.5, "control": 0.4},
    "equal": {"power": 0.0},
    "burn-in": {"power": 1.0, "burn_in": 20},
}


def design(kind: str, rule: dict[str, Any]) -> Design:
    """Shares follow the endpoint, whatever the primary is."""
    endpoint, analysis, truth = ENDPOINTS[kind]
    landmark = ENDPOINTS["landmark"]
    others = {} if kind == "landmark" else {"asked": endpoint}
    primary = "asked" if kind == "landmark" else "response"
    return Design(
        name="Shares",
        arms={"soc": {"control": True}, "one": {}, "two": {}},
        randomisation={"method": "response_adaptive", "by": {"endpoint": "asked"}, **rule},
        endpoints={primary: {**landmark[0], "primary": True}, **others},
        analysis={"asked": analysis},
        enrolment={"max_n": 45, "per_month": 5.0},
        looks={"observed": [15, 30, 45]},
        rules=[
            {
                "name": "superior",
                "then": "declare_success",
                "posterior": {"endpoint": primary, "arm": "each", "minus": "soc", "above": 0.5},
                "at_least": 0.999,
            }
        ],
        scenarios={"a": {primary: landmark[2], "asked": truth}},
    )


def least_hazard(events: Any, time: Any) -> float:
    """P(the first arm has the smaller hazard): the joint density of both log ratios on a grid."""
    beta = np.linspace(-6.0, 6.0, 401)
    one, two = np.meshgrid(beta, beta, indexing="ij")
    risk = 5.0 + time[0] + np.exp(one) * time[1] + np.exp(two) * time[2]
    log = one * events[1] + two * events[2] - 0.5 * (one**2 + two**2)
    log -= (0.5 + events.sum()) * np.log(risk)
    mass = np.exp(log - log.max())
    smaller = mass[one < two].sum() + 0.5 * np.trace(mass)
    return float(smaller / mass.sum())


def slow_best(kind: str, summary: Any, trial: int) -> dict[str, float]:
    """P(the arm is the best) of the experimental arms."""
    rng = np.random.default_rng(1)
    if kind == "time_to_event":
        events, time = summary.events[trial, :, 0], summary.exposure[trial, :, 0]
        first = least_hazard(events, time)
        return {"one": first, "two": 1.0 - first}
    if kind == "event_rate":
        drawn = rng.gamma(
            1.0 + summary.events[trial, :, 0],
            1.0 / (1.0 + summary.years[trial, :, 0]),
            (50_000, 3),
        )
    else:
        x, n = summary.successes[trial, :, 0], summary.totals[trial, :, 0]
        drawn = rng.beta(1.0 + x, 1.0 + n - x, (50_000, 3))
    more = float((drawn[:, 1] > drawn[:, 2]).mean())
    one = more if kind == "landmark" else 1.0 - more  # less of a harm is better
    return {"one": one, "two": 1.0 - one}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", ENDPOINTS)
def test_shares_follow_the_best_arm_of_any_endpoint(kind: str, rule: str) -> None:
    made = design(kind, RULES[rule])
    plan, truth = Plan.of(made), truths_of(made)["a"]
    block = run_block(plan, truth, (0.0,) * len(plan.estimands), latents_for(made, 3, 0, TRIALS))
    seen = 0
    for record in block.looks[:-1]:
        for trial in np.flatnonzero(record.held):
            randomised = int(record.randomised[trial].sum())
            best = slow_best(kind, record.summaries["asked"], int(trial))
            if randomised < RULES[rule].get("burn_in", 0):
                expected = dict.fromkeys(ARMS, 1.0 / 3.0)
            else:
                table = {"method": "response_adaptive", **RULES[rule]}
                expected = adaptive_trial.adaptive_shares(best, "soc", table)
            assert record.shares is not None
            found = dict(zip(ARMS, record.shares[trial], strict=True))
            assert found == pytest.approx(expected, abs=0.02), (record.look, trial)
            seen += 1
    assert seen >= TRIALS
