"""Equal steps for the log hazard ratio: against a fine grid, panels and the bound they promise."""

import math

import numpy as np
import pytest

from adaptive_cart.models.hazards import log_ratio_even
from adaptive_cart.models.hazards.log_ratio_even import EvenSteps
from adaptive_cart.models.hazards.log_ratio_panels import Panels
from tests.models.test_piecewise_exponential import brute, model, tables

BASELINE, MEAN = (0.1, 1.0), 0.2


def of_a_trial(seed, number, events):
    """Tables as trials have them: so many events in two arms and three intervals."""
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(events, np.ones(6) / 6.0, size=number).reshape(number, 2, 3) * 1.0
    months = counts * rng.uniform(5.0, 30.0, (number, 2, 1))
    return counts, months + rng.uniform(1.0, 100.0, (number, 2, 3))


def fitted(sd, data):
    return model(sd, MEAN).posterior(*data)


@pytest.mark.parametrize(
    ("sd", "events"), [(2.0, 8), (2.0, 30), (2.0, 90), (0.5, 60), (10.0, 40), (1.0, 400)]
)
def test_even_steps_are_as_near_a_fine_grid_as_panels(sd, events):
    data = of_a_trial(5, 6, events)
    posterior = fitted(sd, data)
    density = posterior._density
    even, panels = EvenSteps(density), Panels(density)
    assert even.settled.all()
    assert not panels.failed.any()
    power = np.linspace(0.2, 1.0, 6)
    means, few = even.mean_of_power(power)
    assert few.all()
    for table in range(6):
        slow, average, spread, ratio = brute(data[0][table], data[1][table], BASELINE, MEAN, sd)
        gaps = []
        for value in (average - 2.0 * spread, average, average + 1.2 * spread, 0.0):
            expected = slow(value)
            shares = [even.share(value, above=False), even.share(value, above=True)]
            found = [np.array(of)[:, table] for of in (shares, panels.sides(value))]
            gaps.append([abs(one - (expected, 1.0 - expected)).max() for one in found])
        worst = np.max(gaps, axis=0)
        assert worst[0] < max(worst[1], 1e-12)
        assert posterior.hazard_ratio_mean()[table] == pytest.approx(ratio, rel=5e-12)
    np.testing.assert_allclose(even.log_constant(), panels.log_constant(), rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(means, panels.mean_of_power(power), rtol=5e-12)


def bound(total, sd, step, whole):
    """The promise: the least over y of the bound on a share, or on the whole."""
    y = np.linspace(0.01, 3.1, 2_000)
    log_m = y**2 / (2.0 * sd**2) - total * np.log(np.cos(y / 2.0))
    if whole:
        return (2.0 * np.exp(log_m - 2.0 * math.pi * y / step)).min()
    return (4.0 * step / (math.pi**2 * y) * np.exp(log_m - math.pi * y / step)).min()


@pytest.mark.parametrize(("sd", "events"), [(2.0, 8), (2.0, 90), (0.4, 20)])
def test_longer_steps_are_wrong_by_what_is_promised_at_most(monkeypatch, sd, events):
    density = fitted(sd, of_a_trial(8, 40, events))._density
    exact, values = EvenSteps(density), np.linspace(-0.6, 0.6, 25)
    shares, constant = [exact.share(value, False) for value in values], exact.log_constant()
    monkeypatch.setattr(log_ratio_even, "OF_A_MASS", 5.0)
    monkeypatch.setattr(log_ratio_even, "OF_THE_WHOLE", 5.0)
    monkeypatch.setattr(log_ratio_even, "ROUNDED", 1)
    coarse = EvenSteps(density)
    assert (coarse._step > 1.5 * exact._step).all()
    total = density.exponent.sum(axis=0)
    of_sides = np.array(
        [bound(one, sd, h, False) for one, h in zip(total, coarse._step, strict=True)]
    )
    step = coarse._for_the_whole(coarse.range.high)[1]
    of_whole = np.array([bound(one, sd, h, True) for one, h in zip(total, step, strict=True)])
    assert (of_whole <= 2.0 * math.exp(-5.0) * (1.0 + 1e-9)).all()
    worst = np.zeros(40)
    for value, share in zip(values, shares, strict=True):
        worst = np.maximum(worst, np.abs(coarse.share(value, False) - share))
    assert (worst <= of_sides).all()
    assert (worst > 0.003 * of_sides).any()  # it is no bound that says nothing
    gap = np.abs(np.expm1(coarse.log_constant() - constant))
    assert (gap <= of_whole).all()
    assert (gap > 0.01 * of_whole).any()


def test_the_exponents_are_what_the_longest_step_is_found_for():
    total = np.array([0.3, 3.0, 30.3, 90.3, 2_000.0])
    for sd in (0.3, 2.0, 10.0):
        for exponent in (27.0, 31.0):
            steps = log_ratio_even.longest_step(total, sd, exponent)
            y = np.linspace(0.001, 3.1, 20_000)[:, None]
            log_m = y**2 / (2.0 * sd**2) - total * np.log(np.cos(y / 2.0))
            reached = (math.pi * y / steps - log_m).max(axis=0)
            assert (reached >= exponent * (1.0 - 1e-9)).all()
            assert (reached <= exponent * 1.1).all()


def test_ranges_are_wide_enough_and_not_much_wider():
    density = fitted(2.0, of_a_trial(9, 50, 30))._density
    found = log_ratio_even.range_of(density)
    for end in (found.low, found.high):
        fallen = found.peak - density.log(end[:, None])[:, 0]
        assert (fallen > 27.9).all()
        assert (fallen < 32.0).all()


def test_which_quadrature_a_table_takes_depends_on_it_alone():
    events, time = tables(2, 300, most=3.0)
    posterior = fitted(2.0, (events, time))
    settled = posterior._even.settled
    assert settled.any()
    assert not settled.all()
    for table in (*np.flatnonzero(settled)[:3], *np.flatnonzero(~settled)[:3]):
        alone = fitted(2.0, (events[[table]], time[[table]]))
        assert alone._even.settled[0] == settled[table]


def test_some_tables_keep_what_is_known_of_them():
    even = EvenSteps(fitted(2.0, of_a_trial(4, 30, 40))._density)
    rows = np.array([3, 17, 29])
    kept = even.take(rows)
    for above in (False, True):
        np.testing.assert_array_equal(kept.share(0.1, above), even.share(0.1, above)[rows])
    power = np.ones(len(rows))
    np.testing.assert_array_equal(
        kept.mean_of_power(power)[0], even.mean_of_power(np.ones(30))[0][rows]
    )
