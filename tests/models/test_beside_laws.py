"""An arm compared with an external mean: months in remission, and scores at all visits.

The twins are integrals over two independent t distributions, the arm's own from least squares or
from the conjugate update as it is written in a textbook, and know nothing of the fast posterior.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

import adaptive_cart as ac
from adaptive_cart.design.design import Design
from adaptive_cart.models.base import holds
from adaptive_cart.nouns.questions import Question
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.run import simulate
from adaptive_cart.telling.check import described
from conduct.test_completion import looks_of
from design.test_bad_input import changed, found
from running.test_exact_single_arm import told

Table = dict[str, Any]
PRIOR = {"mean": 3.0, "worth": 2.0, "sd": 5.0, "sd_worth": 4.0}
SCORE = {"baseline": {"mean": 10.0, "sd": 3.0}, "change": [-2.0, -4.5], "sd": [3.0, 4.0],
         "correlation": 0.5}  # fmt: skip


def scores(visits: int = 2, participants: int = 80) -> Table:
    """A single arm against an external mean change."""
    cart = SCORE | {"change": SCORE["change"][-visits:], "sd": SCORE["sd"][-visits:]}
    return {
        "name": "scores beside a registry",
        "arms": {"cart": {}},
        "external": {"registry": {"source": "a registry", "endpoint": "mg", "mean": -2.0,
                                  "sd": 4.0, "participants": participants}},
        "endpoints": {"mg": {"type": "continuous", "visits": [1.0, 3.0][-visits:],
                             "better": "lower"}},
        "analysis": {"mg": {"model": "normal_visits"}},
        "enrolment": {"max_n": 24, "per_month": 3},
        "looks": {"observed": [12, 24]},
        "rules": [{"name": "better", "then": "declare_success", "at_least": 0.95,
                   "posterior": {"endpoint": "mg", "arm": "cart", "minus": "registry",
                                 "below": -1.0}}],
        "scenarios": {"expected": {"mg": {"cart": cart, "registry": -2.5}}},
    }  # fmt: skip


def months() -> Table:
    """A single arm against external mean months in remission."""
    raw = raw_single_arm()
    raw["endpoints"] = {"tir": {"type": "time_in_remission", "horizon": 12, "primary": True}}
    raw["analysis"] = {"tir": {"model": "restricted_mean", "prior": PRIOR}}
    raw["external"] = {"registry": {"source": "a registry", "endpoint": "tir", "mean": 2.0,
                                    "sd": 3.0, "participants": 60}}  # fmt: skip
    asked = {"endpoint": "tir", "arm": "cart", "minus": "registry", "above": 1.0}
    raw["rules"] = [{"name": "better", "then": "declare_success", "at_least": 0.95,
                     "posterior": asked}]  # fmt: skip
    raw["scenarios"] = {"expected": {"tir": {"registry": 2.5}}}
    return raw


def raw_single_arm() -> Table:
    from conduct.test_fast_equals_twin import raw_design

    raw: Table = raw_design("lupus_single_arm")
    for key in ("utility", "calibration", "exclude", "time_trend"):
        raw.pop(key, None)
    return raw


def beyond(own: Any, other: Any, value: float) -> float:
    """P(own - other > value) of two independent distributions, by adaptive quadrature."""
    ends = own.ppf(1e-12), own.isf(1e-12)
    middle = own.mean()
    parts = [integrate.quad(lambda x: own.pdf(x) * other.cdf(x - value), a, b, limit=400)[0]
             for a, b in ((ends[0], middle), (middle, ends[1]))]  # fmt: skip
    return float(sum(parts))


def conjugate(values: tuple[float, float, float]) -> Any:
    """The mean's posterior: of a number, a mean and a standard deviation seen, as in a textbook."""
    n, mean, sd = values
    weight, freedom = PRIOR["worth"] + n, PRIOR["sd_worth"] + n
    centre = (PRIOR["worth"] * PRIOR["mean"] + n * mean) / weight
    squares = PRIOR["sd_worth"] * PRIOR["sd"] ** 2 + (n - 1.0) * sd**2
    squares += PRIOR["worth"] * n / weight * (mean - PRIOR["mean"]) ** 2
    return stats.t(freedom, centre, np.sqrt(squares / freedom / weight))


