"""What a prior is worth: published values, the definitions by other routes, and consistency."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.models.binary.effective_sample_size import (
    borrowing,
    by_curvature,
    by_moments,
    effective_sample_sizes,
    expected_local_information_ratio,
    moments,
    updated,
)

# The example of `ess` in the reference pages of the R package RBesT (1.8): 20% uniform.
EXAMPLE = BetaMixture((0.2, 0.8), (1.0, 10.0), (1.0, 2.0))
# The mixture printed in RBesT's vignette for a binary endpoint, weights to seven decimals.
PRINTED = (0.4612914, 0.1917812, 0.1893896, 0.1575378)
SPONDYLITIS = BetaMixture(
    tuple(weight / math.fsum(PRINTED) for weight in PRINTED),
    (33.9513487, 19.4400089, 12.2692310, 2.2521243),
    (103.0146367, 41.5205219, 55.9202833, 5.4812202),
)
ROBUST = BetaMixture(
    (*(0.8 * weight for weight in SPONDYLITIS.weights), 0.2),
    (*SPONDYLITIS.a, 1.0),
    (*SPONDYLITIS.b, 1.0),
)
MIXTURES = [
    EXAMPLE,
    SPONDYLITIS,
    ROBUST,
    BetaMixture((0.8, 0.2), (1.2, 1.0), (38.8, 1.0)),
    BetaMixture((0.3, 0.7), (2.0, 30.0), (2.0, 3.0)),
    BetaMixture((0.5, 0.5), (300.0, 2.5), (100.0, 2.5)),
]


def test_values_that_are_published_to_many_digits() -> None:
    assert expected_local_information_ratio(EXAMPLE) == pytest.approx(7.65152, abs=5e-6)
    assert by_moments(EXAMPLE) == pytest.approx(3.161034, abs=5e-7)
    # published with the mode found to eight digits: the last digit differs
    assert by_curvature(EXAMPLE) == pytest.approx(8.487603, abs=2e-6)


def test_values_that_are_published_rounded() -> None:
    assert round(expected_local_information_ratio(SPONDYLITIS)) == 38
    assert round(by_moments(SPONDYLITIS)) == 24
    assert round(by_curvature(SPONDYLITIS)) == 95
    assert round(expected_local_information_ratio(ROBUST)) == 27


@given(st.floats(0.01, 500.0), st.floats(0.01, 500.0), st.sampled_from(["probability", "log_odds"]))
def test_a_single_beta_is_worth_its_two_parameters(a: float, b: float, scale: str) -> None:
    single = BetaMixture.single(a, b)
    assert expected_local_information_ratio(single, scale) == a + b  # type: ignore[arg-type]
    assert by_moments(single) == pytest.approx(a + b, rel=1e-9)
    split = BetaMixture((0.25, 0.75, 0.0), (a, a, 3.0), (b, b, 1.0))
    assert expected_local_information_ratio(split, scale) == a + b  # type: ignore[arg-type]


def definition(prior: BetaMixture) -> float:
    """The average of -(log f)'' p (1 - p), the derivatives of each beta from lower betas."""

    def pdf(p: float, a: float, b: float) -> float:
        # a density without its bounds: 0 is reached below a parameter of 0, never above it
        log = (a - 1.0) * math.log(p) + (b - 1.0) * math.log1p(-p)
        return math.exp(log + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b))

    def slope(p: float, a: float, b: float) -> float:
        first = (a + b - 1.0) * pdf(p, a - 1.0, b) if a > 1.0 else 0.0
        other = (a + b - 1.0) * pdf(p, a, b - 1.0) if b > 1.0 else 0.0
        return first - other

    def bend(p: float, a: float, b: float) -> float:
        value = pdf(p, a, b)
        ratio = (a - 1.0) / p - (b - 1.0) / (1.0 - p)
        return value * (ratio**2 - (a - 1.0) / p**2 - (b - 1.0) / (1.0 - p) ** 2)

    def integrand(p: float) -> float:
        parts = list(zip(prior.weights, prior.a, prior.b, strict=True))
        f = sum(w * pdf(p, a, b) for w, a, b in parts)
        first = sum(w * slope(p, a, b) for w, a, b in parts)
        second = sum(w * bend(p, a, b) for w, a, b in parts)
        return (first**2 / f - second) * p * (1.0 - p)

    def by_log_odds(y: float) -> float:
        p = 1.0 / (1.0 + math.exp(-y))
        return integrand(p) * p * (1.0 - p)

    edges = [
        -150.0,
        -40.0,
        -20.0,
        -10.0,
        -6.0,
        -4.0,
        -2.0,
        -1.0,
        0.0,
        1.0,
        2.0,
        4.0,
        8.0,
        16.0,
        30.0,
    ]
    pieces = itertools.pairwise(edges)
    return math.fsum(
        integrate.quad(by_log_odds, low, high, epsabs=1e-12, epsrel=1e-10, limit=400)[0]
        for low, high in pieces
    )


@pytest.mark.parametrize("prior", MIXTURES, ids=str)
def test_information_ratio_is_what_it_is_defined_as(prior: BetaMixture) -> None:
    # the twin ends at log odds of 30, beyond which 1 - p is too rounded to be divided by
    assert expected_local_information_ratio(prior) == pytest.approx(definition(prior), abs=1e-6)


@pytest.mark.parametrize("scale", ["probability", "log_odds"])
@pytest.mark.parametrize("prior", MIXTURES, ids=str)
@pytest.mark.parametrize("participants", [1, 7, 25])
def test_it_is_predictively_consistent(prior: BetaMixture, participants: int, scale: str) -> None:
    """After n participants from the prior predictive it is, on average, n larger."""
    weights = BetaBinomial((prior,)).predictive_weights(0, 0, 0, participants)
    later = math.fsum(
        weight
        * expected_local_information_ratio(
            updated(prior, responders, participants - responders),
            scale,  # type: ignore[arg-type]
        )
        for responders, weight in enumerate(weights)
    )
    now = expected_local_information_ratio(prior, scale)  # type: ignore[arg-type]
    assert later - participants == pytest.approx(now, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("prior", MIXTURES, ids=str)
def test_the_two_scales_differ_by_the_density_at_the_ends(prior: BetaMixture) -> None:
    def at_the_ends(a: float, b: float) -> float:
        return (b if a == 1.0 else 0.0) + (a if b == 1.0 else 0.0)

    ends = math.fsum(
        w * at_the_ends(a, b) for w, a, b in zip(prior.weights, prior.a, prior.b, strict=True)
    )
    difference = expected_local_information_ratio(
        prior, "log_odds"
    ) - expected_local_information_ratio(prior)
    assert difference == pytest.approx(ends, abs=1e-7)


def test_where_no_average_exists_there_is_none() -> None:
    low = BetaMixture((0.5, 0.5), (0.5, 4.0), (0.5, 16.0))
    assert math.isnan(expected_local_information_ratio(low))
    assert expected_local_information_ratio(low, "log_odds") > 0.0
    both_low = BetaMixture((0.5, 0.5), (0.5, 0.8), (4.0, 16.0))
    assert math.isnan(expected_local_information_ratio(both_low, "log_odds"))
    assert math.isnan(by_curvature(BetaMixture.single(0.5, 0.5)))
    assert math.isnan(by_curvature(BetaMixture.single(1.0, 9.0)))


def test_moments_are_those_of_draws() -> None:
    rng = np.random.default_rng(20)
    part = rng.choice(len(ROBUST.weights), size=400_000, p=ROBUST.weights)
    draws = rng.beta(np.array(ROBUST.a)[part], np.array(ROBUST.b)[part])
    mean, variance = moments(ROBUST)
    assert mean == pytest.approx(draws.mean(), abs=5 * draws.std() / 400_000**0.5)
    error = ((draws - draws.mean()) ** 2).std() / 400_000**0.5
    assert variance == pytest.approx(draws.var(), abs=5 * error)


def test_an_update_by_whole_numbers_is_the_models_own() -> None:
    model = BetaBinomial((ROBUST,))
    after = updated(ROBUST, 7, 13)
    assert after.mean() == pytest.approx(
        float(model.mean(0, np.array([[7]]), np.array([[20]]))[0]), rel=1e-12
    )


def test_borrowing_by_its_definition() -> None:
    found = borrowing(BetaMixture.single(4.0, 16.0), 20, rate=0.3)
    # the limit of ever weaker betas, and the beta after 6 of 20
    assert found.alone == pytest.approx(stats.beta(6.0 + 3e-9, 14.0 + 7e-9).var(), rel=1e-8)
    assert found.variance == pytest.approx(stats.beta(10.0, 30.0).var(), rel=1e-12)
    assert found.effective_sample_size == pytest.approx(20.0 * found.alone / found.variance)
    assert found.borrowed == pytest.approx(found.effective_sample_size - 20.0)
    assert borrowing(BetaMixture.single(40.0, 160.0), 20).too_informative
    assert not borrowing(BetaMixture.single(4.0, 16.0), 20).too_informative
    with pytest.raises(ValueError, match="needs participants"):
        borrowing(EXAMPLE, 0)
    for rate in (0.0, 1.0, 1.5):
        with pytest.raises(ValueError, match="between 0 and 1"):
            borrowing(EXAMPLE, 10, rate=rate)


@given(st.floats(0.05, 300.0), st.floats(0.05, 300.0), st.integers(1, 500))
def test_a_beta_at_its_own_mean_lends_what_it_is_worth(a: float, b: float, n: int) -> None:
    found = borrowing(BetaMixture.single(a, b), n)
    assert found.borrowed == pytest.approx((a + b) * n / (n + 1.0), rel=1e-6, abs=1e-6)


def test_a_robust_prior_lends_less_in_conflict() -> None:
    agreeing = borrowing(ROBUST, 30, rate=0.25).borrowed
    conflicting = borrowing(ROBUST, 30, rate=0.8).borrowed
    assert agreeing > 25.0
    assert conflicting < 2.0


def test_it_is_said_in_a_line() -> None:
    assert effective_sample_sizes(BetaMixture.single(0.5, 0.5)).words() == "1.0"
    assert effective_sample_sizes(EXAMPLE).words() == "7.7 (ELIR, to be quoted); 3.2 by moments"
    low = effective_sample_sizes(BetaMixture((0.5, 0.5), (0.5, 4.0), (0.5, 16.0)))
    assert f"{low.information_on_log_odds:.1f} (ELIR of the log odds, to be quoted)" in low.words()
    both = effective_sample_sizes(BetaMixture((0.5, 0.5), (0.5, 0.8), (4.0, 16.0)))
    assert both.words() == f"{both.moments:.1f} (moments; no ELIR with parameters below 1)"
    lent = effective_sample_sizes(ROBUST, 40)
    assert lent.borrowing is not None
    assert f"at 40 participants {lent.borrowing.borrowed:+.1f} borrowed" in lent.words()


def test_an_edge_with_density_is_not_told_as_information() -> None:
    edge = BetaMixture((0.5, 0.5), (1.0, 1.0), (21.0, 1.0))
    assert expected_local_information_ratio(edge) < 0.0
    assert "ELIR of the log odds" in effective_sample_sizes(edge).words()
