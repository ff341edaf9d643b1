"""When a rule is judged, as every page says it: from the rule that is judged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.conduct.rules import resolve_rules, rhythm
from adaptive_cart.design.design import Design
from checks import raw_design


@pytest.mark.parametrize(
    ("looks", "every", "said"),
    [
        (None, None, "every look"),
        ([1], None, "look 1"),
        ([1, "final"], None, "looks 1 and 3 (the last)"),
        (["final"], None, "the last look"),
        (None, 7, "every look and, between looks, every 7th infusion (all arms counted)"),
        ([2], 1, "look 2 and, between looks, every infusion (all arms counted)"),
    ],
)
def test_when_a_rule_is_judged_is_said_with_its_rhythm(looks: Any, every: Any, said: str) -> None:
    raw = raw_design("hello")
    rule = {**raw["rules"][0], "at_least": 0.99}
    rule |= {key: value for key, value in (("looks", looks), ("every", every)) if value is not None}
    design = Design(**{**raw, "looks": {"observed": [20, 40, 60]}, "rules": [rule]})
    assert resolve_rules(design)[0].when(design) == said


def test_rhythms_have_their_endings() -> None:
    said = [rhythm(n).split()[1] for n in (2, 3, 4, 11, 12, 13, 21, 22, 101, 111)]
    assert said == ["2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "101st", "111th"]


def test_stops_between_looks_and_deciding_rules_are_counted_apart(tmp_path: Any) -> None:
    raw = raw_design("sle_autologous")
    raw["rules"][0]["every"] = 5
    result = ac.simulate(
        Design(**raw), trials=200, seed=3, jobs=1, scenarios=["toxic"], out=tmp_path / "out"
    )
    trials = result.trials
    between = trials["between"].to_numpy()
    first = result.design.looks.at[0]
    assert 20 < between.sum() < len(trials)
    early = between & (trials["look"] == 1).to_numpy()
    # nobody reached the look that would have come next: fewer are analysed than it asks for
    assert (trials["n_analysed"][early] < first).all()
    assert (trials["n_analysed"][~between] >= first).all()
    assert result.figure("toxic", "stop_between").estimate == between.mean()
    found = result.figure("toxic", "stop_between", look=1, reason="safety").estimate
    assert found == (early & (trials["reason"] == "safety").to_numpy()).mean()
    for rule in result.design.rules:
        mine = (trials["rule"] == rule.name).to_numpy()
        assert result.figure("toxic", f"decided_{rule.name}").estimate == mine.mean()
        for look in (1, 2):
            here = mine & (trials["look"] == look).to_numpy()
            told = result.figure("toxic", f"decided_{rule.name}", look=look).estimate
            assert np.isclose(told, here.mean(), rtol=0, atol=0)
