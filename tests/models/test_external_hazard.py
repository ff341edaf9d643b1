"""An arm compared with an external hazard: against its definition, in PyMC, and its true values.

The twin sums the prior of the external hazard and of the log hazard ratio times two Poisson
likelihoods over a lattice, and knows nothing of what the fast posterior integrates out.
"""

from __future__ import annotations

import copy
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.models.base import holds
from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import Durations
from adaptive_cart.results.estimand import true_values
from adaptive_cart.running.run import simulate
from adaptive_cart.telling.check import described
from conduct.test_completion import looks_of
from design.test_bad_input import changed, found
from models.test_borrowed_numbers import EVENTS, MONTHS, Table, hazards, seen_of

A, B, SD, HAZARD = 0.5, 5.0, 1.0, 0.05
RATIO = {"endpoint": "fl", "arm": "cart", "hazard_ratio_to": "registry", "below": 1.0}
LATER = {"endpoint": "fl", "arm": "cart", "minus": "registry", "remains_at": 6.0, "above": 0.05}


def alone(control: bool = False) -> Table:
    """A single arm, or a randomised one, against the hazard of a registry."""
    raw = hazards()
    if not control:
        del raw["arms"]["soc"]
        del raw["scenarios"]["expected"]["fl"]["soc"]
    raw["rules"][0]["posterior"] = copy.deepcopy(RATIO)
    raw["rules"].append(
        {"name": "later", "then": "claim", "requires": ["better"], "at_least": 0.8,
         "posterior": copy.deepcopy(LATER)}
    )  # fmt: skip
    raw["scenarios"]["expected"]["fl"]["registry"] = HAZARD
    return raw


@cache
def lattice(events: int, months: float) -> tuple[Any, Any, Any]:
    """External log hazards and log hazard ratios, and what the external data say of the former."""
    log_hazard = np.linspace(-6.0, -0.5, 1_101)[:, None]
    beta = np.linspace(-5.0, 5.0, 1_001)[None, :]
    rate = np.exp(log_hazard)
    told = stats.gamma(A, scale=1.0 / B).logpdf(rate) + log_hazard  # over the logarithm
    told = told + stats.poisson(rate * months).logpmf(events)
    return log_hazard, beta, told + stats.norm(0.0, SD).logpdf(beta)


def by_hand(
    own: int, months: float, events: int = EVENTS, at_risk: float = MONTHS
) -> tuple[float, float, float]:
    """P(hazard ratio < 1), its mean, and P(6 months without are likelier by more than 0.05)."""
    log_hazard, beta, prior = lattice(events, at_risk)
    hazard = np.exp(log_hazard + beta)
    logs = prior + stats.poisson(hazard * months).logpmf(own)
    weight = np.exp(logs - logs.max())
    weight = weight / weight.sum()
    lower = (weight * np.where(beta < 0.0, 1.0, np.where(beta == 0.0, 0.5, 0.0))).sum()
    gain = np.exp(-6.0 * hazard) - np.exp(-6.0 * np.exp(log_hazard))
    return float(lower), float((weight * np.exp(beta)).sum()), float(weight[gain > 0.05].sum())


def of_cart(summary: Any, trial: int, arm: int) -> tuple[int, float]:
    return int(summary.events[trial, arm].sum()), float(summary.exposure[trial, arm].sum())


@pytest.mark.parametrize("control", [False, True])
def test_an_external_hazard_is_the_baseline_of_the_arm(control: bool) -> None:
    analysis, fitted, summary = seen_of(alone(control))
    cart, registry = (1, 2) if control else (0, 1)
    posterior = analysis.posterior(fitted, summary, None)
    ratio = Question("fl", cart, registry, value=1.0, above=False, kind="hazard_ratio")
    later = Question("fl", cart, registry, value=0.05, month=6.0, kind="remaining")
    answer, mean = posterior.probability(ratio), posterior.mean(ratio)
    remains = posterior.probability(later)
    for trial in range(4):
        lower, centre, lasting = by_hand(*of_cart(summary, trial, cart))
        assert answer[trial] == pytest.approx(lower, abs=1e-4)
        assert mean[trial] == pytest.approx(centre, rel=1e-4)
        if not control:  # with a control the baseline is its own, which tells of the curve
            assert remains[trial] == pytest.approx(lasting, abs=posterior.drawn_error)
    assert len(np.unique(np.round(answer, 3))) > 3
    assert np.ptp(remains) > 0.2


