"""What grows faster than a design knows its cost: boundaries, predictive tables, enumeration."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.conduct import predictive
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.predictive import predictive_probability
from adaptive_cart.conduct.staircase import turns
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.running.boundaries import boundaries, boundaries_csv, left_out
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.engine import MOST_TABLES, choose_engine, cost_of
from adaptive_cart.telling.check import described
from checks import raw_design
from twin import enumeration

QUESTIONS: list[dict[str, Any]] = [
    {"minus": "soc", "above": 0.0},
    {"minus": "soc", "above": 0.15},
    {"minus": "soc", "below": -0.05},
    {"minus": "soc", "below": 0.1},
    {"above": 0.3},
    {"below": 0.2},
]


def small() -> dict[str, Any]:
    raw = raw_design("hello")
    raw["enrolment"]["max_n"] = 36
    raw["looks"]["observed"] = [18, 36]
    raw["rules"][1]["looks"] = [1]
    mixture = [{"weight": 0.7, "a": 1.5, "b": 9.0}, {"weight": 0.3, "a": 1.0, "b": 1.0}]
    raw["analysis"] = {"dfr": {"model": "beta_binomial", "prior": {"soc": {"mixture": mixture}}}}
    return raw


def large(max_n: int = 20_000) -> dict[str, Any]:
    raw = raw_design("hello")
    del raw["arms"]["cart"]["allocation"]
    raw["enrolment"] |= {"max_n": max_n, "per_month": 300}
    raw["looks"]["observed"] = [max_n // 2, max_n]
    raw["rules"][1]["looks"] = [1]
    return raw


@pytest.mark.parametrize(
    ("question", "side"), [*itertools.product(QUESTIONS, [("at_least", 0.8), ("below", 0.2)])]
)
def test_the_staircase_is_the_whole_table(
    question: dict[str, Any], side: tuple[str, float]
) -> None:
    raw = small()
    asked = {"endpoint": "dfr", "arm": "cart", **question}
    key, value = side
    raw["rules"][0] = {
        "name": "efficacy",
        "then": "declare_success",
        "posterior": asked,
        key: value,
    }
    for predicted in ("at_least", "below"):
        raw["rules"][1] = {
            "name": "futility", "then": "declare_futility", "looks": [1], predicted: 0.4,
            "predictive": {"rule": "efficacy"},
        }  # fmt: skip
        found = boundaries(Design(**copy.deepcopy(raw)))
        assert [(b.rule, b.look) for b in found] == [
            ("efficacy", 1), ("efficacy", 2), ("futility", 1),
        ]  # fmt: skip
        for boundary in found:
            totals = ((6, 12), (12, 24))[boundary.look - 1]
            rule = enumeration.rule_named(raw, boundary.rule)
            if "predictive" in rule:
                table = enumeration.predictive_table(raw, rule, totals)
            else:
                table = enumeration.question_table(raw, rule["posterior"], totals)
            slow = enumeration.holds_table(raw, rule, table, boundary.look)
            if len(boundary.analysed) == 1:
                slow = slow[:1]
            assert (boundary.holds == slow).all(), (boundary.rule, boundary.look)
            for row, cells in enumerate(slow):
                there = np.flatnonzero(cells)
                expected = f"{there[0]}-{there[-1]}" if len(there) > 1 else "".join(map(str, there))
                assert boundary.runs(row) == expected


def test_halving_finds_every_staircase_with_few_questions() -> None:
    rng = np.random.default_rng(4)
    for rows, largest in [(1, 0), (1, 9), (2, 1), (7, 3), (64, 200), (65, 1000), (300, 299)]:
        for _ in range(5):
            true = np.sort(rng.integers(0, largest + 2, rows))
            asked = 0

            def beyond(row: Any, number: Any, true: Any = true) -> Any:
                nonlocal asked
                asked += len(row)
                return number >= true[row]

            assert (turns(beyond, rows, largest) == true).all()
            assert asked <= 3 * (rows + largest) + 12


def test_predictive_probabilities_need_no_whole_table(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = small()
    for question in QUESTIONS:
        raw["rules"][0]["posterior"] = {"endpoint": "dfr", "arm": "cart", **question}
        for key in ("at_least", "below"):
            raw["rules"][0].pop("at_least", None)
            raw["rules"][0].pop("below", None)
            raw["rules"][0][key] = 0.6
            plan = Plan.of(Design(**copy.deepcopy(raw)))
            rule = plan.rules[1]
            assert rule.prediction is not None
            condition, model = rule.prediction.condition(rule.question), plan.fitted["dfr"][1]
            cells = np.indices((7, 13)).reshape(2, -1).T
            totals = np.broadcast_to(np.array([6, 12]), cells.shape)
            final = np.broadcast_to(np.array([12, 24]), cells.shape)
            whole = predictive_probability(model, condition, cells, totals, final)
            with monkeypatch.context() as patched:
                patched.setattr(predictive, "MOST_TERMS", 0)
                some = predictive_probability(model, condition, cells, totals, final)
            assert np.abs(whole - some).max() < 1e-12


def test_auto_weighs_what_enumeration_costs() -> None:
    design = Design(**large())
    truths = truths_of(design)
    cost = cost_of(design, len(truths))
    assert cost.tables == 5_001**2 + 10_001**2
    choice = choose_engine(design, truths, "auto")
    assert choice.engine == "simulate"
    assert f"{cost.tables:,} tables" in choice.why
    assert "minutes" in choice.why
    asked = choose_engine(design, truths, "exact")
    assert asked.engine == "exact"
    assert f"{cost.tables:,}" in asked.why
    usual = Design(**raw_design("hello"))
    assert cost_of(usual, 2).tables == 21 * 41 + 36 * 71 + 51 * 101 < MOST_TABLES
    assert choose_engine(usual, truths_of(usual), "auto").engine == "exact"


def test_a_design_of_twenty_thousand_is_described_and_simulated(tmp_path: Any) -> None:
    raw = large()
    raw["rules"] = raw["rules"][:1]
    design = Design(**raw)
    words = left_out(design)
    assert len(words) == 1
    assert "look 1, 2 are left out: tables of up to 10,001 by 10,001 counts" in words[0]
    text = described(design)
    assert all(sentence in text for sentence in words)
    assert "Engine that auto takes: simulate (exact would enumerate" in text
    assert boundaries(design) == []
    told: list[str] = []
    result = ac.simulate(
        design, trials=2, jobs=1, scenarios=["null"], out=tmp_path / "r", tell=told.append
    )
    assert set(words) <= set(told)
    assert result.manifest["engine"] == "simulate"
    assert (tmp_path / "r" / "boundaries.csv").read_text() == boundaries_csv(design)


def test_many_looks_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    design = Design(**small())
    rows = [sum(n + 1 for n in b.analysed) for b in boundaries(design)]
    monkeypatch.setattr("adaptive_cart.running.boundaries.MOST_ROWS", sum(rows[:2]))
    assert [(b.rule, b.look) for b in boundaries(design)] == [("efficacy", 1), ("efficacy", 2)]
    assert [words.split("'")[1] for words in left_out(design)] == ["futility"]


def test_a_search_too_large_to_enumerate_is_simulated() -> None:
    raw = large(3_000)
    raw["rules"] = [raw["rules"][0] | {"at_least": "calibrate"}]
    raw["calibration"] = {"type_one_error": 0.05, "null_region": {"soc": [0.2, 0.2]}}
    found = calibrate(Design(**raw), trials=100, jobs=1)
    assert found.method == "simulated"
    assert any("--engine exact" in note for note in found.notes)


def test_enumeration_tells_how_far_it_is(tmp_path: Any) -> None:
    seen: list[tuple[str, int, int]] = []
    ac.simulate(Design(**small()), out=tmp_path / "r", progress=lambda *words: seen.append(words))
    steps = [(done, total) for what, done, total in seen if what == "tables"]
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert steps[-1][0] == steps[-1][1] == 3 * cost_of(Design(**small()), 2).tables
