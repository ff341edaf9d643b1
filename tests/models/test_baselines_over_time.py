"""Rates and hazards over the calendar: the posterior against sums over grids, a walk and PyMC."""

from __future__ import annotations

import copy
import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.errors import DesignError
from adaptive_cart.models import ANALYSES
from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
from adaptive_cart.models.periods.baselines_posterior import BaselinesPosterior, CalendarBaselines
from adaptive_cart.models.periods.baselines_reference import HazardsReference, RatesReference
from adaptive_cart.models.periods.kinds import ADJUSTED
from adaptive_cart.models.periods.walk import Walk
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import Durations, Exposure, over_periods
from adaptive_cart.results.estimand import target_values, true_values
from adaptive_cart.telling.check import described
from models.test_concurrent import HAZARDS, a_year_late, at_month, platform, type_one_error

Raw = dict[str, Any]
MACHINE = {"model": "time_machine", "period_months": 3.0, "step_scale": 0.2}
OPEN = np.array([[1, 1, 1], [1, 1, 0], [0, 1, 1]], dtype=np.bool_)


def rates_of(events: Any, years: Any, open_in: Any = OPEN, calendar: Any = None) -> Any:
    """What was seen of one table, ``(arm, period)`` each."""
    events, years = np.array([events]), np.array([years], dtype=float)
    apart = Exposure(events, years, np.ceil(years).astype(np.int64))
    whole = Exposure(*(part.sum(axis=2, keepdims=True) for part in vars(apart).values()))
    when = None if calendar is None else np.array([calendar])
    return over_periods(whole, apart, np.array([open_in], dtype=np.bool_), when)


def times_of(number: int, open_in: Any, calendar: Any = None, seed: int = 4) -> Any:
    """Times of so many participants of each arm and period that enrols."""
    random = np.random.default_rng(seed)
    cells = [(a, s) for a, s in itertools.product(*map(range, open_in.shape)) if open_in[a, s]]
    arm, period = (np.repeat([cell[k] for cell in cells], number)[None] for k in (0, 1))
    months = random.exponential(6.0 * 1.5**arm / 1.3**period)
    until = random.uniform(2.0, 12.0, months.shape)
    there = np.ones(months.shape, dtype=np.bool_)
    seen, had = np.minimum(months, until), months <= until
    shape = open_in.shape
    apart = Durations.of(seen, had, there, arm.astype(np.int8), period.astype(np.int8), shape)
    zero = np.zeros_like(period, dtype=np.int8)
    whole = Durations.of(seen, had, there, arm.astype(np.int8), zero, (shape[0], 1))
    when = None if calendar is None else np.array([calendar])
    return over_periods(whole, apart, np.array([open_in]), when)


def answering(model: str, trend: Raw, table: Raw, arms: int, seen: Any) -> Any:
    """The posterior of an analysis, and the same in PyMC."""
    kind = ADJUSTED[trend["model"]][model]
    analysis = kind.model_validate({"model": model, **table, "time_trend": trend})
    names = tuple("abcd"[:arms])
    fitted = analysis.fitted(names, (1.0,))
    return analysis.posterior(fitted, seen, None), analysis.reference(names, (), (1.0,))


# ── sums over grids ───────────────────────────────────────────────────────────────────────────
PRIOR = {"prior": {"a": 0.5, "b": 1.0}}
RATES = [
    ([[4, 9], [3, 5]], [[6.0, 7.0], [6.5, 8.0]], [[1, 1], [1, 1]]),
    ([[4, 9], [0, 5]], [[6.0, 7.0], [0.0, 8.0]], [[1, 1], [0, 1]]),
    ([[0, 1], [0, 0]], [[6.0, 7.0], [0.0, 8.0]], [[1, 1], [0, 1]]),
]


def beyond(weight: Any, values: Any, value: float) -> tuple[float, float]:
    """P(values > value) and their mean; a cell that the value cuts is beyond in part."""
    across = sum(np.abs(part) for part in np.gradient(values)) + 1e-12
    part = np.clip(0.5 + (values - value) / across, 0.0, 1.0)
    return float((weight * part).sum()), float((weight * values).sum())


