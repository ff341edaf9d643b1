"""Comparisons where arms enter and leave: concurrent controls, and periods on the logit."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.errors import DesignError
from adaptive_cart.models.periods.kinds import ADJUSTED
from adaptive_cart.models.periods.period_posterior import PeriodPosterior
from adaptive_cart.models.periods.periods_reference import PeriodsReference
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import PeriodCounts
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.estimand import target_values, true_values
from adaptive_cart.telling.check import described
from conduct.test_arms_that_enter import STAYS, platform
from conduct.test_fast_equals_adaptive_twin import compare
from twin import posterior

Raw = dict[str, Any]


def counts_of(had: Any, seen: Any, open_in: Any) -> PeriodCounts:
    """One table, ``(arm, period)`` each."""
    had, seen = np.array([had]), np.array([seen])
    whole = had.sum(axis=2, keepdims=True), seen.sum(axis=2, keepdims=True)
    none = np.zeros_like(whole[0])
    return PeriodCounts(*whole, none, whole[1], had, seen, np.array([open_in], dtype=np.bool_))


def adjusted(model: str, stays: str = "two enter", **tables: Any) -> Raw:
    analysis = {"free": {"model": "beta_binomial", "time_trend": {"model": model}}}
    return platform(STAYS[stays], analysis=analysis, **tables)


# ── who counts ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("model", ["concurrent", "periods", "pooled"])
@pytest.mark.parametrize("stays", ["two enter", "after another", "a chain"])
def test_a_trial_is_the_twins(model: str, stays: str) -> None:
    compare(adjusted(model, stays), "one", 2, tolerance=1e-3 if model == "periods" else 1e-9)


def test_an_arm_that_is_dropped_bounds_a_period_where_none_enters() -> None:
    raw = adjusted("periods")
    raw["arms"] = {name: {} for name in raw["arms"]}
    raw["arms"]["usual"]["control"] = True
    compare(raw, "one", 3, tolerance=1e-3)


HAD = [[4, 6, 5, 2], [5, 0, 0, 0], [0, 7, 4, 0], [0, 0, 6, 5]]
SEEN = [[10, 12, 9, 8], [11, 0, 0, 0], [0, 12, 10, 0], [0, 0, 9, 9]]
OPEN = [[1, 1, 1, 1], [1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]


def test_concurrent_controls_alone_count_in_a_comparison() -> None:
    counts = counts_of(HAD, SEEN, OPEN)
    analysis = ADJUSTED["concurrent"]["beta_binomial"].model_validate({"model": "beta_binomial"})
    fitted = analysis.fitted(("a", "b", "c", "d"), (1.0,))
    found = analysis.posterior(fitted, counts, None)
    flat: Any = ((1.0, 1.0, 1.0),)

    def expected(own: tuple[int, int], other: tuple[int, int]) -> float:
        first, second = posterior.updated(flat, *own), posterior.updated(flat, *other)
        return posterior.probability_difference_above(first, second, 0.1)

    for arm, own, other in (
        (1, (5, 11), (4, 10)),
        (2, (11, 22), (6 + 5, 12 + 9)),
        (3, (11, 18), (5 + 2, 9 + 8)),
    ):
        asked = Question("x", arm, 0, value=0.1)
        assert found.probability(asked)[0] == pytest.approx(expected(own, other), abs=1e-9)
    # of two products, those randomised while both enrolled; of one, everybody in it
    both = found.probability(Question("x", 3, 2, value=0.1))[0]
    assert both == pytest.approx(expected((6, 9), (4, 10)), abs=1e-9)
    alone = found.probability(Question("x", 0, value=0.4))[0]
    assert alone == pytest.approx(stats.beta.sf(0.4, 18, 23), abs=1e-9)
    assert counts.concurrent[0].tolist() == [39, 10, 21, 17]


# ── periods on the logit ──────────────────────────────────────────────────────────────────────
def on_a_grid(counts: PeriodCounts, value: float, shares: Any) -> tuple[float, float]:
    """P(difference > value) and its mean by plain summation: two arms, two periods."""
    axis = np.linspace(-7.5, 7.5, 76)
    a, b, g = np.meshgrid(axis, axis, axis, indexing="ij", sparse=True)
    log = -(a**2 + b**2 + g**2) / (2.0 * 2.5**2)
    risk = {}
    for arm, period in itertools.product((0, 1), (0, 1)):
        logit = a + arm * b + period * g
        had, seen = counts.had[0, arm, period], counts.seen_in[0, arm, period]
        log = log + had * logit - seen * np.logaddexp(0.0, logit)
        risk[arm, period] = special.expit(logit)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    difference = sum(
        share * (risk[1, period] - risk[0, period]) for period, share in enumerate(shares)
    )
    # a cell of the grid that the value cuts lies beyond it in part
    across = sum(np.abs(part) for part in np.gradient(difference)) + 1e-12
    beyond = np.clip(0.5 + (difference - value) / across, 0.0, 1.0)
    return float((weight * beyond).sum()), float((weight * difference).sum())


TABLES = [
    ([[3, 8], [6, 9]], [[10, 12], [11, 12]], [[1, 1], [1, 1]], (21 / 45, 24 / 45)),
    ([[3, 8], [0, 9]], [[10, 12], [0, 12]], [[1, 1], [0, 1]], (0.0, 1.0)),
    ([[0, 1], [0, 3]], [[6, 5], [0, 7]], [[1, 1], [0, 1]], (0.0, 1.0)),
    ([[0, 0], [0, 0]], [[0, 0], [0, 0]], [[1, 1], [0, 1]], (0.0, 1.0)),
]


@pytest.mark.parametrize("table", TABLES)
def test_periods_are_summed_out_as_on_a_grid(table: Any) -> None:
    had, seen, open_in, shares = table
    counts = counts_of(had, seen, open_in)
    assert counts.shares((0, 1))[0].tolist() == pytest.approx(list(shares))
    found = PeriodPosterior(counts)
    for value in (-0.1, 0.0, 0.15):
        probability, mean = on_a_grid(counts, value, shares)
        asked = Question("x", 1, 0, value=value)
        assert abs(found.probability(asked)[0] - probability) < 0.005
        assert abs(found.mean(asked)[0] - mean) < 0.003


def tables_at_random(number: int, arms: int, periods: int, each: float, base: float) -> Any:
    random = np.random.default_rng([arms, periods, number])
    begin = random.integers(0, periods - 1, (number, arms))
    end = np.minimum(begin + random.integers(1, periods, (number, arms)), periods)
    begin[:, 0], end[:, 0] = 0, periods
    place = np.arange(periods)
    open_in = (place >= begin[..., None]) & (place < end[..., None])
    seen = random.poisson(each, (number, arms, periods)) * open_in
    effects = random.normal(0, 0.5, (number, 1, periods)) + random.normal(0, 0.7, (number, arms, 1))
    had = random.binomial(seen, special.expit(special.logit(base) + effects))
    whole = had.sum(axis=2, keepdims=True), seen.sum(axis=2, keepdims=True)
    return PeriodCounts(*whole, 0 * whole[0], whole[1], had, seen, open_in)


def by_chain_of_slices(had: Any, seen: Any, shares: Any, arm: int, value: float) -> float:
    """P(difference > value) by a long random walk; obvious, and slow."""
    random = np.random.default_rng(3)
    arms, periods = had.shape
    size = arms + periods - 1
    walkers = 400

    def log(theta: Any) -> Any:
        logit = (
            theta[:, :1, None]
            + np.concatenate([np.zeros((walkers, 1)), theta[:, 1:arms]], axis=1)[:, :, None]
        )
        logit = logit + np.concatenate([np.zeros((walkers, 1)), theta[:, arms:]], axis=1)[:, None]
        fit = (had * logit - seen * np.logaddexp(0.0, logit)).sum(axis=(1, 2))
        return fit - (theta**2).sum(axis=1) / 12.5, special.expit(logit)

    theta = random.normal(0, 0.5, (walkers, size))
    now, risk = log(theta)
    held, counted = 0.0, 0
    for step in range(6000):
        # the scale of a step is itself drawn, so that some are long and some are short
        scale = 0.15 * np.exp(random.normal(0, 1, (walkers, 1)))
        moved = theta + scale * random.normal(0, 1, (walkers, size))
        then, there = log(moved)
        taken = np.log(random.random(walkers)) < then - now
        theta[taken], now[taken], risk[taken] = moved[taken], then[taken], there[taken]
        if step >= 1500:
            difference = ((risk[:, arm] - risk[:, 0]) * shares).sum(axis=1)
            held += float((difference > value).sum())
            counted += walkers
    return held / counted


@pytest.mark.slow
@pytest.mark.parametrize(("each", "base"), [(10.0, 0.3), (2.0, 0.1), (30.0, 0.05)])
def test_four_arms_and_five_periods_agree_with_a_long_walk(each: float, base: float) -> None:
    counts = tables_at_random(4, 4, 5, each, base)
    found = PeriodPosterior(counts)
    for arm, value in ((1, 0.0), (2, 0.1)):
        answers = found.probability(Question("x", arm, 0, value=value))
        shares = counts.shares((0, arm))
        for table in range(4):
            slow = by_chain_of_slices(
                counts.had[table], counts.seen_in[table], shares[table], arm, value
            )
            # the walk itself is known to about 0.004
            assert abs(answers[table] - slow) < 0.008 + 3 * 0.004


@pytest.mark.slow
@pytest.mark.reference
def test_it_is_the_same_model_in_pymc() -> None:
    from adaptive_cart.models.sampling import Compiled

    counts = counts_of(HAD, SEEN, OPEN)
    reference = PeriodsReference(("a", "b", "c", "d"))
    found = PeriodPosterior(counts)
    for arm in (1, 3):
        asked = Question("x", arm, 0, value=0.1)
        data = reference.data(counts, 0, None, asked)
        fit = Compiled(reference, data).fit(data, seed=1, draws=3000)
        draws = reference.quantity(fit.draws, asked)
        slow = float((draws > 0.1).mean())
        assert abs(slow - found.probability(asked)[0]) < 0.008 + 4 * math.sqrt(0.25 / 4000)
        assert abs(float(draws.mean()) - found.mean(asked)[0]) < 0.01


# ── what it does in a trial ───────────────────────────────────────────────────────────────────
def type_one_error(model: str, per_year: float, trials: int) -> tuple[float, float]:
    """How often a product that enters a year late succeeds though it does nothing."""
    raw = two_products(model, per_year)
    design = Design(**raw)
    plan, truth = Plan.of(design), truths_of(design)["null"]
    latents = latents_for(design, 11, 0, trials)
    targets = target_values(plan, true_values(design, truth))
    block = run_block(plan, truth, targets, latents)
    late = plan.rules[0].targets[1]
    assert late.arm == 2
    share = float((block.standing.noted[0][:, 1] > 0).mean())
    return share, math.sqrt(share * (1.0 - share) / trials)


def two_products(model: str, per_year: float) -> Raw:
    return {
        "name": "A product a year late",
        "arms": {"usual": {"control": True}, "early": {}, "late": {"enters": 12.0}},
        "endpoints": {"free": {"type": "landmark", "month": 6.0}},
        "analysis": {"free": {"model": "beta_binomial", "time_trend": {"model": model}}},
        "enrolment": {"max_n": 180, "per_month": 6.0},
        "looks": {"observed": [180]},
        "rules": [
            {
                "name": "works",
                "then": "declare_success",
                "posterior": {
                    "endpoint": "free", "arm": "each", "minus": "usual", "above": 0.0
                },
                "at_least": 0.975,
            }
        ],
        "scenarios": {
            "null": {
                "free": {"usual": 0.3, "early": 0.3, "late": 0.3},
                "time_trend": {"free": {"per_year": per_year}},
            }
        },
    }  # fmt: skip


@pytest.mark.slow
def test_periods_hold_the_type_one_error_under_a_trend_where_pooling_does_not() -> None:
    """Nominal 0.025; within 3 standard errors, of 1,500 trials each."""
    pooled, _ = type_one_error("pooled", 1.0, 1500)
    assert pooled > 0.2
    for model in ("concurrent", "periods"):
        share, error = type_one_error(model, 1.0, 1500)
        assert share < 0.025 + 3.0 * error, model


# ── what is told and refused ──────────────────────────────────────────────────────────────────
def test_check_says_who_counts() -> None:
    text = described(Design(**adjusted("concurrent")))
    assert "Comparisons of free count those randomised while both arms" in text
    text = described(Design(**adjusted("periods")))
    assert "adjusted by period" in text
    assert "period normal (mean 0, sd 2.5)" in text
    assert "Comparisons of" not in described(Design(**adjusted("pooled")))


def test_without_arms_that_move_there_is_one_period_and_that_is_said() -> None:
    raw = adjusted("concurrent")
    raw["arms"] = {"usual": {"control": True}, "auto": {}}
    raw["scenarios"]["one"]["free"] = {"usual": 0.3, "auto": 0.3}
    raw["rules"] = raw["rules"][1:]
    assert "so that there is one period" in described(Design(**raw))


BEST = {"name": "best", "then": "drop_arm", "below": 0.1,
        "posterior": {"endpoint": "free", "arm": "each", "best": True}}  # fmt: skip
REFUSED: list[tuple[Raw, str]] = [
    ({"analysis": {"free": {"model": "beta_binomial", "prior": {"a": 1.0, "b": 1.0},
                            "time_trend": {"model": "periods"}}}}, "leave `prior` out"),
    ({"analysis": {"free": {"model": "beta_binomial", "time_trend": {"model": "period"}}}},
     "did you mean 'periods'"),
    ({"strata": {"mild": 0.5, "hard": 0.5}}, "not told apart by stratum and period at once"),
    ({"endpoints": {"free": {"type": "landmark", "month": 3.0, "missing": "impute"}}},
     "tells periods apart, which imputation does not"),
]  # fmt: skip


@pytest.mark.parametrize(("tables", "told"), REFUSED)
def test_what_does_not_go_with_it_is_told(tables: Raw, told: str) -> None:
    with pytest.raises(DesignError) as caught:
        Design(**(adjusted("periods") | tables))
    assert told in str(caught.value)


AHEAD = {"name": "ahead", "then": "declare_futility", "predictive": {"rule": "works"}, "below": 0.1}


@pytest.mark.parametrize("more", [BEST, AHEAD])
def test_what_is_not_answered_is_told(more: Raw) -> None:
    raw = adjusted("periods")
    raw["arms"] = {name: {} for name in raw["arms"]}
    raw["arms"]["usual"]["control"] = True
    del raw["rules"][1]["looks"]
    raw["rules"].append(more)
    with pytest.raises(DesignError, match=r"tells periods apart"):
        Design(**raw)
