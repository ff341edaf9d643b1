"""Which arm has the largest utility of the open arms: against integration, by slow lines."""

from __future__ import annotations

import copy
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from adaptive_cart.analysis.flow import analyze
from adaptive_cart.analysis.posteriors import questions_of
from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import SimulatedConduct
from adaptive_cart.conduct.weighing_arms import OF_BEST, chance_of_chains
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans
from adaptive_cart.participants.population import latents_for
from adaptive_cart.report.utilities import is_claimed
from adaptive_cart.running.run import simulate

Table = dict[str, Any]
CELL = 0.001
WEIGHTS = (1.0, -0.3)


def raw() -> Table:
    """Three arms beside a control, put in order by responses less what infections cost."""
    arms = ("low", "middle", "high")
    asked = {"utility": "net_benefit", "arm": "each"}
    flat = {"soc": 0.2} | dict.fromkeys(arms, 0.4)
    return {
        "name": "The best arm by a utility",
        "arms": {"soc": {"control": True}} | {arm: {} for arm in arms},
        "endpoints": {
            "dfr": {"type": "landmark", "month": 6},
            "infection": {"type": "event_rate"},
        },
        "analysis": {"infection": {"model": "gamma_poisson", "prior": {"a": 0.5, "b": 1.0}}},
        "utility": {"net_benefit": {"dfr": WEIGHTS[0], "infection": WEIGHTS[1]}},
        "randomisation": {
            "method": "response_adaptive",
            "by": {"utility": "net_benefit"},
            "control": 0.25,
            "minimum": 0.1,
        },
        "enrolment": {"max_n": 96, "per_month": 6},
        "looks": {"observed": [48, 96]},
        "rules": [
            {"name": "behind", "then": "drop_arm", "posterior": asked | {"among_best": 2},
             "below": 0.15, "looks": [1]},
            {"name": "best", "then": "declare_success", "posterior": asked | {"best": True},
             "at_least": 0.9},
        ],
        "scenarios": {
            "null": {"dfr": flat, "infection": flat},
            "middle_is_best": {
                "dfr": {"soc": 0.2, "low": 0.35, "middle": 0.55, "high": 0.6},
                "infection": {"soc": 0.2, "low": 0.3, "middle": 0.4, "high": 1.2},
            },
        },
    }  # fmt: skip


class Kept(SimulatedConduct):
    """A block of trials of which every look is kept, with the arms that were open at it."""

    kept: list[tuple[LookAnalysis, Booleans]]

    def analysis(self, date: Any, held: Booleans) -> LookAnalysis:
        """What is seen, and what is open before any rule is judged."""
        found = super().analysis(date, held)
        self.kept.append((found, found.open_arms.copy()))
        return found


def looks_of(table: Table, trials: int, scenario: str, looks: int = 1) -> tuple[Kept, Plan]:
    """The first looks of some trials."""
    design = Design(**copy.deepcopy(table))
    plan = Plan.of(design)
    conduct = Kept(plan, design.truths[scenario], (), latents_for(design, 5, 0, trials))
    conduct.kept = []
    for look in range(1, looks + 1):
        conduct.look(look)
    return conduct, plan


def density(law: Any, weight: float, low: float, high: float) -> npt.NDArray[np.float64]:
    """Probability that weight times a quantity falls into each cell from low to high."""
    edges = np.arange(low, high + 1.6 * CELL, CELL) - CELL / 2
    ends = law.cdf(edges / weight)
    return np.abs(np.diff(ends))


def places(analysis: LookAnalysis, trial: int, arms: list[int]) -> npt.NDArray[np.float64]:
    """Probability of each arm to have each place, ``(arm, place)``, on a fine lattice."""
    counts, seen = analysis.summary("dfr"), analysis.summary("infection")
    found = []
    for arm in arms:
        yes, number = counts.successes[trial, arm, 0], counts.totals[trial, arm, 0]
        response = density(stats.beta(1 + yes, 1 + number - yes), WEIGHTS[0], 0.0, 1.0)
        law = stats.gamma(
            0.5 + seen.events[trial, arm, 0], scale=1 / (1 + seen.years[trial, arm, 0])
        )
        infections = density(law, WEIGHTS[1], -9.0, 0.0)
        found.append(np.convolve(response, infections))
    answer = np.zeros((len(arms), len(arms)))
    for order in permutations(range(len(arms))):
        # the utilities fall in this order: from the largest on, each below the one before
        below = np.ones_like(found[0])
        for place in reversed(order):
            mass = found[place] * below
            below = np.cumsum(mass) - mass / 2
        chance = mass.sum()
        for rank, place in enumerate(order):
            answer[place, rank] += chance
    return answer