@pytest.mark.parametrize("table", RATES)
@pytest.mark.parametrize("trend", [{"model": "periods"}, MACHINE | {"step_scale": 0.6}])
def test_rates_are_summed_out_as_on_a_grid(table: Any, trend: Raw) -> None:
    """Two arms in two periods: both rates of the control, and the logarithm of the ratio."""
    events, years, open_in = table
    walks = trend["model"] == "time_machine"
    seen = rates_of(events, years, open_in, [0, 1] if walks else None)
    shares = seen.shares((0, 1))[0]
    found, _ = answering("gamma_poisson", trend, PRIOR, 2, seen)
    first, last, ratio = np.meshgrid(
        np.linspace(-8.0, 3.0, 121), np.linspace(-8.0, 3.0, 121), np.linspace(-7.0, 5.0, 121),
        indexing="ij", sparse=True,
    )  # fmt: skip
    log = -(ratio**2) / (2.0 * 2.5**2) + 0.5 * last - np.exp(last)  # Gamma(0.5, 1), on the log
    if walks:  # the earlier is normal around the latest
        tau = (np.arange(400) + 0.5) / 400 * 5.0 * 0.6
        drift, weight = first - last, stats.halfnorm.pdf(tau, 0.0, 0.6)
        axis = np.linspace(-11.0, 11.0, 241)
        width = (axis[1] - axis[0]) / 2.0
        edges = np.append(axis - width, axis[-1] + width)
        mixed = np.diff((stats.norm.cdf(edges[:, None], 0.0, tau) * weight).sum(axis=1))
        log = log + np.log(np.interp(drift, axis, mixed))
    else:
        log = log + 0.5 * first - np.exp(first)
    rate = {}
    for arm, period in itertools.product((0, 1), (0, 1)):
        predictor = (first, last)[period] + arm * ratio
        log = log + events[arm][period] * predictor - years[arm][period] * np.exp(predictor)
        rate[arm, period] = np.exp(predictor)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    by_period = shares[::-1] if walks else shares
    mine, other = (sum(s * rate[a, p] for p, s in enumerate(by_period)) for a in (1, 0))
    for value in (-0.3, 0.0, 0.2):
        probability, mean = beyond(weight, mine - other, value)
        asked = Question("x", 1, 0, value=value)
        assert abs(found.probability(asked)[0] - probability) < 0.006
        assert abs(found.mean(asked)[0] - mean) < 0.01
    slow, _ = beyond(weight, mine / other, 0.8)
    asked = Question("x", 1, 0, value=0.8, kind="ratio")
    assert abs(found.probability(asked)[0] - slow) < 0.006


@pytest.mark.parametrize("events", [1e5, 1e8])
@pytest.mark.parametrize("trend", [{"model": "periods"}, MACHINE | {"step_scale": 0.6}])
def test_very_many_events_are_told_apart(trend: Raw, events: float) -> None:
    """Drift and ratio on a grid about their mode, the control's rates integrated out."""
    walks = trend["model"] == "time_machine"
    had = (np.array([[0.55, 0.01], [0.43, 0.01]]) * events).astype(np.int64)
    seen = rates_of(had, np.full((2, 2), 4.0), np.ones((2, 2)), [0, 1] if walks else None)
    weak = {"prior": {"a": 0.5, "b": 1e-6}}
    found, _ = answering("gamma_poisson", trend, weak, 2, seen)
    # of years that are all the same, and a prior worth none, the mode is that of the sums
    (of_control, of_arm), by_period = had.sum(axis=1), had.sum(axis=0)
    sd = math.sqrt(1.0 / of_control + 1.0 / of_arm)
    ratio = math.log(of_arm / of_control) + sd * np.linspace(-6.0, 6.0, 241)
    drift = np.linspace(-6.0, 6.0, 241) * math.sqrt((1.0 / by_period).sum())
    drift = drift + math.log(by_period[0] / by_period[1])
    log = -(ratio[:, None] ** 2) / (2.0 * 2.5**2) + had[1].sum() * ratio[:, None]
    if walks:
        tau = (np.arange(2_000) + 0.5) / 2_000 * 5.0 * 0.6
        chance = stats.norm.pdf(drift[:, None], 0.0, tau) * stats.halfnorm.pdf(tau, 0.0, 0.6)
        log = log + np.log(chance.sum(axis=1)) + had[:, 0].sum() * drift
        times = (1.0 + np.exp(ratio[:, None])) * (1.0 + np.exp(drift))
        log = log - (0.5 + had.sum()) * np.log(4.0 * times)
    else:
        for number in by_period:
            log = log - (0.5 + number) * np.log(4.0 * (1.0 + np.exp(ratio[:, None])))
    weight = np.exp(log - log.max()).sum(axis=1)
    weight /= weight.sum()
    for away in (-1.0, 0.5):
        value = math.log(of_arm / of_control) + away * sd
        slow = 1.0 - np.interp(value, ratio, weight.cumsum() - 0.5 * weight)
        assert slow == pytest.approx(stats.norm.sf(away), abs=0.01)
        asked = Question("x", 1, 0, value=math.exp(value), kind="ratio")
        assert abs(found.probability(asked)[0] - slow) < 0.01


