"""A threshold within the error of the fast posterior: told at the rule, and never passed over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adaptive_cart.analysis import analyze
from adaptive_cart.analysis.reference import Answer, ReferencePosteriors
from adaptive_cart.design.design import Design
from adaptive_cart.models.binary.beta_binomial_reference import BetaBinomialReference
from analysis.test_analyze import responders, small, with_draws

LOGISTIC = {
    "model": "logistic",
    "prior": {
        name: {"dist": "normal", "mean": 0, "sd": 1.5}
        for name in ("intercept", "treatment", "stratum", "interaction")
    },
}
ROWS = responders((10, 14), (3, 12))


def design(threshold: float, model: dict[str, Any] | None = None) -> Design:
    written = small().rules[0].model_dump(by_alias=True, exclude_none=True)
    analysis = {} if model is None else {"analysis": {"response": model}}
    return small(rules=[written | {"at_least": threshold}], **analysis)


def fast(model: dict[str, Any] | None = None) -> float:
    found = analyze(design(0.5, model), ROWS, fast=True).rules[0].fast
    assert found is not None
    return found


def with_reference(monkeypatch: pytest.MonkeyPatch, probability: float) -> None:
    """PyMC answers so, with the error that ten thousand draws have."""

    def answer(self: Any, analysis: Any, rule: Any, target: Any) -> Answer:
        by_fast = float(analysis.fast_probability(rule, target)[0])
        return Answer(probability, 0.001, by_fast, None)

    monkeypatch.setattr(ReferencePosteriors, "answer", answer)
    monkeypatch.setattr(ReferencePosteriors, "diagnoses", lambda self: ())
    monkeypatch.setattr("adaptive_cart.analysis.flow._quantities", lambda *asked: ((), ()))
    monkeypatch.setattr("adaptive_cart.analysis.flow.util.find_spec", lambda name: object())


@pytest.mark.parametrize("away", [-0.0015, 0.0015])
def test_alone_the_fast_posterior_does_not_decide_within_its_error(away: float) -> None:
    probability = fast(LOGISTIC)
    found = analyze(design(probability + away, LOGISTIC), ROWS, fast=True)
    (rule,) = found.rules
    assert rule.within_error == 0.002
    assert rule.holds == (away < 0)
    assert found.decision.outcome == found.decision.basis == "withheld"
    assert found.decision.fast == ("success" if away < 0 else "goes_on")
    assert "lies within its error of 0.002 of the threshold" in rule.reason
    assert "without --fast" in found.decision.withheld[0]
    assert rule.reason in found.text


def test_further_away_it_decides() -> None:
    found = analyze(design(fast(LOGISTIC) - 0.0025, LOGISTIC), ROWS, fast=True)
    assert found.rules[0].within_error == 0.0
    assert "error" not in found.rules[0].reason
    assert found.decision.outcome == "success"


def test_an_exact_answer_decides_however_near() -> None:
    threshold = float(np.nextafter(fast(), 0.0))
    found = analyze(design(threshold), ROWS, fast=True)
    assert found.rules[0].within_error == 0.0
    assert found.decision.outcome == "success"


def test_the_reference_on_the_same_side_confirms(monkeypatch: pytest.MonkeyPatch) -> None:
    probability = fast(LOGISTIC)
    with_reference(monkeypatch, probability + 0.001)
    found = analyze(design(probability - 0.001, LOGISTIC), ROWS)
    assert found.decision.outcome == "success"
    assert found.rules[0].within_error == 0.002
    assert "and PyMC on the same side" in found.decision.reasons[0]


def test_on_two_sides_nobody_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    probability = fast(LOGISTIC)
    with_reference(monkeypatch, probability - 0.002)
    found = analyze(design(probability - 0.001, LOGISTIC), ROWS)
    assert found.decision.outcome == "withheld"
    assert "and PyMC on the other side" in found.decision.withheld[0]
    # beyond the error of the fast one, it decides as ever
    with_reference(monkeypatch, probability - 0.0045)
    found = analyze(design(probability - 0.003, LOGISTIC), ROWS)
    assert found.decision.outcome == "success"
    assert found.decision.basis == "fast posterior"


def test_an_earlier_look_within_the_error_is_told() -> None:
    """26 in the first look, 36 in the last: the first is held anew by the fast posterior."""
    rows = responders((10, 18), (6, 18))
    first = [*rows[:13], *rows[18:31]]  # 13 of each arm arrive before the others
    later = [{**row, "randomised_month": 4.0} for row in (*rows[13:18], *rows[31:])]
    own = fast_of([*first])
    found = analyze(design(own + 0.001, LOGISTIC), [*first, *later], fast=True)
    assert found.findings.look == 2
    (earlier,) = found.findings.earlier
    assert earlier.words.endswith("Within the error of its threshold: efficacy.")
    found = analyze(design(own + 0.003, LOGISTIC), [*first, *later], fast=True)
    assert "Within the error" not in found.findings.earlier[0].words


def fast_of(rows: list[Any]) -> float:
    found = analyze(design(0.5, LOGISTIC), rows, fast=True).rules[0].fast
    assert found is not None
    return found


def predicted(threshold: float) -> Design:
    efficacy = small().rules[0].model_dump(by_alias=True, exclude_none=True)
    futility = {"name": "futility", "then": "declare_futility", "below": threshold, "looks": [1],
                "predictive": {"rule": "efficacy"}}  # fmt: skip
    return small(rules=[futility, efficacy])


def test_a_trial_that_pymc_cannot_complete_is_answered_by_no_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The probability is drawn from the fast posterior, so that PyMC cannot confirm it."""
    monkeypatch.setattr(BetaBinomialReference, "completes", False)
    monkeypatch.setattr("adaptive_cart.conduct.asking.enumerated", lambda *asked: False)
    monkeypatch.setattr(ReferencePosteriors, "diagnoses", lambda self: ())
    monkeypatch.setattr("adaptive_cart.analysis.flow._quantities", lambda *asked: ((), ()))
    monkeypatch.setattr("adaptive_cart.analysis.flow.util.find_spec", lambda name: object())
    rows = responders((6, 13), (4, 13))
    probability = analyze(predicted(0.999), rows, fast=True).rules[0].fast
    assert probability is not None
    near, far = (analyze(predicted(probability + away), rows) for away in (0.005, 0.02))
    assert near.rules[0].within_error == 0.01
    assert near.rules[0].reference is None
    assert near.decision.outcome == "withheld"
    assert "the trial was completed from it alone" in near.decision.withheld[0]
    assert far.rules[0].within_error == 0.0
    assert far.decision.outcome == "futility"


def test_a_trial_is_completed_from_the_draws_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exact sum over last tables stands by: both shares of completions agree with it."""
    with_draws(monkeypatch)
    rows = responders((6, 13), (4, 13))
    exact = analyze(predicted(0.999), rows, fast=True).rules[0].fast
    assert exact is not None
    assert 0.05 < exact < 0.95
    monkeypatch.setattr("adaptive_cart.conduct.asking.enumerated", lambda *asked: False)
    rule = analyze(predicted(exact + 0.05), rows).rules[0]
    assert rule.reference is not None
    assert rule.mcse is not None
    assert 0.009 < rule.mcse < 0.013, "both are shares of completions"
    assert rule.reference == pytest.approx(exact, abs=4 * rule.mcse)
    assert rule.reference != rule.fast
    assert rule.holds
