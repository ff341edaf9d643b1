"""Concurrent participants alone, by any model: as the model answers once the others are gone."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.analysis.replay import replayed
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.errors import DesignError
from adaptive_cart.models import ANALYSES
from adaptive_cart.models.periods.kinds import ADJUSTED
from adaptive_cart.models.reference import OneTrial
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Snapshot
from adaptive_cart.nouns.summaries import Durations, Means, over_periods
from adaptive_cart.participants.enrolment import Enrolment
from adaptive_cart.participants.population import followed, latents_for
from adaptive_cart.recorded.file import read_participants
from adaptive_cart.results.estimand import target_values, true_values
from adaptive_cart.telling.check import described
from adaptive_cart.verification.verified_looks import chosen_looks
from analysis.test_real_trial_round_trip import same_end, simulated, table
from conduct.test_fast_equals_adaptive_twin import compare

Raw = dict[str, Any]
ALONE = {"model": "concurrent"}
OPENS, CLOSES = (0.0, 0.0, 9.0), (np.inf, 14.0, np.inf)  # by plan, below
SCORE = {
    arm: {
        "baseline": {"mean": 9.0, "sd": 3.0},
        "change": [change / 2.0, change],
        "sd": [2.0, 3.0],
        "correlation": 0.5,
    }
    for arm, change in (("usual", -1.0), ("early", -2.0), ("late", -3.0))
}
HAZARDS = {
    "prior": {
        "baseline": {"a": 0.5, "b": 5.0},
        "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 1.0},
    },
    "cuts": [3.0],
}
CURE = {
    "prior": {
        "cured": {"dist": "beta", "a": 2.0, "b": 3.0},
        "median_months": {"dist": "lognormal", "median": 8.0, "sigma": 0.5},
        "shape": {"dist": "lognormal", "median": 1.2, "sigma": 0.3},
    }
}
KINDS: dict[str, tuple[str, Raw, list[Raw]]] = {
    "gamma_poisson": (
        "rate",
        {"prior": {"a": 0.5, "b": 1.0}},
        [{"value": -0.1}, {"value": 1.2, "kind": "ratio"}],
    ),
    "normal": ("score", {}, [{"value": -1.0, "above": False}]),
    "normal_visits": ("score", {}, [{"value": -1.0, "above": False}]),
    "piecewise_exponential": (
        "event",
        HAZARDS,
        [{"value": 0.8, "kind": "hazard_ratio", "above": False},
         {"value": 1.0, "kind": "median"},
         {"value": 0.1, "kind": "remaining", "month": 6.0}],
    ),
    "weibull_cure": ("event", CURE, [{"value": 0.1, "kind": "remaining", "month": 6.0}]),
    "dirichlet": ("door", {}, [{"value": 0.5, "kind": "better"}, {"value": 5.0}]),
    "proportional_odds": (
        "door",
        {"prior": {"log_odds_ratio": {"dist": "normal", "mean": 0.0, "sd": 1.0}}},
        [{"value": 1.2, "kind": "common_odds_ratio"}],
    ),
}  # fmt: skip
TESTS: dict[str, tuple[str, Raw, list[Raw]]] = {
    "proportions_test": ("free", {}, [{"value": 0.05}, {"value": 0.1}]),
    "logrank_test": ("event", {}, [{"value": 1.0, "kind": "hazard_ratio", "above": False}]),
}
OF_TWO = ("hazard_ratio", "ratio", "better", "common_odds_ratio")


def platform(model: str, trend: Raw | None = ALONE, **tables: Any) -> Raw:
    """A control, a product that leaves at month 14, and one that enters at month 9."""
    endpoint, table, _ = (KINDS | TESTS)[model]
    analysis = {"model": model, **table} | ({} if trend is None else {"time_trend": trend})
    kinds = {
        "rate": {"type": "event_rate"},
        "score": {"type": "continuous", "visits": [1.0, 3.0], "better": "lower"},
        "event": {"type": "time_to_event", "horizon": 18.0},
        "door": {"type": "ordinal", "month": 3.0, "categories": ["dead", "bad", "good"]},
        "free": {"type": "landmark", "month": 3.0},
    }
    said = {
        "rate": {"usual": 1.0, "early": 0.8, "late": 0.6},
        "score": SCORE,
        "event": {
            arm: {"dist": "exponential", "median": median}
            for arm, median in (("usual", 6.0), ("early", 8.0), ("late", 12.0))
        },
        "door": {
            arm: {"dead": 0.1, "bad": 0.9 - good, "good": good}
            for arm, good in (("usual", 0.3), ("early", 0.4), ("late", 0.6))
        },
        "free": {"usual": 0.3, "early": 0.4, "late": 0.6},
    }
    asked = {
        "rate": {"minus": "usual", "below": 0.0},
        "score": {"minus": "usual", "below": 0.0},
        "event": {"hazard_ratio_to": "usual", "below": 1.0},
        "door": {"minus": "usual", "above": 0.0},
        "free": {"minus": "usual", "above": 0.0},
    }
    if model == "weibull_cure":
        asked["event"] = {"minus": "usual", "remains_at": 6.0, "above": 0.0}
    raw: Raw = {
        "name": "Concurrent",
        "arms": {"usual": {"control": True}, "early": {"leaves": 14.0}, "late": {"enters": 9.0}},
        "endpoints": {endpoint: kinds[endpoint] | {"primary": True}},
        "analysis": {endpoint: analysis},
        "enrolment": {"max_n": 80, "per_month": 4.0},
        "looks": {"enrolled": [40, 80]},
        "rules": [
            {
                "name": "works",
                "then": "declare_success",
                "posterior": {"endpoint": endpoint, "arm": "each", **asked[endpoint]},
                "at_least": 0.9,
            }
        ],
        "scenarios": {"one": {endpoint: said[endpoint]}},
    }
    return raw | tables


def at_month(model: str, month: float, trials: int) -> tuple[Plan, Any, Snapshot]:
    """What is known of simulated trials at a month."""
    design = Design(**copy.deepcopy(platform(model)))
    plan, truth = Plan.of(design), truths_of(design)["one"]
    latents = latents_for(design, 5, 0, trials)
    population = followed(design, truth, latents, Enrolment(design, latents))
    endpoint = next(iter(design.endpoints))
    prepared = design.endpoints[endpoint].prepare(endpoint, population)
    date = np.full(trials, month)
    randomised = (population.arrival <= date[:, None]).sum(axis=1)
    return plan, prepared, Snapshot(date, randomised, population)


@pytest.mark.parametrize("month", [6.0, 21.0])
@pytest.mark.parametrize("model", KINDS | TESTS)
def test_a_comparison_is_the_models_own_without_the_others(model: str, month: float) -> None:
    plan, prepared, snapshot = at_month(model, month, 3)
    endpoint, table, questions = (KINDS | TESTS)[model]
    analysis, fitted = plan.fitted[endpoint]
    assert isinstance(analysis, ADJUSTED["concurrent"][model])
    found = analysis.posterior(fitted, plan.summary(endpoint, prepared, snapshot), None)
    plain = ANALYSES[model].model_validate({"model": model, **table})
    people, arrived = snapshot.population, snapshot.population.arrival
    for arm, minus in ((1, 0), (2, 0), (2, 1), (1, None)):
        outside = np.zeros(arrived.shape, dtype=np.bool_)
        if minus is not None:
            for one in (arm, minus):
                outside |= (arrived <= OPENS[one]) & (OPENS[one] > 0.0) | (arrived > CLOSES[one])
            outside |= (people.arm != arm) & (people.arm != minus)
        own = replace(snapshot, left_out=ParticipantSet.where(outside))
        seen = plan.design.endpoints[endpoint].summary(prepared, own)
        expected = plain.posterior(fitted, seen, None)
        for asked in questions:
            if minus is None and asked.get("kind") in OF_TWO:
                continue
            question = Question(endpoint, arm, minus, **asked)
            for answer in ("probability", "mean"):
                np.testing.assert_allclose(
                    getattr(found, answer)(question), getattr(expected, answer)(question),
                    atol=1e-9, rtol=1e-9,
                )  # fmt: skip
            if model in TESTS:
                summary = plan.summary(endpoint, prepared, snapshot)
                for name, answer in (("anew", "probability"), ("estimated_anew", "mean")):
                    again = getattr(analysis, name)(OneTrial(summary, 1, question=question))
                    fast = getattr(found, answer)(question)[1]
                    assert again == pytest.approx(fast, abs=1e-9, nan_ok=True)


def test_means_are_those_of_who_was_there_together() -> None:
    """``restricted_mean``, from sums by arm and period, as from the right ones alone."""
    random = np.random.default_rng(3)
    number = np.array([[[8, 9, 7], [6, 0, 0], [0, 9, 8]]])
    total = number * random.uniform(3.0, 6.0, number.shape)
    squares = total**2 / np.maximum(number, 1) + number * random.uniform(2.0, 5.0, number.shape)
    open_in = np.array([[[1, 1, 1], [1, 0, 0], [0, 1, 1]]], dtype=np.bool_)
    apart = Means(total, squares, number)
    whole = Means(*(part.sum(axis=2, keepdims=True) for part in (total, squares, number)))
    table = {
        "model": "restricted_mean",
        "prior": {"mean": 4.0, "worth": 1.0, "sd": 3.0, "sd_worth": 1.0},
    }
    analysis = ADJUSTED["concurrent"]["restricted_mean"].model_validate(table)
    plain = ANALYSES["restricted_mean"].model_validate(table)
    fitted = plain.fitted(("a", "b", "c"), (1.0,))
    found = analysis.posterior(fitted, over_periods(whole, apart, open_in), None)
    alone = Means(*(p[:, :, 1:].sum(axis=2, keepdims=True) for p in (total, squares, number)))
    asked = Question("x", 2, 0, value=0.3)
    expected = plain.posterior(fitted, alone, None).probability(asked)
    np.testing.assert_allclose(found.probability(asked), expected, atol=1e-12)
    assert abs(expected - plain.posterior(fitted, whole, None).probability(asked))[0] > 1e-3


def test_an_analysis_of_covariance_of_who_was_there_together() -> None:
    plan, prepared, snapshot = at_month("normal", 24.0, 1)
    analysis, fitted = plan.fitted["score"]
    found = analysis.posterior(fitted, plan.summary("score", prepared, snapshot), None)
    arrival, arm = snapshot.population.arrival[0], snapshot.population.arm[0]
    scores = snapshot.population.outcomes["score"].values
    there = (arrival > 9.0) & (arrival + 3.0 <= 24.0) & ((arm == 0) | (arm == 2))
    b, y = scores[0][0][there], scores[2][0][there]
    rows = np.stack([np.ones(len(b)), arm[there] == 2, b], axis=1)
    best, left, *_ = np.linalg.lstsq(rows, y - b, rcond=None)
    freedom = len(b) - 3
    spread = np.sqrt(left[0] / freedom * np.linalg.inv(rows.T @ rows)[1, 1])
    slow = stats.t.cdf((-0.5 - best[1]) / spread, freedom)
    fast = found.probability(Question("score", 2, 0, value=-0.5, above=False))[0]
    assert fast == pytest.approx(slow, abs=1e-9)


def test_events_between_visits_are_split_as_those_dated() -> None:
    """What belongs to some periods keeps its widths: `intervals` goes with it."""
    arm = np.array([[0, 0, 1, 1]], dtype=np.int8)
    period = np.array([[0, 1, 0, 1]], dtype=np.int8)
    months, event = np.array([[2.0, 3.0, 4.0, 5.0]]), np.array([[True, True, False, True]])
    there = np.ones((1, 4), dtype=np.bool_)
    apart = Durations.of(months, event, there, arm, period, (2, 2))
    inside = np.array([[[False, True], [False, True]]])
    alone = apart.among(inside)
    assert alone.included.tolist() == [[False, True, False, True]]
    assert alone.participants.tolist() == [[[1], [1]]]
    assert alone.events.sum() == 2
    assert alone.exposure.sum() == 8.0


@pytest.mark.parametrize("model", KINDS)
def test_pymc_is_given_the_same_participants(model: str) -> None:
    plan, prepared, snapshot = at_month(model, 21.0, 2)
    endpoint, _, questions = KINDS[model]
    analysis, _ = plan.fitted[endpoint]
    summary = plan.summary(endpoint, prepared, snapshot)
    reference = analysis.reference(plan.design.arm_names, (), (1.0,))
    question = Question(endpoint, 2, 0, **questions[0])
    arrived, arm = snapshot.population.arrival, snapshot.population.arm
    own = replace(snapshot, left_out=ParticipantSet.where((arrived <= 9.0) | (arm == 1)))
    seen = plan.design.endpoints[endpoint].summary(prepared, own)
    data = reference.data(summary, 1, None, question)
    for name, values in reference.face.data(seen, 1, None, question).items():  # type: ignore[attr-defined]
        np.testing.assert_allclose(data[name], values, rtol=1e-12, atol=1e-12)
    assert "those randomised while both enrolled" in reference.statement


def test_verify_passes_over_looks_at_which_a_flat_prior_leaves_no_posterior() -> None:
    raw = platform("normal", looks={"enrolled": [40, 80]})
    raw["arms"]["late"]["enters"] = 9.5  # nobody of it has been seen at the first look
    design = Design(**raw)
    plan = Plan.of(design)
    looks = chosen_looks(plan, truths_of(design), 3, 20, pool=10)
    asked = [one for look in looks for one in look.asked]
    assert not any(np.isnan(one.fast) for one in asked)
    assert {one.question.arm for one in asked} == {1, 2}
    assert any({one.question.arm for one in look.asked} == {1} for look in looks)


# ── in a trial, and in words ──────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("leaves", [{"leaves": 14.0}, {}])
def test_a_trial_of_times_is_the_twins(leaves: Raw) -> None:
    raw = platform("piecewise_exponential")
    raw["arms"]["early"] = leaves
    dropped = copy.deepcopy(raw["rules"][0]) | {"name": "weak", "then": "drop_arm"}
    del dropped["at_least"]
    raw["rules"].insert(0, dropped | {"below": 0.4})
    raw["looks"] = {"enrolled": [20, 40, 60, 80]}
    compare(raw, "one", 3, tolerance=1e-8)


@pytest.mark.parametrize(("model", "trend"), [*((m, "concurrent") for m in KINDS | TESTS),
                                               ("normal", "periods")])  # fmt: skip
def test_a_real_table_is_analysed_as_the_simulated_trial_was(model: str, trend: str) -> None:
    design = Design(**platform(model, {"model": trend}))
    block = simulated(design, "one", 2)
    for trial in range(2):
        participants = read_participants(table(design, block, trial), design)
        same_end(block, trial, replayed(Plan.of(design), participants))


def test_check_says_who_counts() -> None:
    for model, (endpoint, *_) in (KINDS | TESTS).items():
        text = described(Design(**platform(model)))
        assert f"Comparisons of {endpoint} count those randomised while both arms" in text


@pytest.mark.parametrize("model", KINDS)
def test_what_does_not_go_together_is_told(model: str) -> None:
    endpoint = KINDS[model][0]
    for change, told in (
        ({"strata": {"mild": 0.5, "hard": 0.5}}, "not told apart by stratum and period at once"),
        ({"analysis": {endpoint: platform(model, {"model": "time_machine"})["analysis"][endpoint]}},
         f"analysis.{endpoint}.time_trend."),
    ):  # fmt: skip
        with pytest.raises(DesignError) as caught:
            Design(**(platform(model) | change))
        assert told in str(caught.value)


def test_a_test_of_those_who_were_there_together_spends_nothing() -> None:
    raw = platform("proportions_test")
    raw["rules"][0]["at_least"] = {"alpha": 0.025, "spending": "obrien_fleming"}
    with pytest.raises(DesignError, match=r"a type I error is not spent of 'free'"):
        Design(**raw)


def test_pooled_is_what_is_meant_where_nothing_is_said() -> None:
    for model, (endpoint, *_) in KINDS.items():
        pooled = Design(**platform(model, {"model": "pooled"})).analysis_of(endpoint)
        silent = Design(**platform(model, None)).analysis_of(endpoint)
        assert type(pooled) is type(silent) is ANALYSES[model]


# ── what a trend does ─────────────────────────────────────────────────────────────────────────
def a_year_late(endpoint: str, trend: str, per_year: float) -> Raw:
    """One product from the beginning, and one that enters a year later; neither does anything."""
    said: Raw = {
        "score": {arm: SCORE["usual"] for arm in SCORE},
        "event": {arm: {"dist": "exponential", "median": 8.0} for arm in SCORE},
        "rate": dict.fromkeys(SCORE, 1.0),
    }
    asked = {"score": {"minus": "usual", "below": 0.0},
             "event": {"hazard_ratio_to": "usual", "below": 1.0},
             "rate": {"minus": "usual", "below": 0.0}}  # fmt: skip
    models = {"score": "normal", "event": "piecewise_exponential", "rate": "gamma_poisson"}
    raw = platform(models[endpoint], {"model": trend})
    raw["arms"] = {"usual": {"control": True}, "early": {}, "late": {"enters": 12.0}}
    raw["enrolment"] = {"max_n": 180, "per_month": 6.0}
    raw["looks"] = {"months": [36.0]}
    raw["rules"][0]["posterior"] = {"endpoint": endpoint, "arm": "each", **asked[endpoint]}
    raw["rules"][0]["at_least"] = 0.975
    drift = {endpoint: {"per_year": per_year}}
    raw["scenarios"] = {"null": {"role": "null", endpoint: said[endpoint], "time_trend": drift}}
    return raw


def type_one_error(raw: Raw, trials: int) -> float:
    """How often the product that enters late succeeds."""
    design = Design(**raw)
    plan, truth = Plan.of(design), truths_of(design)["null"]
    targets = target_values(plan, true_values(design, truth))
    block = run_block(plan, truth, targets, latents_for(design, 11, 0, trials))
    return float((block.standing.noted[0][:, 1] > 0).mean())


@pytest.mark.slow
@pytest.mark.parametrize(("endpoint", "per_year"), [("score", -1.5), ("event", -0.7)])
def test_pooling_takes_a_trend_for_an_effect_and_concurrent_participants_do_not(
    endpoint: str, per_year: float
) -> None:
    trials = 2000
    error = 3.0 * (0.025 * 0.975 / trials) ** 0.5
    assert type_one_error(a_year_late(endpoint, "pooled", per_year), trials) > 0.2
    for drift in (0.0, per_year):
        alone = type_one_error(a_year_late(endpoint, "concurrent", drift), trials)
        assert abs(alone - 0.025) < error