@pytest.mark.slow
def test_posteriors_are_calibrated() -> None:
    """Hazards drawn from the prior, events from them: the true ratio's rank is uniform."""
    trials, months, seen = 2_000, 300.0, 500.0
    rng = np.random.default_rng(7)
    raw = alone()["analysis"]["fl"]
    raw["prior"]["baseline"] = {"a": 4.0, "b": 80.0}
    design = Design(**alone() | {"analysis": {"fl": raw}})
    told = External(source="s", endpoint="fl", events=1, months=seen)
    analysis = design.analysis_of("fl")
    assert analysis is not None
    analysis = analysis.beside({"registry": told}, controlled=False)
    hazard, beta = rng.gamma(4.0, 1.0 / 80.0, trials), rng.normal(0.0, SD, trials)
    events = rng.poisson(hazard * np.exp(beta) * months)
    most = int(events.max()) + 1
    had = np.arange(most) < events[:, None]
    time = np.repeat(months / most, trials * most).reshape(trials, most)
    none = np.zeros(had.shape, dtype=np.int8)
    summary = Durations.of(time, had, np.ones_like(had), none, none, (1, 1))
    drawn = {"registry": {"events": rng.poisson(hazard * seen).astype(float)}}
    posterior = analysis.posterior(analysis.fitted(("cart",), (1.0,)),
                                   analysis.with_drawn(summary, drawn), None)  # fmt: skip
    ranks = np.empty(trials)
    for value in np.exp(np.linspace(-3.0, 3.0, 25)):
        below = posterior.probability(
            Question("fl", 0, 1, value=float(value), above=False, kind="hazard_ratio")
        )
        ranks = np.where(np.abs(beta - math.log(value)) < 0.125, below, ranks)
        share = float((beta < math.log(value)).mean())  # what the posterior says on average
        assert abs(float(below.mean()) - share) < 4.0 * math.sqrt(0.25 / trials)
    quartiles = [float((beta < np.log(_quantile(posterior, p))).mean()) for p in (0.1, 0.5, 0.9)]
    for got, wanted in zip(quartiles, (0.1, 0.5, 0.9), strict=True):
        assert abs(got - wanted) < 4.0 * math.sqrt(wanted * (1.0 - wanted) / trials)


def _quantile(posterior: Any, probability: float) -> Any:
    return posterior.quantile(Question("fl", 0, 1, kind="hazard_ratio"), probability)


@pytest.mark.slow
def test_several_arms_and_several_external_data_each_have_their_place() -> None:
    """Every pair is answered as alone, and every curve by the events that are its own."""
    raw = alone()
    raw["arms"] = {"cart": {}, "allo": {}}
    raw["endpoints"]["inf"] = {"type": "event_rate"}
    raw["analysis"]["inf"] = {"model": "gamma_poisson", "prior": {"a": 0.5, "b": 0.5}}
    raw["external"] = {
        "rates": {"source": "s", "endpoint": "inf", "events": 30, "months": 700.0},
        "registry": raw["external"]["registry"],
        "series": {"source": "s", "endpoint": "fl", "events": 4, "months": 500.0, "redrawn": True},
    }
    other = copy.deepcopy(RATIO) | {"arm": "allo", "hazard_ratio_to": "series"}
    rate = {"endpoint": "inf", "arm": "cart", "minus": "rates", "below": 5.0}
    raw["rules"] = [
        raw["rules"][0] | {"looks": [2]},
        {"name": "allo", "then": "declare_success", "at_least": 0.95, "looks": [2],
         "posterior": other},
        {"name": "rate", "then": "claim", "requires": ["better"], "at_least": 0.95,
         "posterior": rate},
    ]  # fmt: skip
    times = raw["scenarios"]["expected"]["fl"]["cart"]
    raw["scenarios"]["expected"] = {
        "fl": {"cart": times, "allo": times, "registry": HAZARD, "series": 0.01},
        "inf": {"cart": 0.5, "allo": 0.5, "rates": 0.5},
    }
    conduct, plan = looks_of(raw, 6, "expected")
    analysis, fitted = plan.fitted["fl"]
    summary = conduct.kept[0].summary("fl")
    posterior = analysis.posterior(fitted, summary, None)
    assert plan.design.compared_names == ("cart", "allo", "rates", "registry", "series")
    drawn = conduct.population.external["series"]["events"]
    for arm in (0, 1):
        ratio = Question("fl", arm, 3, value=1.0, above=False, kind="hazard_ratio")
        answers = posterior.probability(ratio)
        for trial in range(6):
            lower, *_ = by_hand(*of_cart(summary, trial, arm))
            assert answers[trial] == pytest.approx(lower, abs=1e-4)
    # what remains at a month: beside many months of its own a vague prior counts little
    for place, events, months in ((3, EVENTS, MONTHS), (4, drawn, 500.0)):
        mean = posterior.mean(Question("fl", place, month=6.0, kind="remaining"))
        assert mean == pytest.approx(np.exp(-6.0 * (events + 0.5) / months), abs=0.02)
    own = [of_cart(summary, trial, 1) for trial in range(6)]
    mean = posterior.mean(Question("fl", 1, month=6.0, kind="remaining"))
    assert mean == pytest.approx([math.exp(-6.0 * x / t) for x, t in own], abs=0.05)
    assert len(np.unique(drawn)) > 2


