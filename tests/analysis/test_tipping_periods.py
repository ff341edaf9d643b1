"""Outcomes of the missing by period of randomisation, against tables in which they are typed."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.analysis import analyze, missing_outcomes
from adaptive_cart.analysis.findings import MissingTip
from adaptive_cart.analysis.flow import Analysis
from adaptive_cart.analysis.text import missing_heading
from adaptive_cart.design.design import Design
from adaptive_cart.models.ordinal.dirichlet_analysis import DirichletAnalysis
from models.test_concurrent import platform

Rows = list[dict[str, Any]]
ENTERS, MONTH = 3.0, 3.0
TREND = {
    "concurrent": {"model": "concurrent"},
    "periods": {"model": "periods"},
    "time_machine": {"model": "time_machine", "period_months": 3.0, "step_scale": 0.3},
}
AT: dict[str, Any] = {"look": 1, "fast": True}


def design(trend: str, missing: str, kind: str = "landmark", at_least: float = 0.9) -> Design:
    """A product is there from the opening, and another enters at month 3."""
    names = ["bad", "middling", "good"]
    endpoint = {"type": kind, "month": MONTH, "missing": missing}
    said: dict[str, Any] = {"usual": 0.3, "early": 0.6, "late": 0.7}
    if kind == "ordinal":
        endpoint["categories"] = names
        said = {arm: dict(zip(names, (0.9 - p, 0.1, p), strict=True)) for arm, p in said.items()}
    model = "dirichlet" if kind == "ordinal" else "beta_binomial"
    value = 0.0
    return Design(
        name="Platform",
        arms={"usual": {"control": True}, "early": {}, "late": {"enters": ENTERS}},
        endpoints={"free": endpoint},
        analysis={"free": {"model": model, "time_trend": TREND[trend]}},
        enrolment={"max_n": 42, "per_month": 6}, looks={"observed": [42]},
        rules=[{"name": "better", "then": "declare_success", "at_least": at_least,
                "posterior": {"endpoint": "free", "arm": "late", "minus": "usual",
                              "above": value}}],
        truth={"dropout": {"per_year": 0.8}},
        scenarios={"a": {"free": said}},
    )  # fmt: skip


def gone_of(rows: Rows, arm: str) -> list[list[int]]:
    """Whose outcome is missing in an arm: randomised before the other entered, and after."""
    mine = [k for k, r in enumerate(rows) if r["arm"] == arm and r["free"] == ""]
    return [[k for k in mine if (rows[k]["randomised_month"] > ENTERS) == late]
            for late in (False, True)]  # fmt: skip


def typed(rows: Rows, who: dict[int, Any]) -> Rows:
    """The rows, had some been followed, and had these outcomes."""
    found = [dict(row) for row in rows]
    for k, outcome in who.items():
        found[k] |= {"free": outcome, "withdrawn_month": "", "last_contact_month": MONTH}
    return found


def tip_of(found: Analysis) -> MissingTip:
    assert found.findings.tipping is not None
    (tip,) = found.findings.tipping.missing
    return tip


@pytest.mark.parametrize(
    ("trend", "missing"),
    [
        *((trend, "non_response") for trend in TREND),
        ("concurrent", "exclude"),
        pytest.param("periods", "exclude", marks=pytest.mark.slow),
        pytest.param("time_machine", "exclude", marks=pytest.mark.slow),
    ],
)
def test_every_outcome_of_the_missing_is_judged_period_by_period(trend: str, missing: str) -> None:
    """Each typed into the table and analysed; the fewest changes that turn it over are found."""
    rows = ac.example(design(trend, missing), scenario="a", trial=0).participants
    before, after = gone_of(rows, "usual")
    late = gone_of(rows, "late")[1]
    assert before
    assert after
    assert late
    cells = [after, late] if trend == "concurrent" else [before, after, late]
    asked = design(trend, missing, at_least=0.95)
    tip = tip_of(analyze(asked, rows, tipping=True, **AT))
    if trend == "time_machine":  # by periods that the calendar bounds as well
        assert sum(tip.missing) == sum(map(len, cells))
        assert all(" randomised " in name for name in tip.arms)
        months = [r["randomised_month"] for r in rows]
        cells = [
            [k for part in gone_of(rows, arm) for k in part if low < months[k] <= low + 3.0]
            for arm in ("usual", "late")
            for low in (0.0, 3.0, 6.0)
        ]
        cells = [cell for cell in cells if cell]
    assert tip.missing == tuple(len(cell) for cell in cells)
    ways = list(product(*(range(len(cell) + 1) for cell in cells)))
    judged = {}
    for way in ways:
        put_in = {k: int(place < number) for cell, number in zip(cells, way, strict=True)
                  for place, k in enumerate(cell)}  # fmt: skip
        if trend == "concurrent":  # of these it makes no difference
            put_in |= dict.fromkeys(before, 1)
        judged[way] = analyze(asked, typed(rows, put_in), **AT).rules[0].fast
    told = dict(zip(ways, (p for row in tip.probabilities for p in row), strict=True))
    assert told == pytest.approx(judged, abs=1e-9)
    holds = {way for way, p in judged.items() if p >= 0.95}
    assert set(tip.holds) == holds
    assert 0 < len(holds) < len(ways)
    turned = [way for way in ways if (way in holds) != tip.holds_now]
    apart = {w: sum(abs(a - b) for a, b in zip(w, tip.read_as, strict=True)) for w in turned}
    assert tip.fewest is not None
    assert apart[tip.fewest] == min(apart.values())
    assert "in late randomised after month 3" in missing_heading(tip) or trend == "time_machine"


def test_categories_are_put_into_their_period_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DirichletAnalysis, "prior_tips", lambda *_: iter(()))  # takes long
    asked = design("concurrent", "exclude", "ordinal")
    rows = ac.example(asked, scenario="a", trial=0).participants
    tip = tip_of(analyze(asked, rows, tipping=True, **AT))
    after, late = gone_of(rows, "usual")[1], gone_of(rows, "late")[1]
    assert tip.missing == (len(after), len(late))
    for way in ((0, 0), (1, 0), (0, len(late))):
        names = {k: "good" if place < number else "bad"
                 for cell, number in zip((after, late), way, strict=True)
                 for place, k in enumerate(cell)}  # fmt: skip
        judged = analyze(asked, typed(rows, names), **AT).rules[0].fast
        assert tip.probabilities[way[0]][way[1]] == pytest.approx(judged, abs=1e-9)
    assert len({p for row in tip.probabilities for p in row}) > 1


def test_of_too_many_outcomes_the_nearest_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fewest changes are those that all of them have, or are said not to be among them."""
    asked = design("periods", "non_response", at_least=0.95)
    rows = ac.example(asked, scenario="a", trial=0).participants
    every = tip_of(analyze(asked, rows, tipping=True, **AT))
    ways = int(np.prod([n + 1 for n in every.missing]))
    monkeypatch.setattr(missing_outcomes, "MOST", ways - 1)
    tip = tip_of(analyze(asked, rows, tipping=True, **AT))
    assert tip.fewest == every.fewest
    assert (tip.holds, tip.probabilities) == ((), ())
    assert tip.why == f"they may come out in {ways} ways; up to {ways - 1} are told"
    assert "and turns over with" in missing_heading(tip)
    monkeypatch.setattr(missing_outcomes, "MOST", 1)
    tip = tip_of(analyze(asked, rows, tipping=True, **AT))
    assert tip.fewest is None
    assert tip.why is not None
    assert tip.why.endswith("of which none that differs in at most 0 turns it over")


