"""External numbers told by stratum and drawn anew: each stratum's from its own level.

A trial that drew its registry is the trial of a design whose registry was so in every stratum, and
what was drawn is held against the law that is stated.
"""

from __future__ import annotations

import copy
import itertools
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

import adaptive_cart as ac
from adaptive_cart.design.design import Design
from adaptive_cart.models.base import holds
from adaptive_cart.nouns.questions import Question
from adaptive_cart.results.borrowing import added
from adaptive_cart.running.external_law import expected_distinct
from adaptive_cart.telling.check import described
from adaptive_cart.verification.verified_rows import Comparison
from conduct.test_completion import looks_of, predicting
from design.test_bad_input import changed, found
from models.test_borrowed_numbers import Table, borrowing, hazards, means, rates
from models.test_borrowing_by_stratum import METHODS, stratified
from models.test_external_numbers_by_stratum import SEEN, STRATA, by_stratum
from running.test_as_observed import held, ran, told
from running.test_external_by_stratum import single_arm

TRIALS = 400
KEYS = {"inf": ("events",), "fl": ("events",), "mg": ("mean", "sd"), "dfr": ("responders",)}
SOURCE = {"active": 0.08, "quiet": 0.03}


def counts() -> Table:
    raw = single_arm()
    raw["rules"] = raw["rules"][1:]
    raw["rules"][0] |= {"name": "better", "looks": [1, 2]}
    return raw


MAKE = {
    "counts": counts,
    "rates": lambda: by_stratum(rates),
    "hazards": lambda: by_stratum(hazards),
    "means": lambda: by_stratum(means),
}


def anew(name: str, **change: Any) -> Table:
    raw = MAKE[name]()
    (endpoint,) = raw["endpoints"]
    raw["external"]["registry"]["redrawn"] = True
    raw["scenarios"]["expected"][endpoint] |= change
    return raw


def looks(raw: Table, trials: int) -> Any:
    """First looks at which nothing ends a trial."""
    raw["rules"][-1]["at_least"] = 1.0 - 1e-9
    return looks_of(raw, trials, "expected")[0]


def drawn_of(conduct: Any) -> dict[str, Any]:
    return dict(conduct.population.external["registry"])


def as_drawn(raw: Table, drawn: dict[str, Any], trial: int) -> Table:
    """The design whose registry stays as it was drawn in a trial, stratum by stratum."""
    fixed = held(raw)
    (name,) = raw["endpoints"]
    whole = name != "mg"
    for key in KEYS[name]:
        values = {s: float(drawn[f"{key}.{s}"][trial]) for s in raw["strata"]}
        fixed["external"]["registry"][key] = {
            s: int(value) if whole else value for s, value in values.items()
        }
    return fixed


def laws(name: str, levels: dict[str, float]) -> dict[str, Any]:
    """By stratum, of the number that is drawn first."""
    found_ = {}
    for stratum, level in levels.items():
        if name == "counts":
            found_[stratum] = stats.binom(60, level)
        elif name == "means":
            seen = {key: SEEN["mg"][key][stratum] for key in SEEN["mg"]}
            found_[stratum] = stats.norm(level, seen["sd"] / np.sqrt(seen["participants"]))
        else:
            months = SEEN["inf"]["months"][stratum] / (12.0 if name == "rates" else 1.0)
            found_[stratum] = stats.poisson(level * months)
    return found_


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("source", [None, SOURCE])
def test_each_stratum_is_drawn_from_its_own_level(name: str, source: Any) -> None:
    raw = anew(name, **({} if source is None else {"registry_source": source}))
    (endpoint,) = raw["endpoints"]
    first = KEYS[endpoint][0]
    drawn = drawn_of(looks(raw, TRIALS))
    if source is None:  # what was observed
        registry = raw["external"]["registry"]
        unit = 12.0 if name == "rates" else 1.0
        source = {
            s: registry["mean"][s]
            if name == "means"
            else registry[first][s] / (registry.get("participants") or registry["months"])[s] * unit
            for s in STRATA
        }
    for stratum, law in laws(name, source).items():
        values = drawn[f"{first}.{stratum}"]
        assert abs(values.mean() - law.mean()) < 4.0 * law.std() / np.sqrt(TRIALS)
        assert abs(values.std() / law.std() - 1.0) < 4.0 / np.sqrt(2.0 * TRIALS)
    parts = [drawn[f"{first}.{stratum}"] for stratum in STRATA]
    assert abs(np.corrcoef(*parts)[0, 1]) < 4.0 / np.sqrt(TRIALS)
    if name != "means":
        assert (drawn[first] == sum(parts)).all()


