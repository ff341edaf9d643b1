"""The beta-binomial posterior against slow calculations from its statement."""

from __future__ import annotations

import itertools
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from adaptive_cart.models.binary import beta_nodes, beta_rows, beta_tables
from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.models.binary.beta_mixture import probability_above
from adaptive_cart.models.memo import Memo

UNIFORM = BetaMixture.single(1, 1)
ROBUST = BetaMixture((0.5, 0.3, 0.2), (4.0, 12.0, 1.0), (16.0, 28.0, 1.0))  # a robust MAP prior
SPARSE = BetaMixture((0.9, 0.1), (0.2, 3.0), (0.2, 0.01))


def single(prior, counts):
    """Posterior parameters of a single beta prior after (successes, total)."""
    successes, total = counts
    return prior[0] + successes, prior[1] + total - successes


def posterior(prior, counts):
    """Posterior mixture [(weight, a, b)] from the statement of the model."""
    successes, total = counts
    a, b = np.array(prior.a), np.array(prior.b)
    logs = stats.betabinom.logpmf(successes, total, a, b) if total else np.zeros(len(a))
    weights = np.array(prior.weights) * np.exp(logs - logs.max())
    return list(zip(weights / weights.sum(), a + successes, b + total - successes, strict=True))


def above_by_arms(priors, control, experimental, margin):
    """P(experimental - control > margin) of one table by the code under test."""
    model = BetaBinomial(
        tuple(p if isinstance(p, BetaMixture) else BetaMixture.single(*p) for p in priors)
    )
    successes = np.array([[control[0], experimental[0]]])
    totals = np.array([[control[1], experimental[1]]])
    return model.difference_above(1, 0, successes, totals, margin)[0]


def all_tables(control_total, experimental_total):
    """Every table of two arms: successes and totals, (table, arm)."""
    grid = np.meshgrid(np.arange(control_total + 1), np.arange(experimental_total + 1))
    successes = np.stack(grid, axis=-1).reshape(-1, 2)
    return successes, np.broadcast_to([control_total, experimental_total], successes.shape)


# -- P(difference > margin) ----------------------------------------------------------------------


@pytest.mark.parametrize("a", [0.01, 0.2, 1.0, 35.0, 2000.0])
@pytest.mark.parametrize("b", [0.01, 0.3, 1.0, 8.0, 700.0])
@pytest.mark.parametrize("margin", [0.0, 1e-9, 0.02, 0.3, 0.97])
def test_difference_of_power_laws(a, b, margin):
    """Empty arms with closed forms: C ~ Beta(a, 1) has density a c^(a-1), T ~ Beta(1, b)
    survival (1-p)^b, so that P(T - C > m) = a (1-m)^(a+b) B(a, b+1)."""
    exact = a * (1 - margin) ** (a + b) * special.beta(a, b + 1)
    got = above_by_arms([(a, 1), (1, b)], (0, 0), (0, 0), margin)
    assert got == pytest.approx(exact, abs=1e-11)


@pytest.mark.parametrize("a", [0.01, 0.2, 1.0, 35.0, 2000.0])
@pytest.mark.parametrize("margin", [0.0, 1e-9, 0.02, 0.3, 0.97])
def test_difference_from_uniform(a, margin):
    """T ~ Beta(a, 1), C uniform: the integral of 1 - (c + m)^a over c in [0, 1 - m]."""
    exact = (1 - margin) - (1 - margin ** (a + 1)) / (a + 1)
    got = above_by_arms([(1, 1), (a, 1)], (0, 0), (0, 0), margin)
    assert got == pytest.approx(exact, abs=1e-11)


@pytest.mark.parametrize("control", [0.01, 0.2, 1.0, 35.0, 2000.0])
@pytest.mark.parametrize("experimental", [0.01, 0.03, 0.9, 50.0, 1800.0])
def test_mass_heaped_at_an_end_needs_more_than_double_range(control, experimental):
    """Beta(a, 1) against Beta(a', 1) is a' / (a + a'), though with a = 0.01 a thousandth of the
    mass lies below the smallest double; Beta(1, b) is its mirror image."""
    exact = experimental / (control + experimental)
    low = above_by_arms([(control, 1), (experimental, 1)], (0, 0), (0, 0), 0.0)
    high = above_by_arms([(1, control), (1, experimental)], (0, 0), (0, 0), 0.0)
    assert low == pytest.approx(exact, abs=1e-11)
    assert high == pytest.approx(1 - exact, abs=1e-11)


