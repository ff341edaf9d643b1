"""Earlier controls to a robust prior: integrals against brute force, PyMC and published values."""

from __future__ import annotations

import math
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from adaptive_cart.design.file import load_design
from adaptive_cart.errors import DesignError, InputError
from adaptive_cart.models.binary.beta_binomial import BetaMixture
from adaptive_cart.models.binary.beta_mixture_fit import Fit, fitted_mixture
from adaptive_cart.models.binary.effective_sample_size import (
    by_moments,
    effective_sample_sizes,
    expected_local_information_ratio,
)
from adaptive_cart.models.binary.robust_map import (
    Heterogeneity,
    Predictive,
    map_predictive,
    robustified,
)
from adaptive_cart.priors.controls import _refuse_what_contradicts_itself, robust_map_prior
from adaptive_cart.priors.historical import Historical, parsed_historical, read_historical
from checks import DESIGNS

# Placebo responders (ASAS20 at week 6) of eight trials in ankylosing spondylitis: the data of
# Baeten et al. (2013, Lancet 382:1705), as dataset AS in the R package RBesT.
SPONDYLITIS = Historical(
    tuple(f"Study {number}" for number in range(1, 9)),
    (23, 12, 19, 9, 39, 6, 9, 10),
    (107, 44, 51, 39, 139, 20, 78, 35),
)
TABLE = "study,responders,participants\n" + "".join(
    f"{study},{events},{n}\n"
    for study, events, n in zip(
        SPONDYLITIS.studies, SPONDYLITIS.responders, SPONDYLITIS.participants, strict=True
    )
)


# --- the integrals ------------------------------------------------------------------------------


def brute_force(data: Historical, prior: Heterogeneity) -> tuple[float, float, float]:
    """Mean and standard deviation of the new rate, and mean of the spread: nothing but grids."""
    between = (np.arange(120) + 0.5) / 120 * 6.0 * prior.between_sd
    centre = np.linspace(
        prior.centre_mean - 6 * prior.centre_sd, prior.centre_mean + 6 * prior.centre_sd, 241
    )
    score = np.linspace(-6.5, 6.5, 131)
    mass = stats.norm.pdf(score)
    mass /= mass.sum()
    weight = np.exp(-0.5 * (between / prior.between_sd) ** 2)[:, None] * np.exp(
        -0.5 * ((centre - prior.centre_mean) / prior.centre_sd) ** 2
    )
    first, second = np.empty(weight.shape), np.empty(weight.shape)
    for row, sd in enumerate(between):
        rates = special.expit(centre[:, None] + sd * score)
        for events, n in zip(data.responders, data.participants, strict=True):
            weight[row] *= stats.binom.pmf(events, n, rates) @ mass
        first[row], second[row] = rates @ mass, rates**2 @ mass
    weight /= weight.sum()
    mean = float((weight * first).sum())
    sd = math.sqrt(float((weight * second).sum()) - mean**2)
    return mean, sd, float(weight.sum(axis=1) @ between)


@pytest.mark.parametrize(
    ("data", "prior"),
    [
        (Historical(("a", "b", "c"), (3, 6, 1), (20, 25, 14)), Heterogeneity()),
        (Historical(("a",), (0,), (5,)), Heterogeneity()),
        (Historical(("a", "b"), (2, 18), (20, 20)), Heterogeneity(-1.0, 1.0, 0.5)),
        (Historical(("a", "b"), (20, 9), (20, 9)), Heterogeneity(0.5, 1.5, 0.3)),
    ],
)
def test_the_predictive_is_what_brute_force_finds(data: Historical, prior: Heterogeneity) -> None:
    found = map_predictive(data, prior)
    mean, sd, spread = brute_force(data, prior)
    # the twin's grid in `between` is a midpoint rule, its error of the order of (step / sd)^2 / 24
    assert found.mean() == pytest.approx(mean, abs=2e-4)
    assert found.sd() == pytest.approx(sd, abs=4e-4)
    assert float(found.between @ found.between_weights) == pytest.approx(
        spread, abs=2e-3 * prior.between_sd
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [
        SPONDYLITIS,
        Historical(("a",), (0,), (5,)),
        Historical(("a",), (3,), (2000,)),
        Historical(tuple(map(str, range(12))), tuple(range(12)), tuple(range(40, 52))),
    ],
)
def test_twice_the_points_change_nothing(data: Historical) -> None:
    once, twice = map_predictive(data), map_predictive(data, refine=2)
    assert once.mean() == pytest.approx(twice.mean(), abs=1e-6)
    assert once.sd() == pytest.approx(twice.sd(), abs=1e-6)
    for probability in (0.025, 0.5, 0.975):
        # quantiles are interpolated on the lattice
        assert once.quantile(probability) == pytest.approx(twice.quantile(probability), abs=2e-4)