# ── true values ───────────────────────────────────────────────────────────────────────────────
def test_the_truth_of_the_comparison_is_a_hazard_a_month() -> None:
    raw = alone()
    raw["scenarios"]["rising"] = {
        "fl": {"cart": {"dist": "weibull", "shape": 1.5, "scale": 25.0}, "registry": HAZARD}
    }
    design = Design(**raw)
    ratio = Question("fl", 0, 1, kind="hazard_ratio")
    later = Question("fl", 0, 1, month=6.0, kind="remaining")
    found_ = {
        name: true_values(design, truth, also=(ratio, later))
        for name, truth in design.truths.items()
    }
    rate = math.log(2.0) / 25.0
    true = found_["expected"].quantity(ratio)
    assert true is not None
    assert (true.value, true.mcse) == (pytest.approx(rate / HAZARD), 0.0)
    true = found_["expected"].quantity(later)
    assert true is not None
    assert true.value == pytest.approx(math.exp(-6.0 * rate) - math.exp(-6.0 * HAZARD))
    # months 0 to 24, arrivals even over fifteen months: events over months at risk, by sums
    true = found_["rising"].quantity(ratio)
    assert true is not None
    followed = 24.0 - np.linspace(0.125, 14.875, 60)
    gone = 1.0 - np.exp(-((followed / 25.0) ** 1.5))
    grid = np.linspace(0.0, 1.0, 2_001)
    left = np.exp(-((grid[None] * followed[:, None] / 25.0) ** 1.5))
    months = np.trapezoid(left, grid, axis=1) * followed
    assert true.value == pytest.approx(float(gone.sum() / months.sum()) / HAZARD, rel=0.03)
    assert 0.0 < true.mcse < 0.02


def test_a_false_success_is_judged_by_the_hazard_of_these_participants() -> None:
    raw = alone()
    raw["scenarios"]["drift"] = {
        "role": "null", "fl": {"cart": raw["scenarios"]["expected"]["fl"]["cart"],
                               "registry": math.log(2.0) / 25.0},
    }  # fmt: skip
    result = simulate(Design(**raw), trials=60, seed=1, jobs=1)
    rows = result.operating_characteristics
    rows = rows[rows["look"].isna()].set_index(["scenario", "measure"])["estimate"]
    assert rows["drift", "success"] > 0.3
    assert rows["drift", "false_success"] == rows["drift", "success"]
    assert rows["expected", "false_success"] == 0.0
    text = described(Design(**raw))
    assert "external control: registry, 90 events in 1800 months, as observed in" in text
    assert "fl: 0.050 as in registry, in these participants" in text


@pytest.mark.slow
def test_a_course_may_stand_beside_an_external_hazard() -> None:
    raw = alone()
    raw["endpoints"]["fl"] = {"type": "time_to_event", "event": "relapse", "clock": "remission"}
    raw["truth"] = {
        "cart": {
            "remission": {"probability": 0.8, "onset": {"dist": "exponential", "median": 1.0}},
            "durability": {"cured": 0.2, "relapse": {"dist": "exponential", "median": 15.0}},
        },
        "fl": {"registry": HAZARD},
    }
    raw["scenarios"] = {"expected": {}}
    design = Design(**raw)
    result = simulate(design, trials=20, seed=1, jobs=1)
    rows = result.operating_characteristics.set_index("measure")["estimate"]
    assert 0.0 < float(rows["estimand"]) < 1.0
    later = Question("fl", 0, 1, month=6.0, kind="remaining")
    true = true_values(design, design.truths["expected"], also=(later,)).quantity(later)
    assert true is not None
    lasting = 0.2 + 0.8 * 0.5 ** (6.0 / 15.0)
    assert true.value == pytest.approx(lasting - math.exp(-6.0 * HAZARD), abs=1e-3)