@pytest.mark.parametrize("name", MAKE)
def test_each_trial_is_that_of_a_registry_that_was_so(name: str) -> None:
    raw = anew(name)
    conduct, _ = looks_of(raw, 4, "expected")
    mine, drawn = conduct.records[0].probabilities["better"], drawn_of(conduct)
    assert mine.shape[1] == 2
    for trial in range(4):
        alone = looks_of(as_drawn(raw, drawn, trial), 4, "expected")[0]
        theirs = alone.records[0].probabilities["better"]
        assert mine[trial] == pytest.approx(theirs[trial], abs=1e-11)
    other = looks_of(as_drawn(raw, drawn, 0), 4, "expected")[0].records[0].probabilities["better"]
    assert np.abs(mine - other).max() > 1e-3, "what was drawn in another trial does not do"


@pytest.mark.parametrize("name", MAKE)
def test_over_all_strata_it_is_too(name: str) -> None:
    raw = anew(name)
    raw["rules"][0]["posterior"].pop("stratum")
    conduct, _ = looks_of(raw, 3, "expected")
    mine, drawn = conduct.records[0].probabilities["better"], drawn_of(conduct)
    for trial in range(3):
        alone = looks_of(as_drawn(raw, drawn, trial), 3, "expected")[0]
        theirs = alone.records[0].probabilities["better"]
        assert mine[trial] == pytest.approx(theirs[trial], abs=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKE)
def test_a_completed_trial_keeps_what_was_drawn(name: str) -> None:
    raw = anew(name)
    raw["rules"][0] |= {"at_least": 0.6, "looks": [2]}
    raw = predicting(raw, "better")
    conduct, _ = looks_of(raw, 4, "expected")
    mine, drawn = conduct.records[0].probabilities["ahead"], drawn_of(conduct)
    for trial in range(4):
        alone = looks_of(as_drawn(raw, drawn, trial), 4, "expected")[0]
        theirs = alone.records[0].probabilities["ahead"]
        assert mine[trial] == pytest.approx(theirs[trial], abs=1e-9)


@pytest.mark.parametrize("name", ["counts", "rates", "means"])
def test_beside_the_data_as_observed_success_is_told_by_stratum(name: str) -> None:
    raw = anew(name, registry_source=SOURCE)
    result = ran(raw, 30)
    assert str(told(result, "_as_observed")) == str(told(ran(held(raw), 30)))
    assert ("expected", "arm_success", "cart", "quiet") in told(result, "_as_observed")


@pytest.mark.parametrize("name", MAKE)
def test_a_real_trial_sees_the_registry_as_it_was_observed(name: str) -> None:
    raw = anew(name)
    story = ac.example(Design(**raw))
    assert "registry, as drawn with this trial" in story.text
    texts = [
        ac.analyze(Design(**one), story.participants, look=1, fast=True).text
        for one in (raw, held(raw))
    ]
    assert texts[0] == texts[1]


# ── how many sets of numbers there are ────────────────────────────────────────────────────────
def test_responders_of_all_strata_follow_the_law_of_their_sum() -> None:
    raw = anew("counts", registry_source=SOURCE)
    design = Design(**raw)
    expected = expected_distinct(design, design.truths["expected"], "dfr", 50)
    first, second = (stats.binom(60, level) for level in SOURCE.values())
    mass = np.zeros(121)
    for x, y in itertools.product(range(61), range(61)):
        mass[x + y] += first.pmf(x) * second.pmf(y)
    assert expected == pytest.approx(float((1.0 - (1.0 - mass) ** 50).sum()), rel=1e-9)


