"""Robust MAP and self-adapting priors of a mean change, from their definitions.

Each twin sums over grids of the spread and of the control's own mean, and knows nothing of
conjugate updates or of how components are weighed.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.design.design import Design
from adaptive_cart.models.base import holds
from adaptive_cart.models.normal.mean_mixture import ACCURACY, SourceMean, fitted, predicted
from adaptive_cart.nouns.questions import Question
from adaptive_cart.running.run import simulate
from adaptive_cart.telling.check import described
from design.test_bad_input import changed, found
from models.test_borrowed_numbers import (
    MEAN,
    PARTICIPANTS,
    SD,
    Table,
    borrowing,
    means,
    seen_in,
    seen_of,
)

METHODS: dict[str, Table] = {
    "robust_map": {"weight": 0.7, "heterogeneity": 0.8},
    "sam": {"difference": 1.5},
}
ASKED = Question("mg", 1, 0, value=0.0, above=False)


def how_of(method: str) -> Table:
    return {"external": ["registry"], "method": method} | METHODS[method]


def without_baselines(summary: Any) -> Any:
    products = np.array(summary.products)
    products[..., 1, :] = products[..., :, 1] = 0.0  # nobody's baseline differs
    return type(summary)(products, summary.missing)


def parts_of(prior: Any, number: float, change: float) -> list[tuple[float, float, float]]:
    """Weight, mean and worth of each component, given the control's own mean change."""
    parts = [(weight, known.mean, known.worth) for weight, known in prior.parts]
    if prior.method != "sam":
        return parts
    law = stats.norm(change, SD / math.sqrt(number))
    other = max(law.pdf(MEAN + 1.5), law.pdf(MEAN - 1.5))
    share = law.pdf(MEAN) / (law.pdf(MEAN) + other)
    return [(share, *parts[0][1:]), (1.0 - share, *parts[1][1:])]


@pytest.mark.parametrize("method", [pytest.param("robust_map", marks=pytest.mark.slow), "sam"])
def test_a_difference_beside_a_control_that_borrows(method: str) -> None:
    raw = borrowing(means(), how_of(method))
    analysis, model, summary = seen_of(raw)
    summary = without_baselines(summary)
    prior = analysis.borrowed(("soc", "cart"))["soc"]
    posterior = analysis.posterior(model, summary, None)
    answer, mean = posterior.probability(ASKED), posterior.mean(ASKED)
    low, high = (posterior.quantile(ASKED, share) for share in (0.025, 0.975))
    drawn = posterior.drawn(ASKED)
    added = prior.added(0, summary)
    products = np.array(summary.products)
    log_sd = np.linspace(-1.0, 4.5, 331)[:, None]
    sd = np.exp(log_sd)
    for trial in range(4 if method == "robust_map" else 1):  # half a second each
        (n, own, left, _), (m, other, rest, _) = (seen_in(products, trial, arm) for arm in (0, 1))
        at = np.linspace(-40.0, 50.0, 4_501)[None, :]
        parts = parts_of(prior, n, own)
        assert math.fsum(weight for weight, *_ in parts) == pytest.approx(1.0)
        density = sum(
            weight * stats.norm.pdf(at, middle, sd / math.sqrt(worth))
            for weight, middle, worth in parts
        )
        logs = np.log(np.maximum(density, 1e-300)) - (n + m - 1.0) * log_sd
        logs = logs - 0.5 * (left + rest + n * (at - own) ** 2) / sd**2
        mass = np.exp(logs - logs.max())
        mass /= mass.sum()
        spread = sd / math.sqrt(m)
        expected = float((mass * stats.norm.cdf((at - other) / spread)).sum())
        assert answer[trial] == pytest.approx(expected, abs=1e-7)
        level = other - float((mass * at).sum())
        assert mean[trial] == pytest.approx(level, abs=1e-6)
        for value, share in ((low, 0.025), (high, 0.975)):
            below = float((mass * stats.norm.cdf((value[trial] - other + at) / spread)).sum())
            assert below == pytest.approx(share, abs=1e-6)
        assert float((drawn[trial] < 0.0).mean()) == pytest.approx(expected, abs=0.01)
        # the control alone, with the external standard deviation
        alone = sum(
            weight * stats.norm.pdf(at[0], middle, SD / math.sqrt(worth))
            for weight, middle, worth in parts
        ) * np.exp(-0.5 * n * (at[0] - own) ** 2 / SD**2)
        alone /= alone.sum()
        variance = float(alone @ at[0] ** 2) - float(alone @ at[0]) ** 2
        assert added.participants[trial] == pytest.approx(SD**2 / variance - n, abs=1e-6)
        known = prior.informative
        below = sum(
            weight * stats.norm.cdf(own, middle, math.hypot(spread_, SD / math.sqrt(n)))
            for weight, middle, spread_ in zip(known.weights, known.means, known.sds, strict=True)
        )
        assert added.conflict[trial] == pytest.approx(2.0 * min(below, 1.0 - below), abs=1e-9)


