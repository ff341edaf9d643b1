"""External rates, hazards and means drawn anew in every trial: their law, and each answer.

A trial that drew its registry is the trial of a design whose registry was so: the twin is that
design, told what was drawn, by the code that never draws. What was drawn is held against the law
that the page on semantics states, by numbers of NumPy.
"""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.conduct.trial import Conduct
from adaptive_cart.design.design import Design
from adaptive_cart.models.base import holds
from adaptive_cart.nouns.questions import Question
from adaptive_cart.telling.check import described
from adaptive_cart.telling.walkthrough import example
from conduct.test_completion import looks_of, predicting
from design.test_bad_input import changed, found
from models.test_borrowed_numbers import (
    EVENTS,
    MEAN,
    MONTHS,
    PARTICIPANTS,
    SD,
    Table,
    hazards,
    means,
    rates,
)

TRIALS = 400
SEEN = {"inf": ("events",), "fl": ("events",), "mg": ("mean", "sd")}
LEVEL = {"inf": 0.5, "fl": 0.05, "mg": -1.5}


def beside(make: Any, **change: Any) -> Table:
    """A single arm beside a registry that is drawn anew."""
    raw: Table = make()
    del raw["arms"]["soc"]
    (name,) = raw["endpoints"]
    if name == "inf":
        raw["analysis"][name]["prior"] = {"a": 0.5, "b": 0.5}
    elif name == "mg":
        raw["analysis"][name]["prior"] = {"registry": {"mean": 0.0, "worth": 2.0}}
    raw["external"]["registry"]["redrawn"] = True
    asked = raw["rules"][0]["posterior"]
    asked["hazard_ratio_to" if name == "fl" else "minus"] = "registry"
    raw["rules"][0]["at_least"] = 1.0 - 1e-9  # nothing ends a trial at its first look
    cart = raw["scenarios"]["expected"][name]["cart"]
    raw["scenarios"] = {"expected": {name: {"cart": cart, "registry": LEVEL[name]} | change}}
    return raw


def drawn_of(conduct: Conduct) -> dict[str, Any]:
    return dict(conduct.population.external["registry"])


def as_drawn(raw: Table, drawn: dict[str, Any], trial: int) -> Table:
    """The design whose registry stays as it was drawn in a trial."""
    told = copy.deepcopy(raw)
    (name,) = raw["endpoints"]
    del told["external"]["registry"]["redrawn"]
    for key in SEEN[name]:
        value = float(drawn[key][trial])
        told["external"]["registry"][key] = int(value) if key == "events" else value
    return told


@pytest.mark.parametrize(
    ("make", "unit", "source"),
    [(rates, 12.0, None), (rates, 12.0, 0.9), (hazards, 1.0, None), (hazards, 1.0, 0.02)],
)
def test_events_are_drawn_by_poisson(make: Any, unit: float, source: float | None) -> None:
    raw = beside(make, **({} if source is None else {"registry_source": source}))
    events = drawn_of(looks_of(raw, TRIALS, "expected")[0])["events"]
    law = stats.poisson(EVENTS if source is None else source * MONTHS / unit)
    assert (events == np.round(events)).all()
    assert abs(events.mean() - law.mean()) < 4.0 * law.std() / np.sqrt(TRIALS)
    assert stats.kstest(events + np.random.default_rng(1).random(TRIALS) - 0.5,
                        lambda x: law.cdf(np.floor(x + 0.5) - 1) + (x + 0.5 - np.floor(x + 0.5))
                        * law.pmf(np.floor(x + 0.5))).pvalue > 1e-3  # fmt: skip


@pytest.mark.parametrize("source", [None, -4.0])
def test_a_mean_is_normal_and_its_spread_that_of_a_sample(source: float | None) -> None:
    raw = beside(means, **({} if source is None else {"registry_source": source}))
    drawn = drawn_of(looks_of(raw, TRIALS, "expected")[0])
    at = MEAN if source is None else source
    away = (drawn["mean"] - at) / (SD / np.sqrt(PARTICIPANTS))
    squares = (PARTICIPANTS - 1) * (drawn["sd"] / SD) ** 2
    assert stats.kstest(away, "norm").pvalue > 1e-3
    assert stats.kstest(squares, stats.chi2(PARTICIPANTS - 1).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(away, squares)[0, 1]) < 4.0 / np.sqrt(TRIALS)


