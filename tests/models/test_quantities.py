"""Quantities of arms and what is asked of them: against slow calculations from the statements.

The slow posterior draws parameters from the prior as the page of each model states it and weighs
them by the likelihood of every participant; a fraction that remains is then a plain function of
time, whose median is found by halving and whose area by a fine sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import integrate, special

from adaptive_cart.models import ANALYSES
from adaptive_cart.models.base import Posterior
from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.models.rates.arm_rates import ArmRates
from adaptive_cart.models.rates.gamma_mixture import GammaMixture
from adaptive_cart.nouns.questions import Quantity, Question
from adaptive_cart.nouns.summaries import Counts, Durations, Exposure

Floats = np.ndarray
ARMS = ("soc", "cart", "allo")
DRAWS = 40_000
SUMS = 40  # of an area


# ── two betas ─────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("of_odds", [False, True])
@pytest.mark.parametrize("value", [0.02, 0.4, 0.999, 1.0, 1.3, 25.0])
def test_ratios_of_probabilities_and_of_odds_by_quadrature(value: float, of_odds: bool) -> None:
    priors = ((1.0, 1.0), (0.5, 2.0))
    model = BetaBinomial(tuple(BetaMixture.single(*prior) for prior in priors))
    tables = [((3, 20), (11, 25)), ((0, 12), (12, 12)), ((40, 90), (30, 41)), ((0, 0), (0, 0))]
    successes = np.array([[a[0], b[0]] for a, b in tables])
    totals = np.array([[a[1], b[1]] for a, b in tables])
    found = model.ratio_above(1, 0, successes, totals, value, of_odds)
    for row, (x, n) in enumerate(zip(successes, totals, strict=True)):
        (a, b), (c, d) = ((a + x[k], b + n[k] - x[k]) for k, (a, b) in enumerate(priors))
        # up to where nothing is beyond, by the substitution that leaves no pole at either end
        top = 1.0 if of_odds or value <= 1.0 else 1.0 / value
        t = np.linspace(-4.5, 4.5, 20_001)
        logit = np.sinh(np.pi / 2.0 * np.sinh(t))
        u, v = special.expit(logit), special.expit(-logit)
        other = v if top == 1.0 else 1.0 - top * u
        least = special.expit(logit + np.log(value)) if of_odds else min(value, 1.0) * u
        with np.errstate(divide="ignore", invalid="ignore"):
            mass = np.exp(special.xlogy(a, top * u) + special.xlogy(b - 1.0, other))
        slope = np.pi / 2.0 * np.cosh(t) * np.cosh(np.pi / 2.0 * np.sinh(t))
        height = np.nan_to_num(special.betaincc(c, d, least) * mass * v * slope, posinf=0.0)
        expected = float(height.sum() * (t[1] - t[0])) / special.beta(a, b)
        assert found[row] == pytest.approx(expected, abs=1e-9)


def test_a_ratio_of_rates_is_a_fraction_where_its_beta_is_known() -> None:
    model = ArmRates((GammaMixture.single(1.0, 2.0),) * 2)
    events, years = np.array([4.0, 7.0]), np.array([10.0, 12.5])
    one, two = ((arm, events[arm : arm + 1], years[arm : arm + 1]) for arm in (0, 1))
    for value in (0.5, 1.0, 1.25):
        exact = model.exact_ratio_above((0, 1), events, years, value)
        assert exact is not None
        assert float(exact) == pytest.approx(float(model.ratio_above(one, two, value)[0]))


# ── by weighing the prior ─────────────────────────────────────────────────────────────────────
@dataclass
class Slow:
    """Draws of every arm with their weights."""

    weight: Floats
    level: Floats | None = None  # (draw, arm)
    left: Callable[[int, Floats], Floats] | None = None  # of an arm at months, (draw,) each

    def number(self, name: str, arm: int, month: float) -> Floats:
        if name == "level":
            assert self.level is not None
            return self.level[:, arm]
        assert self.left is not None
        everybody = np.ones(len(self.weight))
        if name == "remaining":
            return self.left(arm, month * everybody)
        if name == "restricted_mean":
            steps = (np.arange(SUMS) + 0.5) / SUMS * month
            return sum(self.left(arm, step * everybody) for step in steps) * month / SUMS
        low, high = -10.0 * everybody, 20.0 * everybody
        for _ in range(50):
            middle = (low + high) / 2.0
            later = self.left(arm, np.exp(middle)) > 0.5
            low, high = np.where(later, middle, low), np.where(later, high, middle)
        return np.where(high > 19.9, np.inf, np.exp(high))

    def probability(self, so: Floats) -> tuple[float, float]:
        """Weighted mean, and its Monte Carlo standard error."""
        mean = float(self.weight @ so)
        return mean, float(np.sqrt((self.weight**2 * (so - mean) ** 2).sum()))


def weighed(log: Floats) -> Floats:
    weight = np.exp(log - log.max())
    return weight / weight.sum()


MONTHS = np.array([2.0, 9.0, 14.0, 3.0, 6.0, 20.0, 1.0, 1.5, 24.0, 4.0, 8.0, 30.0])
EVENT = np.array([1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0, 0], dtype=np.bool_)
ARM = np.arange(12) % 3


def durations() -> Durations:
    counts = np.zeros((1, 3, 1), dtype=np.int64)
    inside = np.ones((1, 12), dtype=np.bool_)
    arm, zero = ARM[None].astype(np.int8), np.zeros((1, 12), dtype=np.int8)
    return Durations(MONTHS[None], EVENT[None], inside, arm, zero, counts, counts, counts * 1.0)


def slow_hazards() -> Slow:
    rng = np.random.default_rng(4)
    base = rng.gamma(0.5, 1.0 / 5.0, (DRAWS, 2))
    ratio = np.exp(np.hstack([np.zeros((DRAWS, 1)), rng.normal(0.0, 1.0, (DRAWS, 2))]))

    def gone(arm: int, month: Floats) -> Floats:
        early, late = np.minimum(month, 6.0), np.maximum(month - 6.0, 0.0)
        return ratio[:, arm] * (base[:, 0] * early + base[:, 1] * late)

    log = np.zeros(DRAWS)
    for month, event, arm in zip(MONTHS, EVENT, ARM, strict=True):
        log -= gone(int(arm), np.full(DRAWS, month))
        if event:
            log += np.log(ratio[:, arm] * base[:, int(month > 6.0)])
    return Slow(weighed(log), left=lambda arm, month: np.exp(-gone(arm, month)))


def slow_cure() -> Slow:
    rng = np.random.default_rng(5)
    cured = rng.beta(2.0, 3.0, (DRAWS, 3))
    median = 8.0 * np.exp(0.5 * rng.normal(size=(DRAWS, 3)))
    shape = 1.2 * np.exp(0.3 * rng.normal(size=(DRAWS, 3)))

    def hazard(arm: int, month: Floats) -> Floats:
        return np.log(2.0) * (month / median[:, arm]) ** shape[:, arm]

    def left(arm: int, month: Floats) -> Floats:
        return cured[:, arm] + (1.0 - cured[:, arm]) * np.exp(-hazard(arm, month))

    log = np.zeros(DRAWS)
    for month, event, place in zip(MONTHS, EVENT, ARM, strict=True):
        arm = int(place)
        own = hazard(arm, np.full(DRAWS, month))
        if event:
            log += np.log1p(-cured[:, arm]) - own + np.log(shape[:, arm] * own / month)
        else:
            log += np.log(left(arm, np.full(DRAWS, month)))
    return Slow(weighed(log), level=cured, left=left)


def slow_rates() -> Slow:
    rng = np.random.default_rng(6)
    rate = rng.gamma(1.0, 0.5, (DRAWS, 3))
    log = (np.array([6, 2, 3]) * np.log(rate) - rate * np.array([10.0, 9.0, 7.5])).sum(axis=1)
    return Slow(weighed(log), level=rate)


def slow_counts() -> Slow:
    rng = np.random.default_rng(7)
    chance = rng.beta(1.0, 2.0, (DRAWS, 3))
    x, n = np.array([2, 5, 4]), np.array([9, 10, 8])
    log = (x * np.log(chance) + (n - x) * np.log1p(-chance)).sum(axis=1)
    return Slow(weighed(log), level=chance)


def of_model(name: str) -> Posterior:
    lognormal = {"dist": "lognormal", "sigma": 0.3}
    tables: dict[str, dict[str, Any]] = {
        "beta_binomial": {"prior": {"a": 1.0, "b": 2.0}},
        "gamma_poisson": {"prior": {"a": 1.0, "b": 2.0}},
        "piecewise_exponential": {
            "cuts": [6.0],
            "prior": {
                "baseline": {"a": 0.5, "b": 5.0},
                "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 1.0},
            },
        },
        "weibull_cure": {
            "prior": {
                "cured": {"dist": "beta", "a": 2.0, "b": 3.0},
                "median_months": {**lognormal, "median": 8.0, "sigma": 0.5},
                "shape": {**lognormal, "median": 1.2},
            }
        },
    }

    def column(values: list[float]) -> Any:
        return np.array(values)[None, :, None]

    numbers = column([9, 10, 8])
    data = {
        "beta_binomial": Counts(column([2, 5, 4]), numbers, 0 * numbers, numbers),
        "gamma_poisson": Exposure(column([6, 2, 3]), column([10.0, 9.0, 7.5]), numbers),
        "piecewise_exponential": durations(),
        "weibull_cure": durations(),
    }
    analysis = ANALYSES[name].model_validate({"model": name, **tables[name]})
    return analysis.posterior(analysis.fitted(ARMS, (1.0,)), data[name], None)


SLOW = {
    "beta_binomial": cache(slow_counts),
    "gamma_poisson": cache(slow_rates),
    "piecewise_exponential": cache(slow_hazards),
    "weibull_cure": cache(slow_cure),
}
BY_TIME: list[tuple[dict[str, Any], Callable[[Any], Floats]]] = [
    ({"kind": "remaining", "month": 10.0, "value": 0.4}, lambda n: n("remaining", 1, 10.0) > 0.4),
    ({"kind": "median", "value": 7.0}, lambda n: n("median", 1, 0.0) > 7.0),
    (
        {"kind": "median", "minus": 0, "value": 2.0},
        lambda n: later(n("median", 1, 0.0), n("median", 0, 0.0), 2.0),
    ),
    (
        {"kind": "median_ratio", "minus": 0, "value": 1.5, "above": False},
        lambda n: sooner(n("median", 1, 0.0), n("median", 0, 0.0), 1.5),
    ),
    (
        {"kind": "restricted_mean", "month": 12.0, "minus": 2, "value": -1.0},
        lambda n: n("restricted_mean", 1, 12.0) - n("restricted_mean", 2, 12.0) > -1.0,
    ),
    (
        {"kind": "restricted_mean_ratio", "month": 12.0, "minus": 0, "value": 1.1},
        lambda n: n("restricted_mean", 1, 12.0) > 1.1 * n("restricted_mean", 0, 12.0),
    ),
    (
        {"kind": "best", "ordered_by": "restricted_mean", "month": 18.0, "among": (0, 1, 2)},
        lambda n: largest([n("restricted_mean", arm, 18.0) for arm in range(3)]),
    ),
    (
        {"kind": "best", "ordered_by": "median", "among": (0, 1, 2)},
        lambda n: longer(n, 0) & longer(n, 2),
    ),
    (
        {"kind": "rank", "ordered_by": "median", "among": (0, 1, 2), "places": 2},
        lambda n: longer(n, 0) | longer(n, 2),
    ),
    (
        {"kind": "expected_rank", "ordered_by": "median", "among": (0, 1, 2)},
        lambda n: 0.5 * longer(n, 0) + 0.5 * longer(n, 2),
    ),
]
BY_LEVEL: list[tuple[dict[str, Any], Callable[[Any], Floats]]] = [
    ({"kind": "ratio", "minus": 0, "value": 1.4},
     lambda n: n("level", 1, 0.0) > 1.4 * n("level", 0, 0.0)),
    ({"kind": "ratio", "minus": 2, "value": 0.8, "above": False},
     lambda n: n("level", 1, 0.0) < 0.8 * n("level", 2, 0.0)),
    ({"kind": "best", "among": (0, 1, 2)},
     lambda n: largest([n("level", arm, 0.0) for arm in range(3)])),
    ({"kind": "best", "among": (0, 1, 2), "lowest": True},
     lambda n: largest([-n("level", arm, 0.0) for arm in range(3)])),
    ({"kind": "rank", "among": (0, 1, 2), "places": 2},
     lambda n: (n("level", 1, 0.0) > n("level", 0, 0.0))
     | (n("level", 1, 0.0) > n("level", 2, 0.0))),
    ({"kind": "expected_rank", "among": (0, 1, 2)},
     lambda n: 0.5 * (n("level", 1, 0.0) > n("level", 0, 0.0))
     + 0.5 * (n("level", 1, 0.0) > n("level", 2, 0.0))),
    ({"kind": "expected_rank", "among": (1, 2), "lowest": True},
     lambda n: n("level", 1, 0.0) < n("level", 2, 0.0)),
]  # fmt: skip
ODDS: list[tuple[dict[str, Any], Callable[[Any], Floats]]] = [
    ({"kind": "odds_ratio", "minus": 0, "value": 1.8},
     lambda n: odds(n("level", 1, 0.0)) > 1.8 * odds(n("level", 0, 0.0))),
]  # fmt: skip


def later(own: Floats, other: Floats, by: float) -> Floats:
    return np.where(np.isinf(own), np.isfinite(other), own > other + by)


def sooner(own: Floats, other: Floats, times: float) -> Floats:
    """Two that never come are alike: their ratio is 1."""
    return np.where(np.isinf(other), True, own < times * other)


def longer(numbers: Callable[..., Floats], than: int) -> Floats:
    """Two medians that never come are alike, and neither is the longer."""
    return numbers("median", 1, 0.0) > numbers("median", than, 0.0)


def largest(values: list[Floats]) -> Floats:
    return np.stack(values).argmax(axis=0) == 1


def odds(chance: Floats) -> Floats:
    return chance / (1.0 - chance)


ASKED = {
    "beta_binomial": BY_LEVEL + ODDS,
    "gamma_poisson": BY_LEVEL,
    "piecewise_exponential": BY_TIME,
    "weibull_cure": BY_TIME + BY_LEVEL[:1] + BY_LEVEL[2:3] + ODDS,
}


@pytest.mark.parametrize("name", SLOW)
def test_every_question_agrees_with_the_prior_weighed_by_the_likelihood(name: str) -> None:
    fast, slow = of_model(name), SLOW[name]()
    numbers = cache(slow.number)
    for asked, so in ASKED[name]:
        question = Question("y", 1, **asked)
        expected, error = slow.probability(np.asarray(so(numbers), dtype=np.float64))
        found = float(fast.probability(question)[0])
        assert abs(found - expected) <= fast.error(question) + 4.0 * error, (asked, found, expected)


@pytest.mark.parametrize("name", ["piecewise_exponential", "weibull_cure"])
def test_the_mean_of_so_many_months_and_the_median_that_are_told(name: str) -> None:
    fast, slow = of_model(name), SLOW[name]()
    mean = slow.number("restricted_mean", 1, 12.0)
    question = Question("y", 1, kind="restricted_mean", month=12.0)
    error = np.sqrt((slow.weight**2 * (mean - slow.weight @ mean) ** 2).sum())
    assert float(fast.mean(question)[0]) == pytest.approx(slow.weight @ mean, abs=0.02 + 4 * error)
    median = float(fast.mean(Question("y", 1, kind="median"))[0])
    below, error = slow.probability(slow.number("median", 1, 0.0) < median)
    assert below == pytest.approx(0.5, abs=fast.drawn_error + 4.0 * error)


def test_arms_that_are_the_best_together_share_what_the_best_has() -> None:
    """Shares of randomisation by the median: of infinite ones each has its part."""
    fast = of_model("weibull_cure")
    order = Question("y", 0, kind="best", ordered_by="median", among=(0, 1, 2))
    (shares,) = fast.best(order, np.array([0]))
    drawn = np.stack([fast.draws(Quantity("y", "median", arm))[0] for arm in range(3)], axis=-1)
    expected = np.zeros(3)
    for row in drawn:
        top = [arm for arm in range(3) if row[arm] == max(row)]
        expected[top] += 1.0 / len(top) / len(drawn)
    assert np.isinf(drawn).all(axis=1).any()
    assert shares == pytest.approx(expected, abs=1e-12)
    alone = [float(fast.probability(replace(order, arm=arm))[0]) for arm in range(3)]
    assert sum(alone) < 1.0 - 0.01  # none is the best where two are alike
    assert shares.sum() == pytest.approx(1.0)


def test_a_ratio_that_has_no_mean_is_told_by_its_median() -> None:
    fast, slow = of_model("gamma_poisson"), SLOW["gamma_poisson"]()
    middle = float(fast.mean(Question("y", 1, 0, kind="ratio"))[0])
    below, error = slow.probability(
        slow.number("level", 1, 0) < middle * slow.number("level", 0, 0)
    )
    assert below == pytest.approx(0.5, abs=fast.drawn_error + 4.0 * error)


def test_what_is_left_in_an_arm_is_as_exact_as_stated() -> None:
    """One constant hazard: given the hazard ratio it is gamma, and one integral is left."""
    analysis = ANALYSES["piecewise_exponential"].model_validate(
        {
            "model": "piecewise_exponential",
            "prior": {
                "baseline": {"a": 0.5, "b": 5.0},
                "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 1.0},
            },
        }
    )
    data = durations()
    numbers = [part[:, :2] for part in (data.participants, data.events, data.exposure)]
    two = Durations(data.months, data.event, data.arm < 2, data.arm, data.stratum, *numbers)
    fast = analysis.posterior(analysis.fitted(ARMS[:2], (1.0,)), two, None)
    events = [EVENT[arm == ARM].sum() for arm in (0, 1)]
    time = [MONTHS[arm == ARM].sum() for arm in (0, 1)]
    shape = 0.5 + sum(events)

    def density(beta: float) -> float:
        return float(np.exp(-0.5 * beta**2 + events[1] * beta
                            - shape * np.log(5.0 + time[0] + np.exp(beta) * time[1])))  # fmt: skip

    whole = integrate.quad(density, -8.0, 8.0, epsabs=0.0, epsrel=1e-10)[0]
    for arm, month, value in ((0, 6.0, 0.6), (1, 12.0, 0.5), (1, 24.0, 0.05)):

        def above(beta: float, arm: int = arm, month: float = month, value: float = value) -> float:
            most = -np.log(value) / month / np.exp(beta * arm)  # hazard below which more are left
            rate = 5.0 + time[0] + np.exp(beta) * time[1]
            return density(beta) * float(special.gammainc(shape, most * rate))

        expected = integrate.quad(above, -8.0, 8.0, epsabs=0.0, epsrel=1e-10)[0] / whole
        asked = Question("y", arm, value=value, kind="remaining", month=month)
        assert float(fast.probability(asked)[0]) == pytest.approx(expected, abs=0.005)
        median = Question("y", arm, value=month, kind="median")
        half = Question("y", arm, value=0.5, kind="remaining", month=month)
        assert fast.probability(median) == pytest.approx(fast.probability(half))
