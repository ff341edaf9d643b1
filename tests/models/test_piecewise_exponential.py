"""The piecewise-exponential posterior against slow calculations from the model's statement."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential

VALUES = (0.01, 0.5, 0.8, 1.0, 1.25, 3.0, 100.0)


def model(sd=2.0, mean=0.0, cuts=(6.0, 12.0), baseline=(0.1, 1.0)):
    return PiecewiseExponential(cuts, baseline, (mean, sd))


def tables(seed, number, intervals=3, most=4.0):
    """Counts and months of all sizes: a few to some thousand events, a day to a million months."""
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.uniform(0.0, most, size=(number, 1, 1))
    events = np.floor(scale * rng.random((number, 2, intervals)))
    time = scale * 10.0 ** rng.uniform(-2.0, 3.0, size=(number, 2, intervals))
    return events, time


def sparse(intervals):
    """Tables at the edge: nothing, one participant, no events in an arm, no exposure, thousands."""
    zero = np.zeros((2, intervals))
    one = zero.copy()
    one[0, 0] = 1.0
    other = zero.copy()
    other[1, -1] = 1.0
    first, second = np.ones((2, 1)) * [[1.0], [0.0]], np.ones((2, 1)) * [[0.0], [1.0]]
    pairs = [
        (zero, zero),
        (zero, zero + 50.0),
        (one, 3.0 * one),
        (other, 3.0 * other),
        (zero, 3.0 * one),
        (first + zero, zero + 20.0),
        (second + zero, zero + 20.0),
        (40.0 * first + zero, 500.0 * first + zero),
        (40.0 * second + zero, 500.0 * second + zero),
        (20_000.0 * first + zero, zero + 1_000.0),
        (20_000.0 * second + zero, zero + 1_000.0),
        (zero + 9_000.0, zero + 1e5),
        (119.0 * first + zero, 140.0 * first + 691_223.0 * second + zero),  # nearly straight pieces
    ]
    return np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])


def brute(events, time, baseline, mean, sd, nodes=20_000):
    """Probability below, mean and sd of beta, and mean of exp(beta), on a fine grid of the formula.

    The grid is found by zooming in from (-640, 640); cumulative integrals are cubic between nodes.
    """
    a, b = baseline

    def log_density(beta, extra=0.0):
        total = -((beta - mean) ** 2) / (2.0 * sd**2) + (events[1].sum() + extra) * beta
        for control, experimental, months, months_experimental in zip(*events, *time, strict=True):
            exponent = a + control + experimental
            total = total - exponent * np.log(b + months + np.exp(beta) * months_experimental)
        return total

    def grid(extra):
        low, high = -640.0, 640.0
        for _ in range(9):
            beta = np.linspace(low, high, 2001)
            height = log_density(beta, extra)
            kept = np.flatnonzero(height > height.max() - 45.0)
            low, high = beta[max(kept[0] - 1, 0)], beta[min(kept[-1] + 1, 2000)]
        beta = np.linspace(low, high, nodes + 1)
        height = log_density(beta, extra)
        return beta, height.max(), np.exp(height - height.max())

    beta, top, density = grid(0.0)
    step = beta[1] - beta[0]
    inner = -density[:-3] + 13.0 * density[1:-2] + 13.0 * density[2:-1] - density[3:]
    pieces = np.concatenate([[0.0, 0.0], inner, [0.0]]) * step / 24.0
    cumulative = np.cumsum(pieces)

    def below(log_value):
        if log_value <= beta[0] or log_value >= beta[-1]:
            return float(log_value >= beta[-1])
        node = min(int((log_value - beta[0]) / step), nodes - 1)
        extra, _ = integrate.fixed_quad(
            lambda x: np.exp(log_density(x) - top), beta[node], log_value, n=8
        )
        return (cumulative[node] + extra) / cumulative[-1]

    average = (beta * density).sum() / density.sum()
    spread = math.sqrt(((beta - average) ** 2 * density).sum() / density.sum())
    more, more_top, more_density = grid(1.0)
    ratio = (more_density.sum() * (more[1] - more[0])) / (density.sum() * step)
    return below, average, spread, ratio * math.exp(more_top - top)


def answers(fitted, events, time):
    """Everything a posterior can be asked, a row a table."""
    posterior = fitted.posterior(events, time)
    return np.column_stack(
        [
            posterior.failed,
            posterior.hazard_ratio_below(0.9),
            posterior.hazard_ratio_above(0.9),
            posterior.hazard_ratio_above(1.7),
            posterior.hazard_ratio_mean(),
            posterior.curve()[0][:, [0, -1]],
        ]
    )


@pytest.mark.parametrize(
    ("events", "time"),
    [((7, 3), (60.0, 75.0)), ((0, 2), (12.0, 9.0)), ((4, 0), (30.0, 40.0)), ((0, 0), (0.0, 5.0))],
)
def test_one_interval_against_nested_quadrature_of_the_statement(events, time):
    # prior times Poisson likelihood, the baseline hazard integrated numerically on its log scale
    a, b, mean, sd = 1.5, 20.0, 0.2, 0.8

    def joint(log_hazard, beta):
        hazard = math.exp(log_hazard)
        return (
            stats_gamma(hazard, a, b)
            * hazard
            * math.exp(-0.5 * ((beta - mean) / sd) ** 2)
            * poisson(events[0], hazard * time[0])
            * poisson(events[1], hazard * math.exp(beta) * time[1])
        )

    def stats_gamma(x, shape, rate):
        return rate**shape * x ** (shape - 1.0) * math.exp(-rate * x) / math.gamma(shape)

    def poisson(count, expected):
        return expected**count * math.exp(-expected) / math.factorial(count)

    def over_hazard(beta):
        return integrate.quad(joint, -16.0, 3.0, args=(beta,), epsabs=0.0, epsrel=1e-10)[0]

    def mass(low, high):
        return integrate.quad(over_hazard, low, high, epsabs=0.0, epsrel=1e-9)[0]

    cut, low, high = math.log(0.85), mean - 7.0 * sd, mean + 7.0 * sd
    left, right = mass(low, cut), mass(cut, high)
    fitted = model(sd, mean, (), (a, b)).posterior(
        np.reshape(events, (1, 2, 1)), np.reshape(time, (1, 2, 1))
    )
    assert fitted.hazard_ratio_below(0.85)[0] == pytest.approx(left / (left + right), abs=2e-9)
    assert fitted.hazard_ratio_above(0.85)[0] == pytest.approx(right / (left + right), abs=2e-9)


@pytest.mark.parametrize("sd", [0.1, 0.5, 2.0, 5.0, 10.0])
@pytest.mark.parametrize("cuts", [(), (6.0, 12.0)])
def test_every_answer_against_a_fine_grid(sd, cuts):
    intervals, mean = len(cuts) + 1, 0.3
    events, time = (
        np.concatenate(parts)
        for parts in zip(sparse(intervals), tables(11, 8, intervals), strict=True)
    )
    posterior = model(sd, mean, cuts).posterior(events, time)
    assert not posterior.failed.any()
    below = np.array([posterior.hazard_ratio_below(value) for value in VALUES])
    above = np.array([posterior.hazard_ratio_above(value) for value in VALUES])
    mean_ratio = posterior.hazard_ratio_mean()
    for table in range(len(events)):
        slow, average, spread, ratio = brute(events[table], time[table], (0.1, 1.0), mean, sd)
        expected = np.array([slow(math.log(value)) for value in VALUES])
        np.testing.assert_allclose(below[:, table], expected, rtol=0.0, atol=1e-10)
        np.testing.assert_allclose(above[:, table], 1.0 - expected, rtol=0.0, atol=1e-10)
        for place in average + spread * np.array([-1.6, 0.0, 1.6]):
            inside = posterior.hazard_ratio_below(math.exp(place))[table]
            assert inside == pytest.approx(slow(place), abs=1e-10)
        # the weights of both constants' exponents, up to 1e6, leave about ten digits
        assert mean_ratio[table] == pytest.approx(ratio, rel=1e-8)


def test_wide_priors_over_knees_anywhere():
    # a wide flat stretch that ends in a sharp fall is the hardest integrand
    rng = np.random.default_rng(5)
    worst = 0.0
    for _ in range(40):
        sd, a, b = rng.choice([3.0, 6.0, 10.0]), rng.choice([0.01, 1.0]), rng.choice([0.01, 50.0])
        events = np.floor(10.0 ** rng.uniform(0.0, 4.0, (1, 2, 3))) * rng.integers(0, 2, (1, 2, 1))
        time = 10.0 ** rng.uniform(-6.0, 6.0, (1, 2, 3))
        posterior = model(sd, baseline=(a, b)).posterior(events, time)
        values, scores = posterior.curve()
        low, high = np.interp([-2.0, 2.0], scores[0], values[0])
        slow = brute(events[0], time[0], (a, b), 0.0, sd)[0]
        for log_value in np.linspace(low - 1.0, high + 1.0, 9):
            found = posterior.hazard_ratio_below(math.exp(log_value))[0]
            worst = max(worst, abs(found - slow(log_value)))
    assert worst < 2e-10


@pytest.mark.parametrize("sd", [0.1, 1.0, 3.0, 10.0])
def test_without_data_the_prior_comes_back(sd):
    posterior = model(sd, 0.4).posterior(np.zeros((1, 2, 3)), np.zeros((1, 2, 3)))
    prior = stats.norm(0.4, sd)
    for value in VALUES:
        expected = prior.cdf(math.log(value))
        assert posterior.hazard_ratio_below(value)[0] == pytest.approx(expected, abs=3e-12)
    for end, expected in zip(prior.interval(0.95), (0.025, 0.975), strict=True):
        found = posterior.hazard_ratio_below(math.exp(end))[0]
        assert found == pytest.approx(expected, abs=3e-12)
    # made 10 prior sd out when sd = 10
    lognormal_mean = math.exp(0.4 + sd**2 / 2.0)
    assert posterior.hazard_ratio_mean()[0] == pytest.approx(lognormal_mean, rel=1e-10)


@pytest.mark.parametrize(
    "sd", [2.0, *(pytest.param(sd, marks=pytest.mark.slow) for sd in (0.5, 10.0))]
)
def test_a_table_does_not_know_its_neighbours(sd):
    events, time = tables(2, 301, most=3.0)
    events[::5, 1] = 0.0
    time[::7, 0] = 0.0
    whole = answers(model(sd), events, time)
    for size in (1, 2, 3, 7, 64, 200):
        last = min(len(events), 40 * size)
        parts = [
            answers(model(sd), events[first : first + size], time[first : first + size])
            for first in range(0, last, size)
        ]
        joined = np.concatenate(parts)
        np.testing.assert_array_equal(joined, whole[: len(joined)])
    order = np.random.default_rng(1).permutation(len(events))
    np.testing.assert_array_equal(answers(model(sd), events[order], time[order]), whole[order])
    # nor how the arrays lie in memory
    np.testing.assert_array_equal(
        answers(model(sd), np.asfortranarray(events), np.asfortranarray(time)), whole
    )


def test_probability_grows_with_the_value_and_is_no_step():
    events, time = tables(3, 20, most=2.5)
    posterior = model(3.0).posterior(events, time)
    log_values = np.linspace(-4.0, 4.0, 1_501)
    below = np.array([posterior.hazard_ratio_below(math.exp(value)) for value in log_values])
    assert np.all(np.diff(below, axis=0) >= -1e-12)
    # its derivative by differences over 1e-3 is the grid's own
    for table in (0, 7, 19):
        slow, centre, spread, _ = brute(events[table], time[table], (0.1, 1.0), 0.0, 3.0)
        gap = 1e-3 * spread
        for place in centre + spread * np.linspace(-2.0, 2.0, 9):
            ends = [math.exp(place - gap), math.exp(place + gap)]
            found = np.diff([posterior.hazard_ratio_below(end)[table] for end in ends])[0]
            assert found == pytest.approx(slow(place + gap) - slow(place - gap), rel=1e-6)


def test_more_control_events_speak_for_the_experimental_arm():
    # each event or month multiplies the posterior by a monotone function of beta
    events, time = tables(4, 60, most=2.5)
    fitted = model()
    base = fitted.posterior(events, time).hazard_ratio_below(0.9)

    def changed(which, by):
        new = (events.copy(), time.copy())
        new[which[0]][:, which[1], 1] += by
        return fitted.posterior(*new).hazard_ratio_below(0.9) - base

    differences = {
        "control event": changed((0, 0), 1.0),
        "experimental event": -changed((0, 1), 1.0),
        "control months": -changed((1, 0), 30.0),
        "experimental months": changed((1, 1), 30.0),
    }
    for name, gain in differences.items():
        assert np.all(gain >= -1e-12), name
        assert np.any(gain > 1e-3), name


def test_relabelled_arms_turn_the_hazard_ratio_over():
    # exact as the baseline prior, which speaks of the control arm alone, loses its weight
    events, time = tables(6, 50, most=2.5)
    fitted = model(baseline=(1e-13, 1e-13))
    one, other = fitted.posterior(events, time), fitted.posterior(events[:, ::-1], time[:, ::-1])
    for value in (0.5, 0.9, 1.3):
        np.testing.assert_allclose(
            one.hazard_ratio_below(value), other.hazard_ratio_above(1.0 / value), atol=1e-9, rtol=0
        )


def test_a_failed_table_is_marked_and_alone():
    # ten events in no time at all, under a prior that lets the hazard ratio be exp(1000)
    events, time = np.zeros((3, 2, 3)), np.zeros((3, 2, 3))
    events[1, 1] = 10.0
    posterior = model(10.0).posterior(events, time)
    np.testing.assert_array_equal(posterior.failed, [False, True, False])
    rows = answers(model(10.0), events, time)
    assert np.all(np.isnan(rows[1, 1:]))
    np.testing.assert_array_equal(rows[[0, 2]], answers(model(10.0), events[[0, 2]], time[[0, 2]]))
    # so far out that its density may overflow anywhere else
    far = answers(model(1.0, 700.0), events, time)
    assert np.all(far[:, 0] == 1.0)
    assert np.all(np.isnan(far[:, 1:]))


def test_no_tables_give_no_answers():
    assert answers(model(), np.zeros((0, 2, 3)), np.zeros((0, 2, 3))).shape == (0, 7)


def test_split_against_participants_one_by_one():
    rng = np.random.default_rng(8)
    cuts = (6.0, 12.0, 13.5)
    durations = rng.exponential(8.0, size=(30, 41))
    durations[:, :4] = [0.0, 6.0, 12.0, 13.5]
    events, included = rng.random((2, 30, 41)) < 0.6
    durations[~included] = rng.choice([np.nan, -1.0, np.inf, 3.0], size=int((~included).sum()))
    count, time = model(cuts=cuts).split(durations, events, included)
    edges = [0.0, *cuts, math.inf]
    for table in range(30):
        slow_count, slow_time = [0] * 4, [[], [], [], []]
        for months, event, counted in zip(
            durations[table], events[table], included[table], strict=True
        ):
            for interval in range(4 if counted else 0):
                start, end = edges[interval], edges[interval + 1]
                slow_time[interval].append(max(0.0, min(months, end) - start))
                last = start < months <= end or (months == 0.0 and interval == 0)
                slow_count[interval] += int(event and last)
        np.testing.assert_array_equal(count[table], slow_count)
        np.testing.assert_allclose(time[table], [math.fsum(spent) for spent in slow_time], 1e-13)


def test_groups_that_are_split_at_once_are_as_each_by_itself():
    rng = np.random.default_rng(10)
    durations, events = rng.exponential(8.0, size=(700, 130)), rng.random((700, 130)) < 0.5
    which = rng.integers(0, 4, size=(700, 130))  # the last are in no group
    groups = [which == group for group in range(3)]
    groups[1][5], groups[2][6:9] = False, False
    for known in (True, False):
        durations[~np.logical_or.reduce(groups)] = -1.0 if known else np.nan
        for cuts in ((), (6.0,), (6.0, 12.0)):
            count, time = model(cuts=cuts).split_among(durations, events, groups)
            for place, group in enumerate(groups):
                own_count, own_time = model(cuts=cuts).split(durations, events, group)
                np.testing.assert_array_equal(count[place], own_count)
                np.testing.assert_array_equal(time[place], own_time)
                assert not np.signbit(time).any()


def test_nobody_has_no_events_in_no_months():
    for cuts in ((), (6.0,)):
        count, time = model(cuts=cuts).split(*np.zeros((3, 2, 0)))
        assert count.tolist() == time.tolist() == [[0] * (len(cuts) + 1)] * 2


def test_split_does_not_depend_on_the_batch_or_the_layout():
    rng = np.random.default_rng(9)
    durations = rng.exponential(8.0, size=(700, 160))
    events, included = rng.random((2, 700, 160)) < 0.5
    count, time = model().split(durations, events, included)
    np.testing.assert_array_equal(count.sum(axis=1), (events & included).sum(axis=1))
    layout = np.asfortranarray
    other_count, other_time = model().split(layout(durations), layout(events), layout(included))
    np.testing.assert_array_equal(other_count, count)
    np.testing.assert_array_equal(other_time, time)
    for table in (0, 1, 333, 699):
        row = slice(table, table + 1)
        one_count, one_time = model().split(durations[row], events[row], included[row])
        np.testing.assert_array_equal(one_count, count[row])
        np.testing.assert_array_equal(one_time, time[row])


@pytest.mark.parametrize(
    "arguments",
    [
        {"cuts": (6.0, 6.0)},
        {"cuts": (0.0,)},
        {"cuts": (math.inf,)},
        {"baseline": (0.0, 1.0)},
        {"baseline": (1.0, 0.0)},
        {"sd": 0.0},
        {"mean": math.nan},
    ],
)
def test_a_model_that_is_none_is_refused(arguments):
    with pytest.raises(ValueError, match="found, "):
        model(**arguments)


def test_impossible_data_are_refused():
    good = np.ones((2, 2, 3))
    fitted = model()
    for events, time in [
        (-good, good),
        (good, -good),
        (good * np.nan, good),
        (good, good * np.inf),
        (good[:, :, :2], good),
        (good, good[:1]),
        (good[0], good[0]),
    ]:
        with pytest.raises(ValueError, match="found"):
            fitted.posterior(events, time)
    one = np.ones((1, 4))
    for durations in (-one, one * np.nan, one * np.inf, one[:, :3], one[0]):
        with pytest.raises(ValueError, match="found"):
            fitted.split(durations, one > 0.0, one > 0.0)
    posterior = fitted.posterior(good, good)
    for value in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="a hazard ratio above 0"):
            posterior.hazard_ratio_below(value)
