"""Probabilities in per cent: one way to write nothing, with how much it may be."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from adaptive_cart.results import tables
from adaptive_cart.results.figure import proportion
from adaptive_cart.results.percentages import of_trials, percent, with_interval


@pytest.mark.parametrize(
    ("events", "n", "words"),
    [
        (0, 10_000, "0% (at most 0.038%)"),
        (0, 600, "0% (at most 0.64%)"),
        (0, 400, "0% (at most 0.95%)"),
        (0, 10, "0% (at most 28%)"),
        (400, 400, "100% (at least 99.05%)"),
        (1, 10_000, "0.010% (0.002% to 0.057%)"),
        (36, 400, "9.0% (6.6% to 12.2%)"),
        (9_999, 10_000, "99.990% (99.943% to 99.998%)"),
        (0, 0, "not defined"),
    ],
)
def test_a_proportion_of_trials(events: int, n: int, words: str) -> None:
    found = proportion(events, n)
    assert with_interval(found.estimate, found.lower, found.upper) == words


def test_exact_probabilities_have_no_interval() -> None:
    assert with_interval(0.0, 0.0, 0.0) == "0%"
    assert with_interval(0.025, 0.025, 0.025) == "2.50%"
    assert with_interval(1e-9, 1e-9, 1e-9) == "below 0.000001%"
    assert of_trials(0.0, None) == of_trials(0.0, math.nan) == "0%"


def test_nothing_but_nothing_reads_as_nothing() -> None:
    assert [percent(p, 0) for p in (0.0, 0.004, 0.996, 0.5, 1.0)] == [
        "0%", "0.4%", "99.6%", "50%", "100%",
    ]  # fmt: skip
    assert of_trials(0.0, 60) == "0% (at most 6.0%)"
    assert of_trials(0.25, 60) == "25%"
    for k in range(1, 10):
        for share in (10.0**-k, 1 - 10.0**-k):
            assert percent(share).lstrip("0.").rstrip("%")
            assert percent(share) not in ("0%", "100%", "0.0%", "100.0%")


def test_a_warning_never_says_that_nothing_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_figure", lambda *where: proportion(1, 100_000))
    result: Any = SimpleNamespace(manifest={"trials": {"null": 100_000}})
    said = "in up to 0.0010% (0.0002% to 0.0057%) of the trials"
    assert tables.failure_warning(result).startswith(said)


def test_verdicts_within_the_error_have_their_monte_carlo_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells = {"null": proportion(0, 200), "works": proportion(8, 200)}
    monkeypatch.setattr(tables, "_figure", lambda result, row, measure: cells[row.scenario])
    plan = SimpleNamespace(errors={"efficacy": 0.002})
    monkeypatch.setattr(tables, "Plan", SimpleNamespace(of=lambda design: plan))
    rules = [SimpleNamespace(name="efficacy")]
    result: Any = SimpleNamespace(
        design=SimpleNamespace(rules=rules), manifest={"trials": {"null": 200, "works": 200}}
    )
    said = tables.within_error_words(result)
    assert said.endswith(": efficacy in up to 4.0% (2.0% to 7.7%), error 0.002.")
    cells["works"] = cells["null"]
    assert tables.within_error_words(result) == ""


@pytest.mark.parametrize(
    ("several", "measure", "arm"),
    [(True, "bias", "cart"), (False, "bias", None), (False, "arm_success", "cart")],
)
def test_a_measure_is_that_of_the_arm_where_there_are_several(
    several: bool, measure: str, arm: str | None
) -> None:
    def figure(scenario: str, name: str, **of: Any) -> Any:
        return scenario, name, of

    result: Any = SimpleNamespace(design=SimpleNamespace(several=several), figure=figure)
    row: Any = SimpleNamespace(scenario="null", arm="cart", stratum=None, named=lambda name: name)
    assert tables._figure(result, row, measure) == ("null", measure, {"arm": arm, "stratum": None})
