"""Characteristics given external data as observed, beside the unconditional ones of a run.

The twin is the design whose external data stay as they were, run by itself with the same seed: its
numbers are these, to the last bit. And the run's own numbers are what they are without them.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.participants.population import latents_for
from adaptive_cart.report.chapters.as_observed import as_observed
from adaptive_cart.report.document import Paragraph, Table, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.report.measure_words import measure_words
from adaptive_cart.results.result import Result
from adaptive_cart.results.rows import trials_table
from adaptive_cart.results.tables import summary
from adaptive_cart.running.run import simulate
from conduct.test_completion import predicting
from models.test_borrowed_numbers import Table as Raw
from models.test_borrowed_numbers import borrowing, hazards, means, rates
from running.test_redrawn_numbers import beside

TOLD = ("success", "arm_success", "false_success", "bias", "rmse", "coverage")


def counts() -> Raw:
    """Two products beside a control that borrows, of which one may be dropped."""
    lends = {"external": ["registry"], "method": "sam", "difference": 0.15}
    raw: Raw = {
        "name": "two products",
        "arms": {"soc": {"control": True}, "cart": {}, "allo": {}},
        "endpoints": {"dfr": {"type": "landmark", "month": 3}},
        "external": {
            "registry": {"source": "a registry", "endpoint": "dfr", "responders": 14,
                         "participants": 70, "redrawn": True},
        },
        "analysis": {"dfr": {"model": "beta_binomial", "prior": {"soc": lends}}},
        "enrolment": {"max_n": 60, "per_month": 6.0},
        "looks": {"observed": [30, 60]},
        "rules": [
            {"name": "poor", "then": "drop_arm", "below": 0.5, "looks": [1],
             "posterior": {"endpoint": "dfr", "arm": "each", "minus": "soc", "above": 0.0}},
            {"name": "better", "then": "declare_success", "at_least": 0.9,
             "posterior": {"endpoint": "dfr", "arm": "each", "minus": "soc", "above": 0.0}},
        ],
        "scenarios": {
            "null": {"role": "null", "dfr": {"soc": 0.2, "cart": 0.2, "allo": 0.2}},
            "expected": {"dfr": {"soc": 0.2, "cart": 0.45, "allo": 0.3, "registry_source": 0.3}},
        },
    }  # fmt: skip
    return raw


def lent(make: Any, own: Raw) -> Raw:
    raw: Raw = borrowing(make(), own)
    raw["external"]["registry"]["redrawn"] = True
    return raw


POOLED = {"external": ["registry"], "method": "pooled"}
GAMMA = {"a": 0.5, "b": 0.5} | POOLED
DESIGNS = {
    "counts, borrowed, arms dropped": (counts, 60),
    "rates, compared": (lambda: beside(rates), 30),
    "means, compared": (lambda: beside(means), 30),
    "hazards, compared": (lambda: beside(hazards), 20),
    "rates, borrowed": (lambda: lent(rates, GAMMA), 20),
    "hazards, borrowed": (lambda: lent(hazards, GAMMA), 12),
    "means, borrowed": (lambda: lent(means, POOLED), 60),
}


def ran(raw: Raw, trials: int, **how: Any) -> Result:
    return simulate(Design(**raw), trials=trials, seed=4, jobs=1, engine="simulate", **how)


def held(raw: Raw) -> Raw:
    """The design whose external data stay as they were."""
    fixed = copy.deepcopy(raw)
    del fixed["external"]["registry"]["redrawn"]
    for scenario in fixed["scenarios"].values():
        for table in scenario.values():
            if isinstance(table, dict):
                table.pop("registry_source", None)
    return fixed


def told(result: Result, ending: str = "") -> dict[Any, Any]:
    """Numbers of the measures, by scenario, measure, arm and stratum."""
    rows = result.operating_characteristics
    names = {f"{measure}{ending}": measure for measure in TOLD}
    rows = rows[rows["measure"].isin(names) & rows["look"].isna()]
    keys = ["estimate", "mcse", "lower", "upper", "n"]
    return {
        (row["scenario"], names[row["measure"]], str(row["arm"]), str(row["stratum"])): tuple(
            row[key] for key in keys
        )
        for _, row in rows.iterrows()
    }


@pytest.mark.parametrize("name", DESIGNS)
def test_they_are_those_of_the_design_whose_data_stay(name: str) -> None:
    make, trials = DESIGNS[name]
    raw = make()
    result = ran(raw, trials)
    beside_, alone = told(result, "_as_observed"), told(ran(held(raw), trials))
    assert len(beside_) >= 6
    assert str(beside_) == str(alone)
    assert str(beside_) != str(told(result)), "what is drawn anew matters"


@pytest.mark.slow
def test_so_they_are_where_a_rule_predicts_another() -> None:
    raw = beside(rates)
    raw["rules"][0] |= {"at_least": 0.9, "looks": [2]}
    raw = predicting(raw, "better")
    assert told(ran(raw, 40), "_as_observed") == told(ran(held(raw), 40))


def test_the_run_itself_is_as_it_is_without_them() -> None:
    raw = counts()
    design = Design(**raw)
    plan, truth = Plan.of(design), design.truths["expected"]
    latents = latents_for(design, 4, 0, 40)
    alone, both = (
        run_block(plan, truth, (0.25, 0.1), latents, as_observed=asked) for asked in (False, True)
    )
    own, beside_ = (trials_table(plan, "expected", [one]) for one in (alone, both))
    frames = own.to_pandas(), beside_.select(own.column_names).to_pandas()
    pd.testing.assert_frame_equal(*frames, check_exact=True)
    assert len(beside_.column_names) > len(own.column_names)


def test_a_longer_run_extends_a_shorter_one(tmp_path: Path) -> None:
    raw = beside(rates)
    ran(raw, 20, out=tmp_path / "two")
    longer = ran(raw, 50, out=tmp_path / "two")
    assert told(longer, "_as_observed") == told(ran(raw, 50), "_as_observed")


def test_they_are_told_by_name(tmp_path: Path) -> None:
    result = ran(beside(rates), 40, out=tmp_path / "run")
    text = " ".join(summary(result).split())
    assert "95% MC interval as observed" in text
    assert "as observed: success given the external data as they were observed; all other" in text
    assert measure_words(result.design, "arm_success_as_observed") == (
        "success of the arm or stratum, external data as observed"
    )
    _, said, table = as_observed(Evidence(result, Facts(), 0))
    assert isinstance(said, Paragraph)
    assert "(registry, 90 events in 1800 months), so that all other" in plain(said.line)
    assert isinstance(table, Table)
    assert [plain(cell) for cell in table.head[1:3]] == [
        "Success: unconditional", "Success: as observed",
    ]  # fmt: skip
    for ending, place in (("", 1), ("_as_observed", 2)):
        shown = float(plain(table.rows[0].cells[place]).split()[0])
        found = result.figure("expected", f"success{ending}").estimate
        assert shown == pytest.approx(found, abs=0.06)


def test_where_data_stay_nothing_is_told_twice(tmp_path: Path) -> None:
    result = ran(held(beside(rates)), 20, out=tmp_path / "run")
    assert told(result, "_as_observed") == {}
    assert "as observed" not in summary(result)
    assert as_observed(Evidence(result, Facts(), 0)) == []
