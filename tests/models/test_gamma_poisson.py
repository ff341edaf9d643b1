"""Posteriors of yearly rates against scipy.stats and slow calculations from the statement."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from adaptive_cart.models.rates.arm_rates import ArmRates
from adaptive_cart.models.rates.gamma_mixture import GammaMixture


class OnePrior:
    """Two arms with one gamma prior, asked of events and years instead of positions of arms."""

    def __init__(self, shape, rate):
        self.model = ArmRates((GammaMixture.single(shape, rate),) * 2)

    def mean(self, events, years):
        return self.model.mean(0, *tables(events, years))

    def above(self, events, years, value):
        return self.model.above(0, *tables(events, years), value)

    def ratio_above(self, events_a, years_a, events_b, years_b, value):
        events_a, years_a, events_b, years_b = tables(events_a, years_a, events_b, years_b)
        return self.model.ratio_above((0, events_a, years_a), (1, events_b, years_b), value)

    def difference_above(self, events_a, years_a, events_b, years_b, margin):
        events_a, years_a, events_b, years_b = tables(events_a, years_a, events_b, years_b)
        return self.model.difference_above((0, events_a, years_a), (1, events_b, years_b), margin)


def tables(*columns):
    """Columns of as many tables each."""
    return np.broadcast_arrays(*(np.atleast_1d(np.asarray(own, float)) for own in columns))


PRIOR = OnePrior(0.5, 5.0)


def looks(seed, number):
    """Events and patient-years of two arms, some of them none."""
    rng = np.random.default_rng(seed)
    events = rng.poisson(10.0 ** rng.uniform(-1.0, 2.5, (2, number)))
    years = rng.gamma(2.0, 30.0, (2, number)) * (rng.random((2, number)) < 0.9)
    return events[0], years[0], events[1], years[1]


def exact_difference(shape_a, rate_a, shape_b, rate_b, margin):
    """Probability that gamma a exceeds gamma b by a margin above 0, for a whole shape of a.

    Gamma a exceeds x when a Poisson process of its rate has fewer than `shape_a` points in (0, x);
    the points in (0, margin + gamma b) are Poisson plus negative binomial. All terms are positive.
    """
    points = np.arange(int(shape_a))
    first = stats.poisson.pmf(points, rate_a * margin)
    rest = stats.nbinom.cdf(int(shape_a) - 1 - points, shape_b, rate_b / (rate_b + rate_a))
    return float((first * rest).sum())


def quad_difference(shape_a, rate_a, shape_b, rate_b, margin):
    """Compute the same for any shapes, piece by piece over the logarithm of gamma b's excess."""
    a, b = stats.gamma(shape_a, scale=1.0 / rate_a), stats.gamma(shape_b, scale=1.0 / rate_b)

    def integrand(log_y):
        y = math.exp(log_y)
        return a.pdf(y + margin) * b.cdf(y) * y

    high = math.log(max(a.isf(1e-15) - margin, 1e-300))
    edges = np.linspace(high - 50.0, high, 21)
    return sum(
        integrate.quad(integrand, low, up, epsabs=1e-13, epsrel=1e-10)[0]
        for low, up in itertools.pairwise(edges)
    )


def test_the_posterior_is_the_prior_times_the_likelihood():
    # a fine grid of the rate, written from the statement
    events, years = 4, 31.0
    rate = np.linspace(0.0, 3.0, 600_001)
    density = stats.gamma.pdf(rate, 1.5, scale=1.0 / 5.0) * stats.poisson.pmf(events, rate * years)
    mass = integrate.cumulative_simpson(density, x=rate, initial=0.0)
    mean = integrate.simpson(rate * density, x=rate) / mass[-1]
    fitted = OnePrior(1.5, 5.0)
    assert fitted.mean(events, years) == pytest.approx(mean, rel=1e-9)
    node = np.searchsorted(rate, 0.12)
    above = 1.0 - mass[node] / mass[-1]
    assert fitted.above(events, years, rate[node]) == pytest.approx(above, abs=1e-9)


