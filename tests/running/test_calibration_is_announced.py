"""Before thresholds are searched for it is said which, for what, and what that takes."""

from __future__ import annotations

from typing import Any

import pytest

from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.running import run
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.calibrating import SEARCHES, announced
from checks import raw_design


def design_of(**calibration: Any) -> Design:
    raw = raw_design("hello")
    raw["rules"][0]["at_least"] = "calibrate"
    raw["calibration"] = {"type_one_error": 0.025, **calibration}
    return Design(**raw)


def test_what_is_searched_for_is_said_with_the_rule_and_the_trials() -> None:
    told = announced(design_of(), 2_500)
    assert told == (
        f"calibrating {design_of().rules[0].name}: the threshold for success that keeps the type I "
        "error; where it is simulated, by 2,500 trials at each truth; confirmed enumerated, or by "
        "ten times as many fresh trials at the two worst null points"
    )
    assert "10,000 trials" in announced(design_of())


def test_it_is_that_of_the_search_that_takes_the_design() -> None:
    design = design_of(spend=[0.005, 0.01, 0.025])
    mine = next(search for search in SEARCHES if search.takes(design))
    assert mine.finds in announced(design)
    assert mine.finds not in announced(design_of())


def test_a_run_says_it_before_it_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    class SearchedError(Exception):
        pass

    def searched(*_: Any, **__: Any) -> Any:
        raise SearchedError

    told: list[str] = []
    monkeypatch.setattr("adaptive_cart.running.calibrate.found_by", searched)
    with pytest.raises(SearchedError):
        run.simulate(design_of(), trials=20, jobs=1, tell=told.append)
    assert told[-1] == announced(design_of())


def test_what_is_refused_is_not_announced() -> None:
    told: list[str] = []
    with pytest.raises(DesignError, match="--trials: found 0"):
        calibrate(design_of(), trials=0, tell=told.append)
    assert told == []
