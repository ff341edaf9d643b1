"""A real trial whose primary is a score: it is analysed, and its scores are drawn by visit."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.analysis.pictures import figures_of
from adaptive_cart.design.design import Design
from figures.test_figures import layout_faults

DESIGN = Path(__file__).resolve().parents[2] / "designs" / "myasthenia_scores.toml"
VISITS = (1.0, 2.0, 3.0, 5.5)


def people() -> list[dict[str, Any]]:
    """Forty participants, two a month; every tenth leaves after the second visit."""
    rng, rows = np.random.default_rng(4), []
    for j in range(40):
        arm, randomised = ("soc", "cart")[j % 2], j / 2.0
        row: dict[str, Any] = {"participant": j + 1, "arm": arm, "randomised_month": randomised}
        row |= {"withdrawn_month": 2.5 if j % 10 == 0 else ""}
        last = min(26.0 - randomised, 2.5 if j % 10 == 0 else 5.5)
        row["last_contact_month"] = last
        for score, start in (("mgadl", 10.0), ("qmg", 19.0)):
            base = start + rng.normal(0.0, 2.0)
            row[f"{score}_baseline"] = base
            for month in VISITS:
                gain = (2.0 if arm == "soc" else 5.0) * month / 5.5
                value = base - gain + rng.normal(0.0, 1.5)
                row[f"{score}_month_{month:g}"] = value if month <= last else ""
        rows.append(row)
    return rows


@pytest.fixture(scope="module")
def analysis() -> Any:
    return ac.analyze(ac.load_design(DESIGN), people(), look=1, as_of=26.0, fast=True)


def test_the_means_are_those_of_who_was_seen(analysis: Any) -> None:
    picture = figures_of(analysis)["scores"]
    assert layout_faults(picture.figure) == []
    drawn = {(r["score"], r["arm"], r["month"]): r for r in picture.rows}
    assert len(drawn) == 2 * 2 * 5
    for label, score in (("MG-ADL", "mgadl"), ("QMG", "qmg")):
        for arm in ("soc", "cart"):
            for month in VISITS:
                changes = [
                    row[f"{score}_month_{month:g}"] - row[f"{score}_baseline"]
                    for row in people()
                    if row["arm"] == arm and row[f"{score}_month_{month:g}"] != ""
                ]
                row = drawn[label, arm, month]
                interval = stats.ttest_1samp(changes, 0.0).confidence_interval(0.95)
                assert row["seen"] == len(changes)
                assert row["estimate"] == pytest.approx(np.mean(changes))
                assert (row["lower"], row["upper"]) == pytest.approx(tuple(interval))


def test_the_primary_score_is_told_and_drawn(analysis: Any) -> None:
    assert {"difference", "scores"} <= set(figures_of(analysis))
    (quantity,) = [
        q for q in analysis.findings.quantities if q.endpoint == "mgadl" and q.minus == "soc"
    ]
    assert quantity.fast.mean < 0.0


@pytest.mark.parametrize("missing", ["jump_to_reference", "copy_increments_in_reference"])
def test_who_left_is_drawn_once_as_in_a_simulated_trial(missing: str) -> None:
    raw = tomllib.loads(DESIGN.read_text(encoding="utf-8"))
    raw["endpoints"]["mgadl"]["missing"] = missing
    found = ac.analyze(Design(**raw), people(), look=1, as_of=26.0, fast=True)
    quantities = [q for q in found.findings.quantities if q.endpoint == "mgadl"]
    assert all(np.isfinite(q.fast.mean) for q in quantities)
    again = ac.analyze(Design(**raw), people(), look=1, as_of=26.0, fast=True)
    assert [q.fast for q in quantities] == [
        q.fast for q in again.findings.quantities if q.endpoint == "mgadl"
    ]


@pytest.mark.parametrize(
    "scores", [pytest.param(("mgadl",), marks=pytest.mark.slow), ("mgadl", "qmg")]
)
def test_a_prediction_is_made_and_of_one_question_it_is_told_what_would_change_it(
    scores: tuple[str, ...],
) -> None:
    raw = tomllib.loads(DESIGN.read_text(encoding="utf-8"))
    asked = [
        {"posterior": {"endpoint": name, "arm": "cart", "minus": "soc", "below": 0.0},
         "at_least": 0.98} for name in scores
    ]  # fmt: skip
    raw["rules"] = [
        {"name": "better", "then": "declare_success", "looks": ["final"]}
        | (asked[0] if len(asked) == 1 else {"all": asked}),
        {"name": "hopeless", "then": "declare_futility", "predictive": {"rule": "better"},
         "below": 0.05, "looks": [1]},
    ]  # fmt: skip
    raw["looks"] = {"observed": [30, 70]}
    rows = people()
    for row in rows:
        row["last_contact_month"] = min(row["last_contact_month"], 21.5 - row["randomised_month"])
        for name in ("mgadl", "qmg"):
            for month in VISITS:
                if month > row["last_contact_month"]:
                    row[f"{name}_month_{month:g}"] = ""
    rows = [row for row in rows if row["randomised_month"] < 20.0]
    found = ac.analyze(Design(**raw), rows, look=1, as_of=21.5, fast=True)
    (rule,) = [rule for rule in found.rules if rule.rule == "hopeless"]
    assert rule.fast is not None
    assert 0.0 <= rule.fast <= 1.0
    assert (rule.changes is not None) == (len(scores) == 1)