def test_one_arm_against_scipy():
    events, years, _, _ = looks(1, 200)
    posterior = stats.gamma(0.5 + events, scale=1.0 / (5.0 + years))
    np.testing.assert_allclose(PRIOR.mean(events, years), posterior.mean(), rtol=1e-13)
    for value in (0.0, 0.01, 0.1, 1.0, 5.0):
        np.testing.assert_allclose(
            PRIOR.above(events, years, value), posterior.sf(value), rtol=0.0, atol=1e-13
        )
    logs, scores = PRIOR.model.logs(0, events, years, np.array([-1.6, 0.0, 2.3]))
    below = posterior.cdf(np.exp(logs).T).T
    np.testing.assert_allclose(below, stats.norm.cdf(scores), rtol=0.0, atol=1e-12)
    np.testing.assert_array_equal(PRIOR.above(events, years, -1.0), 1.0)


def test_ratio_against_the_f_distribution():
    # rates scaled by their shapes are chi-squared over their degrees of freedom
    events_a, years_a, events_b, years_b = look = looks(2, 200)
    shape_a, rate_a, shape_b, rate_b = 0.5 + events_a, 5.0 + years_a, 0.5 + events_b, 5.0 + years_b
    unit = (shape_a / rate_a) / (shape_b / rate_b)
    f = stats.f(2.0 * shape_a, 2.0 * shape_b)
    for value in (0.1, 0.8, 1.0, 2.0, 30.0):
        np.testing.assert_allclose(
            PRIOR.ratio_above(*look, value), f.sf(value / unit), rtol=0.0, atol=1e-12
        )


def test_difference_against_the_exact_sum():
    # shapes from 0.01 to 3000; a's is whole, b's any; the margin anywhere, its sign too
    rng = np.random.default_rng(3)
    worst = 0.0
    for _ in range(1_200):
        shape_a = rng.choice([1.0, 2.0, 5.0, 20.0, 100.0, 3_000.0])
        shape_b = rng.choice([0.01, 0.1, 0.5, 1.0, 1.5, 3.9, 4.1, 10.0, 100.0, 3_000.0])
        rate_a, rate_b = 10.0 ** rng.uniform(-2.0, 3.0, 2)
        if rng.random() < 0.5:
            rate_b = shape_b / (shape_a / rate_a) * 10.0 ** rng.normal(0.0, 0.3)
        spread = math.sqrt(shape_a / rate_a**2 + shape_b / rate_b**2)
        near = abs(shape_a / rate_a - shape_b / rate_b + rng.normal() * spread)
        margin = rng.choice([0.01 * shape_a / rate_a, 1e-3, 0.05, 10.0 ** rng.uniform(-6, 1), near])
        expected = exact_difference(shape_a, rate_a, shape_b, rate_b, margin)
        # a prior of no weight but the smaller shape, the rest as data
        smaller = min(shape_a, shape_b)
        prior = OnePrior(smaller, 0.0)
        a, b = (shape_a - smaller, rate_a), (shape_b - smaller, rate_b)
        worst = max(worst, abs(prior.difference_above(*a, *b, margin) - expected))
        worst = max(worst, abs(prior.difference_above(*b, *a, -margin) - (1.0 - expected)))
    assert worst < 1e-10


def test_difference_of_any_shapes_against_quadrature():
    rng = np.random.default_rng(4)
    for _ in range(12):
        shape_a, shape_b = rng.choice([0.1, 0.5, 1.5, 8.5, 30.5], 2)
        rate_a, rate_b = 10.0 ** rng.uniform(-1.0, 2.5, 2)
        margin = 10.0 ** rng.uniform(-3.0, 0.0)
        smaller = min(shape_a, shape_b)
        found = OnePrior(smaller, 0.0).difference_above(
            shape_a - smaller, rate_a, shape_b - smaller, rate_b, margin
        )
        expected = quad_difference(shape_a, rate_a, shape_b, rate_b, margin)
        assert found == pytest.approx(expected, abs=1e-9)


