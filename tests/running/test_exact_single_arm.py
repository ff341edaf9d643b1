"""A single arm against a number, enumerated: against plain sums, and a published design."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
from scipy import stats

from adaptive_cart.design.design import Design
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.engine import choose_engine
from adaptive_cart.running.run import simulate

GOAL, LOOKS, AT_LEAST, FUTILE = 0.4, (20, 40, 60), 0.985, 0.05
PRIOR = (0.5, 1.5)
RATES = {"null": 0.4, "expected": 0.62, "worse": 0.15}


def design(**changes: Any) -> Design:
    tables: dict[str, Any] = {
        "name": "a single arm",
        "arms": {"cart": {}},
        "endpoints": {"dfr": {"type": "landmark", "month": 12}},
        "analysis": {
            "dfr": {"model": "beta_binomial", "prior": dict(zip("ab", PRIOR, strict=True))}
        },
        "enrolment": {"max_n": LOOKS[-1], "per_month": 3},
        "looks": {"observed": [*LOOKS]},
        "rules": [
            {
                "name": "efficacy",
                "then": "declare_success",
                "posterior": {"endpoint": "dfr", "arm": "cart", "above": GOAL},
                "at_least": AT_LEAST,
            },
            {
                "name": "futility",
                "then": "declare_futility",
                "predictive": {"rule": "efficacy"},
                "below": FUTILE,
                "looks": [1, 2],
            },
        ],
        "scenarios": {name: {"dfr": {"cart": rate}} for name, rate in RATES.items()},
    }
    return Design(**{**tables, **changes})


def beyond(x: int, n: int) -> float:
    """P(rate > goal) after x of n."""
    return float(stats.beta.sf(GOAL, PRIOR[0] + x, PRIOR[1] + n - x))


def predicted(x: int, n: int) -> float:
    """Probability that the last look will hold, by the beta-binomial distribution."""
    more = LOOKS[-1] - n
    weights = stats.betabinom(more, PRIOR[0] + x, PRIOR[1] + n - x)
    return math.fsum(
        weights.pmf(k) for k in range(more + 1) if beyond(x + k, LOOKS[-1]) >= AT_LEAST
    )


def plain_sum(rate: float) -> dict[str, float]:
    """Walk over responders look by look; every trial that ends is added up where it ends."""
    alive, before = {0: 1.0}, 0
    found = dict.fromkeys(("success", "stop_futility", "no_success", "n", "bias", "coverage"), 0.0)
    for n in LOOKS:
        step, now = stats.binom(n - before, rate), {}
        for x, mass in alive.items():
            for k in range(n - before + 1):
                now[x + k] = now.get(x + k, 0.0) + mass * float(step.pmf(k))
        alive, before = {}, n
        for x, mass in now.items():
            if beyond(x, n) >= AT_LEAST:
                ending = "success"
            elif n < LOOKS[-1] and predicted(x, n) < FUTILE:
                ending = "stop_futility"
            elif n == LOOKS[-1]:
                ending = "no_success"
            else:
                alive[x] = mass
                continue
            found[ending] += mass
            found["n"] += mass * n
            posterior = stats.beta(PRIOR[0] + x, PRIOR[1] + n - x)
            found["bias"] += mass * (float(posterior.mean()) - rate)
            found["coverage"] += mass * (0.025 <= posterior.cdf(rate) <= 0.975)
    return found


def told(result: Any, scenario: str, measure: str) -> float:
    rows = result.operating_characteristics
    here = rows[(rows["scenario"] == scenario) & (rows["measure"] == measure) & rows["look"].isna()]
    return float(here.iloc[0]["estimate"])


def test_three_looks_are_their_plain_sum() -> None:
    made = design()
    assert choose_engine(made, made.truths, "auto").engine == "exact"
    result = simulate(made, jobs=1)
    for name, rate in RATES.items():
        expected = plain_sum(rate)
        for measure in ("success", "stop_futility", "no_success", "bias", "coverage"):
            assert told(result, name, measure) == pytest.approx(expected[measure], abs=1e-9)
        assert told(result, name, "n_analysed_mean") == pytest.approx(expected["n"], abs=1e-9)
        assert told(result, name, "estimand") == rate
        false = expected["success"] if rate <= GOAL else 0.0
        assert told(result, name, "false_success") == pytest.approx(false, abs=1e-9)


def test_simulation_agrees_with_enumeration() -> None:
    exact = simulate(design(), jobs=1)
    drawn = simulate(design(), trials=4_000, seed=5, jobs=1, engine="simulate")
    for name in RATES:
        for measure in ("success", "stop_futility"):
            p = told(exact, name, measure)
            error = math.sqrt(p * (1 - p) / 4_000) + 1e-4
            assert abs(told(drawn, name, measure) - p) < 4.0 * error


@pytest.mark.parametrize(
    ("first", "last", "expected_n", "early", "alpha", "power"),
    [((1, 10), (5, 29), 15.0, 0.74, 0.05, 0.80), ((1, 12), (5, 35), 19.8, 0.65, 0.10, 0.90)],
)
def test_simons_optimal_two_stage_designs(
    first: tuple[int, int],
    last: tuple[int, int],
    expected_n: float,
    early: float,
    alpha: float,
    power: float,
) -> None:
    """p0 = 0.1 against p1 = 0.3 (Simon 1989, Control Clin Trials 10:1, table 1)."""
    p0, p1 = 0.1, 0.3

    def between(x: int, n: int) -> float:
        """A threshold that x of n does not reach and x + 1 does, with a uniform prior."""
        return float(stats.beta.sf(p0, 1 + x, 1 + n - x) + stats.beta.sf(p0, 2 + x, n - x)) / 2.0

    question = {"endpoint": "dfr", "arm": "cart", "above": p0}
    made = design(
        analysis={},
        enrolment={"max_n": last[1], "per_month": 3},
        looks={"observed": [first[1], last[1]]},
        rules=[
            {"name": "stop", "then": "declare_futility", "posterior": question, "looks": [1],
             "below": between(*first)},
            {"name": "efficacy", "then": "declare_success", "posterior": question, "looks": [2],
             "at_least": between(*last)},
        ],
        scenarios={"null": {"dfr": {"cart": p0}}, "expected": {"dfr": {"cart": p1}}},
    )  # fmt: skip
    result = simulate(made, jobs=1)
    assert round(told(result, "null", "n_analysed_mean"), 1) == expected_n
    assert abs(told(result, "null", "stop_futility") - early) < 0.01
    assert alpha - 0.01 < told(result, "null", "success") <= alpha
    assert power <= told(result, "expected", "success") < power + 0.01


# ── calibration: the rate at the goal, and below ──────────────────────────────────────────────
def to_calibrate(**changes: Any) -> Design:
    tables = design().plain()
    tables["rules"] = [copy.deepcopy(tables["rules"][0]) | {"at_least": "calibrate"}]
    tables["looks"] = {"observed": [LOOKS[-1]]}
    tables["calibration"] = {"type_one_error": 0.025}
    return Design(**{**tables, **changes})


def test_the_threshold_holds_the_error_at_the_goal() -> None:
    found = calibrate(to_calibrate(), jobs=1)
    n = LOOKS[-1]
    fewest = next(x for x in range(n + 1) if stats.binom.sf(x - 1, n, GOAL) <= 0.025)
    assert found.threshold == pytest.approx(
        (beyond(fewest - 1, n) + beyond(fewest, n)) / 2.0, abs=1e-9
    )
    worst = max(found.points, key=lambda point: point.error)
    assert worst.error == pytest.approx(float(stats.binom.sf(fewest - 1, n, GOAL)), abs=1e-12)
    assert worst.name == "cart 0.4000"
    assert "rates of cart from 0 to 1" in found.region
    assert "control" not in found.region
    assert all(float(point.name.split()[-1]) <= GOAL for point in found.points)


def test_a_claim_of_few_has_its_null_region_above_the_number() -> None:
    question = {"endpoint": "dfr", "arm": "cart", "below": GOAL}
    tables = to_calibrate().plain()
    tables["rules"][0]["posterior"] = question
    found = calibrate(Design(**tables), jobs=1)
    assert all(float(point.name.split()[-1]) >= GOAL for point in found.points)
    assert max(found.points, key=lambda point: point.error).name == "cart 0.4000"


def test_a_region_of_the_arms_own_rates_may_be_narrower() -> None:
    narrow = to_calibrate(
        calibration={"type_one_error": 0.025, "null_region": {"cart": [0.1, 0.3]}}
    )
    wide, found = calibrate(to_calibrate(), jobs=1), calibrate(narrow, jobs=1)
    assert found.threshold < wide.threshold
    assert "from 0.1 to 0.3" in found.region


def test_a_simulated_search_looks_at_the_same_rates() -> None:
    exact = calibrate(to_calibrate(), jobs=1)
    drawn = calibrate(to_calibrate(), jobs=1, trials=2_000, engine="simulate")
    assert any(point.name == "cart 0.4000" for point in drawn.points)
    assert len(drawn.points) == len({point.name for point in drawn.points})
    assert abs(drawn.threshold - exact.threshold) < 0.02
