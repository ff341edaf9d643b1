"""Trials drawn from the priors of times to events and event rates, against slow ones.

The twin is written from the statement of the models: it draws the truth, lets participants arrive
one by one, dates the looks, and judges them by sums over grids. Nothing is shared with the code.
"""

from __future__ import annotations

import bisect
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.errors import EngineError
from adaptive_cart.models.durability.weibull_cure_analysis import WeibullCureAnalysis
from adaptive_cart.nouns.prior_truths import (
    CuredFractions,
    Hazards,
    PriorUniforms,
    Rates,
    true_quantity,
)
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.recurrent_events import RecurrentEvents
from adaptive_cart.participants.population import latents_for
from adaptive_cart.priors.claims import prior_claims, prior_predictive
from adaptive_cart.priors.drawn_events import DrawnEvents
from adaptive_cart.priors.drawn_trials import DrawnTrials, drawn_truth
from adaptive_cart.priors.wrong_claims import claims_wrongly, doubt
from checks import assert_close_in_mcse, assert_mean, assert_quantiles, assert_share, raw_design
from conduct.test_predicted_success import ABOVE, BELOW
from conduct.test_predicted_success import design as predicted
from models import test_borrowed_numbers as number
from models.test_borrowed_mixtures import how_of
from models.test_borrowed_numbers import borrowing

SEED = 29


# --- small designs -------------------------------------------------------------------------------

CUT, HORIZON, MAX_N, PER_MONTH = 3.0, 9.0, 20, 4.0
BASELINE, LOG_RATIO, INFECTION = (2.0, 20.0), (-0.3, 0.8), (1.0, 2.0)
HARM = {
    "name": "harm",
    "then": "stop_for_safety",
    "posterior": {"endpoint": "infection", "arm": "cart", "above": 0.8},
    "at_least": 0.85,
}


def exponential(median: float) -> dict[str, Any]:
    return {"dist": "exponential", "median": median}


def relapses(**looks: list[float]) -> dict[str, Any]:
    """Looks of a time to relapse, with a safety rule about infections."""
    return {
        "name": "a small trial of relapse",
        "arms": {"soc": {"control": True}, "cart": {}},
        "endpoints": {
            "relapse": {"type": "time_to_event", "horizon": HORIZON},
            "infection": {"type": "event_rate"},
        },
        "analysis": {
            "relapse": {
                "model": "piecewise_exponential",
                "cuts": [CUT],
                "prior": {
                    "baseline": {"a": BASELINE[0], "b": BASELINE[1]},
                    "log_hazard_ratio": {
                        "dist": "normal",
                        "mean": LOG_RATIO[0],
                        "sd": LOG_RATIO[1],
                    },
                },
            },
            "infection": {
                "model": "gamma_poisson",
                "prior": {"a": INFECTION[0], "b": INFECTION[1]},
            },
        },
        "enrolment": {"max_n": MAX_N, "per_month": PER_MONTH},
        "looks": looks or {"events": [6, 12]},
        "rules": [
            dict(HARM),
            {
                "name": "efficacy",
                "then": "declare_success",
                "posterior": {
                    "endpoint": "relapse", "arm": "cart", "hazard_ratio_to": "soc", "below": 1.0,
                },
                "at_least": 0.90,
            },
            {
                "name": "futility",
                "then": "declare_futility",
                "posterior": {
                    "endpoint": "relapse", "arm": "cart", "hazard_ratio_to": "soc", "below": 1.0,
                },
                "below": 0.35,
                "looks": [1],
            },
        ],
        "scenarios": {
            "null": {
                "relapse": {"soc": exponential(6.0), "cart": exponential(6.0)},
                "infection": {"soc": 0.3, "cart": 0.3},
            }
        },
    }  # fmt: skip