def by_sums(
    model: CalendarBaselines, events: Any, exposure: Any, arm: int, minus: int, values: Any
) -> list[float]:
    """P(ratio of two of three arms < value), each baseline summed out by its own formula."""
    axis = np.linspace(model.centre - 5.0 * model.sd, model.centre + 5.0 * model.sd, 801)
    one, two = np.meshgrid(axis, axis, indexing="ij")
    effects = (np.zeros_like(one), one, two)
    log = -(((one - model.centre) ** 2 + (two - model.centre) ** 2) / (2.0 * model.sd**2))
    for period, interval in np.ndindex(*events.shape[1:]):
        had, there = events[:, period, interval], exposure[:, period, interval]
        rate = model.b + sum(there[k] * np.exp(effects[k]) for k in range(3))
        log = log + sum(had[k] * effects[k] for k in range(3))
        log = log - (model.a + had.sum()) * np.log(rate)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    ratio = effects[arm] - effects[minus]
    return [1.0 - beyond(weight, ratio, math.log(value))[0] for value in values]


def test_hazard_ratios_of_three_arms_are_those_of_sums() -> None:
    seen = times_of(7, OPEN)
    found, _ = answering("piecewise_exponential", {"model": "periods"}, HAZARDS, 3, seen)
    one = PiecewiseExponential((3.0,), (1.0, 1.0), (0.0, 1.0))
    events, months = np.zeros((3, 3, 2)), np.zeros((3, 3, 2))
    for arm, period in np.ndindex(3, 3):
        inside = seen.apart.members(arm, period, None)
        own = one.split(seen.months, seen.event, inside)
        events[arm, period], months[arm, period] = own[0][0], own[1][0]
    model = CalendarBaselines(0.5, 5.0, 0.0, 1.0, (3.0,))
    for arm, minus in ((1, 0), (2, 0), (2, 1)):
        slow = by_sums(model, events, months, arm, minus, (0.5, 0.8, 1.2))
        for value, expected in zip((0.5, 0.8, 1.2), slow, strict=True):
            asked = Question("x", arm, minus, value=value, above=False, kind="hazard_ratio")
            assert abs(found.probability(asked)[0] - expected) < 0.004


def test_of_two_arms_periods_are_strata() -> None:
    """As the stratified model answers by quadrature, strata being the periods."""
    open_in = np.ones((2, 3), dtype=np.bool_)
    seen = times_of(9, open_in)
    found, _ = answering("piecewise_exponential", {"model": "periods"}, HAZARDS, 2, seen)
    table = {"model": "stratified_piecewise_exponential", **HAZARDS}
    plain = ANALYSES["stratified_piecewise_exponential"].model_validate(table)
    fitted = plain.fitted(("a", "b"), (0.3, 0.3, 0.4))
    expected = plain.posterior(fitted, seen.apart, None)
    for value in (0.5, 0.8, 1.2):
        asked = Question("x", 1, 0, value=value, kind="hazard_ratio")
        assert abs(found.probability(asked)[0] - expected.probability(asked)[0]) < 0.002
    asked = Question("x", 1, 0, value=1.0, kind="hazard_ratio")
    assert found.mean(asked)[0] == pytest.approx(expected.mean(asked)[0], abs=0.003)