def test_mean_months_are_compared_with_those_of_a_registry() -> None:
    conduct, _ = looks_of(months(), 5, "expected")
    answer = conduct.records[0].probabilities["better"]
    seen = conduct.kept[0].summary("tir")
    for trial in range(5):
        n, total, squares = (float(part[trial].sum()) for part in
                             (seen.participants, seen.total, seen.squares))  # fmt: skip
        sd = np.sqrt((squares - total**2 / n) / (n - 1.0))
        wanted = beyond(conjugate((n, total / n, sd)), conjugate((60.0, 2.0, 3.0)), 1.0)
        assert answer[trial] == pytest.approx(wanted, abs=2e-6)
    assert np.ptp(answer) > 0.05


def least_squares(scores_: Any) -> Any:
    """Mean change at the mean baseline, of ``(participant, (baseline, score))``: its posterior."""
    baseline, change = scores_[:, 0], scores_[:, 1] - scores_[:, 0]
    x = np.stack([np.ones(len(change)), baseline - baseline.mean()], axis=1)
    best, left, *_ = np.linalg.lstsq(x, change, rcond=None)
    freedom = len(change) - 2
    return stats.t(freedom, best[0], np.sqrt(left[0] / freedom / len(change)))


@pytest.mark.parametrize("participants", [4, 12, 400])  # wider than the arm's own, alike, narrower
def test_scores_at_one_visit_are_compared_with_an_external_mean(participants: int) -> None:
    raw = scores(1, participants)
    raw["rules"][0]["at_least"] = 1.0 - 1e-9  # nothing ends a trial at its first look
    conduct, _ = looks_of(raw, 4, "expected")
    answer, seen = conduct.records[0].probabilities["better"], conduct.kept[0].summary("mg")
    outside = stats.t(participants - 1, -2.0, 4.0 / np.sqrt(participants))
    for trial in range(4):
        p = seen.products[trial, 0, 0, 0]  # sums of products of (1, baseline, score)
        n, centre = p[0, 0], p[0, 1] / p[0, 0]
        change = p[0, 2] - p[0, 1]
        of_baseline = p[1, 1] - n * centre**2
        both = p[1, 2] - p[1, 1] - centre * change
        squares = p[2, 2] - 2.0 * p[1, 2] + p[1, 1]
        left = squares - change**2 / n - both**2 / of_baseline
        own = stats.t(n - 2, change / n, np.sqrt(left / (n - 2) / n))
        assert answer[trial] == pytest.approx(1.0 - beyond(own, outside, -1.0), abs=5e-4)
    assert np.ptp(answer) > 0.02


def test_scores_at_two_visits_are_those_drawn_visit_by_visit() -> None:
    """Each visit's regression drawn as a textbook has it, and the external mean beside it."""
    raw, draws = scores(2, 20), 200_000
    design = Design(**raw)
    conduct, _ = looks_of(raw, 2, "expected")
    answer, seen = conduct.records[0].probabilities["better"], conduct.kept[0].summary("mg")
    rng = np.random.default_rng(5)
    for trial in range(2):
        both = []
        for visit in range(2):
            p = seen.products[trial, 0, 0, visit][: visit + 3, : visit + 3]
            x, y = p[:-1, :-1], p[:-1, -1]
            best = np.linalg.solve(x, y)
            freedom = p[0, 0] - len(best)
            left = p[-1, -1] - y @ best
            variance = left / rng.chisquare(freedom, draws)
            root = np.linalg.cholesky(np.linalg.inv(x))
            normal = rng.standard_normal((draws, len(best)))
            both.append(best + np.sqrt(variance)[:, None] * (normal @ root.T))
        first = seen.products[trial, 0, 0, 0]
        baseline = first[0, 1] / first[0, 0]
        one = both[0] @ [1.0, baseline]
        two = both[1][:, 0] + both[1][:, 1] * baseline + both[1][:, 2] * one
        outside = -2.0 + 4.0 / np.sqrt(20.0) * rng.standard_t(19, draws)
        slow = float((two - baseline - outside < -1.0).mean())
        error = np.sqrt(slow * (1.0 - slow) / draws)
        assert abs(answer[trial] - slow) < 4.0 * error + 0.001
    assert "mean -2, SD 4 in 20 participants" in described(design)


