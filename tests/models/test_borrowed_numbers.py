"""External means, events and months as priors and as comparators, against their definitions.

What external participants say is their likelihood, to the power of what each counts. Each twin
integrates prior times likelihoods numerically, and knows nothing of conjugate updates.
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
from adaptive_cart.models.base import AnalysisBase, holds
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import Summary
from adaptive_cart.running.run import simulate
from adaptive_cart.telling.check import described
from conduct.test_completion import looks_of
from design.test_bad_input import changed, found

Table = dict[str, Any]
BASE: Table = {
    "arms": {"soc": {"control": True}, "cart": {"allocation": 2}},
    "enrolment": {"max_n": 60, "per_month": 4},
    "looks": {"months": [12, 24]},
}
SHARE = 0.3
POWER = {"external": ["registry"], "method": "power", "weight": SHARE}
EVENTS, MONTHS = 90, 1800.0
SEEN = {"source": "a registry", "events": EVENTS, "months": MONTHS}
MEAN, SD, PARTICIPANTS = -1.0, 2.5, 80
SUCCESS = {"name": "better", "then": "declare_success", "at_least": 0.95}


def rates() -> Table:
    vague = {"a": 0.5, "b": 0.5}
    asked = {"endpoint": "inf", "arm": "cart", "minus": "soc", "below": 0.0}
    return copy.deepcopy(BASE) | {
        "name": "rates",
        "external": {"registry": SEEN | {"endpoint": "inf"}},
        "endpoints": {"inf": {"type": "event_rate"}},
        "analysis": {"inf": {"model": "gamma_poisson", "prior": {"cart": vague, "soc": vague}}},
        "rules": [SUCCESS | {"posterior": asked}],
        "scenarios": {"expected": {"inf": {"cart": 0.3, "soc": 0.6}}},
    }


def means() -> Table:
    truth = {"baseline": {"mean": 9.0, "sd": 3.0}, "sd": [3.0], "correlation": 0.6}
    asked = {"endpoint": "mg", "arm": "cart", "minus": "soc", "below": 0.0}
    return copy.deepcopy(BASE) | {
        "name": "means",
        "external": {
            "registry": {
                "source": "a registry", "endpoint": "mg", "mean": MEAN, "sd": SD,
                "participants": PARTICIPANTS,
            }
        },
        "endpoints": {"mg": {"type": "continuous", "visits": [6.0], "better": "lower"}},
        "analysis": {"mg": {"model": "normal", "prior": {}}},
        "rules": [SUCCESS | {"posterior": asked}],
        "scenarios": {
            "expected": {
                "mg": {arm: truth | {"change": [mean]} for arm, mean in (("cart", -2), ("soc", -1))}
            }
        },
    }  # fmt: skip


def hazards() -> Table:
    asked = {"endpoint": "fl", "arm": "cart", "hazard_ratio_to": "soc", "below": 1.0}
    ratio = {"dist": "normal", "mean": 0.0, "sd": 1.0}
    prior = {"baseline": {"a": 0.5, "b": 5.0}, "log_hazard_ratio": ratio}
    return copy.deepcopy(BASE) | {
        "name": "hazards",
        "external": {"registry": SEEN | {"endpoint": "fl"}},
        "endpoints": {"fl": {"type": "time_to_event"}},
        "analysis": {"fl": {"model": "piecewise_exponential", "prior": prior}},
        "rules": [SUCCESS | {"posterior": asked}],
        "scenarios": {
            "expected": {
                "fl": {
                    "cart": {"dist": "exponential", "median": 25.0},
                    "soc": {"dist": "exponential", "median": 14.0},
                }
            }
        },
    }


def borrowing(raw: Table, how: Table) -> Table:
    """The design whose control borrows."""
    (analysis,) = raw["analysis"].values()
    prior = analysis["prior"]
    key = "baseline" if "baseline" in prior else "soc"
    prior[key] = prior.get(key, {}) | how
    return raw


def seen_of(raw: Table) -> tuple[AnalysisBase, Any, Summary]:
    """Analysis, model and what ten trials have shown at their first look."""
    late = raw | {"rules": [raw["rules"][0] | {"looks": [2]}]}  # nothing ends the trial before
    conduct, plan = looks_of(late, 10, "expected")
    (name,) = plan.fitted
    return (*plan.fitted[name], conduct.kept[0].summary(name))


def below(one: Any, other: Any) -> float:
    """P(the first gamma lies below the second), by Gauss and Legendre in logarithms."""
    low, high = math.log(other.ppf(1e-15)), math.log(other.isf(1e-15))
    nodes, weights = np.polynomial.legendre.leggauss(300)
    at = np.exp(low + 0.5 * (high - low) * (nodes + 1.0))
    return 0.5 * float((high - low) * (weights * other.pdf(at) * at * one.cdf(at)).sum())


def no_likelier(shape: float, rate: float, events: int, exposure: float) -> float:
    """P-value of a number of events, summed number by number."""
    law = stats.nbinom(shape, rate / (rate + exposure))
    mass = law.pmf(np.arange(2_000)).tolist()
    return math.fsum(p for p in mass if p <= mass[events] * (1.0 + 1e-9))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["pooled", "power"])
def test_external_events_are_events_of_the_arm(method: str) -> None:
    share = SHARE if method == "power" else 1.0
    how = POWER if method == "power" else {"external": ["registry"], "method": "pooled"}
    raw = borrowing(rates(), how)
    analysis, fitted, summary = seen_of(raw)
    posterior = analysis.posterior(fitted, summary, None)
    asked = posterior.probability(Question("inf", 1, 0, value=0.0, above=False))
    prior = analysis.borrowed(("soc", "cart"))["soc"]
    added = prior.added(0, summary)
    for trial in range(10):
        (x, n), (y, m) = (
            (int(summary.events[trial, arm].sum()), float(summary.years[trial, arm].sum()))
            for arm in (0, 1)
        )
        shape, years = 0.5 + share * EVENTS, 0.5 + share * MONTHS / 12
        control = stats.gamma(shape + x, scale=1.0 / (years + n))
        other = stats.gamma(0.5 + y, scale=1.0 / (0.5 + m))
        assert asked[trial] == pytest.approx(below(other, control), abs=1e-9)
        followed = n / summary.participants[trial, 0].sum()
        size = (control.mean() / control.var() - (0.5 + n)) / followed
        assert added.participants[trial] == pytest.approx(size, rel=1e-9)
        assert added.conflict[trial] == pytest.approx(no_likelier(shape, years, x, n), abs=1e-9)
    assert len(set(summary.events[:, 0].sum(axis=1).tolist())) > 3


def test_a_rate_is_compared_with_that_of_a_registry() -> None:
    raw = rates()
    del raw["arms"]["soc"]
    raw["analysis"]["inf"]["prior"] = {"a": 0.5, "b": 0.5}
    raw["rules"][0]["posterior"]["minus"] = "registry"
    raw["scenarios"] = {"expected": {"inf": {"cart": 0.3, "registry": 0.5}}}
    analysis, fitted, summary = seen_of(raw)
    asked = analysis.posterior(fitted, summary, None).probability(
        Question("inf", 0, 1, value=0.0, above=False)
    )
    registry = stats.gamma(0.5 + EVENTS, scale=1.0 / (0.5 + MONTHS / 12))
    for trial in range(10):
        x, n = int(summary.events[trial].sum()), float(summary.years[trial].sum())
        cart = stats.gamma(0.5 + x, scale=1.0 / (0.5 + n))
        assert asked[trial] == pytest.approx(below(cart, registry), abs=1e-9)
    text = described(Design(**raw))
    assert "external control: registry, 90 events in 1800 months, as observed" in text
    result = simulate(Design(**raw), trials=20, seed=1, jobs=1)
    rows = result.operating_characteristics.set_index(["measure", "arm"])["estimate"]
    assert float(rows["estimand"].iloc[0]) == pytest.approx(0.3 - 0.5)


Group = list[tuple[float, float, float, float]]


def posterior_of_means(groups: list[Group]) -> float:
    """P(the second mean lies below the first), with one spread, by sums over its logarithm.

    Groups are of participants without baselines: (number, mean, sum of squares about it, power).
    Given the spread a mean is normal; what is left of each likelihood is summed up by hand. Groups
    after the second tell of the spread alone.
    """
    sd = np.exp(np.linspace(-3.0, 5.0, 200_001))
    logs = -2.0 * np.log(sd) + 2.0 * np.log(sd)  # p(sd ** 2) is 1 / sd ** 2; over log sd
    located = []
    for parts in groups:
        number = math.fsum(power * n for n, _, _, power in parts)
        mean = math.fsum(power * n * m for n, m, _, power in parts) / number
        squares = math.fsum(power * (left + n * (m - mean) ** 2) for n, m, left, power in parts)
        # prod of Normal(y | mu, sd) ** power, integrated over mu with a flat prior
        logs = logs - (number - 1.0) * np.log(sd) - 0.5 * squares / sd**2
        located.append((mean, number))
    weight = np.exp(logs - logs.max())
    (first, n), (second, m) = located[:2]
    lower = stats.norm.cdf((first - second) / (sd * math.sqrt(1.0 / n + 1.0 / m)))
    return float((weight * lower).sum() / weight.sum())


def seen_in(products: Any, trial: int, arm: int) -> tuple[float, float, float, float]:
    """Number, mean change and sum of squares about it of an arm, counted in full."""
    sums = products[trial, arm, :, -1].sum(axis=0)
    n, total, squares = sums[0, 0], sums[0, 2], sums[2, 2]
    return float(n), float(total / n), float(squares - total**2 / n), 1.0


@pytest.mark.parametrize("share", [1.0, SHARE])
@pytest.mark.parametrize("outside", [False, True])
def test_external_means_are_the_likelihood_of_external_participants(
    share: float, outside: bool
) -> None:
    how = POWER if share < 1.0 else {"external": ["registry"], "method": "pooled"}
    raw = means() if outside else borrowing(means(), how)
    if outside:  # the registry in the place of an arm counts as it is
        raw["rules"][0]["posterior"]["minus"] = "registry"
        raw["scenarios"]["expected"]["mg"]["registry"] = -1.5
        share = 1.0
    analysis, fitted, summary = seen_of(raw)
    products = np.array(summary.products)
    products[..., 1, :] = products[..., :, 1] = 0.0  # nobody's baseline differs
    summary = type(summary)(products, summary.missing)
    minus = 2 if outside else 0
    asked = Question("mg", 1, minus, value=0.0, above=False)
    answer = analysis.posterior(fitted, summary, None).probability(asked)
    external = (PARTICIPANTS, MEAN, (PARTICIPANTS - 1) * SD**2, share)
    for trial in range(4):
        control, arm = (seen_in(products, trial, arm) for arm in (0, 1))
        groups = [[external], [arm], [control]] if outside else [[control, external], [arm]]
        assert answer[trial] == pytest.approx(posterior_of_means(groups), abs=1e-7)
    if outside:
        return
    added = analysis.borrowed(("soc", "cart"))["soc"].added(0, summary)
    worth = share * PARTICIPANTS
    assert added.participants == pytest.approx(worth)
    for trial in range(4):
        n, mean, *_ = seen_in(products, trial, 0)
        spread = math.sqrt(share * (PARTICIPANTS - 1) * SD**2 / (worth - 1.0))
        law = stats.t(worth - 1.0, MEAN, spread * math.sqrt(1.0 / n + 1.0 / worth))
        away = abs(mean - MEAN)
        p = float(law.cdf(MEAN - away) + law.sf(MEAN + away))
        assert added.conflict[trial] == pytest.approx(p, rel=1e-9)


@pytest.mark.parametrize("share", [1.0, SHARE])
def test_external_months_at_risk_are_those_of_the_control(share: float) -> None:
    how = POWER if share < 1.0 else {"external": ["registry"], "method": "pooled"}
    analysis, fitted, summary = seen_of(borrowing(hazards(), how))
    asked = Question("fl", 1, 0, value=1.0, above=False, kind="hazard_ratio")
    answer = analysis.posterior(fitted, summary, None).probability(asked)
    added = analysis.borrowed(("soc", "cart"))["soc"].added(0, summary)
    log_hazard = np.linspace(-9.0, 0.0, 601)[:, None]
    beta = np.linspace(-6.0, 6.0, 1_201)[None, :]
    for trial in range(4):
        (x, t), (y, u) = (
            (summary.events[trial, arm].sum(), summary.exposure[trial, arm].sum()) for arm in (0, 1)
        )
        logs = 0.5 * log_hazard - 5.0 * np.exp(log_hazard)  # Gamma(0.5, 5) in the logarithm
        logs = logs + share * (EVENTS * log_hazard - MONTHS * np.exp(log_hazard))
        logs = logs + x * log_hazard - t * np.exp(log_hazard) - 0.5 * beta**2
        logs = logs + y * (log_hazard + beta) - u * np.exp(log_hazard + beta)
        by_ratio = np.exp(logs - logs.max()).sum(axis=0)
        expected = integrate.simpson(by_ratio[:601]) / integrate.simpson(by_ratio)
        assert answer[trial] == pytest.approx(expected, abs=1e-8)
        size = share * MONTHS / (t / summary.participants[trial, 0].sum())
        assert added.participants[trial] == pytest.approx(size)
        p = no_likelier(0.5 + share * EVENTS, 5.0 + share * MONTHS, int(x), float(t))
        assert added.conflict[trial] == pytest.approx(p, abs=1e-9)


@pytest.mark.slow
def test_every_measure_is_there_and_a_real_trial_is_told() -> None:
    for make, name in ((rates, "inf"), (means, "mg"), (hazards, "fl")):
        raw = borrowing(make(), POWER)
        design = Design(**raw)
        result = simulate(design, trials=20, seed=3, jobs=1)
        measures = set(result.operating_characteristics["measure"])
        assert {f"borrowed_{name}_mean", f"borrowed_{name}_p50", f"conflict_{name}"} <= measures
        text = described(design)
        assert f"{name}, soc borrows from external data: an external participant counts as" in text
        story = ac.example(design, scenario="expected")
        analysis = ac.analyze(design, story.participants, look=1, fast=True)
        (row,) = analysis.findings.borrowed
        assert row.arm == "soc"
        assert f"{row.participants:.1f}" in analysis.text
        assert 0.0 <= row.p_value <= 1.0


def test_a_mixture_of_gammas_is_updated_by_its_likelihoods() -> None:
    parts = [(0.7, 12.0, 20.0), (0.3, 0.5, 0.5)]
    raw = rates()
    del raw["external"]
    mixture = [{"weight": w, "a": a, "b": b} for w, a, b in parts]
    raw["analysis"]["inf"]["prior"]["soc"] = {"mixture": mixture}
    analysis, fitted, summary = seen_of(raw)
    posterior = analysis.posterior(fitted, summary, None)
    lower = posterior.probability(Question("inf", 1, 0, value=0.0, above=False))
    margin = posterior.probability(Question("inf", 1, 0, value=-0.2, above=False))
    alone = posterior.probability(Question("inf", 0, value=0.6))
    mean = posterior.mean(Question("inf", 0))
    drawn = posterior.drawn(Question("inf", 0)).mean(axis=1)
    rate = np.exp(np.linspace(-14.0, 4.0, 40_001))
    for trial in range(4):
        (x, n), (y, m) = (
            (int(summary.events[trial, arm].sum()), float(summary.years[trial, arm].sum()))
            for arm in (0, 1)
        )
        prior = sum(w * stats.gamma(a, scale=1.0 / b).pdf(rate) for w, a, b in parts)
        weight = prior * rate * stats.poisson(rate * n).pmf(x)  # over the logarithm
        weight = weight / weight.sum()
        cart = stats.gamma(0.5 + y, scale=1.0 / (0.5 + m))
        assert lower[trial] == pytest.approx(float(weight @ cart.cdf(rate)), abs=1e-8)
        assert margin[trial] == pytest.approx(float(weight @ cart.cdf(rate - 0.2)), abs=1e-8)
        assert mean[trial] == pytest.approx(float(weight @ rate), rel=1e-8)
        assert drawn[trial] == pytest.approx(float(weight @ rate), rel=2e-3)
        above = float(weight[rate > 0.6].sum())
        assert alone[trial] == pytest.approx(above, abs=1e-3)


# ── refused ───────────────────────────────────────────────────────────────────────────────────
WRONG: list[tuple[Table, Table, str, str]] = [
    (rates(), {"analysis/inf/prior": {"soc": {"a": 0.5, "b": 0.5} | POWER}},
     "analysis.inf.prior.cart", "missing; cart needs a prior"),
    (rates(), {"analysis/inf/prior": {"a": 0.5, "b": 0.5} | POWER}, "analysis.inf.prior",
     "an arm borrows, and not all"),
    (rates(), {"analysis/inf/prior/soc": POWER}, "analysis.inf.prior.soc.a", "missing"),
    (rates(), {"analysis/inf/prior/soc": {"a": 0.5, "b": 0.5} | POWER | {"method": "merged"}},
     "analysis.inf.prior.soc.method", "pooled, power"),
    (rates(), {"analysis/inf/prior/soc": {"a": 0.5, "b": 0.5} | POWER,
               "external/registry/responders": 3}, "external.registry.responders", "takes events"),
    (means(), {"analysis/mg/prior": {"soc": POWER | {"weight": 0.01}}}, "analysis.mg.prior.soc",
     "they count for 0.8 participants"),
    (means(), {"analysis/mg/prior": {"soc": {"method": "pooled"}}},
     "analysis.mg.prior.soc.external", "missing"),
    (means(), {"analysis/mg/prior": {"soc": POWER}, "external/registry/sd": 0.0},
     "external.registry.sd", "found 0"),
    (hazards(), {"analysis/fl/prior/baseline": {"a": 0.5, "b": 5.0} | POWER,
                 "analysis/fl/cuts": [6.0]}, "analysis.fl.cuts", "leave them out"),
    (hazards(), {"analysis/fl/prior/baseline": {"a": 0.5, "b": 5.0} | POWER,
                 "external/registry/endpoint": "flare"}, "external.registry.endpoint", "fl"),
    (hazards(), {"rules/0/posterior/hazard_ratio_to": "registry", "analysis/fl/model":
                 "stratified_piecewise_exponential"},
     "rules[0].posterior.hazard_ratio_to", "external data, with which an arm is compared by"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "changes", "path", "words"), WRONG)
def test_what_is_refused(raw: Table, changes: Table, path: str, words: str) -> None:
    problems = found(changed(copy.deepcopy(raw), changes))
    assert any(words in message for where, message in problems if where == path), problems


# ── in PyMC ───────────────────────────────────────────────────────────────────────────────────
@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize(
    ("make", "mixed"), [(rates, False), (rates, True), (means, False), (hazards, False)]
)
def test_both_faces_agree(make: Any, mixed: bool) -> None:
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    raw = make()
    if mixed:
        parts = [{"weight": 0.7, "a": 12.0, "b": 20.0}, {"weight": 0.3, "a": 0.5, "b": 0.5}]
        raw["analysis"]["inf"]["prior"]["soc"] = {"mixture": parts}
        del raw["external"]
    else:
        borrowing(raw, POWER)
    analysis, fitted, summary = seen_of(raw)
    (name,) = make()["endpoints"]
    kind = "hazard_ratio" if name == "fl" else "level"
    value = 1.0 if name == "fl" else 0.0
    question = Question(name, 1, 0, value=value, above=False, kind=kind)
    face = analysis.reference(("soc", "cart"), (), (1.0,))
    data = face.data(summary, 0, question=question)
    fit, trouble = fitted_carefully(Compiled(face, data), data, seed=3, draws=2_000)
    assert trouble is None
    probability, error = mean_and_error(holds(question, face.quantity(fit.draws, question)))
    answer = float(analysis.posterior(fitted, summary, None).probability(question)[0])
    assert abs(answer - probability) < 4.0 * error + 0.002