def finite_sum(control, experimental):
    """P(T > C) for T ~ Beta(integer, d), C ~ Beta(a, b), by the sum over T's binomial tail."""
    (a, b), (c, d) = control, experimental
    i = np.arange(int(c))
    logs = special.betaln(a + i, b + d) - np.log(d + i) - special.betaln(1 + i, d)
    return np.exp(logs - special.betaln(a, b)).sum()


@pytest.mark.parametrize("prior", [(0.01, 0.01), (0.2, 0.7), (1.0, 1.0), (7.0, 0.5)])
@pytest.mark.parametrize(
    ("control", "experimental"),
    [
        ((0, 0), (0, 0)),
        ((0, 20), (3, 41)),
        ((20, 20), (40, 40)),
        ((7, 20), (22, 41)),
        ((0, 0), (80, 80)),
        ((611, 2000), (650, 2000)),
        ((0, 2000), (1, 1)),
        ((2000, 2000), (1999, 2000)),
    ],
)
def test_difference_against_finite_sum(prior, control, experimental):
    exact = finite_sum(single(prior, control), single((1, 0.01), experimental))
    got = above_by_arms([prior, (1, 0.01)], control, experimental, 0.0)
    assert got == pytest.approx(exact, abs=2e-11)  # the sum itself is good to about 1e-11


def by_fractions(control, experimental, margin):
    """P(T - C > margin) for integer beta parameters, exact, by expanding the polynomials."""
    (a, b), (c, d) = control, experimental
    n, top = c + d - 1, 1 - margin
    # With s = top - c: the density of C in powers of c, times T's binomial survival function
    # P(T > p) = sum over j < c of binom(n, j) p^j (1 - p)^(n - j) at p = 1 - s.
    whole = Fraction(0)
    for j in range(c):
        for i, k in itertools.product(range(b), range(j + 1)):
            term = math.comb(b - 1, i) * math.comb(j, k) * math.comb(n, j) * (-1) ** (i + k)
            power_c, power_s = a - 1 + i, n - j + k
            whole += (
                term
                * top ** (power_c + power_s + 1)
                * Fraction(
                    math.factorial(power_c) * math.factorial(power_s),
                    math.factorial(power_c + power_s + 1),
                )
            )
    beta = Fraction(math.factorial(a - 1) * math.factorial(b - 1), math.factorial(a + b - 1))
    return whole / beta


@pytest.mark.parametrize("margin", [Fraction(1, 20), Fraction(1, 8), Fraction(1, 2)])
@pytest.mark.parametrize(
    ("control", "experimental"),
    [
        ((0, 0), (0, 0)),
        ((3, 10), (9, 15)),
        ((0, 12), (12, 12)),
        ((12, 12), (0, 9)),
        ((1, 1), (0, 0)),
    ],
)
def test_difference_against_rational_arithmetic(margin, control, experimental):
    posteriors = single((1, 1), control), single((2, 1), experimental)
    for sign, exact in (
        (1, by_fractions(*posteriors, margin)),
        (-1, 1 - by_fractions(*posteriors[::-1], margin)),
    ):
        # The margins are the nearest doubles of the fractions.
        got = above_by_arms([(1, 1), (2, 1)], control, experimental, sign * float(margin))
        assert got == pytest.approx(float(exact), abs=2e-13)


def by_quantiles(priors, control, experimental, margin):
    """P(T - C > margin): the survival function of T averaged over quantiles of C."""

    def beyond(value):
        return sum(
            weight * special.betaincc(a, b, min(max(value, 0.0), 1.0))
            for weight, a, b in posterior(priors[1], experimental)
        )

    whole = 0.0
    for weight, a, b in posterior(priors[0], control):
        kinks = {
            float(special.betainc(a, b, min(max(edge, 0.0), 1.0)))
            for edge in (-margin, 1.0 - margin)
        }
        for _, c, d in posterior(priors[1], experimental):
            mean, spread = c / (c + d), math.sqrt(c * d / (c + d + 1)) / (c + d)
            for step in (-6, -2, 0, 2, 6):
                kinks.add(
                    float(special.betainc(a, b, min(max(mean + step * spread - margin, 0), 1)))
                )
        edges = sorted({0.0, 1.0, *(round(kink, 8) for kink in kinks)})
        for low, high in itertools.pairwise(edges):
            whole += (
                weight
                * integrate.quad(
                    lambda v, a=a, b=b: beyond(special.betaincinv(a, b, v) + margin),
                    low,
                    high,
                    epsabs=1e-10,
                    epsrel=0,
                    limit=400,
                )[0]
            )
    return whole