@pytest.mark.parametrize("make", [rates, means, hazards])
def test_each_trial_is_that_of_a_registry_that_was_so(make: Any) -> None:
    raw = beside(make)
    conduct, _ = looks_of(raw, 12, "expected")
    mine, drawn = conduct.records[0].probabilities["better"], drawn_of(conduct)
    assert len(np.unique(np.round(mine, 6))) > 6
    for trial in range(12):
        alone, _ = looks_of(as_drawn(raw, drawn, trial), 12, "expected")
        theirs = alone.records[0].probabilities["better"]
        assert mine[trial] == pytest.approx(theirs[trial], abs=1e-11)
    held = looks_of(as_drawn(raw, drawn, 0), 12, "expected")[0].records[0].probabilities["better"]
    assert np.abs(mine - held).max() > 1e-3  # what was drawn in another trial does not do


@pytest.mark.slow
@pytest.mark.parametrize("make", [rates, means, hazards])
def test_a_completed_trial_keeps_what_was_drawn(make: Any) -> None:
    raw = beside(make)
    (name,) = raw["endpoints"]
    if name == "inf":
        raw["scenarios"]["expected"]["inf"]["cart"] = 0.45
    elif name == "fl":
        raw["scenarios"]["expected"]["fl"]["cart"]["median"] = 18.0
    else:
        raw["scenarios"]["expected"]["mg"]["cart"]["change"] = [-1.6]
    raw["rules"][0] |= {"at_least": 0.9, "looks": [2]}
    raw = predicting(raw, "better")
    conduct, _ = looks_of(raw, 4, "expected")
    mine, drawn = conduct.records[0].probabilities["ahead"][:, 0], drawn_of(conduct)
    for trial in range(4):
        alone, _ = looks_of(as_drawn(raw, drawn, trial), 4, "expected")
        theirs = alone.records[0].probabilities["ahead"][trial, 0]
        assert mine[trial] == pytest.approx(theirs, abs=1e-9)
    assert ((mine > 0.02) & (mine < 0.98)).any()
    assert mine.max() - mine.min() > 0.05


@pytest.mark.parametrize("make", [rates, means, hazards])
def test_a_real_trial_sees_the_registry_as_it_was_observed(make: Any) -> None:
    raw = beside(make)
    fixed = copy.deepcopy(raw)
    del fixed["external"]["registry"]["redrawn"]
    story = ac.example(Design(**raw))
    texts = [
        ac.analyze(Design(**one), story.participants, look=1, fast=True).text
        for one in (raw, fixed)
    ]
    assert texts[0] == texts[1]


def test_both_characteristics_are_told_by_name() -> None:
    raw = beside(rates, registry_source=0.7)
    fixed = beside(rates)
    del fixed["external"]["registry"]["redrawn"]
    drawn, held = (described(Design(**one)) for one in (raw, fixed))
    assert "1800 months, drawn anew in every trial, so that characteristics are unc" in drawn
    assert "inf: 0.500 as in registry, in these participants (seen there: 90 events in 1800 " \
        "months; drawn anew from 0.700)" in " ".join(drawn.split())  # fmt: skip
    assert "as observed in every trial, so that characteristics are conditional on them" in held


@pytest.mark.parametrize("make", [rates, hazards])
def test_an_example_tells_what_was_drawn_and_its_looks_follow_from_that(make: Any) -> None:
    raw = beside(make)
    story = example(Design(**raw), trial=3).text
    drawn = re.search(r"data registry, as drawn with this trial: (\d+) events in 1800 mon", story)
    assert drawn is not None
    events = int(drawn[1])
    assert events != EVENTS
    fixed = copy.deepcopy(raw)
    del fixed["external"]["registry"]["redrawn"]
    fixed["external"]["registry"]["events"] = events
    same = example(Design(**fixed), trial=3).text
    assert "as drawn" not in same
    assert story[story.index("Look 1") :] == same[same.index("Look 1") :]


