"""That an arm is the best and something else is so at once, among the arms that are open."""

from __future__ import annotations

import copy
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import special, stats

from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.running.run import simulate
from conduct.test_best_utility import Table, looks_of

RISK = 0.15


def raw(*asked: Table, then: str = "declare_success", at_least: float = 0.6) -> Table:
    """Three arms beside a control, responses and an adverse event, and one rule on both."""
    arms = ("low", "middle", "high")
    every = asked or (
        {"endpoint": "dfr", "arm": "each", "best": True},
        {"endpoint": "crs3", "arm": "each", "below": RISK},
    )
    return {
        "name": "The best arm and a low risk",
        "arms": {"soc": {"control": True}} | {arm: {} for arm in arms},
        "endpoints": {
            "dfr": {"type": "landmark", "month": 6},
            "crs3": {"type": "adverse_event", "within_months": 1.0},
        },
        "enrolment": {"max_n": 120, "per_month": 6},
        "looks": {"observed": [60, 120]},
        "rules": [
            {"name": "behind", "then": "drop_arm", "below": 0.1, "looks": [1],
             "posterior": {"endpoint": "dfr", "arm": "each", "among_best": 2}},
            {"name": "best_and_safe", "then": then, "jointly": list(every), "at_least": at_least},
        ],
        "scenarios": {
            "expected": {
                "dfr": {"soc": 0.1, "low": 0.35, "middle": 0.5, "high": 0.6},
                "crs3": {"soc": 0.0, "low": 0.02, "middle": 0.05, "high": 0.2},
            },
        },
    }  # fmt: skip


def of_arm(analysis: LookAnalysis, endpoint: str, trial: int, arm: int) -> Any:
    """Beta posterior of an arm under Beta(1, 1)."""
    counts = analysis.summary(endpoint)
    yes, number = counts.successes[trial, arm, 0], counts.totals[trial, arm, 0]
    return stats.beta(1 + yes, 1 + number - yes)


def best(
    analysis: LookAnalysis, trial: int, arms: list[int], arm: int, above: float = 0.0
) -> float:
    """Probability that an arm has the largest rate of some, and one above a value."""
    grid = above + (1.0 - above) * (np.arange(4000) + 0.5) / 4000
    density = of_arm(analysis, "dfr", trial, arm).pdf(grid)
    for other in arms:
        if other != arm:
            density = density * of_arm(analysis, "dfr", trial, other).cdf(grid)
    return float(density.mean() * (1.0 - above))


def arms_asked(answers: npt.NDArray[np.float64]) -> list[int]:
    """Arms of which the rule was asked: those still open."""
    return [1 + place for place in np.flatnonzero(np.isfinite(answers))]


def test_of_two_endpoints_it_is_the_product_among_the_open_arms() -> None:
    conduct, plan = looks_of(raw(), 20, "expected")
    analysis, _ = conduct.kept[0]
    answers = conduct.records[0].probabilities["best_and_safe"]
    numbers, told = set(), []
    for trial in range(20):
        arms = arms_asked(answers[trial])
        numbers.add(len(arms))
        for arm in arms:
            safe = of_arm(analysis, "crs3", trial, arm).cdf(RISK)
            expected = best(analysis, trial, arms, arm) * safe
            found = answers[trial, arm - 1]
            assert found == pytest.approx(expected, abs=plan.errors["best_and_safe"] + 1e-6)
            told.append(found)
    assert numbers == {2, 3}, "of three arms one has been dropped in some trials"
    assert max(told) > 0.6
    assert min(told) < 0.05


def test_of_one_endpoint_it_is_that_of_both_at_once() -> None:
    """The best arm, and beyond a value: dependent, from the draws of the one posterior."""
    every = (
        {"endpoint": "dfr", "arm": "each", "best": True},
        {"endpoint": "dfr", "arm": "each", "above": 0.5},
    )
    conduct, plan = looks_of(raw(*every), 10, "expected")
    analysis, _ = conduct.kept[0]
    answers = conduct.records[0].probabilities["best_and_safe"]
    assert plan.errors["best_and_safe"] > 0.0
    apart = 0.0
    for trial in range(10):
        arms = arms_asked(answers[trial])
        for arm in arms:
            expected = best(analysis, trial, arms, arm, above=0.5)
            assert answers[trial, arm - 1] == pytest.approx(expected, abs=0.006)
            alone = best(analysis, trial, arms, arm) * of_arm(analysis, "dfr", trial, arm).sf(0.5)
            apart = max(apart, abs(expected - alone))
    assert apart > 0.05, "it is not the product"