@pytest.mark.parametrize(
    "margin",
    [-0.05, 0.1, *(pytest.param(margin, marks=pytest.mark.slow) for margin in (-0.3, 0.0, 0.5))],
)
@pytest.mark.parametrize(
    ("priors", "control", "experimental"),
    [
        ((UNIFORM, UNIFORM), (3, 20), (14, 41)),
        ((ROBUST, UNIFORM), (9, 35), (35, 70)),
        ((ROBUST, SPARSE), (35, 35), (0, 70)),
        ((SPARSE, ROBUST), (2, 4), (0, 0)),
        ((UNIFORM, ROBUST), (0, 0), (60, 60)),
        ((BetaMixture.single(0.2, 0.2), BetaMixture.single(0.2, 1)), (0, 12), (5, 9)),
        ((BetaMixture.single(1.01, 1500), UNIFORM), (0, 50), (4, 50)),
        ((ROBUST, UNIFORM), (590, 2000), (655, 2000)),
    ],
)
def test_difference_against_adaptive_quadrature(priors, control, experimental, margin):
    exact = by_quantiles(priors, control, experimental, margin)
    got = above_by_arms(priors, control, experimental, margin)
    assert got == pytest.approx(exact, abs=1e-9)


def test_difference_does_not_depend_on_the_nodes(monkeypatch):
    """Halving the step and lengthening the range changes no answer by more than rounding."""
    rng = np.random.default_rng(1)
    parameters = [0.01, 0.2, 1.0, 7.0, 400.0]
    totals = rng.choice([0, 1, 5, 40, 300], size=(40, 2))
    successes = np.minimum(rng.choice([0, 1, 3, 20, 300], size=(40, 2)), totals)
    questions = [
        (BetaBinomial(tuple(BetaMixture.single(*rng.choice(parameters, 2)) for _ in range(2))), m)
        for m in (0.0, 1e-6, 0.02, 0.15, 0.6)
        for _ in range(6)
    ]

    def answers():
        return np.array([q.difference_above(1, 0, successes, totals, m) for q, m in questions])

    usual = answers()
    for name in ("NORMAL_STEP", "EDGE_STEP"):
        monkeypatch.setattr(beta_nodes, name, 0.5 * getattr(beta_nodes, name))
    monkeypatch.setattr(beta_nodes, "NEGLECTED", 38.0)
    monkeypatch.setattr(beta_tables, "_MEMO", Memo())
    beta_rows.KEPT.clear()
    beta_nodes.grid_for.cache_clear()
    finer = answers()
    beta_nodes.grid_for.cache_clear()
    assert np.abs(usual - finer).max() < 1e-12
    assert ((usual > 1e-3) & (usual < 0.999)).mean() > 0.3  # not all of them sure


def test_difference_beyond_one():
    model = BetaBinomial((UNIFORM, ROBUST))
    successes, totals = all_tables(3, 4)
    for margin, sure in ((1.0, 0.0), (1.5, 0.0), (-1.0, 1.0), (-3.0, 1.0)):
        assert (model.difference_above(1, 0, successes, totals, margin) == sure).all()


@settings(max_examples=30)
@given(
    parameters=st.lists(st.floats(0.01, 50), min_size=4, max_size=4),
    totals=st.lists(st.integers(0, 120), min_size=2, max_size=2),
    shares=st.lists(st.floats(0, 1), min_size=2, max_size=2),
    margin=st.floats(-0.99, 0.99),
)
def test_symmetries_of_the_difference(parameters, totals, shares, margin):
    """Swapping the arms, and counting failures in place of successes, turn the question round."""
    successes = [round(share * total) for share, total in zip(shares, totals, strict=True)]
    priors = [tuple(parameters[:2]), tuple(parameters[2:])]
    control, experimental = zip(successes, totals, strict=True)
    above = above_by_arms(priors, control, experimental, margin)
    swapped = above_by_arms(priors[::-1], experimental, control, -margin)
    assert above + swapped == pytest.approx(1.0, abs=1e-11)
    failures = [(total - success, total) for success, total in (control, experimental)]
    mirrored = above_by_arms([p[::-1] for p in priors], *failures, -margin)
    assert above + mirrored == pytest.approx(1.0, abs=1e-11)