def test_the_best_and_the_best_two_are_those_of_integration() -> None:
    conduct, _ = looks_of(raw(), 25, "middle_is_best")
    analysis, _ = conduct.kept[0]
    best = conduct.records[0].probabilities["best"]
    behind = conduct.records[0].probabilities["behind"]
    worst, told = 0.0, []
    for trial in range(25):
        chance = places(analysis, trial, [1, 2, 3])
        assert chance.sum(axis=0) == pytest.approx(1.0, abs=1e-3)
        worst = max(worst, np.abs(behind[trial] - chance[:, :2].sum(axis=1)).max())
        asked = np.isfinite(best[trial])  # an arm that was dropped is asked nothing more
        if asked.all():
            worst = max(worst, np.abs(best[trial] - chance[:, 0]).max())
        else:
            arms = [1 + place for place in np.flatnonzero(asked)]
            own = places(analysis, trial, arms)[:, 0]
            worst = max(worst, np.abs(best[trial, asked] - own).max())
        told += list(best[trial, asked])
    assert worst < OF_BEST
    assert min(told) < 0.1
    assert max(told) > 0.8


def test_models_known_by_their_draws_add_their_error() -> None:
    plan = Plan.of(Design(**raw()))
    assert plan.errors["best"] == OF_BEST
    table = raw()
    table["endpoints"]["infection"] = {"type": "continuous", "visits": [3.0], "better": "lower"}
    table["analysis"]["infection"] = {"model": "normal"}
    score = {
        "baseline": {"mean": 9.0, "sd": 3.0},
        "change": [-1.0],
        "sd": [3.0],
        "correlation": 0.6,
    }
    for scenario in table["scenarios"].values():
        scenario["infection"] = dict.fromkeys(table["arms"], score)
    error = Plan.of(Design(**table)).errors["best"]
    assert OF_BEST < error < 0.02


def test_shares_follow_the_best_by_the_utility() -> None:
    """P(best)^0.5 of the open arms, what a fixed control leaves; equal to what the rule asks."""
    conduct, plan = looks_of(raw(), 12, "middle_is_best")
    analysis, _ = conduct.kept[0]
    everybody = np.ones((12, 4), dtype=np.bool_)
    found = analysis.best(plan.order, everybody)
    assert found[:, 1:].sum(axis=1) == pytest.approx(1.0)
    for trial in range(12):
        chance = places(analysis, trial, [1, 2, 3])[:, 0]
        assert found[trial, 1:] == pytest.approx(chance, abs=OF_BEST)
    two = np.tile([True, True, False, True], (12, 1))
    found = analysis.best(plan.order, two)
    assert (found[:, [0, 2]] == 0.0).all()
    chance = places(analysis, 0, [1, 3])[:, 0]
    assert found[0, [1, 3]] == pytest.approx(chance, abs=OF_BEST)


@pytest.mark.parametrize(("endpoint", "weight"), [("dfr", 2.0), ("infection", -0.5)])
def test_of_one_endpoint_alone_its_model_answers(endpoint: str, weight: float) -> None:
    """Where less of it helps, the best arm has the least."""
    alone = raw()
    alone["utility"] = {"net_benefit": {endpoint: weight}}
    alone["randomisation"]["by"] = {"endpoint": endpoint}
    plain = copy.deepcopy(alone)
    for rule in plain["rules"]:
        rule["posterior"] = {"endpoint": endpoint} | rule["posterior"]
        del rule["posterior"]["utility"]
    here = looks_of(alone, 6, "middle_is_best")[0].records[0].probabilities
    there = looks_of(plain, 6, "middle_is_best")[0].records[0].probabilities
    for rule in ("best", "behind"):
        assert np.array_equal(here[rule], there[rule], equal_nan=True)


