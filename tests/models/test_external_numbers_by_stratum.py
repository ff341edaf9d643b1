"""Rates, hazards and means compared with external ones by stratum: with what was seen there.

Each twin is written from the definition: two gammas, a lattice of hazards and ratios, and least
squares over participants who have the mean and the standard deviation that are told.
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
from adaptive_cart.models.base import holds
from adaptive_cart.nouns.questions import Question
from adaptive_cart.results.estimand import true_values
from adaptive_cart.telling.check import described
from conduct.test_completion import looks_of, predicting
from design.test_bad_input import changed, found
from models.test_borrowed_numbers import Table, hazards, means, rates
from models.test_external_hazard import by_hand
from running.test_redrawn_numbers import LEVEL, beside

STRATA = ("active", "quiet")
EVENTS = {"events": {"quiet": 30, "active": 60}, "months": {"quiet": 800.0, "active": 900.0}}
SEEN: Table = {
    "inf": EVENTS,
    "fl": EVENTS,
    "mg": {
        "mean": {"active": -2.0, "quiet": -0.5}, "sd": {"active": 2.0, "quiet": 3.0},
        "participants": {"active": 40, "quiet": 50},
    },
}  # fmt: skip
MAKE = [rates, hazards, means]


def by_stratum(make: Any, each: bool = True) -> Table:
    """A single arm beside a registry whose numbers are told by stratum, in each stratum."""
    raw = beside(make)
    (name,) = raw["endpoints"]
    del raw["external"]["registry"]["redrawn"]
    raw["analysis"][name].pop("prior", None) if name == "mg" else None
    raw["strata"] = dict.fromkeys(STRATA, 0.5)
    raw["external"]["registry"] |= copy.deepcopy(SEEN[name])
    level = LEVEL[name]
    raw["scenarios"]["expected"][name]["registry"] = {"active": 1.2 * level, "quiet": 0.8 * level}
    if each:
        raw["rules"][0]["posterior"]["stratum"] = "each"
    return raw


def rates_by_hand(summary: Any, trial: int, stratum: int) -> float:
    """P(rate of the arm < that of the registry), both Gamma(0.5, 0.5) and what was seen."""
    events, years = summary.events[trial, 0, stratum], summary.years[trial, 0, stratum]
    there, months = (EVENTS[key][STRATA[stratum]] for key in ("events", "months"))
    own = stats.gamma(0.5 + events, scale=1.0 / (0.5 + years))
    other = stats.gamma(0.5 + there, scale=1.0 / (0.5 + months / 12.0))
    return float(integrate.quad(lambda x: own.cdf(x) * other.pdf(x), 0.0, 5.0, limit=200)[0])


def hazards_by_hand(summary: Any, trial: int, stratum: int) -> float:
    """P(hazard ratio < 1) by the lattice."""
    own = int(summary.events[trial, 0, stratum]), float(summary.exposure[trial, 0, stratum])
    there, months = (EVENTS[key][STRATA[stratum]] for key in ("events", "months"))
    return by_hand(*own, there, months)[0]


def means_by_hand(summary: Any, trial: int, stratum: int) -> float:
    """P(mean change of the arm < that of the registry), by least squares on the baseline."""
    (n, b, y), (_, bb, by), (_, _, yy) = summary.products[trial, 0, stratum, -1][[0, 1, -1]][
        :, [0, 1, -1]
    ]
    mean, sd, number = (SEEN["mg"][key][STRATA[stratum]] for key in ("mean", "sd", "participants"))
    # columns: in the arm, in the registry, baseline less the mean baseline of the arm
    normal = np.diag([n, float(number), bb - b * b / n])
    d, dd = y - b, yy - 2.0 * by + bb
    sums = np.array([d, number * mean, (by - bb) - b / n * d])
    solved = np.linalg.solve(normal, sums)
    left = dd + (number - 1) * sd**2 + number * mean**2 - solved @ sums
    freedom = n + number - 3.0
    scale = math.sqrt(left / freedom * (1.0 / n + 1.0 / number))
    return float(stats.t(freedom).cdf((solved[1] - solved[0]) / scale))


TWINS = {"inf": (rates_by_hand, 1e-8), "fl": (hazards_by_hand, 1e-4), "mg": (means_by_hand, 1e-9)}


@pytest.mark.parametrize("make", MAKE)
def test_a_stratum_is_compared_with_what_was_seen_there(make: Any) -> None:
    raw = by_stratum(make)
    conduct, plan = looks_of(raw, 3, "expected")
    (name,) = raw["endpoints"]
    twin, error = TWINS[name]
    summary, posterior = conduct.kept[0].summary(name), conduct.kept[0].posterior(name)
    for place in range(2):
        question = plan.rules[0].parts[0].targets[place]
        answers = posterior.probability(question)
        for trial in range(3):
            assert answers[trial] == pytest.approx(twin(summary, trial, place), abs=error)
    # the first is of one stratum, and what it is compared with matters
    first, second = (posterior.probability(q) for q in plan.rules[0].parts[0].targets)
    assert np.abs(first - second).max() > 0.05


@pytest.mark.parametrize("make", MAKE)
def test_over_all_strata_participants_are_as_one_sample(make: Any) -> None:
    raw = by_stratum(make, each=False)
    (name,) = raw["endpoints"]
    together = copy.deepcopy(raw)
    seen = together["external"]["registry"]
    if name == "mg":
        rng = np.random.default_rng(2)
        people = []
        for stratum in STRATA:
            n, mean, sd = (seen[key][stratum] for key in ("participants", "mean", "sd"))
            values = rng.normal(size=n)
            people.append(mean + sd * (values - values.mean()) / values.std(ddof=1))
        everybody = np.concatenate(people)
        seen |= {"participants": len(everybody), "mean": float(everybody.mean()),
                 "sd": float(everybody.std(ddof=1))}  # fmt: skip
    else:
        seen |= {key: sum(seen[key].values()) for key in EVENTS}
    mine, theirs = (
        looks_of(one, 4, "expected")[0].records[0].probabilities["better"]
        for one in (raw, together)
    )
    assert mine == pytest.approx(theirs, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("make", MAKE)
def test_a_completed_stratum_is_compared_with_what_was_seen_there(make: Any) -> None:
    """Completed trials of one stratum are those of a design whose registry is that stratum's."""
    raw = by_stratum(make)
    raw["rules"][0] |= {"at_least": 0.6, "looks": [2]}
    raw = predicting(raw, "better")
    ahead = looks_of(raw, 4, "expected")[0].records[0].probabilities["ahead"]
    (name,) = raw["endpoints"]
    swapped = copy.deepcopy(raw)
    for key in SEEN[name]:  # the other stratum's numbers have no part in it
        table = swapped["external"]["registry"][key]
        table["quiet"] = table["active"]
    again = looks_of(swapped, 4, "expected")[0].records[0].probabilities["ahead"]
    assert ahead[:, 0] == pytest.approx(again[:, 0], abs=1e-12)
    assert np.abs(ahead[:, 1] - again[:, 1]).max() > 0.02