def test_one_period_is_the_model_without_any() -> None:
    """What is said of one arm, too: the fraction that remains, its mean, and the median."""
    open_in = np.ones((2, 1), dtype=np.bool_)
    for trend, calendar in (({"model": "periods"}, None), (MACHINE, [0])):
        seen = times_of(15, open_in, calendar)
        found, _ = answering("piecewise_exponential", trend, HAZARDS, 2, seen)
        table = {"model": "piecewise_exponential", **HAZARDS}
        plain = ANALYSES["piecewise_exponential"].model_validate(table)
        expected = plain.posterior(plain.fitted(("a", "b"), (1.0,)), seen.apart, None)
        for asked in (
            Question("x", 1, 0, value=0.8, kind="hazard_ratio"),
            Question("x", 1, 0, value=0.1, kind="remaining", month=6.0),
            Question("x", 1, value=6.0, kind="median"),
            Question("x", 0, value=4.0, kind="restricted_mean", month=9.0),
        ):
            fast, slow = found.probability(asked)[0], expected.probability(asked)[0]
            assert abs(fast - slow) < 0.008, asked


def test_a_fraction_that_remains_is_a_mean_over_periods_and_so_is_its_median() -> None:
    seen = times_of(6, OPEN)
    found, _ = answering("piecewise_exponential", {"model": "periods"}, HAZARDS, 3, seen)
    for month in (2.0, 5.0, 9.0):
        remains = found.values(Question("x", 2, value=0.5, kind="remaining", month=month))
        median = found.values(Question("x", 2, value=month, kind="median"))
        agree = (remains > 0.5) == (median > month)
        assert (found.weights * agree).sum() > 1.0 - 1e-6


# ── a long walk and PyMC ──────────────────────────────────────────────────────────────────────
def by_long_walk(seen: Any, model: CalendarBaselines, counted: Any, asked: Question) -> float:
    """P(what is asked) by a random walk over everything; obvious, and slow."""
    random = np.random.default_rng(3)
    events, exposure = counted
    arms, periods, intervals = events.shape
    walk, walkers = model.walk, 400
    baselines = intervals if walk is not None else periods * intervals
    steps = periods - 1 if walk is not None else 0
    size = baselines + arms - 1 + steps + (walk is not None)
    share = seen.shares((asked.minus, asked.arm))[0]

    def log(theta: Any) -> Any:
        base = theta[:, :baselines]
        found = (model.a * base - model.b * np.exp(base)).sum(axis=1)
        ratio = theta[:, baselines : baselines + arms - 1]
        found -= ((ratio - model.centre) ** 2).sum(axis=1) / (2.0 * model.sd**2)
        ratio = np.concatenate([np.zeros((walkers, 1)), ratio], axis=1)
        drift = np.zeros((walkers, periods))
        if walk is not None:
            step, log_tau = theta[:, -steps - 1 : -1], theta[:, -1]
            tau = np.exp(log_tau)
            found += -(step**2).sum(axis=1) / 2.0 - tau**2 / (2.0 * walk.step_scale**2) + log_tau
            moved = tau[:, None] * step
            for _ in range(walk.order):
                moved = moved.cumsum(axis=1)
            drift[:, 1:] = moved
            base = base[:, None]
        else:
            base = base.reshape(walkers, periods, intervals)
        predictor = (ratio[:, :, None] + drift[:, None])[..., None] + base[:, None]
        found += (events * predictor - exposure * np.exp(predictor)).sum(axis=(1, 2, 3))
        rate = np.exp(predictor[..., 0]) @ share
        if asked.kind == "hazard_ratio":
            return found, np.exp(ratio[:, asked.arm] - ratio[:, asked.minus])
        return found, rate[:, asked.arm] - rate[:, asked.minus]

    theta = random.normal(-1.0, 0.3, (walkers, size))
    now, value = log(theta)
    held, counted_steps = 0.0, 0
    for step in range(8000):
        scale = 0.12 * np.exp(random.normal(0, 1, (walkers, 1)))
        moved = theta + scale * random.normal(0, 1, (walkers, size))
        with np.errstate(over="ignore", invalid="ignore"):  # nobody goes there
            then, there = log(moved)
        taken = np.log(random.random(walkers)) < then - now
        theta[taken], now[taken], value[taken] = moved[taken], then[taken], there[taken]
        if step >= 2500:
            held += float((value > asked.value).sum())
            counted_steps += walkers
    return held / counted_steps