def test_more_successes_make_the_claim_more_probable():
    model = BetaBinomial((ROBUST, UNIFORM))
    successes, totals = all_tables(20, 30)
    above = model.difference_above(1, 0, successes, totals, 0.1).reshape(31, 21)
    assert (np.diff(above, axis=0) > -1e-13).all()
    single_prior = BetaBinomial((UNIFORM, UNIFORM))  # a mixture may shift its weights instead
    above = single_prior.difference_above(1, 0, successes, totals, 0.1).reshape(31, 21)
    assert (np.diff(above, axis=1) < 1e-13).all()


# -- one arm -------------------------------------------------------------------------------------


@pytest.mark.parametrize("prior", [UNIFORM, ROBUST, SPARSE, BetaMixture.single(0.01, 2000)])
def test_mean_and_above_against_the_statement(prior):
    model = BetaBinomial((UNIFORM, prior))
    for counts in ((0, 0), (0, 25), (25, 25), (11, 60), (2000, 2000), (800, 2000)):
        parts = posterior(prior, counts)
        successes, totals = (np.array([[1, count]]) for count in counts)
        totals[0, 0] = 2
        mean = sum(weight * a / (a + b) for weight, a, b in parts)
        assert model.mean(1, successes, totals)[0] == pytest.approx(mean, abs=1e-10)
        for value in (0.0, 0.001, 0.2, 0.7, 1.0):
            above = sum(weight * stats.beta.sf(value, a, b) for weight, a, b in parts)
            assert model.above(1, successes, totals, value)[0] == pytest.approx(above, abs=1e-10)
        assert model.above(1, successes, totals, -0.2)[0] == pytest.approx(1.0, abs=1e-15)
        assert model.above(1, successes, totals, 1.3)[0] == 0.0


def test_prior_summaries():
    assert ROBUST.mean() == pytest.approx(0.5 * 0.2 + 0.3 * 0.3 + 0.2 * 0.5)
    exact = sum(
        w * stats.beta.sf(0.3, a, b)
        for w, a, b in zip(ROBUST.weights, ROBUST.a, ROBUST.b, strict=True)
    )
    nobody = np.zeros(1, dtype=np.int64)
    found = probability_above(ROBUST, (nobody, nobody), 0.3)
    assert found[0] == pytest.approx(exact, abs=1e-13)


def test_component_without_weight_is_as_good_as_absent():
    padded = BetaMixture((0.0, 1.0), (5.0, 1.0), (2.0, 1.0))
    for margin in (0.0, 0.2):
        with_it = above_by_arms([padded, ROBUST], (4, 20), (9, 22), margin)
        without = above_by_arms([UNIFORM, ROBUST], (4, 20), (9, 22), margin)
        assert with_it == pytest.approx(without, abs=1e-13)


# -- the best arm --------------------------------------------------------------------------------


def best_by_quadrature(priors, table):
    answers = []
    parts = [posterior(prior, counts) for prior, counts in zip(priors, table, strict=True)]

    def density(arm, p):
        return sum(w * stats.beta.pdf(p, a, b) for w, a, b in parts[arm])

    def below(arm, p):
        return sum(w * special.betainc(a, b, p) for w, a, b in parts[arm])

    nodes, weights = np.polynomial.legendre.leggauss(30)
    panels = 80
    p = ((np.arange(panels)[:, None] + 0.5 * (nodes + 1.0)) / panels).ravel()
    weights = np.tile(0.5 * weights / panels, panels)
    for arm in range(len(priors)):
        others = [below(other, p) for other in range(len(priors)) if other != arm]
        answers.append((weights * density(arm, p) * np.prod(others, axis=0)).sum())
    return np.array(answers)


