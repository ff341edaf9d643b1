"""Posteriors by stratum: compiled loops against arrays, and both against sums written plainly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import special, stats

from adaptive_cart.models.base import within_tails
from adaptive_cart.models.strata import strata_cut, strata_loops
from adaptive_cart.models.strata.hierarchical_logistic import HierarchicalLogistic
from adaptive_cart.models.strata.logistic import Logistic
from adaptive_cart.models.strata.strata_approximation import Normal
from adaptive_cart.models.strata.strata_kernels import NARROWEST
from adaptive_cart.models.strata.strata_lattice import Block
from adaptive_cart.models.strata.strata_posterior import ENDS, Posterior

Floats = npt.NDArray[np.float64]
Model = Logistic | HierarchicalLogistic

LOGISTIC = Logistic(Normal(-2.0, 1.0), Normal(0.0, 1.5), Normal(0.0, 0.7), Normal(0.0, 0.7))
BASKET = HierarchicalLogistic(Normal(-2.0, 1.0), Normal(0.0, 1.5), 0.5)
NARROW = HierarchicalLogistic(Normal(-2.0, 1.0), Normal(0.0, 1.5), 0.1)
NEVER = 10**12


def drawn(number: int, strata: int, most: int = 60) -> tuple[npt.NDArray[np.int64], ...]:
    rng = np.random.default_rng(number + strata)
    totals = rng.integers(0, most, (number, 2, strata))
    return rng.binomial(totals, rng.uniform(0.0, 0.8, (number, 2, strata))), totals


def answers(posterior: Posterior, strata: int) -> list[Floats]:
    """Everything that is asked of a posterior."""
    shares = np.arange(1.0, strata + 1.0)
    shares /= shares.sum()
    found = []
    for weights in (shares, np.eye(strata)[0], np.eye(strata)[-1]):
        for value in (0.0, 0.1, -0.05, 0.9):
            found.append(posterior.difference_above(value, weights))
        for arm, value in ((0, 0.1), (1, 0.3), (1, 0.0)):
            found.append(posterior.arm_above(arm, value, weights))
        found.append(posterior.difference_mean(weights))
        found.append(posterior.difference_covers(0.05, weights, 0.95).astype(np.float64))
    found.append(posterior.draws(np.linspace(0.02, 0.98, 1 + 2 * strata)[:, None]).ravel())
    return found


def asked(monkeypatch: pytest.MonkeyPatch, worth: int, number: int) -> list[Floats]:
    """Answers of all models, by arrays or by loops."""
    monkeypatch.setattr(strata_loops.LOOPS, "worth", worth)
    monkeypatch.setattr(strata_loops.LOOPS, "steps", 0)
    found: list[Floats] = []
    for model, strata in ((LOGISTIC, 2), (BASKET, 3), (NARROW, 2)):
        found += answers(model.posterior(*drawn(number, strata)), strata)
    return found


def the_same(first: list[Floats], second: list[Floats]) -> None:
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_loops_and_arrays_are_the_same_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each loop as Python runs it, on a table or two of every kind."""
    x, n = drawn(1, 2, 12)
    model = Logistic(Normal(-2.0, 1.0), Normal(0.0, 0.3), Normal(0.0, 0.7), Normal(0.0, 0.3))
    shares = np.array([0.4, 0.6])

    def found() -> list[Floats]:
        posterior = model.posterior(x, n)
        return [
            posterior.difference_above(0.1, shares),
            posterior.difference_above(0.1, np.eye(2)[1]),
            posterior.difference_above(0.0, np.eye(2)[0]),
        ]

    loops = strata_loops.LOOPS
    monkeypatch.setattr(loops, "worth", NEVER)
    expected = found()
    monkeypatch.setattr("adaptive_cart.nouns.compiled.THERE", True)
    monkeypatch.setitem(loops.__dict__, "compiled", loops.loops)
    monkeypatch.setattr(loops, "worth", 0)
    the_same(found(), expected)


@pytest.mark.slow
def test_compiled_loops_and_arrays_are_the_same_to_the_last_bit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("numba")
    expected = asked(monkeypatch, NEVER, 50)
    assert all(np.isfinite(each).all() for each in expected)
    the_same(asked(monkeypatch, 0, 50), expected)
    the_same(asked(monkeypatch, 90, 50), expected)  # from one to the other in the middle


def density(point: Floats, centre: float, sd: float, step: float) -> Floats:
    """A conditional prior on a lattice: one that is too narrow for it is widened.

    Then the variance that is too much is taken back: exp(-v D^2 / 2) applied to a normal density,
    D being the derivative, to fourth order in v, by Hermite polynomials.
    """
    wide = max(sd, NARROWEST * step)
    z = (point - centre) / wide
    q = 1.0 - (sd / wide) ** 2
    hermite = np.polynomial.hermite_e.hermeval
    factor = sum(
        (-q / 2.0) ** k / special.factorial(k) * hermite(z, [0] * (2 * k) + [1]) for k in range(5)
    )
    return np.exp(-0.5 * z**2) / wide * factor


