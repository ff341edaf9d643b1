"""Hazards in strata: against densities on a grid, written from the statement of the model."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import signal, stats

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.errors import DesignError
from adaptive_cart.models import ANALYSES
from adaptive_cart.models.hazards.average_ratio import AverageRatio
from adaptive_cart.nouns.questions import ALL, OPEN, Question
from adaptive_cart.nouns.summaries import Durations
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.estimand import SobolLatents, true_values
from adaptive_cart.results.hazard_ratios import HazardRatios
from adaptive_cart.telling.check import described

SHARES = (0.5, 0.3, 0.2)
CUTS, SHAPE, RATE = (6.0, 12.0), 0.5, 5.0
GRID = 200_001


def data(trials: int = 6, people: int = 90, seed: int = 3) -> Durations:
    """Trials from nobody to everybody included; in the last one nobody has an event."""
    rng = np.random.default_rng(seed)
    shape = (trials, people)
    arm = np.tile(np.arange(people) % 2, (trials, 1)).astype(np.int8)
    stratum = np.tile(np.arange(people) // 2 % 3, (trials, 1)).astype(np.int8)
    event, seen = rng.exponential(9.0 - 3.0 * arm + 4.0 * stratum), rng.uniform(0.0, 24.0, shape)
    included = rng.random(shape) < np.linspace(0.0, 1.0, trials)[:, None]
    had = event < seen
    had[-1] = False
    nothing = np.zeros((trials, 2, 3), dtype=np.int64)
    return Durations(
        np.minimum(event, seen), had, included, arm, stratum, nothing, nothing, 1.0 * nothing
    )


def analysis(ratios: str, sd: float = 1.5, mean: float = 0.2) -> Any:
    prior = {
        "baseline": {"a": SHAPE, "b": RATE},
        "log_hazard_ratio": {"dist": "normal", "mean": mean, "sd": sd},
    }
    name = "stratified_piecewise_exponential"
    return ANALYSES[name].model_validate(
        {"model": name, "hazard_ratios": ratios, "cuts": list(CUTS), "prior": prior}
    )


def posterior(ratios: str, summary: Durations, sd: float = 1.5, mean: float = 0.2) -> Any:
    table = analysis(ratios, sd, mean)
    return table.posterior(table.fitted(("soc", "cart"), SHARES), summary, None)


def question(value: float, stratum: int = ALL, above: bool = False) -> Question:
    return Question("e", 1, 0, value=value, above=above, kind="hazard_ratio", stratum=stratum)


# ── slow: participant by participant, then point by point ─────────────────────────────────────
def log_likelihood(summary: Durations, trial: int, stratum: int, beta: Any) -> Any:
    """Baseline hazards of a stratum integrated out, at some log hazard ratios."""
    total = np.zeros_like(beta)
    for start, end in zip((0.0, *CUTS), (*CUTS, math.inf), strict=True):
        events, months = [0, 0], [0.0, 0.0]
        for j in range(summary.months.shape[1]):
            if summary.included[trial, j] and summary.stratum[trial, j] == stratum:
                arm, time = int(summary.arm[trial, j]), float(summary.months[trial, j])
                months[arm] += max(0.0, min(time, end) - start)
                events[arm] += bool(summary.event[trial, j]) and start < time <= end
        risk = RATE + months[0] + np.exp(beta) * months[1]
        total = total + events[1] * beta - (SHAPE + sum(events)) * np.log(risk)
    return total


def prior_of(beta: Any, mean: float, sd: float) -> Any:
    return -0.5 * ((beta - mean) / sd) ** 2


def simpson(values: Any, step: float) -> float:
    return float((values[0] + values[-1] + 4 * values[1::2].sum() + 2 * values[2:-1:2].sum())
                 * step / 3)  # fmt: skip


@pytest.mark.parametrize("trial", range(6))
def test_a_shared_ratio_is_that_of_the_density_on_a_grid(trial: int) -> None:
    summary = data()
    own = posterior("shared", summary)
    edge = math.log(0.8)
    parts = []
    for low, high in ((-14.0, edge), (edge, 14.0)):
        beta = np.linspace(low, high, 4_001)
        log = prior_of(beta, 0.2, 1.5) + sum(
            log_likelihood(summary, trial, s, beta) for s in range(3)
        )
        parts.append((beta, log))
    top = max(log.max() for _, log in parts)
    below, above = (simpson(np.exp(log - top), b[1] - b[0]) for b, log in parts)
    assert own.computed(question(0.8))[trial] == pytest.approx(below / (below + above), abs=1e-8)
    assert own.computed(question(0.8, above=True))[trial] == pytest.approx(
        above / (below + above), abs=1e-8
    )


@pytest.mark.parametrize("sd", [0.3, 1.5, 6.0])
def test_an_average_of_ratios_is_the_convolution_of_their_densities(sd: float) -> None:
    """P(sum w_s beta_s < t) = integral of p1 of P(w2 beta2 + w3 beta3 < t - w1 beta1), on grids."""
    summary = data()
    own = posterior("own", summary, sd)
    span = 0.2 + np.array([-1.0, 1.0]) * 9.0 * sd
    for trial in (0, 2, 4, 5):
        step = (span[1] - span[0]) * 2e-4 * 0.1
        densities = []
        for s, weight in enumerate(SHARES):
            number = round((span[1] - span[0]) * weight / step)
            theta = span[0] * weight + step * np.arange(number + 1)
            beta = theta / weight
            log = prior_of(beta, 0.2, sd) + log_likelihood(summary, trial, s, beta)
            mass = np.exp(log - log.max())
            densities.append((theta, mass / mass.sum()))
        whole = densities[0][1]
        for _, mass in densities[1:]:
            whole = signal.fftconvolve(whole, mass)
        start = sum(theta[0] for theta, _ in densities)
        points = start + step * np.arange(len(whole))
        for t in (-0.5, 0.0, 0.3):
            # half of the point at the edge: the trapezoid rule up to it
            edge = (t - start) / step
            full = math.floor(edge)
            inside = whole[:full].sum() + (0.5 + edge - full) * whole[full]
            assert points[full] <= t
            found = own.computed(question(math.exp(t)))[trial]
            assert found == pytest.approx(inside, abs=1e-6), (trial, t)
        mean = math.prod(float((mass * np.exp(theta)).sum()) for theta, mass in densities)
        assert own.mean(question(1.0))[trial] == pytest.approx(mean, rel=1e-5)


@pytest.mark.parametrize("ratios", ["shared", "own"])
def test_a_stratum_is_answered_from_its_own_data_as_if_there_were_no_other(ratios: str) -> None:
    summary = data()
    name = "piecewise_exponential"
    table = analysis(ratios).plain() | {"model": name}
    del table["hazard_ratios"]
    pooled = ANALYSES[name].model_validate(table)
    simple = pooled.posterior(pooled.fitted(("soc", "cart"), SHARES), summary, None)
    own = posterior(ratios, summary)
    for stratum in range(3):
        for value in (0.5, 1.0):
            asked = question(value, stratum)
            np.testing.assert_array_equal(own.computed(asked), simple.computed(asked))
            np.testing.assert_array_equal(own.mean(asked), simple.mean(asked))


@pytest.mark.parametrize("ratios", ["shared", "own"])
def test_open_strata_are_those_that_are_asked_about(ratios: str) -> None:
    summary = data()
    is_open = np.array([[True, False, True]] * 5 + [[False, True, False]])
    own = posterior(ratios, summary).where_open(is_open)
    closed = summary.included & ~np.take_along_axis(is_open, summary.stratum.astype(int), axis=1)
    left = posterior(ratios, replace(summary, included=summary.included & ~closed))
    answers = own.computed(question(0.8, OPEN))
    if ratios == "shared":
        assert answers == pytest.approx(left.computed(question(0.8)), abs=1e-12)
    alone = own.computed(question(0.8, 1))
    assert answers[5] == pytest.approx(alone[5], abs=1e-9)
    assert not np.allclose(answers[1:5], own.computed(question(0.8))[1:5], atol=1e-4)


@pytest.mark.parametrize("ratios", ["shared", "own"])
def test_an_answer_does_not_depend_on_its_neighbours(ratios: str) -> None:
    summary = data(70, 60)
    asked = question(0.9)
    together = posterior(ratios, summary)
    for rows in ([3], [69, 5, 64], list(range(40))):
        alone = posterior(ratios, summary.rows(np.array(rows)))
        np.testing.assert_array_equal(alone.computed(asked), together.computed(asked)[rows])
        np.testing.assert_array_equal(alone.mean(asked), together.mean(asked)[rows])


@pytest.mark.parametrize("ratios", ["shared", "own"])
def test_of_nobody_the_prior_is_left(ratios: str) -> None:
    own = posterior(ratios, data(), sd=1.0, mean=0.0)
    assert own.computed(question(1.0))[0] == pytest.approx(0.5, abs=1e-9)
    assert own.probability(question(1.0).compared_with(0.5))[0] == 0.5  # exactly: it is a tie
    spread = 1.0 if ratios == "shared" else math.sqrt(sum(w**2 for w in SHARES))
    assert own.mean(question(1.0))[0] == pytest.approx(math.exp(spread**2 / 2.0), rel=1e-9)


# ── in a design ───────────────────────────────────────────────────────────────────────────────
def raw_of(ratios: str, **analysed: Any) -> dict[str, Any]:
    def times(*medians: float) -> dict[str, Any]:
        strata = zip(("mild", "hard"), medians, strict=True)
        return {name: {"dist": "exponential", "median": median} for name, median in strata}

    prior = {
        "baseline": {"a": 0.5, "b": 5.0},
        "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 1.0},
    }
    return {
        "name": "Strata with hazards of their own",
        "arms": {"soc": {"control": True}, "cart": {}},
        "strata": {"mild": 0.7, "hard": 0.3},
        "endpoints": {"flare": {"type": "time_to_event", "horizon": 24.0}},
        "analysis": {
            "flare": {
                "model": "stratified_piecewise_exponential",
                "hazard_ratios": ratios,
                "prior": prior,
                **analysed,
            }
        },
        "enrolment": {"max_n": 60, "per_month": 5},
        "looks": {"events": [15, 30]},
        "rules": [
            {
                "name": "efficacy",
                "then": "declare_success",
                "posterior": {
                    "endpoint": "flare", "arm": "cart", "hazard_ratio_to": "soc", "below": 1.0
                },
                "at_least": 0.95,
            }
        ],
        "scenarios": {
            "same": {"flare": {"soc": times(12.0, 3.0), "cart": times(24.0, 6.0)}},
            "differs": {"flare": {"soc": times(12.0, 3.0), "cart": times(24.0, 3.0)}},
        },
    }  # fmt: skip


def test_true_ratios_are_those_that_the_model_asks_about() -> None:
    points = SobolLatents(points=2**4)
    for ratios in ("shared", "own"):
        design = Design(**raw_of(ratios))
        truths = truths_of(design)
        asked = Plan.of(design).estimands[0].question
        same = true_values(design, truths["same"], points).quantity(asked)
        assert same is not None
        assert (same.value, same.mcse) == (pytest.approx(0.5, rel=1e-12), 0.0)
    # averaged: 0.7 of log 0.5 and 0.3 of log 1; shared: between the two, by the events in each
    own = HazardRatios(Design(**raw_of("own")), truths["differs"], "flare")
    assert own.of(1, 0, (0, 1)).value == pytest.approx(0.5**0.7, rel=1e-12)
    shared = HazardRatios(Design(**raw_of("shared")), truths["differs"], "flare").of(1, 0, (0, 1))
    assert 0.6 < shared.value < 0.75
    assert 0.0 < shared.mcse < 0.01
    assert [e.stratum for e in Plan.of(Design(**raw_of("own"))).estimands] == [None, "mild", "hard"]


def predicting(raw: dict[str, Any]) -> dict[str, Any]:
    futility = {"name": "futility", "then": "declare_futility", "below": 0.2, "looks": [1],
                "predictive": {"rule": "efficacy"}}  # fmt: skip
    raw["rules"] = [*raw["rules"], futility]
    return raw


def predicted(raw: dict[str, Any], trials: int = 4) -> Any:
    design = Design(**predicting(raw))
    truth = next(iter(truths_of(design).values()))
    plan = Plan.of(design)
    targets = (0.5,) * len(plan.estimands)
    block = run_block(plan, truth, targets, latents_for(design, 5, 0, trials))
    return block.looks[0].probabilities["futility"][:, 0]


@pytest.mark.slow
def test_a_trial_is_completed_by_the_hazards_of_every_stratum() -> None:
    """Of one stratum it is the model without strata; of several strata each goes its own way."""
    one = raw_of("shared")
    one["strata"] = {"all": 1.0}
    truth = {arm: {"dist": "exponential", "median": 6.0} for arm in ("soc", "cart")}
    one["scenarios"] = {"same": {"flare": truth}}
    pooled = copy.deepcopy(one)
    pooled["analysis"]["flare"]["model"] = "piecewise_exponential"
    del pooled["analysis"]["flare"]["hazard_ratios"]
    # of 2,048 completions each, from draws of their own: four standard errors of a difference
    allowed = 4.0 * math.sqrt(2.0 * 0.25 / 2048)
    assert predicted(one) == pytest.approx(predicted(pooled), abs=allowed)
    shared, own = predicted(raw_of("shared")), predicted(raw_of("own"))
    for found in (shared, own):
        known = found[~np.isnan(found)]
        assert len(known) > 1
        assert ((known >= 0.0) & (known <= 1.0)).all()
    assert not np.array_equal(shared, own)


def test_it_needs_strata_and_check_says_what_strata_do() -> None:
    assert "strata share the hazard ratio" in described(Design(**raw_of("shared")))
    assert "log hazard ratios averaged over the strata" in described(Design(**raw_of("own")))
    raw = raw_of("shared", cuts=[6.0, 3.0])
    del raw["strata"]
    raw["scenarios"] = {"same": {"flare": {arm: {"dist": "exponential", "rate": 0.1}
                                           for arm in ("soc", "cart")}}}  # fmt: skip
    with pytest.raises(DesignError) as caught:
        Design(**raw)
    assert 'write model = "piecewise_exponential"' in str(caught.value)
    assert "the cuts must be increasing" in str(caught.value)


class Known:
    """The posterior of one stratum's log hazard ratio: normal, or failed."""

    prior_sd = 1.0

    def __init__(self, mean: Any, failed: Any) -> None:
        self.mean, self.failed, self.on_panels = mean, failed, self

    def range(self) -> tuple[Any, Any]:
        return self.mean - 8.0, self.mean + 8.0

    def lattice(self, rows: slice, points: int) -> tuple[Any, Any]:
        beta = self.mean[rows, None] + np.linspace(-8.0, 8.0, points)
        mass = np.exp(-0.5 * (beta - self.mean[rows, None]) ** 2)
        mass[self.failed[rows]] = 0.0
        return beta, mass / np.maximum(mass.sum(axis=1, keepdims=True), 1e-300)


@pytest.mark.parametrize("failed", [range(64), [0, 70], range(130), range(64, 128), []])
def test_tables_that_all_fail_leave_the_averages_after_them_alone(failed: Any) -> None:
    means = np.linspace(-1.0, 1.0, 130)
    lost = np.isin(np.arange(130), list(failed))
    found = AverageRatio([Known(means, lost)], np.ones((130, 1))).hazard_ratio_below(1.2)
    assert (np.isnan(found) == lost).all()
    known = stats.norm.cdf(math.log(1.2) - means)
    np.testing.assert_allclose(found[~lost], known[~lost], atol=1e-6)
