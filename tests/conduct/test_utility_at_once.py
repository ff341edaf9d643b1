"""A utility and more at once: against integration over exact posteriors, by slow lines."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.analysis.flow import analyze
from adaptive_cart.conduct.tied import chance_of_chains, quantities_of, tied
from adaptive_cart.conduct.weighing_arms import OF_BEST
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.questions import Question
from adaptive_cart.running.run import simulate
from conduct.test_best_utility import Table, looks_of, participants
from conduct.test_best_utility import raw as arms_by_utility

WEIGHTS = (1.0, -0.3)
UTILITY = {"utility": "net_benefit", "arm": "cart", "minus": "soc", "above": 0.05}
RISK = {"endpoint": "infection", "arm": "cart", "below": 0.5}
EFFECT = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.2}
FREE = {"endpoint": "crs3", "arm": "cart", "below": 0.2}


def raw(*asked: Table) -> Table:
    """Two arms; the utility is asked at once with what it weighs, and with what it does not."""
    return {
        "name": "A utility at once",
        "arms": {"soc": {"control": True}, "cart": {}},
        "endpoints": {
            "dfr": {"type": "landmark", "month": 6},
            "infection": {"type": "event_rate"},
            "crs3": {"type": "adverse_event", "within_months": 1},
        },
        "analysis": {"infection": {"model": "gamma_poisson", "prior": {"a": 0.5, "b": 1.0}}},
        "utility": {"net_benefit": {"dfr": WEIGHTS[0], "infection": WEIGHTS[1]}},
        "enrolment": {"max_n": 60, "per_month": 6},
        "looks": {"observed": [48, 60]},
        "rules": [
            {"name": "worth", "then": "declare_success", "jointly": [*asked],
             "at_least": 0.9999999},
        ],
        "scenarios": {
            "null": {
                "dfr": {"soc": 0.2, "cart": 0.2}, "infection": {"soc": 0.4, "cart": 0.4},
                "crs3": {"soc": 0.05, "cart": 0.05},
            },
            "expected": {
                "dfr": {"soc": 0.2, "cart": 0.5}, "infection": {"soc": 0.4, "cart": 0.5},
                "crs3": {"soc": 0.05, "cart": 0.1},
            },
        },
    }  # fmt: skip


def integrated(analysis: Any, trial: int, effect: bool, risk: bool) -> float:
    """Probability by grids of quantiles of each of the four levels, and those below the risk."""
    counts, seen = analysis.summary("dfr"), analysis.summary("infection")
    grid = (np.arange(56) + 0.5) / 56
    rates, hazards, share = [], [], 1.0
    for arm in (0, 1):
        yes, number = counts.successes[trial, arm, 0], counts.totals[trial, arm, 0]
        rates.append(stats.beta(1 + yes, 1 + number - yes).ppf(grid))
        events, years = seen.events[trial, arm, 0], seen.years[trial, arm, 0]
        law = stats.gamma(0.5 + events, scale=1 / (1 + years))
        share = law.cdf(RISK["below"]) if risk and arm else 1.0
        hazards.append(law.ppf(grid * share))
    benefit = rates[1][:, None, None, None] - rates[0][None, :, None, None]
    harm = hazards[1][:, None] - hazards[0][None, :]
    so = WEIGHTS[0] * benefit + WEIGHTS[1] * harm > UTILITY["above"]
    so = so & (benefit > EFFECT["above"]) if effect else so
    return float(so.mean() * share)


@pytest.mark.parametrize(
    ("asked", "effect", "risk"),
    [((UTILITY, RISK), False, True), ((UTILITY, EFFECT, RISK), True, True),
     ((EFFECT, UTILITY), True, False)],
)  # fmt: skip
def test_it_is_that_of_integration(asked: tuple[Table, ...], effect: bool, risk: bool) -> None:
    conduct, plan = looks_of(raw(*asked), 8, "expected")
    analysis = conduct.kept[0][0]
    told = conduct.records[0].probabilities["worth"][:, 0]
    assert plan.errors["worth"] == OF_BEST
    expected = [integrated(analysis, trial, effect, risk) for trial in range(8)]
    assert told == pytest.approx(expected, abs=OF_BEST)
    assert np.ptp(told) > 0.3


def test_what_shares_no_endpoint_is_a_factor() -> None:
    """The utility by itself, and an endpoint that it does not weigh: a product to the last bit."""
    conduct, _ = looks_of(raw(UTILITY, FREE), 8, "expected")
    analysis = conduct.kept[0][0]
    counts = analysis.summary("crs3")
    yes, number = counts.successes[:, 1, 0], counts.totals[:, 1, 0]
    alone = raw(UTILITY)
    alone["rules"][0] |= {"posterior": UTILITY}
    del alone["rules"][0]["jointly"]
    by_itself = looks_of(alone, 8, "expected")[0].records[0].probabilities["worth"]
    free = stats.beta(1 + yes, 1 + number - yes).cdf(FREE["below"])
    told = conduct.records[0].probabilities["worth"]
    assert told[:, 0] == pytest.approx(by_itself[:, 0] * free, abs=1e-9)


def test_a_utility_of_one_endpoint_is_asked_of_that() -> None:
    table = raw(UTILITY, EFFECT)
    table["utility"]["net_benefit"] = {"dfr": 0.5}
    half = looks_of(table, 6, "expected")[0].records[0].probabilities["worth"]
    plain = raw(EFFECT | {"above": 0.1}, EFFECT)
    there = looks_of(plain, 6, "expected")[0].records[0].probabilities["worth"]
    assert half == pytest.approx(there, abs=1e-12)


def test_the_best_by_a_utility_and_a_risk_at_once() -> None:
    """With a risk that all but surely is so it is the best alone; with one that is not, nothing."""
    for below, share in ((50.0, 1.0), (1e-9, 0.0)):
        table = arms_by_utility()
        risk = {"endpoint": "infection", "arm": "each", "below": below}
        best = {"utility": "net_benefit", "arm": "each", "best": True}
        table["rules"][1] = {"name": "best", "then": "declare_success", "jointly": [best, risk],
                             "at_least": 0.9}  # fmt: skip
        found = looks_of(table, 6, "middle_is_best")[0].records[0].probabilities["best"]
        alone = looks_of(arms_by_utility(), 6, "middle_is_best")[0].records[0].probabilities["best"]
        assert np.array_equal(np.isnan(found), np.isnan(alone))
        assert found == pytest.approx(alone * share, abs=1e-9, nan_ok=True)


def test_chains_put_together_agree_with_integration() -> None:
    conduct, _ = looks_of(raw(UTILITY, EFFECT, RISK), 1, "expected")
    analysis = conduct.kept[0][0]
    (questions,) = tied(conduct.plan.parts[0].everything)
    needed = quantities_of(questions, 2)
    counts, seen = analysis.summary("dfr"), analysis.summary("infection")
    rng = np.random.default_rng(4)
    yes, number = counts.successes[0, :, 0], counts.totals[0, :, 0]
    events, years = seen.events[0, :, 0], seen.years[0, :, 0]
    levels = {
        "dfr": np.moveaxis(rng.beta(1 + yes, 1 + number - yes, (4, 2500, 2)), 2, 0),
        "infection": np.moveaxis(rng.gamma(0.5 + events, size=(4, 2500, 2)) / (1 + years), 2, 0),
    }
    found = {
        name: [(levels[name][[quantity.arm for quantity in own]], 1.0)]
        for name, own in needed.items()
    }
    answer, error = chance_of_chains(questions, needed, found, 2)
    assert 0.0005 < error < 0.01
    assert answer == pytest.approx(integrated(analysis, 0, True, True), abs=4 * error + 0.003)


def test_questions_that_share_an_endpoint_stand_together() -> None:
    one, other, third = (Question(name, 1) for name in ("a", "b", "c"))
    both = Question("u", 1, kind="utility", weights=(("a", 1.0), ("b", 1.0)))
    assert tied((one, other, third)) == [(one,), (other,), (third,)]
    assert tied((one, other, third, both)) == [(one, other, both), (third,)]
    assert tied((third, both, other)) == [(third,), (both, other)]


def test_success_is_false_where_either_is_not_so() -> None:
    table = raw(UTILITY, RISK)
    table["rules"][0]["at_least"] = 0.01
    scenarios = table["scenarios"]
    harmful = copy.deepcopy(scenarios["expected"])
    harmful["infection"]["cart"] = 0.55  # the utility is still larger; the risk is not below 0.5
    good = copy.deepcopy(scenarios["expected"])
    good["infection"]["cart"] = 0.45
    scenarios["expected"]["dfr"]["cart"] = 0.2  # the risk is no longer what fails
    scenarios["expected"]["infection"]["cart"] = 0.45
    scenarios |= {"harmful": harmful, "good": good}
    trials = simulate(Design(**table), trials=15, jobs=1, seed=3).trials
    for scenario, so in (("expected", False), ("harmful", False), ("good", True)):
        mine = trials[trials["scenario"] == scenario]
        won = mine["reason"] == "success"
        assert won.sum() > 3
        assert list(mine["false_success"]) == [int(each and not so) for each in won]


@pytest.mark.parametrize("missing", [0, 4])
def test_of_a_real_trial_it_is_that_of_every_imputation(missing: int) -> None:
    """A second endpoint that weighs nothing leaves what the first says at once."""
    table = arms_by_utility()
    table["endpoints"]["dfr"]["missing"] = "impute"
    table["utility"]["net_benefit"]["infection"] = -1e-9
    table["looks"], table["randomisation"] = {"observed": [60]}, {"method": "permuted_blocks"}
    more = {"endpoint": "dfr", "arm": "middle", "minus": "soc", "above": 0.3}
    at_once = {"then": "declare_success", "at_least": 0.999}
    table["rules"] = [
        at_once | {"name": "by_utility",
                   "jointly": [{"utility": "net_benefit", "arm": "middle", "above": 0.5}, more]},
        at_once | {"name": "by_response",
                   "jointly": [{"endpoint": "dfr", "arm": "middle", "above": 0.5}, more]},
    ]  # fmt: skip
    found = analyze(Design(**table), participants(missing), fast=True)
    by_utility, by_response = (rule.fast for rule in found.rules)
    assert by_utility == pytest.approx(by_response, abs=OF_BEST)
    assert 0.3 < by_response < 0.9


def test_what_cannot_be_asked_beside_a_utility_is_told() -> None:
    table = raw(UTILITY, RISK | {"endpoint": "dfr"})
    table["analysis"]["dfr"] = {"model": "proportions_test"}
    table["rules"][0]["jointly"].append(UTILITY | {"arm": "each", "expected_rank": True})
    with pytest.raises(DesignError) as refused:
        Design(**table)
    said = str(refused.value)
    assert "has no posterior to be weighed" in said
    assert "rules[0].jointly[1]: is answered by a test" in said
    assert "rules[0].jointly[2]: asks for the expected rank of an arm by a utility" in said