def test_difference_is_continuous_and_falls_with_the_margin():
    look = looks(5, 100)
    closed = PRIOR.difference_above(*look, 0.0)
    np.testing.assert_array_equal(closed, PRIOR.ratio_above(*look, 1.0))
    steps = [PRIOR.difference_above(*look, margin) for margin in np.linspace(-1.0, 1.0, 41)]
    assert np.all(np.diff(steps, axis=0) <= 1e-11)
    # densities are bounded here: no events under a = 1.5
    fitted = OnePrior(1.5, 5.0)
    closed = fitted.difference_above(*look, 0.0)
    for margin in (1e-7, -1e-7):
        np.testing.assert_allclose(
            fitted.difference_above(*look, margin), closed, rtol=0.0, atol=2e-5
        )
    np.testing.assert_allclose(fitted.difference_above(*look, 1e3), 0.0, atol=1e-12)
    np.testing.assert_allclose(fitted.difference_above(*look, -1e3), 1.0, atol=1e-12)


def test_more_events_raise_a_rate_and_more_years_lower_it():
    events_a, years_a, events_b, years_b = looks(6, 100)
    for question in (
        lambda events, years: PRIOR.above(events, years, 0.2),
        lambda events, years: PRIOR.difference_above(events, years, events_b, years_b, 0.02),
        lambda events, years: PRIOR.difference_above(events, years, events_b, years_b, -0.02),
        lambda events, years: PRIOR.ratio_above(events, years, events_b, years_b, 1.2),
    ):
        base = question(events_a, years_a)
        more, longer = question(events_a + 1, years_a), question(events_a, years_a + 10.0)
        assert np.all(more - base >= -1e-11)
        assert np.any(more - base > 1e-2)
        assert np.all(longer - base <= 1e-11)
        assert np.any(base - longer > 1e-2)


def test_exchanged_arms_turn_the_ratio_over():
    events_a, years_a, events_b, years_b = look = looks(7, 100)
    exchanged = (events_b, years_b, events_a, years_a)
    np.testing.assert_allclose(
        PRIOR.ratio_above(*look, 1.6),
        1.0 - PRIOR.ratio_above(*exchanged, 1.0 / 1.6),
        rtol=0.0,
        atol=1e-12,
    )


def test_no_events_and_no_years_are_ordinary():
    prior = stats.gamma(0.5, scale=1.0 / 5.0)
    assert PRIOR.above(0, 0.0, 0.1) == pytest.approx(prior.sf(0.1), abs=1e-14)
    assert PRIOR.ratio_above(0, 0.0, 0, 0.0, 1.0) == pytest.approx(0.5, abs=1e-14)
    expected = quad_difference(0.5, 5.0, 0.5, 5.0, 0.1)
    assert PRIOR.difference_above(0, 0.0, 0, 0.0, 0.1) == pytest.approx(expected, abs=1e-9)


def test_neither_prior_years_nor_years_leave_no_posterior():
    prior = OnePrior(0.5, 0.0)
    look = ([0, 3], [0.0, 5.0], 1, 2.0)
    for answer in (
        prior.mean(*look[:2]),
        prior.above(*look[:2], 0.1),
        prior.ratio_above(*look, 1.0),
        prior.difference_above(*look, 0.1),
        prior.difference_above(*look, -0.1),
    ):
        np.testing.assert_array_equal(np.isnan(answer), [True, False])


def test_a_table_does_not_know_its_neighbours():
    look = looks(8, 450)

    def answers(part):
        return np.column_stack(
            [
                PRIOR.mean(*part[:2]),
                PRIOR.above(*part[:2], 0.1),
                PRIOR.ratio_above(*part, 1.3),
                PRIOR.difference_above(*part, 0.05),
                PRIOR.difference_above(*part, -0.05),
            ]
        )

    whole = answers(look)
    for size in (1, 2, 7, 64, 200):
        last = min(450, 60 * size)
        parts = [answers([x[first : first + size] for x in look]) for first in range(0, last, size)]
        joined = np.concatenate(parts)
        np.testing.assert_array_equal(joined, whole[: len(joined)])