def test_a_meta_analysis_predicts_the_next_mean() -> None:
    """Centre and spread on a grid; each source and the arm are normal about the centre."""
    sources, sd, between = (SourceMean(-1.0, 80.0), SourceMean(-2.2, 20.0)), 2.5, 0.8
    law = predicted(sources, sd, between)
    centre = np.linspace(-12.0, 9.0, 1_051)[:, None]
    apart = np.linspace(0.0, 6.0, 601)[None, 1:] - 0.005
    joint = stats.halfnorm(scale=between).pdf(apart) * np.ones_like(centre)
    for one in sources:
        own = sd / math.sqrt(one.participants)
        joint = joint * stats.norm.pdf(one.mean, centre, np.hypot(apart, own))
    joint /= joint.sum()
    for at in (-4.0, -2.0, -1.2, -0.5, 2.0):
        expected = float((joint * stats.norm.cdf((at - centre) / apart)).sum())
        parts = zip(law.weights, law.means, law.sds, strict=True)
        ours = math.fsum(weight * stats.norm.cdf(at, mean, own) for weight, mean, own in parts)
        assert ours == pytest.approx(expected, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("between", [0.1, 0.8, 5.0])
@pytest.mark.parametrize("participants", [8.0, 400.0])
def test_a_few_normals_are_near(between: float, participants: float) -> None:
    sources = (SourceMean(-1.0, participants), SourceMean(-1.6, participants / 2.0))
    law, few = predicted(sources, 2.5, between), fitted(sources, 2.5, between)
    at = np.linspace(law.mean - 8.0 * max(law.sds), law.mean + 8.0 * max(law.sds), 100_001)
    distance = 0.5 * float(np.abs(law.density(at) - few.density(at)).sum() * (at[1] - at[0]))
    assert distance < ACCURACY + 1e-3
    assert len(few.weights) <= 6


def test_a_control_that_contradicts_is_borrowed_from_less() -> None:
    """Of a self-adapting mixture the external weight falls; a robust one forgets likewise."""
    for method in METHODS:
        raw = borrowing(means(), how_of(method))
        analysis, _, summary = seen_of(raw)
        prior = analysis.borrowed(("soc", "cart"))["soc"]
        products = np.array(without_baselines(summary).products)[:3]
        number = products[:, 0, :, -1, 0, 0]
        for trial, change in enumerate((MEAN, MEAN + 1.5, MEAN + 6.0)):
            total = number[trial] * change
            products[trial, 0, :, -1, 0, 2] = products[trial, 0, :, -1, 2, 0] = total
        added = prior.added(0, type(summary)(products, summary.missing[:3]))
        assert added.participants[0] > max(added.participants[1:]) + 2.0
        assert added.participants[2] == pytest.approx(1.0, abs=0.4)  # the vague part's
        assert added.conflict[0] > 0.5 > 0.05 > added.conflict[2]


def test_every_measure_is_there_and_a_real_trial_is_told() -> None:
    design = Design(**borrowing(means(), how_of("robust_map")))
    result = simulate(design, trials=20, seed=3, jobs=1)
    measures = set(result.operating_characteristics["measure"])
    assert {"borrowed_mg_mean", "borrowed_mg_p50", "conflict_mg"} <= measures
    text = described(design)
    assert "mg, soc borrows from external data: a robust meta-analytic-predictive prior" in text
    story = ac.example(design, scenario="expected")
    told = ac.analyze(design, story.participants, look=1, fast=True)
    (row,) = told.findings.borrowed
    assert f"{row.participants:.1f}" in told.text


@pytest.mark.slow
def test_a_trial_is_completed_beside_a_control_that_borrows() -> None:
    raw = borrowing(means(), how_of("sam"))
    raw["rules"][0]["looks"] = [2]
    raw["rules"].append({"name": "hopeless", "then": "declare_futility", "below": 0.02,
                         "looks": [1], "predictive": {"rule": "better"}})  # fmt: skip
    result = simulate(Design(**raw), trials=10, seed=3, jobs=1)
    assert "borrowed_mg_mean" in set(result.operating_characteristics["measure"])


SOC = "analysis/mg/prior/soc"
MAP = {"external": ["registry"], "method": "robust_map", "heterogeneity": 0.8}
WRONG: list[tuple[Table, str, str]] = [
    ({SOC: {"external": ["registry"], "method": "robust_map"}},
     "analysis.mg.prior.soc.heterogeneity", "missing"),
    ({SOC: {"external": ["registry"], "method": "sam"}},
     "analysis.mg.prior.soc.difference", "missing"),
    ({SOC: MAP | {"weight": 0.0}}, "analysis.mg.prior.soc.weight", "more than 0"),
    ({SOC: MAP, "external/registry/participants": 1}, "analysis.mg.prior.soc", "one participant"),
    ({SOC: MAP, "analysis/mg/prior/cart": MAP}, "analysis.mg.prior.cart", "one arm borrows"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "path", "words"), WRONG)
def test_what_is_refused(changes: Table, path: str, words: str) -> None:
    problems = found(changed(copy.deepcopy(means()), changes))
    assert any(words in message for where, message in problems if where == path), problems


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("method", METHODS)
def test_both_faces_agree(method: str) -> None:
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    raw = borrowing(means(), how_of(method))
    analysis, model, summary = seen_of(raw)
    face = analysis.reference(("soc", "cart"), (), (1.0,))
    for trial in range(2):
        data = face.data(summary, trial, question=ASKED)
        fit, trouble = fitted_carefully(Compiled(face, data), data, seed=3, draws=2_000)
        assert trouble is None
        probability, error = mean_and_error(holds(ASKED, face.quantity(fit.draws, ASKED)))
        answer = float(analysis.posterior(model, summary, None).probability(ASKED)[trial])
        assert abs(answer - probability) < 4.0 * error + 0.002


assert PARTICIPANTS == 80