PUBLISHED = {  # between-trial sd 1 (0.5): mean, sd and quantiles that RBesT's vignette prints
    1.0: (0.255, 0.0864, {0.025: 0.106, 0.5: 0.247, 0.975: 0.461}, 0.387, 0.215),
    0.5: (0.259, 0.0776, {0.025: 0.129, 0.5: 0.25, 0.975: 0.442}, 0.335, 0.172),
}


@pytest.mark.parametrize("between_sd", PUBLISHED)
def test_published_numbers_lie_within_their_own_monte_carlo_error(between_sd: float) -> None:
    """The vignette's 4,000 draws are taken to be worth 2,000; four standard errors are allowed."""
    mean, sd, quantiles, spread, spread_sd = PUBLISHED[between_sd]
    found = map_predictive(SPONDYLITIS, Heterogeneity(between_sd=between_sd))
    draws = 2000.0

    def within(ours: float, theirs: float, error: float) -> None:
        assert abs(ours - theirs) < 4.0 * error, (ours, theirs, error)

    within(found.mean(), mean, found.sd() / draws**0.5)
    within(found.sd(), sd, found.sd() / draws**0.5)
    for probability, theirs in quantiles.items():
        near = found.quantile(probability + 0.005) - found.quantile(probability - 0.005)
        error = math.sqrt(probability * (1.0 - probability) / draws) * near / 0.01
        within(found.quantile(probability), theirs, error)
    between, weights = found.between, found.between_weights
    centre = float(between @ weights)
    ours_sd = math.sqrt(float(weights @ (between - centre) ** 2))
    within(centre, spread, ours_sd / draws**0.5)
    within(ours_sd, spread_sd, ours_sd / draws**0.5)


def test_alike_studies_say_more_than_different_ones() -> None:
    alike = Historical(("a", "b", "c", "d"), (5, 5, 5, 5), (50, 50, 50, 50))
    different = Historical(("a", "b", "c", "d"), (0, 1, 4, 15), (50, 50, 50, 50))
    assert map_predictive(alike).sd() < 0.6 * map_predictive(different).sd()
    certain = map_predictive(alike, Heterogeneity(between_sd=1e-3))
    # all studies the same: the meta-analysis of 20 of 200, but for the prior of the centre
    assert certain.mean() == pytest.approx(0.1, abs=0.004)
    assert certain.sd() == pytest.approx(math.sqrt(0.1 * 0.9 / 200), rel=0.05)