@pytest.mark.parametrize("make", [months, scores])
def test_trials_are_judged_by_what_the_participants_would_have_had(make: Any) -> None:
    design = Design(**make())
    result = simulate(design, trials=60, seed=3, jobs=1)
    name = "expected"
    true = told(result, name, "estimand")
    level = -2.5 if make is scores else 2.5
    own = -4.5 if make is scores else true + level
    assert true == pytest.approx(own - level, abs=1e-9)
    story = ac.example(design)
    text = ac.analyze(design, story.participants, look=1, fast=True).text
    assert "− registry" in text


@pytest.mark.slow
@pytest.mark.parametrize("make", [months, scores])
def test_the_error_is_held_at_the_margin_of_external_data(make: Any) -> None:
    raw = make()
    key = "mg" if make is scores else "tir"
    true = told(simulate(Design(**raw), trials=10, seed=3, jobs=1), "expected", "estimand")
    raw["rules"][0]["at_least"] = "calibrate"
    raw["calibration"] = {"type_one_error": 0.1}
    null = copy.deepcopy(raw["scenarios"]["expected"]) | {"role": "null"}
    null[key]["registry"] += true - (-1.0 if make is scores else 1.0)  # at the margin
    raw["scenarios"] |= {"null": null, "expected": raw["scenarios"]["expected"]}
    found_ = calibrate(Design(**raw), trials=300, seed=2, jobs=1)
    assert 0.5 < found_.threshold < 1.0
    largest = max(point.error for point in found_.points)
    assert largest < 0.1 + 4.0 * np.sqrt(0.09 / 3_000)


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("make", [months, scores])
def test_both_faces_agree(make: Any) -> None:
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    raw = make()
    raw["rules"][0]["at_least"] = 1.0 - 1e-9
    (name,) = raw["analysis"]
    conduct, plan = looks_of(raw, 4, "expected")
    analysis, fitted = plan.fitted[name]
    summary = conduct.kept[0].summary(name)
    face = analysis.reference(("cart",), (), (1.0,))
    posterior = analysis.posterior(fitted, summary, None)
    question = Question(name, 0, 1, value=-2.0 if make is scores else 4.0, above=False)
    data = face.data(summary, 0, question=question)
    fit, trouble = fitted_carefully(Compiled(face, data), data, seed=3, draws=2_000)
    assert trouble is None
    values = face.quantity(fit.draws, question)
    probability, error = mean_and_error(holds(question, values))
    assert abs(float(posterior.probability(question)[0]) - probability) < 4.0 * error + 0.002
    mean, error = mean_and_error(values)
    assert abs(float(posterior.mean(question)[0]) - mean) < 4.0 * error


WRONG: list[tuple[Any, Table, str, str]] = [
    (scores, {"external/registry/redrawn": True}, "external.registry.redrawn", "drawn anew under"),
    (scores, {"external/registry/participants": 2}, "rules[0].posterior.minus",
     "whose spread is not known"),
    (scores, {"rules/0/posterior": {"endpoint": "mg", "arm": "cart", "minus": "registry",
                                    "beyond": -3.0, "above": 0.1}},
     "rules[0].posterior.minus", "nothing of how many changed so far"),
    (months, {"external/registry/redrawn": True}, "external.registry.redrawn", "drawn anew under"),
    (months, {"external/registry/responders": 3}, "external.registry.responders", "takes mean, sd"),
    (months, {"external/registry/mean": 14.0}, "external.registry.mean", "values from 0 to 12"),
    (months, {"external/registry/sd": 30.0}, "external.registry.sd", "at most 4."),
    (months, {"scenarios/expected/tir/registry": 12.5}, "scenarios.expected.tir.registry",
     "from 0 to 12"),
    (months, {"scenarios/expected": {}}, "truth.tir.registry", "would have had as controls"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "change", "path", "says"), WRONG)
def test_what_cannot_be_is_refused_in_words(make: Any, change: Table, path: str, says: str) -> None:
    problems = found(changed(make(), change))
    assert any(where == path and says in text for where, text in problems), problems
    assert not any("both ways" in text for _, text in problems), problems
