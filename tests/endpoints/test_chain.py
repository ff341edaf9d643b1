"""A landmark whose truth is a chain of states: drawn, counted and read as it is written."""

from __future__ import annotations

import copy
import itertools
import re
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import SimulatedConduct
from adaptive_cart.design.design import Design
from adaptive_cart.endpoints.direct.chain import ChainTruth
from adaptive_cart.errors import EngineError
from adaptive_cart.nouns.records import Snapshot
from adaptive_cart.participants.population import latents_for

Table = dict[str, Any]
SOC: list[Table] = [
    {"month": 3.0, "in": 0.2, "failed": 0.1},
    {"month": 6.0, "from_in": {"in": 0.7, "failed": 0.05}, "from_out": {"in": 0.1, "failed": 0.2}},
    {"month": 12.0, "from_in": {"in": 0.8}, "from_out": {"in": 0.05}},
]
CART: list[Table] = [
    {"month": 3.0, "in": 0.6, "failed": 0.1},
    {"month": 6.0, "from_in": {"in": 0.85, "failed": 0.05}, "from_out": {"in": 0.1, "failed": 0.2}},
    {"month": 12.0, "from_in": {"in": 0.9}, "from_out": {"in": 0.05}},
]


def design(**more: Any) -> Table:
    """Two arms, two looks, success by the posterior and futility by prediction."""
    posterior = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0}
    return copy.deepcopy({
        "name": "chain",
        "arms": {"soc": {"control": True}, "cart": {}},
        "endpoints": {"dfr": {"type": "landmark", "month": 12.0}},
        "prediction": {"dfr": {"from": [3.0, 6.0], "counts": "all"}},
        "enrolment": {"max_n": 60, "per_month": 4.0},
        "looks": {"observed": [20, 60]},
        "rules": [
            {"name": "efficacy", "then": "declare_success", "posterior": posterior,
             "at_least": 0.975},
            {"name": "futility", "then": "declare_futility", "predictive": {"rule": "efficacy"},
             "below": 0.02, "looks": [1]},
        ],
        "truth": {"dropout": {"per_year": 0.1}},
        "scenarios": {"expected": {
            "role": "alternative", "dfr": {"soc": {"chain": SOC}, "cart": {"chain": CART}},
        }},
    } | more)  # fmt: skip


def test_the_probability_of_a_response_is_a_sum_over_all_paths() -> None:
    for chain in (SOC, CART):
        total = 0.0
        for path in itertools.product(("out", "in"), repeat=2):
            first = {"in": chain[0]["in"], "out": 1.0 - chain[0]["in"] - chain[0]["failed"]}
            step = chain[1][f"from_{path[0]}"]
            second = {"in": step["in"], "out": 1.0 - step["in"] - step["failed"]}
            total += first[path[0]] * second[path[1]] * chain[2][f"from_{path[1]}"]["in"]
        assert float(ChainTruth.model_validate({"chain": chain})) == pytest.approx(total, abs=1e-14)


def test_participants_move_as_the_chain_says() -> None:
    made = Design(**design())
    conduct = SimulatedConduct(
        Plan.of(made), made.truths["expected"], (), latents_for(made, 1, 0, 400)
    )
    outcome: Any = conduct.population.outcomes["dfr"]
    at3, at6 = (outcome.at(month, ()) for month in (3.0, 6.0))
    compared = 0
    for arm, chain in ((0, SOC), (1, CART)):
        mine = conduct.population.arm == arm
        expected = {(3.0, 1): chain[0]["in"], (3.0, 2): chain[0]["failed"]}
        for (_, state), chance in expected.items():
            share, number = (at3[mine] == state).mean(), mine.sum()
            assert abs(share - chance) < 4.0 * np.sqrt(chance * (1.0 - chance) / number)
        for place, name in ((0, "from_out"), (1, "from_in")):
            for before, after, row in (
                (at3, at6 == 1, chain[1][name]["in"]),
                (at3, at6 == 2, chain[1][name]["failed"]),
                (at6, outcome.response, chain[2][name]["in"]),
            ):
                here = mine & (before == place)
                away = abs(after[here].mean() - row)
                assert away < 4.0 * np.sqrt(row * (1.0 - row) / here.sum())
                compared += 1
        assert not outcome.response[mine & (at6 == 2)].any()
        assert (at6[mine & (at3 == 2)] == 2).all()
    assert compared == 12