EVENTS = [[5, 8, 6, 9], [4, 6, 0, 0], [0, 3, 4, 5]]
YEARS = [[6.0, 8.0, 7.0, 8.0], [5.5, 8.0, 0.0, 0.0], [0.0, 7.0, 7.5, 8.0]]
THERE = [[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 1, 1]]
CASES = [
    ("gamma_poisson", {"model": "periods"}, 0.1),
    ("gamma_poisson", MACHINE, 0.1),
    ("gamma_poisson", MACHINE | {"order": 1, "step_scale": 0.5}, -0.1),
    ("piecewise_exponential", {"model": "periods"}, 0.8),
    ("piecewise_exponential", MACHINE, 0.8),
]


def case(model: str, trend: Raw, value: float) -> tuple[Any, Any, Question]:
    """What was seen, the table, and a question about the third arm."""
    calendar = None if trend["model"] == "periods" else [0, 1, 2, 3]
    if model == "gamma_poisson":
        seen = rates_of(EVENTS, YEARS, THERE, calendar)
        return seen, PRIOR, Question("x", 2, 0, value=value)
    seen = times_of(7, np.array(THERE, dtype=np.bool_), calendar)
    return seen, HAZARDS, Question("x", 2, 0, value=value, kind="hazard_ratio")


@pytest.mark.slow
@pytest.mark.parametrize(("model", "trend", "value"), CASES)
def test_it_agrees_with_a_long_walk(model: str, trend: Raw, value: float) -> None:
    seen, table, asked = case(model, trend, value)
    found, face = answering(model, trend, table, 3, seen)
    data = face.data(seen, 0, None, asked)
    slow = by_long_walk(seen, found.model, (data["events"], data["exposure"]), asked)
    # the walk itself is known to about 0.004
    assert abs(found.probability(asked)[0] - slow) < 0.01 + 3 * 0.004


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize(("model", "trend", "value"), CASES)
def test_it_is_the_same_model_in_pymc(model: str, trend: Raw, value: float) -> None:
    from adaptive_cart.models.sampling import Compiled

    seen, table, asked = case(model, trend, value)
    found, face = answering(model, trend, table, 3, seen)
    others = [Question("x", 2, value=0.3)]
    if asked.kind == "hazard_ratio":
        others = [
            Question("x", 2, 0, value=0.1, kind="remaining", month=5.0),
            Question("x", 2, value=6.0, kind="median"),
            Question("x", 0, value=4.0, kind="restricted_mean", month=9.0),
        ]
    for one in (asked, *others):
        data = face.data(seen, 0, None, one)
        fit = Compiled(face, data).fit(data, seed=1, draws=3000)
        draws = face.quantity(fit.draws, one)
        slow = float((draws > one.value).mean())
        assert abs(slow - found.probability(one)[0]) < 0.01 + 4 * math.sqrt(0.25 / 4000)


# ── in a trial, and in words ──────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("model", ["gamma_poisson", "piecewise_exponential"])
@pytest.mark.parametrize("trend", [{"model": "periods"}, MACHINE])
def test_check_says_who_counts_and_nobody_is_the_prior(model: str, trend: Raw) -> None:
    design = Design(**platform(model, trend))
    endpoint = next(iter(design.endpoints))
    text = described(design)
    assert f"Comparisons of {endpoint} count everybody; those randomised while" in text
    analysis, fitted = Plan.of(design).fitted[endpoint]
    assert isinstance(fitted, CalendarBaselines)
    assert isinstance(fitted.walk, Walk) == (trend is MACHINE)
    empty = {"gamma_poisson": Exposure, "piecewise_exponential": Durations}[model].empty(3, 1)
    found = analysis.posterior(fitted, empty, None)
    assert isinstance(found, BaselinesPosterior)
    kind = "hazard_ratio" if model == "piecewise_exponential" else "ratio"
    even = found.probability(Question("x", 1, 0, value=1.0, kind=kind))[0]
    assert even == pytest.approx(0.5, abs=0.005)
    width = found.limits(Question("x", 1, 0, value=1.0, kind=kind), 0.95)
    assert math.log(width[1][0] / width[0][0]) == pytest.approx(
        2.0 * special.ndtri(0.975) * fitted.sd, rel=0.05
    )