def infections() -> dict[str, Any]:
    """An event rate as the primary, fewer being better; looks by number enrolled."""
    raw = relapses(enrolled=[10, 20])
    raw["enrolment"]["per_month"] = 1.0
    del raw["endpoints"]["relapse"], raw["analysis"]["relapse"]
    del raw["scenarios"]["null"]["relapse"]
    raw["rules"] = [
        dict(HARM),
        {
            "name": "fewer",
            "then": "declare_success",
            "posterior": {"endpoint": "infection", "arm": "cart", "minus": "soc", "below": 0.0},
            "at_least": 0.85,
        },
    ]
    return raw


# --- the twin ------------------------------------------------------------------------------------

LOG_RATIOS = np.linspace(LOG_RATIO[0] - 5.0 * LOG_RATIO[1], LOG_RATIO[0] + 5.0 * LOG_RATIO[1], 161)
HAZARDS = np.exp(np.linspace(math.log(1e-4), math.log(3.0), 120))  # a step of 0.086 in the log
RATES = (np.arange(4000) + 0.5) / 4000.0 * 12.0


class Person:
    """A participant: arrival, arm, time to relapse, and the months of the infections."""

    def __init__(self, rng: np.random.Generator, arrival: float, arm: int, truth: dict[str, Any]):
        self.arrival, self.arm = arrival, arm
        left, ratio = rng.exponential(), truth["ratio"] if arm else 1.0
        early = truth["hazards"][0] * ratio
        # lives through the first interval, or not; forgets it either way
        self.time = left / early
        if self.time > CUT:
            self.time = CUT + (left - early * CUT) / (truth["hazards"][1] * ratio)
        self.infections: list[float] = []
        month = 0.0
        while month < 60.0:  # longer than any trial here
            month += rng.exponential(12.0 / truth["infection"][arm])
            self.infections.append(month)

    def seen_relapse(self) -> float:
        """Calendar date of a relapse within the horizon."""
        return self.arrival + self.time if self.time <= HORIZON else math.inf

    def leaves(self) -> float:
        return self.arrival + min(self.time, HORIZON)


def hazard_ratio_below_one(people: list[Person], date: float) -> float:
    """P(hazard ratio < 1 | data) by sums over a grid of the log ratio and of each hazard."""
    events, months = np.zeros((2, 2)), np.zeros((2, 2))  # (interval, arm)
    for person in people:
        followed = min(person.time, HORIZON, date - person.arrival)
        months[0, person.arm] += min(followed, CUT)
        months[1, person.arm] += max(followed - CUT, 0.0)
        if person.seen_relapse() <= date:
            events[0 if person.time <= CUT else 1, person.arm] += 1
    weight = np.exp(-0.5 * ((LOG_RATIOS - LOG_RATIO[0]) / LOG_RATIO[1]) ** 2)
    for interval in range(2):
        risk = months[interval, 0] + np.exp(LOG_RATIOS) * months[interval, 1]
        power = BASELINE[0] + events[interval].sum()
        # a step in the log hazard brings a factor of the hazard itself
        inside = np.exp(
            power * np.log(HAZARDS)[None, :] - (BASELINE[1] + risk[:, None]) * HAZARDS[None, :]
        )
        weight = weight * np.exp(LOG_RATIOS * events[interval, 1]) * inside.sum(axis=1)
    # distribution function half-way between grid points, read off at 0
    below = np.concatenate([[0.0], np.cumsum(weight)]) / weight.sum()
    step = LOG_RATIOS[1] - LOG_RATIOS[0]
    edges = np.concatenate([LOG_RATIOS - step / 2.0, [LOG_RATIOS[-1] + step / 2.0]])
    return float(np.interp(0.0, edges, below))


def rate_weights(people: list[Person], date: float, arm: int) -> np.ndarray:
    """Posterior of a yearly rate on a grid, adding up to 1."""
    mine = [person for person in people if person.arm == arm]
    events = sum(bisect.bisect_right(p.infections, date - p.arrival) for p in mine)
    years = sum(date - p.arrival for p in mine) / 12.0
    log = (INFECTION[0] - 1.0 + events) * np.log(RATES) - (INFECTION[1] + years) * RATES
    weight = np.exp(log - log.max())
    return weight / weight.sum()


