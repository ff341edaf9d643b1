"""A programme under policies: paired differences, and which of them are dominated."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from adaptive_cart.errors import DesignError
from adaptive_cart.programmes import load_programme
from adaptive_cart.programmes.policies import (
    BETTER,
    HOLDS,
    Policies,
    compare_policies,
    policies_text,
)
from adaptive_cart.programmes.varied import AS_WRITTEN
from programmes.cases import SHIPPED, written

POLICIES = """
[policies.same]
"candidates.start" = "parallel"
[policies.stricter]
"early.design.rules.go.at_least" = 0.99
[policies.believe]
"confirm.prior_from_early.believe" = 1.0
"""
CANDIDATES = "count = 4\nshare_that_work = 0.5\n"


def test_policies_differ_by_what_they_set_alone(tmp_path: Path) -> None:
    path = written(
        tmp_path, CANDIDATES + POLICIES, of_confirm="prior_from_early = { believe = 0.5 }\n"
    )
    found = compare_policies(
        path, portfolios=60, seed=2, jobs=1, out=tmp_path / "out", formats=("png", "svg")
    )
    assert list(found.numbers) == [AS_WRITTEN, "same", "stricter", "believe"]
    for measure in found.measures:
        assert found.difference("same", measure).estimate == 0.0
        assert found.difference("same", measure).mcse == 0.0
    # the same early trials: who passes a stricter rule passes the other
    go = {name: result.candidates["go"] for name, result in found.results.items()}
    assert (go["stricter"] <= go[AS_WRITTEN]).all()
    assert go["stricter"].sum() < go[AS_WRITTEN].sum()
    np.testing.assert_array_equal(go["believe"], go[AS_WRITTEN])
    apart = found.difference("stricter", "number_go")
    mine = (go["stricter"] & ~go[AS_WRITTEN]).sum() - (go[AS_WRITTEN] & ~go["stricter"]).sum()
    assert apart.estimate == pytest.approx(mine / 60)
    alone = (found.figure(name, "number_go").mcse for name in ("stricter", AS_WRITTEN))
    assert apart.mcse < math.hypot(*alone)
    # as good in everything is no better
    assert found.dominated("same") == found.dominated(AS_WRITTEN) not in ("same", AS_WRITTEN)
    text = policies_text(found)
    assert "stricter (early.design.rules.go.at_least = 0.99)" in text
    for name in ("policies.csv", "policies.txt", "pareto.png", "pareto.svg"):
        assert (tmp_path / "out" / name).stat().st_size > 300
    assert not (tmp_path / "out" / "pareto.pdf").exists()  # no format but those asked for
    holds = found.figure("believe", HOLDS)
    assert holds.estimate == found.results["believe"].figure(HOLDS).estimate


def test_dominated_is_said_of_the_three_measures_that_are_compared(tmp_path: Path) -> None:
    """A dominated policy may well be better in something else, and is not said to be worse."""
    more = {"exposed_to_no_effect": np.array([3.0, 3.0])}
    mine = {name: np.array([2.0, 4.0]) for name in BETTER} | {"exposed_to_no_effect": np.zeros(2)}
    theirs = {name: mine[name] + (name == HOLDS) for name in BETTER} | more
    settings = {AS_WRITTEN: {}, "other": {}}
    found = Policies({}, settings, {AS_WRITTEN: mine, "other": theirs}, tmp_path)
    assert found.dominated(AS_WRITTEN) == "other"
    assert not found.dominated("other")
    told = " ".join(policies_text(found).split())
    assert "'other' has no fewer candidates that hold up, no more false successes" in told
    assert "in anything" not in told


def test_what_is_wrong_in_policies_is_told_at_once(tmp_path: Path) -> None:
    wrong = """
[policies.a]
"early.design.rules.gone.at_least" = 0.99
[policies.b]
"candidates.cont" = 3
"""
    path = written(tmp_path, CANDIDATES + wrong)
    with pytest.raises(DesignError) as told:
        compare_policies(path, portfolios=3, seed=2, jobs=1, out=tmp_path / "out")
    message = str(told.value)
    assert "policies.a: early.design.rules.gone" in message
    assert "policies.b: candidates.cont: unknown key (did you mean 'count'?)" in message
    assert not (tmp_path / "out").exists()
    with pytest.raises(DesignError, match=r"policies: missing; write \[policies\.NAME\]"):
        compare_policies(written(tmp_path / "b", CANDIDATES), out=tmp_path / "out")


NO_FOLDERS = ["../../evil", "a/b", "..", ".hidden", "a\\b", "=1", "\x1b[31m", " ", "x" * 101]


@pytest.mark.parametrize("name", NO_FOLDERS)
def test_a_policy_writes_nothing_outside_the_results(tmp_path: Path, name: str) -> None:
    policy = f'\n[policies.{json.dumps(name)}]\n"confirm.prior_from_early.believe" = 0.5\n'
    path = written(tmp_path / "here", CANDIDATES + policy)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DesignError, match="name") as caught:
        compare_policies(path, portfolios=2, jobs=1, out=tmp_path / "here" / "out")
    assert [problem.path.startswith("policies.") for problem in caught.value.problems] == [True]
    assert sorted(tmp_path.rglob("*")) == before


def test_the_shipped_policies_can_be_run() -> None:
    programme = load_programme(SHIPPED)
    for name, settings in programme.tables.policies.items():
        changed = load_programme(SHIPPED, settings)
        assert changed.digest != programme.digest, name
