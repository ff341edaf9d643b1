"""Numbers that others have published, or that a sum on paper gives."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy import integrate, special, stats

from adaptive_cart.conduct.predictive import Condition, predictive_probability
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.nouns.questions import Question
from adaptive_cart.running.exact import enumerate_design
from checks import raw_design

UNIFORM = BetaMixture.single(1, 1)
Arm = tuple[int, int]  # successes, totals


def counts(control: Arm, experimental: Arm) -> tuple[Any, Any]:
    successes = np.array([[control[0], experimental[0]]], dtype=np.int64)
    totals = np.array([[control[1], experimental[1]]], dtype=np.int64)
    return successes, totals


def above(prior: BetaMixture, arm: Arm, value: float) -> float:
    """P(p > value) in one arm."""
    model = BetaBinomial((UNIFORM, prior))
    return float(model.above(1, *counts((0, 0), arm), value)[0])


def difference_above(
    experimental: Arm, control: Arm, margin: float = 0.0, priors: Any = (UNIFORM, UNIFORM)
) -> float:
    """P(experimental - control > margin)."""
    model = BetaBinomial(tuple(priors))
    return float(model.difference_above(1, 0, *counts(control, experimental), margin)[0])


def predicted(prior: BetaMixture, arm: Arm, final: int, value: float, threshold: float) -> float:
    """Probability that P(p > value) >= threshold once ``final`` have been observed."""
    model = BetaBinomial((UNIFORM, prior))
    successes, totals = counts((0, 0), arm)
    condition = Condition(Question("response", 1, value=value), True, threshold)
    last = np.array([[0, final]], dtype=np.int64)
    return float(predictive_probability(model, condition, successes, totals, last)[0])


# ── one arm ───────────────────────────────────────────────────────────────────────────────────
def test_laplace_girls_born_in_paris() -> None:
    """Paris 1745 to 1770: 251 527 boys and 241 945 girls; P(girls >= 1/2) = 1.15e-42.

    Laplace 1786, Mémoire sur les naissances; Gelman et al., Bayesian Data Analysis, 3rd ed.,
    section 2.4. (Laplace expanded the integral; 1.146e-42 is what it is.)
    """
    found = above(UNIFORM, (241_945, 241_945 + 251_527), 0.5)
    assert found == pytest.approx(1.15e-42, rel=0.005)
    assert found == pytest.approx(stats.beta.sf(0.5, 241_946, 251_528), rel=1e-6)


def test_placenta_previa() -> None:
    """437 girls of 980: posterior Beta(438, 544), mean 0.446, central 95% [0.415, 0.477].

    Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.4.
    """
    model = BetaBinomial((UNIFORM, UNIFORM))
    assert round(float(model.mean(1, *counts((0, 0), (437, 980)))[0]), 3) == 0.446
    for bound, level in ((0.415, 0.975), (0.477, 0.025)):
        low, high = (above(UNIFORM, (437, 980), bound + step) for step in (0.0005, -0.0005))
        assert low < level < high, "the bound is right to three decimals"


@pytest.mark.parametrize(("successes", "totals"), [(0, 0), (0, 10), (7, 10), (24, 24)])
def test_rule_of_succession(successes: int, totals: int) -> None:
    """Laplace 1774: the next one succeeds with probability (s + 1) / (n + 2)."""
    model = BetaBinomial((UNIFORM, UNIFORM))
    expected = Fraction(successes + 1, totals + 2)
    seen = counts((0, 0), (successes, totals))
    assert float(model.mean(1, *seen)[0]) == pytest.approx(float(expected), rel=1e-15)
    weights = model.predictive_weights(1, successes, totals, totals + 1)
    assert weights[successes + 1] == pytest.approx(float(expected), rel=1e-13)


# ── predictive probability in one arm ─────────────────────────────────────────────────────────
def test_lee_and_liu_2008() -> None:
    """40 planned, 16 of 23 have responded, Beta(0.6, 0.4), P(p > 0.60) > 0.90 wanted: PP = 0.5656.

    Lee & Liu 2008, Clin Trials 5:93, table 1. Of the 17 still to come at least 12 must respond:
    28 of 40.
    """
    prior = BetaMixture.single(0.6, 0.4)
    assert above(prior, (27, 40), 0.60) < 0.90 <= above(prior, (28, 40), 0.60)
    model = BetaBinomial((UNIFORM, prior))
    weights = model.predictive_weights(1, 16, 23, 40)
    by_hand = stats.betabinom.pmf(np.arange(18), 17, 16.6, 7.4)
    np.testing.assert_allclose(weights[16:34], by_hand, rtol=1e-10)
    found = predicted(prior, (16, 23), 40, 0.60, 0.90)
    assert found == pytest.approx(by_hand[12:].sum(), rel=1e-10)
    assert round(found, 4) == 0.5656


def test_lee_and_liu_criterion_with_a_uniform_prior() -> None:
    """The example of the R package ph2bye, PredP(16, 23, 40, 1, 1, 0.5, 0.9): 0.8871897."""
    assert predicted(UNIFORM, (16, 23), 40, 0.5, 0.9) == pytest.approx(0.8871897, abs=5e-8)


@pytest.mark.parametrize(
    ("seen", "posterior", "predictive"),
    [((12, 20), 0.81, 0.54), ((28, 50), 0.80, 0.30), ((41, 75), 0.79, 0.086),
     ((49, 90), 0.80, 0.003)],
)  # fmt: skip
def test_saville_2014(seen: Arm, posterior: float, predictive: float) -> None:
    """Four looks that a posterior cannot tell apart and a predictive probability can.

    Saville et al. 2014, Clin Trials 11:485, table 1: 100 planned, uniform prior, success when
    P(p > 0.5) > 0.95, that is 59 responses or more.
    """
    assert above(UNIFORM, (58, 100), 0.5) < 0.95 < above(UNIFORM, (59, 100), 0.5)
    assert abs(above(UNIFORM, seen, 0.5) - posterior) < 0.005
    found = predicted(UNIFORM, seen, 100, 0.5, 0.95)
    digits = 3 if predictive < 0.1 else 2
    assert round(found, digits) == predictive


# ── two arms ──────────────────────────────────────────────────────────────────────────────────
def difference_in_fractions(experimental: Arm, control: Arm) -> Fraction:
    """P(experimental > control) with uniform priors, in whole numbers.

    Given the control's probability c, the experimental one, Beta(a, b), exceeds it when fewer than
    a of a + b - 1 uniforms fall below c: a sum over beta-binomial masses.
    """
    a, n = experimental[0] + 1, experimental[1] + 1
    c, d = control[0] + 1, control[1] - control[0] + 1

    def beta(x: int, y: int) -> Fraction:
        return Fraction(math.factorial(x - 1) * math.factorial(y - 1), math.factorial(x + y - 1))

    total = sum((math.comb(n, k) * beta(c + k, d + n - k) for k in range(a)), Fraction(0))
    return total / beta(c, d)


def test_mg_001() -> None:
    """Descartes-08, an mRNA CAR-T, in myasthenia gravis: 10 of 14 against 3 of 12; uniform priors.

    The trial MG-001: a fall of the MG Composite by at least 5 points at month 3, modified
    intention to treat.
    """
    expected = difference_in_fractions((10, 14), (3, 12))
    found = difference_above((10, 14), (3, 12))
    assert found == pytest.approx(float(expected), abs=1e-13)
    assert 0.98 < found < 0.995
    by_quadrature, _ = integrate.quad(
        lambda c: stats.beta.pdf(c, 4, 10) * stats.beta.sf(c, 11, 5), 0.0, 1.0, epsabs=1e-13
    )
    assert found == pytest.approx(by_quadrature, abs=1e-11)


@pytest.mark.parametrize(
    ("experimental", "control"),
    [((0, 0), (0, 0)), ((1, 1), (0, 1)), ((11, 11), (0, 1)), ((3, 7), (3, 7)), ((5, 20), (9, 15))],
)
def test_whole_numbers(experimental: Arm, control: Arm) -> None:
    """Small trials in fractions; 11 of 11 against 0 of 1 is the ECMO trial (Bartlett 1985)."""
    expected = difference_in_fractions(experimental, control)
    assert difference_above(experimental, control) == pytest.approx(float(expected), abs=1e-13)
    by_hand = {
        ((0, 0), (0, 0)): Fraction(1, 2),
        # Beta(2, 1) against Beta(1, 2): 1 - P(X < Y) = 1 - 1/6
        ((1, 1), (0, 1)): Fraction(5, 6),
        # Beta(12, 1) against Beta(1, 2): 1 - integral of 2 (1 - c) c^12 = 1 - 2 (1/13 - 1/14)
        ((11, 11), (0, 1)): 1 - Fraction(2, 13 * 14),
        ((3, 7), (3, 7)): Fraction(1, 2),
    }
    assert expected == by_hand.get((experimental, control), expected)


@pytest.mark.parametrize(
    ("a", "b", "c", "d"), [(3, 1, 1, 3), (10, 4, 3, 9), (1, 9, 5, 5), (20, 31, 12, 40)]
)
def test_fishers_p_value_is_a_posterior_probability(a: int, b: int, c: int, d: int) -> None:
    """Fisher's one-sided p of a, b / c, d is P(X <= Y), X ~ Beta(a, b+1), Y ~ Beta(c+1, d).

    Altham 1969, J R Stat Soc B 31:261. Uniform priors and one success less in the first arm, one
    failure less in the second, give these posteriors. The first table is the lady tasting tea,
    p = 17/70 (Fisher 1935, The Design of Experiments, chapter 2).
    """
    p = stats.hypergeom.sf(a - 1, a + b + c + d, a + c, a + b)
    found = difference_above((a - 1, a - 1 + b), (c, c + d - 1))
    assert 1.0 - found == pytest.approx(p, abs=1e-12)
    if (a, b, c, d) == (3, 1, 1, 3):
        assert 1.0 - found == pytest.approx(17 / 70, abs=1e-13)


@pytest.mark.parametrize("counted", [(0, 0, 0, 0), (3, 9, 10, 14), (7, 40, 2, 33)])
def test_one_more_response(counted: tuple[int, int, int, int]) -> None:
    """P(X > Y) gains B(a+c, b+d) / (a B(a, b) B(c, d)) when a becomes a + 1.

    Cook 2005, Exact calculation of beta inequalities, M. D. Anderson technical report UTMDABTR-005.
    """
    y, m, x, n = counted
    a, b, c, d = x + 1, n - x + 1, y + 1, m - y + 1
    log_beta = {
        pair: math.lgamma(pair[0]) + math.lgamma(pair[1]) - math.lgamma(sum(pair))
        for pair in ((a, b), (c, d), (a + c, b + d))
    }
    gain = math.exp(log_beta[a + c, b + d] - log_beta[a, b] - log_beta[c, d]) / a
    before = difference_above((x, n), (y, m))
    after = difference_above((x + 1, n + 1), (y, m))
    assert after - before == pytest.approx(gain, abs=1e-12)


def test_thall_and_simon_1994() -> None:
    """An experimental treatment against a historical standard, more than 0.15 better or not.

    The comparison of Thall & Simon 1994, Biometrics 50:337: theta_S ~ informative beta, here
    Beta(20, 80), theta_E ~ Beta(0.4, 1.6), P(theta_S + 0.15 < theta_E | x of n), as one integral;
    their rule, promising at 0.95 and not promising below 0.05, as boundaries.
    """
    priors = (BetaMixture.single(20, 80), BetaMixture.single(0.4, 1.6))

    constant = math.exp(-special.betaln(20, 80))

    def slow(x: int, n: int) -> float:
        value, _ = integrate.quad(
            lambda s: (
                constant * s**19 * (1.0 - s) ** 79
                * special.betainc(1.6 + n - x, 0.4 + x, 1.0 - s - 0.15)
            ),
            0.0, 0.85, epsabs=1e-13, epsrel=1e-12, limit=400,
        )  # fmt: skip
        return value

    boundaries = {}
    for n in (10, 20, 40):
        expected = [slow(x, n) for x in range(n + 1)]
        found = [difference_above((x, n), (0, 0), 0.15, priors) for x in range(n + 1)]
        np.testing.assert_allclose(found, expected, atol=1e-10)
        assert (np.diff(found) > 0.0).all(), "one more response is better news"
        promising = min(x for x, value in enumerate(found) if value >= 0.95)
        hopeless = max(x for x, value in enumerate(found) if value < 0.05)
        boundaries[n] = hopeless, promising
        assert slow(promising, n) >= 0.95 > slow(promising - 1, n)
    assert all(low / n < 0.35 < high / n for n, (low, high) in boundaries.items())


# ── two stages ────────────────────────────────────────────────────────────────────────────────
# p0, p1, r1, n1, r, n, expected number at p0, probability of stopping early at p0
SIMON = [
    (0.10, 0.30, 1, 10, 5, 29, 15.01, 0.7361),
    (0.10, 0.30, 1, 15, 5, 25, 19.51, 0.5490),
    (0.20, 0.40, 3, 13, 12, 43, 20.58, 0.7473),
]


def between(successes: int, totals: int, value: float) -> float:
    """A threshold that tells ``successes`` from one more, on P(p > value)."""
    low, high = (above(UNIFORM, (s, totals), value) for s in (successes, successes + 1))
    return (low + high) / 2.0


@pytest.mark.parametrize(("p0", "p1", "r1", "n1", "r", "n", "expected", "early"), SIMON)
def test_simon_two_stage(
    p0: float, p1: float, r1: int, n1: int, r: int, n: int, expected: float, early: float
) -> None:
    """Optimal and minimax two-stage designs as rules about one arm, beside a control of as many.

    Simon 1989, Control Clin Trials 10:1, tables 1 and 2 (alpha 0.05, beta 0.20; the two designs for
    0.10 v 0.30 and the optimal one for 0.20 v 0.40; decimals by clinfun::ph2simon): stop after n1
    with r1 responses or fewer, succeed with more than r of n.
    """
    raw = raw_design("hello")
    del raw["arms"]["cart"]["allocation"]
    raw["enrolment"]["max_n"] = 2 * n
    raw["looks"]["observed"] = [2 * n1, 2 * n]
    alone = {"endpoint": "dfr", "arm": "cart", "above": 0.25}
    raw["rules"] = [
        {"name": "stage_one", "then": "declare_futility", "posterior": alone,
         "below": between(r1, n1, 0.25), "looks": [1]},
        {"name": "stage_two", "then": "declare_success", "posterior": alone,
         "at_least": between(r, n, 0.25), "looks": [2]},
    ]  # fmt: skip
    raw["scenarios"] = {
        "inactive": {"dfr": {"soc": 0.5, "cart": p0}},
        "active": {"dfr": {"soc": 0.5, "cart": p1}},
    }
    design = Design(**raw)
    rows, _ = enumerate_design(design, truths_of(design))
    found = {(row[0], row[1], row[4]): row[5] for row in rows if row[2] is None and row[10] is None}

    def rejects(p: float) -> float:
        """Goes on after the first stage and ends with more than r: the sum on paper."""
        return math.fsum(
            stats.binom.pmf(x, n1, p) * stats.binom.sf(r - x, n - n1, p)
            for x in range(r1 + 1, n1 + 1)
        )

    for scenario, p in (("inactive", p0), ("active", p1)):
        assert found[scenario, "success", None] == pytest.approx(rejects(p), abs=1e-12)
        stops = found[scenario, "stop_futility", 1]
        assert stops == pytest.approx(stats.binom.cdf(r1, n1, p), abs=1e-12)
    assert found["inactive", "success", None] <= 0.05
    assert found["active", "success", None] >= 0.80
    assert round(found["inactive", "stop_futility", 1], 4) == early
    assert round(found["inactive", "n_analysed_mean", None] / 2.0, 2) == expected
