"""Rates, hazards and means that priors borrow from, drawn anew in every trial.

A trial is that of a design whose external data were as they were drawn with it: the twin is that
design, by the code that never draws. That they are drawn by their law is told in
``test_redrawn_numbers.py``.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.questions import Question
from adaptive_cart.participants.population import latents_for
from adaptive_cart.running.run import simulate
from adaptive_cart.telling.check import described
from conduct.test_completion import Held, predicting
from models.test_borrowed_numbers import Table, borrowing, hazards, means, rates

TRIALS = 5
POOLED: Table = {"method": "pooled"}
POWER: Table = {"method": "power", "weight": 0.3}
CASES: list[tuple[Any, Table]] = [
    *[(make, how) for make in (rates, hazards, means) for how in (POOLED, POWER)],
    (rates, {"method": "sam", "difference": 0.4}),
    (hazards, {"method": "sam", "ratio": 1.6}),
    (means, {"method": "sam", "difference": 1.0}),
    (means, {"method": "robust_map", "heterogeneity": 0.5}),
    (means, {"method": "sam", "difference": 1.0, "heterogeneity": 0.5}),
    *[pytest.param(make, {"method": "robust_map", "heterogeneity": 0.5}, marks=pytest.mark.slow)
      for make in (rates, hazards)],
    *[pytest.param(make, {"method": "commensurate", "heterogeneity": 0.5}, marks=pytest.mark.slow)
      for make in (rates, hazards)],
]  # fmt: skip
SEEN = {"inf": ("events",), "fl": ("events",), "mg": ("mean", "sd")}


class Followed(Held):
    """A block of trials of which every look is kept, and nothing is estimated at their end."""

    def ended_at(self, *ended: Any, **more: Any) -> None:
        """Estimate nothing."""


def looks_of(raw: Table, trials: int, scenario: str, looks: int = 1) -> tuple[Followed, Plan]:
    design = Design(**raw)
    plan = Plan.of(design)
    conduct = Followed(plan, design.truths[scenario], (), latents_for(design, 5, 0, trials))
    conduct.kept = []
    for look in range(1, looks + 1):
        conduct.look(look)
    return conduct, plan


def lent(make: Any, how: Table, **more: Any) -> Table:
    """A control that borrows from two sources, one of which is drawn anew; nothing ends it."""
    raw = borrowing(make(), {"external": ["registry", "trial"], **how})
    other = copy.deepcopy(raw["external"]["registry"])
    other |= {"mean": -0.4} if "mean" in other else {"events": 40, "months": 700.0}
    raw["external"]["trial"] = other
    raw["external"]["registry"]["redrawn"] = True
    raw["rules"][0]["at_least"] = 1.0 - 1e-12
    return raw | more


def as_drawn(raw: Table, drawn: dict[str, Any], trial: int) -> Table:
    """The design whose registry stays as it was drawn in a trial."""
    told = copy.deepcopy(raw)
    (name,) = raw["endpoints"]
    del told["external"]["registry"]["redrawn"]
    for key in SEEN[name]:
        value = float(drawn[key][trial])
        told["external"]["registry"][key] = int(value) if key == "events" else value
    return told


def answers(conduct: Any, plan: Plan, trial: int) -> list[float]:
    """Everything that is said of a trial at its two looks."""
    (arm,) = plan.borrowing
    found = []
    for record, seen in zip(conduct.records, conduct.kept, strict=True):
        found.append(record.probabilities["better"][trial, 0])
        added = arm.prior.added(arm.arm, seen.summary(arm.endpoint))
        found += [added.participants[trial], added.conflict[trial]]
        posterior = seen.posterior(arm.endpoint)
        question = plan.rules[0].parts[0].question
        found.append(posterior.mean(question)[trial])
        found += [end[trial] for end in posterior.limits(question, 0.9)]
        level = Question(arm.endpoint, 1, kind=question.kind, minus=question.minus, value=0.5)
        found.append(posterior.probability(level)[trial])
        found.append(posterior.drawn(level)[trial].mean())
    return found


@pytest.mark.parametrize(("make", "how"), CASES)
def test_each_trial_is_that_of_data_that_were_so(make: Any, how: Table) -> None:
    raw = lent(make, how)
    conduct, plan = looks_of(raw, TRIALS, "expected", looks=2)
    drawn = dict(conduct.population.external["registry"])
    mine = []
    for trial in range(TRIALS):
        alone, fixed = looks_of(as_drawn(raw, drawn, trial), TRIALS, "expected", looks=2)
        mine.append(answers(conduct, plan, trial))
        np.testing.assert_allclose(mine[-1], answers(alone, fixed, trial), rtol=1e-9, atol=1e-9)
    still = looks_of(as_drawn(raw, {k: np.full(TRIALS, raw["external"]["registry"][k])
                                    for k in drawn}, 0), TRIALS, "expected", looks=2)  # fmt: skip
    away = [abs(own[0] - answers(*still, trial)[0]) for trial, own in enumerate(mine)]
    assert max(away) > 1e-4, "what is drawn matters"


@pytest.mark.parametrize(
    ("make", "how"),
    [(rates, POOLED), (hazards, POOLED), (means, POWER),
     (means, {"method": "sam", "difference": 1.0})],
)  # fmt: skip
def test_a_trial_is_completed_by_what_was_drawn_with_it(make: Any, how: Table) -> None:
    raw = lent(make, how)
    raw["rules"][0]["at_least"] = 0.9
    raw["rules"][0]["looks"] = ["final"]
    raw = predicting(raw, "better")
    if make is hazards:
        raw["endpoints"]["fl"]["horizon"] = 24.0
    conduct, _ = looks_of(raw, 3, "expected")
    drawn = dict(conduct.population.external["registry"])
    mine = conduct.records[0].probabilities["ahead"]
    for trial in range(3):
        alone, _ = looks_of(as_drawn(raw, drawn, trial), 3, "expected")
        assert alone.records[0].probabilities["ahead"][trial] == mine[trial]
    assert np.isfinite(mine).all()


def test_sources_without_any_event_lend_nothing() -> None:
    raw = lent(rates, {"method": "robust_map", "heterogeneity": 0.5})
    del raw["external"]["trial"]
    prior = raw["analysis"]["inf"]["prior"]
    prior["soc"]["external"] = ["registry"]
    raw["external"]["registry"] |= {"events": 1, "months": 30.0}
    conduct, plan = looks_of(raw, 20, "expected")
    none = np.flatnonzero(conduct.population.external["registry"]["events"] == 0)
    assert len(none) >= 3
    without = copy.deepcopy(raw)
    without["analysis"]["inf"]["prior"]["soc"] = {"a": 0.5, "b": 0.5}
    del without["external"]
    alone, _ = looks_of(without, 20, "expected")
    mine = conduct.records[0].probabilities["better"][none]
    np.testing.assert_allclose(mine, alone.records[0].probabilities["better"][none], atol=1e-9)
    (arm,) = plan.borrowing
    added = arm.prior.added(arm.arm, conduct.kept[0].summary("inf"))
    np.testing.assert_allclose(added.participants[none], 0.0, atol=1e-9)


def test_it_is_told_that_what_is_borrowed_is_drawn_anew() -> None:
    raw = lent(rates, POWER)
    raw["scenarios"]["expected"]["inf"]["registry_source"] = 0.9
    design = Design(**raw)
    told = described(design)
    assert "drawn anew in every simulated trial, so that characteristics are unconditional" in told
    result = simulate(design, trials=40, seed=1, jobs=1)
    assert result.figure("expected", "borrowed_inf_mean", arm="soc").estimate > 0.0
    raw["external"]["registry"]["redrawn"] = False
    del raw["scenarios"]["expected"]["inf"]["registry_source"]
    fixed = simulate(Design(**raw), trials=40, seed=1, jobs=1)
    first, second = (one.figure("expected", "conflict_inf", arm="soc").estimate
                     for one in (result, fixed))  # fmt: skip
    assert first != second


@pytest.mark.slow  # a model is compiled for each set of numbers that was drawn
@pytest.mark.reference
def test_pymc_fits_each_trial_by_what_was_drawn_with_it() -> None:
    """The fast posterior and PyMC's in a trial whose registry was drawn far from that observed."""
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    raw = lent(rates, POOLED)
    raw["scenarios"]["expected"]["inf"]["registry_source"] = 0.9
    conduct, plan = looks_of(raw, TRIALS, "expected")
    del raw["external"]["registry"]["redrawn"]
    del raw["scenarios"]["expected"]["inf"]["registry_source"]
    observed, _ = looks_of(raw, TRIALS, "expected")
    face = plan.fitted["inf"][0].reference(plan.design.arm_names, (), (1.0,))
    data = face.data(conduct.kept[0].summary("inf"), 3)
    fit, trouble = fitted_carefully(Compiled(face, data), data, seed=1)
    assert trouble is None
    question = plan.rules[0].parts[0].question
    mean, error = mean_and_error(face.quantity(fit.draws, question))
    mine, still = (one.kept[0].posterior("inf").mean(question)[3] for one in (conduct, observed))
    assert abs(mine - mean) < 4.0 * error
    assert abs(still - mean) > 8.0 * error, "what was drawn matters"