def harmful(people: list[Person], date: float) -> bool:
    return float(rate_weights(people, date, 1)[RATES > 0.8].sum()) >= 0.85


def one_trial(rng: np.random.Generator, raw: dict[str, Any]) -> tuple[int, str, bool, float]:
    """Look that ends it, reason, whether a success is wrong in truth, and the doubt left."""
    truth = {
        "hazards": [rng.gamma(BASELINE[0], 1.0 / BASELINE[1]) for _ in range(2)],
        "ratio": math.exp(rng.normal(*LOG_RATIO)),
        "infection": [rng.gamma(INFECTION[0], 1.0 / INFECTION[1]) for _ in range(2)],
    }
    people, clock = [], 0.0
    for _ in range(MAX_N // 2):
        first = int(rng.random() < 0.5)
        for arm in (first, 1 - first):
            clock += rng.exponential(1.0 / raw["enrolment"]["per_month"])
            people.append(Person(rng, clock, arm, truth))
    ((scale, numbers),) = raw["looks"].items()
    before = 0.0
    for look, wanted in enumerate(numbers, start=1):
        last = look == len(numbers)
        if scale == "months":
            date = float(wanted)
        elif scale == "enrolled":
            date = people[int(wanted) - 1].arrival
        else:
            date = sorted(person.seen_relapse() for person in people)[int(wanted) - 1]
            if math.isinf(date):  # so many will never come
                date, last = max(person.leaves() for person in people), True
        date = before = max(date, before)
        inside = [person for person in people if person.arrival <= date]
        if harmful(inside, date):
            return look, "safety", False, math.nan
        if "relapse" in raw["endpoints"]:
            claim = hazard_ratio_below_one(inside, date)
            if claim >= 0.90:
                return look, "success", truth["ratio"] >= 1.0, 1.0 - claim
            if look == 1 and claim < 0.35:
                return look, "futility", False, math.nan
        else:
            control, cart = (rate_weights(inside, date, arm) for arm in range(2))
            larger = 1.0 - np.cumsum(control) + control / 2.0
            claim = float(cart @ larger)
            if claim >= 0.85:
                wrong = truth["infection"][1] >= truth["infection"][0]
                return look, "success", wrong, 1.0 - claim
        if last:
            return look, "no_success", False, math.nan
    raise AssertionError("the last look ends every trial")


DESIGNS_OF_THE_TWIN = {
    "events": relapses(),
    "months": relapses(months=[5, 11]),
    "rate, enrolled": infections(),
}


@pytest.mark.parametrize("name", DESIGNS_OF_THE_TWIN)
def test_decisions_are_those_of_a_slow_twin(name: str) -> None:
    raw, number, drawn = DESIGNS_OF_THE_TWIN[name], 750, 5_000
    rng = np.random.default_rng(SEED)
    trials = [one_trial(rng, raw) for _ in range(number)]
    plain = Counter((look, reason) for look, reason, _, _ in trials)
    found = prior_predictive(Design(**raw), trials=drawn, seed=SEED)
    ours = {(row.look, row.reason): row.probability for row in found.expected}
    assert found.trials == drawn
    assert found.failed == 0.0
    assert sum(plain[key] > 30 for key in plain) >= 4  # most of what can happen does
    for key in ours.keys() | plain.keys():
        share = (plain[key] + drawn * ours.get(key, 0.0)) / (number + drawn)
        error = math.sqrt(share * (1.0 - share) * (1.0 / number + 1.0 / drawn))
        assert_close_in_mcse(ours.get(key, 0.0), plain[key] / number, error, f"{name}, {key}")
    doubts = np.array([left for _, reason, _, left in trials if reason == "success"])
    error = math.hypot(doubts.std() / math.sqrt(len(doubts)), found.wrong_success_mcse)
    assert_close_in_mcse(found.wrong_success, doubts.mean(), error, f"{name}, wrong success")
    wrong = np.array([false for _, reason, false, _ in trials if reason == "success"])
    assert_share(wrong, found.wrong_success, f"{name}, claims of the twin that are false")


# --- self-consistency ----------------------------------------------------------------------------


def near_a_point() -> Design:
    """Priors that are nearly a point, and rules that the data decide all the same.

    So narrow a posterior of a hazard ratio keeps the prior's median to within a hair; on which side
    of it the median moves is left to the data, and P(ratio < prior median) is compared with a half.
    """
    raw = relapses()
    hazard, ratio, yearly = 0.1, 0.6, 0.4
    raw["analysis"]["relapse"]["prior"] = {
        "baseline": {"a": 4e5, "b": 4e5 / hazard},
        "log_hazard_ratio": {"dist": "normal", "mean": math.log(ratio), "sd": 1e-3},
    }
    raw["analysis"]["infection"]["prior"] = {"a": 1e6, "b": 1e6 / yearly}
    at_prior = stats.gamma(1e6, scale=yearly / 1e6).sf(yearly)
    harm, efficacy, futility = raw["rules"]
    harm["posterior"] = {"endpoint": "infection", "arm": "cart", "above": yearly}
    harm["at_least"] = at_prior + 0.0015  # about four infections more than expected
    efficacy["posterior"]["below"] = futility["posterior"]["below"] = ratio
    efficacy["at_least"], futility["below"] = 0.5005, 0.4997
    raw["scenarios"]["point"] = {
        "relapse": {
            "soc": exponential(math.log(2.0) / hazard),
            "cart": exponential(math.log(2.0) / (hazard * ratio)),
        },
        "infection": {"soc": yearly, "cart": yearly},
    }
    return Design(**raw)


def test_a_prior_that_is_nearly_a_point_gives_what_simulate_gives() -> None:
    design, trials = near_a_point(), 4000
    result = ac.simulate(design, trials=trials, seed=SEED, jobs=1, engine="simulate")
    found = prior_predictive(design, trials=trials, seed=SEED + 1)
    success = result.figure("point", "success")
    assert 0.1 < success.estimate < 0.9
    for reason in ("success", "futility", "safety"):
        for look in (1, 2):
            row = result.figure("point", f"stop_{reason}", look=look)
            ours = [one for one in found.expected if (one.look, one.reason) == (look, reason)]
            error = math.hypot(row.mcse, ours[0].mcse)
            assert_close_in_mcse(ours[0].probability, row.estimate, error, f"{reason}, {look}")
    # with the same seed it is the same trials, and nearly all of them end alike
    block = DrawnTrials(Plan.of(design), SEED, 0, 1000)
    block.run()
    trials_of_point = result.trials[result.trials["scenario"] == "point"].iloc[:1000]
    same = trials_of_point["look"].to_numpy() == block.ended
    reasons = np.array(["success", "futility", "safety", "no_success"])[block.standing.reason]
    same &= trials_of_point["reason"].to_numpy() == reasons
    assert same.mean() > 0.99


# --- calibration: a success is wrong as often as its posterior says ------------------------------


def fixed(name: str) -> dict[str, Any]:
    raw = raw_design(name)
    for rule in raw["rules"]:
        if rule.get("at_least") == "calibrate":
            rule["at_least"] = 0.95
    raw["scenarios"] = dict(list(raw["scenarios"].items())[:1])
    return raw


def vague() -> dict[str, Any]:
    """One of the project's designs with a weak claim, so that there is something to be wrong."""
    raw = fixed("durability_event_driven")
    raw["rules"][0]["at_least"] = 0.80
    raw["analysis"]["relapse"]["prior"]["log_hazard_ratio"]["sd"] = 0.5
    return raw


CLAIMS = {"hazard ratio": relapses(), "rate": infections(), "event driven": vague()}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_success_is_wrong_as_often_as_its_posterior_says(name: str) -> None:
    plan = Plan.of(Design(**CLAIMS[name]))
    doubts, wrong = [], []
    for first in range(0, 8000, 1000):
        block = DrawnTrials(plan, SEED, first, 1000)
        block.run()
        won = block.standing.reason == SUCCESS
        doubts.append(doubt(plan, block.standing)[won])
        wrong.append(claims_wrongly(block)[won])
    left, false = np.concatenate(doubts), np.concatenate(wrong)
    assert len(left) > 1000
    assert left.mean() > 0.01
    # pair by pair: what is left to one, against what turned out
    assert_mean(left - false, 0.0, name)
    # and not on average only: the surer half is as sure as it says
    sure = left < np.median(left)
    assert_mean((left - false)[sure], 0.0, f"{name}, the surer half")
    found = prior_predictive(plan.design, plan, trials=8000, seed=SEED)
    assert found.wrong_success == pytest.approx(left.mean(), rel=1e-12)
    error = left.std(ddof=1) / math.sqrt(len(left))
    assert found.wrong_success_mcse == pytest.approx(error, rel=1e-12)


def test_a_claim_made_the_other_way_round_is_wrong_in_the_same_trials() -> None:
    """P(more infections) < 0.15 in place of P(fewer) >= 0.85."""
    raw = infections()
    turned = infections()
    rule = turned["rules"][1]
    rule["posterior"] = {"endpoint": "infection", "arm": "cart", "minus": "soc", "above": 0.0}
    del rule["at_least"]
    rule["below"] = 0.15
    blocks = []
    for tables in (raw, turned):
        blocks.append(DrawnTrials(Plan.of(Design(**tables)), SEED, 0, 1000))
        blocks[-1].run()
    one, other = (claims_wrongly(block) for block in blocks)
    assert 10 < one.sum() < 100
    assert (one == other).all()


@pytest.mark.parametrize("word", ["all", "any"])
def test_a_predicted_claim_is_wrong_where_any_of_its_questions_makes_it_so(word: str) -> None:
    plan = Plan.of(predicted(word, 0.5, 0.3, then="stop_enrolment"))
    block = DrawnTrials(plan, SEED, 0, 300)
    block.run()
    won = block.standing.reason == SUCCESS
    free, fever = (
        true_quantity(block.truths, question, 1, (1.0,), np.ones((300, 1), dtype=np.bool_))
        for question in (Question(name, 0, first=0) for name in ("free", "fever"))
    )
    both = np.logical_and if word == "all" else np.logical_or
    right = both(free > ABOVE, fever < BELOW)
    assert (claims_wrongly(block) == (won & ~right)).all()
    assert (won & ~right & (free > ABOVE)).any() or word == "any"
    assert (won & right & (free < ABOVE)).any() or word == "all"
    assert 0 < (won & ~right).sum() < won.sum()


@pytest.mark.slow  # the posterior of a cured fraction takes 10 ms a table
def test_a_claim_about_the_fraction_remaining_is_wrong_as_often_as_its_posterior_says() -> None:
    plan = Plan.of(Design(**cured()))
    block = DrawnTrials(plan, SEED, 0, 1200)
    block.run()
    won = block.standing.reason == SUCCESS
    left, false = doubt(plan, block.standing)[won], claims_wrongly(block)[won]
    assert len(left) > 150
    assert left.mean() > 0.03
    assert_mean(left - false, 0.0, "fraction remaining")


# --- what is drawn -------------------------------------------------------------------------------


def cured() -> dict[str, Any]:
    """A time to relapse analysed by cured fractions."""
    raw = relapses(months=[6, 12])
    raw["analysis"]["relapse"] = {
        "model": "weibull_cure",
        "prior": {
            "cured": {"dist": "beta", "a": 2.0, "b": 2.0},
            "median_months": {"dist": "lognormal", "median": 6.0, "sigma": 0.7},
            "shape": {"dist": "lognormal", "median": 1.2, "sigma": 0.3},
        },
    }
    raw["rules"] = raw["rules"][1:2]
    raw["rules"][0]["posterior"] = {
        "endpoint": "relapse", "arm": "cart", "minus": "soc", "remains_at": 6.0, "above": 0.0,
    }  # fmt: skip
    raw["rules"][0]["at_least"] = 0.85
    return raw


def truth_of(raw: dict[str, Any], name: str, trials: int) -> Any:
    design = Design(**raw)
    plan = Plan.of(design)
    draws = PriorUniforms(SEED, 0, trials, name)
    return drawn_truth(*plan.fitted[name], design, draws)


def test_hazards_and_rates_have_their_priors() -> None:
    hazards = truth_of(relapses(), "relapse", 40_000)
    assert isinstance(hazards, Hazards)
    prior = stats.gamma(BASELINE[0], scale=1.0 / BASELINE[1])
    for interval in range(2):
        assert_quantiles(hazards.baseline[:, interval], prior.ppf, f"hazard {interval}")
    assert abs(np.corrcoef(hazards.baseline.T)[0, 1]) < 5.0 / math.sqrt(40_000)
    assert (hazards.log_ratio[:, 0] == 0.0).all()
    assert_quantiles(hazards.log_ratio[:, 1], stats.norm(*LOG_RATIO).ppf, "log hazard ratio")
    rates = truth_of(relapses(), "infection", 40_000)
    assert isinstance(rates, Rates)
    yearly = stats.gamma(INFECTION[0], scale=1.0 / INFECTION[1])
    for arm in range(2):
        assert_quantiles(rates.values[:, arm, 0], yearly.ppf, f"yearly rate of arm {arm}")
    assert abs(np.corrcoef(rates.values[:, :, 0].T)[0, 1]) < 5.0 / math.sqrt(40_000)


def test_a_time_is_where_its_cumulative_hazard_reaches_an_exponential() -> None:
    trials, participants = 400, 12
    intervals = ((0.0, 2.0), (2.0, 5.0), (5.0, math.inf))
    rng = np.random.default_rng(SEED)
    truth = Hazards(
        (2.0, 5.0),
        rng.gamma(0.7, 0.2, (trials, 3)),
        np.insert(rng.normal(size=(trials, 1)), 0, 0.0, 1),
    )
    arm = rng.integers(0, 2, (trials, participants)).astype(np.int8)
    u = rng.random((trials, participants))
    months = truth.months(u, arm)
    for trial in range(trials):
        for participant in range(participants):
            reached, here = 0.0, float(months[trial, participant])
            for hazard, (start, end) in zip(truth.baseline[trial], intervals, strict=True):
                reached += float(hazard) * max(min(here, end) - start, 0.0)
            reached *= math.exp(truth.log_ratio[trial, arm[trial, participant]])
            needed = -math.log(1.0 - u[trial, participant])
            assert reached == pytest.approx(needed, rel=1e-9)
    assert 100 < (months > 5.0).sum() < months.size - 100


def test_cured_fractions_have_their_priors_and_times_follow() -> None:
    truth = truth_of(cured(), "relapse", 10_000)
    assert isinstance(truth, CuredFractions)
    for arm in range(2):
        assert_quantiles(truth.cured[:, arm], stats.beta(2.0, 2.0).ppf, "cured")
        assert_quantiles(truth.median[:, arm], stats.lognorm(0.7, scale=6.0).ppf, "median")
        assert_quantiles(truth.shape[:, arm], stats.lognorm(0.3, scale=1.2).ppf, "shape")
    u = np.random.default_rng(SEED).random((10_000, 1))
    arm = np.ones((10_000, 1), dtype=np.int8)
    months = truth.months(u, arm)[:, 0]
    for month in (1.0, 6.0, 24.0, 1e6):
        survival = np.exp(-math.log(2.0) * (month / truth.median[:, 1]) ** truth.shape[:, 1])
        remaining = truth.cured[:, 1] + (1.0 - truth.cured[:, 1]) * survival
        # trial by trial: still without the event, against its probability
        assert_mean((months > month) - remaining, 0.0, f"remaining at {month:g}")
        question = Question("relapse", 1, kind="remaining", month=month)
        opened = np.ones((10_000, 1), dtype=np.bool_)
        assert true_quantity(
            {question.endpoint: truth}, question, 2, (1.0,), opened
        ) == pytest.approx(remaining, rel=1e-12)


@pytest.mark.parametrize("raw", [relapses(), infections(), cured()], ids=["ratio", "rate", "cured"])
def test_claims_are_as_probable_as_the_truths_that_are_drawn(raw: dict[str, Any]) -> None:
    design = Design(**raw)
    plan = Plan.of(design)
    claims = prior_claims(design, plan)
    assert len(claims) == len(plan.rules)
    for part, claim in zip(plan.parts, claims, strict=True):
        (target,) = part.targets
        truth = truth_of(raw, target.endpoint, 40_000)
        quantity = true_quantity(
            {target.endpoint: truth}, target, 2, (1.0,), np.ones((40_000, 1), dtype=np.bool_)
        )
        so = quantity > target.value if target.above else quantity < target.value
        share = so.mean()
        error = math.sqrt(share * (1.0 - share) / 40_000)
        if isinstance(plan.fitted[target.endpoint][0], WeibullCureAnalysis):
            error += 2e-4  # that posterior is good to 1e-3
        assert_close_in_mcse(share, claim.probability, error, claim.words)


def test_events_are_those_of_any_scenario_however_busy_the_trial() -> None:
    design = Design(**relapses())
    latents = latents_for(design, SEED, 5, 40)
    rng = np.random.default_rng(SEED)
    yearly = np.exp(rng.normal(0.0, 2.5, (40, 1))) * np.ones((1, latents.participants))
    yearly[3], yearly[4] = 0.0, 400.0
    plain = RecurrentEvents(latents, yearly / 12.0, "infection")
    ours = DrawnEvents(latents, yearly / 12.0, "infection")
    for months in (np.zeros(yearly.shape), rng.random(yearly.shape) * 20.0):
        assert (ours.count(months) == plain.count(months)).all()
    assert ours.count(np.full(yearly.shape, 20.0))[4].min() > 400


def test_a_block_of_trials_is_the_same_in_pieces() -> None:
    for raw in (relapses(), infections()):
        plan = Plan.of(Design(**raw))
        whole, part = DrawnTrials(plan, SEED, 0, 60), DrawnTrials(plan, SEED, 44, 16)
        whole.run()
        part.run()
        assert (whole.standing.reason[44:] == part.standing.reason).all()
        assert (whole.ended[44:] == part.ended).all()
        one, other = whole.standing.probability[44:], part.standing.probability
        assert np.array_equal(one, other, equal_nan=True)
        assert len(set(part.standing.reason)) > 1


# --- the edges -----------------------------------------------------------------------------------


@pytest.mark.parametrize("horizon", [HORIZON, None])
def test_the_vaguest_priors_still_end_every_trial(horizon: float | None) -> None:
    """Hazards from 1e-100 a month to thousands, ratios from e^-30 to e^30, infections daily."""
    raw = relapses()
    raw["analysis"]["relapse"]["prior"] = {
        "baseline": {"a": 0.001, "b": 0.001},
        "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 10.0},
    }
    raw["analysis"]["infection"]["prior"] = {"a": 0.001, "b": 0.001}
    if horizon is None:
        del raw["endpoints"]["relapse"]["horizon"], raw["rules"][0]
    design = Design(**raw)
    plan = Plan.of(design)
    found = prior_predictive(design, plan, trials=2000, seed=SEED)
    assert math.fsum(row.probability for row in found.expected) == pytest.approx(1.0)
    assert found.failed == 0.0
    assert found.probability("success") > 0.0
    if horizon is None:  # all events come in the end, and the posterior knows what it is told
        block = DrawnTrials(plan, SEED, 0, 2000)
        block.run()
        won = block.standing.reason == SUCCESS
        assert_mean((doubt(plan, block.standing) - claims_wrongly(block))[won], 0.0, "vague")


def test_three_arms_share_the_hazards_of_the_control() -> None:
    raw = relapses()
    raw["arms"]["other"] = {}
    raw["scenarios"]["null"]["relapse"]["other"] = exponential(6.0)
    raw["scenarios"]["null"]["infection"]["other"] = 0.3
    raw["enrolment"]["max_n"] = 30
    raw["rules"] = raw["rules"][1:2]
    raw["rules"][0]["posterior"]["arm"] = "each"
    hazards = truth_of(raw, "relapse", 2000)
    assert hazards.log_ratio.shape == (2000, 3)
    assert abs(np.corrcoef(hazards.log_ratio[:, 1:].T)[0, 1]) < 5.0 / math.sqrt(2000)
    found = prior_predictive(Design(**raw), trials=2000, seed=SEED)
    assert math.fsum(row.probability for row in found.expected) == pytest.approx(1.0)
    assert 0.0 < found.wrong_success < 0.2
    # one experimental arm against the other has a prior of its own, and none in common
    raw["rules"][0]["posterior"] |= {"arm": "cart", "hazard_ratio_to": "other"}
    with pytest.raises(EngineError, match="rule 'efficacy' asks for the hazard ratio of 'cart' to"):
        prior_predictive(Design(**raw))


def test_a_baseline_that_borrows_is_drawn_from_every_component() -> None:
    raw = borrowing(number.hazards(), how_of("robust_map", number.hazards))
    analysis, _ = Plan.of(Design(**raw)).fitted["fl"]
    mixture = analysis.borrowed(("soc", "cart"))["soc"].as_mixture
    assert len(mixture.weights) > 1
    assert max(mixture.weights) < 0.8
    parts = list(zip(mixture.weights, mixture.a, mixture.b, strict=True))

    def cdf(hazard: Any) -> Any:
        return sum(weight * stats.gamma.cdf(hazard, a, scale=1.0 / b) for weight, a, b in parts)

    drawn = truth_of(raw, "fl", 20_000).baseline
    assert drawn.shape == (20_000, 1)
    assert stats.kstest(drawn[:, 0], cdf).pvalue > 1e-4


@pytest.mark.parametrize("make", [number.rates, number.hazards])
def test_priors_of_baselines_over_the_calendar_are_refused_in_words(make: Any) -> None:
    raw = make()
    del raw["external"]
    (table,) = raw["analysis"].values()
    table["time_trend"] = {"model": "periods"}
    if make is number.rates:
        table["prior"] = {"a": 0.5, "b": 0.5}
    with pytest.raises(EngineError, match="over the calendar, whose prior is not drawn from"):
        prior_predictive(Design(**raw))


def test_rates_of_external_data_are_true_of_the_participants_that_stand_there() -> None:
    raw = number.rates()
    raw["arms"]["other"] = {}
    prior = raw["analysis"]["inf"]["prior"]
    prior["other"] = prior["registry"] = prior["soc"]
    raw["rules"][0]["posterior"] |= {"minus": "registry", "arm": "each"}
    scenario = raw["scenarios"]["expected"]["inf"]
    scenario["other"] = scenario["registry"] = scenario["soc"]
    design = Design(**raw)
    assert design.by_target
    found = prior_predictive(design, trials=400, seed=SEED)
    assert 0.0 < found.wrong_success < 0.3
    yearly = truth_of(raw, "inf", 20_000).values[:, 3, 0]
    seen = number.SEEN
    law = stats.gamma(0.5 + seen["events"], scale=1.0 / (0.5 + seen["months"] / 12.0))
    assert stats.kstest(yearly, law.cdf).pvalue > 1e-4


def test_what_has_no_end_is_refused() -> None:
    raw = relapses()
    del raw["endpoints"]["relapse"]["horizon"]
    with pytest.raises(EngineError, match=r"'infection' .* give 'relapse' a horizon"):
        prior_predictive(Design(**raw))
    raw = cured()
    del raw["endpoints"]["relapse"]["horizon"]
    raw["looks"] = {"events": [10, 20]}
    with pytest.raises(EngineError, match=r"'relapse' has a cured fraction.*give it a horizon"):
        prior_predictive(Design(**raw), trials=10)