def test_pymc_is_given_the_same_numbers() -> None:
    for model, trend, value in CASES:
        plan, prepared, snapshot = at_month(model, 21.0, 2)
        endpoint = next(iter(plan.design.endpoints))
        raw = platform(model, trend)
        own = Plan.of(Design(**raw))
        summary = own.summary(endpoint, prepared, snapshot)
        analysis, fitted = own.fitted[endpoint]
        found = analysis.posterior(fitted, summary, None)
        face = analysis.reference(own.design.arm_names, (), (1.0,))
        assert isinstance(face, RatesReference | HazardsReference)
        kind = "hazard_ratio" if model == "piecewise_exponential" else "level"
        asked = Question(endpoint, 2, 0, value=value, kind=kind)
        data = face.data(summary, 1, None, asked)
        _, cells, place = found._fits[1]  # as it was laid out
        np.testing.assert_allclose(
            data["events"].reshape(-1, data["events"].shape[2]).sum(axis=1),
            cells.events[place].sum(axis=1),
        )
        there = cells.exposure[place].sum(axis=1)
        np.testing.assert_allclose(data["exposure"].sum(axis=2).ravel(), there, atol=1e-6)
        assert data["shares"].sum() == pytest.approx(1.0)


REFUSED: list[tuple[str, Raw, str]] = [
    ("gamma_poisson", {"prior": {a: {"a": 0.5, "b": 1.0} for a in ("usual", "early", "late")}},
     r"analysis\.rate\.prior: time_trend\.model is \"periods\", in which it is the prior"),
    ("piecewise_exponential", HAZARDS | {"intervals": True},
     r"analysis\.event\.intervals: time_trend\.model is \"periods\""),
    ("piecewise_exponential", HAZARDS | {"time_trend": {"model": "periods", "order": 1}},
     r"analysis\.event\.time_trend\.order: found 1"),
    ("gamma_poisson", PRIOR | {"time_trend": {"model": "time_machine", "step_scale": 0.1}},
     r"analysis\.rate\.time_trend\.period_months: a value is needed"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "table", "told"), REFUSED)
def test_what_does_not_go_with_it_is_told(model: str, table: Raw, told: str) -> None:
    raw = platform(model, {"model": "periods"})
    endpoint = next(iter(raw["endpoints"]))
    trend = raw["analysis"][endpoint]["time_trend"]
    raw["analysis"][endpoint] = {"model": model, "time_trend": trend, **copy.deepcopy(table)}
    with pytest.raises(DesignError, match=told):
        Design(**raw)


@pytest.mark.slow
@pytest.mark.parametrize(("endpoint", "per_year"), [("rate", -0.7), ("event", -0.7)])
def test_periods_hold_the_error_under_a_trend_in_which_pooling_does_not(
    endpoint: str, per_year: float
) -> None:
    trials = 2000
    error = 3.0 * (0.025 * 0.975 / trials) ** 0.5
    assert type_one_error(a_year_late(endpoint, "pooled", per_year), trials) > 0.15
    for drift in (0.0, per_year):
        found = type_one_error(a_year_late(endpoint, "periods", drift), trials)
        assert abs(found - 0.025) < error


def test_a_hazard_that_drifts_in_one_arm_has_a_true_ratio() -> None:
    """What a large trial tends to is simulated, whatever the analysis makes of the calendar."""
    raw = platform("piecewise_exponential", MACHINE)
    raw["scenarios"]["one"]["time_trend"] = {"event": {"usual": {"per_year": -0.7}}}
    design = Design(**raw)
    truth = truths_of(design)["one"]
    found = target_values(Plan.of(design), true_values(design, truth))
    assert all(0.3 < value < 2.0 for value in found)