@pytest.mark.parametrize(
    ("priors", "table"),
    [
        ((UNIFORM, UNIFORM, UNIFORM), ((3, 10), (5, 12), (4, 9))),
        ((UNIFORM, ROBUST, BetaMixture.single(2, 3)), ((0, 0), (20, 40), (17, 40))),
        ((UNIFORM,) * 5, ((9, 30), (11, 30), (12, 30), (0, 30), (30, 90))),
        ((ROBUST, UNIFORM, UNIFORM), ((310, 1000), (330, 1000), (329, 1000))),
    ],
)
def test_best_against_quadrature(priors, table):
    model = BetaBinomial((SPARSE, *priors))  # arm 0 is a control that is not compared
    successes, totals = (np.array([[part[k] for part in ((1, 5), *table)]]) for k in (0, 1))
    best = model.best(tuple(range(1, len(priors) + 1)), successes, totals)[0]
    assert best == pytest.approx(best_by_quadrature(priors, table), abs=1e-11)


def test_best_by_symmetry_and_in_sum():
    small = BetaMixture.single(0.01, 0.02)
    model = BetaBinomial((small,) * 4)
    successes, totals = np.array([[0] * 4, [2] * 4, [5] * 4]), np.array([[0] * 4, [7] * 4, [5] * 4])
    for arms in ((0, 1), (3, 1, 2), (0, 1, 2, 3), (2,)):
        best = model.best(arms, successes, totals)
        assert best == pytest.approx(np.full((3, len(arms)), 1 / len(arms)), abs=1e-11)
    rng = np.random.default_rng(3)
    totals = rng.integers(0, 60, size=(200, 4))
    successes = rng.binomial(totals, 0.3)
    best = model.best((0, 1, 2, 3), successes, totals)
    assert best.sum(axis=-1) == pytest.approx(np.ones(200), abs=1e-11)
    reordered = model.best((2, 0, 3, 1), successes, totals)
    assert reordered == pytest.approx(best[:, [2, 0, 3, 1]], abs=1e-13)


def test_best_of_two_is_the_difference():
    model = BetaBinomial((ROBUST, UNIFORM, SPARSE))
    successes, totals = np.array([[3, 4, 5]]), np.array([[9, 10, 11]])
    difference = model.difference_above(2, 1, successes, totals, 0.0)
    assert model.best((2, 1), successes, totals)[:, 0] == pytest.approx(difference, abs=1e-15)


# -- what is still to come -----------------------------------------------------------------------


@pytest.mark.parametrize("prior", [UNIFORM, ROBUST, SPARSE])
@pytest.mark.parametrize("counts", [(0, 0), (0, 8), (8, 8), (13, 40)])
@pytest.mark.parametrize("final_total", [5, 40, 41, 300])
def test_predictive_weights_against_beta_binomials(prior, counts, final_total):
    successes, total = counts
    weights = BetaBinomial((UNIFORM, prior)).predictive_weights(1, successes, total, final_total)
    to_come = max(final_total - total, 0)
    exact = np.zeros(total + to_come + 1)
    for weight, a, b in posterior(prior, counts):
        future = np.arange(to_come + 1)
        mass = stats.betabinom.pmf(future, to_come, a, b) if to_come else np.ones(1)
        exact[successes : successes + to_come + 1] += weight * mass
    assert weights == pytest.approx(exact, abs=1e-12)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert (weights[:successes] == 0.0).all()


@pytest.mark.parametrize("prior", [UNIFORM, ROBUST, SPARSE])
def test_final_posteriors_average_to_the_present_one(prior):
    """A posterior probability is a martingale: its predictive mean is its present value."""
    model = BetaBinomial((prior, UNIFORM))
    now, totals = np.array([[6, 11]]), np.array([[20, 25]])
    finals, final_totals = all_tables(30, 45)
    control = model.predictive_weights(0, 6, 20, 30)
    experimental = model.predictive_weights(1, 11, 25, 45)
    for margin in (0.0, 0.15):
        later = model.difference_above(1, 0, finals, final_totals, margin)
        mean = (control[finals[:, 0]] * experimental[finals[:, 1]] * later).sum()
        present = model.difference_above(1, 0, now, totals, margin)[0]
        assert mean == pytest.approx(present, abs=1e-11)