def two_registries(n: int, rates: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean, and probability below each rate, where both see one in ten of so many.

    A normal likelihood of each logit leaves closed forms but for the standard deviation between
    studies, which is summed over ten thousand values evenly spaced in its logarithm.
    """
    own = 1.0 / (n * 0.1 * 0.9)
    seen = float(special.logit(0.1))
    between = np.geomspace(1e-6, 7.0, 10_000)
    total = between**2 + own
    # both logits are normal about a centre that is Normal(0, 2): their mean, and their difference
    logs = stats.norm.logpdf(seen, 0.0, np.sqrt(0.5 * total + 4.0)) - 0.5 * np.log(total)
    weight = np.exp(logs) * stats.halfnorm.pdf(between) * between
    weight /= weight.sum()
    precision = 2.0 / total + 0.25
    centre, sd = 2.0 * seen / total / precision, np.sqrt(1.0 / precision + between**2)
    score = (special.logit(rates)[:, None] - centre) / sd
    nodes, node_weights = np.polynomial.hermite_e.hermegauss(60)
    means = special.expit(centre + sd * nodes[:, None]).T @ node_weights / node_weights.sum()
    return float(weight @ means), special.ndtr(score) @ weight


@pytest.mark.parametrize("n", [100_000, 1_000_000])
def test_large_registries_that_agree_leave_a_spike_and_long_tails(n: int) -> None:
    found = map_predictive(Historical(("a", "b"), (n // 10, n // 10), (n, n)))
    rates = np.array([0.03, 0.05, 0.09, 0.0995, 0.1005, 0.11, 0.2, 0.3, 0.5])
    mean, below = two_registries(n, rates)
    assert found.mean() == pytest.approx(mean, abs=5e-4)
    np.testing.assert_allclose(found.below(rates), below, atol=6e-4)


def test_a_mixture_that_is_not_near_enough_is_refused_and_not_printed() -> None:
    fit = Fit(BetaMixture.single(2.0, 3.0), 0.192)
    sizes = effective_sample_sizes(fit.mixture)
    with pytest.raises(DesignError, match=r"off by 0.192; type --accuracy 0.2"):
        _refuse_what_contradicts_itself(fit, 0.01, sizes)
    with pytest.raises(DesignError, match="worth in participants"):
        _refuse_what_contradicts_itself(Fit(fit.mixture, 0.0), 0.01, replace(sizes, moments=-0.1))
    _refuse_what_contradicts_itself(fit, 0.2, sizes)


@pytest.mark.parametrize("size", [1e3, 1e5, 1e7])
def test_a_sharp_part_is_worth_its_share(size: float) -> None:
    """Of a mixture whose parts lie apart, ELIR is nearly the mean of the parts' own."""
    prior = BetaMixture((0.5, 0.5), (0.1 * size, 0.6 * size), (0.9 * size, 0.4 * size))
    assert effective_sample_sizes(prior).information == pytest.approx(size, rel=1e-3)


def test_probabilities_and_quantiles_fit_together() -> None:
    found = map_predictive(SPONDYLITIS)
    rates = np.array([0.05, 0.2, 0.4, 0.8])
    below = found.below(rates)
    for rate, probability in zip(rates, below, strict=True):
        assert found.quantile(float(probability)) == pytest.approx(float(rate), abs=1e-3)
    assert 0.0 < below[0] < below[-1] <= 1.0


@pytest.mark.slow
@pytest.mark.reference
def test_pymc_finds_the_same_predictive() -> None:
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error
    from adaptive_cart.priors.map_reference import MapReference

    face = MapReference(Heterogeneity())
    data = face.data(SPONDYLITIS)
    fit, why = fitted_carefully(Compiled(face, data), data, seed=5, draws=2000)
    assert why is None
    found = map_predictive(SPONDYLITIS)
    mean, error = mean_and_error(fit.draws["rate"])
    assert abs(mean - found.mean()) < 4.0 * error
    for rate in (0.15, 0.25, 0.4):
        share, error = mean_and_error((fit.draws["rate"] < rate).astype(float))
        assert abs(share - float(found.below(np.array([rate]))[0])) < 4.0 * error + 1e-3
    spread, error = mean_and_error(fit.draws["between"])
    assert abs(spread - float(found.between @ found.between_weights)) < 4.0 * error


# --- the mixture of betas -----------------------------------------------------------------------


def lattice(prior: BetaMixture, points: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    logits = np.linspace(-12.0, 8.0, points)
    rates = special.expit(logits)
    density = sum(
        weight * stats.beta.pdf(rates, a, b)
        for weight, a, b in zip(prior.weights, prior.a, prior.b, strict=True)
    )
    mass = density * rates * (1.0 - rates)
    return rates, mass / mass.sum()


def test_a_mixture_of_betas_is_found_again() -> None:
    one = fitted_mixture(*lattice(BetaMixture.single(5.0, 20.0)))
    assert one.mixture.weights == (1.0,)
    assert one.mixture.a[0] == pytest.approx(5.0, rel=1e-3)
    assert one.mixture.b[0] == pytest.approx(20.0, rel=1e-3)
    two = fitted_mixture(*lattice(BetaMixture((0.7, 0.3), (30.0, 3.0), (70.0, 3.0))))
    assert len(two.mixture.weights) == 2
    assert two.mixture.weights[0] == pytest.approx(0.7, abs=0.01)
    assert two.mixture.a[0] == pytest.approx(30.0, rel=0.03)
    assert two.distance < 1e-3


@pytest.mark.slow
def test_the_fit_keeps_its_promise_about_every_event() -> None:
    predictive = map_predictive(SPONDYLITIS)
    fit = fitted_mixture(predictive.rates, predictive.weights)
    assert fit.distance <= 0.01
    assert len(fit.mixture.weights) < 5
    edges = np.linspace(0.01, 0.8, 80)
    mixture = sum(
        weight * stats.beta.cdf(edges, a, b)
        for weight, a, b in zip(fit.mixture.weights, fit.mixture.a, fit.mixture.b, strict=True)
    )
    off = np.abs(mixture - predictive.below(edges))
    assert off.max() <= fit.distance + 1e-3
    fewer = fitted_mixture(predictive.rates, predictive.weights, most=len(fit.mixture.weights) - 1)
    assert fewer.distance > 0.01
    assert fit.mixture.mean() == pytest.approx(predictive.mean(), abs=1e-3)


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 40)), min_size=1, max_size=4),
    st.sampled_from([0.3, 1.0]),
)
@settings(max_examples=6)
def test_any_controls_have_a_prior(counts: list[tuple[int, int]], between_sd: float) -> None:
    data = Historical(
        tuple(map(str, range(len(counts)))),
        tuple(r for r, _ in counts),
        tuple(r + others + 1 for r, others in counts),
    )
    predictive = map_predictive(data, Heterogeneity(between_sd=between_sd))
    fit = fitted_mixture(predictive.rates, predictive.weights, accuracy=0.02)
    assert fit.distance <= 0.06
    assert min(*fit.mixture.a, *fit.mixture.b) >= 1.0
    assert fit.mixture.mean() == pytest.approx(predictive.mean(), abs=0.03)


