"""Mean months in remission: against the statement, an integral, and the Bayesian bootstrap."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from adaptive_cart.conduct.looks import snapshot_at
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.models import ANALYSES
from adaptive_cart.models.base import Posterior
from adaptive_cart.models.restricted_mean.restricted_mean_analysis import RestrictedMeanPosterior
from adaptive_cart.models.restricted_mean.two_t import below
from adaptive_cart.nouns.questions import ALL, OPEN, Question
from adaptive_cart.nouns.summaries import Means
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.estimand import SobolLatents, true_values
from checks import assert_mean, raw_design
from conduct.test_fast_equals_twin import compare

Raw = dict[str, Any]
PRIOR = {"mean": 3.0, "worth": 2.0, "sd": 5.0, "sd_worth": 4.0}
ARMS = ("soc", "cart")
SEEN = [[[2.0, 9.0, 4.5]], [[7.0, 1.0, 12.0, 8.0, 8.5]]]


def summary(*trials: list[list[list[float]]]) -> Means:
    """Means of trials, given the values of every arm and stratum."""
    parts = [
        np.array([[[f(np.array(own)) for own in by] for by in arms] for arms in trials])
        for f in (np.sum, lambda v: (v**2).sum(), len)
    ]
    return Means(parts[0], parts[1], parts[2].astype(np.int64))


def posterior(data: Means, **prior: float) -> RestrictedMeanPosterior:
    table = {"model": "restricted_mean", "prior": PRIOR | prior}
    analysis = ANALYSES["restricted_mean"].model_validate(table)
    found = analysis.posterior(analysis.fitted(ARMS, (1.0,)), data, None)
    assert isinstance(found, RestrictedMeanPosterior)
    return found


def test_an_arm_s_mean_is_that_of_its_statement_on_a_grid() -> None:
    mean, sd = np.meshgrid(np.linspace(-60.0, 70.0, 1301), np.geomspace(0.5, 60.0, 300))
    log = stats.norm.logpdf(mean, 3.0, sd / np.sqrt(2.0))
    log += stats.chi2.logpdf(4.0 * 25.0 / sd**2, 4.0) - 2.0 * np.log(sd)  # density of log sd
    for value in SEEN[1][0]:
        log += stats.norm.logpdf(value, mean, sd)
    mass = np.exp(log - log.max())
    own = posterior(summary(SEEN))
    for value in (4.0, 6.5, 9.0):
        slow = mass[mean > value + 1e-9].sum() + 0.5 * mass[np.abs(mean - value) < 1e-9].sum()
        fast = own.probability(Question("y", 1, value=value))
        assert fast[0] == pytest.approx(slow / mass.sum(), abs=2e-4)
    centre = (mass * mean).sum() / mass.sum()
    assert own.mean(Question("y", 1))[0] == pytest.approx(centre, abs=1e-3)


@pytest.mark.parametrize("scale", [(1.0, 1.0), (0.3, 2.0), (2.0, 1e-2), (1e-4, 1.0)])
def test_two_cauchy_variables_differ_by_a_third(scale: tuple[float, float]) -> None:
    one, other = ((np.ones(1), np.array([(1.3, 0.2)[k]]), np.array([scale[k]])) for k in (0, 1))
    for value in (-0.5, 0.0, 1.1, 4.0):
        exact = 0.5 + np.arctan((value - 1.1) / sum(scale)) / np.pi
        assert below(one, other, value)[0] == pytest.approx(exact, abs=1e-8), value


@pytest.mark.parametrize(
    ("freedom", "scale"),
    [((1.0, 60.0), (0.3, 2.0)), ((3.5, 2.0), (1.0, 1.0)), ((4.0, 4.0), (1.0, 1.2))],
)  # fmt: skip
def test_a_difference_of_two_t_variables_is_its_integral(
    freedom: tuple[float, float], scale: tuple[float, float]
) -> None:
    one, other = (
        (np.array([freedom[k]]), np.array([(1.3, 0.2)[k]]), np.array([scale[k]])) for k in (0, 1)
    )
    x, y = (stats.t(freedom[k], (1.3, 0.2)[k], scale[k]) for k in (0, 1))
    for value in (0.0, 4.0):
        # over the probability of the one, cut where the other has its middle
        middle = [float(x.cdf(y.ppf(q) + value)) for q in (1e-3, 0.05, 0.5, 0.95, 0.999)]
        slow = sum(
            integrate.quad(lambda u, d=value: y.sf(x.ppf(u) - d), a, b, epsabs=1e-12, limit=400)[0]
            for a, b in zip([0.0, *middle], [*middle, 1.0], strict=True)
            if b > a
        )
        assert below(one, other, value)[0] == pytest.approx(slow, abs=2e-8), value


def test_nobody_leaves_the_prior_and_company_changes_nothing() -> None:
    nobody = [[[]], [[6.0]]]
    own, alone = posterior(summary(SEEN, nobody)), posterior(summary(nobody))
    for question in (Question("y", 0, value=5.0), Question("y", 1, 0)):
        assert own.probability(question)[1] == alone.probability(question)[0]
    beyond = stats.t(4.0, 3.0, 5.0 / np.sqrt(2.0)).sf(5.0)
    assert alone.probability(Question("y", 0, value=5.0))[0] == pytest.approx(beyond)
    for question in (Question("y", 1, value=6.0), Question("y", 1, 0, value=1.0)):
        drawn = Posterior.computed(own, question)
        assert drawn == pytest.approx(own.computed(question), abs=own.drawn_error)


def test_equal_data_are_a_tie_and_strata_are_pooled_unless_one_is_asked_about() -> None:
    alike = posterior(summary([[[2.0, 0.0]], [[2.0, 0.0]]]))
    asked = Question("y", 1, 0).compared_with(0.5)
    assert alike.probability(asked)[0] == 0.5
    two = [[[2.0, 9.0], [4.5]], [[7.0, 1.0], [12.0, 8.0, 8.5]]]
    own = posterior(summary(two))
    pooled = posterior(summary(SEEN))
    second = posterior(summary([[[4.5]], [[12.0, 8.0, 8.5]]]))
    only_second = own.where_open(np.array([[False, True]]))
    for question in (Question("y", 1, value=5.0), Question("y", 1, 0, value=1.0)):
        assert own.probability(question) == pytest.approx(pooled.probability(question))
        for stratum, of in ((1, own), (OPEN, only_second)):
            asked = Question("y", 1, question.minus, question.value, stratum=stratum)
            assert of.probability(asked) == pytest.approx(second.probability(question))
    assert own.t(1, ALL)[0][0] == 9.0


# ── in a design ───────────────────────────────────────────────────────────────────────────────
def raw_of(missing: str = "not_in_remission") -> Raw:
    raw = copy.deepcopy(raw_design("sle_autologous"))
    raw["endpoints"]["months"] = {
        "type": "time_in_remission", "horizon": 18.0, "missing": missing
    }  # fmt: skip
    prior = {"mean": 4.0, "worth": 0.5, "sd": 6.0, "sd_worth": 1.0}
    raw.setdefault("analysis", {})["months"] = {"model": "restricted_mean", "prior": prior}
    for arm in ("soc", "cart"):
        raw["truth"][arm]["dropout"] = {"per_year": 0.25}
    return raw


def with_rule(raw: Raw) -> Raw:
    raw["rules"] = [
        {
            "name": "longer",
            "then": "declare_success",
            "posterior": {"endpoint": "months", "arm": "cart", "minus": "soc", "above": 0.5},
            "at_least": 0.975,
        }
    ]
    return raw


def test_it_is_the_twins_participant_by_participant() -> None:
    compare(raw_of("exclude"), "expected", 1)


@pytest.mark.parametrize("missing", ["not_in_remission", "exclude"])
def test_its_true_value_is_the_mean_of_participants_followed_to_the_horizon(missing: str) -> None:
    design = Design(**with_rule(raw_of(missing)))
    truth = truths_of(design)["expected"]
    told = true_values(design, truth, SobolLatents(points=2**12))
    world = truth if missing == "not_in_remission" else truth.without({"dropout"})
    block = run_block(Plan.of(design), world, (0.1,), latents_for(design, 4, 0, 30), True)
    people = block.population
    assert people is not None
    months = design.endpoints["months"].prepare("months", people).months
    for arm in range(2):
        assert_mean(months[people.arm == arm], told.by_arm["months"][arm].value, missing)
    asked = Question("months", 1, 0)
    found = told.quantity(asked)
    assert found is not None
    by_arm = told.by_arm["months"]
    assert found.value == pytest.approx(by_arm[1].value - by_arm[0].value)


def test_the_bayesian_bootstrap_says_what_the_model_says() -> None:
    """Rubin's bootstrap assumes no distribution: weights of participants are Dirichlet(1, …, 1).

    It is skewed where the months are, and a t distribution is not: of the third moment k3 of the
    difference the first term of the Edgeworth series moves a probability by at most 0.4 k3 / 6,
    in units of its sd, a third moment of an arm being 2 m3 / n^2. Four standard errors of 4,000
    draws come on top.
    """
    design = Design(**raw_of())
    truth = truths_of(design)["expected"]
    block = run_block(Plan.of(design), truth, (0.1,), latents_for(design, 8, 0, 12), True)
    people = block.population
    assert people is not None
    rng, margins = np.random.default_rng(6), (0.0, 1.0, 2.0, 4.0)
    date = np.full(12, 200.0)
    everybody = np.full(12, design.enrolment.max_n)
    endpoint = design.endpoints["months"]
    prepared = endpoint.prepare("months", people)
    data = endpoint.summary(prepared, snapshot_at(people, date, everybody))
    assert isinstance(data, Means)
    own = posterior(data, worth=0.01, sd_worth=1.0)
    away = []
    for trial in range(12):
        drawn, third, variance = [], 0.0, 0.0
        for arm in range(2):
            here = (people.arm[trial] == arm) & np.isfinite(people.arrival[trial])
            months = prepared.months[trial, here]
            assert len(months) >= 25
            drawn.append(rng.dirichlet(np.ones(len(months)), 4_000) @ months)
            from_mean, sign = months - months.mean(), 2 * arm - 1
            third += sign * 2.0 * (from_mean**3).mean() / len(months) ** 2
            variance += (from_mean**2).mean() / len(months)
        allowed = 0.4 * abs(third) / (6.0 * variance**1.5) + 4.0 * np.sqrt(0.25 / 4_000)
        for margin in margins:
            boot = (drawn[1] - drawn[0] > margin).mean()
            away.append(own.computed(Question("y", 1, 0, value=margin))[trial] - boot)
            assert abs(away[-1]) < allowed, (trial, margin)
    assert abs(np.mean(away)) < 0.01