@pytest.mark.parametrize("at_once", [True, False])
def test_who_waits_is_counted_participant_by_participant(at_once: bool) -> None:
    made = Design(**design())
    trials = 5
    conduct = SimulatedConduct(
        Plan.of(made), made.truths["expected"], (), latents_for(made, 2, 0, trials)
    )
    population, endpoint = conduct.population, made.endpoints["dfr"]
    outcome: Any = population.outcomes["dfr"]
    assert population.dropout is not None
    date = np.full(trials, 11.0)
    entered = (population.arrival <= 11.0).sum(axis=1)
    snapshot = Snapshot(date, entered, population)
    found = endpoint.early("dfr", conduct.prepared["dfr"], snapshot, (3.0, 6.0), at_once)
    waiting, moved = np.zeros((trials, 2, 2, 2)), np.zeros((trials, 2, 2, 2, 3))
    failed = np.zeros((trials, 2))
    for trial in range(trials):
        for k in range(int(entered[trial])):
            arm, age = population.arm[trial, k], 11.0 - population.arrival[trial, k]
            left = population.dropout[trial, k]
            states = []  # 0 out, 1 in, 2 failed, by month reached
            for month in (3.0, 6.0):
                own = int(outcome.at(month, ())[trial, k])
                states.append(2 if left <= month else own)
            fails = min([left, *(m for m, s in zip((3.0, 6.0), states, strict=True) if s == 2)])
            reached = [m for m in (3.0, 6.0) if age >= m]
            if age >= 6.0 and states[0] != 2:
                moved[trial, arm, 0, states[0], states[1]] += 1
            if age >= 12.0:
                continue
            until = age if at_once else max(reached, default=0.0)
            if fails <= until:
                failed[trial, arm] += 1
            elif reached:
                waiting[trial, arm, len(reached) - 1, states[len(reached) - 1]] += 1
    assert (found.waiting[:, :, 0] == waiting).all()
    assert (found.failed[:, :, 0] == failed).all()
    assert (found.moved[:, :, 0] == moved[:, :, 0]).all()
    assert waiting.sum() > 60
    assert failed.sum() > 5


def test_a_real_table_is_judged_as_the_trial_that_it_came_from() -> None:
    raw = design()
    made = ac.Design(**raw)
    story = ac.example(made, seed=3)
    assert {row["dfr_month_3"] for row in story.participants} >= {"in", "out", "failed"}
    found = ac.analyze(made, story.participants, look=1, fast=True)
    told = re.search(r"efficacy: P.* = (0\.\d+)", str(story))
    assert told is not None
    assert f"= {told[1]}" in found.text
    assert "early" in found.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"soc": 0.2}, "the states at months 3 and 6"),
        ({"soc": {"chain": [SOC[0], SOC[2]]}}, "the states at month 6"),
        ({"soc": {"chain": [*SOC[:2], SOC[2] | {"month": 11.0}]}}, "let `chain` end there"),
        ({"soc": {"chain": SOC[1:]}}, "is the first"),
        ({"soc": {"chain": [SOC[0], SOC[0] | {"month": 4.0}, SOC[2]]}}, "follows another"),
        ({"soc": {"chain": [SOC[1], SOC[0], SOC[2]]}}, "months that increase"),
        ({"soc": {"chain": [SOC[0] | {"failed": 0.9}, *SOC[1:]]}}, "more than 1 together"),
        ({"soc": {"chain": [SOC[0], SOC[1], SOC[1] | {"month": 12.0}]}}, "a response or none"),
        (
            {"soc": {"chain": [SOC[0], {"month": 6.0, "from_in": {"in": 0.5},
                                        "from_out": {"in": 0.1}}, SOC[2]]}},
            "lacks `failed`",
        ),
    ],
)  # fmt: skip
def test_a_chain_that_cannot_be_is_refused(change: Table, words: str) -> None:
    raw = design()
    raw["scenarios"]["expected"]["dfr"] |= copy.deepcopy(change)
    with pytest.raises(ac.DesignError) as refused:
        ac.Design(**raw)
    told = [f"{problem.path}: {problem.message}" for problem in refused.value.problems]
    assert any("dfr.soc" in each and words in each for each in told), told


def test_a_null_region_of_rates_says_no_states() -> None:
    raw = design()
    raw["rules"][0]["at_least"] = "calibrate"
    raw["calibration"] = {"type_one_error": 0.025, "null_region": {"soc": [0.1, 0.4]}}
    raw["scenarios"]["null"] = {
        "role": "null",
        "dfr": {key: {"chain": SOC} for key in ("soc", "cart")},
    }
    with pytest.raises(ac.DesignError, match="a chain of states or a course"):
        ac.Design(**raw)


def test_no_prior_says_the_states() -> None:
    with pytest.raises(EngineError, match="no prior says what they are"):
        ac.priors.prior_predictive(ac.Design(**design()))
