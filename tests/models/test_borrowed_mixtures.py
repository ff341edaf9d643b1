"""Robust MAP, self-adapting and commensurate priors of rates and hazards, from their definitions.

Each twin integrates what the documents say, on grids of its own, and knows nothing of mixtures of
gammas but where these are printed and are the prior.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

import adaptive_cart as ac
from adaptive_cart.design.design import Design
from adaptive_cart.models.base import holds
from adaptive_cart.models.mixture_fit import ACCURACY
from adaptive_cart.models.rates.between_rates import (
    WIDEST,
    Between,
    HalfCauchy,
    HalfNormal,
    SpikeAndSlab,
)
from adaptive_cart.models.rates.gamma_mixture import GammaMixture, conflict
from adaptive_cart.models.rates.gamma_mixture_fit import fitted_mixture
from adaptive_cart.models.rates.log_rates import Seen, commensurate, meta_analytic
from adaptive_cart.nouns.questions import Question
from adaptive_cart.running.run import simulate
from adaptive_cart.telling.check import described
from design.test_bad_input import changed, found
from models.test_borrowed_numbers import (
    EVENTS,
    MONTHS,
    SEEN,
    Table,
    below,
    borrowing,
    hazards,
    no_likelier,
    rates,
    seen_of,
)

SPIKE = {"spike": 200.0, "slab": [0.1, 2.0], "weight": 0.8}
METHODS: dict[str, Table] = {
    "robust_map": {"weight": 0.7, "heterogeneity": 0.5},
    "sam": {},
    "commensurate": {"heterogeneity": 0.4},
}


def how_of(method: str, make: Any) -> Table:
    apart = {"ratio": 1.5} if make is hazards else {"difference": 0.3}
    extra = apart if method == "sam" else {}
    return {"external": ["registry"], "method": method} | METHODS[method] | extra


# ── what external data say of the arm's own rate ──────────────────────────────────────────────
def spread_of(between: Between) -> tuple[Any, Any]:
    """Standard deviations and their probabilities, on a grid fine in the logarithm."""
    sd = np.exp(np.linspace(math.log(1e-4), math.log(12.0), 700))
    step = np.gradient(sd)
    if isinstance(between, HalfNormal):
        mass = stats.halfnorm(scale=between.scale).pdf(sd) * step
    elif isinstance(between, HalfCauchy):
        mass = stats.halfcauchy(scale=between.scale).pdf(sd) * step * (sd < WIDEST)
    else:
        assert isinstance(between, SpikeAndSlab)
        low, high = between.slab
        sd = 1.0 / np.sqrt(np.append(np.linspace(low, high, 701), between.spike))
        mass = np.append(np.full(701, (1.0 - between.weight) / 701), between.weight)
    return sd, mass / mass.sum()


@pytest.mark.parametrize(
    "between", [HalfNormal(0.4), HalfCauchy(0.3), SpikeAndSlab(200.0, (0.1, 2.0), 0.8)]
)
@pytest.mark.parametrize("events", [90.0, 4.0])
def test_a_commensurate_prior_is_centred_at_the_external_rate(
    between: Between, events: float
) -> None:
    """Log rates are drawn out over a grid of the external rate and of the spread between them."""
    own, seen = Seen(0.5, 5.0), Seen(events, 20.0 * events)
    law = commensurate((seen,), own, between)
    gamma = stats.gamma(0.5 + events, scale=1.0 / (5.0 + seen.exposure))
    external = np.log(gamma.ppf((np.arange(500) + 0.5) / 500))
    sd, mass = spread_of(between)
    for ratio in (0.3, 0.8, 1.0, 1.3, 4.0):
        log = math.log(ratio / 20.0)
        apart = stats.norm.cdf((log - external[None, :]) / sd[:, None]).mean(axis=1)
        assert law.below(log) == pytest.approx(float(mass @ apart), abs=1e-3)


def test_a_meta_analysis_predicts_the_next_rate() -> None:
    """The joint posterior of centre and spread on a grid, each source's own rate integrated."""
    sources = (Seen(40.0, 60.0), Seen(9.0, 30.0), Seen(0.0, 2.0))
    law = meta_analytic(sources, HalfNormal(0.6))
    centre = np.linspace(-6.0, 4.0, 201)
    sd, mass = spread_of(HalfNormal(0.6))
    sd, mass = sd[60::3], mass[60::3]
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    at = centre[:, None, None] + sd[:, None] * nodes
    joint = np.ones((len(centre), len(sd)))
    for one in sources:
        joint *= (stats.poisson(np.exp(at) * one.exposure).pmf(one.events) * weights).sum(axis=-1)
    joint *= mass
    joint /= joint.sum()
    for log in (-2.0, -1.0, -0.6, -0.3, 0.0, 0.7):
        expected = float((joint * stats.norm.cdf((log - centre[:, None]) / sd)).sum())
        assert law.below(log) == pytest.approx(expected, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("between", [HalfNormal(0.5), SpikeAndSlab(200.0, (0.1, 2.0), 0.8)])
def test_twice_the_points_move_nothing(between: Between) -> None:
    for events in (3.0, 400.0):
        sources = (Seen(events, 10.0), Seen(2.0 * events, 15.0))
        for law, finer in (
            (meta_analytic(sources, between), meta_analytic(sources, between, 2)),
            (
                commensurate(sources, Seen(0.5, 0.5), between),
                commensurate(sources, Seen(0.5, 0.5), between, 2),
            ),
        ):
            for ratio in (0.4, 0.9, 1.0, 1.1, 3.0):
                log = math.log(events * 3.0 / 25.0 * ratio)
                assert law.below(log) == pytest.approx(finer.below(log), abs=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("events", [1.0, 12.0, 90.0, 1000.0])
@pytest.mark.parametrize(
    "between",
    [HalfNormal(0.2), HalfNormal(0.5), HalfNormal(1.0), SpikeAndSlab(200.0, (0.1, 2.0), 0.8)],
)
def test_a_mixture_of_gammas_is_near_and_says_how_near(between: Between, events: float) -> None:
    law = commensurate((Seen(events, 20.0 * events),), Seen(0.5, 5.0), between)
    fit = fitted_mixture(law)
    mixture = fit.mixture
    assert fit.distance <= ACCURACY
    at = np.exp(law.logs)
    parts = zip(mixture.weights, mixture.a, mixture.b, strict=True)
    density = sum(w * stats.gamma(a, scale=1.0 / b).pdf(at) * at for w, a, b in parts)
    step = law.logs[1] - law.logs[0]
    distance = 0.5 * float(np.abs(density - law.weights / step).sum() * step)
    assert distance == pytest.approx(fit.distance, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("seen", [(8, 160.0), (24, 160.0), (2, 160.0), (60, 240.0)])
def test_answers_by_the_mixture_are_near_those_of_the_definition(seen: tuple[int, float]) -> None:
    """The control's hazard after data that agree with the external ones, and that do not."""
    law = commensurate((Seen(EVENTS, MONTHS),), Seen(0.5, 5.0), HalfNormal(0.4))
    mixture = fitted_mixture(law).mixture
    events, months = seen
    logs = np.log(law.weights) + events * law.logs - months * np.exp(law.logs)
    exact = np.exp(logs - logs.max())
    exact /= exact.sum()
    at = np.exp(law.logs)
    parts = zip(mixture.weights, mixture.a, mixture.b, strict=True)
    prior = sum(w * stats.gamma(a, scale=1.0 / b).pdf(at) * at for w, a, b in parts)
    ours = prior * np.exp(events * law.logs - months * at)
    ours /= ours.sum()
    assert np.abs(np.cumsum(exact) - np.cumsum(ours)).max() < 0.015


# ── posteriors ────────────────────────────────────────────────────────────────────────────────
def density_of(mixture: GammaMixture, events: float, exposure: float, at: Any) -> Any:
    """Prior density of a rate; of a self-adapting one with weights by two Poisson likelihoods."""
    weights = list(mixture.weights)
    if mixture.adapts:
        same, above, less = (stats.poisson.logpmf(events, r * exposure) for r in mixture.rates)
        ratio = math.exp(same - max(above, less))
        informative = ratio / (1.0 + ratio)
        weights = [2.0 * informative * w for w in weights[:-1]] + [1.0 - informative]
    parts = zip(weights, mixture.a, mixture.b, strict=True)
    return sum(w * stats.gamma(a, scale=1.0 / b).pdf(at) for w, a, b in parts)


SLOWER = [pytest.param("robust_map", marks=pytest.mark.slow), "sam", "commensurate"]


@pytest.mark.parametrize("method", SLOWER)
def test_a_hazard_ratio_beside_a_control_that_borrows(method: str) -> None:
    raw = borrowing(hazards(), how_of(method, hazards))
    analysis, fitted, summary = seen_of(raw)
    prior = analysis.borrowed(("soc", "cart"))["soc"]
    mixture = prior.as_mixture
    asked = Question("fl", 1, 0, value=1.0, above=False, kind="hazard_ratio")
    posterior = analysis.posterior(fitted, summary, None)
    answer, mean, drawn = (
        posterior.probability(asked),
        posterior.mean(asked),
        posterior.drawn(asked),
    )
    left = Question("fl", 0, value=0.5, kind="remaining", month=12.0)
    remaining = posterior.drawn(left)
    added = prior.added(0, summary)
    log_hazard = np.linspace(-9.0, 1.0, 1_001)[:, None]
    beta = np.linspace(-6.0, 6.0, 1_201)[None, :]
    for trial in (0, 3):
        (x, t), (y, u) = (
            (float(summary.events[trial, arm].sum()), float(summary.exposure[trial, arm].sum()))
            for arm in (0, 1)
        )
        hazard = np.exp(log_hazard)
        logs = np.log(density_of(mixture, x, t, hazard) * hazard)
        logs = logs + x * log_hazard - t * hazard - 0.5 * beta**2
        logs = logs + y * (log_hazard + beta) - u * np.exp(log_hazard + beta)
        mass = np.exp(logs - logs.max())
        by_ratio = mass.sum(axis=0)
        expected = integrate.simpson(by_ratio[:601]) / integrate.simpson(by_ratio)
        assert answer[trial] == pytest.approx(expected, abs=1e-8)
        level = float((by_ratio @ np.exp(beta[0])) / by_ratio.sum())
        assert mean[trial] == pytest.approx(level, rel=1e-5)
        assert float((drawn[trial] < 1.0).mean()) == pytest.approx(expected, abs=0.01)
        by_hazard = mass.sum(axis=1)
        gone = float(by_hazard @ np.exp(-12.0 * hazard[:, 0]) / by_hazard.sum())
        assert float(remaining[trial].mean()) == pytest.approx(gone, abs=0.005)
        # what is added, from the control's own data alone
        log = np.linspace(-40.0, 1.0, 20_001)
        at = np.exp(log)
        alone = density_of(mixture, x, t, at) * at * np.exp(x * log - t * at)
        alone /= alone.sum()
        level = float(alone @ at)
        size = level / (float(alone @ at**2) - level**2) - (5.0 + t)
        followed = t / summary.participants[trial, 0].sum()
        assert added.participants[trial] == pytest.approx(size / followed, rel=1e-4, abs=1e-3)
    assert len({float(p) for p in answer}) > 3


@pytest.mark.parametrize("method", SLOWER)
def test_a_rate_beside_a_control_that_borrows(method: str) -> None:
    raw = borrowing(rates(), how_of(method, rates))
    analysis, fitted, summary = seen_of(raw)
    prior = analysis.borrowed(("soc", "cart"))["soc"]
    mixture = prior.as_mixture
    answer = analysis.posterior(fitted, summary, None).probability(
        Question("inf", 1, 0, value=0.0, above=False)
    )
    added = prior.added(0, summary)
    for trial in (0, 3):
        (x, n), (y, m) = (
            (int(summary.events[trial, arm].sum()), float(summary.years[trial, arm].sum()))
            for arm in (0, 1)
        )
        weights = list(mixture.weights)
        if mixture.adapts:
            same, above, less = (stats.poisson.logpmf(x, r * n) for r in mixture.rates)
            ratio = math.exp(same - max(above, less))
            weights = [ratio / (1.0 + ratio), 1.0 / (1.0 + ratio)]
        cart = stats.gamma(0.5 + y, scale=1.0 / (0.5 + m))
        likely, lower = [], []
        for w, a, b in zip(weights, mixture.a, mixture.b, strict=True):
            likely.append(w * stats.nbinom(a, b / (b + n)).pmf(x))
            lower.append(below(cart, stats.gamma(a + x, scale=1.0 / (b + n))))
        expected = math.fsum(p * q for p, q in zip(likely, lower, strict=True)) / math.fsum(likely)
        assert answer[trial] == pytest.approx(expected, abs=1e-9)
        mass = np.zeros(20_000)
        informative = prior.informative
        for w, a, b in zip(informative.weights, informative.a, informative.b, strict=True):
            mass += w * stats.nbinom(a, b / (b + n)).pmf(np.arange(20_000))
        beyond = 1.0 - mass.sum() if mass[-1] < mass[x] else math.nan
        p = float(mass[mass <= mass[x] * (1.0 + 1e-9)].sum() + beyond)
        assert added.conflict[trial] == pytest.approx(p, abs=1e-9)


def test_the_weight_of_a_self_adapting_mixture_falls_with_what_contradicts_it() -> None:
    raw = borrowing(hazards(), how_of("sam", hazards))
    analysis, *_ = seen_of(raw)
    prior = analysis.borrowed(("soc", "cart"))["soc"]
    rate, above, less = prior.as_mixture.rates
    assert (above / rate, less / rate) == pytest.approx((1.5, 1 / 1.5))
    assert rate == pytest.approx((EVENTS + 0.5) / (MONTHS + 5.0), rel=0.01)
    months = 200.0
    weights = [
        float(np.exp(prior.as_mixture.log_weights(np.array([x]), np.array([months]))[0, 0]))
        for x in (10, 16, 30)
    ]
    assert weights[0] > 0.6 > weights[1] > weights[2]
    assert weights[2] < 1e-3


def test_numbers_far_beyond_what_is_expected_have_a_p_value() -> None:
    """A tail without end: what the numbers that are likelier leave."""
    prior = GammaMixture((0.9, 0.1), (50.0, 0.1), (100.0, 1e-7))
    (ours,) = conflict(prior, np.array([40.0]), np.array([20.0]))
    number = np.arange(100_000)
    mass = sum(
        w * stats.nbinom(a, b / (b + 20.0)).pmf(number)
        for w, a, b in zip(prior.weights, prior.a, prior.b, strict=True)
    )
    assert ours == pytest.approx(1.0 - float(mass[mass > mass[40] * (1 + 1e-9)].sum()), abs=1e-9)
    single = GammaMixture.single(90.5, 1805.0)
    (ours,) = conflict(single, np.array([3.0]), np.array([160.0]))
    assert ours == pytest.approx(no_likelier(90.5, 1805.0, 3, 160.0), abs=1e-9)


@pytest.mark.slow
def test_two_arms_are_drawn_beside_a_control_that_borrows() -> None:
    """Shares of joint draws against a grid over the control's hazard and both hazard ratios."""
    raw = borrowing(hazards(), how_of("commensurate", hazards))
    raw["arms"]["late"] = {}
    raw["scenarios"]["expected"]["fl"]["late"] = {"dist": "exponential", "median": 20.0}
    raw["rules"][0]["posterior"] = {
        "endpoint": "fl", "arm": "cart", "hazard_ratio_to": "soc", "below": 1.0,
    }  # fmt: skip
    analysis, fitted, summary = seen_of(raw)
    posterior = analysis.posterior(fitted, summary, None)
    drawn = [
        posterior.drawn(Question("fl", arm, value=0.5, kind="remaining", month=12.0))
        for arm in range(3)
    ]
    mixture = analysis.borrowed(("soc", "cart", "late"))["soc"].as_mixture
    nodes = np.linspace(-6.0, 6.0, 241)
    log_hazard = np.linspace(-8.0, 1.0, 361)
    hazard = np.exp(log_hazard)
    for trial in range(3):
        seen = [
            (float(summary.events[trial, arm].sum()), float(summary.exposure[trial, arm].sum()))
            for arm in range(3)
        ]
        x, t = seen[0]
        logs = np.log(density_of(mixture, x, t, hazard) * hazard) + x * log_hazard - t * hazard
        arms = []
        for y, u in seen[1:]:  # given the control's hazard the ratios are independent
            own = log_hazard[:, None] + nodes
            arms.append(np.exp(-0.5 * nodes**2 + y * own - u * np.exp(own)))
        total = [arm.sum(axis=1) for arm in arms]
        weight = np.exp(logs - logs.max()) * total[0] * total[1]
        weight /= weight.sum()
        expected = [float(weight @ np.exp(-12.0 * hazard))]
        for arm, own in zip(arms, total, strict=True):
            left = np.exp(-12.0 * np.exp(log_hazard[:, None] + nodes))
            expected.append(float(weight @ ((arm * left).sum(axis=1) / own)))
        for place in range(3):
            assert float(drawn[place][trial].mean()) == pytest.approx(expected[place], abs=0.01)


# ── a design ──────────────────────────────────────────────────────────────────────────────────
@pytest.mark.slow
def test_a_trial_is_completed_beside_a_control_that_borrows() -> None:
    raw = borrowing(hazards(), how_of("commensurate", hazards))
    raw["rules"][0]["looks"] = [2]
    raw["rules"].append({"name": "hopeless", "then": "declare_futility", "below": 0.02,
                         "looks": [1], "predictive": {"rule": "better"}})  # fmt: skip
    result = simulate(Design(**raw), trials=4, seed=3, jobs=1)
    assert "borrowed_fl_mean" in set(result.operating_characteristics["measure"])


def test_every_measure_is_there_and_a_real_trial_is_told() -> None:
    raw = borrowing(hazards(), how_of("commensurate", hazards))
    design = Design(**raw)
    result = simulate(design, trials=4, seed=3, jobs=1)
    measures = set(result.operating_characteristics["measure"])
    assert {"borrowed_fl_mean", "borrowed_fl_p50", "conflict_fl"} <= measures
    text = described(design)
    assert "fl, soc borrows from external data: a commensurate prior" in text
    assert "SD ~ half-normal(0.4)" in text
    story = ac.example(design, scenario="expected")
    told = ac.analyze(design, story.participants, look=1, fast=True)
    (row,) = told.findings.borrowed
    assert f"{row.participants:.1f}" in told.text


def test_events_seen_at_visits_borrow_too() -> None:
    raw = borrowing(hazards(), how_of("commensurate", hazards))
    asked = Question("fl", 1, 0, value=1.0, above=False, kind="hazard_ratio")
    analysis, fitted, summary = seen_of(raw)
    dated = analysis.posterior(fitted, summary, None).probability(asked)
    between = analysis.model_copy(update={"intervals": True})
    seen = between.posterior(fitted, summary, None).probability(asked)
    np.testing.assert_allclose(seen, dated, atol=1e-12)  # nothing lies between two visits


# ── refused ───────────────────────────────────────────────────────────────────────────────────
BASELINE, SOC = "analysis/fl/prior/baseline", "analysis/inf/prior/soc"
OWN = {"a": 0.5, "b": 5.0, "external": ["registry"]}
COMMENSURATE = OWN | {"method": "commensurate"}
WRONG: list[tuple[Table, Table, str, str]] = [
    (hazards(), {BASELINE: COMMENSURATE}, "analysis.fl.prior.baseline.heterogeneity", "missing"),
    (hazards(), {BASELINE: COMMENSURATE | {"heterogeneity": 0.0}},
     "analysis.fl.prior.baseline.heterogeneity", "more than 0"),
    (hazards(), {BASELINE: COMMENSURATE | {"heterogeneity": {"half_normal": 9.0}}},
     "analysis.fl.prior.baseline.heterogeneity.half_normal", "2"),
    (hazards(), {BASELINE: COMMENSURATE | {"heterogeneity": SPIKE | {"slab": [2.0, 0.1]}}},
     "analysis.fl.prior.baseline.heterogeneity", "has to rise"),
    (hazards(), {BASELINE: COMMENSURATE | {"heterogeneity": SPIKE | {"spike": 1.0}}},
     "analysis.fl.prior.baseline.heterogeneity", "end below the spike"),
    (hazards(), {BASELINE: OWN | {"method": "sam"}}, "analysis.fl.prior.baseline.ratio", "missing"),
    (hazards(), {BASELINE: OWN | {"method": "sam", "ratio": 0.8}},
     "analysis.fl.prior.baseline.ratio", "more than 1"),
    (hazards(), {BASELINE: COMMENSURATE | {"heterogeneity": 0.4}, "analysis/fl/cuts": [6.0]},
     "analysis.fl.cuts", "leave them out"),
    (rates(), {SOC: OWN | {"method": "robust_map"}, "external/registry/events": 0},
     "analysis.inf.prior.soc", "no event was seen"),
    (rates(), {SOC: OWN | {"method": "sam"}}, "analysis.inf.prior.soc.difference", "missing"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "changes", "path", "words"), WRONG)
def test_what_is_refused(raw: Table, changes: Table, path: str, words: str) -> None:
    problems = found(changed(copy.deepcopy(raw), changes))
    assert any(words in message for where, message in problems if where == path), problems


# ── in PyMC ───────────────────────────────────────────────────────────────────────────────────
@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("make", [hazards, rates])
def test_both_faces_agree(make: Any, method: str) -> None:
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    raw = borrowing(make(), how_of(method, make))
    analysis, fitted, summary = seen_of(raw)
    (name,) = raw["endpoints"]
    kind = "hazard_ratio" if make is hazards else "level"
    value = 1.0 if make is hazards else 0.0
    question = Question(name, 1, 0, value=value, above=False, kind=kind)
    face = analysis.reference(("soc", "cart"), (), (1.0,))
    for trial in range(2):
        data = face.data(summary, trial, question=question)
        fit, trouble = fitted_carefully(Compiled(face, data), data, seed=3, draws=2_000)
        assert trouble is None
        probability, error = mean_and_error(holds(question, face.quantity(fit.draws, question)))
        answer = float(analysis.posterior(fitted, summary, None).probability(question)[trial])
        assert abs(answer - probability) < 4.0 * error + 0.002


@pytest.mark.slow
@pytest.mark.reference
def test_the_hierarchy_itself_in_pymc() -> None:
    """The commensurate prior as it is stated: external hazard and spread are sampled."""
    import pymc as pm

    raw = borrowing(hazards(), how_of("commensurate", hazards))
    analysis, fitted, summary = seen_of(raw)
    asked = Question("fl", 1, 0, value=1.0, above=False, kind="hazard_ratio")
    answer = analysis.posterior(fitted, summary, None).probability(asked)
    for trial in range(2):
        events = summary.events[trial].sum(axis=-1)
        months = summary.exposure[trial].sum(axis=-1)
        with pm.Model():
            external = pm.Gamma("external", alpha=0.5 + EVENTS, beta=5.0 + MONTHS)
            between = pm.HalfNormal("between", 0.4)
            away = pm.Normal("away", 0.0, 1.0)
            beta = pm.Normal("beta", 0.0, 1.0)
            control = external * pm.math.exp(between * away)
            hazard = pm.math.stack([control, control * pm.math.exp(beta)])
            pm.Poisson("seen", hazard * months, observed=events)
            drawn = pm.sample(
                4_000, chains=2, cores=1, random_seed=5, progressbar=False, target_accept=0.98
            )
        share = float((drawn.posterior["beta"] < 0.0).mean())
        # what the mixture is off by, and four standard errors of draws worth a third as many
        error = 4.0 * math.sqrt(share * (1.0 - share) / 2_500)
        assert abs(share - answer[trial]) < 0.01 + error


assert SEEN["events"] == EVENTS
