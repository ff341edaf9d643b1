"""Answers from posterior draws: against those without draws, of every model.

Each checks the other: what a model has in closed form or by quadrature is held to the mean over
its draws within the error that it states for these.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest

from adaptive_cart.models import ANALYSES, AnalysisBase
from adaptive_cart.models.base import Posterior
from adaptive_cart.models.draws import DRAWS, MIDDLES, ranks, within_cells
from adaptive_cart.nouns.questions import ALL, OPEN, Category, Question
from adaptive_cart.nouns.records import Floats, Integers
from adaptive_cart.nouns.summaries import (
    Categories,
    Counts,
    Durations,
    Exposure,
    Means,
    Scores,
    Summary,
)

NORMAL = {"dist": "normal", "mean": 0.0, "sd": 1.5}
VAGUE_MIXTURE = [{"weight": 0.8, "a": 2.0, "b": 8.0}, {"weight": 0.2, "a": 1.0, "b": 1.0}]
TABLES: dict[str, dict[str, Any]] = {
    "beta_binomial": {"prior": {"cart": {"mixture": VAGUE_MIXTURE}, "soc": {"a": 0.5, "b": 0.5}}},
    "gamma_poisson": {"prior": {"a": 0.5, "b": 0.5}},
    "restricted_mean": {"prior": {"mean": 0.3, "worth": 2.0, "sd": 0.4, "sd_worth": 4.0}},
    "normal": {
        "prior": {arm: {"mean": 0.2, "worth": 2.0} for arm in ("soc", "cart", "allo")},
        "spread": {"sd": 1.0, "worth": 4.0},
    },
    "normal_visits": {},
    "piecewise_exponential": {
        "cuts": [6.0],
        "prior": {"baseline": {"a": 0.5, "b": 5.0}, "log_hazard_ratio": NORMAL},
    },
    "stratified_piecewise_exponential": {
        "cuts": [6.0],
        "hazard_ratios": "own",
        "prior": {"baseline": {"a": 0.5, "b": 5.0}, "log_hazard_ratio": NORMAL},
    },
    "weibull_cure": {
        "prior": {
            "cured": {"dist": "beta", "a": 2.0, "b": 2.0},
            "median_months": {"dist": "lognormal", "median": 12.0, "sigma": 0.7},
            "shape": {"dist": "lognormal", "median": 1.2, "sigma": 0.3},
        }
    },
    "logistic": {
        "prior": {
            "intercept": NORMAL,
            "treatment": NORMAL,
            "stratum": NORMAL,
            "interaction": {**NORMAL, "sd": 0.5},
        }
    },
    "hierarchical_logistic": {
        "prior": {
            "control_logit": NORMAL,
            "effect_mean": NORMAL,
            "effect_sd": {"dist": "half_normal", "sd": 0.3},
        }
    },
}
TABLES["dirichlet"] = {"prior": dict.fromkeys(("dead", "bad", "fair", "good"), 0.5)}
TABLES["proportional_odds"] = {
    "prior": {
        "control": dict.fromkeys(("dead", "bad", "fair", "good"), 0.5),
        "log_odds_ratio": NORMAL,
    }
}
TRIALS = {"categories": 12, "scores": 12, "counts": 12, "exposure": 12, "means": 12, "durations": 4}
TWO_ARMS = ("logistic", "hierarchical_logistic")
SLOW = ("dirichlet", "logistic")  # twenty seconds each


def data(kind: str, trials: int, arms: int, strata: int) -> Summary:
    """Trials of 0 to 40 participants by arm and stratum; the first has nobody."""
    rng = np.random.default_rng(7)
    shape = trials, arms, strata
    number = rng.integers(0, 41, shape)
    number[0] = 0
    if kind == "counts":
        successes = rng.binomial(number, rng.uniform(0.0, 1.0, shape))
        successes[1] = 0
        successes[2] = number[2]
        return Counts(successes, number, 0 * number, number)
    if kind == "exposure":
        years = number * rng.uniform(0.1, 2.0, shape)
        return Exposure(rng.poisson(years * rng.uniform(0.01, 1.0, shape)), years, number)
    if kind == "categories":
        probability = rng.dirichlet(np.full(4, 0.7), shape)
        none = np.zeros(shape, dtype=np.int64)
        names, worth = ("dead", "bad", "fair", "good"), (0.0, 0.3, 0.6, 1.0)
        return Categories(rng.multinomial(number, probability), none, number, names, worth)
    if kind == "means":
        mean = number * rng.uniform(0.0, 0.6, shape)
        return Means(mean, mean**2 / np.maximum(number, 1) + 0.2 * number, number)
    if kind == "scores":
        return Scores(scores(rng, number), 0 * number)
    participants = 30 * arms
    arm = np.broadcast_to(np.arange(participants) % arms, (trials, participants)).astype(np.int8)
    stratum = (np.arange(participants) // arms % strata)[None].repeat(trials, 0).astype(np.int8)
    months = rng.exponential(12.0 / (1 + arm)), rng.uniform(0.0, 24.0, arm.shape)
    included = np.arange(trials)[:, None] / trials > rng.uniform(0.0, 1.0, arm.shape)
    counts = np.zeros(shape, dtype=np.int64)
    return Durations(
        np.minimum(*months), months[0] < months[1], included, arm, stratum, counts, counts, counts
    )


def scores(rng: np.random.Generator, number: Integers) -> Floats:
    """Sums of products of as many people as there are in each cell, (trial, arm, stratum)."""
    products = np.zeros((*number.shape, 1, 3, 3))
    for cell in np.ndindex(number.shape):
        baseline = rng.normal(9.0, 3.0, number[cell])
        score = baseline + rng.normal(0.1 * cell[1] - 0.2 * (baseline - 9.0), 1.0 + cell[0] % 3)
        vectors = np.stack([np.ones(number[cell]), baseline, score], axis=1)
        products[cell][0] = vectors.T @ vectors
    return products


@cache
def posterior(name: str) -> Posterior:
    return of_trials(name, None)


def of_trials(name: str, chosen: list[int] | None) -> Posterior:
    analysis = ANALYSES[name].model_validate({"model": name, **TABLES[name]})
    arms = ("soc", "cart") if name in TWO_ARMS else ("soc", "cart", "allo")
    trials = 5 if name in TWO_ARMS else TRIALS[analysis.reads]
    summary = data(analysis.reads, trials, len(arms), 2)
    fitted = analysis.fitted(arms, (0.6, 0.4))
    if analysis.flat(fitted):  # too few leave no posterior: such trials are as one with more
        few = (summary.analysed < 4).any(axis=(1, 2))
        summary = summary.replaced(few, summary.rows(np.full(trials, np.argmin(few))))
    if chosen is not None:
        summary = summary.rows(np.array(chosen))
    return analysis.posterior(fitted, summary, None)


def questions(name: str) -> Iterator[Question]:
    """Questions of all kinds that a model answers without draws.

    Hazard ratios have a test of their own: of several arms, they know more than a pair does.
    """
    closed = ANALYSES[name].answered_by.closed
    if "level" in closed:
        for stratum in (ALL, 1):
            yield Question("y", 1, value=0.3, stratum=stratum)
            yield Question("y", 0, value=0.15, stratum=stratum, above=False)
            yield Question("y", 1, 0, value=0.1, stratum=stratum)
        yield Question("y", 0, 1, value=0.0)
    if "remaining" in closed:
        yield Question("y", 1, value=0.5, kind="remaining", month=12.0)
        yield Question("y", 1, 0, value=0.0, kind="remaining", month=6.0)
    if "better" in closed:
        yield Question("y", 1, 0, value=0.5, kind="better")
        yield Question("y", 0, 2, value=0.6, kind="better", above=False, stratum=1)
    if "reaches" in closed:
        yield Question("y", 1, 0, value=0.1, kind="reaches", category=Category(2, "fair"))
    if "common_odds_ratio" in closed:
        yield Question("y", 1, 0, value=1.2, kind="common_odds_ratio")
        yield Question("y", 0, 2, value=0.5, kind="common_odds_ratio", above=False, stratum=1)
    if "best" in closed:
        yield Question("y", 1, kind="best")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in TABLES]
)
def test_answers_from_draws_are_those_without(name: str) -> None:
    own = posterior(name)
    for question in questions(name):
        drawn, known = Posterior.computed(own, question), own.computed(question)
        assert np.abs(drawn - known).max() <= own.drawn_error, question
        if not question.of.among_open:
            mean = own.mean(question)
            spread = np.std(own.drawn(question), axis=1)
            assert np.all(np.abs(Posterior.mean(own, question) - mean) <= 0.02 * spread), question
            median = own.quantile(question, 0.5)
            for trial, value in enumerate(median):
                above = own.computed(question.at(float(value)))[trial]
                assert above == pytest.approx(0.5, abs=own.drawn_error), question


SLOW_CLOSED = ("dirichlet", "weibull_cure", "logistic", "hierarchical_logistic", "normal_visits")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in SLOW_CLOSED else name
     for name in TABLES if "piecewise" not in name],
)  # fmt: skip
def test_the_error_of_draws_falls_towards_certainty_as_is_stated(name: str) -> None:
    """Against the answer without draws, at values far out in the posterior of every trial."""
    own = posterior(name)
    for question in questions(name):
        if question.of.among_open:
            continue
        as_draws = type("OfDraws", (type(own),), {"closed": ()})
        stated = as_draws.by_place(question, as_draws.error(question))
        assert stated.least < 0.002 or name in ("logistic", "hierarchical_logistic")
        for share in (0.0002, 0.003, 0.01, 0.05, 0.2, 0.8, 0.95, 0.99, 0.997, 0.9998):
            for value in np.unique(own.quantile(question, share))[::3]:
                if not np.isfinite(value):
                    continue
                asked = question.at(float(value))
                drawn, known = Posterior.computed(own, asked), own.computed(asked)
                away = np.abs(drawn - known) - own.by_place(asked, own.error(asked)).of(known)
                assert np.all(away <= stated.of(drawn)), (asked, share, away.max())


def test_all_models_with_a_posterior_are_drawn_from() -> None:
    assert set(TABLES) == {name for name, analysis in ANALYSES.items() if analysis.bayesian}


@pytest.mark.parametrize("name", TABLES)
def test_every_model_answers_joint_questions_and_which_arm_is_best(name: str) -> None:
    own = posterior(name)
    arms = tuple(range(own.arms))
    best = [Posterior.computed(own, Question("y", arm, kind="best", among=arms)) for arm in arms]
    assert np.sum(best, axis=0) == pytest.approx(1.0)
    kind = "hazard_ratio" if "piecewise_exponential" in name else "level"
    one = Question("y", 1, 0, kind=kind, value=0.7 if kind == "hazard_ratio" else 0.1)
    other = Question("y", 0, 1, kind=kind, value=1.0 if kind == "hazard_ratio" else -0.3)
    both = own.together([one, other])
    assert np.array_equal(both, own.together([other, one]))
    assert np.all(both <= Posterior.computed(own, one))
    assert np.array_equal(own.together([one, one]), Posterior.computed(own, one))
    opposite = Question("y", 1, 0, kind=kind, value=one.value, above=False)
    assert own.together([one, opposite]) == pytest.approx(0.0)


def test_which_arm_is_best_is_never_certain_but_of_one() -> None:
    """60 events against 1 leave no draw of the other order, and yet are no certainty."""
    analysis = ANALYSES["gamma_poisson"].model_validate(
        {"model": "gamma_poisson", **TABLES["gamma_poisson"]}
    )
    events = np.array([[[5], [60], [1]]])
    summary = Exposure(events, np.full((1, 3, 1), 30.0), np.full((1, 3, 1), 30))
    fitted = analysis.fitted(("soc", "cart", "allo"), (1.0,))
    own = analysis.posterior(fitted, summary, None)
    more, fewer = (Question("y", arm, kind="best").compared_with(0.0, 1.0) for arm in (1, 2))
    assert 0.99 < own.probability(more)[0] < 1.0
    assert 0.0 < own.probability(fewer)[0] < 0.01
    alone = Question("y", 2, kind="best", among=(2,)).compared_with(0.995, 1.0)
    assert own.probability(alone)[0] == 1.0


@pytest.mark.parametrize("name", TWO_ARMS)
def test_the_best_of_one_arm_is_not_drawn(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = of_trials(name, None)
    monkeypatch.setattr(type(own), "draw", None)
    asked = Question("y", 1, kind="best").compared_with(0.99, 1.0)
    assert np.array_equal(own.probability(asked), np.ones(5))


@pytest.mark.parametrize("name", TABLES)
def test_a_trial_s_draws_do_not_depend_on_its_company(name: str) -> None:
    own, alone = posterior(name), of_trials(name, [3])
    kind = "hazard_ratio" if "piecewise_exponential" in name else "level"
    question = Question("y", 1, 0, kind=kind)
    assert np.array_equal(own.drawn(question)[3], alone.drawn(question)[0])
    assert own.drawn(question).shape == (len(own.computed(question)), DRAWS)


@pytest.mark.parametrize("name", TABLES)
def test_a_prior_s_density_has_its_quantiles(name: str) -> None:
    analysis = ANALYSES[name].model_validate({"model": name, **TABLES[name]})
    arms = ("soc", "cart")
    fitted = analysis.of_categories(analysis.fitted(arms, (1.0,)), ("dead", "bad", "fair", "good"))
    priors = list(analysis.priors(fitted, arms))
    assert bool(priors) != analysis.flat(fitted)
    for prior in priors:
        curve = prior.curve
        x = np.log(curve.x) if prior.scale == "hazard ratio" else curve.x
        below = np.concatenate([[0.0], np.cumsum((curve.density[1:] + curve.density[:-1]) / 2.0
                                                 * np.diff(x))])  # fmt: skip
        for low, high in ((0.1, 0.5), (0.5, 0.8)):
            ends = [curve.numbers.quantile(share) for share in (low, high)]
            if prior.scale == "hazard ratio":
                ends = [float(np.log(end)) for end in ends]
            if x[0] < ends[0] and ends[1] < x[-1]:
                between = np.diff(np.interp(ends, x, below))[0]
                assert between == pytest.approx(high - low, abs=0.02), (prior.name, low)


def test_the_prior_of_a_level_is_what_the_posterior_says_of_nobody() -> None:
    """The default of a model that says nothing better, against the beta prior itself."""
    analysis = ANALYSES["beta_binomial"].model_validate(
        {"model": "beta_binomial", "prior": {"a": 2.0, "b": 6.0}}
    )
    arms = ("soc", "cart")
    fitted = analysis.fitted(arms, (1.0,))
    own = next(iter(analysis.priors(fitted, arms)))
    drawn = next(iter(AnalysisBase.priors(analysis, fitted, arms)))
    assert drawn.numbers.mean == pytest.approx(own.numbers.mean, abs=1e-3)
    for share in (0.025, 0.5, 0.975):
        assert drawn.numbers.quantile(share) == pytest.approx(own.numbers.quantile(share), abs=2e-3)
    inside = (own.curve.x > 0.1) & (own.curve.x < 0.4)
    between = np.interp(own.curve.x[inside], drawn.curve.x, drawn.curve.density)
    assert between == pytest.approx(own.curve.density[inside], rel=0.05)


def test_independent_arms_are_drawn_independently() -> None:
    """P(A and B) of two arms is the product."""
    own = posterior("beta_binomial")
    one, other = Question("y", 1, value=0.4), Question("y", 2, value=0.3)
    product = own.computed(one) * own.computed(other)
    assert own.together([one, other]) == pytest.approx(product, abs=own.drawn_error)


def test_no_exposure_under_a_prior_of_events_alone_has_no_answer() -> None:
    analysis = ANALYSES["gamma_poisson"].model_validate(
        {"model": "gamma_poisson", "prior": {"a": 1.0, "b": 1e-6}}
    )
    arms = ("soc", "cart")
    empty = Exposure.empty(2, 1)
    own = analysis.posterior(analysis.fitted(arms, (1.0,)), empty, None)
    question = Question("y", 1, value=1.0)
    assert Posterior.computed(own, question) == pytest.approx(own.computed(question), abs=1e-3)


def test_open_strata_are_what_is_asked_of_them() -> None:
    own = posterior("beta_binomial")
    first = np.zeros((12, 2), dtype=np.bool_)
    first[:, 1] = True
    question, of_one = Question("y", 1, 0, stratum=OPEN), Question("y", 1, 0, stratum=1)
    drawn = own.where_open(first)
    assert drawn.mean(question) == pytest.approx(own.mean(of_one))
    found = Posterior.computed(drawn, question)
    assert found == pytest.approx(own.computed(of_one), abs=own.drawn_error)


@pytest.mark.parametrize("arms", [2, 3])
def test_hazard_ratios_are_those_of_the_joint_density_on_a_grid(arms: int) -> None:
    """Slow: the density of one or two log hazard ratios, point by point."""
    name = "piecewise_exponential"
    analysis = ANALYSES[name].model_validate({"model": name, **TABLES[name]})
    names = ("soc", "cart", "allo")[:arms]
    own: Any = analysis.posterior(
        analysis.fitted(names, (1.0,)), data("durations", 4, arms, 1), None
    )
    beta = np.linspace(-9.0, 9.0, 601)
    axes = np.meshgrid(*[beta] * (arms - 1), indexing="ij")
    for trial in range(4):
        events, time = zip(*(own._arm(arm, ALL) for arm in range(arms)), strict=True)
        log = sum(-0.5 * (axis / 1.5) ** 2 for axis in axes)
        for k, axis in enumerate(axes, start=1):
            log = log + events[k][trial].sum() * axis
        for j in range(2):
            risk = 5.0 + time[0][trial, j]
            for k, axis in enumerate(axes, start=1):
                risk = risk + np.exp(axis) * time[k][trial, j]
            log = log - (0.5 + sum(part[trial, j] for part in events)) * np.log(risk)
        mass = np.exp(log - log.max())
        mass /= mass.sum()
        for arm, value in ((1, 0.7), (arms - 1, 1.4)):
            edge = np.log(value)
            above = mass[axes[arm - 1] > edge].sum()
            asked = Question("y", arm, 0, kind="hazard_ratio", value=value)
            (ratio,) = asked.quantities(arms)
            drawn = (own.draws(ratio)[trial] > value).mean()  # of all arms, for which is the best
            assert drawn == pytest.approx(above, abs=0.02)


def test_draws_of_a_lattice_have_the_moments_of_the_density_on_it() -> None:
    point = np.arange(-15.0, 16.0)
    for sd, centre in ((1.6, 0.3), (2.5, -0.4)):
        drawn = within_cells(np.exp(-0.5 * ((point - centre) / sd) ** 2), MIDDLES) - 15.0
        assert drawn.mean() == pytest.approx(centre, abs=2e-3)
        assert drawn.std() == pytest.approx(sd, rel=2e-3)


def test_each_axis_has_one_point_in_every_part() -> None:
    for axes in (1, 5):
        rank = ranks(axes)
        assert rank.shape == (axes, DRAWS)
        assert np.array_equal(np.sort(rank, axis=1), np.broadcast_to(np.arange(DRAWS), rank.shape))
