"""An arm's fraction in remission compared with external counts at a month, under `weibull_cure`.

The twin sums the model's own definition over a plain lattice of (cured, median, shape), and the
external fraction over its beta distribution.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.design.design import Design
from adaptive_cart.models.base import holds
from adaptive_cart.models.outside_laws import FractionLaw
from adaptive_cart.nouns.questions import Question
from adaptive_cart.running.run import simulate
from adaptive_cart.telling.check import described
from conduct.test_completion import looks_of
from design.test_bad_input import changed, found
from models.test_beside_laws import raw_single_arm
from running.test_exact_single_arm import told

Table = dict[str, Any]
MONTH, REMAINING, PARTICIPANTS, MARGIN = 18.0, 26, 90, 0.1
ASKED = {"endpoint": "relapse", "arm": "cart", "minus": "registry", "remains_at": MONTH,
         "above": MARGIN}  # fmt: skip


def remissions(participants: int = PARTICIPANTS) -> Table:
    """A single arm whose remissions are compared with those that lasted in a registry."""
    raw = raw_single_arm()
    raw["external"] = {"registry": {"source": "a registry", "endpoint": "relapse", "month": MONTH,
                                    "remaining": REMAINING * participants // PARTICIPANTS,
                                    "participants": participants}}  # fmt: skip
    lasting = {"name": "longer", "then": "declare_success", "posterior": ASKED,
               "at_least": 1.0 - 1e-9}  # fmt: skip
    raw["rules"] = [lasting]
    raw["enrolment"] = {"max_n": 40, "per_month": 3}
    raw["looks"] = {"months": [24.0, 36.0]}
    raw["scenarios"] = {"expected": {"relapse": {"registry": 0.3}}}
    return raw


def by_hand(months: Any, relapsed: Any, participants: int) -> tuple[float, float]:
    """P(remaining - external > margin), and the mean difference, over a lattice."""
    cured = stats.beta(2.0, 2.0).ppf((np.arange(60) + 0.5) / 60)
    median = 12.0 * np.exp(0.7 * np.linspace(-4.0, 4.0, 61))
    shape = 1.2 * np.exp(0.3 * np.linspace(-4.0, 4.0, 41))
    normal = stats.norm.pdf(np.linspace(-4.0, 4.0, 61)), stats.norm.pdf(np.linspace(-4, 4, 41))
    log = np.log(normal[0])[None, :, None] + np.log(normal[1])[None, None, :]
    c, m, k = cured[:, None, None], median[None, :, None], shape[None, None, :]

    def left(month: float) -> Any:
        return np.exp(-np.log(2.0) * (month / m) ** k)

    for month, event in zip(months, relapsed, strict=True):
        gone = np.log(2.0) * (month / m) ** k
        if event:
            log = log + np.log1p(-c) - gone + np.log(k * gone)
        else:
            log = log + np.log(c + (1.0 - c) * np.exp(-gone))
    weight = np.exp(log - log.max())
    remains = c + (1.0 - c) * left(MONTH) + 0.0 * log
    x = REMAINING * participants // PARTICIPANTS
    outside = stats.beta(1 + x, 1 + participants - x)
    above = (weight * outside.cdf(remains - MARGIN)).sum() / weight.sum()
    return float(above), float((weight * remains).sum() / weight.sum() - outside.mean())


@pytest.mark.parametrize("participants", [9, PARTICIPANTS, 1800])
def test_the_fraction_is_compared_with_counts_at_its_month(participants: int) -> None:
    conduct, plan = looks_of(remissions(participants), 3, "expected")
    answer = conduct.records[0].probabilities["longer"]
    seen = conduct.kept[0].summary("relapse")
    analysis, fitted = plan.fitted["relapse"]
    posterior = analysis.posterior(fitted, seen, None)
    mean = posterior.mean(Question("relapse", 0, 1, value=MARGIN, month=MONTH, kind="remaining"))
    for trial in range(3):
        mine = seen.included[trial]
        above, centre = by_hand(seen.months[trial][mine], seen.event[trial][mine], participants)
        assert answer[trial] == pytest.approx(above, abs=0.004)
        assert mean[trial] == pytest.approx(centre, abs=0.003)


def test_a_fraction_s_quantiles_are_those_of_its_beta() -> None:
    law = FractionLaw(3.0, 10.0)
    for points in (33, 161):
        _, values = law.nodes(points)
        assert (np.diff(values) > 0.0).all()
        assert law.below(values) == pytest.approx(stats.norm.cdf(np.linspace(-8.4, 8.4, points)))


def test_a_scenario_says_the_fraction_that_would_have_remained() -> None:
    raw = remissions()
    design = Design(**raw)
    text = described(design)
    assert "26 of 90 participants without the event at month 18" in text
    assert "relapse: 0.300 as in registry, in these participants" in text


@pytest.mark.slow
def test_a_real_trial_is_compared_with_them() -> None:
    design = Design(**remissions())
    story = ac.example(design)
    assert "P(cart remaining at 18 months − registry > 0.10 | relapse)" in story.text
    assert "− registry" in ac.analyze(design, story.participants, look=1, fast=True).text


def test_a_claim_is_false_by_what_the_registry_would_have_had() -> None:
    true = {}
    for level in (0.2, 0.9):
        raw = remissions()
        raw["rules"][0]["at_least"] = 0.5
        raw["scenarios"] = {"one": {"role": "null", "relapse": {"registry": level}}}
        result = simulate(Design(**raw), trials=12, seed=3, jobs=1)
        true[level] = told(result, "one", "success"), told(result, "one", "false_success")
    assert true[0.2][1] == 0.0 < true[0.2][0] == true[0.9][0] == true[0.9][1]


@pytest.mark.slow
@pytest.mark.reference
def test_both_faces_agree() -> None:
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    conduct, plan = looks_of(remissions(), 2, "expected")
    analysis, fitted = plan.fitted["relapse"]
    summary = conduct.kept[0].summary("relapse")
    face = analysis.reference(("cart",), (), (1.0,))
    posterior = analysis.posterior(fitted, summary, None)
    question = Question("relapse", 0, 1, value=0.4, month=MONTH, kind="remaining")
    data = face.data(summary, 0, question=question)
    fit, trouble = fitted_carefully(Compiled(face, data), data, seed=3, draws=2_000)
    assert trouble is None
    values = face.quantity(fit.draws, question)
    probability, error = mean_and_error(holds(question, values))
    assert abs(float(posterior.probability(question)[0]) - probability) < 4.0 * error + 0.002
    mean, error = mean_and_error(values)
    assert abs(float(posterior.mean(question)[0]) - mean) < 4.0 * error + 0.001


EVENTS = {"source": "a registry", "endpoint": "relapse", "events": 20, "months": 400.0}
COUNTS = {"source": "a registry", "endpoint": "relapse", "month": 18.0, "remaining": 20,
          "participants": 40}  # fmt: skip
HAZARDS = {"model": "piecewise_exponential",
           "prior": {"baseline": {"a": 0.5, "b": 5.0},
                     "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 1.0}}}  # fmt: skip
WRONG: list[tuple[Table, str, str]] = [
    ({"rules/0/posterior": {**ASKED, "remains_at": 12.0}}, "rules[0].posterior.minus",
     "were counted at month 18"),
    ({"rules/0/posterior": {"endpoint": "relapse", "arm": "cart", "minus": "registry",
                            "above": 0.1}},
     "rules[0].posterior.minus", "ask remains_at = 18"),
    ({"external/registry": EVENTS}, "rules[0].posterior.minus", "say a hazard, and not how many"),
    ({"external/registry/remaining": 400}, "external.registry.remaining", "cannot be more"),
    ({"external/registry/redrawn": True}, "external.registry.redrawn", "drawn anew under"),
    ({"external/registry/events": 4}, "external.registry.events", "takes remaining"),
    ({"scenarios/expected/relapse/registry": 1.4}, "scenarios.expected.relapse.registry",
     "from 0 to 1"),
    ({"external/registry": EVENTS | {"month": 18.0}}, "external.registry.month", "takes events"),
    ({"scenarios/expected": {}}, "truth.relapse.registry", "would have had as controls"),
    ({"analysis/relapse": HAZARDS}, "rules[0].posterior.minus", "says no hazard"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "path", "says"), WRONG)
def test_what_cannot_be_is_refused_in_words(change: Table, path: str, says: str) -> None:
    problems = found(changed(remissions(), change))
    assert any(where == path and says in text for where, text in problems), problems