# ── true values ───────────────────────────────────────────────────────────────────────────────
def test_a_true_hazard_ratio_is_events_to_those_expected_at_the_hazards_of_the_strata() -> None:
    raw = by_stratum(hazards)
    design = Design(**raw)
    ratio = Question("fl", 0, 1, kind="hazard_ratio")
    inside = [Question("fl", 0, 1, stratum=s, kind="hazard_ratio") for s in range(2)]
    later = Question("fl", 0, 1, month=6.0, kind="remaining")
    true = true_values(design, design.truths["expected"], also=(ratio, *inside, later))
    rate = math.log(2.0) / 25.0
    own = (1.2 * LEVEL["fl"], 0.8 * LEVEL["fl"])
    for question, hazard in zip(inside, own, strict=True):
        found_ = true.quantity(question)
        assert found_ is not None
        assert (found_.value, found_.mcse) == (pytest.approx(rate / hazard), 0.0)
    # the arm's hazard is one in both strata of equal size, so that it is rate / mean hazard
    found_ = true.quantity(ratio)
    assert found_ is not None
    assert abs(found_.value - rate / LEVEL["fl"]) < 5.0 * found_.mcse + 1e-9
    assert 0.0 < found_.mcse < 0.01
    found_ = true.quantity(later)
    assert found_ is not None
    left = np.mean([math.exp(-6.0 * hazard) for hazard in own])
    assert found_.value == pytest.approx(math.exp(-6.0 * rate) - left)


