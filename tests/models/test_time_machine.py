"""A random walk over the calendar: the posterior against sums over a grid, a long walk and PyMC."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.models.periods.kinds import ADJUSTED
from adaptive_cart.models.periods.time_machine_posterior import TimeMachinePosterior
from adaptive_cart.models.periods.time_machine_reference import TimeMachineReference
from adaptive_cart.models.periods.walk import Walk
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import CalendarCounts, Counts
from adaptive_cart.telling.check import described
from conduct.test_arms_that_enter import STAYS, platform
from conduct.test_fast_equals_adaptive_twin import compare

Raw = dict[str, Any]
MACHINE = {"model": "time_machine", "period_months": 2.0, "step_scale": 0.3}


def counts_of(had: Any, seen: Any, open_in: Any, calendar: Any) -> CalendarCounts:
    """One table, ``(arm, period)`` each, and the calendar period of each period."""
    had, seen = np.array([had]), np.array([seen])
    whole = had.sum(axis=2, keepdims=True), seen.sum(axis=2, keepdims=True)
    none = np.zeros_like(whole[0])
    opened = np.array([open_in], dtype=np.bool_)
    return CalendarCounts(*whole, none, whole[1], had, seen, opened, np.array([calendar]))


def adjusted(stays: str = "two enter", **walk: Any) -> Raw:
    analysis = {"free": {"model": "beta_binomial", "time_trend": MACHINE | walk}}
    return platform(STAYS[stays], analysis=analysis)


# ── who counts ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("stays", ["two enter", "after another"])
def test_a_trial_is_the_twins(stays: str) -> None:
    compare(adjusted(stays), "one", 2, tolerance=1e-3)


def test_calendar_periods_are_counted_back_from_the_latest_analysed() -> None:
    # calendar periods 0, 1, 1, 2, 3; nobody analysed of the last
    had = [[1, 2, 3, 4, 0], [0, 0, 2, 3, 0]]
    seen = [[5, 6, 7, 8, 0], [0, 0, 4, 5, 0]]
    open_in = [[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]]
    counts = counts_of(had, seen, open_in, [0, 1, 1, 2, 3])
    assert counts.latest.tolist() == [2]
    assert counts.counted_back(counts.had)[0].tolist() == [[4, 5, 1], [3, 2, 0]]
    assert counts.counted_back(counts.seen_in)[0].tolist() == [[8, 13, 5], [5, 4, 0]]
    assert counts.shares((0, 1))[0].tolist() == pytest.approx([13 / 24, 11 / 24, 0.0])
    assert counts.shares((0,))[0].tolist() == pytest.approx([13 / 35, 17 / 35, 5 / 35])
    # of an arm of which nobody has been analysed: as of the latest calendar period
    early = counts_of([[1, 0], [0, 0]], [[5, 0], [0, 0]], [[1, 1], [0, 1]], [0, 1])
    assert early.shares((0, 1))[0].tolist() == [1.0]


def test_the_walk_is_that_of_its_recursion() -> None:
    steps = np.array([0.3, -0.7, 1.1, 0.2])
    first, second = (Walk(1.0, order, 1.0).path(5) @ steps for order in (1, 2))
    drift = [0.0]
    for step in steps:
        drift.append(drift[-1] + step)
    assert first.tolist() == pytest.approx(drift)
    drift = [0.0, steps[0]]
    for step in steps[1:]:
        drift.append(2.0 * drift[-1] - drift[-2] + step)
    assert second.tolist() == pytest.approx(drift)


def test_the_sizes_of_steps_are_half_normal() -> None:
    sizes, weight = Walk(1.0, 2, 0.4).sizes()
    assert weight.sum() == pytest.approx(1.0)
    assert (weight * sizes).sum() == pytest.approx(0.4 * math.sqrt(2.0 / math.pi), abs=5e-4)
    assert (weight * sizes**2).sum() == pytest.approx(0.16, abs=5e-4)


# ── the posterior ─────────────────────────────────────────────────────────────────────────────
def on_a_grid(counts: CalendarCounts, scale: float, value: float, shares: Any) -> Any:
    """P(difference > value) and its mean by plain summation: two arms, two calendar periods.

    With two, both orders are the same: the earlier is Normal(0, tau) around the latest, and tau is
    summed out of that first.
    """
    axis, half = np.linspace(-7.5, 7.5, 61), 4.5 * scale / 50
    drift = np.linspace(-50, 50, 51) * 2 * half
    tau = (np.arange(1000) + 0.5) / 1000 * 5.0 * scale
    # a cell of the grid holds what lies in it, and not the peak that its middle may have
    edges = np.append(drift - half * 2, drift[-1] + half * 2)
    inside = stats.norm.cdf(edges[:, None], 0.0, tau) * stats.halfnorm.pdf(tau, 0.0, scale)
    mixed = np.diff(inside.sum(axis=1))
    a, b, g = np.meshgrid(axis, axis, drift, indexing="ij", sparse=True)
    log = -(a**2 + b**2) / (2.0 * 2.5**2) + np.log(mixed)[None, None]
    risk = {}
    for arm, back in itertools.product((0, 1), (0, 1)):
        logit = a + arm * b + back * g
        had, seen = (
            counts.counted_back(part)[0, arm, back] for part in (counts.had, counts.seen_in)
        )
        log = log + had * logit - seen * np.logaddexp(0.0, logit)
        risk[arm, back] = special.expit(logit)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    difference = sum(share * (risk[1, back] - risk[0, back]) for back, share in enumerate(shares))
    across = sum(np.abs(part) for part in np.gradient(difference)) + 1e-12
    beyond = np.clip(0.5 + (difference - value) / across, 0.0, 1.0)
    return float((weight * beyond).sum()), float((weight * difference).sum())


TABLES = [
    ([[3, 8], [6, 9]], [[10, 12], [11, 12]], [[1, 1], [1, 1]], (24 / 45, 21 / 45)),
    ([[3, 8], [0, 9]], [[10, 12], [0, 12]], [[1, 1], [0, 1]], (1.0, 0.0)),
    ([[0, 1], [0, 3]], [[6, 5], [0, 7]], [[1, 1], [0, 1]], (1.0, 0.0)),
]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("scale", [0.2, 1.0])
def test_the_walk_is_summed_out_as_on_a_grid(table: Any, scale: float) -> None:
    had, seen, open_in, shares = table
    counts = counts_of(had, seen, open_in, [0, 1])
    assert counts.shares((0, 1))[0].tolist() == pytest.approx(list(shares))
    for order in (1, 2):
        found = TimeMachinePosterior(Walk(3.0, order, scale), counts)
        for value in (-0.1, 0.0, 0.15):
            probability, mean = on_a_grid(counts, scale, value, shares)
            asked = Question("x", 1, 0, value=value)
            assert abs(found.probability(asked)[0] - probability) < 0.008
            assert abs(found.mean(asked)[0] - mean) < 0.003


def tables_at_random(
    number: int, arms: int, periods: int, each: float, base: float
) -> CalendarCounts:
    random = np.random.default_rng([arms, periods, number])
    begin = random.integers(0, periods - 1, (number, arms))
    end = np.minimum(begin + random.integers(2, periods, (number, arms)), periods)
    begin[:, 0], end[:, 0] = 0, periods
    place = np.arange(periods)
    open_in = (place >= begin[..., None]) & (place < end[..., None])
    seen = random.poisson(each, (number, arms, periods)) * open_in
    drift = 0.3 * random.normal(0, 1, (number, 1, periods)).cumsum(axis=2)
    had = random.binomial(
        seen, special.expit(special.logit(base) + drift + random.normal(0, 0.7, (number, arms, 1)))
    )
    whole = had.sum(axis=2, keepdims=True), seen.sum(axis=2, keepdims=True)
    calendar = np.tile(place, (number, 1))
    return CalendarCounts(*whole, 0 * whole[0], whole[1], had, seen, open_in, calendar)


def by_a_long_walk(had: Any, seen: Any, walk: Walk, shares: Any, arm: int, value: float) -> float:
    """P(difference > value) by a random walk of many walkers over effects, drift and log tau.

    Counted back from the latest period, which comes first; the prior written from its recursion.
    """
    random = np.random.default_rng(3)
    arms, periods = had.shape
    size, walkers = arms + periods, 400  # alpha, arms, drifts but the latest's, log tau

    def log(theta: Any) -> Any:
        drift = np.concatenate([np.zeros((walkers, 1)), theta[:, arms:-1]], axis=1)
        tau = np.exp(theta[:, -1:])
        expected = np.zeros((walkers, periods - 1))
        if walk.order == 1:
            expected = drift[:, :-1]
        else:
            expected[:, 1:] = 2.0 * drift[:, 1:-1] - drift[:, :-2]
        away = (drift[:, 1:] - expected) / tau
        arm_effects = np.concatenate([np.zeros((walkers, 1)), theta[:, 1:arms]], axis=1)
        logit = theta[:, :1, None] + arm_effects[:, :, None] + drift[:, None]
        fit = (had * logit - seen * np.logaddexp(0.0, logit)).sum(axis=(1, 2))
        prior = -(theta[:, :arms] ** 2).sum(axis=1) / 12.5 - 0.5 * (away**2).sum(axis=1)
        prior -= (periods - 1) * theta[:, -1]
        prior += theta[:, -1] - 0.5 * (tau[:, 0] / walk.step_scale) ** 2
        return fit + prior, special.expit(logit)

    theta = random.normal(0, 0.1, (walkers, size))
    theta[:, -1] = math.log(walk.step_scale) + random.normal(0, 0.5, walkers)
    now, risk = log(theta)
    held, counted = 0.0, 0
    for step in range(16000):
        # differences of two other walkers know the shape of what is walked over (ter Braak 2006)
        one, two = random.integers(0, walkers, (2, walkers))
        far = random.choice([1.0, 0.5, 0.2], (walkers, 1)) * 2.38 / math.sqrt(2.0 * size)
        moved = theta + far * (theta[one] - theta[two]) + 1e-4 * random.normal(0, 1, theta.shape)
        then, there = log(moved)
        taken = np.log(random.random(walkers)) < then - now
        theta[taken], now[taken], risk[taken] = moved[taken], then[taken], there[taken]
        if step >= 4000:
            difference = ((risk[:, arm] - risk[:, 0]) * shares).sum(axis=1)
            held += float((difference > value).sum())
            counted += walkers
    return held / counted


@pytest.mark.slow
@pytest.mark.parametrize("order", [1, 2])
def test_three_arms_and_six_periods_agree_with_a_long_walk(order: int) -> None:
    counts = tables_at_random(2, 3, 6, 5.0, 0.3)
    walk = Walk(3.0, order, 0.3)
    found = TimeMachinePosterior(walk, counts)
    had, seen = (counts.counted_back(part) for part in (counts.had, counts.seen_in))
    for arm, value in ((1, 0.0), (2, 0.1)):
        answers = found.probability(Question("x", arm, 0, value=value))
        shares = counts.shares((0, arm))
        for table in range(2):
            slow = by_a_long_walk(had[table], seen[table], walk, shares[table], arm, value)
            # the walk itself is known to about 0.005
            assert abs(answers[table] - slow) < found.fast_error + 3 * 0.005


def test_an_answer_hangs_on_no_table_beside_it() -> None:
    counts = tables_at_random(6, 3, 7, 4.0, 0.3)
    short = counts.seen_in.copy()
    short[3:, :, 4:] = 0  # trials that have not come so far
    parts = counts.missing, counts.due, np.minimum(counts.had, short), short
    counts = CalendarCounts(
        counts.successes, counts.totals, *parts, counts.open_in, counts.calendar
    )
    walk = Walk(3.0, 2, 0.2)
    asked = Question("x", 1, 0, value=0.05)
    together = TimeMachinePosterior(walk, counts).probability(asked)
    for table in range(6):
        alone = counts.rows(np.array([table]))
        assert TimeMachinePosterior(walk, alone).probability(asked)[0] == together[table]


def test_nobody_leaves_the_prior() -> None:
    analysis = ADJUSTED["time_machine"]["beta_binomial"].model_validate(
        {"model": "beta_binomial", "time_trend": MACHINE}
    )
    fitted = analysis.fitted(("a", "b"), (1.0,))
    found = analysis.posterior(fitted, Counts.empty(2, 1), None)
    assert found.probability(Question("x", 0, value=0.5))[0] == pytest.approx(0.5, abs=0.01)
    assert found.probability(Question("x", 1, 0, value=0.0))[0] == pytest.approx(0.5, abs=0.01)


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("order", [1, 2])
def test_it_is_the_same_model_in_pymc(order: int) -> None:
    from adaptive_cart.models.sampling import Compiled

    counts = tables_at_random(1, 3, 8, 5.0, 0.3)
    walk = Walk(3.0, order, 0.3)
    reference = TimeMachineReference(("a", "b", "c"), walk)
    found = TimeMachinePosterior(walk, counts)
    for arm in (1, 2):
        asked = Question("x", arm, 0, value=0.1)
        data = reference.data(counts, 0, None, asked)
        fit = Compiled(reference, data).fit(data, seed=1, draws=3000)
        draws = reference.quantity(fit.draws, asked)
        slow = float((draws > 0.1).mean())
        assert abs(slow - found.probability(asked)[0]) < found.fast_error + 4 * math.sqrt(
            0.25 / 4000
        )
        assert abs(float(draws.mean()) - found.mean(asked)[0]) < 0.01


# ── what is told and refused ──────────────────────────────────────────────────────────────────
def test_check_says_who_counts_and_the_prior_of_a_step() -> None:
    text = described(Design(**adjusted()))
    assert "smoothly adjusted" in text
    assert "step half_normal (sd 0.3)" in text


REFUSED: list[tuple[Raw, str]] = [
    ({"model": "time_machine", "step_scale": 0.1}, "time_trend.period_months: a value is needed"),
    ({"model": "time_machine", "period_months": 3.0}, "time_trend.step_scale: a value is needed"),
    (MACHINE | {"order": 3}, "time_trend.order"),
    (MACHINE | {"step_scale": 0.0}, "time_trend.step_scale"),
    (MACHINE | {"period_months": 0.0}, "time_trend.period_months"),
    (MACHINE | {"period_months": 0.01}, "calendar periods"),
    ({"model": "periods", "order": 2}, '"periods" has no random walk over the calendar'),
    ({"model": "pooled", "step_scale": 0.1}, '"pooled" has no random walk over the calendar'),
]


@pytest.mark.parametrize(("trend", "told"), REFUSED)
def test_what_does_not_go_with_it_is_told(trend: Raw, told: str) -> None:
    raw = adjusted()
    raw["analysis"]["free"]["time_trend"] = trend
    with pytest.raises(DesignError) as caught:
        Design(**raw)
    assert told in str(caught.value)
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize("per_month", [0.7, 1.37, 2.9, 3.3, 4.1])
def test_the_length_that_is_told_to_be_written_is_allowed(per_month: float) -> None:
    raw = adjusted()
    raw["enrolment"]["per_month"] = per_month
    own = raw["analysis"]["free"]["time_trend"] = MACHINE | {"period_months": 0.01}
    with pytest.raises(DesignError, match="calendar periods") as caught:
        Design(**raw)
    own["period_months"] = float(str(caught.value).rsplit("write at least ", 1)[1])
    Design(**raw)


def test_a_prior_does_not_go_with_it() -> None:
    raw = adjusted()
    raw["analysis"]["free"]["prior"] = {"a": 1.0, "b": 1.0}
    with pytest.raises(DesignError, match="leave `prior` out"):
        Design(**raw)