def test_success_is_false_where_another_arm_is_truly_as_good() -> None:
    table = raw()
    table["rules"] = [table["rules"][1] | {"at_least": 0.4}]
    table["looks"] = {"observed": [96]}  # all arms are open
    del table["randomisation"]
    table["scenarios"]["as_good"] = copy.deepcopy(table["scenarios"]["middle_is_best"])
    table["scenarios"]["as_good"]["dfr"]["high"] = 0.55 - 0.3 * 0.4 + 0.3 * 1.2
    trials = simulate(Design(**table), trials=15, seed=3).trials
    best = {"null": None, "middle_is_best": "middle", "as_good": None}
    for scenario, arm in best.items():
        mine = trials[trials["scenario"] == scenario]
        won = {name: mine[f"success_{name}"] > 0 for name in ("low", "middle", "high")}
        false = np.logical_or.reduce([own for name, own in won.items() if name != arm])
        assert list(mine["false_success"]) == [int(each) for each in false]
        assert false.any()
        assert won["middle"].any()


def test_the_expected_rank_is_that_of_integration() -> None:
    table = raw()
    table["rules"][0]["posterior"] = {
        "utility": "net_benefit",
        "arm": "each",
        "expected_rank": True,
    }
    conduct, plan = looks_of(table, 6, "middle_is_best")
    analysis, _ = conduct.kept[0]
    assert plan.errors["behind"] == OF_BEST
    for trial in range(6):
        chance = places(analysis, trial, [1, 2, 3])
        expected = (3.0 - chance @ [1.0, 2.0, 3.0]) / 2.0
        told = conduct.records[0].probabilities["behind"][trial]
        assert told == pytest.approx(expected, abs=OF_BEST)
        assert told.sum() == pytest.approx(1.5, abs=1e-9)


@pytest.mark.parametrize("key", ["best", "among_best", "expected_rank"])
def test_markov_chains_put_together_agree_with_integration(key: str) -> None:
    conduct, _ = looks_of(raw(), 1, "middle_is_best")
    analysis, _ = conduct.kept[0]
    counts, seen = analysis.summary("dfr"), analysis.summary("infection")
    rng = np.random.default_rng(4)
    yes, number = counts.successes[0, 1:, 0], counts.totals[0, 1:, 0]
    events, years = seen.events[0, 1:, 0], seen.years[0, 1:, 0]
    response = rng.beta(1 + yes, 1 + number - yes, (4, 2500, 3))
    rate = rng.gamma(0.5 + events, size=(4, 2500, 3)) / (1 + years)
    found = [[(np.moveaxis(values, 2, 0), 1.0)] for values in (response, rate)]
    kind, worth = {
        "best": ("best_utility", [1.0, 0.0, 0.0]),
        "among_best": ("rank_utility", [1.0, 1.0, 0.0]),
        "expected_rank": ("expected_rank_utility", [1.0, 0.5, 0.0]),
    }[key]
    places_of = {"best": 1, "among_best": 2, "expected_rank": 1}
    chance = places(analysis, 0, [1, 2, 3])
    for arm in (1, 2, 3):
        question = Question(
            "net_benefit", arm, kind=kind, among=(1, 2, 3), places=places_of[key],
            ordered_by="utility", weights=(("dfr", WEIGHTS[0]), ("infection", WEIGHTS[1])),
        )  # fmt: skip
        answer, error = chance_of_chains(question, found)
        exact = chance[arm - 1] @ worth
        assert 0.0005 < error < 0.01
        assert answer == pytest.approx(exact, abs=4 * error + 0.001)


def test_what_is_told_of_a_real_trial_is_of_endpoints_with_a_posterior() -> None:
    plan = Plan.of(Design(**raw()))
    asked = list(questions_of(plan))
    assert {name for one in asked for name in one.endpoints} == set(plan.fitted)
    assert {one.arm for one in asked if one.endpoint == "net_benefit"} == {0, 1, 2, 3}
    assert {one.arm for one in asked if one.kind == "rank_utility"} == {1, 2, 3}


def participants(missing: int = 0) -> list[dict[str, Any]]:
    """A table of sixty participants, of some of whom the response is not known."""
    had = {"soc": (3, 15), "low": (5, 15), "middle": (9, 15), "high": (8, 15)}
    return [
        {"participant": f"{arm}{k}", "arm": arm, "randomised_month": 0.05 * k,
         "last_contact_month": 2.0 if k >= n - missing else 14.0,
         "withdrawn_month": 2.0 if k >= n - missing else "",
         "dfr": "" if k >= n - missing else int(k < yes),
         "infection": "2; 5" if k == 0 and arm == "high" else ""}
        for arm, (yes, n) in had.items() for k in range(n)
    ]  # fmt: skip


