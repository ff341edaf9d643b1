"""Mean changes adjusted for the calendar: least squares with dummy columns, sums over a walk."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.models.normal.normal_analysis import NormalAnalysis
from adaptive_cart.models.periods.normal_machine import MachineMeansPosterior
from adaptive_cart.models.periods.normal_periods import PeriodMeansPosterior
from adaptive_cart.models.periods.normal_periods_reference import (
    NormalMachineReference,
    NormalPeriodsReference,
)
from adaptive_cart.models.periods.walk import Walk
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import Scores, over_periods
from adaptive_cart.nouns.summaries.scores import products_of, square_of
from adaptive_cart.telling.check import described
from models.test_concurrent import a_year_late, platform, type_one_error

Raw = dict[str, Any]
OPEN = np.array([[[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]], dtype=np.bool_)
SEEN = np.array([[9, 7, 8, 6], [6, 7, 0, 0], [0, 8, 5, 0], [0, 0, 6, 7]])


def people(seen: Any = SEEN) -> tuple[Any, Any, Any, Any]:
    """Arm, period, baseline and score of each."""
    random = np.random.default_rng(4)
    arm, period = (np.repeat(part.ravel(), seen.ravel()) for part in np.indices(seen.shape))
    b = random.normal(9.0, 3.0, len(arm))
    change = -1.0 * arm + 0.8 * period - 0.3 * (b - 9.0) + random.normal(0.0, 2.0, len(arm))
    return arm, period, b, b + change


def summed(who: tuple[Any, Any, Any, Any], open_in: Any = OPEN) -> Any:
    """The same as sums, by period and all together."""
    arm, period, b, y = who
    shape = open_in.shape[1:]
    pairs = products_of((b[None], y[None]))[0]
    sums = np.zeros((1, *shape, 1, 3, 3))
    for a, s in np.ndindex(*shape):
        sums[0, a, s, 0] = pairs[(arm == a) & (period == s)].sum(axis=0)[square_of(3)]
    none = np.zeros((1, *shape), dtype=np.int64)
    whole = Scores(sums.sum(axis=2, keepdims=True), none[:, :, :1])
    return over_periods(whole, Scores(sums, none), open_in)


def by_least_squares(who: Any, asked: Any, arms: int, periods: int) -> tuple[float, float, int]:
    """Centre, scale and degrees of freedom of a combination of arms and periods after the first."""
    arm, period, b, y = who
    rows = np.stack(
        [*(arm == a for a in range(arms)), *(period == s for s in range(1, periods)), b - b.mean()],
        axis=1,
    ).astype(float)
    best, *_ = np.linalg.lstsq(rows, y - b, rcond=None)
    freedom = len(b) - rows.shape[1]
    left = ((y - b - rows @ best) ** 2).sum() / freedom
    asked = np.array([*asked, 0.0])
    scale = math.sqrt(left * asked @ np.linalg.inv(rows.T @ rows) @ asked)
    return float(asked @ best), scale, freedom


def test_a_difference_is_that_of_least_squares_with_dummies() -> None:
    who = people()
    found = PeriodMeansPosterior(summed(who))
    for arm, minus, asked in (
        (1, 0, [-1, 1, 0, 0, 0, 0, 0]), (3, 0, [-1, 0, 0, 1, 0, 0, 0]),
        (3, 2, [0, 0, -1, 1, 0, 0, 0]),
    ):  # fmt: skip
        centre, scale, freedom = by_least_squares(who, asked, 4, 4)
        question = Question("x", arm, minus, value=-1.2, above=False)
        assert found.mean(question)[0] == pytest.approx(centre, abs=1e-9)
        below = stats.t.cdf((-1.2 - centre) / scale, freedom)
        assert found.probability(question)[0] == pytest.approx(below, abs=1e-9)
        assert found.limits(question, 0.95)[1][0] == pytest.approx(
            centre + scale * stats.t.ppf(0.975, freedom), abs=1e-8
        )
        drawn = found.drawn(question)[0]
        assert abs((drawn < -1.2).mean() - below) < 0.003


def test_a_level_is_over_its_own_periods() -> None:
    who = people()
    number = SEEN.sum(axis=0)
    shares = number[2:] / number[2:].sum()
    centre, scale, freedom = by_least_squares(who, [0, 0, 0, 1, 0, *shares], 4, 4)
    question = Question("x", 3, value=-1.0)
    found = PeriodMeansPosterior(summed(who)).probability(question)[0]
    assert found == pytest.approx(stats.t.sf((-1.0 - centre) / scale, freedom), abs=1e-9)


def test_one_period_is_the_model_without_any() -> None:
    who = people(np.array([[9], [8]]))
    seen = summed(who, np.ones((1, 2, 1), dtype=np.bool_))
    plain = NormalAnalysis.model_validate({"model": "normal"})
    expected = plain.posterior(plain.fitted(("a", "b"), (1.0,)), seen, None)
    for question in (Question("x", 1, 0, value=-0.5), Question("x", 1, value=-1.0)):
        assert PeriodMeansPosterior(seen).probability(question)[0] == pytest.approx(
            expected.probability(question)[0], abs=1e-9
        )


def test_what_the_data_do_not_tell_has_no_posterior() -> None:
    alone = SEEN * np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]])
    found = PeriodMeansPosterior(summed(people(alone)))
    assert np.isnan(found.probability(Question("x", 3, 0, value=0.0))[0])
    assert np.isfinite(found.probability(Question("x", 2, 0, value=0.0))[0])
    nobody = PeriodMeansPosterior(summed(people()).without_anybody())
    assert np.isnan(nobody.probability(Question("x", 1, 0, value=0.0))[0])


@pytest.mark.slow
@pytest.mark.reference
def test_it_is_the_same_model_in_pymc() -> None:
    from adaptive_cart.models.sampling import Compiled

    seen = summed(people())
    reference, found = NormalPeriodsReference(("a", "b", "c", "d")), PeriodMeansPosterior(seen)
    for asked in (Question("x", 3, 0, value=-2.0), Question("x", 3, value=-1.0)):
        data = reference.data(seen, 0, None, asked)
        fit = Compiled(reference, data).fit(data, seed=1, draws=3000)
        draws = reference.quantity(fit.draws, asked)
        slow = float((draws > asked.value).mean())
        assert abs(slow - found.probability(asked)[0]) < 4 * math.sqrt(0.25 / 4000)
        assert abs(float(draws.mean()) - found.mean(asked)[0]) < 0.05


def test_check_says_it_and_priors_are_refused() -> None:
    raw = platform("normal", {"model": "periods"})
    design = Design(**copy.deepcopy(raw))
    assert "Comparisons of score count everybody; those randomised while" in described(design)
    assert Plan.of(design).fitted["score"][0].by_period
    raw["analysis"]["score"]["spread"] = {"sd": 3.0, "worth": 2.0}
    with pytest.raises(DesignError, match=r"analysis\.score\.spread: time_trend\.model is"):
        Design(**raw)


@pytest.mark.slow
def test_periods_hold_the_error_under_a_trend_in_which_pooling_does_not() -> None:
    trials = 2000
    for drift in (0.0, -1.5):
        found = type_one_error(a_year_late("score", "periods", drift), trials)
        assert abs(found - 0.025) < 3.0 * (0.025 * 0.975 / trials) ** 0.5


# ── a random walk over the calendar ───────────────────────────────────────────────────────────
MACHINE = {"model": "time_machine", "period_months": 3.0, "step_scale": 0.5}


def over_calendar(who: Any, open_in: Any = OPEN) -> Any:
    """The same sums, each period a calendar period from the opening on."""
    seen = summed(who, open_in)
    whole = Scores(seen.products, seen.missing)
    return over_periods(whole, seen.apart, open_in, np.arange(open_in.shape[2])[None])


def by_dense_sums(who: Any, walk: Walk, asked: Any, shares: Any, value: float) -> Any:
    """P(a combination > value) and its mean: tau and sd on a grid, the rest by linear algebra."""
    arm, period, b, y = who
    arms, periods = arm.max() + 1, period.max() + 1
    x = np.stack([*(arm == a for a in range(arms)), b - b.mean()], axis=1).astype(float)
    path = walk.path(periods)
    z, change = path[periods - 1 - period], y - b
    logs, beyond, means = [], [], []
    for share in (np.arange(25) + 0.5) / 25 * 4.5:
        tau = share * walk.step_scale
        for log_sd in np.linspace(np.log(1.2), np.log(3.5), 18):
            variance = np.exp(2.0 * log_sd)
            root = np.linalg.cholesky(variance * np.eye(len(b)) + tau**2 * z @ z.T)
            rows, right = np.linalg.solve(root, x), np.linalg.solve(root, change)
            square = rows.T @ rows
            left = right - rows @ np.linalg.solve(square, rows.T @ right)
            log = -np.log(np.diag(root)).sum() - 0.5 * np.linalg.slogdet(square)[1]
            logs.append(log - 0.5 * left @ left - 0.5 * share**2)
            both = np.concatenate([x, tau * z], axis=1)
            precision = both.T @ both / variance
            precision[arms + 1 :, arms + 1 :] += np.eye(periods - 1)
            combined = np.concatenate([asked, [0.0], tau * path.T @ shares])
            mean = combined @ np.linalg.solve(precision, both.T @ change / variance)
            spread = math.sqrt(combined @ np.linalg.solve(precision, combined))
            beyond.append(stats.norm.sf(value, mean, spread))
            means.append(mean)
    weight = np.exp(np.array(logs) - max(logs))
    weight /= weight.sum()
    return float(weight @ beyond), float(weight @ means)


@pytest.mark.parametrize(("order", "scale"), [(2, 0.5), (1, 1.5)])
def test_a_walk_is_summed_out_as_by_dense_sums(order: int, scale: float) -> None:
    who, walk = people(), Walk(3.0, order, scale)
    seen = over_calendar(who)
    found = MachineMeansPosterior(walk, seen)
    none = np.zeros(4)
    for question, asked, shares in (
        (Question("x", 3, 0, value=-2.0), [-1, 0, 0, 1], none),
        (Question("x", 3, 2, value=-1.0), [0, 0, -1, 1], none),
        (Question("x", 3, value=-1.0), [0, 0, 0, 1], seen.shares((3,))[0]),
    ):
        probability, mean = by_dense_sums(who, walk, asked, shares, question.value)
        assert found.probability(question)[0] == pytest.approx(probability, abs=1e-3)
        assert found.mean(question)[0] == pytest.approx(mean, abs=2e-3)
        low, high = found.limits(question, 0.95)
        for end, below in ((low, 0.025), (high, 0.975)):
            reached = found.probability(question.at(float(end[0])))[0]
            assert 1.0 - reached == pytest.approx(below, abs=1e-9)
        drawn = (found.drawn(question)[0] > question.value).mean()
        assert abs(drawn - probability) < 0.003


def test_small_steps_are_no_trend_and_large_ones_are_periods() -> None:
    arm, period, b, y = people()
    seen, asked = over_calendar((arm, period, b, y)), Question("x", 3, 0, value=-2.0)
    plain = NormalAnalysis.model_validate({"model": "normal"})
    pooled = plain.posterior(plain.fitted(tuple("abcd"), (1.0,)), seen, None).probability(asked)[0]
    apart = PeriodMeansPosterior(seen).probability(asked)[0]
    still = MachineMeansPosterior(Walk(3.0, 2, 1e-4), seen).probability(asked)[0]
    assert still == pytest.approx(pooled, abs=1e-3)
    assert abs(pooled - apart) > 0.1
    jumps = over_calendar((arm, period, b, y + np.array([0.0, 400.0, -300.0, 500.0])[period]))
    wild = MachineMeansPosterior(Walk(3.0, 1, 1e3), jumps).probability(asked)[0]
    assert wild == pytest.approx(PeriodMeansPosterior(jumps).probability(asked)[0], abs=1e-3)
    assert wild == pytest.approx(apart, abs=1e-3)


def test_with_a_participant_for_each_step_there_is_no_posterior() -> None:
    alone = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]])
    found = MachineMeansPosterior(Walk(3.0, 2, 0.5), over_calendar(people(alone)))
    assert np.isnan(found.probability(Question("x", 1, 0, value=0.0))[0])
    some = over_calendar(people(SEEN * np.array([[1], [1], [1], [0]])))
    found = MachineMeansPosterior(Walk(3.0, 2, 0.5), some)
    assert np.isnan(found.probability(Question("x", 3, 0, value=0.0))[0])
    assert np.isfinite(found.probability(Question("x", 2, 0, value=0.0))[0])


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("order", [1, 2])
def test_a_walk_is_the_same_model_in_pymc(order: int) -> None:
    from adaptive_cart.models.sampling import Compiled

    seen, walk = over_calendar(people()), Walk(3.0, order, 0.5)
    reference = NormalMachineReference(("a", "b", "c", "d"), walk)
    found = MachineMeansPosterior(walk, seen)
    for asked in (Question("x", 3, 0, value=-2.0), Question("x", 3, value=-1.0)):
        data = reference.data(seen, 0, None, asked)
        fit = Compiled(reference, data).fit(data, seed=1, draws=3000)
        draws = reference.quantity(fit.draws, asked)
        slow = float((draws > asked.value).mean())
        assert abs(slow - found.probability(asked)[0]) < 4 * math.sqrt(0.25 / 4000)
        assert abs(float(draws.mean()) - found.mean(asked)[0]) < 0.05


def test_check_says_the_walk_and_its_keys_are_needed() -> None:
    raw = platform("normal", MACHINE)
    text = described(Design(**copy.deepcopy(raw)))
    assert "how the mean walks over the calendar (smoothly adjusted)" in text
    assert "step half_normal (sd 0.5)" in text
    del raw["analysis"]["score"]["time_trend"]["step_scale"]
    with pytest.raises(DesignError, match=r"time_trend\.step_scale: .*in points of the score"):
        Design(**raw)


@pytest.mark.parametrize("periods", [4, 30])
def test_a_small_step_over_many_calendar_periods_is_none(periods: int) -> None:
    """The least size of a step is so small that what it stands for hardly drifts."""
    for order, scale in ((1, 2.0), (2, 0.1), (2, 2.0)):
        walk = Walk(3.0, order, scale)
        sizes, weight = walk.sizes(periods=periods)
        assert sizes[0] * walk.reach(periods) <= max(0.1, 1e-9)
        assert weight.sum() == pytest.approx(1.0)
        assert (weight * sizes).sum() == pytest.approx(scale * math.sqrt(2.0 / math.pi), rel=2e-3)