# ── borrowed ──────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("make", [rates, means, hazards])
def test_what_is_borrowed_is_what_all_strata_drew(make: Any) -> None:
    own = {"external": ["registry"], "method": "pooled"}
    raw = borrowing(make(), own if make is means else {"a": 0.5, "b": 0.5} | own)
    (name,) = raw["endpoints"]
    raw["strata"] = dict.fromkeys(STRATA, 0.5)
    raw["external"]["registry"] |= copy.deepcopy(SEEN[name]) | {"redrawn": True}
    raw["rules"][0]["at_least"] = 1.0 - 1e-9  # nothing ends a trial at its first look
    conduct, _ = looks_of(raw, 3, "expected")
    mine, drawn = conduct.records[0].probabilities["better"], drawn_of(conduct)
    for trial in range(3):
        alone = looks_of(as_drawn(raw, drawn, trial), 3, "expected")[0]
        theirs = alone.records[0].probabilities["better"]
        assert mine[trial] == pytest.approx(theirs[trial], abs=1e-9)


# ── what people see ───────────────────────────────────────────────────────────────────────────
def test_levels_of_the_source_are_told_by_stratum() -> None:
    text = " ".join(described(Design(**anew("rates", registry_source=SOURCE))).split())
    assert "drawn anew from active 0.080, quiet 0.030)" in text


WRONG: list[tuple[str, Table, str, str]] = [
    ("rates", {"scenarios/expected/inf/registry_source": {"active": 0.5}},
     "scenarios.expected.inf.registry_source.quiet", "in each stratum"),
    ("rates", {"scenarios/expected/inf/registry_source": {"active": -0.5, "quiet": 0.5}},
     "scenarios.expected.inf.registry_source.active", "or one by stratum"),
    ("counts", {"scenarios/expected/dfr/registry_source": {"other": 0.5}},
     "scenarios.expected.dfr.registry_source.other", "no stratum of this design"),
    ("counts", {"external/registry/responders": 27, "external/registry/participants": 120,
                "scenarios/expected/dfr/registry_source": dict.fromkeys(STRATA, 0.5)},
     "scenarios.expected.dfr.registry_source", "for all strata together"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "changes", "path", "words"), WRONG)
def test_what_is_refused(name: str, changes: Table, path: str, words: str) -> None:
    problems = found(changed(anew(name), changes))
    assert any(words in message for where, message in problems if where == path), problems


BY_STRATUM = {"scenarios/expected/dfr/registry_source": dict(SOURCE)}
STAYS = ("scenarios.expected.dfr.registry_source", "stays as observed")
ALONE: list[tuple[Table, tuple[str, str]]] = [
    ({"external/registry/redrawn": False}, STAYS),
    ({"external/registry/redrawn": False, "scenarios/expected/dfr/registry_source": "much"}, STAYS),
    ({"external/registry/responders": {"active": 70, "quiet": 24}},
     ("external.registry.responders", "cannot be more")),
    ({"external/registry/responders": {"active": 3, "quite": 24},
      "external/registry/participants": {"active": 60, "quite": 60}},
     ("external.registry.responders", "those of the design are")),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "told_"), ALONE)