def test_where_nothing_is_missing_it_says_so() -> None:
    asked = design("concurrent", "exclude")
    rows = ac.example(asked, scenario="a", trial=0).participants
    others = gone_of(rows, "usual")[1] + gone_of(rows, "late")[1]
    found = analyze(asked, typed(rows, dict.fromkeys(others, 0)), tipping=True, **AT)
    assert found.findings.tipping is not None
    assert not found.findings.tipping.missing
    assert "better: nothing of free that it counts is missing in usual and late" in found.text


def test_times_by_period_are_said_not_to_be_moved() -> None:
    raw = platform("piecewise_exponential")
    raw["truth"] = {"dropout": {"per_year": 1.0}}
    own = Design(**raw)
    rows = ac.example(own, scenario="one", trial=1).participants
    found = analyze(own, rows, tipping=True, **AT)
    assert "works: the hazard of those censored early is not moved by period" in found.text


def test_scores_of_those_counted_are_moved_alone() -> None:
    """Of concurrent controls: the mean is raised by their share missing, not by that of all."""
    raw = platform("normal")
    raw["truth"] = {"dropout": {"per_year": 1.0}}
    raw["looks"] = {"enrolled": [80]}
    raw["rules"][0]["posterior"]["arm"] = "late"
    own = Design(**raw)
    rows = ac.example(own, scenario="one", trial=1).participants
    found = analyze(own, rows, tipping=True, **AT)
    due = [r for r in rows if r["arm"] == "usual"
           and 9.0 < r["randomised_month"] <= found.findings.date - 3.0]  # fmt: skip
    missing = [r for r in due if r["score_month_3"] == ""]
    assert found.findings.tipping is not None
    tip = found.findings.tipping.shifts[0]
    assert (tip.arms, tip.missing) == (("usual",), (len(missing),))
    amount, probability = tip.curve[0]
    raised = amount * len(missing) / len(due)  # the control's mean
    raw["rules"][0]["posterior"]["below"] = raised
    judged = analyze(Design(**raw), rows, **AT).rules[0].fast
    assert judged == pytest.approx(probability, abs=1e-9)