def test_where_success_claims_two_things_the_ratio_to_the_registry_is_estimated() -> None:
    raw = alone()
    raw["rules"][1] = {"name": "two", "then": "declare_success", "at_least": 0.9,
                       "posterior": copy.deepcopy(LATER)}  # fmt: skip
    (estimand,) = Plan.of(Design(**raw)).estimands
    asked = estimand.question
    assert (asked.kind, asked.arm, asked.minus) == ("hazard_ratio", 0, 1)


def test_no_truth_of_an_external_hazard_is_drawn_from_priors() -> None:
    with pytest.raises(ac.CartError, match="is compared with external data, of whose hazard"):
        ac.priors.prior_predictive(Design(**alone()))


def test_a_real_trial_is_judged_beside_the_registry() -> None:
    design = Design(**alone())
    story = ac.example(design)
    analysis = ac.analyze(design, story.participants, look=1, fast=True)
    _, _, summary = seen_of(alone())
    assert "registry" in analysis.text
    assert isinstance(summary, Durations)


# ── refused ───────────────────────────────────────────────────────────────────────────────────
PRIOR = {"external": ["registry"], "method": "pooled", "a": A, "b": B}
WRONG: list[tuple[Table, str, str]] = [
    ({"analysis/fl/cuts": [6.0]}, "analysis.fl.cuts", "have one hazard, and cuts make several"),
    ({"analysis/fl/intervals": True}, "analysis.fl.intervals", "which have no visits"),
    ({"analysis/fl/prior/baseline": PRIOR}, "analysis.fl.prior.baseline", "cannot borrow where"),
    ({"scenarios/expected/fl/registry": 0.0}, "scenarios.expected.fl.registry",
     "above 0, a hazard a month"),
    ({"scenarios/expected/fl/registry": {"dist": "exponential", "median": 9.0}},
     "scenarios.expected.fl.registry", "one number is expected, a hazard a month"),
    ({"scenarios/expected/fl": {"cart": {"dist": "exponential", "median": 9.0}}},
     "scenarios.expected.fl.registry", "missing"),
    ({"rules/0/posterior/hazard_ratio_to": "soc", "rules/1/posterior/minus": "soc"},
     "analysis.fl.model", "compare with external data"),
    ({"analysis/fl/model": "stratified_piecewise_exponential"}, "analysis.fl.model", "no arm is"),
    ({"external/registry": {"source": "s", "endpoint": "fl", "responders": 3, "participants": 9}},
     "external.registry.events", "needs events, months"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "path", "words"), WRONG)
def test_what_is_refused(changes: Table, path: str, words: str) -> None:
    problems = found(changed(alone(), changes))
    at_place = [message for where, message in problems if where == path]
    assert any(words in message for message in at_place), problems
    beside = [message for message in at_place if message.startswith("missing")]
    assert all(words in message for message in beside), "what is wrong is not missing as well"


# ── in PyMC ───────────────────────────────────────────────────────────────────────────────────
@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("control", [False, True])
def test_both_faces_agree(control: bool) -> None:
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    raw = alone(control)
    late = raw | {"rules": [raw["rules"][0] | {"looks": [2]}]}
    conduct, plan = looks_of(late, 10, "expected")
    analysis, fitted = plan.fitted["fl"]
    summary = conduct.kept[0].summary("fl")
    arms = ("soc", "cart") if control else ("cart",)
    cart, registry = len(arms) - 1, len(arms)
    face = analysis.reference(arms, (), (1.0,))
    posterior = analysis.posterior(fitted, summary, None)
    for question in (
        Question("fl", cart, registry, value=0.7, above=False, kind="hazard_ratio"),
        Question("fl", cart, registry, value=0.1, month=6.0, kind="remaining"),
        Question("fl", cart, value=0.8, month=6.0, kind="remaining"),
    ):
        data = face.data(summary, 0, question=question)
        fit, trouble = fitted_carefully(Compiled(face, data), data, seed=3, draws=2_000)
        assert trouble is None
        probability, error = mean_and_error(holds(question, face.quantity(fit.draws, question)))
        answer = float(posterior.probability(question)[0])
        assert abs(answer - probability) < 4.0 * error + 0.01, question
