"""Logistic posteriors against brute force, written from the statement of the models.

Given the parameters that strata share, strata are independent: so the slow answer is a dense sum
over the shared parameters of products of dense sums over each stratum's own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import special, stats

from adaptive_cart.models.strata.hierarchical_logistic import HierarchicalLogistic
from adaptive_cart.models.strata.logistic import Logistic
from adaptive_cart.models.strata.logistic_analysis import StrataPosterior
from adaptive_cart.models.strata.strata_approximation import Normal
from adaptive_cart.nouns.questions import Question

Floats = npt.NDArray[np.float64]
LOGISTIC = Logistic(Normal(-2.0, 1.0), Normal(0.0, 1.5), Normal(0.0, 0.7), Normal(0.0, 0.7))
BASKET = HierarchicalLogistic(Normal(-2.0, 1.0), Normal(0.0, 1.5), 0.5)
TOLERANCE = 0.002
# (successes, totals), each (arm, stratum)
TABLES = {
    "usual": ([[2, 3], [12, 6]], [[30, 20], [30, 20]]),
    "empty cell": ([[0, 1], [9, 0]], [[25, 15], [25, 0]]),
    "no events": ([[0, 0], [0, 0]], [[20, 14], [21, 13]]),
    "all events": ([[20, 14], [21, 13]], [[20, 14], [21, 13]]),
    "control of 2%": ([[1, 0], [24, 3]], [[50, 30], [50, 30]]),
    "one participant": ([[0, 0], [1, 0]], [[0, 0], [1, 0]]),
    "large": ([[20, 8], [90, 12]], [[150, 100], [150, 100]]),
}
NODES = 71
FINE = 500


def likelihood(logit: Floats, successes: int, total: int) -> Floats:
    return np.exp(
        successes * special.log_expit(logit) + (total - successes) * special.log_expit(-logit)
    )


def grid(mean: float, sd: float, number: int, reach: float = 6.0) -> tuple[Floats, Floats]:
    """Midpoints and prior weights of a normal."""
    edges = np.linspace(mean - reach * sd, mean + reach * sd, number + 1)
    at = 0.5 * (edges[1:] + edges[:-1])
    weight = stats.norm.pdf(at, mean, sd)
    return at, weight / weight.sum()


def logistic_pieces(model: Logistic, x: Floats, n: Floats, margin: float) -> tuple[Floats, Floats]:
    """L_s and L_s with p1 - p0 > margin, at every (alpha, beta): (stratum, alpha, beta) each."""
    alpha, _ = grid(model.intercept.mean, model.intercept.sd, NODES)
    beta, _ = grid(model.treatment.mean, model.treatment.sd, NODES)
    wide0 = np.hypot(model.intercept.sd, model.stratum.sd)
    wide1 = np.hypot(model.treatment.sd, model.interaction.sd)
    l0, _ = grid(model.intercept.mean + model.stratum.mean, wide0, FINE)
    delta, _ = grid(model.treatment.mean + model.interaction.mean, wide1, FINE)
    prior0 = stats.norm.pdf(l0[None], alpha[:, None] + model.stratum.mean, model.stratum.sd)
    prior1 = stats.norm.pdf(
        delta[None], beta[:, None] + model.interaction.mean, model.interaction.sd
    )
    l1 = l0[:, None] + delta[None]
    beyond = special.expit(l1) - special.expit(l0)[:, None] > margin
    plain, cut = [], []
    for s in range(x.shape[1]):
        cell = likelihood(l0, x[0, s], n[0, s])[:, None] * likelihood(l1, x[1, s], n[1, s])
        cell /= cell.max()
        plain.append(prior0 @ cell @ prior1.T)
        cut.append(prior0 @ (cell * beyond) @ prior1.T)
    return np.stack(plain), np.stack(cut)


def slow_logistic(x: Floats, n: Floats, margin: float, stratum: int) -> float:
    _, first = grid(LOGISTIC.intercept.mean, LOGISTIC.intercept.sd, NODES)
    _, second = grid(LOGISTIC.treatment.mean, LOGISTIC.treatment.sd, NODES)
    weight = first[:, None] * second
    plain, cut = logistic_pieces(LOGISTIC, x, n, margin)
    others = np.prod(np.delete(plain, stratum, axis=0), axis=0)
    return float((weight * others * cut[stratum]).sum() / (weight * others * plain[stratum]).sum())


def slow_basket(x: Floats, n: Floats, margin: float, stratum: int) -> float:
    mu, weight_mu = grid(BASKET.effect_mean.mean, BASKET.effect_mean.sd, 61)
    edges = np.linspace(0.0, 4.5 * BASKET.effect_sd, 41)
    tau = 0.5 * (edges[1:] + edges[:-1])
    weight_tau = stats.halfnorm.pdf(tau, scale=BASKET.effect_sd)
    z, weight_z = grid(0.0, 1.0, 61, 5.0)
    l0, weight_0 = grid(BASKET.control_logit.mean, BASKET.control_logit.sd, 241)
    total, inside = 0.0, 0.0
    for t, wt in zip(tau, weight_tau, strict=True):
        delta = mu[:, None] + t * z  # (mu, z)
        plain, cut = [], []
        for s in range(x.shape[1]):
            control = likelihood(l0, x[0, s], n[0, s]) * weight_0
            l1 = l0[:, None, None] + delta[None]
            cell = likelihood(l1, x[1, s], n[1, s]) * control[:, None, None]
            beyond = special.expit(l1) - special.expit(l0)[:, None, None] > margin
            plain.append((cell * weight_z).sum(axis=(0, 2)))
            cut.append((cell * beyond * weight_z).sum(axis=(0, 2)))
        others = np.prod(np.delete(np.stack(plain), stratum, axis=0), axis=0)
        total += wt * float((weight_mu * others * plain[stratum]).sum())
        inside += wt * float((weight_mu * others * cut[stratum]).sum())
    return inside / total


def arrays(name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    successes, totals = TABLES[name]
    return np.array([successes]), np.array([totals])


@pytest.mark.parametrize("name", TABLES)
def test_logistic(name: str) -> None:
    x, n = arrays(name)
    posterior = LOGISTIC.posterior(x, n)
    assert not posterior.failed.any()
    for stratum, margin in ((0, 0.0), (1, 0.1)):
        fast = posterior.difference_above(margin, np.eye(2)[stratum])[0]
        assert abs(fast - slow_logistic(x[0], n[0], margin, stratum)) < TOLERANCE


@pytest.mark.parametrize("name", TABLES)
def test_what_lies_beyond_an_end_of_an_interval(name: str) -> None:
    """The ends are of draws: of 3,200 of random tables none was off by more than 0.0045."""
    x, n = arrays(name)
    posterior = StrataPosterior(LOGISTIC.posterior(x, n), (0.5, 0.5), None)
    low, high = posterior.limits(Question("dfr", 1, 0, stratum=0), 0.95)
    for end, above in ((low[0], 0.975), (high[0], 0.025)):
        slow = slow_logistic(x[0], n[0], float(end), 0)
        assert abs(slow - above) < StrataPosterior.limit_error


@pytest.mark.slow  # the slow calculation takes ten seconds a table
@pytest.mark.parametrize("name", TABLES)
def test_hierarchical_logistic(name: str) -> None:
    x, n = arrays(name)
    posterior = BASKET.posterior(x, n)
    assert not posterior.failed.any()
    for stratum, margin in ((0, 0.0), (1, 0.1)):
        fast = posterior.difference_above(margin, np.eye(2)[stratum])[0]
        assert abs(fast - slow_basket(x[0], n[0], margin, stratum)) < TOLERANCE


@pytest.mark.parametrize("model", [LOGISTIC, BASKET], ids=["logistic", "hierarchical"])
def test_the_average_over_strata(model: Logistic | HierarchicalLogistic) -> None:
    """By importance weights: draws from the prior, weighted with their likelihood."""
    x, n = np.array([[[1, 2], [5, 2]]]), np.array([[[9, 7], [9, 7]]])
    weights = np.array([0.6, 0.4])
    generator = np.random.default_rng(4)
    draws = 2_000_000
    if isinstance(model, Logistic):
        level = generator.normal(-2.0, 1.0, draws)[:, None] + generator.normal(0, 0.7, (draws, 2))
        effect = generator.normal(0.0, 1.5, draws)[:, None] + generator.normal(0, 0.7, (draws, 2))
    else:
        level = generator.normal(-2.0, 1.0, (draws, 2))
        sd = np.abs(generator.normal(0.0, 0.5, draws))[:, None]
        mean = generator.normal(0.0, 1.5, draws)[:, None]
        effect = mean + sd * generator.normal(size=(draws, 2))
    weight = np.ones(draws)
    for s in (0, 1):
        weight *= likelihood(level[:, s], x[0, 0, s], n[0, 0, s])
        weight *= likelihood(level[:, s] + effect[:, s], x[0, 1, s], n[0, 1, s])
    weight /= weight.sum()
    difference = (special.expit(level + effect) - special.expit(level)) @ weights
    effective = 1.0 / (weight**2).sum()
    posterior = model.posterior(x, n)
    for margin in (0.0, 0.15, 0.3):
        slow = float(weight[difference > margin].sum())
        mcse = np.sqrt(slow * (1.0 - slow) / effective)
        assert abs(posterior.difference_above(margin, weights)[0] - slow) < 5 * mcse + TOLERANCE / 4
    spread = np.sqrt((weight * (difference - difference @ weight) ** 2).sum() / effective)
    assert abs(posterior.difference_mean(weights)[0] - difference @ weight) < 5 * spread


def slow_average(model: HierarchicalLogistic, x: Floats, n: Floats, margin: float) -> float:
    """P(mean difference of all strata > margin): given mu and tau, strata are convolved in bins."""
    strata, bins = x.shape[1], 1000
    l0, weight_0 = grid(model.control_logit.mean, model.control_logit.sd, 401)
    delta = np.linspace(-4.0, 4.0, 401)
    difference = special.expit(l0[:, None] + delta) - special.expit(l0)[:, None]
    place = (difference + 1.0) * (bins / 2)
    left = place.astype(np.int64)
    bin_of = left + np.arange(delta.size) * (bins + 1)
    size = strata * bins + 1
    waves = []  # of each stratum's difference given its log-odds ratio, times their likelihood
    for s in range(strata):
        cell = likelihood(l0[:, None] + delta, x[1, s], n[1, s])
        cell *= (likelihood(l0, x[0, s], n[0, s]) * weight_0)[:, None]
        shares = np.zeros(delta.size * (bins + 1))
        for to, share in ((bin_of, 1.0 - (place - left)), (bin_of + 1, place - left)):
            shares += np.bincount(to.ravel(), (cell * share).ravel(), shares.size)
        shares /= shares.max()
        waves.append(np.fft.rfft(shares.reshape(delta.size, bins + 1), size))
    mu = np.linspace(-2.0, 2.0, 61)  # where the tables below leave it
    tau = (np.arange(40) + 0.5) / 40 * 9.0 * model.effect_sd
    wave = np.zeros(size // 2 + 1, dtype=np.complex128)
    for t in tau:
        kernel = stats.norm.pdf(delta, mu[:, None], t)
        weight = stats.norm.pdf(mu, model.effect_mean.mean, model.effect_mean.sd)
        joint = np.prod([kernel @ each for each in waves], axis=0)
        wave += stats.halfnorm.pdf(t, scale=model.effect_sd) * (weight @ joint)
    density = np.fft.irfft(wave, size)
    value = np.arange(size) * 2.0 / bins - strata
    half = 0.5 * density[np.isclose(value, strata * margin)].sum()  # the bin that is cut
    return float((density[value > strata * margin + 1e-9].sum() + half) / density.sum())


@pytest.mark.slow
def test_the_average_of_strata_in_conflict_that_hardly_may_differ() -> None:
    """Responders of 22%, 60%, 79%, 50% and 31% pull at one effect through a narrow prior."""
    model = HierarchicalLogistic(Normal(-2.0, 1.0), Normal(0.0, 1.5), 0.1)
    x = np.array([[11, 8, 25, 14, 14], [13, 9, 4, 11, 15]])
    n = np.array([[22, 57, 29, 42, 44], [33, 23, 5, 22, 49]])
    fast = model.posterior(x[None], n[None]).difference_above(0.1, np.full(5, 0.2))[0]
    assert abs(fast - slow_average(model, x, n, 0.1)) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("model", [LOGISTIC, BASKET], ids=["logistic", "hierarchical"])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_an_interval_covers_what_lies_between_its_ends(
    model: Logistic | HierarchicalLogistic, level: float
) -> None:
    """A value near the mean is taken as covered unasked: here every value is asked."""
    x = np.concatenate([arrays(name)[0] for name in TABLES])
    n = np.concatenate([arrays(name)[1] for name in TABLES])
    posterior = model.posterior(x, n)
    seen = set()
    for weights in (np.array([0.6, 0.4]), np.array([1.0, 0.0]), np.array([0.0, 1.0])):
        for value in np.linspace(-0.3, 0.9, 25):
            above = posterior.difference_above(value, weights)
            inside = (above >= 0.5 - level / 2) & (above <= 0.5 + level / 2)
            covered = posterior.difference_covers(value, weights, level)
            assert (covered == inside).all(), (value, weights)
            above = posterior.arm_above(1, value, weights)
            inside = (above >= 0.5 - level / 2) & (above <= 0.5 + level / 2)
            assert (posterior.arm_covers(1, value, weights, level) == inside).all()
            seen.update(covered.tolist())
    assert seen == {True, False}


@pytest.mark.parametrize("model", [LOGISTIC, BASKET], ids=["logistic", "hierarchical"])
def test_an_answer_does_not_depend_on_the_batch(model: Logistic | HierarchicalLogistic) -> None:
    x = np.concatenate([arrays(name)[0] for name in TABLES])
    n = np.concatenate([arrays(name)[1] for name in TABLES])
    weights = np.array([0.6, 0.4])
    together = model.posterior(x, n)
    for table in range(len(x)):
        alone = model.posterior(x[table : table + 1], n[table : table + 1])
        for margin in (0.0, 0.1):
            assert (
                alone.difference_above(margin, weights)[0]
                == together.difference_above(margin, weights)[table]
            )
        assert alone.difference_mean(weights)[0] == together.difference_mean(weights)[table]
