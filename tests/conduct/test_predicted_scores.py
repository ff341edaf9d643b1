"""The predictive probability of a rule about scores, against a slow twin.

It is written from the semantics: whoever is in and has not left is seen at every visit to come,
each score given the ones before; others arrive as enrolment is planned, with baselines of those
observed; and the rule is judged on what has been seen and drawn, by least squares.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.conduct.completion import Completion
from adaptive_cart.nouns.scored import Scored
from adaptive_cart.nouns.scores_ahead import ScoresAhead
from conduct.test_completion import ALLOWED, Table, looks_of, predicting

VISITS = (1.0, 3.0)
DRAWS = 1500
SLOW = 4.0 * math.sqrt(0.25 / DRAWS)


def scores(model: str, **endpoint: Any) -> Table:
    """Two arms, arrivals at a regular pace, one look of two."""
    arm = {"baseline": {"mean": 9.0, "sd": 3.0}, "sd": [2.0, 3.0], "correlation": 0.7}
    return {
        "name": "scores",
        "arms": {"soc": {"control": True}, "cart": {}},
        "endpoints": {
            "mgadl": {"type": "continuous", "visits": [*VISITS], "better": "lower", **endpoint}
        },
        "analysis": {"mgadl": {"model": model}},
        "enrolment": {"max_n": 36, "per_month": 4, "arrivals": "regular"},
        "looks": {"observed": [14, 36]},
        "rules": [
            {
                "name": "better",
                "then": "declare_success",
                "posterior": {"endpoint": "mgadl", "arm": "cart", "minus": "soc", "below": 0.0},
                "at_least": 0.95,
            }
        ],
        "truth": {
            "dropout": {"per_year": 0.8},
            "mgadl": {
                "soc": arm | {"change": [-0.5, -1.0]},
                "cart": arm | {"change": [-1.0, -2.5]},
            },
        },
        "scenarios": {"expected": {}},
    }  # fmt: skip


class Person:
    """Who is in at the look, or will be: the arm, whose scores, and what is known of them."""

    def __init__(
        self, arm: int, values: list[float], reach: int, like: int | None = None, left: bool = False
    ) -> None:
        self.arm, self.values, self.reach, self.left = arm, values, reach, left
        self.like = arm if like is None else like


def people(conduct: Any, trial: int, sample: str, missing: str) -> tuple[list[Person], list[Any]]:
    """Everybody, and the baselines observed; ``reach`` values will be known at the last look."""
    look, population = conduct.kept[0], conduct.population
    now, number = float(look.snapshot.date[trial]), int(look.snapshot.randomised[trial])
    scored = population.outcomes["mgadl"]
    assert isinstance(scored, Scored)
    found, baselines = [], []
    for j in range(number):
        follow, stays = now - (j + 1) / 4, population.dropout[trial, j]
        values = [float(value[trial, j]) for value in scored.values]
        seen = sum(month <= min(follow, stays) + 1e-9 for month in VISITS)
        gone = stays <= follow
        baselines.append(values[0])
        reach, like, arm = (seen if gone else 2), None, int(population.arm[trial, j])
        if gone and seen < 2 and missing == "jump_to_reference" and follow < VISITS[-1]:
            reach, like = 2, 0
        known = values[: 1 + seen]
        if gone and seen < 2 and missing == "worst_case":
            known, reach = [values[0], math.nan, 13.0], 2
        found.append(Person(arm, known, reach, like, gone))
    if sample == "max_n":
        arms = population.arm[trial, :number]
        for arm in (0, 1):
            found += [Person(arm, [], 2) for _ in range(18 - int((arms == arm).sum()))]
    return found, baselines


def fitted(rows: list[tuple[int, list[float], float]]) -> tuple[Any, Any, float, int]:
    """Least squares of a value on arms and the values before it."""
    x = np.array([[float(arm == 0), float(arm == 1), *before] for arm, before, _ in rows])
    y = np.array([value for *_, value in rows])
    gram = np.linalg.inv(x.T @ x)
    beta = gram @ x.T @ y
    return beta, gram, float(((y - x @ beta) ** 2).sum()), len(y) - x.shape[1]


def last_rows(everybody: list[Person], values: list[list[float]], month_only: bool) -> list[Any]:
    """Rows of the regression of the last score on the baseline, of those who have both."""
    return [
        (person.arm, own[:1] if month_only else own[:2], own[2])
        for person, own in zip(everybody, values, strict=True)
        if len(own) == 3
    ]


def holds(everybody: list[Person], values: list[list[float]]) -> bool:
    """Whether the analysis of covariance of the last score is at least 0.95 sure of a gain."""
    beta, gram, left, freedom = fitted(last_rows(everybody, values, True))
    contrast = np.array([-1.0, 1.0, 0.0])
    scale = np.sqrt(left / freedom * contrast @ gram @ contrast)
    return bool(stats.t.cdf(-(contrast @ beta) / scale, freedom) >= 0.95)


@pytest.mark.parametrize("missing", ["at_random", "worst_case", "jump_to_reference"])
@pytest.mark.parametrize("sample", ["max_n", "enrolled"])
def test_the_analysis_of_the_month_is_predicted(missing: str, sample: str) -> None:
    settings = {"missing": missing} | ({"worst": 13.0} if missing == "worst_case" else {})
    raw = predicting(scores("normal", **settings), "better", at_least=1.0)
    raw["rules"][0]["predictive"]["with"] = sample
    if missing == "jump_to_reference":  # so that of some trials nobody is imputed yet
        raw["truth"]["dropout"]["per_year"] = 0.3
    trials = 12 if missing == "jump_to_reference" else 4
    conduct, _ = looks_of(raw, trials, "expected")
    found = conduct.records[0].probabilities["ahead"][:, 0]
    rng, compared, like_control = np.random.default_rng(6), 0, 0
    for trial in range(trials):
        everybody, baselines = people(conduct, trial, sample, missing)
        sums = conduct.kept[0].summary("mgadl")
        seen = [person.values for person in everybody]
        if missing == "jump_to_reference":  # who is imputed already stays as at the look
            imputed = sums.analysed[trial].sum() - sum(len(own) == 3 for own in seen)
            if imputed:
                continue
        compared += 1
        like_control += sum(person.like != person.arm for person in everybody)
        beta, gram, left, freedom = fitted(last_rows(everybody, seen, True))
        root = np.linalg.cholesky(gram)
        hits = 0
        for _ in range(DRAWS):
            sd = np.sqrt(left / rng.chisquare(freedom))
            drawn = beta + sd * (root @ rng.standard_normal(3))
            values = []
            for person in everybody:
                own = list(person.values)
                if person.reach == 2 and len(own) < 3:
                    baseline = own[0] if own else rng.choice(baselines)
                    mean = drawn[person.like] + drawn[2] * baseline
                    own = [baseline, math.nan, mean + sd * rng.standard_normal()]
                values.append(own)
            hits += holds(everybody, values)
        assert found[trial] == pytest.approx(hits / DRAWS, abs=ALLOWED + SLOW)
    assert np.ptp(found) > 0.1
    assert compared >= 2
    assert (like_control > 0) == (missing == "jump_to_reference")


@pytest.mark.slow
def test_all_visits_are_predicted_given_those_that_were_seen() -> None:
    raw = predicting(scores("normal_visits"), "better", at_least=1.0)
    conduct, plan = looks_of(raw, 3, "expected")
    found = conduct.records[0].probabilities["ahead"][:, 0]
    analysis, model = plan.fitted["mgadl"]
    question = plan.rules[1].parts[0].question
    rng = np.random.default_rng(7)
    for trial in range(3):
        everybody, baselines = people(conduct, trial, "max_n", "at_random")
        seen = [person.values for person in everybody]
        assert any(
            len(own) == 2 and person.reach == 2 for own, person in zip(seen, everybody, strict=True)
        )
        both = [
            fitted([(p.arm, v[:place], v[place]) for p, v in zip(everybody, seen, strict=True)
                    if len(v) > place])
            for place in (1, 2)
        ]  # fmt: skip
        products = np.zeros((DRAWS, 2, 1, 2, 4, 4))
        for draw in range(DRAWS):
            laws = []
            for beta, gram, left, freedom in both:
                sd = np.sqrt(left / rng.chisquare(freedom))
                away = np.linalg.cholesky(gram) @ rng.standard_normal(len(beta))
                laws.append((beta + sd * away, sd))
            for person in everybody:
                own = list(person.values) or [rng.choice(baselines)]
                while len(own) <= person.reach:
                    beta, sd = laws[len(own) - 1]
                    mean = beta[person.arm] + beta[2:] @ own
                    own.append(mean + sd * rng.standard_normal())
                for visit in range(len(own) - 1):
                    vector = np.zeros(4)
                    vector[: visit + 3] = [1.0, *own[: visit + 2]]
                    products[draw, person.arm, 0, visit] += np.outer(vector, vector)
        last = type(conduct.kept[0].summary("mgadl"))(products, np.zeros((DRAWS, 2, 1), np.int64))
        hits = analysis.posterior(model, last, None).probability(question) >= 0.95
        assert found[trial] == pytest.approx(hits.mean(), abs=ALLOWED + SLOW)


def test_nothing_that_lies_after_the_look_is_known() -> None:
    raw = predicting(scores("normal_visits"), "better", at_least=1.0)
    conduct, _ = looks_of(raw, 1, "expected")
    look = conduct.kept[0]
    ahead = Completion(look, enrolled=False, apart=False).coming("mgadl")
    assert isinstance(ahead, ScoresAhead)
    waiting = (ahead.seen == 1) & (ahead.reach == 2)
    assert waiting.any()
    assert np.isnan(ahead.known[..., 2][waiting]).all()
    assert np.isnan(ahead.known[:, 36:]).all(), "of those who are not in yet"
    assert np.isfinite(ahead.known[..., 1][waiting]).all()


def test_before_there_is_a_posterior_nothing_is_predicted() -> None:
    raw = predicting(scores("normal"), "better", at_least=1.0)
    raw["looks"] = {"observed": [2, 36]}
    conduct, _ = looks_of(raw, 4, "expected")
    assert np.isnan(conduct.records[0].probabilities["ahead"]).all()


def who_left(way: str, seen: list[Person], person: Person) -> tuple[float, float, int]:
    """Centre, scale and degrees of freedom of the last score of who left, from the control."""
    whole = [other for other in seen if len(other.values) == 3]
    known = list(person.values)
    back = 0.0
    if way == "copy_increments_in_reference" and len(known) == 2:
        rows = [(p.arm, p.values[:1], p.values[1]) for p in seen if len(p.values) > 1]
        beta = fitted(rows)[0]
        back = beta[person.arm] - beta[0]
        known[1] -= back
    rows = [(p.arm, p.values[: len(known)], p.values[2]) for p in whole]
    beta, gram, left, freedom = fitted(rows)
    x = np.array([1.0, 0.0, *known])
    return float(beta @ x + back), float(np.sqrt(left / freedom * (1.0 + x @ gram @ x))), freedom


@pytest.mark.parametrize("missing", ["copy_reference", "copy_increments_in_reference"])
def test_who_has_left_copies_the_reference_as_it_is_at_the_look(missing: str) -> None:
    """Others are completed by the model; who left is drawn anew in every completion."""
    raw = predicting(scores("normal", missing=missing), "better", at_least=1.0)
    raw["looks"] = {"observed": [20, 36]}
    raw["truth"]["dropout"]["per_year"] = 0.3
    raw["truth"]["mgadl"]["cart"]["change"] = [-4.0, -2.0]  # what was gained early is lost
    trials = 80
    conduct, _ = looks_of(raw, trials, "expected")
    found = conduct.records[0].probabilities["ahead"][:, 0]
    ahead = Completion(conduct.kept[0], enrolled=False, apart=False).coming("mgadl")
    assert isinstance(ahead, ScoresAhead)
    assert ahead.left is not None
    rng, compared, copied = np.random.default_rng(6), [], 0
    for trial in range(trials):
        everybody, baselines = people(conduct, trial, "max_n", "jump_to_reference")
        sums = conduct.kept[0].summary("mgadl")
        left = [p for p in everybody if p.reach == 2 and p.left and len(p.values) < 3]
        imputed = sums.analysed[trial].sum() - sum(len(p.values) == 3 for p in everybody)
        if imputed or not any(len(p.values) == 2 for p in left):
            continue
        compared.append(trial)
        copied += len(left)
        laws = {id(p): who_left(missing, everybody, p) for p in left}
        for column, person in enumerate(everybody):
            law = laws.get(id(person), (np.nan,) * 3)
            assert ahead.left[trial, column] == pytest.approx(law, rel=1e-9, nan_ok=True)
        seen = [p.values for p in everybody]
        beta, gram, rest, freedom = fitted(last_rows(everybody, seen, True))
        root, hits = np.linalg.cholesky(gram), 0
        for _ in range(DRAWS):
            sd = np.sqrt(rest / rng.chisquare(freedom))
            drawn = beta + sd * (root @ rng.standard_normal(3))
            values = []
            for person in everybody:
                own = list(person.values)
                if id(person) in laws:
                    centre, scale, degrees = laws[id(person)]
                    own = [own[0], math.nan, centre + scale * rng.standard_t(degrees)]
                elif person.reach == 2 and len(own) < 3:
                    baseline = own[0] if own else rng.choice(baselines)
                    mean = drawn[person.arm] + drawn[2] * baseline
                    own = [baseline, math.nan, mean + sd * rng.standard_normal()]
                values.append(own)
            hits += holds(everybody, values)
        assert found[trial] == pytest.approx(hits / DRAWS, abs=ALLOWED + SLOW)
    assert len(compared) >= 2
    assert copied >= 3
    assert np.ptp(found[compared]) > 0.1