# -- intervals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "priors", [(UNIFORM, UNIFORM), (ROBUST, SPARSE), (BetaMixture.single(0.2, 3), UNIFORM)]
)
def test_interval_holds_its_level(priors):
    model = BetaBinomial(priors)
    successes = np.array([[0, 0], [3, 9], [0, 30], [20, 0], [7, 7], [300, 350]])
    totals = np.array([[0, 0], [12, 15], [20, 30], [20, 30], [14, 14], [1000, 1000]])
    for level in (0.5, 0.95):
        limits = model.interval(1, 0, successes, totals, level)
        alone = model.interval(1, None, successes, totals, level)
        for table, side in itertools.product(range(len(successes)), (0, 1)):
            outside = 0.5 - (side - 0.5) * level
            rows = successes[table : table + 1], totals[table : table + 1]
            # Where a posterior is heaped at 0 or 1, only the limit itself is a good measure.
            low, high = limits[table, side] + np.array([-1e-9, 1e-9])
            assert model.difference_above(1, 0, *rows, low)[0] >= outside - 1e-12
            assert model.difference_above(1, 0, *rows, high)[0] <= outside + 1e-12
            low, high = alone[table, side] + np.array([-1e-9, 1e-9])
            parts = posterior(priors[1], (rows[0][0, 1], rows[1][0, 1]))
            assert sum(w * stats.beta.sf(low, a, b) for w, a, b in parts) >= outside - 1e-12
            assert sum(w * stats.beta.sf(high, a, b) for w, a, b in parts) <= outside + 1e-12


def test_interval_by_simulation_of_the_difference():
    model = BetaBinomial((UNIFORM, ROBUST))
    rng = np.random.default_rng(4)
    counts = (5, 21), (19, 38)
    control = rng.beta(*single((1, 1), counts[0]), size=400_000)
    weight, a, b = (np.array(part) for part in zip(*posterior(ROBUST, counts[1]), strict=True))
    component = rng.choice(3, p=weight, size=control.size)
    draws = rng.beta(a[component], b[component]) - control
    limits = model.interval(1, 0, np.array([[5, 19]]), np.array([[21, 38]]), 0.9)[0]
    assert limits == pytest.approx(np.quantile(draws, [0.05, 0.95]), abs=0.003)  # about 5 MCSE


# -- batches, memory, input ----------------------------------------------------------------------


def every_answer(model, successes, totals):
    """All answers to a block of tables, side by side: (table, answer)."""
    return np.column_stack(
        [
            model.mean(1, successes, totals),
            model.above(2, successes, totals, 0.3),
            model.difference_above(1, 0, successes, totals, 0.1),
            model.difference_above(2, 0, successes, totals, -0.05),
            model.best((0, 1, 2), successes, totals),
            model.interval(1, 0, successes, totals),
            model.interval(2, None, successes, totals),
        ]
    )


def test_bits_do_not_depend_on_the_batch(monkeypatch):
    """Alone, in a block, in the reverse block, or after everything was forgotten: equal bits."""
    model = BetaBinomial((ROBUST, UNIFORM, BetaMixture((0.7, 0.3), (0.3, 5.0), (0.4, 9.0))))
    rng = np.random.default_rng(5)
    totals = rng.integers(0, [[20, 200, 50]], size=(40, 3))
    successes = rng.binomial(totals, 0.4)
    monkeypatch.setattr(beta_tables, "_MEMO", Memo())
    beta_rows.KEPT.clear()
    block = every_answer(model, successes, totals)
    assert (every_answer(model, successes[::-1], totals[::-1])[::-1] == block).all()
    monkeypatch.setattr(beta_tables, "_MEMO", Memo())
    beta_rows.KEPT.clear()
    reverse = every_answer(model, successes[::-1], totals[::-1])[::-1]
    assert (reverse == block).all()
    monkeypatch.setattr(beta_tables, "_MEMO", Memo(limit_bytes=0))
    beta_rows.KEPT.clear()
    monkeypatch.setattr(beta_nodes, "CHUNK", 1000)
    assert (every_answer(model, successes, totals) == block).all()
    for table in range(0, 40, 3):
        alone = every_answer(model, successes[table : table + 1], totals[table : table + 1])
        assert (alone[0] == block[table]).all()
    assert every_answer(model, successes[:0], totals[:0]).shape == (0, block.shape[1])


def test_counts_too_large_to_remember():
    model = BetaBinomial((UNIFORM, UNIFORM))
    successes, totals = np.array([[9_000, 20_300], [4, 5]]), np.array([[30_000, 60_000], [9, 9]])
    above = model.difference_above(1, 0, successes, totals, 0.03)
    # Normal with continuity of the posterior: 0.03833 - 0.03 in standard errors.
    share = successes[0] / totals[0]
    normal = stats.norm.sf(
        (0.03 - share[1] + share[0]) / np.sqrt((share * (1 - share) / totals[0]).sum())
    )
    assert above[0] == pytest.approx(normal, abs=1e-3)
    assert above[1] == model.difference_above(1, 0, successes[1:], totals[1:], 0.03)[0]