def test_a_level_is_told_with_all_that_it_says() -> None:
    raw = beside(hazards)
    raw["scenarios"]["expected"]["fl"]["registry"] = 0.04444
    text = described(Design(**raw))
    assert "fl: 0.04444 as in registry" in text
    assert "drawn anew from 0.050)" in text


def test_numbers_of_responders_are_told_for_a_registry_as_it_was_observed() -> None:
    raw: Table = {
        "name": "one arm",
        "arms": {"cart": {}},
        "endpoints": {"dfr": {"type": "landmark", "month": 6}},
        "external": {
            "registry": {
                "source": "a registry", "endpoint": "dfr", "responders": 14, "participants": 120,
                "redrawn": True,
            }
        },
        "enrolment": {"max_n": 40, "per_month": 3},
        "looks": {"observed": [20, 40]},
        "rules": [{"name": "better", "then": "declare_success", "at_least": 0.975, "posterior":
                   {"endpoint": "dfr", "arm": "cart", "minus": "registry", "above": 0.1}}],
        "scenarios": {"null": {"dfr": {"cart": 0.22, "registry": 0.12}}},
    }  # fmt: skip
    told = "beside registry as observed; where it is drawn anew there are others"
    assert told in described(Design(**raw))
    del raw["external"]["registry"]["redrawn"]
    held = described(Design(**raw))
    assert "from 9/20 in cart on" in held
    assert told not in held


def test_external_data_beside_a_control_are_told_too() -> None:
    raw: Table = rates()
    raw["external"]["registry"]["redrawn"] = True
    raw["analysis"]["inf"]["prior"] = {"a": 0.5, "b": 0.5}
    raw["rules"][0]["posterior"]["minus"] = "registry"
    arms = raw["scenarios"]["expected"]["inf"]
    raw["scenarios"] = {"expected": {"inf": dict(arms) | {"registry": 0.5}}}
    told = described(Design(**raw))
    assert "Comparison with external data, beside the control" in told
    assert "so that characteristics are unconditional" in told


WRONG: list[tuple[Any, Table, str, str]] = [
    (rates, {"scenarios/expected/inf/registry_source": -0.5},
     "scenarios.expected.inf.registry_source", "from 0"),
    (means, {"scenarios/expected/mg/registry_source": "low"},
     "scenarios.expected.mg.registry_source", "a number"),
    (rates, {"scenarios/expected/inf/registry_source": {"a": 0.5}},
     "scenarios.expected.inf.registry_source", "one number"),
    (rates, {"external/registry/redrawn": False, "scenarios/expected/inf/registry_source": 0.5},
     "scenarios.expected.inf.registry_source", "write redrawn = true"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "changes", "path", "words"), WRONG)
def test_what_is_refused(make: Any, changes: Table, path: str, words: str) -> None:
    problems = found(changed(beside(make), changes))
    assert any(words in message for where, message in problems if where == path), problems


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("make", [rates, means, hazards])
def test_both_faces_agree(make: Any) -> None:
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    conduct, plan = looks_of(beside(make), 40, "expected")
    (name,) = plan.fitted
    analysis, fitted = plan.fitted[name]
    summary = conduct.kept[0].summary(name)
    outside = summary.seen_outside()
    assert outside is not None
    face = analysis.reference(("cart",), (), (1.0,))
    kind = "hazard_ratio" if name == "fl" else "level"
    value = 0.8 if name == "fl" else 0.0
    question = Question(name, 0, 1, value=value, above=False, kind=kind)
    answers = analysis.posterior(fitted, summary, None).probability(question)
    compiled = None
    for trial in (int(outside[:, 0, 0].argmin()), int(outside[:, 0, 0].argmax())):
        data = face.data(summary, trial, question=question)
        compiled = compiled or Compiled(face, data)
        fit, trouble = fitted_carefully(compiled, data, seed=3, draws=2_000)
        assert trouble is None
        probability, error = mean_and_error(holds(question, face.quantity(fit.draws, question)))
        assert abs(float(answers[trial]) - probability) < 4.0 * error + 0.002