def test_in_either_order_it_is_the_same() -> None:
    one, other = raw()["rules"][1]["jointly"]
    here = looks_of(raw(one, other), 5, "expected")[0].records[0].probabilities
    there = looks_of(raw(other, one), 5, "expected")[0].records[0].probabilities
    assert np.array_equal(here["best_and_safe"], there["best_and_safe"], equal_nan=True)


@pytest.mark.parametrize("word", ["jointly", "all"])
def test_it_is_predicted_by_completing_the_trial(word: str) -> None:
    """Counts to come are drawn from the beta posteriors, and the rule is judged on all of them."""
    table = raw()
    ahead = {"name": "ahead", "then": "drop_arm", "predictive": {"rule": "best_and_safe"}}
    rule = table["rules"][1]
    if word == "all":
        asked = rule.pop("jointly")
        del rule["at_least"]
        rule["all"] = [{"posterior": one, "at_least": 0.7} for one in asked]
    table["rules"] = [ahead | {"below": 0.0}, rule]
    conduct, _ = looks_of(table, 2, "expected")
    analysis, _ = conduct.kept[0]
    answers = conduct.records[0].probabilities["ahead"]
    rng, number = np.random.default_rng(3), 250
    grid = (np.arange(300) + 0.5) / 300
    for trial in range(2):
        hits = np.zeros(4)
        for _ in range(number):
            ends = {}
            for name, arm in product(("dfr", "crs3"), (1, 2, 3)):
                counts = analysis.summary(name)
                yes, total = counts.successes[trial, arm, 0], counts.totals[trial, arm, 0]
                more = 30 - int(counts.due[trial, arm, 0])
                found = yes + rng.binomial(more, rng.beta(1 + yes, 1 + total - yes))
                ends[name, arm] = 1 + found, 1 + total + more - found
            below = {arm: special.betainc(*ends["dfr", arm], grid) for arm in (1, 2, 3)}
            for arm in (1, 2, 3):
                density = stats.beta.pdf(grid, *ends["dfr", arm])
                for other in {1, 2, 3} - {arm}:
                    density = density * below[other]
                both = density.mean(), special.betainc(*ends["crs3", arm], RISK)
                hits[arm] += both[0] * both[1] >= 0.6 if word == "jointly" else min(both) >= 0.7
        assert answers[trial] == pytest.approx(hits[1:] / number, abs=0.13)
    assert np.ptp(answers) > 0.2


def test_success_is_false_where_either_is_not_so() -> None:
    """The arm with the most responses is too harmful, and the safe ones are not the best."""
    table = raw(at_least=0.3)
    table["rules"] = table["rules"][1:]
    table["looks"] = {"observed": [120]}
    safe = copy.deepcopy(table["scenarios"]["expected"])
    safe["crs3"]["high"] = 0.05
    table["scenarios"]["safe"] = safe
    trials = simulate(Design(**table), trials=15, seed=3).trials
    for scenario, right in (("expected", None), ("safe", "high")):
        mine = trials[trials["scenario"] == scenario]
        won = {name: mine[f"success_{name}"] > 0 for name in ("low", "middle", "high")}
        false = np.logical_or.reduce([own for name, own in won.items() if name != right])
        assert list(mine["false_success"]) == [int(each) for each in false]
        assert won["high"].any() or won["middle"].any()


@pytest.mark.parametrize(
    ("one", "words"),
    [
        ({"arm": "high", "best": True}, "about the same arm"),
        ({"arm": "each", "expected_rank": True}, "asked by itself"),
    ],
)
def test_what_cannot_be_asked_at_once_with_the_rest_is_told(one: Table, words: str) -> None:
    risk = {"endpoint": "crs3", "arm": "each", "below": RISK}
    with pytest.raises(DesignError) as refused:
        Design(**raw({"endpoint": "dfr"} | one, risk))
    assert words in str(refused.value)