def test_robustified() -> None:
    prior = BetaMixture((0.4, 0.6), (4.0, 10.0), (16.0, 30.0))
    robust = robustified(prior, 0.25)
    assert robust.weights == pytest.approx((0.3, 0.45, 0.25))
    assert (robust.a[-1], robust.b[-1]) == (1.0, 1.0)
    low = robustified(prior, 0.25, mean=0.1)
    assert (low.a[-1], low.b[-1]) == (0.2, 1.8)
    assert robustified(prior, 0.0) == prior
    assert robustified(prior, 1.0) == BetaMixture.single(1.0, 1.0)
    with pytest.raises(ValueError, match="weight"):
        robustified(prior, 1.2)
    with pytest.raises(ValueError, match="mean"):
        robustified(prior, 0.2, mean=1.0)


# --- from a file to a file ----------------------------------------------------------------------


@pytest.mark.slow
def test_published_worth_of_the_published_example(tmp_path: Path) -> None:
    """RBesT prints 38 by information and 24 by moments, of a mixture fitted to draws."""
    file = tmp_path / "control.csv"
    file.write_text(TABLE, encoding="utf-8")
    found = robust_map_prior(file, weight=0.2, participants=6)
    assert expected_local_information_ratio(found.fit.mixture) == pytest.approx(38.0, abs=1.5)
    assert by_moments(found.fit.mixture) == pytest.approx(24.0, abs=1.0)
    assert expected_local_information_ratio(found.prior) == pytest.approx(27.0, abs=1.5)