def test_in_proportion_the_true_hazard_ratio_is_exact() -> None:
    raw = by_stratum(hazards)
    raw["scenarios"]["expected"]["fl"] = {
        "cart": {s: {"dist": "exponential", "rate": r} for s, r in zip(STRATA, (0.02, 0.05),
                                                                      strict=True)},
        "registry": {"active": 0.04, "quiet": 0.1},
    }  # fmt: skip
    design = Design(**raw)
    ratio = Question("fl", 0, 1, kind="hazard_ratio")
    true = true_values(design, design.truths["expected"], also=(ratio,)).quantity(ratio)
    assert true is not None
    assert (true.value, true.mcse) == (pytest.approx(0.5), 0.0)


# ── what people see ───────────────────────────────────────────────────────────────────────────
def test_means_are_told_by_stratum() -> None:
    told = " ".join(described(Design(**by_stratum(means))).split())
    assert "(active -2, SD 2 of 40; quiet -0.5, SD 3 of 50)" in told
    assert "mg: active -1.8, quiet -1.2 as in registry, in these participants" in told


@pytest.mark.parametrize("make", MAKE)
def test_a_real_trial_is_analysed_by_stratum(make: Any) -> None:
    raw = by_stratum(make)
    story = ac.example(Design(**raw))
    found_ = ac.analyze(Design(**raw), story.participants, look=1, fast=True)
    mine = looks_of(raw, 1, "expected")[0]
    assert "better (active)" in found_.text or "active" in found_.text
    assert len(mine.records[0].probabilities["better"][0]) == 2


WRONG: list[tuple[Any, Table, str, str]] = [
    (means, {"external/registry/mean": -1.0}, "external.registry.mean", "a table by stratum"),
    (means, {"external/registry/sd": {"active": 2.0, "other": 3.0}},
     "external.registry.participants", "the strata differ"),
    (means, {"external/registry/sd": {"active": 2.0, "quiet": 0.0}}, "external.registry.sd.quiet",
     "more than 0"),
    (rates, {"rules/0/posterior/stratum": "open"}, "rules[0].posterior.minus",
     "not those that are open"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "changes", "path", "words"), WRONG)
def test_what_is_refused(make: Any, changes: Table, path: str, words: str) -> None:
    problems = found(changed(by_stratum(make), changes))
    assert any(words in message for where, message in problems if where == path), problems


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("make", MAKE)
def test_both_faces_agree(make: Any) -> None:
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    raw = by_stratum(make)
    conduct, plan = looks_of(raw, 2, "expected")
    (name,) = plan.fitted
    analysis, fitted = plan.fitted[name]
    summary = conduct.kept[0].summary(name)
    face = analysis.reference(("cart",), STRATA, (0.5, 0.5))
    compiled = None
    for place in range(2):
        question = plan.rules[0].parts[0].targets[place]
        answer = analysis.posterior(fitted, summary, None).probability(question)[0]
        data = face.data(summary, 0, question=question)
        compiled = compiled or Compiled(face, data)
        fit, trouble = fitted_carefully(compiled, data, seed=3, draws=2_000)
        assert trouble is None
        probability, error = mean_and_error(holds(question, face.quantity(fit.draws, question)))
        assert abs(float(answer) - probability) < 4.0 * error + 0.002