def test_settings_travel():
    model = BetaBinomial((ROBUST, UNIFORM))
    again = pickle.loads(pickle.dumps(model))
    assert again == model
    assert hash(again) == hash(model)


@pytest.mark.parametrize(
    ("weights", "a", "b"),
    [
        ((), (), ()),
        ((1.0,), (1.0, 2.0), (1.0,)),
        ((1.0,), (0.0,), (1.0,)),
        ((1.0,), (1.0,), (math.nan,)),
        ((0.5, 0.4), (1.0, 1.0), (1.0, 1.0)),
        ((1.5, -0.5), (1.0, 1.0), (1.0, 1.0)),
    ],
)
def test_impossible_priors(weights, a, b):
    with pytest.raises(ValueError, match=r"weights|positive"):
        BetaMixture(weights, a, b)


def test_impossible_counts_and_questions():
    model = BetaBinomial((UNIFORM, UNIFORM))
    one = np.array([[1, 2]])
    for successes, totals in (
        (one, np.array([[0, 2]])),
        (-one, one),
        (one.astype(float), one),
        (one[0], one[0]),
        (np.ones((1, 3), dtype=int), np.ones((1, 3), dtype=int)),
        (one, np.array([[1, 2], [1, 2]])),
    ):
        with pytest.raises(ValueError, match=r"successes|totals"):
            model.difference_above(1, 0, successes, totals, 0.0)
    with pytest.raises(ValueError, match="successes"):
        model.predictive_weights(0, 3, 2, 10)
    for arms in ((1, 1), (0, 2), ()):
        with pytest.raises(ValueError, match="arms"):
            model.best(arms, one, one)
    with pytest.raises(ValueError, match="margin"):
        model.difference_above(1, 0, one, one, math.nan)
    with pytest.raises(ValueError, match="value"):
        model.above(1, one, one, math.nan)
    with pytest.raises(ValueError, match="level"):
        model.interval(1, 0, one, one, 1.0)


def test_memo_answers_like_a_dictionary_whatever_is_asked():
    generator, memo, known, asked = np.random.default_rng(8), Memo(), {}, []

    def answers(keys):
        asked.extend(keys.tolist())
        return np.sqrt(keys.astype(float))

    # few and many, neighbours and far apart, the largest keys too: the table grows, keys collide
    for number, span, step in [(5, 9, 1), (400, 3_000, 1), (2_000, 2**14, 2**40), (3_000, 900, 64)]:
        for _ in range(6):
            keys = generator.integers(0, span, number) * step
            found = memo.look_up("root", keys, answers)
            known |= {int(key): math.sqrt(key) for key in keys}
            assert found.tolist() == [known[int(key)] for key in keys]
    assert sorted(asked) == sorted(known)  # each once


def test_memo_works_out_each_key_once_and_forgets_the_oldest():
    asked = []

    def cubes(keys):
        asked.extend(keys.tolist())
        return keys.astype(float) ** 3

    memo = Memo(limit_bytes=2000)
    keys = np.array([5, 2, 5, 9])
    assert memo.look_up("cube", keys, cubes).tolist() == [125.0, 8.0, 125.0, 729.0]
    assert memo.look_up("cube", np.array([9, 1, 2, 1]), cubes).tolist() == [729.0, 1.0, 8.0, 1.0]
    assert asked == [2, 5, 9, 1]
    for start in range(0, 1000, 20):  # grows past its limit many times
        keys = np.arange(start, start + 20)
        assert (memo.look_up("cube", keys, cubes) == keys.astype(float) ** 3).all()
        rows = memo.look_up("row", keys[:2], lambda k: np.stack([k, -k], axis=-1).astype(float))
        assert rows.tolist() == [[start, -start], [start + 1, -start - 1]]
        assert memo.held_bytes <= memo.limit_bytes
        assert memo.held_bytes == sum(each.held_bytes for each in memo._collections.values())
    memo.clear()
    assert memo.held_bytes == 0
    assert memo.look_up("cube", keys[:0], cubes).shape == (0,)