@pytest.mark.slow
def test_the_text_is_a_design_files_own(tmp_path: Path) -> None:
    found = robust_map_prior(SPONDYLITIS, weight=0.2, participants=60)
    written = tomllib.loads(found.toml("dfr", "soc"))
    mixture = written["analysis"]["dfr"]["prior"]["soc"]["mixture"]
    assert math.fsum(part["weight"] for part in mixture) == pytest.approx(1.0, abs=1e-9)
    design = DESIGNS / "hello.toml"
    file = tmp_path / "with_prior.toml"
    text = design.read_text(encoding="utf-8") + "\n" + found.toml("dfr", "soc")
    file.write_text(text, encoding="utf-8")
    analysis = load_design(file).analysis_of("dfr")
    assert analysis is not None
    model = analysis.fitted(("soc", "cart"), (1.0,))
    assert model.priors[0] == found.prior
    assert "8 studies, 127 responders in 513" in found.toml().replace("\n# ", " ")
    assert "Warning" not in found.toml()
    few = robust_map_prior(SPONDYLITIS, weight=0.0, participants=6)
    assert "Warning: more is borrowed" in few.toml().replace("\n# ", " ")


@pytest.mark.slow
def test_the_same_table_gives_the_same_prior() -> None:
    assert robust_map_prior(SPONDYLITIS).toml() == robust_map_prior(SPONDYLITIS).toml()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["is empty", "study, responders, participants"]),
        ("study,responders,participants\n", ["no study"]),
        ("study;responders;participants\na;1;2\n", ["separated by semicolons"]),
        ("study,respnders,participants\na,1,2\n", ["did you mean 'responders'", "no column 'resp"]),
        ("study,responders,events,participants\na,1,1,2\n", ["found both"]),
        ("study,study,responders,participants\na,b,1,2\n", ["is there twice"]),
        (
            "study,responders,participants\na,x,2\nb,1.5,3\nb,4,3\nc,1\nd,0,0\ne,-1,4\n",
            [
                "row 2, responders: found 'x'",
                "row 3, responders: found '1.5'",
                "row 4, study: 'b' is there already",
                "row 4, responders: found 4 of 3",
                "row 5: has 2 cells",
                "row 6, participants: found 0",
                "row 7, responders: found '-1'",
            ],
        ),
    ],
)
def test_every_problem_of_a_table_is_told(text: str, words: list[str]) -> None:
    with pytest.raises(DesignError) as caught:
        parsed_historical(text, "control.csv")
    for word in words:
        assert word in str(caught.value)
    assert all(line.startswith("control.csv: ") for line in str(caught.value).splitlines())


def test_a_table_may_speak_of_events_and_begin_with_a_mark(tmp_path: Path) -> None:
    file = tmp_path / "control.csv"
    text = "\ufeffparticipants,study,events\n 20 ,Miller 2019, 3\n\n30,,4\n"
    file.write_text(text, encoding="utf-8")
    found = read_historical(file)
    assert found == Historical(("Miller 2019", "row 3"), (3, 4), (20, 30))
    file.write_bytes("study,responders,participants\nMüller,1,2\n".encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        read_historical(file)


def test_impossible_numbers_are_told_together() -> None:
    with pytest.raises(DesignError) as caught:
        robust_map_prior(SPONDYLITIS, weight=1.0, vague_mean=0.0, accuracy=2.0)
    assert [problem.path for problem in caught.value.problems] == [
        "--weight", "--vague-mean", "--accuracy",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="between_sd"):
        Heterogeneity(between_sd=0.0)
    with pytest.raises(ValueError, match="3 responders of 2"):
        Historical(("a",), (3,), (2,))


def test_a_predictive_is_a_distribution() -> None:
    found = map_predictive(SPONDYLITIS)
    assert isinstance(found, Predictive)
    assert found.weights.sum() == pytest.approx(1.0)
    assert (found.weights >= 0.0).all()
    assert found.between_weights.sum() == pytest.approx(1.0)