@pytest.mark.parametrize("missing", [0, 4])
def test_of_a_real_trial_the_place_of_each_arm_is_told(missing: int) -> None:
    """A second endpoint that weighs nothing leaves the best arm by the first, however imputed."""
    table = raw()
    table["endpoints"]["dfr"]["missing"] = "impute"
    table["utility"]["net_benefit"]["infection"] = -1e-9
    table["looks"] = {"observed": [60, 96]}
    table["randomisation"] = {"method": "permuted_blocks"}
    alone = {"endpoint": "dfr", "arm": "each"}
    table["rules"][0] = {"name": "behind", "then": "drop_arm", "posterior": alone | {"best": True},
                         "below": 0.001}  # fmt: skip
    table["rules"][1]["at_least"] = 0.99
    found = analyze(Design(**table), participants(missing), fast=True)
    own = [[rule.fast for rule in found.rules if rule.rule == name] for name in ("behind", "best")]
    assert len(own[0]) == 3
    assert own[1] == pytest.approx(own[0], abs=OF_BEST)
    told = found.findings.quantities
    places_of = {
        kind: [(q.fast.mean, q.fast.lower, q.fast.upper) for q in told if q.kind == kind]
        for kind in ("rank", "rank_utility")
    }
    assert np.array(places_of["rank_utility"]) == pytest.approx(
        np.array(places_of["rank"]), abs=0.02
    )
    assert "middle, place among 3 arms (1 has the largest utility)" in found.text


@pytest.mark.parametrize("then", ["declare_success", "declare_futility"])
def test_a_report_counts_a_utility_as_claimed_that_a_success_predicts(then: str) -> None:
    table = raw()
    alike = {"utility": "net_benefit", "arm": "low", "minus": "soc", "below": 0.0}
    table["rules"] = [
        {"name": "harm", "then": "declare_futility", "posterior": alike, "at_least": 0.9},
        {"name": "ahead", "then": then, "predictive": {"rule": "harm"}, "below": 0.05,
         "looks": [1]},
        {"name": "dfr", "then": "declare_success", "at_least": 0.95,
         "posterior": {"endpoint": "dfr", "arm": "low", "minus": "soc", "above": 0.0}},
    ]  # fmt: skip
    plan = Plan.of(Design(**table))
    assert is_claimed(plan, "net_benefit") == (then == "declare_success")
    assert is_claimed(Plan.of(Design(**raw())), "net_benefit")


def wrong(change: Any) -> str:
    """What is said of a design that has been changed."""
    table = raw()
    change(table)
    with pytest.raises(DesignError) as refused:
        Design(**table)
    return str(refused.value)


def test_what_cannot_be_the_best_by_a_utility_is_told() -> None:
    def two(table: Table) -> None:
        table["rules"][1]["posterior"]["endpoint"] = "dfr"

    assert "at most one of the two is allowed" in wrong(two)

    def by_nothing(table: Table) -> None:
        table["randomisation"]["by"] = {}

    assert "randomisation.by.endpoint: missing" in wrong(by_nothing)

    def by_both(table: Table) -> None:
        table["randomisation"]["by"] = {"utility": "net_benefit", "median": True}

    assert "the utility alone puts arms in order" in wrong(by_both)

    def unknown(table: Table) -> None:
        table["randomisation"]["by"] = {"utility": "benefit"}

    assert "net_benefit" in wrong(unknown)

    def tested(table: Table) -> None:
        table["analysis"]["dfr"] = {"model": "proportions_test"}

    assert "has no posterior to be weighed" in wrong(tested)

    def of_control(table: Table) -> None:
        table["rules"][0]["posterior"]["arm"] = "soc"
        table["rules"][1]["posterior"] = {"endpoint": "dfr", "arm": "soc", "best": True}

    for place in (0, 1):
        assert f'rules[{place}].posterior.arm: found "soc", the control' in wrong(of_control)

    def ranked(table: Table) -> None:
        table["rules"][1]["posterior"]["expected_rank"] = True
        del table["rules"][1]["posterior"]["best"]

    assert "expected_rank" in wrong(ranked)