def slow_difference(block: Block, table: int, x: Floats, n: Floats, s: int, value: float) -> float:
    """P(risk difference of a stratum > value): every node, every pair of logits, one by one."""
    nodes, lattice = block.nodes, block.lattice
    strata = x.shape[1]
    outer, inner = nodes.weight.shape[1:]
    sds = np.broadcast_to(nodes.effect_sd[table], (outer, inner))
    plain, cut = np.zeros((strata, outer, inner)), np.zeros((outer, inner))
    for t in range(strata):
        step = lattice.step[table, t]
        l0 = lattice.control[table, t] + step * np.arange(block.rows)
        delta = lattice.effect[table, t] + step * np.arange(block.columns)
        l1 = l0[:, None] + delta
        cell = special.xlog1py(n[0, t] - x[0, t], -special.expit(l0)) + special.xlogy(
            x[0, t], special.expit(l0)
        )
        log = special.xlogy(x[1, t], special.expit(l1))
        log = log + special.xlog1py(n[1, t] - x[1, t], -special.expit(l1)) + cell[:, None]
        cell = np.exp(log - log.max())
        for o in range(outer):
            sd = nodes.control_sd[table, 0]
            own = density(l0, nodes.control_centre[table, o], sd, step)
            for i in range(inner):
                other = density(delta, nodes.effect_centre[table, o, i], sds[o, i], step)
                plain[t, o, i] = own @ cell @ other
                if t == s:
                    cut[o, i] = own @ (cell * beyond(l0, delta, step, value)) @ other
        plain[t] /= (scale := plain[t].max())
        if t == s:
            cut /= scale
    rest = nodes.weight[table] * np.prod(np.delete(plain, s, axis=0), axis=0)
    found = float((rest * cut).sum() / (rest * plain[s]).sum())
    return min(max(found, 0.0), 1.0)  # a band-limited step overshoots


def step_at(distance: Floats) -> Floats:
    """The band-limited step, so many lattice steps above the threshold, damped, to 1/2,048 step."""
    at = np.floor(np.clip(distance, -40.0, 40.0) * 2048 + 0.5) / 2048
    ripple = 0.5 + special.sici(np.pi * at)[0] / np.pi - (at > 0.0)
    found = (at > 0.0) + ripple * np.exp(-((at / 9.0) ** 2))
    return np.where(at <= -32.0, 0.0, np.where(at >= 32.0, 1.0, found))


def beyond(l0: Floats, delta: Floats, step: float, value: float) -> Floats:
    """Cut of pairs of logits at a risk difference, by row passing into that by column."""
    l1 = l0[:, None] + delta
    with np.errstate(invalid="ignore", divide="ignore"):
        rise = special.logit(np.clip(special.expit(l0) + value, 0.0, 1.0))
        fall = special.logit(np.clip(special.expit(l1) - value, 0.0, 1.0))
    by_row = step_at((l1 - rise[:, None]) / step)
    if value == 0.0:
        return by_row
    by_column = step_at((fall - l0[:, None]) / step)
    share = special.ndtr(-np.sign(value) * (l0[:, None] + l1) / step / strata_cut.BLEND)
    return share * by_row + (1.0 - share) * by_column


@pytest.mark.parametrize(
    ("model", "strata", "number"), [(LOGISTIC, 2, 2), (BASKET, 3, 1), (NARROW, 2, 1)]
)
def test_sums_are_what_plain_sums_over_the_same_nodes_are(
    model: Model, strata: int, number: int
) -> None:
    """In single precision they were off by 1e-7, and by 7e-5 where an arm has nobody."""
    x, n = drawn(number, strata, 40)
    posterior = model.posterior(x, n)
    worst = 0.0
    for value, s in ((0.0, 0), (0.1, strata - 1), (-0.07, 0)):
        fast = posterior.difference_above(value, np.eye(strata)[s])
        for block, _ in posterior._blocks:
            for place, table in enumerate(block.tables):
                slow = slow_difference(block, place, x[table], n[table], s, value)
                worst = max(worst, abs(slow - fast[table]))
    assert worst < 1e-11


@pytest.mark.parametrize(("level", "end", "nearer"), ENDS)
def test_intervals_of_gamma_distributions_end_no_nearer(
    level: float, end: float, nearer: float
) -> None:
    skewness = np.linspace(0.01, 4.0, 400)
    shape = 4.0 / skewness**2
    tails = np.array([[0.5 - level / 2.0], [0.5 + level / 2.0]])
    ends = np.abs(stats.gamma.ppf(tails, shape) - shape) / np.sqrt(shape)
    spare = ends.min(axis=0) - (end - nearer * skewness)
    inside = end > nearer * skewness  # further out nothing is said
    assert 0.0 < spare[inside].min() < 0.05


@pytest.mark.parametrize(("model", "strata"), [(LOGISTIC, 2), (NARROW, 2)])
def test_what_an_interval_plainly_covers_is_what_the_probability_says(
    model: Model, strata: int
) -> None:
    posterior = model.posterior(*drawn(30, strata))
    for weights in (np.full(strata, 1.0 / strata), np.eye(strata)[0]):
        for value in (-0.1, 0.2):
            above = posterior.difference_above(value, weights)
            for level in (0.5, 0.9, 0.949, 0.95, 0.99):
                found = posterior.difference_covers(value, weights, level)
                np.testing.assert_array_equal(found, within_tails(above, level))