def test_a_source_by_stratum_is_not_blamed_for_another_fault(
    changes: Table, told_: tuple[str, str]
) -> None:
    """What is wrong with the data, or that they stay, is all that is told."""
    ((where, message),) = found(changed(anew("counts"), BY_STRATUM | changes))
    assert where == told_[0]
    assert told_[1] in message


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("name", MAKE)
def test_both_faces_agree(name: str) -> None:
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    raw = anew(name)
    conduct, plan = looks_of(raw, 6, "expected")
    (endpoint,) = plan.fitted
    analysis, _ = plan.fitted[endpoint]
    summary = conduct.kept[0].summary(endpoint)
    shares = plan.design.shares
    face = analysis.reference(("cart",), tuple(raw["strata"]), shares)
    answers = conduct.records[0].probabilities["better"]
    compiled = None
    for place, trial in itertools.product(range(2), (0, 5)):
        question = plan.rules[0].parts[0].targets[place]
        data = face.data(summary, trial, question=question)
        compiled = compiled or Compiled(face, data)
        fit, trouble = fitted_carefully(compiled, data, seed=3, draws=2_000)
        assert trouble is None
        probability, error = mean_and_error(holds(question, face.quantity(fit.draws, question)))
        assert abs(float(answers[trial, place]) - probability) < 4.0 * error + 0.002


# ── what is borrowed in a stratum ─────────────────────────────────────────────────────────────
@pytest.mark.parametrize("method", METHODS)
def test_a_stratum_borrows_what_was_drawn_there(method: str) -> None:
    raw = stratified(method)
    raw["external"]["registry"]["redrawn"] = True
    conduct, plan = looks_of(raw, 3, "expected")
    mine, drawn = conduct.records[0].probabilities, drawn_of(conduct)
    assert [arm.stratum for arm in plan.borrowing] == [-1, 0, 1]
    for trial in range(3):
        alone, its_plan = looks_of(as_drawn(raw, drawn, trial), 3, "expected")
        theirs = alone.records[0].probabilities
        for rule in ("efficacy", "ahead"):
            assert mine[rule][trial] == pytest.approx(theirs[rule][trial], abs=1e-9, nan_ok=True)
        for own, other in zip(plan.borrowing, its_plan.borrowing, strict=True):
            one = added(own, conduct.kept[0].summary("dfr"))
            two = added(other, alone.kept[0].summary("dfr"))
            for part, same in zip((one.participants, one.conflict),
                                  (two.participants, two.conflict), strict=True):  # fmt: skip
                assert part[trial] == pytest.approx(same[trial], abs=1e-9)
    face = plan.fitted["dfr"][0].reference(("soc", "cart"), STRATA, (0.6, 0.4))
    asked = plan.rules[0].parts[0].targets[0]
    x = drawn["responders.active"][2]
    share = METHODS[method].get("weight", 1.0)
    data = face.data(conduct.kept[0].summary("dfr"), 2, None, asked)
    assert data["a"][0, 0] == pytest.approx(1 + share * x)


@pytest.mark.parametrize("method", METHODS)
def test_beside_the_data_as_observed_borrowing_by_stratum_is_told(method: str) -> None:
    raw = stratified(method)
    raw["rules"] = raw["rules"][:1]
    raw["external"]["registry"]["redrawn"] = True
    assert str(told(ran(raw, 20), "_as_observed")) == str(told(ran(held(raw), 20)))


@pytest.mark.parametrize("of_strata", [True, False])
def test_what_is_verified_of_a_prediction_stands_beside_what_was_drawn(of_strata: bool) -> None:
    raw = predicting(anew("counts"), "better")
    if not of_strata:
        raw["rules"][1]["posterior"].pop("stratum")
    asked = Question("dfr", 0, 1, stratum=1 if of_strata else -1, value=0.1)
    own = Comparison(Design(**raw), 1)
    counts, answer = own._last_tables(asked, [0], ((4, 20), (10, 60), (12, 60)))
    seen = np.asarray(counts.successes)[:, 0].sum(axis=1)
    assert seen.tolist() == [4, 5, 6]
    there = stats.beta(1 + 20, 1 + 40)
    for x, found_ in zip(seen, answer, strict=True):
        cart = stats.beta(1 + x, 1 + 12 - x)
        whole, _ = integrate.quad(lambda r, own=cart: there.pdf(r) * own.sf(r + 0.1), 0.0, 0.9)
        assert found_ == pytest.approx(whole, abs=1e-7)
